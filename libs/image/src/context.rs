//! Everything that comes in from outside once: configuration, client, store, platform.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use config::Environment;
use config::auth::Credential;
use config::lookaside::Lookaside;
use config::registries::Registries;
use oci::Repository;
use oci::platform::PlatformWanted;
use registry::{Client, ClientOptions};
use storage::{Store, StoreOptions};

use crate::error::ImageError;
use crate::transport::pushed::Pushed;

/// What every image of one command shares.
pub struct Context {
    /// User, home and variables.
    pub env: Environment,
    /// Mirrors, blocked and insecure registries.
    pub registries: Registries,
    /// Where signatures lie beside registries.
    pub lookaside: Lookaside,
    /// The platform that is chosen from lists.
    pub platform: PlatformWanted,
    /// Where large temporary files go.
    pub tmpdir: PathBuf,
    /// The store behind `store:` names; without, they are refused.
    pub store: Option<StoreOptions>,
    /// How the registry client behaves.
    pub client: ClientOptions,
    /// What is known of the repositories that are written to.
    pub(crate) pushed: Pushed,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    client: Option<Client>,
    store: Option<Arc<Store>>,
}

/// How one side of a copy reaches its registry or layout.
#[derive(Clone, Debug, Default)]
pub struct EndpointOptions {
    /// Who to be; `None` looks into the credential files, `Anonymous` does not.
    pub credential: Option<Credential>,
    /// The only credential file to look into.
    pub authfile: Option<PathBuf>,
    /// The only directory with certificates.
    pub cert_dir: Option<PathBuf>,
    /// Whether TLS is verified; `None` leaves it to registries.conf.
    pub tls_verify: Option<bool>,
    /// Blobs of `oci:` layouts lie here, shared by several layouts.
    pub shared_blob_dir: Option<PathBuf>,
    /// Where the docker engine listens (`unix://`, `tcp://`, `http://`); `None` is docker's default.
    pub daemon_host: Option<String>,
    /// A mirror that is not read from: the place that is written to.
    pub not_from: Option<Repository>,
}

impl Context {
    /// Makes a context with the defaults of the programs: this host's platform, `/var/tmp`, no
    /// store.
    pub fn new(env: Environment, registries: Registries, lookaside: Lookaside) -> Self {
        Self {
            env,
            registries,
            lookaside,
            platform: PlatformWanted::host(),
            tmpdir: PathBuf::from("/var/tmp"),
            store: None,
            client: ClientOptions::default(),
            pushed: Pushed::default(),
            shared: Mutex::default(),
        }
    }

    /// Returns the registry client, the same for all images; it is made when first wanted.
    ///
    /// # Errors
    /// When the client cannot be made, for want of threads or system certificates say.
    pub fn client(&self) -> Result<Client, ImageError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &shared.client {
            return Ok(client.clone());
        }
        let client = Client::new(self.client.clone()).map_err(|source| ImageError::Registry {
            act: "starting",
            name: "registry client".to_owned(),
            source: Box::new(source),
        })?;
        Ok(shared.client.insert(client).clone())
    }

    /// Returns what registries warned of so far (`Warning: 299`), each text once.
    pub fn warnings(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared
            .client
            .as_ref()
            .map(Client::warnings)
            .unwrap_or_default()
    }

    /// Returns the store, the same for all images; it is opened when first wanted.
    ///
    /// # Errors
    /// When there is none or it cannot be opened.
    pub fn store(&self) -> Result<Arc<Store>, ImageError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &shared.store {
            return Ok(Arc::clone(store));
        }
        let Some(options) = &self.store else {
            return Err(ImageError::Unsupported {
                transport: crate::Transport::Store,
                what: "a store without a configured root",
            });
        };
        let store = Store::open(options).map_err(|source| ImageError::Store {
            act: "opening",
            name: options.root.display().to_string(),
            source: Box::new(source),
        })?;
        Ok(Arc::clone(shared.store.insert(Arc::new(store))))
    }

    /// Uses a store that the program has open already.
    pub fn use_store(&self, store: Arc<Store>) {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .store = Some(store);
    }
}
