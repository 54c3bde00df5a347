//! Tar files with a few plain members, as docker and OCI archives are.
//!
//! ```text
//! docker-archive:  manifest.json  CONFIG.json  LAYER.tar | ID/layer.tar …  repositories
//! oci-archive:     oci-layout  index.json  blobs/sha256/HEX …
//! ```
//!
//! [`TarIndex`] reads all headers once and then opens any member at any time; [`TarWriter`]
//! writes. Headers are read by the same reader as those of layers, with the same rules. Members
//! are files, directories and links to members; nothing else has a place in such an archive.

mod index;
mod writer;

pub use crate::layer::LayerError as TarError;
pub use index::{MEMBERS, ReadAt, TOTAL_BYTES, TarFile, TarIndex, TarLimits};
pub use writer::TarWriter;
