//! The document: config.json as a JSON object that keeps what it is not asked to change.

use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value};

/// Most bytes of a config.json.
pub const SPEC_BYTES: u64 = 4 << 20;

/// Why a document can not be worked with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The bytes are no strict JSON.
    #[error("config.json is not acceptable JSON")]
    Json(#[from] oci::json::JsonError),
    /// A member has another type than the specification gives it.
    #[error("member {path} of config.json is not {want}")]
    WrongType {
        /// Which member, as `process.user`.
        path: String,
        /// What it should be.
        want: &'static str,
    },
    /// The document could not be written as JSON.
    #[error("writing config.json")]
    Write(#[source] serde_json::Error),
}

/// A runtime configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec(Map<String, Value>);

impl Spec {
    /// Parses a document strictly; its meaning is not looked at (see [`crate::validate`]).
    ///
    /// # Errors
    /// Bytes that are no JSON object, ambiguous JSON, or more than [`SPEC_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        match oci::json::parse(bytes, SPEC_BYTES)? {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(SpecError::WrongType {
                path: "(all)".to_owned(),
                want: "an object",
            }),
        }
    }

    pub(crate) fn from_members(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Returns the document: sorted members, indented by tabs, a newline at the end.
    ///
    /// # Errors
    /// None that is known: all keys are strings.
    pub fn to_json(&self) -> Result<Vec<u8>, SpecError> {
        let mut out = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
        self.0
            .serialize(&mut serializer)
            .map_err(SpecError::Write)?;
        out.push(b'\n');
        Ok(out)
    }

    /// Returns all members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns the member at `path`, if it is there and every member above it is an object.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.0.get(*first)?, |value, key| value.get(*key))
    }

    /// Sets the member at `path`; objects on the way are made.
    ///
    /// # Errors
    /// A member on the way that is no object.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) -> Result<(), SpecError> {
        if let Some((last, parents)) = path.split_last() {
            self.object(parents)?
                .insert((*last).to_owned(), value.into());
        }
        Ok(())
    }

    /// Takes the member at `path` away, if it is there.
    pub fn remove(&mut self, path: &[&str]) {
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        let mut members = &mut self.0;
        for key in parents {
            match members.get_mut(*key) {
                Some(Value::Object(inner)) => members = inner,
                _ => return,
            }
        }
        members.remove(*last);
    }

    /// Returns the object at `path`, made where it is missing.
    pub(crate) fn object(&mut self, path: &[&str]) -> Result<&mut Map<String, Value>, SpecError> {
        let mut members = &mut self.0;
        for (depth, key) in path.iter().enumerate() {
            let slot = members
                .entry((*key).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if slot.is_null() {
                *slot = Value::Object(Map::new());
            }
            members = slot.as_object_mut().ok_or_else(|| SpecError::WrongType {
                path: path[..=depth].join("."),
                want: "an object",
            })?;
        }
        Ok(members)
    }

    /// Returns the list at `path`, made where it is missing.
    pub(crate) fn list(&mut self, path: &[&str]) -> Result<&mut Vec<Value>, SpecError> {
        let wrong = || SpecError::WrongType {
            path: path.join("."),
            want: "a list",
        };
        let (last, parents) = path.split_last().ok_or_else(wrong)?;
        let slot = self
            .object(parents)?
            .entry((*last).to_owned())
            .or_insert_with(|| Value::Array(Vec::new()));
        if slot.is_null() {
            *slot = Value::Array(Vec::new());
        }
        slot.as_array_mut().ok_or_else(wrong)
    }

    /// Returns `root.path`.
    pub fn root_path(&self) -> Option<&str> {
        self.get(&["root", "path"])?.as_str()
    }

    /// Tells whether the process wants a terminal.
    pub fn terminal(&self) -> bool {
        self.get(&["process", "terminal"])
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_survive_an_edit() {
        let bytes = br#"{"zzz":{"a":[1,{"b":null}]},"process":{"new":true,"cwd":"/"},"aaa":1.5}"#;
        let mut spec = Spec::parse(bytes).unwrap();
        spec.set(&["process", "cwd"], "/w").unwrap();
        spec.set(&["root", "path"], "/r").unwrap();
        let text = String::from_utf8(spec.to_json().unwrap()).unwrap();
        let want = "{\n\t\"aaa\": 1.5,\n\t\"process\": {\n\t\t\"cwd\": \"/w\",\n\t\t\"new\": true\n\t},\n\t\"root\": {\n\t\t\"path\": \"/r\"\n\t},\n\t\"zzz\": {\n\t\t\"a\": [\n\t\t\t1,\n\t\t\t{\n\t\t\t\t\"b\": null\n\t\t\t}\n\t\t]\n\t}\n}\n";
        assert_eq!(text, want);
        spec.remove(&["process", "missing", "deeper"]);
        spec.remove(&["zzz"]);
        assert_eq!(spec.get(&["zzz"]), None);
    }

    #[test]
    fn wrong_types_are_errors_not_panics() {
        let mut spec = Spec::parse(br#"{"process":[],"mounts":{},"linux":null}"#).unwrap();
        let error = spec.set(&["process", "user", "uid"], 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "member process of config.json is not an object"
        );
        let error = spec.list(&["mounts"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "member mounts of config.json is not a list"
        );
        spec.set(&["linux", "cgroupsPath"], "/x").unwrap();
        assert!(Spec::parse(b"[]").is_err());
        assert!(Spec::parse(br#"{"a":1,"a":2}"#).is_err());
    }
}
