//! Syncs by both programs, and what only ours does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tests::tap::{Fault, Tap};

use crate::BOTH;
use crate::common::{OURS, THEIRS, World, sorted, text};

const PLAIN: [&str; 2] = ["--src-tls-verify=false", "--dest-tls-verify=false"];

impl World {
    /// Runs a sync.
    fn sync(&self, program: &str, args: &[&str]) -> (Option<i32>, String, String) {
        let output = self.run(program, &[&["sync"], &PLAIN[..], args].concat());
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// Runs ours, which must succeed; returns standard output.
    fn synced(&self, args: &[&str]) -> String {
        let (status, out, said) = self.sync(OURS, args);
        assert_eq!(status, Some(0), "{args:?}: {said}");
        out
    }

    /// A repository with five tags of two images and a list.
    fn fill_repository(&self) {
        for (image, tags) in [
            ("oci:{D}/layout:one", &["1.0", "1.1", "latest"][..]),
            ("oci:{D}/layout:bare", &["2.0-rc1"][..]),
            ("oci:{D}/layout:list", &["2.0"][..]),
        ] {
            for tag in tags {
                let to = format!("docker://{{R}}/ns/app:{tag}");
                let args = ["copy", "-q", "--all", "--dest-tls-verify=false", image, &to];
                self.ok(OURS, &args);
            }
        }
    }

    fn tags_of(&self, repository: &str) -> Vec<String> {
        let args = ["list-tags", "--lines", "--tls-verify=false", repository];
        let listed = self.run(OURS, &args);
        sorted(&text(&listed.stdout))
            .iter()
            .map(|tag| (*tag).to_owned())
            .collect()
    }
}

/// All files below a directory, with their content.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn syncs_are_those_of_the_original() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    world.sync(
        OURS,
        &[
            "--src",
            "docker",
            "--dest",
            "dir",
            "--all",
            "--scoped",
            "{R}/ns/app",
            "{D}/tree",
        ],
    );
    fs::write(
        world.path("images.yaml"),
        world.fill(
            "{R}:\n  images: {ns/app: ['1.0', latest], one: []}\n  images-by-tag-regex: {list: '^1$'}\n  tls-verify: false\n",
        ),
    )
    .unwrap();
    let scoped = format!("{{D}}/tree/127.0.0.1:{}/ns", world.port);
    let cases: &[(&str, &[&str])] = &[
        (
            "all-tags",
            &["-s", "docker", "-d", "dir", "{R}/ns/app", "{D}/OUT"],
        ),
        (
            "one-tag",
            &[
                "--src",
                "docker",
                "--dest",
                "dir",
                "{R}/ns/app:1.0",
                "{D}/OUT",
            ],
        ),
        (
            "scoped",
            &[
                "--src",
                "docker",
                "--dest",
                "dir",
                "--scoped",
                "{R}/ns/app:2.0",
                "{D}/OUT",
            ],
        ),
        (
            "lists",
            &[
                "--src",
                "docker",
                "--dest",
                "dir",
                "-a",
                "{R}/ns/app:2.0",
                "{D}/OUT",
            ],
        ),
        (
            "suffix",
            &[
                "--src",
                "docker",
                "--dest",
                "dir",
                "--append-suffix=-x",
                "{R}/ns/app:2.0",
                "{D}/OUT",
            ],
        ),
        (
            "format",
            &[
                "--src",
                "docker",
                "--dest",
                "dir",
                "--format",
                "v2s2",
                "{R}/ns/app:1.0",
                "{D}/OUT",
            ],
        ),
        (
            "file",
            &[
                "--src",
                "yaml",
                "--dest",
                "dir",
                "{D}/images.yaml",
                "{D}/OUT",
            ],
        ),
        (
            "file-scoped",
            &[
                "--src",
                "yaml",
                "--dest",
                "dir",
                "--scoped",
                "{D}/images.yaml",
                "{D}/OUT",
            ],
        ),
        (
            "pushed",
            &[
                "--src", "dir", "--dest", "docker", "--all", &scoped, "{R}/OUT",
            ],
        ),
        (
            "copied",
            &[
                "--src",
                "docker",
                "--dest",
                "docker",
                "--all",
                "{R}/ns/app",
                "{R}/OUT",
            ],
        ),
        (
            "signatures",
            &[
                "--src",
                "docker",
                "--dest",
                "dir",
                "--remove-signatures",
                "--preserve-digests",
                "{R}/ns/app:1.0",
                "{D}/OUT",
            ],
        ),
        (
            "none",
            &["--src", "dir", "--dest", "docker", "{D}/home", "{R}/OUT"],
        ),
        (
            "absent",
            &["--src", "docker", "--dest", "dir", "{R}/no/such", "{D}/OUT"],
        ),
        (
            "wrong",
            &["--src", "oci", "--dest", "dir", "{R}/ns/app", "{D}/OUT"],
        ),
        (
            "rsync",
            &["--src", "dir", "--dest", "dir", "{D}/tree", "{D}/OUT"],
        ),
        ("missing", &["--dest", "dir", "{R}/ns/app", "{D}/OUT"]),
    ];
    // Debian 12's version has none yet.
    let help = world.ok(THEIRS, &["sync", "--help"]);
    let has_digestfile = help.contains("--digestfile");
    for (case, args) in cases {
        if *case == "suffix" && !help.contains("--append-suffix") {
            continue;
        }
        let mut seen = Vec::new();
        for (name, program) in BOTH {
            let out = format!("{case}-{name}");
            let mut args: Vec<String> = args.iter().map(|arg| arg.replace("OUT", &out)).collect();
            if has_digestfile {
                args.push(format!("--digestfile={{D}}/{out}.digests"));
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let (status, stdout, said) = world.sync(program, &args);
            let written = fs::read_to_string(world.path(&format!("{out}.digests")));
            let written = written.unwrap_or_default().replace(&out, "OUT");
            let lines = sorted(&written).join("\n");
            // Debian 12's tells of signatures whether there are any or not, 13's does not.
            let steps: Vec<String> = sorted(&stdout)
                .iter()
                .filter(|line| !line.starts_with("Storing"))
                .map(|line| line.replace(" images generated from ", " of "))
                .collect();
            let tags: Vec<_> = ["app", "one"]
                .map(|it| world.tags_of(&format!("docker://{{R}}/{out}/{it}")))
                .into();
            seen.push((status, lines, steps, tree(&world.path(&out)), tags, said));
        }
        let (theirs, ours) = (&seen[0], &seen[1]);
        // What is not found has a status of its own.
        let status = if *case == "absent" { Some(2) } else { theirs.0 };
        assert_eq!(ours.0, status, "{case}: {} {}", theirs.5, ours.5);
        assert_eq!(ours.1, theirs.1, "{case}");
        assert_eq!(ours.2, theirs.2, "{case}");
        assert!(
            ours.3 == theirs.3,
            "{case}: {:?} {:?}",
            ours.3.keys(),
            theirs.3.keys()
        );
        assert_eq!(ours.4, theirs.4, "{case}");
    }
}

