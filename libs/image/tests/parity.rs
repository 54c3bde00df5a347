//! The same copy by the original and by ours gives the same image.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Registry, TestImage, context, files, ours, skopeo, skopeo_copy};
use image::{EndpointOptions, ImageName, InspectOptions, TagLists};
use image::{inspect, list_tags, open_source};
use oci::{Compression, MediaType};

fn images() -> Vec<(&'static str, TestImage)> {
    vec![
        (
            "docker",
            TestImage::new(MediaType::DockerManifest, Compression::Gzip, 1),
        ),
        (
            "oci",
            TestImage::new(MediaType::OciManifest, Compression::Gzip, 2),
        ),
    ]
}

/// Unpacks a tar with the system's own program.
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

#[test]
fn layouts_and_directories_have_the_same_files() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    for (kind, image) in images() {
        let source = at(kind);
        image.write_dir(&source);
        let from = format!("dir:{}", source.display());
        for (transport, name) in [("dir", ""), ("oci", ":a/b:1"), ("oci", "")] {
            let suffix = format!("{kind}-{transport}{}", name.len());
            let (theirs, mine) = (
                at(&format!("theirs-{suffix}")),
                at(&format!("ours-{suffix}")),
            );
            skopeo_copy(&from, &format!("{transport}:{}{name}", theirs.display()));
            ours(
                &context,
                &from,
                &format!("{transport}:{}{name}", mine.display()),
            );
            assert_eq!(files(&theirs), files(&mine), "{suffix}");
            // Once more, so that an existing destination is tested, too.
            ours(
                &context,
                &from,
                &format!("{transport}:{}{name}", mine.display()),
            );
            assert_eq!(files(&theirs), files(&mine), "{suffix} again");
        }
    }
}

#[test]
fn archives_have_the_same_members() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    for (kind, image) in images() {
        let source = at(kind);
        image.write_dir(&source);
        let from = format!("dir:{}", source.display());
        for (transport, name) in [
            ("oci-archive", ":x:1"),
            ("docker-archive", ":foo/bar:1"),
            ("docker-archive", ""),
        ] {
            let suffix = format!("{kind}-{transport}{}", name.len());
            let (theirs, mine) = (
                at(&format!("theirs-{suffix}")),
                at(&format!("ours-{suffix}")),
            );
            skopeo_copy(&from, &format!("{transport}:{}{name}", theirs.display()));
            ours(
                &context,
                &from,
                &format!("{transport}:{}{name}", mine.display()),
            );
            assert_eq!(untar(&theirs), untar(&mine), "{suffix}");
            if transport == "docker-archive" {
                let bytes = |path| std::fs::read(path).unwrap();
                assert!(
                    bytes(&theirs) == bytes(&mine),
                    "{suffix}: not the same to the byte"
                );
            }
            // Each reads the other's, and gives the same directory.
            let back = format!(
                "{transport}:{}{name}",
                at(&format!("theirs-{suffix}")).display()
            );
            let cross = format!("{transport}:{}{name}", mine.display());
            let (a, b, c) = (
                at(&format!("a-{suffix}")),
                at(&format!("b-{suffix}")),
                at(&format!("c-{suffix}")),
            );
            skopeo_copy(&back, &format!("dir:{}", a.display()));
            ours(&context, &back, &format!("dir:{}", b.display()));
            skopeo_copy(&cross, &format!("dir:{}", c.display()));
            assert_eq!(files(&a), files(&b), "{suffix} read");
            assert_eq!(files(&a), files(&c), "{suffix} read by the original");
        }
    }
}

