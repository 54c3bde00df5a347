//! The pipes that the design promises, with a real registry and real runtimes.
#![expect(clippy::expect_used, reason = "a test that can not go on fails")]

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tests::layout::Image;
use tests::programs::{Ran, command, run, shell, theirs};
use tests::registry::Registry;
use tests::{Need, need};

const ACCEPT: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// A registry with `app:1` in it, whose root file system is a busybox.
struct Scene {
    dir: tempfile::TempDir,
    registry: Registry,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("policy.json"), ACCEPT).expect("a policy");
        let layout = Image::new()
            .tar(&busybox())
            .write(&dir.path().join("layout"));
        let registry = Registry::start();
        run(
            "skopeo-rs",
            [
                "copy",
                "--quiet",
                "--insecure-policy",
                "--dest-tls-verify=false",
                &layout,
                &format!("docker://{}/app:1", registry.host),
            ],
        )
        .ok();
        Self { dir, registry }
    }

    /// Runs a line in which R, POLICY and STORE are set.
    fn shell(&self, line: &str) -> Ran {
        shell(&format!(
            "cd {dir}; R={host}; POLICY={dir}/policy.json; STORE={dir}/store; {line}",
            dir = self.dir.path().display(),
            host = self.registry.host,
        ))
    }
}

fn busybox() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, mode: u32, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_cksum();
        tar.append_data(&mut header, name, content)
            .expect("an entry");
    };
    add(
        "bin/busybox",
        0o755,
        &fs::read("/bin/busybox").expect("busybox-static is installed"),
    );
    add(
        "etc/passwd",
        0o644,
        b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
    );
    add("etc/group", 0o644, b"root:x:0:\napp:x:1000:\n");
    for dir in ["proc/", "sys/", "dev/", "tmp/"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_mode(0o755);
        header.set_cksum();
        tar.append_data(&mut header, dir, &[][..])
            .expect("an entry");
    }
    tar.into_inner().expect("a tar")
}

#[test]
fn image_config_becomes_a_valid_runtime_config() {
    let scene = Scene::new();
    let config = scene
        .shell(
            "mkdir -p root/etc; skopeo-rs inspect --tls-verify=false --config docker://$R/app:1 \
             | ocitool generate --image-config - --rootfs root > config.json; \
             ocitool validate - < config.json >&2; cat config.json",
        )
        .ok();
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(config["process"]["args"], serde_json::json!(["/bin/true"]));
    assert!(
        config["root"]["path"]
            .as_str()
            .expect("a path")
            .ends_with("root")
    );
}

#[test]
fn an_image_goes_through_a_pipe_into_the_store_and_back() {
    let scene = Scene::new();
    scene
        .shell(
            "skopeo-rs copy --insecure-policy --src-tls-verify=false docker://$R/app:1 oci-archive:- \
             | storetool --root $STORE import --policy $POLICY --name app:1 -; \
             storetool --root $STORE export app:1 \
             | skopeo-rs copy --insecure-policy --dest-tls-verify=false oci-archive:- docker://$R/app:copy",
        )
        .ok();
    // What was unpacked on the way is the same blob when it is compressed anew.
    let digest = |tag: &str| {
        theirs(
            "skopeo",
            [
                "inspect",
                "--tls-verify=false",
                "--format",
                "{{.Digest}} {{.Layers}}",
                &format!("docker://{}/app:{tag}", scene.registry.host),
            ],
        )
        .ok()
    };
    assert_eq!(
        digest("copy").split(' ').nth(1),
        digest("1").split(' ').nth(1)
    );
}

#[test]
fn tags_feed_inspect() {
    let scene = Scene::new();
    let line = "skopeo-rs list-tags --tls-verify=false --lines docker://$R/app \
                | xargs -P4 -I{} skopeo-rs inspect --tls-verify=false docker://$R/app:{}";
    let inspected: serde_json::Value = serde_json::from_str(&scene.shell(line).ok()).expect("JSON");
    assert_eq!(inspected["RepoTags"], serde_json::json!(["1"]));
}

/// More than fits into a pipe: when all of it is written, somebody reads.
const MORE_THAN_A_PIPE: usize = (64 << 10) + 1;

