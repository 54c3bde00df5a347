//! Every flag of the original is there, and takes what it takes.

use std::process::Command;

use crate::common::{OURS, THEIRS, World, text};
use crate::is_installed;

/// The flags of a verb, with whether each takes a value, as the original's help tells.
fn flags(verb: &str) -> Vec<(String, Option<char>, bool)> {
    let help = Command::new(THEIRS)
        .args([verb, "--help"])
        .output()
        .unwrap();
    let mut found = Vec::new();
    for line in text(&help.stdout).lines() {
        let line = line.trim_start();
        let (short, rest) = match line.split_once(", --") {
            Some((short, rest)) if short.len() == 2 => (short.chars().nth(1), rest),
            _ => match line.strip_prefix("--") {
                Some(rest) => (None, rest),
                None => continue,
            },
        };
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        // What stands right behind the name is the value; help stands further off.
        found.push((
            name.to_owned(),
            short,
            !rest.is_empty() && !rest.starts_with(' '),
        ));
    }
    found
}

#[test]
fn flags_are_those_of_the_original() {
    if !is_installed(&[THEIRS]) {
        return;
    }
    let ours = skopeo_rs::command();
    let mut count = 0;
    for verb in [
        "inspect",
        "copy",
        "list-tags",
        "delete",
        "sync",
        "login",
        "logout",
        "manifest-digest",
        "standalone-sign",
        "standalone-verify",
    ] {
        let mut ours = ours.find_subcommand(verb).unwrap().clone();
        ours.build();
        let theirs = flags(verb);
        assert!(
            theirs.iter().any(|(name, ..)| name == "help"),
            "{verb}: {theirs:?}"
        );
        for (name, short, takes_value) in theirs {
            let found = ours.get_arguments().find(|arg| {
                arg.get_long() == Some(&name)
                    || arg
                        .get_all_aliases()
                        .is_some_and(|all| all.contains(&name.as_str()))
            });
            let Some(found) = found else {
                panic!("{verb} --{name} is missing");
            };
            assert_eq!(found.get_short(), short, "{verb} --{name}");
            // Those of either kind (--tls-verify) may have a value after = alone.
            let takes = found.get_action().takes_values() && !found.is_require_equals_set();
            assert_eq!(takes, takes_value, "{verb} --{name}");
            count += 1;
        }
    }
    assert!(count > 70, "{count} flags are too few for all of them");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    for flag in [
        "--encryption-key=jwe:key.pem",
        "--decryption-key=key.pem",
        "--encrypt-layer=-1",
    ] {
        let name = flag.split('=').next().unwrap();
        let refused = world.run(OURS, &["copy", flag, "oci:{D}/layout:one", "dir:{D}/never"]);
        assert_eq!(refused.status.code(), Some(1), "{flag}");
        let said = text(&refused.stderr);
        assert!(
            said.contains(name) && said.contains("not supported yet"),
            "{said}"
        );
        assert!(!world.path("never").exists());
    }
}

/// It is for docker-daemon: alone, as in the original.
#[test]
fn the_host_of_a_daemon_is_of_no_account_elsewhere() {
    let Some(world) = World::new() else { return };
    let host = [
        "--src-daemon-host=unix:///x",
        "--dest-daemon-host",
        "unix:///x",
    ];
    for program in [THEIRS, OURS] {
        let to = ["oci:{D}/layout:one", "dir:{D}/daemon"];
        world.ok(program, &[&["copy", "-q"], &host[..], &to].concat());
        world.ok(
            program,
            &["inspect", "--daemon-host", "unix:///x", "dir:{D}/daemon"],
        );
    }
}
