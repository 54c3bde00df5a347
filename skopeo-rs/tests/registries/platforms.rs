//! Some platforms of a list.

use serde_json::Value;

use crate::common::{OURS, World, text};

fn raw(world: &World, name: &str) -> Value {
    let raw = world.ok(OURS, &["inspect", "--raw", "--tls-verify=false", name]);
    serde_json::from_str(&raw).unwrap()
}

#[test]
fn some_platforms_of_a_list() {
    let Some(world) = World::new() else { return };
    let copy = |flags: &[&str], to: &str| {
        let args = [
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            "docker://{R}/list:1",
            to,
        ];
        world.run(OURS, &[&["copy"], flags, &args[..]].concat())
    };
    let list = raw(&world, "docker://{R}/list:1");
    let sparse = copy(&["--multi-arch", "linux/arm64"], "dir:{D}/sparse");
    assert!(
        text(&sparse.stdout).contains("Copying 1 of 2 images in list"),
        "{}",
        text(&sparse.stderr)
    );
    assert_eq!(
        raw(&world, "dir:{D}/sparse"),
        list,
        "the list stays as it is"
    );
    let instance = |place: usize| {
        let digest = list["manifests"][place]["digest"].as_str().unwrap();
        digest.strip_prefix("sha256:").unwrap().to_owned()
    };
    let is_there = |place| {
        world
            .path("sparse")
            .join(format!("{}.manifest.json", instance(place)))
            .exists()
    };
    assert!(!is_there(0) && is_there(1));

    let strip = [
        "--multi-arch",
        "linux/arm64/v8",
        "--strip-removed-platforms",
    ];
    let stripped = copy(&strip, "docker://{R}/stripped:1");
    assert!(stripped.status.success(), "{}", text(&stripped.stderr));
    let stripped = raw(&world, "docker://{R}/stripped:1");
    assert_eq!(stripped["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(stripped["manifests"][0], list["manifests"][1]);
    let both = copy(
        &[
            "--multi-arch=linux/amd64,linux/arm64",
            "--strip-removed-platforms",
        ],
        "docker://{R}/both:1",
    );
    assert!(both.status.success(), "{}", text(&both.stderr));
    assert_eq!(raw(&world, "docker://{R}/both:1"), list);

    for (flags, want) in [
        (
            &["--multi-arch", "linux/s390x"][..],
            "no instance for linux/s390x",
        ),
        (
            &["--multi-arch", "bogus"],
            "neither system, all, index-only",
        ),
        (
            &["--strip-removed-platforms", "--all"],
            "goes with --multi-arch PLATFORMS",
        ),
        (
            &[
                "--preserve-digests",
                "--multi-arch=linux/arm64",
                "--strip-removed-platforms",
            ],
            "preserve digests",
        ),
    ] {
        let refused = copy(flags, "dir:{D}/never");
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains(want),
            "{}",
            text(&refused.stderr)
        );
        assert!(!world.path("never").exists());
    }
}
