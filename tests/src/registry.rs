//! A real registry on a free loopback port, ended when it is dropped.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

/// Debian's `docker-registry` on loopback, with deletion allowed.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub host: String,
    dir: TempDir,
}

impl Registry {
    /// Starts a registry and waits until it listens.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let configuration = dir.path().join("registry.yml");
        fs::write(
            &configuration,
            format!(
                "version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {}/data}}\n  delete: {{enabled: true}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n",
                dir.path().display()
            ),
        )
        .expect("a configuration");
        let (child, host) = serve(&configuration);
        Self { child, host, dir }
    }

    /// Returns the directory that the registry keeps its blobs in.
    pub fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }
}

/// Makes a certificate for 127.0.0.1, its own authority: `certs/ca.crt` and `key.pem` below `dir`.
pub fn certificate(dir: &Path) {
    fs::create_dir_all(dir.join("certs")).expect("a directory");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days"])
        .args(["2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("certs/ca.crt"))
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may be gone already; there is nothing to do about either then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts Debian's `docker-registry` and waits until it listens; returns its address.
///
/// The configuration says `addr: 127.0.0.1:0` and leaves the log as it is: a port that is chosen
/// here could be taken by somebody else before the registry has it.
///
/// # Panics
/// When it is not installed, or ends at once.
pub fn serve(configuration: &Path) -> (Child, String) {
    let mut child = Command::new("docker-registry")
        .arg("serve")
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker-registry is installed");
    let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    let mut start = 0;
    while log.read_line(&mut said).expect("a log") > 0 {
        let address = said[start..]
            .split_once("listening on ")
            .and_then(|(_, address)| address.split(['"', ',']).next());
        if let Some(address) = address.map(str::to_owned) {
            // It must never wait for a reader of its log.
            thread::spawn(move || io::copy(&mut log, &mut io::sink()));
            return (child, address);
        }
        start = said.len();
    }
    let status = child.wait().expect("its status");
    panic!("docker-registry ended with {status}: {said}");
}
