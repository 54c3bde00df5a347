//! Layers into one tree, by the rules of `merge`.

use archive::testing::{RawHeader, TarBuilder};

use super::kit::{image_of, pull, store};
use crate::{StoreError, TreeRule, tree::Kind};

/// The paths of the merged tree: a directory ends with `/`, a small file shows its content.
fn paths(tars: &[Vec<u8>]) -> crate::Result<Vec<String>> {
    let (_dir, store) = store();
    let (image, _) = pull(&store, &image_of(tars), "a")?;
    let tree = store.tree(&image)?;
    let mut paths: Vec<String> = tree
        .walk()
        .skip(1)
        .map(|entry| {
            let path = String::from_utf8(entry.path()).unwrap();
            match entry.kind() {
                Kind::Directory(_) => format!("{path}/"),
                Kind::Inline(bytes) => format!("{path}={}", String::from_utf8_lossy(bytes)),
                Kind::Symlink(target) => format!("{path}->{}", String::from_utf8_lossy(target)),
                _ => path,
            }
        })
        .collect();
    paths.sort();
    Ok(paths)
}

fn tar() -> TarBuilder {
    TarBuilder::new()
}

#[test]
fn whiteouts_hide_lower_layers_alone() {
    let lower = || {
        tar()
            .file("d/a", b"1")
            .file("d/b", b"2")
            .file("x", b"3")
            .symlink("l", "d")
            .end()
    };
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (
            "a file",
            tar().file(".wh.x", b"").end(),
            &["d/", "d/a=1", "d/b=2", "l->d"],
        ),
        (
            "a directory",
            tar().file(".wh.d", b"").end(),
            &["l->d", "x=3"],
        ),
        (
            "within a directory",
            tar().file("d/.wh.a", b"").end(),
            &["d/", "d/b=2", "l->d", "x=3"],
        ),
        (
            "made again, whiteout first",
            tar().file(".wh.d", b"").file("d/c", b"4").end(),
            &["d/", "d/c=4", "l->d", "x=3"],
        ),
        (
            "made again, whiteout last",
            tar().file("d/c", b"4").file(".wh.d", b"").end(),
            &["d/", "d/c=4", "l->d", "x=3"],
        ),
        (
            "opaque first",
            tar().file("d/.wh..wh..opq", b"").file("d/c", b"4").end(),
            &["d/", "d/c=4", "l->d", "x=3"],
        ),
        (
            "opaque last",
            tar().file("d/c", b"4").file("d/.wh..wh..opq", b"").end(),
            &["d/", "d/c=4", "l->d", "x=3"],
        ),
        (
            "opaque root",
            tar().file("n", b"5").file(".wh..wh..opq", b"").end(),
            &["n=5"],
        ),
        (
            "of nothing",
            tar().file(".wh.nothing", b"").end(),
            &["d/", "d/a=1", "d/b=2", "l->d", "x=3"],
        ),
        (
            "below a lower symlink",
            tar().file("l/.wh.a", b"").end(),
            &["d/", "d/a=1", "d/b=2", "l/", "x=3"],
        ),
    ];
    for (name, upper, want) in cases {
        assert_eq!(paths(&[lower(), upper]).unwrap(), want, "{name}");
    }
}

#[test]
fn entries_over_lower_layers() {
    let lower = || {
        tar()
            .entry(&RawHeader::dir("d/").mode(0o700), b"")
            .file("d/a", b"1")
            .file("f", b"2")
            .symlink("l", "d")
            .end()
    };
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (
            "below a symlink",
            tar().file("l/n", b"3").end(),
            &["d/", "d/a=1", "f=2", "l/", "l/n=3"],
        ),
        (
            "below a file",
            tar().file("f/n", b"3").end(),
            &["d/", "d/a=1", "f/", "f/n=3", "l->d"],
        ),
        (
            "a file over a directory",
            tar().file("d", b"3").end(),
            &["d=3", "f=2", "l->d"],
        ),
        (
            "a directory over a file",
            tar().dir("f/").end(),
            &["d/", "d/a=1", "f/", "l->d"],
        ),
        (
            "a directory over a directory",
            tar().dir("d/").end(),
            &["d/", "d/a=1", "f=2", "l->d"],
        ),
        (
            "a directory over a symlink",
            tar().dir("l/").end(),
            &["d/", "d/a=1", "f=2", "l/"],
        ),
        (
            "twice",
            tar().file("f", b"3").file("f", b"4").end(),
            &["d/", "d/a=1", "f=4", "l->d"],
        ),
    ];
    for (name, upper, want) in cases {
        assert_eq!(paths(&[lower(), upper]).unwrap(), want, "{name}");
    }
}

#[test]
fn implied_parents_are_of_root_and_0755() {
    let (_dir, store) = store();
    let layer = tar()
        .entry(&RawHeader::file("a/b/f", 1).uid(5).gid(5), b"x")
        .end();
    let (image, _) = pull(&store, &image_of(&[layer]), "a").unwrap();
    let tree = store.tree(&image).unwrap();
    for path in ["", "a", "a/b"] {
        let meta = tree.lookup(path.as_ref(), false).unwrap().meta();
        assert_eq!(
            (meta.mode, meta.uid, meta.gid, meta.mtime_secs),
            (0o755, 0, 0, 0),
            "{path}"
        );
    }
}

