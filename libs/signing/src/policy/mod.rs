//! policy.json: which images are accepted (containers-policy.json.5).
//!
//! ```text
//! {"default": [REQUIREMENT, …],
//!  "transports": {"docker": {"SCOPE": [REQUIREMENT, …], "": […]}, …}}
//! ```
//!
//! The scope that applies is the most specific one that is listed for the image's transport, then
//! `""`, then `default`; nothing is inherited from the others. All of its requirements must be
//! satisfied, each by any one signature.
//!
//! A policy that is not understood to the last member is not used at all. The exceptions are
//! those of the reference: the scopes of transports that are not known here are not checked.

mod evaluate;
mod identity;
mod image_identity;
mod keys;
mod reader;
mod requirement;
mod scope;

pub use evaluate::{Evaluation, Reason, Rejected};
pub use identity::SignedIdentity;
pub use image_identity::ImageIdentity;
pub use keys::{FsKeys, KeySource};
pub use reader::{Fault, PolicyError};
pub use requirement::{
    CaSource, Fulcio, KeyFiles, KeyType, Pki, Requirement, SignedBy, SigstoreKeys, SigstoreSigned,
};

use std::collections::BTreeMap;

use oci::json;
use serde_json::Value;

use reader::Node;

/// Most bytes of a policy; the largest that are known have a few hundred scopes.
pub const POLICY_BYTES: u64 = 4 << 20;

/// The requirements of each scope of one transport.
pub type Scopes = BTreeMap<String, Vec<Requirement>>;

/// A policy that was read to its last member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    default: Vec<Requirement>,
    transports: BTreeMap<String, Scopes>,
}

impl Policy {
    /// Parses a policy.
    ///
    /// # Errors
    /// Anything that is not in the grammar: the path of the offending member, what is wrong with
    /// it and what would be allowed.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let document = json::parse_with(bytes, POLICY_BYTES, json::Keys::Exact)?;
        let top = Node::root(&document).object(&["default", "transports"])?;
        let default = requirements(&top.required("default")?)?;
        let mut transports = BTreeMap::new();
        if let Some(node) = top.optional("transports") {
            for (name, node) in node.members()? {
                transports.insert(name.to_owned(), scopes(name, &node)?);
            }
        }
        Ok(Self {
            default,
            transports,
        })
    }

    /// Returns what applies where no scope does.
    pub fn default_requirements(&self) -> &[Requirement] {
        &self.default
    }

    /// Returns the scopes of each transport, for showing; [`Policy::evaluate`] chooses among them.
    pub fn transports(&self) -> &BTreeMap<String, Scopes> {
        &self.transports
    }

    /// Returns the scope that applies to an image, as a verdict names it, and its requirements.
    pub fn requirements_for(&self, identity: &ImageIdentity) -> (String, &[Requirement]) {
        let transport = &identity.transport;
        if let Some(scopes) = self.transports.get(transport) {
            for scope in identity.scopes.iter().filter(|scope| !scope.is_empty()) {
                if let Some(requirements) = scopes.get(scope) {
                    return (format!("{transport}: {scope}"), requirements);
                }
            }
            if let Some(requirements) = scopes.get("") {
                return (format!("{transport}: \"\""), requirements);
            }
        }
        ("default".to_owned(), &self.default)
    }

    /// Tells whether the judgement of an image depends on its signatures.
    pub fn looks_at_signatures(&self, identity: &ImageIdentity) -> bool {
        let (_, requirements) = self.requirements_for(identity);
        requirements.iter().any(Requirement::looks_at_signatures)
    }
}

fn scopes(transport: &str, node: &Node<'_>) -> Result<Scopes, PolicyError> {
    let mut scopes = Scopes::new();
    for (name, node) in node.members()? {
        if !name.is_empty()
            && let Err(allowed) = scope::check(transport, name)
        {
            return Err(node.fault(Fault::BadScope { allowed }));
        }
        scopes.insert(name.to_owned(), requirements(&node)?);
    }
    Ok(scopes)
}

fn requirements(node: &Node<'_>) -> Result<Vec<Requirement>, PolicyError> {
    let items = node.items()?;
    if items.is_empty() {
        return Err(node.fault(Fault::NoRequirements));
    }
    items.iter().map(Requirement::read).collect()
}

/// Names the type of a JSON value in an error.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
