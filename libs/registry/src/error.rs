//! What can go wrong between this client and a registry, with the evidence in fields.
//!
//! URLs in errors are redacted ([`redacted`]): no user information, and of the query only
//! what the distribution specification itself puts there, as the rest may be a signature that
//! opens somebody's storage.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::{Method, StatusCode};
use oci::Digest;
use url::Url;

use crate::options::Proxies;

/// The result of everything in this crate.
pub type Result<T, E = RegistryError> = std::result::Result<T, E>;

/// A foreign error that ours was caused by.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request to a registry gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry answered, with a status that says no.
    #[error(transparent)]
    Status(Box<StatusError>),
    /// There was no connection: refused, no such host, TLS not agreed.
    #[error("{method} {url}: cannot connect{}", through(proxy.as_deref()))]
    Connect {
        /// The method of the request.
        method: Method,
        /// The redacted URL.
        url: String,
        /// The proxy that was asked for it, without user and password.
        proxy: Option<String>,
        /// What the system or TLS said.
        source: Cause,
    },
    /// The connection broke before the answer was complete, or what came is no HTTP.
    #[error("{method} {url}: connection broke")]
    Broken {
        /// The method of the request.
        method: Method,
        /// The redacted URL.
        url: String,
        /// What the connection said.
        source: Cause,
    },
    /// Nothing came for too long.
    #[error("{method} {url}: no {awaited} within {after:?}")]
    Timeout {
        /// The method of the request.
        method: Method,
        /// The redacted URL.
        url: String,
        /// What was waited for.
        awaited: &'static str,
        /// How long.
        after: Duration,
    },
    /// The registry ended the connection after the TLS handshake, before the first answer.
    #[error("{url}: the registry hung up after the TLS handshake; does it want {} client certificate?",
        if *shown { "another" } else { "a" })]
    HungUp {
        /// The redacted URL.
        url: String,
        /// Whether it was shown a client certificate.
        shown: bool,
        /// What the connection said.
        source: Cause,
    },
    /// An upload broke off, and what it is made of cannot be read a second time.
    #[error(
        "{url}: the upload broke off after {read_bytes} bytes, and its source cannot be read again"
    )]
    Interrupted {
        /// The redacted URL.
        url: String,
        /// How many bytes had been read of the source.
        read_bytes: u64,
        /// How it broke off.
        source: Box<RegistryError>,
    },
    /// The registry took an upload before all of it was sent: what it has is not the blob.
    #[error("{url}: the registry answered before the blob ended")]
    Early {
        /// The redacted URL.
        url: String,
    },
    /// Less came than the floor allows ([`crate::Timeouts::floor_bytes_per_second`]).
    #[error("{method} {url}: slower than {floor_bytes_per_second} bytes per second for {over:?}")]
    TooSlow {
        /// The method of the request.
        method: Method,
        /// The redacted URL.
        url: String,
        /// The floor.
        floor_bytes_per_second: u64,
        /// For how long the answer stayed below it.
        over: Duration,
    },
    /// All connections that one host may have are taken, and none of them moves.
    #[error("{host}: all {limit} connections are taken, and nothing moved for {after:?}")]
    NoConnection {
        /// The registry.
        host: String,
        /// How many connections it may have.
        limit: usize,
        /// How long nothing moved.
        after: Duration,
    },
    /// An answer is larger than is ever read of its kind.
    #[error("{method} {url}: {what} is larger than {limit} bytes")]
    TooLarge {
        /// The method of the request.
        method: Method,
        /// The redacted URL.
        url: String,
        /// What was read.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer is encoded although `identity` was asked for, so its bytes are not the blob's.
    #[error("{url}: answer has content encoding {encoding:?}, which was not asked for")]
    Encoded {
        /// The redacted URL.
        url: String,
        /// The encoding that the header names.
        encoding: String,
    },
    /// A header is missing, or holds something else than it should.
    #[error("{method} {url}: header {header}: {problem}")]
    Header {
        /// The method of the request.
        method: Method,
        /// The redacted URL.
        url: String,
        /// The name of the header.
        header: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The bytes do not have the digest that was asked for, or that the registry announced.
    #[error("{url}: {what} hashes to {actual}, expected {expected}")]
    DigestMismatch {
        /// The redacted URL.
        url: String,
        /// What was hashed.
        what: &'static str,
        /// The digest it should have.
        expected: Box<Digest>,
        /// The digest it has.
        actual: Box<Digest>,
    },
    /// A blob is longer or shorter than its descriptor says.
    #[error("{url}: expected {expected} bytes, got {}{actual}", if *.at_least { "at least " } else { "" })]
    SizeMismatch {
        /// The redacted URL.
        url: String,
        /// The size of the descriptor in bytes.
        expected: u64,
        /// How many bytes came, or were announced.
        actual: u64,
        /// Whether more may have come that was not read.
        at_least: bool,
    },
    /// A resumed download went on somewhere else than was asked for.
    #[error("{url}: asked for the bytes from {offset} on, got {got:?}")]
    Range {
        /// The redacted URL.
        url: String,
        /// The offset that was asked for.
        offset: u64,
        /// The `Content-Range` of the answer.
        got: String,
    },
    /// A blob changed while it was downloaded.
    #[error("{url}: changed during the download (etag {before:?}, now {now:?})")]
    Changed {
        /// The redacted URL.
        url: String,
        /// The `ETag` of the first answer.
        before: String,
        /// The `ETag` of the resumed one.
        now: String,
    },
    /// A redirect that is not followed.
    #[error("redirect from {from} to {to:?} is not followed: {reason}")]
    Redirect {
        /// The redacted URL that redirects.
        from: String,
        /// Where to, redacted.
        to: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The token realm of a registry is not one that credentials are sent to.
    #[error(
        "registry {registry} wants tokens from {realm:?}: {reason}{}",
        realm_hint(reason, setting)
    )]
    Realm {
        /// The registry.
        registry: String,
        /// The realm as the challenge has it.
        realm: String,
        /// The rule it breaks.
        reason: &'static str,
        /// The setting that would allow it.
        setting: &'static str,
    },
    /// A `WWW-Authenticate` header does not follow its grammar (RFC 9110, 11.6.1).
    #[error("{url}: WWW-Authenticate {header:?}: {reason}")]
    Challenge {
        /// The redacted URL.
        url: String,
        /// The header, shortened.
        header: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The token service answered something that holds no usable token.
    #[error("token of {realm}: {reason}")]
    Token {
        /// The redacted realm.
        realm: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// A tag list goes on in a way that is not followed.
    #[error("{url}: next page {link:?}: {reason}")]
    Link {
        /// The redacted URL of the page.
        url: String,
        /// The link, shortened.
        link: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// An answer is not the JSON that the specification asks for.
    #[error("{url}: {what}")]
    Json {
        /// The redacted URL.
        url: String,
        /// What it should have been.
        what: &'static str,
        /// What the JSON reader says.
        source: oci::json::JsonError,
    },
    /// A manifest was refused.
    #[error("manifest from {url}")]
    Manifest {
        /// The redacted URL.
        url: String,
        /// Why.
        source: Box<oci::ManifestError>,
    },
    /// The name of a registry, repository or URL is not one that a request can be made from.
    #[error("{what} {text:?}: {reason}")]
    Name {
        /// What kind of name.
        what: &'static str,
        /// The name, shortened.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Certificates or keys that were configured for a registry cannot be used.
    #[error("TLS of {host}: {} {what}", path.display())]
    TlsFiles {
        /// The registry.
        host: String,
        /// The file.
        path: PathBuf,
        /// What about it.
        what: &'static str,
        /// What the reader or TLS said.
        source: Cause,
    },
    /// The system has no certificate authorities that can be read.
    #[error("no certificate authority of the system can be read")]
    NoRoots {
        /// The first failure, when there was one.
        source: Option<Cause>,
    },
    /// The blob to push could not be read to its end; the upload was cancelled.
    #[error("reading the blob to push to {url}")]
    Body {
        /// The redacted URL of the upload.
        url: String,
        /// What its reader said.
        source: io::Error,
    },
    /// The client could not be set up.
    #[error("setting up the registry client: {what}")]
    Setup {
        /// What was set up.
        what: &'static str,
        /// What failed.
        source: Cause,
    },
    /// The user asked to stop ([`crate::Cancel`]).
    #[error("cancelled")]
    Cancelled,
}

/// Says what would allow a realm, where something would.
fn realm_hint(reason: &str, setting: &str) -> String {
    if reason == crate::realm::ANOTHER_HOST {
        format!(" (a realm on another host is allowed by an entry in {setting})")
    } else {
        String::new()
    }
}

impl RegistryError {
    /// Returns the HTTP status, when the registry gave one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status(error) => Some(error.status),
            Self::Interrupted { source, .. } => source.status(),
            _ => None,
        }
    }

    /// Tells whether the registry says that there is no such thing.
    ///
    /// A registry that hides what it has says "denied" instead ([`Self::is_denied`]).
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Status(error) if error.in_repository => {
                error.status == StatusCode::NOT_FOUND
                    || error.errors.iter().any(|e| {
                        matches!(
                            e.code.as_str(),
                            "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN" | "NAME_UNKNOWN"
                        )
                    })
            }
            _ => false,
        }
    }

    /// Tells whether the registry, or its token service, refuses the credentials at hand.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Status(error) => {
                matches!(
                    error.status,
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                ) || error
                    .errors
                    .iter()
                    .any(|e| matches!(e.code.as_str(), "UNAUTHORIZED" | "DENIED"))
            }
            _ => false,
        }
    }

    /// Returns what a user can do about it, in the words of configuration files and of the flags
    /// that all programs share; `None` where nothing but trying again comes to mind.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Connect { source, .. } => match tls_error(source.as_ref())? {
                tls if is_no_tls(tls) => Some(
                    "if the way there can be trusted: --tls-verify=false (copy: --src-tls-verify or \
                     --dest-tls-verify), or insecure = true in registries.conf",
                ),
                // `Other` is what is said of a certificate that is its own authority.
                rustls::Error::InvalidCertificate(
                    rustls::CertificateError::UnknownIssuer | rustls::CertificateError::Other(_),
                ) => Some(
                    "put the certificate of its authority into /etc/containers/certs.d/HOST:PORT/ca.crt",
                ),
                _ => None,
            },
            error if error.is_denied() => {
                Some("`podman login` and `skopeo login` keep credentials, --creds gives them once")
            }
            _ => None,
        }
    }

    /// Finds the registry error that an error was caused by, whatever wraps it.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|cause| {
            let boxed = cause.downcast_ref::<Box<Self>>();
            cause.downcast_ref().or(boxed.map(AsRef::as_ref))
        })
    }

    /// Tells whether the same request may well succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status(error) => {
                crate::retry::is_transient(error.status) || self.is_lost_upload()
            }
            Self::Connect { source, .. } => {
                !tls_error(source.as_ref()).is_some_and(is_certificate_error)
            }
            Self::Interrupted { source, .. } => source.is_retryable(),
            Self::Broken { .. }
            | Self::Timeout { .. }
            | Self::TooSlow { .. }
            | Self::NoConnection { .. }
            | Self::Changed { .. } => true,
            _ => false,
        }
    }

    /// Says that the registry itself, or its token service, was asked.
    pub(crate) fn outside_repositories(mut self) -> Self {
        if let Self::Status(error) = &mut self {
            error.in_repository = false;
        }
        self
    }

    /// Tells whether the registry no longer knows the upload; another one may do.
    pub(crate) fn is_lost_upload(&self) -> bool {
        matches!(self, Self::Status(error)
            if error.errors.iter().any(|e| e.code == "BLOB_UPLOAD_UNKNOWN"))
    }

    /// Finds the registry error inside an [`io::Error`] that [`crate::BlobReader`] returned.
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Tells whether TLS was asked for and something else answered.
    pub(crate) fn answered_no_tls(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if tls_error(source.as_ref()).is_some_and(is_no_tls))
    }

    pub(crate) fn digest_mismatch(
        url: String,
        what: &'static str,
        expected: Digest,
        actual: Digest,
    ) -> Self {
        let (expected, actual) = (Box::new(expected), Box::new(actual));
        Self::DigestMismatch {
            url,
            what,
            expected,
            actual,
        }
    }

    pub(crate) fn manifest(url: String, source: oci::ManifestError) -> Self {
        Self::Manifest {
            url,
            source: Box::new(source),
        }
    }

    /// Sorts what the HTTP library says about a request.
    pub(crate) fn transport(
        method: &Method,
        url: &Url,
        proxies: &Proxies,
        error: reqwest::Error,
    ) -> Self {
        let method = method.clone();
        let proxy = crate::proxy::of(proxies, url);
        let url = redacted(url);
        let connect = error.is_connect();
        let source = Box::new(LastCause(error.without_url()));
        if connect {
            Self::Connect {
                method,
                url,
                proxy,
                source,
            }
        } else {
            Self::Broken {
                method,
                url,
                source,
            }
        }
    }
}

