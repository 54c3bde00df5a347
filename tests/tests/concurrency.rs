//! Several processes on one store.
#![expect(clippy::expect_used, reason = "a test that can not go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tests::layout::{Image, Layer};
use tests::programs::{command, run, theirs};
use tests::registry::Registry;

/// A proxy before a registry that notes each request and, while it is closed, holds back blobs.
struct Gate {
    host: String,
    seen: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn before(registry: &Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::new(AtomicBool::new(true));
        let (target, log, door) = (registry.host.clone(), Arc::clone(&seen), Arc::clone(&open));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (target, log, door) = (target.clone(), Arc::clone(&log), Arc::clone(&door));
                std::thread::spawn(move || relay(client, &target, &log, &door));
            }
        });
        Self { host, seen, open }
    }

    fn blobs_fetched(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("the log");
        seen.iter()
            .filter(|line| line.starts_with("GET") && line.contains("/blobs/"))
            .cloned()
            .collect()
    }
}

/// One request a connection: it is told to close, so that each request passes the gate.
fn relay(client: TcpStream, target: &str, log: &Mutex<Vec<String>>, open: &AtomicBool) {
    let mut reader = BufReader::new(client.try_clone().expect("a socket"));
    let (mut head, mut first) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if first.is_empty() {
            first = line.trim_end().to_owned();
        }
        if line.trim_end().is_empty() {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head += &line;
        }
    }
    log.lock().expect("the log").push(first.clone());
    while first.contains("/blobs/") && !open.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut server = TcpStream::connect(target).expect("the registry answers");
    server
        .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        .expect("a request");
    let mut reply = Vec::new();
    if server.read_to_end(&mut reply).is_ok() {
        // The client may have gone; that is its right.
        let _ = (&client).write_all(&reply);
    }
}

fn layer(n: u8) -> Layer {
    let mut tar = tar::Builder::new(Vec::new());
    for i in 0..50u8 {
        let content = vec![n ^ i; 3000 + usize::from(i)];
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, format!("l{n}/f{i}"), content.as_slice())
            .expect("an entry");
    }
    Layer::tar(&tar.into_inner().expect("a tar"))
}

fn push(registry: &Registry, dir: &Path, name: &str, image: &Image) {
    let layout = image.write(&dir.join(name));
    theirs(
        "skopeo",
        [
            "copy",
            "--quiet",
            "--insecure-policy",
            "--dest-tls-verify=false",
            &layout,
            &format!("docker://{}/{name}:1", registry.host),
        ],
    )
    .ok();
}

