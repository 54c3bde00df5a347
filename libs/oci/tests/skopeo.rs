//! Holds what this crate writes against what Debian's skopeo writes, byte for byte.
//!
//! Images are made by hand as `dir:` and changed by skopeo; each test fails, rather than passes,
//! where skopeo is not installed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{skopeo, with_variant_where_it_was};
use oci::{Digest, ImageConfig, Manifest, MediaType, RawManifest};
use serde_json::{Value, json};

/// An empty tar: two zero blocks.
const LAYER: [u8; 1024] = [0; 1024];

/// A docker configuration with members that OCI has not, texts that Go escapes, and a time that it
/// spells otherwise.
fn docker_config() -> Vec<u8> {
    json!({
        "architecture": "amd64", "os": "linux", "os.version": "1", "variant": "v8",
        "os.features": ["f"], "author": "A <a@b> & c\u{2028}", "container": "c",
        "container_config": {"Cmd": null}, "docker_version": "20.10",
        "created": "2020-01-01T00:00:00.120000000+00:00",
        "config": {
            "Hostname": "h", "User": "u:g", "ExposedPorts": {"80/tcp": {}},
            "Env": ["PATH=/bin", "X=<&>"], "Cmd": ["sh"], "Entrypoint": null,
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1000}, "Image": "",
            "Volumes": {"/v": {}}, "WorkingDir": "/w", "OnBuild": null,
            "Labels": {"B": "2", "b": "3", "a": "1"}, "StopSignal": "SIGTERM",
            "Shell": ["/bin/sh"], "ArgsEscaped": true, "StopTimeout": 3
        },
        "history": [
            {"created": "2020-01-01T00:00:00+02:00", "created_by": "x > y", "empty_layer": true},
            {"created": "2020-01-01T00:00:00.5Z", "created_by": "z", "comment": "c", "author": "q"}
        ],
        "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&LAYER).to_string()]}
    })
    .to_string()
    .into_bytes()
}

/// Writes a docker schema 2 image as `dir:` and returns its manifest.
fn docker_image(directory: &Path, config: &[u8]) -> Vec<u8> {
    fs::create_dir_all(directory).unwrap();
    for blob in [config, &LAYER] {
        fs::write(directory.join(Digest::sha256(blob).hex()), blob).unwrap();
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DockerManifest.as_str(),
        "config": {
            "mediaType": MediaType::DockerConfig.as_str(),
            "size": config.len(),
            "digest": Digest::sha256(config).to_string(),
        },
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
            "size": LAYER.len(),
            "digest": Digest::sha256(&LAYER).to_string(),
        }],
    });
    let manifest = manifest.to_string().into_bytes();
    fs::write(directory.join("manifest.json"), &manifest).unwrap();
    fs::write(
        directory.join("version"),
        "Directory Transport Version: 1.1\n",
    )
    .unwrap();
    manifest
}

fn dir(path: &Path) -> String {
    format!("dir:{}", path.display())
}

