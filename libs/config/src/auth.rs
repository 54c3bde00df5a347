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

pub use store::{AuthTarget, Removed, Stored, remove, remove_all, store};

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
    find_key_with_helpers(env, authfile, &repository.to_string(), helpers)
}

/// As [`find_with_helpers`], for a key as [`find_key`] takes it.
///
/// # Errors
/// The first failure, if no helper has a credential.
pub fn find_key_with_helpers(
    env: &Environment,
    authfile: Option<&Path>,
    key: &str,
    helpers: &[&str],
) -> Result<Credential, ConfigError> {
    let mut failure = None;
    let host = key.split('/').next().unwrap_or(key);
    for helper in helpers {
        let found = match *helper {
            AUTH_FILES => find_key(env, authfile, key),
            helper => helper::get(env, helper, host),
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::environment::testing::Place;

    const RUNTIME: &str = "root/run/containers/0/auth.json";

    fn basic(username: &str, password: &str) -> Credential {
        Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    /// A file with `user:password` under each key.
    fn auths(entries: &[(&str, &str)]) -> String {
        let entries: Vec<String> = entries
            .iter()
            .map(|(key, login)| format!("{key:?}:{{\"auth\":{:?}}}", STANDARD.encode(login)))
            .collect();
        format!("{{\"auths\":{{{}}}}}", entries.join(","))
    }

    fn found(env: &Environment, name: &str) -> Credential {
        find(env, None, &Repository::parse(name).unwrap()).unwrap()
    }

    /// The user of the credential for a name, `-` when there is none.
    fn user(env: &Environment, name: &str) -> String {
        match found(env, name) {
            Credential::Basic { username, .. } => username,
            Credential::Anonymous => "-".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_match_by_whole_components() {
        let place = Place::new();
        let env = place.env(0, &[]);
        place.write(
            RUNTIME,
            auths(&[
                ("a.example", "host:p"),
                ("a.example/n", "ns:p"),
                ("a.example/n/b", "repo:p"),
                ("a.example:5000", "port:p"),
                ("https://url.example/v1/", "url:p"),
                ("docker.io/me", "me:p"),
                ("https://index.docker.io/v1/", "hub:p"),
                ("c.example/deep/er", "deep:p"),
            ]),
        );
        let table = [
            ("a.example/x", "host"),
            ("a.example/n/c", "ns"),
            ("a.example/n/b", "repo"),
            ("a.example/n/b/c", "repo"),
            ("a.example/nn", "host"),
            ("a.example/n/bb", "ns"),
            ("a.example.evil/x", "-"),
            ("a.example.evil/n/b", "-"),
            ("evil.a.example/x", "-"),
            ("a.exampl/x", "-"),
            ("A.example/x", "-"),
            ("a.example:5000/n/b", "port"),
            ("a.example:5001/n/b", "-"),
            ("url.example/x", "url"),
            ("url.example:443/x", "-"),
            ("me/x", "me"),
            ("busybox", "hub"),
            ("registry-1.docker.io/x", "hub"),
            ("c.example/deep", "-"),
        ];
        for (name, want) in table {
            assert_eq!(user(&env, name), want, "{name}");
        }
    }

    #[test]
    fn files_are_looked_at_in_order() {
        let place = Place::new();
        let env = place.env(0, &[]);
        assert_eq!(user(&env, "r/a:5000/x".split(':').next().unwrap()), "-");
        let entry = |user: &str| auths(&[("r.example", &format!("{user}:p"))]);
        place.write(
            "home/.dockercfg",
            format!(
                "{{\"https://r.example/v1/\":{{\"auth\":{:?}}}}}",
                STANDARD.encode("cfg:p")
            ),
        );
        assert_eq!(user(&env, "r.example/a"), "cfg");
        place.write("home/.docker/config.json", entry("docker"));
        assert_eq!(user(&env, "r.example/a"), "docker");
        place.write("elsewhere/config.json", entry("elsewhere"));
        assert_eq!(
            user(
                &place.env(0, &[("DOCKER_CONFIG", "HERE/elsewhere")]),
                "r.example/a"
            ),
            "elsewhere"
        );
        place.write("home/.config/containers/auth.json", entry("config"));
        assert_eq!(user(&env, "r.example/a"), "config");
        place.write(RUNTIME, entry("runtime"));
        assert_eq!(user(&env, "r.example/a"), "runtime");
        assert_eq!(user(&place.env(7, &[]), "r.example/a"), "config");
        place.write("xdg/containers/auth.json", entry("xdg"));
        assert_eq!(
            user(
                &place.env(0, &[("XDG_RUNTIME_DIR", "HERE/xdg")]),
                "r.example/a"
            ),
            "xdg"
        );
        let asked = place.write("asked.json", auths(&[("other.example", "asked:p")]));
        let by_variable = place.env(0, &[("REGISTRY_AUTH_FILE", "HERE/asked.json")]);
        assert_eq!(user(&by_variable, "other.example/a"), "asked");
        assert_eq!(user(&by_variable, "r.example/a"), "-");
        let repository = Repository::parse("other.example/a").unwrap();
        assert_eq!(
            find(&env, Some(&asked), &repository).unwrap(),
            basic("asked", "p")
        );
        // An entry that says nothing lets the next file speak.
        place.write(RUNTIME, r#"{"auths":{"r.example":{}}}"#);
        assert_eq!(user(&env, "r.example/a"), "config");
    }

    #[test]
    fn entries_hold_what_docker_and_podman_write() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let encoded = STANDARD.encode("u:p:q\0");
        let token = |text: &str| Secret::new(text);
        let table = [
            (format!(r#"{{"auth":"{encoded}"}}"#), basic("u", "p:q")),
            (
                r#"{"username":"u","password":"p"}"#.to_owned(),
                basic("u", "p"),
            ),
            (
                format!(r#"{{"auth":"{encoded}","username":"x","password":"y"}}"#),
                basic("u", "p:q"),
            ),
            (
                format!(r#"{{"auth":"{encoded}","identitytoken":"t"}}"#),
                Credential::IdentityToken(token("t")),
            ),
            (
                r#"{"identitytoken":"t"}"#.to_owned(),
                Credential::IdentityToken(token("t")),
            ),
            (
                r#"{"registrytoken":"t"}"#.to_owned(),
                Credential::RegistryToken(token("t")),
            ),
            (
                format!(r#"{{"auth":"{}"}}"#, STANDARD.encode("nocolon")),
                Credential::Anonymous,
            ),
            ("{}".to_owned(), Credential::Anonymous),
            ("null".to_owned(), Credential::Anonymous),
        ];
        for (entry, want) in table {
            place.write(
                RUNTIME,
                format!(r#"{{"auths":{{"r.example":{entry}}},"HttpHeaders":{{}}}}"#),
            );
            assert_eq!(found(&env, "r.example/a"), want, "{entry}");
        }
    }

    #[test]
    fn broken_files_are_refused_without_their_secrets() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let repository = Repository::parse("r.example/a").unwrap();
        for text in [
            "",
            "[]",
            "{",
            r#"{"auths":{"r.example":{"auth":"hunter2*"}}}"#,
            r#"{"auths":{"r.example":{"auth":7777}}}"#,
            r#"{"auths":{"r.example":"hunter2"}}"#,
            r#"{"auths":"hunter2"}"#,
            r#"{"auths":{},"auths":{"hunter2":{}}}"#,
            r#"{"credHelpers":{"r.example":7777}}"#,
            r#"{"credsStore":7777}"#,
        ] {
            let path = place.write(RUNTIME, text);
            let error = find(&env, None, &repository).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(path.to_str().unwrap()), "{shown}");
            assert!(
                !shown.contains("hunter2") && !shown.contains("7777"),
                "{shown}"
            );
        }
        place.write(RUNTIME, vec![b' '; (1 << 20) + 1]);
        assert!(matches!(
            find(&env, None, &repository),
            Err(ConfigError::TooLong { .. })
        ));
    }

    /// Installs `docker-credential-NAME` and returns a surrounding that finds it. Its calls are
    /// written to `calls`.
    fn with_helper(place: &Place, name: &str, script: &str) -> Environment {
        let text =
            format!("#!/bin/sh\nserver=$(cat)\necho \"$1 $server\" >> \"$CALLS\"\n{script}\n");
        let path = place.write(&format!("bin/docker-credential-{name}"), text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        place.env(
            0,
            &[
                ("PATH", "relative:HERE/bin:/usr/bin:/bin"),
                ("CALLS", "HERE/calls"),
            ],
        )
    }

    const ANSWER: &str = r#"echo '{"ServerURL":"s","Username":"hu","Secret":"hp"}'"#;

    #[test]
    fn helpers_are_asked_for_hosts() {
        let place = Place::new();
        let env = with_helper(&place, "ok", ANSWER);
        place.write(
            RUNTIME,
            r#"{"credHelpers":{"r.example":"ok","https://index.docker.io/v1/":"ok"}}"#,
        );
        assert_eq!(found(&env, "r.example/n/a"), basic("hu", "hp"));
        assert_eq!(found(&env, "busybox"), basic("hu", "hp"));
        assert_eq!(found(&env, "r.example.evil/a"), Credential::Anonymous);
        place.write(
            RUNTIME,
            r#"{"credsStore":"ok","auths":{"in.example":{"username":"f"}}}"#,
        );
        assert_eq!(found(&env, "any.example/a"), basic("hu", "hp"));
        assert_eq!(found(&env, "busybox"), basic("hu", "hp"));
        assert_eq!(found(&env, "in.example/a"), basic("f", ""));
        let calls = fs::read_to_string(env.var("CALLS").unwrap()).unwrap();
        let want = "get r.example\nget https://index.docker.io/v1/\nget any.example\nget https://index.docker.io/v1/\n";
        assert_eq!(calls, want);
    }

    #[test]
    fn answers_of_helpers_are_judged() {
        let place = Place::new();
        place.write(RUNTIME, r#"{"credHelpers":{"r.example":"h"}}"#);
        let ask = |script: &str| {
            let env = with_helper(&place, "h", script);
            find(&env, None, &Repository::parse("r.example/a").unwrap())
        };
        let token = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        assert_eq!(
            ask(token).unwrap(),
            Credential::IdentityToken(Secret::new("t"))
        );
        let nothing = "echo credentials not found in native keychain; exit 1";
        assert_eq!(ask(nothing).unwrap(), Credential::Anonymous);
        assert!(matches!(
            ask("echo locked; exit 3"),
            Err(ConfigError::HelperFailed { message, .. }) if message == "locked"
        ));
        for script in [
            "echo no",
            "true",
            "echo '{\"Username\":1}'",
            "head -c 1100000 /dev/zero",
        ] {
            let error = ask(script).unwrap_err();
            assert!(
                matches!(error, ConfigError::HelperAnswer { .. }),
                "{script}: {error:?}"
            );
        }
    }

    #[test]
    fn names_of_helpers_lead_to_no_other_program() {
        let place = Place::new();
        for name in ["../x", "a/b", "", " ", "a;b", "a.b", "x\\u0000", "\u{e9}"] {
            place.write(
                RUNTIME,
                format!(r#"{{"credsStore":"","credHelpers":{{"r.example":"{name}"}}}}"#),
            );
            let result = find(
                &place.env(0, &[("PATH", "/bin")]),
                None,
                &Repository::parse("r.example/a").unwrap(),
            );
            match result {
                Ok(Credential::Anonymous) if name.is_empty() => {}
                Err(ConfigError::HelperName { .. }) => {}
                other => panic!("{name:?}: {other:?}"),
            }
        }
        place.write(RUNTIME, r#"{"credsStore":"absent"}"#);
        let result = find(
            &place.env(0, &[("PATH", "/bin")]),
            None,
            &Repository::parse("r.example/a").unwrap(),
        );
        assert!(
            matches!(result, Err(ConfigError::HelperRun { .. })),
            "{result:?}"
        );
    }

    #[test]
    fn global_helpers_go_in_their_order() {
        let place = Place::new();
        let env = with_helper(&place, "ok", ANSWER);
        let repository = Repository::parse("r.example/a").unwrap();
        let ask = |helpers: &[&str]| find_with_helpers(&env, None, &repository, helpers);
        assert_eq!(ask(&[AUTH_FILES]).unwrap(), Credential::Anonymous);
        assert_eq!(ask(&[AUTH_FILES, "ok"]).unwrap(), basic("hu", "hp"));
        assert_eq!(ask(&["absent", "ok"]).unwrap(), basic("hu", "hp"));
        assert!(matches!(
            ask(&["absent", AUTH_FILES]),
            Err(ConfigError::HelperRun { .. })
        ));
        place.write(RUNTIME, auths(&[("r.example", "f:p")]));
        assert_eq!(ask(&[AUTH_FILES, "ok"]).unwrap(), basic("f", "p"));
    }

    const FILES: &[&str] = &[AUTH_FILES];

    fn put(
        env: &Environment,
        key: &str,
        user: &str,
        password: &str,
    ) -> Result<Stored, ConfigError> {
        let target = AuthTarget::choose(env, None, None);
        store(env, &target, FILES, key, user, &Secret::new(password))
    }

    #[test]
    fn stored_credentials_are_found_again() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let target = AuthTarget::choose(&env, None, None);
        let path = target.path();
        put(&env, "r.example/n", "u", "p<&>").unwrap();
        let stored = put(&env, "r.example", "v", "q").unwrap();
        assert_eq!(stored, Stored::File(path.to_owned()));
        assert_eq!(found(&env, "r.example/n/a"), basic("u", "p<&>"));
        assert_eq!(found(&env, "r.example/a"), basic("v", "q"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(
            remove(&env, &target, FILES, "r.example").unwrap(),
            Removed {
                file: true,
                helper: false
            }
        );
        assert_eq!(
            remove(&env, &target, FILES, "r.example").unwrap(),
            Removed::default()
        );
        assert_eq!(user(&env, "r.example/a"), "-");
        remove_all(&env, &target, FILES).unwrap();
        assert_eq!(user(&env, "r.example/n/a"), "-");
        for key in [
            "",
            "https://r.example",
            "r.example/a:t",
            "r.example/a@sha256:0",
            "a b",
        ] {
            let error = put(&env, key, "u", "p").unwrap_err();
            assert!(matches!(error, ConfigError::Key { .. }), "{key}: {error:?}");
        }
    }

    #[test]
    fn all_who_store_at_once_are_remembered() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let host = |writer: u32, nth: u32| format!("r{nth}.w{writer}.example");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let env = &env;
                scope.spawn(move || {
                    for nth in 0..8 {
                        let target = AuthTarget::choose(env, None, None);
                        put(env, &host(writer, nth), "u", "p").unwrap();
                        remove(env, &target, FILES, &host(writer, nth / 2)).unwrap();
                        put(env, &host(writer, nth / 2), "v", "p").unwrap();
                    }
                });
            }
        });
        for (writer, nth) in (0..4).flat_map(|writer| (0..8).map(move |nth| (writer, nth))) {
            let want = if nth < 4 { "v" } else { "u" };
            let key = host(writer, nth);
            assert_eq!(user(&env, &format!("{key}/a")), want, "{key}");
        }
        let target = AuthTarget::choose(&env, None, None);
        let directory = fs::read_dir(target.path().parent().unwrap()).unwrap();
        assert_eq!(directory.count(), 1, "nothing is left beside the file");
    }

    #[test]
    fn what_is_not_known_in_dockers_file_stays() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let path = place.write(
            "home/.docker/config.json",
            r#"{"psFormat":"x","auths":{"o":{"email":"e"}}}"#,
        );
        let target = AuthTarget::Docker(path.clone());
        let password = Secret::new("p");
        store(&env, &target, &["nobody"], "docker.io", "u", &password).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for part in [
            "psFormat",
            "\"email\": \"e\"",
            "\"https://index.docker.io/v1/\": {",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(user(&env, "busybox"), "u");
        assert!(remove(&env, &target, FILES, "docker.io").unwrap().file);
        assert_eq!(user(&env, "busybox"), "-");
    }

    #[test]
    fn helpers_of_a_file_keep_what_is_stored() {
        let place = Place::new();
        let env = with_helper(&place, "h", "true");
        place.write(RUNTIME, r#"{"credHelpers":{"r.example":"h"}}"#);
        put(&env, "r.example", "u", "p").unwrap();
        let target = AuthTarget::choose(&env, None, None);
        assert!(remove(&env, &target, FILES, "r.example").unwrap().helper);
        let calls = fs::read_to_string(env.var("CALLS").unwrap()).unwrap();
        let (first, rest) = calls.split_once('\n').unwrap();
        let sent: serde_json::Value =
            serde_json::from_str(first.strip_prefix("store ").unwrap()).unwrap();
        assert_eq!(
            sent,
            serde_json::json!({"ServerURL": "r.example", "Username": "u", "Secret": "p"})
        );
        assert_eq!(rest, "erase r.example\n");
    }

    #[test]
    fn the_first_global_helper_that_takes_it_keeps_it() {
        let place = Place::new();
        let env = with_helper(&place, "h", r#"echo '{"r.example":"u"}'"#);
        let target = AuthTarget::choose(&env, None, None);
        let helpers = &["missing", "h", AUTH_FILES];
        let at = |key| store(&env, &target, helpers, key, "u", &Secret::new("p")).unwrap();
        assert_eq!(at("r.example"), Stored::Helper("h".to_owned()));
        // Helpers know hosts only.
        assert_eq!(at("r.example/n"), Stored::File(target.path().to_owned()));
        remove_all(&env, &target, helpers).unwrap();
        let calls = fs::read_to_string(env.var("CALLS").unwrap()).unwrap();
        assert!(calls.ends_with("list \nerase r.example\n"), "{calls}");
        let env = place.env(0, &[("DOCKER_CONFIG", "HERE/d")]);
        let docker = AuthTarget::choose(&env, None, None);
        assert!(matches!(docker, AuthTarget::Docker(_)), "{docker:?}");
        assert_eq!(AuthTarget::asked(&env, None, None), Some(docker));
        assert_eq!(AuthTarget::asked(&place.env(0, &[]), None, None), None);
    }

    #[test]
    fn dockers_file_may_name_one_helper_for_all() {
        let place = Place::new();
        let env = with_helper(&place, "h", "true");
        let path = place.write("d/config.json", r#"{"credsStore":"h"}"#);
        let target = AuthTarget::Docker(path);
        let stored = store(&env, &target, &[], "docker.io", "u", &Secret::new("p")).unwrap();
        assert_eq!(stored, Stored::Helper("h".to_owned()));
        let calls = fs::read_to_string(env.var("CALLS").unwrap()).unwrap();
        assert!(calls.contains("https://index.docker.io/v1/"), "{calls}");
    }
}
