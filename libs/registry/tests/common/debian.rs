//! Debian's `docker-registry` on a free port of this machine.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use config::certs::Pem;
use tempfile::TempDir;

use super::pem;

/// How a registry is to be reached.
#[derive(Default)]
pub struct Setup {
    /// User and password for basic authentication.
    pub login: Option<(String, String)>,
    /// Which certificates are in use.
    pub tls: Tls,
}

/// Certificates, made for the purpose.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Tls {
    /// Plain http.
    #[default]
    Off,
    /// A server certificate of an authority.
    Authority,
    /// The same, and clients need a certificate too.
    ClientsToo,
    /// A server certificate that is its own authority.
    SelfSigned,
}

/// A running registry; dropping it ends it.
pub struct DebianRegistry {
    child: Child,
    host: String,
    directory: TempDir,
}

impl DebianRegistry {
    /// Starts a registry, or returns `None`, with the reason printed, where it is not installed.
    pub fn start(setup: &Setup) -> Option<Self> {
        if Command::new("docker-registry")
            .arg("--version")
            .output()
            .is_err()
        {
            println!("skipped: docker-registry is not installed");
            return None;
        }
        let directory = TempDir::new().unwrap();
        if setup.tls != Tls::Off {
            make_certificates(directory.path());
        }
        let config = directory.path().join("config.yml");
        fs::write(&config, configuration(setup, directory.path())).unwrap();
        let (child, host) = tests::registry::serve(&config);
        Some(Self {
            child,
            host,
            directory,
        })
    }

    /// `HOST:PORT` of the registry.
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// Reads one of the files that were made for TLS: `ca.pem`, `client.pem`, `client.key`,
    /// `self.pem`.
    pub fn pem(&self, name: &str) -> Pem {
        pem(name, &fs::read(self.path(name)).unwrap())
    }

    /// Returns the path of a file of the registry.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Certificates in a directory of their own: see [`make_certificates`].
pub struct Certificates(TempDir);

impl Certificates {
    /// Makes them.
    pub fn make() -> Self {
        let directory = TempDir::new().unwrap();
        make_certificates(directory.path());
        Self(directory)
    }

    /// Reads one of the files.
    pub fn pem(&self, name: &str) -> Pem {
        pem(name, &fs::read(self.0.path().join(name)).unwrap())
    }
}

/// nginx in front of a registry, for TLS and HTTP/2; dropping it ends it.
pub struct Nginx {
    child: Child,
    port: u16,
    pub certificates: Certificates,
}

impl Nginx {
    /// Starts it, or returns `None`, with the reason printed, where it is not installed.
    pub fn start(registry: &DebianRegistry) -> Option<Self> {
        let program = "/usr/sbin/nginx";
        if !Path::new(program).exists() {
            println!("skipped: {program} is not installed");
            return None;
        }
        let certificates = Certificates::make();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let at = certificates.0.path().display();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {at}/{what};"))
            .join(" ");
        let conf = format!(
            "daemon off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
             http {{ log_format p '$server_protocol'; access_log {at}/protocols p; {paths}\n\
             server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {at}/server.pem;\n\
             ssl_certificate_key {at}/server.key; client_max_body_size 0;\n\
             location / {{ proxy_pass http://{}; proxy_set_header Host $http_host;\n\
             proxy_set_header X-Forwarded-Proto https; proxy_request_buffering off; }} }} }}\n",
            registry.host()
        );
        let path = certificates.0.path().join("nginx.conf");
        fs::write(&path, conf).unwrap();
        let mut child = Command::new(program)
            .arg("-c")
            .arg(&path)
            .arg("-e")
            .arg(certificates.0.path().join("error.log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let up = came_up(&mut child, port);
        assert!(
            up,
            "nginx did not start: {:?}",
            fs::read_to_string(certificates.0.path().join("error.log"))
        );
        Some(Self {
            child,
            port,
            certificates,
        })
    }

    /// `HOST:PORT` of the server.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The protocol of each request that was answered.
    pub fn protocols(&self) -> Vec<String> {
        let log = fs::read(self.certificates.0.path().join("protocols")).unwrap();
        let log = String::from_utf8(log).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it when it is asked, and stay when it is killed.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

fn came_up(child: &mut Child, port: u16) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

fn configuration(setup: &Setup, directory: &Path) -> String {
    let at = directory.display();
    let mut yaml = format!(
        "version: 0.1\nlog:\n  accesslog:\n    disabled: true\nstorage:\n  delete:\n    \
         enabled: true\n  filesystem:\n    rootdirectory: {at}/data\nhttp:\n  addr: 127.0.0.1:0\n  secret: x\n"
    );
    if setup.tls != Tls::Off {
        let who = if setup.tls == Tls::SelfSigned {
            "self"
        } else {
            "server"
        };
        yaml.push_str(&format!(
            "  tls:\n    certificate: {at}/{who}.pem\n    key: {at}/{who}.key\n"
        ));
        if setup.tls == Tls::ClientsToo {
            yaml.push_str(&format!("    clientcas:\n      - {at}/ca.pem\n"));
        }
    }
    if let Some((user, password)) = &setup.login {
        let made = Command::new("htpasswd")
            .args(["-Bbn", user, password])
            .output()
            .unwrap();
        assert!(made.status.success());
        fs::write(directory.join("htpasswd"), made.stdout).unwrap();
        yaml.push_str(&format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {at}/htpasswd\n"
        ));
    }
    yaml
}

/// Makes an authority, a server's and a client's certificate, and one that is its own authority.
fn make_certificates(directory: &Path) {
    let script = r#"
set -e
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
key ca.key
openssl req -x509 -new -key ca.key -days 2 -subj /CN=ca -out ca.pem
for who in server client; do
  key $who.key
  openssl req -new -key $who.key -subj /CN=$who -out $who.csr
  printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=%sAuth\n' $who > $who.ext
  openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext -out $who.pem
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
  -subj /CN=self -addext subjectAltName=IP:127.0.0.1 -keyout self.key -out self.pem
"#;
    run(directory, script);
}

fn run(directory: &Path, script: &str) {
    let made = Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
