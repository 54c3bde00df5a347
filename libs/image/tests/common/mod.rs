//! Small images made by hand, a registry, the original tool, and ours called the same way.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use config::Environment;
use config::lookaside::Lookaside;
use config::registries::Registries;
use image::{
    Context, CopyError, CopyOptions, CopyReport, EndpointOptions, ImageName, Note, Progress,
    SinkOptions, copy, open_sink, open_source,
};
use jiff::Timestamp;
use oci::{Compression, Descriptor, Digest, MediaType};
use serde_json::{Value, json};
use signing::Policy;

pub(crate) const ACCEPT: &[u8] = br#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// Makes the tar of a layer.
pub(crate) fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Content that does not compress away.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

/// An image in memory.
#[derive(Clone)]
pub(crate) struct TestImage {
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) media_type: MediaType,
    pub(crate) config: Vec<u8>,
}

impl TestImage {
    /// Makes an image of two layers and a configuration with members of all kinds.
    pub(crate) fn new(media_type: MediaType, compression: Compression, seed: u64) -> Self {
        let layers = [
            layer(&[("a", b"hello\n"), ("dir/b", &noise(seed, 3000))]),
            layer(&[("c", &noise(seed + 1, 200_000))]),
        ];
        Self::of(media_type, compression, &layers, "amd64")
    }

    pub(crate) fn of(
        media_type: MediaType,
        compression: Compression,
        layers: &[Vec<u8>],
        architecture: &str,
    ) -> Self {
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| Digest::sha256(layer).to_string())
            .collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2020-01-02T03:04:05.000Z",
            "docker_version": "20.10.1", "author": "x <y@z>", "container": "abc",
            "config": {
                "Hostname": "h", "Env": ["PATH=/bin", "A=<b>&"], "Cmd": ["/bin/sh"],
                "Labels": {"z": "1", "a": "2"}, "ExposedPorts": {"80/tcp": {}},
                "Volumes": {"/v": {}}, "WorkingDir": "/w",
            },
            "container_config": {"Cmd": ["x"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [
                {"created": "2020-01-02T03:04:05Z", "created_by": "a"},
                {"created": "2020-01-02T03:04:05.5Z", "created_by": "e", "empty_layer": true},
                {"created": "2020-01-02T03:04:06Z", "created_by": "b", "comment": "c"},
            ],
        });
        let config = serde_json::to_vec_pretty(&config).unwrap();
        let blobs: Vec<Vec<u8>> = layers
            .iter()
            .map(|layer| {
                if compression == Compression::Gzip {
                    gzip(layer)
                } else {
                    layer.clone()
                }
            })
            .collect();
        let docker = media_type == MediaType::DockerManifest;
        let (config_type, layer_type) = if docker {
            (MediaType::DockerConfig, MediaType::DockerLayer(compression))
        } else {
            (MediaType::OciConfig, MediaType::OciLayer(compression))
        };
        let entry = |media_type: &MediaType, bytes: &[u8]| {
            serde_json::to_value(Descriptor::of(media_type.clone(), bytes)).unwrap()
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type.as_str(),
            "config": entry(&config_type, &config),
            "layers": blobs.iter().map(|blob| entry(&layer_type, blob)).collect::<Vec<_>>(),
        });
        let manifest = serde_json::to_vec_pretty(&manifest).unwrap();
        Self {
            blobs,
            manifest,
            media_type,
            config,
        }
    }

    /// Writes the image as a `dir:` directory.
    pub(crate) fn write_dir(&self, path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("version"), "Directory Transport Version: 1.1\n").unwrap();
        for blob in self.blobs.iter().chain([&self.config]) {
            std::fs::write(path.join(Digest::sha256(blob).hex()), blob).unwrap();
        }
        std::fs::write(path.join("manifest.json"), &self.manifest).unwrap();
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::sha256(&self.manifest)
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::of(self.media_type.clone(), &self.manifest)
    }
}

/// Writes a list of images as a `dir:` directory and returns its digest.
pub(crate) fn write_list(
    path: &Path,
    media_type: &MediaType,
    images: &[(&str, &TestImage)],
) -> Digest {
    let entries: Vec<Value> = images
        .iter()
        .map(|(architecture, image)| {
            let mut entry = serde_json::to_value(image.descriptor()).unwrap();
            entry["platform"] = json!({"architecture": architecture, "os": "linux"});
            entry
        })
        .collect();
    let list = json!({"schemaVersion": 2, "mediaType": media_type.as_str(), "manifests": entries});
    let list = serde_json::to_vec_pretty(&list).unwrap();
    for (_, image) in images {
        image.write_dir(path);
        let name = format!("{}.manifest.json", image.digest().hex());
        std::fs::write(path.join(name), &image.manifest).unwrap();
    }
    std::fs::write(path.join("manifest.json"), &list).unwrap();
    Digest::sha256(&list)
}

