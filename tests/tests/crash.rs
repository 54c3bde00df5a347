//! kill -9, a full disk, a power cut: the store opens, what was there stays whole, and the same
//! pull then succeeds.
#![expect(clippy::expect_used, reason = "a test that can not go on fails")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tests::disk::Disk;
use tests::layout::{Image, Layer};
use tests::programs::{Ran, ours, run, shell, theirs};
use tests::{Need, faults, need};

/// A store with one image in it, a second image to pull, and what both must look like.
struct Scene {
    dir: TempDir,
    first: String,
    second: String,
}

impl Scene {
    fn new() -> Self {
        // In memory, for speed: what a disk would lose is the matter of the power cuts.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let dir = dir.expect("a directory");
        fs::write(
            dir.path().join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .expect("a policy");
        let shared = layer(0, 40);
        let first = Image::new().layer(shared.clone()).layer(layer(1, 40));
        let second = (2..5).fold(Image::new().layer(shared), |image, n| {
            image.layer(layer(n, 40))
        });
        let first = first.write(&dir.path().join("first"));
        let second = second.write(&dir.path().join("second"));
        Self { dir, first, second }
    }

    fn pull(&self, store: &Path, image: &str) -> Vec<OsString> {
        let mut command = vec![ours("storetool").into_os_string()];
        command.extend(
            ["--root"]
                .map(OsString::from)
                .into_iter()
                .chain([store.as_os_str().to_owned()]),
        );
        command.extend(["pull", "--quiet", "--policy"].map(OsString::from));
        command.push(self.dir.path().join("policy.json").into());
        command.push(image.into());
        command
    }

    fn run_pull(&self, store: &Path, image: &str) -> Ran {
        let command = self.pull(store, image);
        run("storetool", &command[1..])
    }

    /// A store in which the first image lies: a copy of one that was pulled once.
    fn prepare(&self, store: &Path) {
        let base = self.dir.path().join("base");
        if !base.exists() {
            self.run_pull(&base, &self.first).ok();
        }
        if store.exists() {
            fs::remove_dir_all(store).expect("the old store goes");
        }
        theirs(
            "cp",
            [
                OsString::from("--archive"),
                base.into(),
                store.as_os_str().into(),
            ],
        )
        .ok();
    }

    /// What must hold after any fault: the store opens, and is clean. The check recomputes the
    /// digest of everything that the first image consists of.
    fn check(&self, store: &Path, when: &str) {
        let store_arg = store.as_os_str();
        let images = run(
            "storetool",
            [OsString::from("--root"), store_arg.into(), "images".into()],
        );
        assert_eq!(images.status, 0, "{when}: images: {}", images.stderr);
        let first = manifest_digest(&self.first);
        let short = &first["sha256:".len()..][..12];
        assert!(
            images.stdout.contains(short),
            "{when}: the first image is gone: {}",
            images.stdout
        );
        let fsck = run(
            "storetool",
            [OsString::from("--root"), store_arg.into(), "fsck".into()],
        );
        assert_eq!(
            fsck.status, 0,
            "{when}: fsck: {}{}",
            fsck.stdout, fsck.stderr
        );
    }

    /// What must hold after the pull was run again.
    fn check_again(&self, store: &Path, when: &str) {
        let again = self.run_pull(store, &self.second);
        assert_eq!(
            again.status, 0,
            "{when}: the same pull again: {}",
            again.stderr
        );
        self.check(store, when);
        self.content(store, &self.second, &[0, 2, 3, 4], when);
        assert_eq!(
            entries(&store.join("staging")),
            0,
            "{when}: staging is left behind"
        );
    }

    /// Compares each file of an image with what the layers hold.
    fn content(&self, store: &Path, image: &str, layers: &[usize], when: &str) {
        let out = self.dir.path().join("out");
        if out.exists() {
            fs::remove_dir_all(&out).expect("the old tree goes");
        }
        let digest = manifest_digest(image);
        let extract = run(
            "storetool",
            [
                OsString::from("--root"),
                store.as_os_str().into(),
                "extract".into(),
                digest.into(),
                out.as_os_str().into(),
            ],
        );
        assert_eq!(extract.status, 0, "{when}: extract: {}", extract.stderr);
        for &n in layers {
            for (name, content) in files(n, 40) {
                let found = fs::read(out.join(&name)).unwrap_or_default();
                assert!(found == content, "{when}: {name} of {image} is damaged");
            }
        }
    }
}

fn manifest_digest(image: &str) -> String {
    let dir = image
        .strip_prefix("oci:")
        .and_then(|rest| rest.rsplit_once(':'))
        .expect("oci:")
        .0;
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(Path::new(dir).join("index.json")).expect("an index"))
            .expect("JSON");
    index["manifests"][0]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned()
}

