//! Beside `oci-runtime-tool`, where it is installed: what its flags and ours change, and what its
//! `validate` and ours refuse. Each row that differs stands in docs/quirks/ocitool.md.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not be set up fails, one that is skipped says so"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{json, run};
use serde_json::Value;

/// Their default configuration; `None`, having said why, without the tool.
fn their_default() -> Option<Value> {
    if let Err(reason) = common::installed("oci-runtime-tool") {
        println!("skipped: {reason}");
        return None;
    }
    Some(theirs(&[]))
}

fn theirs(args: &[&str]) -> Value {
    let out = Command::new("oci-runtime-tool")
        .arg("generate")
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "{args:?}: {out:?}");
    json(&String::from_utf8(out.stdout).unwrap())
}

fn ours(args: &[&str]) -> Value {
    let out = run(&[&["generate"], args].concat());
    assert_eq!(out.status, 0, "{args:?}: {out:?}");
    json(&out.stdout)
}

/// All leaves with their places; entries of lists count whatever their order.
fn leaves(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if at == "/linux/seccomp" => drop(members.len()),
        Value::Object(members) => {
            for (key, value) in members {
                leaves(value, &format!("{at}/{key}"), out);
            }
        }
        Value::Array(entries) => out.extend(entries.iter().map(|entry| format!("{at}[] {entry}"))),
        value => drop(out.insert(format!("{at} {value}"))),
    }
}

/// What is in `after` and not in `before`, and what is gone of that which `other` has as well.
fn change(before: &Value, after: &Value, other: &Value) -> BTreeSet<String> {
    let set = |value| {
        let mut set = BTreeSet::new();
        leaves(value, "", &mut set);
        set
    };
    let (before, after, other) = (set(before), set(after), set(other));
    let added = after.difference(&before).map(|leaf| format!("+{leaf}"));
    let gone = before
        .difference(&after)
        .filter(|leaf| other.contains(*leaf));
    let gone = gone.map(|leaf| format!("-{leaf}"));
    added.chain(gone).collect()
}

#[test]
fn flags_change_what_theirs_change() {
    let Some(their_base) = their_default() else {
        return;
    };
    let our_base = ours(&[]);
    let maps = [
        "--linux-uidmappings",
        "1000:0:10",
        "--linux-gidmappings",
        "2000:0:10",
    ];
    let mount = r#"{"destination":"/d","type":"tmpfs","source":"tmpfs","options":["ro"]}"#;
    let same: &[&[&str]] = &[
        &["--hostname", "x"],
        &["--args", "a", "--args", "b"],
        &["--env", "A=b"],
        &["--process-cwd", "/w"],
        &["--process-groups", "7"],
        &["--rootfs-path", "/r"],
        &["--rootfs-readonly"],
        &["--label", "com.a=b"],
        &["--mounts-add", mount],
        &["--mounts-remove", "/dev/shm"],
        &["--linux-sysctl", "net.ipv4.ip_forward=1"],
        &["--linux-cgroups-path", "/a/b"],
        &["--linux-mem-limit", "1048576"],
        &["--linux-cpu-shares", "512"],
        &["--linux-cpus", "0-1"],
        &maps,
        &["--linux-namespace-add", "network:/run/netns/x"],
        &["--linux-oom-score-adj", "5"],
        &["--linux-masked-paths", "/m"],
        &["--linux-readonly-paths", "/m"],
        &["--linux-rootfs-propagation", "slave"],
        &["--linux-apparmor", "p"],
        &["--linux-selinux-label", "a:b:c:s0"],
        &["--linux-mount-label", "a:b:c:s0"],
    ];
    let translated: &[(&[&str], &[&str])] = &[
        (&["--process-umask", "18"], &["--umask", "022"]),
        (
            &["--process-rlimits-add", "RLIMIT_CORE:2:1"],
            &["--rlimit", "core=1:2"],
        ),
        (
            &["--linux-namespace-remove", "network"],
            &["--network", "host"],
        ),
        (
            &[
                "--linux-cpu-quota",
                "150000",
                "--linux-cpu-period",
                "100000",
            ],
            &["--cpus", "1.5"],
        ),
    ];
    for (their_args, our_args) in same
        .iter()
        .map(|args| (args, args))
        .chain(translated.iter().map(|(a, b)| (a, b)))
    {
        assert_eq!(
            change(&our_base, &ours(our_args), &their_base),
            change(&their_base, &theirs(their_args), &our_base),
            "{our_args:?}"
        );
    }
}

