//! What was accepted, and why: values that only a judgement can make.

use oci::RawManifest;
use serde::{Deserialize, Serialize};

use crate::Fingerprint;

/// A signature that a requirement accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedSignature {
    /// Its place among the signatures that were handed in, the first being 0.
    pub index: usize,
    /// The primary key of the signer.
    pub signer: Fingerprint,
    /// The identity that was signed.
    pub docker_reference: String,
}

/// Which line of the policy let a manifest in, and which keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The scope that applied: `docker: r.example/app`, `docker: ""`, `default`, or `local` for a
    /// result that was made here.
    pub scope: String,
    /// What was required, in the order of the policy.
    pub requirements: Vec<String>,
    /// The signatures that satisfied the requirements; empty when none was asked for.
    pub signatures: Vec<AcceptedSignature>,
}

impl Verdict {
    /// Returns the signer of the first accepted signature.
    pub fn signer(&self) -> Option<&Fingerprint> {
        self.signatures.first().map(|accepted| &accepted.signer)
    }

    /// Tells whether this is about a result that was made here and not about a judgement.
    pub fn is_local(&self) -> bool {
        self.scope == LOCAL
    }
}

/// No scope of a policy reads like this: they are `default` or start with `TRANSPORT: `.
const LOCAL: &str = "local";

/// A manifest that a policy accepted, together with the bytes that were judged.
///
/// It is made by [`Policy::evaluate`](crate::Policy::evaluate), by
/// [`TrustedManifest::local_result`] for what was made on this machine, and by
/// [`TrustedManifest::converted`] of an accepted one; there is no other way.
#[derive(Clone, Debug)]
pub struct TrustedManifest {
    manifest: RawManifest,
    verdict: Verdict,
}

impl TrustedManifest {
    pub(crate) fn accepted(manifest: RawManifest, verdict: Verdict) -> Self {
        Self { manifest, verdict }
    }

    /// Takes in a manifest that was made here (a commit, the import of a local build). Its verdict
    /// says so, with `reason`; such a result is never approved for sharing.
    pub fn local_result(manifest: RawManifest, reason: &str) -> Self {
        Self {
            manifest,
            verdict: Verdict {
                scope: LOCAL.to_owned(),
                requirements: vec![reason.to_owned()],
                signatures: Vec::new(),
            },
        }
    }

    /// Carries the acceptance over to a manifest that was made here of the accepted one: the same
    /// layers in another format. The verdict stays, and says `how` as its last requirement; its
    /// signatures are for the manifest that was accepted, not for this one.
    #[must_use]
    pub fn converted(&self, manifest: RawManifest, how: &str) -> Self {
        let mut verdict = self.verdict.clone();
        verdict.requirements.push(how.to_owned());
        Self { manifest, verdict }
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &RawManifest {
        &self.manifest
    }

    /// Returns why it is trusted.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Gives the manifest back, without its trust.
    pub fn into_manifest(self) -> RawManifest {
        self.manifest
    }
}
