//! What a signal ends, and what goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{done, json, ocitool, script, signal, wait_for};
use crate::place::Place;

#[test]
fn privileged_signals_reach_the_container() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle(
        "b",
        "trap 'echo int' INT; trap 'echo term; exit 42' TERM; echo ready; while :; do sleep 0.1; done",
    );
    let out_file = place.dir.path().join("out");
    let mut child = place
        .verb("run", &["--bundle", bundle.to_str().unwrap(), "sig"])
        .stdout(fs::File::create(&out_file).unwrap())
        .spawn()
        .unwrap();
    wait_for("the container", || {
        fs::read_to_string(&out_file).unwrap().contains("ready")
    });
    // The second follows before the first was seen by any thread of ocitool.
    signal(&child, "INT");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(42));
    let out = fs::read_to_string(&out_file).unwrap();
    assert!(
        out == "ready\nint\nterm\n" || out == "ready\nterm\n",
        "{out}"
    );
    assert_eq!(place.call("list", &["--quiet"]).stdout, "");
}

#[test]
fn privileged_a_runtime_that_is_killed_leaves_nothing() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle("b", "sleep 60");
    let bundle = bundle.to_str().unwrap();
    let left = || fs::read_dir(place.state()).unwrap().count();

    // Killed when it has made no more than its directory.
    let early = script(
        &place.dir.path().join("runc-early"),
        &format!(
            "case \" $* \" in *\" run \"*|*\" create \"*) mkdir -p {}/one; kill -TERM $$;; esac; exec runc \"$@\"",
            place.state().display()
        ),
    );
    for verb in ["run", "create"] {
        let mut command = ocitool([verb, "--bundle", bundle, "--runtime"]);
        command
            .arg(&early)
            .arg("--root")
            .arg(place.state())
            .arg("one");
        let out = done(command.output().unwrap());
        assert_eq!(left(), 0, "{verb}: {out:?}");
        assert!(out.status == 143 || verb == "create", "{out:?}");
    }

    // Killed when the container is there, its program not yet.
    let running = place.dir.path().join("running");
    let hook = script(
        &place.dir.path().join("hook"),
        &format!(
            "echo $PPID $$ > {0}.new; mv {0}.new {0}; exec sleep 60",
            running.display()
        ),
    );
    let config = Path::new(bundle).join("config.json");
    let mut hooked = ocitool(["run", "--runtime", "runc", "--root"]);
    hooked.arg(place.state()).arg("--config").arg(&config);
    hooked
        .arg("--hook")
        .arg(format!("createRuntime={}", hook.display()));
    let mut child = hooked.arg("one").stderr(Stdio::null()).spawn().unwrap();
    wait_for("the hook", || running.exists());
    let numbers = fs::read_to_string(&running).unwrap();
    let kill = Command::new("kill")
        .args(["-s", "KILL"])
        .args(numbers.split_whitespace())
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(137));
    assert_eq!(left(), 0);

    // What was there before stays, whether it has the same bundle or another one.
    let other = place.bundle("other", "sleep 60");
    let mut create = place.verb("create", &["--bundle", bundle, "one"]);
    create.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(create.status().unwrap().success());
    for bundle in [bundle, other.to_str().unwrap()] {
        let mut command = ocitool(["run", "--bundle", bundle, "--runtime"]);
        command
            .arg(&early)
            .arg("--root")
            .arg(place.state())
            .arg("one");
        assert_eq!(done(command.output().unwrap()).status, 143);
        let state = json(&place.call("state", &["one"]).stdout);
        assert_eq!(state["status"], "created", "{bundle}");
    }
}

#[test]
fn privileged_detached_programs_go_on_until_delete_by_force() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle("b", "trap '' TERM; while :; do sleep 0.1; done");
    let pid_of = |name: &str| -> PathBuf {
        let text = fs::read_to_string(place.dir.path().join(name)).unwrap();
        let pid: u32 = text.trim().parse().unwrap();
        PathBuf::from(format!("/proc/{pid}"))
    };
    let quietly = |verb: &str, args: &[&str]| {
        let mut command = place.verb(verb, args);
        command
            .current_dir(place.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().unwrap().code()
    };
    let bundle = bundle.to_str().unwrap();
    let create = ["--pid-file", "first", "--bundle", bundle, "d"];
    assert_eq!(quietly("create", &create), Some(0));
    assert_eq!(place.call("start", &["d"]).status, 0);
    let detached = ["--detach", "--pid-file", "second", "d", "/bin/sleep", "600"];
    let start = Instant::now();
    assert_eq!(quietly("exec", &detached), Some(0));
    assert!(start.elapsed() < Duration::from_secs(60));
    let (first, second) = (pid_of("first"), pid_of("second"));
    // runc may be back before its child has become the program.
    wait_for("the program", || {
        fs::read(second.join("cmdline")).unwrap() == b"/bin/sleep\x00600\x00"
    });

    assert_eq!(place.call("delete", &["d"]).status, 1);
    assert!(first.exists() && second.exists());
    let out = place.call("delete", &["--force", "d"]);
    assert_eq!(out.status, 0, "{out:?}");
    assert_eq!(place.call("state", &["d"]).status, 1);
    let gone = |path: &Path| {
        fs::read_to_string(path.join("stat")).map_or(true, |stat| stat.contains(") Z "))
    };
    wait_for("the end of both", || gone(&first) && gone(&second));
}

#[test]
fn privileged_what_a_killed_run_left_goes_with_its_container() {
    let Some(place) = Place::new() else { return };
    let config = place.bundle("b", "sleep 60").join("config.json");
    let mut child = place
        .verb("run", &["--config", config.to_str().unwrap(), "one"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let state = || json(&place.call("state", &["one"]).stdout);
    wait_for("the container", || {
        let out = place.call("state", &["one"]);
        out.status == 0 && json(&out.stdout)["status"] == "running"
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let bundle = PathBuf::from(state()["bundle"].as_str().unwrap());
    assert!(bundle.join("config.json").exists());
    let out = place.call("delete", &["--force", "one"]);
    assert_eq!(out.status, 0, "{out:?}");
    assert!(!bundle.exists());
}
