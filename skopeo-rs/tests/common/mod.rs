//! Images, a registry, and both programs: what the tests of this program work with.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use oci::Digest;
use serde_json::{Value, json};

pub(crate) const OURS: &str = env!("CARGO_BIN_EXE_skopeo-rs");
pub(crate) const THEIRS: &str = "/usr/bin/skopeo";
pub(crate) const REGISTRY: &str = "/usr/bin/docker-registry";

/// A directory with images, and a registry that has them, too.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    registry: Child,
    pub(crate) port: u16,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

impl World {
    /// Makes the images, starts the registry and fills it with the original's help.
    pub(crate) fn new() -> Option<World> {
        if [THEIRS, REGISTRY]
            .iter()
            .any(|program| !Path::new(program).exists())
        {
            println!("skipped: {THEIRS} or {REGISTRY} is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (registry, port) = start_registry(dir.path(), "", "");
        let world = World {
            dir,
            registry,
            port,
        };
        make_images(world.dir.path());
        for (source, destination) in [
            ("oci:{D}/layout:one", "docker://{R}/one:1"),
            ("oci:{D}/layout:one", "docker://{R}/one:latest"),
            ("oci:{D}/layout:list", "docker://{R}/list:1"),
            ("oci:{D}/layout:one", "dir:{D}/dir"),
            (
                "oci:{D}/layout:one",
                "docker-archive:{D}/docker.tar:r.example/one:1",
            ),
            ("oci:{D}/layout:one", "oci-archive:{D}/oci.tar:one"),
        ] {
            let args = [
                "copy",
                "-q",
                "--all",
                "--dest-tls-verify=false",
                source,
                destination,
            ];
            let output = world.run(THEIRS, &args);
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        Some(world)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts the directory where `{D}` stands, and the registry where `{R}` does.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{D}", self.dir.path().to_str().unwrap())
            .replace("{R}", &format!("127.0.0.1:{}", self.port))
    }

    /// Runs a program; `{D}` is the directory, `{R}` the registry.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Output {
        Command::new(program)
            .args(args.iter().map(|arg| self.fill(arg)))
            .env("HOME", self.path("home"))
            .env("GNUPGHOME", self.path("gnupg"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("STORETOOL_ROOT", self.path("store"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("REGISTRY_AUTH_FILE")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs both on one row and compares.
    pub(crate) fn compare(&self, row: &Row<'_>) {
        let args: Vec<&str> = row
            .args
            .split(' ')
            .map(|arg| arg.trim_matches('\''))
            .collect();
        let args: Vec<String> = args.iter().map(|arg| arg.replace('~', " ")).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let theirs = self.run(THEIRS, &args);
        let ours = self.run(OURS, &args);
        let context = format!(
            "{args:?}\ntheirs: {:?} {}\nours:   {:?} {}",
            theirs.status.code(),
            text(&theirs.stderr),
            ours.status.code(),
            text(&ours.stderr),
        );
        let status = row.ours.map_or(theirs.status.code(), Some);
        assert_eq!(ours.status.code(), status, "{context}");
        let (theirs, ours) = (text(&theirs.stdout), text(&ours.stdout));
        match row.stdout {
            // Debian 13's version aligns no columns.
            Stdout::Equal if theirs.contains('\t') => {
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
                let (ours, theirs): (Vec<String>, Vec<String>) = (words(&ours), words(&theirs));
                assert_eq!(ours, theirs, "{context}");
            }
            Stdout::Equal => assert_eq!(ours, theirs, "{context}"),
            Stdout::Lines => {
                let theirs = theirs.replace(" images generated from ", " of ");
                let (mut ours, theirs) = (sorted(&ours), sorted(&theirs));
                // Debian 13's says so only when there are signatures.
                ours.retain(|line| !STORING.contains(line) || theirs.contains(line));
                assert_eq!(ours, theirs, "{context}");
            }
            Stdout::WithoutLayersData if theirs.starts_with("{\"") => {
                let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                assert_eq!(value(&ours), value(&theirs), "{context}");
            }
            Stdout::WithoutLayersData if theirs.contains("\"LayersData\"") => {
                assert_eq!(ours, theirs, "{context}");
            }
            Stdout::WithoutLayersData => {
                assert_eq!(without_layers_data(&ours), theirs, "{context}");
            }
            Stdout::Other => {}
        }
    }
}

const STORING: [&str; 2] = ["Storing signatures", "Storing list signatures"];

/// How standard outputs are compared.
#[derive(Clone, Copy)]
pub(crate) enum Stdout {
    /// To the byte.
    Equal,
    /// As sets of lines: layers are copied in any order. Debian 13's version words some otherwise.
    Lines,
    /// To the byte, but for LayersData, which Debian 12's version does not print yet; where
    /// Debian 13's prints JSON on one line, as JSON.
    WithoutLayersData,
    /// Not at all.
    Other,
}

/// A command line; blanks separate arguments, `~` stands for a blank in one.
pub(crate) struct Row<'a> {
    args: &'a str,
    stdout: Stdout,
    /// Our exit status where it differs on purpose.
    ours: Option<i32>,
}

pub(crate) const fn row(args: &str, stdout: Stdout) -> Row<'_> {
    Row {
        args,
        stdout,
        ours: None,
    }
}

pub(crate) const fn quirk(args: &str, stdout: Stdout, ours: i32) -> Row<'_> {
    Row {
        args,
        stdout,
        ours: Some(ours),
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

pub(crate) fn without_layers_data(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        inside |= line.starts_with("    \"LayersData\"");
        if !inside {
            kept.push_str(line);
        }
        inside &= !line.starts_with("    ]");
    }
    kept
}

/// Starts a registry that keeps its files in `dir`; `top` and `http` are more of its
/// configuration.
pub(crate) fn start_registry(dir: &Path, top: &str, http: &str) -> (Child, u16) {
    let config = dir.join("registry.yml");
    let storage = dir.join("registry");
    fs::write(
        &config,
        format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             compatibility: {{schema1: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:0'{http}}}\n{top}",
            storage.display()
        ),
    )
    .unwrap();
    let (child, address) = tests::registry::serve(&config);
    let (_, port) = address.rsplit_once(':').unwrap();
    (child, port.parse().unwrap())
}

/// `layout:one` has two layers, `layout:list` is a list of two platforms, the configuration of
/// `layout:bare` has nothing that may be absent.
pub(crate) fn make_images(dir: &Path) {
    for name in ["home", "gnupg", "run"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(dir.join("gnupg"), mode(0o700)).unwrap();
    let layout = Layout::new(&dir.join("layout"));
    let first = layout.layer("first", &"hello\n".repeat(1000));
    let second = layout.layer("second", "world <&>\n");
    let one = layout.image("amd64", &[&first, &second]);
    let arm = layout.image("arm64", &[&first]);
    let index = layout.put(
        &json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                with_platform(&one, "amd64"),
                with_platform(&arm, "arm64"),
            ],
        })
        .to_string()
        .into_bytes(),
        "application/vnd.oci.image.index.v1+json",
    );
    let bare = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [first.1]},
        "history": [{"created_by": "hand"}, {"empty_layer": true}],
    });
    let bare = layout.manifest(&bare, &[&first]);
    layout.finish(&[("one", one), ("list", index), ("bare", bare)]);
}

pub(crate) fn with_platform(descriptor: &Value, architecture: &str) -> Value {
    let mut descriptor = descriptor.clone();
    descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
    descriptor
}

/// An OCI layout, made by hand.
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn new(path: &Path) -> Layout {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout(path.to_owned())
    }

