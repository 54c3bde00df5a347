//! The program on images that come into a store, from registries, layouts and archives, and that
//! leave it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test works with stops it at the first surprise"
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{World, text};
use serde_json::{Value, json};

#[test]
fn pull_prints_the_digest_and_says_what_was_shared() {
    let world = World::new();
    let manifest = fs::read(world.path("layout/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&manifest).unwrap();
    let pulled = world.out(&["pull", "--name", "app:1", "oci:layout:one"]);
    assert_eq!(pulled.trim_end(), index["manifests"][0]["digest"]);

    let summary = world.json(&["pull", "--json", "--name", "app:2", "oci:layout:two"]);
    assert_eq!(summary["layers_fetched"], 1);
    assert_eq!(summary["layers_shared"], 1);
    assert_eq!(
        summary["image"]["names"],
        json!(["docker.io/library/app:2"])
    );
    assert_eq!(summary["image"]["digest"], index["manifests"][1]["digest"]);
    assert_eq!(summary["image"]["policy"]["scope"], "default");
    // The second layer has the content of the first once more: that is on disk once.
    assert_eq!(summary["bytes_shared"], 9000);

    let again = world.json(&["pull", "--json", "--name", "app:2", "oci:layout:two"]);
    assert_eq!(again["layers_fetched"], 0);
    assert_eq!(again["bytes_fetched"], 0);
}

#[test]
fn what_the_policy_rejects_does_not_enter() {
    let world = World::new();
    fs::write(
        world.path("reject.json"),
        r#"{"default":[{"type":"reject"}]}"#,
    )
    .unwrap();
    let said = world.fails(&["pull", "--policy", "reject.json", "oci:layout:one"], 1);
    assert!(said.contains("rejected"), "{said}");
    assert!(said.contains("signed or not"), "{said}");
    assert_eq!(world.json(&["images", "--json"]), json!([]));
    fs::write(world.path("policy.json"), r#"{"default":[]}"#).unwrap();
    let said = world.fails(&["pull", "oci:layout:one"], 1);
    assert!(said.contains("invalid policy"), "{said}");
    fs::remove_file(world.path("policy.json")).unwrap();
    world.fails(&["pull", "oci:layout:one"], 1);
}

#[test]
fn archives_go_out_and_come_in_through_pipes() {
    let (world, one, two) = World::filled();
    let archive = world.run(&["export", "app:2"]);
    assert!(archive.status.success(), "{}", text(&archive.stderr));
    // Layers went out uncompressed: that is another image, which is said.
    let said = text(&archive.stderr);
    assert!(said.contains("uncompressed"), "{said}");
    let mut import = world
        .command(&["import", "--json", "--name", "back:1", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    import
        .stdin
        .take()
        .unwrap()
        .write_all(&archive.stdout)
        .unwrap();
    let imported = import.wait_with_output().unwrap();
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let imported: Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_ne!(imported["image"]["digest"], two);
    let other = imported["image"]["digest"].as_str().unwrap();
    let last = said.lines().last().unwrap();
    assert_eq!(
        last,
        format!("{other} in the archive is {two} of the store")
    );
    let manifest: Value =
        serde_json::from_str(&world.out(&["inspect", "--raw", "back:1"])).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let uncompressed = "application/vnd.oci.image.layer.v1.tar";
        assert_eq!(layer["mediaType"], uncompressed);
    }
    let exported = world.json(&["export", "-q", "--json", "-o", "two.tar", "app:2"]);
    assert_eq!(exported["image"], two);
    assert_eq!(exported["digest"], imported["image"]["digest"]);
    assert_eq!(imported["layers_fetched"], 0);
    assert_eq!(world.out(&["diff", "app:2", "back:1"]), "");

    // With the blobs kept it is the same image.
    world.out(&["rm", "app:1"]);
    world.out(&["rm", "app:2"]);
    world.out(&["rm", "back:1"]);
    world.out(&["gc"]);
    world.out(&[
        "pull",
        "-q",
        "--keep-blobs",
        "--name",
        "app:1",
        "oci:layout:one",
    ]);
    let exported = world.json(&["export", "--json", "-o", "one.tar", "app:1"]);
    assert_eq!(
        exported,
        json!({
            "image": one, "digest": one, "name": "docker.io/library/app:1", "output": "one.tar",
        })
    );
    world.fails(&["export", "--json", "app:1"], 1);
    world.out(&["rm", "app:1"]);
    assert_eq!(
        world.out(&["import", "-q", "--name", "app:1", "one.tar"]),
        format!("{one}\n")
    );
    assert_eq!(
        world.out(&[
            "import",
            "-q",
            "--name",
            "app:1",
            "--progress",
            "none",
            "oci-archive:one.tar"
        ]),
        format!("{one}\n")
    );
}

/// The layers are there, without their blobs: these alone are fetched again.
#[test]
fn blobs_to_keep_are_fetched_for_layers_that_are_there() {
    let (world, one, _) = World::filled();
    let kept = |name| {
        world.json(&[
            "pull",
            "--json",
            "--keep-blobs",
            "--name",
            name,
            "oci:layout:one",
        ])
    };
    let pulled = kept("app:1");
    assert_eq!(pulled["layers_fetched"], 1);
    assert_eq!(pulled["bytes_new"], 0);
    assert_eq!(kept("app:1")["layers_fetched"], 0);
    world.out(&["export", "-q", "-o", "one.tar", "app:1"]);
    world.out(&["rm", "app:1"]);
    let imported = world.out(&["import", "-q", "--name", "app:1", "one.tar"]);
    assert_eq!(imported, format!("{one}\n"));
    assert_eq!(world.json(&["fsck", "--json"])["findings"], json!([]));
}

#[test]
fn progress_is_for_programs_too() {
    let world = World::new();
    let output = world.run(&[
        "pull",
        "--progress",
        "json",
        "--name",
        "a",
        "oci:layout:two",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events: Vec<Value> = text(&output.stderr)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let plan = events
        .iter()
        .find(|event| event["event"] == "plan")
        .unwrap();
    assert_eq!(plan["layers"].as_array().unwrap().len(), 2);
    let done = events
        .iter()
        .filter(|event| event["outcome"] == "copied")
        .count();
    assert_eq!(done, 2);
}

/// A registry with TLS and a password, for the length of a test.
struct Registry {
    child: std::process::Child,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// Starts it below `dir`; `None` where the programs for it are not installed.
    fn start(dir: &Path) -> Option<Registry> {
        let programs = [
            "/usr/bin/docker-registry",
            "/usr/bin/skopeo",
            "/usr/bin/htpasswd",
        ];
        if programs.iter().any(|program| !Path::new(program).exists()) {
            println!("skipped: one of {programs:?} is not installed");
            return None;
        }
        tests::registry::certificate(dir);
        let htpasswd = Command::new("htpasswd")
            .args(["-Bbn", "user", "secret"])
            .output()
            .unwrap();
        fs::write(dir.join("htpasswd"), &htpasswd.stdout).unwrap();
        let dir = dir.display();
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {dir}/registry}}}}\n\
             auth: {{htpasswd: {{realm: x, path: {dir}/htpasswd}}}}\n\
             http: {{addr: '127.0.0.1:0', tls: {{certificate: {dir}/certs/ca.crt, key: {dir}/key.pem}}}}\n"
        );
        let file = format!("{dir}/registry.yml");
        fs::write(&file, config).unwrap();
        let (child, host) = tests::registry::serve(Path::new(&file));
        Some(Registry { child, host })
    }
}

#[test]
fn registries_are_reached_as_asked() {
    let world = World::new();
    let Some(registry) = Registry::start(world.dir.path()) else {
        return;
    };
    let image = format!("docker://{}/app:1", registry.host);
    let pushed = Command::new("skopeo")
        .args([
            "copy",
            "--dest-creds",
            "user:secret",
            "--dest-cert-dir",
            "certs",
        ])
        .args(["oci:layout:one", &image])
        .current_dir(world.dir.path())
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));
    // user:secret
    let auth = format!(
        r#"{{"auths":{{"{}":{{"auth":"dXNlcjpzZWNyZXQ="}}}}}}"#,
        registry.host
    );
    fs::write(world.path("auth.json"), auth).unwrap();
    let pull = |flags: &[&'static str]| -> Vec<String> {
        let certs = ["pull", "-q", "--cert-dir", "certs"];
        let all = certs.iter().chain(flags).copied().chain([image.as_str()]);
        all.map(str::to_owned).collect()
    };
    let pulls = |flags: &[&'static str]| {
        let args = pull(flags);
        world.out(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let refuses = |flags: &[&'static str], status| {
        let args = pull(flags);
        world.fails(&args.iter().map(String::as_str).collect::<Vec<_>>(), status)
    };
    pulls(&["--creds", "user:secret"]);
    pulls(&["--authfile", "auth.json"]);
    world.out(&[
        "pull",
        "-q",
        "--tls-verify=false",
        "--authfile",
        "auth.json",
        &image,
    ]);
    world.fails(&["pull", "-q", "--authfile", "auth.json", &image], 1);
    refuses(&["--creds", "user:wrong"], 1);
    refuses(&["--no-creds", "--authfile", "auth.json"], 1);
    refuses(&["--registry-token", "x"], 1);
    refuses(&["--registry-token", "x", "--no-creds"], 2);
    let images = world.json(&["images", "--json"]);
    assert_eq!(
        images[0]["names"],
        json!([format!("{}/app:1", registry.host)])
    );

    // A policy that demands a signature, and a place where there is none.
    fs::create_dir_all(world.path("registries.d")).unwrap();
    let lookaside = format!(
        "default-docker: {{lookaside: 'file://{}'}}\n",
        world.path("none").display()
    );
    fs::write(world.path("registries.d/default.yaml"), lookaside).unwrap();
    let policy =
        r#"{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/nowhere.gpg"}]}"#;
    fs::write(world.path("signed.json"), policy).unwrap();
    let signed = [
        "--policy",
        "signed.json",
        "--registries.d",
        "registries.d",
        "--authfile",
        "auth.json",
    ];
    let said = refuses(&signed, 1);
    assert!(said.contains("rejected"), "{said}");
}

#[test]
fn layouts_may_share_their_blobs() {
    let world = World::new();
    fs::rename(world.path("layout/blobs"), world.path("shared")).unwrap();
    world.fails(&["pull", "-q", "oci:layout:one"], 1);
    world.out(&[
        "pull",
        "-q",
        "--shared-blob-dir",
        "shared",
        "oci:layout:one",
    ]);
}
