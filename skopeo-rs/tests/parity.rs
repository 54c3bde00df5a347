//! The original and ours on the same input: standard output and exit status are equal.
//!
//! Every difference that is meant is written in the row (`ours`) and in
//! `docs/quirks/skopeo-rs.md`. What people read on standard error is not compared. A test is
//! skipped, saying so, where Debian's `skopeo` or `docker-registry` is not installed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test works with stops it at the first surprise"
)]

mod common;
mod flags;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use common::{OURS, Stdout, THEIRS, World, quirk, row, text};
use oci::Digest;

#[test]
fn inspect_prints_what_the_original_prints() {
    use Stdout::{Equal, WithoutLayersData};
    let Some(world) = World::new() else { return };
    for row in [
        row(
            "inspect --tls-verify=false docker://{R}/one:1",
            WithoutLayersData,
        ),
        row(
            "inspect --tls-verify=false docker://{R}/one",
            WithoutLayersData,
        ),
        row(
            "inspect --tls-verify=false -n docker://{R}/one:1",
            WithoutLayersData,
        ),
        row(
            "inspect --tls-verify=false --no-tags=true docker://{R}/list:1",
            WithoutLayersData,
        ),
        row(
            "--override-arch arm64 inspect --tls-verify=false docker://{R}/list:1",
            WithoutLayersData,
        ),
        row(
            "inspect --override-arch=arm64 --tls-verify=false docker://{R}/list:1",
            WithoutLayersData,
        ),
        row("inspect oci:{D}/layout:one", WithoutLayersData),
        row("inspect dir:{D}/dir", WithoutLayersData),
        row("inspect docker-archive:{D}/docker.tar", WithoutLayersData),
        row(
            "inspect docker-archive:{D}/docker.tar:r.example/one:1",
            WithoutLayersData,
        ),
        row(
            "inspect docker-archive:{D}/docker.tar:@0",
            WithoutLayersData,
        ),
        row("inspect oci-archive:{D}/oci.tar", WithoutLayersData),
        row("inspect --raw oci:{D}/layout:list", Equal),
        row(
            "inspect --raw=true --tls-verify=false docker://{R}/list:1",
            Equal,
        ),
        row("inspect --raw --raw=false dir:{D}/dir", WithoutLayersData),
        row("inspect --config oci:{D}/layout:one", Equal),
        row(
            "inspect --config --tls-verify=false docker://{R}/list:1",
            Equal,
        ),
        row("inspect --config --raw oci:{D}/layout:one", Equal),
        row("inspect --config docker-archive:{D}/docker.tar", Equal),
        row("inspect --config --raw dir:{D}/dir", Equal),
    ] {
        world.compare(&row);
    }
}

#[test]
fn inspect_formats_as_the_original() {
    use Stdout::{Equal, WithoutLayersData};
    let Some(world) = World::new() else { return };
    for row in [
        row("inspect --format json dir:{D}/dir", WithoutLayersData),
        row("inspect -f {{json~.}} dir:{D}/dir", WithoutLayersData),
        row(
            "inspect --format Name:~{{.Name}}~Digest:~{{.Digest}} dir:{D}/dir",
            Equal,
        ),
        row(
            "inspect --format {{.Labels}}{{.Env}}{{.Layers}}{{.RepoTags}} dir:{D}/dir",
            Equal,
        ),
        row("inspect --format {{.Created}} dir:{D}/dir", Equal),
        row(
            "inspect --format {{.Labels.version}}~{{.Labels.nosuch}} dir:{D}/dir",
            Equal,
        ),
        row(
            "inspect --format {{range~.Env}}{{.}};{{end}} dir:{D}/dir",
            Equal,
        ),
        row(
            "inspect --format {{.Os}}\\t{{.Architecture}}\\nx dir:{D}/dir",
            Equal,
        ),
        row("inspect --format {{.Nosuch}} dir:{D}/dir", Equal),
        row("inspect --format {{.Os dir:{D}/dir", Equal),
        row(
            "inspect --config --format {{.OS}}/{{.Architecture}}~{{.Author}} dir:{D}/dir",
            Equal,
        ),
        row(
            "inspect --config --format {{.Config.Env}}~{{.RootFS.DiffIDs}} dir:{D}/dir",
            Equal,
        ),
        row(
            "inspect --config --format {{range~.History}}{{.CreatedBy}}{{end}} dir:{D}/dir",
            Equal,
        ),
        row("inspect --config --format json dir:{D}/dir", Equal),
    ] {
        world.compare(&row);
    }
}

