//! Images and tags deleted from registries and layouts.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::BOTH;
use crate::common::{OURS, World, text};

const PLAIN: &str = "--tls-verify=false";

impl World {
    /// The tags of a repository, in order.
    fn tags(&self, repository: &str) -> Vec<String> {
        let listed = self.run(OURS, &["list-tags", PLAIN, repository]);
        let value: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        let tags = value["Tags"].as_array().cloned().unwrap_or_default();
        let mut tags: Vec<String> = tags
            .iter()
            .filter_map(|t| Some(t.as_str()?.to_owned()))
            .collect();
        tags.sort();
        tags
    }

    /// Gives an image of the layout some tags in a repository.
    fn push(&self, image: &str, repository: &str, tags: &[&str]) {
        for tag in tags {
            let to = format!("docker://{{R}}/{repository}:{tag}");
            let args = ["copy", "-q", "--all", "--dest-tls-verify=false", image, &to];
            self.ok(OURS, &args);
        }
    }

    fn delete(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = self.run(OURS, &[&["delete", PLAIN], args].concat());
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_image_goes_with_all_its_tags() {
    let Some(world) = World::new() else { return };
    world.configure(
        "registries.d/here.yaml",
        "docker:\n  '{R}': {lookaside: 'file://{D}/lookaside'}\n",
    );
    for (name, program) in BOTH {
        world.push("oci:{D}/layout:one", "gone", &["1", "2"]);
        world.push("oci:{D}/layout:bare", "gone", &["3"]);
        let digest = world.ok(
            OURS,
            &[
                "inspect",
                PLAIN,
                "--format",
                "{{.Digest}}",
                "docker://{R}/gone:1",
            ],
        );
        let folder = format!("lookaside/gone@{}", digest.trim().replace(':', "="));
        fs::create_dir_all(world.path(&folder)).unwrap();
        fs::write(world.path(&folder).join("signature-1"), "x").unwrap();
        fs::write(world.path(&folder).join("signature-2"), "x").unwrap();
        world.ok(program, &["delete", PLAIN, "docker://{R}/gone:1"]);
        assert_eq!(world.tags("docker://{R}/gone"), ["3"], "{name}");
        assert!(!world.path(&folder).join("signature-1").exists(), "{name}");
        assert!(!world.path(&folder).join("signature-2").exists(), "{name}");
    }
    let (status, _, said) = world.delete(&["docker://{R}/gone:1"]);
    assert_eq!(status, Some(2), "{said}");
    let (status, _, said) = world.delete(&["dir:{D}/dir"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("docker:// and oci:"), "{said}");
}

#[test]
fn a_tag_goes_alone_or_not_at_all() {
    let Some(world) = World::new() else { return };
    world.push("oci:{D}/layout:list", "tags", &["1", "2", "3"]);
    let digest = world.ok(
        OURS,
        &[
            "inspect",
            PLAIN,
            "--format",
            "{{.Digest}}",
            "docker://{R}/tags:1",
        ],
    );
    let digest = digest.trim();

    let (status, out, said) = world.delete(&["--dry-run", "docker://{R}/tags:2"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(out, format!("{digest}\t1\n{digest}\t2\n{digest}\t3\n"));
    let (status, out, said) = world.delete(&["--dry-run", "--tag-only", "docker://{R}/tags:2"]);
    assert_eq!((status, out), (Some(0), format!("{digest}\t2\n")), "{said}");
    let (status, out, said) = world.delete(&["--if-only-tag", "docker://{R}/tags:2"]);
    assert_eq!((status, out.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("other tags, too: 1, 3"), "{said}");
    assert_eq!(world.tags("docker://{R}/tags"), ["1", "2", "3"]);

    let (status, out, said) = world.delete(&["--tag-only", "docker://{R}/tags:2"]);
    assert_eq!((status, out.as_str()), (Some(0), ""), "{said}");
    assert_eq!(world.tags("docker://{R}/tags"), ["1", "3"]);
    world.ok(
        OURS,
        &[
            "copy",
            "-q",
            "--all",
            "--src-tls-verify=false",
            "docker://{R}/tags:1",
            "dir:{D}/whole",
        ],
    );
    let (status, _, said) = world.delete(&["--tag-only", "docker://{R}/tags:3"]);
    assert_eq!(status, Some(0), "{said}");
    let (status, _, said) = world.delete(&["--if-only-tag", "docker://{R}/tags:1"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(world.tags("docker://{R}/tags").is_empty());

    // By digest there is no tag to take away, and the only tag may be any.
    world.push("oci:{D}/layout:list", "tags", &["1"]);
    let by_digest = format!("docker://{{R}}/tags@{digest}");
    let (status, _, said) = world.delete(&["--tag-only", &by_digest]);
    assert_eq!(status, Some(1), "{said}");
    let moved = format!("docker://{{R}}/tags:1@sha256:{}", "0".repeat(64));
    assert_eq!(world.delete(&[&moved]).0, Some(2));
    assert_eq!(world.delete(&["--if-only-tag", &by_digest]).0, Some(0));
}

#[test]
fn a_layout_keeps_what_others_need() {
    let Some(world) = World::new() else { return };
    let blobs = || files(&world.path("copy/blobs/sha256"));
    for image in ["one", "list"] {
        let from = format!("oci:{{D}}/layout:{image}");
        let to = format!("oci:{{D}}/copy:{image}");
        world.ok(OURS, &["copy", "-q", "--all", &from, &to]);
    }
    let all = blobs();
    let (status, out, said) = world.delete(&["--dry-run", "oci:{D}/copy:one"]);
    assert_eq!((status, out.lines().count()), (Some(0), 1), "{said}");
    assert_eq!(blobs(), all);
    world.delete(&["oci:{D}/copy:one"]);
    // The list has that very image.
    assert_eq!(blobs(), all);
    let tags = |world: &World| {
        let index = fs::read(world.path("copy/index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        index["manifests"].as_array().unwrap().len()
    };
    assert_eq!(tags(&world), 1);
    world.ok(
        OURS,
        &["copy", "-q", "--all", "oci:{D}/copy:list", "dir:{D}/still"],
    );
    world.ok(
        OURS,
        &["copy", "-q", "oci:{D}/layout:bare", "oci:{D}/copy:bare"],
    );
    world.delete(&["oci:{D}/copy:list"]);
    assert_eq!(
        blobs().len(),
        3,
        "manifest, configuration and layer of the other"
    );
    let (status, ..) = world.delete(&["--tag-only", "oci:{D}/copy:bare"]);
    assert_eq!((status, tags(&world), blobs().len()), (Some(0), 1, 3));
    assert_eq!(world.delete(&["oci:{D}/copy:@0"]).0, Some(0));
    assert_eq!((tags(&world), blobs().len()), (0, 0));
    assert_eq!(world.delete(&["oci:{D}/copy:bare"]).0, Some(2));
}

#[test]
fn blobs_that_are_shared_stay() {
    let Some(world) = World::new() else { return };
    let shared = world.path("shared");
    let to = ["oci:{D}/layout:one", "oci:{D}/thin:one"];
    world.ok(
        OURS,
        &[
            &["copy", "-q", "--dest-shared-blob-dir", "{D}/shared"],
            &to[..],
        ]
        .concat(),
    );
    let before = files(&shared.join("sha256"));
    let (status, _, said) = world.delete(&["--shared-blob-dir", "{D}/shared", "oci:{D}/thin:one"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(files(&shared.join("sha256")), before);
}
