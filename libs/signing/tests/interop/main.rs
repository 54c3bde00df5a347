//! Our answers beside those of skopeo and gpg, on the same inputs.
//!
//! Each test runs skopeo many times, a few at once. A difference is only accepted when
//! docs/quirks/policy.md names and explains it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they are called from"
)]

mod gnupg;
mod openpgp_faults;
mod policies;
mod policy_table;
mod signatures;
mod support;
