//! One file of credentials: reading, and looking a key up.

use std::path::{Path, PathBuf};

use oci::json::{self, Keys};
use serde_json::{Map, Value};

use super::{Credential, Place, entry, helper};
use crate::{ConfigError, Environment, read};

/// The key and server name that docker has for docker.io.
pub(super) const DOCKER_KEY: &str = "https://index.docker.io/v1/";

/// The members of a file of credentials, unknown ones included.
pub(super) struct AuthFile {
    path: PathBuf,
    legacy: bool,
    members: Map<String, Value>,
}

impl AuthFile {
    /// Reads a file; one that does not exist is `None`.
    pub(super) fn read(place: &Place) -> Result<Option<Self>, ConfigError> {
        let Some(members) = members(&place.path)? else {
            return Ok(None);
        };
        let members = if place.legacy {
            Map::from_iter([("auths".to_owned(), Value::Object(members))])
        } else {
            members
        };
        Ok(Some(Self {
            path: place.path.clone(),
            legacy: place.legacy,
            members,
        }))
    }

    /// Looks up `key`, a host or something below one.
    pub(super) fn find(&self, env: &Environment, key: &str) -> Result<Credential, ConfigError> {
        let host = key.split('/').next().unwrap_or(key);
        if let Some((server, helper)) = self.helper(host)? {
            return helper::get(env, helper, server);
        }
        let empty = Map::new();
        let auths = self.object("auths")?.unwrap_or(&empty);
        if let Some((key, value)) = look_up(auths, key, host, self.legacy) {
            let credential = entry::read(value)
                .map_err(|problem| self.refuse(format!("auths[{key:?}]"), problem))?;
            if credential != Credential::Anonymous {
                return Ok(credential);
            }
        }
        match self.text("credsStore")? {
            None | Some("") => Ok(Credential::Anonymous),
            Some(store) => {
                let server = if host == "docker.io" {
                    DOCKER_KEY
                } else {
                    host
                };
                helper::get(env, store, server)
            }
        }
    }

    /// Returns the helper for a host, with the name that it knows the host by. Keys are hosts, but
    /// docker has its own for docker.io.
    fn helper<'a>(&'a self, host: &'a str) -> Result<Option<(&'a str, &'a str)>, ConfigError> {
        let Some(helpers) = self.object("credHelpers")? else {
            return Ok(None);
        };
        let names: &[&str] = match host {
            "docker.io" => &["docker.io", DOCKER_KEY, "index.docker.io"],
            _ => &[host],
        };
        for name in names {
            match helpers.get_key_value(*name) {
                None | Some((_, Value::Null)) => {}
                Some((key, Value::String(helper))) => {
                    return Ok((!helper.is_empty()).then_some((key, helper)));
                }
                Some(_) => return Err(self.refuse(format!("credHelpers[{name:?}]"), "no text")),
            }
        }
        Ok(None)
    }

    fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, ConfigError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.refuse(name.to_owned(), "no object")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refuse(name.to_owned(), "no text")),
        }
    }

    fn refuse(&self, place: String, problem: &'static str) -> ConfigError {
        ConfigError::Invalid {
            path: self.path.clone(),
            place,
            problem,
        }
    }
}

/// Reads the members of a file; one that does not exist is `None`.
pub(super) fn members(path: &Path) -> Result<Option<Map<String, Value>>, ConfigError> {
    let Some(bytes) = read::optional(path)? else {
        return Ok(None);
    };
    let value = json::parse_with(&bytes, read::FILE_BYTES, Keys::Exact).map_err(|source| {
        ConfigError::Json {
            path: path.to_owned(),
            source,
        }
    })?;
    match value {
        Value::Object(members) => Ok(Some(members)),
        _ => Err(ConfigError::Invalid {
            path: path.to_owned(),
            place: "document".to_owned(),
            problem: "no object",
        }),
    }
}

fn look_up<'a>(
    auths: &'a Map<String, Value>,
    key: &str,
    host: &str,
    legacy: bool,
) -> Option<(&'a String, &'a Value)> {
    let mut scope = if legacy { host } else { key };
    loop {
        if let Some(found) = auths.get_key_value(scope) {
            return Some(found);
        }
        match scope.rsplit_once('/') {
            Some((parent, _)) => scope = parent,
            None => break,
        }
    }
    let wanted = normal_host(host);
    auths
        .iter()
        .find(|(key, _)| normal_host(host_of_key(key, legacy)) == wanted)
}

/// Returns the host of a key that may be a URL; `docker login` wrote such keys for years.
fn host_of_key(key: &str, legacy: bool) -> &str {
    let stripped = key
        .strip_prefix("http://")
        .or_else(|| key.strip_prefix("https://"));
    match stripped {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None if legacy => key.split('/').next().unwrap_or(key),
        None => key,
    }
}

fn normal_host(host: &str) -> &str {
    match host {
        "docker.io" | "registry-1.docker.io" => "index.docker.io",
        other => other,
    }
}
