//! Walks a JSON document and knows where it is, so that an error can say so.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use oci::json::JsonError;
use serde_json::{Map, Value};

use super::type_name;

/// What is wrong with a member of a policy, and what is allowed in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The member must be there.
    #[error("is missing")]
    Missing,
    /// The member must not be there.
    #[error("is not known here (allowed: {})", .allowed.join(", "))]
    Unknown {
        /// The members that may be there.
        allowed: &'static [&'static str],
    },
    /// The value has another type.
    #[error("must be {want}, is {got}")]
    WrongType {
        /// The type that is wanted.
        want: &'static str,
        /// The type that is there.
        got: &'static str,
    },
    /// The text is none of those that are allowed.
    #[error("{got:?} is not known (allowed: {})", .allowed.join(", "))]
    UnknownValue {
        /// The text.
        got: String,
        /// The texts that are allowed.
        allowed: &'static [&'static str],
    },
    /// The list of requirements is empty, which could be taken for "nothing is required".
    #[error("must hold at least one requirement (to accept anything: insecureAcceptAnything)")]
    NoRequirements,
    /// The list is empty.
    #[error("must hold at least one entry")]
    EmptyList,
    /// None or several of members that exclude each other.
    #[error("needs {how} of {}, has {}", .of.join(", "), if .got.is_empty() { "none".to_owned() } else { .got.join(", ") })]
    Choice {
        /// How many are needed: `exactly one`, `at most one`, `at least one`.
        how: &'static str,
        /// The members.
        of: &'static [&'static str],
        /// Those that are there and not empty.
        got: Vec<&'static str>,
    },
    /// A member that its neighbour forbids.
    #[error("cannot be combined with {with}")]
    Forbidden {
        /// The neighbour.
        with: &'static str,
    },
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is no base64.
    #[error("must be base64: {0}")]
    Base64(String),
    /// The text is no reference of the form that is wanted.
    #[error("{got:?} must be {want}")]
    Reference {
        /// The text.
        got: String,
        /// What is wanted.
        want: &'static str,
    },
    /// The scope can never match an image of its transport.
    #[error("is no scope of this transport (allowed: {allowed})")]
    BadScope {
        /// What scopes of the transport look like.
        allowed: &'static str,
    },
}

/// Why a policy is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document is no JSON, or JSON that two readers would read differently.
    #[error("policy is not acceptable JSON")]
    Json(#[from] JsonError),
    /// A member is not in the grammar.
    #[error("{path} {fault}")]
    Member {
        /// The member: `$.transports.docker["r.example/app"][0].keyPath`.
        path: String,
        /// What is wrong.
        fault: Fault,
    },
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// An object all of whose members are known.
pub(super) struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: "$".to_owned(),
        }
    }

    pub(super) fn fault(&self, fault: Fault) -> PolicyError {
        PolicyError::Member {
            path: self.path.clone(),
            fault,
        }
    }

    fn wrong_type(&self, want: &'static str) -> PolicyError {
        self.fault(Fault::WrongType {
            want,
            got: type_name(self.value),
        })
    }

    fn map(&self) -> Result<&'a Map<String, Value>, PolicyError> {
        (self.value.as_object()).ok_or_else(|| self.wrong_type("an object"))
    }

    /// Reads an object that may have the members `allowed` and no others.
    pub(super) fn object(
        &self,
        allowed: &'static [&'static str],
    ) -> Result<Object<'a>, PolicyError> {
        let members = self.map()?;
        for name in members.keys() {
            if !allowed.contains(&name.as_str()) {
                return Err(PolicyError::Member {
                    path: member_path(&self.path, name),
                    fault: Fault::Unknown { allowed },
                });
            }
        }
        Ok(Object {
            members,
            path: self.path.clone(),
        })
    }

    /// Reads an object with members of any name.
    pub(super) fn members(
        &self,
    ) -> Result<impl Iterator<Item = (&'a str, Node<'a>)> + use<'a>, PolicyError> {
        let path = self.path.clone();
        Ok(self.map()?.iter().map(move |(name, value)| {
            let path = member_path(&path, name);
            (name.as_str(), Node { value, path })
        }))
    }

    /// Returns the value of a member before it is known which others are allowed beside it.
    pub(super) fn peek(&self, name: &str) -> Result<Node<'a>, PolicyError> {
        Object {
            members: self.map()?,
            path: self.path.clone(),
        }
        .required(name)
    }

    pub(super) fn items(&self) -> Result<Vec<Node<'a>>, PolicyError> {
        let items = (self.value.as_array()).ok_or_else(|| self.wrong_type("an array"))?;
        Ok(items
            .iter()
            .enumerate()
            .map(|(at, value)| Node {
                value,
                path: format!("{}[{at}]", self.path),
            })
            .collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, PolicyError> {
        (self.value.as_str()).ok_or_else(|| self.wrong_type("a string"))
    }

    pub(super) fn texts(&self) -> Result<Vec<&'a str>, PolicyError> {
        self.items()?.iter().map(Node::text).collect()
    }

    pub(super) fn base64(&self) -> Result<Vec<u8>, PolicyError> {
        let text = self.text()?;
        // Go's decoder passes over line breaks, so keys pasted with them are in use.
        let digits: Vec<u8> = text
            .bytes()
            .filter(|b| !matches!(b, b'\r' | b'\n'))
            .collect();
        GO_BASE64
            .decode(digits)
            .map_err(|error| self.fault(Fault::Base64(error.to_string())))
    }

    pub(super) fn base64s(&self) -> Result<Vec<Vec<u8>>, PolicyError> {
        self.items()?.iter().map(Node::base64).collect()
    }
}

