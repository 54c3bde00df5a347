//! Work that ends at any step leaves nothing that the next open does not clear.

use std::fs;

use archive::testing::TarBuilder;
use oci::Compression;

use super::kit::{content, files_below, image_of, pull, store};
use crate::{GcOptions, Store, StoreOptions, staging::Staging};

#[test]
fn a_dropped_transaction_leaves_nothing() {
    let (_dir, store) = store();
    let image = image_of(&[
        TarBuilder::new().file("a", &content(1, 5000)).end(),
        TarBuilder::new().file("b", &content(2, 5000)).end(),
    ]);
    let before = files_below(store.root());
    for steps in 0..=image.blobs.len() {
        let transaction = store.begin(&image.wanted, &|_| {}).unwrap();
        for place in transaction.missing().into_iter().take(steps) {
            transaction
                .import_layer(
                    place,
                    image.blobs[place].as_slice(),
                    Compression::Zstd,
                    &|_| {},
                )
                .unwrap();
        }
        drop(transaction);
        assert_eq!(files_below(store.root()), before, "{steps}");
    }
}

/// What a killed process leaves: its files, without its locks.
#[test]
fn what_a_killed_process_left_is_cleared() {
    let (_dir, store) = store();
    let before = files_below(store.root());
    let staging = Staging::create(store.layout()).unwrap();
    fs::write(staging.sub("new").join("half"), "half").unwrap();
    // Held by its owner: stays.
    let reopened = Store::open(&StoreOptions::new(store.root())).unwrap();
    assert!(staging.path().exists());
    // The owner is gone, and its lock with it.
    let left = store.layout().staging().join("left-behind");
    fs::rename(staging.path(), &left).unwrap();
    drop(staging);
    fs::create_dir(store.layout().trash().join("old")).unwrap();
    fs::write(store.layout().trash().join("old/1"), "x").unwrap();
    fs::write(store.layout().lock("staging-0000.lock"), "1\n").unwrap();
    drop(reopened);
    Store::open(&StoreOptions::new(store.root())).unwrap();
    assert_eq!(files_below(store.root()), before);
    assert_eq!(fs::read_dir(store.layout().staging()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(store.layout().trash()).unwrap().count(), 0);
}

/// A pull that died between its objects and its records.
#[test]
fn objects_without_a_record_are_garbage_and_usable() {
    let (_dir, store) = store();
    let before = files_below(store.root());
    let image = image_of(&[TarBuilder::new().file("a", &content(1, 5000)).end()]);
    pull(&store, &image, "a").unwrap();
    let layout = store.layout();
    fs::remove_file(layout.name_record("docker.io/library/a:latest")).unwrap();
    assert!(store.image("a").unwrap_err().is_not_found());
    fs::remove_file(layout.image_record(image.manifest.digest())).unwrap();
    fs::remove_file(layout.layer_record(&image.wanted[0].diff_id)).unwrap();
    assert_eq!(store.images().unwrap(), []);
    // The next pull imports the layer again and finds its objects.
    let (_, totals) = pull(&store, &image, "a").unwrap();
    assert_eq!(
        (totals.layers_new, totals.new_bytes, totals.shared_bytes),
        (1, 0, 5000)
    );
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
    store.remove_image("a").unwrap();
    store.gc(&GcOptions::default()).unwrap();
    assert_eq!(files_below(store.root()), before);
}

/// A store that was being made when the machine stopped.
#[test]
fn a_half_made_store_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    fs::create_dir_all(root.join("objects/00")).unwrap();
    fs::write(root.join("meta.json.new"), "{").unwrap();
    let store = Store::open(&StoreOptions::new(&root)).unwrap();
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
}
