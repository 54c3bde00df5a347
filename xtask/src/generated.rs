//! Files made from the grammar: `man/` and `contrib/completions/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::{programs, verdict};

/// Files by their name.
type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn man(root: &Path, check: bool) -> anyhow::Result<()> {
    let mut files = Files::new();
    for program in programs() {
        files.extend(term::man::pages(&program).context("making manual pages")?);
    }
    settle(&root.join("man"), files, check, "man")
}

pub(crate) fn completions(root: &Path, check: bool) -> anyhow::Result<()> {
    let mut files = Files::new();
    for program in programs() {
        files.extend(term::completions::scripts(&program));
    }
    settle(
        &root.join("contrib/completions"),
        files,
        check,
        "completions",
    )
}

/// Writes the files and removes others of the folder, or says how they differ.
fn settle(folder: &Path, files: Files, check: bool, task: &str) -> anyhow::Result<()> {
    let mut complaints = Vec::new();
    let mut stale: Vec<String> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !files.contains_key(name))
            .collect(),
        Err(_) => Vec::new(),
    };
    stale.sort();
    for (name, text) in &files {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        if check {
            complaints.push(format!("{}: run `cargo xtask {task}`", path.display()));
            continue;
        }
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    for name in stale {
        let path = folder.join(name);
        if check {
            complaints.push(format!(
                "{}: no program or verb of that name",
                path.display()
            ));
        } else {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    verdict(&complaints)
}
