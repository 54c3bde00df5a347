//! What is about an image, listed.

use oci::{Descriptor, Digest, Manifest, RawManifest};
use serde::Serialize;

use crate::context::{Context, EndpointOptions};
use crate::copy::{CopyError, select_instance};
use crate::name::ImageName;
use crate::source::open_source;

/// What `list-referrers` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReferrerList {
    /// The manifest that they are about.
    pub subject: Digest,
    /// What is about it.
    pub referrers: Vec<Referrer>,
}

/// A manifest that is about another one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Referrer {
    /// What it is, an SBOM say; empty where nobody tells.
    pub artifact_type: String,
    /// Its digest.
    pub digest: Digest,
    /// The type of its manifest.
    pub media_type: String,
    /// The bytes of its manifest.
    pub size: u64,
    /// Its annotations.
    pub annotations: std::collections::BTreeMap<String, String>,
    /// What is about it, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Referrer>,
}

/// Which referrers are wanted.
#[derive(Clone, Debug, Default)]
pub struct ReferrerOptions {
    /// Those of this type alone.
    pub artifact_type: Option<String>,
    /// Those of the instance for this platform, when the name is that of a list.
    pub of_instance: bool,
    /// What is about them, too.
    pub recursive: bool,
}

/// Most levels that are followed.
const LEVELS: usize = 8;

/// Lists what is about an image.
///
/// # Errors
/// The image is not there, or the transport has no referrers.
pub fn list_referrers(
    context: &Context,
    name: &ImageName,
    endpoint: &EndpointOptions,
    options: &ReferrerOptions,
) -> Result<ReferrerList, CopyError> {
    let failed = |error| CopyError::Source {
        name: name.to_string(),
        source: error,
    };
    let source = open_source(name, context, endpoint).map_err(failed)?;
    let top = source.manifest(None).map_err(failed)?;
    let subject = match options.of_instance {
        false => *top.digest(),
        true => *select_instance(source.as_ref(), &top, &context.platform)?
            .0
            .digest(),
    };
    let mut referrers = Vec::new();
    let mut left = vec![(subject, 0)];
    let mut all: Vec<(Digest, Descriptor)> = Vec::new();
    while let Some((about, level)) = left.pop() {
        for found in source.referrers(&about).map_err(failed)? {
            let known = all.iter().any(|(_, other)| other.digest == found.digest);
            if !known && options.recursive && level < LEVELS {
                left.push((found.digest, level + 1));
            }
            if !known {
                all.push((about, found));
            }
        }
    }
    gather(&subject, &all, &mut referrers);
    if let Some(wanted) = &options.artifact_type {
        referrers.retain(|it| it.artifact_type == *wanted);
    }
    Ok(ReferrerList { subject, referrers })
}

fn gather(about: &Digest, all: &[(Digest, Descriptor)], into: &mut Vec<Referrer>) {
    for (_, found) in all.iter().filter(|(subject, _)| subject == about) {
        let mut referrer = Referrer {
            artifact_type: found.artifact_type.clone().unwrap_or_default(),
            digest: found.digest,
            media_type: found.media_type.to_string(),
            size: found.size,
            annotations: found.annotations.clone(),
            referrers: Vec::new(),
        };
        gather(&found.digest, all, &mut referrer.referrers);
        into.push(referrer);
    }
}

/// Describes a referrer as a registry lists it: with the type and the annotations of its manifest.
pub(crate) fn describe(manifest: &RawManifest, listed: &Descriptor) -> Descriptor {
    let size = manifest.bytes().len() as u64;
    let mut described = Descriptor::new(manifest.media_type().clone(), listed.digest, size);
    (described.artifact_type, described.annotations) = match manifest.manifest() {
        Manifest::Image(image) => {
            let of_config = || image.config.media_type.to_string();
            let own = image.artifact_type.clone();
            (
                Some(own.unwrap_or_else(of_config)),
                image.annotations.clone(),
            )
        }
        Manifest::Index(list) => (list.artifact_type.clone(), list.annotations.clone()),
        Manifest::Schema1(_) => (None, listed.annotations.clone()),
    };
    described
}