fn pull_args(dir: &Path, gate: &Gate, name: &str) -> Vec<String> {
    let policy = dir.join("policy.json");
    fs::write(
        &policy,
        r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
    )
    .expect("a policy");
    [
        "--root",
        &dir.join("store").to_string_lossy(),
        "pull",
        "--quiet",
        "--policy",
        &policy.to_string_lossy(),
        "--tls-verify=false",
        &format!("docker://{}/{name}:1", gate.host),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn store(dir: &Path, args: &[&str]) -> tests::programs::Ran {
    let root = dir.join("store");
    run(
        "storetool",
        ["--root", &*root.to_string_lossy()].iter().chain(args),
    )
}

#[test]
fn two_pulls_at_once_fetch_each_layer_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let registry = Registry::start();
    let image = (0..6).fold(Image::new(), |image, n| image.layer(layer(n)));
    push(&registry, dir.path(), "app", &image);
    let gate = Gate::before(&registry);
    let args = pull_args(dir.path(), &gate, "app");
    let mut both = [0, 1].map(|_| {
        command("storetool")
            .args(&args)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts")
    });
    for child in &mut both {
        assert!(child.wait().expect("it ends").success());
    }
    let mut layers: Vec<String> = gate.blobs_fetched();
    let config = oci::Digest::sha256(&image.config_bytes()).to_string();
    layers.retain(|line| !line.contains(&config));
    layers.sort();
    let fetched = layers.len();
    layers.dedup();
    assert_eq!(
        (fetched, layers.len()),
        (6, 6),
        "each layer is fetched once: {layers:?}"
    );
    store(dir.path(), &["fsck"]).ok();
}

#[test]
fn reading_does_not_wait_for_a_pull() {
    let dir = tempfile::tempdir().expect("a directory");
    let registry = Registry::start();
    push(
        &registry,
        dir.path(),
        "first",
        &Image::new().layer(layer(1)),
    );
    push(
        &registry,
        dir.path(),
        "second",
        &Image::new().layer(layer(1)).layer(layer(2)),
    );
    let gate = Gate::before(&registry);
    run("storetool", pull_args(dir.path(), &gate, "first")).ok();
    gate.open.store(false, Ordering::SeqCst);
    let mut pull = command("storetool")
        .args(pull_args(dir.path(), &gate, "second"))
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let start = Instant::now();
    while !gate
        .seen
        .lock()
        .expect("the log")
        .iter()
        .any(|line| line.contains("second/blobs"))
    {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the pull asks for its blobs"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let first = format!("{}/first:1", gate.host);
    assert!(store(dir.path(), &["images"]).ok().contains("first"));
    assert_eq!(
        store(dir.path(), &["ls", &first, "l1"])
            .ok()
            .lines()
            .count(),
        50
    );
    assert_eq!(
        store(dir.path(), &["cat", &first, "l1/f0"]).ok().len(),
        3000
    );
    if tests::need(&[tests::Need::Root, tests::Need::Composefs]) {
        let mounted = store(dir.path(), &["mount", &first]).ok();
        assert!(Path::new(&mounted).join("l1/f49").exists());
        store(dir.path(), &["umount", &first]).ok();
    }
    assert!(
        pull.try_wait().expect("its state").is_none(),
        "the pull is still under way"
    );
    gate.open.store(true, Ordering::SeqCst);
    assert!(pull.wait().expect("it ends").success());
}

#[test]
fn a_pull_trusts_nothing_that_a_killed_one_left() {
    let dir = tempfile::tempdir().expect("a directory");
    let registry = Registry::start();
    push(
        &registry,
        dir.path(),
        "first",
        &Image::new().layer(layer(1)).layer(layer(2)),
    );
    push(
        &registry,
        dir.path(),
        "second",
        &Image::new().layer(layer(1)).layer(layer(3)),
    );
    let gate = Gate::before(&registry);
    // The first pull is killed when it has the shared layer and waits for the other.
    gate.open.store(false, Ordering::SeqCst);
    let mut pull = command("storetool")
        .args(pull_args(dir.path(), &gate, "first"))
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let start = Instant::now();
    while gate.blobs_fetched().is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the pull asks for its blobs"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    gate.open.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(15));
    pull.kill().expect("it is killed");
    pull.wait().expect("it ends");
    // What it left in staging is spoilt, as a power cut would: nobody may look there.
    spoil(&dir.path().join("store/staging"));
    run("storetool", pull_args(dir.path(), &gate, "second")).ok();
    store(dir.path(), &["fsck"]).ok();
    let second = format!("{}/second:1", gate.host);
    for i in 0..50u8 {
        let content = store(dir.path(), &["cat", &second, &format!("l1/f{i}")]);
        let want: Vec<u8> = vec![1 ^ i; 3000 + usize::from(i)];
        assert_eq!(content.stdout.as_bytes(), want, "file {i}");
    }
}

/// Writes zeros over every file below `dir`.
fn spoil(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            spoil(&entry.path());
        } else if kind.is_file() && entry.metadata().expect("its links").nlink() == 1 {
            let length = entry.metadata().expect("a length").len();
            fs::write(
                entry.path(),
                vec![0; usize::try_from(length).expect("small")],
            )
            .expect("spoilt");
        }
    }
}
