//! The program without privilege: what it writes, says and exits with.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not be set up fails, one that is skipped says so"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{
    done, image_config, json, ocitool, rootfs, run, run_with_stdin, script, signal, wait_for,
};

#[test]
fn generate_pipes_into_validate() {
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let image = image_config(r#"{"User":"web","Cmd":["/bin/sh"],"Labels":{"a.b":"c"}}"#);
    let made = run_with_stdin(
        &[
            "generate",
            "--image-config",
            "-",
            "--rootfs",
            root.to_str().unwrap(),
        ],
        image.as_bytes(),
    );
    assert_eq!(made.status, 0, "{made:?}");
    assert!(
        made.stderr.contains("labels of the image left out"),
        "{}",
        made.stderr
    );
    let config = json(&made.stdout);
    assert_eq!(config["process"]["user"]["uid"], 100);
    assert_eq!(config["root"]["path"], root.to_str().unwrap());
    let checked = run_with_stdin(&["validate", "-"], made.stdout.as_bytes());
    assert_eq!(checked.status, 0, "{checked:?}");
    assert!(
        checked.stdout.lines().all(|line| line.starts_with("may: ")),
        "{}",
        checked.stdout
    );

    let mut generate = ocitool(["generate", "--root-path", "x", "--", "sh"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let validate = ocitool(["validate", "-"])
        .stdin(generate.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(generate.wait().unwrap().success());
    assert_eq!(done(validate).status, 0);
}

#[test]
fn validate_says_what_is_wrong_and_exits_so() {
    let bad = br#"{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"rel","args":["a"],"user":{}},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}"#;
    let out = run_with_stdin(&["validate", "-"], bad);
    assert_eq!(
        (out.status, out.stdout.as_str()),
        (1, "must: $.process.cwd: \"rel\" is not an absolute path\n")
    );
    let out = run_with_stdin(&["validate", "--json", "-"], bad);
    assert_eq!(out.status, 1);
    let answer = json(&out.stdout);
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["findings"][0]["path"], "$.process.cwd");
    assert_eq!(answer["findings"][0]["severity"], "must");
    assert!(
        answer["findings"][0]["reference"]
            .as_str()
            .unwrap()
            .ends_with("config.md#process")
    );

    let extra = String::from_utf8_lossy(bad)
        .replace("\"rel\"", "\"/\"")
        .replace("\"root\"", "\"new\":1,\"root\"");
    for (level, want) in [("must", 0), ("should", 0), ("may", 1)] {
        let out = run_with_stdin(&["validate", "--level", level, "-"], extra.as_bytes());
        assert_eq!(out.status, want, "{level}: {}", out.stdout);
    }
    assert_eq!(run_with_stdin(&["validate", "-"], b"").status, 1);
    assert_eq!(run(&["validate", "/no/such/file"]).status, 2);
    assert_eq!(run(&["validate", "--no-such-flag"]).status, 2);
}

#[test]
fn what_validate_can_not_write_is_no_verdict() {
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for args in [&["validate", "-"][..], &["validate", "--json", "-"]] {
        let out = done(
            ocitool(args)
                .stdout(full())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output()
                .unwrap(),
        );
        assert_eq!(out.status, 2, "{out:?}");
        assert!(
            out.stderr.starts_with("ocitool: writing standard output\n"),
            "{out:?}"
        );
    }
}

#[test]
fn a_template_is_edited_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    let file = file.to_str().unwrap();
    assert_eq!(run(&["generate", "--output", file, "--", "sh"]).status, 0);
    let mut before = json(&fs::read_to_string(file).unwrap());
    before["x-unknown"] = serde_json::json!({"kept": [1, null]});
    fs::write(file, before.to_string()).unwrap();
    let out = run(&[
        "generate",
        "--template",
        file,
        "--output",
        file,
        "--hostname",
        "other",
    ]);
    assert_eq!(out.status, 0, "{out:?}");
    let after = json(&fs::read_to_string(file).unwrap());
    before["hostname"] = "other".into();
    assert_eq!(after, before);
}

#[test]
fn output_is_replaced_as_a_whole_also_behind_a_link() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let [file, link] = ["config.json", "link"].map(|name| dir.path().join(name));
    let generate = |output: &Path| {
        let done = run(&["generate", "--output", output.to_str().unwrap(), "--", "sh"]);
        assert_eq!(done.status, 0, "{done:?}");
        done.stdout
    };
    symlink("config.json", &link).unwrap();
    generate(&link);
    let first = file.metadata().unwrap().ino();
    let opened = fs::File::open(&file).unwrap();
    generate(&link);
    assert!(link.is_symlink());
    assert_ne!(file.metadata().unwrap().ino(), first);
    assert_eq!(opened.metadata().unwrap().nlink(), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    assert_eq!(
        json(&generate(Path::new("/dev/stdout"))),
        json(&fs::read_to_string(&file).unwrap())
    );
}

#[test]
fn a_switch_of_a_template_is_turned_off() {
    let on = br#"{"ociVersion":"1.0.2","root":{"path":"r","readonly":true},
        "process":{"args":["a"],"cwd":"/","terminal":true,"noNewPrivileges":true,"user":{"uid":0,"gid":0}}}"#;
    for (flags, want) in [
        (&[][..], true),
        (&["--read-only", "-t", "--no-new-privileges"], true),
        (
            &["--read-only=false", "--tty=false", "--no-new-privileges=0"],
            false,
        ),
    ] {
        let out = run_with_stdin(&[&["generate", "--template", "-"], flags].concat(), on);
        assert_eq!(out.status, 0, "{out:?}");
        let made = json(&out.stdout);
        assert_eq!(
            [
                &made["root"]["readonly"],
                &made["process"]["terminal"],
                &made["process"]["noNewPrivileges"]
            ],
            [want; 3],
            "{flags:?}"
        );
    }
}

#[test]
fn old_names_of_flags_still_work() {
    let out = run(&[
        "generate",
        "--rootfs-path",
        "/r",
        "--readonly",
        "--args",
        "a",
        "--args",
        "-b",
        "--tty",
        "--process-cwd",
        "/w",
        "--process-uid",
        "5",
        "--process-gid",
        "6",
        "--groups",
        "7,8",
        "--uidmappings",
        "1000:0:10",
        "--linux-gidmappings",
        "2000:1:10",
        "--cap-drop",
        "all",
        "--cap-add",
        "kill",
        "--label",
        "com.example=x",
        "--linux-pids-limit",
        "-1",
        "--mount-cgroups",
        "no",
        "--oom-score-adj",
        "-5",
        "--hook",
        "prestart:/bin/true",
    ]);
    assert_eq!(out.status, 0, "{out:?}");
    let config = json(&out.stdout);
    assert_eq!(config["root"], json(r#"{"path":"/r","readonly":true}"#));
    assert_eq!(config["process"]["args"], json(r#"["a","-b"]"#));
    assert_eq!(
        config["process"]["user"],
        json(r#"{"uid":5,"gid":6,"additionalGids":[6,7,8]}"#)
    );
    assert_eq!(
        config["process"]["capabilities"]["bounding"],
        json(r#"["CAP_KILL"]"#)
    );
    assert_eq!(config["process"]["oomScoreAdj"], -5);
    assert_eq!(config["annotations"]["com.example"], "x");
    assert_eq!(config["linux"]["resources"].get("pids"), None);
    assert!(!out.stdout.contains("/sys/fs/cgroup"));
    assert_eq!(config["hooks"]["prestart"][0]["path"], "/bin/true");
    // Theirs have the number of the host first.
    assert_eq!(
        config["linux"]["uidMappings"],
        json(r#"[{"containerID":0,"hostID":1000,"size":10}]"#)
    );
    assert_eq!(
        config["linux"]["gidMappings"],
        json(r#"[{"containerID":1,"hostID":2000,"size":10}]"#)
    );
}

#[test]
fn validate_looks_at_a_root_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let root = common::rootfs(dir.path());
    let root = root.to_str().unwrap();
    let config = run(&[
        "generate",
        "--rootfs",
        root,
        "--cwd",
        "/w",
        "--",
        "/bin/nope",
    ])
    .stdout;
    let validate = |more: &[&str]| {
        let args = [&["validate", "-", "--rootfs", root], more].concat();
        run_with_stdin(&args, config.as_bytes())
    };
    let out = validate(&[]);
    assert_eq!(out.status, 0, "{out:?}");
    assert!(
        out.stdout
            .contains("should: $.process.args[0]: \"/bin/nope\" is not in"),
        "{out:?}"
    );
    assert_eq!(validate(&["--level", "should"]).status, 1);
    std::os::unix::fs::symlink("/proc/self/fd/7", dir.path().join("root/w")).unwrap();
    let out = validate(&[]);
    assert_eq!(out.status, 1, "{out:?}");
    assert!(
        out.stdout
            .contains("must: $.process.cwd: \"/w\" leads through a symlink to \"/proc/self/fd/7\""),
        "{out:?}"
    );
    let out = run_with_stdin(
        &["validate", "--rootfs", "/no/such", "-"],
        config.as_bytes(),
    );
    assert_eq!(out.status, 2, "{out:?}");
}

#[test]
fn hostile_root_file_systems_are_refused() {
    let generate = |root: &std::path::Path| {
        run(&[
            "generate",
            "--user",
            "web",
            "--rootfs",
            root.to_str().unwrap(),
            "--",
            "sh",
        ])
    };
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let passwd = root.join("etc/passwd");
    fs::write(dir.path().join("passwd"), "web:x:0:0::/:\n").unwrap();

    fs::remove_file(&passwd).unwrap();
    symlink("../../passwd", &passwd).unwrap();
    let out = generate(&root);
    assert_eq!(out.status, 1, "a symlink must not lead out: {out:?}");
    assert!(
        out.stderr.contains("not in the image's /etc/passwd"),
        "{}",
        out.stderr
    );

    fs::remove_file(&passwd).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&passwd)
            .status()
            .unwrap()
            .success()
    );
    let out = generate(&root);
    assert!(
        out.status == 1 && out.stderr.contains("is a fifo"),
        "{out:?}"
    );

    fs::remove_file(&passwd).unwrap();
    fs::write(&passwd, vec![b'x'; (1 << 20) + 1]).unwrap();
    let out = generate(&root);
    assert!(
        out.status == 1 && out.stderr.contains("more than 1048576 bytes"),
        "{out:?}"
    );

    fs::write(&passwd, common::PASSWD).unwrap();
    assert_eq!(generate(&root).status, 0);
    fs::remove_dir(root.join("dev")).unwrap();
    symlink("/tmp", root.join("dev")).unwrap();
    let out = generate(&root);
    assert!(
        out.status == 1
            && out
                .stderr
                .contains("/dev of the root file system is a symlink"),
        "{out:?}"
    );
}

#[test]
fn errors_name_the_next_step() {
    let image = image_config(r#"{"User":"web","Cmd":["sh"]}"#);
    let out = run_with_stdin(&["generate", "--image-config", "-"], image.as_bytes());
    assert_eq!(out.status, 1);
    assert!(
        out.stderr
            .contains("hint: give the root file system with --rootfs"),
        "{}",
        out.stderr
    );
    let out = run_with_stdin(
        &["generate", "--image-config", "-"],
        image_config("{}").as_bytes(),
    );
    assert!(
        out.stderr.contains("hint: say what to start after --"),
        "{}",
        out.stderr
    );
    let out = run(&["run", "--runtime", "no-such-runtime", "--bundle", "/"]);
    assert!(
        out.status == 1 && out.stderr.contains("hint: install runc"),
        "{out:?}"
    );
    let out = run(&["state", "--runtime", "/dev", "id"]);
    assert_eq!(
        (out.status, out.stderr.lines().next()),
        (1, Some("ocitool: starting /dev")),
        "{out:?}"
    );
    assert!(out.stderr.contains("hint: install runc"), "{out:?}");
    assert_eq!(run(&["run", "id"]).status, 2);
    assert_eq!(run(&["start", "../x"]).status, 2);
    assert_eq!(run(&["kill", "x", "NOSUCH"]).status, 2);
}

#[test]
fn what_generate_would_write_invalid_is_refused() {
    let generate = |option: &str| {
        let root = if option.starts_with("--root-path") {
            "--read-only"
        } else {
            "--root-path=r"
        };
        run(&["generate", root, option, "--", "/bin/sh"])
    };
    let long = "a".repeat(65);
    for (option, status) in [
        (format!("--hostname={}", &long[1..]), 0),
        (format!("--hostname={long}"), 1),
        ("--root-path=r".to_owned(), 0),
        ("--root-path=".to_owned(), 2),
    ] {
        let out = generate(&option);
        assert_eq!(out.status, status, "{option}: {out:?}");
    }
    let out = generate("--privileged=\u{1b}[31m");
    assert_eq!(out.status, 2, "{out:?}");
    assert!(!out.stderr.contains('\u{1b}'), "{out:?}");
}

#[test]
fn a_signal_before_the_start_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let asked = dir.path().join("asked");
    let started = dir.path().join("started");
    let runtime = script(
        &dir.path().join("runtime"),
        &format!(
            "case \" $* \" in *' --version '*) : > {}; sleep 1; echo runc version 9.9.9;; *' run '*) : > {};; *) exit 1;; esac",
            asked.display(),
            started.display()
        ),
    );
    for (name, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let child = ocitool(["run", "--runtime"])
            .arg(&runtime)
            .arg("--config")
            .arg(config_of(&root, dir.path()))
            .env("XDG_RUNTIME_DIR", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the question to the runtime", || asked.exists());
        signal(&child, name);
        let out = done(child.wait_with_output().unwrap());
        assert_eq!(out.status, status, "{out:?}");
        assert!(!started.exists(), "{out:?}");
        fs::remove_file(&asked).unwrap();
    }
    let ours = root.to_str().unwrap();
    for parent in [&*dir.path().join("ocitool"), Path::new("/run/ocitool")] {
        let left = fs::read_dir(parent).into_iter().flatten().flatten();
        for entry in left {
            let config = fs::read_to_string(entry.path().join("config.json"));
            assert!(!config.unwrap_or_default().contains(ours), "{entry:?}");
        }
    }
}

fn config_of(root: &Path, dir: &Path) -> PathBuf {
    let config = dir.join("config.json");
    let made = ocitool(["generate", "--rootfs"])
        .arg(root)
        .arg("--output")
        .arg(&config)
        .args(["--", "/bin/sh"])
        .status();
    assert!(made.unwrap().success());
    config
}

#[test]
fn a_signal_ends_a_runtime_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let config = config_of(&root, dir.path());
    let asked = dir.path().join("asked");
    // The program that hangs is not the runtime itself, but one that it waits for.
    let hang = format!(
        "(echo $$ $(exec sh -c 'echo $PPID') > {0}.new; mv {0}.new {0}; exec sleep 600); exit 0",
        asked.display()
    );
    let hangs = script(
        &dir.path().join("hangs"),
        &format!("[ $1 = --version ] && exit 0; {hang}"),
    );
    let hangs_at_once = script(&dir.path().join("hangs-at-once"), &hang);
    let run = ["run", "--config", config.to_str().unwrap()];
    for (runtime, args) in [
        (&hangs, &["state", "x"][..]),
        (&hangs, &["list"]),
        (&hangs, &["start", "x"]),
        (&hangs, &["kill", "x"]),
        (&hangs, &["delete", "--force", "x"]),
        (&hangs_at_once, &["state", "x"]),
        (&hangs_at_once, &run),
        // What it left is not waited for either.
        (&hangs, &run),
    ] {
        let child = ocitool(args)
            .arg("--runtime")
            .arg(runtime)
            .env("XDG_RUNTIME_DIR", dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the question to the runtime", || asked.exists());
        let numbers = fs::read_to_string(&asked).unwrap();
        fs::remove_file(&asked).unwrap();
        signal(&child, "TERM");
        if args[0] == "run" && runtime == &hangs {
            // What runs in the foreground shares its group with us, and so is not ended as a whole.
            let _ = Command::new("kill")
                .args(numbers.split_whitespace())
                .output();
        }
        let out = done(child.wait_with_output().unwrap());
        assert_eq!(out.status, 143, "{args:?}: {out:?}");
        assert!(out.stderr.contains("gave up waiting for"), "{out:?}");
        let runs = |number: &str| {
            fs::read_to_string(format!("/proc/{number}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        wait_for("the end of the runtime", || {
            !numbers.split_whitespace().any(runs)
        });
    }
}

#[test]
fn a_state_is_an_object() {
    let dir = tempfile::tempdir().unwrap();
    for (answer, status) in [(r#"{"status":"odd"}"#, 0), ("[]", 1)] {
        let text = format!("[ $1 = --version ] || echo '{answer}'");
        let runtime = script(&dir.path().join("runtime"), &text);
        let out = run(&["state", "--runtime", runtime.to_str().unwrap(), "x"]);
        assert_eq!(out.status, status, "{out:?}");
    }
}

#[test]
fn the_list_is_named_when_the_container_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    for (says, hint) in [
        ("container does not exist", true),
        (
            "error opening file `/run/crun/x/status`: No such file or directory",
            true,
        ),
        (
            "cannot open directory `/run/crun/x`: No such file or directory",
            true,
        ),
        (
            "cannot open `/run/crun/x/exec.fifo`: No such file or directory",
            false,
        ),
    ] {
        let runtime = script(
            &dir.path().join("runtime"),
            &format!("case $1 in --version) ;; *) echo '{says}' >&2; exit 1;; esac"),
        );
        let out = done(
            ocitool(["kill", "x", "RTMIN+3", "--runtime"])
                .arg(&runtime)
                .output()
                .unwrap(),
        );
        assert_eq!(out.status, 1, "{out:?}");
        assert!(out.stderr.contains(says), "{out:?}");
        assert_eq!(out.stderr.contains("ocitool list"), hint, "{out:?}");
    }
}

/// umoci converts the same image by the same document.
#[test]
fn conversion_agrees_with_umoci() {
    if let Err(reason) = common::installed("umoci") {
        println!("skipped: {reason}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = rootfs(dir.path());
    let umoci = |args: &[&str]| {
        let out = Command::new("umoci")
            .args(args)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "umoci {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    };
    umoci(&["init", "--layout", "l"]);
    umoci(&["new", "--image", "l:t"]);
    let users = [
        "",
        "0",
        "root",
        "web",
        "web:extra",
        "100:200",
        "1234",
        "1234:5",
        "web:7",
    ];
    for user in users {
        umoci(&[
            "config",
            "--image",
            "l:t",
            "--config.user",
            user,
            "--config.entrypoint",
            "/e",
            "--config.entrypoint",
            "x",
            "--config.cmd",
            "y",
            "--config.env",
            "FOO=bar",
            "--config.workingdir",
            "/w",
            "--config.volume",
            "/data",
            "--config.exposedports",
            "80/tcp",
            "--config.label",
            "org.opencontainers.image.title=T",
            "--config.stopsignal",
            "SIGINT",
            "--author",
            "me",
            "--created",
            "2020-01-02T03:04:05Z",
        ]);
        umoci(&[
            "raw",
            "runtime-config",
            "--image",
            "l:t",
            "--rootfs",
            "root",
            "theirs.json",
        ]);
        let theirs = json(&fs::read_to_string(dir.path().join("theirs.json")).unwrap());
        let index = json(&fs::read_to_string(dir.path().join("l/index.json")).unwrap());
        let blob = |digest: &serde_json::Value| {
            let hex = digest
                .as_str()
                .unwrap()
                .trim_start_matches("sha256:")
                .to_owned();
            fs::read_to_string(dir.path().join("l/blobs/sha256").join(hex)).unwrap()
        };
        let manifest = json(&blob(&index["manifests"][0]["digest"]));
        let config = blob(&manifest["config"]["digest"]);
        let out = run_with_stdin(
            &[
                "generate",
                "--image-config",
                "-",
                "--rootfs",
                root.to_str().unwrap(),
            ],
            config.as_bytes(),
        );
        assert_eq!(out.status, 0, "{out:?}");
        let ours = json(&out.stdout);
        for key in ["args", "cwd"] {
            assert_eq!(
                ours["process"][key], theirs["process"][key],
                "{user}: {key}"
            );
        }
        for key in ["uid", "gid"] {
            assert_eq!(
                ours["process"]["user"][key], theirs["process"]["user"][key],
                "{user}: {key}"
            );
        }
        assert_eq!(ours["annotations"], theirs["annotations"], "{user}");
        let has_data = |config: &serde_json::Value| {
            config["mounts"]
                .as_array()
                .unwrap()
                .iter()
                .any(|m| m["destination"] == "/data" && m["type"] == "tmpfs")
        };
        assert!(has_data(&ours) && has_data(&theirs));
        let env = |config: &serde_json::Value, entry: &str| {
            config["process"]["env"]
                .as_array()
                .unwrap()
                .iter()
                .any(|e| e == entry)
        };
        assert!(env(&ours, "FOO=bar") && env(&theirs, "FOO=bar"));
    }
}

/// What others write is valid: a rule that refuses it would be wrong.
#[test]
fn what_runc_writes_is_valid() {
    if let Err(reason) = common::installed("runc") {
        println!("skipped: {reason}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for args in [&["spec"][..], &["spec", "--rootless"]] {
        let out = Command::new("runc")
            .args(args)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(out.status.success());
        let file = dir.path().join("config.json");
        let out = run(&["validate", file.to_str().unwrap()]);
        assert_eq!(out.status, 0, "{args:?}: {}", out.stdout);
        fs::remove_file(file).unwrap();
    }
}
