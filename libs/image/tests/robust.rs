//! Hostile and broken input, several writers, interruption: nothing wrong becomes visible.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{
    ACCEPT, Recorder, Registry, TestImage, chain, context, copy_with, files, options, ours,
    plain_http,
};
use image::{CopyError, ImageName, Note, Quiet, SinkOptions};
use oci::{Compression, Descriptor, Digest, MediaType};

fn image(seed: u64) -> TestImage {
    TestImage::new(MediaType::OciManifest, Compression::Gzip, seed)
}

fn fails(context: &image::Context, from: &str, to: &str) -> CopyError {
    match copy_with(
        context,
        from,
        to,
        &options(),
        &SinkOptions::default(),
        ACCEPT,
        &Quiet,
    ) {
        Ok(_) => panic!("{from} -> {to} succeeded"),
        Err(error) => error,
    }
}

/// Every destination on disk below `root`, none of which exists.
fn destinations(root: &Path) -> Vec<(String, std::path::PathBuf)> {
    ["dir", "oci", "oci-archive", "docker-archive"]
        .map(|transport| {
            let path = root.join(format!("to-{transport}"));
            (format!("{transport}:{}", path.display()), path)
        })
        .to_vec()
}

/// Nothing but what was there before is in `root`.
fn assert_untouched(root: &Path, before: &[std::ffi::OsString], what: &str) {
    assert_eq!(names(root), before, "{what}");
}

fn names(root: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[test]
fn broken_blobs_reach_no_destination() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    type Break = fn(&Path);
    let breaks: [(&str, Break); 7] = [
        ("changed", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
        ("truncated", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("longer", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes.push(0);
            std::fs::write(path, bytes).unwrap();
        }),
        ("absent", |path| std::fs::remove_file(path).unwrap()),
        ("endless", |path| {
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path).unwrap();
        }),
        ("directory", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
        ("fifo", |path| {
            std::fs::remove_file(path).unwrap();
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let fifo = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, path, fifo, mode, 0).unwrap();
        }),
    ];
    for (what, harm) in breaks {
        for which in ["layer", "config"] {
            let image = image(7);
            let blob = if which == "layer" {
                &image.blobs[1]
            } else {
                &image.config
            };
            let dir = root.path().join("from-dir");
            image.write_dir(&dir);
            let layout = root.path().join("from-oci");
            ours(
                &context,
                &format!("dir:{}", dir.display()),
                &format!("oci:{}:x", layout.display()),
            );
            harm(&dir.join(Digest::sha256(blob).hex()));
            harm(&layout.join("blobs/sha256").join(Digest::sha256(blob).hex()));
            let before = names(root.path());
            for from in [
                format!("dir:{}", dir.display()),
                format!("oci:{}:x", layout.display()),
            ] {
                for (to, _) in destinations(root.path()) {
                    let error = fails(&context, &from, &to);
                    assert_untouched(
                        root.path(),
                        &before,
                        &format!("{which} {what}: {from} -> {to}: {}", chain(&error)),
                    );
                }
            }
            std::fs::remove_dir_all(&dir).unwrap();
            std::fs::remove_dir_all(&layout).unwrap();
        }
    }
}

#[test]
fn a_failed_copy_keeps_what_was_there() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let (good, bad) = (root.path().join("good"), root.path().join("bad"));
    image(1).write_dir(&good);
    let broken = image(2);
    broken.write_dir(&bad);
    std::fs::write(bad.join(Digest::sha256(&broken.blobs[0]).hex()), b"x").unwrap();
    for (to, path) in destinations(root.path()) {
        ours(&context, &format!("dir:{}", good.display()), &to);
        let read = |path: &Path| {
            if path.is_dir() {
                files(path)
            } else {
                vec![("".into(), std::fs::read(path).unwrap())]
            }
        };
        let before = read(&path);
        fails(&context, &format!("dir:{}", bad.display()), &to);
        assert!(read(&path) == before, "{to}");
    }
}

