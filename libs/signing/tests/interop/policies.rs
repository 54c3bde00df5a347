//! Policies given to us and to skopeo: do both read them, or refuse them?

use std::fs;

use signing::Policy;

use crate::policy_table::table;
use crate::support::{Difference, assert_differences, in_parallel, said, skopeo};

#[test]
fn policies_are_read_and_refused_as_skopeo_does() {
    let temp = tempfile::tempdir().unwrap();
    let cases = table();
    let missing = format!("dir:{}", temp.path().join("missing").display());
    let theirs = in_parallel(&cases, |at, (name, text)| {
        let path = temp.path().join(format!("{at}.json"));
        fs::write(&path, text).unwrap();
        let out = format!("dir:{}", temp.path().join(format!("out-{at}")).display());
        let output = skopeo(temp.path())
            .args(["--policy", path.to_str().unwrap(), "copy", &missing, &out])
            .output()
            .unwrap();
        let said = said(&output);
        assert!(!output.status.success(), "{name}: there is no such image");
        let refused = said.contains("invalid policy in");
        // What is not about the policy must be about the image, or the comparison means nothing.
        assert!(refused || said.contains("missing"), "{name}: {said}");
        !refused
    });
    let (mut differences, mut valid) = (Vec::new(), 0);
    for ((name, text), theirs) in cases.iter().zip(&theirs) {
        let ours = Policy::parse(text);
        valid += usize::from(*theirs);
        if ours.is_ok() != *theirs {
            let what = ours
                .as_ref()
                .map_or_else(ToString::to_string, |_| "read".to_owned());
            differences.push(Difference {
                name: name.clone(),
                ours: ours.is_ok(),
                what,
            });
        }
    }
    let invalid = cases.len() - valid;
    assert!(
        cases.len() >= 150 && invalid >= 100,
        "{valid} valid, {invalid} invalid"
    );
    assert_differences("Policies", &differences);
}

#[test]
fn errors_name_the_member_and_what_is_allowed() {
    let table = [
        (r#"{}"#, "$.default is missing"),
        (
            r#"{"default":[]}"#,
            "$.default must hold at least one requirement",
        ),
        (
            r#"{"default":{}}"#,
            "$.default must be an array, is an object",
        ),
        (
            r#"{"default":[{"type":"reject"}],"defautl":1}"#,
            "$.defautl is not known here (allowed: default, transports)",
        ),
        (
            r#"{"default":[{"type":"reject"}],"transports":{"docker":{"r.example/a":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"a","keyData":""}]}}}"#,
            "$.transports.docker[\"r.example/a\"][0] needs exactly one of keyPath, keyPaths, keyData, has keyPath, keyData",
        ),
        (
            r#"{"default":[{"type":"signedby"}]}"#,
            "$.default[0].type \"signedby\" is not known (allowed: insecureAcceptAnything, reject, signedBy, sigstoreSigned, signedBaseLayer)",
        ),
        (
            r#"{"default":[{"type":"reject"}],"transports":{"dir":{"/":[{"type":"reject"}]}}}"#,
            "$.transports.dir[\"/\"] is no scope of this transport (allowed: clean absolute paths other than /)",
        ),
        (
            r#"{"default":[{"type":"sigstoreSigned","fulcio":{"caPath":"a","oidcIssuer":"b","subjectEmail":"c"}}]}"#,
            "$.default[0] needs with fulcio exactly one of rekorPublicKeyPath, rekorPublicKeyPaths, rekorPublicKeyData, rekorPublicKeyDatas, has none",
        ),
    ];
    for (text, want) in table {
        let got = Policy::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(got.starts_with(want), "{got}\nwanted {want}");
    }
}

/// The members that skopeo 1.9.3 does not know, held to the rules of containers-policy.json.5.
#[test]
fn newer_members_follow_their_rules() {
    let table: &[(&str, bool)] = &[
        (r#""keyPaths":["a","b"]"#, true),
        (r#""keyPaths":[]"#, false),
        (r#""keyDatas":["YQ=="]"#, true),
        (r#""keyDatas":[]"#, false),
        (r#""keyDatas":["*"]"#, false),
        (r#""keyPath":"a","keyDatas":["YQ=="]"#, false),
        (r#""keyPath":"a","rekorPublicKeyPath":"b""#, true),
        (r#""keyPath":"a","rekorPublicKeyPaths":["b"]"#, true),
        (r#""keyPath":"a","rekorPublicKeyPaths":[]"#, false),
        (r#""keyPath":"a","rekorPublicKeyDatas":["YQ=="]"#, true),
        (
            r#""keyPath":"a","rekorPublicKeyPath":"b","rekorPublicKeyData":"YQ==""#,
            false,
        ),
        (
            r#""fulcio":{"caPath":"a","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"b""#,
            true,
        ),
        (
            r#""fulcio":{"caData":"YQ==","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyData":"YQ==""#,
            true,
        ),
        (
            r#""fulcio":{"caPath":"a","oidcIssuer":"i","subjectEmail":"e"}"#,
            false,
        ),
        (
            r#""fulcio":{"caPath":"a","caData":"YQ==","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (
            r#""fulcio":{"oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (
            r#""fulcio":{"caPath":"a","subjectEmail":"e"},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (
            r#""fulcio":{"caPath":"a","oidcIssuer":"i"},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (
            r#""fulcio":{"caPath":"a","oidcIssuer":"","subjectEmail":"e"},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (
            r#""fulcio":{"caPath":"a","oidcIssuer":"i","subjectEmail":"e","x":1},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (r#""fulcio":null,"rekorPublicKeyPath":"b""#, false),
        (r#""pki":{"caRootsPath":"a","subjectEmail":"e"}"#, true),
        (
            r#""pki":{"caRootsData":"YQ==","subjectHostname":"h"}"#,
            true,
        ),
        (
            r#""pki":{"caRootsPath":"a","caIntermediatesPath":"b","subjectEmail":"e","subjectHostname":"h"}"#,
            true,
        ),
        (
            r#""pki":{"caRootsPath":"a","caIntermediatesPath":"b","caIntermediatesData":"YQ==","subjectEmail":"e"}"#,
            false,
        ),
        (
            r#""pki":{"caRootsPath":"a","caRootsData":"YQ==","subjectEmail":"e"}"#,
            false,
        ),
        (r#""pki":{"caRootsPath":"a"}"#, false),
        (r#""pki":{"subjectEmail":"e"}"#, false),
        (
            r#""pki":{"caRootsPath":"a","subjectEmail":"e"},"rekorPublicKeyPath":"b""#,
            false,
        ),
        (
            r#""pki":{"caRootsPath":"a","subjectEmail":"e"},"keyPath":"b""#,
            false,
        ),
        (
            r#""keyPath":"a","signedIdentity":{"type":"matchRepository"}"#,
            true,
        ),
    ];
    for (members, fits) in table {
        let text = format!(r#"{{"default":[{{"type":"sigstoreSigned",{members}}}]}}"#);
        assert_eq!(Policy::parse(text.as_bytes()).is_ok(), *fits, "{members}");
    }
}
