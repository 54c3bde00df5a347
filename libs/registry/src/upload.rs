//! Pushing blobs (distribution-spec, "Pushing blobs", "Mounting a blob from another repository").
//!
//! ```text
//! small and known   POST, PUT ?digest= with the bytes      made again when it fails
//! else              POST, PATCH with a stream, PUT ?digest=
//! chunked           POST, PATCH Content-Range ..., PUT     a chunk is made again when it fails
//! ```
//! A stream that breaks off goes on from where the registry says it is (GET), or begins again with
//! another upload, when what it is made of can be read again (`stream`).
//!
//! An upload that fails is cancelled (DELETE), so that it leaves nothing at the registry. Its
//! URL is the registry's choice; on another host than its own it gets no credentials.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::{Algorithm, Digest, Digester};
use reqwest::Response;
use tokio::sync::mpsc;
use url::Url;

use crate::body::{self, Pace};
use crate::error::{RegistryError, Result, quoted, redacted};
use crate::exchange::{Ask, Session};
use crate::host::ConnectionSlot;
use crate::manifest::{content_length, scope};
use crate::name::check_repository;
use crate::redirect;
use crate::retry::Tries;

/// Blobs up to this size are sent in one request, from memory.
const SMALL_BYTES: u64 = 4 << 20;
/// How long cancelling an upload may take.
const CLEANUP: Duration = Duration::from_secs(5);

/// How a blob is pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    /// Small blobs of known digest in one request, others as one stream.
    #[default]
    Auto,
    /// As one stream, whatever the size.
    Stream,
    /// In chunks, for registries or proxies that limit the size of a request.
    Chunked {
        /// The size of a chunk in bytes: at least what the registry asks for
        /// (`OCI-Chunk-Min-Length`), at most 64 MiB, as it is held in memory.
        chunk_bytes: u64,
    },
}

/// Makes what a blob is read from start anew.
pub type Again<'a> = &'a dyn Fn() -> io::Result<()>;

/// What came of asking for a mount.
#[derive(Debug)]
pub enum Mount {
    /// The blob is in the repository now.
    Mounted,
    /// The registry wants it uploaded, and has begun an upload for it.
    Upload(UploadSession),
}

/// An upload that was begun. Dropping it cancels it at the registry.
#[derive(Debug)]
pub struct UploadSession {
    pub(crate) session: Arc<Session>,
    pub(crate) repo: String,
    /// `None` when there is nothing to cancel (any more).
    pub(crate) location: Option<Url>,
    /// `OCI-Chunk-Min-Length`.
    pub(crate) min_chunk_bytes: u64,
    pub(crate) slot: Option<ConnectionSlot>,
}

impl Session {
    pub(crate) async fn begin_upload(self: &Arc<Self>, repo: &str) -> Result<UploadSession> {
        check_repository(repo)?;
        let slot = self.slot().await?;
        let url = self.url(&format!("/v2/{repo}/blobs/uploads/")).await?;
        let ask = Ask::new(Method::POST, url, Some(push_scopes(repo)));
        let response = self.send(&ask, &[StatusCode::ACCEPTED]).await?;
        self.upload_at(repo, &response, slot)
    }

    pub(crate) async fn mount(
        self: &Arc<Self>,
        repo: &str,
        digest: &Digest,
        from: &str,
    ) -> Result<Mount> {
        check_repository(repo)?;
        check_repository(from)?;
        let slot = self.slot().await?;
        let mut url = self.url(&format!("/v2/{repo}/blobs/uploads/")).await?;
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", from);
        let mut scopes = push_scopes(repo);
        scopes.push(scope(from, "pull"));
        let ask = Ask::new(Method::POST, url, Some(scopes));
        // Once: who does not get a mount has the blob to send.
        let response = self
            .attempt_for(&ask, &[StatusCode::CREATED, StatusCode::ACCEPTED])
            .await?;
        if response.status() == StatusCode::ACCEPTED {
            return self.upload_at(repo, &response, slot).map(Mount::Upload);
        }
        check_stored(&response, digest)?;
        Ok(Mount::Mounted)
    }

