//! Invariant: whatever the image says, a config.json is made or refused without a panic; one that
//! is made is valid.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::ImageConfig;
use runtime_spec::{
    CapabilitySet, GenerateInput, GenerateOptions, Host, Severity, UserDatabase, generate, validate,
};

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nweb:x:100:101:w:/home/web:/bin/sh\n";
const GROUP: &[u8] = b"root:x:0:\nweb:x:101:\nextra:x:200:web\n";

fuzz_target!(|input: &[u8]| {
    let Ok(image) = ImageConfig::parse(input) else {
        return;
    };
    let host = Host {
        architecture: "amd64".to_owned(),
        kernel: Some((6, 1)),
        capabilities: Some(CapabilitySet::from_mask(0x1ff_feff_ffff)),
        nofile_hard: Some(20_000),
        absent: Vec::new(),
    };
    let options = GenerateOptions {
        root_path: Some("rootfs".to_owned()),
        ..Default::default()
    };
    let users = UserDatabase::new(PASSWD, GROUP).expect("a database");
    let input = GenerateInput {
        image_config: Some(&image),
        users,
        host,
        options,
    };
    let Ok(made) = generate(input) else {
        return;
    };
    let findings = validate(&made.spec.to_json().expect("what was made is written"));
    let wrong: Vec<_> = findings
        .iter()
        .filter(|found| found.severity == Severity::Must)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
});
