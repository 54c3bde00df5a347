//! The tasks behind make: `cargo xtask TASK`.
//!
//! | task | owns |
//! | --- | --- |
//! | [`depcheck`] | which crate may use which, and a few rules that no lint can hold |
//! | [`generated`] | `man/` and `contrib/completions/`, made from the grammar |
//! | [`coverage`] | which test covers which flag, requirement, transport and login |
#![forbid(unsafe_code)]

mod coverage;
mod depcheck;
mod generated;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use term::{Interrupt, Program};

/// The tasks behind make
#[derive(Debug, Parser)]
#[command(name = "xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check which crate uses which
    Depcheck,
    /// Write the manual pages
    Man {
        /// Write nothing; fail when a page is not what the grammar says
        #[arg(long)]
        check: bool,
    },
    /// Write the shell completions
    Completions {
        /// Write nothing; fail when a script is not what the grammar says
        #[arg(long)]
        check: bool,
    },
    /// Check that every cell of tests/coverage.toml names a test that exists
    Coverage {
        /// Print every cell and its tests
        #[arg(long)]
        list: bool,
    },
}

fn main() -> ExitCode {
    Program::new("xtask").main(Cli::command(), std::env::args_os(), run)
}

fn run(cli: Cli, _: &Interrupt) -> anyhow::Result<ExitCode> {
    let root = root()?;
    match cli.task {
        Task::Depcheck => depcheck::run(&root),
        Task::Man { check } => generated::man(&root, check),
        Task::Completions { check } => generated::completions(&root, check),
        Task::Coverage { list } => coverage::run(&root, list),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The root of the workspace: the parent of this crate.
fn root() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("xtask lies in the workspace")
}

/// The grammars of the programs that exist.
fn programs() -> [clap::Command; 3] {
    [
        skopeo_rs::command(),
        storetool::command(),
        ocitool::command(),
    ]
}

/// Fails when there are complaints, having printed all of them.
fn verdict(complaints: &[String]) -> anyhow::Result<()> {
    for complaint in complaints {
        term::program::say(&format!("{complaint}\n"));
    }
    match complaints.len() {
        0 => Ok(()),
        count => anyhow::bail!("{count} complaints"),
    }
}
