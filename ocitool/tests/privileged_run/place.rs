//! A place with a root file system and a state directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{Done, done, image_config, no_containers, ocitool, rootfs};

/// A place with a root file system and a state directory; what is left of containers goes with it.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Option<Self> {
        if let Some(reason) = no_containers("runc") {
            println!("skipped: {reason}");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let root = rootfs(dir.path());
        Some(Self { dir, root })
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn verb(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = ocitool([verb, "--runtime", "runc", "--root"]);
        command.arg(self.state()).args(args);
        command
    }

    pub(crate) fn call(&self, verb: &str, args: &[&str]) -> Done {
        done(self.verb(verb, args).output().unwrap())
    }

    /// Runs an image with this configuration and a shell command.
    pub(crate) fn run(&self, config: &str, options: &[&str], script: &str) -> Done {
        let image = self.dir.path().join("image.json");
        fs::write(&image, image_config(config)).unwrap();
        let mut args = vec![
            "--image-config",
            image.to_str().unwrap(),
            "--rootfs",
            self.root.to_str().unwrap(),
        ];
        args.extend(options);
        args.extend(["--", "/bin/sh", "-c", script]);
        self.call("run", &args)
    }

    /// Makes a bundle whose container runs `script`.
    pub(crate) fn bundle(&self, name: &str, script: &str) -> PathBuf {
        let bundle = self.dir.path().join(name);
        fs::create_dir(&bundle).unwrap();
        let out = done(
            ocitool(["generate", "--rootfs"])
                .arg(&self.root)
                .arg("--output")
                .arg(bundle.join("config.json"))
                .args(["--", "/bin/sh", "-c", script])
                .output()
                .unwrap(),
        );
        assert_eq!(out.status, 0, "{out:?}");
        bundle
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let list = self.call("list", &["--quiet"]);
        for id in list.stdout.lines() {
            self.call("delete", &["--force", id]);
        }
    }
}
