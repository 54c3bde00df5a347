//! Images of docker's schema 1, which Debian's registry still serves: read, kept, converted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::result_large_err,
    reason = "the error of a copy is made once, at its end"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{
    ACCEPT, Recorder, Registry, TestImage, chain, context, copy_with, files, options, ours,
    plain_http, skopeo, skopeo_copy,
};
use image::{
    CopyError, ImageName, InspectOptions, ManifestFormat, Quiet, SinkOptions, TagLists, inspect,
    open_source,
};
use oci::{Compression, Digest, MediaType, RawManifest};
use serde_json::Value;

/// The blob of layers without files, gzip of an empty tar.
const EMPTY: &str = "a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";

/// Pushes an image with the original as schema 1; returns its name and digest.
fn push(registry: &Registry, root: &Path, repository: &str) -> (String, Digest) {
    let source = root.join("source");
    TestImage::new(MediaType::DockerManifest, Compression::Gzip, 9).write_dir(&source);
    let name = registry.name(&format!("{repository}:1"));
    skopeo(&[
        "copy",
        "-q",
        "--format=v2s1",
        "--dest-tls-verify=false",
        &format!("dir:{}", source.display()),
        &name,
    ]);
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &name]);
    let manifest = RawManifest::parse(raw, Some(&MediaType::DockerSchema1Signed)).unwrap();
    assert_eq!(manifest.media_type(), &MediaType::DockerSchema1Signed);
    (name, *manifest.digest())
}

fn untar(path: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .arg("-xf")
        .arg(path)
        .arg("-C")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(status.success());
    files(directory.path())
}

/// Drops the signatures of the manifest, which the registry makes anew for every answer.
fn unsign(manifest: &[u8]) -> Value {
    let mut manifest = json(manifest);
    let signatures = manifest.as_object_mut().unwrap().remove("signatures");
    assert!(signatures.is_some());
    manifest
}

/// The files of a directory, the manifest without its signatures.
fn unsigned_files(files: Vec<(std::path::PathBuf, Vec<u8>)>) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let without = |(path, bytes): (std::path::PathBuf, Vec<u8>)| {
        let is_manifest = path.ends_with("manifest.json");
        let bytes = if is_manifest {
            unsign(&bytes).to_string().into_bytes()
        } else {
            bytes
        };
        (path, bytes)
    };
    files.into_iter().map(without).collect()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn copies_are_those_of_the_original() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let registry = Registry::start();
    let (name, digest) = push(&registry, root.path(), "old/app");
    let by_digest = format!("{}@{digest}", registry.name("old/app"));
    for (from, how) in [(&name, "tag"), (&by_digest, "digest")] {
        let pair = |what: &str| {
            (
                at(&format!("{how}-theirs-{what}")),
                at(&format!("{how}-ours-{what}")),
            )
        };
        // Kept to the byte.
        let (theirs, mine) = pair("dir");
        skopeo_copy(from, &format!("dir:{}", theirs.display()));
        let report = ours(&context, from, &format!("dir:{}", mine.display()));
        assert_eq!(
            unsigned_files(files(&mine)),
            unsigned_files(files(&theirs)),
            "{how}"
        );
        assert_eq!(report.digest, digest);
        // Out of a directory the same conversions as out of a registry.
        let directory = format!("dir:{}", mine.display());
        for (from, what) in [(from.as_str(), "oci"), (&directory, "oci-from-dir")] {
            let (theirs, mine) = pair(what);
            skopeo_copy(from, &format!("oci:{}:x", theirs.display()));
            ours(&context, from, &format!("oci:{}:x", mine.display()));
            // The original copies the layers without files, too, and uses them for nothing.
            let mut theirs = files(&theirs);
            theirs.retain(|(path, _)| !path.ends_with(EMPTY));
            assert_eq!(files(&mine), theirs, "{how} {what}");
        }
        let (theirs, mine) = pair("docker.tar");
        skopeo_copy(from, &format!("docker-archive:{}:x/y:1", theirs.display()));
        ours(
            &context,
            from,
            &format!("docker-archive:{}:x/y:1", mine.display()),
        );
        let mut theirs = untar(&theirs);
        let empty = Digest::sha256(&[0; 1024]).hex();
        theirs.retain(|(path, _)| !path.starts_with(format!("{empty}.tar")));
        assert_eq!(untar(&mine), theirs, "{how}");
    }
}

