//! What flags do to a container that runs, the same under every runtime that is installed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not be set up fails, one that is skipped says so"
)]

mod common;

use std::fs;
use std::process::Command;

use common::{done, image_config, no_containers, rootfs};

/// Flags, what a shell does in the container, and what it prints.
const ROWS: [(&[&str], &str, &str); 9] = [
    (
        &[
            "--hostname",
            "hh",
            "--env",
            "X=y",
            "--cwd",
            "/tmp",
            "--umask",
            "027",
        ],
        "hostname; echo $X; pwd; umask",
        "hh\ny\n/tmp\n0027\n",
    ),
    (
        &["--user", "web", "--group-add", "55", "--no-new-privileges"],
        "id -u; id -g; grep -E '^Groups|^NoNew' /proc/self/status",
        "100\n101\nGroups:\t55 101 200 \nNoNewPrivs:\t1\n",
    ),
    (
        &["--read-only", "--tmpfs", "/run", "--readonly-path", "/tmp"],
        "touch /x /tmp/x 2>/dev/null || echo ro; touch /run/x && ls /run",
        "ro\nx\n",
    ),
    (
        &[
            "--cap-drop",
            "ALL",
            "--cap-add",
            "kill",
            "--seccomp",
            "unconfined",
        ],
        "grep -E '^CapEff|^Seccomp:' /proc/self/status",
        "CapEff:\t0000000000000020\nSeccomp:\t0\n",
    ),
    (
        &["--user", "web", "--cap-add-ambient", "net_bind_service"],
        "grep -E '^CapEff|^CapAmb' /proc/self/status",
        "CapEff:\t0000000000000400\nCapAmb:\t0000000000000400\n",
    ),
    (
        &[
            "--mask",
            "/home",
            "--oom-score-adj",
            "7",
            "--sysctl",
            "net.ipv4.ip_forward=1",
        ],
        "ls /home; cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward",
        "7\n1\n",
    ),
    (
        &["--rlimit", "core=1:2"],
        "set -- $(grep core /proc/self/limits); echo $5 $6",
        "1 2\n",
    ),
    (
        &["--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"],
        "set -- $(cat /proc/self/uid_map /proc/self/gid_map); echo $*; id -u",
        "0 100000 65536 0 200000 65536\n0\n",
    ),
    (
        &["--mount-remove", "/dev/shm", "--mount-cgroups", "no"],
        "ls /dev/shm /sys/fs/cgroup 2>/dev/null; exit 0",
        "/sys/fs/cgroup:\n",
    ),
];

fn flags_reach_containers_of(runtime: &str) {
    if let Some(reason) = no_containers(runtime) {
        println!("skipped: {reason}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let image = dir.path().join("image.json");
    fs::write(&image, image_config("{}")).unwrap();
    for (flags, script, want) in ROWS {
        // crun 1.8 refuses hybrid cgroups; without the v2 mount it takes them for v1.
        let prepare = if runtime == "runc" {
            "exec \"$@\""
        } else {
            "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\""
        };
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-c", prepare, "sh"]);
        command.arg(env!("CARGO_BIN_EXE_ocitool"));
        command.args(["run", "--runtime", runtime, "--root"]);
        command.arg(dir.path().join("state"));
        command
            .arg("--image-config")
            .arg(&image)
            .arg("--rootfs")
            .arg(&root);
        command.args(flags).args(["--", "/bin/sh", "-c", script]);
        let out = done(command.output().unwrap());
        assert_eq!(
            (out.status, out.stdout.as_str()),
            (0, want),
            "{flags:?}: {out:?}"
        );
    }
}

#[test]
fn privileged_flags_reach_containers_of_runc() {
    flags_reach_containers_of("runc");
}

#[test]
fn privileged_flags_reach_containers_of_crun() {
    flags_reach_containers_of("crun");
}

#[test]
fn privileged_flags_reach_containers_of_youki() {
    flags_reach_containers_of("youki");
}
