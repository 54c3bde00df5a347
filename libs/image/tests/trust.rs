//! What the trust policy is asked, and by which name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::result_large_err,
    reason = "the error of a copy is made once, at its end"
)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{
    ACCEPT, Recorder, Registry, TestImage, chain, context, copy_with, options, plain_http,
    write_list,
};
use image::{CopyError, CopyOptions, CopyReport, ImageName, Instances, Quiet, SinkOptions};
use image::{ImageError, open_source};
use jiff::Timestamp;
use oci::{Compression, Digest, MediaType};
use signing::testing::TestKey;
use signing::{Fingerprint, SignError, Signer, simple};

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
            options.instances = instances.clone();
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

/// A key that does not sign.
struct Broken(Fingerprint);

impl Signer for Broken {
    fn fingerprint(&self) -> &Fingerprint {
        &self.0
    }

    fn sign_message(&self, _: &[u8], _: Timestamp) -> Result<Vec<u8>, SignError> {
        Err(SignError::PassphraseNeeded(self.0.clone()))
    }
}

#[test]
fn an_image_that_could_not_be_signed_has_no_tag() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let now = Timestamp::now();
    let key = TestKey::generate("alice", now, None).unwrap();
    std::fs::write(at("key.gpg"), key.public().unwrap()).unwrap();
    let alice: Arc<dyn Signer + Send + Sync> = Arc::new(key.signing_key(now).unwrap());
    let broken: Arc<dyn Signer + Send + Sync> = Arc::new(Broken(alice.fingerprint().clone()));
    let image = image(3);
    image.write_dir(&at("from"));
    let registry = Registry::start();
    let name = registry.name("app:1");
    let copy = |to: &str, signer: &Arc<dyn Signer + Send + Sync>| {
        let options = CopyOptions {
            signers: vec![image::ImageSigner::Simple(signer.clone())],
            ..options()
        };
        let recorder = Recorder::default();
        let (context, sink) = (context(root.path()), SinkOptions::default());
        let from = format!("dir:{}", at("from").display());
        let result = copy_with(&context, &from, to, &options, &sink, ACCEPT, &recorder);
        (result, recorder.bytes.into_inner())
    };
    let is_there = |name: &str| {
        let context = context(root.path());
        match open_source(&ImageName::parse(name).unwrap(), &context, &plain_http()) {
            Ok(_) => true,
            Err(error) if error.is_not_found() => false,
            Err(error) => panic!("{}", chain(&error)),
        }
    };
    let configure = |lookaside: &str| {
        let directory = at("etc/containers/registries.d");
        std::fs::create_dir_all(&directory).unwrap();
        let yaml = format!("default-docker: {{lookaside: '{lookaside}'}}\n");
        std::fs::write(directory.join("lookaside.yaml"), yaml).unwrap();
    };
    // What is missing is found out before a byte is copied.
    configure("http://127.0.0.1:1");
    let (nowhere, bytes) = copy(&name, &alice);
    assert!(
        matches!(
            nowhere,
            Err(CopyError::Sink {
                source: ImageError::NoSignatures { .. },
                ..
            })
        ),
        "{:?}",
        nowhere.map(|report| report.digest)
    );
    assert_eq!(bytes, 0);
    let (nameless, bytes) = copy(&format!("dir:{}", at("to").display()), &alice);
    assert!(matches!(nameless, Err(CopyError::NoIdentity { .. })));
    assert_eq!(bytes, 0);

    let lookaside = at("lookaside");
    configure(&format!("file://{}", lookaside.display()));
    let (unsigned, bytes) = copy(&name, &broken);
    assert!(matches!(unsigned, Err(CopyError::Sign(_))));
    assert!(bytes > 0);
    assert!(!is_there(
        &registry.name(&format!("app@{}", image.digest()))
    ));
    std::fs::write(&lookaside, "in the way").unwrap();
    let (unkept, _) = copy(&name, &alice);
    assert!(matches!(unkept, Err(CopyError::Sink { .. })));
    assert!(!is_there(&name));

    std::fs::remove_file(&lookaside).unwrap();
    copy(&name, &alice).0.unwrap();
    let signed = r#"{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"{D}/key.gpg"}]}"#;
    crate::copy(root.path(), &name, "dir:{D}/back", &options(), signed).unwrap();
    // A name by tag and digest is signed so that it is found by either, and by both.
    let digest = image.digest();
    let both = registry.name(&format!("both:1@{digest}"));
    copy(&both, &alice).0.unwrap();
    for name in ["both:1", &format!("both@{digest}")].map(|name| registry.name(name)) {
        crate::copy(root.path(), &name, "dir:{D}/back", &options(), signed).unwrap();
    }
    crate::copy(root.path(), &both, "dir:{D}/back", &options(), signed).unwrap();
}

#[test]
fn signatures_that_nobody_wants_need_not_be_readable() {
    let root = tempfile::tempdir().unwrap();
    let digest = write_list(
        &root.path().join("from"),
        &MediaType::OciIndex,
        &[("amd64", &image(4))],
    );
    let instance = format!("{}.signature-1", image(4).digest().hex());
    for name in ["signature-1", &instance] {
        std::fs::write(root.path().join("from").join(name), "no signature").unwrap();
    }
    let accept = std::str::from_utf8(ACCEPT).unwrap();
    for instances in [Instances::System, Instances::All, Instances::IndexOnly] {
        for (remove_signatures, policy) in [(false, accept), (true, SIGNED), (true, accept)] {
            let options = CopyOptions {
                instances: instances.clone(),
                remove_signatures,
                ..options()
            };
            let copied = copy(root.path(), "dir:{D}/from", "dir:{D}/to", &options, policy);
            if remove_signatures && policy == accept {
                let expected = match instances {
                    Instances::System => image(4).digest(),
                    _ => digest,
                };
                assert_eq!(copied.unwrap().digest, expected);
            } else {
                assert!(matches!(copied, Err(CopyError::Source { .. })));
            }
        }
    }
}
