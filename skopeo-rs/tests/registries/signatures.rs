//! Signatures made by GnuPG through either program, and where they are found again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{OURS, THEIRS, World, text};
use crate::{BOTH, is_installed};

/// Who signs; the policies trust the first.
pub(crate) const SIGNER: &str = "signer@example";
const FOREIGN: &str = "foreign@example";

/// Makes the keys, and the policy `{D}/signed.json` that wants a signature of the first.
pub(crate) fn keys(world: &World) {
    for who in [SIGNER, FOREIGN] {
        let user = ["--batch", "--passphrase", "", "--quick-generate-key"];
        world.ok(
            "gpg",
            &[&user[..], &[who, "ed25519", "sign", "never"]].concat(),
        );
    }
    let public = world.run("gpg", &["--export", SIGNER]);
    fs::write(world.path("signer.gpg"), public.stdout).unwrap();
    let signed = world.fill(
        r#"{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"{D}/signer.gpg"}]}"#,
    );
    fs::write(world.path("signed.json"), signed).unwrap();
}

/// Ends what gpg left running.
pub(crate) fn end_agents(world: &World) {
    let _ = world.run("gpgconf", &["--kill", "all"]);
}

/// Copies under the policy that wants a signature; says whether it was accepted.
pub(crate) fn is_accepted(world: &World, program: &str, flags: &[&str], image: &str) -> bool {
    let policy = ["--policy", "{D}/signed.json"];
    let to = "dir:{D}/accepted";
    let _ = fs::remove_dir_all(world.path("accepted"));
    let flags = [
        &policy[..],
        &["copy", "-q", "--src-tls-verify=false"],
        flags,
    ]
    .concat();
    let output = world.run(program, &[&flags[..], &[image, to]].concat());
    let accepted = output.status.success();
    assert_eq!(accepted, world.path("accepted/manifest.json").exists());
    if !accepted {
        let said = text(&output.stderr);
        assert!(
            said.contains("Source image rejected"),
            "{program} {image}: {said}"
        );
    }
    accepted
}

pub(crate) fn sign(world: &World, program: &str, who: &str, from: &str, to: &str) {
    let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let args = [&["copy", "-q", "--sign-by", who], &tls[..], &[from, to]].concat();
    world.ok(program, &args);
}

/// Serves a directory over http.
struct Files(Child, u16);

impl Files {
    fn serve(directory: &Path) -> Self {
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let port = line.split(' ').skip_while(|word| *word != "port").nth(1);
        Self(child, port.unwrap().parse().unwrap())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_program_accepts_what_the_other_signed() {
    let Some(world) = World::new() else { return };
    if !is_installed(&["/usr/bin/gpg"]) {
        return;
    }
    keys(&world);
    world.configure(
        "registries.d/lookaside.yaml",
        "default-docker: {lookaside: 'file://{D}/lookaside'}\n",
    );
    let from = "oci:{D}/layout:one";
    for (who, program) in BOTH {
        // One repository each, so that no signature is beside another.
        let image = |what: &str| format!("docker://{{R}}/{what}-{who}:1");
        sign(&world, program, SIGNER, from, &image("good"));
        sign(&world, program, FOREIGN, from, &image("foreign"));
        world.ok(
            program,
            &[
                "copy",
                "-q",
                "--dest-tls-verify=false",
                from,
                &image("unsigned"),
            ],
        );
        for (verifier, other) in BOTH {
            let accepts = |image: &str| is_accepted(&world, other, &[], image);
            assert!(accepts(&image("good")), "{verifier} of {who}");
            assert!(!accepts(&image("foreign")), "{verifier} of {who}");
            assert!(!accepts(&image("unsigned")), "{verifier} of {who}");
            // Another tag, for which the signature was not made.
            let tag = image("good").replace(":1", ":2");
            let copy = [
                "copy",
                "-q",
                "--remove-signatures",
                "--src-tls-verify=false",
            ];
            world.ok(
                other,
                &[
                    &copy[..],
                    &["--dest-tls-verify=false", &image("good"), &tag],
                ]
                .concat(),
            );
            assert!(!accepts(&tag), "{verifier} of {who}");
        }
        // A second signature is added beside the first, and each counts for itself.
        let again = image("foreign");
        sign(&world, program, SIGNER, &again, &again);
        for (_, other) in BOTH {
            assert!(is_accepted(&world, other, &[], &again));
        }
        // A signature that was changed afterwards.
        let lookaside = world.path("lookaside");
        let changed = fs::read_dir(&lookaside)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let wanted = format!("good-{who}@");
        let changed = changed
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(&wanted)
            })
            .collect::<Vec<_>>();
        let path = changed[0].join("signature-1");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        for (verifier, other) in BOTH {
            assert!(
                !is_accepted(&world, other, &[], &image("good")),
                "{verifier} of {who}"
            );
        }
    }
    end_agents(&world);
}