#[test]
fn inspect_formats_what_a_configuration_lacks() {
    let Some(world) = World::new() else { return };
    for format in [
        "{{.Created}}|{{.Author}}|{{.Variant}}|{{.OSVersion}}|{{.OSFeatures}}",
        "{{.Config.User}}|{{.Config.ExposedPorts}}|{{.Config.Env}}|{{.Config.Entrypoint}}",
        "{{.Config.Cmd}}|{{.Config.Volumes}}|{{.Config.WorkingDir}}|{{.Config.Labels}}",
        "{{.Config.StopSignal}}|{{.Config.ArgsEscaped}}|{{.RootFS.Type}}",
        "{{if .Config.Entrypoint}}yes{{else}}no{{end}} {{len .Config.Volumes}}",
        "{{range .History}}{{.Created}}|{{.CreatedBy}}|{{.Author}}|{{.EmptyLayer}};{{end}}",
        "{{.Config.Nosuch}}",
    ] {
        for image in ["bare", "one"] {
            let args = format!(
                "inspect --config --format {} oci:{{D}}/layout:{image}",
                format.replace(' ', "~")
            );
            world.compare(&row(&args, Stdout::Equal));
        }
    }
}

#[test]
fn list_tags_prints_what_the_original_prints() {
    use Stdout::Equal;
    let Some(world) = World::new() else { return };
    for row in [
        row("list-tags --tls-verify=false docker://{R}/one", Equal),
        row("list-tags docker-archive:{D}/docker.tar", Equal),
        row("list-tags --tls-verify=false docker://{R}/one:1", Equal),
        row("list-tags oci:{D}/layout", Equal),
        quirk("list-tags --tls-verify=false docker://{R}/nosuch", Equal, 2),
    ] {
        world.compare(&row);
    }
    let lines = world.run(
        OURS,
        &[
            "list-tags",
            "--lines",
            "--tls-verify=false",
            "docker://{R}/one",
        ],
    );
    let mut tags: Vec<String> = text(&lines.stdout).lines().map(str::to_owned).collect();
    tags.sort();
    assert_eq!(tags, ["1", "latest"]);
}

#[test]
fn missing_images_and_wrong_calls_have_the_documented_status() {
    use Stdout::{Equal, Other};
    let Some(world) = World::new() else { return };
    for row in [
        quirk(
            "inspect --tls-verify=false docker://{R}/one:nosuch",
            Equal,
            2,
        ),
        quirk("inspect --tls-verify=false docker://{R}/nosuch", Equal, 2),
        quirk("inspect oci:{D}/layout:nosuch", Equal, 2),
        row("inspect foo:bar", Equal),
        row("inspect nothing", Equal),
        row("inspect docker://UPPER/case:1", Equal),
        row("inspect", Equal),
        row("inspect --bogus x", Equal),
        row("bogus", Equal),
        row("--command-timeout 1x inspect dir:{D}/dir", Equal),
        row("inspect --raw=maybe dir:{D}/dir", Equal),
        // The original prints its help and says that all is well.
        quirk("copy onlyone", Other, 1),
        row(
            "inspect --creds u:p --no-creds --tls-verify=false docker://{R}/one:1",
            Equal,
        ),
        row(
            "inspect --username u --tls-verify=false docker://{R}/one:1",
            Equal,
        ),
        // Nobody listens there.
        row(
            "inspect --tls-verify=false docker://127.0.0.1:1/one:1",
            Equal,
        ),
        // The registry speaks no TLS.
        row("inspect --tls-verify docker://{R}/one:1", Equal),
    ] {
        world.compare(&row);
    }
}

#[test]
fn errors_name_each_thing_once_and_say_what_to_do() {
    let Some(world) = World::new() else { return };
    let said = |args: &[&str]| text(&world.run(OURS, args).stderr);
    assert_eq!(
        said(&["inspect", "docker://{R}/one:1"]),
        world.fill(
            "skopeo-rs: reading docker://{R}/one:1
  caused by: reading manifest
  caused by: GET https://{R}/v2/one/manifests/1: cannot connect
  caused by: the answer is not TLS
  hint: if the way there can be trusted: --tls-verify=false (copy: --src-tls-verify or --dest-tls-verify), \
             or insecure = true in registries.conf
"
        )
    );
    assert_eq!(
        said(&["inspect", "docker://127.0.0.1:1/one:1"]),
        "skopeo-rs: reading docker://127.0.0.1:1/one:1
  caused by: reading manifest
  caused by: GET https://127.0.0.1:1/v2/one/manifests/1: cannot connect
  caused by: Connection refused (os error 111)
"
    );
}