    fn upload_at(
        self: &Arc<Self>,
        repo: &str,
        response: &Response,
        slot: ConnectionSlot,
    ) -> Result<UploadSession> {
        let min_chunk_bytes = response
            .headers()
            .get("OCI-Chunk-Min-Length")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        Ok(UploadSession {
            session: Arc::clone(self),
            repo: repo.to_owned(),
            location: Some(location(response, &Method::POST)?),
            min_chunk_bytes,
            slot: Some(slot),
        })
    }

    async fn put_small(
        &self,
        upload: &Url,
        repo: &str,
        digest: &Digest,
        bytes: Bytes,
    ) -> Result<()> {
        let mut ask = Ask::new(
            Method::PUT,
            with_digest(upload, digest),
            Some(push_scopes(repo)),
        );
        ask.headers.insert(header::CONTENT_TYPE, octets());
        ask.body = Some(bytes);
        let response = self
            .attempt_for(&ask, &[StatusCode::CREATED, StatusCode::NO_CONTENT])
            .await?;
        check_stored(&response, digest)
    }

    /// Sends a body that can be sent only once, and returns where the upload goes on.
    pub(crate) async fn patch(
        self: Arc<Self>,
        upload: Url,
        repo: String,
        headers: HeaderMap,
        pieces: mpsc::Receiver<io::Result<Bytes>>,
    ) -> Result<Url> {
        let base = &self.reach().await?.base;
        let own = base.origin() == upload.origin();
        let peer = if own {
            crate::tls::Peer::Registry
        } else {
            crate::tls::Peer::Redirected
        };
        let pace = Arc::new(Pace::default());
        let length = content_length(&headers);
        let stream = body::paced(pieces, Arc::clone(&pace), Arc::clone(&self.host));
        let mut request = self
            .client(&upload, peer)?
            .patch(upload.clone())
            .headers(headers)
            .header(header::CONTENT_TYPE, octets())
            .body(reqwest::Body::wrap_stream(stream));
        let login = if own {
            self.authorization_for(&push_scopes(&repo)).await?
        } else {
            None
        };
        if let Some((header, _)) = &login {
            request = request.header(header::AUTHORIZATION, header.clone());
        }
        let timeouts = &self.inner.options.timeouts;
        let sent = body::watched(request.send(), &pace, timeouts)
            .await
            .map_err(|stalled| RegistryError::Timeout {
                method: Method::PATCH,
                url: redacted(&upload),
                awaited: stalled.awaited,
                after: stalled.after,
            })?;
        let response = sent.map_err(|error| self.transport(&Method::PATCH, &upload, error))?;
        self.inner.warnings.note(response.headers());
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some((header, Some(key))) = &login
        {
            self.inner.tokens.forget(key, header).await;
        }
        let accepted = [
            StatusCode::ACCEPTED,
            StatusCode::CREATED,
            StatusCode::NO_CONTENT,
        ];
        if !accepted.contains(&response.status()) {
            return Err(self.status_error(&Method::PATCH, response).await);
        }
        if !pace.is_whole(length) {
            return Err(RegistryError::Early {
                url: redacted(&upload),
            });
        }
        if response.headers().contains_key(header::LOCATION) {
            location(&response, &Method::PATCH)
        } else {
            Ok(upload)
        }
    }

    /// Ends an upload: from now on the blob is in the repository.
    async fn commit(&self, upload: &Url, repo: &str, digest: &Digest, size: u64) -> Result<()> {
        let mut ask = Ask::new(
            Method::PUT,
            with_digest(upload, digest),
            Some(push_scopes(repo)),
        );
        ask.headers.insert(header::CONTENT_TYPE, octets());
        ask.body = Some(Bytes::new());
        let mut tries = Tries::new(&self.inner.options.retry);
        loop {
            let error = match self
                .attempt_for(&ask, &[StatusCode::CREATED, StatusCode::NO_CONTENT])
                .await
            {
                Ok(response) => return check_stored(&response, digest),
                Err(error) if error.is_retryable() => error,
                Err(error) => return Err(error),
            };
            // The answer was lost, perhaps, and not the request: a second PUT would find no upload.
            let found = self.head_blob_without_slot(repo, digest).await;
            if matches!(found, Ok(Some(found)) if found == size) {
                return Ok(());
            }
            let delay = match error.status() {
                Some(_) if !error.is_lost_upload() => self.delay_after(&error, &mut tries),
                _ => None,
            };
            match delay {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            }
        }
    }

