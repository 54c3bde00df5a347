//! The process's surroundings, as one value that `main` makes and tests make up.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::read;

/// Who runs the program, and where it looks for things.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The effective user.
    pub uid: u32,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// The environment variables; helper programs get them too.
    pub vars: BTreeMap<OsString, OsString>,
    /// What stands for `/` in the paths of the system's configuration.
    pub root: PathBuf,
}

impl Environment {
    /// Reads the surroundings of this process; `main` alone does so.
    pub fn from_process() -> Self {
        let vars: BTreeMap<_, _> = std::env::vars_os().collect();
        let uid = rustix::process::geteuid().as_raw();
        let home = vars
            .get(OsStr::new("HOME"))
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
            .or_else(|| home_of(uid));
        Self {
            uid,
            home,
            vars,
            root: PathBuf::from("/"),
        }
    }

    /// Returns a variable, if it is set and not empty.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns a variable that holds a path, if it is set and not empty.
    pub fn path_var(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from)
    }

    /// Returns where an absolute path of the system's configuration lies.
    pub fn system(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Returns where `sq` keeps secret keys.
    pub fn softkeys(&self) -> Option<PathBuf> {
        const KEYS: &str = "keystore/softkeys";
        if let Some(home) = self.path_var("SEQUOIA_HOME") {
            return Some(home.join("data").join(KEYS));
        }
        let data = self.path_var("XDG_DATA_HOME");
        let data = data.or_else(|| self.in_home(".local/share"))?;
        Some(data.join("sequoia").join(KEYS))
    }

    /// Returns a path below the home directory.
    pub fn in_home(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }

    /// Returns a path below `$XDG_CONFIG_HOME`, or below `.config` in the home directory.
    pub fn in_user_config(&self, path: &str) -> Option<PathBuf> {
        self.path_var("XDG_CONFIG_HOME")
            .or_else(|| self.in_home(".config"))
            .map(|directory| directory.join(path))
    }
}

/// Looks a home directory up in the user database, for processes without `$HOME`.
fn home_of(uid: u32) -> Option<PathBuf> {
    let passwd = read::optional(Path::new("/etc/passwd")).ok()??;
    let passwd = String::from_utf8_lossy(&passwd);
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let found = fields.get(2)?.parse() == Ok(uid);
        found.then(|| fields.get(5).map(PathBuf::from)).flatten()
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use std::fs;

    use super::Environment;

    /// A surrounding below a temporary directory: `root` stands for `/`, `home` for the home.
    pub(crate) struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        pub(crate) fn new() -> Self {
            Self {
                directory: tempfile::tempdir().unwrap(),
            }
        }

        /// Writes a file below the directory and returns its path.
        pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> std::path::PathBuf {
            let path = self.directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        pub(crate) fn env(&self, uid: u32, vars: &[(&str, &str)]) -> Environment {
            let here = |text: &str| text.replace("HERE", self.directory.path().to_str().unwrap());
            Environment {
                uid,
                home: Some(self.directory.path().join("home")),
                vars: vars
                    .iter()
                    .map(|(name, value)| (name.into(), here(value).into()))
                    .collect(),
                root: self.directory.path().join("root"),
            }
        }
    }
}
