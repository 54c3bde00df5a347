//! What may enter, what is shared, what a collection leaves, and who waits for whom.

use std::{
    fs,
    io::Read,
    sync::atomic::{AtomicUsize, Ordering},
};

use archive::testing::TarBuilder;
use oci::{Compression, DiffId, Digest, RawManifest, Reference};
use tempfile::TempDir;

use super::kit::{
    TestImage, content, files_below, image_claiming, image_of, image_with, is_root, new_image,
    pull, store,
};
use crate::{
    GcOptions, MountOptions, NewContainer, Store, StoreError, StoreOptions,
    lock::{Kind, LayerLocks},
    object::ObjectId,
};

fn layer(seed: u64) -> Vec<u8> {
    TarBuilder::new()
        .file(format!("own-{seed}"), &content(seed, 3000))
        .file("shared", &content(77, 9000))
        .end()
}

#[test]
fn an_image_is_found_by_all_that_names_it() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1)]);
    let (record, totals) = pull(&store, &image, "r.example/app:1").unwrap();
    assert_eq!(
        (totals.layers_new, totals.new_bytes, totals.shared_bytes),
        (1, 12_000, 0)
    );
    let digest = image.manifest.digest();
    for name in [
        "r.example/app:1".to_owned(),
        format!("r.example/app@{digest}"),
        digest.to_string(),
        digest.hex()[..8].to_owned(),
        record.config.to_string(),
        record.config.hex()[..6].to_owned(),
    ] {
        assert_eq!(store.image(&name).unwrap().manifest, *digest, "{name}");
    }
    for name in ["r.example/app:2", "r.example/other", "abc", "zzzz"] {
        assert!(store.image(name).unwrap_err().is_not_found(), "{name}");
    }
    assert_eq!(store.blob_raw(digest).unwrap(), image.manifest.bytes());
    assert_eq!(store.signatures(&record).unwrap().len(), 1);
    let moved = Reference::parse("other").unwrap();
    store.tag("r.example/app:1", &moved).unwrap();
    let names = store.image("other").unwrap().names;
    assert_eq!(names, ["docker.io/library/other:latest", "r.example/app:1"]);
    store.untag(&moved).unwrap();
    assert!(store.untag(&moved).unwrap_err().is_not_found());
    assert_eq!(
        store
            .layer_by_blob(&image.wanted[0].blob)
            .unwrap()
            .unwrap()
            .files,
        2
    );
}

#[test]
fn a_second_pull_writes_nothing_and_objects_are_shared() {
    let (_dir, store) = store();
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    let (_, totals) = pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    assert_eq!((totals.layers_new, totals.layers_shared), (0, 1));
    let (_, totals) = pull(&store, &image_of(&[layer(1), layer(2)]), "b").unwrap();
    assert_eq!((totals.layers_new, totals.layers_shared), (1, 1));
    assert_eq!((totals.new_bytes, totals.shared_bytes), (3000, 9000));
    let usage = store.usage().unwrap();
    assert_eq!(usage.object_bytes, usage.all_object_bytes);
    assert!(usage.images.iter().all(|image| image.shared_bytes > 0));
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
}

#[test]
fn a_layer_that_occurs_twice_is_fetched_once() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1), layer(1)]);
    let transaction = store.begin(&image.wanted, &|_| {}).unwrap();
    assert_eq!(transaction.missing(), [0]);
    drop(transaction);
    pull(&store, &image, "a").unwrap();
}

#[test]
fn wrong_images_leave_nothing() {
    let (_dir, store) = store();
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    let before = files_below(store.root());
    let wrong = image_claiming(&[layer(2)], |_| Digest::sha256(b"something else"));
    assert!(matches!(
        pull(&store, &wrong, "b"),
        Err(StoreError::DiffId { .. })
    ));
    let mut cut = image_of(&[layer(3)]);
    let length = cut.blobs[0].len();
    cut.blobs[0].truncate(length / 2);
    assert!(matches!(
        pull(&store, &cut, "b"),
        Err(StoreError::Blob { .. })
    ));
    let bad = image_of(&[b"this is no tar at all, by no means".repeat(40)]);
    assert!(matches!(
        pull(&store, &bad, "b"),
        Err(StoreError::Layer { .. })
    ));
    let missing = image_of(&[layer(4)]);
    let transaction = store.begin(&missing.wanted, &|_| {}).unwrap();
    assert!(matches!(
        transaction.commit(new_image(&missing, "b")),
        Err(StoreError::LayerMissing { .. })
    ));
    let other = image_of(&[layer(1), layer(5)]);
    let transaction = store.begin(&other.wanted[..1], &|_| {}).unwrap();
    assert!(matches!(
        transaction.commit(new_image(&other, "b")),
        Err(StoreError::OtherLayer { .. })
    ));
    let mut config = image_of(&[layer(1)]);
    config.config.push(b' ');
    assert!(matches!(
        pull(&store, &config, "b"),
        Err(StoreError::ConfigDigest { .. })
    ));
    assert_eq!(files_below(store.root()), before);
}

