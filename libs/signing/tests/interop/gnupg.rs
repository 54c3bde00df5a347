//! Keys of gpg: theirs verified by us, ours by them, and signing through the agent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use oci::Reference;
use signing::openpgp::GnupgError;
use signing::testing::TestKey;
use signing::{Keyring, SignError, Signer, SigningKey, simple};

use crate::openpgp_faults::SIGNED_NAME;
use crate::support::{days, manifest, manifest_bytes, now, said, skopeo};

/// A GnuPG home whose agent is ended when it is dropped.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        // Sockets of the agent need a short path.
        let dir = tempfile::Builder::new()
            .prefix("g")
            .tempdir_in("/tmp")
            .unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn gpg(&self, args: &[&str]) -> Output {
        let output = Command::new("gpg")
            .env("GNUPGHOME", self.path())
            .args(["--batch", "--no-tty", "--pinentry-mode", "loopback"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        output
    }

    fn generate(&self, name: &str, algorithm: &str, passphrase: &str) -> String {
        self.gpg(&[
            "--passphrase",
            passphrase,
            "--quick-gen-key",
            name,
            algorithm,
            "sign",
            "never",
        ]);
        let listing = self.gpg(&["--with-colons", "--list-keys", name]);
        let listing = String::from_utf8(listing.stdout).unwrap();
        let line = listing
            .lines()
            .find(|line| line.starts_with("fpr:"))
            .unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn skopeo(&self, args: &[&str]) -> Output {
        skopeo(self.path())
            .env("GNUPGHOME", self.path())
            .args(args)
            .output()
            .unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .env("GNUPGHOME", self.path())
            .args(["--kill", "all"])
            .output();
    }
}

#[test]
fn signatures_of_skopeo_verify_and_ours_verify_with_skopeo() {
    let home = Home::new();
    let manifest_file = home.write("manifest.json", &manifest_bytes());
    let manifest_file = manifest_file.to_str().unwrap();
    let reference = Reference::parse(SIGNED_NAME).unwrap();
    for algorithm in ["ed25519", "rsa2048"] {
        let user = format!("{algorithm} <{algorithm}@r.example>");
        let fingerprint = home.generate(&user, algorithm, "");
        let signature = home.path().join("signature");
        let output = home.skopeo(&[
            "standalone-sign",
            manifest_file,
            SIGNED_NAME,
            &fingerprint,
            "-o",
            signature.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", said(&output));

        let keyring = Keyring::from_gnupg(Some(home.path()), &fingerprint).unwrap();
        let theirs = fs::read(&signature).unwrap();
        let verified = simple::verify(&theirs, &keyring, now()).unwrap();
        assert_eq!(verified.fingerprint().as_str(), fingerprint);
        verified.matches(&manifest(), &reference).unwrap();
        let claimed = simple::untrusted(&theirs).unwrap();
        assert_eq!(claimed.payload, *verified.payload());
        assert!(fingerprint.ends_with(&claimed.short_key_id), "{claimed:?}");

        // The same values give the same text.
        let text = home.gpg(&["--decrypt", signature.to_str().unwrap()]).stdout;
        assert_eq!(verified.payload().to_bytes().unwrap(), text);

        let exported = home
            .gpg(&["--armor", "--export-secret-keys", &fingerprint])
            .stdout;
        let at_hand = SigningKey::from_bytes(&exported, None, now()).unwrap();
        let by_agent = SigningKey::from_gnupg(Some(home.path()), &user, None).unwrap();
        for key in [at_hand, by_agent] {
            assert_eq!(key.fingerprint().as_str(), fingerprint);
            let ours = simple::sign(&key, manifest().digest(), SIGNED_NAME, "us 1", now()).unwrap();
            let verified = simple::verify(&ours, &keyring, now()).unwrap();
            verified.matches(&manifest(), &reference).unwrap();
            let file = home.write("ours", &ours);
            let output = home.skopeo(&[
                "standalone-verify",
                manifest_file,
                SIGNED_NAME,
                &fingerprint,
                file.to_str().unwrap(),
            ]);
            assert!(output.status.success(), "{key:?}: {}", said(&output));
        }
    }
}

#[test]
fn weak_keys_of_gpg_are_refused() {
    let home = Home::new();
    let fingerprint = home.generate("weak", "rsa1024", "");
    let content = home.write("content", b"{}");
    home.gpg(&[
        "--local-user",
        &fingerprint,
        "--sign",
        content.to_str().unwrap(),
    ]);
    let signature = fs::read(home.path().join("content.gpg")).unwrap();
    let keyring = Keyring::from_gnupg(Some(home.path()), &fingerprint).unwrap();
    let error = simple::verify(&signature, &keyring, now())
        .unwrap_err()
        .to_string();
    assert!(error.contains("not acceptable"), "{error}");
}

#[test]
fn passphrases_and_missing_keys_are_told_apart() {
    let home = Home::new();
    let fingerprint = home.generate("bob", "ed25519", "sesame");
    let sign = |passphrase| {
        let key = SigningKey::from_gnupg(Some(home.path()), "bob", Some(passphrase)).unwrap();
        simple::sign(&key, manifest().digest(), SIGNED_NAME, "us 1", now())
    };
    assert!(matches!(
        sign("wrong"),
        Err(SignError::Gnupg(GnupgError::BadPassphrase(key))) if key.as_str() == fingerprint
    ));
    let signature = sign("sesame").unwrap();
    let keyring = Keyring::from_gnupg(Some(home.path()), "bob").unwrap();
    assert!(simple::verify(&signature, &keyring, now()).is_ok());
    assert!(matches!(
        SigningKey::from_gnupg(Some(home.path()), "nobody", None),
        Err(SignError::Gnupg(GnupgError::NoSecretKey { .. }))
    ));
    assert!(matches!(
        Keyring::from_gnupg(Some(home.path()), "nobody"),
        Err(GnupgError::NoPublicKey { .. })
    ));
    assert!(matches!(
        SigningKey::from_gnupg(Some(home.path()), "bob", Some("a\nb")),
        Err(SignError::PassphraseLineBreak)
    ));
    home.generate("bob the other", "ed25519", "");
    assert!(matches!(
        SigningKey::from_gnupg(Some(home.path()), "bob", None),
        Err(SignError::Gnupg(GnupgError::Ambiguous { found, .. })) if found.len() == 2
    ));
}

#[test]
fn exported_keys_open_with_their_passphrase_only() {
    let key = TestKey::generate("alice", days(-10), None).unwrap();
    let locked = key.secret_armored(Some("sesame")).unwrap();
    assert!(SigningKey::from_bytes(&locked, Some("sesame"), now()).is_ok());
    assert!(matches!(
        SigningKey::from_bytes(&locked, Some("wrong"), now()),
        Err(SignError::BadPassphrase(_))
    ));
    assert!(matches!(
        SigningKey::from_bytes(&locked, None, now()),
        Err(SignError::PassphraseNeeded(_))
    ));
    assert!(matches!(
        SigningKey::from_bytes(&key.public().unwrap(), None, now()),
        Err(SignError::CannotSign(_))
    ));
    assert!(matches!(
        SigningKey::from_bytes(b"nothing", None, now()),
        Err(SignError::NotAKey(_))
    ));
    // Before it was made, a key cannot sign.
    assert!(SigningKey::from_bytes(&locked, Some("sesame"), days(-20)).is_err());
}
