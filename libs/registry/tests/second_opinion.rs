//! The crate `oci-client` and ours on Debian's docker-registry: each reads what the other pushed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test, and helpers fail their test at once"
)]

mod common;

use std::io::Read;

use common::debian::{DebianRegistry, Setup};
use common::{insecure, manifest_json, noise, patient};
use config::auth::Credential;
use oci::{Digest, Manifest, MediaType, Tag};
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use registry::{Client, TagOrDigest, Upload};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The other client, for http on this machine.
fn other() -> oci_client::Client {
    // Its library wants to know who does TLS even when nobody does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    oci_client::Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn it_reads_what_we_pushed() {
    let Some(server) = DebianRegistry::start(&Setup::default()) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    let ours = insecure(&client, &server.host(), Credential::Anonymous);
    let (config, layer) = (b"{}".to_vec(), noise(5_000_000, 8));
    let manifest = manifest_json(&config, &layer);
    for (bytes, how) in [
        (&config, Upload::Auto),
        (
            &layer,
            Upload::Chunked {
                chunk_bytes: 1 << 20,
            },
        ),
    ] {
        ours.push_blob("a/b", bytes.as_slice(), None, how).unwrap();
    }
    let tag = TagOrDigest::Tag(Tag::parse("1").unwrap());
    let digest = ours
        .put_manifest("a/b", &tag, &MediaType::OciManifest, manifest.clone())
        .unwrap();
    let our_tags = ours.tags("a/b").unwrap();
    let head = ours.head_manifest("a/b", &tag).unwrap().unwrap();
    let reference: Reference = format!("{}/a/b:1", server.host()).parse().unwrap();
    let (auth, other) = (RegistryAuth::Anonymous, other());
    runtime().block_on(async {
        let image = other.pull(&reference, &auth, vec![LAYER]).await.unwrap();
        assert_eq!(image.layers.len(), 1);
        assert!(image.layers[0].data == layer);
        assert!(image.config.data == config);
        assert_eq!(image.digest, Some(digest.to_string()));
        let (raw, _) = other
            .pull_manifest_raw(&reference, &auth, &[MediaType::OciManifest.as_str()])
            .await
            .unwrap();
        assert!(raw == manifest);
        let tags = other
            .list_tags(&reference, &auth, None, None)
            .await
            .unwrap();
        assert_eq!(tags.tags, our_tags);
        let seen = other
            .fetch_manifest_digest(&reference, &auth)
            .await
            .unwrap();
        assert_eq!(seen, head.digest.to_string());
    });
}

#[test]
fn we_read_what_it_pushed() {
    let Some(server) = DebianRegistry::start(&Setup::default()) else {
        return;
    };
    let reference: Reference = format!("{}/c:2", server.host()).parse().unwrap();
    let (config, layers) = (b"{\"a\":1}".to_vec(), [noise(3_000_000, 9), noise(10, 10)]);
    let other = other();
    runtime().block_on(async {
        let auth = RegistryAuth::Anonymous;
        other
            .auth(&reference, &auth, RegistryOperation::Push)
            .await
            .unwrap();
        let layers: Vec<ImageLayer> = layers
            .iter()
            .map(|bytes| ImageLayer::new(bytes.clone(), LAYER.to_owned(), None))
            .collect();
        let config = Config::new(config.clone(), CONFIG.to_owned(), None);
        other
            .push(&reference, &layers, config, &auth, None)
            .await
            .unwrap();
    });
    let client = Client::new(patient()).unwrap();
    let ours = insecure(&client, &server.host(), Credential::Anonymous);
    let tag = TagOrDigest::Tag(Tag::parse("2").unwrap());
    let raw = ours.manifest("c", &tag).unwrap();
    let Manifest::Image(image) = raw.manifest() else {
        panic!("{raw:?}");
    };
    assert_eq!(image.config.digest, Digest::sha256(&config));
    assert_eq!(image.layers.len(), layers.len());
    for (layer, want) in image.layers.iter().zip(&layers) {
        let mut got = Vec::new();
        let mut reader = ours.blob("c", &layer.digest, Some(layer.size)).unwrap();
        reader.read_to_end(&mut got).unwrap();
        assert!(got == *want);
    }
}
