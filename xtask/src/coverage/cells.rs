//! What a user can ask for.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, Command};

use crate::programs;

/// Cells by section and name.
pub(super) type Cells = BTreeMap<String, BTreeMap<String, Cell>>;

/// What a test has to spell to count.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// The last words of the verbs that have it, one of which is to be there; none where there
    /// are no verbs.
    pub(super) verbs: BTreeSet<String>,
    /// The spellings of a flag, one of which is to be there; none for other cells.
    pub(super) spellings: BTreeSet<String>,
    /// It can be nothing but refused.
    pub(super) refused: bool,
}

/// The structs of the flags that a program knows and refuses.
const REFUSED: [&str; 1] = ["Encryption"];

/// The struct of a verb's own flags, which all verbs call so.
const OWN: &str = "Args";

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

/// A struct of flags: its name, and their ids.
type Struct = (String, Vec<String>);

/// Every cell, by section.
pub(super) fn cells() -> Cells {
    let mut cells: Cells = LISTS
        .iter()
        .map(|(section, names)| {
            let names = names
                .iter()
                .map(|name| ((*name).to_owned(), Cell::default()));
            ((*section).to_owned(), names.collect())
        })
        .collect();
    for program in programs() {
        let section = cells.entry(program.get_name().to_owned()).or_default();
        let commands = commands(&program);
        let mut uses: BTreeMap<Struct, usize> = BTreeMap::new();
        for structure in commands.iter().flat_map(|(_, command)| structs(command)) {
            *uses.entry(structure).or_default() += 1;
        }
        for (verb, command) in &commands {
            // What a verb does without any flag is something to be tested, too.
            if !command.has_subcommands() {
                section.entry(verb.clone()).or_default().verbs = last_word(verb);
            }
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long().filter(|long| *long != "help") else {
                    continue;
                };
                let structure = structs(command)
                    .find(|(_, ids)| ids.iter().any(|id| arg.get_id() == id.as_str()));
                let shared = structure.as_ref().filter(|structure| {
                    structure.0 != OWN && uses.get(structure).is_some_and(|&uses| uses > 1)
                });
                let owner = shared.map_or(verb, |(name, _)| name);
                let cell = section
                    .entry(format!("{owner} --{long}").trim_start().to_owned())
                    .or_default();
                cell.verbs.extend(last_word(verb));
                cell.spellings.extend(spellings(arg));
                cell.refused = structure.is_some_and(|(name, _)| REFUSED.contains(&name.as_str()));
            }
        }
    }
    cells
}

/// A program and all its verbs, each with its words.
fn commands(program: &Command) -> Vec<(String, &Command)> {
    let mut found = Vec::new();
    let mut todo = vec![(String::new(), program)];
    while let Some((verb, command)) = todo.pop() {
        let verbs = command
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help");
        todo.extend(verbs.map(|sub| {
            (
                format!("{verb} {}", sub.get_name()).trim_start().to_owned(),
                sub,
            )
        }));
        found.push((verb, command));
    }
    found
}

/// The structs that a verb's flags stand in: clap makes a group of each.
fn structs(command: &Command) -> impl Iterator<Item = Struct> {
    command.get_groups().map(|group| {
        let ids = group.get_args().map(|id| id.as_str().to_owned());
        (group.get_id().as_str().to_owned(), ids.collect())
    })
}

fn last_word(verb: &str) -> BTreeSet<String> {
    verb.split(' ')
        .next_back()
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .into_iter()
        .collect()
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
    all.extend(arg.get_short().map(|short| format!(" -{short}")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_their_flags_are_cells() {
        let cells = cells();
        let copy_all = &cells["skopeo-rs"]["copy --all"];
        assert!(copy_all.spellings.contains("\"-a") && copy_all.verbs.contains("copy"));
        assert!(cells["storetool"].contains_key("containers create"));
        assert!(cells["skopeo-rs"].contains_key("--policy"));
        assert!(cells["skopeo-rs"]["copy --encrypt-layer"].refused);
        assert!(
            !cells["skopeo-rs"]
                .keys()
                .any(|name| name.ends_with("--help"))
        );
    }

    #[test]
    fn a_struct_of_several_verbs_has_its_flags_once() {
        let cells = cells();
        let section = &cells["storetool"];
        assert_eq!(section["Access --creds"].verbs.len(), 2);
        assert!(!section.contains_key("pull --creds"));
        assert!(
            section.contains_key("pull --platform") && section.contains_key("import --platform")
        );
    }
}
