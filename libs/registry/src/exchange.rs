//! One request and its answer: whose connection, which credentials, which redirects, how often.
//!
//! ```text
//! retrying ─▶ attempt ─▶ authorize (asked for once; token from the cache or the realm)
//!                     └▶ follow ─▶ execute ─▶ the network
//!                        (≤ 5 hops; credentials stay on their scheme, host and port)
//! ```
//! What a registry asks for is learnt from its first answer: to a ping, or, where there are no
//! credentials that it might want to see first, to the first request itself.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use config::auth::Credential;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::{Digest, limits};
use reqwest::Response;
use tokio::sync::OnceCell;
use url::Url;

use crate::challenge::{self, Bearer, Challenge};
use crate::client::Inner;
use crate::error::{RegistryError, Result, StatusError, is_of_the_network, redacted};
use crate::floor::Floor;
use crate::host::{ConnectionSlot, Host, Reached};
use crate::redirect;
use crate::resolver::Scope;
use crate::retry::{self, Tries};
use crate::tls::Peer;
use crate::token::{self, Issued, TokenKey};

/// Says that the registry has OpenShift's extension for signatures.
const SIGNATURES_HEADER: &str = "X-Registry-Supports-Signatures";
/// Most bytes of the scope that a challenge may make us ask for.
const MAX_SCOPE_BYTES: usize = 4096;

/// A registry as one user sees it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) inner: Arc<Inner>,
    pub(crate) host: Arc<Host>,
    pub(crate) credential: Credential,
    /// Stands for the credential in the token cache.
    pub(crate) login: Digest,
}

/// A request that can be made again.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// What a token must allow; `None` when no credentials are to be sent at all.
    pub(crate) scopes: Option<Vec<String>>,
}

impl Ask {
    pub(crate) fn new(method: Method, url: Url, scopes: Option<Vec<String>>) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            scopes,
        }
    }
}

/// The first request to a registry, a GET without credentials.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

impl Opening {
    fn ping() -> Self {
        Self {
            path: "/v2/".to_owned(),
            headers: HeaderMap::new(),
        }
    }
}

/// What the first answer told, and the answer itself when it is what was asked for.
type Found = (Reached, Option<Response>);

/// The credentials of one request.
#[derive(Debug)]
enum Authorization {
    None,
    Fixed(HeaderValue),
    Token(Issued),
}

impl Authorization {
    fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::None => None,
            Self::Fixed(header) => Some(header),
            Self::Token(issued) => Some(&issued.header),
        }
    }
}

impl Session {
    pub(crate) fn new(inner: Arc<Inner>, host: Arc<Host>, credential: Credential) -> Self {
        let login = token::login_of(&credential);
        Self {
            inner,
            host,
            credential,
            login,
        }
    }

    /// Waits for one of the connections that the registry may have.
    pub(crate) async fn slot(&self) -> Result<ConnectionSlot> {
        self.host.slot(self.inner.options.timeouts.slot).await
    }

    /// Returns how the registry was reached, and reaches it when it was not yet.
    pub(crate) async fn reach(&self) -> Result<&Reached> {
        self.host
            .reached
            .get_or_try_init(|| async { Ok(self.find(None).await?.0) })
            .await
    }

    /// Makes a first request without credentials, and returns its answer if it is what was asked
    /// for. With credentials, or when the registry was reached before, nothing is done.
    pub(crate) async fn open_with(&self, opening: &Opening) -> Result<Option<Response>> {
        let mut answer = None;
        if self.credential == Credential::Anonymous {
            let kept = &mut answer;
            let find = move || async move {
                let (reached, response) = self.find(Some(opening)).await?;
                *kept = response;
                Ok(reached)
            };
            self.host.reached.get_or_try_init(find).await?;
        }
        Ok(answer)
    }

    /// Tells whether the registry keeps signatures, which it says to a ping alone.
    pub(crate) async fn keeps_signatures(&self) -> Result<bool> {
        let reached = self.reach().await?;
        self.ping(reached).await
    }

    /// Pings a registry that was reached otherwise, once.
    async fn ping(&self, reached: &Reached) -> Result<bool> {
        let ask = || async {
            let (again, _) = self.try_scheme(reached.base.scheme(), None).await?;
            if !again.challenges.is_empty() {
                self.host.keep_challenges(&again.challenges);
            }
            Ok(again.keeps_signatures.get().copied().unwrap_or_default())
        };
        reached.keeps_signatures.get_or_try_init(ask).await.copied()
    }