#[test]
fn what_is_there_costs_no_manifest() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    let tap = Tap::new(&world.fill("{R}"));
    let from = format!("{}/ns/app", tap.host);
    let whole = [
        "--src",
        "docker",
        "--dest",
        "docker",
        "--all",
        &from,
        "{R}/mirror",
    ];
    let single = ["--src", "docker", "--dest", "docker", &from, "{R}/single"];
    for args in [&whole, &single[..]] {
        world.synced(args);
        tap.clear();
        let out = world.synced(args);
        assert_eq!(
            out.matches("Skipping: image already present").count(),
            5,
            "{out}"
        );
        let lists = if args.len() == single.len() { 1 } else { 0 };
        assert_eq!(tap.count("GET", "/manifests/"), lists, "{:?}", tap.log());
        assert_eq!(tap.count("GET", "/blobs/"), 0);
        assert_eq!(tap.count("HEAD", "/manifests/"), 5);
    }
    // A directory is brought up to date, too.
    let dir = [
        "--src",
        "docker",
        "--dest",
        "dir",
        "--all",
        &from,
        "{D}/mirror",
    ];
    world.synced(&dir);
    tap.clear();
    world.synced(&dir);
    assert_eq!(
        (tap.count("GET", "/manifests/"), tap.count("GET", "/blobs/")),
        (0, 0)
    );
    world.ok(
        OURS,
        &[
            "copy",
            "-q",
            "--dest-tls-verify=false",
            "oci:{D}/layout:bare",
            "docker://{R}/ns/app:1.0",
        ],
    );
    tap.clear();
    let changed = world.synced(&[&["--dry-run"], &dir[..]].concat());
    assert!(
        changed.contains(&format!("changed\tdocker://{from}:1.0\tdir:")),
        "{changed}"
    );
    assert_eq!(changed.matches("same\t").count(), 4, "{changed}");
    world.synced(&dir);
    assert!(
        !world
            .synced(&[&["--dry-run"], &dir[..]].concat())
            .contains("changed")
    );
}

