//! Mirrors, blocked and insecure registries (containers-registries.conf(5), version 2).
//!
//! The main file is the first that exists of the user's, `/etc`'s and `/usr/share`'s. Drop-ins come
//! from all three, a name of the user's hiding the same one of the system's; they are applied in
//! the order of their names, each replacing what it says again.
//! `$CONTAINERS_REGISTRIES_CONF` stands in for all of these;
//! `$CONTAINERS_REGISTRIES_CONF_OVERRIDE` is applied last.

mod file;
mod matching;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use oci::{Reference, Repository};

use crate::{ConfigError, Environment, read};

pub use file::{PullFromMirror, ShortNameMode};

/// Stands among the credential helpers for the files of containers-auth.json(5).
pub const AUTH_FILES: &str = "containers-auth.json";

/// What registries.conf and its drop-ins say together.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    registries: BTreeMap<String, Registry>,
    unqualified_search: Vec<String>,
    short_name_mode: Option<ShortNameMode>,
    credential_helpers: Vec<String>,
    aliases: BTreeMap<String, String>,
}

/// One `[[registry]]`, by its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Registry {
    /// What replaces the prefix; `None` leaves the name as it is.
    location: Option<String>,
    insecure: bool,
    blocked: bool,
    mirrors: Vec<Mirror>,
    mirror_by_digest_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    location: String,
    insecure: bool,
    pull: PullFromMirror,
}

/// Where an image may be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The repository there.
    pub repository: Repository,
    /// Whether TLS need not be verified, nor be there.
    pub insecure: bool,
    /// Whether the place must not be contacted.
    pub blocked: bool,
}

/// All places where an image may be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The registry itself.
    pub primary: Endpoint,
    /// What is tried before it, in this order; for reading images only.
    pub mirrors: Vec<Endpoint>,
}

impl Registries {
    /// Reads the configuration; `asked` stands in for all files, as
    /// `$CONTAINERS_REGISTRIES_CONF` does.
    ///
    /// # Errors
    /// Files that cannot be read, are of version 1, or contradict themselves.
    pub fn load(env: &Environment, asked: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let asked = asked
            .map(Path::to_owned)
            .or_else(|| env.path_var("CONTAINERS_REGISTRIES_CONF"));
        if let Some(path) = asked {
            config.apply(file::parse(&path, read::required(&path)?)?);
        } else {
            for path in main_files(env) {
                if let Some(bytes) = read::optional(&path)? {
                    config.apply(file::parse(&path, bytes)?);
                    break;
                }
            }
            for path in drop_ins(env)? {
                // A file that is gone since the directory was read is none.
                if let Some(bytes) = read::optional(&path)? {
                    config.apply(file::parse(&path, bytes)?);
                }
            }
        }
        if let Some(path) = env.path_var("CONTAINERS_REGISTRIES_CONF_OVERRIDE") {
            config.apply(file::parse(&path, read::required(&path)?)?);
        }
        Ok(config)
    }

    fn apply(&mut self, file: file::Parsed) {
        self.registries.extend(file.registries);
        if let Some(search) = file.unqualified_search {
            self.unqualified_search = search;
        }
        if let Some(helpers) = file.credential_helpers {
            self.credential_helpers = helpers;
        }
        if file.short_name_mode.is_some() {
            self.short_name_mode = file.short_name_mode;
        }
        for (name, value) in file.aliases {
            if value.is_empty() {
                self.aliases.remove(&name);
            } else {
                self.aliases.insert(name, value);
            }
        }
    }