#[test]
fn lists_of_lists_end() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    for (levels, ends_well) in [(1, true), (7, true), (10, false), (40, false)] {
        let from = root.path().join(format!("from-{levels}"));
        let image = image(3);
        image.write_dir(&from);
        let mut inner = image.manifest.clone();
        let mut media_type = MediaType::OciManifest;
        for _ in 0..levels {
            let name = format!("{}.manifest.json", Digest::sha256(&inner).hex());
            std::fs::write(from.join(name), &inner).unwrap();
            let mut entry =
                serde_json::to_value(oci::Descriptor::of(media_type.clone(), &inner)).unwrap();
            entry["platform"] = serde_json::json!({"architecture": "amd64", "os": "linux"});
            inner = serde_json::to_vec(&serde_json::json!({
                "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(),
                "manifests": [entry],
            }))
            .unwrap();
            media_type = MediaType::OciIndex;
        }
        std::fs::write(from.join("manifest.json"), &inner).unwrap();
        let from = format!("dir:{}", from.display());
        let to = format!("dir:{}", root.path().join(format!("to-{levels}")).display());
        let copied = copy_with(
            &context,
            &from,
            &to,
            &options(),
            &SinkOptions::default(),
            ACCEPT,
            &Quiet,
        );
        match copied {
            Ok(report) => assert!(ends_well && report.digest == image.digest(), "{levels}"),
            Err(error) => {
                assert!(!ends_well, "{levels}: {}", chain(&error));
                assert!(
                    matches!(error, CopyError::ListLoop { .. }),
                    "{}",
                    chain(&error)
                );
            }
        }
    }
}

#[test]
fn a_digest_that_the_destination_demands_is_there_afterwards() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let registry = Registry::start();
    let instance = image(11);
    let list = common::write_list(
        &root.path().join("from"),
        &MediaType::OciIndex,
        &[("amd64", &instance)],
    );
    let from = format!("dir:{}", root.path().join("from").display());
    #[expect(clippy::result_large_err, reason = "the error is matched on")]
    let copy = |to: &str, instances| {
        let options = image::CopyOptions {
            instances,
            ..options()
        };
        let sink = SinkOptions::default();
        copy_with(&context, &from, to, &options, &sink, ACCEPT, &Quiet)
    };
    use image::Instances::{All, System};
    let demanded = registry.name(&format!("n:7@{list}"));
    let error = copy(&demanded, System).unwrap_err();
    assert!(
        matches!(error, CopyError::DemandedList { .. }),
        "{}",
        chain(&error)
    );
    for (digest, instances) in [(list, All), (instance.digest(), System)] {
        let demanded = registry.name(&format!("n:7@{digest}"));
        assert_eq!(copy(&demanded, instances).unwrap().digest, digest);
        let at_digest = registry.name(&format!("n@{digest}"));
        ours(
            &context,
            &at_digest,
            &format!("dir:{}", root.path().join("back").display()),
        );
    }
    let other = registry.name(&format!("n:7@{}", Digest::sha256(b"other")));
    let error = copy(&other, System).unwrap_err();
    assert!(
        matches!(error, CopyError::Demanded { .. }),
        "{}",
        chain(&error)
    );
}

#[test]
fn writers_of_one_layout_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let context = Arc::new(context(root.path()));
    let layout = root.path().join("layout");
    std::thread::scope(|scope| {
        for writer in 0..6u64 {
            let (context, root, layout) = (Arc::clone(&context), root.path(), &layout);
            scope.spawn(move || {
                let from = root.join(format!("from-{writer}"));
                image(writer * 10).write_dir(&from);
                for turn in 0..5 {
                    ours(
                        &context,
                        &format!("dir:{}", from.display()),
                        &format!("oci:{}:w{writer}-{turn}", layout.display()),
                    );
                }
            });
        }
    });
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let mut found: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            entry["annotations"]["org.opencontainers.image.ref.name"]
                .as_str()
                .unwrap()
        })
        .collect();
    found.sort_unstable();
    let mut wanted: Vec<String> = (0..6)
        .flat_map(|w| (0..5).map(move |t| format!("w{w}-{t}")))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
    for name in found {
        ours(
            &context,
            &format!("oci:{}:{name}", layout.display()),
            &format!("dir:{}", root.path().join(format!("back-{name}")).display()),
        );
    }
}

#[test]
fn of_the_writers_of_one_directory_the_last_one_wins() {
    let root = tempfile::tempdir().unwrap();
    let context = Arc::new(context(root.path()));
    let to = format!("dir:{}", root.path().join("to").display());
    std::thread::scope(|scope| {
        for writer in 0..6u64 {
            let (context, root, to) = (Arc::clone(&context), root.path(), &to);
            scope.spawn(move || {
                let from = root.join(format!("from-{writer}"));
                image(writer * 10).write_dir(&from);
                for _ in 0..5 {
                    ours(&context, &format!("dir:{}", from.display()), to);
                }
            });
        }
    });
    let back = format!("dir:{}", root.path().join("back").display());
    ours(&context, &to, &back);
}

