//! What ours tells beyond the original: many images, every instance, artifacts, sizes.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::tap::Tap;

use crate::common::{Layout, OURS, THEIRS, World, text};

const PLAIN: &str = "--tls-verify=false";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn many_images_are_a_line_each() {
    let Some(world) = World::new() else { return };
    let tap = Tap::new(&world.fill("{R}"));
    for tag in ["a", "b", "c"] {
        let to = format!("docker://{{R}}/many:{tag}");
        world.ok(
            OURS,
            &[
                "copy",
                "-q",
                "--dest-tls-verify=false",
                "oci:{D}/layout:one",
                &to,
            ],
        );
    }
    let name = |tag: &str| format!("docker://{}/many:{tag}", tap.host);
    let mut inspect = Command::new(OURS)
        .args(["inspect", PLAIN, "--jobs", "3", "dir:{D}", "-"])
        .args(["oci:LAYOUT:list"].map(|it| it.replace("LAYOUT", &world.fill("{D}/layout"))))
        .env("HOME", world.path("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let names = ["a", "no", "b", "c"].map(name);
    let given = format!("{}\n\n", names.join("\n"));
    inspect
        .stdin
        .take()
        .unwrap()
        .write_all(given.as_bytes())
        .unwrap();
    let output = inspect.wait_with_output().unwrap();
    let (seen, said) = (lines(&text(&output.stdout)), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("2 of 6 images failed"), "{said}");
    let images: Vec<&str> = seen
        .iter()
        .map(|line| line["Image"].as_str().unwrap())
        .collect();
    assert_eq!(
        images[1..5],
        names.each_ref().map(String::as_str),
        "in their order"
    );
    assert!(
        seen[2]["Error"].as_str().unwrap().contains("many:no"),
        "{}",
        seen[2]
    );
    let mut tags: Vec<&str> = seen[1]["RepoTags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, ["a", "b", "c"]);
    assert_eq!(seen[5]["Architecture"], "amd64");
    assert_eq!(
        tap.count("GET", "/tags/list"),
        1,
        "the tags are listed once"
    );
    // A line has what the original prints of the image.
    let theirs = world.ok(THEIRS, &["inspect", PLAIN, "docker://{R}/many:b"]);
    let mut theirs: Value = serde_json::from_str(&theirs).unwrap();
    let mut ours = seen[3].clone();
    for (object, member) in [(&mut ours, "Image"), (&mut theirs, "Name")] {
        object.as_object_mut().unwrap().remove(member);
    }
    for object in [&mut ours, &mut theirs] {
        object.as_object_mut().unwrap().remove("LayersData");
        object.as_object_mut().unwrap().remove("Name");
    }
    assert_eq!(ours, theirs);

    let two = ["oci:{D}/layout:one", "oci:{D}/layout:bare"];
    let configs = lines(&world.ok(OURS, &[&["inspect", "--config"], &two[..]].concat()));
    assert_eq!(configs[0]["Config"]["author"], "somebody");
    assert_eq!(configs[1]["Config"]["os"], "linux");
    let formatted = world.ok(
        OURS,
        &[
            &["inspect", "-n", "--format", "{{.Os}} {{len .Layers}}"],
            &two[..],
        ]
        .concat(),
    );
    assert_eq!(formatted, "linux 2\nlinux 1\n");
    let raw = world.run(OURS, &[&["inspect", "--raw"], &two[..]].concat());
    assert_eq!(raw.status.code(), Some(1));
}

#[test]
fn every_instance_of_a_list() {
    let Some(world) = World::new() else { return };
    let seen = world.ok(
        OURS,
        &["inspect", PLAIN, "--all-platforms", "docker://{R}/list:1"],
    );
    let seen: Value = serde_json::from_str(&seen).unwrap();
    let instances = seen["Instances"].as_array().unwrap();
    assert_eq!(instances[0]["Platform"], "linux/amd64");
    assert_eq!(instances[1]["Platform"], "linux/arm64");
    assert_eq!(instances[1]["Architecture"], "arm64");
    let raw = world.ok(OURS, &["inspect", PLAIN, "--raw", "docker://{R}/list:1"]);
    let raw: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(instances[0]["Digest"], raw["manifests"][0]["digest"]);
    assert_eq!(seen["MediaType"], "application/vnd.oci.image.index.v1+json");
    let sum = |value: &Value| value["Size"].as_u64().unwrap();
    // The instances have a layer in common, which counts once.
    assert!(sum(&seen) < sum(&instances[0]) + sum(&instances[1]));
    assert!(sum(&seen) > sum(&instances[0]));
    // A list may lack instances.
    let gone = raw["manifests"][1]["digest"].as_str().unwrap();
    world.ok(
        OURS,
        &[
            "copy",
            "-q",
            "--all",
            "oci:{D}/layout:list",
            "oci:{D}/sparse:list",
        ],
    );
    fs::remove_file(world.path("sparse/blobs").join(gone.replace(':', "/"))).unwrap();
    let sparse = world.ok(OURS, &["inspect", "--all-platforms", "oci:{D}/sparse:list"]);
    let sparse: Value = serde_json::from_str(&sparse).unwrap();
    assert_eq!(sparse["Instances"][1]["Missing"], true, "{sparse}");
    assert_eq!(sparse["Instances"][0]["Architecture"], "amd64");
}

#[test]
fn artifacts_and_sizes() {
    let Some(world) = World::new() else { return };
    let layout = Layout::new(&world.path("artifacts"));
    let empty = layout.put(b"{}", "application/vnd.oci.empty.v1+json");
    let content = layout.put(b"hello", "text/plain");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.example.greeting",
        "config": empty,
        "layers": [content],
        "annotations": {"a": "b"},
    });
    let manifest = layout.put(
        manifest.to_string().as_bytes(),
        "application/vnd.oci.image.manifest.v1+json",
    );
    layout.finish(&[("it", manifest)]);
    let seen = world.ok(OURS, &["inspect", "--long", "oci:{D}/artifacts:it"]);
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["ArtifactType"], "application/vnd.example.greeting");
    assert_eq!(
        (&seen["Size"], &seen["Annotations"]["a"]),
        (&json!(7), &json!("b"))
    );
    assert_eq!(seen["LayersData"][0]["MIMEType"], "text/plain");
    let plain = world.ok(OURS, &["inspect", "oci:{D}/artifacts:it"]);
    assert!(!plain.contains("ArtifactType"), "{plain}");
    let size = world.ok(
        OURS,
        &[
            "inspect",
            "--long",
            "--format",
            "{{.Size}} {{.Author}}",
            "oci:{D}/layout:one",
        ],
    );
    let raw = world.ok(OURS, &["inspect", "--raw", "oci:{D}/layout:one"]);
    let raw: Value = serde_json::from_str(&raw).unwrap();
    let layers = raw["layers"].as_array().unwrap().iter();
    let sum: u64 = layers
        .chain([&raw["config"]])
        .map(|blob| blob["size"].as_u64().unwrap())
        .sum();
    assert_eq!(size, format!("{sum} somebody\n"));
}

#[test]
fn digests_of_other_algorithms() {
    let Some(world) = World::new() else { return };
    let name = "oci:{D}/layout:one";
    let raw = world.run(OURS, &["inspect", "--raw", name]).stdout;
    for (algorithm, program) in [("sha256", "sha256sum"), ("sha512", "sha512sum")] {
        let seen = world.ok(
            OURS,
            &[
                "inspect",
                "--manifest-digest",
                algorithm,
                "--format",
                "{{.Digest}}",
                name,
            ],
        );
        let mut sum = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        sum.stdin.take().unwrap().write_all(&raw).unwrap();
        let sum = text(&sum.wait_with_output().unwrap().stdout);
        assert_eq!(
            seen.trim(),
            format!("{algorithm}:{}", sum.split(' ').next().unwrap())
        );
    }
    let by_default = world.ok(OURS, &["inspect", "--format", "{{.Digest}}", name]);
    assert!(by_default.starts_with("sha256:"), "{by_default}");
}
