//! The docker engine's API, as far as images go: told by name, saved and loaded as a tar.
//!
//! ```text
//! unix:///PATH      a socket of this host
//! tcp://HOST:PORT   TLS
//! http://HOST:PORT  without TLS
//! ```

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::certs::TlsFiles;
use futures_util::stream;
use http::{Method, StatusCode};
use oci::json;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use url::Url;

use crate::Client;
use crate::client::Inner;
use crate::error::{RegistryError, Result, StatusError, quoted, redacted};
use crate::tls::{Connections, Peer};

/// Where docker listens unless it is told otherwise.
pub const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// Most bytes of an answer that is no image.
const ANSWER_BYTES: usize = 4 << 20;
/// So many pieces are on their way at once.
const PIECES: usize = 4;
/// How much is sent at once.
const WRITE_BYTES: usize = 256 << 10;

/// A docker engine.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// Makes ready to talk to the engine at `host`; nothing is connected to yet.
    ///
    /// # Errors
    /// A host of another form.
    pub fn engine(&self, host: &str, tls: &TlsFiles, insecure: bool) -> Result<Engine> {
        let bad = |reason| RegistryError::Name {
            what: "docker daemon",
            text: quoted(host),
            reason,
        };
        let (scheme, rest) = host
            .split_once("://")
            .ok_or_else(|| bad("is not of the form unix://PATH or tcp://HOST:PORT"))?;
        let inner = self.inner();
        let shared = &inner.tls;
        let (http, base) = match scheme {
            "unix" => {
                let socket = shared.socket(&inner.options, Path::new(rest))?;
                (socket, "http://docker/".to_owned())
            }
            "http" => (shared.plain(&inner.options)?, format!("http://{rest}/")),
            "tcp" | "https" => {
                let connections = Connections::default();
                let files = (tls, insecure);
                let peer = Peer::Registry;
                let client = connections.client(shared, &inner.options, rest, files, peer)?;
                (client, format!("https://{rest}/"))
            }
            _ => return Err(bad("has a scheme that is neither unix, tcp nor http")),
        };
        let base = Url::parse(&base).map_err(|_| bad("has no host"))?;
        Ok(Engine {
            inner: Arc::clone(inner),
            http,
            base,
        })
    }
}

impl Engine {
    fn url(&self, path: &str, query: Option<(&str, &str)>) -> Result<Url> {
        let mut url = self.base.join(path).map_err(|_| RegistryError::Name {
            what: "path",
            text: quoted(path),
            reason: "cannot be part of a URL",
        })?;
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }

    fn broken(&self, method: &Method, url: &Url, error: reqwest::Error) -> RegistryError {
        RegistryError::transport(method, url, &self.inner.options.proxies, error)
    }

    /// How long the engine may think: it gathers an image before it says a word.
    fn patience(&self) -> Duration {
        self.inner.options.timeouts.commit
    }