#[test]
fn registries_get_and_give_the_same() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let registry = Registry::start();
    for (kind, image) in images() {
        let source = at(kind);
        image.write_dir(&source);
        let from = format!("dir:{}", source.display());
        let pushed = registry.name(&format!("ours/{kind}:1"));
        let report = ours(&context, &from, &pushed);
        assert_eq!(report.digest, image.digest());
        // Again: everything is there.
        ours(&context, &from, &pushed);
        // Within the registry: mounted.
        ours(
            &context,
            &pushed,
            &registry.name(&format!("mounted/{kind}:1")),
        );
        skopeo_copy(
            &registry.name(&format!("mounted/{kind}:1")),
            &format!("dir:{}", at(&format!("{kind}-mounted")).display()),
        );
        for transport in ["dir", "oci"] {
            let (theirs, mine) = (
                at(&format!("theirs-{kind}-{transport}")),
                at(&format!("ours-{kind}-{transport}")),
            );
            skopeo_copy(&pushed, &format!("{transport}:{}", theirs.display()));
            ours(
                &context,
                &pushed,
                &format!("{transport}:{}", mine.display()),
            );
            assert_eq!(files(&theirs), files(&mine), "{kind} {transport}");
        }
        // An uncompressed archive is compressed on the way; the content is the same.
        let archive = at(&format!("{kind}.tar"));
        let archive = format!("docker-archive:{}", archive.display());
        skopeo_copy(&from, &archive);
        let compressed = registry.name(&format!("compressed/{kind}:1"));
        ours(&context, &archive, &compressed);
        let (plain, back) = (
            at(&format!("{kind}-plain")),
            at(&format!("{kind}-back.tar")),
        );
        skopeo_copy(&archive, &format!("dir:{}", plain.display()));
        skopeo_copy(&compressed, &format!("docker-archive:{}", back.display()));
        let again = at(&format!("{kind}-again"));
        skopeo_copy(
            &format!("docker-archive:{}", back.display()),
            &format!("dir:{}", again.display()),
        );
        assert_eq!(files(&plain), files(&again));
    }
}

#[test]
fn lists_are_copied_whole_or_by_platform() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    for (kind, manifest, list) in [
        ("docker", MediaType::DockerManifest, MediaType::DockerList),
        ("oci", MediaType::OciManifest, MediaType::OciIndex),
    ] {
        let layers = |text: &str| vec![common::layer(&[("arch", text.as_bytes())])];
        let image = |architecture: &str| {
            TestImage::of(
                manifest.clone(),
                Compression::Gzip,
                &layers(architecture),
                architecture,
            )
        };
        let (amd64, arm64) = (image("amd64"), image("arm64"));
        let source = at(kind);
        common::write_list(&source, &list, &[("arm64", &arm64), ("amd64", &amd64)]);
        let from = format!("dir:{}", source.display());
        for transport in ["dir", "oci"] {
            for all in [false, true] {
                let (theirs, mine) = (
                    at(&format!("theirs-{kind}-{transport}-{all}")),
                    at(&format!("ours-{kind}-{transport}-{all}")),
                );
                let to = format!("{transport}:{}", theirs.display());
                let mut args = vec!["copy", "-q"];
                if all {
                    args.push("--all");
                }
                args.extend([from.as_str(), to.as_str()]);
                skopeo(&args);
                let mut options = common::options();
                if all {
                    options.instances = image::Instances::All;
                }
                common::copy_with(
                    &context,
                    &from,
                    &format!("{transport}:{}", mine.display()),
                    &options,
                    &Default::default(),
                    common::ACCEPT,
                    &image::Quiet,
                )
                .unwrap_or_else(|error| panic!("{}", common::chain(&error)));
                assert_eq!(files(&theirs), files(&mine), "{kind} {transport} all={all}");
            }
        }
    }
}

#[test]
fn formats_are_forced_to_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    for (kind, image) in images() {
        let source = at(kind);
        image.write_dir(&source);
        let from = format!("dir:{}", source.display());
        for (format, wanted) in [
            ("oci", image::ManifestFormat::Oci),
            ("v2s2", image::ManifestFormat::V2s2),
        ] {
            let (theirs, mine) = (
                at(&format!("theirs-{kind}-{format}")),
                at(&format!("ours-{kind}-{format}")),
            );
            skopeo(&[
                "copy",
                "-q",
                "-f",
                format,
                &from,
                &format!("dir:{}", theirs.display()),
            ]);
            let mut options = common::options();
            options.format = Some(wanted);
            common::copy_with(
                &context,
                &from,
                &format!("dir:{}", mine.display()),
                &options,
                &Default::default(),
                common::ACCEPT,
                &image::Quiet,
            )
            .unwrap();
            assert_eq!(files(&theirs), files(&mine), "{kind} as {format}");
        }
    }
}

