//! config.json of the OCI runtime specification: generate, edit, validate.
//!
//! This crate is handed bytes and hands bytes back; it opens no file. A configuration is a JSON
//! document that stays one ([`Spec`]): what an edit does not touch is written as it was read,
//! members that nobody here knows included. Members are written sorted and indented by a tab
//! (as `runc spec` indents), so the same input always gives the same bytes.
//!
//! | module | owns |
//! | --- | --- |
//! | [`generate`] | image configuration + options + facts about the host → config.json |
//! | [`conflict`] | options that contradict each other |
//! | [`options`] | what may be asked for, parsed from the texts that people type |
//! | [`annotations`] | what the image says of itself, as annotations that do nothing |
//! | [`user`] | `Config.User` resolved in the bytes of `/etc/passwd` and `/etc/group` |
//! | [`capability`] | capabilities by name, and podman's default set |
//! | [`seccomp`] | docker's profile format → `linux.seccomp`; podman's default profile |
//! | [`defaults`] | the mounts, namespaces and paths of a container nobody asked anything for |
//! | [`spec`] | the document itself |
//! | [`validate`] | what is wrong with a document, each with its place and the rule |
#![forbid(unsafe_code)]

pub mod annotations;
pub mod capability;
pub mod conflict;
pub mod defaults;
pub mod generate;
pub mod options;
pub mod seccomp;
pub mod spec;
pub mod user;
pub mod validate;

pub use capability::{Capability, CapabilitySet};
pub use conflict::Conflict;
pub use generate::{GenerateError, GenerateInput, Generated, Host, Note, generate};
pub use options::GenerateOptions;
pub use seccomp::SeccompProfile;
pub use spec::{Spec, SpecError};
pub use user::{ResolvedUser, UserDatabase, UserError};
pub use validate::{Finding, Severity, validate};
