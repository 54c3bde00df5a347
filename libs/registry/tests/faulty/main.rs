//! What the client does with registries that are broken, overloaded or hostile.
//!
//! One file for each kind of answer; [`case`] is how most of them are written down.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test, and helpers fail their test at once"
)]

mod blobs;
mod case;
#[path = "../common/mod.rs"]
mod common;
mod connections;
mod content;
mod lookaside;
mod manifests;
mod redirects;
mod referrers;
mod statuses;
mod streams;
mod tags;
mod tokens;
mod uploads;
