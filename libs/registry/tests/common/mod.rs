//! What the tests of this crate share: impatient clients, a scripted registry, a real one.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test program takes its part of these helpers"
)]

pub mod debian;
pub mod script;

use std::time::Duration;

use config::Secret;
use config::auth::Credential;
use config::certs::{Pem, TlsFiles};
use registry::{Client, ClientOptions, Endpoint, EndpointConfig, RetryPolicy, Timeouts};

/// A file of certificates that lies nowhere.
pub fn pem(name: &str, bytes: &[u8]) -> Pem {
    Pem {
        path: name.into(),
        bytes: bytes.to_vec(),
    }
}

/// Timeouts of two seconds, which a busy machine does not reach by itself; three tries.
pub fn impatient() -> ClientOptions {
    ClientOptions {
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(2),
            idle: Duration::from_secs(2),
            commit: Duration::from_secs(5),
            floor_bytes_per_second: 1000,
            floor_window: Duration::from_millis(600),
            elsewhere: Duration::from_secs(30),
            slot: Duration::from_secs(2),
        },
        retry: RetryPolicy {
            tries: 3,
            first_delay: Duration::from_millis(4),
            max_delay: Duration::from_millis(40),
            total: Duration::from_secs(20),
        },
        ..ClientOptions::default()
    }
}

/// As many tries, but timeouts that a busy machine does not reach: for tests of what happens and
/// not of when.
pub fn patient() -> ClientOptions {
    let long = Duration::from_secs(60);
    let mut options = impatient();
    options.timeouts.answer = long;
    options.timeouts.idle = long;
    options.timeouts.commit = long;
    options.timeouts.floor_window = long;
    options.timeouts.slot = long;
    options.retry.total = long;
    options
}

pub fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic {
        username: username.to_owned(),
        password: Secret::new(password),
    }
}

/// An endpoint that may fall back to plain http.
pub fn insecure(client: &Client, host: &str, credential: Credential) -> Endpoint {
    client.endpoint(EndpointConfig {
        host: host.to_owned(),
        insecure: true,
        tls: TlsFiles::default(),
        credential,
    })
}

/// Bytes that do not compress and are the same each time.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A manifest of one layer.
pub fn manifest_json(config: &[u8], layer: &[u8]) -> Vec<u8> {
    format!(
        concat!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"#,
            r#""layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#
        ),
        oci::Digest::sha256(config),
        config.len(),
        oci::Digest::sha256(layer),
        layer.len()
    )
    .into_bytes()
}