    /// Returns where `reference` may be read: by digest, by tag, or by neither, since mirrors may be
    /// for one of them only.
    ///
    /// A place is blocked when the name there is; the registry itself also when the name that was
    /// asked for is. So a blocked registry can still be read through its mirrors, which is how
    /// clusters forbid the source and keep the mirror.
    ///
    /// # Errors
    /// A location that makes no name of a repository.
    pub fn resolve(&self, reference: &Reference) -> Result<Resolved, ConfigError> {
        let name = reference.repository().to_string();
        let Some((prefix, registry, matched)) = self.find(&name) else {
            return Ok(Resolved {
                primary: Endpoint {
                    repository: reference.repository().clone(),
                    insecure: false,
                    blocked: false,
                },
                mirrors: Vec::new(),
            });
        };
        let rewrite = |location: Option<&str>| match location {
            None => Ok(reference.repository().clone()),
            Some(location) if location == prefix => Ok(reference.repository().clone()),
            Some(location) => Repository::parse(&format!("{location}{}", &name[matched..]))
                .map_err(|source| ConfigError::Location {
                    location: location.to_owned(),
                    name: name.clone(),
                    source,
                }),
        };
        let by_digest = reference.digest().is_some();
        let mut mirrors = Vec::new();
        for mirror in &registry.mirrors {
            let used = match mirror.pull {
                _ if registry.mirror_by_digest_only => by_digest,
                PullFromMirror::All => true,
                PullFromMirror::DigestOnly => by_digest,
                PullFromMirror::TagOnly => !by_digest,
            };
            if used {
                mirrors.push(self.endpoint(rewrite(Some(&mirror.location))?, mirror.insecure));
            }
        }
        let mut primary = self.endpoint(rewrite(registry.location.as_deref())?, registry.insecure);
        primary.blocked |= registry.blocked;
        Ok(Resolved { primary, mirrors })
    }

    fn endpoint(&self, repository: Repository, insecure: bool) -> Endpoint {
        let there = self
            .find(&repository.to_string())
            .map(|(_, registry, _)| registry);
        Endpoint {
            repository,
            insecure: insecure || there.is_some_and(|registry| registry.insecure),
            blocked: there.is_some_and(|registry| registry.blocked),
        }
    }

    /// Returns the registry with the longest prefix of `name`, with the prefix and how much of the
    /// name it stands for.
    fn find(&self, name: &str) -> Option<(&str, &Registry, usize)> {
        self.registries
            .iter()
            .filter_map(|(prefix, registry)| {
                Some((prefix.as_str(), registry, matching::prefix(name, prefix)?))
            })
            .max_by_key(|(prefix, _, _)| prefix.len())
    }

    /// Returns the global credential helpers in their order; [`AUTH_FILES`] stands for the files,
    /// and alone when nothing is configured.
    pub fn credential_helpers(&self) -> Vec<&str> {
        if self.credential_helpers.is_empty() {
            return vec![AUTH_FILES];
        }
        self.credential_helpers.iter().map(String::as_str).collect()
    }

    /// Returns the hosts where names without host are looked for. Nothing here does so: names
    /// without host are docker.io's.
    pub fn unqualified_search(&self) -> &[String] {
        &self.unqualified_search
    }

    /// Returns what is to be done with names without host.
    pub fn short_name_mode(&self) -> ShortNameMode {
        self.short_name_mode.unwrap_or_default()
    }

    /// Returns the full name that a short one stands for.
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }
}

/// The places of the main file, the one that hides the others first.
fn main_files(env: &Environment) -> impl Iterator<Item = PathBuf> {
    env.in_user_config("containers/registries.conf")
        .into_iter()
        .chain([
            env.system("/etc/containers/registries.conf"),
            env.system("/usr/share/containers/registries.conf"),
        ])
}

/// The drop-ins in the order in which they apply.
fn drop_ins(env: &Environment) -> Result<Vec<PathBuf>, ConfigError> {
    let levels = [
        Some(env.system("/usr/share/containers")),
        Some(env.system("/etc/containers")),
        env.in_user_config("containers"),
    ];
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for level in levels.into_iter().flatten() {
        let mut directories = vec![level.join("registries.conf.d")];
        if env.uid == 0 {
            directories.push(level.join("registries.rootful.conf.d"));
        } else {
            let rootless = level.join("registries.rootless.conf.d");
            directories.push(rootless.clone());
            directories.push(rootless.join(env.uid.to_string()));
        }
        for directory in directories {
            for name in read::directory(&directory)? {
                let path = directory.join(&name);
                if path
                    .extension()
                    .is_some_and(|extension| extension == "conf")
                    && !path.is_dir()
                {
                    by_name.insert(name, path);
                }
            }
        }
    }
    Ok(by_name.into_values().collect())
}
