//! Compressed layers: cut, spoilt, chained, bombs.

use std::io::Write;

use tests::layout::{Image, Layer};
use tests::programs::theirs;
use tests::tarball::Tarball;

use crate::{Case, refused, tree};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Compresses with one of the system's programs.
fn tool(program: &str, bytes: &[u8], more: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    std::fs::write(&input, bytes).expect("a file");
    let line = format!(
        "{program} {} -c < {} > {}",
        more.join(" "),
        input.display(),
        output.display()
    );
    theirs("sh", ["-euc", &line]).ok();
    std::fs::read(output).expect("the output")
}

pub(crate) fn cases() -> Vec<Case> {
    let tar = Tarball::new().file("f", "x").done();
    let blob =
        |blob: &[u8], media_type: &str| Image::new().layer(Layer::blob(blob, &tar, media_type));
    let f: &[&str] = &["f file 0644 0:0 \"x\""];
    let packed = gzip(&tar);
    let zstd = tool("zstd", &tar, &[]);
    let changed = |at: usize| {
        let mut bytes = packed.clone();
        bytes[at] ^= 0x55;
        bytes
    };
    let end = packed.len();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"skip"].concat();
    vec![
        tree("gzip-good", blob(&packed, GZIP), f),
        tree(
            "gzip-two-members",
            blob(&[gzip(&tar[..700]), gzip(&tar[700..])].concat(), GZIP),
            f,
        ),
        tree(
            "gzip-empty-member-between",
            blob(
                &[gzip(&tar[..512]), gzip(b""), gzip(&tar[512..])].concat(),
                GZIP,
            ),
            f,
        ),
        tree("gzip-said-but-plain", blob(&tar, GZIP), f),
        tree("plain-said-but-gzip", blob(&packed, PLAIN), f),
        tree("zstd-good", blob(&zstd, ZSTD), f),
        tree(
            "zstd-two-frames",
            blob(
                &[
                    tool("zstd", &tar[..700], &[]),
                    tool("zstd", &tar[700..], &[]),
                ]
                .concat(),
                ZSTD,
            ),
            f,
        ),
        tree(
            "zstd-skippable-frames",
            blob(&[&skippable[..], &zstd, &skippable].concat(), ZSTD),
            f,
        ),
        tree("bzip2-by-magic", blob(&tool("bzip2", &tar, &[]), PLAIN), f),
        tree("xz-by-magic", blob(&tool("xz", &tar, &[]), PLAIN), f),
        refused(
            "gzip-truncated",
            blob(&packed[..end - 20], GZIP),
            "cut short",
        ),
        refused(
            "gzip-without-trailer",
            blob(&packed[..end - 8], GZIP),
            "cut short",
        ),
        refused("gzip-wrong-crc", blob(&changed(end - 6), GZIP), "gzip"),
        refused("gzip-wrong-length", blob(&changed(end - 2), GZIP), "gzip"),
        refused("gzip-spoilt", blob(&changed(20), GZIP), "gzip"),
        refused(
            "gzip-trailing-garbage",
            blob(&[&packed[..], b"garbage"].concat(), GZIP),
            "gzip",
        ),
        refused("gzip-header-only", blob(&packed[..10], GZIP), "cut short"),
        refused(
            "zstd-truncated",
            blob(&zstd[..zstd.len() - 5], ZSTD),
            "cut short",
        ),
        refused(
            "zstd-trailing-garbage",
            blob(&[&zstd[..], b"garbage"].concat(), ZSTD),
            "zstd",
        ),
        refused(
            "zstd-window-2-gib",
            blob(
                &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00],
                ZSTD,
            ),
            "8388608 is the limit",
        ),
        refused(
            "zstd-wants-a-dictionary",
            blob(
                &[0x28, 0xb5, 0x2f, 0xfd, 0x21, 0x07, 0x00, 0x01, 0x00, 0x00],
                ZSTD,
            ),
            "dictionary",
        ),
        refused(
            "bzip2-truncated",
            blob(&tool("bzip2", &tar, &[])[..30], PLAIN),
            "cut short",
        ),
        refused(
            "xz-truncated",
            blob(&tool("xz", &tar, &[])[..60], PLAIN),
            "cut short",
        ),
    ]
}