/// Go's `base64.StdEncoding`: padding is needed, spare bits of the last digit are not looked at.
const GO_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

impl<'a> Object<'a> {
    pub(super) fn fault(&self, fault: Fault) -> PolicyError {
        PolicyError::Member {
            path: self.path.clone(),
            fault,
        }
    }

    pub(super) fn optional(&self, name: &str) -> Option<Node<'a>> {
        self.members.get(name).map(|value| Node {
            value,
            path: member_path(&self.path, name),
        })
    }

    pub(super) fn required(&self, name: &str) -> Result<Node<'a>, PolicyError> {
        self.optional(name).ok_or_else(|| PolicyError::Member {
            path: member_path(&self.path, name),
            fault: Fault::Missing,
        })
    }

    /// Returns the one member of `of` that is there.
    pub(super) fn exactly_one(
        &self,
        of: &'static [&'static str],
    ) -> Result<(&'static str, Node<'a>), PolicyError> {
        let mut got: Vec<_> = (of.iter())
            .filter_map(|&name| Some((name, self.optional(name)?)))
            .collect();
        match (got.pop(), got.is_empty()) {
            (Some(one), true) => Ok(one),
            (last, _) => {
                got.extend(last);
                Err(self.fault(Fault::Choice {
                    how: "exactly one",
                    of,
                    got: got.into_iter().map(|(name, _)| name).collect(),
                }))
            }
        }
    }

    /// Returns the one member of `of` that is there, if any.
    pub(super) fn at_most_one(
        &self,
        of: &'static [&'static str],
    ) -> Result<Option<(&'static str, Node<'a>)>, PolicyError> {
        let mut got: Vec<_> = (of.iter())
            .filter_map(|&name| Some((name, self.optional(name)?)))
            .collect();
        match (got.pop(), got.is_empty()) {
            (one, true) => Ok(one),
            (last, false) => {
                got.extend(last);
                Err(self.fault(Fault::Choice {
                    how: "at most one",
                    of,
                    got: got.into_iter().map(|(name, _)| name).collect(),
                }))
            }
        }
    }
}

/// Appends a member to a path; names that are no identifiers are quoted.
fn member_path(path: &str, name: &str) -> String {
    /// Paths stand in error texts, which must not grow with foreign input.
    const SHOWN: usize = 200;
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain && name.len() <= SHOWN {
        return format!("{path}.{name}");
    }
    let shown: String = name.chars().take(SHOWN).collect();
    format!("{path}[{shown:?}]")
}
