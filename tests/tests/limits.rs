//! Images that want all of the memory or the time: each pull stays below 64 MiB and ends.
#![expect(clippy::expect_used, reason = "a test that can not go on fails")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oci::Digest;
use serde_json::json;
use tests::layout::{Image, Layer};
use tests::programs::{Ran, command, run, theirs};
use tests::registry::Registry;
use tests::tarball::{Header, Tarball, octal};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// Invariant I8 of the design: memory does not depend on the size of a layer.
const MOST_KIB: u64 = 64 << 10;
const MOST_TIME: Duration = Duration::from_secs(300);

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(
            dir.path().join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .expect("a policy");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Pulls an image; returns what the program did and the most memory that it had, in KiB.
    fn pull(&self, image: &Image) -> (Ran, u64) {
        let layout = self.path("layout");
        let _ = fs::remove_dir_all(&layout);
        let source = image.write(&layout);
        let mut pull = command("storetool");
        pull.arg("--root")
            .arg(self.path("store"))
            .args(["--driver", "vfs", "pull", "--quiet", "--policy"])
            .arg(self.path("policy.json"))
            .arg(&source);
        measure(pull)
    }

    /// Pulls a bomb, which must be refused in these words.
    fn refused(&self, name: &str, image: &Image, words: &str) {
        let (ran, most) = self.pull(image);
        assert!(
            ran.status == 1 && ran.stderr.contains(words),
            "{name}: want {words:?}, got {ran:?}"
        );
        assert!(most <= MOST_KIB, "{name}: {most} KiB");
    }

    /// Runs a line of shell in the directory.
    fn shell(&self, line: &str) -> String {
        let line = format!("cd {} && {line}", self.dir.path().display());
        theirs("sh", ["-euc", &line]).ok()
    }
}

/// Runs a program; returns what it did and the most memory that it had, in KiB.
///
/// The figure is that of `VmHWM`, read again and again until the end: that of wait4(2) counts what
/// this test had when it forked. It is 0 when the program ended before it could be looked at.
fn measure(mut command: Command) -> (Ran, u64) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let (start, mut most) = (Instant::now(), 0);
    while child.try_wait().expect("it can be waited for").is_none() {
        most = most.max(high_water(&status).unwrap_or(0));
        if start.elapsed() > MOST_TIME {
            child.kill().expect("it can be killed");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(start.elapsed() <= MOST_TIME, "it did not end");
    let output = child.wait_with_output().expect("its output");
    (output.into(), most)
}

fn high_water(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A layer that lies compressed and whose tar nobody needs: it is refused before its end.
fn cut(tar: &[u8]) -> Image {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(tar).expect("memory");
    let blob = encoder.finish().expect("memory");
    Image::new().layer(Layer::blob(&blob, tar, GZIP))
}

/// A file of zeros that packs a thousand times and more. It is good, and is held as it is.
#[test]
fn what_unpacks_to_much_does_not_take_memory() {
    const SIZE: u64 = 128 << 20;
    let scene = Scene::new();
    let header = Tarball::new()
        .entry(&Header::file("zeros", SIZE as usize), b"")
        .unfinished();
    let tar = scene.path("bomb.tar");
    fs::write(&tar, &header).expect("a header");
    let file = File::options().write(true).open(&tar).expect("the tar");
    file.set_len(header.len() as u64 + SIZE + 1024)
        .expect("a hole");
    let sum = scene.shell("sha256sum bomb.tar | cut -d' ' -f1");
    for (name, pack, media_type) in [
        ("gzip", "gzip -1 -c bomb.tar > bomb.packed", GZIP),
        ("zstd", "zstd -q -c bomb.tar > bomb.packed", ZSTD),
    ] {
        scene.shell(pack);
        let blob = fs::read(scene.path("bomb.packed")).expect("the layer");
        assert!(blob.len() < 2 << 20, "{name}: {} bytes", blob.len());
        let mut layer = Layer::blob(&blob, b"", media_type);
        layer.diff_id = format!("sha256:{sum}");
        let (ran, most) = scene.pull(&Image::new().layer(layer));
        let digest = ran.clone().ok();
        assert!(most <= MOST_KIB, "{name}: {most} KiB");
        let store = scene.path("store");
        let store = store.to_string_lossy();
        let size = run(
            "storetool",
            ["--root", &*store, "ls", "--json", &digest, "/"],
        )
        .ok();
        assert!(size.contains(&SIZE.to_string()), "{name}: {size}");
        // The same content twice is one object.
        let objects = scene.shell("find store/objects -type f -size +100M | wc -l");
        assert_eq!(objects, "1", "{name}");
    }
}

#[test]
fn headers_that_want_memory_are_refused() {
    const GIB: usize = 1 << 30;
    let scene = Scene::new();
    let much = |kind: u8| {
        let mut header = Header::file("bomb", GIB);
        header.kind = kind;
        let tar = Tarball::new().entry(&header, b"").unfinished();
        cut(&[tar, vec![b'x'; 8 << 20]].concat())
    };
    let headers = "more than 1048576 bytes of extended headers";
    scene.refused("pax", &much(b'x'), headers);
    scene.refused("global pax", &much(b'g'), headers);
    scene.refused("long name", &much(b'L'), headers);
    scene.refused("long link", &much(b'K'), headers);
    // Many that are each allowed, before one entry.
    let record = [b'v'; 60_000];
    let mut tar = Tarball::new();
    for _ in 0..64 {
        tar = tar.pax(&[("comment", &record[..])]);
    }
    let (ran, most) = scene.pull(&cut(&tar.file("f", "").done()));
    assert!(ran.status == 1 && most <= MOST_KIB, "{most} KiB, {ran:?}");
    // Attributes: one entry has at most 128 KiB of them.
    let names: Vec<String> = (0..16).map(|n| format!("SCHILY.xattr.user.x{n}")).collect();
    let records: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &record[..]))
        .collect();
    let tar = Tarball::new().pax(&records).file("f", "").done();
    scene.refused(
        "attributes",
        &cut(&tar),
        "more than 131072 bytes of extended attributes",
    );
    // A file that says more than any may have, without a byte of it.
    let mut header = Header::file("huge", 0);
    header.size = octal(7 << 30, 12);
    let tar = Tarball::new().entry(&header, b"").unfinished();
    scene.refused("cut", &cut(&tar), "ends");
}

