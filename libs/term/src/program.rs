//! One `main` for all programs: parse, run, print the error, give the exit status.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, FromArgMatches};

use crate::{Interrupt, args, error, stdout};

/// What `main` knows about a program before it runs.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    name: &'static str,
    usage_status: u8,
}

impl Program {
    /// A program of this name, which exits 2 when it is called wrongly.
    pub const fn new(name: &'static str) -> Program {
        Program {
            name,
            usage_status: 2,
        }
    }

    /// Sets the exit status of a wrong call. skopeo's is 1: its 2 says "image not found".
    #[must_use]
    pub const fn usage_status(mut self, status: u8) -> Program {
        self.usage_status = status;
        self
    }

    /// Parses `argv`, runs the program, prints its error on standard error and gives the exit
    /// status: that of [`error::status`], 128 + signal when the program stopped because it was
    /// asked to, else 1. Help and version go to standard output with status 0.
    pub fn main<T: FromArgMatches>(
        self,
        command: Command,
        argv: impl IntoIterator<Item = OsString>,
        run: impl FnOnce(T, &Interrupt) -> anyhow::Result<ExitCode>,
    ) -> ExitCode {
        let parsed = match self.parse(command, argv) {
            Ok(parsed) => parsed,
            Err(status) => return status,
        };
        let interrupt = match Interrupt::install() {
            Ok(interrupt) => interrupt,
            Err(source) => {
                return self
                    .fail(&anyhow::Error::new(source).context("installing signal handlers"));
            }
        };
        match run(parsed, &interrupt) {
            Ok(status) => status,
            Err(error) if error::is_stdout_closed(&error) => ExitCode::SUCCESS,
            Err(error) => {
                let status = self.fail(&error);
                interrupt.exit_status().map_or(status, ExitCode::from)
            }
        }
    }

    fn parse<T: FromArgMatches>(
        self,
        command: Command,
        argv: impl IntoIterator<Item = OsString>,
    ) -> Result<T, ExitCode> {
        let mut command = args::last_wins(command);
        // Global flags must have reached the verbs before they are looked up there.
        command.build();
        let argv = args::normalise(&command, argv).map_err(|message| {
            self.note(&message);
            ExitCode::from(self.usage_status)
        })?;
        command
            .try_get_matches_from_mut(argv)
            .and_then(|matches| T::from_arg_matches(&matches))
            .map_err(|error| match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    match stdout::write_all(error.render().to_string().as_bytes()) {
                        Ok(()) => ExitCode::SUCCESS,
                        Err(source) => self.fail(&source.into()),
                    }
                }
                _ => {
                    let text = error.render().to_string();
                    let text = text.strip_prefix("error: ").unwrap_or(&text);
                    say(&format!("{}: {text}", self.name));
                    ExitCode::from(self.usage_status)
                }
            })
    }

    /// Prints an error and gives its exit status.
    fn fail(self, error: &anyhow::Error) -> ExitCode {
        if error::is_stdout_closed(error) {
            return ExitCode::SUCCESS;
        }
        say(&error::render(self.name, error));
        ExitCode::from(error::status(error).unwrap_or(1))
    }

    /// Prints one line for people on standard error: `program: text`.
    pub fn note(self, text: &str) {
        say(&format!(
            "{}: {}\n",
            self.name,
            error::printable(text, "    ")
        ));
    }
}

/// Writes to standard error. When nobody can hear it there is nobody to tell.
pub fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
