//! Storing and removing credentials, for login and logout.
//!
//! A file is replaced, never written in place: it is complete or it is the old one. It has mode
//! 0600, a directory that had to be made 0700. Members that are not known stay. Who changes a file
//! holds `flock(2)` of its directory, from before it is read until it is replaced, so that two
//! logins at once are both remembered; no lock file stays behind.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value};

use super::file::{self, DOCKER_KEY};
use super::{entry, helper, primary_file};
use crate::{ConfigError, Environment, Secret};

/// Where a credential was removed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// From the file.
    pub file: bool,
    /// From a helper that the file names.
    pub helper: bool,
}

/// Stores user and password for `key` (`HOST[:PORT][/NAMESPACE...]`) in the file that was asked
/// for or the default one, or in the helper that the file names for the host.
///
/// # Errors
/// A key that is none, a file that cannot be read or written, a helper that fails.
pub fn store(
    env: &Environment,
    authfile: Option<&Path>,
    key: &str,
    username: &str,
    password: &Secret,
) -> Result<(), ConfigError> {
    let namespaced = check_key(key)?;
    let path = primary_file(env, authfile);
    store_in(env, &path, key, namespaced, username, password)
}

/// Stores user and password for a host in docker's own config.json, with docker's key for
/// docker.io.
///
/// # Errors
/// As [`store`], and a key with a namespace, which docker does not know.
pub fn store_docker(
    env: &Environment,
    config_json: &Path,
    host: &str,
    username: &str,
    password: &Secret,
) -> Result<(), ConfigError> {
    let key = docker_key(host)?;
    store_in(env, config_json, key, false, username, password)
}

fn store_in(
    env: &Environment,
    path: &Path,
    key: &str,
    namespaced: bool,
    username: &str,
    password: &Secret,
) -> Result<(), ConfigError> {
    let mut members = file::members(path)?.unwrap_or_default();
    if let Some(name) = helper_for(path, &mut members, key)? {
        if namespaced {
            return Err(ConfigError::Key {
                key: key.to_owned(),
                problem: "credential helpers know hosts only",
            });
        }
        return helper::store(env, &name, key, username, password);
    }
    edit(path, |members| {
        let auth = serde_json::json!({"auth": entry::encode(username, password)});
        object(path, members, "auths")?.insert(key.to_owned(), auth);
        Ok(true)
    })?;
    Ok(())
}

/// Removes what is stored for `key`; `docker` takes the file for docker's own config.json.
///
/// # Errors
/// A key that is none, a file that cannot be read or written, a helper that fails.
pub fn remove(
    env: &Environment,
    authfile: Option<&Path>,
    key: &str,
    docker: bool,
) -> Result<Removed, ConfigError> {
    check_key(key)?;
    let key = if docker { docker_key(key)? } else { key };
    let path = primary_file(env, authfile);
    let Some(mut members) = file::members(&path)? else {
        return Ok(Removed::default());
    };
    let mut removed = Removed::default();
    if let Some(name) = helper_for(&path, &mut members, key)? {
        removed.helper = helper::erase(env, &name, key)?;
    }
    removed.file = edit(&path, |members| {
        Ok(object(&path, members, "auths")?.remove(key).is_some())
    })?;
    Ok(removed)
}

/// Removes everything that is stored in the file, and by the helpers that it names.
///
/// # Errors
/// A file that cannot be read or written, a helper that fails.
pub fn remove_all(env: &Environment, authfile: Option<&Path>) -> Result<(), ConfigError> {
    let path = primary_file(env, authfile);
    let mut members = file::members(&path)?.unwrap_or_default();
    let helpers = std::mem::take(object(&path, &mut members, "credHelpers")?);
    for (server, name) in &helpers {
        if let Value::String(name) = name {
            helper::erase(env, name, server)?;
        }
    }
    edit(&path, |members| {
        members.remove("credHelpers");
        object(&path, members, "auths")?.clear();
        Ok(true)
    })?;
    Ok(())
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

fn helper_for(
    path: &Path,
    members: &mut Map<String, Value>,
    key: &str,
) -> Result<Option<String>, ConfigError> {
    if !members.contains_key("credHelpers") {
        return Ok(None);
    }
    let helpers = object(path, members, "credHelpers")?;
    Ok(helpers.get(key).and_then(Value::as_str).map(str::to_owned))
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
