//! The configuration that is made of docker's schema 1, beside the one that Debian's skopeo makes.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use std::fs;

use common::{skopeo, with_variant_where_it_was};
use oci::json::RawObject;
use oci::{DiffId, Digest, Manifest, RawManifest, Schema1};
use serde_json::{Value, json};

/// An empty tar: two zero blocks.
const LAYER: [u8; 1024] = [0; 1024];

fn id(number: usize) -> String {
    format!("{number:064x}")
}

/// A manifest whose history is `entries`, lowest first, each the members beside id and parent.
fn document(entries: &[&str]) -> Vec<u8> {
    let history: Vec<Value> = entries
        .iter()
        .enumerate()
        .map(|(place, members)| {
            let parent = match place {
                0 => String::new(),
                _ => format!(r#","parent":"{}""#, id(place)),
            };
            let comma = if members.is_empty() { "" } else { "," };
            json!({"v1Compatibility": format!(r#"{{"id":"{}"{parent}{comma}{members}}}"#, id(place + 1))})
        })
        .rev()
        .collect();
    let layer = json!({"blobSum": Digest::sha256(&LAYER).to_string()});
    let document = json!({
        "schemaVersion": 1, "name": "a/b", "tag": "t", "architecture": "amd64",
        "fsLayers": vec![layer; entries.len()], "history": history,
    });
    serde_json::to_vec_pretty(&document).unwrap()
}

fn read(bytes: &[u8]) -> Schema1 {
    let raw = RawManifest::parse(bytes.to_vec(), None).unwrap();
    let Manifest::Schema1(schema1) = raw.manifest() else {
        panic!("{raw:?}");
    };
    schema1.clone()
}

const OLD: &str = r#""docker_version":"1.8.2","created":"2015-01-02T03:04:05.600Z","container_config":
    {"Hostname":"h","Cmd":["x"],"Env":null,"unknown":1},"config":{"Cmd":["sh","-c"],"Volumes":{"/v":{}},
    "Labels":{"b":"<2>","a":"1"},"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["NONE"],"Interval":5},
    "StopTimeout":0,"Shell":["a"],"Entrypoint":[]},"os":"linux","architecture":"amd64","Size":7,"unknown":2"#;

/// Histories from the lowest layer to the topmost.
const HISTORIES: &[(&str, &[&str])] = &[
    ("nothing but ids", &["", ""]),
    (
        "all members",
        &[
            r#""created":"2020-01-01T00:00:00.120000000+00:00","container_config":{"Cmd":["/bin/sh","-c","a > b"]},
               "author":"A <a@b>","comment":"c & d""#,
            r#""throwaway":true,"container_config":{"Cmd":null},"created":"2020-01-01T00:00:00+02:00""#,
            r#""created": "2020-01-02T00:00:00Z", "os" : "linux","architecture":"arm","variant":"v7",
               "config" : { "Env" : ["A=<b>"], "Labels":{"z":"1","a":"2"} , "User":"u" },"docker_version":"1.9.0",
               "Size": 1.0e2, "layer_id":"sha256:1","parent_id":"x","extra": {"y": 1, "x": 2.50}"#,
        ],
    ),
    ("old docker", &["", OLD]),
    (
        "old docker without anything",
        &[r#""docker_version":"0.9""#],
    ),
    (
        "empty on top",
        &[
            "",
            r#""throwaway":true,"os":"linux","config":{"Env":null,"Labels":{}}"#,
        ],
    ),
    (
        "null configuration",
        &[r#""config":null,"author":null,"throwaway":null,"created":null"#],
    ),
];

#[test]
fn configurations_are_printed_as_the_original_does() {
    let temporary = tempfile::tempdir().unwrap();
    for (name, entries) in HISTORIES {
        // Debian's version does not read a size that is no integer; ours does not look at it.
        let bytes = String::from_utf8(document(entries))
            .unwrap()
            .replace("1.0e2", "100");
        fs::write(temporary.path().join("manifest.json"), &bytes).unwrap();
        let dir = format!("dir:{}", temporary.path().display());
        let theirs = skopeo(&["inspect", "--config", &dir]);
        let mut ours = read(bytes.as_bytes())
            .to_open_config()
            .unwrap()
            .to_oci_json();
        ours.push(b'\n');
        let theirs = with_variant_where_it_was(theirs);
        assert_eq!(String::from_utf8(ours).unwrap(), theirs, "{name}");
    }
}

#[test]
fn configurations_become_those_of_schema_2_to_the_byte() {
    for (name, entries) in HISTORIES {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| temporary.path().join(name);
        let bytes = String::from_utf8(document(entries))
            .unwrap()
            .replace("1.0e2", "100");
        let from = at("from");
        fs::create_dir(&from).unwrap();
        fs::write(from.join("manifest.json"), &bytes).unwrap();
        fs::write(from.join(Digest::sha256(&LAYER).hex()), LAYER).unwrap();
        let to = at("to");
        skopeo(&[
            "copy",
            "-q",
            "--format=v2s2",
            &format!("dir:{}", from.display()),
            &format!("dir:{}", to.display()),
        ]);
        let schema1 = read(bytes.as_bytes());
        let diff_ids = vec![DiffId(Digest::sha256(&LAYER)); schema1.layers_with_files().count()];
        let ours = schema1.to_docker_config(&diff_ids).unwrap();
        let manifest = fs::read(to.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let theirs = manifest["config"]["digest"].as_str().unwrap();
        let theirs = fs::read(to.join(theirs.trim_start_matches("sha256:"))).unwrap();
        assert_eq!(String::from_utf8(ours), String::from_utf8(theirs), "{name}");
    }
}

#[test]
fn diff_ids_are_as_many_as_layers_with_files() {
    let schema1 = read(&document(&["", r#""throwaway":true"#, ""]));
    let one = DiffId(Digest::sha256(&LAYER));
    assert!(schema1.to_docker_config(&[one]).is_err());
    assert!(schema1.to_docker_config(&[one; 3]).is_err());
    let config = RawObject::parse(&schema1.to_docker_config(&[one; 2]).unwrap()).unwrap();
    assert!(config.get("rootfs").is_some());
}

#[test]
fn histories_that_say_two_things_are_refused() {
    let table = [
        ("time", r#""created":"yesterday""#),
        ("other case", r#""Throwaway":true"#),
        (
            "command in other case",
            r#""container_config":{"cmd":["a"]}"#,
        ),
        ("command is a text", r#""container_config":{"Cmd":"a"}"#),
        ("twice", r#""author":"a","author":"b""#),
        ("comment is a number", r#""comment":1"#),
        ("throwaway is a text", r#""throwaway":"yes""#),
    ];
    for (name, members) in table {
        let bytes = document(&["", members]);
        assert!(RawManifest::parse(bytes, None).is_err(), "{name}");
    }
    // What only the topmost entry has is looked at when it is wanted.
    for (name, members) in [
        ("environment", r#""config":{"Env":"A=b"}"#),
        ("user in other case", r#""config":{"user":"u"}"#),
        ("version", r#""docker_version":1"#),
    ] {
        let schema1 = read(&document(&["", members]));
        assert!(schema1.to_open_config().is_err(), "{name}");
    }
    // A member beside the one that the configuration gets.
    let schema1 = read(&document(&["", r#""rOotfs":"a""#]));
    let one = DiffId(Digest::sha256(&LAYER));
    assert!(schema1.to_docker_config(&[one; 2]).is_err());
}

#[test]
fn many_layers_are_refused_and_deep_ones_do_not_recurse() {
    let many = vec![""; oci::limits::LAYERS + 1];
    assert!(RawManifest::parse(document(&many), None).is_err());
    assert!(RawManifest::parse(document(&many[1..]), None).is_ok());
    let deep = format!(r#""x":{}{}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(RawManifest::parse(document(&[&deep]), None).is_err());
}
