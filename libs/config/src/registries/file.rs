//! One file of registries.conf(5): read, and checked against itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{Mirror, Registry};
use crate::{ConfigError, read};

/// What is to be done with names without host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShortNameMode {
    /// Ask, and fail where nobody can be asked.
    Enforcing,
    /// Ask, and try all where nobody can be asked.
    #[default]
    Permissive,
    /// Try all.
    Disabled,
}

/// Which images a mirror is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullFromMirror {
    /// All.
    #[default]
    All,
    /// Those that are named by digest.
    DigestOnly,
    /// Those that are not.
    TagOnly,
}

/// What one file says; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) registries: BTreeMap<String, Registry>,
    pub(super) unqualified_search: Option<Vec<String>>,
    pub(super) short_name_mode: Option<ShortNameMode>,
    pub(super) credential_helpers: Option<Vec<String>>,
    pub(super) aliases: BTreeMap<String, String>,
}

/// The names of all members that are known.
const MEMBERS: &[&str] = &[
    "aliases",
    "blocked",
    "credential-helpers",
    "insecure",
    "location",
    "mirror",
    "mirror-by-digest-only",
    "prefix",
    "pull-from-mirror",
    "registries",
    "registry",
    "short-name-mode",
    "unqualified-search-registries",
];

/// The members of the file; unknown ones are ignored, as in the original.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default, rename = "registry")]
    registries: Vec<RegistryTable>,
    unqualified_search_registries: Option<Vec<String>>,
    short_name_mode: Option<String>,
    credential_helpers: Option<Vec<String>>,
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    /// The one table of version 1.
    #[serde(rename = "registries")]
    version_1: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RegistryTable {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    pull_from_mirror: Option<String>,
    #[serde(default, rename = "mirror")]
    mirrors: Vec<MirrorTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorTable {
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: String,
}

/// Reads one file.
pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Parsed, ConfigError> {
    let text = read::text(path, bytes)?;
    let broken = |source| ConfigError::Toml {
        path: path.to_owned(),
        source: Box::new(source),
    };
    let file: File = toml::from_str(&text).map_err(broken)?;
    let refuse = |place: &str, problem| ConfigError::Invalid {
        path: path.to_owned(),
        place: place.to_owned(),
        problem,
    };
    if let Some(name) = in_other_case(&toml::from_str(&text).map_err(broken)?) {
        return Err(refuse(&name, "known in small letters only"));
    }
    if file.version_1.is_some() {
        return Err(refuse(
            "[registries]",
            "version 1 of the format is no longer read",
        ));
    }
    let mut parsed = Parsed {
        credential_helpers: file.credential_helpers,
        aliases: file.aliases,
        ..Parsed::default()
    };
    parsed.short_name_mode = match file.short_name_mode.as_deref() {
        None | Some("") => None,
        Some("enforcing") => Some(ShortNameMode::Enforcing),
        Some("permissive") => Some(ShortNameMode::Permissive),
        Some("disabled") => Some(ShortNameMode::Disabled),
        Some(_) => {
            let problem = "neither enforcing, permissive nor disabled";
            return Err(refuse("short-name-mode", problem));
        }
    };
    if let Some(hosts) = file.unqualified_search_registries {
        let hosts: Vec<String> = hosts.iter().map(|h| trimmed(h).to_owned()).collect();
        if let Some(host) = hosts
            .iter()
            .find(|host| oci::Repository::new(host, "x").is_err())
        {
            let place = format!("unqualified-search-registries {host:?}");
            return Err(refuse(&place, "not of the form HOST[:PORT]"));
        }
        parsed.unqualified_search = Some(hosts);
    }
    // (insecure, blocked) by what is contacted: one place cannot be both one and the other.
    let mut security: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for table in file.registries {
        let (prefix, registry) = registry(table, &refuse)?;
        let contacted = registry.location.clone().unwrap_or_else(|| prefix.clone());
        let flags = (registry.insecure, registry.blocked);
        let first = *security.entry(contacted.clone()).or_insert(flags);
        if first.0 != flags.0 {
            return Err(refuse(
                &contacted,
                "defined several times with conflicting insecure",
            ));
        }
        if first.1 != flags.1 {
            return Err(refuse(
                &contacted,
                "defined several times with conflicting blocked",
            ));
        }
        // The first of several with one prefix is the one that holds, as in the original.
        parsed.registries.entry(prefix).or_insert(registry);
    }
    Ok(parsed)
}

/// Finds a member whose name has capitals. The original takes it for the known one, so that it must
/// not be ignored as unknown.
fn in_other_case(table: &toml::Table) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let small = name.to_ascii_lowercase();
        if small != *name && MEMBERS.contains(&small.as_str()) {
            return Some(name.clone());
        }
        let tables = value.as_array()?.iter().filter_map(toml::Value::as_table);
        tables.filter_map(in_other_case).next()
    })
}

fn trimmed(location: &str) -> &str {
    location.trim_end_matches('/')
}

fn registry(
    table: RegistryTable,
    refuse: &dyn Fn(&str, &'static str) -> ConfigError,
) -> Result<(String, Registry), ConfigError> {
    let location = trimmed(&table.location);
    let prefix = trimmed(&table.prefix);
    let prefix = if prefix.is_empty() { location } else { prefix };
    let place = format!("registry {prefix:?}");
    let scheme = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    if prefix.is_empty() {
        return Err(refuse("[[registry]]", "neither prefix nor location"));
    }
    if scheme(prefix) || scheme(location) {
        return Err(refuse(&place, "URL schemes are not supported"));
    }
    let wildcard = prefix.starts_with("*.");
    if wildcard && prefix.contains(['/', '@', ':']) {
        return Err(refuse(&place, "wildcards are of the form *.example.com"));
    }
    if location.is_empty() && !wildcard {
        return Err(refuse(
            &place,
            "location is missing and prefix is no wildcard",
        ));
    }
    if table
        .pull_from_mirror
        .is_some_and(|value| !value.is_empty())
    {
        return Err(refuse(&place, "pull-from-mirror is for mirrors only"));
    }
    let mut mirrors = Vec::new();
    for mirror in table.mirrors {
        let location = trimmed(&mirror.location);
        if location.is_empty() {
            return Err(refuse(&place, "mirror without location"));
        }
        if scheme(location) {
            return Err(refuse(&place, "URL schemes are not supported in mirrors"));
        }
        if table.mirror_by_digest_only && !mirror.pull_from_mirror.is_empty() {
            let problem = "mirror-by-digest-only and pull-from-mirror exclude each other";
            return Err(refuse(&place, problem));
        }
        let pull = match mirror.pull_from_mirror.as_str() {
            "" | "all" => PullFromMirror::All,
            "digest-only" => PullFromMirror::DigestOnly,
            "tag-only" => PullFromMirror::TagOnly,
            _ => {
                return Err(refuse(
                    &place,
                    "pull-from-mirror is neither all, digest-only nor tag-only",
                ));
            }
        };
        mirrors.push(Mirror {
            location: location.to_owned(),
            insecure: mirror.insecure,
            pull,
        });
    }
    let registry = Registry {
        location: (!location.is_empty()).then(|| location.to_owned()),
        insecure: table.insecure,
        blocked: table.blocked,
        mirrors,
        mirror_by_digest_only: table.mirror_by_digest_only,
    };
    Ok((prefix.to_owned(), registry))
}
