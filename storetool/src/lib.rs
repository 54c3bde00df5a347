//! Holds container images on disk with every file stored once, and mounts them.
//!
//! This crate is grammar, one call into a library, and printing: one file per verb, with its
//! flags and its `run`. What `--json` prints is described in `docs/formats/storetool-json.md` and
//! made in [`shape`].
#![forbid(unsafe_code)]

mod access;
mod cat;
mod containers;
mod diff;
mod du;
mod export;
mod extract;
mod fsck;
mod gc;
mod images;
mod import;
mod info;
mod inspect;
mod layers;
mod ls;
mod mount;
mod mounted;
mod pull;
mod rm;
mod session;
mod shape;
mod tag;
mod umount;
mod untag;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use term::{Interrupt, Program};

use crate::session::{Global, Session};

/// The name under which errors are reported.
const NAME: &str = "storetool";

/// What follows the program's help and stands at the end of its manual page.
const AFTER_HELP: &str = "\
IMAGES:
An image is meant by a name (registry.example/app:1, or app:1 for docker.io/library/app:1), by the digest of its manifest, by the digest of its configuration, or by the beginning of one of these, four digits at least.

EXAMPLES:
  storetool pull docker://registry.example/app:1
  root=$(storetool mount app:1) && ls \"$root\"
  storetool umount app:1
  storetool images --json | jq -r '.[].digest'
  skopeo-rs copy docker://registry.example/app:1 oci-archive:- | storetool import -
  storetool export app:1 | skopeo-rs copy oci-archive:- docker://registry.example/app:copy
  storetool gc && storetool fsck

FILES:
  /var/lib/storetool                the store of root
  ~/.local/share/storetool          the store of everybody else
  /etc/containers/policy.json       which images may enter the store
  /etc/containers/registries.conf   mirrors, blocked and insecure registries

ENVIRONMENT:
STORETOOL_ROOT names the store when --root does not.

EXIT STATUS:
0 when all went well, 2 for a wrong command line, 129, 130 or 143 when it was interrupted by SIGHUP, Ctrl-C or SIGTERM, 1 in all other cases. `storetool fsck` exits 3 when it found damage.

SEE ALSO:
skopeo-rs(1), ocitool(1), containers-policy.json(5)";

/// Hold container images on disk with every file stored once
///
/// A file that several images have is on disk once. A container or a look at an image starts by
/// mounting it, in milliseconds, whatever its size. Nothing enters the store that the trust
/// policy did not accept. Listing images and reading files out of them needs no privilege.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_long_help = AFTER_HELP, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Pull(pull::Args),
    Import(import::Args),
    Export(export::Args),
    Images(images::Args),
    Layers(layers::Args),
    Inspect(inspect::Args),
    Tag(tag::Args),
    Untag(untag::Args),
    Rm(rm::Args),
    Mount(mount::Args),
    Umount(umount::Args),
    Mounted(mounted::Args),
    Ls(ls::Args),
    Cat(cat::Args),
    Extract(extract::Args),
    Diff(diff::Args),
    Containers(containers::Args),
    Gc(gc::Args),
    Fsck(fsck::Args),
    Info(info::Args),
    Du(du::Args),
}

/// The grammar, for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program on the arguments of the process.
pub fn main() -> ExitCode {
    Program::new(NAME).main(command(), std::env::args_os(), run)
}

/// Tells whether a verb looks at the flag of signals, so as to clean up. All others leave nothing
/// that the next call does not put right.
fn stops_by_itself(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Pull(_) | Verb::Import(_) | Verb::Export(_) | Verb::Extract(_)
    )
}

fn run(cli: Cli, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    if !stops_by_itself(&cli.verb) {
        interrupt.let_go();
    }
    let session = Session::new(cli.global, interrupt);
    let session = &session;
    match cli.verb {
        Verb::Pull(args) => pull::run(args, session)?,
        Verb::Import(args) => import::run(args, session)?,
        Verb::Export(args) => export::run(&args, session)?,
        Verb::Images(args) => images::run(&args, session)?,
        Verb::Layers(args) => layers::run(&args, session)?,
        Verb::Inspect(args) => inspect::run(&args, session)?,
        Verb::Tag(args) => tag::run(&args, session)?,
        Verb::Untag(args) => untag::run(&args, session)?,
        Verb::Rm(args) => rm::run(&args, session)?,
        Verb::Mount(args) => mount::run(&args, session)?,
        Verb::Umount(args) => umount::run(&args, session)?,
        Verb::Mounted(args) => mounted::run(&args, session)?,
        Verb::Ls(args) => ls::run(&args, session)?,
        Verb::Cat(args) => cat::run(&args, session)?,
        Verb::Extract(args) => extract::run(&args, session)?,
        Verb::Diff(args) => diff::run(&args, session)?,
        Verb::Containers(args) => containers::run(&args, session)?,
        Verb::Gc(args) => gc::run(&args, session)?,
        Verb::Fsck(args) => return fsck::run(&args, session),
        Verb::Info(args) => info::run(&args, session)?,
        Verb::Du(args) => du::run(&args, session)?,
    }
    Ok(ExitCode::SUCCESS)
}
