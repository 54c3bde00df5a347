//! Mirrors, blocked and insecure registries (containers-registries.conf(5), version 2).
//!
//! The main file is the first that exists of the user's, `/etc`'s and `/usr/share`'s. Drop-ins come
//! from all three, a name of the user's hiding the same one of the system's; they are applied in
//! the order of their names, each replacing what it says again.
//! `$CONTAINERS_REGISTRIES_CONF` stands in for all of these;
//! `$CONTAINERS_REGISTRIES_CONF_OVERRIDE` is applied last.

mod file;
mod matching;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use oci::{Reference, Repository};

use crate::{ConfigError, Environment, read};

pub use file::{PullFromMirror, ShortNameMode};

/// Stands among the credential helpers for the files of containers-auth.json(5).
pub const AUTH_FILES: &str = "containers-auth.json";

/// What registries.conf and its drop-ins say together.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    registries: BTreeMap<String, Registry>,
    unqualified_search: Vec<String>,
    short_name_mode: Option<ShortNameMode>,
    credential_helpers: Vec<String>,
    aliases: BTreeMap<String, String>,
}

/// One `[[registry]]`, by its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Registry {
    /// What replaces the prefix; `None` leaves the name as it is.
    location: Option<String>,
    insecure: bool,
    blocked: bool,
    mirrors: Vec<Mirror>,
    mirror_by_digest_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    location: String,
    insecure: bool,
    pull: PullFromMirror,
}

/// Where an image may be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The repository there.
    pub repository: Repository,
    /// Whether TLS need not be verified, nor be there.
    pub insecure: bool,
    /// Whether the place must not be contacted.
    pub blocked: bool,
}

/// All places where an image may be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The registry itself.
    pub primary: Endpoint,
    /// What is tried before it, in this order; for reading images only.
    pub mirrors: Vec<Endpoint>,
}

impl Registries {
    /// Reads the configuration; `asked` stands in for all files, as
    /// `$CONTAINERS_REGISTRIES_CONF` does.
    ///
    /// # Errors
    /// Files that cannot be read, are of version 1, or contradict themselves.
    pub fn load(env: &Environment, asked: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let asked = asked
            .map(Path::to_owned)
            .or_else(|| env.path_var("CONTAINERS_REGISTRIES_CONF"));
        if let Some(path) = asked {
            config.apply(file::parse(&path, read::required(&path)?)?);
        } else {
            for path in main_files(env) {
                if let Some(bytes) = read::optional(&path)? {
                    config.apply(file::parse(&path, bytes)?);
                    break;
                }
            }
            for path in drop_ins(env)? {
                // A file that is gone since the directory was read is none; what a link that leads
                // nowhere was to say is unknown.
                let bytes = match path.is_symlink() {
                    true => Some(read::required(&path)?),
                    false => read::optional(&path)?,
                };
                if let Some(bytes) = bytes {
                    config.apply(file::parse(&path, bytes)?);
                }
            }
        }
        if let Some(path) = env.path_var("CONTAINERS_REGISTRIES_CONF_OVERRIDE") {
            config.apply(file::parse(&path, read::required(&path)?)?);
        }
        Ok(config)
    }

    fn apply(&mut self, file: file::Parsed) {
        self.registries.extend(file.registries);
        if let Some(search) = file.unqualified_search {
            self.unqualified_search = search;
        }
        if let Some(helpers) = file.credential_helpers {
            self.credential_helpers = helpers;
        }
        if file.short_name_mode.is_some() {
            self.short_name_mode = file.short_name_mode;
        }
        for (name, value) in file.aliases {
            if value.is_empty() {
                self.aliases.remove(&name);
            } else {
                self.aliases.insert(name, value);
            }
        }
    }

