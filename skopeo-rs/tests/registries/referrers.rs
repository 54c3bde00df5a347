//! What is about an image goes with it.

use serde_json::{Value, json};

use crate::common::{Layout, OURS, World, text};

const PLAIN: [&str; 2] = ["--src-tls-verify=false", "--dest-tls-verify=false"];

/// A layout with an image, an SBOM of it, and a signature of the SBOM.
fn make(world: &World) -> (Value, Value, Value) {
    let layout = Layout::new(&world.path("about"));
    let layer = layout.layer("l", "hello");
    let image = layout.image("amd64", &[&layer]);
    let artifact = |kind: &str, content: &str, subject: &Value| {
        let empty = layout.put(b"{}", "application/vnd.oci.empty.v1+json");
        let content = layout.put(content.as_bytes(), "text/plain");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": kind,
            "config": empty,
            "layers": [content],
            "subject": subject,
            "annotations": {"made": "by hand"},
        });
        layout.put(
            manifest.to_string().as_bytes(),
            "application/vnd.oci.image.manifest.v1+json",
        )
    };
    let sbom = artifact("application/spdx+json", "{}", &image);
    let signature = artifact("application/vnd.example.signature", "signed", &sbom);
    layout.finish(&[
        ("image", image.clone()),
        ("sbom", sbom.clone()),
        ("signature", signature.clone()),
    ]);
    (image, sbom, signature)
}

fn listed(world: &World, flags: &[&str], name: &str) -> Value {
    let args = [&["list-referrers", "--tls-verify=false"], flags, &[name]].concat();
    serde_json::from_str(&world.ok(OURS, &args)).unwrap()
}

#[test]
fn what_is_about_an_image_goes_with_it() {
    let Some(world) = World::new() else { return };
    let (image, sbom, signature) = make(&world);
    let of_layout = listed(&world, &["--recursive"], "oci:{D}/about:image");
    assert_eq!(of_layout["Subject"], image["digest"]);
    assert_eq!(of_layout["Referrers"][0]["Digest"], sbom["digest"]);
    assert_eq!(
        of_layout["Referrers"][0]["Referrers"][0]["Digest"],
        signature["digest"]
    );

    let copy = |flags: &[&str], from: &str, to: &str| {
        world.run(OURS, &[&["copy"], flags, &PLAIN[..], &[from, to]].concat())
    };
    let report = copy(
        &["--referrers"],
        "oci:{D}/about:image",
        "docker://{R}/about:1",
    );
    let said = text(&report.stdout);
    assert!(
        said.contains("Copying referrer") && said.contains("application/spdx+json"),
        "{said}{}",
        text(&report.stderr)
    );
    for (step, name) in ["docker://{R}/moved:1", "oci:{D}/back:1"]
        .iter()
        .enumerate()
    {
        let from = ["docker://{R}/about:1", "docker://{R}/moved:1"][step];
        let report = copy(&["--referrers", "-q"], from, name);
        assert!(report.status.success(), "{}", text(&report.stderr));
        let found = listed(&world, &["--recursive"], name);
        assert_eq!(found["Subject"], image["digest"], "{name}");
        let first = &found["Referrers"][0];
        assert_eq!(first["ArtifactType"], "application/spdx+json", "{found}");
        assert_eq!(first["Annotations"]["made"], "by hand");
        assert_eq!(first["Referrers"][0]["Digest"], signature["digest"]);
    }
    let flat = listed(&world, &[], "docker://{R}/moved:1");
    assert_eq!(flat["Referrers"].as_array().unwrap().len(), 1);
    assert!(flat["Referrers"][0].get("Referrers").is_none());
    let none = listed(
        &world,
        &["--artifact-type", "text/none"],
        "docker://{R}/moved:1",
    );
    assert_eq!(none["Referrers"], json!([]));
    // Twice is once, and without the flag nothing goes along.
    copy(
        &["--referrers", "-q"],
        "oci:{D}/about:image",
        "docker://{R}/about:1",
    );
    assert_eq!(
        listed(&world, &[], "docker://{R}/about:1")["Referrers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    copy(&["-q"], "oci:{D}/about:image", "docker://{R}/alone:1");
    assert_eq!(
        listed(&world, &[], "docker://{R}/alone:1")["Referrers"],
        json!([])
    );
    // A sync brings what came later.
    let sync = [
        "sync",
        "--src",
        "docker",
        "--dest",
        "docker",
        "--referrers",
        "-q",
    ];
    let ends = ["{R}/about:1", "{R}/synced"];
    world.ok(
        OURS,
        &[&sync[..], &PLAIN, &["{R}/alone:1", "{R}/later"]].concat(),
    );
    copy(
        &["--referrers", "-q"],
        "oci:{D}/about:image",
        "docker://{R}/alone:1",
    );
    world.ok(
        OURS,
        &[&sync[..], &PLAIN, &["{R}/alone:1", "{R}/later"]].concat(),
    );
    assert_eq!(
        listed(&world, &[], "docker://{R}/later/alone:1")["Referrers"][0]["Digest"],
        sbom["digest"]
    );
    world.ok(OURS, &[&sync[..], &PLAIN, &ends].concat());
    assert_eq!(
        listed(&world, &[], "docker://{R}/synced/about:1")["Referrers"][0]["Digest"],
        sbom["digest"]
    );

    // An image that becomes another one has nothing about it, and a directory holds one image.
    let changed = copy(
        &["--referrers", "--format", "v2s2"],
        "oci:{D}/about:image",
        "docker://{R}/changed:1",
    );
    assert_eq!(changed.status.code(), Some(1));
    assert!(
        text(&changed.stderr).contains("about nothing"),
        "{}",
        text(&changed.stderr)
    );
    let dir = copy(&["--referrers"], "oci:{D}/about:image", "dir:{D}/never");
    assert!(
        text(&dir.stderr).contains("referring to images"),
        "{}",
        text(&dir.stderr)
    );
    assert!(!world.path("never").exists());
}

#[test]
fn instances_have_what_is_about_them() {
    let Some(world) = World::new() else { return };
    let of_list = listed(&world, &[], "docker://{R}/list:1");
    let of_instance = listed(&world, &["--instance"], "docker://{R}/list:1");
    assert_ne!(of_list["Subject"], of_instance["Subject"]);
    let absent = world.run(
        OURS,
        &[
            "list-referrers",
            "--tls-verify=false",
            "docker://{R}/no/such:1",
        ],
    );
    assert_eq!(absent.status.code(), Some(2));
}
