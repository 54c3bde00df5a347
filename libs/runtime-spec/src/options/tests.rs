use super::*;

#[test]
fn mounts() {
    for (text, want) in [
        ("/a:/b", Some(r#"["rbind","rprivate"]"#)),
        ("/a:/b:ro", Some(r#"["rbind","ro","rprivate"]"#)),
        ("/a:/b:bind,rslave", Some(r#"["bind","rslave"]"#)),
        ("rel:/b//c/./:ro,", None),
        ("/a", None),
        (":/b", None),
        ("/a:b", None),
        ("/a:/", None),
        ("/a:/../etc", None),
        ("/a:/b\n", None),
        ("/a:/b:ro,\u{1b}", None),
    ] {
        let got = Mount::bind(text)
            .ok()
            .map(|mount| mount.to_json()["options"].to_string());
        assert_eq!(got.as_deref(), want, "{text:?}");
    }
    assert_eq!(Mount::bind("rel:/b//c/.").unwrap().destination(), "/b/c");
    let tmpfs = Mount::tmpfs("/run:size=1m,mode=755").unwrap().to_json();
    assert_eq!(
        tmpfs["options"],
        json!(["nosuid", "nodev", "size=1m", "mode=755"])
    );
    assert!(Mount::json(r#"{"destination":"/x","type":"proc","new":1}"#).is_ok());
    assert!(Mount::json(r#"{"type":"proc"}"#).is_err());
}

#[test]
fn sysctls_can_not_smuggle() {
    for (text, good) in [
        ("net.ipv4.ip_forward=1", true),
        ("kernel.sem=250 32000 100 128", true),
        ("fs.mqueue.msg_max=10", true),
        ("kernel.core_pattern=|/bin/evil", false),
        ("kernel.shm_rmid_forced=1+kernel.core_pattern=x", false),
        ("net.ipv4.ip_forward=1\nkernel.core_pattern=x", false),
        ("net/ipv4/ip_forward=1", false),
        ("net..x=1", false),
        ("net.ipv4.ip_forward", false),
        ("vm.swappiness=1", false),
    ] {
        assert_eq!(text.parse::<Sysctl>().is_ok(), good, "{text:?}");
    }
}

#[test]
fn numbers_with_units() {
    for (text, want) in [
        ("64m", Some(64 << 20)),
        ("64MB", Some(64 << 20)),
        ("1k", Some(1024)),
        ("17", Some(17)),
        ("8388608t", None),
        ("b", None),
        ("", None),
        ("-1", None),
        ("1.5g", None),
    ] {
        assert_eq!(parse_size(text).ok(), want, "{text:?}");
    }
    for (text, want) in [
        ("1", Some(1000)),
        ("0.5", Some(500)),
        (".125", Some(125)),
        ("0", None),
        ("", None),
        ("1.2345", None),
        ("-1", None),
    ] {
        assert_eq!(parse_cpus(text).ok(), want, "{text:?}");
    }
}

#[test]
fn namespaces_and_maps_and_limits() {
    let parse = |text: &str| text.parse::<Namespace>().ok();
    assert_eq!(
        parse("pid"),
        Some(Namespace {
            kind: "pid",
            placement: Placement::New
        })
    );
    assert_eq!(
        parse("network=/run/netns/x"),
        Some(Namespace {
            kind: "network",
            placement: Placement::Path("/run/netns/x".into())
        })
    );
    assert_eq!(
        parse("ipc:host"),
        Some(Namespace {
            kind: "ipc",
            placement: Placement::Host
        })
    );
    for text in ["mount=host", "pid=rel/path", "pids", "pid=/../x"] {
        assert_eq!(parse(text), None, "{text}");
    }
    assert!("0:1000:65536".parse::<IdMap>().is_ok());
    for text in ["0:1000", "0:1000:0", "1:4294967295:1", "a:b:c", "0:1:2:3"] {
        assert!(text.parse::<IdMap>().is_err(), "{text}");
    }
    let limit: Rlimit = "nofile=10:20".parse().unwrap();
    assert_eq!(
        limit,
        Rlimit {
            kind: "RLIMIT_NOFILE",
            soft: 10,
            hard: 20
        }
    );
    for text in ["nofile=20:10", "nosuch=1", "nofile", "nofile=x"] {
        assert!(text.parse::<Rlimit>().is_err(), "{text}");
    }
}

#[test]
fn capabilities_are_changed_as_podman_does() {
    let choices = |list: &[&str]| -> Vec<CapabilityChoice> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    };
    let base = || CapabilitySet::container_default();
    let names = |add: &[&str], drop: &[&str]| {
        change_capabilities(base(), &choices(add), &choices(drop)).names()
    };
    assert_eq!(names(&["kill"], &["all"]), ["CAP_KILL"]);
    assert_eq!(names(&["ALL"], &["ALL"]), Vec::<&str>::new());
    assert_eq!(names(&["ALL"], &["KILL"]).len(), 40);
    assert!(!names(&[], &["CAP_KILL"]).contains(&"CAP_KILL"));
    assert!(names(&["sys_admin"], &[]).contains(&"CAP_SYS_ADMIN"));
}

#[test]
fn lists_of_cpus_paths_and_propagation() {
    for (text, good) in [
        ("0", true),
        ("0-3,7", true),
        ("3-0", false),
        ("", false),
        ("0,", false),
        ("0-", false),
        ("+1", false),
        ("a", false),
        ("0-1-2", false),
        ("65536", false),
    ] {
        assert_eq!(parse_cpuset(text).is_ok(), good, "{text:?}");
    }
    assert_eq!(parse_path("/a//b/./").as_deref(), Ok("/a/b"));
    for text in ["", "a", "/a/../b", "/a\n"] {
        assert!(parse_path(text).is_err(), "{text:?}");
    }
    assert!(parse_propagation("rslave").is_ok() && parse_propagation("private").is_ok());
    assert!(parse_propagation("rrslave").is_err() && parse_propagation("").is_err());
}