#[test]
fn hard_links_need_a_target() {
    let lower = || tar().file("f", b"1").dir("d/").end();
    let cases: Vec<(&str, Vec<u8>, TreeRule)> = vec![
        (
            "to what its layer hides, marker first",
            tar().file(".wh.f", b"").hardlink("h", "f").end(),
            TreeRule::LinkTargetMissing,
        ),
        (
            "to what its layer hides, marker last",
            tar().hardlink("h", "f").file(".wh.f", b"").end(),
            TreeRule::LinkTargetMissing,
        ),
        (
            "to what its own path turns into a directory",
            tar().hardlink("f/h", "f").end(),
            TreeRule::LinkToDirectory,
        ),
        (
            "to a lower directory",
            tar().hardlink("h", "d").end(),
            TreeRule::LinkToDirectory,
        ),
        (
            "to a name below a lower file",
            tar().hardlink("h", "f/x").end(),
            TreeRule::LinkTargetMissing,
        ),
        (
            "and an entry below it",
            tar().hardlink("h", "f").file("h/x", b"2").end(),
            TreeRule::ParentIsNoDirectory,
        ),
        (
            "forward",
            tar().hardlink("h", "n").file("n", b"2").end(),
            TreeRule::LinkTargetMissing,
        ),
        (
            "to nothing",
            tar().hardlink("h", "none").end(),
            TreeRule::LinkTargetMissing,
        ),
        (
            "to a directory",
            tar().dir("e/").hardlink("h", "e").end(),
            TreeRule::LinkToDirectory,
        ),
        (
            "through a symlink",
            tar()
                .dir("e/")
                .file("e/f", b"2")
                .symlink("s", "e")
                .hardlink("h", "s/f")
                .end(),
            TreeRule::LinkTargetMissing,
        ),
        (
            "below a symlink of its own layer",
            tar().symlink("s", "d").file("s/f", b"2").end(),
            TreeRule::ParentIsNoDirectory,
        ),
    ];
    for (name, upper, want) in cases {
        match paths(&[lower(), upper]) {
            Err(StoreError::Tree { rule, .. }) => assert_eq!(rule, want, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(
        paths(&[tar()
            .symlink("s", "f")
            .hardlink("h", "s")
            .file("f", b"1")
            .hardlink("g", "f")
            .end()])
        .unwrap(),
        ["f=1", "g=1", "h->f", "s->f"]
    );
}

#[test]
fn hard_links_to_lower_layers_share_the_file() {
    let (_dir, store) = store();
    let lower = tar()
        .dir("d/")
        .entry(&RawHeader::file("d/a", 3).mode(0o640).uid(7), b"one")
        .file("other", b"2")
        .symlink("s", "other")
        .end();
    let middle = tar()
        .hardlink("b", "d/a")
        .hardlink("n/c", "b")
        .hardlink("t", "s")
        .hardlink("other", "d/a")
        .end();
    let upper = tar().file("d/a", b"new").end();
    let (image, _) = pull(&store, &image_of(&[lower, middle, upper]), "a").unwrap();
    let tree = store.tree(&image).unwrap();
    let entry = |path: &str| tree.lookup(path.as_ref(), false).unwrap();
    for path in ["b", "n/c", "other"] {
        let entry = entry(path);
        assert_eq!(
            entry.kind(),
            &Kind::Inline(b"one".as_slice().into()),
            "{path}"
        );
        assert_eq!((entry.links(), entry.meta().uid), (3, 7), "{path}");
    }
    assert_eq!(entry("d/a").links(), 1);
    assert_eq!(entry("t").inode_number(), entry("s").inode_number());
}

#[test]
fn replacing_one_name_leaves_the_other() {
    let lower = tar().file("a", b"1").hardlink("b", "a").end();
    let upper = tar().file("a", b"2").end();
    assert_eq!(paths(&[lower, upper]).unwrap(), ["a=2", "b=1"]);
}

#[test]
fn lookups_follow_links_within_the_image() {
    let (_dir, store) = store();
    let layer = tar()
        .file("etc/passwd", b"inside")
        .symlink("abs", "/etc/passwd")
        .symlink("up", "../../../etc")
        .symlink("loop", "loop")
        .end();
    let (image, _) = pull(&store, &image_of(&[layer]), "a").unwrap();
    let tree = store.tree(&image).unwrap();
    for path in ["abs", "up/passwd", "/etc/../etc/./passwd", "//etc//passwd"] {
        let entry = tree.lookup(path.as_ref(), true).unwrap();
        assert_eq!(
            std::io::read_to_string(entry.open().unwrap()).unwrap(),
            "inside",
            "{path}"
        );
    }
    for path in ["loop", "none", "etc/passwd/x"] {
        assert!(
            tree.lookup(path.as_ref(), true).unwrap_err().is_not_found(),
            "{path}"
        );
    }
}

#[test]
fn deep_trees_need_no_deep_stack() {
    let deep = "d/".repeat(1000);
    let (_dir, store) = store();
    let layer = tar()
        .pax(&[("path", format!("{deep}f").as_bytes())])
        .entry(&RawHeader::file("short", 1), b"x")
        .end();
    let (image, _) = pull(&store, &image_of(&[layer]), "a").unwrap();
    let tree = store.tree(&image).unwrap();
    assert_eq!(tree.len(), 1002);
    let target = tempfile::tempdir().unwrap();
    tree.extract("".as_ref(), &target.path().join("out"), &false.into())
        .unwrap();
    crate::remove::tree(&target.path().join("out")).unwrap();
}
