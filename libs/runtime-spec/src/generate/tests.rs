use super::*;
use crate::capability::Capability;
use crate::options::{CapabilityChoice, HookStage, IdMap, Mount};
use crate::validate::{Severity, validate};

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nweb:x:100:101:w:/home/web:/bin/sh\n";
const GROUP: &[u8] = b"root:x:0:\nweb:x:101:\nextra:x:200:web\n";

fn image(config: &str) -> ImageConfig {
    let text = format!(
        r#"{{"os":"linux","architecture":"amd64","config":{config},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    );
    ImageConfig::parse(text.as_bytes()).unwrap()
}

fn host() -> Host {
    Host {
        architecture: "amd64".to_owned(),
        kernel: Some((6, 1)),
        capabilities: Some(CapabilitySet::from_mask(0x1ff_feff_ffff)),
        nofile_hard: Some(20_000),
        absent: Vec::new(),
    }
}

fn make(config: &str, options: GenerateOptions) -> Result<Generated, GenerateError> {
    let image = image(config);
    let users = UserDatabase::new(PASSWD, GROUP).unwrap();
    generate(GenerateInput {
        image_config: Some(&image),
        users,
        host: host(),
        options,
    })
}

fn process(config: &str, options: GenerateOptions, key: &str) -> Value {
    make(config, options)
        .unwrap()
        .spec
        .get(&["process", key])
        .cloned()
        .unwrap_or_default()
}

#[test]
fn the_image_is_converted_as_conversion_md_says() {
    let made = make(
        r#"{"User":"web","Env":["FOO=bar","PATH=/p","FOO=last","BAD"],"Entrypoint":["/e"],"Cmd":["c","d"],
        "WorkingDir":"/w//x/","Volumes":{"/data":{},"/sys/fs/cgroup":{},"/d/e/":{}}}"#,
        GenerateOptions::default(),
    )
    .unwrap();
    let get = |path: &[&str]| made.spec.get(path).cloned().unwrap_or_default();
    assert_eq!(get(&["process", "args"]), json!(["/e", "c", "d"]));
    assert_eq!(
        get(&["process", "env"]),
        json!(["FOO=last", "PATH=/p", "HOME=/home/web"])
    );
    assert_eq!(get(&["process", "cwd"]), json!("/w/x"));
    assert_eq!(
        get(&["process", "user"]),
        json!({"uid": 100, "gid": 101, "additionalGids": [101, 200]})
    );
    let volumes: Vec<String> = get(&["mounts"])
        .as_array()
        .unwrap()
        .iter()
        .filter(|mount| mount["options"].to_string().contains("tmpcopyup"))
        .map(|mount| mount["destination"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(volumes, ["/d/e", "/data"]);
    assert_eq!(
        made.notes,
        [
            Note::EnvSkipped {
                entry: "BAD".into()
            },
            Note::VolumeSkipped {
                path: "/sys/fs/cgroup".into()
            },
        ]
    );
}

#[test]
fn images_for_other_systems_are_no_linux_containers() {
    for (system, want) in [
        (r#""os":"windows","architecture":"amd64""#, None),
        (r#""os":"linux","architecture":"amd64""#, Some(vec![])),
        (r#""os":"","architecture":"""#, Some(vec![])),
        (
            r#""os":"linux","architecture":"arm64""#,
            Some(vec![Note::Architecture {
                image: "arm64".into(),
                host: "amd64".into(),
            }]),
        ),
    ] {
        let text = format!(
            r#"{{{system},"config":{{"Cmd":["sh"]}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        );
        let image = ImageConfig::parse(text.as_bytes()).unwrap();
        let made = generate(GenerateInput {
            image_config: Some(&image),
            host: host(),
            ..GenerateInput::default()
        });
        match made {
            Ok(made) => assert_eq!(Some(made.notes), want, "{system}"),
            Err(error) => {
                assert!(matches!(error, GenerateError::System { .. }), "{error}");
                assert_eq!(want, None, "{system}");
            }
        }
    }
}

#[test]
fn defaults_are_secure_and_valid() {
    let made = make(r#"{"Cmd":["sh"]}"#, GenerateOptions::default()).unwrap();
    let findings = validate(&made.spec.to_json().unwrap());
    assert_eq!(findings, vec![]);
    let get = |path: &[&str]| made.spec.get(path).cloned().unwrap_or_default();
    let default = json!(CapabilitySet::container_default().names());
    for set in ["bounding", "effective", "permitted"] {
        assert_eq!(get(&["process", "capabilities", set]), default, "{set}");
    }
    for set in ["inheritable", "ambient"] {
        assert_eq!(get(&["process", "capabilities", set]), json!([]), "{set}");
    }
    assert_eq!(
        get(&["process", "rlimits"]),
        json!([{"type": "RLIMIT_NOFILE", "soft": 20_000, "hard": 20_000}])
    );
    assert_eq!(
        get(&["linux", "seccomp", "defaultAction"]),
        json!("SCMP_ACT_ERRNO")
    );
    assert_eq!(get(&["linux", "resources", "pids", "limit"]), json!(2048));
    assert_eq!(
        get(&["process", "env"])[0],
        json!(format!("PATH={}", defaults::PATH))
    );
    assert_eq!(get(&["hostname"]), json!("container"));
    assert_eq!(get(&["ociVersion"]), json!("1.0.2"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = || {
        let made = make(
            r#"{"Cmd":["sh"],"Labels":{"org.opencontainers.image.b":"1"}}"#,
            GenerateOptions::default(),
        );
        made.unwrap().spec.to_json().unwrap()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn arguments_follow_dockers_rules() {
    let image = r#"{"Entrypoint":["/e"],"Cmd":["c"]}"#;
    let texts = |list: &[&str]| Some(list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
    for (entrypoint, args, want) in [
        (None, None, json!(["/e", "c"])),
        (None, texts(&["x", "y"]), json!(["/e", "x", "y"])),
        (texts(&["/f"]), None, json!(["/f"])),
        (texts(&["/f"]), texts(&["x"]), json!(["/f", "x"])),
        (texts(&[]), texts(&["x"]), json!(["x"])),
    ] {
        let options = GenerateOptions {
            entrypoint,
            args,
            ..GenerateOptions::default()
        };
        assert_eq!(process(image, options, "args"), want);
    }
    let none = make("{}", GenerateOptions::default());
    assert!(matches!(none, Err(GenerateError::NoCommand)));
}

#[test]
fn hostile_images_are_refused() {
    for (config, part) in [
        (r#"{"Cmd":["sh"],"WorkingDir":"rel"}"#, "working directory"),
        (
            r#"{"Cmd":["sh"],"WorkingDir":"/a/../.."}"#,
            "working directory",
        ),
        (
            r#"{"Cmd":["sh"],"WorkingDir":"/proc/self/fd/8"}"#,
            "working directory",
        ),
        (
            r#"{"Cmd":["sh"],"WorkingDir":"//proc//self"}"#,
            "working directory",
        ),
        (
            r#"{"Cmd":["sh"],"WorkingDir":"/a\nb"}"#,
            "working directory",
        ),
        (r#"{"Cmd":["sh"],"Volumes":{"/":{}}}"#, "volume"),
        (r#"{"Cmd":["sh"],"Volumes":{"/../etc":{}}}"#, "volume"),
        (r#"{"Cmd":["sh"],"Volumes":{"rel":{}}}"#, "volume"),
        (r#"{"Cmd":["sh\u0000"]}"#, "NUL"),
        (r#"{"Cmd":["sh"],"Env":["A=\u0000"]}"#, "NUL"),
        (r#"{"Cmd":["sh"],"User":"4294967296"}"#, "user"),
        (r#"{"Cmd":["sh"],"User":"nobody"}"#, "user"),
        (r#"{"Cmd":[""]}"#, "neither Entrypoint"),
    ] {
        let error = make(config, GenerateOptions::default()).unwrap_err();
        assert!(error.to_string().contains(part), "{config}: {error}");
    }
}

#[test]
fn users_who_are_not_root_start_without_capabilities() {
    let choice = |text: &str| text.parse::<CapabilityChoice>().unwrap();
    let options = GenerateOptions {
        cap_add: vec![choice("net_raw")],
        cap_add_ambient: vec![Capability::parse("NET_BIND_SERVICE").unwrap()],
        ..GenerateOptions::default()
    };
    let sets = process(r#"{"Cmd":["sh"],"User":"web"}"#, options, "capabilities");
    let bind = json!(["CAP_NET_BIND_SERVICE"]);
    for set in ["effective", "permitted", "inheritable", "ambient"] {
        assert_eq!(sets[set], bind, "{set}");
    }
    assert!(
        sets["bounding"]
            .as_array()
            .unwrap()
            .contains(&json!("CAP_NET_RAW"))
    );
    assert_eq!(sets["bounding"].as_array().unwrap().len(), 12);
}

#[test]
fn privilege_is_clamped_to_what_there_is() {
    let options = GenerateOptions {
        privileged: true,
        ..GenerateOptions::default()
    };
    let made = make(r#"{"Cmd":["sh"]}"#, options).unwrap();
    assert_eq!(
        made.notes,
        [Note::CapabilitiesClamped {
            names: vec!["CAP_SYS_RESOURCE"]
        }]
    );
    assert_eq!(made.spec.get(&["linux", "seccomp"]), None);
    assert_eq!(made.spec.get(&["linux", "maskedPaths"]), None);
    let sets = made
        .spec
        .get(&["process", "capabilities", "effective"])
        .unwrap();
    assert_eq!(sets.as_array().unwrap().len(), 40);
    let text = String::from_utf8(made.spec.to_json().unwrap()).unwrap();
    assert!(!text.contains("\"ro\""));
}

#[test]
fn namespaces_take_their_mounts_along() {
    let namespace = |text: &str| text.parse::<Namespace>().unwrap();
    let options = GenerateOptions {
        namespaces: vec![
            namespace("network=host"),
            namespace("ipc=host"),
            namespace("uts=host"),
        ],
        uid_maps: vec!["0:1000:1".parse::<IdMap>().unwrap()],
        gid_maps: vec!["0:1000:1".parse::<IdMap>().unwrap()],
        ..GenerateOptions::default()
    };
    let made = make(r#"{"Cmd":["sh"]}"#, options).unwrap();
    let kinds: Vec<&str> = made
        .spec
        .get(&["linux", "namespaces"])
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["pid", "mount", "cgroup", "user"]);
    assert_eq!(made.spec.get(&["hostname"]), None);
    let mounts = made.spec.get(&["mounts"]).unwrap().as_array().unwrap();
    let of = |path: &str| {
        mounts
            .iter()
            .find(|mount| mount["destination"] == path)
            .unwrap()
    };
    assert_eq!(of("/dev/shm")["type"], "bind");
    assert_eq!(of("/sys")["type"], "bind");
    assert!(!of("/dev/pts")["options"].to_string().contains("gid=5"));
    let must = validate(&made.spec.to_json().unwrap());
    assert!(
        must.iter().all(|finding| finding.severity < Severity::Must),
        "{must:?}"
    );

    let options = GenerateOptions {
        namespaces: vec![namespace("uts=host")],
        hostname: Some("x".into()),
        ..GenerateOptions::default()
    };
    assert!(matches!(
        make(r#"{"Cmd":["sh"]}"#, options),
        Err(GenerateError::Conflict(Conflict::Hostname))
    ));
}

#[test]
fn a_template_keeps_what_is_not_asked_for() {
    let template = br#"{"ociVersion":"1.1.0","x-new":{"a":1},"hostname":"old",
        "process":{"args":["run"],"cwd":"/old","env":["A=1"],"user":{"uid":5,"gid":6},"future":true,
        "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]}},
        "root":{"path":"r"},"linux":{"namespaces":[{"type":"mount"},{"type":"uts"}],"seccomp":{"defaultAction":"SCMP_ACT_LOG"}}}"#;
    let options = GenerateOptions {
        template: Some(Spec::parse(template).unwrap()),
        cwd: Some("/new".into()),
        ..GenerateOptions::default()
    };
    let input = GenerateInput {
        host: host(),
        options,
        ..GenerateInput::default()
    };
    let made = generate(input).unwrap();
    let mut want = Spec::parse(template).unwrap();
    want.set(&["process", "cwd"], "/new").unwrap();
    want.set(&["mounts"], json!([])).unwrap();
    assert_eq!(made.spec, want);
}

#[test]
fn capability_sets_of_a_template_are_edited_each_by_itself() {
    // bounding, effective and permitted, inheritable and ambient
    let edit = |uid: u32, sets: [&str; 3], options: GenerateOptions| {
        let list = |text: &str| -> Vec<String> {
            let names = text.split_whitespace();
            names.map(|name| format!("CAP_{name}")).collect()
        };
        let [bounding, active, ambient] = sets.map(list);
        let template = json!({"ociVersion": "1.0.2", "process": {
            "args": ["run"], "cwd": "/", "user": {"uid": uid, "gid": 0},
            "capabilities": {"bounding": bounding, "effective": active, "permitted": active,
                             "inheritable": ambient, "ambient": ambient}}});
        let options = GenerateOptions {
            template: Some(Spec::parse(template.to_string().as_bytes()).unwrap()),
            ..options
        };
        let input = GenerateInput {
            host: host(),
            options,
            ..GenerateInput::default()
        };
        let spec = generate(input).unwrap().spec;
        let names = |key: &str| {
            let list = spec.get(&["process", "capabilities", key]).unwrap();
            let names = list.as_array().unwrap().iter();
            let names = names.map(|name| name.as_str().unwrap().trim_start_matches("CAP_"));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("effective"), names("permitted"));
        assert_eq!(names("inheritable"), names("ambient"));
        [names("bounding"), names("effective"), names("ambient")]
    };
    let options = |add: &str, drop: &str, ambient: &str, user: &str| {
        let choices = |text: &str| {
            let names = text.split_whitespace();
            names.map(|name| name.parse().unwrap()).collect::<Vec<_>>()
        };
        GenerateOptions {
            cap_add: choices(add),
            cap_drop: choices(drop),
            cap_add_ambient: ambient
                .split_whitespace()
                .map(|name| Capability::parse(name).unwrap())
                .collect(),
            user: (!user.is_empty()).then(|| user.to_owned()),
            ..GenerateOptions::default()
        }
    };
    let held_back = ["CHOWN NET_RAW SYS_ADMIN", "CHOWN", ""];
    let ambient = ["CHOWN NET_RAW", "NET_RAW", "NET_RAW"];
    for (uid, sets, options, want) in [
        (
            0,
            held_back,
            options("", "NET_RAW", "", ""),
            ["CHOWN SYS_ADMIN", "CHOWN", ""],
        ),
        (
            0,
            held_back,
            options("KILL", "CHOWN", "", ""),
            ["KILL NET_RAW SYS_ADMIN", "KILL", ""],
        ),
        (
            0,
            held_back,
            options("KILL", "ALL", "", ""),
            ["KILL", "KILL", ""],
        ),
        (0, held_back, options("", "", "", "0"), held_back),
        (1000, ambient, options("", "CHOWN", "", ""), ["NET_RAW"; 3]),
        (
            1000,
            ambient,
            options("", "NET_RAW", "", ""),
            ["CHOWN", "", ""],
        ),
        (
            1000,
            ambient,
            options("KILL", "", "", ""),
            ["CHOWN KILL NET_RAW", "NET_RAW", "NET_RAW"],
        ),
        (1000, ambient, options("", "ALL", "KILL", ""), ["KILL"; 3]),
        (
            1000,
            ambient,
            options("", "", "", "0"),
            ["CHOWN NET_RAW", "CHOWN NET_RAW", "NET_RAW"],
        ),
        (
            0,
            held_back,
            options("", "", "", "1000"),
            ["CHOWN NET_RAW SYS_ADMIN", "", ""],
        ),
        (
            0,
            held_back,
            options("", "", "KILL", "1000"),
            ["CHOWN KILL NET_RAW SYS_ADMIN", "KILL", "KILL"],
        ),
    ] {
        let asked = format!("{options:?}");
        assert_eq!(edit(uid, sets, options), want, "{uid} {sets:?} {asked}");
    }
}

#[test]
fn options_win_over_the_image() {
    let options = GenerateOptions {
        mounts: vec![
            Mount::bind("/h:/data:ro").unwrap(),
            Mount::tmpfs("/dev/shm:size=1m").unwrap(),
        ],
        env: vec![("FOO".into(), "mine".into()), ("NEW".into(), String::new())],
        annotations: vec![("org.opencontainers.image.os".into(), "mine".into())],
        memory_bytes: Some(64 << 20),
        pids_limit: Some(-1),
        cpu_millis: Some(500),
        masked_paths: vec!["/proc/acpi".into(), "/secret/".into()],
        hooks: vec![(HookStage::Poststop, vec!["/bin/x".into(), "y".into()])],
        rlimits: vec!["nofile=5:6".parse().unwrap()],
        ..GenerateOptions::default()
    };
    let made = make(
        r#"{"Cmd":["sh"],"Env":["FOO=bar"],"Volumes":{"/data":{}}}"#,
        options,
    )
    .unwrap();
    let get = |path: &[&str]| made.spec.get(path).cloned().unwrap_or_default();
    let mounts = get(&["mounts"]);
    let of = |path: &str| -> Vec<Value> {
        let all = mounts.as_array().unwrap().iter();
        all.filter(|mount| mount["destination"] == path)
            .cloned()
            .collect()
    };
    assert_eq!(of("/data").len(), 1);
    assert_eq!(of("/data")[0]["source"], "/h");
    assert_eq!(
        of("/dev/shm")[0]["options"],
        json!(["nosuid", "nodev", "size=1m"])
    );
    assert_eq!(get(&["process", "env"])[0], "FOO=mine");
    assert!(
        get(&["process", "env"])
            .as_array()
            .unwrap()
            .contains(&json!("NEW="))
    );
    assert_eq!(get(&["annotations", "org.opencontainers.image.os"]), "mine");
    assert_eq!(get(&["linux", "resources", "memory", "limit"]), 64 << 20);
    assert_eq!(get(&["linux", "resources", "pids"]), Value::Null);
    assert_eq!(
        get(&["linux", "resources", "cpu"]),
        json!({"period": 100_000, "quota": 50_000})
    );
    assert_eq!(get(&["linux", "maskedPaths"]).as_array().unwrap().len(), 13);
    assert_eq!(
        get(&["hooks", "poststop"]),
        json!([{"path": "/bin/x", "args": ["/bin/x", "y"]}])
    );
    assert_eq!(
        get(&["process", "rlimits"]),
        json!([{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6}])
    );

    for options in [
        GenerateOptions {
            env: vec![("A=B".into(), String::new())],
            ..GenerateOptions::default()
        },
        GenerateOptions {
            annotations: vec![("a\n".into(), "b".into())],
            ..GenerateOptions::default()
        },
        GenerateOptions {
            hostname: Some("a\u{7}".into()),
            ..GenerateOptions::default()
        },
        GenerateOptions {
            hooks: vec![(HookStage::Poststop, vec!["rel".into()])],
            ..GenerateOptions::default()
        },
    ] {
        assert!(make(r#"{"Cmd":["sh"]}"#, options).is_err());
    }
}
