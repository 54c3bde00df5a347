//! Sigstore signatures with keys: what one program signs the other accepts.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::BOTH;
use crate::common::{OURS, THEIRS, World, text};

const PLAIN: [&str; 2] = ["--src-tls-verify=false", "--dest-tls-verify=false"];

impl World {
    /// Makes a pair of keys, and a policy that demands a signature of it; the registry keeps
    /// signatures as attachments.
    fn sigstore(&self, name: &str) {
        fs::write(self.path("passphrase"), "open sesame\n").unwrap();
        let prefix = format!("{{D}}/{name}");
        let make = [
            "generate-sigstore-key",
            "--output-prefix",
            &prefix,
            "--passphrase-file",
            "{D}/passphrase",
        ];
        let said = self.ok(OURS, &make);
        let written = self.fill(&format!(
            "Key written to \"{{D}}/{name}.private\" and \"{{D}}/{name}.pub\"\n"
        ));
        assert_eq!(said, written);
        self.configure(
            "registries.d/here.yaml",
            "docker:\n  '{R}': {use-sigstore-attachments: true}\n",
        );
        let policy = r#"{"default":[{"type":"sigstoreSigned","keyPath":"{D}/NAME.pub","signedIdentity":{"type":"matchRepository"}}]}"#;
        let policy = self.fill(policy).replace("NAME", name);
        fs::write(self.path(&format!("{name}.json")), policy).unwrap();
    }
}

/// Debian 12 ships the original without sigstore's cryptography.
fn original_has_sigstore(world: &World) -> bool {
    let sign = ["copy", "--sign-by-sigstore-private-key", "{D}/mine.private"];
    let with = ["--sign-passphrase-file", "{D}/passphrase"];
    let ends = ["docker://{R}/one:1", "docker://{R}/tried:1"];
    let tried = world.run(THEIRS, &[&sign[..], &with, &PLAIN, &ends].concat());
    let disabled = text(&tried.stderr).contains("sigstore disabled");
    if disabled {
        println!("{THEIRS} has no sigstore: openssl verifies in its place");
    }
    !disabled
}

/// Tells whether an image has a signature by a key: asks the original, or openssl.
fn accepted(world: &World, by_original: bool, key: &str, image: &str) -> bool {
    let to = world.path("verified");
    let _ = fs::remove_dir_all(&to);
    let copy = ["copy", "-q", PLAIN[0], image, "dir:{D}/verified"];
    if by_original {
        let policy = format!("{{D}}/{key}.json");
        return world
            .run(THEIRS, &[&["--policy", &policy], &copy[..]].concat())
            .status
            .success();
    }
    world.ok(OURS, &copy);
    let decode = |text: &Value| {
        let mut base64 = Command::new("base64")
            .arg("-d")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        base64
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_str().unwrap().as_bytes())
            .unwrap();
        base64.wait_with_output().unwrap().stdout
    };
    let digest = world.digest_of("verified").unwrap();
    (1..)
        .map_while(|n| fs::read(to.join(format!("signature-{n}"))).ok())
        .any(|file| {
            let Some(json) = file.strip_prefix(b"\0sigstore-json\n") else {
                return false;
            };
            let json: Value = serde_json::from_slice(json).unwrap();
            let payload = decode(&json["payload"]);
            let claims: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(
                claims["critical"]["image"]["docker-manifest-digest"],
                digest.as_str()
            );
            assert_eq!(
                claims["critical"]["type"],
                "cosign container image signature"
            );
            fs::write(world.path("payload"), payload).unwrap();
            let signature = &json["annotations"]["dev.cosignproject.cosign/signature"];
            fs::write(world.path("signature"), decode(signature)).unwrap();
            let public = format!("{{D}}/{key}.pub");
            let verify = [
                "dgst",
                "-sha256",
                "-verify",
                &public,
                "-signature",
                "{D}/signature",
                "{D}/payload",
            ];
            world.run("openssl", &verify).status.success()
        })
}

