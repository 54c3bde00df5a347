//! JSON for machines, written byte for byte as Go's `encoding/json` writes it.
//!
//! Go escapes `<`, `>`, `&`, U+2028 and U+2029 inside strings; serde_json does not. Scripts that
//! compare our output with the original's see no difference.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// A value on one line, without a newline at the end.
///
/// # Errors
/// When the value cannot be JSON (a map whose keys are not strings).
pub fn compact(value: &impl Serialize) -> io::Result<Vec<u8>> {
    encode(value, CompactFormatter)
}

/// A value over several lines, each level indented by `indent`, without a newline at the end.
///
/// # Errors
/// As [`compact`].
pub fn indented(value: &impl Serialize, indent: &str) -> io::Result<Vec<u8>> {
    encode(value, PrettyFormatter::with_indent(indent.as_bytes()))
}

/// Writes a value to standard output over several lines, four spaces a level, and a newline.
///
/// # Errors
/// As [`compact`], and when standard output fails.
pub fn print(value: &impl Serialize) -> io::Result<()> {
    let mut text = indented(value, "    ")?;
    text.push(b'\n');
    crate::stdout::write_all(&text)
}

fn encode(value: &impl Serialize, formatter: impl Formatter) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Go(formatter));
    value.serialize(&mut serializer)?;
    Ok(text)
}

/// Adds Go's escapes to a formatter.
struct Go<F>(F);

impl<F: Formatter> Formatter for Go<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, after) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut chars = after.chars();
            if let Some(c) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }
    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }
    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_does() {
        let text = compact(&"a<b>&\u{2028}\u{e9}\n\"").unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "\"a\\u003cb\\u003e\\u0026\\u2028\u{e9}\\n\\\"\""
        );
    }

    #[test]
    fn indentation_and_empty_lists() {
        let value = serde_json::json!({"a": [], "b": {}, "c": [1]});
        assert_eq!(
            String::from_utf8(indented(&value, "    ").unwrap()).unwrap(),
            "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        1\n    ]\n}"
        );
    }
}
