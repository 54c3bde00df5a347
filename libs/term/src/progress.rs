//! How progress is shown: `--progress auto|plain|json|none` and `-q`.
//!
//! Progress goes to standard error, so that standard output stays data. `auto` draws bars on a
//! terminal and prints plain lines elsewhere.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// One line per event.
    Plain,
    /// One JSON object per event.
    Json,
    /// Nothing.
    None,
}

/// The flags of every command that shows progress.
#[derive(Debug, Clone, Args)]
pub struct ProgressArgs {
    /// How progress is shown on standard error
    ///
    /// auto draws a bar per layer on a terminal and prints lines elsewhere; json prints one object
    /// per event, for programs that watch a copy.
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        hide_possible_values = false
    )]
    pub progress: ProgressMode,
}

/// A mode after it has looked at standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Bars.
    Bars,
    /// One line per event.
    Lines,
    /// One JSON object per event.
    Json,
    /// Nothing.
    Nothing,
}

impl ProgressMode {
    /// Decides what is shown: `quiet` shows nothing whatever the mode.
    pub fn shown(self, quiet: bool) -> Shown {
        match self {
            _ if quiet => Shown::Nothing,
            ProgressMode::Auto if std::io::stderr().is_terminal() => Shown::Bars,
            ProgressMode::Auto | ProgressMode::Plain => Shown::Lines,
            ProgressMode::Json => Shown::Json,
            ProgressMode::None => Shown::Nothing,
        }
    }
}
