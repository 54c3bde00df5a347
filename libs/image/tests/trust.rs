//! What the trust policy is asked, and by which name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::result_large_err,
    reason = "the error of a copy is made once, at its end"
)]

mod common;

use std::path::Path;

use common::{TestImage, chain, context, copy_with, options, write_list};
use image::{CopyError, CopyOptions, CopyReport, Instances, Quiet, SinkOptions};
use jiff::Timestamp;
use oci::{Compression, Digest, MediaType};
use signing::simple;
use signing::testing::TestKey;

const REJECT: &str = r#"{"default":[{"type":"reject"}]}"#;

fn image(seed: u64) -> TestImage {
    TestImage::new(MediaType::OciManifest, Compression::Gzip, seed)
}

/// Copies from and to names below `root`, where `{D}` stands for it.
fn copy(
    root: &Path,
    from: &str,
    to: &str,
    options: &CopyOptions,
    policy: &str,
) -> Result<CopyReport, CopyError> {
    let fill = |text: &str| text.replace("{D}", root.to_str().unwrap());
    let (context, sink) = (context(root), SinkOptions::default());
    let policy = fill(policy);
    let policy = policy.as_bytes();
    copy_with(
        &context,
        &fill(from),
        &fill(to),
        options,
        &sink,
        policy,
        &Quiet,
    )
}

/// Makes a key, writes its public part to `key.gpg`, and returns how to sign a manifest with it.
fn signer(root: &Path) -> impl Fn(&Digest, &str) -> Vec<u8> {
    let now = Timestamp::now();
    let key = TestKey::generate("alice", now, None).unwrap();
    std::fs::write(root.join("key.gpg"), key.public().unwrap()).unwrap();
    let signer = key.signing_key(now).unwrap();
    move |digest, name| simple::sign(&signer, digest, name, "test 1", now).unwrap()
}

const SIGNED: &str = r#"{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"{D}/key.gpg",
    "signedIdentity":{"type":"exactRepository","dockerRepository":"r.example/app"}}]}"#;

#[test]
fn a_list_without_its_instances_is_judged_itself() {
    let root = tempfile::tempdir().unwrap();
    let sign = signer(root.path());
    let (full, empty) = (root.path().join("full"), root.path().join("empty"));
    let full_digest = write_list(&full, &MediaType::OciIndex, &[("amd64", &image(1))]);
    image(1).write_dir(&empty);
    let empty_digest = write_list(&empty, &MediaType::OciIndex, &[]);
    for (from, digest, instances) in [
        ("full", full_digest, Instances::IndexOnly),
        ("empty", empty_digest, Instances::All),
    ] {
        for remove_signatures in [false, true] {
            let mut options = options();
            options.instances = instances;
            options.remove_signatures = remove_signatures;
            let source = format!("dir:{{D}}/{from}");
            let to = format!("dir:{{D}}/to-{from}");
            for policy in [REJECT, SIGNED] {
                let error = copy(root.path(), &source, &to, &options, policy).unwrap_err();
                assert!(matches!(error, CopyError::Rejected(_)), "{}", chain(&error));
                assert!(!root.path().join(format!("to-{from}")).exists());
            }
            let signature = root.path().join(from).join("signature-1");
            std::fs::write(&signature, sign(&digest, "r.example/app:1")).unwrap();
            let report = copy(root.path(), &source, &to, &options, SIGNED).unwrap();
            assert_eq!(report.digest, digest);
            let kept = root.path().join(format!("to-{from}")).join("signature-1");
            assert_eq!(kept.exists(), !remove_signatures);
            std::fs::remove_file(signature).unwrap();
            std::fs::remove_dir_all(root.path().join(format!("to-{from}"))).unwrap();
        }
    }
    // A signature of the list is none of its instances.
    let mut all = options();
    all.instances = Instances::All;
    std::fs::write(
        full.join("signature-1"),
        sign(&full_digest, "r.example/app:1"),
    )
    .unwrap();
    let error = copy(root.path(), "dir:{D}/full", "dir:{D}/to", &all, SIGNED).unwrap_err();
    assert!(matches!(error, CopyError::Rejected(_)), "{}", chain(&error));
}
