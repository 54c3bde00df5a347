//! Images that attack whoever unpacks them, and odd ones that are good.
//!
//! Each case is an image and the exact outcome: the words of the refusal, or the tree. A tree is what
//! an independent walker finds below the mounted root, and both drivers must show the same one. Around
//! the store lie canaries that no case may touch.
#![expect(clippy::expect_used, reason = "a test that can not go on fails")]

mod compression;
mod format;
mod links;
mod manifests;
mod names;
mod odd;
mod owners;
mod special;
mod whiteouts;

use std::fs;
use std::path::{Path, PathBuf};

use tests::layout::Image;
use tests::programs::{Ran, run};
use tests::tarball::Tarball;
use tests::{Need, need, walk};

/// One image and what must become of it.
struct Case {
    name: &'static str,
    image: Image,
    want: Want,
    /// Spoils the layout after it was written.
    spoil: Option<fn(&Path)>,
}

enum Want {
    /// Refused with an error that says these words.
    Refused(&'static str),
    /// Accepted, with exactly this tree below the root (whose own line is left out).
    Tree(Vec<String>),
}

/// An image that must be refused.
fn refused(name: &'static str, image: Image, words: &'static str) -> Case {
    Case {
        name,
        image,
        want: Want::Refused(words),
        spoil: None,
    }
}

/// An image of one layer that must be refused.
fn refused_tar(name: &'static str, tar: Tarball, words: &'static str) -> Case {
    refused(name, one(tar), words)
}

/// An image that must give this tree.
fn tree(name: &'static str, image: Image, want: &[&str]) -> Case {
    let want = want.iter().map(|&line| line.to_owned()).collect();
    Case {
        name,
        image,
        want: Want::Tree(want),
        spoil: None,
    }
}

/// An image of one layer that must give this tree.
fn tree_tar(name: &'static str, tar: Tarball, want: &[&str]) -> Case {
    tree(name, one(tar), want)
}

fn one(tar: Tarball) -> Image {
    Image::new().tar(&tar.done())
}

fn layers<const N: usize>(tars: [Tarball; N]) -> Image {
    tars.into_iter()
        .fold(Image::new(), |image, tar| image.tar(&tar.done()))
}

/// A place of its own for one group of cases.
struct Bench {
    dir: tempfile::TempDir,
    drivers: &'static [&'static str],
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(
            dir.path().join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .expect("a policy");
        for canary in ["canary", "stores/canary", "etc/passwd"] {
            let path = dir.path().join(canary);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, "untouched").expect("a canary");
        }
        let drivers: &[&str] = if need(&[Need::Root, Need::Composefs]) {
            &["composefs", "vfs"]
        } else {
            &["vfs"]
        };
        Self { dir, drivers }
    }

    fn store(&self, driver: &str, args: &[&str]) -> Ran {
        let root = self.root(driver);
        let root = root.to_string_lossy();
        run(
            "storetool",
            ["--root", &*root, "--driver", driver].iter().chain(args),
        )
    }

    fn root(&self, driver: &str) -> PathBuf {
        self.dir.path().join("stores").join(driver)
    }

    fn canaries(&self) -> Vec<String> {
        let untouched = walk::walk(self.dir.path());
        untouched
            .into_iter()
            .filter(|line| !line.starts_with("stores/composefs") && !line.starts_with("stores/vfs"))
            .filter(|line| !line.starts_with("layout") && !line.starts_with(". "))
            // Its own time changes with the stores in it.
            .filter(|line| !line.starts_with("stores dir"))
            .collect()
    }

    /// Runs one case and returns what is wrong with it.
    fn run(&self, case: &Case) -> Result<(), String> {
        let layout = self.dir.path().join("layout");
        if layout.exists() {
            fs::remove_dir_all(&layout).expect("the last layout goes");
        }
        let source = case.image.write(&layout);
        if let Some(spoil) = case.spoil {
            spoil(&layout);
        }
        let policy = self.dir.path().join("policy.json");
        let before = self.canaries();
        for driver in self.drivers {
            let pulled = self.store(
                driver,
                &[
                    "pull",
                    "--quiet",
                    "--policy",
                    &policy.to_string_lossy(),
                    &source,
                ],
            );
            match &case.want {
                Want::Refused(words) => {
                    if pulled.status == 0 {
                        self.store(driver, &["rm", pulled.stdout.trim()]);
                        self.store(driver, &["gc"]);
                        return Err(format!("{driver}: it was accepted"));
                    }
                    if !pulled.stderr.contains(words) || words.is_empty() {
                        return Err(format!(
                            "{driver}: want {words:?}, got {}",
                            pulled.stderr.trim()
                        ));
                    }
                    let images = self.store(driver, &["images", "--quiet"]);
                    if images.status != 0 || !images.stdout.is_empty() {
                        return Err(format!("{driver}: it is visible: {images:?}"));
                    }
                }
                Want::Tree(want) => {
                    if pulled.status != 0 {
                        return Err(format!(
                            "{driver}: it was refused: {}",
                            pulled.stderr.trim()
                        ));
                    }
                    let found = self.look(driver, pulled.stdout.trim())?;
                    if found != *want {
                        return Err(format!("{driver}: want {want:#?}\n found {found:#?}"));
                    }
                }
            }
            let fsck = self.store(driver, &["fsck"]);
            if fsck.status != 0 {
                return Err(format!("{driver}: fsck: {}{}", fsck.stdout, fsck.stderr));
            }
        }
        if self.canaries() != before {
            return Err(format!("something outside changed: {:#?}", self.canaries()));
        }
        Ok(())
    }

    /// Mounts the image, walks it, and removes it again.
    fn look(&self, driver: &str, digest: &str) -> Result<Vec<String>, String> {
        let fine = |ran: Ran| match ran.status {
            0 => Ok(ran.stdout.trim().to_owned()),
            _ => Err(format!("{driver}: {}", ran.stderr)),
        };
        let root = fine(self.store(driver, &["mount", digest]))?;
        let found = walk::walk(Path::new(&root));
        fine(self.store(driver, &["umount", digest]))?;
        fine(self.store(driver, &["rm", digest]))?;
        // What one case leaves must not spare the next its download.
        fine(self.store(driver, &["gc"]))?;
        Ok(found
            .into_iter()
            .filter(|line| !line.starts_with(". "))
            .collect())
    }
}

/// Runs a group and reports every case that is wrong.
fn run_all(cases: &[Case]) {
    let bench = Bench::new();
    let only = std::env::var("CASE").ok();
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| only.as_deref().is_none_or(|only| case.name == only))
        .filter_map(|case| {
            bench
                .run(case)
                .err()
                .map(|why| format!("{}: {why}", case.name))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

macro_rules! groups {
    ($($group:ident)*) => {
        $(
            #[test]
            fn $group() {
                run_all(&$group::cases());
            }
        )*

        #[test]
        fn there_are_enough_cases() {
            let all: Vec<Case> = [$($group::cases()),*].into_iter().flatten().collect();
            let good = all.iter().filter(|case| matches!(case.want, Want::Tree(_))).count();
            let mut names: Vec<&str> = all.iter().map(|case| case.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all.len(), "two cases have one name");
            assert!(all.len() >= 120 && good >= 20, "{} cases, {good} of them good", all.len());
        }
    };
}

groups! { compression format links manifests names odd owners special whiteouts }