#[test]
fn documents_that_want_memory_are_refused() {
    let scene = Scene::new();
    let tar = Tarball::new().file("f", "").done();
    let config = |diff_ids: String| {
        format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{diff_ids}]}}}}"#
        )
    };
    let deep = config(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let wide = config(vec!["1"; 1_900_000].join(","));
    let long = config(format!("\"{}\"", "x".repeat(4 << 20)));
    for (name, config, words) in [
        ("deep", deep, "nested deeper than 64 levels"),
        ("wide", wide, "more values than a document of its size has"),
        ("long", long, "4194304"),
    ] {
        let mut manifest = Image::new().tar(&tar).manifest_value();
        manifest["config"]["digest"] = json!(Digest::sha256(config.as_bytes()).to_string());
        manifest["config"]["size"] = json!(config.len());
        // Written as a layer that the manifest does not name: its bytes are no JSON value.
        let image = Image::new()
            .tar(&tar)
            .tar(config.as_bytes())
            .manifest(manifest.to_string());
        scene.refused(name, &image, words);
    }
}

/// CVE-2023-46737: 128 signatures of one manifest are read, and with one more none.
#[test]
fn endless_signatures_are_refused() {
    // The first byte of a signature; nobody verifies these.
    const SIGNATURE: &[u8] = b"\xc4x";
    let scene = Scene::new();
    let tar = Tarball::new().file("f", "").done();
    let source = Image::new().tar(&tar).write(&scene.path("layout"));
    let copy = |from: &str, to: &str| {
        let to = format!("{to}{}", scene.path(&to.replace(':', "-")).display());
        let _ = fs::remove_dir_all(to.split_once(':').map_or("", |(_, path)| path));
        let mut copy = command("skopeo-rs");
        copy.args(["--insecure-policy", "--registries.d"])
            .arg(scene.path("registries.d"))
            .args(["copy", "--quiet", "--src-tls-verify=false", from, &to]);
        let (ran, most) = measure(copy);
        assert!(most <= MOST_KIB, "{from}: {most} KiB");
        ran
    };
    let registry = Registry::start();
    let image = format!("{}/app:1", registry.host);
    let upload = format!("docker://{image}");
    run(
        "skopeo-rs",
        [
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            &source,
            &upload,
        ],
    )
    .ok();
    // A registry gets compressed layers, and so another manifest.
    let hex_of = |image: &str| {
        let args = [
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}}",
            image,
        ];
        let digest = run("skopeo-rs", args).ok();
        digest.strip_prefix("sha256:").expect("sha256").to_owned()
    };
    let (there, here) = (hex_of(&upload), hex_of(&source));
    let lookaside = scene.path("lookaside");
    fs::create_dir(scene.path("registries.d")).expect("a directory");
    fs::write(
        scene.path("registries.d/default.yaml"),
        format!(
            "default-docker:\n  lookaside: file://{}\n",
            lookaside.display()
        ),
    )
    .expect("a file");
    let dir = format!("dir:{}", scene.path("dir").display());
    run(
        "skopeo-rs",
        ["--insecure-policy", "copy", "--quiet", &source, &dir],
    )
    .ok();
    let layout = scene.path("layout");
    for (from, signatures) in [
        (dir.as_str(), scene.path("dir")),
        (
            source.as_str(),
            layout.join(format!("signatures/sha256/{here}")),
        ),
        (
            upload.as_str(),
            lookaside.join(format!("app@sha256={there}")),
        ),
    ] {
        fs::create_dir_all(&signatures).expect("a directory");
        let sign = |number: usize| {
            fs::write(signatures.join(format!("signature-{number}")), SIGNATURE).expect("a file");
        };
        (1..=128).for_each(sign);
        copy(from, "dir:").ok();
        assert!(scene.path("dir-/signature-128").exists(), "{from}");
        sign(129);
        copy(from, "dir:").fails_with("more than 128 files of signatures");
    }
}
