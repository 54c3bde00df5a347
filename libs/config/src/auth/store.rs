//! Storing and removing credentials, for login and logout.
//!
//! A file is replaced, never written in place: it is complete or it is the old one. It has mode
//! 0600, a directory that had to be made 0700. Members that are not known stay. Who changes a file
//! holds `flock(2)` of its directory, from before it is read until it is replaced, so that two
//! logins at once are both remembered; no lock file stays behind.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value};

use super::file::{self, DOCKER_KEY};
use super::{entry, helper, runtime_file};
use crate::registries::AUTH_FILES;
use crate::{ConfigError, Environment, Secret};

/// The file that is changed, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthTarget {
    /// An auth.json, which several tools share.
    AuthJson(PathBuf),
    /// Docker's own config.json: it knows hosts only, and has a key of its own for docker.io.
    Docker(PathBuf),
}

impl AuthTarget {
    /// Chooses the file: the one that was asked for, `$REGISTRY_AUTH_FILE`,
    /// `$DOCKER_CONFIG/config.json` in docker's form, or the auth.json of this session.
    pub fn choose(env: &Environment, authfile: Option<&Path>, docker: Option<&Path>) -> Self {
        match (authfile, docker) {
            (Some(path), _) => Self::AuthJson(path.to_owned()),
            (None, Some(path)) => Self::Docker(path.to_owned()),
            (None, None) => match (
                env.path_var("REGISTRY_AUTH_FILE"),
                env.path_var("DOCKER_CONFIG"),
            ) {
                (Some(path), _) => Self::AuthJson(path),
                (None, Some(directory)) => Self::Docker(directory.join("config.json")),
                (None, None) => Self::AuthJson(runtime_file(env)),
            },
        }
    }

    /// Returns the file that was asked for by argument or variable; without one, several are read.
    pub fn asked(
        env: &Environment,
        authfile: Option<&Path>,
        docker: Option<&Path>,
    ) -> Option<Self> {
        let by_default = Self::AuthJson(runtime_file(env));
        let chosen = Self::choose(env, authfile, docker);
        let asked = authfile.is_some() || docker.is_some() || chosen != by_default;
        asked.then_some(chosen)
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        match self {
            Self::AuthJson(path) | Self::Docker(path) => path,
        }
    }
}

/// Where a credential was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// In the file.
    File(PathBuf),
    /// By this helper.
    Helper(String),
}

/// Where a credential was removed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// From the file.
    pub file: bool,
    /// From a helper.
    pub helper: bool,
}

/// Stores user and password for `key` (`HOST[:PORT][/NAMESPACE...]`): with the first of the global
/// `helpers` of registries.conf that takes it, among which [`AUTH_FILES`] stands for the file, or
/// for the helper that the file names for the host. Docker's own file knows no global helpers.
///
/// # Errors
/// A key that is none, a file that cannot be read or written; the first failure, where no helper
/// takes it.
pub fn store(
    env: &Environment,
    target: &AuthTarget,
    helpers: &[&str],
    key: &str,
    username: &str,
    password: &Secret,
) -> Result<Stored, ConfigError> {
    let path = target.path();
    let key = match target {
        AuthTarget::AuthJson(_) => Key::new(key)?,
        AuthTarget::Docker(_) => {
            return store_in(env, path, &Key::of_docker(key)?, true, username, password);
        }
    };
    let mut failure = None;
    for name in helpers {
        let stored = match *name {
            AUTH_FILES => store_in(env, path, &key, false, username, password),
            name => key.for_helper().and_then(|key| {
                helper::store(env, name, key, username, password)?;
                Ok(Stored::Helper(name.to_owned()))
            }),
        };
        match stored {
            Ok(stored) => return Ok(stored),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| ConfigError::Key {
        key: key.text.to_owned(),
        problem: "there is no place to store credentials in",
    }))
}

fn store_in(
    env: &Environment,
    path: &Path,
    key: &Key<'_>,
    docker: bool,
    username: &str,
    password: &Secret,
) -> Result<Stored, ConfigError> {
    let mut members = file::members(path)?.unwrap_or_default();
    if let Some(name) = helper_for(path, &mut members, key.text, docker)? {
        helper::store(env, &name, key.for_helper()?, username, password)?;
        return Ok(Stored::Helper(name));
    }
    edit(path, |members| {
        let auth = serde_json::json!({"auth": entry::encode(username, password)});
        object(path, members, "auths")?.insert(key.text.to_owned(), auth);
        Ok(true)
    })?;
    Ok(Stored::File(path.to_owned()))
}

/// Removes what is stored for `key`, from the file and from all helpers that know it.
///
/// # Errors
/// A key that is none, a file that cannot be read or written, a helper that fails.
pub fn remove(
    env: &Environment,
    target: &AuthTarget,
    helpers: &[&str],
    key: &str,
) -> Result<Removed, ConfigError> {
    let path = target.path();
    let key = match target {
        AuthTarget::AuthJson(_) => Key::new(key)?,
        AuthTarget::Docker(_) => return remove_in(env, path, &Key::of_docker(key)?, true),
    };
    let mut removed = Removed::default();
    for name in helpers {
        match *name {
            AUTH_FILES => {
                let here = remove_in(env, path, &key, false)?;
                removed.file |= here.file;
                removed.helper |= here.helper;
            }
            // A helper has nothing for a namespace.
            name => {
                if let Ok(key) = key.for_helper() {
                    removed.helper |= helper::erase(env, name, key)?;
                }
            }
        }
    }
    Ok(removed)
}

