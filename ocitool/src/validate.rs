//! `ocitool validate`: say what is wrong with a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use runtime::{Rootfs, inspect};
use runtime_spec::spec::SPEC_BYTES;
use runtime_spec::{Finding, Severity, Spec, validate};
use serde_json::json;
use term::{Explain, Interrupt, Stdout};

use crate::input;

const AFTER: &str = "\
OUTPUT:
One finding per line: severity, place, what is wrong. With --json one object:
  {\"valid\": false, \"findings\": [{\"path\": \"$.process.cwd\", \"severity\": \"must\", \"message\": \"...\", \"reference\": \"https://...\"}]}

EXAMPLES:
  ocitool generate --rootfs ROOT -- /bin/sh | ocitool validate -
  ocitool validate --rootfs rootfs config.json
  ocitool validate --json config.json | jq -r '.findings[] | .path'

EXIT STATUS:
0 when the configuration is valid, 1 when it has findings of the severity given by --level, 2 when it can not be read, what is wrong can not be written, or the call was wrong.

SEE ALSO:
ocitool(1), ocitool-generate(1)";

/// Say what is wrong with a configuration
///
/// Checks config.json against the runtime specification: strict JSON, members that have to be
/// there and their types, and the rules for their values. A finding weighs \"must\" (against the
/// specification), \"should\" (against a recommendation) or \"may\" (worth knowing). Nothing of
/// this machine is looked at; whether paths exist shows when the container is run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Configuration, - for standard input
    #[arg(value_name = "FILE", default_value = "config.json")]
    file: PathBuf,
    /// Root file system to hold the configuration against
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Least severity that makes the configuration invalid
    #[arg(long, value_name = "may|should|must", default_value = "must",
          value_parser = ["may", "should", "must"], hide_possible_values = true,
          alias = "compliance-level")]
    level: String,
    /// Print JSON
    #[arg(long, short)]
    json: bool,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let bytes = input::read(&args.file, SPEC_BYTES, interrupt).exit_status(2)?;
    let mut findings = validate(&bytes);
    if let Some(dir) = &args.rootfs {
        let root = Rootfs::open(dir).exit_status(2)?;
        // What is no configuration at all has its finding already.
        if let Ok(spec) = Spec::parse(&bytes) {
            findings.extend(inspect(&root, &spec).exit_status(2)?);
        }
    }
    let level = [Severity::May, Severity::Should, Severity::Must]
        .into_iter()
        .find(|severity| severity.name() == args.level)
        .unwrap_or(Severity::Must);
    let valid = findings.iter().all(|finding| finding.severity < level);
    // 1 would say that the configuration is invalid.
    print(args.json, valid, &findings).exit_status(2)?;
    Ok(if valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn print(json: bool, valid: bool, findings: &[Finding]) -> Result<()> {
    if json {
        term::json::print(&json!({ "valid": valid, "findings": findings }))?;
        return Ok(());
    }
    let mut out = Stdout::new();
    for finding in findings {
        use std::io::Write;
        writeln!(
            out,
            "{}",
            term::error::printable(&finding.to_string(), "    ")
        )?;
    }
    out.finish()?;
    Ok(())
}
