//! Hints and exit statuses as data in an error chain, and the one printer of chains.
//!
//! ```text
//! storetool: layer rm 3f9c…: layer is in use
//!   caused by: image docker.io/library/alpine:3.20 is built on it
//!   hint: remove the image first
//! ```
//!
//! Every cause is printed once: a message that its parent already ends with is left out, so that
//! libraries which repeat their source do no harm. Control characters are escaped, because parts
//! of a message (a registry's reply, a file name in a layer) were written by strangers.

use std::error::Error;
use std::fmt::{self, Display, Write as _};
use std::io;

use crate::stdout::StdoutClosed;

/// An error with what a program knows about it beyond the message: what to try next, and the
/// exit status that the program's manual gives it. It displays as the error that it wraps.
#[derive(Debug)]
pub struct Failure {
    hint: Option<String>,
    status: Option<u8>,
    source: anyhow::Error,
}

impl Failure {
    /// Wraps an error without adding anything yet.
    pub fn new(source: impl Into<anyhow::Error>) -> Failure {
        Failure {
            hint: None,
            status: None,
            source: source.into(),
        }
    }

    /// Adds one next step, in the imperative.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the exit status of the program.
    #[must_use]
    pub fn status(mut self, status: u8) -> Failure {
        self.status = Some(status);
        self
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.source, f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// Adds hints and statuses to results, as `anyhow::Context` adds acts.
pub trait Explain<T> {
    /// Adds one next step, in the imperative, to an error.
    ///
    /// # Errors
    /// The same error, with the hint.
    fn hint<H: Into<String>>(self, hint: impl FnOnce() -> H) -> anyhow::Result<T>;

    /// Sets the exit status that an error gives the program.
    ///
    /// # Errors
    /// The same error, with the status.
    fn exit_status(self, status: u8) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Explain<T> for Result<T, E> {
    fn hint<H: Into<String>>(self, hint: impl FnOnce() -> H) -> anyhow::Result<T> {
        self.map_err(|error| Failure::new(error).hint(hint()).into())
    }

    fn exit_status(self, status: u8) -> anyhow::Result<T> {
        self.map_err(|error| Failure::new(error).status(status).into())
    }
}

/// The exit status that an error carries, the outermost winning; `None` when it carries none.
pub fn status(error: &anyhow::Error) -> Option<u8> {
    failures(error).find_map(|failure| failure.status)
}

/// Says whether an error is nothing but standard output having been closed by its reader.
pub fn is_stdout_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .is_some_and(|inner| inner.is::<StdoutClosed>())
    })
}

/// The text of an error as a program prints it on standard error, with a closing newline.
pub fn render(program: &str, error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut parent = error.to_string();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{program}: {}", printable(&parent, "    "));
    for cause in error.chain().skip(1) {
        let message = cause.to_string();
        if message.is_empty() || parent.ends_with(&message) {
            continue;
        }
        // Some causes begin with what they caused: the parent has said that.
        let news = message
            .strip_prefix(&parent)
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(&message);
        let news = without_object_of(&parent, news);
        let _ = writeln!(text, "  caused by: {}", printable(news, "    "));
        parent = message;
    }
    let mut hints: Vec<&str> = Vec::new();
    for hint in failures(error).filter_map(|failure| failure.hint.as_deref()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    for hint in hints {
        let _ = writeln!(text, "  hint: {}", printable(hint, "        "));
    }
    text
}

/// Leaves out of "reading manifest of IMAGE" the image that `parent` ends with as well.
fn without_object_of<'a>(parent: &str, message: &'a str) -> &'a str {
    match message.rsplit_once(" of ") {
        Some((act, object))
            if !object.contains(' ') && parent.split(' ').next_back() == Some(object) =>
        {
            act
        }
        _ => message,
    }
}

/// Every [`Failure`] of a chain, outermost first, also those that another one wraps.
fn failures(error: &anyhow::Error) -> impl Iterator<Item = &Failure> {
    error.chain().flat_map(|cause| {
        let mut found = Vec::new();
        let mut next = cause.downcast_ref::<Failure>();
        while let Some(failure) = next {
            found.push(failure);
            next = failure.source.downcast_ref::<Failure>();
        }
        found
    })
}

/// Escapes control characters; a line feed starts a line with `indent` instead.
pub fn printable(text: &str, indent: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' => {
                safe.push('\n');
                safe.push_str(indent);
            }
            '\t' => safe.push(' '),
            c if c.is_control() => safe.extend(c.escape_default()),
            // The characters that turn text around could make one name look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    fn base() -> anyhow::Error {
        io::Error::new(io::ErrorKind::NotFound, "no such thing").into()
    }

    #[test]
    fn each_cause_is_printed_once() {
        let repeated = anyhow::Error::new(Failure::new(base())).context("opening x: no such thing");
        assert_eq!(render("p", &repeated), "p: opening x: no such thing\n");
        let prefixed = anyhow::anyhow!("rejected: unsigned").context("rejected");
        assert_eq!(
            render("p", &prefixed),
            "p: rejected\n  caused by: unsigned\n"
        );
        let chain = base().context("opening x").context("mounting y");
        assert_eq!(
            render("p", &chain),
            "p: mounting y\n  caused by: opening x\n  caused by: no such thing\n"
        );
    }

    #[test]
    fn an_object_is_named_once() {
        let chain = base()
            .context("reading manifest of docker://r/x")
            .context("reading docker://r/x");
        assert_eq!(
            render("p", &chain),
            "p: reading docker://r/x\n  caused by: reading manifest\n  caused by: no such thing\n"
        );
        let another = base().context("size of y").context("reading xy");
        assert!(render("p", &another).contains("size of y"));
    }

    #[test]
    fn hints_and_statuses_are_found_anywhere_in_the_chain() {
        let error = Err::<(), _>(base())
            .hint(|| "look under the stone")
            .exit_status(2)
            .context("finding it")
            .hint(|| "or ask")
            .unwrap_err();
        assert_eq!(status(&error), Some(2));
        assert_eq!(
            render("p", &error),
            "p: finding it\n  caused by: no such thing\n  hint: or ask\n  hint: look under the stone\n"
        );
        assert_eq!(status(&base()), None);
    }

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        let error = anyhow::anyhow!("bad \u{1b}[2J\rname\u{202e}\nsecond line");
        assert_eq!(
            render("p", &error),
            "p: bad \\u{1b}[2J\\rname\\u{202e}\n    second line\n"
        );
    }

    #[test]
    fn only_our_own_output_counts_as_closed() {
        let network = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(!is_stdout_closed(&network));
        let ours = anyhow::Error::new(StdoutClosed::error()).context("writing tags");
        assert!(is_stdout_closed(&ours));
    }
}