#[test]
fn inspection_prints_the_same() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let registry = Registry::start();
    let mut bare = TestImage::new(MediaType::OciManifest, Compression::Gzip, 3);
    let digest = oci::Digest::sha256(&bare.config);
    let config: serde_json::Value = serde_json::from_slice(&bare.config).unwrap();
    bare.config = serde_json::to_vec(&serde_json::json!({
        "architecture": "arm64", "os": "linux", "rootfs": config["rootfs"],
        "config": {"Env": [], "Labels": {}},
    }))
    .unwrap();
    let new = oci::Digest::sha256(&bare.config);
    let mut manifest: serde_json::Value = serde_json::from_slice(&bare.manifest).unwrap();
    assert_eq!(manifest["config"]["digest"], digest.to_string());
    manifest["config"]["digest"] = new.to_string().into();
    manifest["config"]["size"] = bare.config.len().into();
    bare.manifest = serde_json::to_vec(&manifest).unwrap();
    let mut images = images();
    images.push(("bare", bare));
    for (kind, image) in images {
        let source = root.path().join(kind);
        image.write_dir(&source);
        let pushed = registry.name(&format!("{kind}:1"));
        ours(&context, &format!("dir:{}", source.display()), &pushed);
        ours(&context, &pushed, &registry.name(&format!("{kind}:2")));
        for name in [pushed, format!("dir:{}", source.display())] {
            let mut theirs: serde_json::Value =
                serde_json::from_slice(&skopeo(&["inspect", "--tls-verify=false", &name])).unwrap();
            let endpoint = EndpointOptions {
                tls_verify: Some(false),
                ..Default::default()
            };
            let parsed = ImageName::parse(&name).unwrap();
            let source = open_source(&parsed, &context, &endpoint).unwrap();
            let lists = TagLists::default();
            let options = InspectOptions {
                tags: Some(&lists),
                ..InspectOptions::default()
            };
            let mine = inspect(&context, &parsed, &endpoint, options).unwrap();
            let mut mine = serde_json::to_value(&mine).unwrap();
            // Newer than the original that is installed here.
            let data = mine.as_object_mut().unwrap().remove("LayersData").unwrap();
            assert_eq!(data.as_array().unwrap().len(), 2);
            theirs.as_object_mut().unwrap().remove("LayersData");
            assert_eq!(theirs, mine, "{name}");
            let theirs = skopeo(&["inspect", "--config", "--tls-verify=false", &name]);
            let theirs: serde_json::Value = serde_json::from_slice(&theirs).unwrap();
            let mine = image::inspect::config_json(&context, source.as_ref()).unwrap();
            let mine: serde_json::Value = serde_json::from_slice(&mine).unwrap();
            assert_eq!(theirs, mine, "{name} config");
        }
        let name = registry.name(kind);
        let theirs: serde_json::Value =
            serde_json::from_slice(&skopeo(&["list-tags", "--tls-verify=false", &name])).unwrap();
        let endpoint = EndpointOptions {
            tls_verify: Some(false),
            ..Default::default()
        };
        let mine = list_tags(&name, &context, &endpoint).unwrap();
        assert_eq!(theirs, serde_json::to_value(&mine).unwrap());
        assert!(list_tags(&format!("{name}:1"), &context, &endpoint).is_err());
    }
}

#[test]
fn archives_list_the_same_tags() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let (_, image) = images().remove(0);
    let source = root.path().join("dir");
    image.write_dir(&source);
    for (name, tag) in [("tagged.tar", ":a/b:1"), ("bare.tar", "")] {
        let path = root.path().join(name);
        let archive = format!("docker-archive:{}", path.display());
        skopeo_copy(
            &format!("dir:{}", source.display()),
            &format!("{archive}{tag}"),
        );
        let theirs: serde_json::Value =
            serde_json::from_slice(&skopeo(&["list-tags", &archive])).unwrap();
        let mine = list_tags(&archive, &context, &EndpointOptions::default()).unwrap();
        assert_eq!(theirs, serde_json::to_value(&mine).unwrap());
    }
}
