//! What the targets share that need files or a store.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;

use config::environment::Environment;
use oci::{Compression, DiffId, Digest, RawManifest, Reference};
use serde_json::json;
use signing::TrustedManifest;
use storage::{DriverKind, ImageRecord, NewImage, Store, StoreError, StoreOptions, WantedLayer};
use tempfile::TempDir;

thread_local! {
    static DIRECTORY: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Hands out a directory, the same for all inputs: making one for each would take the most time.
pub fn in_directory(work: impl FnOnce(&Path)) {
    DIRECTORY.with(|directory| {
        work(
            directory
                .get_or_init(|| tempfile::tempdir().expect("a directory"))
                .path(),
        );
    });
}

/// Surroundings without anything in them: no home, no programs, no configuration of the system.
pub fn environment(directory: &Path) -> Environment {
    Environment {
        uid: 1000,
        home: None,
        vars: BTreeMap::from([("PATH".into(), "/nonexistent".into())]),
        root: directory.join("root"),
    }
}

/// Opens a store that needs nothing of the machine.
pub fn store(directory: &Path) -> Store {
    let mut options = StoreOptions::new(directory.join("store"));
    options.driver = Some(DriverKind::Vfs);
    Store::open(&options).expect("a store")
}

/// Brings an image of uncompressed layers into a store.
pub fn import(store: &Store, tars: &[Vec<u8>]) -> Result<ImageRecord, StoreError> {
    let wanted: Vec<WantedLayer> = tars
        .iter()
        .map(|tar| {
            let blob = Digest::sha256(tar);
            WantedLayer {
                blob,
                diff_id: DiffId(blob),
                size: tar.len() as u64,
            }
        })
        .collect();
    let diff_ids: Vec<_> = wanted.iter().map(|layer| layer.diff_id).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string().into_bytes();
    let layers: Vec<_> = wanted
        .iter()
        .map(|layer| {
            json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer.blob, "size": layer.size,
            })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::sha256(&config), "size": config.len(),
        },
        "layers": layers,
    });
    let manifest = RawManifest::parse(manifest.to_string().into_bytes(), None).expect("a manifest");

    let transaction = store.begin(&wanted, &|_| {})?;
    for place in transaction.missing() {
        transaction.import_layer(place, tars[place].as_slice(), Compression::None, &|_| {})?;
    }
    let (image, _) = transaction.commit(NewImage {
        trusted: TrustedManifest::local_result(manifest, "a fuzz target"),
        config,
        signatures: Vec::new(),
        names: vec![Reference::parse("fuzz:latest").expect("a name")],
        aliases: Vec::new(),
        origin: "a fuzz target".to_owned(),
        now: "2026-01-01T00:00:00Z".to_owned(),
    })?;
    Ok(image)
}
