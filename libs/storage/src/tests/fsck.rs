//! Every planted fault is found and named.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use archive::testing::TarBuilder;

use super::kit::{content, image_of, pull, rich_layer, store};
use crate::{
    NewContainer, Store,
    fsck::{Finding, has_gone},
};

fn kinds(store: &Store) -> Vec<String> {
    let report = store.fsck(&Default::default()).unwrap();
    let mut kinds: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            assert!(!finding.to_string().is_empty());
            let value = serde_json::to_value(finding).unwrap();
            value["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    kinds.dedup();
    kinds
}

fn filled() -> (tempfile::TempDir, Store) {
    let (dir, store) = store();
    let layers = [
        TarBuilder::new().file("a", &content(1, 5000)).end(),
        TarBuilder::new()
            .file("b", &content(2, 200))
            .file("c", b"small")
            .end(),
    ];
    pull(&store, &image_of(&layers), "img").unwrap();
    store
        .create_container(&NewContainer {
            image: "img".to_owned(),
            ..Default::default()
        })
        .unwrap();
    assert_eq!(kinds(&store), [""; 0]);
    (dir, store)
}

#[test]
fn what_has_gone_meanwhile_is_not_corrupt_and_a_link_to_nothing_is() {
    let (_dir, store) = filled();
    for (dir, name) in [
        ("objects/00", "0".repeat(62)),
        ("blobs/sha256", "0".repeat(64)),
    ] {
        let path = store.root().join(dir).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let missing = || fs::read(&path).unwrap_err();
        assert!(has_gone(&path, &missing()));
        std::os::unix::fs::symlink("gone", &path).unwrap();
        assert!(!has_gone(&path, &missing()));
    }
    let mut found = kinds(&store);
    found.sort();
    assert_eq!(found, ["blob-corrupt", "object-corrupt"]);
}

fn flip(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn edit(path: &Path, change: fn(&mut serde_json::Value)) {
    let mut record = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut record);
    fs::write(path, record.to_string()).unwrap();
}

/// What one image is made of in the record of another: all of it fits together, but not to the
/// manifest.
#[test]
fn a_record_with_the_layers_of_another_image_is_found() {
    let (_dir, store) = filled();
    let other = image_of(&[TarBuilder::new().file("z", &content(9, 500)).end()]);
    pull(&store, &other, "other").unwrap();
    assert_eq!(kinds(&store), [""; 0]);
    let path = |name| {
        let image = store.image(name).unwrap();
        store.layout().image_record(&image.manifest)
    };
    let read = |name| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path(name)).unwrap()).unwrap()
    };
    let (mut one, two) = (read("img"), read("other"));
    for member in ["layers", "chain", "tree", "tree_bytes", "size_bytes"] {
        one[member] = two[member].clone();
    }
    fs::write(path("img"), one.to_string()).unwrap();
    let report = store.fsck(&Default::default()).unwrap();
    let words: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    for reason in [
        "its manifest has other layers",
        "its configuration has other layers",
    ] {
        assert!(words.iter().any(|line| line.ends_with(reason)), "{words:?}");
    }
    assert_eq!(words.len(), 2);
}