/// Starts a program, interrupts it while it waits for the rest of its input, and says how it ended.
fn interrupted(line: &str) -> Ran {
    let mut words = line.split_whitespace();
    let mut child = command(words.next().expect("a program"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(&[b' '; MORE_THAN_A_PIPE])
        .expect("it reads");
    theirs("kill", ["-s", "INT", &child.id().to_string()]).ok();
    let since = Instant::now();
    while child.try_wait().expect("a status").is_none() {
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "{line}: one signal does not end it"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(stdin);
    child.wait_with_output().expect("its output").into()
}

#[test]
fn one_signal_ends_who_waits_for_input() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    let path = |name: &str| at(name).display().to_string();
    fs::write(at("policy.json"), ACCEPT).expect("a policy");
    fs::write(at("out.json"), "as it was").expect("a file");
    fs::create_dir(at("tmp")).expect("a directory");
    let copy = format!("skopeo-rs --insecure-policy --tmpdir {} copy", path("tmp"));
    for line in [
        "ocitool validate -".to_owned(),
        format!(
            "ocitool generate --image-config - --output {}",
            path("out.json")
        ),
        format!(
            "ocitool generate --template - --output {}",
            path("out.json")
        ),
        "skopeo-rs manifest-digest -".to_owned(),
        format!("{copy} oci-archive:- oci:{}:1", path("layout")),
        format!("{copy} docker-archive:- dir:{}", path("dir")),
        format!(
            "storetool --root {} import --policy {} --name app:1 -",
            path("store"),
            path("policy.json")
        ),
    ] {
        let ran = interrupted(&line);
        assert_eq!(ran.status, 130, "{line}: {ran:?}");
        assert!(ran.stderr.contains("interrupted"), "{line}: {ran:?}");
        assert_eq!(ran.stdout, "", "{line}");
    }
    assert_eq!(
        fs::read_to_string(at("out.json")).expect("it is there"),
        "as it was"
    );
    assert!(
        fs::read_dir(at("tmp"))
            .expect("it is there")
            .next()
            .is_none()
    );
    for name in ["layout", "dir"] {
        assert!(!at(name).exists(), "{name}");
    }
    run("storetool", ["--root", &path("store"), "fsck"]).ok();
    let images = run("storetool", ["--root", &path("store"), "images", "--json"]).ok();
    let images: serde_json::Value = serde_json::from_str(&images).expect("JSON");
    assert!(!images.to_string().contains("app"), "{images}");
}

#[test]
fn privileged_mount_prints_where() {
    if !need(&[Need::Root, Need::Composefs]) {
        return;
    }
    let scene = Scene::new();
    let listed = scene
        .shell(
            "storetool --root $STORE pull --quiet --policy $POLICY --tls-verify=false docker://$R/app:1 >&2; \
             root=$(storetool --root $STORE mount $R/app:1) && ls \"$root\"; \
             storetool --root $STORE umount $R/app:1 >&2; storetool --root $STORE mounted",
        )
        .ok();
    assert_eq!(listed, "bin\ndev\netc\nproc\nsys\ntmp");
    let images = scene
        .shell("storetool --root $STORE images --json | jq -r '.. | .names? // empty | .[]'")
        .ok();
    assert_eq!(images, format!("{}/app:1", scene.registry.host));
}

#[test]
fn privileged_a_container_runs_from_the_store() {
    if !need(&[Need::Root, Need::Composefs]) {
        return;
    }
    let scene = Scene::new();
    let said = scene
        .shell(
            "storetool --root $STORE pull --quiet --policy $POLICY --tls-verify=false docker://$R/app:1 >&2; \
             storetool --root $STORE containers create --name c1 $R/app:1 >&2; \
             root=$(storetool --root $STORE mount c1); \
             storetool --root $STORE inspect --config $R/app:1 \
             | ocitool generate --image-config - --rootfs \"$root\" --user app -- /bin/busybox id > config.json; \
             ocitool run --config config.json tests-pipes-$$; \
             storetool --root $STORE umount c1 >&2; storetool --root $STORE containers rm c1 >&2",
        )
        .ok();
    assert_eq!(said, "uid=1000(app) gid=1000(app) groups=1000(app)");
}

/// The whole demo, as a newcomer runs it.
#[test]
fn privileged_the_demo_runs_twice() {
    if !need(&[Need::Root, Need::Composefs, Need::DebianImages]) {
        return;
    }
    let images = std::env::var("TEST_IMAGES").expect("set");
    let dir = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink(images, dir.path().join("images")).expect("a link");
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/demo.sh");
    for _ in 0..2 {
        let said = shell(&format!("sh {demo} {}/demo", dir.path().display())).ok();
        for word in [
            "hello from web:1",
            "signature",
            "Nothing is left mounted or running",
        ] {
            assert!(
                said.contains(word),
                "the demo says nothing of {word:?}: {said}"
            );
        }
    }
}
