//! The program on real stores: in, out, looked at, changed, checked. The driver is vfs, which
//! works on every machine.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test works with stops it at the first surprise"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use oci::Digest;
use serde_json::{Value, json};

const STORETOOL: &str = env!("CARGO_BIN_EXE_storetool");

/// A directory with a store, images to put into it, and a policy that accepts them.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .unwrap();
        let layout = Layout::new(&dir.path().join("layout"));
        let base = layout.layer(
            "base",
            &[("etc/os-release", "ID=test\n"), ("data", &"x".repeat(9000))],
        );
        let more = layout.layer(
            "more",
            &[("hello", "world\n"), ("copy-of-data", &"x".repeat(9000))],
        );
        let one = layout.image(&[&base]);
        let two = layout.image(&[&base, &more]);
        layout.finish(&[("one", &one), ("two", &two)]);
        World { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(STORETOOL);
        command
            .args(["--driver", "vfs"])
            .args(args)
            .current_dir(self.dir.path())
            .env("STORETOOL_ROOT", self.path("store"))
            .env("CONTAINERS_POLICY_JSON", self.path("policy.json"))
            .env("HOME", self.dir.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs what must succeed; returns its standard output.
    fn out(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs what must print JSON.
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.out(args)).unwrap()
    }

    /// Runs what must fail with this status; returns what it said.
    fn fails(&self, args: &[&str], status: i32) -> String {
        let output = self.run(args);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stderr)
    }

    /// Both images, as app:1 and app:2; returns their digests.
    fn filled() -> (World, String, String) {
        let world = World::new();
        let one = world.out(&["pull", "-q", "--name", "app:1", "oci:layout:one"]);
        let two = world.out(&["pull", "-q", "--name", "app:2", "oci:layout:two"]);
        (world, one.trim_end().to_owned(), two.trim_end().to_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An OCI layout, made by hand.
struct Layout(PathBuf);

impl Layout {
    fn new(path: &Path) -> Layout {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout(path.to_owned())
    }

    fn put(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = Digest::sha256(bytes);
        fs::write(self.0.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// A gzipped tar; returns its descriptor and its diff id.
    fn layer(&self, name: &str, files: &[(&str, &str)]) -> (Value, String) {
        let work = self.0.with_extension(name);
        for (path, content) in files {
            fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
            fs::write(work.join(path), content).unwrap();
        }
        let tar = Command::new("tar")
            .args([
                "--mtime=@1600000000",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
            ])
            .args(["--sort=name", "--mode=u=rwX,go=rX", "-cf", "-", "-C"])
            .arg(&work)
            .arg(".")
            .output()
            .unwrap();
        assert!(tar.status.success());
        let diff_id = Digest::sha256(&tar.stdout).to_string();
        let plain = self.0.with_extension("tar");
        fs::write(&plain, &tar.stdout).unwrap();
        let gzip = Command::new("gzip")
            .arg("-nc")
            .arg(&plain)
            .output()
            .unwrap();
        assert!(gzip.status.success());
        let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
        (self.put(&gzip.stdout, media_type), diff_id)
    }

    fn image(&self, layers: &[&(Value, String)]) -> Value {
        let diff_ids: Vec<&String> = layers.iter().map(|(_, diff_id)| diff_id).collect();
        let config = json!({
            "created": "2020-01-02T03:04:05Z",
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let media_type = "application/vnd.oci.image.config.v1+json";
        let config = self.put(config.to_string().as_bytes(), media_type);
        let layers: Vec<&Value> = layers.iter().map(|(layer, _)| layer).collect();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers,
        });
        self.put(manifest.to_string().as_bytes(), media_type)
    }

    fn finish(&self, names: &[(&str, &Value)]) {
        let manifests: Vec<Value> = names
            .iter()
            .map(|(name, descriptor)| {
                let mut descriptor = (*descriptor).clone();
                descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
                descriptor
            })
            .collect();
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
    }
}

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
    assert_eq!(world.json(&["images", "--json"]), json!([]));
    fs::write(world.path("policy.json"), r#"{"default":[]}"#).unwrap();
    let said = world.fails(&["pull", "oci:layout:one"], 1);
    assert!(said.contains("invalid policy"), "{said}");
    fs::remove_file(world.path("policy.json")).unwrap();
    world.fails(&["pull", "oci:layout:one"], 1);
}

#[test]
fn images_are_listed_named_and_removed() {
    let (world, one, two) = World::filled();
    let images = world.json(&["images", "--json"]);
    assert_eq!(images.as_array().unwrap().len(), 2);
    let mut quiet: Vec<String> = world
        .out(&["images", "-q"])
        .lines()
        .map(str::to_owned)
        .collect();
    let mut digests = vec![one.clone(), two.clone()];
    quiet.sort();
    digests.sort();
    assert_eq!(quiet, digests);
    let table = world.out(&["images"]);
    assert!(table.starts_with("NAME"), "{table}");
    assert!(table.contains("docker.io/library/app:1"), "{table}");

    let tagged = world.json(&["tag", "--json", "app:1", "app:stable", "r.example/x"]);
    assert_eq!(
        tagged["names"],
        json!([
            "docker.io/library/app:1",
            "docker.io/library/app:stable",
            "r.example/x:latest"
        ])
    );
    // What is no name does not keep the rest.
    let output = world.run(&["untag", "--json", "app:nosuch", "app:stable"]);
    assert_eq!(output.status.code(), Some(1));
    let untagged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        untagged,
        json!([{"name": "docker.io/library/app:stable", "image": one}])
    );
    world.fails(&["untag", "app:stable"], 1);
    let formatted = world.out(&["images", "--format", "{{.Digest}} {{join .Names \",\"}}"]);
    assert!(formatted.contains(&format!(
        "{one} docker.io/library/app:1,r.example/x:latest\n"
    )));

    // By a prefix of its digest, and what can not be removed does not keep the rest.
    let prefix = &one["sha256:".len()..][..12];
    let output = world.run(&["rm", "nosuch:1", prefix]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{one}\n"));
    assert_eq!(world.out(&["images", "-q"]), format!("{two}\n"));
}

#[test]
fn inspect_shows_what_is_known_and_the_bytes_as_they_came() {
    let (world, one, _) = World::filled();
    let image = world.json(&["inspect", "app:1"]);
    assert_eq!(image["digest"], one);
    assert_eq!(image["os"], "linux");
    assert_eq!(world.json(&["inspect", "--json", "app:1"]), image);
    let raw = world.run(&["inspect", "--raw", "app:1"]).stdout;
    assert_eq!(Digest::sha256(&raw).to_string(), one);
    let config = world.run(&["inspect", "--config", "app:1"]).stdout;
    assert_eq!(image["config"], Digest::sha256(&config).to_string());
    let scope = world.out(&["inspect", "--format", "{{.Policy.Scope}}", "app:1"]);
    assert_eq!(scope, "default\n");
    let said = world.fails(&["inspect", "nosuch:1"], 1);
    assert!(said.contains("hint: `storetool images`"), "{said}");
}

#[test]
fn layers_and_usage_show_what_is_shared() {
    let (world, one, two) = World::filled();
    let layers = world.json(&["layers", "--json"]);
    assert_eq!(layers.as_array().unwrap().len(), 2);
    let of_two = world.json(&["layers", "--json", "app:2"]);
    let mut users: Vec<Value> = of_two[0]["images"].as_array().unwrap().clone();
    users.sort_by_key(ToString::to_string);
    let mut both = vec![json!(one), json!(two)];
    both.sort_by_key(ToString::to_string);
    assert_eq!(users, both);
    assert!(world.out(&["layers"]).starts_with("LAYER"));
    let usage = world.json(&["du", "--json"]);
    assert!(
        usage["unshared_bytes"].as_u64() > usage["object_bytes"].as_u64(),
        "{usage}"
    );
    assert!(world.out(&["du"]).starts_with("IMAGE"));
    let info = world.json(&["info", "--json"]);
    assert_eq!(info["driver"], "vfs");
    assert_eq!(info["images"], 2);
    assert_eq!(world.out(&["info", "--format", "{{.Layers}}"]), "2\n");
    assert!(world.out(&["info"]).starts_with("root"));
}

#[test]
fn files_are_read_without_a_mount() {
    let (world, ..) = World::filled();
    assert_eq!(
        world.out(&["cat", "app:2", "/etc/os-release", "hello"]),
        "ID=test\nworld\n"
    );
    world.fails(&["cat", "app:1", "/hello"], 1);
    assert_eq!(
        world.out(&["ls", "app:2"]),
        "/copy-of-data\n/data\n/etc\n/hello\n"
    );
    assert_eq!(
        world.out(&["ls", "-R", "app:1", "/etc"]),
        "/etc\n/etc/os-release\n"
    );
    assert_eq!(world.out(&["ls", "-d", "app:1", "/etc"]), "/etc\n");
    let long = world.out(&["ls", "-l", "app:1", "/data"]);
    assert!(
        long.starts_with("-rw-r--r--   1     0     0       9000 2020-09-13T12:26:40Z /data"),
        "{long}"
    );
    let files = world.json(&["ls", "--json", "app:1", "/etc/os-release"]);
    assert_eq!(files[0]["size"], 8);
    assert_eq!(files[0]["mode"], "0644");
    world.out(&["extract", "--path", "/etc", "app:1", "out"]);
    assert_eq!(
        fs::read_to_string(world.path("out/os-release")).unwrap(),
        "ID=test\n"
    );
    // What is there is not overwritten.
    world.fails(&["extract", "app:1", "out"], 1);
    let extracted = world.json(&["extract", "--json", "app:1", "all"]);
    assert_eq!(extracted["directory"], "all");
}

/// A verb with nothing to clean up ends at the first signal, also where it waits for a reader.
#[test]
fn the_first_signal_ends_what_has_nothing_to_clean_up() {
    use std::os::unix::process::ExitStatusExt as _;

    let (world, ..) = World::filled();
    let args = [&["cat", "app:1"][..], &["/data"; 20]].concat();
    let mut cat = world.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    // What a pipe holds is less than what there is to print.
    let mut first = [0];
    let out = cat.stdout.as_mut().unwrap();
    std::io::Read::read_exact(out, &mut first).unwrap();
    let pid = cat.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let status = loop {
        match cat.try_wait().unwrap() {
            Some(status) => break status,
            None if std::time::Instant::now() > end => {
                cat.kill().unwrap();
                break cat.wait().unwrap();
            }
            None => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    };
    assert_eq!(status.signal(), Some(2));
}

#[test]
fn diff_lists_what_differs() {
    let (world, ..) = World::filled();
    assert_eq!(
        world.out(&["diff", "app:1", "app:2"]),
        "A /copy-of-data\nA /hello\n"
    );
    let changes = world.json(&["diff", "--json", "app:2", "app:1"]);
    assert_eq!(changes[1], json!({"kind": "deleted", "path": "/hello"}));
    assert_eq!(world.out(&["diff", "app:1", "app:1"]), "");
}

#[test]
fn containers_have_changes_of_their_own() {
    let (world, ..) = World::filled();
    let id = world.out(&[
        "containers",
        "create",
        "--name",
        "web",
        "--label",
        "a=b",
        "app:1",
    ]);
    let id = id.trim_end();
    assert_eq!(id.len(), 64);
    let listed = world.json(&["containers", "ls", "--json"]);
    assert_eq!(listed[0]["id"], id);
    assert_eq!(listed[0]["labels"], json!({"a": "b"}));
    assert_eq!(world.out(&["containers", "ls", "-q"]), format!("{id}\n"));
    assert!(world.out(&["containers", "ls"]).contains("web"));
    world.fails(&["containers", "create", "--name", "web", "app:1"], 1);
    let other = world.json(&["containers", "create", "--json", "app:2"]);
    assert_eq!(other["labels"], json!({}));

    let root = world.out(&["mount", "web"]);
    fs::write(Path::new(root.trim_end()).join("new"), "x").unwrap();
    assert_eq!(world.out(&["diff", "web"]), "A /new\n");
    let said = world.fails(&["rm", "app:1"], 1);
    assert!(said.contains("in use by container web"), "{said}");
    let nowhere = world.path("nowhere").display().to_string();
    let said = world.fails(&["umount", &nowhere], 1);
    assert!(said.contains("is not in the store"), "{said}");
    assert!(!said.contains("fuser"), "{said}");
    world.out(&["umount", "web"]);
    assert_eq!(world.out(&["containers", "rm", "web"]), format!("{id}\n"));
    world.fails(&["containers", "rm", "web"], 1);
    let other_id = other["id"].as_str().unwrap();
    let removed = world.json(&["containers", "rm", "--json", other_id]);
    assert_eq!(removed, json!([other]));
}

#[test]
fn names_that_are_images_and_containers_must_be_told_apart() {
    let (world, ..) = World::filled();
    world.out(&["tag", "app:1", "web"]);
    world.out(&["containers", "create", "--name", "web", "app:2"]);
    let said = world.fails(&["mount", "web"], 1);
    assert!(said.contains("--image or --container"), "{said}");
    let mount = world.json(&["mount", "--json", "--container", "web"]);
    let root = Path::new(mount["path"].as_str().unwrap());
    assert!(root.join("hello").exists());
    world.fails(&["mount", "--container", "app:1"], 1);
    world.out(&["umount", "--container", "web"]);
}

#[test]
fn privileged_images_are_mounted_and_unmounted() {
    // The kernel says whether we may mount: not in every sandbox is root allowed to.
    let may = Command::new("unshare").args(["-m", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: mounting is not allowed here");
        return;
    }
    let (world, one, _) = World::filled();
    let root = world.out(&["mount", "--noexec", "app:1"]);
    let root = root.trim_end();
    assert_eq!(
        fs::read_to_string(Path::new(root).join("etc/os-release")).unwrap(),
        "ID=test\n"
    );
    assert!(fs::write(Path::new(root).join("new"), "x").is_err());
    let mounted = world.json(&["mounted", "--json"]);
    assert_eq!(mounted[0]["image"], one);
    assert_eq!(mounted[0]["path"], root);
    assert!(world.out(&["mounted"]).contains(root));
    world.fails(&["rm", "app:1"], 1);
    world.out(&["mount", "--image", "app:1"]);
    assert_eq!(world.json(&["umount", "--json", root]), mounted);
    world.out(&["umount", "--image", "app:1"]);
    world.out(&["mount", "app:1"]);
    world.out(&["umount", "--all"]);
    assert_eq!(world.json(&["mounted", "--json"]), json!([]));
}

#[test]
fn archives_go_out_and_come_in_through_pipes() {
    let (world, one, two) = World::filled();
    let archive = world.run(&["export", "app:2"]);
    assert!(archive.status.success(), "{}", text(&archive.stderr));
    // Layers went out uncompressed: that is another image, which is said.
    assert!(
        text(&archive.stderr).contains("uncompressed"),
        "{}",
        text(&archive.stderr)
    );
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
fn garbage_goes_and_damage_is_found() {
    let (world, ..) = World::filled();
    assert_eq!(world.json(&["fsck", "--json"])["findings"], json!([]));
    assert_eq!(world.json(&["gc", "--json"])["objects"], 0);
    world.out(&["rm", "app:2"]);
    let planned = world.json(&["gc", "--json", "--dry-run"]);
    assert_eq!(planned["layers"], 1);
    let done = world.json(&["gc", "--json"]);
    assert_eq!(done["bytes"], planned["bytes"]);
    assert!(world.out(&["gc"]).starts_with("freed 0B"));
    world.out(&["fsck", "--threads", "1"]);

    let object = objects(&world.path("store/objects"))
        .into_iter()
        .find(|path| fs::metadata(path).unwrap().len() == 9000)
        .unwrap();
    let mut permissions = fs::metadata(&object).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&object, permissions).unwrap();
    fs::write(&object, "y".repeat(9000)).unwrap();
    let output = world.run(&["fsck"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(!output.stdout.is_empty());
}

fn objects(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(objects(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn wrong_calls_and_missing_stores_are_said() {
    let world = World::new();
    let said = world.fails(&["images"], 1);
    assert!(said.contains("hint: the first `storetool pull`"), "{said}");
    for args in [
        &["gc"][..],
        &["gc", "--dry-run"],
        &["umount", "--all"],
        &["rm", "app:1"],
        &["mount", "app:1"],
        &["tag", "app:1", "app:2"],
        &["untag", "app:1"],
        &["containers", "create", "app:1"],
        &["containers", "rm", "web"],
    ] {
        let said = world.fails(args, 1);
        assert!(said.contains("there is no store at "), "{said}");
        assert!(said.contains("hint: the first `storetool pull`"), "{said}");
    }
    assert!(!world.path("store").exists());
    world.fails(&["images", "--bogus"], 2);
    world.fails(&["bogus"], 2);
    let said = world.fails(&["pull", "app"], 1);
    assert!(
        said.contains("hint: an image in a registry is docker://app"),
        "{said}"
    );
    world.fails(&["pull", "store:app"], 1);
    world.fails(&["pull", "--platform", "linux", "oci:layout:one"], 2);
    world.out(&["pull", "-q", "oci:layout:one"]);
    let other = world
        .command(&["info"])
        .args(["--driver", "composefs"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(1));
    let help = world.run(&["pull", "--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("EXAMPLES:"));
}

/// A user may not mount: the new store copies files, and the user hears it once.
#[test]
fn who_can_not_mount_gets_copies_and_is_told_so() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new();
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let user = |args: &[&str]| {
        Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                STORETOOL,
            ])
            .args(args)
            .current_dir(world.dir.path())
            .env("STORETOOL_ROOT", world.path("of-a-user"))
            .env("CONTAINERS_POLICY_JSON", world.path("policy.json"))
            .env("HOME", world.dir.path())
            .output()
    };
    match user(&["--version"]) {
        Ok(output) if output.status.success() => {}
        other => {
            println!("skipped: can not become another user: {other:?}");
            return;
        }
    }
    for (image, told) in [("oci:layout:one", true), ("oci:layout:two", false)] {
        let output = user(&["pull", "-q", image]).unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let words = "(driver vfs), composefs does not work here: erofs from a file: ";
        assert_eq!(said.contains(words), told, "{said}");
    }
    let info = text(&user(&["info"]).unwrap().stdout);
    assert!(
        info.contains("vfs: composefs did not work here: erofs from a file: "),
        "{info}"
    );
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
        fs::create_dir_all(dir.join("certs")).unwrap();
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ])
            .arg("-keyout")
            .arg(dir.join("key.pem"))
            .arg("-out")
            .arg(dir.join("certs/ca.crt"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
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