#[test]
fn a_copy_that_fails_takes_no_directory_from_another() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    for to in ["oci", "dir"] {
        let to = ImageName::parse(&format!("{to}:{}", root.path().join(to).display())).unwrap();
        let none = image::EndpointOptions::default();
        let open = || image::open_sink(&to, &context, &none, &SinkOptions::default()).unwrap();
        let failed = open();
        let other = open();
        let digest = Digest::sha256(b"{}");
        let config = Descriptor::new(MediaType::OciConfig, digest, 2);
        other.put_config(&config, b"{}").unwrap();
        drop(failed);
        other.commit().unwrap();
        let path = match &to {
            ImageName::Oci(layout) => layout.path.join("blobs/sha256"),
            _ => root.path().join("dir"),
        };
        assert_eq!(std::fs::read(path.join(digest.hex())).unwrap(), b"{}");
    }
}

#[test]
fn a_cancelled_copy_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let from = root.path().join("from");
    image(4).write_dir(&from);
    let before = names(root.path());
    for (to, _) in destinations(root.path()) {
        let recorder = Recorder {
            cancel_after: Some(100_000),
            ..Default::default()
        };
        let error = copy_with(
            &context,
            &format!("dir:{}", from.display()),
            &to,
            &options(),
            &SinkOptions::default(),
            ACCEPT,
            &recorder,
        )
        .unwrap_err();
        assert!(
            matches!(error, CopyError::Cancelled),
            "{to}: {}",
            chain(&error)
        );
        assert_untouched(root.path(), &before, &to);
    }
}

#[test]
fn the_policy_is_asked_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let from = root.path().join("from");
    image(5).write_dir(&from);
    let before = names(root.path());
    for (to, _) in destinations(root.path()) {
        let recorder = Recorder::default();
        let error = copy_with(
            &context,
            &format!("dir:{}", from.display()),
            &to,
            &options(),
            &SinkOptions::default(),
            br#"{"default":[{"type":"reject"}]}"#,
            &recorder,
        )
        .unwrap_err();
        assert!(
            chain(&error).starts_with("Source image rejected: "),
            "{}",
            chain(&error)
        );
        assert_eq!(recorder.bytes.into_inner(), 0);
        assert!(recorder.notes.into_inner().unwrap().is_empty());
        assert_untouched(root.path(), &before, &to);
    }
}

#[test]
fn signatures_travel_through_layouts_and_back() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    image(6).write_dir(&at("from"));
    for (number, bytes) in [
        (1, &b"\x90one"[..]),
        (
            2,
            b"\0sigstore-json\n{\"mimeType\":\"m\",\"payload\":\"eA==\",\"annotations\":{}}",
        ),
    ] {
        std::fs::write(at("from").join(format!("signature-{number}")), bytes).unwrap();
    }
    let from = format!("dir:{}", at("from").display());
    for middle in ["oci", "oci-archive"] {
        let through = format!("{middle}:{}:x", at(middle).display());
        ours(&context, &from, &through);
        // The original does not mind.
        common::skopeo(&["inspect", "--raw", &through]);
        let back = at(&format!("{middle}-back"));
        ours(&context, &through, &format!("dir:{}", back.display()));
        assert_eq!(files(&at("from")), files(&back));
    }
    let to = format!("docker-archive:{}", at("archive").display());
    let error = fails(&context, &from, &to);
    assert!(
        matches!(error, CopyError::Signatures { .. }),
        "{}",
        chain(&error)
    );
    let mut without = options();
    without.remove_signatures = true;
    copy_with(
        &context,
        &from,
        &to,
        &without,
        &SinkOptions::default(),
        ACCEPT,
        &Quiet,
    )
    .unwrap();
}

#[test]
fn signatures_in_a_layout_are_replaced_by_none() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    image(6).write_dir(&at("from"));
    let signature = at("from").join("signature-1");
    std::fs::write(&signature, b"\x90one").unwrap();
    let from = format!("dir:{}", at("from").display());
    let (to, back) = (
        format!("oci:{}:x", at("layout").display()),
        format!("dir:{}", at("back").display()),
    );
    for kept in [true, false] {
        ours(&context, &from, &to);
        ours(&context, &to, &back);
        assert_eq!(at("back").join("signature-1").exists(), kept);
        let _ = std::fs::remove_file(&signature);
    }
}

