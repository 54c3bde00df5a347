//! Containers that really run, by runc and crun.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not be set up fails, one that is skipped says so"
)]

#[path = "../common/mod.rs"]
mod common;
mod descriptors;
mod place;
mod signals;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Done, done, image_config, json, no_containers, ocitool, rootfs, wait_for};
use place::Place;

#[test]
fn privileged_run_gives_output_and_status() {
    let Some(place) = Place::new() else { return };
    let out = place.run(
        r#"{"Env":["A=b c"],"WorkingDir":"/tmp"}"#,
        &[],
        "echo \"$A $PWD $PATH\"; exit 7",
    );
    assert_eq!(
        (out.status, out.stdout.as_str()),
        (
            7,
            "b c /tmp /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        ),
        "{out:?}"
    );
    let out = place.run("{}", &[], "kill -9 $$; sleep 5; exit 1");
    assert!(out.status == 137 || out.status == 1, "{out:?}");
    assert_eq!(
        fs::read_dir(place.state()).unwrap().count(),
        0,
        "the container is deleted"
    );
}

#[test]
fn privileged_run_needs_no_more_than_a_root() {
    let Some(place) = Place::new() else { return };
    let out = place.call(
        "run",
        &[
            "--rootfs",
            place.root.to_str().unwrap(),
            "--",
            "/bin/sh",
            "-c",
            "echo $((6 * 7))",
        ],
    );
    assert_eq!((out.status, out.stdout.as_str()), (0, "42\n"), "{out:?}");
}

#[test]
fn privileged_confinement_is_what_config_json_says() {
    let Some(place) = Place::new() else { return };
    let script = "grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups|Uid|Gid)' /proc/self/status; \
                  cat /proc/keys | grep -c .; touch /proc/sys/kernel/hostname 2>&1; \
                  echo 1 > /proc/sys/vm/swappiness; hostname; ls /sys/firmware | grep -c .; cat /proc/1/cgroup | grep -c /ocitool";
    let out = place.run("{}", &[], script);
    let field = |out: &Done, name: &str| {
        let line = out.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name}: {out:?}"))
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
    let default = "00000000800405fb";
    for (set, want) in [
        ("CapBnd:", default),
        ("CapEff:", default),
        ("CapPrm:", default),
        ("CapInh:", "0000000000000000"),
        ("CapAmb:", "0000000000000000"),
        ("Seccomp:", "2"),
        ("NoNewPrivs:", "0"),
        ("Uid:", "0 0 0 0"),
        ("Groups:", "0"),
    ] {
        assert_eq!(field(&out, set), want, "{set} {out:?}");
    }
    assert!(out.stderr.contains("Read-only file system"), "{out:?}");
    assert!(
        out.stdout.lines().any(|line| line == "container"),
        "{out:?}"
    );
    // Nothing in the masked file and directory, and no name of a host's cgroup.
    assert_eq!(
        out.stdout.lines().filter(|line| *line == "0").count(),
        3,
        "{out:?}"
    );

    let out = place.run(r#"{"User":"web"}"#, &["--no-new-privileges"], script);
    for (set, want) in [
        ("CapBnd:", default),
        ("CapEff:", "0000000000000000"),
        ("CapPrm:", "0000000000000000"),
        ("NoNewPrivs:", "1"),
        ("Uid:", "100 100 100 100"),
        ("Gid:", "101 101 101 101"),
        ("Groups:", "101 200"),
    ] {
        assert_eq!(field(&out, set), want, "{set} {out:?}");
    }
    let out = place.run(
        r#"{"User":"web"}"#,
        &["--cap-drop", "ALL", "--cap-add-ambient", "net_bind_service"],
        script,
    );
    for set in ["CapBnd:", "CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
        assert_eq!(field(&out, set), "0000000000000400", "{set}");
    }
    let out = place.run("{}", &["--privileged"], script);
    assert_eq!(field(&out, "Seccomp:"), "0");
    assert!(out.stderr.contains("warning") || out.status == 0, "{out:?}");
}

#[test]
fn privileged_mounts_volumes_and_limits() {
    let Some(place) = Place::new() else { return };
    let shared = place.dir.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::create_dir(place.root.join("data")).unwrap();
    fs::write(place.root.join("data/seed"), "seed\n").unwrap();
    let bind = format!("{}:/mnt:ro", shared.display());
    let out = place.run(
        r#"{"Volumes":{"/data":{},"/new/dir":{}}}"#,
        &[
            "--bind",
            &bind,
            "--tmpfs",
            "/scratch:size=1m",
            "--memory",
            "64m",
            "--pids-limit",
            "30",
            "--read-only",
            "--rlimit",
            "core=0",
            "--sysctl",
            "net.ipv4.ip_unprivileged_port_start=80",
        ],
        "cat /data/seed && echo x > /data/y && echo x > /new/dir/y && echo x > /scratch/y; \
         cat /proc/sys/net/ipv4/ip_unprivileged_port_start; \
         cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; \
         touch /mnt/x; touch /x; ulimit -c",
    );
    let lines: Vec<&str> = out.stdout.lines().collect();
    assert_eq!(lines[..3], ["seed", "80", "67108864"], "{out:?}");
    assert_eq!(
        out.stderr.matches("Read-only file system").count(),
        2,
        "{out:?}"
    );
    assert_eq!(lines.last(), Some(&"0"));
    assert!(
        !place.root.join("data/y").exists(),
        "volumes stay out of the root file system"
    );
}

#[test]
fn privileged_life_of_a_container() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle("b", "trap 'exit 0' TERM; while :; do sleep 0.1; done");
    let bundle = bundle.to_str().unwrap();
    let pid_file = place.dir.path().join("pid");
    let status = || {
        json(&place.call("state", &["one"]).stdout)["status"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    // The container keeps the streams that it is created with, so they must not be ours to read.
    let mut create = place.verb(
        "create",
        &[
            "--bundle",
            bundle,
            "--pid-file",
            pid_file.to_str().unwrap(),
            "one",
        ],
    );
    create.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(create.status().unwrap().success());
    assert_eq!(status(), "created");
    let pid: u32 = fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    let mut again = place.verb("create", &["--bundle", bundle, "one"]);
    again.stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(again.status().unwrap().code(), Some(1));

    assert_eq!(place.call("start", &["one"]).status, 0);
    assert_eq!(status(), "running");
    let list = json(&place.call("list", &["--json"]).stdout);
    assert_eq!(
        (&list[0]["id"], &list[0]["status"]),
        (&"one".into(), &"running".into())
    );
    assert_eq!(place.call("list", &["-q"]).stdout, "one\n");
    assert!(place.call("list", &[]).stdout.starts_with("ID "));

    let out = place.call("exec", &["one", "/bin/sh", "-c", "echo in; exit 5"]);
    assert_eq!((out.status, out.stdout.as_str()), (5, "in\n"), "{out:?}");
    let out = place.call(
        "exec",
        &[
            "--user",
            "web",
            "--env",
            "X=1",
            "--cwd",
            "/tmp",
            "one",
            "/bin/sh",
            "-c",
            "echo $(id -u) $(id -g) $(id -G) $X $PWD $HOME $(grep CapPrm /proc/self/status)",
        ],
    );
    assert_eq!(
        out.stdout, "100 101 101 200 1 /tmp /home/web CapPrm: 0000000000000000\n",
        "{out:?}"
    );
    let capabilities = ["one", "/bin/sh", "-c", "grep CapEff /proc/self/status"];
    let before = place.call("exec", &capabilities).stdout;
    let added = ["--cap-add", "net_admin", "--cap-add", "CAP_SYS_TIME"];
    let after = place.call("exec", &[&added[..], &capabilities].concat());
    let bits = |text: &str| u64::from_str_radix(text.trim_start_matches("CapEff:").trim(), 16);
    // net_admin is 12, sys_time 25.
    let want = bits(&before).unwrap() | 1 << 12 | 1 << 25;
    assert_eq!(bits(&after.stdout), Ok(want), "{before} {after:?}");
    let out = place.call("exec", &["--user", "nobody", "one", "/bin/true"]);
    assert!(
        out.status == 1 && out.stderr.contains("not in the image's /etc/passwd"),
        "{out:?}"
    );

    let out = place.call("delete", &["one"]);
    assert!(
        out.status == 1 && out.stderr.ends_with("  hint: --force kills it first\n"),
        "a container that runs is not deleted: {out:?}"
    );
    assert_eq!(place.call("kill", &["one"]).status, 0);
    wait_for("the end of the container", || status() == "stopped");
    assert_eq!(place.call("delete", &["one"]).status, 0);
    let out = place.call("state", &["one"]);
    assert!(
        out.status == 1 && out.stderr.starts_with("ocitool: "),
        "{out:?}"
    );
    assert_eq!(place.call("list", &["-q"]).stdout, "");
}

#[test]
fn privileged_run_writes_the_number_of_the_process() {
    let Some(place) = Place::new() else { return };
    let pid_file = place.dir.path().join("pid");
    let flags = ["--pid-file", pid_file.to_str().unwrap(), "--pid", "host"];
    let out = place.run("{}", &flags, "echo $$");
    assert_eq!(out.status, 0, "{out:?}");
    let pid = fs::read_to_string(&pid_file).unwrap();
    assert_eq!(out.stdout.trim(), pid.trim());
}

#[test]
fn privileged_namespaces_of_the_host_are_the_hosts() {
    let Some(place) = Place::new() else { return };
    let names = ["ipc", "net", "pid", "uts", "cgroup"];
    let script = format!(
        "for n in {}; do readlink /proc/self/ns/$n; done",
        names.join(" ")
    );
    let of = |out: &Done| -> Vec<String> { out.stdout.lines().map(str::to_owned).collect() };
    let here: Vec<String> = names
        .iter()
        .map(|name| {
            fs::read_link(format!("/proc/self/ns/{name}"))
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    let host = [
        "--ipc",
        "host",
        "--network",
        "host",
        "--pid",
        "host",
        "--uts",
        "host",
        "--cgroupns",
        "host",
    ];
    let out = place.run("{}", &host, &script);
    assert_eq!((out.status, of(&out)), (0, here.clone()), "{out:?}");
    let out = place.run("{}", &[], &script);
    let own = of(&out);
    assert_eq!((out.status, own.len()), (0, names.len()), "{out:?}");
    assert!(
        own.iter().all(|namespace| !here.contains(namespace)),
        "{out:?}"
    );
    let maps = ["--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"];
    let out = place.run("{}", &maps, "cat /proc/self/uid_map /proc/self/gid_map");
    let words: Vec<&str> = out.stdout.split_whitespace().collect();
    assert_eq!(
        words,
        ["0", "100000", "65536", "0", "200000", "65536"],
        "{out:?}"
    );
}

#[test]
fn privileged_errors_say_what_about_and_what_next() {
    let Some(place) = Place::new() else { return };
    for (verb, args) in [
        ("state", &["nope"][..]),
        ("start", &["nope"]),
        ("kill", &["nope"]),
        ("delete", &["nope"]),
        ("exec", &["nope", "/bin/true"]),
    ] {
        let out = place.call(verb, args);
        assert_eq!(out.status, 1, "{verb}: {out:?}");
        let lines: Vec<&str> = out.stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{verb}: {out:?}");
        assert_eq!(lines[0], "ocitool: container nope", "{verb}");
        assert!(
            lines[1].ends_with("ended with status 1: container does not exist"),
            "{out:?}"
        );
        assert!(
            lines[2].starts_with("  hint: ocitool list"),
            "{verb}: {out:?}"
        );
    }
    // No terminal to connect: said before anything is started.
    let bundle = place.bundle("b", "sleep 100");
    let mut run = Command::new("setsid");
    run.arg("--wait").arg(env!("CARGO_BIN_EXE_ocitool"));
    run.args(["run", "--runtime", "runc", "--root"])
        .arg(place.state());
    run.arg("--config")
        .arg(bundle.join("config.json"))
        .arg("--terminal");
    let out = done(run.stdin(Stdio::null()).output().unwrap());
    assert_eq!(out.status, 1, "{out:?}");
    assert!(
        out.stderr.contains("there is none to connect it to"),
        "{out:?}"
    );
    assert!(out.stderr.contains("hint: leave out --terminal"), "{out:?}");
    assert!(!out.stderr.contains("level=error"), "{out:?}");
    // A directory to start in that leads to descriptors of the runtime (CVE-2024-21626).
    std::os::unix::fs::symlink("/proc/self/fd/7", place.root.join("w")).unwrap();
    let out = place.run(r#"{"WorkingDir":"/w"}"#, &[], "pwd");
    assert_eq!(out.status, 1, "{out:?}");
    assert!(
        out.stderr
            .contains("$.process.cwd of config.json: \"/w\" leads through a symlink"),
        "{out:?}"
    );
    assert!(out.stdout.is_empty(), "{out:?}");
}

#[test]
fn privileged_a_rootfs_with_a_symlink_for_dev_is_not_run() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle("b", "exit 0");
    fs::remove_dir(place.root.join("dev")).unwrap();
    std::os::unix::fs::symlink(place.dir.path(), place.root.join("dev")).unwrap();
    let out = place.call("run", &["--bundle", bundle.to_str().unwrap(), "x"]);
    assert!(
        out.status == 1 && out.stderr.contains("is a symlink"),
        "{out:?}"
    );
    assert!(!place.dir.path().join("ptmx").exists());
}

#[test]
fn privileged_crun_runs_the_same_configuration() {
    if let Some(reason) = no_containers("crun") {
        println!("skipped: {reason}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    // crun 1.8 refuses hybrid cgroups; without the v2 mount it takes them for v1.
    let script = format!(
        "umount /sys/fs/cgroup/unified 2>/dev/null; exec {} run --runtime crun --root {} --image-config {} --rootfs {} -- \
         /bin/sh -c 'grep Seccomp: /proc/self/status; id -u; exit 3'",
        env!("CARGO_BIN_EXE_ocitool"),
        dir.path().join("state").display(),
        dir.path().join("image.json").display(),
        root.display(),
    );
    fs::write(
        dir.path().join("image.json"),
        image_config(r#"{"User":"web"}"#),
    )
    .unwrap();
    let out = done(
        Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", &script])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (out.status, out.stdout.as_str()),
        (3, "Seccomp:\t2\n100\n"),
        "{out:?}"
    );
    assert!(!out.stderr.contains("version 2 beside"), "{out:?}");

    let hybrid = fs::read_to_string("/sys/fs/cgroup/unified/cgroup.controllers");
    if hybrid.is_ok_and(|controllers| !controllers.trim().is_empty()) {
        let mut command = ocitool(["run", "--runtime", "crun", "--root"]);
        command.arg(dir.path().join("state"));
        command
            .arg("--image-config")
            .arg(dir.path().join("image.json"));
        command
            .arg("--rootfs")
            .arg(&root)
            .args(["--", "/bin/sh", "-c", "true"]);
        let out = done(command.output().unwrap());
        assert_eq!(out.status, 1, "{out:?}");
        assert!(
            out.stderr
                .contains("starts no container while cgroup controllers are in version 2"),
            "{out:?}"
        );
    }
}
