//! Drives an OCI runtime: runc, crun or youki.
//!
//! The runtime is a program that is started, never a library: it forks, changes namespaces and
//! leaves state in its own directory, none of which belongs into the process of a caller. This
//! crate finds the program, hands it a bundle, forwards signals and gives back the exit status.
//!
//! | module | owns |
//! | --- | --- |
//! | [`find`] | where the program is, which one it is, its version |
//! | `ask` | what a runtime answers, bounded in size and time |
//! | [`vulnerability`] | versions that are known to be unsafe |
//! | [`container`] | create, start, state, exec, kill, delete, list |
//! | [`signal`] | signals by name or number |
//! | [`foreground`] | a child that gets our signals and whose exit status is ours |
//! | [`bundle`] | the directory with config.json |
//! | [`rootfs`] | a root file system that an image filled: checked, and read without being led astray |
//! | [`inspect`] | a configuration held against its root file system |
//! | [`support`] | what a configuration asks for and the runtime does not know |
//! | [`host`] | facts that a configuration has to fit |
#![forbid(unsafe_code)]

mod ask;
pub mod bundle;
pub mod container;
pub mod error;
pub mod find;
pub mod foreground;
pub mod host;
pub mod inspect;
pub mod rootfs;
pub mod signal;
pub mod support;
pub mod vulnerability;

pub use bundle::Bundle;
pub use container::{ContainerId, ContainerSummary, CreateOptions, ExecOptions, RunOptions, State};
pub use error::RuntimeError;
pub use find::{Kind, Runtime, Search, Version};
pub use foreground::Exit;
pub use inspect::inspect;
pub use rootfs::{Followed, Rootfs, RootfsError, Users};
pub use signal::Signal;
pub use support::Unsupported;
pub use vulnerability::Vulnerability;
