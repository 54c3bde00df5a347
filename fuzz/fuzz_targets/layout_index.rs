//! Invariant: whatever an `index.json` holds, an image of the layout is found or not without a
//! panic; one that is found is the one file that is there.
#![no_main]

use std::fs;

use config::lookaside::Lookaside;
use config::registries::Registries;
use fuzz::{environment, in_directory};
use image::{Context, EndpointOptions, ImageName, open_source};
use libfuzzer_sys::fuzz_target;
use oci::Digest;

/// No manifest, but it has a digest.
const MANIFEST: &[u8] = b"{}";

fuzz_target!(|input: &[u8]| {
    in_directory(|directory| {
        let layout = directory.join("layout");
        let digest = Digest::sha256(MANIFEST);
        let blobs = layout.join("blobs/sha256");
        if !layout.exists() {
            fs::create_dir_all(&blobs).expect("a directory");
            fs::write(
                layout.join("oci-layout"),
                r#"{"imageLayoutVersion":"1.0.0"}"#,
            )
            .expect("a file");
            fs::write(blobs.join(digest.hex()), MANIFEST).expect("a file");
        }
        fs::write(layout.join("index.json"), input).expect("a file");
        let context = Context::new(
            environment(directory),
            Registries::default(),
            Lookaside::default(),
        );
        let options = EndpointOptions::default();
        for image in ["", ":tag", ":a/b:c", "@0"] {
            let name = ImageName::parse(&format!("oci:{}{image}", layout.display()));
            let name = name.expect("a name");
            let Ok(source) = open_source(&name, &context, &options) else {
                continue;
            };
            if let Ok((manifest, _)) = source.raw_manifest(None) {
                assert_eq!(manifest, MANIFEST);
            }
        }
    });
});
