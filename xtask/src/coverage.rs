//! Which test covers what: `tests/coverage.toml`.
//!
//! A cell is something a user can ask for. The cells are counted here, from the grammar and from
//! the lists below, and not in the file: a new flag is an empty cell until somebody names a test.
//!
//! ```toml
//! ["skopeo-rs copy"]
//! "--all" = ["copies_all_instances"]          # names of test functions, anywhere in the sources
//!
//! [policy]
//! "signedBy keyPath" = ["signed_by_key_path"]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::Command;

use crate::depcheck::rust_files;
use crate::{programs, verdict};

/// Tests by section and cell.
type Registry = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What no grammar tells: section and cells.
const LISTS: [(&str, &[&str]); 4] = [
    (
        "policy",
        &[
            "insecureAcceptAnything",
            "reject",
            "signedBy keyPath",
            "signedBy keyPaths",
            "signedBy keyData",
            "sigstoreSigned",
            "signedBaseLayer",
            "unknown key",
            "duplicate key",
            "scope lookup",
        ],
    ),
    (
        "identity",
        &[
            "matchExact",
            "matchRepoDigestOrExact",
            "matchRepository",
            "exactReference",
            "exactRepository",
            "remapIdentity",
        ],
    ),
    (
        "transport",
        &[
            "docker source",
            "docker destination",
            "dir source",
            "dir destination",
            "oci source",
            "oci destination",
            "oci-archive source",
            "oci-archive destination",
            "docker-archive source",
            "docker-archive destination",
            "store source",
            "store destination",
        ],
    ),
    (
        "authentication",
        &[
            "anonymous",
            "basic",
            "bearer token",
            "identity token",
            "registry token",
            "authfile",
            "credential helper",
            "client certificate",
        ],
    ),
];

pub(crate) fn run(root: &Path, list: bool) -> anyhow::Result<()> {
    let path = root.join("tests/coverage.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let registry: Registry =
        toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
    let tests = tests(root)?;
    let mut complaints = Vec::new();
    let cells = cells();
    for (section, names) in &cells {
        let tested = registry.get(section);
        for name in names {
            let covering = tested.and_then(|cells| cells.get(name));
            let covering = covering.map(Vec::as_slice).unwrap_or_default();
            if list {
                term::stdout::line(&format!("{section}\t{name}\t{}", covering.join(" ")))?;
            }
            if covering.is_empty() {
                complaints.push(format!("[{section}] {name}: no test"));
            }
        }
    }
    for (section, covered) in &registry {
        for (name, covering) in covered {
            if !cells.get(section).is_some_and(|names| names.contains(name)) {
                complaints.push(format!("[{section}] {name}: there is no such thing"));
            }
            for test in covering.iter().filter(|test| !tests.contains(*test)) {
                complaints.push(format!("[{section}] {name}: no test is called {test}"));
            }
        }
    }
    verdict(&complaints)
}

/// Every cell, by section.
fn cells() -> BTreeMap<String, BTreeSet<String>> {
    let mut cells: BTreeMap<String, BTreeSet<String>> = LISTS
        .iter()
        .map(|(section, names)| {
            let names = names.iter().map(ToString::to_string);
            ((*section).to_owned(), names.collect())
        })
        .collect();
    for program in programs() {
        let mut todo: Vec<(String, &Command)> = vec![(program.get_name().to_owned(), &program)];
        while let Some((name, command)) = todo.pop() {
            let verbs = command.get_subcommands();
            let verbs: Vec<(String, &Command)> = verbs
                .filter(|verb| verb.get_name() != "help")
                .map(|verb| (format!("{name} {}", verb.get_name()), verb))
                .collect();
            let mut flags: BTreeSet<String> = command
                .get_arguments()
                .filter_map(|arg| arg.get_long())
                .map(|long| format!("--{long}"))
                .filter(|flag| flag != "--help" && flag != "--version")
                .collect();
            if verbs.is_empty() {
                // What the verb does without any flag is something to be tested, too.
                flags.insert("itself".to_owned());
            }
            if !flags.is_empty() {
                cells.insert(name, flags);
            }
            todo.extend(verbs);
        }
    }
    cells
}

/// The names of all test functions of the workspace.
fn tests(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for folder in [
        "libs",
        "skopeo-rs",
        "storetool",
        "ocitool",
        "tests",
        "xtask",
    ] {
        for (_, text) in rust_files(&root.join(folder))? {
            names.extend(test_names(&text));
        }
    }
    Ok(names)
}

/// The names of the functions below a `#[test]`.
fn test_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            names.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_their_attribute() {
        let text =
            "#[test]\nfn one() {}\nfn two() {}\n    #[test]\n    #[ignore]\n    fn three() {}";
        assert_eq!(test_names(text), ["one", "three"]);
    }

    #[test]
    fn verbs_and_flags_are_cells() {
        let cells = cells();
        assert!(cells["skopeo-rs copy"].contains("--all"));
        assert!(cells["storetool containers create"].contains("--label"));
        assert!(cells["skopeo-rs"].contains("--policy"));
        assert!(!cells["skopeo-rs copy"].contains("--help"));
    }
}
