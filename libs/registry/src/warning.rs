//! `Warning` headers of a registry: kept for the program, printed by nobody here.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, header};

use crate::error::quoted;

/// Most different warnings that are kept.
const MAX_WARNINGS: usize = 100;

/// The warnings of all answers, each text once.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    /// Keeps the warnings of one answer.
    pub(crate) fn note(&self, headers: &HeaderMap) {
        for value in headers.get_all(header::WARNING) {
            let Some(text) = value.to_str().ok().and_then(text_of_299) else {
                continue;
            };
            let text = quoted(&text);
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < MAX_WARNINGS && !kept.contains(&text) {
                kept.push(text);
            }
        }
    }

    /// Returns what was kept so far, in the order of arrival.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Reads `299 - "text"`, the only form of the distribution specification.
fn text_of_299(header: &str) -> Option<String> {
    let quoted = header.strip_prefix("299 - \"")?;
    let mut text = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().trim().is_empty().then_some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_specified_form_is_read() {
        let table = [
            (r#"299 - "quota is low""#, Some("quota is low")),
            (r#"299 - "a \"b\"" "#, Some("a \"b\"")),
            (r#"199 - "x""#, None),
            (r#"299 host "x""#, None),
            (r#"299 - "x"#, None),
            (r#"299 - "x" "Sun, 06 Nov 1994 08:49:37 GMT""#, None),
        ];
        for (header, want) in table {
            assert_eq!(text_of_299(header).as_deref(), want, "{header}");
        }
    }

    #[test]
    fn each_warning_is_kept_once() {
        let warnings = Warnings::default();
        for _ in 0..3 {
            for n in 0..MAX_WARNINGS + 5 {
                let value = format!("299 - \"w{n}\"").parse().unwrap();
                warnings.note(&HeaderMap::from_iter([(header::WARNING, value)]));
            }
        }
        assert_eq!(warnings.all().len(), MAX_WARNINGS);
        assert_eq!(warnings.all()[1], "w1");
    }
}
