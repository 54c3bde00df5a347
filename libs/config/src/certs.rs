//! Certificates for the TLS of one registry (containers-certs.d(5)).
//!
//! ```text
//! certs.d/HOST[:PORT]/NAME.crt     authorities beside those of the system
//! certs.d/HOST[:PORT]/NAME.cert    client certificate
//! certs.d/HOST[:PORT]/NAME.key     its private key
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::read::{self, is_absent};
use crate::{ConfigError, Environment};

/// What certs.d holds for one registry, as PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities that are trusted beside those of the system, one file each.
    pub ca_pem: Vec<Pem>,
    /// Client certificate and private key; the first pair by name when there are several.
    pub client: Option<(Pem, Pem)>,
}

/// A file of certificates or of a key, which nobody has looked into yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// Where it lies, for messages.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ***", self.path.display())
    }
}

impl Pem {
    fn required(path: PathBuf) -> Result<Self, ConfigError> {
        let bytes = read::required(&path)?;
        Ok(Self { path, bytes })
    }

    fn optional(path: PathBuf) -> Result<Option<Self>, ConfigError> {
        let bytes = read::optional(&path)?;
        Ok(bytes.map(|bytes| Self { path, bytes }))
    }
}

/// Finds the certificates for `host` (`HOST[:PORT]` as in a reference): in `cert_dir` if it is
/// given, else in the first of the user's, containers' and docker's certs.d that knows the host.
///
/// A directory that does not exist holds nothing. One of the default ones that may not be
/// read is passed over, as the original does: docker's is often for root alone.
///
/// # Errors
/// Files that cannot be read, a certificate without key, a key without certificate.
pub fn find(
    env: &Environment,
    host: &str,
    cert_dir: Option<&Path>,
) -> Result<TlsFiles, ConfigError> {
    if let Some(directory) = cert_dir {
        return load(directory);
    }
    if host.is_empty() || host.contains('/') || host.starts_with('.') {
        return Ok(TlsFiles::default());
    }
    let places = env
        .in_home(".config/containers/certs.d")
        .into_iter()
        .chain([
            env.system("/etc/containers/certs.d"),
            env.system("/etc/docker/certs.d"),
        ]);
    for place in places {
        let directory = place.join(host);
        match fs::metadata(&directory) {
            Ok(_) => {}
            Err(error) if is_absent(&error) || is_denied(&error) => continue,
            Err(source) => {
                return Err(ConfigError::Read {
                    path: directory,
                    source,
                });
            }
        }
        return match load(&directory) {
            Err(ConfigError::Read { path, source }) if path == directory && is_denied(&source) => {
                Ok(TlsFiles::default())
            }
            result => result,
        };
    }
    Ok(TlsFiles::default())
}

/// Reads the certificates for a docker engine: `ca.pem`, and `cert.pem` with `key.pem`.
///
/// # Errors
/// Files that cannot be read or are missing.
pub fn of_engine(directory: &Path) -> Result<TlsFiles, ConfigError> {
    let file = |name| Pem::required(directory.join(name));
    Ok(TlsFiles {
        ca_pem: vec![file("ca.pem")?],
        client: Some((file("cert.pem")?, file("key.pem")?)),
    })
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn load(directory: &Path) -> Result<TlsFiles, ConfigError> {
    let names = read::directory(directory)?;
    let partner = |path: &Path, extension: &str, problem| {
        let partner = path.with_extension(extension);
        match partner.file_name() {
            Some(name) if names.iter().any(|other| other == name) => Ok(partner),
            _ => Err(ConfigError::Invalid {
                path: directory.to_owned(),
                place: path.file_name().unwrap_or_default().display().to_string(),
                problem,
            }),
        }
    };
    let mut found = TlsFiles::default();
    for name in &names {
        let path: PathBuf = directory.join(name);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => found.ca_pem.extend(Pem::optional(path)?),
            Some("cert") => {
                let key = partner(
                    &path,
                    "key",
                    "client certificate without a .key file (authorities are named .crt)",
                )?;
                if found.client.is_none() {
                    found.client = Some((Pem::required(path)?, Pem::required(key)?));
                }
            }
            Some("key") => {
                partner(&path, "cert", "private key without a .cert file")?;
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::Place;

    #[test]
    fn the_first_directory_that_knows_the_host_holds() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let find = |host: &str| find(&env, host, None).unwrap();
        let authorities = |host: &str| -> Vec<_> {
            let pems = find(host).ca_pem;
            pems.into_iter().map(|pem| pem.bytes).collect()
        };
        assert_eq!(find("r:5000"), TlsFiles::default());
        place.write("root/etc/docker/certs.d/r:5000/ca.crt", "docker");
        assert_eq!(authorities("r:5000"), [b"docker"]);
        place.write("root/etc/containers/certs.d/r:5000/b.crt", "2");
        place.write("root/etc/containers/certs.d/r:5000/a.crt", "1");
        place.write("root/etc/containers/certs.d/r:5000/readme", "x");
        assert_eq!(authorities("r:5000"), [b"1", b"2"]);
        place.write("home/.config/containers/certs.d/r:5000/me.cert", "cert");
        place.write("home/.config/containers/certs.d/r:5000/me.key", "key");
        let found = find("r:5000");
        let (cert, key) = found.client.unwrap();
        assert_eq!(
            (&cert.bytes[..], &key.bytes[..]),
            (&b"cert"[..], &b"key"[..])
        );
        assert!(key.path.ends_with("certs.d/r:5000/me.key"));
        assert!(found.ca_pem.is_empty());
        let empty = place.write("home/.config/containers/certs.d/e/ca.crt", "x");
        std::fs::remove_file(empty).unwrap();
        place.write("root/etc/containers/certs.d/e/ca.crt", "not asked for");
        assert_eq!(find("e"), TlsFiles::default());
        for host in ["r", "r:500", "..", "", "../r:5000", "r:5000/x"] {
            assert_eq!(find(host), TlsFiles::default(), "{host}");
        }
    }

    #[test]
    fn certificates_and_keys_come_in_pairs() {
        let place = Place::new();
        let env = place.env(0, &[]);
        let cert = place.write("one/a.cert", "c");
        let error = find(&env, "r", cert.parent()).unwrap_err().to_string();
        assert!(
            error.contains("a.cert: client certificate without a .key"),
            "{error}"
        );
        let key = place.write("two/a.key", "k");
        let error = find(&env, "r", key.parent()).unwrap_err().to_string();
        assert!(error.contains("a.key: private key without"), "{error}");
        place.write("three/a.crt", vec![b'x'; (1 << 20) + 1]);
        let crt = place.write("three/a.crt", vec![b'x'; (1 << 20) + 1]);
        let error = find(&env, "r", crt.parent()).unwrap_err();
        assert!(matches!(error, ConfigError::TooLong { path, .. } if path == crt));
    }
}
