//! Which test covers what: `tests/coverage.toml`.
//!
//! A cell is something a user can ask for. The cells are counted here ([`cells`]), from the
//! grammar and from lists, and not in the file: a new flag is an empty cell until somebody names a
//! test.
//!
//! ```toml
//! refusing = ["wrong_calls_are_said"]         # tests that only see something refused
//!
//! [skopeo-rs]
//! copy = ["copies_a_manifest"]                # a verb by itself; names of test functions
//! "copy --all" = ["copies_all_instances"]     # a flag of a verb
//! "Access --creds" = ["logins"]               # a flag of a struct that several verbs flatten
//! "--policy" = ["policies"]                   # a flag of the program
//!
//! [policy]
//! "signedBy keyPath" = ["signed_by_key_path"]
//! ```
//!
//! Each verb has its own cells, for verbs do with a flag what each thinks right. But a struct that
//! several verbs flatten is one piece of code that makes one value of its flags: those are cells
//! of the struct, which one verb may cover for all.
//!
//! A test counts for a cell only when its body, or what the tests of its file share, spells the
//! flag and the verb as whole words ([`found`]). One that is ignored does not count, nor does one
//! that only sees something refused, save for flags that the program always refuses.

mod cells;
mod found;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::verdict;

/// `tests/coverage.toml`.
#[derive(Deserialize)]
struct Registry {
    /// Tests that only see something refused.
    refusing: Vec<String>,
    /// Tests by section and cell.
    #[serde(flatten)]
    sections: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

pub(crate) fn run(root: &Path, list: bool) -> anyhow::Result<()> {
    let path = root.join("tests/coverage.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let registry: Registry =
        toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
    let tests = found::tests(root)?;
    let mut complaints = Vec::new();
    let cells = cells::cells();
    for (section, names) in &cells {
        let tested = registry.sections.get(section);
        for (name, cell) in names {
            let covering = tested.and_then(|cells| cells.get(name));
            let covering = covering.map(Vec::as_slice).unwrap_or_default();
            if list {
                term::stdout::line(&format!("{section}\t{name}\t{}", covering.join(" ")))?;
            }
            if covering.is_empty() {
                complaints.push(format!("[{section}] {name}: no test"));
            }
            for test in covering {
                let wrong = match tests.get(test) {
                    None => "there is no such test, or it is ignored",
                    Some(_) if !cell.refused && registry.refusing.contains(test) => {
                        "this test only sees something refused"
                    }
                    Some(texts) if !found::spells(texts, cell) => "this test does not spell it",
                    Some(_) => continue,
                };
                complaints.push(format!("[{section}] {name}: {test}: {wrong}"));
            }
        }
    }
    for test in &registry.refusing {
        if !tests.contains_key(test) {
            complaints.push(format!("refusing: {test}: there is no such test"));
        }
    }
    for (section, covered) in &registry.sections {
        let known = cells.get(section);
        for name in covered.keys() {
            if !known.is_some_and(|names| names.contains_key(name)) {
                complaints.push(format!("[{section}] {name}: there is no such thing"));
            }
        }
    }
    verdict(&complaints)
}
