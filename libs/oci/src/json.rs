//! The one JSON reader for foreign documents, and the writer that spells JSON as Go does.
//!
//! Readers disagree about documents that are not quite JSON: Go takes the last of two equal
//! keys, folds the case of a struct's keys (`LAYERS`, even `layerſ`) and stops at the end of the
//! first value. What two readers could read differently is refused here, so that a manifest that
//! was judged is the manifest that every other tool sees.
//!
//! Refused: more bytes than allowed, a byte order mark, bytes after the value, a key twice in one
//! object, keys that differ by case only (but see [`Keys`]), nesting deeper than
//! [`JSON_DEPTH`](limits::JSON_DEPTH), more values than one for
//! [`JSON_BYTES_PER_VALUE`](limits::JSON_BYTES_PER_VALUE) bytes that the document may have, invalid
//! UTF-8. A number with a fraction or exponent never passes as an integer.

mod object;
mod typed;

use std::collections::HashSet;
use std::fmt;
use std::io;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use serde_json::{Map, Value};

pub use object::RawObject;

use crate::limits;

/// Why a document is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The document is longer than its kind may be.
    #[error("document has {actual} bytes, {limit} are allowed")]
    TooLong {
        /// How long it is, in bytes.
        actual: u64,
        /// How long it may be, in bytes.
        limit: u64,
    },
    /// The document starts with a byte order mark.
    #[error("document starts with a byte order mark")]
    ByteOrderMark,
    /// The document is no JSON, or JSON that is refused; the source says what and where.
    #[error("not acceptable JSON")]
    Syntax(#[source] serde_json::Error),
    /// The document is JSON but not of the shape that is wanted.
    #[error("unexpected JSON content")]
    Shape(#[source] serde_json::Error),
}

/// How the keys of an object are compared when duplicates are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// As Go's `encoding/json` matches the members of a struct: case is folded. The free maps of
    /// the image formats (annotations, labels, volumes, exposed ports) are compared exactly, as
    /// Go compares the keys of a map.
    Folded,
    /// Byte for byte: for documents whose original reader is exact about case (policy.json,
    /// signatures, auth.json).
    Exact,
}

/// A document of so many values is held whatever its size.
const FEW_VALUES: u64 = 1024;

/// Members whose value is a map with keys of the image author's choice.
const FREE_MAPS: &[&str] = &["annotations", "labels", "volumes", "exposedports"];

/// Reads one document of at most `max_bytes`, refusing keys that differ by case only.
///
/// # Errors
/// See the module's documentation for what is refused.
pub fn parse(bytes: &[u8], max_bytes: u64) -> Result<Value, JsonError> {
    parse_with(bytes, max_bytes, Keys::Folded)
}

/// Reads one document of at most `max_bytes`, comparing keys as `keys` says.
///
/// # Errors
/// See the module's documentation for what is refused.
pub fn parse_with(bytes: &[u8], max_bytes: u64, keys: Keys) -> Result<Value, JsonError> {
    let actual = bytes.len() as u64;
    if actual > max_bytes {
        return Err(JsonError::TooLong {
            actual,
            limit: max_bytes,
        });
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonError::ByteOrderMark);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut values_left = (max_bytes / limits::JSON_BYTES_PER_VALUE).max(FEW_VALUES);
    let seed = Strict {
        keys,
        depth: 0,
        values_left: &mut values_left,
        free_map: false,
    };
    let value = seed
        .deserialize(&mut deserializer)
        .map_err(JsonError::Syntax)?;
    deserializer.end().map_err(JsonError::Syntax)?;
    Ok(value)
}

/// Reads one document of at most `max_bytes` into `T`, refusing keys that differ by case only.
///
/// # Errors
/// What [`parse`] refuses, and a document that is no `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], max_bytes: u64) -> Result<T, JsonError> {
    from_slice_with(bytes, max_bytes, Keys::Folded)
}

/// Reads one document of at most `max_bytes` into `T`, comparing keys as `keys` says.
///
/// # Errors
/// What [`parse_with`] refuses, and a document that is no `T`.
pub fn from_slice_with<T: DeserializeOwned>(
    bytes: &[u8],
    max_bytes: u64,
    keys: Keys,
) -> Result<T, JsonError> {
    let value = parse_with(bytes, max_bytes, keys)?;
    T::deserialize(typed::Typed(value)).map_err(JsonError::Shape)
}

/// Folds a key as Go does when it looks for a struct's member: every rune becomes one that stands
/// for all its case variants, `ſ` for `s` and the Kelvin sign for `k` included.
pub fn fold(key: &str) -> String {
    key.chars().map(fold_char).collect()
}