/// A registry of its own, ended with the value.
pub(crate) struct Registry {
    child: Child,
    pub(crate) address: String,
    _storage: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let storage = tempfile::tempdir().unwrap();
        let config = storage.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: 127.0.0.1:0}}\ncompatibility: {{schema1: {{enabled: true}}}}\n",
            storage.path().join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let (child, address) = tests::registry::serve(&config);
        Self {
            child,
            address,
            _storage: storage,
        }
    }

    pub(crate) fn name(&self, repository: &str) -> String {
        format!("docker://{}/{repository}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes connections on to `to`, and cuts the first `times` that bring more than `limit` bytes.
/// Returns its address and counts what it cut.
pub(crate) fn proxy_that_cuts(
    to: String,
    limit: usize,
    times: usize,
) -> (String, std::sync::Arc<AtomicUsize>) {
    use std::io::Read;
    use std::net::{Shutdown, TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let cut = std::sync::Arc::new(AtomicUsize::new(0));
    let done = std::sync::Arc::clone(&cut);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&to) else {
                return;
            };
            let (mut down_in, mut down_out) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut down_in, &mut down_out);
                let _ = down_out.shutdown(Shutdown::Both);
            });
            let done = std::sync::Arc::clone(&done);
            std::thread::spawn(move || {
                let (mut from, mut to) = (client, server);
                let (mut passed, mut buffer) = (0, [0; 16384]);
                while let Ok(count) = from.read(&mut buffer) {
                    if count == 0 || to.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                    passed += count;
                    if passed > limit && done.load(Ordering::SeqCst) < times {
                        done.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                }
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    });
    (address, cut)
}

/// Passes connections on to `to`, which no longer understands that it is to mount a blob.
pub(crate) fn proxy_without_mounts(to: String) -> String {
    use std::io::Read;
    use std::net::{Shutdown, TcpListener, TcpStream};
    const MOUNT: &[u8] = b"/uploads/?mount=";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&to) else {
                return;
            };
            let (mut down_in, mut down_out) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut down_in, &mut down_out);
                let _ = down_out.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || {
                let (mut from, mut to) = (client, server);
                let mut buffer = [0; 16384];
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    let bytes = &mut buffer[..count];
                    if let Some(at) = bytes.windows(MOUNT.len()).position(|part| part == MOUNT) {
                        bytes[at + MOUNT.len() - 2] = b'_';
                    }
                    if to.write_all(bytes).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

/// Runs the original.
pub(crate) fn skopeo(args: &[&str]) -> Vec<u8> {
    let out = Command::new("skopeo")
        .arg("--insecure-policy")
        .args(args)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "skopeo {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

pub(crate) fn skopeo_copy(from: &str, to: &str) {
    skopeo(&[
        "copy",
        "-q",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        to,
    ]);
}

/// A context whose configuration lies below `root`.
pub(crate) fn context(root: &Path) -> Context {
    let env = Environment {
        uid: 0,
        home: Some(root.join("home")),
        vars: Default::default(),
        root: root.to_owned(),
    };
    let registries = Registries::load(&env, None).unwrap();
    let lookaside = Lookaside::load(&env, None).unwrap();
    let mut context = Context::new(env, registries, lookaside);
    context.tmpdir = root.to_owned();
    context
}

pub(crate) fn options() -> CopyOptions {
    CopyOptions::new(Timestamp::now())
}

pub(crate) fn plain_http() -> EndpointOptions {
    EndpointOptions {
        tls_verify: Some(false),
        ..Default::default()
    }
}

/// Collects what is told, and cancels when asked to.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) notes: std::sync::Mutex<Vec<Note>>,
    pub(crate) existing: AtomicUsize,
    pub(crate) bytes: AtomicUsize,
    pub(crate) cancel: AtomicBool,
    pub(crate) cancel_after: Option<usize>,
}

impl Progress for Recorder {
    fn advance(&self, _: usize, bytes: u64) {
        let sum = self.bytes.fetch_add(bytes as usize, Ordering::SeqCst) + bytes as usize;
        if self.cancel_after.is_some_and(|limit| sum >= limit) {
            self.cancel.store(true, Ordering::SeqCst);
        }
    }

    fn layer_done(&self, _: usize, outcome: image::LayerOutcome) {
        if outcome == image::LayerOutcome::Exists {
            self.existing.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn note(&self, note: Note) {
        self.notes.lock().unwrap().push(note);
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }
}

/// Copies with everything given.
#[expect(
    clippy::result_large_err,
    reason = "the error is matched on, once per test"
)]
pub(crate) fn copy_with(
    context: &Context,
    from: &str,
    to: &str,
    options: &CopyOptions,
    sink: &SinkOptions,
    policy: &[u8],
    progress: &dyn Progress,
) -> Result<CopyReport, CopyError> {
    let (from, to) = (
        ImageName::parse(from).unwrap(),
        ImageName::parse(to).unwrap(),
    );
    let source =
        open_source(&from, context, &plain_http()).map_err(|source| CopyError::Source {
            name: from.to_string(),
            source,
        })?;
    let sink = open_sink(&to, context, &plain_http(), sink).map_err(|source| CopyError::Sink {
        name: to.to_string(),
        source,
    })?;
    copy(
        context,
        source.as_ref(),
        sink,
        &Policy::parse(policy).unwrap(),
        options,
        progress,
    )
}

/// Copies with nothing special.
pub(crate) fn ours(context: &Context, from: &str, to: &str) -> CopyReport {
    copy_with(
        context,
        from,
        to,
        &options(),
        &SinkOptions::default(),
        ACCEPT,
        &image::Quiet,
    )
    .unwrap_or_else(|error| panic!("{from} -> {to}: {}", chain(&error)))
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// All files below a directory with their contents.
pub(crate) fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let mut content = std::fs::read(&path).unwrap();
                // Newer releases of skopeo leave out a space, older ones have it.
                if path.ends_with("oci-layout") {
                    content.retain(|byte| *byte != b' ');
                }
                found.push((path.strip_prefix(root).unwrap().to_owned(), content));
            }
        }
    }
    found.sort();
    found
}