#[test]
fn configurations_are_printed_as_by_inspect_config() {
    let temporary = tempfile::tempdir().unwrap();
    let minimal =
        json!({"rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&LAYER).to_string()]}});
    for (name, config) in [
        ("full", docker_config()),
        ("minimal", minimal.to_string().into_bytes()),
    ] {
        let path = temporary.path().join(name);
        docker_image(&path, &config);
        let printed = skopeo(&["inspect", "--config", &dir(&path)]);
        let ours = ImageConfig::parse(&config).unwrap().to_oci_json();
        let printed = with_variant_where_it_was(printed);
        assert_eq!(
            String::from_utf8(ours).unwrap(),
            printed.trim_end_matches('\n'),
            "{name}"
        );

        let oci = format!(
            "oci:{}:x",
            temporary.path().join(format!("{name}-oci")).display()
        );
        skopeo(&["copy", "-q", &dir(&path), &oci]);
        let printed = skopeo(&["inspect", "--config", &oci]);
        let raw = skopeo(&["inspect", "--config", "--raw", &oci]);
        let ours = ImageConfig::parse(&raw).unwrap().to_oci_json();
        let printed = with_variant_where_it_was(printed);
        assert_eq!(
            String::from_utf8(ours).unwrap(),
            printed.trim_end_matches('\n'),
            "{name}"
        );
        // That copy turned docker's configuration into OCI's, compactly.
        let ours = ImageConfig::parse(&config).unwrap().to_oci_bytes();
        let raw = with_variant_where_it_was(raw);
        assert_eq!(String::from_utf8(ours).unwrap(), raw, "{name}");
    }
}

/// Reads a manifest that skopeo wrote and writes it again.
fn rewritten(bytes: &[u8]) -> Vec<u8> {
    match RawManifest::parse(bytes.to_vec(), None).unwrap().manifest() {
        Manifest::Image(image) => image.to_bytes(),
        Manifest::Index(index) => index.to_bytes(),
        Manifest::Schema1(_) => panic!("schema 1 is not written"),
    }
}

#[test]
fn edited_manifests_are_written_as_by_copy() {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    docker_image(&path("docker"), &docker_config());
    for format in ["oci", "v2s2"] {
        let to = path(format);
        // An image that is copied to OCI and back is edited on both ways.
        skopeo(&[
            "copy",
            "-q",
            "--format",
            "oci",
            &dir(&path("docker")),
            &dir(&path("between")),
        ]);
        skopeo(&[
            "copy",
            "-q",
            "--format",
            format,
            &dir(&path("between")),
            &dir(&to),
        ]);
        let written = fs::read(to.join("manifest.json")).unwrap();
        assert_eq!(
            String::from_utf8(rewritten(&written)),
            String::from_utf8(written)
        );
    }
}

#[test]
fn edited_indexes_are_written_as_by_copy() {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    let manifest = docker_image(&path("list"), &docker_config());
    let digest = Digest::sha256(&manifest);
    fs::write(
        path("list").join(format!("{}.manifest.json", digest.hex())),
        &manifest,
    )
    .unwrap();
    let list = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DockerList.as_str(),
        "manifests": [{
            "mediaType": MediaType::DockerManifest.as_str(),
            "size": manifest.len(),
            "digest": digest.to_string(),
            "platform": {
                "architecture": "arm", "os": "linux", "variant": "v7", "os.version": "10",
                "os.features": ["f"]
            },
        }],
    });
    fs::write(path("list/manifest.json"), list.to_string()).unwrap();
    for (format, from, to) in [("oci", "list", "index"), ("v2s2", "index", "list-again")] {
        let (from, to) = (path(from), path(to));
        skopeo(&[
            "copy",
            "-q",
            "--all",
            "--format",
            format,
            &dir(&from),
            &dir(&to),
        ]);
        let written = fs::read(to.join("manifest.json")).unwrap();
        assert_eq!(
            String::from_utf8(rewritten(&written)),
            String::from_utf8(written),
            "{format}"
        );
    }
}

const ID: &str = "50ab4b5578da88f42b8411dc700f5287b2e783ba957da92b5fab5a337d66fe62";
const BASE: &str = "3690474eb5b4b26fdfbd89c6e159e8cc376ca76ef48032a30fa6aafd56337880";

fn schema1_payload() -> String {
    let top = json!({"id": ID, "parent": BASE, "architecture": "amd64", "config": {"User": "u"}});
    let base = json!({"id": BASE, "throwaway": true});
    let layer = json!({"blobSum": Digest::sha256(&LAYER).to_string()});
    let document = json!({
        "schemaVersion": 1, "name": "a/b", "tag": "t", "architecture": "amd64",
        "fsLayers": [layer, layer],
        "history": [{"v1Compatibility": top.to_string()}, {"v1Compatibility": base.to_string()}],
    });
    serde_json::to_string_pretty(&document).unwrap()
}

/// Puts signatures into a document as libtrust does: in front of the last brace.
fn signed(payload: &str, protected: &[Value]) -> String {
    // libtrust wants a point on the curve, though it verifies nothing with it.
    let jwk = json!({
        "crv": "P-256", "kty": "EC",
        "kid": "XICU:RNAB:LLJJ:RYD4:G74J:FXKC:JNQP:6RNE:NB6V:AUED:PTE3:W4VD",
        "x": "y47n48YQSh-1BBrDd60LcmS1XDMpL7MF3AOvkKaDhf4",
        "y": "38IMiWeB03mtnJhpefHNnohLAtzlNIJ9hE35-UJ9Y0A",
    });
    let kept = payload.trim_end_matches(['}', '\n']);
    let signatures: Vec<Value> = protected
        .iter()
        .map(|protected| {
            json!({
                "header": {"alg": "ES256", "jwk": jwk},
                "signature": "AAAA",
                "protected": URL_SAFE_NO_PAD.encode(protected.to_string()),
            })
        })
        .collect();
    format!("{kept},\n\"signatures\": {}\n}}", Value::Array(signatures))
}

fn protected(payload: &str) -> Value {
    let kept = payload.trim_end_matches(['}', '\n']).len();
    json!({
        "formatLength": kept,
        "formatTail": URL_SAFE_NO_PAD.encode(&payload[kept..]),
        "time": "2020-01-01T00:00:00Z",
    })
}