#[test]
fn an_instance_that_a_list_names_twice_has_its_signatures_once() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    let instance = image(12);
    let twice = [("amd64", &instance), ("arm64", &instance)];
    common::write_list(&at("from"), &MediaType::OciIndex, &twice);
    let signature = format!("{}.signature-1", instance.digest().hex());
    std::fs::write(at("from").join(&signature), b"\x90one").unwrap();
    let mut all = options();
    all.instances = image::Instances::All;
    let from = format!("dir:{}", at("from").display());
    let through = format!("oci-archive:{}", at("archive").display());
    let back = format!("dir:{}", at("back").display());
    for (from, to) in [(&from, &through), (&through, &back)] {
        let sink = SinkOptions::default();
        copy_with(&context, from, to, &all, &sink, ACCEPT, &Quiet)
            .unwrap_or_else(|error| panic!("{from}: {}", chain(&error)));
    }
    assert!(at("back").join(&signature).exists());
}

#[test]
fn a_layer_that_is_there_already_has_the_same_type() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    image(13).write_dir(&at("from"));
    let archive = format!("docker-archive:{}", at("archive").display());
    ours(&context, &format!("dir:{}", at("from").display()), &archive);
    let keep = SinkOptions {
        accept_uncompressed: true,
        ..Default::default()
    };
    let [first, second] = ["n1", "n2"].map(|name| {
        let to = format!("oci:{}:{name}", at("layout").display());
        copy_with(&context, &archive, &to, &options(), &keep, ACCEPT, &Quiet)
            .unwrap()
            .digest
    });
    assert_eq!(first, second);
}

#[test]
fn what_reads_the_other_kind_of_archive_is_said() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name).display().to_string();
    let context = context(root.path());
    image(15).write_dir(&root.path().join("from"));
    let (from, archive) = (format!("dir:{}", at("from")), at("archive"));
    ours(&context, &from, &format!("docker-archive:{archive}"));
    let error = fails(&context, &format!("oci-archive:{archive}"), &from);
    assert!(chain(&error).contains("docker-archive: reads"), "{error}");
}

#[test]
fn an_archive_that_is_replaced_keeps_its_mode_and_its_links() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    image(14).write_dir(&at("from"));
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::write(at("private.tar"), b"old").unwrap();
    std::fs::set_permissions(at("private.tar"), private).unwrap();
    std::os::unix::fs::symlink("private.tar", at("link.tar")).unwrap();
    let from = format!("dir:{}", at("from").display());
    let to = format!("oci-archive:{}", at("link.tar").display());
    ours(&context, &from, &to);
    assert!(at("link.tar").is_symlink());
    let found = std::fs::metadata(at("private.tar")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert!(found.len() > 3);
}

#[test]
fn an_archive_is_made_where_a_link_leads() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let context = context(root.path());
    image(14).write_dir(&at("from"));
    let from = format!("dir:{}", at("from").display());
    std::fs::create_dir(at("there")).unwrap();
    for transport in ["oci-archive", "docker-archive"] {
        let link = |name: &str| at(&format!("{transport}-{name}"));
        std::os::unix::fs::symlink(link("second"), link("first")).unwrap();
        let target = format!("there/{transport}.tar");
        std::os::unix::fs::symlink(&target, link("second")).unwrap();
        ours(
            &context,
            &from,
            &format!("{transport}:{}", link("first").display()),
        );
        assert!(link("first").is_symlink() && link("second").is_symlink());
        assert!(at(&target).is_file());
        std::os::unix::fs::symlink(link("circle"), link("circle")).unwrap();
        fails(
            &context,
            &from,
            &format!("{transport}:{}", link("circle").display()),
        );
        assert!(link("circle").is_symlink());
    }
}

