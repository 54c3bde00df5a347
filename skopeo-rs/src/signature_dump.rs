//! `skopeo-rs untrusted-signature-dump-without-verification`: what a signature claims.

use std::path::PathBuf;

use anyhow::Context as _;
use jiff::Timestamp;
use oci::limits;
use serde::Serialize;
use signing::simple;
use term::Interrupt;

const AFTER_HELP: &str = "\
NOTHING of what is printed was verified: never decide anything by it. Use standalone-verify.

EXIT STATUS:
0 when it is a signature, 1 otherwise.

SEE ALSO:
skopeo-rs-standalone-verify(1)";

/// Show what a signature claims, WITHOUT VERIFYING IT
#[derive(Debug, clap::Args)]
#[command(hide = true, after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A simple signature; - is standard input
    signature: PathBuf,
}

/// The members are the original's.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Untrusted {
    untrusted_docker_manifest_digest: String,
    untrusted_docker_reference: String,
    #[serde(rename = "UntrustedCreatorID")]
    untrusted_creator_id: Option<String>,
    untrusted_timestamp: Option<String>,
    untrusted_short_key_identifier: String,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> anyhow::Result<()> {
    let bytes = term::input::read(&args.signature, limits::SIGNATURE_BYTES, interrupt)
        .with_context(|| {
            format!(
                "Error reading untrusted signature from {}",
                args.signature.display()
            )
        })?;
    let claimed = simple::untrusted(&bytes).context("Error decoding untrusted signature")?;
    let timestamp = claimed.payload.timestamp.map(|seconds| {
        let time = Timestamp::from_second(seconds);
        time.map(|time| time.to_string())
            .unwrap_or_else(|_| seconds.to_string())
    });
    Ok(term::json::print(&Untrusted {
        untrusted_docker_manifest_digest: claimed.payload.manifest_digest.to_string(),
        untrusted_docker_reference: claimed.payload.docker_reference,
        untrusted_creator_id: claimed.payload.creator,
        untrusted_timestamp: timestamp,
        untrusted_short_key_identifier: claimed.short_key_id,
    })?)
}