#[test]
fn what_is_asked_for_is_converted() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let mut context = context(root.path());
    context.store = Some(storage::StoreOptions::new(at("store")));
    let registry = Registry::start();
    let (name, digest) = push(&registry, root.path(), "app");
    // A format that was named.
    for (format, ours_format) in [("v2s2", ManifestFormat::V2s2), ("oci", ManifestFormat::Oci)] {
        let (theirs, mine) = (at(&format!("t-{format}")), at(&format!("o-{format}")));
        let theirs_name = format!("dir:{}", theirs.display());
        skopeo(&[
            "copy",
            "-q",
            "--src-tls-verify=false",
            "--format",
            format,
            &name,
            &theirs_name,
        ]);
        let mut options = options();
        options.format = Some(ours_format);
        let to = format!("dir:{}", mine.display());
        let sink = SinkOptions::default();
        copy_with(&context, &name, &to, &options, &sink, ACCEPT, &Quiet).unwrap();
        let mut theirs = files(&theirs);
        theirs.retain(|(path, _)| !path.ends_with(EMPTY));
        assert_eq!(files(&mine), theirs, "{format}");
    }
    // Registries get schema 2, which every one takes: see docs/quirks/skopeo-rs.md.
    let other = registry.name("other:2");
    let recorder = Recorder::default();
    let sink = SinkOptions::default();
    let report = copy_with(
        &context,
        &name,
        &other,
        &options(),
        &sink,
        ACCEPT,
        &recorder,
    )
    .unwrap();
    assert_eq!(report.media_type, MediaType::DockerManifest);
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &other]);
    assert_eq!(raw, report.manifest);
    assert!(json(&raw)["layers"].as_array().unwrap().len() == 2);
    // The layers are told and counted once, though they move twice.
    let size: u64 = json(&raw)["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["size"].as_u64().unwrap())
        .sum();
    assert_eq!(
        recorder.bytes.load(std::sync::atomic::Ordering::SeqCst) as u64,
        size
    );
    let blobs = recorder.notes.lock().unwrap();
    let blobs = blobs
        .iter()
        .filter(|note| matches!(note, image::Note::CopyingBlob { .. }));
    assert_eq!(blobs.count(), 2);
    // The store has the converted image under both digests.
    let stored = ours(&context, &name, "store:app:1").stored.unwrap();
    let store = context.store().unwrap();
    let found = store.image(&digest.to_string()).unwrap();
    assert_eq!(found.manifest, stored.record.manifest);
    let again = ours(
        &context,
        "store:app:1",
        &format!("dir:{}", at("from-store").display()),
    );
    assert_eq!(again.media_type, MediaType::DockerManifest);
    // The same configuration as the registry got.
    let config = |bytes: &[u8]| json(bytes)["config"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(config(&again.manifest), config(&raw));
    let _ = skopeo(&["inspect", &format!("dir:{}", at("from-store").display())]);
}

#[test]
fn it_is_shown_as_the_original_shows_it() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let registry = Registry::start();
    let (name, digest) = push(&registry, root.path(), "app");
    let parsed = ImageName::parse(&name).unwrap();
    let source = open_source(&parsed, &context, &plain_http()).unwrap();
    let lists = TagLists::default();
    let options = InspectOptions {
        tags: Some(&lists),
        ..InspectOptions::default()
    };
    let mine = inspect(&context, &parsed, &plain_http(), options).unwrap();
    assert_eq!(mine.digest, digest);
    assert!(mine.layers_data.iter().all(|layer| layer.size == -1));
    let mut mine = serde_json::to_value(&mine).unwrap();
    let theirs = json(&skopeo(&["inspect", "--tls-verify=false", &name]));
    // Debian 12's skopeo does not print it yet.
    if theirs.get("LayersData").is_none() {
        mine.as_object_mut().unwrap().remove("LayersData");
    }
    assert_eq!(mine, theirs);
    assert_eq!(mine["Tag"], "1");
    let mut mine = image::inspect::config_json(&context, source.as_ref()).unwrap();
    mine.push(b'\n');
    let theirs = skopeo(&["inspect", "--config", "--tls-verify=false", &name]);
    assert_eq!(String::from_utf8(mine), String::from_utf8(theirs));
    let raw = source.raw_manifest(None).unwrap().0;
    let theirs = skopeo(&["inspect", "--raw", "--tls-verify=false", &name]);
    assert_eq!(unsign(&raw), unsign(&theirs));
    assert_eq!(image::inspect::manifest_digest(&raw), digest);
}