#[test]
fn only_the_tags_that_are_wanted() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    let dry = |flags: &[&str]| {
        let args = [
            "--dry-run",
            "--src",
            "docker",
            "--dest",
            "dir",
            "{R}/ns/app",
            "{D}/x",
        ];
        let out = world.synced(&[flags, &args[..]].concat());
        let tags = out
            .lines()
            .map(|line| line.rsplit(':').next().unwrap().to_owned());
        let mut tags: Vec<String> = tags.collect();
        tags.sort();
        tags.join(" ")
    };
    assert_eq!(dry(&[]), "1.0 1.1 2.0 2.0-rc1 latest");
    assert_eq!(
        dry(&["--include", "1.*", "--include", "lat*"]),
        "1.0 1.1 latest"
    );
    assert_eq!(
        dry(&["--exclude", "*-rc*", "--exclude=latest"]),
        "1.0 1.1 2.0"
    );
    assert_eq!(dry(&["--tag-regex", r"^\d\.0"]), "1.0 2.0 2.0-rc1");
    assert_eq!(dry(&["--semver", ">= 1.1"]), "1.1 2.0");
    assert_eq!(dry(&["--newest", "2"]), "2.0 2.0-rc1");
    assert_eq!(dry(&["--newest", "2", "--semver", "1.x"]), "1.0 1.1");
    // `bare` does not say when it was made.
    assert_eq!(
        dry(&["--newest", "4", "--newest-by", "created"]),
        "1.0 1.1 2.0 latest"
    );
    let bad = world.sync(
        OURS,
        &[
            "--semver",
            ">",
            "--src",
            "docker",
            "--dest",
            "dir",
            "{R}/ns/app",
            "{D}/x",
        ],
    );
    assert_eq!(bad.0, Some(1), "{}", bad.2);
}

#[test]
fn what_the_source_no_longer_has_goes() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    let args = [
        "--src",
        "docker",
        "--dest",
        "docker",
        "--all",
        "{R}/ns/app",
        "{R}/mirror",
    ];
    world.synced(&args);
    let push = |tag: &str| {
        let to = format!("docker://{{R}}/mirror/app:{tag}");
        let copy = [
            "copy",
            "-q",
            "--dest-tls-verify=false",
            "oci:{D}/layout:one",
            &to,
        ];
        world.ok(OURS, &copy);
    };
    let signature = format!("sha256-{}.sig", "0".repeat(64));
    push("old");
    push(&signature);
    let all = ["1.0", "1.1", "2.0", "2.0-rc1", "latest", "old", &signature];
    assert_eq!(world.tags_of("docker://{R}/mirror/app"), all);
    let pruned = [&["--prune", "--include", "1.*"], &args[..]].concat();
    let dry = world.synced(&[&["--dry-run"], &pruned[..]].concat());
    assert!(
        dry.ends_with(&world.fill("remove\t\tdocker://{R}/mirror/app:old\n")),
        "{dry}"
    );
    assert_eq!(world.tags_of("docker://{R}/mirror/app"), all);
    world.synced(&pruned);
    // Another tag of the same image stays, what a filter left out stays, signatures stay.
    assert_eq!(
        world.tags_of("docker://{R}/mirror/app"),
        [&all[..5], &all[6..]].concat()
    );

    let to_dir = [
        "--src",
        "docker",
        "--dest",
        "dir",
        "--prune",
        "{R}/ns/app",
        "{D}/mirror",
    ];
    world.synced(&to_dir);
    let name = |tag: &str| world.path(&format!("mirror/app:{tag}"));
    fs::rename(name("2.0"), name("gone")).unwrap();
    fs::create_dir(name("mine")).unwrap();
    world.synced(&to_dir);
    assert!(!name("gone").exists() && name("2.0").exists() && name("mine").exists());
}