#[test]
fn removing_and_collecting_gives_everything_back() {
    let (_dir, store) = store();
    let empty = files_below(store.root());
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    let one = files_below(store.root());
    pull(&store, &image_of(&[layer(1), layer(2)]), "b").unwrap();
    assert_eq!(store.gc(&GcOptions::default()).unwrap(), Default::default());
    store.remove_image("b").unwrap();
    assert!(store.gc(&GcOptions { dry_run: true }).unwrap().objects > 0);
    let report = store.gc(&GcOptions::default()).unwrap();
    assert_eq!(report.layers, 1);
    assert_eq!(files_below(store.root()), one);
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
    store.remove_image("a").unwrap();
    store.gc(&GcOptions::default()).unwrap();
    assert_eq!(files_below(store.root()), empty);
}

#[test]
fn a_container_keeps_its_image() {
    let (_dir, store) = store();
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    let new = NewContainer {
        image: "a".to_owned(),
        name: Some("c".to_owned()),
        ..Default::default()
    };
    let container = store.create_container(&new).unwrap();
    assert!(matches!(
        store.create_container(&new),
        Err(StoreError::NameTaken { .. })
    ));
    let bad = NewContainer {
        name: Some("../c".to_owned()),
        ..new
    };
    assert!(matches!(
        store.create_container(&bad),
        Err(StoreError::BadName { .. })
    ));
    assert!(store.remove_image("a").unwrap_err().is_in_use());
    assert_eq!(store.container(&container.id[..6]).unwrap(), container);
    let root = store.mount_container("c").unwrap().path;
    assert_eq!(std::fs::read(root.join("own-1")).unwrap(), content(1, 3000));
    assert_eq!(store.container_changes(&container).unwrap(), []);
    std::fs::write(root.join("new"), "x").unwrap();
    std::fs::remove_file(root.join("shared")).unwrap();
    let changes = store.container_changes(&container).unwrap();
    let paths: Vec<_> = changes
        .iter()
        .map(|change| (change.path.as_slice(), change.kind))
        .collect();
    assert_eq!(
        paths,
        [
            (&b"new"[..], crate::diff::ChangeKind::Added),
            (&b"shared"[..], crate::diff::ChangeKind::Deleted),
        ]
    );
    store.remove_container("c").unwrap();
    store.remove_image("a").unwrap();
}

/// A blob's reader that runs something before its first byte.
struct Before<F: FnMut(), R>(Option<F>, R);

impl<F: FnMut(), R: Read> Read for Before<F, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(mut run) = self.0.take() {
            run();
        }
        self.1.read(buffer)
    }
}

#[test]
fn two_transactions_fetch_a_layer_once() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1), layer(2)]);
    let fetched = AtomicUsize::new(0);
    let waited = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let (store, image, fetched, waited) = (&store, &image, &fetched, &waited);
            scope.spawn(move || {
                // Each its own open store, as another process would have.
                let store = Store::open(&StoreOptions::new(store.root())).unwrap();
                let transaction = store
                    .begin(&image.wanted, &|_| {
                        waited.fetch_add(1, Ordering::Relaxed);
                    })
                    .unwrap();
                for place in transaction.missing() {
                    fetched.fetch_add(1, Ordering::Relaxed);
                    // Until the others wait, however long they take to come.
                    let until_they_wait = || {
                        while waited.load(Ordering::Relaxed) < 2 {
                            std::thread::sleep(std::time::Duration::from_millis(5));
                        }
                    };
                    let blob = Before(Some(until_they_wait), image.blobs[place].as_slice());
                    transaction
                        .import_layer(place, blob, Compression::Zstd, &|_| {})
                        .unwrap();
                }
                transaction.commit(new_image(image, name)).unwrap();
            });
        }
    });
    assert_eq!(fetched.load(Ordering::Relaxed), 2);
    assert_eq!(store.images().unwrap()[0].names.len(), 3);
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
}

