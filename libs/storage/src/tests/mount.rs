//! Mounts, seen by a walker that knows nothing of the store.

use std::{fs, process::Command};

use archive::testing::{RawHeader, TarBuilder};

use super::kit::{Seen, content, image_of, is_root, pull, rich_layer, store, store_with, walk};
use crate::{DriverKind, GcOptions, MountOptions, NewContainer, Store, StoreError, StoreOptions};

fn upper_layer() -> Vec<u8> {
    TarBuilder::new()
        .file("etc/.wh.small", b"")
        .entry(&RawHeader::dir("run/").mode(0o711).uid(9), b"")
        .file("usr/lib/.wh..wh..opq", b"")
        .file("usr/lib/new", &content(20, 4096))
        .file("bin/sh", b"the link is a directory now")
        .file("-", &content(21, 65))
        .symlink("sbin", "usr/sbin")
        .end()
}

fn both() -> Option<(tempfile::TempDir, Store, tempfile::TempDir, Store)> {
    if !is_root() {
        println!("skipped: needs root");
        return None;
    }
    let (one_dir, one) = store_with(DriverKind::Composefs)?;
    let (other_dir, other) = store_with(DriverKind::Vfs)?;
    Some((one_dir, one, other_dir, other))
}

fn assert_same(
    one: &std::collections::BTreeMap<String, Seen>,
    other: &std::collections::BTreeMap<String, Seen>,
) {
    for (path, seen) in one {
        assert_eq!(Some(seen), other.get(path), "{path}");
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn privileged_drivers_give_one_tree() {
    let Some((_one_dir, one, _other_dir, other)) = both() else {
        return;
    };
    let image = image_of(&[rich_layer(), upper_layer()]);
    let mut trees = Vec::new();
    for store in [&one, &other] {
        let (record, _) = pull(store, &image, "a").unwrap();
        let mount = store
            .mount_image(&record, &MountOptions::default())
            .unwrap();
        trees.push(walk(&mount.path));
        let listed = store.mounts().unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].image.as_ref(), Some(&record.manifest));
        let target = mount.path.join("nope");
        assert!(fs::write(target, "x").is_err());
        assert!(matches!(
            store.remove_image("a"),
            Err(StoreError::InUse { .. })
        ));
        let options = sys::mountinfo::below(&mount.path)
            .unwrap()
            .pop()
            .unwrap()
            .options;
        for wanted in ["ro", "nosuid", "nodev"] {
            assert!(
                options.split(',').any(|option| option == wanted),
                "{options}"
            );
        }
        store.umount(&mount.id).unwrap();
        assert!(!mount.path.exists());

        let new = NewContainer {
            image: "a".to_owned(),
            ..Default::default()
        };
        let container = store.create_container(&new).unwrap();
        let mount = store.mount_container(&container.id).unwrap();
        trees.push(walk(&mount.path));
        fs::write(mount.path.join("etc/big"), "changed").unwrap();
        fs::remove_dir_all(mount.path.join("usr")).unwrap();
        let changes: Vec<(String, crate::diff::ChangeKind)> = store
            .container_changes(&container)
            .unwrap()
            .into_iter()
            .map(|change| (String::from_utf8(change.path).unwrap(), change.kind))
            .collect();
        assert_eq!(
            changes,
            [
                ("etc/big".to_owned(), crate::diff::ChangeKind::Changed),
                ("usr".to_owned(), crate::diff::ChangeKind::Deleted),
            ]
        );
        store.remove_container(&container.id).unwrap();
        assert_eq!(store.mounts().unwrap(), []);
        store.remove_image("a").unwrap();
        store.gc(&Default::default()).unwrap();
        assert!(store.fsck(&Default::default()).unwrap().is_clean());
    }
    for tree in &trees[1..] {
        assert_same(&trees[0], tree);
    }
    // What the layers say, checked by hand.
    let tree = &trees[0];
    let keys: Vec<&str> = tree.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "",
            "-",
            "00",
            "bin",
            "bin/sh",
            "dev",
            "dev/null",
            "dev/sda300",
            "etc",
            "etc/big",
            "etc/empty",
            "etc/other-small",
            "run",
            "run/pipe",
            "sbin",
            "tmp",
            "usr",
            "usr/bin",
            "usr/bin/ping",
            "usr/bin/su",
            "usr/lib",
            "usr/lib/new",
        ]
    );
    assert_eq!(tree["usr/bin/su"].mode & 0o7777, 0o4755);
    assert_eq!(tree["tmp"].mode & 0o7777, 0o1777);
    assert_eq!(tree["dev/null"].device, (1, 3));
    assert_eq!(tree["dev/sda300"].device, (259, 300));
    assert_eq!(tree["usr/bin/ping"].mtime, (1_700_000_000, 123_456_789));
    assert_eq!(tree["etc"].owner, (3, 4));
    assert_eq!(tree["etc"].mtime, (1_500_000_000, 0));
    assert_eq!(tree[""].mtime, (1_600_000_000, 0));
    let names: Vec<&str> = tree["usr/bin/ping"]
        .xattrs
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["security.capability", "user.comment"]);
}