#[test]
fn names_at_the_destination() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    let yaml = world.fill("{R}:\n  images: {ns/app: ['1.0'], one: ['1'], list: ['1']}\n");
    fs::write(world.path("i.yaml"), yaml).unwrap();
    let base = ["--src", "yaml", "--dest", "dir", "{D}/i.yaml", "{D}/names"];
    let (status, _, said) = world.sync(OURS, &[&["--rename", "list=one"], &base[..]].concat());
    assert_eq!(status, Some(1));
    assert!(
        said.contains("would both become") && said.contains("--scoped"),
        "{said}"
    );
    let digests = "--digestfile={D}/digests";
    let out = world.synced(
        &[
            &[
                "--json",
                digests,
                "--append-suffix",
                "-x",
                "--rename",
                "ns/app=team/service",
                "--jobs",
                "2",
            ],
            &base[..],
        ]
        .concat(),
    );
    let names: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(names.len(), 3, "{out}");
    let written = fs::read_to_string(world.path("digests")).unwrap();
    let first = format!(
        "{} {}",
        names[0]["digest"].as_str().unwrap(),
        names[0]["to"].as_str().unwrap()
    );
    assert_eq!(
        (written.lines().next(), written.lines().count()),
        (Some(first.as_str()), 3)
    );
    assert_eq!(names[0]["outcome"], "copied");
    assert_eq!(
        names[0]["to"],
        world.fill("dir:{D}/names/team/service:1.0-x")
    );
    assert!(
        world
            .path("names/team/service:1.0-x/manifest.json")
            .exists()
    );
    assert!(world.path("names/one:1-x/manifest.json").exists());
}

/// One that fails does not stop the others when that is asked for.
#[test]
fn failures_are_reported_at_the_end() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    let tap = Tap::new(&world.fill("{R}"));
    tap.plan(
        |_, exchange| match exchange.path.ends_with("/manifests/1.1") {
            true => Fault::Answer(403, String::new(), b"{}".to_vec()),
            false => Fault::None,
        },
    );
    let from = format!("{}/ns/app", tap.host);
    let args = [
        "--src", "docker", "--dest", "dir", "--all", &from, "{D}/some",
    ];
    let (status, out, said) = world.sync(OURS, &[&["--keep-going", "--json"], &args[..]].concat());
    assert_eq!(status, Some(1));
    assert_eq!(out.matches("\"outcome\":\"copied\"").count(), 4, "{out}");
    assert_eq!(out.matches("\"outcome\":\"failed\"").count(), 1, "{out}");
    assert!(
        said.contains("5 images: 4 copied, 0 were there, 1 failed"),
        "{said}"
    );
    assert!(said.contains("previous reported error"), "{said}");
    assert!(!world.path("some/app:1.1").exists());
    let (status, _, said) = world.sync(OURS, &[&["-q", "--jobs=1"], &args[..]].concat());
    assert_eq!(status, Some(1));
    assert!(
        said.contains("Error copying ref") && said.contains("app:1.1"),
        "{said}"
    );
    // A repository of a file that can not be listed is a failure, and the others are copied.
    let yaml = format!(
        "{}:\n  tls-verify: false\n  images: {{no/such: [], one: ['1']}}\n",
        world.fill("{R}")
    );
    fs::write(world.path("i.yaml"), yaml).unwrap();
    let (status, _, said) = world.sync(
        OURS,
        &[
            "--src",
            "yaml",
            "--dest",
            "dir",
            "--progress=none",
            "{D}/i.yaml",
            "{D}/file",
        ],
    );
    assert_eq!(status, Some(1));
    assert!(
        said.contains("no/such") && world.path("file/one:1/manifest.json").exists(),
        "{said}"
    );
}

/// A sync that lost its connection goes on where it was; retries are for images.
#[test]
fn a_sync_tries_again() {
    let Some(world) = World::new() else { return };
    world.fill_repository();
    let tap = Tap::new(&world.fill("{R}"));
    let from = format!("{}/ns/app", tap.host);
    tap.plan(
        |number, exchange| match exchange.path.contains("/blobs/") && number % 2 == 0 {
            true => Fault::CutBody(10),
            false => Fault::None,
        },
    );
    let started = std::time::Instant::now();
    world.synced(&[
        "--retry-times",
        "3",
        "--retry-delay",
        "10ms",
        "--src",
        "docker",
        "--dest",
        "dir",
        "--all",
        &from,
        "{D}/again",
    ]);
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!(
        tree(&world.path("again"))
            .keys()
            .filter(|name| name.ends_with("/manifest.json"))
            .count(),
        5
    );
}
