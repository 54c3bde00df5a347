//! Images made in memory, and a walker that knows nothing of the store.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

use archive::testing::{RawHeader, TarBuilder};
use oci::{Compression, DiffId, Digest, RawManifest, Reference};
use signing::TrustedManifest;
use tempfile::TempDir;

use crate::{DriverKind, ImageRecord, NewImage, Result, Store, StoreOptions, Totals, WantedLayer};

/// An image and the blobs of its layers.
pub(crate) struct TestImage {
    pub(crate) manifest: RawManifest,
    pub(crate) config: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) wanted: Vec<WantedLayer>,
}

pub(crate) fn image_of(tars: &[Vec<u8>]) -> TestImage {
    image_claiming(tars, Digest::sha256)
}

/// An image whose configuration names the diff ids that `claim` makes up.
pub(crate) fn image_claiming(tars: &[Vec<u8>], claim: impl Fn(&[u8]) -> Digest) -> TestImage {
    let blobs = tars
        .iter()
        .map(|tar| zstd::encode_all(tar.as_slice(), 1).unwrap())
        .collect();
    let diff_ids = tars.iter().map(|tar| DiffId(claim(tar))).collect();
    image_with(diff_ids, blobs)
}

/// An image of layers that were compressed already.
pub(crate) fn image_with(diff_ids: Vec<DiffId>, blobs: Vec<Vec<u8>>) -> TestImage {
    let config = serde_json::to_vec(&serde_json::json!({
        "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
        "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }))
    .unwrap();
    let wanted: Vec<WantedLayer> = blobs
        .iter()
        .zip(diff_ids)
        .map(|(blob, diff_id)| WantedLayer {
            blob: Digest::sha256(blob),
            diff_id,
            size: blob.len() as u64,
        })
        .collect();
    let layers: Vec<_> = wanted
        .iter()
        .map(|layer| {
            serde_json::json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
                "digest": layer.blob, "size": layer.size,
            })
        })
        .collect();
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": Digest::sha256(&config), "size": config.len()},
        "layers": layers,
    }))
    .unwrap();
    TestImage {
        manifest: RawManifest::parse(manifest, None).unwrap(),
        config,
        blobs,
        wanted,
    }
}

pub(crate) fn new_image(image: &TestImage, name: &str) -> NewImage {
    NewImage {
        trusted: TrustedManifest::local_result(image.manifest.clone(), "a test"),
        config: image.config.clone(),
        signatures: vec![signing::Signature::Simple(vec![0x90, 1, 2, 3])],
        names: vec![Reference::parse(name).unwrap()],
        aliases: Vec::new(),
        origin: "a test".to_owned(),
        now: "2026-01-01T00:00:00Z".to_owned(),
    }
}

