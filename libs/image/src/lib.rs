//! Transports, and the engine that copies images between them.
//!
//! An image has a name of the form `TRANSPORT:REST` ([`ImageName`]); [`open_source`] and
//! [`open_sink`] turn a name into something to read from or write to, [`copy()`] moves an image
//! between two of them, [`inspect()`] and [`list_tags`] look at one.
//!
//! | module | owns |
//! | --- | --- |
//! | [`name`] | the grammar of image names and the policy scopes they have |
//! | [`context`] | configuration that comes in once, from the program |
//! | [`source`], [`sink`] | what every transport offers to the engine |
//! | `transport` | one module per transport: docker, dir, oci, the archives, the store |
//! | [`copy`](mod@copy) | the engine: policy gate, plan, parallel layers, conversion, signatures |
//! | `convert` | manifests rewritten for another format or other blobs |
//! | [`inspect`](mod@inspect) | what `inspect` prints, as values |
//! | [`delete`](mod@delete) | images removed from where they are |
//! | [`layers`] | some blobs of an image in a directory |
//! | [`login`] | whether a registry takes a credential |
//! | [`proxy`] | images for another process |
//! | [`referrers`] | what is about an image |
//! | [`sync`] | many images at once: listed, filtered, compared, pruned |
//! | [`parallel`] | the same work for many things, results in order |
//! | [`tags`] | tag lists of repositories and archives |
//! | [`blob`] | content checked against its digest while it is read |
//! | `files` | files of layouts, opened without following anything |
//! | `pipe` | bounded byte pipes between the threads of one layer |
//!
//! Nothing is visible at a destination before its digest was verified: sinks write to temporary
//! names and [`sink::ImageSink::commit`] is the only step that publishes. The crate prints
//! nothing; what a person may want to know goes through [`Progress`].
#![forbid(unsafe_code)]

pub mod blob;
pub mod context;
mod convert;
pub mod copy;
pub mod delete;
pub mod error;
mod files;
pub mod inspect;
pub mod layers;
pub mod login;
pub mod name;
pub mod parallel;
mod pipe;
pub mod progress;
pub mod proxy;
pub mod referrers;
pub mod sink;
pub mod source;
pub mod sync;
pub mod tags;
mod transport;

pub use context::{Context, EndpointOptions};
pub use copy::{CopyError, CopyOptions, CopyReport, ImageSigner, Instances, ManifestFormat, copy};
pub use delete::{DeleteOptions, Deleted, delete};
pub use error::ImageError;
pub use inspect::{InspectOptions, Inspection, inspect};
pub use name::{ImageName, NameError, Transport};
pub use progress::{LayerOutcome, LayerPlan, Note, Progress, Quiet};
pub use sink::{ImageSink, LayerCompression, SinkOptions, open_sink};
pub use source::{ImageSource, open_source};
pub use tags::{TagList, TagLists, list_tags};
