//! Every way to mount a tree that some kernel needs, tried on this one.

use std::{fs, path::Path, time::Duration};

use super::kit::{image_of, is_root, pull, rich_layer, walk};
use crate::{
    DriverKind, MountOptions, NewContainer, Store, StoreError, StoreOptions,
    driver::{ErofsWay, OverlayWay, Way, Ways, probe},
};

const EROFS: [&[ErofsWay]; 2] = [&[ErofsWay::File], &[ErofsWay::Loop]];
const OVERLAY: [&[OverlayWay]; 3] = [
    &[OverlayWay::Descriptors],
    &[OverlayWay::DataPath],
    &[OverlayWay::PlainPath],
];
/// A kernel that can do nothing of it.
const OLD: Ways = Ways {
    erofs: &[],
    overlay: &[],
};

fn open(dir: &Path, driver: Option<DriverKind>, ways: Ways) -> crate::Result<Store> {
    let mut options = StoreOptions::new(dir.join("store"));
    options.driver = driver;
    Store::open_with(&options, ways)
}

/// The files below `dir` that loop devices are bound to.
fn loop_devices(dir: &Path) -> Vec<String> {
    let mut bound = Vec::new();
    for device in fs::read_dir("/sys/block").unwrap() {
        let file = device.unwrap().path().join("loop/backing_file");
        let backing = fs::read_to_string(file).unwrap_or_default();
        if Path::new(backing.trim()).starts_with(dir) {
            bound.push(backing);
        }
    }
    bound
}

fn assert_nothing_left(dir: &Path, way: &str) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let dir_text = dir.to_str().unwrap();
    assert!(!table.contains(dir_text), "{way}: {table}");
    // The kernel frees a loop device soon after its last user.
    for _ in 0..100 {
        if loop_devices(dir).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{way}: {:?}", loop_devices(dir));
}

#[test]
fn privileged_every_way_gives_one_tree() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let upper = archive::testing::TarBuilder::new()
        .file("etc/.wh.small", b"")
        .hardlink("lower", "etc/big")
        // A name as in `objects/`.
        .file("5d", b"y")
        .end();
    let image = image_of(&[rich_layer(), upper]);
    let mut best = None;
    for erofs in EROFS {
        for overlay in OVERLAY {
            let ways = Ways { erofs, overlay };
            let dir = tempfile::tempdir().unwrap();
            let way = match probe(dir.path(), false, ways) {
                Ok(way) => way,
                Err(error) => {
                    println!("skipped: {erofs:?} {overlay:?}: {error}");
                    continue;
                }
            };
            assert_eq!(way, Way(erofs[0], overlay[0]));
            let name = way.to_string();
            let store = open(dir.path(), Some(DriverKind::Composefs), ways).unwrap();
            assert_eq!(store.driver_words(), format!("composefs: {name}"));
            let (record, _) = pull(&store, &image, "a").unwrap();
            let mount = store
                .mount_image(&record, &MountOptions::default())
                .unwrap();
            let looked = walk(&mount.path);
            assert!(fs::write(mount.path.join("x"), "x").is_err());
            store.umount(&mount.id).unwrap();

            let container = store
                .create_container(&NewContainer {
                    image: "a".to_owned(),
                    ..Default::default()
                })
                .unwrap();
            let mount = store.mount_container(&container.id).unwrap();
            let seen = walk(&mount.path);
            assert_eq!(looked, seen, "{name}");
            assert_eq!(best.get_or_insert_with(|| seen.clone()), &seen, "{name}");
            fs::write(mount.path.join("etc/big"), "changed").unwrap();
            fs::remove_dir_all(mount.path.join("usr")).unwrap();
            assert_eq!(fs::read(mount.path.join("etc/big")).unwrap(), b"changed");
            let changes = store.container_changes(&container).unwrap();
            let changed: Vec<String> = (changes.iter())
                .map(|change| {
                    let path = String::from_utf8_lossy(&change.path);
                    format!("{:?} {path}", change.kind)
                })
                .collect();
            // The hard link is copied up alone with the name that was written through.
            assert!(
                changed.contains(&"Changed etc/big".to_owned()),
                "{changed:?}"
            );
            assert!(changed.contains(&"Deleted usr".to_owned()), "{changed:?}");
            store.remove_container(&container.id).unwrap();
            assert_eq!(fs::read_dir(store.layout().mounts()).unwrap().count(), 0);
            assert_nothing_left(dir.path(), &name);
        }
    }
}

/// Without data-only layers the objects would show through a directory of such a name.
#[test]
fn privileged_objects_never_show() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let id = crate::ObjectId::of(&super::kit::content(1, 5000));
    let top = id.hex()[..2].to_owned();
    let image = archive::testing::TarBuilder::new()
        .dir(format!("{top}/"))
        .file(format!("{top}/own"), b"x")
        .file("big", &super::kit::content(1, 5000))
        .end();
    for overlay in OVERLAY {
        let ways = Ways {
            erofs: Ways::ALL.erofs,
            overlay,
        };
        let dir = tempfile::tempdir().unwrap();
        let Ok(store) = open(dir.path(), Some(DriverKind::Composefs), ways) else {
            println!("skipped: {overlay:?}");
            continue;
        };
        let (record, _) = pull(&store, &image_of(std::slice::from_ref(&image)), "a").unwrap();
        let mounted = store.mount_image(&record, &MountOptions::default());
        if overlay[0] == OverlayWay::PlainPath {
            let error = mounted.unwrap_err().to_string();
            assert!(error.contains("would be merged"), "{error}");
        } else {
            let mount = mounted.unwrap();
            let entries = fs::read_dir(mount.path.join(&top)).unwrap();
            assert_eq!(entries.count(), 1, "{overlay:?}");
            store.umount(&mount.id).unwrap();
        }
        assert_eq!(fs::read_dir(store.layout().mounts()).unwrap().count(), 0);
        assert_nothing_left(dir.path(), "one way");
    }
}

#[test]
fn an_old_kernel_gets_copies_and_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), None, OLD).unwrap();
    assert_eq!(store.driver(), DriverKind::Vfs);
    assert_eq!(store.fell_back(), Some("no way is allowed"));
    let words = "vfs: composefs did not work here: no way is allowed";
    assert_eq!(store.driver_words(), words);
    pull(&store, &image_of(&[rich_layer()]), "a").unwrap();
    // Told once; the reason stays to be asked for, and the driver stays.
    let store = open(dir.path(), None, Ways::ALL).unwrap();
    assert_eq!((store.fell_back(), store.driver()), (None, DriverKind::Vfs));
    assert_eq!(store.driver_words(), words);

    let asked = tempfile::tempdir().unwrap();
    let store = open(asked.path(), Some(DriverKind::Vfs), Ways::ALL).unwrap();
    assert_eq!(store.fell_back(), None);
    assert_eq!(store.driver_words(), "vfs: as it was asked for");

    let refused = tempfile::tempdir().unwrap();
    assert!(matches!(
        open(refused.path(), Some(DriverKind::Composefs), OLD),
        Err(StoreError::NoComposefs { .. })
    ));
}
