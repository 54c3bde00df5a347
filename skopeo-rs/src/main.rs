//! `skopeo-rs`: see [`skopeo_rs`].

use std::process::ExitCode;

fn main() -> ExitCode {
    skopeo_rs::main()
}
