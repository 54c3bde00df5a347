//! Which crate may use which, and a few rules that no lint can hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::verdict;

/// The rows of the design: a crate uses crates of lower rows only.
const ROWS: [&[&str]; 7] = [
    &["oci", "sys"],
    &["config", "archive", "runtime-spec"],
    &["signing"],
    &["registry", "storage"],
    &["image", "runtime"],
    &["intake", "system-container", "cri", "term"],
    &[
        "skopeo-rs",
        "storetool",
        "ocitool",
        "kpod",
        "atomic-rs",
        "ocid",
    ],
];

/// The row of the programs.
const PROGRAMS: usize = 6;

/// Crates beside the rows, which may use any.
const BESIDE: [&str; 4] = ["tests", "xtask", "benches", "fuzz"];

/// What only programs and `term` may use: libraries know no command line, and their errors have
/// types.
const FOR_PROGRAMS: [&str; 6] = [
    "anyhow",
    "clap",
    "clap_complete",
    "clap_mangen",
    "gotmpl",
    "indicatif",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// None for what the crate itself uses; `dev` and `build` are the others.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    features: Vec<String>,
}

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let metadata = metadata(root)?;
    let members: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| metadata.workspace_members.contains(&package.id))
        .collect();
    let mut complaints = Vec::new();
    for package in &members {
        rows(package, &mut complaints);
        sources(package, &mut complaints)?;
    }
    preserve_order(&metadata, &mut complaints);
    verdict(&complaints)
}

fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--all-features",
            // Without a platform cargo wants the crates of all of them; those of others are not
            // here.
            "--filter-platform",
            &host()?,
        ])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("reading what cargo metadata said")
}

/// The platform that cargo builds for, as rustc names it.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("running rustc")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc does not name its host")
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

/// Complains of dependencies upwards or sideways. Tests may look up.
fn rows(package: &Package, complaints: &mut Vec<String>) {
    let name = package.name.as_str();
    if BESIDE.contains(&name) {
        return;
    }
    let Some(own) = row(name) else {
        complaints.push(format!("{name}: is in no row of xtask/src/depcheck.rs"));
        return;
    };
    for used in package
        .dependencies
        .iter()
        .filter(|used| used.kind.is_none())
    {
        let uses = used.name.as_str();
        if row(uses).is_some_and(|row| row >= own) {
            complaints.push(format!("{name}: uses {uses}, which is not in a lower row"));
        }
        if uses == "term" && own != PROGRAMS {
            complaints.push(format!(
                "{name}: uses term, which is for the programs alone"
            ));
        }
        if FOR_PROGRAMS.contains(&uses) && own != PROGRAMS && name != "term" {
            complaints.push(format!(
                "{name}: uses {uses}, which is for the programs alone"
            ));
        }
    }
}

/// Complains of library crates that do not forbid unsafe code, and of libraries that print.
fn sources(package: &Package, complaints: &mut Vec<String>) -> anyhow::Result<()> {
    let name = package.name.as_str();
    let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
    let lib = folder.join("src/lib.rs");
    if name != "sys" && lib.exists() {
        let text = fs::read_to_string(&lib)?;
        if !text.contains("#![forbid(unsafe_code)]") {
            complaints.push(format!("{name}: src/lib.rs lacks #![forbid(unsafe_code)]"));
        }
    }
    if row(name).is_none_or(|row| row == PROGRAMS) {
        return Ok(());
    }
    // A module called tests is compiled for them alone.
    let is_test = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
    };
    for (path, text) in rust_files(&folder.join("src"))? {
        if is_test(path.strip_prefix(folder).unwrap_or(&path)) {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.trim_start();
            let prints = ["println!(", "eprintln!(", "print!(", "eprint!("];
            if !line.starts_with("//") && prints.iter().any(|print| line.starts_with(print)) {
                let path = path.display();
                complaints.push(format!("{path}:{}: a library prints nothing", number + 1));
            }
        }
    }
    Ok(())
}

/// Complains when some crate asks for serde_json with the order of members kept: it would change
/// what every other crate writes.
fn preserve_order(metadata: &Metadata, complaints: &mut Vec<String>) {
    let names: BTreeMap<&str, &str> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package.name.as_str()))
        .collect();
    let is_on = metadata.resolve.nodes.iter().any(|node| {
        names.get(node.id.as_str()) == Some(&"serde_json")
            && node
                .features
                .iter()
                .any(|feature| feature == "preserve_order")
    });
    if is_on {
        complaints.push("serde_json: some crate turns preserve_order on".to_owned());
    }
}

/// Every Rust file below a folder, with its text.
pub(crate) fn rust_files(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        let listing = || format!("listing {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(listing)? {
            let path = entry.with_context(listing)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                files.push((path, text));
            }
        }
    }
    files.sort();
    Ok(files)
}