/// Finds a member that is spelt like one of `known` but for case, which Go takes for that one:
/// as it is spelt, and as it should be.
pub(crate) fn misspelt(
    members: &Map<String, Value>,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Option<(&str, &'static str)> {
    let unknown = |found: &&String| !known.clone().any(|name| name == found.as_str());
    members.keys().filter(unknown).find_map(|found| {
        let folded = fold(found);
        let want = known.clone().find(|name| fold(name) == folded)?;
        Some((found.as_str(), want))
    })
}

fn fold_char(c: char) -> char {
    fn single(mut mapped: impl Iterator<Item = char>, c: char) -> char {
        match (mapped.next(), mapped.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    }
    let upper = single(c.to_uppercase(), c);
    single(upper.to_lowercase(), upper)
}

/// Builds a [`Value`] and refuses what the module's documentation lists.
struct Strict<'a> {
    keys: Keys,
    depth: usize,
    values_left: &'a mut u64,
    free_map: bool,
}

impl Strict<'_> {
    fn child(&mut self, free_map: bool) -> Strict<'_> {
        Strict {
            keys: self.keys,
            depth: self.depth + 1,
            values_left: self.values_left,
            free_map,
        }
    }

    fn enter<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= limits::JSON_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {} levels",
                limits::JSON_DEPTH
            )));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.values_left.checked_sub(1) else {
            return Err(serde::de::Error::custom(
                "more values than a document of its size has",
            ));
        };
        *self.values_left = left;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(self.child(false))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        self.enter()?;
        let fold_here = self.keys == Keys::Folded && !self.free_map;
        let mut folded_keys = HashSet::new();
        let mut members = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(serde::de::Error::custom(format_args!("key {key:?} twice")));
            }
            let folded = fold(&key);
            let free_map = FREE_MAPS.contains(&folded.as_str());
            if fold_here && !folded_keys.insert(folded) {
                return Err(serde::de::Error::custom(format_args!(
                    "key {key:?} twice when case is ignored"
                )));
            }
            let value = access.next_value_seed(self.child(free_map))?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

/// Writes `value` compactly as Go's `json.Marshal` does: `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped.
///
/// # Errors
/// A value that JSON cannot express (a map whose keys are not strings).
pub fn to_go_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        GoFormatter(CompactFormatter),
    ))?;
    Ok(out)
}

/// Writes `value` as Go's `json.MarshalIndent` does with no prefix and `indent`.
///
/// # Errors
/// A value that JSON cannot express (a map whose keys are not strings).
pub fn to_go_pretty<T: Serialize + ?Sized>(
    value: &T,
    indent: &str,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        GoFormatter(PrettyFormatter::with_indent(indent.as_bytes())),
    ))?;
    Ok(out)
}

/// Escapes in strings what Go escapes; leaves the layout to the formatter inside.
struct GoFormatter<F>(F);

