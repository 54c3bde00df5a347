//! One entry of `auths`: what it may hold, and what that means.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Credential;
use crate::Secret;

/// Reads an entry. One that says nothing, as docker leaves behind for a helper, is anonymous.
///
/// Errors never quote the entry: a secret in the wrong place would be printed.
pub(super) fn read(entry: &Value) -> Result<Credential, &'static str> {
    let members = match entry {
        Value::Object(members) => members,
        Value::Null => return Ok(Credential::Anonymous),
        _ => return Err("entry is no object"),
    };
    let text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err("a member of the entry is no text"),
    };
    let registry_token = text("registrytoken")?;
    if !registry_token.is_empty() {
        return Ok(Credential::RegistryToken(Secret::new(registry_token)));
    }
    let identity_token = text("identitytoken")?;
    if !identity_token.is_empty() {
        return Ok(Credential::IdentityToken(Secret::new(identity_token)));
    }
    let (auth, username) = (text("auth")?, text("username")?);
    if auth.is_empty() {
        if username.is_empty() {
            return Ok(Credential::Anonymous);
        }
        return Ok(Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(text("password")?),
        });
    }
    let decoded = STANDARD.decode(auth).map_err(|_| "auth is no base64")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "auth is no UTF-8")?;
    // Without a colon the entry is passed over, as docker does.
    Ok(match decoded.split_once(':') {
        None => Credential::Anonymous,
        Some((username, password)) => Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(password.trim_matches('\0')),
        },
    })
}

/// Makes the value of `auth`.
pub(super) fn encode(username: &str, password: &Secret) -> String {
    STANDARD.encode(format!("{username}:{}", password.expose()))
}
