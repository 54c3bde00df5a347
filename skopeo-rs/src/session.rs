//! What one run of the program works with: configuration read, policy found, deadline set.

use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use config::lookaside::Lookaside;
use config::registries::Registries;
use config::{Environment, OwnConfig, policy_path};
use image::{Context, CopyError, ImageError, ImageName};
use jiff::Timestamp;
use oci::platform::PlatformWanted;
use registry::{Authorities, Cancel, ClientOptions, Proxies, RegistryError};
use signing::Policy;
use signing::policy::Requirement;
use storage::{StoreError, StoreOptions};
use term::{Explain as _, Failure, Interrupt};

use crate::global::Global;

/// Who signs, as signatures name it.
pub(crate) const CREATOR: &str = concat!("skopeo-rs ", env!("CARGO_PKG_VERSION"));

/// How long work that was asked to stop may take to clean up after a timeout.
const GRACE: Duration = Duration::from_secs(5);

/// The exit status for images that are not there, as skopeo(1) has it.
const NOT_FOUND: u8 = 2;

/// One run of the program.
pub(crate) struct Session {
    pub(crate) context: Context,
    pub(crate) interrupt: Interrupt,
    pub(crate) global: Global,
    pub(crate) now: Timestamp,
}

impl Session {
    /// Reads the configuration. The store of this host is opened when it is wanted, to be changed
    /// only when `writes_store` says so.
    pub(crate) fn new(
        global: Global,
        interrupt: &Interrupt,
        writes_store: bool,
    ) -> anyhow::Result<Session> {
        if let Some(timeout) = global.command_timeout.filter(|timeout| !timeout.is_zero()) {
            watch(timeout, interrupt);
        }
        let env = Environment::from_process();
        let registries = Registries::load(&env, global.registries_conf.as_deref())
            .context("reading registries.conf")?;
        let lookaside = Lookaside::load(&env, global.registries_d.as_deref())
            .context("reading registries.d")?;
        let own = OwnConfig::load(&env).context("reading our own configuration")?;
        let client = ClientOptions {
            user_agent: match &global.user_agent_prefix {
                Some(prefix) => format!("{prefix} {}", user_agent()),
                None => user_agent(),
            },
            realm_pairs: own.realm_pairs(),
            proxies: Proxies::from_environment(&env),
            authorities: Authorities::from_environment(&env),
            cancel: Cancel::from_flag(interrupt.flag()),
            ..ClientOptions::default()
        };
        let store = StoreOptions {
            read_only: !writes_store,
            ..StoreOptions::new(store_root(&env))
        };
        let mut context = Context::new(env, registries, lookaside);
        context.store = Some(store);
        context.client = client;
        context.platform = PlatformWanted::host().with_overrides(
            global.override_os.as_deref(),
            global.override_arch.as_deref(),
            global.override_variant.as_deref(),
        );
        if let Some(tmpdir) = &global.tmpdir {
            context.tmpdir.clone_from(tmpdir);
        }
        let session = Session {
            context,
            interrupt: interrupt.clone(),
            global,
            now: Timestamp::now(),
        };
        session.debug(|| {
            let platform = &session.context.platform;
            format!(
                "platform {}/{} variant {:?}, temporary files in {}, User-Agent {:?}",
                platform.os,
                platform.architecture,
                platform.variant.as_deref().unwrap_or(""),
                session.context.tmpdir.display(),
                session.context.client.user_agent,
            )
        });
        Ok(session)
    }

    /// Tells what `--debug` asks for.
    pub(crate) fn debug(&self, text: impl FnOnce() -> String) {
        if self.global.debug {
            let text = term::error::printable(&text(), "    ");
            term::program::say(&format!("skopeo-rs: debug: {text}\n"));
        }
    }

    /// Warns of something that the command does nevertheless.
    pub(crate) fn warn(&self, text: &str) {
        term::program::say(&format!(
            "skopeo-rs: warning: {}\n",
            term::error::printable(text, "    ")
        ));
    }