/// The files of layer `n`, of sizes around the limits of inlining and of buffering.
fn files(n: usize, count: usize) -> Vec<(String, Vec<u8>)> {
    (0..count)
        .map(|i| {
            let size = [0, 1, 63, 64, 65, 4096, 4097, 20_000, 70_000][i % 9];
            let content = (0..size)
                .map(|at: usize| (at * 31 + at / 251 + n * 7 + i) as u8)
                .collect();
            (format!("usr/share/layer{n}/file{i}"), content)
        })
        .collect()
}

fn layer(n: usize, count: usize) -> Layer {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files(n, count) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        tar.append_data(&mut header, name, content.as_slice())
            .expect("an entry");
    }
    Layer::tar(&tar.into_inner().expect("a tar"))
}

/// 100 points of a pull, in two halves that run side by side; most of them between the first object
/// and the image's record, where it matters.
fn kill_at_points(half: usize) {
    let scene = Scene::new();
    let store = scene.dir.path().join("store");
    scene.prepare(&store);
    let calls = faults::calls(&store, &scene.pull(&store, &scene.second));
    let below = |dir: &str, call: &faults::Call| call.path.starts_with(store.join(dir));
    let first = calls
        .iter()
        .position(|call| below("staging", call))
        .expect("objects are staged");
    let last = calls
        .iter()
        .rposition(|call| below("records", call))
        .expect("records are written");
    let inside = (0..80).map(|i| first + (last - first) * i / 80);
    let outside = (0..20).map(|i| calls.len() * i / 20);
    let mut points: Vec<usize> = inside.chain(outside).collect();
    if std::env::var_os("SOAK").is_some() {
        points = (0..calls.len()).collect();
    }
    assert!(
        points
            .iter()
            .filter(|&&point| (first..=last).contains(&point))
            .count()
            >= 60
    );
    for point in points.into_iter().skip(half).step_by(2) {
        let call = &calls[point];
        let when = format!(
            "killed at call {} ({} {})",
            call.number,
            call.name,
            call.path.display()
        );
        scene.prepare(&store);
        let ran = faults::at(
            call.number,
            "kill",
            false,
            &store,
            &scene.pull(&store, &scene.second),
        );
        assert!(
            ran.status == 137 || ran.status == 0,
            "{when}: status {} {}",
            ran.status,
            ran.stderr
        );
        scene.check(&store, &when);
        scene.check_again(&store, &when);
    }
}

#[test]
fn kill_at_100_points_even() {
    kill_at_points(0);
}

#[test]
fn kill_at_100_points_odd() {
    kill_at_points(1);
}

/// Most calls at which one verb is killed.
const VERB_POINTS: usize = 24;

/// Kills a verb that changes the store at its calls, at all of them where they are few: the store
/// opens and is clean, the first image is as it was, and the same verb then leaves what it leaves
/// when nobody kills it. A killed one may have done its work: then `done` is what it says.
fn kill_at_calls_of(before: &[&[&str]], verb: &[&str], done: Option<&str>) {
    let scene = Scene::new();
    let (base, store) = (
        scene.dir.path().join("base"),
        scene.dir.path().join("store"),
    );
    let second = manifest_digest(&scene.second);
    let verb: Vec<&str> = verb
        .iter()
        .map(|word| if *word == SECOND { &second } else { *word })
        .collect();
    for (image, name) in [(&scene.first, "first"), (&scene.second, "second")] {
        let digest = scene.run_pull(&base, image).ok();
        storetool(&base, &["tag", &digest, name]).ok();
    }
    for command in before {
        storetool(&base, command).ok();
    }
    let command: Vec<OsString> = [
        ours("storetool").into(),
        "--root".into(),
        store.clone().into(),
    ]
    .into_iter()
    .chain(verb.iter().map(OsString::from))
    .collect();
    scene.prepare(&store);
    let first = storetool(&store, &["inspect", "first"]).ok();
    let calls = faults::calls(&store, &command);
    let want = state(&store);
    let points = calls.len().min(VERB_POINTS);
    for point in 0..points {
        let call = &calls[calls.len() * point / points];
        let when = format!(
            "{verb:?} killed at call {} ({} {})",
            call.number,
            call.name,
            call.path.display()
        );
        scene.prepare(&store);
        let ran = faults::at(call.number, "kill", false, &store, &command);
        assert!(matches!(ran.status, 0 | 137), "{when}: {}", ran.stderr);
        scene.check(&store, &when);
        assert_eq!(
            storetool(&store, &["inspect", "first"]).ok(),
            first,
            "{when}"
        );
        let containers = storetool(&store, &["containers", "ls", "-q"]).ok();
        let ids: Vec<&str> = containers.lines().collect();
        assert_eq!(entries(&store.join("containers")), ids.len(), "{when}");
        for id in ids {
            assert_eq!(storetool(&store, &["diff", id]).ok(), "", "{when}: {id}");
        }
        let again = storetool(&store, &verb);
        let is_done = done.is_some_and(|words| again.stderr.contains(words));
        assert!(again.status == 0 || is_done, "{when}: {}", again.stderr);
        assert_eq!(state(&store), want, "{when}: the same again");
    }
}

