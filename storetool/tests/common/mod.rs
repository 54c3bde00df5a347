//! What the tests of the program share: a store, and images to put into it. The driver is vfs,
//! which works on every machine.
#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(
    clippy::unwrap_used,
    reason = "what a test works with stops it at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use oci::Digest;
use serde_json::{Value, json};

pub(crate) const STORETOOL: &str = env!("CARGO_BIN_EXE_storetool");

/// A directory with a store, images to put into it, and a policy that accepts them.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> World {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
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

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs what must succeed; returns its standard output.
    pub(crate) fn out(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs what must print JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.out(args)).unwrap()
    }

    /// Runs what must fail with this status; returns what it said.
    pub(crate) fn fails(&self, args: &[&str], status: i32) -> String {
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
    pub(crate) fn filled() -> (World, String, String) {
        let world = World::new();
        let one = world.out(&["pull", "-q", "--name", "app:1", "oci:layout:one"]);
        let two = world.out(&["pull", "-q", "--name", "app:2", "oci:layout:two"]);
        (world, one.trim_end().to_owned(), two.trim_end().to_owned())
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
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