/// A renamed directory has its entries in the image alone, under the old name.
#[test]
fn privileged_changes_list_what_is_in_renamed_directories() {
    let Some((_one_dir, one, _other_dir, other)) = both() else {
        return;
    };
    let layer = TarBuilder::new()
        .dir("etc/")
        .file("etc/a", b"a")
        .file("etc/b", b"b")
        .dir("etc/sub/")
        .file("etc/sub/c", b"c")
        .dir("var/")
        .file("var/d", b"d")
        .end();
    for store in [&one, &other] {
        pull(store, &image_of(std::slice::from_ref(&layer)), "a").unwrap();
        let container = store
            .create_container(&NewContainer {
                image: "a".to_owned(),
                ..Default::default()
            })
            .unwrap();
        let root = store.mount_container(&container.id).unwrap().path;
        fs::rename(root.join("etc"), root.join("etc2")).unwrap();
        fs::remove_file(root.join("etc2/b")).unwrap();
        fs::write(root.join("etc2/new"), "new").unwrap();
        fs::rename(root.join("etc2/sub"), root.join("var/moved")).unwrap();
        store.umount_container(&container.id).unwrap();
        let changes: Vec<String> = store
            .container_changes(&container)
            .unwrap()
            .into_iter()
            .map(|it| format!("{:?} {}", it.kind, String::from_utf8_lossy(&it.path)))
            .collect();
        assert_eq!(
            changes,
            [
                "Deleted etc",
                "Added etc2",
                "Added etc2/a",
                "Added etc2/new",
                "Added var/moved",
                "Added var/moved/c",
            ],
            "{}",
            store.driver()
        );
    }
}

/// GNU tar unpacks a layer without whiteouts; the tree is the same.
#[test]
fn privileged_tree_is_that_of_gnu_tar() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let Some((_dir, store)) = store_with(DriverKind::Composefs) else {
        return;
    };
    let layer = rich_layer();
    let (record, _) = pull(&store, &image_of(std::slice::from_ref(&layer)), "a").unwrap();
    let mount = store
        .mount_image(&record, &MountOptions::default())
        .unwrap();
    let ours = walk(&mount.path);
    store.umount(mount.path.to_str().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tar = dir.path().join("layer.tar");
    fs::write(&tar, layer).unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let status = Command::new("tar")
        .args([
            "--xattrs",
            "--xattrs-include=*",
            "--numeric-owner",
            "--delay-directory-restore",
            "-xpf",
        ])
        .arg(&tar)
        .arg("-C")
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    let mut theirs = walk(&out);
    for (path, seen) in &ours {
        let mut other = theirs.remove(path).unwrap();
        // tar gives directories that no layer names the time now.
        if seen.mtime == (0, 0) && seen.mode & 0o170_000 == 0o040_000 {
            other.mtime = (0, 0);
        }
        assert_eq!(*seen, other, "{path}");
    }
    assert!(theirs.is_empty(), "{theirs:?}");
}

