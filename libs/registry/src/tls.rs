//! Connections: which certificates are accepted and shown, made when they are first needed.
//!
//! Reading the system's authorities costs more than a whole request to a registry on the same
//! machine, so it happens when a certificate is to be verified, and once.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use config::certs::{Pem, TlsFiles};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::ClientOptions;
use crate::authorities::Authorities;
use crate::error::{Cause, RegistryError, Result};
use crate::pinned::{PinnedOrChain, Unverified};
use crate::resolver::RealmResolver;

/// What all connections of a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    provider: Arc<CryptoProvider>,
    roots: OnceLock<Arc<RootCertStore>>,
    plain: Mutex<Option<reqwest::Client>>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            roots: OnceLock::new(),
            plain: Mutex::new(None),
        }
    }

    /// Returns the system's certificate authorities.
    fn roots(&self, authorities: &Authorities) -> Result<Arc<RootCertStore>> {
        if let Some(roots) = self.roots.get() {
            return Ok(Arc::clone(roots));
        }
        let (roots, failure) = authorities.read();
        if roots.is_empty() {
            let source = failure.map(Cause::from);
            return Err(RegistryError::NoRoots { source });
        }
        Ok(Arc::clone(self.roots.get_or_init(|| Arc::new(roots))))
    }

    /// Returns the client for `http` URLs; it knows no authority, so it can reach no `https` one.
    pub(crate) fn plain(&self, options: &ClientOptions) -> Result<reqwest::Client> {
        once(&self.plain, || {
            let tls = self
                .builder()?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            build(options, tls, None, None)
        })
    }

    /// Returns a client whose connections all go to a socket of this host.
    pub(crate) fn socket(&self, options: &ClientOptions, path: &Path) -> Result<reqwest::Client> {
        let tls = self
            .builder()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        build(options, tls, None, Some(path))
    }

    fn builder(&self) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
        ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|source| RegistryError::Setup {
                what: "TLS",
                source: source.into(),
            })
    }
}

/// Whom a connection is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// The registry itself: it is shown the client certificate.
    Registry,
    /// A host that the registry redirects to.
    Redirected,
    /// The token service on another host. It gets a password, so it is verified even when the
    /// registry is not.
    TokenService(RealmResolver),
}

/// The `https` connections on behalf of one registry.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    registry: Mutex<Option<reqwest::Client>>,
    redirected: Mutex<Option<reqwest::Client>>,
    token_service: Mutex<Option<reqwest::Client>>,
}

impl Connections {
    /// Returns the client for `https` URLs of `peer`.
    pub(crate) fn client(
        &self,
        shared: &Shared,
        options: &ClientOptions,
        host: &str,
        (files, insecure): (&TlsFiles, bool),
        peer: Peer,
    ) -> Result<reqwest::Client> {
        let make = |files, insecure, show, resolver| {
            build(
                options,
                tls_config((shared, &options.authorities), host, files, insecure, show)?,
                resolver,
                None,
            )
        };
        match peer {
            Peer::Redirected if files.client.is_some() => {
                once(&self.redirected, || make(files, insecure, false, None))
            }
            Peer::Registry | Peer::Redirected => {
                once(&self.registry, || make(files, insecure, true, None))
            }
            Peer::TokenService(resolver) => once(&self.token_service, || {
                make(files, false, false, Some(resolver))
            }),
        }
    }
}

fn once(
    slot: &Mutex<Option<reqwest::Client>>,
    make: impl FnOnce() -> Result<reqwest::Client>,
) -> Result<reqwest::Client> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = &*slot {
        return Ok(client.clone());
    }
    let client = make()?;
    *slot = Some(client.clone());
    Ok(client)
}

fn tls_config(
    (shared, authorities): (&Shared, &Authorities),
    host: &str,
    files: &TlsFiles,
    insecure: bool,
    show_client_certificate: bool,
) -> Result<ClientConfig> {
    let bad = |file: &Pem, what, source: Cause| RegistryError::TlsFiles {
        host: host.to_owned(),
        path: file.path.clone(),
        what,
        source,
    };
    let builder = shared.builder()?;
    let builder = if insecure {
        let verifier = Unverified(Arc::clone(&shared.provider));
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    } else if let Some(first) = files.ca_pem.first() {
        // A machine without authorities of its own can still reach the registry it has one for.
        let mut roots = shared
            .roots(authorities)
            .map_or_else(|_| RootCertStore::empty(), |roots| (*roots).clone());
        let mut pinned = Vec::new();
        for file in &files.ca_pem {
            for certificate in CertificateDer::pem_slice_iter(&file.bytes) {
                let certificate =
                    certificate.map_err(|error| bad(file, "is no PEM", error.into()))?;
                roots
                    .add(certificate.clone())
                    .map_err(|error| bad(file, "holds no certificate authority", error.into()))?;
                pinned.push(certificate);
            }
        }
        let chain = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&shared.provider),
        )
        .build()
        .map_err(|error| bad(first, "holds no certificate", error.into()))?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinnedOrChain { chain, pinned }))
    } else {
        builder.with_root_certificates(shared.roots(authorities)?)
    };
    let mut config = match &files.client {
        Some((cert, key)) if show_client_certificate => {
            let chain: Vec<_> = CertificateDer::pem_slice_iter(&cert.bytes)
                .collect::<Result<_, _>>()
                .map_err(|error| bad(cert, "is no PEM", error.into()))?;
            let private = PrivateKeyDer::from_pem_slice(&key.bytes)
                .map_err(|error| bad(key, "holds no private key", error.into()))?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| bad(key, "does not fit its .cert file", error.into()))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Most bytes that an HTTP/2 peer may send ahead in one stream, and in all of a connection's.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Most bytes of the headers of an HTTP/2 answer; HTTP/1 has the library's own limit of 400 KiB.
const MAX_HEADER_BYTES: u32 = 256 << 10;

fn build(
    options: &ClientOptions,
    tls: ClientConfig,
    resolver: Option<RealmResolver>,
    socket: Option<&Path>,
) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(&options.user_agent)
        // Each hop is judged by our own rules.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(options.timeouts.connect)
        .tcp_keepalive(Duration::from_secs(60))
        .pool_max_idle_per_host(options.max_connections_per_host)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        // The environment is read by the program, and comes in by the options.
        .no_proxy();
    match socket {
        Some(path) => builder = builder.unix_socket(path.to_owned()),
        None => {
            for proxy in crate::proxy::all(&options.proxies)? {
                builder = builder.proxy(proxy);
            }
        }
    }
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(Arc::new(resolver));
    }
    builder.build().map_err(|source| RegistryError::Setup {
        what: "HTTP",
        source: source.into(),
    })
}
