//! A second reader: composefs's own repository on our store, as `docs/formats/store.md` says.

use std::collections::BTreeSet;

use composefs::{
    fsverity::{FsVerityHashValue, Sha256HashValue},
    repository::Repository,
};

use super::kit::{content, image_of, pull, rich_layer, store};
use crate::Store;

fn repository(store: &Store) -> Repository<Sha256HashValue> {
    Repository::open_path(rustix::fs::CWD, store.root()).unwrap()
}

fn check(store: &Store) -> composefs::repository::FsckResult {
    tokio::runtime::Builder::new_multi_thread()
        .build()
        .unwrap()
        .block_on(repository(store).fsck())
        .unwrap()
}

#[test]
fn composefs_reads_the_store() {
    let (_dir, store) = store();
    let layers = [
        rich_layer(),
        archive::testing::TarBuilder::new()
            .file("etc/.wh.small", b"")
            .file("more", &content(30, 10_000))
            .hardlink("lower", "etc/big")
            .end(),
    ];
    let (image, _) = pull(&store, &image_of(&layers), "a").unwrap();
    let repository = repository(&store);

    let found = check(&store);
    assert!(found.is_ok(), "{found}");
    assert!(found.has_metadata());
    assert_eq!((found.images_checked(), found.streams_checked()), (1, 2));

    let tree = store.tree(&image).unwrap();
    let ours: BTreeSet<String> = tree.objects().map(|(id, _)| id.hex()).collect();
    let theirs: BTreeSet<String> = repository
        .objects_for_image(&image.tree.hex())
        .unwrap()
        .iter()
        .map(FsVerityHashValue::to_hex)
        .collect();
    assert_eq!(ours, theirs);
    let (_, verity) = repository.open_image(&image.tree.hex()).unwrap();
    assert_eq!(verity, store.has_verity());
    for id in &ours {
        let id = Sha256HashValue::from_hex(id).unwrap();
        assert!(repository.read_object(&id).is_ok());
    }
    for layer in &image.layers {
        let name = format!("oci-layer-{}", layer.diff_id);
        assert!(repository.has_stream(&name).unwrap().is_some());
    }
    assert_eq!(repository.list_image_refs("storetool").unwrap().len(), 1);
    assert_eq!(repository.list_stream_refs("storetool").unwrap().len(), 2);

    // Its collection would leave everything alone.
    let garbage = repository.gc_dry_run(&[]).unwrap();
    assert_eq!(
        (
            garbage.objects_removed,
            garbage.images_pruned,
            garbage.streams_pruned
        ),
        (0, 0, 0)
    );
}

#[test]
fn composefs_finds_what_is_gone() {
    let (_dir, store) = store();
    let (image, _) = pull(&store, &image_of(&[rich_layer()]), "a").unwrap();
    let (id, _) = store.tree(&image).unwrap().objects().next().unwrap();
    std::fs::remove_file(store.layout().object(&id)).unwrap();
    let found = check(&store);
    assert!(!found.is_ok());
    assert!(found.missing_objects() > 0, "{found}");
}
