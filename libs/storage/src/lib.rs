//! The store: images on disk, each file once, mounted in milliseconds.
//!
//! Content is kept in the formats of composefs (objects by fs-verity digest, split streams, erofs
//! trees), everything else as plain JSON. What may enter is decided before: a [`Transaction`]
//! takes nothing but a [`signing::TrustedManifest`].
//!
//! | module | owns |
//! | --- | --- |
//! | `layout` | where everything lies; making a store |
//! | [`object`] | names of objects: fs-verity digests |
//! | [`splitstream`] | layers that give back their tar bit for bit |
//! | [`record`] | images, layers, blobs, names and containers as JSON |
//! | `lock`, `staging`, `writeback` | who may do what meanwhile; work that is not finished |
//! | `import`, [`transaction`] | one image arriving |
//! | `merge`, `erofs` | layers into one tree, and its image; [`tree`] reads it without root or mount |
//! | `driver`, [`mount`], [`container`] | root file systems |
//! | `in_use` | who has some of it mounted |
//! | [`gc`], [`fsck`], [`usage`] | removing, checking, counting |
//!
//! Formats, order of writes and crash points: `docs/formats/store.md`.
//!
//! # What always holds
//! An object that has its name can be trusted: it was complete and on disk before it got it. An
//! image that has its record has all its objects. Reading takes no lock and never waits.
#![forbid(unsafe_code)]

mod checkout;
pub mod container;
pub mod diff;
mod driver;
mod erofs;
mod error;
mod extract;
pub mod fsck;
pub mod gc;
mod import;
mod in_use;
mod layout;
mod lock;
mod merge;
pub mod mount;
mod names;
pub mod object;
mod object_file;
pub mod record;
mod remove;
pub mod splitstream;
mod staging;
mod store;
#[cfg(test)]
mod tests;
pub mod transaction;
pub mod tree;
pub mod usage;
mod writeback;

pub use container::NewContainer;
pub use error::{Result, StoreError, TreeRule};
pub use fsck::{FsckOptions, FsckReport};
pub use gc::{GcOptions, GcReport};
pub use mount::{Mount, MountOptions};
pub use object::ObjectId;
pub use record::{ContainerRecord, ImageLayer, ImageRecord, LayerRecord};
pub use store::{DEFAULT_ROOT, DriverKind, Store, StoreOptions, UnknownDriver};
pub use transaction::{LayerImport, NewImage, Totals, Transaction, WaitEvent, WantedLayer};
pub use tree::Tree;
pub use usage::Usage;