fn through(proxy: Option<&str>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" by way of the proxy {proxy}"))
}

/// What the HTTP library reports, told by the last of its causes: those above it say once more
/// that there is no connection.
#[derive(Debug)]
struct LastCause(reqwest::Error);

impl fmt::Display for LastCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if tls_error(&self.0).is_some_and(is_no_tls) {
            return f.write_str("the answer is not TLS");
        }
        match causes(&self.0).last() {
            Some(last) => fmt::Display::fmt(last, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl std::error::Error for LastCause {}

/// An error and what it was caused by, outermost first.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    let whole = error
        .downcast_ref::<LastCause>()
        .map_or(error, |last| &last.0);
    std::iter::successors(Some(whole), |error| {
        // The source of an I/O error is that of the error inside, which is passed over so.
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match inside {
            Some(inside) => Some(inside as &(dyn std::error::Error + 'static)),
            None => error.source(),
        }
    })
}

/// Tells whether the system reported an error of the connection, and the peer did not just end it.
pub(crate) fn is_of_the_network(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|error| error.is::<io::Error>())
}

fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// A certificate that is refused now is refused in a second as well.
fn is_certificate_error(tls: &rustls::Error) -> bool {
    matches!(
        tls,
        rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)
    )
}

/// What plain HTTP looks like to a TLS client.
fn is_no_tls(tls: &rustls::Error) -> bool {
    matches!(
        tls,
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)
    )
}

