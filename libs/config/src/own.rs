//! Our own configuration file: what no file of the other tools can say.
//!
//! `docs/formats/own-config.md` describes it. The system's file and the user's add up.

use std::path::Path;

use serde::Deserialize;

use crate::{ConfigError, Environment, read};

/// Where the file lies, below `/etc` and below the user's configuration directory.
pub const FILE: &str = "containers/ocitools.toml";

/// A registry that may send clients to another host for tokens.
///
/// The registry chooses the realm, and the realm gets the password; so a realm on another host
/// than the registry's is used for pairs that are listed only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRealm {
    /// The registry, `HOST[:PORT]` as in a reference.
    pub registry: String,
    /// The host that gives its tokens, `HOST[:PORT]`.
    pub realm: String,
}

/// What our own file says, with the pairs that are built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnConfig {
    /// Which registry's tokens may come from where.
    pub token_realms: Vec<TokenRealm>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "token-realm")]
    token_realms: Vec<TokenRealm>,
}

/// Registries whose operator is known to give tokens elsewhere.
const BUILT_IN: &[(&str, &str)] = &[("docker.io", "auth.docker.io")];

impl Default for OwnConfig {
    fn default() -> Self {
        let token_realms = BUILT_IN
            .iter()
            .map(|(registry, realm)| TokenRealm {
                registry: (*registry).to_owned(),
                realm: (*realm).to_owned(),
            })
            .collect();
        Self { token_realms }
    }
}

impl OwnConfig {
    /// Reads the system's file and then the user's; neither need exist.
    ///
    /// # Errors
    /// A file that cannot be read or says what is not known.
    pub fn load(env: &Environment) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let places = [
            Some(env.system(&format!("/etc/{FILE}"))),
            env.in_user_config(FILE),
        ];
        for path in places.into_iter().flatten() {
            if let Some(bytes) = read::optional(&path)? {
                config.add(&path, &read::text(&path, bytes)?)?;
            }
        }
        Ok(config)
    }

    /// Returns the pairs as `(registry, realm)`.
    pub fn realm_pairs(&self) -> Vec<(String, String)> {
        self.token_realms
            .iter()
            .map(|pair| (pair.registry.clone(), pair.realm.clone()))
            .collect()
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let file: File = toml::from_str(text).map_err(|source| ConfigError::Toml {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        for (place, pair) in file.token_realms.into_iter().enumerate() {
            for (member, host) in [("registry", &pair.registry), ("realm", &pair.realm)] {
                if oci::Repository::new(host, "x").is_err() {
                    return Err(ConfigError::Invalid {
                        path: path.to_owned(),
                        place: format!("token-realm[{place}].{member}"),
                        problem: "not of the form HOST[:PORT]",
                    });
                }
            }
            if !self.token_realms.contains(&pair) {
                self.token_realms.push(pair);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::Place;

    #[test]
    fn files_add_to_what_is_built_in() {
        let place = Place::new();
        let env = place.env(0, &[]);
        assert_eq!(OwnConfig::load(&env).unwrap(), OwnConfig::default());
        assert!(
            OwnConfig::default()
                .realm_pairs()
                .contains(&("docker.io".into(), "auth.docker.io".into()))
        );
        let table = |registry: &str, realm: &str| {
            format!("[[token-realm]]\nregistry = {registry:?}\nrealm = {realm:?}\n")
        };
        place.write("root/etc/containers/ocitools.toml", table("r:5000", "a"));
        place.write(
            "home/.config/containers/ocitools.toml",
            table("r:5000", "a") + &table("s", "b:1"),
        );
        let built_in = OwnConfig::default().token_realms.len();
        let pairs = OwnConfig::load(&env).unwrap().realm_pairs();
        assert_eq!(
            pairs[built_in..],
            [("r:5000".into(), "a".into()), ("s".into(), "b:1".into())]
        );
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let table = [
            ("token_realms = []", "unknown field"),
            ("[[token-realm]]\nregistry = \"r\"", "missing field"),
            (
                "[[token-realm]]\nregistry = \"r\"\nrealm = \"https://a\"",
                "token-realm[0].realm",
            ),
            ("x", "line 1"),
        ];
        for (text, want) in table {
            let path = place.write("root/etc/containers/ocitools.toml", text);
            let error = OwnConfig::load(&env).unwrap_err();
            let mut shown = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                shown += &source.to_string();
            }
            assert!(
                shown.contains(path.to_str().unwrap()) && shown.contains(want),
                "{shown}"
            );
        }
    }
}
