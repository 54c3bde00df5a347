//! What is wrong with a config.json, each finding with its place and the rule that it breaks.
//!
//! Two passes: [`shape`] holds every known member to its type and says what is missing, then the
//! rules look at values; a value of the wrong type is not looked at twice. Nothing of the host is
//! consulted: whether the root file system exists, say, is for who runs it.

mod linux;
mod platforms;
mod process;
mod rules;
mod seccomp;
mod shape;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::spec::SPEC_BYTES;

/// How much a finding weighs, in the words of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Allowed; worth knowing.
    May,
    /// Against a recommendation.
    Should,
    /// Against the specification: runtimes refuse or misread it.
    Must,
}

impl Severity {
    /// Returns the word.
    pub fn name(self) -> &'static str {
        match self {
            Self::May => "may",
            Self::Should => "should",
            Self::Must => "must",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where, as `$.process.args[0]`; `$` is the document.
    pub path: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The section of the specification that says so.
    pub reference: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.severity.name(),
            self.path,
            self.message
        )
    }
}

/// The version of the specification that the rules are taken from.
pub const SPEC_BASE: &str = "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/";
/// Most findings of one document; one more says that there are more.
const FINDINGS: usize = 1_000;

/// Checks a document. No findings of [`Severity::Must`] means: valid.
pub fn validate(bytes: &[u8]) -> Vec<Finding> {
    let mut report = Report::default();
    match oci::json::parse(bytes, SPEC_BYTES) {
        Err(error) => {
            let mut message = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            report.must("$", message, "config.md#configuration");
        }
        Ok(document) if !document.is_object() => {
            report.must(
                "$",
                "the document is not an object",
                "config.md#configuration",
            );
        }
        Ok(document) => {
            shape::check(&document, &mut report);
            rules::check(&document, &mut report);
            process::check(&document, &mut report);
            linux::check(&document, &mut report);
            seccomp::check(&document, &mut report);
        }
    }
    report.findings
}

/// Collects findings.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn add(
        &mut self,
        severity: Severity,
        path: impl Into<String>,
        message: impl Into<String>,
        section: &str,
    ) {
        if self.findings.len() < FINDINGS {
            let reference = format!("{SPEC_BASE}{section}");
            let (path, message) = (path.into(), message.into());
            self.findings.push(Finding {
                path,
                severity,
                message,
                reference,
            });
        } else if self.findings.len() == FINDINGS {
            self.findings.push(Finding {
                path: "$".to_owned(),
                severity: Severity::Must,
                message: format!("more than {FINDINGS} findings, the rest is not listed"),
                reference: format!("{SPEC_BASE}config.md"),
            });
        }
    }

    fn must(&mut self, path: impl Into<String>, message: impl Into<String>, section: &str) {
        self.add(Severity::Must, path, message, section);
    }

    fn should(&mut self, path: impl Into<String>, message: impl Into<String>, section: &str) {
        self.add(Severity::Should, path, message, section);
    }

    fn may(&mut self, path: impl Into<String>, message: impl Into<String>, section: &str) {
        self.add(Severity::May, path, message, section);
    }
}

/// The text of a path's next step: `.key`, or `["key"]` where the key is not plain.
fn step(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain {
        format!(".{key}")
    } else {
        format!("[{:?}]", shorten(key))
    }
}

/// Messages quote foreign text; they must not grow with it.
fn shorten(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Looks members up, one after the other.
fn dig<'a>(document: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(document, |value, key| value.get(*key))
}

/// The list behind `keys`; empty when it is absent or no list.
fn list<'a>(document: &'a Value, keys: &[&str]) -> &'a [Value] {
    dig(document, keys)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
