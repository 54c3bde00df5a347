//! The flags that no row of the parity table has: logins, certificates, compressions, signatures.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{OURS, THEIRS, World, start_registry, text};

/// Runs ours; it must succeed.
fn ok(world: &World, args: &[&str]) -> String {
    let output = world.run(OURS, args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Runs ours; it must fail with this status.
fn fails(world: &World, args: &[&str], status: i32) -> String {
    let output = world.run(OURS, args);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{args:?}: {}",
        text(&output.stderr)
    );
    text(&output.stderr)
}

/// The manifest of an image, as the original reads it.
fn manifest(world: &World, name: &str) -> Value {
    let raw: Output = world.run(THEIRS, &["inspect", "--raw", "--tls-verify=false", name]);
    assert!(raw.status.success(), "{name}: {}", text(&raw.stderr));
    serde_json::from_slice(&raw.stdout).unwrap()
}

#[test]
fn logins_of_either_side() {
    let Some(world) = World::new() else { return };
    let dir = world.path("private");
    fs::create_dir_all(&dir).unwrap();
    let htpasswd = Command::new("htpasswd")
        .args(["-Bbn", "user", "secret"])
        .output()
        .unwrap();
    fs::write(dir.join("htpasswd"), &htpasswd.stdout).unwrap();
    let auth = format!(
        "auth: {{htpasswd: {{realm: x, path: {}}}}}\n",
        dir.join("htpasswd").display()
    );
    let (mut private, port) = start_registry(&dir, &auth, "");
    let image = format!("docker://127.0.0.1:{port}/one:1");
    let authfile = world.path("auth.json");
    // user:secret
    fs::write(
        &authfile,
        format!(r#"{{"auths":{{"127.0.0.1:{port}":{{"auth":"dXNlcjpzZWNyZXQ="}}}}}}"#),
    )
    .unwrap();
    let authfile = authfile.to_str().unwrap().to_owned();
    let layout = "oci:{D}/layout:one";
    let out = "dir:{D}/out";
    let logins = [
        [
            "--creds user:secret",
            "--src-creds user:secret",
            "--dest-creds user:secret",
        ],
        [
            "--username user --password secret",
            "--src-username user --src-password secret",
            "--dest-username user --dest-password secret",
        ],
        [
            "--authfile {D}/auth.json",
            "--src-authfile {D}/auth.json",
            "--dest-authfile {D}/auth.json",
        ],
    ];
    for login in logins {
        let run = |verb: &str, login: &str, rest: &[&str]| {
            let login: Vec<&str> = login.split(' ').collect();
            ok(&world, &[&[verb], &login[..], rest].concat());
        };
        let [bare, source, destination] = login;
        run(
            "copy",
            destination,
            &["--dest-tls-verify=false", layout, &image],
        );
        run("copy", source, &["--src-tls-verify=false", &image, out]);
        run("inspect", bare, &["--tls-verify=false", &image]);
        let repository = image.trim_end_matches(":1");
        run("list-tags", bare, &["--tls-verify=false", repository]);
    }
    // One file for both sides.
    let both = [
        "--authfile",
        &authfile,
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ];
    ok(&world, &[&["copy"], &both[..], &[&image, &image]].concat());

    // Nobody, somebody else, and a token that this registry does not know.
    let source = ["--src-tls-verify=false", &image, out];
    fails(
        &world,
        &[
            &["copy", "--src-no-creds", "--src-authfile", &authfile],
            &source[..],
        ]
        .concat(),
        1,
    );
    fails(
        &world,
        &[&["copy", "--src-creds", "user:wrong"], &source[..]].concat(),
        1,
    );
    fails(
        &world,
        &[&["copy", "--src-registry-token", "x"], &source[..]].concat(),
        1,
    );
    let destination = ["--dest-tls-verify=false", layout, &image];
    fails(
        &world,
        &[&["copy", "--dest-no-creds"], &destination[..]].concat(),
        1,
    );
    fails(
        &world,
        &[&["copy", "--dest-registry-token", "x"], &destination[..]].concat(),
        1,
    );
    fails(
        &world,
        &[
            "inspect",
            "--tls-verify=false",
            "--registry-token",
            "x",
            &image,
        ],
        1,
    );
    fails(
        &world,
        &["inspect", "--tls-verify=false", "--no-creds", &image],
        1,
    );
    let _ = private.kill();
    let _ = private.wait();
}

#[test]
fn certificates_of_either_side() {
    let Some(world) = World::new() else { return };
    let dir = world.path("secure");
    tests::registry::certificate(&dir);
    let tls = format!(
        ", tls: {{certificate: {}, key: {}}}",
        dir.join("certs/ca.crt").display(),
        dir.join("key.pem").display()
    );
    let (mut secure, port) = start_registry(&dir, "", &tls);
    let image = format!("docker://127.0.0.1:{port}/one:1");
    let certs = dir.join("certs");
    let certs = certs.to_str().unwrap();
    ok(
        &world,
        &[
            "copy",
            "--dest-cert-dir",
            certs,
            "oci:{D}/layout:one",
            &image,
        ],
    );
    ok(
        &world,
        &["copy", "--src-cert-dir", certs, &image, "dir:{D}/out"],
    );
    ok(&world, &["inspect", "--cert-dir", certs, &image]);
    ok(&world, &["inspect", "--tls-verify=false", &image]);
    fails(&world, &["inspect", &image], 1);
    let _ = secure.kill();
    let _ = secure.wait();
}

#[test]
fn layers_are_compressed_as_asked() {
    let Some(world) = World::new() else { return };
    ok(
        &world,
        &[
            "copy",
            "--dest-decompress",
            "oci:{D}/layout:one",
            "dir:{D}/plain",
        ],
    );
    ok(
        &world,
        &["copy", "--dest-compress", "dir:{D}/plain", "dir:{D}/packed"],
    );
    let types = |name: &str| -> Vec<String> {
        let manifest = manifest(&world, name);
        let layers = manifest["layers"].as_array().unwrap().iter();
        layers
            .map(|layer| layer["mediaType"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(types("dir:{D}/plain").iter().all(|it| it.ends_with(".tar")));
    assert!(
        types("dir:{D}/packed")
            .iter()
            .all(|it| it.ends_with("+gzip"))
    );
    let keep = "--dest-oci-accept-uncompressed-layers";
    ok(&world, &["copy", keep, "dir:{D}/plain", "oci:{D}/kept:1"]);
    assert!(
        types("oci:{D}/kept:1")
            .iter()
            .all(|it| it.ends_with(".tar"))
    );
    let archived = world.run(
        OURS,
        &["copy", keep, "dir:{D}/plain", "oci-archive:{D}/kept.tar"],
    );
    assert_eq!(text(&archived.stderr), "");
    assert!(
        types("oci-archive:{D}/kept.tar")
            .iter()
            .all(|it| it.ends_with(".tar"))
    );
    let zstd = [
        "--dest-compress-format",
        "zstd",
        "--dest-compress-level",
        "3",
    ];
    ok(
        &world,
        &[&["copy"], &zstd[..], &["dir:{D}/plain", "oci:{D}/zstd:1"]].concat(),
    );
    assert!(
        types("oci:{D}/zstd:1")
            .iter()
            .all(|it| it.ends_with("+zstd"))
    );
    // Where nothing is compressed, no format of compression is in the way.
    for program in [THEIRS, OURS] {
        let name = format!("docker-archive:{{D}}/zstd-{}.tar", program.len());
        let copied = world.run(
            program,
            &["copy", zstd[0], zstd[1], "oci:{D}/layout:one", &name],
        );
        // Debian 13's refuses it all the same.
        let refused = "compression using zstd required but the destination only supports";
        assert!(
            copied.status.success() || program == THEIRS && text(&copied.stderr).contains(refused),
            "{}",
            text(&copied.stderr)
        );
        if program == OURS {
            let said = text(&copied.stderr);
            assert!(
                said.contains("--dest-compress-format has no effect"),
                "{said}"
            );
        }
    }
    let kept = ["--preserve-digests", zstd[0], zstd[1]];
    let to = ["oci:{D}/layout:one", "oci:{D}/kept:2"];
    let said = text(
        &world
            .run(OURS, &[&["copy"], &kept[..], &to].concat())
            .stderr,
    );
    assert!(
        said.contains("--preserve-digests keeps the image"),
        "{said}"
    );
    let forced = ["--dest-force-compress-format", "--dest-tls-verify=false"];
    let to = ["oci:{D}/layout:one", "docker://{R}/forced:1"];
    ok(
        &world,
        &[&["copy"], &zstd[..2], &forced[..], &to[..]].concat(),
    );
    assert!(
        types("docker://{R}/forced:1")
            .iter()
            .all(|it| it.ends_with("+zstd"))
    );
    fails(
        &world,
        &[
            "copy",
            "--dest-compress-level",
            "12",
            "dir:{D}/plain",
            "oci:{D}/never:1",
        ],
        1,
    );
    fails(
        &world,
        &[
            "copy",
            "--dest-compress-format",
            "zstd:chunked",
            "dir:{D}/plain",
            "oci:{D}/x:1",
        ],
        1,
    );
    // What has no effect there is said, not refused, as the original does.
    let warned = world.run(
        OURS,
        &[
            "copy",
            "--dest-compress",
            "dir:{D}/plain",
            "oci:{D}/warned:1",
        ],
    );
    assert!(text(&warned.stderr).contains("--dest-compress has no effect"));
    let known = [
        "--dest-precompute-digests",
        "--dest-tls-verify=false",
        "--image-parallel-copies",
        "1",
    ];
    ok(
        &world,
        &[
            &["copy"],
            &known[..],
            &["dir:{D}/plain", "docker://{R}/known:1"],
        ]
        .concat(),
    );
}

#[test]
fn layouts_share_blobs_and_archives_have_more_names() {
    let Some(world) = World::new() else { return };
    fs::create_dir_all(world.path("shared")).unwrap();
    let to = [
        "--dest-shared-blob-dir",
        "{D}/shared",
        "oci:{D}/layout:one",
        "oci:{D}/sharing:1",
    ];
    ok(&world, &[&["copy"], &to[..]].concat());
    let own = world.path("sharing/blobs/sha256");
    assert!(!own.exists() || fs::read_dir(own).unwrap().count() < 4);
    let from = [
        "--src-shared-blob-dir",
        "{D}/shared",
        "oci:{D}/sharing:1",
        "dir:{D}/from-shared",
    ];
    ok(&world, &[&["copy"], &from[..]].concat());
    ok(
        &world,
        &[
            "inspect",
            "--shared-blob-dir",
            "{D}/shared",
            "oci:{D}/sharing:1",
        ],
    );
    let elsewhere = ["copy", to[0], to[1], "dir:{D}/from-shared", "dir:{D}/alone"];
    let said = text(&world.run(OURS, &elsewhere).stderr);
    assert!(
        said.contains("--dest-shared-blob-dir has no effect"),
        "{said}"
    );
    let names = [
        "--additional-tag",
        "r.example/two:2",
        "--additional-tag=three:3",
    ];
    ok(
        &world,
        &[
            &["copy"],
            &names[..],
            &["oci:{D}/layout:one", "docker-archive:{D}/names.tar:one:1"],
        ]
        .concat(),
    );
    let listed = world.run(THEIRS, &["list-tags", "docker-archive:{D}/names.tar"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["Tags"].as_array().unwrap().len(), 3);
    fails(
        &world,
        &[
            &["copy"],
            &names[..],
            &["oci:{D}/layout:one", "dir:{D}/never"],
        ]
        .concat(),
        1,
    );
}

#[test]
fn platforms_and_surroundings() {
    let Some(world) = World::new() else { return };
    let config = |args: &[&str]| {
        let all = [args, &["inspect", "--config", "oci:{D}/layout:list"]].concat();
        serde_json::from_str::<Value>(&ok(&world, &all)).unwrap()["architecture"].clone()
    };
    assert_eq!(
        config(&["--override-arch", "arm64", "--override-variant", "v8"]),
        "arm64"
    );
    let windows = ["--override-os", "windows", "inspect", "oci:{D}/layout:list"];
    fails(&world, &windows, 1);
    let debug = world.run(OURS, &["--debug", "inspect", "oci:{D}/layout:one"]);
    assert!(text(&debug.stderr).contains("debug: platform"));
    let agent = [
        "--debug",
        "--user-agent-prefix",
        "me/1",
        "inspect",
        "--tls-verify=false",
        "docker://{R}/one:1",
    ];
    let agent = world.run(OURS, &agent);
    assert!(
        text(&agent.stderr).contains("me/1 skopeo-rs/"),
        "{}",
        text(&agent.stderr)
    );

    // A registry that is blocked, and directories that must be used.
    let conf = format!(
        "[[registry]]\nlocation = \"127.0.0.1:{}\"\nblocked = true\n",
        world.port
    );
    fs::write(world.path("registries.conf"), conf).unwrap();
    let blocked = [
        "--registries-conf",
        "{D}/registries.conf",
        "inspect",
        "docker://{R}/one:1",
    ];
    assert!(fails(&world, &blocked, 1).contains("blocked"));
    fs::create_dir_all(world.path("tmp")).unwrap();
    let spool = [
        "--tmpdir",
        "{D}/tmp",
        "copy",
        "oci:{D}/layout:one",
        "oci-archive:{D}/spooled.tar",
    ];
    ok(&world, &spool);
    assert_eq!(
        fs::read_dir(world.path("tmp")).unwrap().count(),
        0,
        "nothing is left behind"
    );
    let events = [
        "copy",
        "--progress",
        "json",
        "oci:{D}/layout:one",
        "dir:{D}/events",
    ];
    let events = world.run(OURS, &events);
    let plans = text(&events.stderr)
        .lines()
        .filter(|line| line.contains("\"plan\""))
        .count();
    assert_eq!(plans, 1, "{}", text(&events.stderr));
}

#[test]
fn operations_are_repeated_when_that_may_help() {
    let Some(world) = World::new() else { return };
    // Nobody listens on port 1: that may change, so it is tried again.
    let again = [
        "--retry-times",
        "2",
        "--retry-delay",
        "10ms",
        "--tls-verify=false",
    ];
    let said = fails(
        &world,
        &[
            &["--debug", "inspect"],
            &again[..],
            &["docker://127.0.0.1:1/x:1"],
        ]
        .concat(),
        1,
    );
    assert_eq!(said.matches("trying again in 10ms").count(), 2, "{said}");
    // What is not there stays so.
    let said = fails(
        &world,
        &[
            &["--debug", "inspect"],
            &again[..],
            &["docker://{R}/one:no"],
        ]
        .concat(),
        2,
    );
    assert!(!said.contains("trying again"), "{said}");
}

#[test]
fn copies_are_signed_and_signatures_left_behind() {
    let Some(world) = World::new() else { return };
    let key = "Key-Type: RSA\nKey-Length: 2048\nName-Email: signer@example\nPassphrase: open sesame\n%commit\n";
    fs::write(world.path("key"), key).unwrap();
    let made = world.run(
        "gpg",
        &[
            "--batch",
            "--pinentry-mode",
            "loopback",
            "--gen-key",
            "{D}/key",
        ],
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    let public = world.run("gpg", &["--export", "signer@example"]);
    fs::write(world.path("signer.gpg"), public.stdout).unwrap();
    fs::write(world.path("passphrase"), "open sesame\n").unwrap();
    fs::set_permissions(world.path("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir_all(world.path("registries.d")).unwrap();
    let lookaside = format!(
        "default-docker: {{lookaside: 'file://{}'}}\n",
        world.path("lookaside").display()
    );
    fs::write(world.path("registries.d/default.yaml"), lookaside).unwrap();
    let policy = format!(
        r#"{{"default":[{{"type":"signedBy","keyType":"GPGKeys","keyPath":"{}"}}]}}"#,
        world.path("signer.gpg").display()
    );
    fs::write(world.path("signed.json"), policy).unwrap();

    let signer = [
        "--sign-by",
        "signer@example",
        "--sign-passphrase-file",
        "{D}/passphrase",
    ];
    let place = ["--insecure-policy", "--registries.d", "{D}/registries.d"];
    let to = [
        "--dest-tls-verify=false",
        "oci:{D}/layout:one",
        "docker://{R}/signed:1",
    ];
    ok(
        &world,
        &[&place[..], &["copy"], &signer[..], &to[..]].concat(),
    );
    let strict = [
        "--policy",
        "{D}/signed.json",
        "--registries.d",
        "{D}/registries.d",
        "--require-signed",
    ];
    let from = ["--src-tls-verify=false", "docker://{R}/signed:1"];
    for program in [THEIRS, OURS] {
        let strict = if program == THEIRS {
            &strict[..4]
        } else {
            &strict[..]
        };
        let all = [strict, &["copy"], &from[..], &["dir:{D}/verified"]].concat();
        let verified = world.run(program, &all);
        assert!(
            verified.status.success(),
            "{program}: {}",
            text(&verified.stderr)
        );
        assert!(world.path("verified/signature-1").exists());
        let unsigned = [
            "--src-tls-verify=false",
            "docker://{R}/one:1",
            "dir:{D}/refused",
        ];
        assert_eq!(
            world
                .run(program, &[strict, &["copy"], &unsigned[..]].concat())
                .status
                .code(),
            Some(1)
        );
    }
    ok(
        &world,
        &[
            &strict[..],
            &["copy", "--remove-signatures"],
            &from[..],
            &["dir:{D}/bare"],
        ]
        .concat(),
    );
    assert!(!world.path("bare/signature-1").exists());
    // oci: has no place for signatures that the original would read.
    let other = [
        "--sign-identity",
        "r.example/other:1",
        "oci:{D}/layout:one",
        "dir:{D}/other",
    ];
    ok(&world, &[&["copy"], &signer[..], &other[..]].concat());
    let signature = world.path("other/signature-1");
    let signature = signature.to_str().unwrap();
    let manifest = world.path("other/manifest.json");
    let manifest = manifest.to_str().unwrap();
    let verify = [
        "standalone-verify",
        manifest,
        "r.example/other:1",
        "any",
        signature,
    ];
    ok(
        &world,
        &[&verify[..], &["--public-key-file", "{D}/signer.gpg"]].concat(),
    );
    let alone = [
        "standalone-sign",
        manifest,
        "r.example/x:1",
        "signer@example",
    ];
    let output = [
        "--output",
        "{D}/alone",
        "--passphrase-file",
        "{D}/passphrase",
    ];
    ok(&world, &[&alone[..], &output[..]].concat());
    assert!(Path::new(&world.path("alone")).exists());
    let _ = world.run("gpgconf", &["--kill", "all"]);
}

#[test]
fn a_sync_signs() {
    let Some(world) = World::new() else { return };
    let key = "Key-Type: RSA\nKey-Length: 2048\nName-Email: signer@example\nPassphrase: open sesame\n%commit\n";
    fs::write(world.path("key"), key).unwrap();
    let make = [
        "--batch",
        "--pinentry-mode",
        "loopback",
        "--gen-key",
        "{D}/key",
    ];
    assert!(world.run("gpg", &make).status.success());
    fs::write(world.path("passphrase"), "open sesame\n").unwrap();
    let signer = [
        "--sign-by",
        "signer@example",
        "--sign-passphrase-file",
        "{D}/passphrase",
    ];
    for program in [THEIRS, OURS] {
        let to = format!("{{D}}/{}", program.rsplit('/').next().unwrap());
        // A name that a signature can be over: a directory has none.
        let plain = [
            "sync",
            "--src-tls-verify=false",
            "--src",
            "docker",
            "--dest",
            "dir",
        ];
        let synced = world.run(
            program,
            &[&plain[..], &signer[..], &["{R}/one:1", &to]].concat(),
        );
        assert_eq!(synced.status.code(), Some(1), "{}", text(&synced.stderr));
    }
    fs::create_dir_all(world.path("registries.d")).unwrap();
    let lookaside = world.fill("default-docker: {lookaside: 'file://{D}/lookaside'}\n");
    fs::write(world.path("registries.d/default.yaml"), lookaside).unwrap();
    let public = world.run("gpg", &["--export", "signer@example"]);
    fs::write(world.path("signer.gpg"), public.stdout).unwrap();
    let policy =
        r#"{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"{D}/signer.gpg"}]}"#;
    fs::write(world.path("signed.json"), world.fill(policy)).unwrap();
    let place = ["--registries.d", "{D}/registries.d"];
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let ends = [
        "--src",
        "docker",
        "--dest",
        "docker",
        "{R}/one",
        "{R}/signed",
    ];
    let sync = ["--insecure-policy", "sync"];
    // What is there already is signed, too.
    ok(
        &world,
        &[&place[..], &sync[..], &plain[..], &ends[..]].concat(),
    );
    ok(
        &world,
        &[&place[..], &sync[..], &plain[..], &signer[..], &ends[..]].concat(),
    );
    let strict = [
        "--policy",
        "{D}/signed.json",
        "copy",
        "--src-tls-verify=false",
    ];
    let from = ["docker://{R}/signed/one:latest", "dir:{D}/verified"];
    for program in [THEIRS, OURS] {
        let verified = world.run(program, &[&place[..], &strict[..], &from[..]].concat());
        assert!(verified.status.success(), "{}", text(&verified.stderr));
    }
    let _ = world.run("gpgconf", &["--kill", "all"]);
}

#[test]
fn the_store_is_a_place_like_others() {
    let Some(world) = World::new() else { return };
    ok(&world, &["copy", "oci:{D}/layout:one", "store:app:1"]);
    let digest = ok(
        &world,
        &[
            "inspect",
            "--format",
            "{{.Digest}} {{.Name}}",
            "store:app:1",
        ],
    );
    assert!(digest.ends_with("docker.io/library/app\n"), "{digest}");
    ok(
        &world,
        &[
            "copy",
            "--dest-tls-verify=false",
            "store:app:1",
            "docker://{R}/stored:1",
        ],
    );
    let config = |name: &str| manifest(&world, name)["config"]["digest"].clone();
    assert_eq!(
        config("docker://{R}/stored:1"),
        config("oci:{D}/layout:one")
    );
    fails(&world, &["inspect", "store:nosuch:1"], 2);
}