fn storetool(store: &Path, args: &[&str]) -> Ran {
    let root = [OsString::from("--root"), store.into()];
    run(
        "storetool",
        root.into_iter().chain(args.iter().map(OsString::from)),
    )
}

/// What users see of a store, and the names of all its files but those of containers and locks,
/// of which each has its own.
fn state(store: &Path) -> (Ran, Vec<PathBuf>) {
    let mut files = Vec::new();
    let mut dirs = vec![PathBuf::new()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(store.join(&dir)).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = dir.join(entry.file_name());
            if name == Path::new("containers") || name == Path::new("locks") {
                continue;
            }
            if entry.file_type().expect("a type").is_dir() {
                dirs.push(name.clone());
            }
            files.push(name);
        }
    }
    files.sort();
    (storetool(store, &["images", "--json"]), files)
}

/// Stands for the digest of the second image.
const SECOND: &str = "SECOND";

/// What `rm` and others say of what is gone already.
const GONE: Option<&str> = Some("is not in the store");

#[test]
fn kill_tag_at_each_call() {
    kill_at_calls_of(&[], &["tag", "second", "new:1", "first:old"], None);
}

#[test]
fn kill_untag_at_each_call() {
    kill_at_calls_of(&[], &["untag", "second"], GONE);
}

/// By its digest: a removal that was killed may have left the image without its names.
#[test]
fn kill_rm_at_each_call() {
    kill_at_calls_of(&[], &["rm", SECOND], GONE);
}

#[test]
fn kill_gc_at_some_calls() {
    kill_at_calls_of(&[&["rm", "second"]], &["gc"], None);
}

/// A tree that was killed half-way is not there, and the same command then makes it whole.
#[test]
fn kill_extract_at_some_calls() {
    let scene = Scene::new();
    let store = scene.dir.path().join("store");
    let digest = scene.run_pull(&store, &scene.second).ok();
    let out = scene.dir.path().join("extracted");
    fs::create_dir(&out).expect("a directory");
    let target = out.join("tree");
    let words: [&OsStr; 5] = [
        "--root".as_ref(),
        store.as_ref(),
        "extract".as_ref(),
        digest.trim().as_ref(),
        target.as_ref(),
    ];
    let command: Vec<OsString> = [ours("storetool").into()]
        .into_iter()
        .chain(words.map(OsStr::to_owned))
        .collect();
    let calls = faults::calls(&out, &command);
    assert!(calls.len() > VERB_POINTS, "{calls:?}");
    for point in 0..VERB_POINTS {
        let call = &calls[calls.len() * point / VERB_POINTS];
        let when = format!("killed at call {} ({})", call.number, call.name);
        let _ = fs::remove_dir_all(&target);
        let ran = faults::at(call.number, "kill", false, &out, &command);
        assert_eq!(ran.status, 137, "{when}: {}", ran.stderr);
        if !target.exists() {
            run("storetool", words).ok();
        }
        for n in [0, 2, 3, 4] {
            for (name, content) in files(n, 40) {
                let found = fs::read(target.join(&name)).unwrap_or_default();
                assert!(found == content, "{when}: {name}");
            }
        }
        assert_eq!(entries(&out), 1, "{when}: something stays beside it");
    }
}

