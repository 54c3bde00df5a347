//! What was accepted, and why: values that only a judgement can make.

use oci::schema1::Schema1Error;
use oci::{Descriptor, DiffId, Manifest, MediaType, RawManifest};
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

/// Why a manifest is not what became of an accepted one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// Nothing becomes another manifest but docker's schema 1, which becomes schema 2.
    #[error("a manifest of type {from} is not converted to one of type {to}")]
    Types {
        /// The type of the accepted manifest.
        from: MediaType,
        /// The type of the other.
        to: MediaType,
    },
    /// The configuration that should be there cannot be made.
    #[error("making the configuration of the converted manifest")]
    Schema1(#[from] Schema1Error),
    /// It has another configuration.
    #[error("the configuration does not follow from the accepted manifest")]
    Config,
    /// It has other layers.
    #[error("the layers are not those of the accepted manifest")]
    Layers,
}

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

    /// Carries the acceptance over to `manifest`, of docker's schema 2, when it has the layers of
    /// the accepted one, of schema 1, and the configuration that follows from that one and from
    /// `diff_ids`; those are the caller's word. The verdict stays, and says so as its last
    /// requirement; its signatures are for the manifest that was accepted, not for this one.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn converted(
        &self,
        manifest: RawManifest,
        diff_ids: &[DiffId],
    ) -> Result<Self, ConversionError> {
        let to = manifest.media_type();
        let (Manifest::Schema1(accepted), Manifest::Image(image), MediaType::DockerManifest) =
            (self.manifest.manifest(), manifest.manifest(), to)
        else {
            return Err(ConversionError::Types {
                from: self.manifest.media_type().clone(),
                to: to.clone(),
            });
        };
        let config = accepted.to_docker_config(diff_ids)?;
        if image.config != Descriptor::of(MediaType::DockerConfig, &config) {
            return Err(ConversionError::Config);
        }
        let layers = image.layers.iter().map(|layer| &layer.digest);
        if !layers.eq(accepted.layers_with_files()) {
            return Err(ConversionError::Layers);
        }
        let mut verdict = self.verdict.clone();
        let how = format!("as {to} of {}", self.manifest.digest());
        verdict.requirements.push(how);
        Ok(Self { manifest, verdict })
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

#[cfg(test)]
mod tests {
    use oci::{Compression, Digest};
    use serde_json::{Value, json};

    use super::*;

    fn parsed(manifest: &Value, media_type: &MediaType) -> RawManifest {
        let bytes = serde_json::to_vec(manifest).unwrap();
        RawManifest::parse(bytes, Some(media_type)).unwrap()
    }

    /// A manifest of schema 2 with this configuration and these layers.
    fn schema2(config: &[u8], layers: &[&[u8]]) -> RawManifest {
        let layer =
            |bytes: &&[u8]| Descriptor::of(MediaType::DockerLayer(Compression::Gzip), bytes);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MediaType::DockerManifest.as_str(),
            "config": Descriptor::of(MediaType::DockerConfig, config),
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        });
        parsed(&manifest, &MediaType::DockerManifest)
    }

    #[test]
    fn only_what_was_accepted_is_trusted_in_its_new_form() {
        let layers: [&[u8]; 2] = [b"lower", b"upper"];
        let diff_ids = [b"l", b"u"].map(|tar| DiffId(Digest::sha256(tar)));
        let manifest = json!({
            "schemaVersion": 1, "name": "app", "tag": "1", "architecture": "amd64",
            "fsLayers": [
                {"blobSum": Digest::sha256(layers[1])}, {"blobSum": Digest::sha256(layers[0])},
            ],
            "history": [
                {"v1Compatibility": json!({
                    "id": "b".repeat(64), "parent": "a".repeat(64), "os": "linux",
                    "architecture": "amd64", "created": "2020-01-02T03:04:05Z",
                }).to_string()},
                {"v1Compatibility": json!({
                    "id": "a".repeat(64), "created": "2020-01-02T03:04:05Z",
                }).to_string()},
            ],
        });
        let accepted = parsed(&manifest, &MediaType::DockerSchema1);
        let digest = *accepted.digest();
        let Manifest::Schema1(schema1) = accepted.manifest() else {
            panic!("no schema 1");
        };
        let config = schema1.to_docker_config(&diff_ids).unwrap();
        let trusted = TrustedManifest::local_result(accepted, "a test");

        let right = schema2(&config, &layers);
        let converted = trusted.converted(right.clone(), &diff_ids).unwrap();
        assert_eq!(converted.manifest().digest(), right.digest());
        let how = format!("as {} of {digest}", MediaType::DockerManifest);
        assert_eq!(converted.verdict().requirements, ["a test", &how]);

        let refused = |manifest: RawManifest, diff_ids: &[DiffId]| {
            trusted.converted(manifest, diff_ids).unwrap_err()
        };
        for layers in [
            &[layers[1], layers[0]][..],
            &layers[..1],
            &[b"x", layers[1]],
        ] {
            let other = refused(schema2(&config, layers), &diff_ids);
            assert!(matches!(other, ConversionError::Layers), "{other:?}");
        }
        let other = refused(schema2(b"{}", &layers), &diff_ids);
        assert!(matches!(other, ConversionError::Config), "{other:?}");
        let other = refused(right.clone(), &[diff_ids[1], diff_ids[0]]);
        assert!(matches!(other, ConversionError::Config), "{other:?}");
        let other = refused(right.clone(), &diff_ids[..1]);
        assert!(matches!(other, ConversionError::Schema1(_)), "{other:?}");
        let of_schema2 = converted.converted(right, &diff_ids).unwrap_err();
        assert!(matches!(of_schema2, ConversionError::Types { .. }));
    }
}
