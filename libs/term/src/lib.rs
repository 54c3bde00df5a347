//! What the programs share with the person who runs them.
//!
//! A program is grammar, one call, and printing; this crate is the printing. It is used by the
//! programs alone: no library below them depends on it, and it knows nothing of images except in
//! the copy progress (feature `copy`).
//!
//! | module | owns |
//! | --- | --- |
//! | [`args`] | the grammar of `pflag` on top of clap: `--flag=false`, last flag wins |
//! | [`program`] | one `main` for all: parse, run, print the error, give the exit status |
//! | [`error`] | hints and exit statuses as data in an error chain, and the printer of chains |
//! | [`stdout`] | standard output on which a closed pipe is not an error |
//! | [`input`] | files that are named on the command line, read bounded |
//! | [`output`] | files that are named there to be written, replaced in one step |
//! | [`interrupt`] | Ctrl-C, SIGTERM, SIGHUP: the first asks, the second kills |
//! | [`json`] | JSON for machines, written as Go writes it |
//! | [`template`] | `--format` templates in the language of Go's `text/template` |
//! | [`table`] | aligned columns for people |
//! | [`size`] | sizes for people |
//! | [`prompt`] | questions at the terminal, passwords among them |
//! | [`progress`] | how progress is shown, and the plain and JSON writers |
//! | `copy`, `sync` | the progress of a copy, or of many: on a terminal, as lines or objects |
//! | [`man`], [`completions`] | pages and shell completions made from the grammar |
#![forbid(unsafe_code)]

pub mod args;
pub mod completions;
#[cfg(feature = "copy")]
pub mod copy;
pub mod error;
pub mod input;
pub mod interrupt;
pub mod json;
pub mod man;
pub mod output;
pub mod program;
pub mod progress;
pub mod prompt;
pub mod size;
pub mod stdout;
#[cfg(feature = "copy")]
pub mod sync;
pub mod table;
pub mod template;

pub use error::{Explain, Failure};
pub use interrupt::Interrupt;
pub use program::Program;
pub use progress::{ProgressArgs, ProgressMode};
pub use stdout::Stdout;
pub use table::Table;
pub use template::Template;