    pub(crate) fn put(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = Digest::sha256(bytes);
        fs::write(self.0.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// A gzipped tar with one file; returns its descriptor and its diff id.
    pub(crate) fn layer(&self, name: &str, content: &str) -> (Value, String) {
        let work = self.0.with_extension(name);
        fs::create_dir_all(&work).unwrap();
        fs::write(work.join(name), content).unwrap();
        let tar = Command::new("tar")
            .args([
                "--mtime=@1600000000",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
            ])
            .args(["-cf", "-", "-C"])
            .arg(&work)
            .arg(name)
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

    pub(crate) fn image(&self, architecture: &str, layers: &[&(Value, String)]) -> Value {
        let diff_ids: Vec<&String> = layers.iter().map(|(_, diff_id)| diff_id).collect();
        let config = json!({
            "created": "2020-01-02T03:04:05.678Z",
            "author": "somebody",
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Env": ["PATH=/bin", "X=<&>"],
                "Entrypoint": ["/bin/true"],
                "Labels": {"version": "1", "name": "one"},
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": "2020-01-02T03:04:05Z", "created_by": "hand"}],
        });
        self.manifest(&config, layers)
    }

    pub(crate) fn manifest(&self, config: &Value, layers: &[&(Value, String)]) -> Value {
        let config = self.put(
            config.to_string().as_bytes(),
            "application/vnd.oci.image.config.v1+json",
        );
        let layers: Vec<&Value> = layers.iter().map(|(layer, _)| layer).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": layers,
        });
        self.put(
            manifest.to_string().as_bytes(),
            "application/vnd.oci.image.manifest.v1+json",
        )
    }

    pub(crate) fn finish(&self, names: &[(&str, Value)]) {
        let manifests: Vec<Value> = names
            .iter()
            .map(|(name, descriptor)| {
                let mut descriptor = descriptor.clone();
                descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
                descriptor
            })
            .collect();
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
    }
}
