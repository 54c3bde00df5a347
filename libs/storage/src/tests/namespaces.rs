//! What another mount namespace has mounted stays, whatever ours does.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use archive::testing::TarBuilder;

use super::kit::{content, image_of, is_root, pull, store_with};
use crate::{DriverKind, GcOptions, MountOptions, NewContainer, StoreError};

/// A process with mounts of its own.
struct Holder(Child);

impl Holder {
    /// Starts it: it sees what is mounted now, does `setup` (a line for sh, `$1` to `$3`), and
    /// then waits. `None` where that is not allowed.
    fn start(setup: &str, args: [&Path; 3]) -> Option<Self> {
        // The mounts of other tests are let go at once.
        let script = format!(
            "awk '{{print $5}}' /proc/self/mountinfo | grep /store/ | grep -v \"^${{1%/store/*}}/\" \
             | xargs -r umount -l\n{setup}\necho ready; read go; cat \"$3\""
        );
        let mut child = Command::new("unshare")
            .args(["-m", "sh", "-euc", &script, "sh"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::with_capacity(1, child.stdout.as_mut()?)
            .read_line(&mut line)
            .ok()?;
        if line != "ready\n" {
            println!("skipped: no mount namespace can be made here");
            let _ = child.wait();
            return None;
        }
        Some(Self(child))
    }

    /// Returns what is in the file `$3` and ends the process.
    fn read(mut self) -> Vec<u8> {
        self.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
        let mut out = Vec::new();
        self.0.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert!(self.0.wait().unwrap().success());
        out
    }
}

fn layer() -> Vec<u8> {
    TarBuilder::new()
        .dir("etc/")
        .file("etc/big", &content(7, 9000))
        .end()
}

fn is_used_by(error: &StoreError, process: u32) -> bool {
    let words = format!("process {process} (sh)");
    matches!(error, StoreError::InUse { by, .. } if by.len() == 1 && by[0].starts_with(&words))
}

/// At its place, and moved away from it as a root that was pivoted to.
const KEPT: &str = "true";
const MOVED: &str = "mount --bind \"$1\" \"$2\"; umount \"$1\"";

#[test]
fn privileged_what_another_namespace_mounts_is_not_removed() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    for (driver, setup) in [
        (DriverKind::Composefs, KEPT),
        (DriverKind::Composefs, MOVED),
        (DriverKind::Vfs, KEPT),
        (DriverKind::Vfs, MOVED),
    ] {
        let Some((dir, store)) = store_with(driver) else {
            continue;
        };
        let when = format!("{driver}, {setup}");
        let away = dir.path().join("away");
        fs::create_dir(&away).unwrap();
        let (record, _) = pull(&store, &image_of(&[layer()]), "a").unwrap();
        let mount = store
            .mount_image(&record, &MountOptions::default())
            .unwrap();
        let seen = if setup == KEPT { &mount.path } else { &away };
        let file = seen.join("etc/big");
        let Some(holder) = Holder::start(setup, [&mount.path, &away, &file]) else {
            return;
        };
        store.umount(&mount.id).unwrap();
        assert_eq!(store.mounts().unwrap(), [], "{when}");
        store.gc(&GcOptions::default()).unwrap();
        // Of a copy that was moved away nothing tells by which name of the image it was mounted:
        // the image may go, the copy stays.
        if (driver, setup) == (DriverKind::Vfs, MOVED) {
            store.remove_image("a").unwrap();
            assert_eq!(store.gc(&GcOptions::default()).unwrap().copies, 0);
        } else {
            let error = store.remove_image("a").unwrap_err();
            assert!(is_used_by(&error, holder.0.id()), "{when}: {error}");
        }
        assert_eq!(holder.read(), content(7, 9000), "{when}");
        if (driver, setup) != (DriverKind::Vfs, MOVED) {
            store.remove_image("a").unwrap();
        }
        let report = store.gc(&GcOptions::default()).unwrap();
        assert_eq!(
            report.copies,
            u64::from(driver == DriverKind::Vfs),
            "{when}"
        );
        assert_eq!(report.notes, [""; 0], "{when}");
        assert_eq!(fs::read_dir(store.layout().mounts()).unwrap().count(), 0);
    }
}

#[test]
fn privileged_a_container_that_another_namespace_mounts_is_not_removed() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    for (driver, setup) in [
        (DriverKind::Composefs, KEPT),
        (DriverKind::Composefs, MOVED),
        (DriverKind::Vfs, "mount --bind \"$1\" \"$2\""),
    ] {
        let Some((dir, store)) = store_with(driver) else {
            continue;
        };
        let when = format!("{driver}, {setup}");
        let away = dir.path().join("away");
        fs::create_dir(&away).unwrap();
        pull(&store, &image_of(&[layer()]), "a").unwrap();
        let new = NewContainer {
            image: "a".to_owned(),
            ..NewContainer::default()
        };
        let id = store.create_container(&new).unwrap().id;
        let root = store.mount_container(&id).unwrap().path;
        fs::write(root.join("etc/big"), "changed").unwrap();
        let seen = if setup == KEPT { &root } else { &away };
        let file = seen.join("etc/big");
        let Some(holder) = Holder::start(setup, [&root, &away, &file]) else {
            return;
        };
        for _ in 0..2 {
            let error = store.remove_container(&id).unwrap_err();
            assert!(is_used_by(&error, holder.0.id()), "{when}: {error}");
            // What runs elsewhere is left alone here, too.
            let is_mounted = !store.mounts().unwrap().is_empty();
            assert_eq!(is_mounted, setup == MOVED, "{when}");
        }
        if setup == KEPT {
            let error = store.mount_container(&id).unwrap_err();
            assert!(is_used_by(&error, holder.0.id()), "{when}: {error}");
        }
        assert_eq!(holder.read(), b"changed", "{when}");
        store.remove_container(&id).unwrap();
    }
}