#[test]
fn copy_reports_what_the_original_reports() {
    use Stdout::{Equal, Lines};
    let Some(world) = World::new() else { return };
    for row in [
        row("copy oci:{D}/layout:one dir:{D}/out-dir", Lines),
        row(
            "copy --insecure-policy oci:{D}/layout:one oci:{D}/out-oci:x",
            Lines,
        ),
        row("copy -q oci:{D}/layout:one oci:{D}/out-oci:y", Equal),
        row(
            "copy --dest-tls-verify=false oci:{D}/layout:one docker://{R}/copied:1",
            Lines,
        ),
        row(
            "copy --src-tls-verify=false docker://{R}/one:1 oci:{D}/from-registry:1",
            Lines,
        ),
        row(
            "copy --src-tls-verify=false --dest-tls-verify=false docker://{R}/one:1 docker://{R}/again:1",
            Lines,
        ),
        row(
            "copy --all --src-tls-verify=false docker://{R}/list:1 oci:{D}/out-list:1",
            Lines,
        ),
        row(
            "copy --multi-arch all oci:{D}/layout:list dir:{D}/out-all",
            Lines,
        ),
        row("copy oci:{D}/layout:one oci-archive:{D}/out.tar:1", Lines),
        row(
            "copy --all --multi-arch all oci:{D}/layout:one dir:{D}/never",
            Equal,
        ),
        row(
            "copy --preserve-digests --format v2s2 oci:{D}/layout:one dir:{D}/never",
            Lines,
        ),
        row(
            "copy --preserve-digests oci:{D}/layout:one docker-archive:{D}/never.tar",
            Lines,
        ),
        row(
            "copy --format oci oci:{D}/layout:one docker-archive:{D}/never.tar",
            Lines,
        ),
        row("copy dir:{D}/nosuch dir:{D}/never", Equal),
    ] {
        world.compare(&row);
    }
}

#[test]
fn copies_are_the_images_that_the_original_makes() {
    let Some(world) = World::new() else { return };
    for (name, args) in [
        ("plain", "oci:{D}/layout:one"),
        ("v2s2", "--format v2s2 oci:{D}/layout:one"),
        ("list", "--all oci:{D}/layout:list"),
        ("instance", "--override-arch arm64 oci:{D}/layout:list"),
        ("registry", "--src-tls-verify=false docker://{R}/one:1"),
        ("archive", "oci-archive:{D}/oci.tar"),
        ("docker-archive", "docker-archive:{D}/docker.tar"),
        ("decompress", "--dest-decompress oci:{D}/layout:one"),
    ] {
        let digests: Vec<(String, Vec<String>)> = [(THEIRS, "theirs"), (OURS, "ours")]
            .iter()
            .map(|(program, who)| {
                let out = format!("dir:{{D}}/{name}-{who}");
                let digest = format!("{{D}}/{name}-{who}.digest");
                let mut all = vec!["copy", "--digestfile", &digest];
                all.extend(args.split(' '));
                all.push(&out);
                let output = world.run(program, &all);
                assert!(
                    output.status.success(),
                    "{name} {who}: {}",
                    text(&output.stderr)
                );
                let digest = fs::read_to_string(world.path(&format!("{name}-{who}.digest")));
                (
                    digest.unwrap(),
                    files(&world.path(&format!("{name}-{who}"))),
                )
            })
            .collect();
        assert_eq!(digests[1], digests[0], "{name}");
    }
}

/// The files of a directory: name and digest.
fn files(dir: &Path) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let digest = Digest::sha256(&fs::read(&path).unwrap());
            format!("{} {digest}", path.file_name().unwrap().to_str().unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn archives_go_through_pipes() {
    let Some(world) = World::new() else { return };
    let dir = world.dir.path().to_str().unwrap().to_owned();
    let pipe = format!(
        "'{OURS}' copy oci:{dir}/layout:one oci-archive:- | '{OURS}' copy oci-archive:- dir:{dir}/piped"
    );
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &pipe])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let digest = |name: &str| {
        let raw = world.run(THEIRS, &["inspect", "--raw", name]);
        Digest::sha256(&raw.stdout)
    };
    assert_eq!(digest("dir:{D}/piped"), digest("oci:{D}/layout:one"));
    // What the second program read is the archive alone: the report went elsewhere.
    assert!(text(&output.stdout).starts_with("Getting image source signatures\n"));
}