/// Without a mount and without root: files come out as they are.
#[test]
fn extracting_needs_no_mount() {
    let (_dir, store) = store();
    let (record, _) = pull(&store, &image_of(&[rich_layer()]), "a").unwrap();
    let tree = store.tree(&record).unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("usr");
    tree.extract("usr".as_ref(), &target, &false.into())
        .unwrap();
    assert_eq!(
        fs::read(target.join("lib/large")).unwrap(),
        content(3, (1 << 20) + 4321)
    );
    assert_eq!(walk(&target)["lib/link"].same_as, "lib/large");
    assert!(
        tree.extract("etc/big".as_ref(), &out.path().join("x"), &false.into())
            .is_err()
    );
    assert!(!out.path().join("x").exists());
    let stopped = tree.extract("".as_ref(), &out.path().join("x"), &true.into());
    assert!(matches!(stopped, Err(StoreError::Interrupted)));
    assert!(!out.path().join("x").exists());
}

/// A directory that a kill left half full is filled again, and nobody else's is touched.
#[test]
fn half_a_directory_is_not_taken_for_the_whole() {
    let (_dir, store) = store();
    let (record, _) = pull(&store, &image_of(&[rich_layer()]), "a").unwrap();
    let tree = store.tree(&record).unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("x");
    let part = out.path().join(".x.storetool-part");
    let extract = || tree.extract("etc".as_ref(), &target, &false.into());
    let names = || {
        let names = fs::read_dir(out.path()).unwrap();
        names.count()
    };

    fs::create_dir_all(part.join("deep/er")).unwrap();
    fs::write(part.join("deep/half"), "x").unwrap();
    extract().unwrap();
    assert!(target.join("small").exists() && !target.join("deep").exists());
    assert_eq!(names(), 1);
    assert!(matches!(extract(), Err(StoreError::Io { .. })));

    fs::remove_dir_all(&target).unwrap();
    fs::create_dir(&part).unwrap();
    let other = fs::File::open(&part).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(matches!(extract(), Err(StoreError::InUse { .. })));
    assert!(part.exists());
    drop(other);

    fs::remove_dir(&part).unwrap();
    fs::create_dir_all(out.path().join("theirs/kept")).unwrap();
    std::os::unix::fs::symlink("theirs", &part).unwrap();
    assert!(extract().is_err());
    assert!(out.path().join("theirs/kept").exists() && !target.exists());
}

#[test]
fn holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;

    let (_dir, store) = store();
    let (size, data) = (64_u64 << 20, content(5, 4096));
    let map = [(8192, 2048), (size - 2048, 2048)];
    let layer = TarBuilder::new()
        .gnu_sparse("sparse", &map, size, &data)
        .end();
    let (record, _) = pull(&store, &image_of(&[layer]), "a").unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out");
    let tree = store.tree(&record).unwrap();
    tree.extract("".as_ref(), &target, &false.into()).unwrap();
    let meta = fs::metadata(target.join("sparse")).unwrap();
    assert_eq!(meta.len(), size);
    assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
    let read = fs::read(target.join("sparse")).unwrap();
    assert_eq!(read[8192..8192 + 2048], data[..2048]);
    assert_eq!(read[read.len() - 2048..], data[2048..]);
    let zeros = read.iter().filter(|byte| **byte == 0).count();
    assert!(zeros as u64 >= size - 4096);
}

