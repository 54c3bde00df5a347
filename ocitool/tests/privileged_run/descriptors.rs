//! Open files and terminals that a container inherits or not.

use std::fs;
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use crate::common::{done, ocitool, wait_for};
use crate::place::Place;

#[test]
fn privileged_open_files_do_not_leak_into_the_container() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle("b", "ls /proc/self/fd; test ! -e /proc/self/fd/9");
    // The shell opens 9 on a directory of the host and lets it leak, as careless callers do.
    let script = format!(
        "exec 9</etc; exec {} run --runtime runc --root {} --bundle {} leak",
        env!("CARGO_BIN_EXE_ocitool"),
        place.state().display(),
        bundle.display()
    );
    let out = done(
        Command::new("/bin/sh")
            .args(["-c", &script])
            .output()
            .unwrap(),
    );
    assert_eq!(out.status, 0, "{out:?}");
}

#[test]
fn privileged_asked_for_open_files_reach_the_container() {
    let Some(place) = Place::new() else { return };
    fs::write(place.dir.path().join("three"), "third\n").unwrap();
    fs::write(place.dir.path().join("four"), "fourth\n").unwrap();
    let script = "cat <&3; if test -e /proc/self/fd/4; then cat <&4; fi; test ! -e /proc/self/fd/9";
    let bundle = place.bundle("b", script);
    for (count, want) in [("1", "third\n"), ("2", "third\nfourth\n")] {
        for verb in ["run", "create"] {
            let name = format!("{verb}-{count}");
            let shell = format!(
                "cd {}; exec 3<three 4<four 9</etc; {} {verb} --runtime runc --root {} --preserve-fds {count} --bundle {} {name} >{name}.out",
                place.dir.path().display(),
                env!("CARGO_BIN_EXE_ocitool"),
                place.state().display(),
                bundle.display()
            );
            let status = Command::new("/bin/sh").args(["-c", &shell]).status();
            assert!(status.unwrap().success(), "{name}");
            let read = || fs::read_to_string(place.dir.path().join(format!("{name}.out"))).unwrap();
            if verb == "create" {
                assert_eq!(place.call("start", &[&name]).status, 0);
                wait_for("the output", || read().len() >= want.len());
            }
            assert_eq!(read(), want, "{name}");
        }
    }

    // What nobody handed over would be some file of the runtime itself.
    let shell = format!(
        "exec 3</dev/null 4<&-; {} run --runtime runc --root {} --preserve-fds 2 --bundle {} x",
        env!("CARGO_BIN_EXE_ocitool"),
        place.state().display(),
        bundle.display()
    );
    let out = done(
        Command::new("/bin/sh")
            .args(["-c", &shell])
            .output()
            .unwrap(),
    );
    assert!(
        out.status == 1 && out.stderr.contains("file 4 is to be preserved"),
        "{out:?}"
    );
}

/// Waits for a runtime to connect. The terminal stays alive, on its way, until `name_of`.
fn terminal_receiver(path: &Path) -> JoinHandle<UnixStream> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0)
}

/// Reads what the runtime says besides the terminal: its name.
fn name_of(mut terminal: UnixStream) -> String {
    let mut name = [0; 64];
    let length = terminal.read(&mut name).unwrap();
    String::from_utf8_lossy(&name[..length]).into_owned()
}

#[test]
fn privileged_a_terminal_is_passed_through() {
    let Some(place) = Place::new() else { return };
    if let Err(reason) = crate::common::installed("script") {
        println!("skipped: {reason}");
        return;
    }
    let bundle = place.bundle("b", "[ -t 0 ] && [ -t 1 ] && echo it is a terminal; exit 6");
    let config = bundle.join("config.json");
    let line = format!(
        "{} run --runtime runc --root {} --config {} --terminal",
        env!("CARGO_BIN_EXE_ocitool"),
        place.state().display(),
        config.display()
    );
    let out = done(
        Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .unwrap(),
    );
    assert!(
        out.status == 6 && out.stdout.contains("it is a terminal\r\n"),
        "{out:?}"
    );
}

#[test]
fn privileged_terminals_go_to_the_console_socket() {
    let Some(place) = Place::new() else { return };
    let bundle = place.bundle("b", "while :; do sleep 0.1; done");
    let plain = bundle.to_str().unwrap();
    let terminal = place.dir.path().join("terminal");
    fs::create_dir(&terminal).unwrap();
    let made = done(
        ocitool(["generate", "--terminal", "--template"])
            .arg(bundle.join("config.json"))
            .arg("--output")
            .arg(terminal.join("config.json"))
            .output()
            .unwrap(),
    );
    assert_eq!(made.status, 0, "{made:?}");
    let terminal = terminal.to_str().unwrap();

    let (first, second) = (place.dir.path().join("1"), place.dir.path().join("2"));
    for args in [
        &["--bundle", terminal, "t"][..],
        &["--bundle", plain, "--console-socket", "/s", "t"],
    ] {
        let out = place.call("create", args);
        assert!(
            out.status == 1 && out.stderr.contains("console socket"),
            "{args:?}: {out:?}"
        );
    }
    let socket = first.to_str().unwrap();
    let nobody_listens = ["--bundle", terminal, "--console-socket", socket, "t"];
    assert_eq!(place.call("create", &nobody_listens).status, 1);

    let receiver = terminal_receiver(&first);
    assert_eq!(place.call("create", &nobody_listens).status, 0);
    let of_container = receiver.join().unwrap();
    assert_eq!(place.call("start", &["t"]).status, 0);

    let receiver = terminal_receiver(&second);
    let socket = second.to_str().unwrap();
    let out = place.call(
        "exec",
        &[
            "--terminal",
            "--detach",
            "--console-socket",
            socket,
            "t",
            "/bin/sh",
            "-c",
            "test -t 0 && touch /tmp/terminal; sleep 60",
        ],
    );
    assert_eq!(out.status, 0, "{out:?}");
    let of_program = receiver.join().unwrap();
    let witness = place.root.join("tmp/terminal");
    wait_for("the terminal", || witness.exists());
    for terminal in [of_container, of_program] {
        let name = name_of(terminal);
        assert!(name.starts_with("/dev/"), "{name:?}");
    }
}
