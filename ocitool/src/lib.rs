//! Write, check and launch OCI runtime configurations.
//!
//! Grammar and printing only: configurations are made by `runtime-spec`, containers are run by
//! `runtime`. One file per verb, each with its `Args` and its `run`.
#![forbid(unsafe_code)]

mod create;
mod delete;
mod exec;
mod generate;
mod input;
mod kill;
mod list;
mod run;
mod session;
mod spec_args;
mod start;
mod state;
mod validate;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use term::{Interrupt, Program};

/// The program: its name is the prefix of what it says to people.
pub(crate) const PROGRAM: Program = Program::new("ocitool");

const AFTER: &str = "\
EXAMPLES:
  skopeo-rs inspect --config docker://R/app:1 | ocitool generate --image-config - --rootfs ROOT > config.json
  ocitool generate --rootfs ROOT -- /bin/sh | ocitool validate -
  ocitool run --image-config image.json --rootfs ROOT

EXIT STATUS:
0 when all went well, 1 when something failed, 2 when the call was wrong. ocitool-run and ocitool-exec end with the status of the container's program, 128 + N when signal N ended it. ocitool-validate has a table of its own.

SEE ALSO:
skopeo-rs(1), storetool(1), runc(8), crun(1)";

/// Write, check and launch OCI runtime configurations
///
/// A configuration (config.json) says what a container is: its program, root file system, mounts,
/// namespaces, limits and confinement. ocitool writes one from the configuration of an image with
/// defaults that are safe, says what is wrong with one, and has an OCI runtime (runc, crun or
/// youki) run it. Data goes to standard output, words for people to standard error, and - is
/// standard input or output, so that verbs combine in pipes.
#[derive(Debug, Parser)]
#[command(name = "ocitool", version, after_long_help = AFTER, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Generate(Box<generate::Args>),
    Validate(validate::Args),
    Run(Box<run::Args>),
    Create(create::Args),
    Start(start::Args),
    State(state::Args),
    Exec(exec::Args),
    Kill(kill::Args),
    Delete(delete::Args),
    List(list::Args),
}

/// Returns the grammar, from which help, manual pages and completions are made.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    PROGRAM.main::<Cli>(command(), std::env::args_os(), dispatch)
}

fn dispatch(cli: Cli, interrupt: &Interrupt) -> Result<ExitCode> {
    match cli.verb {
        Verb::Generate(args) => generate::run(*args, interrupt),
        Verb::Validate(args) => validate::run(&args, interrupt),
        Verb::Run(args) => run::run(*args, interrupt),
        Verb::Create(args) => create::run(args, interrupt),
        Verb::Start(args) => start::run(&args, interrupt),
        Verb::State(args) => state::run(&args, interrupt),
        Verb::Exec(args) => exec::run(args, interrupt),
        Verb::Kill(args) => kill::run(&args, interrupt),
        Verb::Delete(args) => delete::run(&args, interrupt),
        Verb::List(args) => list::run(&args, interrupt),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn grammar_is_consistent() {
        super::command().debug_assert();
    }
}