    /// The trust policy that holds for this run.
    pub(crate) fn policy(&self) -> anyhow::Result<Policy> {
        if self.global.insecure_policy {
            return Policy::parse(br#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
                .context("parsing the policy that accepts everything");
        }
        let path = policy_path::find(&self.context.env, self.global.policy.as_deref())
            .context("finding the trust policy")
            .hint(|| NO_POLICY)?;
        self.debug(|| format!("policy {}", path.display()));
        read_policy(&path, &self.interrupt)
    }

    /// Refuses an image that the policy would accept without a signature, for --require-signed.
    pub(crate) fn require_signed(&self, policy: &Policy, name: &ImageName) -> anyhow::Result<()> {
        if !self.global.require_signed {
            return Ok(());
        }
        let (scope, requirements) = policy.requirements_for(&name.identity());
        if !requirements.iter().any(Requirement::looks_at_signatures) {
            bail!(
                "{name}: the policy demands no signature in scope {scope}, --require-signed does"
            );
        }
        Ok(())
    }

    /// Gives the outcome of a command its last word: the status for images that are not there, and
    /// the timeout when that is why it failed.
    pub(crate) fn judge(&self, done: anyhow::Result<()>) -> anyhow::Result<()> {
        let Err(error) = done else { return Ok(()) };
        let stopped = self.interrupt.is_set() && self.interrupt.exit_status().is_none();
        if let Some(timeout) = self.global.command_timeout.filter(|_| stopped) {
            return Err(error.context(format!("not done within {timeout:?}")));
        }
        let not_found = is_not_found(&error);
        let of_registry = || RegistryError::find(error.as_ref())?.advice();
        let of_store = || StoreError::find(error.as_ref())?.advice();
        let advice = of_registry().or_else(of_store);
        let mut failure = Failure::new(error);
        if not_found {
            failure = failure.status(NOT_FOUND);
        }
        if let Some(advice) = advice {
            failure = failure.hint(advice);
        }
        Err(failure.into())
    }
}

/// What to do when no policy is there.
const NO_POLICY: &str = "write /etc/containers/policy.json, e.g. \
    {\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"registry.example\":\
    [{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/etc/pki/key.gpg\"}]}}}; \
    --insecure-policy accepts every image this once";

/// Largest policy that is read, in bytes.
const POLICY_BYTES: u64 = 4 << 20;

fn read_policy(path: &Path, interrupt: &Interrupt) -> anyhow::Result<Policy> {
    let bytes = term::input::read(path, POLICY_BYTES, interrupt)
        .with_context(|| format!("reading policy {}", path.display()))?;
    Policy::parse(&bytes).with_context(|| format!("invalid policy in {}", path.display()))
}

/// Tells whether the image that is read is not there: a destination that is not is another matter.
fn is_not_found(error: &anyhow::Error) -> bool {
    let found = error.chain().find_map(|cause| {
        let copy = cause.downcast_ref::<CopyError>();
        let image = cause.downcast_ref::<ImageError>();
        copy.map(CopyError::is_not_found)
            .or_else(|| image.map(ImageError::is_not_found))
    });
    found.unwrap_or(false)
}

fn user_agent() -> String {
    format!("skopeo-rs/{}", env!("CARGO_PKG_VERSION"))
}

/// The store that `store:` names, the same as storetool's.
fn store_root(env: &Environment) -> PathBuf {
    let data = || {
        env.path_var("XDG_DATA_HOME")
            .or_else(|| env.in_home(".local/share"))
    };
    match (env.path_var("STORETOOL_ROOT"), env.uid, data()) {
        (Some(root), ..) => root,
        (None, 0, _) | (None, _, None) => PathBuf::from("/var/lib/storetool"),
        (None, _, Some(data)) => data.join("storetool"),
    }
}

/// Asks the work to stop after `timeout`, and ends the process when it does not.
fn watch(timeout: Duration, interrupt: &Interrupt) {
    let interrupt = interrupt.clone();
    thread::spawn(move || {
        thread::sleep(timeout);
        interrupt.stop();
        thread::sleep(GRACE);
        term::program::say(&format!("skopeo-rs: not done within {timeout:?}\n"));
        process::exit(1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_source_that_is_missing_is_not_found() {
        let name = || "docker://r.example/x:1".to_owned();
        let missing = || ImageError::NotFound { name: name() };
        let source = CopyError::Source {
            name: name(),
            source: missing(),
        };
        let sink = CopyError::Sink {
            name: name(),
            source: missing(),
        };
        assert!(is_not_found(&missing().into()));
        assert!(is_not_found(
            &anyhow::Error::from(source).context("copying")
        ));
        assert!(!is_not_found(&anyhow::Error::from(sink).context("copying")));
    }
}
