//! The system's certificate authorities: where they lie, and reading them.
//!
//! A distribution keeps all of them in one file, and each once more in a directory. The file
//! alone is read when it holds some: a hundred and forty opens less for the same authorities.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use config::Environment;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The one file, in the order in which Go looks for it.
const FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The directories.
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Where certificate authorities lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Files with many; the first that can be read counts.
    files: Vec<PathBuf>,
    /// Directories of files.
    directories: Vec<PathBuf>,
    /// Whether the directories are read also when the file holds authorities.
    always_directories: bool,
}

impl Default for Authorities {
    fn default() -> Self {
        Self {
            files: FILES.map(PathBuf::from).into(),
            directories: DIRECTORIES.map(PathBuf::from).into(),
            always_directories: false,
        }
    }
}

impl Authorities {
    /// Returns the system's places, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name: each
    /// stands for its kind of place only, as with Go.
    pub fn from_environment(env: &Environment) -> Self {
        let system = |paths: &[&str]| paths.iter().map(|path| env.system(path)).collect();
        let file = env.path_var("SSL_CERT_FILE");
        let directories = env.var("SSL_CERT_DIR");
        Self {
            always_directories: file.is_some() || directories.is_some(),
            files: file.map_or_else(|| system(&FILES), |file| vec![file]),
            directories: directories.map_or_else(
                || system(&DIRECTORIES),
                |list| std::env::split_paths(list).collect(),
            ),
        }
    }

    /// Reads them. What cannot be read or is no certificate is passed over, as by every reader of
    /// these places; the first failure is returned beside.
    pub(crate) fn read(&self) -> (RootCertStore, Option<io::Error>) {
        let mut roots = RootCertStore::empty();
        let mut failure = None;
        let mut keep = |error: io::Error| {
            if error.kind() != io::ErrorKind::NotFound {
                failure.get_or_insert(error);
            }
        };
        for file in &self.files {
            match add(&mut roots, file) {
                Ok(()) => break,
                Err(error) => keep(error),
            }
        }
        if self.always_directories || roots.is_empty() {
            for directory in &self.directories {
                for file in members(directory, &mut keep) {
                    // A link to a file that was removed is common there.
                    let _ = add(&mut roots, &file);
                }
            }
        }
        (roots, failure)
    }
}

/// The files in a directory, without links within it: these are second names, by hash.
fn members(directory: &Path, keep: &mut impl FnMut(io::Error)) -> Vec<PathBuf> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            keep(error);
            return Vec::new();
        }
    };
    let is_second_name =
        |path: &Path| fs::read_link(path).is_ok_and(|target| target.components().count() == 1);
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && !is_second_name(path))
        .collect()
}

fn add(roots: &mut RootCertStore, file: &Path) -> io::Result<()> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("reading {}: {error}", file.display()))
    };
    let pem = fs::read(file).map_err(named)?;
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    /// A certificate authority, as PEM.
    fn authority(name: &str) -> Vec<u8> {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"])
            .args(["-subj", &format!("/CN={name}"), "-outform", "PEM"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        made.stdout
    }

    fn environment(root: &Path, vars: &[(&str, &str)]) -> Environment {
        Environment {
            uid: 0,
            home: None,
            vars: vars
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            root: root.into(),
        }
    }

    #[test]
    fn the_one_file_is_enough_and_the_environment_names_others() {
        let root = tempfile::tempdir().unwrap();
        let place = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let count = |vars: &[(&str, &str)]| {
            let (roots, failure) =
                Authorities::from_environment(&environment(root.path(), vars)).read();
            assert!(failure.is_none(), "{failure:?}");
            roots.len()
        };
        assert_eq!(count(&[]), 0);
        let [a, b, c] = ["a", "b", "c"].map(authority);
        fs::write(place("etc/ssl/certs/a.pem"), &a).unwrap();
        fs::write(place("etc/ssl/certs/b.pem"), &b).unwrap();
        symlink("b.pem", place("etc/ssl/certs/0123abcd.0")).unwrap();
        symlink("gone", place("etc/ssl/certs/4567abcd.0")).unwrap();
        assert_eq!(count(&[]), 2, "without the one file, the directory");
        fs::write(place("etc/ssl/cert.pem"), "no certificate").unwrap();
        assert_eq!(count(&[]), 2, "nor when it holds none");
        fs::write(place("etc/ssl/cert.pem"), &c).unwrap();
        assert_eq!(count(&[]), 1, "the file alone");
        let all = [&a[..], b"\nnot PEM\n", &b, &c].concat();
        fs::write(place("own.pem"), &all).unwrap();
        fs::write(place("own/c.pem"), &c).unwrap();
        let at = |name: &str| root.path().join(name).display().to_string();
        let (file, directory) = (at("own.pem"), at("own"));
        let directories = format!("{directory}:{}", at("etc/ssl/certs"));
        for (vars, want) in [
            (&[("SSL_CERT_FILE", &file[..])][..], 5),
            (&[("SSL_CERT_DIR", &directory)], 2),
            (&[("SSL_CERT_DIR", &directories)], 4),
            (&[("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &directory)], 4),
            (&[("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")], 1),
        ] {
            assert_eq!(count(vars), want, "{vars:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let here = root.path().to_str().unwrap();
        let env = environment(root.path(), &[("SSL_CERT_FILE", here)]);
        let (roots, failure) = Authorities::from_environment(&env).read();
        assert!(roots.is_empty());
        assert!(failure.unwrap().to_string().contains(here));
    }
}