#[test]
fn what_may_be_important_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let from = root.path().join("from");
    image(8).write_dir(&from);
    let from = format!("dir:{}", from.display());
    let precious = root.path().join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("thesis.tex"), b"...").unwrap();
    let error = fails(&context, &from, &format!("dir:{}", precious.display()));
    assert!(
        chain(&error).contains("not a containers image directory"),
        "{}",
        chain(&error)
    );
    let file = precious.join("thesis.tex");
    let error = fails(
        &context,
        &from,
        &format!("docker-archive:{}", file.display()),
    );
    assert!(
        chain(&error).contains("not overwriting"),
        "{}",
        chain(&error)
    );
    assert_eq!(std::fs::read(file).unwrap(), b"...");

    let killed = root.path().join("killed");
    std::fs::create_dir(&killed).unwrap();
    std::fs::write(killed.join(".dir-put-x"), b"half").unwrap();
    ours(&context, &from, &format!("dir:{}", killed.display()));
}

#[test]
fn the_store_gives_back_what_it_got() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for keep_blobs in [false, true] {
        let mut context = context(root.path());
        context.store = Some(storage::StoreOptions::new(at(&format!(
            "store-{keep_blobs}"
        ))));
        let image = image(9);
        image.write_dir(&at("from"));
        let from = format!("dir:{}", at("from").display());
        let sink = SinkOptions {
            keep_blobs,
            ..Default::default()
        };
        let report = copy_with(
            &context,
            &from,
            "store:app:1",
            &options(),
            &sink,
            ACCEPT,
            &Quiet,
        )
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let with_digest = format!("store:app@{}", Digest::sha256(b""));
        let error = fails(&context, &from, &with_digest);
        assert!(chain(&error).contains("a name with a digest"));
        assert_eq!(report.digest, image.digest());
        assert_eq!(report.stored.unwrap().record.manifest, image.digest());
        let again = Recorder::default();
        copy_with(
            &context,
            &from,
            "store:app:2",
            &options(),
            &sink,
            ACCEPT,
            &again,
        )
        .unwrap();
        assert_eq!(
            again.existing.into_inner(),
            2,
            "layers that are there are not read"
        );
        assert_eq!(again.bytes.into_inner(), 0);
        let back = at(&format!("back-{keep_blobs}"));
        let recorder = Recorder::default();
        let to = format!("dir:{}", back.display());
        copy_with(
            &context,
            "store:app:2",
            &to,
            &options(),
            &SinkOptions::default(),
            br#"{"default":[{"type":"reject"}]}"#,
            &recorder,
        )
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let notes = recorder.notes.into_inner().unwrap();
        let rewritten = notes
            .iter()
            .any(|note| matches!(note, Note::LayersUncompressed { .. }));
        assert_eq!(rewritten, !keep_blobs);
        if keep_blobs {
            assert_eq!(files(&at("from")), files(&back));
            continue;
        }
        let config: serde_json::Value = serde_json::from_slice(&image.config).unwrap();
        for diff_id in config["rootfs"]["diff_ids"].as_array().unwrap() {
            let hex = diff_id.as_str().unwrap().strip_prefix("sha256:").unwrap();
            let bytes = std::fs::read(back.join(hex)).unwrap();
            assert_eq!(Digest::sha256(&bytes).hex(), hex);
        }
    }
}

#[test]
fn an_upload_that_breaks_off_is_made_again_from_its_source() {
    let root = tempfile::tempdir().unwrap();
    let mut context = context(root.path());
    context.client.retry.first_delay = std::time::Duration::from_millis(5);
    let registry = Registry::start();
    // Larger than what is held in memory and sent in one request.
    let layer = common::layer(&[("big", &common::noise(3, 9 << 20))]);
    let image = TestImage::of(MediaType::OciManifest, Compression::Gzip, &[layer], "amd64");
    image.write_dir(&root.path().join("from"));
    let from = format!("dir:{}", root.path().join("from").display());
    ours(&context, &from, &registry.name("whole:1"));
    // From a directory, and from a registry, whose connection is opened a second time.
    for (from, repository) in [(from, "a"), (registry.name("whole:1"), "b")] {
        let (proxy, cuts) = common::proxy_that_cuts(registry.address.clone(), 3 << 20, 2);
        let recorder = Recorder::default();
        let to = format!("docker://{proxy}/{repository}:1");
        let sink = SinkOptions::default();
        let report = copy_with(&context, &from, &to, &options(), &sink, ACCEPT, &recorder).unwrap();
        assert_eq!(report.digest, image.digest(), "{from}");
        assert_eq!(cuts.load(std::sync::atomic::Ordering::SeqCst), 2, "{from}");
        // What was read twice is told once.
        let told = recorder.bytes.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(told, image.blobs[0].len(), "{from}");
        let back = root.path().join(repository);
        let name = registry.name(&format!("{repository}:1"));
        ours(&context, &name, &format!("dir:{}", back.display()));
    }
    // What is compressed on the way cannot be made again: a clear error, and nothing there.
    let plain = TestImage::of(
        MediaType::OciManifest,
        Compression::None,
        &[common::layer(&[("big", &common::noise(4, 9 << 20))])],
        "amd64",
    );
    plain.write_dir(&root.path().join("plain"));
    let from = format!("dir:{}", root.path().join("plain").display());
    let (proxy, _) = common::proxy_that_cuts(registry.address.clone(), 3 << 20, 1);
    let error = fails(&context, &from, &format!("docker://{proxy}/c:1"));
    let said = chain(&error);
    assert!(said.contains("cannot be read again"), "{said}");
    assert!(error.is_retryable(), "{said}");
}