#[test]
fn what_one_signs_the_other_accepts() {
    let Some(world) = World::new() else { return };
    world.sigstore("mine");
    world.sigstore("other");
    let mode = fs::metadata(world.path("mine.private"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = [
        "generate-sigstore-key",
        "--output-prefix",
        "{D}/mine",
        "--passphrase-file",
        "{D}/passphrase",
    ];
    assert_eq!(world.run(OURS, &again).status.code(), Some(1));
    let signer = [
        "--sign-by-sigstore-private-key",
        "{D}/mine.private",
        "--sign-passphrase-file",
        "{D}/passphrase",
    ];
    let theirs = original_has_sigstore(&world);
    for (name, program) in BOTH
        .into_iter()
        .filter(|(name, _)| theirs || *name == "ours")
    {
        let signed = format!("docker://{{R}}/{name}/signed:1");
        let ends = ["docker://{R}/one:1", &signed];
        let copied = world.ok(program, &[&["copy"], &PLAIN[..], &signer, &ends].concat());
        assert!(copied.contains("using a sigstore signature"), "{copied}");
        assert!(accepted(&world, theirs, "mine", &signed), "{name}");
        assert!(!accepted(&world, theirs, "other", &signed), "{name}");
        // The signature goes with the image, by either program, and as a file of a directory.
        for (mover, carrier) in BOTH {
            let moved = format!("docker://{{R}}/{name}/moved-by-{mover}:1");
            world.ok(
                carrier,
                &[&["copy", "-q"], &PLAIN[..], &[&signed, &moved]].concat(),
            );
            assert!(
                accepted(&world, theirs, "mine", &moved) || theirs,
                "{mover}"
            );
            let on_disk = format!("dir:{{D}}/{name}-{mover}");
            world.ok(carrier, &["copy", "-q", PLAIN[0], &signed, &on_disk]);
            let file = fs::read(world.path(&format!("{name}-{mover}/signature-1"))).unwrap();
            assert!(file.starts_with(b"\0sigstore-json\n"), "{mover}");
        }
    }
}

#[test]
fn signatures_add_up_in_the_repository() {
    let Some(world) = World::new() else { return };
    world.sigstore("mine");
    world.sigstore("other");
    let params =
        world.fill("privateKeyFile: {D}/other.private\nprivateKeyPassphraseFile: {D}/passphrase\n");
    fs::write(world.path("params.yaml"), params).unwrap();
    let key = [
        "--sign-by-sigstore-private-key",
        "{D}/mine.private",
        "--sign-passphrase-file",
        "{D}/passphrase",
    ];
    let params = ["--sign-by-sigstore", "{D}/params.yaml"];
    let to = ["docker://{R}/one:1", "docker://{R}/signed:1"];
    let copy = ["copy", "-q"];
    world.ok(OURS, &[&copy[..], &PLAIN, &key, &to].concat());
    let theirs = original_has_sigstore(&world);
    if theirs {
        world.ok(THEIRS, &[&copy[..], &PLAIN, &key, &to].concat());
    }
    let both = world.ok(OURS, &[&["copy"], &PLAIN[..], &params, &key, &to].concat());
    assert!(
        both.contains("Creating signature 1: ") && both.contains("Creating signature 2: "),
        "{both}"
    );
    let digest = world.ok(
        OURS,
        &[
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}}",
            "docker://{R}/signed:1",
        ],
    );
    let tag = format!(
        "docker://{{R}}/signed:{}.sig",
        digest.trim().replace(':', "-")
    );
    let raw = world.ok(OURS, &["inspect", "--tls-verify=false", "--raw", &tag]);
    let raw: Value = serde_json::from_str(&raw).unwrap();
    let layers = raw["layers"].as_array().unwrap();
    assert_eq!(layers.len(), if theirs { 4 } else { 3 }, "{raw}");
    let config = world.ok(THEIRS, &["inspect", "--tls-verify=false", "--config", &tag]);
    let config: Value = serde_json::from_str(&config).unwrap();
    let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    assert_eq!(
        config["rootfs"]["diff_ids"]
            .as_array()
            .unwrap()
            .iter()
            .collect::<Vec<_>>(),
        diff_ids
    );
    for key in ["mine", "other"] {
        assert!(
            accepted(&world, theirs, key, "docker://{R}/signed:1"),
            "{key}"
        );
    }
    // Where attachments are off there is no place for the signature.
    world.configure("registries.d/here.yaml", "docker:\n  '{R}': {}\n");
    let refused = world.run(
        OURS,
        &[
            &copy[..],
            &PLAIN,
            &key,
            &["docker://{R}/one:1", "docker://{R}/none:1"],
        ]
        .concat(),
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("use-sigstore-attachments"),
        "{}",
        text(&refused.stderr)
    );
    let absent = world.run(
        OURS,
        &["inspect", "--tls-verify=false", "docker://{R}/none:1"],
    );
    assert_eq!(
        absent.status.code(),
        Some(2),
        "nothing unsigned is left under the tag"
    );
    for (params, want) in [
        ("rekorURL: x\n", "rekorURL"),
        ("fulcio: {}\n", "fulcio"),
        ("bogus: x\n", "bogus"),
        ("", "privateKeyFile"),
    ] {
        fs::write(world.path("params.yaml"), params).unwrap();
        let refused = world.run(
            OURS,
            &[&copy[..], &["--sign-by-sigstore", "{D}/params.yaml"], &to].concat(),
        );
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains(want),
            "{}",
            text(&refused.stderr)
        );
    }
}