#[test]
fn kill_containers_create_at_each_call() {
    kill_at_calls_of(&[], &["containers", "create", "second"], None);
}

#[test]
fn kill_containers_rm_at_each_call() {
    let create = ["containers", "create", "--name", "web", "second"];
    kill_at_calls_of(&[&create], &["containers", "rm", "web"], GONE);
}

/// What a call is in the order of writes that `docs/formats/store.md` gives.
fn step(store: &Path, call: &faults::Call) -> Option<String> {
    let below = call.path.strip_prefix(store).ok()?;
    let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
    Some(match (call.name.as_str(), parts.as_slice()) {
        ("write" | "pwrite64" | "copy_file_range", ["staging", ..]) => "write".to_owned(),
        ("syncfs", ["staging", _]) => "syncfs".to_owned(),
        ("renameat2", ["staging", _, "new", ..]) => "name objects".to_owned(),
        ("rename", ["staging", _, what @ ("blob" | "rec" | "container"), ..]) => {
            format!("name {what}")
        }
        ("rename", ["containers", _]) => "take container".to_owned(),
        ("unlink", ["records", what, _]) => format!("unlink {what}"),
        ("fsync", [.., what]) => format!("fsync {what}"),
        _ => return None,
    })
}

/// A power cut shows a missing sync only if it comes in time; the order of the calls shows each.
#[test]
fn each_name_follows_its_sync() {
    let scene = Scene::new();
    let store = scene.dir.path().join("store");
    scene.prepare(&store);
    let policy = scene.dir.path().join("policy.json");
    let policy = policy.to_string_lossy();
    let pull: &[&str] = &[
        "pull",
        "--policy",
        &policy,
        "--name",
        "second",
        &scene.second,
    ];
    let mut table: Vec<(&[&str], &[&str])> = vec![
        (
            pull,
            &[
                "write",
                "syncfs",
                "name objects",
                "name blob",
                "syncfs",
                "name rec",
                "fsync layers",
                "fsync blobs",
                "name rec",
                "fsync images",
                "name rec",
                "fsync names",
            ],
        ),
        (
            &["tag", "second", "more"],
            &["write", "fsync name.new", "name rec", "fsync names"],
        ),
        (&["untag", "more"], &["unlink names", "fsync names"]),
    ];
    if need(&[Need::Composefs]) {
        table.push((
            &["containers", "create", "--name", "web", "second"],
            &["write", "syncfs", "name container", "fsync containers"],
        ));
        table.push((
            &["containers", "rm", "web"],
            &["take container", "fsync containers"],
        ));
    }
    table.push((
        &["rm", "second"],
        &[
            "unlink names",
            "fsync names",
            "unlink images",
            "fsync images",
        ],
    ));
    for (verb, want) in table {
        let mut command: Vec<OsString> = vec![ours("storetool").into()];
        command.extend(["--root".into(), store.clone().into()]);
        command.extend(verb.iter().map(OsString::from));
        let calls = faults::calls(&store, &command);
        let mut steps: Vec<String> = calls.iter().filter_map(|c| step(&store, c)).collect();
        steps.dedup();
        // A sync that runs beside the writing says nothing of what is written after it began.
        for at in (1..steps.len()).rev() {
            if steps[at - 1] == "syncfs" && steps[at] == "write" {
                steps.remove(at - 1);
            }
        }
        steps.dedup();
        assert_eq!(steps, want, "{verb:?}");
    }
}

/// From some call on nothing can be written: the pull fails with the reason and leaves no trace.
#[test]
fn disk_full_from_any_call_on() {
    let scene = Scene::new();
    let store = scene.dir.path().join("store");
    scene.prepare(&store);
    let calls = faults::calls(&store, &scene.pull(&store, &scene.second));
    let mut failed = 0;
    for i in 0..30 {
        let number = calls[calls.len() * i / 30].number;
        let when = format!("no space from call {number} on");
        scene.prepare(&store);
        let ran = faults::at(
            number,
            "ENOSPC",
            true,
            &store,
            &scene.pull(&store, &scene.second),
        );
        if ran.status != 0 {
            failed += 1;
            assert!(
                ran.stderr.to_lowercase().contains("no space left"),
                "{when}: the error names the cause: {}",
                ran.stderr
            );
        }
        scene.check(&store, &when);
        scene.check_again(&store, &when);
    }
    assert!(failed >= 15, "only {failed} of 30 pulls met the full disk");
}