/// An answer with an error status (distribution-spec, "Error Codes").
#[derive(Debug)]
#[non_exhaustive]
pub struct StatusError {
    /// The method of the request.
    pub method: Method,
    /// The redacted URL.
    pub url: String,
    /// The status of the answer.
    pub status: StatusCode,
    /// The errors that the body lists; empty when it lists none.
    pub errors: Vec<SpecError>,
    /// The beginning of a body that is no error list, for people.
    pub body: String,
    /// How long the registry asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether something in a repository was asked for; nothing else is "not found".
    in_repository: bool,
}

/// One entry of the specification's error list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpecError {
    /// The code, `MANIFEST_UNKNOWN` say.
    pub code: String,
    /// The message for people.
    pub message: String,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.url, self.status.as_u16())?;
        if let Some(reason) = self.status.canonical_reason() {
            write!(f, " {reason}")?;
        }
        for (n, error) in self.errors.iter().enumerate() {
            f.write_str(if n == 0 { ": " } else { "; " })?;
            // As Go's clients print it, which is what scripts look for.
            let code = error.code.to_lowercase().replace('_', " ");
            f.write_str(&code)?;
            if !error.message.is_empty() && error.message != code {
                write!(f, ": {}", error.message)?;
            }
        }
        if self.errors.is_empty() && !self.body.is_empty() {
            write!(f, ": {}", self.body)?;
        }
        Ok(())
    }
}

