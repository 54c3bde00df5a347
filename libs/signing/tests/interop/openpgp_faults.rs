//! Signatures with one fault each, made with sequoia.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use oci::Digest;
use sequoia_openpgp::cert::prelude::*;
use sequoia_openpgp::crypto::{KeyPair, Signer as _};
use sequoia_openpgp::packet::signature::{Signature3, SignatureBuilder};
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::serialize::stream::{
    Armorer, Compressor, Encryptor, LiteralWriter, Message, Signer,
};
use sequoia_openpgp::types::{
    CompressionAlgorithm, HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType,
};
use signing::simple::Payload;
use signing::testing::TestKey;

use crate::support::{days, manifest, now};

pub(crate) const SIGNED_NAME: &str = "r.example/app:1";

/// One signature, and the public key that a policy would name for it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) stored: Vec<u8>,
    pub(crate) public: Vec<u8>,
    /// Whether it must be accepted under a policy that names its key and its identity.
    pub(crate) good: bool,
}

pub(crate) fn payload(digest: Digest, name: &str) -> Vec<u8> {
    Payload {
        manifest_digest: digest,
        docker_reference: name.to_owned(),
        creator: Some("test 1".to_owned()),
        timestamp: Some(1_700_000_000),
    }
    .to_bytes()
    .unwrap()
}

pub(crate) fn good_payload() -> Vec<u8> {
    payload(*manifest().digest(), SIGNED_NAME)
}

/// How [`message`] builds a message.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Compressed,
    Armored,
    Cleartext,
    Detached,
    Encrypted,
    Twice,
    Hashed(HashAlgorithm),
    Expiring(Duration),
}

fn pair(cert: &Cert, at: SystemTime) -> KeyPair {
    let policy = StandardPolicy::at(at);
    let keys = cert.keys().with_policy(&policy, at).for_signing().secret();
    keys.last().unwrap().key().clone().into_keypair().unwrap()
}

fn system(at: Timestamp) -> SystemTime {
    SystemTime::try_from(at).unwrap()
}

fn message(pair: &KeyPair, content: &[u8], at: Timestamp, form: Form) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = Message::new(&mut out);
    message = match form {
        Form::Compressed => Compressor::new(message)
            .algo(CompressionAlgorithm::Zip)
            .build()
            .unwrap(),
        Form::Armored => Armorer::new(message).build().unwrap(),
        Form::Encrypted => Encryptor::with_passwords(message, ["secret"])
            .build()
            .unwrap(),
        _ => message,
    };
    let mut template = SignatureBuilder::new(match form {
        Form::Cleartext => SignatureType::Text,
        _ => SignatureType::Binary,
    });
    if let Form::Expiring(after) = form {
        template = template.set_signature_validity_period(after).unwrap();
    }
    let mut signer = Signer::with_template(message, pair.clone(), template)
        .unwrap()
        .creation_time(system(at));
    signer = match form {
        Form::Hashed(hash) => signer.hash_algo(hash).unwrap(),
        Form::Twice => signer.add_signer(pair.clone()).unwrap(),
        Form::Detached => signer.detached(),
        Form::Cleartext => signer.cleartext(),
        _ => signer,
    };
    let mut message = signer.build().unwrap();
    if !matches!(form, Form::Detached | Form::Cleartext) {
        message = LiteralWriter::new(message).build().unwrap();
    }
    message.write_all(content).unwrap();
    message.finalize().unwrap();
    out
}

fn literal(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = LiteralWriter::new(Message::new(&mut out)).build().unwrap();
    message.write_all(content).unwrap();
    message.finalize().unwrap();
    out
}