    async fn head_blob_without_slot(&self, repo: &str, digest: &Digest) -> Result<Option<u64>> {
        let url = self.url(&format!("/v2/{repo}/blobs/{digest}")).await?;
        let ask = Ask::new(Method::HEAD, url, Some(push_scopes(repo)));
        match self.send(&ask, &[StatusCode::OK]).await {
            Ok(response) => Ok(content_length(response.headers())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl UploadSession {
    /// Sends a blob and ends the upload. `known` is its digest and size where they are known.
    ///
    /// Returns digest and size. What `known` says is verified by the registry, not here.
    ///
    /// # Errors
    /// The reader fails or gives another number of bytes than `known` says, the connection breaks
    /// within a stream, or the registry refuses; the upload is cancelled.
    pub fn push(
        self,
        mut body: impl Read,
        known: Option<(Digest, u64)>,
        how: Upload,
    ) -> Result<(Digest, u64)> {
        self.push_from(&mut body, None, known, how)
    }

    /// Sends a blob that can be read again, `again` making `body` start anew: so a stream that
    /// breaks off is resumed.
    ///
    /// # Errors
    /// As [`Self::push`]; a connection that breaks more often than
    /// [`crate::ClientOptions::retry`] allows.
    pub fn push_repeatable(
        self,
        mut body: impl Read,
        again: Again<'_>,
        known: (Digest, u64),
        how: Upload,
    ) -> Result<(Digest, u64)> {
        self.push_from(&mut body, Some(again), Some(known), how)
    }

    fn push_from(
        mut self,
        body: &mut dyn Read,
        again: Option<Again<'_>>,
        known: Option<(Digest, u64)>,
        how: Upload,
    ) -> Result<(Digest, u64)> {
        let chunk_bytes = match how {
            Upload::Chunked { chunk_bytes } if self.takes_chunks() => Some(chunk_bytes),
            _ => None,
        };
        let stored = match (chunk_bytes, known) {
            (Some(chunk_bytes), known) => {
                let (digest, size) = self.push_chunks(body, known, chunk_bytes)?;
                self.finish(digest, size)?
            }
            (None, Some((digest, size))) if how == Upload::Auto && size <= SMALL_BYTES => {
                self.push_small(body, digest, size)?
            }
            (None, known) => {
                let (digest, size) = self.push_stream(body, again, known)?;
                self.finish(digest, size)?
            }
        };
        self.location = None;
        Ok(stored)
    }

    /// Cancels the upload, as dropping it does.
    pub fn cancel(self) {}

    fn push_small(
        &mut self,
        body: &mut dyn Read,
        digest: Digest,
        size: u64,
    ) -> Result<(Digest, u64)> {
        let mut count = Counter::new(&self.place(), Some((digest, size)));
        let mut bytes = Vec::new();
        // One byte more than there should be tells a blob that is too long.
        body.take(size + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| self.unreadable(source))?;
        count.add(&bytes)?;
        count.finish()?;
        let bytes = Bytes::from(bytes);
        let mut first = self.location.take();
        let session = Arc::clone(&self.session);
        let repo = self.repo.clone();
        let slot = self.slot.take();
        let result = session.inner.blocking.run(async {
            let _slot = slot;
            session
                .retrying(|| {
                    // What a failed try has left of its upload nobody knows: begin another.
                    let begun = first.take();
                    let (session, repo, bytes) = (&session, &repo, bytes.clone());
                    async move {
                        let upload = match begun {
                            Some(upload) => upload,
                            None => session.another_upload(repo).await?,
                        };
                        let put = session.put_small(&upload, repo, &digest, bytes).await;
                        if put.is_err() {
                            session.cancel_upload(&upload, repo).await;
                        }
                        put
                    }
                })
                .await
        });
        result.map(|()| (digest, size))
    }

    fn finish(&mut self, digest: Digest, size: u64) -> Result<(Digest, u64)> {
        let Some(upload) = self.location.clone() else {
            return Err(RegistryError::Cancelled);
        };
        let session = Arc::clone(&self.session);
        session
            .inner
            .blocking
            .run(session.commit(&upload, &self.repo, &digest, size))?;
        Ok((digest, size))
    }

    pub(crate) fn place(&self) -> String {
        self.location.as_ref().map(redacted).unwrap_or_default()
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> RegistryError {
        RegistryError::Body {
            url: self.place(),
            source,
        }
    }
}

impl Session {
    pub(crate) async fn another_upload(&self, repo: &str) -> Result<Url> {
        let url = self.url(&format!("/v2/{repo}/blobs/uploads/")).await?;
        let ask = Ask::new(Method::POST, url, Some(push_scopes(repo)));
        let response = self.attempt_for(&ask, &[StatusCode::ACCEPTED]).await?;
        location(&response, &Method::POST)
    }

    /// Tells the registry that nothing more comes; if it does not hear, it finds out by itself.
    pub(crate) async fn cancel_upload(&self, upload: &Url, repo: &str) {
        let ask = Ask::new(Method::DELETE, upload.clone(), Some(push_scopes(repo)));
        let _ = tokio::time::timeout(CLEANUP, self.attempt(&ask)).await;
    }
}

impl Drop for UploadSession {
    fn drop(&mut self) {
        if let Some(upload) = self.location.take() {
            let session = Arc::clone(&self.session);
            let repo = std::mem::take(&mut self.repo);
            session
                .inner
                .blocking
                .run_cleanup(CLEANUP, session.cancel_upload(&upload, &repo));
        }
    }
}

/// Counts a blob while it is read, and hashes it when its digest is not known.
#[derive(Debug)]
pub(crate) struct Counter {
    url: String,
    known: Option<(Digest, u64)>,
    digester: Option<Digester>,
    pub(crate) bytes: u64,
}

impl Counter {
    pub(crate) fn new(url: &str, known: Option<(Digest, u64)>) -> Self {
        let digester = known.is_none().then(|| Digester::new(Algorithm::Sha256));
        Self {
            url: url.to_owned(),
            known,
            digester,
            bytes: 0,
        }
    }

    pub(crate) fn add(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes += piece.len() as u64;
        if let Some(digester) = &mut self.digester {
            digester.update(piece);
        }
        match self.known {
            Some((_, size)) if self.bytes > size => Err(self.wrong_size(size, true)),
            _ => Ok(()),
        }
    }

    /// Judges the number of bytes at the end of the blob.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.known {
            Some((_, size)) if self.bytes != size => Err(self.wrong_size(size, false)),
            _ => Ok(()),
        }
    }

    /// Returns digest and size of the whole.
    pub(crate) fn result(self) -> Result<(Digest, u64)> {
        self.finish()?;
        match (self.known, self.digester) {
            (Some(known), _) => Ok(known),
            (None, digester) => {
                let digester = digester.unwrap_or_else(|| Digester::new(Algorithm::Sha256));
                Ok((digester.finish(), self.bytes))
            }
        }
    }

    fn wrong_size(&self, expected: u64, at_least: bool) -> RegistryError {
        let (url, actual) = (self.url.clone(), self.bytes);
        RegistryError::SizeMismatch {
            url,
            expected,
            actual,
            at_least,
        }
    }
}

pub(crate) fn push_scopes(repo: &str) -> Vec<String> {
    vec![scope(repo, "pull,push")]
}

fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}

fn with_digest(upload: &Url, digest: &Digest) -> Url {
    let mut url = upload.clone();
    url.query_pairs_mut()
        .append_pair("digest", &digest.to_string());
    url
}

/// Reads where an upload goes on; the rules are those of a redirect.
pub(crate) fn location(response: &Response, method: &Method) -> Result<Url> {
    let value = response
        .headers()
        .get(header::LOCATION)
        .map(HeaderValue::as_bytes);
    let judged = redirect::judge(response.url(), value, 0);
    judged
        .map(|hop| hop.url)
        .map_err(|(to, reason)| RegistryError::Header {
            method: method.clone(),
            url: redacted(response.url()),
            header: "Location",
            problem: format!("{:?}: {reason}", quoted(&to)),
        })
}

/// Compares the digest that a registry says it stored, if it does, with ours.
fn check_stored(response: &Response, expected: &Digest) -> Result<()> {
    let stored = response
        .headers()
        .get("Docker-Content-Digest")
        .and_then(|value| Digest::parse(value.to_str().ok()?).ok());
    match stored {
        Some(actual) if actual.algorithm() == expected.algorithm() && actual != *expected => {
            Err(RegistryError::digest_mismatch(
                redacted(response.url()),
                "blob as the registry stored it",
                *expected,
                actual,
            ))
        }
        _ => Ok(()),
    }
}
