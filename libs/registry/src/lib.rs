//! A client of the OCI distribution specification.
//!
//! A [`Client`] is made once per process: it owns the connections, the tokens and the limits. An
//! [`Endpoint`] is one registry as one user sees it. Everything blocks; the runtime behind it has
//! one worker thread, whatever is going on. Calls must not be made from inside another
//! asynchronous runtime.
//!
//! What a registry says is foreign. Every answer has a limit in bytes and in time that is chosen
//! before it is read ([`Timeouts`], [`oci::limits`]); credentials go to the registry they are
//! for, or to a token realm that [`ClientOptions::realm_pairs`] or a built-in pair allows, and
//! never from https to http; a blob is verified by its reader, which says "end of file" only when
//! size and digest are right. A *found* or *verified* answer says nothing about trust: that is
//! for the policy to judge.
//!
//! | module | owns |
//! | --- | --- |
//! | [`Client`], [`Endpoint`] | connections and limits; the calls |
//! | `exchange` | one request: authorisation, redirects, retries |
//! | `challenge`, `realm`, `token` | who asks for which credentials, and who gets them |
//! | `redirect`, `link`, `range` | pure rules about where an answer goes on |
//! | `tls`, `authorities`, `pinned`, `resolver` | which certificates and addresses are accepted |
//! | `manifest`, `blob`, `upload`, `stream`, `chunks`, `body`, `tags`, `referrers` | the specification's endpoints |
//! | `signatures` | OpenShift's extension for signatures |
//! | [`Engine`] | the docker engine's API, for its images |
#![forbid(unsafe_code)]

mod authorities;
mod blob;
mod block;
mod body;
mod challenge;
mod chunks;
mod client;
mod endpoint;
mod engine;
mod error;
mod exchange;
mod floor;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod link;
mod manifest;
mod name;
mod options;
mod pinned;
mod proxy;
mod range;
mod realm;
mod redirect;
mod referrers;
mod resolver;
mod retry;
mod signatures;
mod stream;
mod tags;
mod tls;
mod token;
mod upload;
mod warning;

pub use authorities::Authorities;
pub use blob::BlobReader;
pub use client::Client;
pub use endpoint::Endpoint;
pub use engine::{DEFAULT_HOST as DEFAULT_ENGINE, Engine, LoadingImage, SavedImage};
pub use error::{Cause, RegistryError, Result, SpecError, StatusError};
pub use manifest::{ManifestHead, TagOrDigest};
pub use options::{Cancel, ClientOptions, EndpointConfig, Proxies, RetryPolicy, Timeouts};
pub use referrers::referrers_tag;
pub use upload::{Again, Mount, Upload, UploadSession};