#[test]
fn planted_faults_are_found() {
    type Plant = fn(&Store) -> PathBuf;
    let file: Plant = |store| {
        store
            .layout()
            .object(&crate::ObjectId::of(&content(1, 5000)))
    };
    let stream: Plant = |store| {
        let image = store.image("img").unwrap();
        let layer = store.layer(&image.layers[1].diff_id).unwrap().unwrap();
        store.layout().object(&layer.stream)
    };
    let tree: Plant = |store| store.layout().object(&store.image("img").unwrap().tree);
    let config: Plant = |store| store.layout().blob(&store.image("img").unwrap().config);
    let layer_record: Plant = |store| {
        store
            .layout()
            .layer_record(&store.image("img").unwrap().layers[0].diff_id)
    };
    let link: Plant = |store| {
        store
            .layout()
            .stream(&store.image("img").unwrap().layers[0].diff_id)
    };
    let chain: Plant = |store| store.layout().image_ref(&store.image("img").unwrap().chain);
    let image: Plant = |store| {
        store
            .layout()
            .image_record(&store.image("img").unwrap().manifest)
    };
    let name: Plant = |store| store.layout().name_record("docker.io/library/img:latest");
    let container: Plant = |store| {
        let container = &store.containers().unwrap()[0];
        store
            .layout()
            .container(&container.id)
            .join("container.json")
    };
    let truncate: fn(&Path) = |path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(path, "").unwrap();
    };
    let remove: fn(&Path) = |path| fs::remove_file(path).unwrap();
    let other_tar: fn(&Path) = |path| edit(path, |record| record["tar_bytes"] = 7.into());
    let other_machine: fn(&Path) = |path| edit(path, |record| record["architecture"] = "x".into());
    let other_blob: fn(&Path) =
        |path| edit(path, |record| record["layers"][0]["size_bytes"] = 7.into());
    type Case = (&'static str, Plant, fn(&Path), &'static [&'static str]);
    let cases: Vec<Case> = vec![
        (
            "file flipped",
            file,
            flip,
            &["object-corrupt", "layer-corrupt"],
        ),
        (
            "file empty",
            file,
            truncate,
            &["object-corrupt", "layer-corrupt"],
        ),
        ("file gone", file, remove, &["object-missing"]),
        (
            "stream empty",
            stream,
            truncate,
            &["object-corrupt", "layer-damaged", "tree-damaged"],
        ),
        (
            "stream gone",
            stream,
            remove,
            &["object-missing", "tree-damaged"],
        ),
        ("tree flipped", tree, flip, &["object-corrupt"]),
        ("tree gone", tree, remove, &["object-missing"]),
        ("blob flipped", config, flip, &["blob-corrupt"]),
        ("blob gone", config, remove, &["blob-missing"]),
        (
            "layer record empty",
            layer_record,
            truncate,
            &["layer-missing", "record-damaged"],
        ),
        (
            "layer record gone",
            layer_record,
            remove,
            &["layer-missing"],
        ),
        (
            "layer record of another size",
            layer_record,
            other_tar,
            &["record-damaged"],
        ),
        (
            "image record of another platform",
            image,
            other_machine,
            &["record-damaged"],
        ),
        (
            "image record of another blob",
            image,
            other_blob,
            &["record-damaged"],
        ),
        ("stream link gone", link, remove, &["link-wrong"]),
        ("tree ref gone", chain, remove, &["link-wrong"]),
        (
            "image record flipped away",
            image,
            remove,
            &["image-missing"],
        ),
        ("name empty", name, truncate, &["record-damaged"]),
        ("container record gone", container, remove, &["stray"]),
    ];
    for (what, plant, damage, want) in cases {
        let (_dir, store) = filled();
        damage(&plant(&store));
        let found = kinds(&store);
        for kind in want {
            assert!(found.iter().any(|found| found == kind), "{what}: {found:?}");
        }
    }
}

/// The driver vfs copies: the copies are looked at as well.
#[test]
fn a_copy_that_was_changed_is_found() {
    let (_dir, store) = store();
    let (record, _) = pull(&store, &image_of(&[rich_layer()]), "img").unwrap();
    let mount = store.mount_image(&record, &Default::default()).unwrap();
    if mount.path.starts_with(store.root().join("mounts")) {
        store.umount(&mount.id).unwrap();
    }
    assert_eq!(kinds(&store), [""; 0]);
    let copy = store.layout().vfs_copy(&record.chain);
    let etc = copy.join("root/etc");
    let lib = copy.join("root/usr/lib");
    flip(&etc.join("big"));
    fs::write(etc.join("small"), "other\n").unwrap();
    fs::remove_file(etc.join("empty")).unwrap();
    fs::write(etc.join("new"), "").unwrap();
    fs::remove_file(lib.join("link")).unwrap();
    fs::copy(lib.join("large"), lib.join("link")).unwrap();
    fs::remove_file(copy.join("root/bin")).unwrap();
    std::os::unix::fs::symlink("usr/sbin", copy.join("root/bin")).unwrap();
    fs::set_permissions(copy.join("root/tmp"), fs::Permissions::from_mode(0o755)).unwrap();
    let report = store.fsck(&Default::default()).unwrap();
    let root = copy.join("root");
    let found: Vec<String> = report
        .findings
        .iter()
        .map(|finding| match finding {
            Finding::CopyDiffers { path, reason } => {
                let path = Path::new(path).strip_prefix(&root).unwrap();
                format!("{} {reason}", path.display())
            }
            other => panic!("{other}"),
        })
        .collect();
    for wanted in [
        "bin its content",
        "etc/big its content",
        "etc/big its mode",
        "etc/empty it is missing",
        "etc/new the image does not have it",
        "etc/other-small its content",
        "tmp its mode",
        "usr/lib its time",
        "usr/lib/link its hard links",
    ] {
        assert!(found.iter().any(|it| it == wanted), "{wanted}: {found:#?}");
    }
    fs::remove_file(copy.join("notes.json")).unwrap();
    assert_eq!(kinds(&store), ["stray"]);
}

#[test]
fn strangers_are_found() {
    let (_dir, store) = filled();
    let objects = store.layout().objects();
    fs::write(
        store.layout().object_dirs().unwrap()[0].join("not-an-object"),
        "x",
    )
    .unwrap();
    fs::create_dir(objects.join("0G")).unwrap();
    fs::write(objects.join("lost"), "x").unwrap();
    fs::write(store.root().join("blobs/sha256/short"), "x").unwrap();
    let report = store.fsck(&Default::default()).unwrap();
    assert_eq!(report.findings.len(), 4);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| matches!(finding, Finding::Stray { .. }))
    );
}
