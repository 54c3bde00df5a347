//! What a program may set about the client; the defaults are those of production.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use config::Environment;
use config::auth::Credential;
use config::certs::TlsFiles;

use crate::authorities::Authorities;

/// Settings of one [`crate::Client`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The `User-Agent` of every request.
    pub user_agent: String,
    /// How long anything may take.
    pub timeouts: Timeouts,
    /// How often, and how fast after one another, a request is tried.
    pub retry: RetryPolicy,
    /// How many connections one registry gets at once.
    pub max_connections_per_host: usize,
    /// `(registry, realm)` host pairs beside the built-in ones: whose tokens may come from where.
    pub realm_pairs: Vec<(String, String)>,
    /// Where the realm pairs are configured, for the error that names it.
    pub realm_setting: &'static str,
    /// Proxies, as the environment of the program names them.
    pub proxies: Proxies,
    /// Where the system's certificate authorities lie.
    pub authorities: Authorities,
    /// Raised by the program to end all blocking calls.
    pub cancel: Cancel,
    /// Most bytes of a blob whose size nobody announces.
    pub unsized_blob_bytes: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("containers/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            max_connections_per_host: 8,
            realm_pairs: Vec::new(),
            realm_setting: "[[token-realm]] of /etc/containers/ocitools.toml",
            proxies: Proxies::default(),
            authorities: Authorities::default(),
            cancel: Cancel::default(),
            unsized_blob_bytes: 16 << 30,
        }
    }
}

/// How long anything may take.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// TCP and TLS together.
    pub connect: Duration,
    /// From the request to the first byte of its answer.
    pub answer: Duration,
    /// Between two reads or writes of a body.
    pub idle: Duration,
    /// From the last byte of an upload to its answer: the registry hashes meanwhile.
    pub commit: Duration,
    /// A body slower than this over [`Self::floor_window`] is given up.
    pub floor_bytes_per_second: u64,
    /// The window of the floor.
    pub floor_window: Duration,
    /// From the call to the manifest, retries included, where the image may come from elsewhere
    /// ([`crate::Endpoint::manifest_bytes_in_time`]).
    pub elsewhere: Duration,
    /// How long to wait for a free connection while none of a host's moves a byte.
    pub slot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            commit: Duration::from_secs(300),
            floor_bytes_per_second: 1000,
            floor_window: Duration::from_secs(60),
            elsewhere: Duration::from_secs(30),
            slot: Duration::from_secs(300),
        }
    }
}

/// How often, and how fast after one another, a request is tried.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub tries: u32,
    /// The wait after the first failure; it doubles each time, with jitter.
    pub first_delay: Duration,
    /// The longest wait, also when `Retry-After` asks for more.
    pub max_delay: Duration,
    /// No new try begins later than this after the first.
    pub total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 6,
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(60),
            total: Duration::from_secs(300),
        }
    }
}

/// Proxies by the scheme of the request, as Go reads them from the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `HTTP_PROXY` or `http_proxy`, for `http` URLs.
    pub http: Option<String>,
    /// `HTTPS_PROXY` or `https_proxy`, for `https` URLs.
    pub https: Option<String>,
    /// `NO_PROXY` or `no_proxy`: hosts, domains and networks that are reached directly.
    pub none: Option<String>,
}

impl Proxies {
    /// Reads the variables. Those in capitals go first, except for `HTTP_PROXY` of a CGI program,
    /// which is a header of whoever asks.
    pub fn from_environment(env: &Environment) -> Self {
        let var = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| env.var(name))
                .map(|value| value.to_string_lossy().into_owned())
        };
        let is_cgi = env.var("REQUEST_METHOD").is_some();
        let http: &[&str] = &["HTTP_PROXY", "http_proxy"];
        Self {
            http: var(&http[usize::from(is_cgi)..]),
            https: var(&["HTTPS_PROXY", "https_proxy"]),
            none: var(&["NO_PROXY", "no_proxy"]),
        }
    }
}

/// Asks all blocking calls of a client to end; clones share the flag.
///
/// Waiting calls look at it every 50 ms, so raising it is one atomic store, which a signal
/// handler may do.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Makes a handle from a flag that something else raises.
    pub fn from_flag(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Raises the flag. What is waiting ends with [`crate::RegistryError::Cancelled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One registry, and what is known about reaching it.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Host and port as in an image's name, `docker.io` or `r.example:5000` say.
    pub host: String,
    /// Whether certificates are not verified, and plain `http` is tried when TLS fails.
    pub insecure: bool,
    /// Certificates of the registry, from its `certs.d` directory.
    pub tls: TlsFiles,
    /// Who we are.
    pub credential: Credential,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_go_first_but_not_for_a_cgi_program() {
        let http = |vars: &[(&str, &str)]| {
            let env = Environment {
                uid: 0,
                home: None,
                vars: vars
                    .iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                root: "/".into(),
            };
            Proxies::from_environment(&env).http
        };
        let (upper, lower) = (("HTTP_PROXY", "upper"), ("http_proxy", "lower"));
        let cgi = ("REQUEST_METHOD", "GET");
        assert_eq!(http(&[]), None);
        assert_eq!(http(&[upper]).as_deref(), Some("upper"));
        assert_eq!(http(&[upper, lower]).as_deref(), Some("upper"));
        assert_eq!(http(&[cgi, upper]), None);
        assert_eq!(http(&[cgi, upper, lower]).as_deref(), Some("lower"));
    }
}
