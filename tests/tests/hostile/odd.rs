//! Odd but good: what honest tools make, and readers have stumbled over.

use serde_json::json;
use tests::layout::{Image, Layer, architecture};
use tests::tarball::{Header, Tarball};

use crate::{Case, layers, one, tree, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let f: &[&str] = &["f file 0644 0:0 \"x\""];
    let good = || Tarball::new().file("f", "x");
    let many = (0..600).fold(Image::new(), |image, n| {
        image.tar(
            &Tarball::new()
                .file("f", if n == 599 { "x" } else { "below" })
                .done(),
        )
    });
    let described = {
        let image = one(good());
        let mut manifest = image.manifest_value();
        manifest["annotations"] =
            json!({"org.example.note": "free text", "ORG.example.note": "other case"});
        manifest["unknownMember"] = json!({"kept": true});
        image.manifest(manifest.to_string())
    };
    let docker = {
        let mut layer = Layer::tar(&good().done());
        layer.descriptor["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar".into();
        let image = Image::new().layer(layer);
        let mut manifest = image.manifest_value();
        manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json".into();
        manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json".into();
        (
            image.manifest(manifest.to_string()),
            |layout: &std::path::Path| {
                let path = layout.join("index.json");
                let text = std::fs::read_to_string(&path).expect("an index").replace(
                    "application/vnd.oci.image.manifest.v1+json",
                    "application/vnd.docker.distribution.manifest.v2+json",
                );
                std::fs::write(path, text).expect("an index");
            },
        )
    };
    vec![
        tree_tar("implied-parents", Tarball::new().file("a/b/c", "x"), &["a dir 0755 0:0 @0.000000000", "a/b dir 0755 0:0 @0.000000000", "a/b/c file 0644 0:0 \"x\""]),
        tree_tar("parents-after-children", Tarball::new().file("a/b", "x").entry(&Header::dir("a").mode(0o700), b""), &["a dir 0700 0:0", "a/b file 0644 0:0 \"x\""]),
        tree_tar("root-entry", Tarball::new().entry(&Header::dir("./").mode(0o755), b"").file("./f", "x"), f),
        tree("same-layer-twice", layers([good(), good()]), f),
        tree("layers-600", many, f),
        tree("annotations-and-unknown-members", described, f),
        tree("no-media-type", { let image = one(good()); let mut m = image.manifest_value(); m.as_object_mut().expect("an object").remove("mediaType"); image.manifest(m.to_string()) }, f),
        tree("pretty-printed", { let image = one(good()); let m = serde_json::to_string_pretty(&image.manifest_value()).expect("JSON"); image.manifest(m + "\n") }, f),
        tree("data-is-embedded", { let mut layer = Layer::tar(&good().done()); layer.descriptor["data"] = "bm90IHRoZSBjb250ZW50".into(); Image::new().layer(layer) }, f),
        tree("foreign-layer-that-is-there", { let mut layer = Layer::tar(&good().done()); layer.descriptor["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar".into(); layer.descriptor["urls"] = json!(["http://127.0.0.1:1/never"]); Image::new().layer(layer) }, f),
        tree("no-layers", Image::new(), &[]),
        tree("config-with-unknown-members", one(good()).config(json!({"architecture": architecture(), "os": "linux", "docker_version": "1.0", "container_config": {"Image": "sha256:0"}, "config": null, "history": [{"empty_layer": true}], "rootfs": {"type": "layers", "diff_ids": [Layer::tar(&good().done()).diff_id]}})), f),
        Case { spoil: Some(docker.1), ..tree("docker-schema-2-in-a-layout", docker.0, f) },
        tree_tar("file-of-each-size-around-the-limits", sizes(), &[
            "s0 file 0644 0:0 \"\"",
            "s1 file 0644 0:0 \"x\"",
            "s4096 file 0644 0:0 4096 a2e659dacb4691e8",
            "s4097 file 0644 0:0 4097 3e97197f4b8d46a8",
            "s63 file 0644 0:0 63 75220b47218278e6",
            "s64 file 0644 0:0 64 7ce100971f64e700",
            "s65 file 0644 0:0 65 9537c5fdf120482f",
        ]),
    ]
}

fn sizes() -> Tarball {
    [0, 1, 63, 64, 65, 4096, 4097]
        .iter()
        .fold(Tarball::new(), |tar, &size| {
            tar.file(&format!("s{size}"), &"x".repeat(size))
        })
}
