//! Objects whose members are passed on as they were written.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{JsonError, to_go_bytes};

/// An object that is written as Go writes a `map[string]json.RawMessage`: keys sorted, values as
/// they came but for white space between tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawObject(BTreeMap<String, Vec<u8>>);

impl RawObject {
    /// Takes an object apart that [`parse`](super::parse) accepted before.
    ///
    /// # Errors
    /// Bytes that are no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(bytes).map_err(JsonError::Shape)?;
        let compacted = members
            .into_iter()
            .map(|(name, value)| (name, compact(value.get())));
        Ok(Self(compacted.collect()))
    }

    /// Returns the text of a member.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// Sets a member to a value.
    ///
    /// # Errors
    /// A value that JSON cannot express.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), JsonError> {
        let text = to_go_bytes(value).map_err(JsonError::Shape)?;
        self.0.insert(name.to_owned(), text);
        Ok(())
    }

    /// Takes a member over from another object; one that it lacks becomes `null`.
    pub fn take_over(&mut self, from: &Self, name: &str) {
        let text = from.get(name).unwrap_or(b"null").to_vec();
        self.0.insert(name.to_owned(), text);
    }

    /// Drops a member.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Writes the object.
    ///
    /// # Errors
    /// None in practice: every key is a text.
    pub fn to_go_bytes(&self) -> Result<Vec<u8>, JsonError> {
        let mut out = b"{".to_vec();
        for (place, (name, text)) in self.0.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&to_go_bytes(name).map_err(JsonError::Shape)?);
            out.push(b':');
            out.extend_from_slice(text);
        }
        out.push(b'}');
        Ok(out)
    }
}

/// Drops white space between tokens and escapes `<`, `>`, `&` and the two Unicode line ends, as
/// Go does with JSON that it passes on. The text is known to be JSON.
fn compact(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if !in_string && matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_compacted_as_go_does() {
        for (text, want) in [
            (r#"{ "a" : [ 1 , "x y" ] }"#, r#"{"a":[1,"x y"]}"#),
            (r#""a\" b<""#, r#""a\" b\u003c""#),
            (r#""\\" "#, r#""\\""#),
            ("\"\u{2028}é\"", "\"\\u2028é\""),
        ] {
            assert_eq!(String::from_utf8(compact(text)).unwrap(), want);
        }
    }

    #[test]
    fn members_keep_their_text_and_get_sorted() {
        let from = RawObject::parse(br#"{"z": 1.0, "b" : {"y":1, "x":2}, "n": null}"#).unwrap();
        let mut object = from.clone();
        object.remove("z");
        object.set("a<", "&").unwrap();
        object.take_over(&from, "nosuch");
        object.take_over(&from, "z");
        assert_eq!(
            String::from_utf8(object.to_go_bytes().unwrap()).unwrap(),
            r#"{"a\u003c":"\u0026","b":{"y":1,"x":2},"n":null,"nosuch":null,"z":1.0}"#
        );
        assert!(RawObject::parse(b"[]").is_err());
    }
}
