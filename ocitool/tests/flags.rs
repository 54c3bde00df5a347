//! Each flag that changes the configuration: what it writes and nothing else, and what it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can not be set up fails"
)]

mod common;

use std::fs;

use common::{image_config, json, rootfs, run, run_with_stdin};
use serde_json::{Value, json as value};

/// Applies one change to a document: a JSON pointer (`-` for the end of a list) and the new value,
/// null to take away. Objects on the way are made.
fn change(document: &mut Value, pointer: &str, to: &Value) {
    let mut at = document;
    let mut parts: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/"))
        .collect();
    let last = parts.pop().unwrap();
    for part in parts {
        at = match at {
            Value::Array(list) => &mut list[part.parse::<usize>().unwrap()],
            Value::Object(members) => members.entry(part).or_insert_with(|| value!({})),
            other => panic!("{pointer}: {other} on the way"),
        };
    }
    match at {
        Value::Array(list) if last == "-" => list.push(to.clone()),
        Value::Array(list) => {
            let index: usize = last.parse().unwrap();
            if to.is_null() {
                list.remove(index);
            } else {
                list[index] = to.clone();
            }
        }
        Value::Object(members) if to.is_null() => {
            assert!(members.remove(&last).is_some(), "{pointer} was never there");
        }
        Value::Object(members) => {
            members.insert(last, to.clone());
        }
        other => panic!("{pointer}: in {other}"),
    }
}