pub(crate) fn pull(store: &Store, image: &TestImage, name: &str) -> Result<(ImageRecord, Totals)> {
    let transaction = store.begin(&image.wanted, &|_| {})?;
    for place in transaction.missing() {
        transaction.import_layer(
            place,
            image.blobs[place].as_slice(),
            Compression::Zstd,
            &|_| {},
        )?;
    }
    transaction.commit(new_image(image, name))
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A new store; `None` with a printed reason when the machine lacks the driver.
pub(crate) fn store_with(driver: DriverKind) -> Option<(TempDir, Store)> {
    let dir = tempfile::tempdir().unwrap();
    let mut options = StoreOptions::new(dir.path().join("store"));
    options.driver = Some(driver);
    match Store::open(&options) {
        Ok(store) => Some((dir, store)),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

pub(crate) fn store() -> (TempDir, Store) {
    store_with(DriverKind::Vfs).unwrap()
}

/// Content of `size` bytes that differs by `seed`.
pub(crate) fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

/// A layer with every kind of file.
pub(crate) fn rich_layer() -> Vec<u8> {
    TarBuilder::new()
        .entry(&RawHeader::dir("./").mode(0o755).mtime(1_600_000_000), b"")
        .entry(
            &RawHeader::dir("etc/")
                .mode(0o750)
                .uid(3)
                .gid(4)
                .mtime(1_500_000_000),
            b"",
        )
        .file("etc/small", b"hello\n")
        .file("etc/empty", b"")
        .entry(
            &RawHeader::file("etc/big", 5000)
                .mode(0o640)
                .uid(7)
                .mtime(1_234_567_890),
            &content(1, 5000),
        )
        .entry(
            &RawHeader::file("usr/bin/su", 100).mode(0o4755),
            &content(2, 100),
        )
        .file("usr/lib/large", &content(3, (1 << 20) + 4321))
        .hardlink("usr/lib/link", "usr/lib/large")
        .hardlink("etc/other-small", "etc/small")
        .symlink("bin", "usr/bin")
        .symlink("usr/lib/absolute", "/etc/big")
        .entry(&RawHeader::device(b'3', "dev/null", 1, 3).mode(0o666), b"")
        .entry(
            &RawHeader::device(b'4', "dev/sda300", 259, 300).mode(0o660),
            b"",
        )
        .entry(&RawHeader::fifo("run/pipe").mode(0o600), b"")
        .pax(&[
            ("mtime", b"1700000000.123456789"),
            ("SCHILY.xattr.user.comment", b"a value"),
            ("SCHILY.xattr.security.capability", &CAPABILITY),
        ])
        .entry(
            &RawHeader::file("usr/bin/ping", 300).mode(0o755),
            &content(4, 300),
        )
        .entry(&RawHeader::dir("tmp/").mode(0o1777), b"")
        .file("00", b"a name that composefs's tree uses for itself")
        .end()
}

/// cap_net_raw=ep, version 2.
const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// All that a walker sees of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) mtime: (i64, i64),
    pub(crate) device: (u32, u32),
    pub(crate) content: Vec<u8>,
    /// The first path of the same file.
    pub(crate) same_as: String,
    pub(crate) xattrs: Vec<(String, Vec<u8>)>,
}

/// Walks a directory by lstat alone; the root is ``.
pub(crate) fn walk(root: &Path) -> BTreeMap<String, Seen> {
    let mut all = BTreeMap::new();
    let mut first: BTreeMap<u64, String> = BTreeMap::new();
    let mut queue = std::collections::BTreeSet::from([String::new()]);
    while let Some(name) = queue.pop_first() {
        let path = root.join(&name);
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut found = Vec::new();
        if meta.is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                let entry = entry.unwrap().file_name().into_string().unwrap();
                queue.insert(if name.is_empty() {
                    entry
                } else {
                    format!("{name}/{entry}")
                });
            }
        } else if meta.is_file() {
            found = fs::read(&path).unwrap();
        } else if meta.is_symlink() {
            found = fs::read_link(&path)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .to_vec();
        }
        let same_as = if meta.is_dir() || meta.nlink() == 1 {
            name.clone()
        } else {
            first
                .entry(meta.ino())
                .or_insert_with(|| name.clone())
                .clone()
        };
        let xattrs = sys::xattr::llistxattr(&path)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name.into_string().unwrap(), value))
            .filter(|(name, _)| !name.starts_with("trusted.overlay."))
            .collect();
        all.insert(
            name,
            Seen {
                mode: meta.mode(),
                owner: (meta.uid(), meta.gid()),
                mtime: (meta.mtime(), meta.mtime_nsec()),
                device: if meta.is_file() || meta.is_dir() || meta.is_symlink() {
                    (0, 0)
                } else {
                    (
                        rustix::fs::major(meta.rdev()),
                        rustix::fs::minor(meta.rdev()),
                    )
                },
                content: found,
                same_as,
                xattrs,
            },
        );
    }
    all
}

/// Every file of a directory with its size, to see whether anything was left behind.
pub(crate) fn files_below(root: &Path) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    let mut queue = vec![root.to_owned()];
    while let Some(dir) = queue.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                queue.push(entry.path());
            } else {
                let name = entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .display()
                    .to_string();
                all.push((name, entry.metadata().unwrap().len()));
            }
        }
    }
    all.sort();
    all
}