/// A file system that is really full.
#[test]
fn privileged_small_disk() {
    if !need(&[Need::Root]) {
        return;
    }
    let scene = Scene::new();
    let disk = Disk::ext4(8);
    let store = disk.path().join("store");
    scene.prepare(&store);
    let before = disk.used_bytes();
    // One that is known not to fit before the first byte, and one that unpacks to more than fits.
    let big = big_tar(16 << 20);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&big).expect("memory");
    let packed = gzip.finish().expect("memory");
    assert!(packed.len() < 1 << 20);
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    for (name, layer, words) in [
        ("plain", Layer::tar(&big), "bytes at least"),
        (
            "packed",
            Layer::blob(&packed, &big, media_type),
            "No space left on device",
        ),
    ] {
        let image = Image::new()
            .layer(layer)
            .write(&scene.dir.path().join(name));
        let ran = scene.run_pull(&store, &image);
        ran.fails_with(words);
        ran.fails_with("hint: `storetool gc`");
        shell(&format!(
            "STORETOOL_ROOT={} skopeo-rs copy --insecure-policy {image} store:app:1",
            store.display()
        ))
        .fails_with("hint: `storetool gc`");
        scene.check(&store, name);
        let after = disk.used_bytes();
        assert!(
            after <= before + 64 * 1024,
            "{name}: {} bytes are left behind",
            after - before
        );
    }
    scene.check_again(&store, "after a pull that did not fit");
}

/// Where not even a directory can be made, removing images still makes room, with both drivers and
/// whatever it is that has run out.
#[test]
fn privileged_full_disk_is_emptied() {
    if !need(&[Need::Root]) {
        return;
    }
    let scene = Scene::new();
    for (driver, of_bytes) in [("composefs", true), ("vfs", true), ("vfs", false)] {
        let disk = Disk::ext4(8);
        let store = disk.path().join("store");
        storetool(&store, &["--driver", driver, "import", "-q", &scene.first]).ok();
        let digest = manifest_digest(&scene.first);
        storetool(&store, &["mount", &digest]).ok();
        storetool(&store, &["umount", &digest]).ok();
        let fill = disk.path().join("fill");
        fs::create_dir(&fill).expect("a directory");
        let content: &[u8] = if of_bytes { &[b'x'; 1024] } else { b"" };
        while let Ok(()) = fs::write(fill.join(entries(&fill).to_string()), content) {}
        let full = fs::create_dir(disk.path().join("more"));
        assert!(full.is_err(), "{driver}: there is room");
        storetool(&store, &["rm", &digest]).ok();
        storetool(&store, &["gc"]).ok();
        storetool(&store, &["fsck"]).ok();
        for dir in ["trash", "vfs", "records/layers", "streams/refs/storetool"] {
            assert_eq!(entries(&store.join(dir)), 0, "{driver}: {dir}");
        }
        fs::remove_dir_all(&fill).expect("the rest goes");
        storetool(&store, &["import", "-q", &scene.first]).ok();
        scene.check(&store, driver);
    }
}

/// A tar with one file that compresses well.
fn big_tar(size: usize) -> Vec<u8> {
    let content: Vec<u8> = (0..size).map(|at| (at >> 12) as u8).collect();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "big", content.as_slice())
        .expect("an entry");
    tar.into_inner().expect("a tar")
}

/// Power cuts in three models of the disk's cache: what was reported as pulled is whole, and a second
/// pull always heals.
#[test]
fn privileged_power_cut() {
    if !need(&[Need::Root]) {
        return;
    }
    let scene = Scene::new();
    let points = if std::env::var_os("SOAK").is_some() {
        200
    } else {
        40
    };
    let replayed = cut(&scene, &ours("storetool"), points);
    assert_eq!(replayed.len(), 3 * points);
    let bad: Vec<_> = replayed.iter().filter(|state| state.rc != 0).collect();
    assert!(
        bad.is_empty(),
        "{} of {} states are bad: {bad:#?}",
        bad.len(),
        replayed.len()
    );
}

