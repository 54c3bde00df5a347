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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::Place;

    #[test]
    fn policies_are_found_in_order() {
        let place = Place::new();
        let env = |vars: &[(&str, &str)]| place.env(1000, vars);
        let find_with = |vars: &[(&str, &str)]| find(&env(vars), None);
        assert!(matches!(
            find_with(&[]),
            Err(ConfigError::NoPolicy { searched }) if searched.len() == 3
        ));
        let shared = place.write("root/usr/share/containers/policy.json", "{}");
        assert_eq!(find_with(&[]).unwrap(), shared);
        let system = place.write("root/etc/containers/policy.json", "{}");
        assert_eq!(find_with(&[]).unwrap(), system);
        let user = place.write("home/.config/containers/policy.json", "{}");
        assert_eq!(find_with(&[]).unwrap(), user);
        let xdg = place.write("xdg/containers/policy.json", "{}");
        assert_eq!(find_with(&[("XDG_CONFIG_HOME", "HERE/xdg")]).unwrap(), xdg);
        assert_eq!(find_with(&[("XDG_CONFIG_HOME", "")]).unwrap(), user);
        let named = find_with(&[("CONTAINERS_POLICY_JSON", "/p")]).unwrap();
        assert_eq!(named, Path::new("/p"));
        let asked = find(
            &env(&[("CONTAINERS_POLICY_JSON", "/p")]),
            Some(Path::new("/q")),
        )
        .unwrap();
        assert_eq!(asked, Path::new("/q"));
    }

    #[test]
    fn a_dangling_link_is_not_passed_over() {
        let place = Place::new();
        place.write("root/etc/containers/policy.json", "{}");
        let user = place.write("home/.config/containers/policy.json", "{}");
        fs::remove_file(&user).unwrap();
        std::os::unix::fs::symlink("/nowhere", &user).unwrap();
        assert_eq!(find(&place.env(0, &[]), None).unwrap(), user);
    }
}