#[test]
fn archives_do_not_go_to_a_terminal() {
    let Some(world) = World::new() else { return };
    let dir = world.dir.path().display();
    let copy = format!("'{OURS}' copy oci:{dir}/layout:one oci-archive:-");
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &copy, "/dev/null"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert_eq!(
        said.trim_end(),
        "skopeo-rs: an archive is not for a terminal: name a file, or use a pipe"
    );
}

#[test]
fn the_policy_is_asked_and_can_be_set_aside() {
    let Some(world) = World::new() else { return };
    let reject = world.path("reject.json");
    fs::write(&reject, r#"{"default":[{"type":"reject"}]}"#).unwrap();
    let policy = format!("--policy={}", reject.display());
    let image = ["oci:{D}/layout:one", "dir:{D}/refused"];
    for program in [THEIRS, OURS] {
        let refused = world.run(program, &[&policy, "copy", image[0], image[1]]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("rejected by policy"));
        let all = [&policy, "--insecure-policy", "copy", image[0], image[1]];
        assert!(world.run(program, &all).status.success());
    }
    let required = world.run(OURS, &["--require-signed", "copy", image[0], image[1]]);
    assert_eq!(required.status.code(), Some(1));
    assert!(text(&required.stderr).contains("demands no signature"));
}

#[test]
fn a_timeout_ends_the_command() {
    let Some(world) = World::new() else { return };
    // A server that accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("docker://{}/one:1", silent.local_addr().unwrap());
    let args = [
        "--command-timeout=500ms",
        "inspect",
        "--tls-verify=false",
        &image,
    ];
    let output = world.run(OURS, &args);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("not done within 500ms"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn digests_and_signatures_are_the_originals() {
    let Some(world) = World::new() else { return };
    let raw = world.run(THEIRS, &["inspect", "--raw", "oci:{D}/layout:one"]);
    fs::write(world.path("manifest.json"), &raw.stdout).unwrap();
    world.compare(&row("manifest-digest {D}/manifest.json", Stdout::Equal));
    world.compare(&row("manifest-digest {D}/nosuch", Stdout::Equal));
    fs::write(world.path("notes.txt"), "no manifest\n").unwrap();
    world.compare(&row("manifest-digest {D}/notes.txt", Stdout::Equal));

    let key =
        "%no-protection\nKey-Type: RSA\nKey-Length: 2048\nName-Email: signer@example\n%commit\n";
    fs::write(world.path("key"), key).unwrap();
    let made = world.run("gpg", &["--batch", "--gen-key", "{D}/key"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let listed = world.run("gpg", &["--with-colons", "--list-keys"]);
    let fingerprint = text(&listed.stdout)
        .lines()
        .find_map(|line| {
            line.strip_prefix("fpr:")
                .map(|rest| rest.trim_matches(':').to_owned())
        })
        .unwrap();
    let reference = "r.example/one:1";
    for (signer, verifier) in [(THEIRS, OURS), (OURS, THEIRS), (OURS, OURS)] {
        let sign = [
            "standalone-sign",
            "{D}/manifest.json",
            reference,
            &fingerprint,
            "-o",
            "{D}/signature",
        ];
        let signed = world.run(signer, &sign);
        assert!(
            signed.status.success(),
            "{signer}: {}",
            text(&signed.stderr)
        );
        let verify = [
            "standalone-verify",
            "{D}/manifest.json",
            reference,
            &fingerprint,
            "{D}/signature",
        ];
        let verified = world.run(verifier, &verify);
        assert!(
            verified.status.success(),
            "{verifier}: {}",
            text(&verified.stderr)
        );
        let digest = Digest::sha256(&raw.stdout);
        let said = text(&verified.stdout);
        assert!(said.starts_with("Signature verified"), "{said}");
        assert!(said.contains(&digest.to_string()), "{said}");
        let wrong = [
            "standalone-verify",
            "{D}/manifest.json",
            "r.example/two:1",
            &fingerprint,
            "{D}/signature",
        ];
        assert_eq!(world.run(verifier, &wrong).status.code(), Some(1));
    }
    let exported = world.run("gpg", &["--export"]);
    fs::write(world.path("key.gpg"), exported.stdout).unwrap();
    let any = [
        "standalone-verify",
        "{D}/manifest.json",
        reference,
        "any",
        "{D}/signature",
        "--public-key-file",
        "{D}/key.gpg",
    ];
    assert!(world.run(OURS, &any).status.success());
    let without = &any[..5];
    assert_eq!(world.run(OURS, without).status.code(), Some(1));
    let _ = world.run("gpgconf", &["--kill", "all"]);
}
