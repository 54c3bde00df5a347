//! Writes the first inputs of the fuzz targets: `seeds DIRECTORY` makes `DIRECTORY/TARGET/N`.
//!
//! They are made here and not kept as files, so that each says what it is.

use std::io::{self, Write};
use std::path::Path;
use std::{env, fs};

use archive::compress::Encoder;
use archive::testing::{RawHeader, TarBuilder};
use jiff::Timestamp;
use oci::Digest;
use oci::media_type::Compression;
use signing::Signer;
use signing::testing::TestKey;

fn tars() -> Vec<Vec<u8>> {
    let tar = TarBuilder::new;
    let map = &[(0, 512), (4096, 100)][..];
    let data = &[7; 612][..];
    vec![
        tar().end(),
        tar()
            .dir("d/")
            .file("d/f", b"content")
            .symlink("l", "d/f")
            .hardlink("h", "d/f")
            .end(),
        tar().file(".wh.x", b"").file("d/.wh..wh..opq", b"").cut(),
        tar()
            .entry(&RawHeader::device(b'3', "null", 1, 3), b"")
            .entry(&RawHeader::fifo("p"), b"")
            .end(),
        tar()
            .long_name("n/".repeat(90))
            .long_link("t".repeat(200))
            .symlink("x", "y")
            .end(),
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
        tar()
            .gnu_sparse("s", &[(0, 1), (2, 1), (4, 1), (6, 1), (8, 1)], 99, b"abcde")
            .end(),
        tar().pax_sparse_0_0("s", map, 8192, data).end(),
        tar().pax_sparse_0_1("s", map, 8192, data).end(),
        tar().pax_sparse_1_0("s", map, 8192, data).end(),
        tar()
            .file("manifest.json", b"[]")
            .symlink("a/layer.tar", "../b/layer.tar")
            .end(),
    ]
}

fn streams(compression: Compression) -> io::Result<Vec<Vec<u8>>> {
    let mut streams = Vec::new();
    for content in [
        &b""[..],
        b"content",
        &[0; 5000],
        &b"text and text and ".repeat(100),
    ] {
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

/// A key file, and a message that the key signed.
fn signed() -> io::Result<(Vec<u8>, Vec<u8>)> {
    let key = TestKey::generate("a <a@example>", Timestamp::UNIX_EPOCH, None);
    let key = key.map_err(io::Error::other)?;
    let signer = key
        .signing_key(Timestamp::UNIX_EPOCH)
        .map_err(io::Error::other)?;
    let message = signer.sign_message(b"content", Timestamp::UNIX_EPOCH);
    Ok((
        key.public().map_err(io::Error::other)?,
        message.map_err(io::Error::other)?,
    ))
}

/// The pieces of a split stream: runs of bytes, a negative length before them, and numbers of
/// objects.
fn pieces() -> Vec<Vec<u8>> {
    let run = |bytes: &[u8]| [&(-(bytes.len() as i64)).to_le_bytes(), bytes].concat();
    let object = |place: i64| place.to_le_bytes().to_vec();
    vec![
        run(b"header"),
        [run(&[0; 512]), object(0), run(&[0; 1024])].concat(),
        [object(0), object(1)].concat(),
        i64::MIN.to_le_bytes().to_vec(),
    ]
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
    let layout_entry = format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":2,"annotations":{{"org.opencontainers.image.ref.name":"tag"}}}}"#,
        Digest::sha256(b"{}")
    );
    let archive = format!(
        "[{{\"Config\":\"config\",\"RepoTags\":[\"a:latest\"],\"Layers\":[\"layer\"]}}]\0{{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"{}\"]}}}}",
        Digest::sha256(&[0; 1024])
    );
    let (key, message) = signed()?;
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
        (
            "challenge",
            texts(&[
                r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a:pull""#,
                "Negotiate YWJj==, Basic realm=\"x, \\\"y\"\nBearer realm=z",
            ]),
        ),
        ("link", texts(&[r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, r#"<x>; flag; rel="prev", <y>;rel=next"#])),
        ("redirect", texts(&["/b", "https://u:p@r.example/x", "//h:80/x", "http://h/"])),
        ("content_range", texts(&["bytes 5-9/10", "bytes 0-0/*", "0-1023", "bytes=0-0"])),
        (
            "layout_index",
            texts(&[
                &format!(r#"{{"schemaVersion":2,"manifests":[{layout_entry}]}}"#),
                &format!(r#"{{"schemaVersion":2,"manifests":[{layout_entry},{layout_entry}],"annotations":{{}}}}"#),
            ]),
        ),
        ("docker_archive", texts(&[&archive, &archive.replace("\"layer\"", "\"link/layer.tar\"")])),
        ("split_stream", pieces()),
        (
            "merge",
            texts(&[
                "dd\nfd/f content\nFd/g\nhd/h d/f\nsl d/f\ncn\npp\n\nfd/.wh.f \nfd/.wh..wh..opq \nfl now a file",
                "xa v\nfa/b/c x\n\nsa elsewhere\n\nda\nfa/d y",
                "d.\nsdir target\ndtarget\nfdir/f x\nh../x dir/f",
            ]),
        ),
        (
            "user",
            texts(&[
                "web\0root:x:0:0:root:/root:/bin/sh\nweb:x:100:101:w:/home/web:/bin/sh\n\0root:x:0:\nweb:x:101:\nextra:x:200:a,web\n",
                "7:8\0user:x:4294967295:1::/:\0group:x:1:user",
            ]),
        ),
        (
            "config_json",
            texts(&[
                r#"{"ociVersion":"1.3.0","root":{"path":"rootfs","readonly":true},"process":{"args":["sh"],"cwd":"/","env":["A=b"],"user":{"uid":1,"gid":2,"additionalGids":[3]},"capabilities":{"bounding":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":2,"soft":1}]},"mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]}],"linux":{"namespaces":[{"type":"pid"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1,"size":2}],"resources":{"memory":{"limit":1},"cpu":{"shares":2}},"maskedPaths":["/x"],"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO"}]}},"hooks":{"poststop":[{"path":"/bin/true"}]}}"#,
                r#"{"ociVersion":"1.0.0"}"#,
            ]),
        ),
        ("generate", texts(&[&config, &config.replace("1:2", "web")])),
        (
            "seccomp",
            texts(&[
                r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":2,"op":"SCMP_CMP_MASKED_EQ"}],"includes":{"caps":["CAP_KILL"],"minKernel":"4.8"},"excludes":{"arches":["s390"]}}]}"#,
            ]),
        ),
        ("keyring", vec![key]),
        ("openpgp_message", vec![message, vec![0, 40, 7]]),
        (
            "template",
            texts(&[
                "table {{.Name}} {{.Size}}",
                "{{range $i, $l := .Layers}}{{$i}}\\t{{truncate $l 3 | upper}}\\n{{else}}none{{end}}",
                "{{with .Nested.Deep}}{{index .List 2}}{{end}}{{if and .Ok (gt .Size 3)}}{{json .}}{{end}}",
                "{{define \"x\"}}{{template \"x\" .}}{{end}}{{template \"x\" .}}",
                "{{printf \"%99999999d\" 1}}{{printf \"%.*f\" 9999999 .5}}",
                "{{define \"x\"}}{{pad . 1 2}}{{end}}{{template \"x\" .Name}}{{printf \"%05d|%q\" .Size .Name}}",
            ]),
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
