//! Images removed from where they are.
//!
//! | transport | what goes |
//! | --- | --- |
//! | `docker:` | the manifest, with all its tags and its signatures in a lookaside directory; or one tag |
//! | `oci:` | the entry of `index.json`, and the blobs that no other entry needs; or one name |
//!
//! Nothing is removed before it is known what all of it is: a [`DeleteOptions::dry_run`] ends
//! there.

use oci::Digest;

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::transport::{docker_delete, oci_delete};

/// How an image is deleted.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeleteOptions {
    /// Take away the tag alone, and leave the image and its other tags.
    pub tag_only: bool,
    /// Refuse when other tags point to the same image.
    pub if_only_tag: bool,
    /// Find out what would go, and leave it.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Tells whether the tags of the image must be known.
    pub(crate) fn wants_tags(self) -> bool {
        self.if_only_tag || (self.dry_run && !self.tag_only)
    }
}

/// What was deleted, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The image.
    pub digest: Digest,
    /// It is still there: its tag alone went.
    pub tag_only: bool,
    /// The tags that went with it, where they were looked for: of what is known, none is left out.
    pub tags: Vec<String>,
    /// How many blobs went, and how many bytes; a registry does not say.
    pub blobs: Option<(usize, u64)>,
    /// Signatures that stay, because they lie where they can only be read.
    pub signatures_stay: Option<String>,
}

/// Deletes the image `name`.
///
/// # Errors
/// When it is not there, the transport deletes nothing, [`ImageError::OtherTags`], or the
/// registry refuses.
pub fn delete(
    context: &Context,
    name: &ImageName,
    options: &EndpointOptions,
    how: DeleteOptions,
) -> Result<Deleted, ImageError> {
    match name {
        ImageName::Docker(docker) => docker_delete::delete(docker, context, options, how),
        ImageName::Oci(layout) => oci_delete::delete(layout, options, how),
        other => Err(ImageError::Unsupported {
            transport: other.transport(),
            what: "deleting images",
        }),
    }
}

/// Refuses an image that has other tags than the one it was named by.
pub(crate) fn refuse_other_tags(
    name: &ImageName,
    digest: &Digest,
    own: Option<&str>,
    tags: &[String],
) -> Result<(), ImageError> {
    let mut other: Vec<&str> = tags.iter().map(String::as_str).collect();
    match own {
        Some(own) => other.retain(|tag| *tag != own),
        // By digest, the only tag may be any.
        None if other.len() == 1 => other.clear(),
        None => {}
    }
    if other.is_empty() {
        return Ok(());
    }
    Err(ImageError::OtherTags {
        name: name.to_string(),
        digest: Box::new(*digest),
        tags: other.join(", "),
    })
}