impl std::error::Error for StatusError {}

/// Most errors of one answer that are kept.
const MAX_ERRORS: usize = 8;
/// Most characters of a foreign text that are quoted.
const MAX_QUOTED: usize = 300;

impl StatusError {
    /// Reads an error answer; anything is accepted as its body, and little of it is kept: nothing
    /// of what is no text.
    pub(crate) fn new(
        method: Method,
        url: &Url,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let errors = spec_errors(body);
        let body = if errors.is_empty() {
            std::str::from_utf8(body).map(quoted).unwrap_or_default()
        } else {
            String::new()
        };
        Self {
            method,
            url: redacted(url),
            status,
            errors,
            body,
            retry_after,
            in_repository: true,
        }
    }
}

fn spec_errors(body: &[u8]) -> Vec<SpecError> {
    let Ok(value) = oci::json::parse(body, oci::limits::TOKEN_BYTES) else {
        return Vec::new();
    };
    let Some(list) = value.get("errors").and_then(|list| list.as_array()) else {
        return Vec::new();
    };
    let text = |entry: &serde_json::Value, key: &str| {
        entry
            .get(key)
            .and_then(|v| v.as_str())
            .map(quoted)
            .unwrap_or_default()
    };
    list.iter()
        .take(MAX_ERRORS)
        .map(|entry| SpecError {
            code: text(entry, "code"),
            message: text(entry, "message"),
        })
        .filter(|error| !error.code.is_empty())
        .collect()
}

