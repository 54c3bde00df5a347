//! A real registry on a free loopback port, ended when it is dropped.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// Starts a registry and waits until it answers.
    ///
    /// # Panics
    /// When it does not within 20 seconds.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let host = format!("127.0.0.1:{port}");
        let configuration = dir.path().join("registry.yml");
        fs::write(
            &configuration,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}/data}}\n  delete: {{enabled: true}}\nhttp: {{addr: \"{host}\"}}\n",
                dir.path().display()
            ),
        )
        .expect("a configuration");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let registry = Self { child, host, dir };
        let start = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the registry does not answer"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// Returns the directory that the registry keeps its blobs in.
    pub fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may be gone already; there is nothing to do about either then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
