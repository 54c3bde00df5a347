//! Signatures under policies: does skopeo copy the image, and do we accept it?

use std::fs;
use std::path::Path;
use std::process::Child;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Reference;
use signing::testing::TestKey;
use signing::{
    Evaluation, FsKeys, ImageIdentity, Policy, Rejected, Signature, TrustedManifest, lookaside,
    simple,
};

use crate::openpgp_faults::{SIGNED_NAME, cases};
use crate::support::{
    Difference, assert_differences, days, in_parallel, manifest, now, said, skopeo, write_dir_image,
};

fn ours(
    policy: &str,
    identity: &ImageIdentity,
    stored: &[Vec<u8>],
) -> Result<TrustedManifest, Rejected> {
    // What is no stored signature makes the copy fail, so it is never judged.
    let signatures: Vec<Signature> = (stored.iter())
        .filter_map(|bytes| Signature::from_stored(bytes).ok())
        .collect();
    Policy::parse(policy.as_bytes())
        .unwrap()
        .evaluate(Evaluation {
            identity,
            manifest: manifest(),
            signatures: &signatures,
            keys: &FsKeys,
            now: now(),
        })
}

#[test]
fn a_name_of_tag_and_digest_is_rejected_where_either_is() {
    let digest = manifest().digest().to_string();
    let tagged = "r.example/x/one:1".to_owned();
    let (by_digest, joint) = (
        format!("r.example/x/one@{digest}"),
        format!("{tagged}@{digest}"),
    );
    let accepts = |scopes: &[(&str, &str)]| {
        let scopes: Vec<String> = (scopes.iter())
            .map(|(scope, kind)| format!(r#""{scope}":[{{"type":"{kind}"}}]"#))
            .collect();
        let policy = format!(
            r#"{{"default":[{{"type":"reject"}}],"transports":{{"docker":{{{}}}}}}}"#,
            scopes.join(",")
        );
        let name = Reference::parse(&joint).unwrap();
        let identity = ImageIdentity::by_reference("docker", &name);
        ours(&policy, &identity, &[]).is_ok()
    };
    let (yes, no) = ("insecureAcceptAnything", "reject");
    assert!(accepts(&[("r.example/x", yes)]));
    assert!(!accepts(&[("r.example/x", yes), (&tagged, no)]));
    assert!(!accepts(&[("r.example/x", yes), (&by_digest, no)]));
    assert!(accepts(&[
        ("r.example/x", yes),
        (&tagged, no),
        (&joint, yes)
    ]));
    assert!(!accepts(&[("r.example/x", yes), (&joint, no)]));
    assert!(
        !accepts(&[(&tagged, yes)]),
        "a tag says nothing of other manifests"
    );
}

fn signed_by(keys: &str, identity: &str) -> String {
    format!(
        r#"{{"default":[{{"type":"signedBy","keyType":"GPGKeys",{keys},"signedIdentity":{identity}}}]}}"#
    )
}

#[test]
fn faults_are_accepted_and_rejected_as_by_skopeo() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().canonicalize().unwrap();
    let stranger = TestKey::generate("stranger", days(-400), None).unwrap();
    let stranger = STANDARD.encode(stranger.public().unwrap());
    let mut runs = Vec::new();
    for (at, case) in cases().into_iter().enumerate() {
        let image = path.join(format!("image-{at}"));
        write_dir_image(&image, std::slice::from_ref(&case.stored));
        let key = STANDARD.encode(&case.public);
        fs::write(path.join(format!("key-{at}")), &case.public).unwrap();
        let file = path.join(format!("key-{at}")).display().to_string();
        let data = format!(r#""keyData":"{key}""#);
        let name = format!(r#"{{"type":"exactReference","dockerReference":"{SIGNED_NAME}"}}"#);
        let other = r#"{"type":"exactReference","dockerReference":"r.example/app:2"}"#;
        let repository = r#"{"type":"exactRepository","dockerRepository":"r.example/app"}"#;
        runs.push((
            case.name,
            image.clone(),
            case.stored.clone(),
            case.good,
            signed_by(&data, &name),
        ));
        runs.push((
            case.name,
            image.clone(),
            case.stored.clone(),
            case.good,
            signed_by(&format!(r#""keyPath":"{file}""#), repository),
        ));
        if at < 6 {
            runs.push((
                case.name,
                image.clone(),
                case.stored.clone(),
                false,
                signed_by(&data, other),
            ));
            // dir: images have no name to compare with.
            runs.push((
                case.name,
                image.clone(),
                case.stored.clone(),
                false,
                signed_by(&data, r#"{"type":"matchRepository"}"#),
            ));
            runs.push((
                case.name,
                image.clone(),
                case.stored.clone(),
                false,
                signed_by(&format!(r#""keyData":"{stranger}""#), &name),
            ));
        }
    }
    assert!(runs.len() >= 100, "{}", runs.len());
    let theirs = in_parallel(&runs, |at, (_, image, _, _, policy)| {
        let file = path.join(format!("policy-{at}.json"));
        fs::write(&file, policy).unwrap();
        let output = skopeo(&path)
            .args(["--policy", file.to_str().unwrap(), "copy"])
            .arg(format!("dir:{}", image.display()))
            .arg(format!("dir:{}", path.join(format!("out-{at}")).display()))
            .output()
            .unwrap();
        let said = said(&output);
        assert!(!said.contains("invalid policy"), "{said}");
        output.status.success()
    });
    let (mut differences, mut wrong) = (Vec::new(), Vec::new());
    for ((name, image, stored, good, policy), theirs) in runs.iter().zip(theirs) {
        let identity = ImageIdentity::by_path("dir", image.to_str().unwrap());
        let ours = ours(policy, &identity, std::slice::from_ref(stored));
        let answer = ours
            .as_ref()
            .map_or_else(ToString::to_string, |_| "accepted".to_owned());
        if ours.is_ok() != *good {
            wrong.push(format!("{name}: {answer}"));
        }
        if ours.is_ok() != theirs {
            differences.push(Difference {
                name: (*name).to_owned(),
                ours: ours.is_ok(),
                what: answer,
            });
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_differences("Signatures", &differences);
}

/// A registry of its own on a free port; ended when dropped.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(root: &Path) -> Self {
        let config = root.join("registry.yml");
        let storage = root.join("registry");
        fs::write(
            &config,
            format!(
                "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
                storage.display()
            ),
        )
        .unwrap();
        let (child, address) = tests::registry::serve(&config);
        Self { child, address }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn identities_are_compared_as_by_skopeo() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path();
    let registry = Registry::start(root);
    let host = registry.address.as_str();
    let signatures = root.join("sigstore");
    fs::create_dir(root.join("registries.d")).unwrap();
    fs::write(
        root.join("registries.d/a.yaml"),
        format!(
            "default-docker:\n  lookaside: file://{0}\n  sigstore: file://{0}\n",
            signatures.display()
        ),
    )
    .unwrap();
    let any = root.join("any.json");
    fs::write(&any, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    write_dir_image(&root.join("image"), &[]);
    let manifest = manifest();
    let digest = manifest.digest();
    let key = TestKey::generate("alice", days(-400), None).unwrap();
    let signer = key.signing_key(now()).unwrap();
    let data = format!(r#""keyData":"{}""#, STANDARD.encode(key.public().unwrap()));

    // A repository for each signed name, as the lookaside path knows no tags.
    let signed_names = |repository: &str| {
        vec![
            format!("{host}/{repository}:1"),
            format!("{host}/{repository}:2"),
            format!("{host}/{repository}"),
            format!("{host}/{repository}@{digest}"),
            format!("{host}/other:1"),
            format!("r.example/{repository}:1"),
            format!("{repository}:1"),
            "no reference".to_owned(),
        ]
    };
    let count = signed_names("x").len();
    let mut runs = Vec::new();
    for at in 0..count {
        let repository = format!("ns/app{at}");
        let name = signed_names(&repository).swap_remove(at);
        let stored = simple::sign(&signer, digest, &name, "test 1", now()).unwrap();
        let reference = Reference::parse(&format!("{host}/{repository}:1")).unwrap();
        let path = lookaside::signature_path(reference.repository(), digest, 1).unwrap();
        let path = signatures.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &stored).unwrap();
        let pushed = skopeo(root)
            .args([
                "--policy",
                any.to_str().unwrap(),
                "copy",
                "--dest-tls-verify=false",
            ])
            .arg(format!("dir:{}", root.join("image").display()))
            .arg(format!("docker://{reference}"))
            .output()
            .unwrap();
        assert!(pushed.status.success(), "{}", said(&pushed));
        for intended in [
            format!("{host}/{repository}:1"),
            format!("{host}/{repository}@{digest}"),
        ] {
            let identities = [
                r#"{"type":"matchExact"}"#.to_owned(),
                r#"{"type":"matchRepoDigestOrExact"}"#.to_owned(),
                r#"{"type":"matchRepository"}"#.to_owned(),
                format!(r#"{{"type":"exactReference","dockerReference":"{host}/{repository}:2"}}"#),
                format!(
                    r#"{{"type":"remapIdentity","prefix":"{host}","signedPrefix":"r.example"}}"#
                ),
                format!(
                    r#"{{"type":"remapIdentity","prefix":"{host}/n","signedPrefix":"r.example/n"}}"#
                ),
                format!(
                    r#"{{"type":"remapIdentity","prefix":"{host}/{repository}","signedPrefix":"{repository}"}}"#
                ),
            ];
            let tried = if at < 2 { identities.len() } else { 5 };
            for identity in &identities[..tried] {
                runs.push((
                    name.clone(),
                    intended.clone(),
                    stored.clone(),
                    signed_by(&data, identity),
                ));
            }
        }
    }
    assert!(runs.len() >= 80, "{}", runs.len());
    let theirs = in_parallel(&runs, |at, (_, intended, _, policy)| {
        let file = root.join(format!("policy-{at}.json"));
        fs::write(&file, policy).unwrap();
        let output = skopeo(root)
            .args(["--policy", file.to_str().unwrap()])
            .arg("--registries.d")
            .arg(root.join("registries.d"))
            .args(["copy", "--remove-signatures", "--src-tls-verify=false"])
            .arg(format!("docker://{intended}"))
            .arg(format!("dir:{}", root.join(format!("out-{at}")).display()))
            .output()
            .unwrap();
        let said = said(&output);
        let accepted = output.status.success();
        assert!(accepted || said.contains("Source image rejected"), "{said}");
        accepted
    });
    let accepted = theirs.iter().filter(|accepted| **accepted).count();
    assert!(
        (10..runs.len() - 10).contains(&accepted),
        "{accepted} of {}",
        runs.len()
    );
    for ((name, intended, stored, policy), theirs) in runs.iter().zip(theirs) {
        let identity = ImageIdentity::by_reference("docker", &Reference::parse(intended).unwrap());
        let ours = ours(policy, &identity, std::slice::from_ref(stored));
        assert_eq!(
            ours.is_ok(),
            theirs,
            "signed {name}, wanted {intended}: {policy}"
        );
    }
}

#[test]
fn scopes_requirements_and_reasons() {
    let key = TestKey::generate("alice", days(-400), None).unwrap();
    let bob = TestKey::generate("bob", days(-400), None).unwrap();
    let image = manifest();
    let sign = |key: &TestKey, name: &str| {
        let signer = key.signing_key(now()).unwrap();
        simple::sign(&signer, image.digest(), name, "test 1", now()).unwrap()
    };
    let data = |key: &TestKey| {
        let key = STANDARD.encode(key.public().unwrap());
        format!(r#"{{"type":"signedBy","keyType":"GPGKeys","keyData":"{key}"}}"#)
    };
    let policy = format!(
        r#"{{"default":[{{"type":"reject"}}],"transports":{{"docker":{{
            "r.example/app":[{0},{1}],
            "r.example/app/sub:1":[{{"type":"insecureAcceptAnything"}}],
            "*.example":[{{"type":"insecureAcceptAnything"}}],
            "base.test":[{{"type":"signedBaseLayer","baseLayerIdentity":{{"type":"matchExact"}}}}],
            "sigstore.test":[{{"type":"sigstoreSigned","keyPath":"/k"}}],
            "x509.test":[{{"type":"signedBy","keyType":"X509Certificates","keyPath":"/k"}}],
            "nokeys.test":[{{"type":"signedBy","keyType":"GPGKeys","keyPaths":[]}}],
            "nofile.test":[{{"type":"signedBy","keyType":"GPGKeys","keyPath":"/does/not/exist"}}],
            "badkey.test":[{{"type":"signedBy","keyType":"GPGKeys","keyData":"YWJj"}}]
        }}}}}}"#,
        data(&key),
        data(&bob),
    );
    let judge = |name: &str, stored: &[Vec<u8>]| {
        let identity = ImageIdentity::by_reference("docker", &Reference::parse(name).unwrap());
        ours(&policy, &identity, stored)
    };
    let alices = sign(&key, "r.example/app:1");
    let bobs = sign(&bob, "r.example/app:1");

    // Both requirements, each by another signature, in any order and among bad ones.
    let both = [b"\x90rubbish".to_vec(), bobs.clone(), alices.clone()];
    let trusted = judge("r.example/app:1", &both).unwrap();
    assert_eq!(trusted.manifest().bytes(), manifest().bytes());
    let verdict = trusted.verdict();
    assert_eq!(verdict.scope, "docker: r.example/app");
    assert_eq!(verdict.requirements.len(), 2);
    assert_eq!(verdict.signer(), Some(&key.fingerprint()));
    let places: Vec<usize> = verdict
        .signatures
        .iter()
        .map(|accepted| accepted.index)
        .collect();
    assert_eq!(places, [2, 1]);

    let scope = |name| judge(name, &[]).unwrap().verdict().scope.clone();
    assert_eq!(scope("r.example/app/sub:1"), "docker: r.example/app/sub:1");
    assert_eq!(scope("r.example/else"), "docker: *.example");

    let rejected = |name: &str, stored: &[Vec<u8>]| judge(name, stored).unwrap_err().to_string();
    let none = "A signature was required, but no signature exists";
    let table = [
        ("r.example/app:1", vec![], format!("Source image rejected: {none}; {none}")),
        ("r.example/app:2", both[2..].to_vec(), "Signature for identity \"r.example/app:1\" is not accepted".to_owned()),
        ("r.example/app:1", vec![alices.clone()], "Invalid GPG signature: key".to_owned()),
        ("r.example/app:1", both[..2].to_vec(), "None of the signatures were accepted, reasons: ".to_owned()),
        ("other.test/app", vec![alices.clone()], "Source image rejected: Running image docker://other.test/app:latest is rejected by policy.".to_owned()),
        ("base.test/a", vec![alices.clone()], "signedBaseLayer is not supported".to_owned()),
        ("sigstore.test/a", vec![alices.clone()], "sigstoreSigned is not supported".to_owned()),
        ("x509.test/a", vec![alices.clone()], "Unimplemented \"keyType\" value \"X509Certificates\"".to_owned()),
        ("nokeys.test/a", vec![alices.clone()], "No public keys imported".to_owned()),
        ("nofile.test/a", vec![alices.clone()], "reading key /does/not/exist".to_owned()),
        ("badkey.test/a", vec![alices.clone()], "No public keys imported".to_owned()),
    ];
    for (name, stored, want) in table {
        let got = rejected(name, &stored);
        assert!(got.contains(&want), "{name}: {got}");
    }
    // The 129th signature is not looked at.
    let mut many = vec![b"\x90rubbish".to_vec(); 128];
    many.extend([alices, bobs]);
    assert!(judge("r.example/app:1", &many).is_err());
    assert!(judge("r.example/app:1", &many[1..]).is_err());
    assert!(judge("r.example/app:1", &many[2..]).is_ok());
}
