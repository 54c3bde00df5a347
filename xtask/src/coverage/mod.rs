//! Which test covers what: `tests/coverage.toml`.
//!
//! A cell is something a user can ask for. The cells are counted here, from the grammar and from
//! the lists below, and not in the file: a new flag is an empty cell until somebody names a test.
//!
//! ```toml
//! [skopeo-rs]
//! copy = ["copies_a_manifest"]                # a verb by itself; names of test functions
//! "--all" = ["copies_all_instances"]          # a flag, of whichever verbs have it
//!
//! [policy]
//! "signedBy keyPath" = ["signed_by_key_path"]
//! ```
//!
//! A test counts for a flag only when the file that it stands in spells the flag.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::{Arg, Command};

use crate::depcheck::rust_files;
use crate::{programs, verdict};

/// What can be asked for: by section and cell, the spellings of a flag (none for other cells).
type Cells = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The files, as text, in which each test stands.
type Tests = BTreeMap<String, Vec<String>>;

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
        for (name, spellings) in names {
            let covering = tested.and_then(|cells| cells.get(name));
            let covering = covering.map(Vec::as_slice).unwrap_or_default();
            if list {
                term::stdout::line(&format!("{section}\t{name}\t{}", covering.join(" ")))?;
            }
            if covering.is_empty() {
                complaints.push(format!("[{section}] {name}: no test"));
            }
            for test in covering {
                match tests.get(test) {
                    None => {
                        complaints.push(format!("[{section}] {name}: no test is called {test}"));
                    }
                    Some(files) if !spells(files, spellings) => complaints.push(format!(
                        "[{section}] {name}: the file of {test} does not spell it"
                    )),
                    Some(_) => {}
                }
            }
        }
    }
    for (section, covered) in &registry {
        let known = cells.get(section);
        for name in covered.keys() {
            if !known.is_some_and(|names| names.contains_key(name)) {
                complaints.push(format!("[{section}] {name}: there is no such thing"));
            }
        }
    }
    verdict(&complaints)
}

/// Says whether one of the files has one of the spellings; what has none is not a flag.
fn spells(files: &[String], spellings: &[String]) -> bool {
    let has = |file: &String| spellings.iter().any(|spelling| file.contains(spelling));
    spellings.is_empty() || files.iter().any(has)
}

/// Every cell, by section.
fn cells() -> Cells {
    let mut cells: Cells = LISTS
        .iter()
        .map(|(section, names)| {
            let names = names.iter().map(|name| ((*name).to_owned(), Vec::new()));
            ((*section).to_owned(), names.collect())
        })
        .collect();
    for program in programs() {
        let section = cells.entry(program.get_name().to_owned()).or_default();
        let mut todo: Vec<(String, &Command)> = vec![(String::new(), &program)];
        while let Some((verb, command)) = todo.pop() {
            let verbs = command.get_subcommands();
            let verbs = verbs.filter(|verb| verb.get_name() != "help");
            todo.extend(verbs.map(|sub| (format!("{verb} {}", sub.get_name()), sub)));
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long().filter(|long| *long != "help") else {
                    continue;
                };
                let known = section.entry(format!("--{long}")).or_default();
                known.extend(spellings(arg));
            }
            // What a verb does without any flag is something to be tested, too.
            if !command.has_subcommands() {
                section.insert(verb.trim_start().to_owned(), Vec::new());
            }
        }
    }
    cells
}

/// How a flag can be written: by its long name, an alias, or alone by its letter.
fn spellings(arg: &Arg) -> Vec<String> {
    let long = arg.get_long().into_iter();
    let aliases = arg.get_all_aliases().unwrap_or_default();
    let mut all: Vec<String> = long
        .chain(aliases)
        .map(|name| format!("--{name}"))
        .collect();
    all.extend(arg.get_short().map(|short| format!("\"-{short}")));
    all.extend(arg.get_short().map(|short| format!(" -{short} ")));
    all
}

/// All test functions of the workspace.
fn tests(root: &Path) -> anyhow::Result<Tests> {
    let mut tests = Tests::new();
    for folder in [
        "libs",
        "skopeo-rs",
        "storetool",
        "ocitool",
        "tests",
        "xtask",
    ] {
        for (_, text) in rust_files(&root.join(folder))? {
            for name in test_names(&text) {
                tests.entry(name).or_default().push(text.clone());
            }
        }
    }
    Ok(tests)
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
        assert!(cells["skopeo-rs"]["--all"].contains(&"\"-a".to_owned()));
        assert!(cells["storetool"].contains_key("containers create"));
        assert!(cells["skopeo-rs"].contains_key("--policy"));
        assert!(!cells["skopeo-rs"].contains_key("--help"));
    }
}
