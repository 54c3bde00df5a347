//! Credentials for registries (containers-auth.json(5), docker's config.json, helper programs).
//!
//! Without a file that was asked for, these are looked at until one has a credential:
//!
//! 1. `$XDG_RUNTIME_DIR/containers/auth.json`, or `/run/containers/UID/auth.json`
//! 2. `$XDG_CONFIG_HOME/containers/auth.json`
//! 3. `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`
//! 4. `~/.dockercfg`
//!
//! In a file, `credHelpers` goes first, then the key that is the repository, its namespaces and
//! its host, longest first, then keys that were written as URLs, then `credsStore`. Keys are
//! compared by whole components: what is for `a.example` is never sent to `a.example.evil`.

mod entry;
mod file;
mod helper;
mod store;

use std::path::{Path, PathBuf};

use oci::Repository;

use crate::registries::AUTH_FILES;
use crate::{ConfigError, Environment, Secret};

pub use store::{Removed, remove, remove_all, store, store_docker};

/// What a registry is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    #[default]
    Anonymous,
    /// User and password.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that the registry's token server gives others for (OAuth2 refresh token).
    IdentityToken(Secret),
    /// A token that goes to the registry as it is.
    RegistryToken(Secret),
}

/// Finds the credential for `repository` in the files, or in the one that was asked for by
/// `authfile` or `$REGISTRY_AUTH_FILE`. Without an entry it is [`Credential::Anonymous`].
///
/// # Errors
/// Files that cannot be read or make no sense, and helpers that fail.
pub fn find(
    env: &Environment,
    authfile: Option<&Path>,
    repository: &Repository,
) -> Result<Credential, ConfigError> {
    find_key(env, authfile, &repository.to_string())
}

/// Finds the credential for `repository` with the global `helpers` of registries.conf (see
/// [`crate::registries::Registries::credential_helpers`]) in their order.
///
/// # Errors
/// The first failure, if no helper has a credential.
pub fn find_with_helpers(
    env: &Environment,
    authfile: Option<&Path>,
    repository: &Repository,
    helpers: &[&str],
) -> Result<Credential, ConfigError> {
    let mut failure = None;
    for helper in helpers {
        let found = match *helper {
            AUTH_FILES => find(env, authfile, repository),
            helper => helper::get(env, helper, repository.host()),
        };
        match found {
            Ok(Credential::Anonymous) => {}
            Ok(credential) => return Ok(credential),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(Credential::Anonymous), Err)
}

/// Finds the credential for `key`: `HOST[:PORT]`, or below that a namespace or repository.
///
/// # Errors
/// Files that cannot be read or make no sense, and helpers that fail.
pub fn find_key(
    env: &Environment,
    authfile: Option<&Path>,
    key: &str,
) -> Result<Credential, ConfigError> {
    for place in places(env, authfile) {
        let Some(file) = file::AuthFile::read(&place)? else {
            continue;
        };
        match file.find(env, key)? {
            Credential::Anonymous => {}
            credential => return Ok(credential),
        }
    }
    Ok(Credential::Anonymous)
}

/// Returns the file that credentials are stored in.
pub fn primary_file(env: &Environment, authfile: Option<&Path>) -> PathBuf {
    asked_file(env, authfile).unwrap_or_else(|| runtime_file(env))
}

/// A file of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    /// `~/.dockercfg`: the entries alone, by URL.
    legacy: bool,
}

fn asked_file(env: &Environment, authfile: Option<&Path>) -> Option<PathBuf> {
    authfile
        .map(Path::to_owned)
        .or_else(|| env.path_var("REGISTRY_AUTH_FILE"))
}

fn runtime_file(env: &Environment) -> PathBuf {
    match env.path_var("XDG_RUNTIME_DIR") {
        Some(directory) => directory.join("containers/auth.json"),
        None => env.system(&format!("/run/containers/{}/auth.json", env.uid)),
    }
}

fn places(env: &Environment, authfile: Option<&Path>) -> Vec<Place> {
    let modern = |path| Place {
        path,
        legacy: false,
    };
    if let Some(path) = asked_file(env, authfile) {
        return vec![modern(path)];
    }
    let docker = match env.path_var("DOCKER_CONFIG") {
        Some(directory) => Some(directory.join("config.json")),
        None => env.in_home(".docker/config.json"),
    };
    let legacy = env
        .in_home(".dockercfg")
        .map(|path| Place { path, legacy: true });
    [
        Some(modern(runtime_file(env))),
        env.in_user_config("containers/auth.json").map(modern),
        docker.map(modern),
        legacy,
    ]
    .into_iter()
    .flatten()
    .collect()
}
