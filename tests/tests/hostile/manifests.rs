//! Manifests, configurations and layouts that lie about what they hold.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::layout::{Image, Layer};
use tests::tarball::Tarball;

use crate::{Case, one, refused};

fn good() -> Image {
    one(Tarball::new().file("f", "x"))
}

/// The good image with its manifest changed.
fn manifest(change: impl FnOnce(&mut Value)) -> Image {
    let image = good();
    let mut value = image.manifest_value();
    change(&mut value);
    image.manifest(value.to_string())
}

/// The good image with the text of its manifest changed.
fn manifest_text(change: impl FnOnce(String) -> String) -> Image {
    let image = good();
    let text = change(image.manifest_value().to_string());
    image.manifest(text)
}

/// The good image with its layer's descriptor changed.
fn layer(change: impl FnOnce(&mut Value)) -> Image {
    let mut layer = Layer::tar(&Tarball::new().file("f", "x").done());
    change(&mut layer.descriptor);
    Image::new().layer(layer)
}

fn diff_ids(ids: Value) -> Image {
    good().diff_ids(ids)
}

fn spoilt(name: &'static str, words: &'static str, spoil: fn(&Path)) -> Case {
    Case {
        spoil: Some(spoil),
        ..refused(name, good(), words)
    }
}

/// The blob of the good image's only layer.
fn layer_blob(layout: &Path) -> std::path::PathBuf {
    let tar = Tarball::new().file("f", "x").done();
    tests::layout::blob_path(layout, &oci::Digest::sha256(&tar))
}

fn index(layout: &Path, change: impl FnOnce(&mut Value)) {
    let path = layout.join("index.json");
    let mut value: Value =
        serde_json::from_slice(&fs::read(&path).expect("an index")).expect("JSON");
    change(&mut value);
    fs::write(path, value.to_string()).expect("an index");
}