/// Shortens a foreign text and takes out what would move a terminal's cursor.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.trim().chars().enumerate() {
        if n == MAX_QUOTED {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// Query parameters that the specification defines and that hold no secret.
const SHOWN_PARAMETERS: &[&str] = &[
    "account", "digest", "from", "last", "mount", "n", "ns", "scope", "service",
];

/// Prints a URL without user information, fragment and the values of foreign query parameters.
pub(crate) fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    if !shown.username().is_empty() || shown.password().is_some() {
        // Both fail only for URLs without a host, which never get here.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let known = SHOWN_PARAMETERS.contains(&key.as_ref());
                let value = if known {
                    value.into_owned()
                } else {
                    "REDACTED".to_owned()
                };
                (key.into_owned(), value)
            })
            .collect();
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    quoted(shown.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_secrets() {
        let table = [
            ("https://u:p@h/v2/", "https://h/v2/"),
            (
                "https://h/b?X-Amz-Signature=abc&digest=sha256:1",
                "https://h/b?X-Amz-Signature=REDACTED&digest=sha256%3A1",
            ),
            (
                "http://h:5000/v2/r/tags/list?n=5#f",
                "http://h:5000/v2/r/tags/list?n=5",
            ),
        ];
        for (url, want) in table {
            assert_eq!(redacted(&Url::parse(url).unwrap()), want);
        }
    }

    #[test]
    fn error_lists_are_read_and_bounded() {
        let url = Url::parse("https://h/v2/r/manifests/x").unwrap();
        let error =
            |body: &[u8]| StatusError::new(Method::GET, &url, StatusCode::NOT_FOUND, None, body);
        let one =
            error(br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#);
        assert_eq!(
            one.to_string(),
            "GET https://h/v2/r/manifests/x: 404 Not Found: manifest unknown"
        );
        let html = error(format!("<html>\x1b[2J{}", "x".repeat(5000)).as_bytes());
        assert!(html.errors.is_empty());
        assert!(html.body.starts_with("<html> [2Jxx"), "{}", html.body);
        assert_eq!(html.body.chars().count(), MAX_QUOTED + 1);
        for nothing in [&b""[..], b"\x1f\x8b\x08\x00\xff"] {
            assert_eq!(
                error(nothing).to_string(),
                "GET https://h/v2/r/manifests/x: 404 Not Found"
            );
        }
    }
}
