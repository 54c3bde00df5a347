//! Whether the destination has an image, without moving it.

use oci::platform;
use oci::{Digest, Manifest, MediaType, RawManifest};
use signing::Policy;
use signing::policy::Requirement;

use crate::context::{Context, EndpointOptions};
use crate::copy::{CopyOptions, Instances};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::source::{ImageSource, open_source};
use crate::transport::dir_source::DirSource;
use crate::transport::docker_head::{self, Head};

/// What a copy would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing is there yet.
    New,
    /// Something else is there.
    Changed,
    /// The very image is there.
    Same {
        /// Its digest.
        digest: Digest,
        /// The source has signatures of it.
        signed: bool,
    },
}

/// Compares what `from` names with what `to` names, by their digests. A registry is asked with HEAD;
/// only of a list of which one instance is wanted the manifest is read.
///
/// # Errors
/// Either cannot be asked, or `from` is not there.
pub fn compare(
    context: &Context,
    (from, from_endpoint): (&ImageName, &EndpointOptions),
    (to, to_endpoint): (&ImageName, &EndpointOptions),
    options: &CopyOptions,
) -> Result<Difference, ImageError> {
    let Some(there) = destination(context, to, to_endpoint)? else {
        return Ok(Difference::New);
    };
    let wanted = match from {
        ImageName::Docker(docker) => {
            let head = docker_head::find(docker, context, from_endpoint)?;
            let digest = match wants_instance(options, head.media_type.as_ref()) {
                false => Some(head.digest),
                true => instance(context, &head.manifest()?),
            };
            digest.map(|digest| (digest, Signatures::Docker(Box::new(head))))
        }
        other => {
            let source = open_source(other, context, from_endpoint)?;
            let top = source.manifest(None)?;
            let digest = match wants_instance(options, Some(top.media_type())) {
                false => Some(*top.digest()),
                true => instance(context, &top),
            };
            digest.map(|digest| (digest, Signatures::Source(source)))
        }
    };
    match wanted {
        Some((digest, signatures)) if digest == there => Ok(Difference::Same {
            digest,
            signed: signatures.any(from, &digest)?,
        }),
        _ => Ok(Difference::Changed),
    }
}

/// Tells whether an image that is there need not be looked at any further: the policy would accept
/// it whatever it is, and nothing would be added to it.
pub fn may_skip(
    policy: &Policy,
    from: &ImageName,
    difference: Difference,
    options: &CopyOptions,
) -> bool {
    let Difference::Same { signed, .. } = difference else {
        return false;
    };
    let (_, requirements) = policy.requirements_for(&from.identity());
    let accepts_anything = requirements
        .iter()
        .all(|requirement| matches!(requirement, Requirement::InsecureAcceptAnything));
    let keeps = options.format.is_none() && options.signers.is_empty() && !options.referrers;
    accepts_anything && keeps && (!signed || options.remove_signatures)
}

enum Signatures {
    Docker(Box<Head>),
    Source(Box<dyn ImageSource>),
}

impl Signatures {
    fn any(&self, name: &ImageName, digest: &Digest) -> Result<bool, ImageError> {
        let found = match self {
            Self::Docker(head) => head.signatures(name, digest)?,
            Self::Source(source) => {
                let top = *source.manifest(None)?.digest();
                source.signatures((top != *digest).then_some(digest))?
            }
        };
        Ok(!found.is_empty())
    }
}

fn wants_instance(options: &CopyOptions, media_type: Option<&MediaType>) -> bool {
    options.instances == Instances::System && media_type.is_none_or(MediaType::is_index)
}

/// Returns the digest of what would be copied; none where that is in a list within the list.
fn instance(context: &Context, top: &RawManifest) -> Option<Digest> {
    match top.manifest() {
        Manifest::Index(list) => {
            let entry = platform::choose(list, &context.platform)?;
            (!entry.media_type.is_index()).then_some(entry.digest)
        }
        _ => Some(*top.digest()),
    }
}

/// Returns the digest of what the destination has.
fn destination(
    context: &Context,
    to: &ImageName,
    endpoint: &EndpointOptions,
) -> Result<Option<Digest>, ImageError> {
    match to {
        ImageName::Docker(docker) => docker_head::own(docker, context, endpoint),
        ImageName::Dir(path) if path.join("manifest.json").exists() => {
            // What is broken is written anew.
            let manifest = DirSource::open(path).and_then(|source| source.manifest(None));
            Ok(manifest.ok().map(|manifest| *manifest.digest()))
        }
        _ => Ok(None),
    }
}