/// The same with one sync left out must be noticed, else the test above proves nothing.
#[test]
fn privileged_power_cut_notices_a_missing_sync() {
    if !need(&[Need::Root]) {
        return;
    }
    let Some(faulty) = std::env::var_os("STORETOOL_WITHOUT_SYNC").map(PathBuf::from) else {
        eprintln!("skipped: needs $STORETOOL_WITHOUT_SYNC (make test builds and sets it)");
        return;
    };
    let scene = Scene::new();
    let replayed = cut(&scene, &faulty, 40);
    let bad = replayed.iter().filter(|state| state.rc != 0).count();
    assert!(
        bad > 0,
        "a store without its sync went through {} power cuts",
        replayed.len()
    );
}

/// The same of a layout that `skopeo-rs` copies into: each image whose copy ended is there, every
/// byte of it, and the same copy again heals.
#[test]
fn privileged_power_cut_of_a_layout() {
    if !need(&[Need::Root]) {
        return;
    }
    let scene = Scene::new();
    let log = scene.dir.path().join("power.log");
    let mnt = scene.dir.path().join("power");
    let copy = |from: &str, to: &str| {
        let skopeo = ours("skopeo-rs");
        format!(
            "{} --insecure-policy copy --quiet {from} {to}",
            skopeo.display()
        )
    };
    let second = copy(&scene.second, "oci:$PL_MNT/layout:second");
    let recorded = faults::record(
        &log,
        &mnt,
        96,
        &copy(&scene.first, "oci:$PL_MNT/layout:first"),
        &format!("{second}; echo second >&$PL_MARK_FD"),
    );
    recorded.ok();
    let out = format!("dir:{}", scene.dir.path().join("power-out").display());
    let check = format!(
        r#"
        fail() {{ echo "$1"; exit 1; }}
        {first} || fail "the image that was there is damaged"
        case "$PL_ACKED" in *second*) {copied} || fail "the acknowledged image is damaged" ;; esac
        {second} || fail "the second copy fails"
        {copied} || fail "the second copy does not heal"
        echo good
        "#,
        first = copy("oci:$PL_MNT/layout:first", &out),
        copied = copy("oci:$PL_MNT/layout:second", &out),
    );
    let replayed = faults::replay(&log, &mnt, 30, check);
    assert_eq!(replayed.len(), 3 * 30);
    let bad: Vec<_> = replayed.iter().filter(|state| state.rc != 0).collect();
    assert!(bad.is_empty(), "{} states are bad: {bad:#?}", bad.len());
}

fn cut(scene: &Scene, storetool: &Path, points: usize) -> Vec<faults::Replayed> {
    let log = scene.dir.path().join("power.log");
    let mnt = scene.dir.path().join("power");
    let policy = scene.dir.path().join("policy.json");
    let pull = |image: &str| {
        format!(
            "{} --root $PL_MNT/store pull --quiet --policy {} {image}",
            storetool.display(),
            policy.display()
        )
    };
    let recorded = faults::record(
        &log,
        &mnt,
        96,
        &pull(&scene.first),
        &format!(
            "{} >/dev/null; echo second >&$PL_MARK_FD",
            pull(&scene.second)
        ),
    );
    recorded.ok();
    let out = scene.dir.path().join("power-out");
    let want = scene.dir.path().join("power-want");
    for n in [0, 2, 3, 4] {
        for (name, content) in files(n, 40) {
            let path = want.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, content).expect("a file");
        }
    }
    let healthy = ours("storetool");
    let check = format!(
        r#"
        fail() {{ echo "$1"; exit 1; }}
        store="{healthy} --root $PL_MNT/store"
        same() {{ rm -rf {out}; $store extract {digest} {out} >/dev/null 2>&1 && diff -r {want} {out} >/dev/null; }}
        $store images >/dev/null || fail "images does not work"
        $store fsck >/dev/null || fail "fsck finds damage"
        case "$PL_ACKED" in *second*) same || fail "the acknowledged image is damaged" ;; esac
        {again} >/dev/null || fail "the second pull fails"
        same || fail "the second pull does not heal"
        $store fsck >/dev/null || fail "fsck finds damage after the second pull"
        echo good
        "#,
        healthy = healthy.display(),
        out = out.display(),
        want = want.display(),
        digest = manifest_digest(&scene.second),
        again =
            pull(&scene.second).replace(&*storetool.to_string_lossy(), &healthy.to_string_lossy()),
    );
    faults::replay(&log, &mnt, points, check)
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}