    /// Returns what the registry asks for. That it answers those without credentials does not say
    /// so to those with some: what is theirs may look as if it were not there.
    async fn challenges(&self, reached: &Reached) -> Result<Vec<Challenge>> {
        if self.credential != Credential::Anonymous {
            self.ping(reached).await?;
        }
        Ok(self.host.challenges(reached))
    }

    /// Makes the URL of `path` at the registry.
    pub(crate) async fn url(&self, path: &str) -> Result<Url> {
        let mut url = self.reach().await?.base.clone();
        url.set_path(path);
        Ok(url)
    }

    /// Finds out whether the registry speaks `https` or, where that is allowed, `http`.
    ///
    /// Both are tried at once, without credentials; `https` wins however late it answers.
    async fn find(&self, opening: Option<&Opening>) -> Result<Found> {
        if !self.host.insecure {
            return self.try_scheme("https", opening).await;
        }
        let mut https = pin!(self.try_scheme("https", opening));
        let mut http = pin!(self.probe("http", opening));
        let mut answered = None;
        let error = loop {
            tokio::select! {
                biased;
                plain = &mut http, if answered.is_none() => answered = Some(plain),
                found = &mut https => match found {
                    Ok(found) => return Ok(found),
                    Err(error) => break error,
                }
            }
        };
        let plain = match answered {
            _ if matches!(error, RegistryError::Cancelled) => return Err(error),
            Some(plain) => plain,
            None => http.await,
        };
        let speaks_tls = speaks_http(&error) || matches!(error, RegistryError::HungUp { .. });
        let plain = match plain {
            // Who speaks TLS is not one who speaks plain http badly.
            Err(plain) if plain.is_retryable() && !is_silence(&plain) && !speaks_tls => {
                self.try_scheme("http", opening).await
            }
            plain => plain,
        };
        match plain {
            Ok(found) => Ok(found),
            Err(plain) if !speaks_tls && (speaks_http(&plain) || error.answered_no_tls()) => {
                Err(plain)
            }
            // Where neither answers, the first failure is the one that was configured for.
            Err(_) => Err(error),
        }
    }

    async fn try_scheme(&self, scheme: &str, opening: Option<&Opening>) -> Result<Found> {
        self.retrying(|| self.probe(scheme, opening)).await
    }

    /// Makes the first request by one scheme. An opening that is neither answered nor refused for
    /// want of credentials says nothing of the registry: then it is pinged.
    async fn probe(&self, scheme: &str, opening: Option<&Opening>) -> Result<Found> {
        let base = crate::name::base_url(scheme, &self.host.authority)?;
        if let Some(opening) = opening {
            let response = self.first_answer(&base, opening).await?;
            match response.status() {
                StatusCode::OK => {
                    let reached = reached(&base, &response, Vec::new());
                    return Ok((reached, Some(response)));
                }
                StatusCode::UNAUTHORIZED => {
                    let challenges = challenges_of(&response)?;
                    return Ok((reached(&base, &response, challenges), None));
                }
                // Who is too busy for one request is not asked two.
                status if retry::is_transient(status) => {
                    return Err(self.status_error(&Method::GET, response).await);
                }
                _ => {}
            }
        }
        let response = self.first_answer(&base, &Opening::ping()).await?;
        let challenges = match response.status() {
            StatusCode::OK => Vec::new(),
            StatusCode::UNAUTHORIZED => challenges_of(&response)?,
            _ => {
                let error = self.status_error(&Method::GET, response).await;
                return Err(error.outside_repositories());
            }
        };
        let reached = reached(&base, &response, challenges);
        let header = response.headers().get(SIGNATURES_HEADER);
        let keeps = header.is_some_and(|value| value == "1");
        // It is new, so nobody has set it.
        let _ = reached.keeps_signatures.set(keeps);
        Ok((reached, None))
    }

    async fn first_answer(&self, base: &Url, opening: &Opening) -> Result<Response> {
        let mut url = base.clone();
        url.set_path(&opening.path);
        let mut ask = Ask::new(Method::GET, url, None);
        ask.headers = opening.headers.clone();
        let client = self.client(&ask.url, Peer::Registry)?;
        match self.execute(&client, &ask, &ask.url, None).await {
            // With TLS 1.3 a client certificate is refused after the handshake, by hanging up.
            Err(RegistryError::Broken { url, source, .. })
                if base.scheme() == "https" && !is_of_the_network(source.as_ref()) =>
            {
                let shown = self.host.tls.client.is_some();
                Err(RegistryError::HungUp { url, shown, source })
            }
            answer => answer,
        }
    }

