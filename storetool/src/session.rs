//! What one run of the program works with: the store, the policy, the way to registries.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use config::lookaside::Lookaside;
use config::registries::Registries;
use config::{Environment, OwnConfig, policy_path};
use image::Context;
use registry::{Authorities, Cancel, ClientOptions, Proxies};
use signing::Policy;
use storage::{DriverKind, ImageRecord, Store, StoreError, StoreOptions};
use term::{Explain as _, Interrupt};

/// The flags before or after every verb.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct Global {
    /// The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not
    /// root)
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// How root file systems are made: composefs or vfs
    ///
    /// It is chosen when the store is made (default: composefs where the machine can do it) and
    /// must be the same from then on.
    #[arg(long, global = true, value_name = "DRIVER")]
    driver: Option<DriverKind>,
}

/// One run of the program.
pub(crate) struct Session {
    pub(crate) env: Environment,
    pub(crate) interrupt: Interrupt,
    global: Global,
}

impl Session {
    pub(crate) fn new(global: Global, interrupt: &Interrupt) -> Session {
        Session {
            env: Environment::from_process(),
            interrupt: interrupt.clone(),
            global,
        }
    }

    /// Opens the store to look at it; it must be there.
    pub(crate) fn look(&self) -> anyhow::Result<Store> {
        let options = StoreOptions {
            read_only: true,
            ..self.options()
        };
        with_hint(self.open(&options))
    }

    /// Opens the store to change what is in it; it must be there.
    pub(crate) fn change_existing(&self) -> anyhow::Result<Store> {
        let options = StoreOptions {
            create: false,
            ..self.options()
        };
        with_hint(self.open(&options))
    }

    /// Opens the store to change it, making it when it is not there.
    pub(crate) fn change(&self) -> anyhow::Result<Store> {
        self.open(&self.options())
    }

    fn open(&self, options: &StoreOptions) -> anyhow::Result<Store> {
        let store = Store::open(options)
            .with_context(|| format!("opening the store {}", options.root.display()))?;
        if let Some(reason) = store.fell_back() {
            term::program::say(&format!(
                "storetool: note: this store copies files (driver vfs), composefs does not work \
                 here: {reason}\n"
            ));
        }
        Ok(store)
    }

    fn options(&self) -> StoreOptions {
        // Not by the grammar: usage would show `--root DIR` as if it were missing.
        let named = || self.env.path_var("STORETOOL_ROOT");
        let root = self.global.root.clone().or_else(named);
        let root = root.unwrap_or_else(|| default_root(&self.env));
        StoreOptions {
            driver: self.global.driver,
            ..StoreOptions::new(root)
        }
    }

    /// What copies into and out of the store work with. Where signatures lie is read from
    /// `registries_d` alone when it is given.
    pub(crate) fn context(
        &self,
        store: &Store,
        registries_d: Option<&Path>,
    ) -> anyhow::Result<Context> {
        let env = self.env.clone();
        let registries = Registries::load(&env, None).context("reading registries.conf")?;
        let lookaside = Lookaside::load(&env, registries_d).context("reading registries.d")?;
        let own = OwnConfig::load(&env).context("reading our own configuration")?;
        let client = ClientOptions {
            user_agent: format!("storetool/{}", env!("CARGO_PKG_VERSION")),
            realm_pairs: own.realm_pairs(),
            proxies: Proxies::from_environment(&env),
            authorities: Authorities::from_environment(&env),
            cancel: Cancel::from_flag(self.interrupt.flag()),
            ..ClientOptions::default()
        };
        let mut context = Context::new(env, registries, lookaside);
        context.client = client;
        context.store = Some(self.options());
        context.use_store(store.clone().into());
        Ok(context)
    }

    /// Fails with the last of several failures, having told the others.
    pub(crate) fn fail_last(&self, mut failures: Vec<anyhow::Error>) -> anyhow::Result<()> {
        let Some(last) = failures.pop() else {
            return Ok(());
        };
        for failure in &failures {
            term::program::say(&term::error::render(crate::NAME, failure));
        }
        Err(last)
    }

    /// The trust policy that holds: the one that was asked for, else the host's.
    pub(crate) fn policy(&self, asked: Option<&Path>) -> anyhow::Result<Policy> {
        let path = policy_path::find(&self.env, asked)
            .context("finding the trust policy")
            .hint(|| NO_POLICY)?;
        let bytes = term::input::read(&path, POLICY_BYTES, &self.interrupt)
            .with_context(|| format!("reading policy {}", path.display()))?;
        Policy::parse(&bytes).with_context(|| format!("invalid policy in {}", path.display()))
    }
}

/// Says how a store is made where none is: not where it only can not be read.
fn with_hint(opened: anyhow::Result<Store>) -> anyhow::Result<Store> {
    match opened {
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::NoStore { .. })) => {
            Err(error).hint(|| NO_STORE)
        }
        opened => opened,
    }
}

/// What to do when there is no store.
const NO_STORE: &str = "the first `storetool pull` or `storetool import` makes the store";

/// What to do when no policy is there.
const NO_POLICY: &str = "write /etc/containers/policy.json, e.g. \
    {\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"registry.example\":\
    [{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/etc/pki/key.gpg\"}]}}}; \
    see containers-policy.json(5)";

/// The store of root.
const ROOT: &str = "/var/lib/storetool";

/// Largest policy that is read, in bytes.
const POLICY_BYTES: u64 = 4 << 20;

/// Finds an image, with what to try when it is not there.
pub(crate) fn find_image(store: &Store, wanted: &str) -> anyhow::Result<ImageRecord> {
    store
        .image(wanted)
        .with_context(|| format!("finding image {wanted}"))
        .hint(|| "`storetool images` lists what is in the store")
}

fn default_root(env: &Environment) -> PathBuf {
    let data = || {
        env.path_var("XDG_DATA_HOME")
            .or_else(|| env.in_home(".local/share"))
    };
    match (env.uid, data()) {
        (0, _) | (_, None) => PathBuf::from(ROOT),
        (_, Some(data)) => data.join("storetool"),
    }
}
