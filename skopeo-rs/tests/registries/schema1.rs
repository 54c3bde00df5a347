//! Docker's schema 1, as Debian's registry serves it: what both print, and signatures over it.

use std::fs;

use crate::common::{OURS, Stdout, THEIRS, World, quirk, row, text};
use crate::signatures::{SIGNER, end_agents, is_accepted, keys};
use crate::{BOTH, is_installed};

const OLD: &str = "docker://{R}/old:1";

/// Has the original push an image as schema 1.
fn push(world: &World) -> String {
    let args = [
        "copy",
        "-q",
        "--format=v2s1",
        "--dest-tls-verify=false",
        "oci:{D}/layout:one",
        OLD,
    ];
    world.ok(THEIRS, &args);
    let raw = world.ok(THEIRS, &["inspect", "--raw", "--tls-verify=false", OLD]);
    fs::write(world.path("old.json"), raw).unwrap();
    let digest = world.ok(THEIRS, &["manifest-digest", "{D}/old.json"]);
    digest.trim_end().to_owned()
}

#[test]
fn both_print_the_same_of_it() {
    use Stdout::{Equal, WithoutLayersData};
    let Some(world) = World::new() else { return };
    let digest = push(&world);
    for row in [
        row(
            "inspect --tls-verify=false docker://{R}/old:1",
            WithoutLayersData,
        ),
        row(
            "inspect --tls-verify=false --no-tags docker://{R}/old:1",
            WithoutLayersData,
        ),
        row(
            "inspect --config --tls-verify=false docker://{R}/old:1",
            Equal,
        ),
        row(
            "inspect --config --raw --tls-verify=false docker://{R}/old:1",
            Equal,
        ),
        row(
            "inspect --tls-verify=false --format {{.Tag}}~{{.Digest}}~{{.Os}}~{{.Env}} docker://{R}/old:1",
            Equal,
        ),
        row(
            "inspect --tls-verify=false --format {{.Created}} docker://{R}/old:1",
            Equal,
        ),
        row(
            "inspect --config --tls-verify=false --format {{.RootFS.Type}}~{{.Architecture}} docker://{R}/old:1",
            Equal,
        ),
        row("manifest-digest {D}/old.json", Equal),
        row(
            "copy --src-tls-verify=false docker://{R}/old:1 dir:{D}/kept",
            Stdout::Lines,
        ),
        row("inspect dir:{D}/kept", WithoutLayersData),
        row("inspect --raw dir:{D}/kept", Equal),
        // No reader of OCI reads the layout that the original writes.
        quirk(
            "copy --preserve-digests --src-tls-verify=false docker://{R}/old:1 oci:{D}/never:1",
            Stdout::Other,
            1,
        ),
    ] {
        world.compare(&row);
    }
    // The registry signs every answer anew.
    let raw = |program: &str| {
        let raw = world.ok(program, &["inspect", "--raw", "--tls-verify=false", OLD]);
        let mut raw: serde_json::Value = serde_json::from_str(&raw).unwrap();
        assert!(raw.as_object_mut().unwrap().remove("signatures").is_some());
        raw
    };
    assert_eq!(raw(OURS), raw(THEIRS));
    let by_digest = format!("docker://{{R}}/old@{digest}");
    let args = [
        "inspect",
        "--tls-verify=false",
        "--no-tags",
        "-f",
        "{{.Digest}}",
        &by_digest,
    ];
    for (who, program) in BOTH {
        assert_eq!(world.ok(program, &args).trim_end(), digest, "{who}");
    }
    // Another digest is another image, whoever serves it.
    let other = format!("docker://{{R}}/old@sha256:{}", "0".repeat(64));
    let missing = world.run(OURS, &["inspect", "--tls-verify=false", &other]);
    assert_eq!(missing.status.code(), Some(2), "{}", text(&missing.stderr));
    // Standard error says that this image has no configuration to print.
    let none = world.run(
        OURS,
        &["inspect", "--config", "--raw", "--tls-verify=false", OLD],
    );
    assert!(
        text(&none.stderr).contains("schema 1"),
        "{}",
        text(&none.stderr)
    );
}

#[test]
fn its_signature_is_over_what_is_signed_in_it() {
    let Some(world) = World::new() else { return };
    if !is_installed(&["/usr/bin/gpg"]) {
        return;
    }
    keys(&world);
    push(&world);
    world.configure(
        "registries.d/lookaside.yaml",
        "default-docker: {lookaside: 'file://{D}/lookaside'}\n",
    );
    for (_, program) in BOTH {
        assert!(!is_accepted(&world, program, &[], OLD));
    }
    let reference = world.fill("{R}/old:1");
    for (who, program) in BOTH {
        // The digest in the signature is that of the payload, so either finds it to be its own.
        world.ok(
            program,
            &[
                "standalone-sign",
                "{D}/old.json",
                &reference,
                SIGNER,
                "-o",
                "{D}/signature",
            ],
        );
        let digest = world.ok(OURS, &["manifest-digest", "{D}/old.json"]);
        let place = format!("lookaside/old@{}", digest.trim_end().replace(':', "="));
        let place = world.path(&place);
        fs::create_dir_all(&place).unwrap();
        fs::copy(world.path("signature"), place.join("signature-1")).unwrap();
        for (verifier, other) in BOTH {
            assert!(is_accepted(&world, other, &[], OLD), "{verifier} of {who}");
            let kept = fs::read(world.path("accepted/signature-1")).unwrap();
            assert_eq!(kept, fs::read(world.path("signature")).unwrap());
            // Kept with its signature where it can be; changed only without.
            let policy = [
                "--policy",
                "{D}/signed.json",
                "copy",
                "-q",
                "--src-tls-verify=false",
            ];
            let to = format!("docker-archive:{{D}}/{who}-{verifier}.tar:x:1");
            let failed = world.run(other, &[&policy[..], &[OLD, &to]].concat());
            assert_eq!(failed.status.code(), Some(1), "{verifier} of {who}");
            world.ok(
                other,
                &[&policy[..], &["--remove-signatures", OLD, &to]].concat(),
            );
        }
        fs::remove_dir_all(world.path("lookaside")).unwrap();
    }
    end_agents(&world);
}