/// Returns all cases; each has a name that differences go by.
pub(crate) fn cases() -> Vec<Case> {
    let made = days(-30);
    let key = TestKey::generate("alice", days(-400), None).unwrap();
    let public = key.public().unwrap();
    let alice = pair(key.cert(), system(made));
    let content = good_payload();
    let mut cases = Vec::new();
    let mut add = |name, stored, public: &[u8], good| {
        let public = public.to_vec();
        cases.push(Case {
            name,
            stored,
            public,
            good,
        });
    };
    let with = |form| message(&alice, &content, made, form);
    let good = with(Form::Plain);

    add("good", good.clone(), &public, true);
    add(
        "good with an armoured key",
        good.clone(),
        &key.public_armored().unwrap(),
        true,
    );
    add("compressed", with(Form::Compressed), &public, true);
    add(
        "SHA-256",
        with(Form::Hashed(HashAlgorithm::SHA256)),
        &public,
        true,
    );
    add(
        "SHA-1",
        with(Form::Hashed(HashAlgorithm::SHA1)),
        &public,
        false,
    );
    add("armoured", with(Form::Armored), &public, false);
    add("cleartext", with(Form::Cleartext), &public, false);
    add("detached", with(Form::Detached), &public, false);
    add("encrypted", with(Form::Encrypted), &public, false);
    add("two signatures", with(Form::Twice), &public, false);
    add("literal only", literal(&content), &public, false);
    add("empty", Vec::new(), &public, false);
    add("text", b"not a signature".to_vec(), &public, false);
    add(
        "the key in place of a signature",
        public.clone(),
        &public,
        false,
    );
    add(
        "truncated",
        good[..good.len() - 10].to_vec(),
        &public,
        false,
    );
    add(
        "two messages",
        [good.clone(), good.clone()].concat(),
        &public,
        false,
    );
    add(
        "literal in front",
        [literal(b"x"), good.clone()].concat(),
        &public,
        false,
    );
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    add("flipped bit", flipped, &public, false);
    let expiring = with(Form::Expiring(Duration::from_secs(86_400)));
    add("expired signature", expiring, &public, false);
    let long = with(Form::Expiring(Duration::from_secs(365 * 86_400)));
    add("signature that will expire", long, &public, true);
    let ahead = |seconds| Timestamp::from_second(now().as_second() + seconds).unwrap();
    add(
        "clock five minutes ahead",
        message(&alice, &content, ahead(300), Form::Plain),
        &public,
        true,
    );
    add(
        "from tomorrow",
        message(&alice, &content, days(1), Form::Plain),
        &public,
        false,
    );
    let mallory = TestKey::generate("mallory", days(-400), None).unwrap();
    let other = message(
        &pair(mallory.cert(), system(made)),
        &content,
        made,
        Form::Plain,
    );
    add("unknown key", other, &public, false);

    let short =
        TestKey::generate("short", days(-400), Some(Duration::from_secs(390 * 86_400))).unwrap();
    let in_time = message(
        &pair(short.cert(), system(made)),
        &content,
        made,
        Form::Plain,
    );
    add(
        "key expired since",
        in_time,
        &short.public().unwrap(),
        false,
    );
    for (name, reason) in [
        ("key compromised", ReasonForRevocation::KeyCompromised),
        ("key superseded since", ReasonForRevocation::KeySuperseded),
    ] {
        let revoked = key.revoked(days(-1), reason).unwrap();
        add(name, good.clone(), &revoked.public().unwrap(), false);
    }
    let revoked = key
        .revoked(days(-1), ReasonForRevocation::KeyCompromised)
        .unwrap();
    let both = [public.clone(), revoked.public().unwrap()].concat();
    add("revocation in a second copy of the key", good, &both, false);

    let subkey = TestKey::generate_with_subkey("subkey", days(-400)).unwrap();
    let by_subkey = message(
        &pair(subkey.cert(), system(made)),
        &content,
        made,
        Form::Plain,
    );
    add(
        "signing subkey",
        by_subkey.clone(),
        &subkey.public().unwrap(),
        true,
    );
    add("revoked subkey", by_subkey, &revoke_subkey(&subkey), false);
    let primary = subkey.cert().primary_key().key().clone();
    let primary = primary.parts_into_secret().unwrap().into_keypair().unwrap();
    let certifier = message(&primary, &content, made, Form::Plain);
    add(
        "key that may only certify",
        certifier,
        &subkey.public().unwrap(),
        false,
    );

    let rsa = rsa_key();
    let by_rsa = message(&pair(rsa.cert(), system(made)), &content, made, Form::Plain);
    add("RSA 2048", by_rsa, &rsa.public().unwrap(), true);

    let version_3 = version_3(&pair(rsa.cert(), system(made)), &content, made);
    add(
        "version 3 signature",
        version_3,
        &rsa.public().unwrap(),
        false,
    );

    let text = String::from_utf8(content.clone()).unwrap();
    for (name, from, to, good) in [
        ("payload with other digest", "sha256:", "sha256:0", false),
        (
            "payload with other type",
            "atomic container",
            "other container",
            false,
        ),
        (
            "payload with unknown critical member",
            "\"type\":",
            "\"x\":1,\"type\":",
            false,
        ),
        (
            "payload with critical twice",
            "\"optional\":",
            "\"critical\":{},\"optional\":",
            false,
        ),
        (
            "payload without optional",
            ",\"optional\":{\"creator\":\"test 1\",\"timestamp\":1700000000}",
            "",
            false,
        ),
        (
            "payload with unknown optional member",
            "\"creator\":",
            "\"x\":{},\"creator\":",
            true,
        ),
        (
            "payload with text as timestamp",
            "1700000000",
            "\"1700000000\"",
            false,
        ),
        (
            "payload with fraction in timestamp",
            "1700000000",
            "1.5",
            false,
        ),
        (
            "payload with exponent in timestamp",
            "1700000000",
            "17e8",
            true,
        ),
        ("payload with number as creator", "\"test 1\"", "1", false),
        ("payload with trailing bytes", "}}", "}} x", false),
        ("payload in capitals", "critical", "Critical", false),
        ("payload is no JSON", "{\"critical\"", "x", false),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}");
        add(
            name,
            message(&alice, changed.as_bytes(), made, Form::Plain),
            &public,
            good,
        );
    }
    let digest = Digest::sha256(b"another manifest");
    let elsewhere = payload(digest, SIGNED_NAME);
    add(
        "other manifest",
        message(&alice, &elsewhere, made, Form::Plain),
        &public,
        false,
    );
    cases
}

