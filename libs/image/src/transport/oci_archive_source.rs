//! Reads `oci-archive:` tars in place.

use std::io::Read;

use crate::context::Context;
use crate::error::ImageError;
use crate::name::{ImageName, LayoutName};
use crate::transport::layout::{LayoutFiles, LayoutSource, Opened};
use crate::transport::spool::{Index, open_archive};

/// The members of the tar, which may be called `./NAME`.
pub(crate) struct Members(Index);

impl LayoutFiles for Members {
    fn open(&self, name: &str) -> Result<Option<Opened>, ImageError> {
        let Some(size) = self.0.size(name) else {
            return Ok(None);
        };
        let member = self.0.open(name);
        Ok(member.map(|member| (Box::new(member) as Box<dyn Read + Send>, size)))
    }
}

/// An image in an `oci-archive:` tar.
pub(crate) type OciArchiveSource = LayoutSource<Members>;

impl OciArchiveSource {
    /// Opens the tar and finds the image.
    pub(crate) fn open_archive(layout: &LayoutName, context: &Context) -> Result<Self, ImageError> {
        let members = Members(open_archive(&layout.path, context)?);
        Self::open(
            ImageName::OciArchive(layout.clone()),
            layout.image.as_ref(),
            members,
        )
    }
}