#[test]
fn a_blob_of_another_size_is_not_taken_for_the_one_that_is_there() {
    let root = tempfile::tempdir().unwrap();
    let context = context(root.path());
    let registry = Registry::start();
    let layer = common::layer(&[("file", b"content")]);
    let image = TestImage::of(MediaType::OciManifest, Compression::Gzip, &[layer], "amd64");
    let dir = root.path().join("from");
    image.write_dir(&dir);
    let from = format!("dir:{}", dir.display());
    ours(&context, &from, &registry.name("sizes:1"));
    let path = dir.join("manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let size = manifest["layers"][0]["size"].as_u64().unwrap();
    manifest["layers"][0]["size"] = (size + 1).into();
    std::fs::write(&path, manifest.to_string()).unwrap();
    let said = chain(&fails(&context, &from, &registry.name("sizes:2")));
    let want = format!("expected {} bytes, got {size}", size + 1);
    assert!(said.contains(&want), "{said}");
}

#[test]
fn uploads_that_stand_in_for_mounts_are_used_for_layers_that_change() {
    let root = tempfile::tempdir().unwrap();
    let mut context = context(root.path());
    // One for the download, one for the upload; an upload that waits has none left for either.
    context.client.max_connections_per_host = 2;
    context.client.timeouts.slot = std::time::Duration::from_secs(30);
    let registry = Registry::start();
    let address = common::proxy_without_mounts(registry.address.clone());
    let layers: Vec<_> = (0..4)
        .map(|n| common::layer(&[("file", &common::noise(n + 1, 1 << 20))]))
        .collect();
    let image = TestImage::of(MediaType::OciManifest, Compression::Gzip, &layers, "amd64");
    image.write_dir(&root.path().join("from"));
    let from = format!("dir:{}", root.path().join("from").display());
    ours(&context, &from, &registry.name("first:1"));
    let mut options = options();
    options.compression = Some(Compression::Zstd);
    for precompute_digests in [false, true] {
        let sink = SinkOptions {
            precompute_digests,
            ..SinkOptions::default()
        };
        let from = format!("docker://{address}/first:1");
        let to = format!("docker://{address}/second-{precompute_digests}:1");
        let report = copy_with(&context, &from, &to, &options, &sink, ACCEPT, &image::Quiet)
            .unwrap_or_else(|error| panic!("{to}: {}", chain(&error)));
        assert_ne!(report.digest, image.digest());
    }
}

/// A list of tags can be long, and says nothing of an image that is not there.
#[test]
fn no_tags_are_listed_for_an_image_that_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("docker://{}/app:1", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let count = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let Some(path) = request.strip_prefix("GET ") else {
                continue;
            };
            let path = path.split(' ').next().unwrap_or("").to_owned();
            let status = if path == "/v2/" {
                "200 OK"
            } else {
                "404 Not Found"
            };
            log.lock().unwrap().push(path);
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let root = tempfile::tempdir().unwrap();
    let name = ImageName::parse(&name).unwrap();
    let lists = image::TagLists::default();
    let options = image::InspectOptions {
        tags: Some(&lists),
        ..image::InspectOptions::default()
    };
    let error = image::inspect(&context(root.path()), &name, &plain_http(), options).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let asked = asked.lock().unwrap();
    // The first answer is no registry's that is known: whether it is one is asked as well.
    let manifest = "/v2/app/manifests/1";
    assert_eq!(*asked, [manifest, "/v2/", manifest]);
}
