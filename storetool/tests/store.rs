//! The program on stores with images in them: looked at, changed, checked.
#![expect(
    clippy::unwrap_used,
    reason = "what a test works with stops it at the first surprise"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{STORETOOL, World, text};
use oci::Digest;
use serde_json::{Value, json};

#[test]
fn images_are_listed_named_and_removed() {
    let (world, one, two) = World::filled();
    let images = world.json(&["images", "--json"]);
    assert_eq!(images.as_array().unwrap().len(), 2);
    let mut quiet: Vec<String> = world
        .out(&["images", "-q"])
        .lines()
        .map(str::to_owned)
        .collect();
    let mut digests = vec![one.clone(), two.clone()];
    quiet.sort();
    digests.sort();
    assert_eq!(quiet, digests);
    let table = world.out(&["images"]);
    assert!(table.starts_with("NAME"), "{table}");
    assert!(table.contains("docker.io/library/app:1"), "{table}");

    let tagged = world.json(&["tag", "--json", "app:1", "app:stable", "r.example/x"]);
    assert_eq!(
        tagged["names"],
        json!([
            "docker.io/library/app:1",
            "docker.io/library/app:stable",
            "r.example/x:latest"
        ])
    );
    let with_digest = format!("app@{two}");
    let said = world.fails(&["tag", "app:1", &with_digest], 1);
    assert!(said.contains("a name has no digest"), "{said}");
    // What is no name does not keep the rest.
    let output = world.run(&["untag", "--json", "app:nosuch", "app:stable"]);
    assert_eq!(output.status.code(), Some(1));
    let untagged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        untagged,
        json!([{"name": "docker.io/library/app:stable", "image": one}])
    );
    world.fails(&["untag", "app:stable"], 1);
    let formatted = world.out(&["images", "--format", "{{.Digest}} {{join .Names \",\"}}"]);
    assert!(formatted.contains(&format!(
        "{one} docker.io/library/app:1,r.example/x:latest\n"
    )));

    // By a prefix of its digest, and what can not be removed does not keep the rest.
    let prefix = &one["sha256:".len()..][..12];
    let output = world.run(&["rm", "nosuch:1", prefix]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{one}\n"));
    assert_eq!(world.out(&["images", "-q"]), format!("{two}\n"));
}

#[test]
fn inspect_shows_what_is_known_and_the_bytes_as_they_came() {
    let (world, one, _) = World::filled();
    let image = world.json(&["inspect", "app:1"]);
    assert_eq!(image["digest"], one);
    assert_eq!(image["os"], "linux");
    assert_eq!(world.json(&["inspect", "--json", "app:1"]), image);
    let raw = world.run(&["inspect", "--raw", "app:1"]).stdout;
    assert_eq!(Digest::sha256(&raw).to_string(), one);
    let config = world.run(&["inspect", "--config", "app:1"]).stdout;
    assert_eq!(image["config"], Digest::sha256(&config).to_string());
    let scope = world.out(&["inspect", "--format", "{{.Policy.Scope}}", "app:1"]);
    assert_eq!(scope, "default\n");
    let said = world.fails(&["inspect", "nosuch:1"], 1);
    assert!(said.contains("hint: `storetool images`"), "{said}");
}

#[test]
fn layers_and_usage_show_what_is_shared() {
    let (world, one, two) = World::filled();
    let layers = world.json(&["layers", "--json"]);
    assert_eq!(layers.as_array().unwrap().len(), 2);
    let of_two = world.json(&["layers", "--json", "app:2"]);
    let mut users: Vec<Value> = of_two[0]["images"].as_array().unwrap().clone();
    users.sort_by_key(ToString::to_string);
    let mut both = vec![json!(one), json!(two)];
    both.sort_by_key(ToString::to_string);
    assert_eq!(users, both);
    assert!(world.out(&["layers"]).starts_with("LAYER"));
    let usage = world.json(&["du", "--json"]);
    assert!(
        usage["unshared_bytes"].as_u64() > usage["object_bytes"].as_u64(),
        "{usage}"
    );
    assert!(world.out(&["du"]).starts_with("IMAGE"));
    let info = world.json(&["info", "--json"]);
    assert_eq!(info["driver"], "vfs");
    assert_eq!(info["images"], 2);
    assert_eq!(world.out(&["info", "--format", "{{.Layers}}"]), "2\n");
    assert!(world.out(&["info"]).starts_with("root"));
}

