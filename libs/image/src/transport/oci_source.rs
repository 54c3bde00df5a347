//! Reads `oci:` directories.

use std::io::Read;

use oci::Digest;

use crate::context::EndpointOptions;
use crate::error::ImageError;
use crate::files::Root;
use crate::name::{ImageName, LayoutName};
use crate::transport::layout::{LayoutFiles, LayoutSource, Opened, blob_path};

/// The files of a layout directory.
pub(crate) struct Directory {
    root: Root,
    shared: Option<Root>,
}

impl LayoutFiles for Directory {
    fn open(&self, name: &str) -> Result<Option<Opened>, ImageError> {
        open(&self.root, name)
    }

    fn open_blob(&self, digest: &Digest) -> Result<Option<Opened>, ImageError> {
        match &self.shared {
            Some(shared) => open(shared, &blob_path(digest)),
            None => open(&self.root, &format!("blobs/{}", blob_path(digest))),
        }
    }
}

fn open(root: &Root, name: &str) -> Result<Option<Opened>, ImageError> {
    let file = root.open_file_if_any(name)?;
    Ok(file.map(|(file, size)| (Box::new(file) as Box<dyn Read + Send>, size)))
}

/// An image in an `oci:` directory.
pub(crate) type OciSource = LayoutSource<Directory>;

impl OciSource {
    /// Opens the directory and finds the image.
    pub(crate) fn open_directory(
        layout: &LayoutName,
        options: &EndpointOptions,
    ) -> Result<Self, ImageError> {
        let root = Root::open(&layout.path)?;
        let shared = options
            .shared_blob_dir
            .as_deref()
            .map(Root::open)
            .transpose()?;
        let name = ImageName::Oci(layout.clone());
        Self::open(name, layout.image.as_ref(), Directory { root, shared })
    }
}