#[test]
fn who_waited_to_fetch_a_layer_looks_again_whether_it_is_there() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1)]);
    // Somebody counts on the layer, so that both who miss it wait to fetch it.
    let locks = LayerLocks::new(store.layout()).unwrap();
    let diff_id = &image.wanted[0].diff_id;
    assert!(locks.attempt(diff_id, Kind::Shared).unwrap());
    let (fetched, waited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for name in ["a", "b"] {
            let (store, image, fetched, waited) = (&store, &image, &fetched, &waited);
            scope.spawn(move || {
                let waits = |_| {
                    waited.fetch_add(1, Ordering::Relaxed);
                };
                let transaction = store.begin(&image.wanted, &waits).unwrap();
                for place in transaction.missing() {
                    fetched.fetch_add(1, Ordering::Relaxed);
                    let blob = image.blobs[place].as_slice();
                    transaction
                        .import_layer(place, blob, Compression::Zstd, &|_| {})
                        .unwrap();
                }
                transaction.commit(new_image(image, name)).unwrap();
            });
        }
        while waited.load(Ordering::Relaxed) < 2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(locks);
    });
    assert_eq!(fetched.load(Ordering::Relaxed), 1);
}

#[test]
fn a_pull_wins_against_a_collection() {
    let (_dir, store) = store();
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    // Shares the layer of `a` and an object with it, and the image goes while it runs.
    let next = image_of(&[layer(1), layer(2)]);
    let transaction = store.begin(&next.wanted, &|_| {}).unwrap();
    assert_eq!(transaction.missing(), [1]);
    let collect = || {
        store.remove_image("a").unwrap();
        store.gc(&GcOptions::default()).unwrap();
    };
    transaction
        .import_layer(
            1,
            Before(Some(collect), next.blobs[1].as_slice()),
            Compression::Zstd,
            &|_| {},
        )
        .unwrap();
    store.gc(&GcOptions::default()).unwrap();
    transaction.commit(new_image(&next, "b")).unwrap();
    store.gc(&GcOptions::default()).unwrap();
    let report = store.fsck(&Default::default()).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn an_object_that_a_collection_took_comes_back() {
    let (_dir, store) = store();
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    let next = image_of(&[layer(2)]);
    let transaction = store.begin(&next.wanted, &|_| {}).unwrap();
    let result = transaction
        .import_layer(0, next.blobs[0].as_slice(), Compression::Zstd, &|_| {})
        .unwrap();
    assert_eq!(result.shared_bytes, 9000);
    store.remove_image("a").unwrap();
    assert!(store.gc(&GcOptions::default()).unwrap().objects >= 3);
    transaction.commit(new_image(&next, "b")).unwrap();
    let report = store.fsck(&Default::default()).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn kept_blobs_come_back_and_go() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1)]);
    let transaction = store
        .begin(&image.wanted, &|_| {})
        .unwrap()
        .keep_blobs(true);
    transaction
        .import_layer(0, image.blobs[0].as_slice(), Compression::Zstd, &|_| {})
        .unwrap();
    transaction.commit(new_image(&image, "a")).unwrap();
    let mut kept = Vec::new();
    let mut file = store.kept_blob(&image.wanted[0].blob).unwrap().unwrap();
    file.read_to_end(&mut kept).unwrap();
    assert_eq!(kept, image.blobs[0]);
    store.gc(&GcOptions::default()).unwrap();
    assert!(store.kept_blob(&image.wanted[0].blob).unwrap().is_some());
    store.remove_image("a").unwrap();
    store.gc(&GcOptions::default()).unwrap();
    assert!(store.kept_blob(&image.wanted[0].blob).unwrap().is_none());
}