/// A directory with a schema 1 image without signatures: a layer, an empty one, a layer.
fn unsigned(path: &Path, layers: &[Vec<u8>; 2], change: impl Fn(&mut Value)) {
    std::fs::create_dir_all(path).unwrap();
    let ids = [1, 2, 3].map(|n| format!("{n:064x}"));
    let entry = |place: usize, members: &str| {
        let parent = place.checked_sub(1).map(|below| ids[below].as_str());
        let parent = parent.unwrap_or_default();
        serde_json::json!({"v1Compatibility": format!(
            r#"{{"id":"{}","parent":"{parent}","created":"2020-01-01T00:00:00Z"{members}}}"#, ids[place]
        )})
    };
    let blobs = layers
        .each_ref()
        .map(|layer| Digest::sha256(layer).to_string());
    let mut document = serde_json::json!({
        "schemaVersion": 1, "name": "a", "tag": "t", "architecture": "amd64",
        // Nobody has the blob of the empty layer, and nobody needs it to convert the image.
        "fsLayers": [{"blobSum": blobs[1]}, {"blobSum": format!("sha256:{EMPTY}")}, {"blobSum": blobs[0]}],
        "history": [
            entry(2, r#","os":"linux","architecture":"amd64","config":{"Cmd":["sh"]}"#),
            entry(1, r#","throwaway":true"#),
            entry(0, ""),
        ],
    });
    change(&mut document);
    for layer in layers {
        std::fs::write(path.join(Digest::sha256(layer).hex()), layer).unwrap();
    }
    std::fs::write(path.join("manifest.json"), document.to_string()).unwrap();
}

fn try_copy(
    context: &image::Context,
    from: &str,
    to: &str,
) -> Result<image::CopyReport, CopyError> {
    let sink = SinkOptions::default();
    copy_with(context, from, to, &options(), &sink, ACCEPT, &Quiet)
}

#[test]
fn layers_of_any_compression_get_their_diff_ids() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let tars = [common::layer(&[("a", b"1")]), common::layer(&[("b", b"2")])];
    unsigned(
        &at("mixed"),
        &[tars[0].clone(), common::gzip(&tars[1])],
        |_| {},
    );
    let from = format!("dir:{}", at("mixed").display());
    let report = ours(&context, &from, &format!("oci:{}:x", at("oci").display()));
    let manifest = json(&report.manifest);
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"]
            .as_str()
            .unwrap()
            .replace("sha256:", "blobs/sha256/");
        std::fs::read(at("oci").join(digest)).unwrap()
    };
    let config = json(&blob(&manifest["config"]));
    let want: Vec<String> = tars
        .iter()
        .map(|tar| Digest::sha256(tar).to_string())
        .collect();
    assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(want));
    for (layer, tar) in manifest["layers"].as_array().unwrap().iter().zip(&tars) {
        assert_eq!(
            layer["mediaType"],
            "application/vnd.oci.image.layer.v1.tar+gzip"
        );
        let mut plain = Vec::new();
        std::io::Read::read_to_end(
            &mut flate2::read::MultiGzDecoder::new(&blob(layer)[..]),
            &mut plain,
        )
        .unwrap();
        assert_eq!(&plain, tar);
    }
}