pub(crate) fn cases() -> Vec<Case> {
    let id = Layer::tar(&Tarball::new().file("f", "x").done()).diff_id;
    let other = oci::Digest::sha256(b"other").to_string();
    vec![
        refused(
            "manifest-both-layers-and-manifests",
            manifest(|m| m["manifests"] = json!([])),
            "manifest",
        ),
        refused(
            "manifest-with-fs-layers",
            manifest(|m| m["fsLayers"] = json!([])),
            "manifest",
        ),
        refused(
            "manifest-inner-type-differs",
            manifest(|m| m["mediaType"] = "application/vnd.oci.image.index.v1+json".into()),
            "manifest",
        ),
        refused(
            "manifest-schema-1",
            manifest(|m| m["schemaVersion"] = 1.into()),
            "schemaVersion",
        ),
        refused(
            "manifest-schema-text",
            manifest(|m| m["schemaVersion"] = "2".into()),
            "schemaVersion",
        ),
        refused(
            "manifest-layers-null",
            manifest(|m| m["layers"] = Value::Null),
            "layers",
        ),
        refused(
            "manifest-layers-missing",
            manifest(|m| {
                m.as_object_mut().expect("an object").remove("layers");
            }),
            "layers",
        ),
        refused(
            "manifest-config-null",
            manifest(|m| m["config"] = Value::Null),
            "config",
        ),
        refused("manifest-null", good().manifest("null"), "manifest"),
        refused("manifest-array", good().manifest("[]"), "manifest"),
        refused("manifest-empty", good().manifest(""), "manifest"),
        refused(
            "manifest-duplicate-key",
            manifest_text(|t| t.replacen('{', r#"{"layers":[],"#, 1)),
            "layers",
        ),
        refused(
            "manifest-case-variant-key",
            manifest_text(|t| t.replacen('{', r#"{"LAYERS":[],"#, 1)),
            "when case is ignored",
        ),
        refused(
            "manifest-long-s-key",
            manifest_text(|t| t.replacen('{', "{\"layer\u{17f}\":[],", 1)),
            "layer",
        ),
        refused(
            "manifest-trailing-value",
            manifest_text(|t| t + "{}"),
            "trailing",
        ),
        refused(
            "manifest-byte-order-mark",
            manifest_text(|t| format!("\u{feff}{t}")),
            "byte order mark",
        ),
        refused(
            "manifest-100000-deep",
            manifest_text(|t| {
                t.replacen(
                    '{',
                    &format!(r#"{{"x":{}{},"#, "[".repeat(100_000), "]".repeat(100_000)),
                    1,
                )
            }),
            "nested",
        ),
        refused(
            "manifest-5-mib",
            manifest_text(|t| t.replacen('{', &format!(r#"{{"x":"{}","#, "x".repeat(5 << 20)), 1)),
            "4194304",
        ),
        refused(
            "layer-size-too-small",
            layer(|d| d["size"] = 1000.into()),
            "expected 1000 bytes, got",
        ),
        refused(
            "layer-size-too-large",
            layer(|d| d["size"] = 100_000.into()),
            "expected 100000 bytes, got",
        ),
        refused(
            "layer-size-2-to-62",
            layer(|d| d["size"] = (1u64 << 62).into()),
            "4611686018427387904 bytes at least",
        ),
        refused(
            "layer-size-negative",
            layer(|d| d["size"] = (-1).into()),
            "expected u64",
        ),
        refused(
            "layer-size-float",
            layer(|d| d["size"] = 2048.0.into()),
            "expected u64",
        ),
        refused(
            "layer-digest-traversal",
            layer(|d| d["digest"] = "sha256:../../../../canary".into()),
            "digest",
        ),
        refused(
            "layer-digest-short",
            layer(|d| d["digest"] = "sha256:abcd".into()),
            "digest",
        ),
        refused(
            "layer-digest-upper-case",
            layer(|d| {
                let up = d["digest"].as_str().expect("text")[7..].to_uppercase();
                d["digest"] = format!("sha256:{up}").into();
            }),
            "digest",
        ),
        refused(
            "layer-digest-md5",
            layer(|d| d["digest"] = "md5:d41d8cd98f00b204e9800998ecf8427e".into()),
            "md5",
        ),
        refused(
            "layer-digest-nul",
            layer(|d| d["digest"] = format!("sha256:{}\0", "0".repeat(63)).into()),
            "digest",
        ),
        refused(
            "layer-digest-of-other-bytes",
            layer(|d| d["digest"] = oci::Digest::sha256(b"other").to_string().into()),
            "content hashes to",
        ),
        refused(
            "layer-encrypted",
            layer(|d| {
                d["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted".into();
            }),
            "encrypted",
        ),
        refused(
            "layer-type-unknown",
            layer(|d| d["mediaType"] = "application/x-unheard-of".into()),
            "application/x-unheard-of",
        ),
        refused(
            "layer-foreign-urls",
            layer(|d| {
                d["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar".into();
                d["digest"] = oci::Digest::sha256(b"elsewhere").to_string().into();
                d["urls"] = json!(["file:///etc/passwd"]);
            }),
            "content hashes to",
        ),
        refused(
            "diffid-wrong",
            diff_ids(json!([other])),
            "its tar hashes to",
        ),
        refused("diffid-too-few", diff_ids(json!([])), "diff"),
        refused("diffid-too-many", diff_ids(json!([id, other])), "diff"),
        refused("diffid-null", diff_ids(json!([null])), "expected a string"),
        refused("diffids-null", diff_ids(Value::Null), "expected a sequence"),
        refused(
            "diffid-traversal",
            diff_ids(json!(["sha256:../../../../canary"])),
            "digest",
        ),
        refused("config-empty-object", good().config(json!({})), "config"),
        refused(
            "config-no-rootfs",
            good().config(json!({"os": "linux", "architecture": "amd64"})),
            "rootfs",
        ),
        refused("config-array", good().config(json!([])), "config"),
        spoilt(
            "layer-truncated",
            "expected 2048 bytes, got 1024",
            |layout| {
                let blob = layer_blob(layout);
                let bytes = fs::read(&blob).expect("a blob");
                fs::write(&blob, &bytes[..1024]).expect("a blob");
            },
        ),
        spoilt(
            "layer-extended",
            "expected 2048 bytes, got 2049",
            |layout| {
                let blob = layer_blob(layout);
                let mut bytes = fs::read(&blob).expect("a blob");
                bytes.push(0);
                fs::write(&blob, &bytes).expect("a blob");
            },
        ),
        spoilt("layer-changed", "content hashes to", |layout| {
            let blob = layer_blob(layout);
            let mut bytes = fs::read(&blob).expect("a blob");
            bytes[600] ^= 1;
            fs::write(&blob, &bytes).expect("a blob");
        }),
        spoilt("layer-missing", "has no blob", |layout| {
            fs::remove_file(layer_blob(layout)).expect("it goes");
        }),
        spoilt("blob-is-symlink", "symbolic link", |layout| {
            let blob = layer_blob(layout);
            fs::remove_file(&blob).expect("it goes");
            std::os::unix::fs::symlink("/dev/zero", &blob).expect("a link");
        }),
        spoilt("blob-is-directory", "regular file", |layout| {
            let blob = layer_blob(layout);
            fs::remove_file(&blob).expect("it goes");
            fs::create_dir(&blob).expect("a directory");
        }),
        spoilt("blob-is-fifo", "regular file", |layout| {
            let blob = layer_blob(layout);
            fs::remove_file(&blob).expect("it goes");
            assert!(
                Command::new("mkfifo")
                    .arg(&blob)
                    .status()
                    .expect("mkfifo starts")
                    .success()
            );
        }),
        spoilt("index-tag-twice", "latest", |layout| {
            index(layout, |index| {
                let mut second = index["manifests"][0].clone();
                second["size"] = (second["size"].as_u64().expect("a size") + 1).into();
                index["manifests"]
                    .as_array_mut()
                    .expect("an array")
                    .push(second);
            });
        }),
        spoilt("index-size-differs", "expected 7 bytes, got", |layout| {
            index(layout, |index| index["manifests"][0]["size"] = 7.into());
        }),
        spoilt("index-nested-64-deep", "level", |layout| {
            let mut inner: Value =
                serde_json::from_slice(&fs::read(layout.join("index.json")).expect("an index"))
                    .expect("JSON");
            for _ in 0..64 {
                let bytes = inner.to_string().into_bytes();
                let digest = oci::Digest::sha256(&bytes);
                fs::write(tests::layout::blob_path(layout, &digest), &bytes).expect("a blob");
                inner = json!({"schemaVersion": 2, "manifests": [{
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                    "digest": digest.to_string(),
                    "size": bytes.len(),
                    "annotations": {"org.opencontainers.image.ref.name": "latest"},
                }]});
            }
            fs::write(layout.join("index.json"), inner.to_string()).expect("an index");
        }),
    ]
}