/// Keys that sq keeps: here one of gpg's stands for it.
#[test]
fn keys_of_sq_sign() {
    let Some(world) = World::new() else { return };
    let key =
        "Key-Type: RSA\nKey-Length: 2048\nName-Email: signer@example\n%no-protection\n%commit\n";
    fs::write(world.path("key"), key).unwrap();
    assert!(
        world
            .run("gpg", &["--batch", "--gen-key", "{D}/key"])
            .status
            .success()
    );
    let secret = world
        .run(
            "gpg",
            &["--batch", "--export-secret-keys", "signer@example"],
        )
        .stdout;
    let listed = text(&world.run("gpg", &["--with-colons", "--list-keys"]).stdout);
    let fingerprint = listed
        .lines()
        .find_map(|line| line.strip_prefix("fpr:::::::::"))
        .unwrap();
    let fingerprint = fingerprint.trim_end_matches(':');
    let keys = world.path("home/.local/share/sequoia/keystore/softkeys");
    fs::create_dir_all(&keys).unwrap();
    fs::write(keys.join("lock"), "").unwrap();
    fs::write(keys.join(format!("{fingerprint}.pgp")), secret).unwrap();
    let public = world.run("gpg", &["--export", "signer@example"]);
    fs::write(world.path("signer.gpg"), public.stdout).unwrap();
    let sign = ["copy", "-q", "--sign-identity", "r.example/x:1"];
    let ends = ["oci:{D}/layout:one", "dir:{D}/signed"];
    world.ok(
        OURS,
        &[&sign[..], &["--sign-by-sq-fingerprint", fingerprint], &ends].concat(),
    );
    let at = |name: &str| world.path("signed").join(name).display().to_string();
    let (manifest, signature) = (at("manifest.json"), at("signature-1"));
    let verify = [
        "standalone-verify",
        &manifest,
        "r.example/x:1",
        fingerprint,
        &signature,
    ];
    world.ok(THEIRS, &verify);
    let unknown = "0".repeat(40);
    let missing = world.run(
        OURS,
        &[&sign[..], &["--sign-by-sq-fingerprint", &unknown], &ends].concat(),
    );
    assert!(
        text(&missing.stderr).contains("no secret key"),
        "{}",
        text(&missing.stderr)
    );
    let _ = world.run("gpgconf", &["--kill", "all"]);

    // What a signature claims, by both.
    let dump = ["untrusted-signature-dump-without-verification", &signature];
    let of = |program: &str| {
        let mut command = Command::new(program);
        let output = command
            .args(dump)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout))
    };
    assert_eq!(of(OURS), of(THEIRS));
    assert!(of(OURS).1.contains("r.example/x:1"));
}

#[test]
fn layers_are_fetched_as_by_the_original() {
    let Some(world) = World::new() else { return };
    let raw = world.ok(OURS, &["inspect", "--raw", "dir:{D}/dir"]);
    let raw: Value = serde_json::from_str(&raw).unwrap();
    let one = raw["layers"][1]["digest"].as_str().unwrap();
    let bare = one.strip_prefix("sha256:").unwrap();
    let from = world.fill("docker://{R}/one:1");
    for digests in [&[][..], &[one], &[bare, one]] {
        let mut seen = Vec::new();
        for (name, program) in BOTH {
            let work = tempfile::tempdir().unwrap();
            let output = Command::new(program)
                .args(["layers", "--tls-verify=false", &from])
                .args(digests)
                .current_dir(work.path())
                .env("HOME", world.path("home"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{name}: {}", text(&output.stderr));
            let made: Vec<_> = fs::read_dir(work.path())
                .unwrap()
                .map(|it| it.unwrap())
                .collect();
            let [made] = made.as_slice() else {
                panic!("{made:?}")
            };
            assert!(made.file_name().to_string_lossy().starts_with("layers-"));
            let files = fs::read_dir(made.path()).unwrap().map(|file| {
                let path = file.unwrap().path();
                (
                    path.file_name().unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                )
            });
            let mut files: Vec<_> = files.collect();
            files.sort();
            seen.push((output.stdout, files));
        }
        assert!(seen[0] == seen[1], "{digests:?}");
    }
}
