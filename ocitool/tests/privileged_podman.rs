//! Our defaults beside the config.json that podman writes for the same image.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not be set up fails, one that is skipped says so"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{json, rootfs, run_with_stdin};
use serde_json::Value;

struct Podman<'a> {
    dir: &'a Path,
}

impl Podman<'_> {
    fn run(&self, args: &[&str]) -> Result<String, String> {
        let out = Command::new("podman")
            .args(["--root", "g", "--runroot", "r", "--storage-driver", "vfs"])
            .args(args)
            .current_dir(self.dir)
            .env("CONTAINERS_CONF", self.dir.join("containers.conf"))
            .output()
            .unwrap();
        if out.status.success() {
            return Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned());
        }
        Err(String::from_utf8_lossy(&out.stderr).into_owned())
    }

    /// The configuration of a new container, which is removed.
    fn config(&self, image: &str, args: &[&str]) -> Result<Value, String> {
        let mut create = vec!["create", "--network", "none"];
        create.extend(args);
        create.push(image);
        let id = self.run(&create)?;
        let config = self.run(&["init", &id]).map(|_| {
            let path = self
                .dir
                .join("g/vfs-containers")
                .join(&id)
                .join("userdata/config.json");
            json(&fs::read_to_string(path).unwrap())
        });
        self.run(&["rm", "-f", &id])?;
        config
    }
}

#[test]
fn privileged_defaults_are_podmans() {
    let reasons = [
        common::no_containers("runc"),
        common::installed("podman").err(),
        common::installed("umoci").err(),
    ];
    if let Some(reason) = reasons.into_iter().flatten().next() {
        println!("skipped: {reason}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    // The list of capabilities is that of the distribution's containers.conf.
    fs::write(
        dir.path().join("containers.conf"),
        "[containers]\ndefault_ulimits=[\"nofile=1024:1024\",\"nproc=1024:1024\"]\n\
         default_capabilities=[\"CHOWN\",\"DAC_OVERRIDE\",\"FOWNER\",\"FSETID\",\"KILL\",\"NET_BIND_SERVICE\",\
         \"SETFCAP\",\"SETGID\",\"SETPCAP\",\"SETUID\",\"SYS_CHROOT\"]\n\
         [engine]\nruntime=\"runc\"\ncgroup_manager=\"cgroupfs\"\n",
    )
    .unwrap();
    let umoci = |args: &[&str]| {
        let out = Command::new("umoci")
            .args(args)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
    };
    umoci(&["init", "--layout", "l"]);
    umoci(&["new", "--image", "l:t"]);
    umoci(&["insert", "--image", "l:t", root.to_str().unwrap(), "/"]);
    umoci(&[
        "config",
        "--image",
        "l:t",
        "--config.entrypoint",
        "/bin/sleep",
        "--config.cmd",
        "100",
    ]);
    let podman = Podman { dir: dir.path() };
    let image = podman.run(&["pull", "-q", "oci:l:t"]).unwrap();
    let image_json = podman
        .run(&["image", "inspect", "--format", "{{json .Config}}", &image])
        .unwrap();
    let image_json = common::image_config(&image_json);

    let generate = |args: &[&str]| {
        let mut all = vec![
            "generate",
            "--image-config",
            "-",
            "--rootfs",
            root.to_str().unwrap(),
        ];
        all.extend(args);
        run_with_stdin(&all, image_json.as_bytes())
    };
    for user in [
        "",
        "0",
        "root",
        "web",
        "100",
        "web:extra",
        "100:200",
        "1234",
        "web:7",
        "1234:1",
    ] {
        let args: &[&str] = if user.is_empty() {
            &[]
        } else {
            &["--user", user]
        };
        let theirs = podman.config(&image, args).unwrap();
        let out = generate(args);
        assert_eq!(out.status, 0, "{user:?}: {out:?}");
        let ours = json(&out.stdout);
        let (our, their) = (&ours["process"], &theirs["process"]);
        for key in ["uid", "gid"] {
            assert_eq!(our["user"][key], their["user"][key], "{user:?}");
        }
        if !user.is_empty() {
            assert_eq!(
                our["user"]["additionalGids"], their["user"]["additionalGids"],
                "{user:?}"
            );
        }
        assert_eq!(our["args"], their["args"]);
        for set in [
            "bounding",
            "effective",
            "permitted",
            "inheritable",
            "ambient",
        ] {
            let list = |value: &Value| {
                value["capabilities"][set]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            };
            assert_eq!(list(our), list(their), "{user:?}: {set}");
        }
    }
    for user in ["nobody2", "4294967295"] {
        assert!(podman.config(&image, &["--user", user]).is_err());
        assert_eq!(generate(&["--user", user]).status, 1);
    }

    let theirs = podman.config(&image, &[]).unwrap();
    let ours = json(&generate(&[]).stdout);
    // Ours is the profile of Debian 12; podman reads what is installed, which Debian 13's is not.
    let profile = "/usr/share/containers/seccomp.json";
    let installed = json(&generate(&["--seccomp", profile]).stdout);
    assert_eq!(installed["linux"]["seccomp"], theirs["linux"]["seccomp"]);
    let data = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../libs/runtime-spec/data/seccomp.json"
    );
    if fs::read(profile).unwrap() == fs::read(data).unwrap() {
        assert_eq!(ours["linux"]["seccomp"], theirs["linux"]["seccomp"]);
    }
    assert_eq!(
        ours["linux"]["readonlyPaths"],
        theirs["linux"]["readonlyPaths"]
    );
    for path in theirs["linux"]["maskedPaths"].as_array().unwrap() {
        assert!(
            ours["linux"]["maskedPaths"]
                .as_array()
                .unwrap()
                .contains(path),
            "{path}"
        );
    }
    assert_eq!(
        ours["linux"]["resources"]["pids"],
        theirs["linux"]["resources"]["pids"]
    );
    let mount = |config: &Value, destination: &str| {
        config["mounts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["destination"] == destination)
            .cloned()
            .unwrap()
    };
    for destination in [
        "/proc",
        "/dev",
        "/sys",
        "/dev/pts",
        "/dev/mqueue",
        "/sys/fs/cgroup",
    ] {
        let (mut our, their) = (mount(&ours, destination), mount(&theirs, destination));
        // Debian 13's podman lets programs on /dev be run again.
        if destination == "/dev" && !their["options"].to_string().contains("noexec") {
            let options = our["options"].as_array_mut().unwrap();
            options.retain(|option| option != "noexec");
        }
        assert_eq!(our, their, "{destination}");
    }
    let added = json(&generate(&["--cap-add", "net_raw", "--cap-drop", "kill"]).stdout);
    let theirs = podman
        .config(&image, &["--cap-add", "net_raw", "--cap-drop", "kill"])
        .unwrap();
    assert_eq!(
        added["process"]["capabilities"]["bounding"],
        theirs["process"]["capabilities"]["bounding"]
    );
}