fn remove_in(
    env: &Environment,
    path: &Path,
    key: &Key<'_>,
    docker: bool,
) -> Result<Removed, ConfigError> {
    let Some(mut members) = file::members(path)? else {
        return Ok(Removed::default());
    };
    let mut removed = Removed::default();
    if let (Some(name), Ok(key)) = (
        helper_for(path, &mut members, key.text, docker)?,
        key.for_helper(),
    ) {
        removed.helper = helper::erase(env, &name, key)?;
    }
    removed.file = edit(path, |members| {
        Ok(object(path, members, "auths")?.remove(key.text).is_some())
    })?;
    Ok(removed)
}

/// Removes everything that is stored in the file, by the helpers that it names, and by the global
/// `helpers`; one that is not installed has nothing.
///
/// # Errors
/// A file that cannot be read or written, a helper that fails.
pub fn remove_all(
    env: &Environment,
    target: &AuthTarget,
    helpers: &[&str],
) -> Result<(), ConfigError> {
    if let AuthTarget::Docker(path) = target {
        return remove_all_in(env, path);
    }
    for name in helpers {
        if *name == AUTH_FILES {
            remove_all_in(env, target.path())?;
            continue;
        }
        for server in helper::list(env, name)? {
            helper::erase(env, name, &server)?;
        }
    }
    Ok(())
}

fn remove_all_in(env: &Environment, path: &Path) -> Result<(), ConfigError> {
    let mut members = file::members(path)?.unwrap_or_default();
    let helpers = std::mem::take(object(path, &mut members, "credHelpers")?);
    for (server, name) in &helpers {
        if let Value::String(name) = name {
            helper::erase(env, name, server)?;
        }
    }
    edit(path, |members| {
        members.remove("credHelpers");
        object(path, members, "auths")?.clear();
        Ok(true)
    })?;
    Ok(())
}

/// A key that was checked.
struct Key<'a> {
    text: &'a str,
    /// It is below a host.
    namespaced: bool,
}

impl<'a> Key<'a> {
    fn new(text: &'a str) -> Result<Self, ConfigError> {
        let namespaced = check_key(text)?;
        Ok(Self { text, namespaced })
    }

    fn of_docker(text: &'a str) -> Result<Self, ConfigError> {
        let text = docker_key(text)?;
        Ok(Self {
            text,
            namespaced: false,
        })
    }

    fn for_helper(&self) -> Result<&'a str, ConfigError> {
        if self.namespaced {
            return Err(ConfigError::Key {
                key: self.text.to_owned(),
                problem: "credential helpers know hosts only",
            });
        }
        Ok(self.text)
    }
}

/// Checks a key; tells whether it is below a host.
fn check_key(key: &str) -> Result<bool, ConfigError> {
    let refuse = |problem| {
        Err(ConfigError::Key {
            key: key.to_owned(),
            problem,
        })
    };
    if key.starts_with("http://") || key.starts_with("https://") {
        return refuse("a URL is no registry; leave http(s):// out");
    }
    if key.contains('@') {
        return refuse("a digest is part of no key");
    }
    let (host, path) = match key.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (key, None),
    };
    if path.is_some_and(|path| path.contains(':')) {
        return refuse("a tag is part of no key");
    }
    if oci::Repository::new(host, path.unwrap_or("x")).is_err() {
        return refuse("not of the form HOST[:PORT][/NAMESPACE[/REPOSITORY]]");
    }
    Ok(path.is_some())
}

fn docker_key(host: &str) -> Result<&str, ConfigError> {
    match host {
        "docker.io" => Ok(DOCKER_KEY),
        _ if check_key(host)? => Err(ConfigError::Key {
            key: host.to_owned(),
            problem: "docker's configuration knows hosts only",
        }),
        _ => Ok(host),
    }
}

/// Returns the helper that the file names for a key; docker's file may name one for all.
fn helper_for(
    path: &Path,
    members: &mut Map<String, Value>,
    key: &str,
    docker: bool,
) -> Result<Option<String>, ConfigError> {
    if members.contains_key("credHelpers") {
        let helpers = object(path, members, "credHelpers")?;
        if let Some(name) = helpers.get(key).and_then(Value::as_str) {
            return Ok(Some(name.to_owned()));
        }
    }
    let all = members.get("credsStore").and_then(Value::as_str);
    let all = all.filter(|name| docker && !name.is_empty());
    Ok(all.map(str::to_owned))
}

/// Returns a member that is an object, made if it is not there.
fn object<'a>(
    path: &Path,
    members: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, ConfigError> {
    let value = members.entry(name.to_owned()).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().ok_or_else(|| ConfigError::Invalid {
        path: path.to_owned(),
        place: name.to_owned(),
        problem: "no object",
    })
}

/// Changes the file while nobody else does, if `change` says that it did; tells whether it did.
/// Helpers are run before: they may take minutes.
///
/// Replaces the file: new file beside it, sync, rename, sync of the directory. A crash leaves the
/// old file or the new one, and at most the new one under its temporary name.
fn edit(
    path: &Path,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<bool, ConfigError>,
) -> Result<bool, ConfigError> {
    let failed = |source: std::io::Error| ConfigError::Write {
        path: path.to_owned(),
        source,
    };
    // A link to the file that is really meant stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let lock = fs::File::open(directory).map_err(failed)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
    let mut members = file::members(path)?.unwrap_or_default();
    if !change(&mut members)? {
        return Ok(false);
    }
    let text = oci::json::to_go_pretty(&members, "\t").map_err(|error| failed(error.into()))?;
    // tempfile makes it with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    lock.sync_all().map_err(failed)?;
    Ok(true)
}