    fn late(&self, method: &Method, url: &Url) -> RegistryError {
        RegistryError::Timeout {
            method: method.clone(),
            url: redacted(url),
            awaited: "answer",
            after: self.patience(),
        }
    }

    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
        method: &Method,
        url: &Url,
    ) -> Result<reqwest::Response> {
        let response = tokio::time::timeout(self.patience(), request.send())
            .await
            .map_err(|_| self.late(method, url))?
            .map_err(|error| self.broken(method, url, error))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => {
                let body = self.body(response, method, url).await?;
                Err(refusal(method, url, status, &body))
            }
        }
    }

    /// Reads a small answer.
    async fn body(
        &self,
        mut response: reqwest::Response,
        method: &Method,
        url: &Url,
    ) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let piece = tokio::time::timeout(self.patience(), response.chunk())
                .await
                .map_err(|_| self.late(method, url))?
                .map_err(|error| self.broken(method, url, error))?;
            let Some(piece) = piece else { return Ok(body) };
            if body.len() + piece.len() > ANSWER_BYTES {
                return Err(RegistryError::TooLarge {
                    method: method.clone(),
                    url: redacted(url),
                    what: "answer",
                    limit: ANSWER_BYTES as u64,
                });
            }
            body.extend_from_slice(&piece);
        }
    }

    /// Has the engine write an image as `docker save` does; `name` is `NAME:TAG` or an image id.
    ///
    /// # Errors
    /// There is no such image, where [`RegistryError::is_not_found`] is true, or no engine.
    pub fn save(&self, name: &str) -> Result<SavedImage> {
        // What is not there would be an empty tar to some engines.
        let url = self.url(&format!("images/{name}/json"), None)?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let response = self.inner.blocking.run(async {
            let asked = self.answer(self.http.get(url.clone()), &Method::GET, &url);
            let response = asked.await?;
            self.body(response, &Method::GET, &url).await?;
            let url = self.url("images/get", Some(("names", name)))?;
            self.answer(self.http.get(url.clone()), &Method::GET, &url)
                .await
        })?;
        let engine = self.clone();
        let task = self.inner.blocking.spawn(async move {
            let url = response.url().clone();
            let mut response = response;
            loop {
                let piece = match tokio::time::timeout(engine.patience(), response.chunk()).await {
                    Ok(Ok(Some(piece))) => Ok(piece),
                    Ok(Ok(None)) => return,
                    Ok(Err(error)) => Err(engine.broken(&Method::GET, &url, error)),
                    Err(_) => Err(engine.late(&Method::GET, &url)),
                };
                let failed = piece.is_err();
                // Whoever reads may have gone.
                if sender.send(piece).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(SavedImage {
            inner: Arc::clone(&self.inner),
            pieces,
            rest: Bytes::new(),
            task,
        })
    }

    /// Begins to give the engine images, as `docker load` does.
    pub fn load(&self) -> Result<LoadingImage> {
        let url = self.url("images/load", Some(("quiet", "1")))?;
        let (sender, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES);
        let body = stream::unfold(pieces, |mut pieces| async move {
            pieces.recv().await.map(|piece| (piece, pieces))
        });
        let engine = self.clone();
        let task = self.inner.blocking.spawn(async move {
            let request = engine
                .http
                .post(url.clone())
                .header(http::header::CONTENT_TYPE, "application/x-tar")
                .body(reqwest::Body::wrap_stream(body));
            // The body takes as long as it takes to make it: the answer alone is waited for.
            let response = request
                .send()
                .await
                .map_err(|error| engine.broken(&Method::POST, &url, error))?;
            let status = response.status();
            let body = engine.body(response, &Method::POST, &url).await?;
            match status {
                StatusCode::OK => loaded(&url, &body),
                status => Err(refusal(&Method::POST, &url, status, &body)),
            }
        });
        Ok(LoadingImage {
            inner: Arc::clone(&self.inner),
            sender: Some(sender),
            task,
            buffer: Vec::with_capacity(WRITE_BYTES),
        })
    }
}

/// Makes an error of an answer: `{"message": TEXT}`.
fn refusal(method: &Method, url: &Url, status: StatusCode, body: &[u8]) -> RegistryError {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let told: Option<Refusal> = json::from_slice(body, ANSWER_BYTES as u64).ok();
    let text = match &told {
        Some(told) => told.message.as_bytes(),
        None => body,
    };
    let error = StatusError::new(method.clone(), url, status, None, text);
    RegistryError::Status(Box::new(error))
}

/// Looks for an error among the objects that an engine sends while it loads.
fn loaded(url: &Url, body: &[u8]) -> Result<()> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(rename = "errorDetail")]
        error: Option<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        #[serde(default)]
        message: String,
    }
    for message in serde_json::Deserializer::from_slice(body).into_iter::<Message>() {
        let failure = match message {
            Ok(message) => message.error.map(|error| error.message),
            // What comes with status 200 and is no such object says nothing.
            Err(_) => break,
        };
        if let Some(failure) = failure {
            let method = Method::POST;
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            let error = StatusError::new(method, url, status, None, failure.as_bytes());
            return Err(RegistryError::Status(Box::new(error)));
        }
    }
    Ok(())
}

/// The tar of an image that an engine saves. Dropping it ends the request.
#[derive(Debug)]
pub struct SavedImage {
    inner: Arc<Inner>,
    pieces: mpsc::Receiver<Result<Bytes>>,
    rest: Bytes,
    task: Option<JoinHandle<()>>,
}

impl Read for SavedImage {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let pieces = &mut self.pieces;
            let received = self.inner.blocking.run(async { Ok(pieces.recv().await) });
            match received.map_err(io::Error::other)? {
                None => return Ok(0),
                Some(piece) => self.rest = piece.map_err(io::Error::other)?,
            }
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

impl Drop for SavedImage {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A tar of images on its way to an engine. Dropping it without [`LoadingImage::finish`] breaks the
/// request off, so that the engine loads nothing.
#[derive(Debug)]
pub struct LoadingImage {
    inner: Arc<Inner>,
    sender: Option<mpsc::Sender<io::Result<Bytes>>>,
    task: Option<JoinHandle<Result<()>>>,
    buffer: Vec<u8>,
}

impl LoadingImage {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        let Some(sender) = &self.sender else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let sent = self
            .inner
            .blocking
            .run(async { Ok(sender.send(Ok(piece)).await.is_ok()) });
        match sent {
            Ok(true) => Ok(()),
            // The engine answered before the end: with a refusal, which says more.
            Ok(false) => match self.answer() {
                Ok(()) => Err(io::ErrorKind::BrokenPipe.into()),
                Err(error) => Err(io::Error::other(error)),
            },
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn answer(&mut self) -> Result<()> {
        self.sender = None;
        let Some(task) = self.task.take() else {
            return Err(RegistryError::Cancelled);
        };
        self.inner.blocking.run(async {
            match task.await {
                Ok(answer) => answer,
                Err(_) => Err(RegistryError::Cancelled),
            }
        })
    }

    /// Ends the tar, and waits until the engine has what is in it.
    ///
    /// # Errors
    /// The engine did not take it.
    pub fn finish(mut self) -> Result<()> {
        if !self.buffer.is_empty()
            && let Err(error) = self.send()
        {
            return Err(match error.downcast::<RegistryError>() {
                Ok(error) => error,
                Err(_) => RegistryError::Cancelled,
            });
        }
        self.answer()
    }
}

impl Write for LoadingImage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(WRITE_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == WRITE_BYTES {
            self.send()?;
            self.buffer.reserve(WRITE_BYTES);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LoadingImage {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            // Without this the end of the stream would look like the end of the tar.
            let aborted = io::Error::other("the image is not complete");
            if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(Err(aborted))
                && let Some(task) = &self.task
            {
                task.abort();
            }
        }
    }
}
