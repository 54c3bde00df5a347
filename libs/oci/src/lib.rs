//! Values of the OCI image and distribution specifications and of docker's older formats.
//!
//! Everything here is a value: parsed from bytes or text that somebody else read, checked, and
//! written back. This crate opens no file and no socket, and it never re-serialises what was
//! pulled: [`RawManifest`] keeps the bytes beside what they mean.
//!
//! | module | owns |
//! | --- | --- |
//! | [`digest`] | [`Digest`], [`DiffId`], [`ChainId`] and hashing into them |
//! | [`reference`] | names of repositories and images, in docker's normal form |
//! | [`media_type`] | the media types that are known, and what each of them is |
//! | [`descriptor`] | pointers to content: type, digest, size |
//! | [`json`] | the one strict JSON reader for foreign documents |
//! | [`manifest`] | image manifests and indexes, told apart without guessing |
//! | [`schema1`] | docker's oldest manifests |
//! | [`image_config`] | the image configuration |
//! | [`platform`] | platforms and which instance of an index fits this machine |
//! | [`limits`] | how much of anything is read at most |
#![forbid(unsafe_code)]

pub mod descriptor;
pub mod digest;
pub mod image_config;
pub mod json;
pub mod limits;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod reference;
pub mod schema1;

pub use descriptor::Descriptor;
pub use digest::{Algorithm, ChainId, DiffId, Digest, DigestError, Digester};
pub use image_config::ImageConfig;
pub use json::JsonError;
pub use manifest::{ImageManifest, Index, Manifest, ManifestError, RawManifest};
pub use media_type::{Compression, MediaType};
pub use platform::{Platform, PlatformWanted};
pub use reference::{Reference, ReferenceError, Repository, Tag};
pub use schema1::Schema1;