/// One layer, compressed in two ways.
#[test]
fn two_blobs_of_one_layer_are_both_kept() {
    let (_dir, store) = store();
    let tar = layer(1);
    let diff_id = DiffId(Digest::sha256(&tar));
    let (head, tail) = tar.split_at(1000);
    let in_one = zstd::encode_all(tar.as_slice(), 1).unwrap();
    let in_two = [head, tail].map(|half| zstd::encode_all(half, 1).unwrap());
    let image = image_with(vec![diff_id; 2], vec![in_one, in_two.concat()]);
    let begin = || store.begin(&image.wanted, &|_| {}).unwrap();
    assert_eq!(begin().missing(), [0]);
    let transaction = begin().keep_blobs(true);
    assert_eq!(transaction.missing(), [0, 1]);
    for (place, blob) in image.blobs.iter().enumerate() {
        transaction
            .import_layer(place, blob.as_slice(), Compression::Zstd, &|_| {})
            .unwrap();
    }
    transaction.commit(new_image(&image, "a")).unwrap();
    assert_eq!(store.layers().unwrap().len(), 1);
    assert!(begin().keep_blobs(true).missing().is_empty());
    store.gc(&GcOptions::default()).unwrap();
    for (wanted, blob) in image.wanted.iter().zip(&image.blobs) {
        let mut kept = Vec::new();
        let mut file = store.kept_blob(&wanted.blob).unwrap().unwrap();
        file.read_to_end(&mut kept).unwrap();
        assert_eq!(kept, *blob);
        let layer = store.layer_by_blob(&wanted.blob).unwrap().unwrap();
        assert_eq!(layer.diff_id, diff_id);
    }
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
    store.remove_image("a").unwrap();
    store.gc(&GcOptions::default()).unwrap();
    for wanted in &image.wanted {
        assert!(store.kept_blob(&wanted.blob).unwrap().is_none());
    }
}

/// Whoever signed for an image did so, also when nobody is asked the next time.
#[test]
fn a_pull_without_a_signer_keeps_the_verdict_that_has_one() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1)]);
    pull(&store, &image, "a").unwrap();
    let path = store.layout().image_record(image.manifest.digest());
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["verdict"] = serde_json::json!({
        "scope": "docker: r.example/app",
        "requirements": ["signedBy"],
        "signatures": [
            {"index": 0, "signer": "A".repeat(40), "docker_reference": "r.example/app:1"},
        ],
    });
    fs::write(&path, record.to_string()).unwrap();
    let before = store.image("a").unwrap();
    assert!(before.verdict.signer().is_some());
    let (after, _) = pull(&store, &image, "b").unwrap();
    assert_eq!(after.verdict, before.verdict);
    assert_eq!(store.image("b").unwrap().verdict, before.verdict);
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
}

#[test]
fn a_digest_that_several_images_share_names_none() {
    let (_dir, store) = store();
    let index = Digest::sha256(b"an index");
    let pull_from_index = |image: &TestImage, name: &str| {
        let mut new = new_image(image, name);
        new.aliases = vec![index];
        let transaction = store.begin(&image.wanted, &|_| {}).unwrap();
        for place in transaction.missing() {
            let blob = image.blobs[place].as_slice();
            transaction
                .import_layer(place, blob, Compression::Zstd, &|_| {})
                .unwrap();
        }
        transaction.commit(new).unwrap().0
    };
    let one = pull_from_index(&image_of(&[layer(1)]), "a");
    assert_eq!(
        store.image(&index.to_string()).unwrap().manifest,
        one.manifest
    );
    let other = pull_from_index(&image_of(&[layer(2)]), "b");
    let mut want = [one.manifest.to_string(), other.manifest.to_string()];
    want.sort();
    assert!(matches!(
        store.image(&index.to_string()),
        Err(StoreError::Ambiguous { candidates, .. }) if candidates == want
    ));
    // One configuration, two manifests.
    let mut twin = image_of(&[layer(1)]);
    let mut bytes = twin.manifest.bytes().to_vec();
    bytes.push(b'\n');
    twin.manifest = RawManifest::parse(bytes, None).unwrap();
    pull(&store, &twin, "c").unwrap();
    assert!(matches!(
        store.image(&one.config.to_string()),
        Err(StoreError::Ambiguous { candidates, .. }) if candidates.len() == 2
    ));
    assert_eq!(
        store.image(&one.manifest.to_string()).unwrap().names,
        one.names
    );
}

