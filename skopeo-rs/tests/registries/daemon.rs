//! Images of a real docker daemon, and archives that several images share.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::BOTH;
use crate::common::{OURS, THEIRS, World, text};

/// Debian's dockerd without a network of its own.
struct Daemon {
    child: Child,
    host: String,
}

impl Daemon {
    fn start(world: &World) -> Option<Daemon> {
        if !Path::new("/usr/sbin/dockerd").exists() || !rustix::process::geteuid().is_root() {
            println!("skipped: dockerd is not installed, or we are not root");
            return None;
        }
        let at = |name: &str| world.path("docker").join(name);
        fs::create_dir_all(at("")).unwrap();
        let host = format!("unix://{}", at("docker.sock").display());
        let log = File::create(at("log")).unwrap();
        let child = Command::new("dockerd")
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"])
            .args(["-H", &host])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Daemon { child, host };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !daemon.docker(&["version"]).0 {
            let said = || fs::read_to_string(at("log")).unwrap();
            assert!(daemon.child.try_wait().unwrap().is_none(), "{}", said());
            assert!(Instant::now() < deadline, "{}", said());
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(daemon)
    }

    fn docker(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new("docker")
            .args(["-H", &self.host])
            .args(args)
            .output()
            .unwrap();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn a_docker_daemon_takes_and_gives_images() {
    let Some(world) = World::new() else { return };
    let Some(daemon) = Daemon::start(&world) else {
        return;
    };
    let host = daemon.host.as_str();
    let config = |name: &str| {
        let args = ["inspect", "--config", "--daemon-host", host, name];
        serde_json::from_str::<Value>(&world.ok(OURS, &args)).unwrap()
    };
    for (name, program) in BOTH {
        let to = format!("docker-daemon:{name}/app:1");
        let report = world.ok(
            program,
            &[
                "copy",
                "--dest-daemon-host",
                host,
                "oci:{D}/layout:one",
                &to,
            ],
        );
        assert!(
            report.contains("Writing manifest to image destination"),
            "{report}"
        );
        let (ok, listed) = daemon.docker(&["images", "--no-trunc", &format!("{name}/app")]);
        assert!(ok && listed.contains("sha256:"), "{listed}");
        assert_eq!(config(&to)["author"], "somebody", "{name}");
    }
    let (_, ids) = daemon.docker(&["images", "-q", "--no-trunc"]);
    let ids: Vec<&str> = ids.split_whitespace().collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "both are the same image");
    // By name and by id both programs read the same.
    for from in [
        "docker-daemon:ours/app:1",
        &format!("docker-daemon:{}", ids[0]),
    ] {
        let mut manifests = Vec::new();
        for (name, program) in BOTH {
            let to = format!("dir:{{D}}/daemon-{name}");
            world.ok(
                program,
                &["copy", "-q", "--src-daemon-host", host, from, &to],
            );
            manifests.push(fs::read(world.path(&format!("daemon-{name}/manifest.json"))).unwrap());
            world.ok(program, &["inspect", "--raw", "--daemon-host", host, from]);
        }
        assert!(manifests[0] == manifests[1], "{from}");
    }
    // A list gives the image of this platform; what is not there is not found.
    world.ok(
        OURS,
        &[
            "copy",
            "-q",
            "--dest-daemon-host",
            host,
            "oci:{D}/layout:list",
            "docker-daemon:list:1",
        ],
    );
    assert_eq!(config("docker-daemon:list:1")["architecture"], "amd64");
    let absent = world.run(
        OURS,
        &["inspect", "--daemon-host", host, "docker-daemon:no/such:1"],
    );
    assert_eq!(absent.status.code(), Some(2), "{}", text(&absent.stderr));
    let untagged = format!("docker-daemon:{}", ids[0]);
    let refused = world.run(
        OURS,
        &[
            "copy",
            "--dest-daemon-host",
            host,
            "oci:{D}/layout:one",
            &untagged,
        ],
    );
    assert_eq!(refused.status.code(), Some(1));
    // An image whose layer is not the one of its configuration is loaded by nobody.
    let broken = world.path("layout/blobs/sha256");
    for blob in fs::read_dir(&broken).unwrap() {
        let path = blob.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let last = bytes.len() - 10;
            bytes[last] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let broken = world.run(
        OURS,
        &[
            "copy",
            "-q",
            "--dest-daemon-host",
            host,
            "oci:{D}/layout:one",
            "docker-daemon:broken:1",
        ],
    );
    assert_eq!(broken.status.code(), Some(1));
    assert!(!daemon.docker(&["image", "inspect", "broken:1"]).0);
}

#[test]
fn a_daemon_that_is_not_there_is_said() {
    let Some(world) = World::new() else { return };
    for (host, want) in [
        ("unix:///no/such.sock", "cannot connect"),
        ("tcp://127.0.0.1:1", "cannot connect"),
        ("ssh://x", "neither unix, tcp nor http"),
        ("x", "not of the form"),
    ] {
        let output = world.run(
            OURS,
            &["inspect", "--daemon-host", host, "docker-daemon:a:1"],
        );
        let said = text(&output.stderr);
        assert!(said.contains(want), "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
    }
}

#[test]
fn an_archive_may_have_several_images() {
    let Some(world) = World::new() else { return };
    let copy = |from: &str, to: &str| {
        world.ok(
            OURS,
            &[
                "copy",
                "-q",
                from,
                &format!("docker-archive:{{D}}/several.tar{to}"),
            ],
        );
    };
    copy("oci:{D}/layout:one", ":r.example/one:1");
    copy("oci:{D}/layout:bare", ":r.example/bare:1");
    copy("oci:{D}/layout:bare", "");
    let tags = |program| world.ok(program, &["list-tags", "docker-archive:{D}/several.tar"]);
    assert_eq!(tags(OURS), tags(THEIRS));
    let listed: Value = serde_json::from_str(&tags(OURS)).unwrap();
    assert_eq!(
        listed["Tags"],
        serde_json::json!(["r.example/one:1", "r.example/bare:1"])
    );
    for (image, tag) in [("one", "r.example/one:1"), ("bare", "r.example/bare:1")] {
        for place in [tag, if image == "one" { "@0" } else { "@1" }] {
            let name = format!("docker-archive:{{D}}/several.tar:{place}");
            let config =
                |program: &str, name: &str| world.ok(program, &["inspect", "--config", name]);
            let original = config(OURS, &format!("oci:{{D}}/layout:{image}"));
            assert_eq!(config(THEIRS, &name), original);
            assert_eq!(config(OURS, &name), original);
        }
    }
    // A tag moves, and the image that had it stays.
    copy("oci:{D}/layout:bare", ":r.example/one:1");
    let listed: Value = serde_json::from_str(&tags(OURS)).unwrap();
    assert_eq!(
        listed["Tags"],
        serde_json::json!(["@0", "r.example/bare:1", "r.example/one:1"])
    );
    assert_eq!(tags(OURS), tags(THEIRS));
    // Archives of others are taken over, and what is none stays as it is.
    world.ok(
        OURS,
        &[
            "copy",
            "-q",
            "oci:{D}/layout:bare",
            "docker-archive:{D}/docker.tar:new:1",
        ],
    );
    let listed = world.ok(THEIRS, &["list-tags", "docker-archive:{D}/docker.tar"]);
    assert!(
        listed.contains("r.example/one:1") && listed.contains("docker.io/library/new:1"),
        "{listed}"
    );
    fs::write(world.path("none.tar"), "no tar").unwrap();
    let refused = world.run(
        OURS,
        &[
            "copy",
            "oci:{D}/layout:bare",
            "docker-archive:{D}/none.tar:a:1",
        ],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        fs::read_to_string(world.path("none.tar")).unwrap(),
        "no tar"
    );
}