#[test]
fn schema_1_has_the_digest_that_manifest_digest_prints() {
    let temporary = tempfile::tempdir().unwrap();
    let payload = schema1_payload();
    let one = signed(&payload, &[protected(&payload)]);
    let two = signed(&payload, &[protected(&payload), protected(&payload)]);
    for (name, text) in [("unsigned", &payload), ("one", &one), ("two", &two)] {
        let path = temporary.path().join(name);
        fs::write(&path, text).unwrap();
        let printed = skopeo(&["manifest-digest", path.to_str().unwrap()]);
        let raw = RawManifest::parse(text.clone().into_bytes(), None).unwrap();
        assert_eq!(
            format!("{}\n", raw.digest()).into_bytes(),
            printed,
            "{name}"
        );
        assert_eq!(raw.digest(), &Digest::sha256(payload.as_bytes()), "{name}");
        let expected = RawManifest::parse_expecting(text.clone().into_bytes(), None, raw.digest());
        assert_eq!(expected.unwrap().bytes(), text.as_bytes(), "{name}");
        let Manifest::Schema1(schema1) = raw.manifest() else {
            panic!("{raw:?}");
        };
        assert_eq!((schema1.name.as_str(), schema1.tag.as_str()), ("a/b", "t"));
        let layers: Vec<_> = schema1
            .layers()
            .map(|(_, v1)| (v1.id.as_str(), v1.throwaway))
            .collect();
        assert_eq!(layers, [(BASE, true), (ID, false)]);
        assert_eq!(schema1.to_open_config().unwrap().config.user, "u");
    }
}

#[test]
fn schema_1_as_skopeo_writes_it_is_read() {
    let temporary = tempfile::tempdir().unwrap();
    let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
    docker_image(&from, &docker_config());
    skopeo(&["copy", "-q", "--format", "v2s1", &dir(&from), &dir(&to)]);
    let path = to.join("manifest.json");
    let printed = skopeo(&["manifest-digest", path.to_str().unwrap()]);
    let raw = RawManifest::parse(
        fs::read(&path).unwrap(),
        Some(&MediaType::DockerSchema1Signed),
    )
    .unwrap();
    assert_eq!(format!("{}\n", raw.digest()).into_bytes(), printed);
    assert_eq!(raw.media_type(), &MediaType::DockerSchema1Signed);
}

#[test]
fn schema_1_that_says_two_things_is_refused() {
    let payload = schema1_payload();
    let good = protected(&payload);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut header = good.clone();
        change(&mut header);
        header
    };
    let tail = URL_SAFE_NO_PAD.encode(",\"tag\":\"other\"}");
    let table = [
        ("no signatures", signed(&payload, &[])),
        (
            "beyond the document",
            signed(&payload, &[with(&|h| h["formatLength"] = json!(1 << 30))]),
        ),
        (
            "negative",
            signed(&payload, &[with(&|h| h["formatLength"] = json!(-1))]),
        ),
        (
            "no length",
            signed(&payload, &[with(&|h| h["formatLength"] = Value::Null)]),
        ),
        (
            "tail is no base64",
            signed(&payload, &[with(&|h| h["formatTail"] = json!("*"))]),
        ),
        (
            "tail closes nothing",
            signed(&payload, &[with(&|h| h["formatTail"] = json!(""))]),
        ),
        (
            "tail adds a member twice",
            signed(&payload, &[with(&|h| h["formatTail"] = json!(tail))]),
        ),
        (
            "two parts",
            signed(
                &payload,
                &[good.clone(), with(&|h| h["formatTail"] = json!("fX0"))],
            ),
        ),
        (
            "more outside than inside",
            signed(&payload, std::slice::from_ref(&good)).replacen(
                "\"signatures\"",
                "\"x\": 1, \"signatures\"",
                1,
            ),
        ),
        (
            "other chain",
            payload.replace(
                &format!("\\\"parent\\\":\\\"{BASE}"),
                &format!("\\\"parent\\\":\\\"{ID}"),
            ),
        ),
        ("no chain", payload.replace(BASE, "3690")),
        (
            "null signatures",
            payload.replacen('{', "{\"signatures\": null,", 1),
        ),
        ("one layer", payload.replacen("\"blobSum\"", "\"other\"", 1)),
    ];
    let mut circle: Value = serde_json::from_str(&payload).unwrap();
    let entry = |id: &str, parent: Option<&str>| json!({"v1Compatibility": json!({"id": id, "parent": parent}).to_string()});
    let chain = [
        entry(ID, Some(BASE)),
        entry(BASE, Some(ID)),
        entry(ID, None),
    ];
    circle["history"] = json!(chain);
    circle["fsLayers"] = json!(vec![circle["fsLayers"][0].clone(); 3]);
    assert!(
        RawManifest::parse(circle.to_string().into_bytes(), None).is_err(),
        "circle"
    );
    circle["history"] = json!([chain[0], entry(BASE, None), entry(BASE, None)]);
    let raw = RawManifest::parse(circle.to_string().into_bytes(), None).unwrap();
    let Manifest::Schema1(schema1) = raw.manifest() else {
        panic!("{raw:?}");
    };
    assert_eq!(
        schema1.fs_layers.len(),
        2,
        "a layer that is listed twice in a row is there once"
    );
    for (name, text) in table {
        assert_ne!(text, payload, "{name}");
        assert!(
            RawManifest::parse(text.into_bytes(), None).is_err(),
            "{name}"
        );
    }
}