#[test]
fn broken_ones_reach_no_destination() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let layers = [
        common::gzip(&common::layer(&[("a", b"1")])),
        common::gzip(&common::layer(&[("b", b"2")])),
    ];
    type Break = fn(&mut Value);
    let breaks: [(&str, Break); 6] = [
        ("fewer layers", |d| {
            drop(d["fsLayers"].as_array_mut().unwrap().pop());
        }),
        ("no layers", |d| d["fsLayers"] = serde_json::json!([])),
        ("layers of nobody", |d| {
            d["fsLayers"][0]["blobSum"] = format!("sha256:{}", "0".repeat(64)).into();
        }),
        ("a digest that climbs", |d| {
            d["fsLayers"][0]["blobSum"] = "sha256:../../../etc/passwd".into();
        }),
        ("no chain", |d| d["history"][1] = d["history"][2].clone()),
        ("a manifest of two kinds", |d| {
            d["layers"] = serde_json::json!([]);
        }),
    ];
    for (what, change) in breaks {
        let from = at("broken");
        unsigned(&from, &layers, change);
        for transport in ["dir", "oci", "oci-archive", "docker-archive"] {
            let to = at(&format!("to-{transport}"));
            let names = (
                format!("dir:{}", from.display()),
                format!("{transport}:{}", to.display()),
            );
            let error = try_copy(&context, &names.0, &names.1).unwrap_err();
            assert!(!to.exists(), "{what} {transport}: {}", chain(&error));
        }
    }
    // Layers that are not what they say.
    unsigned(&at("changed"), &layers, |_| {});
    let blob = at("changed").join(Digest::sha256(&layers[1]).hex());
    let mut bytes = layers[1].clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&blob, &bytes).unwrap();
    let (from, to) = (format!("dir:{}", at("changed").display()), at("to-changed"));
    let error = try_copy(&context, &from, &format!("oci:{}", to.display())).unwrap_err();
    assert!(chain(&error).contains("hashes to"), "{}", chain(&error));
    assert!(!to.exists());
    // Right by digest, but no gzip inside.
    let broken = [layers[0].clone(), b"\x1f\x8b\x08nothing".to_vec()];
    unsigned(&at("nogzip"), &broken, |_| {});
    let from = format!("dir:{}", at("nogzip").display());
    assert!(try_copy(&context, &from, &format!("oci:{}", to.display())).is_err());
    assert!(!to.exists());
}

#[test]
fn what_must_not_change_is_kept_or_refused() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let registry = Registry::start();
    let (name, digest) = push(&registry, root.path(), "app");
    let preserving = |to: &str| {
        let mut options = options();
        options.preserve_digests = true;
        let sink = SinkOptions::default();
        copy_with(&context, &name, to, &options, &sink, ACCEPT, &Quiet)
    };
    // The registry takes what it has already, and nothing under another name: it is in the manifest.
    assert_eq!(preserving(&name).unwrap().digest, digest);
    let error = chain(&preserving(&registry.name("other:1")).unwrap_err());
    assert!(error.contains("is for app:1"), "{error}");
    assert!(preserving(&format!("oci:{}", at("oci").display())).is_err());
    assert_eq!(
        preserving(&format!("dir:{}", at("dir").display()))
            .unwrap()
            .digest,
        digest
    );
    // The digest is that of the signed part, and a destination may demand it.
    let other = Registry::start();
    let demanded = other.name(&format!("app:1@{digest}"));
    assert_eq!(ours(&context, &name, &demanded).digest, digest);
    let of_all = Digest::sha256(&std::fs::read(at("dir").join("manifest.json")).unwrap());
    let demanded = other.name(&format!("app:1@{of_all}"));
    let from = format!("dir:{}", at("dir").display());
    let sink = SinkOptions::default();
    let error = copy_with(
        &context,
        &from,
        &demanded,
        &options(),
        &sink,
        ACCEPT,
        &Quiet,
    )
    .unwrap_err();
    assert!(matches!(error, CopyError::Demanded { .. }), "{error}");
}

#[test]
fn an_interrupted_conversion_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let layers = [
        common::layer(&[("a", &common::noise(1, 3 << 20))]),
        common::layer(&[("b", b"2")]),
    ];
    unsigned(&at("from"), &layers, |_| {});
    let before = std::fs::read_dir(root.path()).unwrap().count();
    let recorder = Recorder {
        cancel_after: Some(1 << 20),
        ..Default::default()
    };
    let (from, to) = (
        format!("dir:{}", at("from").display()),
        format!("oci:{}", at("to").display()),
    );
    let sink = SinkOptions::default();
    let error = copy_with(&context, &from, &to, &options(), &sink, ACCEPT, &recorder).unwrap_err();
    assert!(matches!(error, CopyError::Cancelled), "{error}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), before);
}
