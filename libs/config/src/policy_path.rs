//! Which policy.json holds (containers-policy.json(5), "FILES").

use std::fs;
use std::path::{Path, PathBuf};

use crate::read::is_absent;
use crate::{ConfigError, Environment};

/// Finds the policy: the one that was asked for, that of `$CONTAINERS_POLICY_JSON`, the user's,
/// `/etc/containers/policy.json`, `/usr/share/containers/policy.json`.
///
/// # Errors
/// No policy anywhere, or a place that cannot be looked at: a policy that cannot be seen may be
/// stricter than the next one.
pub fn find(env: &Environment, asked: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(path) = asked {
        return Ok(path.to_owned());
    }
    if let Some(path) = env.path_var("CONTAINERS_POLICY_JSON") {
        return Ok(path);
    }
    let searched: Vec<PathBuf> = env
        .in_user_config("containers/policy.json")
        .into_iter()
        .chain([
            env.system("/etc/containers/policy.json"),
            env.system("/usr/share/containers/policy.json"),
        ])
        .collect();
    for path in &searched {
        // A dangling symlink is a policy that is missing, not one that was never there.
        match fs::symlink_metadata(path) {
            Ok(_) => return Ok(path.clone()),
            Err(error) if is_absent(&error) => {}
            Err(source) => {
                return Err(ConfigError::Read {
                    path: path.clone(),
                    source,
                });
            }
        }
    }
    Err(ConfigError::NoPolicy { searched })
}
