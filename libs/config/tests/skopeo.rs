//! Holds what this crate reads and writes against Debian's skopeo and docker-registry.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use config::auth::{self, AuthTarget, Credential};
use config::lookaside::Lookaside;
use config::registries::{AUTH_FILES, Registries};
use config::{Environment, Secret};
use oci::Repository;

/// A registry on loopback that wants a password; it ends with the test.
struct Registry {
    process: Child,
    host: String,
    _directory: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn registry(user: &str, password: &str) -> Registry {
    let directory = tempfile::tempdir().unwrap();
    let htpasswd = Command::new("htpasswd")
        .args(["-Bbn", user, password])
        .output()
        .expect("htpasswd is installed");
    fs::write(directory.path().join("htpasswd"), htpasswd.stdout).unwrap();
    let here = directory.path().display();
    let yaml = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {here}/data}}}}\n\
         http: {{addr: \"127.0.0.1:0\"}}\nauth: {{htpasswd: {{realm: r, path: {here}/htpasswd}}}}\n"
    );
    let config = directory.path().join("config.yml");
    fs::write(&config, yaml).unwrap();
    let (process, host) = tests::registry::serve(&config);
    Registry {
        process,
        host,
        _directory: directory,
    }
}

fn skopeo(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("skopeo")
        .args(arguments)
        .output()
        .expect("skopeo is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

fn environment(directory: &Path) -> Environment {
    Environment {
        uid: 0,
        home: Some(directory.join("home")),
        vars: BTreeMap::new(),
        root: directory.to_owned(),
    }
}

#[test]
fn logins_go_both_ways() {
    let registry = registry("user", "pass:word");
    let directory = tempfile::tempdir().unwrap();
    let env = environment(directory.path());
    let theirs = directory.path().join("theirs.json");
    let host = registry.host.as_str();
    let (ok, text) = skopeo(&[
        "login",
        "--tls-verify=false",
        "--authfile",
        theirs.to_str().unwrap(),
        "-u",
        "user",
        "-p",
        "pass:word",
        host,
    ]);
    assert!(ok, "{text}");
    let repository = Repository::parse(&format!("{host}/n/a")).unwrap();
    let found = auth::find(&env, Some(&theirs), &repository).unwrap();
    let want = Credential::Basic {
        username: "user".to_owned(),
        password: Secret::new("pass:word"),
    };
    assert_eq!(found, want);

    let ours = directory.path().join("ours.json");
    let (at, password) = (AuthTarget::AuthJson(ours.clone()), Secret::new("pass:word"));
    auth::store(&env, &at, &[AUTH_FILES], host, "user", &password).unwrap();
    assert_eq!(
        fs::read_to_string(&ours).unwrap(),
        fs::read_to_string(&theirs).unwrap()
    );
    let (ok, text) = skopeo(&[
        "login",
        "--authfile",
        ours.to_str().unwrap(),
        "--get-login",
        host,
    ]);
    assert!(ok && text.trim() == "user", "{text}");

    let at = AuthTarget::AuthJson(theirs.clone());
    assert!(auth::remove(&env, &at, &[AUTH_FILES], host).unwrap().file);
    let (ok, text) = skopeo(&["logout", "--authfile", ours.to_str().unwrap(), host]);
    assert!(ok, "{text}");
    assert_eq!(
        fs::read_to_string(&ours).unwrap(),
        fs::read_to_string(&theirs).unwrap()
    );
}

#[test]
fn debian_files_are_read() {
    // The files that Debian installs, as they lie on this machine.
    let env = environment(Path::new("/"));
    Registries::load(&env, None).unwrap();
    Lookaside::load(&env, None).unwrap();
    config::policy_path::find(&env, None).unwrap();
}
