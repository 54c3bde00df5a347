//! Invariant: whatever `manifest.json` and the configuration in an archive of docker hold, an
//! image is found or not without a panic; a manifest that is made for one is read as one, with a
//! layer for each diff id, and a layer that is read to its end is what its digest says.
#![no_main]

use std::fs::File;
use std::io::Read;

use archive::tarfile::TarWriter;
use config::lookaside::Lookaside;
use config::registries::Registries;
use fuzz::{environment, in_directory};
use image::{Context, EndpointOptions, ImageName, list_tags, open_source};
use libfuzzer_sys::fuzz_target;
use oci::{Digest, Manifest};

const LAYER: &[u8] = &[0; 1024];

fuzz_target!(|input: &[u8]| {
    // manifest.json NUL configuration
    let mut parts = input.splitn(2, |&byte| byte == 0);
    let (manifest, config) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    in_directory(|directory| {
        let path = directory.join("archive.tar");
        let mut tar = TarWriter::new(File::create(&path).expect("a file"));
        for (name, bytes) in [
            ("manifest.json", manifest),
            ("config", config),
            ("layer", LAYER),
        ] {
            tar.file(name, bytes.len() as u64, bytes).expect("a member");
        }
        tar.symlink("link/layer.tar", "../layer").expect("a member");
        tar.finish().expect("an archive");

        let mut context = Context::new(
            environment(directory),
            Registries::default(),
            Lookaside::default(),
        );
        context.tmpdir = directory.to_owned();
        let options = EndpointOptions::default();
        for image in ["", ":a:latest", ":@0"] {
            let name = format!("docker-archive:{}{image}", path.display());
            drop(list_tags(&name, &context, &options));
            let name = ImageName::parse(&name).expect("a name");
            let Ok(source) = open_source(&name, &context, &options) else {
                continue;
            };
            let made = source
                .manifest(None)
                .expect("the manifest of what was opened");
            let Manifest::Image(made) = made.manifest() else {
                panic!("made as another kind than that of an image");
            };
            for layer in &made.layers {
                let mut bytes = Vec::new();
                let blob = source.blob(layer);
                if blob.is_ok_and(|mut blob| blob.read_to_end(&mut bytes).is_ok()) {
                    assert_eq!(Digest::sha256(&bytes), layer.digest);
                }
            }
        }
    });
});
