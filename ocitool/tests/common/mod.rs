//! What the tests of the program share: the program, a root file system, reasons to skip.
#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can not be set up fails"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Starts a command line of the program.
pub(crate) fn ocitool<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocitool"));
    command
        .args(args)
        .env_remove("OCI_RUNTIME")
        .stdin(Stdio::null());
    command
}

/// Writes a shell script that stands in for a program.
pub(crate) fn script(path: &Path, text: &str) -> PathBuf {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_owned()
}

/// Sends a signal to a process that was started here.
pub(crate) fn signal(child: &std::process::Child, name: &str) {
    let kill = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

/// Waits for something that comes soon.
pub(crate) fn wait_for(what: &str, mut true_now: impl FnMut() -> bool) {
    let start = Instant::now();
    while !true_now() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "waited too long for {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn done(output: Output) -> Done {
    Done {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) fn run(args: &[&str]) -> Done {
    done(ocitool(args).output().unwrap())
}

pub(crate) fn run_with_stdin(args: &[&str], stdin: &[u8]) -> Done {
    let mut command = ocitool(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin);
    done(child.wait_with_output().unwrap())
}

pub(crate) const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nweb:x:100:101:w:/home/web:/bin/sh\n";
pub(crate) const GROUP: &str = "root:x:0:\nweb:x:101:\nextra:x:200:web\n";

/// Makes a root file system with users, and with busybox where the machine has it.
pub(crate) fn rootfs(dir: &Path) -> PathBuf {
    let root = dir.join("root");
    for name in ["bin", "etc", "proc", "dev", "sys", "tmp", "home/web"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("etc/passwd"), PASSWD).unwrap();
    fs::write(root.join("etc/group"), GROUP).unwrap();
    if let Some(busybox) = busybox() {
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for name in [
            "sh", "cat", "id", "echo", "sleep", "grep", "ls", "true", "hostname", "stat", "touch",
            "readlink",
        ] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
    }
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    root
}

pub(crate) fn busybox() -> Option<&'static Path> {
    ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
}

/// Why containers can not be run here, if so.
pub(crate) fn no_containers(runtime: &str) -> Option<String> {
    if !rustix_is_root() {
        return Some("not root".to_owned());
    }
    if busybox().is_none() {
        return Some("no static busybox (package busybox-static)".to_owned());
    }
    installed(runtime).err()
}

pub(crate) fn installed(program: &str) -> Result<(), String> {
    match Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
    {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("no {program}")),
    }
}

fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// An image configuration as `skopeo inspect --config` prints it.
pub(crate) fn image_config(config: &str) -> String {
    format!(
        r#"{{"created":"2020-01-02T03:04:05Z","architecture":"amd64","os":"linux","config":{config},
        "rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    )
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