#[test]
fn signatures_are_found_on_a_web_server_and_beside_the_mirror() {
    let Some(world) = World::new() else { return };
    if !is_installed(&["/usr/bin/gpg"]) {
        return;
    }
    keys(&world);
    let staging = world.path("staging");
    fs::create_dir_all(&staging).unwrap();
    let web = Files::serve(&staging);
    let registries_d = format!(
        "docker:\n  {{R}}:\n    lookaside: http://127.0.0.1:{}\n    lookaside-staging: file://{{D}}/staging\n",
        web.1
    );
    world.configure("registries.d/web.yaml", &registries_d);
    for (who, program) in BOTH {
        let image = format!("docker://{{R}}/web/{who}:1");
        sign(&world, program, SIGNER, "oci:{D}/layout:one", &image);
        let plain = format!("docker://{{R}}/web/{who}-plain:1");
        world.ok(
            program,
            &[
                "copy",
                "-q",
                "--dest-tls-verify=false",
                "oci:{D}/layout:one",
                &plain,
            ],
        );
        for (verifier, other) in BOTH {
            assert!(
                is_accepted(&world, other, &[], &image),
                "{verifier} of {who}"
            );
            assert!(
                !is_accepted(&world, other, &[], &plain),
                "{verifier} of {who}"
            );
        }
    }
    // The web server is where the mirror's signatures are, whatever the image is called.
    world.configure(
        "registries.conf",
        "[[registry]]\nprefix = \"r.example/team\"\nlocation = \"127.0.0.1:1/x\"\n\
         [[registry.mirror]]\nlocation = \"{R}/web\"\ninsecure = true\n",
    );
    for (verifier, program) in BOTH {
        let policy = world.fill(
            r#"{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"{D}/signer.gpg",
            "signedIdentity":{"type":"remapIdentity","prefix":"r.example/team","signedPrefix":"{R}/web"}}]}"#,
        );
        fs::write(world.path("remap.json"), policy).unwrap();
        let args = |image| {
            [
                "--policy",
                "{D}/remap.json",
                "copy",
                "-q",
                image,
                "dir:{D}/remapped",
            ]
        };
        let got = world.run(program, &args("docker://r.example/team/theirs:1"));
        assert!(got.status.success(), "{verifier}: {}", text(&got.stderr));
        let got = world.run(program, &args("docker://r.example/team/theirs-plain:1"));
        assert_eq!(got.status.code(), Some(1), "{verifier}");
    }
    world.configure("registries.conf", "");
    // Nobody answers: an image whose signatures nobody can read is none without.
    drop(web);
    for (verifier, program) in BOTH {
        let flags = ["--src-tls-verify=false"];
        let failed = world.copy_to_dir(program, &flags, "docker://{R}/web/ours:1", "never");
        assert_eq!(failed.status.code(), Some(1), "{verifier}");
    }
    // What is written to goes by file alone.
    world.configure(
        "registries.d/web.yaml",
        "docker:\n  {R}:\n    lookaside: http://127.0.0.1:1\n",
    );
    for program in [THEIRS, OURS] {
        let args = ["copy", "-q", "--sign-by", SIGNER, "--dest-tls-verify=false"];
        let to = ["oci:{D}/layout:one", "docker://{R}/web/never:1"];
        let failed = world.run(program, &[&args[..], &to].concat());
        assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stderr));
    }
    end_agents(&world);
}