#[test]
fn what_can_not_be_printed_is_an_error() {
    let (world, ..) = World::filled();
    for args in [
        &["images"][..],
        &["images", "--json"],
        &["cat", "app:2", "/hello"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = world.command(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            text(&output.stderr),
            "storetool: writing standard output\n  \
             caused by: No space left on device (os error 28)\n"
        );
    }
}

#[test]
fn files_are_read_without_a_mount() {
    let (world, ..) = World::filled();
    assert_eq!(
        world.out(&["cat", "app:2", "/etc/os-release", "hello"]),
        "ID=test\nworld\n"
    );
    world.fails(&["cat", "app:1", "/hello"], 1);
    // What is not there does not keep the rest.
    let output = world.run(&["cat", "app:2", "/nosuch", "/hello"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        output.stdout,
        world.out(&["cat", "app:2", "/hello"]).as_bytes()
    );
    assert_eq!(
        world.out(&["ls", "app:2"]),
        "/copy-of-data\n/data\n/etc\n/hello\n"
    );
    assert_eq!(
        world.out(&["ls", "-R", "app:1", "/etc"]),
        "/etc\n/etc/os-release\n"
    );
    assert_eq!(world.out(&["ls", "-d", "app:1", "/etc"]), "/etc\n");
    let long = world.out(&["ls", "-l", "app:1", "/data"]);
    assert!(
        long.starts_with("-rw-r--r--   1     0     0       9000 2020-09-13T12:26:40Z /data"),
        "{long}"
    );
    let files = world.json(&["ls", "--json", "app:1", "/etc/os-release"]);
    assert_eq!(files[0]["size"], 8);
    assert_eq!(files[0]["mode"], "0644");
    world.out(&["extract", "--path", "/etc", "app:1", "out"]);
    assert_eq!(
        fs::read_to_string(world.path("out/os-release")).unwrap(),
        "ID=test\n"
    );
    // What is there is not overwritten.
    world.fails(&["extract", "app:1", "out"], 1);
    let extracted = world.json(&["extract", "--json", "app:1", "all"]);
    assert_eq!(extracted["directory"], "all");
}

/// A verb with nothing to clean up ends at the first signal, also where it waits for a reader.
#[test]
fn the_first_signal_ends_what_has_nothing_to_clean_up() {
    use std::os::unix::process::ExitStatusExt as _;

    let (world, ..) = World::filled();
    let args = [&["cat", "app:1"][..], &["/data"; 20]].concat();
    let mut cat = world.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    // What a pipe holds is less than what there is to print.
    let mut first = [0];
    let out = cat.stdout.as_mut().unwrap();
    std::io::Read::read_exact(out, &mut first).unwrap();
    let pid = cat.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let status = loop {
        match cat.try_wait().unwrap() {
            Some(status) => break status,
            None if std::time::Instant::now() > end => {
                cat.kill().unwrap();
                break cat.wait().unwrap();
            }
            None => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    };
    assert_eq!(status.signal(), Some(2));
}

#[test]
fn diff_lists_what_differs() {
    let (world, ..) = World::filled();
    assert_eq!(
        world.out(&["diff", "app:1", "app:2"]),
        "A /copy-of-data\nA /hello\n"
    );
    let changes = world.json(&["diff", "--json", "app:2", "app:1"]);
    assert_eq!(changes[1], json!({"kind": "deleted", "path": "/hello"}));
    assert_eq!(world.out(&["diff", "app:1", "app:1"]), "");
}

#[test]
fn containers_have_changes_of_their_own() {
    let (world, ..) = World::filled();
    let id = world.out(&[
        "containers",
        "create",
        "--name",
        "web",
        "--label",
        "a=b",
        "app:1",
    ]);
    let id = id.trim_end();
    assert_eq!(id.len(), 64);
    let listed = world.json(&["containers", "ls", "--json"]);
    assert_eq!(listed[0]["id"], id);
    assert_eq!(listed[0]["labels"], json!({"a": "b"}));
    assert_eq!(world.out(&["containers", "ls", "-q"]), format!("{id}\n"));
    assert!(world.out(&["containers", "ls"]).contains("web"));
    let said = world.fails(&["containers", "create", "--name", "web", "app:1"], 1);
    assert!(said.contains("taken") && !said.contains("hint"), "{said}");
    let other = world.json(&["containers", "create", "--json", "app:2"]);
    assert_eq!(other["labels"], json!({}));

    let root = world.out(&["mount", "web"]);
    fs::write(Path::new(root.trim_end()).join("new"), "x").unwrap();
    assert_eq!(world.out(&["diff", "web"]), "A /new\n");
    let said = world.fails(&["rm", "app:1"], 1);
    assert!(said.contains("in use by container web"), "{said}");
    let nowhere = world.path("nowhere").display().to_string();
    let said = world.fails(&["umount", &nowhere], 1);
    assert!(said.contains("is not in the store"), "{said}");
    assert!(!said.contains("fuser"), "{said}");
    world.out(&["umount", "web"]);
    assert_eq!(world.out(&["containers", "rm", "web"]), format!("{id}\n"));
    world.fails(&["containers", "rm", "web"], 1);
    let other_id = other["id"].as_str().unwrap();
    let removed = world.json(&["containers", "rm", "--json", other_id]);
    assert_eq!(removed, json!([other]));
}

#[test]
fn names_that_are_images_and_containers_must_be_told_apart() {
    let (world, ..) = World::filled();
    world.out(&["tag", "app:1", "web"]);
    world.out(&["containers", "create", "--name", "web", "app:2"]);
    let said = world.fails(&["mount", "web"], 1);
    assert!(said.contains("--image or --container"), "{said}");
    let mount = world.json(&["mount", "--json", "--container", "web"]);
    let root = Path::new(mount["path"].as_str().unwrap());
    assert!(root.join("hello").exists());
    world.fails(&["mount", "--container", "app:1"], 1);
    world.out(&["umount", "--container", "web"]);
}

#[test]
fn privileged_images_are_mounted_and_unmounted() {
    // The kernel says whether we may mount: not in every sandbox is root allowed to.
    let may = Command::new("unshare").args(["-m", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: mounting is not allowed here");
        return;
    }
    let (world, one, _) = World::filled();
    let root = world.out(&["mount", "--noexec", "app:1"]);
    let root = root.trim_end();
    assert_eq!(
        fs::read_to_string(Path::new(root).join("etc/os-release")).unwrap(),
        "ID=test\n"
    );
    assert!(fs::write(Path::new(root).join("new"), "x").is_err());
    let mounted = world.json(&["mounted", "--json"]);
    assert_eq!(mounted[0]["image"], one);
    assert_eq!(mounted[0]["path"], root);
    assert!(world.out(&["mounted"]).contains(root));
    world.fails(&["rm", "app:1"], 1);
    world.out(&["mount", "--image", "app:1"]);
    assert_eq!(world.json(&["umount", "--json", root]), mounted);
    world.out(&["umount", "--image", "app:1"]);
    world.out(&["mount", "app:1"]);
    world.out(&["umount", "--all"]);
    assert_eq!(world.json(&["mounted", "--json"]), json!([]));
}

#[test]
fn garbage_goes_and_damage_is_found() {
    let (world, ..) = World::filled();
    assert_eq!(world.json(&["fsck", "--json"])["findings"], json!([]));
    assert_eq!(world.json(&["gc", "--json"])["objects"], 0);
    world.out(&["rm", "app:2"]);
    let planned = world.json(&["gc", "--json", "--dry-run"]);
    assert_eq!(planned["layers"], 1);
    let done = world.json(&["gc", "--json"]);
    assert_eq!(done["bytes"], planned["bytes"]);
    assert!(world.out(&["gc"]).starts_with("freed 0B"));
    world.out(&["fsck", "--threads", "1"]);

    let object = objects(&world.path("store/objects"))
        .into_iter()
        .find(|path| fs::metadata(path).unwrap().len() == 9000)
        .unwrap();
    let mut permissions = fs::metadata(&object).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&object, permissions).unwrap();
    fs::write(&object, "y".repeat(9000)).unwrap();
    let output = world.run(&["fsck"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(!output.stdout.is_empty());
}

fn objects(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(objects(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn wrong_calls_and_missing_stores_are_said() {
    let world = World::new();
    let said = world.fails(&["images"], 1);
    assert!(said.contains("hint: the first `storetool pull`"), "{said}");
    for args in [
        &["gc"][..],
        &["gc", "--dry-run"],
        &["umount", "--all"],
        &["rm", "app:1"],
        &["mount", "app:1"],
        &["tag", "app:1", "app:2"],
        &["untag", "app:1"],
        &["containers", "create", "app:1"],
        &["containers", "rm", "web"],
    ] {
        let said = world.fails(args, 1);
        assert!(said.contains("there is no store at "), "{said}");
        assert!(said.contains("hint: the first `storetool pull`"), "{said}");
    }
    assert!(!world.path("store").exists());
    // One that can not be read is not for a pull to make.
    fs::create_dir_all(world.path("store/store.json")).unwrap();
    for verb in ["images", "gc"] {
        let said = world.fails(&[verb], 1);
        assert!(!said.contains("hint"), "{said}");
    }
    fs::remove_dir_all(world.path("store")).unwrap();
    world.fails(&["images", "--bogus"], 2);
    world.fails(&["bogus"], 2);
    let said = world.fails(&["pull", "app"], 1);
    assert!(
        said.contains("hint: an image in a registry is docker://app"),
        "{said}"
    );
    world.fails(&["pull", "store:app"], 1);
    world.fails(&["pull", "--platform", "linux", "oci:layout:one"], 2);
    world.out(&["pull", "-q", "oci:layout:one"]);
    let other = world
        .command(&["info"])
        .args(["--driver", "composefs"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(1));
    let help = world.run(&["pull", "--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("EXAMPLES:"));
}

/// A user may not mount: the new store copies files, and the user hears it once.
#[test]
fn who_can_not_mount_gets_copies_and_is_told_so() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new();
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let user = |args: &[&str]| {
        Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                STORETOOL,
            ])
            .args(args)
            .current_dir(world.dir.path())
            .env("STORETOOL_ROOT", world.path("of-a-user"))
            .env("CONTAINERS_POLICY_JSON", world.path("policy.json"))
            .env("HOME", world.dir.path())
            .output()
    };
    match user(&["--version"]) {
        Ok(output) if output.status.success() => {}
        other => {
            println!("skipped: can not become another user: {other:?}");
            return;
        }
    }
    for (image, told) in [("oci:layout:one", true), ("oci:layout:two", false)] {
        let output = user(&["pull", "-q", image]).unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let words = "(driver vfs), composefs does not work here: erofs from a file: ";
        assert_eq!(said.contains(words), told, "{said}");
    }
    let info = text(&user(&["info"]).unwrap().stdout);
    assert!(
        info.contains("vfs: composefs did not work here: erofs from a file: "),
        "{info}"
    );
}