#[test]
fn a_second_pull_forgets_nothing() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1)]);
    let mut first = new_image(&image, "a");
    first.aliases = vec![Digest::sha256(b"an index")];
    let transaction = store.begin(&image.wanted, &|_| {}).unwrap();
    let blob = image.blobs[0].as_slice();
    transaction
        .import_layer(0, blob, Compression::Zstd, &|_| {})
        .unwrap();
    let (before, _) = transaction.commit(first).unwrap();
    let mut second = new_image(&image, "a");
    second.aliases = vec![Digest::sha256(b"another index")];
    second.signatures = vec![signing::Signature::Simple(vec![0x90, 4, 5, 6])];
    second.origin = "another test".to_owned();
    let transaction = store.begin(&image.wanted, &|_| {}).unwrap();
    let (after, _) = transaction.commit(second).unwrap();
    assert_eq!(after.origin, "another test");
    assert_eq!(after.aliases[1..], before.aliases);
    assert_eq!(after.signatures[1..], before.signatures);
    assert_eq!((after.aliases.len(), after.signatures.len()), (2, 2));
    assert_eq!(store.images().unwrap(), [after]);
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
}

/// A layer that failed in the middle of an object is tried again.
#[test]
fn half_an_object_is_not_taken_for_the_whole() {
    let (_dir, store) = store();
    let image = image_of(&[layer(1)]);
    let transaction = store.begin(&image.wanted, &|_| {}).unwrap();
    // Whatever is written there meets a full disk.
    let object = ObjectId::of(&content(77, 9000)).path();
    let staged = std::fs::read_dir(store.layout().staging()).unwrap().next();
    let place = staged.unwrap().unwrap().path().join("new").join(object);
    std::fs::create_dir(place.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &place).unwrap();
    let import = || {
        let blob = image.blobs[0].as_slice();
        transaction.import_layer(0, blob, Compression::Zstd, &|_| {})
    };
    assert!(import().unwrap_err().is_no_space());
    import().unwrap();
    transaction.commit(new_image(&image, "a")).unwrap();
    let report = store.fsck(&Default::default()).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn a_directory_that_becomes_a_store_is_closed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).unwrap();
    Store::open(&StoreOptions::new(dir.path())).unwrap();
    let mode = std::fs::metadata(dir.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}

/// Runs `make` while the image goes: after it was looked up, before what is made of it appears.
fn while_the_image_goes<T: Send>(make: impl FnOnce(&Store) -> T + Send) -> (TempDir, Store, T) {
    let (dir, store) = store();
    let image = image_of(&[layer(1)]);
    pull(&store, &image, "a").unwrap();
    let names = store.lock_names().unwrap();
    let made = std::thread::scope(|scope| {
        let making = scope.spawn(|| make(&store));
        // Long enough for all that does not wait for the lock.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let layout = store.layout();
        std::fs::remove_file(layout.name_record("docker.io/library/a:latest")).unwrap();
        std::fs::remove_file(layout.image_record(image.manifest.digest())).unwrap();
        drop(names);
        making.join().unwrap()
    });
    (dir, store, made)
}

#[test]
fn no_container_is_made_of_an_image_that_goes() {
    let new = NewContainer {
        image: "a".to_owned(),
        ..Default::default()
    };
    let (_dir, store, made) = while_the_image_goes(|store| store.create_container(&new));
    assert!(made.unwrap_err().is_not_found());
    assert_eq!(store.containers().unwrap(), []);
}

#[test]
fn no_image_is_mounted_that_goes() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let (_dir, store, made) = while_the_image_goes(|store| {
        let image = store.image("a")?;
        store.mount_image(&image, &MountOptions::default())
    });
    assert!(made.unwrap_err().is_not_found());
    assert_eq!(store.mounts().unwrap(), []);
}

#[test]
fn a_read_only_store_changes_nothing() {
    let (_dir, store) = store();
    pull(&store, &image_of(&[layer(1)]), "a").unwrap();
    let mut options = StoreOptions::new(store.root());
    options.read_only = true;
    let reader = Store::open(&options).unwrap();
    let before = files_below(store.root());
    assert_eq!(reader.images().unwrap().len(), 1);
    assert!(reader.fsck(&Default::default()).unwrap().is_clean());
    assert!(matches!(
        reader.remove_image("a"),
        Err(StoreError::ReadOnly)
    ));
    assert!(matches!(
        reader.gc(&GcOptions::default()),
        Err(StoreError::ReadOnly)
    ));
    assert_eq!(files_below(store.root()), before);
    options.root = store.root().join("nowhere");
    assert!(matches!(
        Store::open(&options),
        Err(StoreError::NoStore { .. })
    ));
}

#[test]
fn other_directories_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("precious"), "x").unwrap();
    let error = Store::open(&StoreOptions::new(dir.path())).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }));
}