    /// Returns where `reference` may be read: by digest, by tag, or by neither, since mirrors may be
    /// for one of them only.
    ///
    /// A place is blocked when the name there is; the registry itself also when the name that was
    /// asked for is. So a blocked registry can still be read through its mirrors, which is how
    /// clusters forbid the source and keep the mirror.
    ///
    /// # Errors
    /// A location that makes no name of a repository.
    pub fn resolve(&self, reference: &Reference) -> Result<Resolved, ConfigError> {
        let name = reference.repository().to_string();
        let Some((prefix, registry, matched)) = self.find(&name) else {
            return Ok(Resolved {
                primary: Endpoint {
                    repository: reference.repository().clone(),
                    insecure: false,
                    blocked: false,
                },
                mirrors: Vec::new(),
            });
        };
        let rewrite = |location: Option<&str>| match location {
            None => Ok(reference.repository().clone()),
            Some(location) if location == prefix => Ok(reference.repository().clone()),
            Some(location) => Repository::parse(&format!("{location}{}", &name[matched..]))
                .map_err(|source| ConfigError::Location {
                    location: location.to_owned(),
                    name: name.clone(),
                    source,
                }),
        };
        let by_digest = reference.digest().is_some();
        let mut mirrors = Vec::new();
        for mirror in &registry.mirrors {
            let used = match mirror.pull {
                _ if registry.mirror_by_digest_only => by_digest,
                PullFromMirror::All => true,
                PullFromMirror::DigestOnly => by_digest,
                PullFromMirror::TagOnly => !by_digest,
            };
            if used {
                mirrors.push(self.endpoint(rewrite(Some(&mirror.location))?, mirror.insecure));
            }
        }
        let mut primary = self.endpoint(rewrite(registry.location.as_deref())?, registry.insecure);
        primary.blocked |= registry.blocked;
        Ok(Resolved { primary, mirrors })
    }

    /// Returns the place that `reference` itself names, for all but reading images: locations and
    /// mirrors, and what holds for them, count for that alone.
    pub fn own(&self, reference: &Reference) -> Endpoint {
        let name = reference.repository().to_string();
        let insecure = self.find(&name).is_some_and(|found| found.1.insecure);
        self.endpoint(reference.repository().clone(), insecure)
    }

    /// Returns what holds for a host as a whole, to log in to say: whether it is insecure, and
    /// whether it is blocked.
    pub fn host(&self, host: &str) -> (bool, bool) {
        self.find(host)
            .map_or((false, false), |found| (found.1.insecure, found.1.blocked))
    }

    /// A place that is blocked is so whichever way it was found. That it is insecure counts only
    /// where it is said: of the mirror or location itself, or of the name.
    fn endpoint(&self, repository: Repository, insecure: bool) -> Endpoint {
        let there = self.find(&repository.to_string());
        Endpoint {
            insecure,
            blocked: there.is_some_and(|found| found.1.blocked),
            repository,
        }
    }

    /// Returns the registry with the longest prefix of `name`, with the prefix and how much of the
    /// name it stands for.
    fn find(&self, name: &str) -> Option<(&str, &Registry, usize)> {
        self.registries
            .iter()
            .filter_map(|(prefix, registry)| {
                Some((prefix.as_str(), registry, matching::prefix(name, prefix)?))
            })
            .max_by_key(|(prefix, _, _)| prefix.len())
    }

    /// Returns the global credential helpers in their order; [`AUTH_FILES`] stands for the files,
    /// and alone when nothing is configured.
    pub fn credential_helpers(&self) -> Vec<&str> {
        if self.credential_helpers.is_empty() {
            return vec![AUTH_FILES];
        }
        self.credential_helpers.iter().map(String::as_str).collect()
    }

    /// Returns the hosts where names without host are looked for. Nothing here does so: names
    /// without host are docker.io's.
    pub fn unqualified_search(&self) -> &[String] {
        &self.unqualified_search
    }

    /// Returns what is to be done with names without host.
    pub fn short_name_mode(&self) -> ShortNameMode {
        self.short_name_mode.unwrap_or_default()
    }

    /// Returns the full name that a short one stands for.
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }
}

/// The places of the main file, the one that hides the others first.
fn main_files(env: &Environment) -> impl Iterator<Item = PathBuf> {
    env.in_user_config("containers/registries.conf")
        .into_iter()
        .chain([
            env.system("/etc/containers/registries.conf"),
            env.system("/usr/share/containers/registries.conf"),
        ])
}

