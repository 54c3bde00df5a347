//! Small file systems on a loop device, made for one test and taken down with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted ext4 of its own.
#[derive(Debug)]
pub struct Disk {
    dir: TempDir,
    mount: PathBuf,
}

impl Disk {
    /// Makes and mounts an ext4 of `size_mib`. Needs root.
    ///
    /// # Panics
    /// When a step fails.
    pub fn ext4(size_mib: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let image = dir.path().join("image");
        let file = File::create(&image).expect("a file");
        file.set_len(size_mib << 20).expect("a sparse file");
        let mount = dir.path().join("mnt");
        std::fs::create_dir(&mount).expect("a directory");
        sh(
            &[
                "mkfs.ext4",
                "-q",
                "-F",
                "-E",
                "lazy_itable_init=0,lazy_journal_init=0",
            ],
            &image,
        );
        let status = Command::new("mount")
            .args(["-o", "loop"])
            .args([&image, &mount])
            .status()
            .expect("mount starts");
        assert!(status.success(), "mount: {status}");
        Self { dir, mount }
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Returns the bytes that are in use, by `statfs`.
    pub fn used_bytes(&self) -> u64 {
        let output = Command::new("stat")
            .args(["--file-system", "--format=%b %f %S"])
            .arg(&self.mount)
            .output()
            .expect("stat starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(|word| word.parse().expect("a number"))
            .collect();
        (numbers[0] - numbers[1]) * numbers[2]
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let status = Command::new("umount")
            .arg("--recursive")
            .arg(&self.mount)
            .status();
        if !status.is_ok_and(|status| status.success()) {
            // Somebody is still in it: at least nobody new can come, and it goes with the last one.
            let _ = Command::new("umount")
                .arg("--lazy")
                .arg(&self.mount)
                .status();
        }
        let _ = self.dir.path();
    }
}

fn sh(command: &[&str], last: &Path) {
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(last)
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