#[test]
fn trees_differ_where_layers_changed_them() {
    let (_dir, store) = store();
    let (one, _) = pull(&store, &image_of(&[rich_layer()]), "a").unwrap();
    let (other, _) = pull(&store, &image_of(&[rich_layer(), upper_layer()]), "b").unwrap();
    let (one, other) = (store.tree(&one).unwrap(), store.tree(&other).unwrap());
    assert_eq!(crate::diff::trees(&one, &one), []);
    let changes: Vec<String> = crate::diff::trees(&one, &other)
        .into_iter()
        .map(|change| {
            format!(
                "{:?} {}",
                change.kind,
                String::from_utf8(change.path).unwrap()
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            "Added -",
            "Changed bin",
            "Added bin/sh",
            "Deleted etc/small",
            "Changed run",
            "Added sbin",
            "Deleted usr/lib/absolute",
            "Deleted usr/lib/large",
            "Deleted usr/lib/link",
            "Added usr/lib/new",
        ]
    );
}

/// What the file system can not keep: ext4 knows no time after 2446, and has 4 KiB for attributes.
#[test]
fn what_a_copy_lacks_is_said_and_not_missed() {
    let (_dir, store) = store();
    let late = TarBuilder::new()
        .pax(&[("mtime", b"32503680000")])
        .file("late", b"x")
        .end();
    let (record, _) = pull(&store, &image_of(&[late]), "late").unwrap();
    let mount = store
        .mount_image(&record, &MountOptions::default())
        .unwrap();
    let new = NewContainer {
        image: "late".to_owned(),
        ..Default::default()
    };
    let container = store.create_container(&new).unwrap();
    let there = walk(&mount.path)["late"].mtime.0;
    let words = "1 files have another time, as the file system can not keep theirs";
    let notes = match there {
        32_503_680_000 => vec![],
        _ => vec![words.to_owned()],
    };
    assert_eq!(mount.notes, notes);
    assert_eq!(container.notes, notes);
    let again = store.container(&container.id).unwrap();
    assert_eq!(again.notes, notes);
    assert_eq!(store.mount_container(&container.id).unwrap().notes, notes);
    assert!(store.fsck(&Default::default()).unwrap().is_clean());
    if is_root() {
        store.umount(&mount.id).unwrap();
    }

    let many = TarBuilder::new()
        .pax(&[("SCHILY.xattr.user.many", &[b'x'; 60_000])])
        .file("many", b"x")
        .end();
    pull(&store, &image_of(&[many]), "many").unwrap();
    let made = store.create_container(&NewContainer {
        image: "many".to_owned(),
        ..Default::default()
    });
    match made {
        // XFS and others keep them, some know no such attributes.
        Ok(container) => println!("not refused: {:?}", container.notes),
        Err(error) => assert!(
            matches!(&error, StoreError::Attributes { path } if path.ends_with("many")),
            "{error}"
        ),
    }
}

/// A container with a file that can not be removed, and one in which something is mounted.
#[test]
fn what_can_not_be_removed_keeps_nobody_from_work() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let (dir, store) = store();
    pull(&store, &image_of(&[rich_layer()]), "a").unwrap();
    let create = |name: &str| {
        let new = NewContainer {
            image: "a".to_owned(),
            name: Some(name.to_owned()),
            ..Default::default()
        };
        store.create_container(&new).unwrap();
        store.mount_container(name).unwrap().path
    };
    let run = |program: &str, args: &[&std::ffi::OsStr]| {
        let status = Command::new(program).args(args).status();
        status.is_ok_and(|status| status.success())
    };
    let host = dir.path().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("precious"), "x").unwrap();
    let point = create("mounted").join("tmp");
    if !run("mount", &["--bind".as_ref(), host.as_ref(), point.as_ref()]) {
        println!("skipped: mounting is not allowed here");
        return;
    }
    let error = store.remove_container("mounted").unwrap_err();
    assert!(
        matches!(&error, StoreError::InUse { by, .. } if by[0].ends_with("/rootfs/tmp")),
        "{error}"
    );
    assert!(run("umount", &[point.as_ref()]));
    store.remove_container("mounted").unwrap();
    assert!(host.join("precious").exists());

    let file = create("immutable").join("etc/big");
    if !run("chattr", &["+i".as_ref(), file.as_ref()]) {
        println!("skipped: the file system has no immutable files");
        return;
    }
    let said = store.remove_container("immutable").unwrap_err();
    assert!(matches!(said, StoreError::Io { .. }), "{said}");
    assert_eq!(store.containers().unwrap(), []);
    let store = Store::open(&StoreOptions::new(store.root())).unwrap();
    let notes = store.gc(&GcOptions::default()).unwrap().notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("Operation not permitted"), "{notes:?}");
    let left = fs::read_dir(store.layout().staging()).unwrap().next();
    let left = left.unwrap().unwrap().path();
    // It fails on devices, which have no such flag.
    run("chattr", &["-Rf".as_ref(), "-i".as_ref(), left.as_ref()]);
    assert_eq!(store.gc(&GcOptions::default()).unwrap().notes, [""; 0]);
    assert!(!left.exists());
}
