//! Writes the first inputs of the fuzz targets: `seeds DIRECTORY` makes `DIRECTORY/TARGET/N`.
//!
//! They are made here and not kept as files, so that each says what it is.

use std::io::{self, Write};
use std::path::Path;
use std::{env, fs};

use archive::compress::Encoder;
use archive::testing::{RawHeader, TarBuilder};
use oci::media_type::Compression;

fn tars() -> Vec<Vec<u8>> {
    let tar = TarBuilder::new;
    let map = &[(0, 512), (4096, 100)][..];
    let data = &[7; 612][..];
    vec![
        tar().end(),
        tar().dir("d/").file("d/f", b"content").symlink("l", "d/f").hardlink("h", "d/f").end(),
        tar().file(".wh.x", b"").file("d/.wh..wh..opq", b"").cut(),
        tar().entry(&RawHeader::device(b'3', "null", 1, 3), b"").entry(&RawHeader::fifo("p"), b"").end(),
        tar().long_name("n/".repeat(90)).long_link("t".repeat(200)).symlink("x", "y").end(),
        tar()
            .global(&[("comment", b"x")])
            .pax(&[
                ("path", b"p"),
                ("size", b"3"),
                ("uid", b"7"),
                ("mtime", b"-1.5"),
                ("SCHILY.xattr.user.a", b"v"),
                ("LIBARCHIVE.xattr.user.b", b"dg"),
            ])
            .entry(&RawHeader::file("x", 3).v7(), b"abc")
            .end(),
        tar().gnu_sparse("s", map, 8192, data).end(),
        tar().gnu_sparse("s", &[(0, 1), (2, 1), (4, 1), (6, 1), (8, 1)], 99, b"abcde").end(),
        tar().pax_sparse_0_0("s", map, 8192, data).end(),
        tar().pax_sparse_0_1("s", map, 8192, data).end(),
        tar().pax_sparse_1_0("s", map, 8192, data).end(),
        tar().file("manifest.json", b"[]").symlink("a/layer.tar", "../b/layer.tar").end(),
    ]
}

fn streams(compression: Compression) -> io::Result<Vec<Vec<u8>>> {
    let mut streams = Vec::new();
    for content in [&b""[..], b"content", &[0; 5000], &b"text and text and ".repeat(100)] {
        let mut encoder = Encoder::new(Vec::new(), compression, None, 1)?;
        encoder.write_all(content)?;
        streams.push(encoder.finish()?);
    }
    let joined = streams.concat();
    streams.push(joined);
    Ok(streams)
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn manifests() -> Vec<Vec<u8>> {
    let descriptor = |media_type: &str| {
        format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":0}}"#)
    };
    let image = |own: &str, config: &str, layer: &str| {
        let (config, layer) = (descriptor(config), descriptor(layer));
        format!(r#"{{"schemaVersion":2,"mediaType":"{own}","config":{config},"layers":[{layer}]}}"#)
    };
    let index = |own: &str, entry: &str| {
        let entry = descriptor(entry);
        let entry = entry.trim_end_matches('}');
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{own}","manifests":[{entry},"platform":{{"architecture":"amd64","os":"linux"}}}}]}}"#
        )
    };
    vec![
        image(
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        image(
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        index(
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.manifest.v1+json",
        ),
        index(
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ),
        format!(
            r#"{{"schemaVersion":1,"name":"a/b","tag":"t","architecture":"amd64","fsLayers":[{{"blobSum":"{DIGEST}"}}],"history":[{{"v1Compatibility":"{{\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\"}}"}}]}}"#
        ),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?;
    let directory = Path::new(&directory);
    let config = format!(
        r#"{{"created":"2024-01-02T03:04:05Z","architecture":"amd64","os":"linux","config":{{"User":"1:2","Env":["A=b"],"Cmd":["sh"],"ExposedPorts":{{"80/tcp":{{}}}},"Labels":{{"a":"b"}}}},"rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}},"history":[{{"created_by":"x"}}]}}"#
    );
    let payload = format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"r.example/a:t"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"atomic container signature"}},"optional":{{"creator":"x","timestamp":1}}}}"#
    );
    let with_digest = format!("r.example:5000/a/b:t@{DIGEST}");
    let all = [
        ("layer_tar", tars()),
        ("tarfile", tars()),
        ("gzip", streams(Compression::Gzip)?),
        ("zstd", streams(Compression::Zstd)?),
        ("detect", [streams(Compression::Gzip)?, streams(Compression::Zstd)?, texts(&["BZh91AY&SY", "\u{fffd}7zXZ\0"])].concat()),
        ("manifest", manifests()),
        (
            "schema1",
            [
                manifests(),
                texts(&[
                    r#""docker_version":"1.8.2","created":"2015-01-02T03:04:05Z","config":{"Cmd":["sh"],"Volumes":null},"container_config":{"Cmd":["x"]},"throwaway":false"#,
                    r#""throwaway":true,"author":"a","comment":"c""#,
                ]),
            ]
            .concat(),
        ),
        ("index", manifests()),
        ("image_config", texts(&[&config, "{}"])),
        ("reference", texts(&["busybox", "a/b:t", "localhost/x", &with_digest, DIGEST])),
        ("json", texts(&[r#"{"a":[1,-2,true,null,"\u00e9\ud83d\ude00"],"b":{}}"#, "[[[[]]]]", "1e5"])),
        (
            "policy",
            texts(&[
                r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
                r#"{"default":[{"type":"reject"}],"transports":{"docker":{"r.example/a":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","signedIdentity":{"type":"matchRepository"}}]}}}"#,
            ]),
        ),
        ("simple_signing_payload", texts(&[&payload])),
        ("stored_signature", texts(&["\0sigstore-json\n{\"mimeType\":\"m\",\"payload\":\"\",\"annotations\":{}}", "\0other\nx"])),
        (
            "registries_conf",
            texts(&[
                "unqualified-search-registries = [\"r.example\"]\n[[registry]]\nprefix = \"r.example/a\"\nlocation = \"m.example/b\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"x.example\"\n",
                "[aliases]\n\"x\" = \"r.example/x\"\n",
            ]),
        ),
        (
            "auth_json",
            texts(&[
                r#"{"auths":{"r.example":{"auth":"dTpw"},"docker.io":{"identitytoken":"t"}}}"#,
                r#"{"auths":{"r.example/a/b":{"auth":"dTpw"}},"credHelpers":{"x":"y"}}"#,
            ]),
        ),
        (
            "registries_d",
            texts(&["default-docker:\n  lookaside: http://l.example\ndocker:\n  r.example/a:\n    lookaside: file:///x\n    use-sigstore-attachments: true\n"]),
        ),
    ];
    for (target, inputs) in all {
        let directory = directory.join(target);
        fs::create_dir_all(&directory)?;
        for (n, input) in inputs.iter().enumerate() {
            fs::write(directory.join(format!("seed-{n}")), input)?;
        }
    }
    Ok(())
}