fn revoke_subkey(key: &TestKey) -> Vec<u8> {
    let cert = key.cert();
    let primary = cert.primary_key().key().clone();
    let mut signer = primary.parts_into_secret().unwrap().into_keypair().unwrap();
    let subkey = cert.keys().subkeys().next().unwrap();
    let revocation = SubkeyRevocationBuilder::new()
        .set_signature_creation_time(system(days(-1)))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .build(&mut signer, cert, subkey.key(), None)
        .unwrap();
    let cert = cert.clone().insert_packets([revocation]).unwrap().0;
    TestKey::from_cert(cert).public().unwrap()
}

fn rsa_key() -> TestKey {
    let (cert, _) = CertBuilder::new()
        .add_userid("rsa")
        .set_cipher_suite(CipherSuite::RSA2k)
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .set_creation_time(system(days(-400)))
        .generate()
        .unwrap();
    TestKey::from_cert(cert)
}

/// Signs as PGP 2 did (RFC 4880, 5.2.2): type and time are hashed, nothing else of the packet is.
fn version_3(pair: &KeyPair, content: &[u8], at: Timestamp) -> Vec<u8> {
    let time = sequoia_openpgp::types::Timestamp::try_from(system(at)).unwrap();
    let mut hash = HashAlgorithm::SHA256.context().unwrap().for_digest();
    hash.update(content);
    hash.update(&[u8::from(SignatureType::Binary)]);
    hash.update(&u32::from(time).to_be_bytes());
    let digest = hash.into_digest().unwrap();
    let mpis = pair.clone().sign(HashAlgorithm::SHA256, &digest).unwrap();
    let signature = Signature3::new(
        SignatureType::Binary,
        time,
        pair.public().keyid(),
        pair.public().pk_algo(),
        HashAlgorithm::SHA256,
        [digest[0], digest[1]],
        mpis,
    );
    let packet = Packet::from(Signature::from(signature));
    [packet.to_vec().unwrap(), literal(content)].concat()
}
