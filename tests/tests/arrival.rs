//! How images come into the store: each flag of `pull` and `import`, on what skopeo wrote.
#![expect(clippy::expect_used, reason = "a test that can not go on fails")]

use std::fs;
use std::path::Path;

use oci::Digest;
use serde_json::{Value, json};
use tests::layout::{Image, architecture, blob_path};
use tests::programs::{Ran, shell, theirs};
use tests::registry::Registry;
use tests::{Need, need};

const ACCEPT: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// A registry with a list of two platforms, `app:list`, and the same as an archive; both by skopeo.
struct Scene {
    dir: tempfile::TempDir,
    registry: Registry,
    /// The manifest of the other platform.
    other: Digest,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path();
        fs::write(path.join("policy.json"), ACCEPT).expect("a policy");
        let layout = path.join("layout");
        let entries = [architecture(), "riscv64"].map(|arch| instance(&layout, arch));
        let other = entries[1]["digest"].as_str().expect("a digest");
        let other = Digest::parse(other).expect("a digest");
        write_list(&layout, &entries);
        let scene = Self {
            registry: Registry::start(),
            other,
            dir,
        };
        scene
            .shell(
                "skopeo copy --quiet --all --preserve-digests --dest-tls-verify=false oci:layout:list docker://$R/app:list
                 skopeo copy --quiet --all --preserve-digests oci:layout:list oci-archive:app.tar:list",
            )
            .ok();
        scene
    }

    /// Runs lines in which R is the registry; `storetool` works on a store of copies.
    fn shell(&self, lines: &str) -> Ran {
        shell(&format!(
            "cd {dir}; R={host}; export HOME={dir} GNUPGHOME={dir}/gnupg
             export STORETOOL_ROOT={dir}/store CONTAINERS_POLICY_JSON={dir}/policy.json
             {lines}",
            dir = self.dir.path().display(),
            host = self.registry.host,
        ))
    }
}

/// Writes an image of an architecture into a layout; returns the entry of a list for it.
fn instance(layout: &Path, arch: &str) -> Value {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(arch.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "arch", arch.as_bytes())
        .expect("an entry");
    let tar = tar.into_inner().expect("a tar");
    let diff_ids = [Digest::sha256(&tar).to_string()];
    let config = json!({
        "architecture": arch, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let image = Image::new().tar(&tar).config(config);
    image.write(layout);
    let manifest = image.manifest_value().to_string();
    json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": Digest::sha256(manifest.as_bytes()).to_string(),
        "size": manifest.len(),
        "platform": {"os": "linux", "architecture": arch},
    })
}

fn write_list(layout: &Path, entries: &[Value]) {
    let media_type = "application/vnd.oci.image.index.v1+json";
    let list = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    let list = list.to_string();
    let digest = Digest::sha256(list.as_bytes());
    fs::write(blob_path(layout, &digest), &list).expect("a blob");
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": media_type, "digest": digest.to_string(), "size": list.len(),
        "annotations": {"org.opencontainers.image.ref.name": "list"},
    }]});
    fs::write(layout.join("index.json"), index.to_string()).expect("an index");
}

#[test]
fn a_platform_is_chosen_from_a_list_on_its_way_in() {
    let scene = Scene::new();
    for from in [
        "pull --tls-verify=false --platform linux/riscv64 docker://$R/app:list",
        "import --platform linux/riscv64 app.tar",
    ] {
        let said = scene
            .shell(&format!(
                "rm -rf store; storetool --driver vfs {from} --quiet --name app:1
                 storetool cat app:1 arch; echo; storetool inspect --config app:1 | jq -r .architecture"
            ))
            .ok();
        let want = format!("{}\nriscv64\nriscv64", scene.other);
        assert_eq!(said, want, "{from}");
    }
    let said = scene
        .shell("rm -rf store; storetool --driver vfs import --quiet --name app:1 app.tar >&2; storetool cat app:1 arch")
        .ok();
    assert_eq!(said, architecture());
}

#[test]
fn import_takes_what_pull_takes() {
    let scene = Scene::new();
    let import = "storetool --driver vfs import";
    scene
        .shell(&format!("{import} --quiet docker://$R/app:list"))
        .fails_with("app:list");
    scene
        .shell("mkdir certs; mv layout/blobs shared; echo '{\"auths\":{}}' > auth.json")
        .ok();
    for flags in [
        "--no-creds --cert-dir certs",
        "--authfile auth.json",
        "--creds user:ignored",
    ] {
        let said = scene
            .shell(&format!(
                "{import} --tls-verify=false --json {flags} docker://$R/app:list | jq -r '.image.names[0]'"
            ))
            .ok();
        assert_eq!(said, format!("{}/app:list", scene.registry.host), "{flags}");
    }
    scene
        .shell(&format!("{import} --name shared:1 oci:layout:list"))
        .fails_with("layout");
    let said = scene
        .shell(&format!(
            "{import} --quiet --keep-blobs --shared-blob-dir shared --name shared:1 oci:layout:list >&2
             storetool export --quiet --output back.tar shared:1
             storetool --driver vfs import --quiet --name back:1 --policy policy.json back.tar"
        ))
        .ok();
    let listed = scene.shell("storetool images --quiet").ok();
    assert!(listed.lines().any(|digest| digest == said), "{listed}");
}

#[test]
fn signatures_are_looked_for_where_asked() {
    let scene = Scene::new();
    theirs("gpg", ["--version"]).ok();
    scene
        .shell(
            r#"mkdir -m 700 gnupg; mkdir there elsewhere
               gpg --batch --quiet --passphrase '' --quick-generate-key signer@example ed25519 sign never
               gpg --export > key.gpg
               echo "default-docker: {lookaside: 'file://$PWD/signatures'}" > there/default.yaml
               echo "default-docker: {lookaside: 'file://$PWD/nothing'}" > elsewhere/default.yaml
               skopeo --registries.d there copy --quiet --src-tls-verify=false --dest-tls-verify=false \
                   --sign-by signer@example docker://$R/app:list docker://$R/app:signed
               gpgconf --kill all
               cat > signed.json <<END
{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"$PWD/key.gpg"}]}
END"#,
        )
        .ok();
    for verb in ["pull", "import"] {
        let from = format!(
            "rm -rf store; storetool --driver vfs {verb} --quiet --tls-verify=false --policy signed.json"
        );
        let said = scene
            .shell(&format!(
                "{from} --registries.d there docker://$R/app:signed >&2
                 storetool images --json | jq -r '.[].names[]'"
            ))
            .ok();
        assert_eq!(said, format!("{}/app:signed", scene.registry.host));
        scene
            .shell(&format!(
                "{from} --registries.d elsewhere docker://$R/app:signed"
            ))
            .fails_with("rejected");
    }
}

#[test]
fn privileged_a_store_of_copies_is_mounted() {
    if !need(&[Need::Root]) {
        return;
    }
    let scene = Scene::new();
    let said = scene
        .shell(
            "storetool --driver vfs pull --quiet --name app:1 --tls-verify=false docker://$R/app:list >&2
             storetool info --json | jq -r .driver
             root=$(storetool --driver vfs mount app:1); cat $root/arch; echo
             storetool umount app:1 >&2; storetool mounted",
        )
        .ok();
    assert_eq!(said, format!("vfs\n{}", architecture()));
    scene
        .shell("storetool --driver composefs info")
        .fails_with("vfs");
}