/// The drop-ins in the order in which they apply.
fn drop_ins(env: &Environment) -> Result<Vec<PathBuf>, ConfigError> {
    let levels = [
        Some(env.system("/usr/share/containers")),
        Some(env.system("/etc/containers")),
        env.in_user_config("containers"),
    ];
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for level in levels.into_iter().flatten() {
        let mut directories = vec![level.join("registries.conf.d")];
        if env.uid == 0 {
            directories.push(level.join("registries.rootful.conf.d"));
        } else {
            let rootless = level.join("registries.rootless.conf.d");
            directories.push(rootless.clone());
            directories.push(rootless.join(env.uid.to_string()));
        }
        for directory in directories {
            for name in read::directory(&directory)? {
                let path = directory.join(&name);
                if path
                    .extension()
                    .is_some_and(|extension| extension == "conf")
                    && !path.is_dir()
                {
                    by_name.insert(name, path);
                }
            }
        }
    }
    Ok(by_name.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::Place;

    fn load(place: &Place, vars: &[(&str, &str)]) -> Result<Registries, ConfigError> {
        Registries::load(&place.env(1000, vars), None)
    }

    /// Shows what a name resolves to: mirrors, then the registry, with their flags.
    fn shown(config: &Registries, name: &str) -> Vec<String> {
        let resolved = config.resolve(&Reference::parse(name).unwrap()).unwrap();
        resolved
            .mirrors
            .iter()
            .chain([&resolved.primary])
            .map(|endpoint| {
                let flag = |set, text| if set { text } else { "" };
                format!(
                    "{}{}{}",
                    endpoint.repository,
                    flag(endpoint.insecure, " insecure"),
                    flag(endpoint.blocked, " blocked")
                )
            })
            .collect()
    }

    const MAIN: &str = r#"
        unqualified-search-registries = ["docker.io", "r.example:5000/"]
        short-name-mode = "enforcing"
        credential-helpers = ["x"]
        unknown = true
        [aliases]
        "a" = "r.example/a"
        "gone" = "r.example/gone"
        [[registry]]
        location = "r.example"
        insecure = true
        [[registry]]
        prefix = "r.example/n"
        location = "internal.example/m"
        [[registry.mirror]]
        location = "all.example"
        insecure = true
        [[registry.mirror]]
        location = "digest.example/x"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "tag.example"
        pull-from-mirror = "tag-only"
        [[registry]]
        prefix = "*.wild.example"
        blocked = true
        [[registry]]
        location = "only.example"
        blocked = true
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "mirror.example"
        [[registry]]
        prefix = "docker.io/library"
        location = "hub.example/lib"
    "#;

    #[test]
    fn names_resolve_by_the_longest_prefix() {
        let place = Place::new();
        place.write("root/etc/containers/registries.conf", MAIN);
        let config = load(&place, &[]).unwrap();
        let digest = format!("@{}", oci::Digest::sha256(b""));
        let table: &[(&str, &[&str])] = &[
            ("free.example/a", &["free.example/a"]),
            ("r.example/a:t", &["r.example/a insecure"]),
            ("r.example:5000/a", &["r.example:5000/a insecure"]),
            ("r.example.evil/a", &["r.example.evil/a"]),
            ("r.example/na", &["r.example/na insecure"]),
            (
                "r.example/n/a:t",
                &[
                    "all.example/a insecure",
                    "tag.example/a",
                    "internal.example/m/a",
                ],
            ),
            (
                "r.example/n/a@",
                &[
                    "all.example/a insecure",
                    "digest.example/x/a",
                    "internal.example/m/a",
                ],
            ),
            ("x.wild.example/a", &["x.wild.example/a blocked"]),
            ("wild.example/a", &["wild.example/a"]),
            ("only.example/a:t", &["only.example/a blocked"]),
            (
                "only.example/a@",
                &["mirror.example/a", "only.example/a blocked"],
            ),
            ("busybox", &["hub.example/lib/busybox"]),
            ("user/a", &["docker.io/user/a"]),
        ];
        for (name, want) in table {
            let name = name.replace('@', &digest);
            assert_eq!(shown(&config, &name), *want, "{name}");
        }
        assert_eq!(config.unqualified_search(), ["docker.io", "r.example:5000"]);
        assert_eq!(config.short_name_mode(), ShortNameMode::Enforcing);
        assert_eq!(config.credential_helpers(), ["x"]);
        assert_eq!(config.alias("a"), Some("r.example/a"));
    }

    #[test]
    fn a_blocked_location_is_blocked_under_every_name() {
        let place = Place::new();
        place.write(
            "root/etc/containers/registries.conf",
            "[[registry]]\nlocation = \"bad.example\"\nblocked = true\n\
             [[registry]]\nprefix = \"good.example\"\nlocation = \"bad.example/x\"\n\
             [[registry]]\nprefix = \"asked.example\"\nlocation = \"there.example\"\nblocked = true\n",
        );
        let config = load(&place, &[]).unwrap();
        assert_eq!(
            shown(&config, "good.example/a"),
            ["bad.example/x/a blocked"]
        );
        assert_eq!(
            shown(&config, "asked.example/a"),
            ["there.example/a blocked"]
        );
    }

    #[test]
    fn what_holds_for_a_location_does_not_hold_for_the_name_itself() {
        let place = Place::new();
        place.write(
            "root/etc/containers/registries.conf",
            "[[registry]]\nprefix = \"named.example\"\nlocation = \"plain.example/hub\"\n\
             [[registry]]\nlocation = \"plain.example\"\ninsecure = true\nblocked = true\n\
             [[registry]]\nprefix = \"own.example\"\nlocation = \"free.example\"\n\
             insecure = true\nblocked = true\n",
        );
        let config = load(&place, &[]).unwrap();
        for (name, insecure, blocked) in [
            ("named.example/a", false, false),
            ("plain.example/a", true, true),
            ("own.example/a", true, true),
            ("free.example/a", false, false),
        ] {
            let reference = Reference::parse(name).unwrap();
            let repository = reference.repository().clone();
            assert_eq!(
                config.own(&reference),
                Endpoint {
                    repository,
                    insecure,
                    blocked
                },
                "{name}"
            );
        }
    }

    #[test]
    fn a_place_is_insecure_only_where_that_is_said_of_it() {
        let place = Place::new();
        place.write(
            "root/etc/containers/registries.conf",
            "[[registry]]\nlocation = \"plain.example\"\ninsecure = true\n\
             [[registry]]\nprefix = \"named.example\"\nlocation = \"plain.example/hub\"\n\
             [[registry.mirror]]\nlocation = \"plain.example/a\"\n\
             [[registry.mirror]]\nlocation = \"plain.example/b\"\ninsecure = true\n",
        );
        let config = load(&place, &[]).unwrap();
        assert_eq!(
            shown(&config, "named.example/x"),
            [
                "plain.example/a/x",
                "plain.example/b/x insecure",
                "plain.example/hub/x"
            ]
        );
        assert_eq!(
            shown(&config, "plain.example/x"),
            ["plain.example/x insecure"]
        );
    }

    #[test]
    fn files_hide_and_change_one_another() {
        let place = Place::new();
        let blocked = |host: &str| format!("[[registry]]\nlocation = \"{host}\"\nblocked = true\n");
        let is_blocked = |vars: &[(&str, &str)], host: &str| {
            shown(&load(&place, vars).unwrap(), &format!("{host}/a"))[0].ends_with("blocked")
        };
        assert!(!is_blocked(&[], "usr.example"));
        place.write(
            "root/usr/share/containers/registries.conf",
            blocked("usr.example"),
        );
        assert!(is_blocked(&[], "usr.example"));
        place.write(
            "root/etc/containers/registries.conf",
            blocked("etc.example"),
        );
        assert!(is_blocked(&[], "etc.example") && !is_blocked(&[], "usr.example"));
        place.write(
            "home/.config/containers/registries.conf",
            blocked("home.example"),
        );
        assert!(is_blocked(&[], "home.example") && !is_blocked(&[], "etc.example"));

        place.write(
            "root/etc/containers/registries.conf.d/1.conf",
            blocked("one.example"),
        );
        place.write(
            "root/etc/containers/registries.conf.d/2.conf",
            "[[registry]]\nlocation = \"one.example\"",
        );
        place.write("root/etc/containers/registries.conf.d/3.conf.bak", "{");
        place.write("root/usr/share/containers/registries.conf.d/2.conf", "{");
        place.write(
            "root/etc/containers/registries.rootless.conf.d/a.conf",
            blocked("less.example"),
        );
        place.write(
            "root/etc/containers/registries.rootless.conf.d/1000/b.conf",
            blocked("me.example"),
        );
        place.write(
            "root/etc/containers/registries.rootful.conf.d/a.conf",
            blocked("full.example"),
        );
        assert!(!is_blocked(&[], "one.example"));
        assert!(is_blocked(&[], "less.example") && is_blocked(&[], "me.example"));
        assert!(!is_blocked(&[], "full.example"));
        let root = Registries::load(&place.env(0, &[]), None).unwrap();
        assert_eq!(shown(&root, "full.example/a"), ["full.example/a blocked"]);
        assert_eq!(shown(&root, "me.example/a"), ["me.example/a"]);
        place.write("home/.config/containers/registries.conf.d/2.conf", "");
        assert!(is_blocked(&[], "one.example"));

        place.write("named.conf", blocked("named.example"));
        place.write("over.conf", blocked("over.example"));
        let named = &[("CONTAINERS_REGISTRIES_CONF", "HERE/named.conf")];
        assert!(is_blocked(named, "named.example") && !is_blocked(named, "one.example"));
        let over = &[("CONTAINERS_REGISTRIES_CONF_OVERRIDE", "HERE/over.conf")];
        assert!(is_blocked(over, "over.example") && is_blocked(over, "one.example"));
        let missing = load(&place, &[("CONTAINERS_REGISTRIES_CONF", "HERE/none.conf")]);
        assert!(matches!(missing, Err(ConfigError::Read { .. })));
    }

    #[test]
    fn aliases_are_taken_away_by_empty_ones() {
        let place = Place::new();
        place.write("root/etc/containers/registries.conf", MAIN);
        place.write(
            "root/etc/containers/registries.conf.d/a.conf",
            "credential-helpers = []\n[aliases]\n\"gone\" = \"\"\n",
        );
        let config = load(&place, &[]).unwrap();
        assert_eq!(
            (config.alias("a").is_some(), config.alias("gone")),
            (true, None)
        );
        assert_eq!(config.credential_helpers(), [AUTH_FILES]);
    }

    #[test]
    fn a_drop_in_that_leads_nowhere_is_not_passed_over() {
        let place = Place::new();
        place.write("root/etc/containers/registries.conf.d/a.conf", "");
        let link = place.write("root/etc/containers/registries.conf.d/b.conf", "");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let error = load(&place, &[]).unwrap_err();
        assert!(matches!(error, ConfigError::Read { path, .. } if path == link));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let place = Place::new();
        let table = [
            ("[registries.search]\nregistries = []", "version 1"),
            ("[[registry]]", "neither prefix nor location"),
            ("[[registry]]\nprefix = \"a\"", "location is missing"),
            ("[[registry]]\nlocation = \"https://a\"", "URL schemes"),
            ("[[registry]]\nprefix = \"*.a/b\"", "wildcards"),
            (
                "[[registry]]\nlocation = \"a\"\npull-from-mirror = \"all\"",
                "for mirrors only",
            ),
            (
                "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]",
                "mirror without location",
            ),
            (
                "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"x\"",
                "neither all",
            ),
            (
                "[[registry]]\nlocation = \"a\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"all\"",
                "exclude each other",
            ),
            (
                "[[registry]]\nlocation = \"a\"\n[[registry]]\nprefix = \"p\"\nlocation = \"a\"\nblocked = true",
                "conflicting blocked",
            ),
            (
                "[[registry]]\nlocation = \"a\"\ninsecure = true\n[[registry]]\nprefix = \"p\"\nlocation = \"a\"",
                "conflicting insecure",
            ),
            ("short-name-mode = \"x\"", "neither enforcing"),
            ("unqualified-search-registries = [\"a/b\"]", "HOST[:PORT]"),
            ("[[Registry]]\nlocation = \"a\"", "Registry: "),
            (
                "[[registry]]\nlocation = \"a\"\nBlocked = true",
                "Blocked: ",
            ),
            (
                "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nLOCATION = \"b\"",
                "LOCATION: ",
            ),
            ("[[registry]]\nlocation = 1", "line 2"),
            ("[[registry]]\nlocation = \"a\"\nlocation = \"b\"", "line 3"),
        ];
        for (text, want) in table {
            let path = place.write("root/etc/containers/registries.conf", text);
            let error = load(&place, &[]).unwrap_err();
            let mut shown = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                shown += &source.to_string();
            }
            assert!(
                shown.contains(path.to_str().unwrap()) && shown.contains(want),
                "{text}: {shown}"
            );
        }
    }
}