    /// Returns the library's client for a URL.
    pub(crate) fn client(&self, url: &Url, peer: Peer) -> Result<reqwest::Client> {
        let Inner { tls, options, .. } = &*self.inner;
        // What is asked for tokens has its addresses looked at, whatever the scheme.
        if url.scheme() == "http" && !matches!(peer, Peer::TokenService(_)) {
            return tls.plain(options);
        }
        let files = (&self.host.tls, self.host.insecure);
        self.host
            .connections
            .client(tls, options, &self.host.name, files, peer)
    }

    /// Makes a request until it succeeds, is refused for good, or was tried often enough.
    pub(crate) async fn retrying<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut tries = Tries::new(&self.inner.options.retry);
        loop {
            let error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match self.delay_after(&error, &mut tries) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            }
        }
    }

    /// Returns how long to wait before what failed with `error` is tried again, if it is.
    pub(crate) fn delay_after(
        &self,
        error: &RegistryError,
        tries: &mut Tries<'_>,
    ) -> Option<Duration> {
        // A host that never answered is more likely misspelt than busy.
        let never_answered = !self.host.reached.initialized() && is_silence(error);
        if never_answered || !error.is_retryable() {
            return None;
        }
        let asked = match error {
            RegistryError::Status(status) => status.retry_after,
            _ => None,
        };
        tries.next_delay(asked)
    }

    /// Makes a request, with retries, and returns the answer when its status is one of `wanted`.
    pub(crate) async fn send(&self, ask: &Ask, wanted: &[StatusCode]) -> Result<Response> {
        self.retrying(|| self.attempt_for(ask, wanted)).await
    }

    /// Makes a request, with retries, and reads its answer to the end.
    pub(crate) async fn fetch(
        &self,
        ask: &Ask,
        wanted: &[StatusCode],
        what: &'static str,
        limit: u64,
    ) -> Result<(HeaderMap, Vec<u8>)> {
        self.fetch_from(None, ask, wanted, what, limit).await
    }

    /// As [`Self::fetch`], with the answer to the first try when it is there already.
    pub(crate) async fn fetch_from(
        &self,
        mut first: Option<Response>,
        ask: &Ask,
        wanted: &[StatusCode],
        what: &'static str,
        limit: u64,
    ) -> Result<(HeaderMap, Vec<u8>)> {
        self.retrying(|| {
            let first = first.take();
            async move {
                let response = match first {
                    Some(response) => response,
                    None => self.attempt_for(ask, wanted).await?,
                };
                refuse_encoding(&response)?;
                let headers = response.headers().clone();
                let body = self.read_all(response, &ask.method, what, limit).await?;
                Ok((headers, body))
            }
        })
        .await
    }

    pub(crate) async fn attempt_for(&self, ask: &Ask, wanted: &[StatusCode]) -> Result<Response> {
        let response = self.attempt(ask).await?;
        if wanted.contains(&response.status()) {
            Ok(response)
        } else {
            Err(self.status_error(&ask.method, response).await)
        }
    }

    /// Makes a request once, and once more for each of: a token that has expired, a scope that
    /// was not enough, and a registry that asks for credentials only now.
    pub(crate) async fn attempt(&self, ask: &Ask) -> Result<Response> {
        let Some(scopes) = &ask.scopes else {
            return self.follow(ask, None).await;
        };
        let reached = self.reach().await?;
        let asked = self.challenges(reached).await?;
        let mut authorization = self.authorize(reached, &asked, scopes).await?;
        let (mut upgraded, mut renewed) = (false, false);
        loop {
            let response = self.follow(ask, authorization.header()).await?;
            let from_registry = response.url().origin() == reached.base.origin();
            if response.status() != StatusCode::UNAUTHORIZED || !from_registry {
                return Ok(response);
            }
            let challenges = challenges_of(&response)?;
            let next = match (&authorization, wider_scope(&challenges)) {
                (Authorization::Token(_), Some((bearer, scope))) if !upgraded => {
                    upgraded = true;
                    Authorization::Token(self.token(reached, bearer, &scope).await?)
                }
                (Authorization::Token(issued), _) if !issued.fresh && !renewed => {
                    renewed = true;
                    self.inner.tokens.forget(&issued.key, &issued.header).await;
                    self.authorize(reached, &asked, scopes).await?
                }
                _ if reached.challenges.is_empty() && challenges != asked && !renewed => {
                    renewed = true;
                    self.host.keep_challenges(&challenges);
                    self.authorize(reached, &challenges, scopes).await?
                }
                _ => return Ok(response),
            };
            if next.header().is_none() {
                return Ok(response);
            }
            authorization = next;
        }
    }

    /// Returns the `Authorization` header for a request that can be made only once.
    pub(crate) async fn authorization_for(
        &self,
        scopes: &[String],
    ) -> Result<Option<(HeaderValue, Option<TokenKey>)>> {
        let reached = self.reach().await?;
        let asked = self.challenges(reached).await?;
        Ok(match self.authorize(reached, &asked, scopes).await? {
            Authorization::None => None,
            Authorization::Fixed(header) => Some((header, None)),
            Authorization::Token(issued) => Some((issued.header, Some(issued.key))),
        })
    }

    /// Answers the first challenge that these credentials can answer.
    async fn authorize(
        &self,
        reached: &Reached,
        challenges: &[Challenge],
        scopes: &[String],
    ) -> Result<Authorization> {
        if let Credential::RegistryToken(token) = &self.credential {
            let Some(header) = token::bearer_header(token.expose()) else {
                return Err(RegistryError::Token {
                    realm: self.host.name.clone(),
                    reason: token::UNFIT.to_owned(),
                });
            };
            return Ok(Authorization::Fixed(header));
        }
        for challenge in challenges {
            match (challenge, &self.credential) {
                (Challenge::Basic, Credential::Basic { username, password }) => {
                    let header = token::basic_header(username, password.expose());
                    return Ok(header.map_or(Authorization::None, Authorization::Fixed));
                }
                (Challenge::Basic, _) => {}
                (Challenge::Bearer(bearer), _) => {
                    return Ok(Authorization::Token(
                        self.token(reached, bearer, scopes).await?,
                    ));
                }
            }
        }
        Ok(Authorization::None)
    }

    /// Makes a request and follows the redirects of a GET or HEAD.
    async fn follow(&self, ask: &Ask, login: Option<&HeaderValue>) -> Result<Response> {
        let mut url = ask.url.clone();
        let mut login = login;
        // An upload may go to a URL on another host, which the registry gave.
        let mut peer = Peer::Registry;
        if self
            .host
            .reached
            .get()
            .is_some_and(|r| r.base.origin() != url.origin())
        {
            login = None;
            peer = Peer::Redirected;
        }
        let mut hop = 0;
        loop {
            let client = self.client(&url, peer)?;
            let response = self.execute(&client, ask, &url, login).await?;
            let is_read = matches!(ask.method, Method::GET | Method::HEAD);
            if !is_read || !is_redirect(response.status()) {
                return Ok(response);
            }
            let location = response
                .headers()
                .get(header::LOCATION)
                .map(HeaderValue::as_bytes);
            let next = redirect::judge(&url, location, hop).map_err(|(to, reason)| {
                RegistryError::Redirect {
                    from: redacted(&url),
                    to: crate::error::quoted(&to),
                    reason,
                }
            })?;
            if !next.same_origin {
                // Once gone they stay gone, even when a later hop leads back.
                login = None;
                peer = Peer::Redirected;
            }
            url = next.url;
            hop += 1;
        }
    }

    /// Sends one request over the network and waits for the head of its answer.
    pub(crate) async fn execute(
        &self,
        client: &reqwest::Client,
        ask: &Ask,
        url: &Url,
        login: Option<&HeaderValue>,
    ) -> Result<Response> {
        let mut request = client
            .request(ask.method.clone(), url.clone())
            .headers(ask.headers.clone())
            .header(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            );
        if let Some(login) = login {
            request = request.header(header::AUTHORIZATION, login.clone());
        }
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        } else if ask.method == Method::POST || ask.method == Method::PUT {
            request = request.header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let timeouts = &self.inner.options.timeouts;
        let limit = if ask.method == Method::PUT {
            timeouts.commit
        } else {
            timeouts.answer
        };
        let sent = tokio::time::timeout(limit, request.send()).await;
        self.head(&ask.method, url, sent, limit)
    }

    /// Sorts what the HTTP library says about a request.
    pub(crate) fn transport(
        &self,
        method: &Method,
        url: &Url,
        error: reqwest::Error,
    ) -> RegistryError {
        RegistryError::transport(method, url, &self.inner.options.proxies, error)
    }

    /// Judges what came of sending: time, transport, warnings.
    pub(crate) fn head(
        &self,
        method: &Method,
        url: &Url,
        sent: Result<reqwest::Result<Response>, tokio::time::error::Elapsed>,
        limit: Duration,
    ) -> Result<Response> {
        let response = sent
            .map_err(|_| RegistryError::Timeout {
                method: method.clone(),
                url: redacted(url),
                awaited: "answer",
                after: limit,
            })?
            .map_err(|error| self.transport(method, url, error))?;
        self.inner.warnings.note(response.headers());
        Ok(response)
    }

    /// Waits for the next piece of a body; `None` is its end.
    pub(crate) async fn next_piece(
        &self,
        response: &mut Response,
        method: &Method,
        floor: &mut Floor,
    ) -> Result<Option<Bytes>> {
        let timeouts = &self.inner.options.timeouts;
        let began = Instant::now();
        let piece = tokio::time::timeout(timeouts.idle, response.chunk())
            .await
            .map_err(|_| RegistryError::Timeout {
                method: method.clone(),
                url: redacted(response.url()),
                awaited: "byte",
                after: timeouts.idle,
            })?
            .map_err(|error| self.transport(method, response.url(), error))?;
        if let Some(piece) = &piece {
            self.host.moved(piece.len());
            if !floor.count(piece.len(), began.elapsed()) {
                return Err(RegistryError::TooSlow {
                    method: method.clone(),
                    url: redacted(response.url()),
                    floor_bytes_per_second: timeouts.floor_bytes_per_second,
                    over: timeouts.floor_window,
                });
            }
        }
        Ok(piece)
    }

    /// Reads a body of at most `limit` bytes.
    pub(crate) async fn read_all(
        &self,
        mut response: Response,
        method: &Method,
        what: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>> {
        let too_large = |url: &Url| RegistryError::TooLarge {
            method: method.clone(),
            url: redacted(url),
            what,
            limit,
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(too_large(response.url()));
        }
        let mut floor = Floor::new(&self.inner.options.timeouts);
        let mut body = Vec::new();
        while let Some(piece) = self.next_piece(&mut response, method, &mut floor).await? {
            if (body.len() + piece.len()) as u64 > limit {
                return Err(too_large(response.url()));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// Makes an error of an answer whose status says no. Its body is read as far as it comes.
    pub(crate) async fn status_error(
        &self,
        method: &Method,
        mut response: Response,
    ) -> RegistryError {
        let now = jiff::Timestamp::now().as_second();
        let retry_after = retry::retry_after(response.headers(), now);
        let (status, url) = (response.status(), response.url().clone());
        let mut floor = Floor::new(&self.inner.options.timeouts);
        let mut body = Vec::new();
        while let Ok(Some(piece)) = self.next_piece(&mut response, method, &mut floor).await {
            let room = limits::TOKEN_BYTES as usize - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() >= room {
                break;
            }
        }
        let error = StatusError::new(method.clone(), &url, status, retry_after, &body);
        RegistryError::Status(Box::new(error))
    }
}

fn reached(base: &Url, response: &Response, challenges: Vec<Challenge>) -> Reached {
    let scope = response
        .remote_addr()
        .map(|address| Scope::of(address.ip()));
    Reached {
        base: base.clone(),
        challenges,
        scope,
        keeps_signatures: OnceCell::new(),
    }
}

/// Tells whether the error is an answer.
fn speaks_http(error: &RegistryError) -> bool {
    matches!(
        error,
        RegistryError::Status(_) | RegistryError::Challenge { .. }
    )
}

/// Tells whether nothing at all was answered.
fn is_silence(error: &RegistryError) -> bool {
    matches!(
        error,
        RegistryError::Connect { .. } | RegistryError::Timeout { .. }
    )
}

fn challenges_of(response: &Response) -> Result<Vec<Challenge>> {
    let headers = response.headers().get_all(header::WWW_AUTHENTICATE);
    challenge::parse(headers.iter().map(HeaderValue::as_bytes)).map_err(|bad| {
        RegistryError::Challenge {
            url: redacted(response.url()),
            header: bad.header,
            reason: bad.reason,
        }
    })
}

/// Returns the challenge that says that a token does not allow enough, and what would.
fn wider_scope(challenges: &[Challenge]) -> Option<(&Bearer, Vec<String>)> {
    challenges.iter().find_map(|challenge| match challenge {
        Challenge::Bearer(bearer) if bearer.error.as_deref() == Some("insufficient_scope") => {
            let scope = bearer.scope.as_deref()?;
            (!scope.is_empty() && scope.len() <= MAX_SCOPE_BYTES).then(|| {
                (
                    bearer,
                    scope.split_ascii_whitespace().map(str::to_owned).collect(),
                )
            })
        }
        _ => None,
    })
}

/// Refuses an answer whose bytes are not those of the content itself.
pub(crate) fn refuse_encoding(response: &Response) -> Result<()> {
    let Some(encoding) = response.headers().get(header::CONTENT_ENCODING) else {
        return Ok(());
    };
    if encoding.as_bytes().eq_ignore_ascii_case(b"identity") || encoding.is_empty() {
        return Ok(());
    }
    Err(RegistryError::Encoded {
        url: redacted(response.url()),
        encoding: crate::error::quoted(&String::from_utf8_lossy(encoding.as_bytes())),
    })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
