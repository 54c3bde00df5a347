//! Where the configuration of container tools lies, and what is in it.
//!
//! The files are those of skopeo, podman and docker; each module follows one of their man pages.
//! Nothing here is global: where things lie follows from one [`Environment`], made in `main`.
//! Every file is bounded before it is read, and every error names the file.
//!
//! | module | owns | man page |
//! | --- | --- | --- |
//! | [`environment`] | user, home, variables, the root that `/etc` is below | |
//! | [`auth`] | credentials: auth.json, docker's config.json, helper programs | containers-auth.json(5) |
//! | [`certs`] | certificates for a registry's TLS | containers-certs.d(5) |
//! | [`registries`] | mirrors, blocked and insecure registries | containers-registries.conf(5) |
//! | [`lookaside`] | where signatures lie | containers-registries.d(5) |
//! | [`policy_path`] | which policy.json holds | containers-policy.json(5) |
//! | [`own`] | the one file that is ours, see `docs/formats/own-config.md` | |
#![forbid(unsafe_code)]

pub mod auth;
pub mod certs;
pub mod environment;
mod error;
pub mod lookaside;
pub mod own;
pub mod policy_path;
mod read;
pub mod registries;
mod secret;
pub mod sigstore_params;
pub mod sync_file;

pub use environment::Environment;
pub use error::ConfigError;
pub use own::OwnConfig;
pub use secret::Secret;
