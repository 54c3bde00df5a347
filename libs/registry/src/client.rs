//! The client: one per process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use config::auth::Credential;
use config::certs::{Pem, TlsFiles};
use http::{Method, StatusCode};
use oci::{Algorithm, Digest, Digester};
use url::Url;

use crate::block::Blocking;
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, Result, quoted};
use crate::exchange::{Ask, Session};
use crate::host::Host;
use crate::options::{ClientOptions, EndpointConfig};
use crate::tls::Shared;
use crate::token::Tokens;
use crate::warning::Warnings;

/// Connections, tokens and limits of one process; clones share them.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: ClientOptions,
    pub(crate) blocking: Blocking,
    pub(crate) tls: Shared,
    pub(crate) tokens: Tokens,
    pub(crate) warnings: Warnings,
    hosts: Mutex<HashMap<HostKey, Arc<Host>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HostKey {
    name: String,
    insecure: bool,
    tls: Digest,
}

impl Client {
    /// Makes a client. Nothing is connected to, and no certificate is read.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(options: ClientOptions) -> Result<Self> {
        let inner = Inner {
            blocking: Blocking::new(options.cancel.clone())?,
            options,
            tls: Shared::new(),
            tokens: Tokens::default(),
            warnings: Warnings::default(),
            hosts: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Returns a registry as one user sees it. Endpoints of the same host share connections,
    /// and those of the same credential share tokens.
    pub fn endpoint(&self, config: EndpointConfig) -> Endpoint {
        let host = self.host(&config.host, config.insecure, config.tls);
        Endpoint::new(Session::new(
            Arc::clone(&self.inner),
            host,
            config.credential,
        ))
    }

    /// Gets a small file, a detached signature say, by a plain URL and without any credentials;
    /// `None` when there is no such file. `tls` is what was configured for its host.
    ///
    /// # Errors
    /// Whatever else than 200 and 404 comes, or more than `max_bytes`.
    pub fn get_lookaside(
        &self,
        url: &str,
        tls: TlsFiles,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>> {
        let bad = |reason| RegistryError::Name {
            what: "URL",
            text: quoted(url),
            reason,
        };
        let url = Url::parse(url).map_err(|_| bad("is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("has a user name in it"));
        }
        let name = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(bad("has no host")),
        };
        let host = self.host(&name, false, tls);
        let session = Session::new(Arc::clone(&self.inner), host, Credential::Anonymous);
        self.inner.blocking.run(async {
            let _slot = session.slot().await?;
            let ask = Ask::new(Method::GET, url.clone(), None);
            let got = session
                .fetch(&ask, &[StatusCode::OK], "file", max_bytes)
                .await;
            match got {
                Ok((_, bytes)) => Ok(Some(bytes)),
                Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Returns the warnings that registries sent so far (`Warning: 299`), each text once.
    pub fn warnings(&self) -> Vec<String> {
        self.inner.warnings.all()
    }

    fn host(&self, name: &str, insecure: bool, tls: TlsFiles) -> Arc<Host> {
        let key = HostKey {
            name: name.to_owned(),
            insecure,
            tls: fingerprint(&tls),
        };
        let limit = self.inner.options.max_connections_per_host;
        let mut hosts = self
            .inner
            .hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let host = hosts
            .entry(key)
            .or_insert_with(|| Arc::new(Host::new(name, insecure, tls, limit)));
        Arc::clone(host)
    }
}

fn fingerprint(tls: &TlsFiles) -> Digest {
    let mut digester = Digester::new(Algorithm::Sha256);
    let client = tls.client.iter().flat_map(|(cert, key)| [cert, key]);
    for Pem { bytes, .. } in tls.ca_pem.iter().chain(client) {
        digester.update(&(bytes.len() as u64).to_le_bytes());
        digester.update(bytes);
    }
    digester.update(&[u8::from(tls.client.is_some())]);
    digester.finish()
}