/// Arguments, and the changes against the configuration without them: pointer, JSON.
type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// Runs `generate` with `common` and the arguments of each row, and compares whole documents.
fn check(common: &[&str], stdin: &str, command: &[&str], rows: &[Row<'_>]) {
    let generate = |more: &[&str]| {
        let args = [&["generate"], common, more, command].concat();
        let out = run_with_stdin(&args, stdin.as_bytes());
        assert_eq!(out.status, 0, "{args:?}: {out:?}");
        json(&out.stdout)
    };
    let base = generate(&[]);
    for (args, changes) in rows {
        let mut want = base.clone();
        for (pointer, to) in *changes {
            change(&mut want, pointer, &json(to));
        }
        let got = generate(args);
        assert!(
            got == want,
            "{args:?}\ngot:  {}\nwant: {}",
            without_seccomp(got),
            without_seccomp(want)
        );
    }
}

/// The document for a message, without its longest part.
fn without_seccomp(mut document: Value) -> Value {
    if let Some(linux) = document["linux"].as_object_mut() {
        linux.remove("seccomp");
    }
    document
}

#[test]
fn process_flags_write_their_members() {
    check(
        &[],
        "",
        &["--", "sh", "-c", "x"],
        &[
            (
                &["--entrypoint", "/bin/e"],
                &[("/process/args", r#"["/bin/e","sh","-c","x"]"#)],
            ),
            (&["--entrypoint", ""], &[]),
            (
                &["--uid", "7"],
                &[
                    ("/process/user/uid", "7"),
                    ("/process/capabilities/effective", "[]"),
                    ("/process/capabilities/permitted", "[]"),
                ],
            ),
            (
                &["--gid", "8"],
                &[
                    ("/process/user/gid", "8"),
                    ("/process/user/additionalGids", "[8]"),
                ],
            ),
            (
                &["--uid", "7", "--gid", "8"],
                &[
                    ("/process/user", r#"{"uid":7,"gid":8,"additionalGids":[8]}"#),
                    ("/process/capabilities/effective", "[]"),
                    ("/process/capabilities/permitted", "[]"),
                ],
            ),
            (
                &["--group-add", "20,30", "--group-add", "20"],
                &[
                    ("/process/user/additionalGids/-", "20"),
                    ("/process/user/additionalGids/-", "30"),
                ],
            ),
            (&["--umask", "027"], &[("/process/user/umask", "23")]),
            (
                &[
                    "--annotation",
                    "org.example.a/b=c=d",
                    "--annotation",
                    "empty=",
                ],
                &[
                    ("/annotations/org.example.a~1b", r#""c=d""#),
                    ("/annotations/empty", r#""""#),
                ],
            ),
        ],
    );
}

#[test]
fn flags_decide_about_the_image() {
    let image = image_config(
        r#"{"User":"web","Entrypoint":["/e"],"Cmd":["c"],"Volumes":{"/data":{}},
            "Labels":{"org.opencontainers.image.title":"T","com.example":"x","run.oci.handler":"krun"}}"#,
    );
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let common = ["--image-config", "-", "--rootfs", root.to_str().unwrap()];
    check(
        &common,
        &image,
        &[],
        &[
            (&["--entrypoint", "/x"], &[("/process/args", r#"["/x"]"#)]),
            (
                &["--entrypoint", "/x", "--", "y"],
                &[("/process/args", r#"["/x","y"]"#)],
            ),
            (
                &["--entrypoint", "", "--", "y"],
                &[("/process/args", r#"["y"]"#)],
            ),
            // A group alone does not make root of the image's user.
            (
                &["--gid", "8"],
                &[
                    ("/process/user/gid", "8"),
                    ("/process/user/additionalGids", "[8]"),
                ],
            ),
            (
                &["--image-labels", "none"],
                &[("/annotations/org.opencontainers.image.title", "null")],
            ),
            (&["--image-labels", "image"], &[]),
            (
                &["--image-labels", "all"],
                &[("/annotations/com.example", r#""x""#)],
            ),
            (&["--volumes", "tmpfs"], &[]),
            (&["--volumes", "ignore"], &[("/mounts/7", "null")]),
        ],
    );
}

#[test]
fn a_group_alone_keeps_the_user_of_the_template() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    let file = file.to_str().unwrap();
    let made = run(&["generate", "--output", file, "--uid", "7", "--gid", "8"]);
    assert_eq!(made.status, 0, "{made:?}");
    check(
        &["--template", file],
        "",
        &[],
        &[(
            &["--gid", "9"],
            &[("/process/user", r#"{"uid":7,"gid":9,"additionalGids":[9]}"#)],
        )],
    );
}

#[test]
fn namespace_flags_write_their_members() {
    // Not every host has it; what is not there can not be shared.
    let mqueue = if std::path::Path::new("/dev/mqueue").is_dir() {
        r#"{"destination":"/dev/mqueue","type":"bind","source":"/dev/mqueue",
            "options":["bind","rprivate","nosuid","noexec","nodev"]}"#
    } else {
        "null"
    };
    // By default: pid, network, ipc, uts, mount, cgroup.
    let rows: &[Row<'_>] = &[
        (
            &["--namespace", "network=/run/netns/a"],
            &[
                ("/linux/namespaces/1", "null"),
                (
                    "/linux/namespaces/-",
                    r#"{"type":"network","path":"/run/netns/a"}"#,
                ),
            ],
        ),
        (
            &["--namespace", "time"],
            &[("/linux/namespaces/-", r#"{"type":"time"}"#)],
        ),
        (
            &["--namespace", "pid=host"],
            &[("/linux/namespaces/0", "null")],
        ),
        (
            &["--network", "none"],
            &[
                ("/linux/namespaces/1", "null"),
                ("/linux/namespaces/-", r#"{"type":"network"}"#),
            ],
        ),
        (&["--network", "host"], &[("/linux/namespaces/1", "null")]),
        (
            &["--network", "/run/netns//b"],
            &[
                ("/linux/namespaces/1", "null"),
                (
                    "/linux/namespaces/-",
                    r#"{"type":"network","path":"/run/netns/b"}"#,
                ),
            ],
        ),
        (&["--pid", "host"], &[("/linux/namespaces/0", "null")]),
        (
            &["--pid", "/proc/1/ns/pid"],
            &[
                ("/linux/namespaces/0", "null"),
                (
                    "/linux/namespaces/-",
                    r#"{"type":"pid","path":"/proc/1/ns/pid"}"#,
                ),
            ],
        ),
        (
            &["--ipc", "host"],
            &[
                ("/linux/namespaces/2", "null"),
                (
                    "/mounts/5",
                    r#"{"destination":"/dev/shm","type":"bind","source":"/dev/shm",
                        "options":["bind","rprivate","nosuid","noexec","nodev"]}"#,
                ),
                ("/mounts/4", mqueue),
            ],
        ),
        (
            &["--uts", "host"],
            &[("/linux/namespaces/3", "null"), ("/hostname", "null")],
        ),
        (&["--cgroupns", "host"], &[("/linux/namespaces/5", "null")]),
        (
            &["--cgroupns", "new"],
            &[
                ("/linux/namespaces/5", "null"),
                ("/linux/namespaces/-", r#"{"type":"cgroup"}"#),
            ],
        ),
        (
            &["--userns", "/proc/1/ns/user"],
            &[(
                "/linux/namespaces/-",
                r#"{"type":"user","path":"/proc/1/ns/user"}"#,
            )],
        ),
        (&["--userns", "host"], &[]),
        (
            &[
                "--uidmap",
                "0:1000:10",
                "--uidmap",
                "10:3000:1",
                "--gidmap",
                "0:2000:10",
            ],
            &[
                ("/linux/namespaces/-", r#"{"type":"user"}"#),
                (
                    "/linux/uidMappings",
                    r#"[{"containerID":0,"hostID":1000,"size":10},{"containerID":10,"hostID":3000,"size":1}]"#,
                ),
                (
                    "/linux/gidMappings",
                    r#"[{"containerID":0,"hostID":2000,"size":10}]"#,
                ),
            ],
        ),
        // The group of terminals does not exist inside, and the sysfs is not the container's.
        (
            &[
                "--uidmap",
                "0:1000:5",
                "--gidmap",
                "0:2000:5",
                "--network",
                "host",
            ],
            &[
                ("/linux/namespaces/1", "null"),
                ("/linux/namespaces/-", r#"{"type":"user"}"#),
                (
                    "/linux/uidMappings",
                    r#"[{"containerID":0,"hostID":1000,"size":5}]"#,
                ),
                (
                    "/linux/gidMappings",
                    r#"[{"containerID":0,"hostID":2000,"size":5}]"#,
                ),
                ("/mounts/3/options/5", "null"),
                (
                    "/mounts/2",
                    r#"{"destination":"/sys","type":"bind","source":"/sys",
                        "options":["rbind","rprivate","nosuid","noexec","nodev","ro"]}"#,
                ),
            ],
        ),
    ];
    check(&[], "", &["--", "sh"], rows);
}

#[test]
fn mount_and_path_flags_write_their_members() {
    let rows: &[Row<'_>] = &[
        (
            &[
                "--mount",
                r#"{"destination":"/m","type":"bind","source":"/s","options":["ro"],"new":1}"#,
            ],
            &[(
                "/mounts/-",
                r#"{"destination":"/m","type":"bind","source":"/s","options":["ro"],"new":1}"#,
            )],
        ),
        (
            &[
                "--mount",
                r#"{"destination":"/dev/shm","type":"tmpfs","source":"big"}"#,
            ],
            &[(
                "/mounts/5",
                r#"{"destination":"/dev/shm","type":"tmpfs","source":"big"}"#,
            )],
        ),
        (
            &["--mount-remove", "/dev//mqueue/"],
            &[("/mounts/4", "null")],
        ),
        (&["--mount-remove", "/not/there"], &[]),
        (
            &["--mask", "/proc/a", "--mask", "/proc/kcore"],
            &[("/linux/maskedPaths/-", r#""/proc/a""#)],
        ),
        (
            &[
                "--readonly-path",
                "/proc/b/",
                "--readonly-path",
                "/proc/sys",
            ],
            &[("/linux/readonlyPaths/-", r#""/proc/b""#)],
        ),
        (
            &["--rootfs-propagation", "rslave"],
            &[("/linux/rootfsPropagation", r#""rslave""#)],
        ),
    ];
    check(&[], "", &["--", "sh"], rows);
}

#[test]
fn confinement_and_resource_flags_write_their_members() {
    let dir = tempfile::tempdir().unwrap();
    let profile = dir.path().join("profile.json");
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW",
        "syscalls":[{"names":["mount","umount2"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}"#;
    fs::write(&profile, text).unwrap();
    let profile = profile.to_str().unwrap();
    let rows: &[Row<'_>] = &[
        (&["--seccomp", "default"], &[]),
        (&["--seccomp", "unconfined"], &[("/linux/seccomp", "null")]),
        (
            &["--seccomp", profile],
            &[(
                "/linux/seccomp",
                r#"{"defaultAction":"SCMP_ACT_ALLOW",
                    "syscalls":[{"names":["mount","umount2"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}"#,
            )],
        ),
        (
            &["--apparmor", "my-profile"],
            &[("/process/apparmorProfile", r#""my-profile""#)],
        ),
        (
            &["--selinux-label", "a:b:c:s0"],
            &[("/process/selinuxLabel", r#""a:b:c:s0""#)],
        ),
        (
            &["--mount-label", "a:b:d:s0"],
            &[("/linux/mountLabel", r#""a:b:d:s0""#)],
        ),
        (
            &["--cgroups-path", "/a/b"],
            &[("/linux/cgroupsPath", r#""/a/b""#)],
        ),
        (
            &["--cpu-shares", "512"],
            &[("/linux/resources/cpu", r#"{"shares":512}"#)],
        ),
        (
            &["--cpus", "1.5"],
            &[(
                "/linux/resources/cpu",
                r#"{"period":100000,"quota":150000}"#,
            )],
        ),
        (
            &["--cpuset-cpus", "0-3,7"],
            &[("/linux/resources/cpu", r#"{"cpus":"0-3,7"}"#)],
        ),
    ];
    check(&[], "", &["--", "sh"], rows);
}

/// A value that a flag can not have is refused before anything is written or run, by its name.
#[test]
fn bad_values_are_refused_by_the_name_of_the_flag() {
    let rows: &[(&str, &[&str])] = &[
        ("--uid", &["", "x", "-1", "4294967296"]),
        ("--gid", &["", "x", "4294967296"]),
        ("--group-add", &["", "x", "1,,2"]),
        ("--umask", &["", "9", "1000"]),
        ("--annotation", &["", "k", "=v", "k=a\nb"]),
        ("--image-labels", &["", "some"]),
        ("--volumes", &["", "bind"]),
        ("--namespace", &["", "nosuch", "mount=host", "pid=rel"]),
        ("--network", &["", "bridge", "/a/../b"]),
        ("--pid", &["", "rel/path"]),
        ("--ipc", &["", "shareable"]),
        ("--uts", &["", "x"]),
        ("--cgroupns", &["", "x"]),
        ("--userns", &["", "auto"]),
        ("--uidmap", &["", "0:1", "0:1:0", "0:4294967295:1"]),
        ("--gidmap", &["", "a:b:c", "0:1:2:3"]),
        (
            "--mount",
            &[
                "",
                "{",
                "[]",
                r#"{"type":"tmpfs"}"#,
                r#"{"destination":"/"}"#,
            ],
        ),
        ("--mount-remove", &["", "rel", "/a/../b"]),
        ("--mask", &["", "rel", "/../x"]),
        ("--readonly-path", &["", "rel", "/a\n"]),
        ("--rootfs-propagation", &["", "both"]),
        ("--apparmor", &["", "a\nb"]),
        ("--selinux-label", &["", "a\nb"]),
        ("--mount-label", &["", "a\nb"]),
        ("--cgroups-path", &["", "/a\n"]),
        ("--cpu-shares", &["", "1", "262145", "x"]),
        ("--cpus", &["", "0", "1.2345", "-1"]),
        ("--cpuset-cpus", &["", "3-1", "a", "0,"]),
    ];
    for (flag, values) in rows {
        for value in *values {
            let out = run(&["generate", &format!("{flag}={value}"), "--", "sh"]);
            assert_eq!(out.status, 2, "{flag} {value:?}: {out:?}");
            assert_eq!(out.stdout, "", "{flag} {value:?}");
            assert!(
                out.stderr.contains(&format!("'{flag} <")),
                "{flag} {value:?}: {}",
                out.stderr
            );
        }
    }

    // What only reading a file or the image tells.
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad");
    fs::write(&bad, "[]").unwrap();
    let missing = dir.path().join("missing");
    for file in [&bad, &missing] {
        let out = run(&["generate", "--seccomp", file.to_str().unwrap(), "--", "sh"]);
        assert_eq!((out.status, out.stdout.as_str()), (1, ""), "{out:?}");
        assert!(out.stderr.contains("--seccomp"), "{}", out.stderr);
    }
    let out = run(&["generate", "--entrypoint", ""]);
    assert_eq!((out.status, out.stdout.as_str()), (1, ""), "{out:?}");
    assert!(out.stderr.contains("--entrypoint"), "{}", out.stderr);

    for (line, flag) in [
        ("create --preserve-fds=-1 x", "--preserve-fds"),
        ("create --preserve-fds=y x", "--preserve-fds"),
        ("run --bundle=/ --preserve-fds=y", "--preserve-fds"),
        ("exec --detach=y x sh", "--detach"),
        ("exec --console-socket=/s x sh", "--detach"),
        ("create --console-socket", "--console-socket"),
        ("create --pid-file", "--pid-file"),
        ("delete --force=y x", "--force"),
    ] {
        let out = run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(out.status, 2, "{line}: {out:?}");
        assert!(out.stderr.contains(flag), "{line}: {}", out.stderr);
    }
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let maps = ["--uidmap", "0:1:2", "--gidmap", "0:1:2"];
    let with_maps = |more: &[&'static str]| [&maps[..], more].concat();
    let table: Vec<(Vec<&str>, i32, &str)> = vec![
        (
            with_maps(&["--userns", "host"]),
            1,
            "and the host's is asked for",
        ),
        (
            with_maps(&["--userns", "/proc/1/ns/user"]),
            1,
            "one that is there",
        ),
        (
            with_maps(&["--uid", "5"]),
            1,
            "user 5 of the process is in no mapping",
        ),
        (vec!["--userns", "new"], 1, "none of user and group numbers"),
        (vec!["--uidmap", "0:1:2"], 1, "none of group numbers"),
        (
            vec!["--uidmap", "0:1:9", "--uidmap", "8:20:1"],
            1,
            "overlap at 8 inside",
        ),
        (
            vec!["--network", "host", "--namespace", "network=new"],
            1,
            "network namespace is asked for twice",
        ),
        (
            vec!["--sysctl", "net.ipv4.ip_forward=1", "--network", "host"],
            1,
            "needs a network namespace",
        ),
        (
            vec!["--sysctl", "kernel.shmmax=1", "--ipc", "host"],
            1,
            "needs a ipc namespace",
        ),
        (
            vec!["--hostname", "x", "--uts", "host"],
            1,
            "host name needs a uts",
        ),
        (
            vec!["--cap-add", "kill", "--cap-drop", "CAP_KILL"],
            1,
            "CAP_KILL is both added",
        ),
        (
            vec!["--cap-add", "ALL", "--cap-drop", "all"],
            1,
            "ALL is both added",
        ),
        (
            vec!["--tmpfs", "/x", "--bind", "/tmp:/x/"],
            1,
            "two mounts are asked for at \"/x\"",
        ),
        (
            vec!["--mount-cgroups", "rw", "--tmpfs", "/sys/fs/cgroup"],
            1,
            "two mounts are asked for at",
        ),
        (vec!["--volumes", "ignore"], 2, "--image-config"),
        (vec!["--image-labels", "all"], 2, "--image-config"),
        (vec!["--memory", "0"], 2, "no limit"),
        (vec!["--group-add", "4294967295"], 2, "--group-add"),
        (vec!["--uid", "4294967295"], 2, "--uid"),
        (vec!["--mount", r#"{"destination":"/a"}"#], 2, "no type"),
        (vec!["--hook", "poststop=rel"], 1, "not an absolute path"),
    ];
    for (args, status, part) in table {
        let out = run(&[&["generate"], &args[..]].concat());
        assert_eq!(out.status, status, "{args:?}: {out:?}");
        assert!(out.stderr.contains(part), "{args:?}: {out:?}");
        assert!(out.stdout.is_empty(), "{args:?}");
    }
    // Of verbs that run containers.
    for (args, part) in [
        (&["run", "--bundle", "b", "--env", "A=b"][..], "--bundle"),
        (&["run", "--bundle", "b", "--", "ls"], "--bundle"),
        (&["run", "--bundle", "b", "--memory", "1g"], "--bundle"),
        (&["run", "--bundle", "b", "--image-config", "i"], "--bundle"),
        (
            &["exec", "--detach", "--terminal", "id", "sh"],
            "needs a socket",
        ),
        (
            &["exec", "--detach", "--console-socket", "s", "id", "sh"],
            "--terminal",
        ),
        (
            &["exec", "--console-socket", "s", "--terminal", "id", "sh"],
            "--detach",
        ),
    ] {
        let out = run(args);
        assert_eq!(out.status, 2, "{args:?}: {out:?}");
        assert!(out.stderr.contains(part), "{args:?}: {out:?}");
    }
}

#[test]
fn what_is_asked_for_beside_privilege_or_a_template_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let template = dir.path().join("config.json");
    let template = template.to_str().unwrap();
    assert_eq!(
        run(&["generate", "--privileged", "--output", template]).status,
        0
    );
    let cgroup = |args: &[&str]| {
        let out = run(&[&["generate"], args].concat());
        assert_eq!(out.status, 0, "{out:?}");
        let config = json(&out.stdout);
        let mounts = config["mounts"].as_array().unwrap().clone();
        let mount = mounts
            .into_iter()
            .find(|mount| mount["destination"] == "/sys/fs/cgroup");
        mount.map(|mount| mount["options"][5].as_str().unwrap().to_owned())
    };
    for (args, want) in [
        (&[][..], Some("ro")),
        (&["--mount-cgroups", "rw"], Some("rw")),
        (&["--mount-cgroups", "no"], None),
        (&["--privileged"], Some("rw")),
        (&["--privileged", "--mount-cgroups", "ro"], Some("ro")),
        (&["--template", template], Some("rw")),
        (
            &["--template", template, "--mount-cgroups", "ro"],
            Some("ro"),
        ),
    ] {
        assert_eq!(cgroup(args).as_deref(), want, "{args:?}");
    }
    // A source is found from where ocitool is started, not from the bundle.
    let out = run(&["generate", "--bind", "here:/there"]);
    let here = std::env::current_dir().unwrap().join("here");
    assert_eq!(
        json(&out.stdout)["mounts"][7]["source"],
        here.to_str().unwrap()
    );
    // A mount that is not there is not left out in silence.
    let out = run(&["generate", "--mount-remove", "/nope/"]);
    assert_eq!(out.status, 0);
    assert!(
        out.stderr.contains("no mount at \"/nope\" to leave out"),
        "{out:?}"
    );
}