impl<F: Formatter> Formatter for GoFormatter<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut start = 0;
        for (at, c) in fragment.char_indices() {
            if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
                writer.write_all(&fragment.as_bytes()[start..at])?;
                write!(writer, "\\u{:04x}", u32::from(c))?;
                start = at + c.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[start..])
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1 << 20;

    fn refusal(text: &[u8]) -> String {
        match parse(text, MAX) {
            Ok(value) => panic!("accepted as {value}"),
            Err(JsonError::Syntax(error)) => error.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ambiguous_documents_are_refused_with_the_reason() {
        let table: &[(&[u8], &str)] = &[
            (br#"{"a":1,"a":2}"#, "key \"a\" twice at line"),
            (br#"{"x":{"a":1,"\u0061":2}}"#, "key \"a\" twice at line"),
            (br#"{"layers":1,"LAYERS":2}"#, "when case is ignored"),
            (
                "{\"layers\":1,\"layer\u{17f}\":2}".as_bytes(),
                "when case is ignored",
            ),
            (
                "{\"blob\":1,\"k\":2,\"\u{212a}\":3}".as_bytes(),
                "when case is ignored",
            ),
            (
                br#"[{"annotations":{"a":1,"a":2}}]"#,
                "key \"a\" twice at line",
            ),
            (br#"{"labels":{"a":{"B":1,"b":2}}}"#, "when case is ignored"),
            (b"{} {}", "trailing characters"),
            (b"1 x", "trailing characters"),
            (b"", "EOF"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"{\"a\":NaN}", "expected value"),
            (b"{\"a\":01}", "invalid number"),
            (b"{'a':1}", "key must be a string"),
            (b"{\"a\":1,}", "trailing comma"),
            (b"\"\xff\"", "unicode"),
            (br#""\ud800""#, "hex escape"),
            (b"// c\n{}", "expected value"),
        ];
        for (text, reason) in table {
            let got = refusal(text);
            assert!(
                got.contains(reason),
                "{}: {got}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn free_maps_may_hold_keys_that_differ_by_case() {
        for key in ["annotations", "Labels", "Volumes", "ExposedPorts"] {
            let text = format!("{{\"{key}\":{{\"Maintainer\":\"a\",\"maintainer\":\"b\"}}}}");
            assert_eq!(parse(text.as_bytes(), MAX).unwrap()[key]["maintainer"], "b");
        }
        let scopes = br#"{"dir":{"/A":1,"/a":2}}"#;
        assert!(parse(scopes, MAX).is_err());
        assert_eq!(
            parse_with(scopes, MAX, Keys::Exact).unwrap()["dir"]["/a"],
            2
        );
        assert!(parse_with(br#"{"a":1,"a":1}"#, MAX, Keys::Exact).is_err());
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(limits::JSON_DEPTH).as_bytes(), MAX).is_ok());
        assert!(refusal(nested(limits::JSON_DEPTH + 1).as_bytes()).contains("64 levels"));
        assert!(refusal("[".repeat(100_000).as_bytes()).contains("64 levels"));
        assert!(refusal("{\"a\":".repeat(100_000).as_bytes()).contains("64 levels"));
        let many = format!("[{}0]", "0,".repeat(65_536));
        assert!(refusal(many.as_bytes()).contains("more values"));
        assert!(matches!(
            parse(b"[1, 2]", 5),
            Err(JsonError::TooLong {
                actual: 6,
                limit: 5
            })
        ));
        assert!(parse(b"[1,2]", 5).is_ok());
    }

    #[test]
    fn a_float_that_is_read_is_written_as_itself() {
        for text in ["222222222222222222222222221e22", "0.1", "1e5", "-5e-324"] {
            let value = parse(text.as_bytes(), MAX).unwrap();
            assert_eq!(value.as_f64(), text.parse().ok());
            assert_eq!(parse(value.to_string().as_bytes(), MAX).unwrap(), value);
        }
    }

    #[test]
    fn numbers_with_fraction_or_exponent_are_no_integers() {
        for text in ["1.0", "1e2", "-1", "18446744073709551616", "\"1\"", "null"] {
            assert!(from_slice::<u64>(text.as_bytes(), MAX).is_err(), "{text}");
        }
        assert_eq!(
            from_slice::<u64>(b"18446744073709551615", MAX).unwrap(),
            u64::MAX
        );
    }

    #[test]
    fn lists_are_no_structures() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        #[serde(rename_all = "lowercase")]
        enum Kind {
            Plain,
        }
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Name(String);
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Inner {
            #[serde(default)]
            name: Option<Name>,
            pair: (u8, i64),
            kind: Kind,
        }
        #[derive(serde::Deserialize, Debug)]
        struct Outer {
            #[serde(default)]
            list: Vec<Inner>,
        }
        let read = |text: &[u8]| from_slice::<Outer>(text, MAX).map(|outer| outer.list);
        let inner = |name: Option<&str>| Inner {
            name: name.map(|name| Name(name.to_owned())),
            pair: (1, -2),
            kind: Kind::Plain,
        };
        let text = br#"{"list":[{"name":"n","pair":[1,-2],"kind":"plain","more":[{}]}]}"#;
        assert_eq!(read(text).unwrap(), [inner(Some("n"))]);
        let text = br#"{"list":[{"name":null,"pair":[1,-2],"kind":"plain"}]}"#;
        assert_eq!(read(text).unwrap(), [inner(None)]);
        assert!(read(b"{}").unwrap().is_empty());
        for wrong in [
            &b"[]"[..],
            b"[[]]",
            br#"{"list":[["n",[1,-2],"plain"]]}"#,
            br#"{"list":[{"pair":[1,-2,3],"kind":"plain"}]}"#,
            br#"{"list":[{"pair":[1,-2],"kind":"other"}]}"#,
        ] {
            assert!(read(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn go_escapes_html_and_line_separators() {
        let value = serde_json::json!({"a<b>&c": "\u{2028}\u{2029}é\u{1}\"\\", "n": [], "o": {}});
        assert_eq!(
            String::from_utf8(to_go_bytes(&value).unwrap()).unwrap(),
            r#"{"a\u003cb\u003e\u0026c":"\u2028\u2029é\u0001\"\\","n":[],"o":{}}"#
        );
        assert_eq!(
            String::from_utf8(
                to_go_pretty(&serde_json::json!({"a": [1], "o": {}}), "    ").unwrap()
            )
            .unwrap(),
            "{\n    \"a\": [\n        1\n    ],\n    \"o\": {}\n}"
        );
    }
}