fn merge(base: &mut Value, edit: Value) {
    match (base, edit) {
        (Value::Object(base), Value::Object(edit)) => {
            for (key, value) in edit {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, edit) => *base = edit,
    }
}

#[test]
fn validate_refuses_what_theirs_refuses() {
    let Some(base) = their_default() else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rootfs")).unwrap();
    let config = dir.path().join("config.json");
    let verdicts = |document: &Value| {
        fs::write(&config, document.to_string()).unwrap();
        let theirs = Command::new("oci-runtime-tool")
            .args(["validate", "--path"])
            .arg(dir.path())
            .output()
            .unwrap();
        let ours = run(&["validate", config.to_str().unwrap()]);
        (theirs.status.success(), ours.status == 0, theirs, ours)
    };
    let (theirs, ours, said, _) = verdicts(&base);
    if !theirs {
        // It wants the schema from the network.
        println!("skipped: oci-runtime-tool refuses its own configuration: {said:?}");
        return;
    }
    assert!(ours, "their configuration is valid");
    let joined = r#"{"linux":{"namespaces":[{"type":"uts","path":"/u"},{"type":"network","path":"/n"},{"type":"mount"}],"sysctl":{"net.x":"1"}}}"#;
    for (edit, theirs_wanted, ours_wanted) in [
        // Both refuse.
        (r#"{"ociVersion":null}"#, false, false),
        (r#"{"ociVersion":"1"}"#, false, false),
        (r#"{"root":null}"#, false, false),
        (r#"{"root":{"path":""}}"#, false, false),
        (r#"{"root":{"readonly":"yes"}}"#, false, false),
        (r#"{"process":{"cwd":"w"}}"#, false, false),
        (r#"{"process":{"cwd":null}}"#, false, false),
        (r#"{"process":{"args":[]}}"#, false, false),
        (r#"{"process":{"env":["X"]}}"#, false, false),
        (r#"{"process":{"user":{"uid":-1}}}"#, false, false),
        (
            r#"{"process":{"capabilities":{"bounding":["CAP_X"]}}}"#,
            false,
            false,
        ),
        (
            r#"{"process":{"capabilities":{"permitted":[],"ambient":[]}}}"#,
            false,
            false,
        ),
        (
            r#"{"process":{"rlimits":[{"type":"RLIMIT_AS","soft":2,"hard":1}]}}"#,
            false,
            false,
        ),
        (
            r#"{"process":{"rlimits":[{"type":"RLIMIT_AS","soft":1,"hard":1},{"type":"RLIMIT_AS","soft":1,"hard":1}]}}"#,
            false,
            false,
        ),
        (r#"{"hooks":{"poststop":[{"path":"rel"}]}}"#, false, false),
        (
            r#"{"hooks":{"poststop":[{"path":"/x","timeout":0}]}}"#,
            false,
            false,
        ),
        (
            r#"{"mounts":[{"destination":"rel","type":"tmpfs"}]}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"pid"},{"type":"pid"}]}}"#,
            false,
            false,
        ),
        (r#"{"linux":{"namespaces":[{"type":"x"}]}}"#, false, false),
        (
            r#"{"linux":{"namespaces":[{"type":"mount"}]}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}}"#,
            false,
            false,
        ),
        (r#"{"linux":{"maskedPaths":["rel"]}}"#, false, false),
        (
            r#"{"linux":{"devices":[{"path":"/a","type":"x"}]}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"resources":{"devices":[{"allow":true,"access":"rx"}]}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":5,"minor":1}]}}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"resources":{"memory":{"limit":5,"swap":4}}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"resources":{"memory":{"limit":5,"reservation":6}}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"resources":{"rdma":{"a":{"hcaHandles":"x"}}}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"resources":{"hugepageLimits":[{"pageSize":"2mb","limit":1}]}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"seccomp":{"defaultAction":"X"}}}"#,
            false,
            false,
        ),
        (
            r#"{"linux":{"intelRdt":{"memBwSchema":"x"}}}"#,
            false,
            false,
        ),
        (r#"{"linux":{"personality":{"domain":"X"}}}"#, false, false),
        (
            r#"{"linux":{"timeOffsets":{"boottime":{"secs":1}}}}"#,
            false,
            false,
        ),
        // They alone refuse.
        (r#"{"ociVersion":"1.0.2"}"#, false, true),
        (r#"{"root":{"path":"elsewhere"}}"#, false, true),
        (r#"{"process":{"env":["a.b=c"]}}"#, false, true),
        (
            r#"{"process":{"capabilities":{"inheritable":[],"ambient":["CAP_KILL"]}}}"#,
            false,
            true,
        ),
        (
            r#"{"annotations":{"org.opencontainers.image.title":"x"}}"#,
            false,
            true,
        ),
        (
            r#"{"linux":{"devices":[{"path":"/a","type":"b","major":8,"minor":0}]}}"#,
            false,
            true,
        ),
        (r#"{"linux":{"rootfsPropagation":"rslave"}}"#, false, true),
        (
            r#"{"linux":{"resources":{"memory":{"limit":-1,"swap":5}}}}"#,
            false,
            true,
        ),
        (joined, false, true),
        // We alone refuse.
        (
            r#"{"process":{"rlimits":[{"type":"RLIMIT_X","soft":1,"hard":1}]}}"#,
            true,
            false,
        ),
        (r#"{"process":{"args":[""]}}"#, true, false),
        (r#"{"process":{"user":{"uid":4294967295}}}"#, true, false),
        (r#"{"process":{"oomScoreAdj":1001}}"#, true, false),
        (r#"{"mounts":[{"destination":"/a"}]}"#, true, false),
        (
            r#"{"hooks":{"createRuntime":[{"path":"rel"}]}}"#,
            true,
            false,
        ),
        (
            r#"{"linux":{"devices":[{"path":"rel","type":"p"}]}}"#,
            true,
            false,
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"}],"sysctl":{"kernel.shmmax":"1"}}}"#,
            true,
            false,
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"uts"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1,"size":0}]}}"#,
            true,
            false,
        ),
        (r#"{"hostname":"a\nb"}"#, true, false),
    ] {
        let mut document = base.clone();
        merge(&mut document, json(edit));
        let (theirs, ours, said, say) = verdicts(&document);
        assert_eq!(
            (theirs, ours),
            (theirs_wanted, ours_wanted),
            "{edit}\n{said:?}\n{say:?}"
        );
    }
    // Theirs takes the last of two members, and names in any case.
    for text in [
        r#"{"ociVersion":"1.3.0","ociVersion":"1.3.0","root":{"path":"rootfs"}}"#,
        r#"{"ociVersion":"1.3.0","OciVersion":"1.3.0","root":{"path":"rootfs"}}"#,
    ] {
        fs::write(Path::new(&config), text).unwrap();
        assert_eq!(
            run(&["validate", config.to_str().unwrap()]).status,
            1,
            "{text}"
        );
    }
}
