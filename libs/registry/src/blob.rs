//! Blobs: a stream that goes on where it broke off, and ends only when it is right
//! (distribution-spec, "Pulling blobs").
//!
//! ```text
//! network ─▶ pump (a task: range requests, retries) ─▶ ≤ 1 MiB ─▶ reader (hashes, counts)
//! ```
//! Nothing is kept to resume with: the reader has hashed what it gave away, and the rest must
//! make that hash come out. So a registry that ignores the range may send everything again, of
//! which the beginning is skipped, and one that sends something else is found out at the end.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::{Digest, Digester};
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use url::Url;

use crate::error::{RegistryError, Result, redacted};
use crate::exchange::{Ask, Session, refuse_encoding};
use crate::floor::Floor;
use crate::host::ConnectionSlot;
use crate::manifest::{DELETED, content_length, scope};
use crate::name::check_repository;
use crate::range::parse_content_range;
use crate::retry::Tries;

/// Most bytes between the network and the reader.
const IN_FLIGHT_BYTES: usize = 1 << 20;
/// Most pieces between the network and the reader; HTTP/2 makes them as small as 16 KiB.
const IN_FLIGHT_PIECES: usize = 64;
/// So much progress makes the next failure count as the first one again.
const PROGRESS_BYTES: u64 = 1 << 20;
/// How often a download begins again because the rest of it cannot be had.
const MAX_RESTARTS: u32 = 3;

type Piece = (Bytes, OwnedSemaphorePermit);

impl Session {
    pub(crate) async fn head_blob(&self, repo: &str, digest: &Digest) -> Result<Option<u64>> {
        let _slot = self.slot().await?;
        let ask = self
            .blob_request(Method::HEAD, repo, digest, "pull")
            .await?;
        let response = match self.send(&ask, &[StatusCode::OK]).await {
            Ok(response) => response,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        content_length(response.headers())
            .map(Some)
            .ok_or_else(|| RegistryError::Header {
                method: Method::HEAD,
                url: redacted(response.url()),
                header: "Content-Length",
                problem: "is missing".to_owned(),
            })
    }

    pub(crate) async fn delete_blob(&self, repo: &str, digest: &Digest) -> Result<()> {
        let _slot = self.slot().await?;
        let ask = self.blob_request(Method::DELETE, repo, digest, "*").await?;
        self.send(&ask, DELETED).await.map(drop)
    }

    async fn blob_request(
        &self,
        method: Method,
        repo: &str,
        digest: &Digest,
        actions: &str,
    ) -> Result<Ask> {
        check_repository(repo)?;
        let url = self.url(&format!("/v2/{repo}/blobs/{digest}")).await?;
        Ok(Ask::new(method, url, Some(vec![scope(repo, actions)])))
    }

    pub(crate) async fn open_blob(
        self: &Arc<Self>,
        repo: &str,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<BlobReader> {
        let slot = self.slot().await?;
        let ask = self.blob_request(Method::GET, repo, digest, "pull").await?;
        let response = self.send(&ask, &[StatusCode::OK]).await?;
        refuse_encoding(&response)?;
        let announced = content_length(response.headers());
        if let (Some(expected), Some(actual)) = (size, announced)
            && expected != actual
        {
            let url = redacted(response.url());
            return Err(RegistryError::SizeMismatch {
                url,
                expected,
                actual,
                at_least: false,
            });
        }
        let start = Start {
            digest: *digest,
            size: size.or(announced),
            seen: 0,
            digester: Digester::new(digest.algorithm()),
        };
        let (pump, pieces) = self.pump(ask, &start, &response, slot);
        Ok(self.read(start, pump, pieces, (response, 0)))
    }

    /// Opens a blob of which the beginning is known.
    pub(crate) async fn open_blob_from(
        self: &Arc<Self>,
        repo: &str,
        start: Start,
    ) -> Result<BlobReader> {
        let slot = self.slot().await?;
        let ask = self
            .blob_request(Method::GET, repo, &start.digest, "pull")
            .await?;
        let mut ranged = ask.clone();
        let range = format!("bytes={}-", start.seen);
        if let Ok(range) = HeaderValue::try_from(range) {
            ranged.headers.insert(header::RANGE, range);
        }
        let wanted = [StatusCode::OK, StatusCode::PARTIAL_CONTENT];
        let response = match self.send(&ranged, &wanted).await {
            Err(error) if is_out_of_step(&error) => self.send(&ask, &[StatusCode::OK]).await?,
            response => response?,
        };
        refuse_encoding(&response)?;
        let (pump, pieces) = self.pump(ask, &start, &response, slot);
        let answer = match response.status() {
            StatusCode::OK => (response, start.seen),
            _ => match pump.check_range(&response, start.seen) {
                Ok(()) => (response, 0),
                // All of it, then, without what is known.
                Err(_) => (self.send(&pump.ask, &[StatusCode::OK]).await?, start.seen),
            },
        };
        Ok(self.read(start, pump, pieces, answer))
    }

    fn pump(
        self: &Arc<Self>,
        ask: Ask,
        start: &Start,
        response: &Response,
        slot: ConnectionSlot,
    ) -> (Pump, mpsc::Receiver<Result<Piece>>) {
        let (pieces_in, pieces) = mpsc::channel(IN_FLIGHT_PIECES);
        let pump = Pump {
            session: Arc::clone(self),
            etag: strong_etag(response.headers()),
            ask,
            size: start.size,
            limit: start.size.unwrap_or(self.inner.options.unsized_blob_bytes),
            sent: start.seen,
            restarts: 0,
            pieces: pieces_in,
            credit: Arc::new(Semaphore::new(IN_FLIGHT_BYTES)),
            _slot: slot,
        };
        (pump, pieces)
    }

    fn read(
        self: &Arc<Self>,
        start: Start,
        pump: Pump,
        pieces: mpsc::Receiver<Result<Piece>>,
        answer: (Response, u64),
    ) -> BlobReader {
        let (url, limit) = (redacted(&pump.ask.url), pump.limit);
        let task = self.inner.blocking.spawn(pump.run(answer));
        BlobReader {
            session: Arc::clone(self),
            url,
            digest: start.digest,
            size: start.size,
            limit,
            seen: start.seen,
            state: State::Reading(Box::new(start.digester)),
            piece: Bytes::new(),
            permit: None,
            pieces,
            task: task.map(|task| task.abort_handle()),
        }
    }
}

/// Where a download begins.
pub(crate) struct Start {
    digest: Digest,
    size: Option<u64>,
    /// So many bytes are known.
    seen: u64,
    /// They went through it.
    digester: Digester,
}

impl Start {
    /// Reads the beginning of a blob that is known.
    pub(crate) fn behind(digest: &Digest, size: u64, known: impl Read) -> io::Result<Self> {
        let mut digester = Digester::new(digest.algorithm());
        let mut seen = 0;
        let mut known = known.take(size);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match known.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    digester.update(&buffer[..count]);
                    seen += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            digest: *digest,
            size: Some(size),
            seen,
            digester,
        })
    }
}

/// Moves bytes from the network into the channel.
struct Pump {
    session: Arc<Session>,
    ask: Ask,
    etag: Option<HeaderValue>,
    size: Option<u64>,
    limit: u64,
    /// How many bytes went into the channel.
    sent: u64,
    /// How often it began again from the first byte.
    restarts: u32,
    pieces: mpsc::Sender<Result<Piece>>,
    credit: Arc<Semaphore>,
    _slot: ConnectionSlot,
}

/// Why pumping stopped.
enum Stop {
    /// The reader is gone.
    Unwanted,
    Failed(RegistryError),
}

impl Pump {
    async fn run(mut self, answer: (Response, u64)) {
        let session = Arc::clone(&self.session);
        let mut tries = Tries::new(&session.inner.options.retry);
        let mut next = Ok(answer);
        loop {
            let before = self.sent;
            let stop = match next {
                Ok((response, skip)) => self.drain(response, skip).await,
                Err(error) => Err(Stop::Failed(error)),
            };
            let error = match stop {
                Ok(()) | Err(Stop::Unwanted) => return,
                Err(Stop::Failed(error)) => error,
            };
            if self.size == Some(self.sent) && error.is_retryable() {
                // All is there; how the connection ended does not matter.
                return;
            }
            if self.sent - before >= PROGRESS_BYTES {
                tries.reset();
            }
            let Some(delay) = session.delay_after(&error, &mut tries) else {
                // The reader may be gone, in which case nobody wants to know.
                let _ = self.pieces.send(Err(error)).await;
                return;
            };
            tokio::time::sleep(delay).await;
            next = self.resume().await;
        }
    }

    /// Sends a body on, without its first `skip` bytes.
    async fn drain(&mut self, mut response: Response, skip: u64) -> Result<(), Stop> {
        let mut skip = skip;
        let mut floor = Floor::new(&self.session.inner.options.timeouts);
        loop {
            let piece = self
                .session
                .next_piece(&mut response, &Method::GET, &mut floor)
                .await;
            let Some(mut piece) = piece.map_err(Stop::Failed)? else {
                return self.at_end(response.url()).map_err(Stop::Failed);
            };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            piece.advance(skipped);
            skip -= skipped as u64;
            if self.sent + piece.len() as u64 > self.limit {
                return Err(Stop::Failed(self.too_long(response.url())));
            }
            while !piece.is_empty() {
                let part = piece.split_to(piece.len().min(IN_FLIGHT_BYTES));
                self.send(part).await?;
            }
        }
    }

    async fn send(&mut self, part: Bytes) -> Result<(), Stop> {
        let bytes = u32::try_from(part.len()).map_err(|_| Stop::Unwanted)?;
        let credit = Arc::clone(&self.credit);
        let permit = credit
            .acquire_many_owned(bytes)
            .await
            .map_err(|_| Stop::Unwanted)?;
        self.sent += u64::from(bytes);
        self.pieces
            .send(Ok((part, permit)))
            .await
            .map_err(|_| Stop::Unwanted)
    }

    /// Judges a body that ended: one that ends early is like a connection that broke.
    fn at_end(&self, url: &Url) -> Result<()> {
        match self.size {
            Some(size) if self.sent < size => Err(RegistryError::Broken {
                method: Method::GET,
                url: redacted(url),
                source: format!("the answer ends after {} of {size} bytes", self.sent).into(),
            }),
            _ => Ok(()),
        }
    }

    fn too_long(&self, url: &Url) -> RegistryError {
        let url = redacted(url);
        match self.size {
            Some(expected) => RegistryError::SizeMismatch {
                url,
                expected,
                actual: expected + 1,
                at_least: true,
            },
            None => RegistryError::TooLarge {
                method: Method::GET,
                url,
                what: "blob of unknown size",
                limit: self.limit,
            },
        }
    }

    /// Asks for the rest, or for everything where the rest does not fit. Returns the answer and how
    /// much of it to skip; whether that is what was sent on, the hash tells.
    async fn resume(&mut self) -> Result<(Response, u64)> {
        match self.ask_from(self.sent).await {
            Err(error) if is_out_of_step(&error) && self.restarts < MAX_RESTARTS => {
                self.restarts += 1;
                let (response, _) = self.ask_from(0).await?;
                self.etag = strong_etag(response.headers());
                Ok((response, self.sent))
            }
            answer => answer,
        }
    }

    async fn ask_from(&self, offset: u64) -> Result<(Response, u64)> {
        let mut ask = self.ask.clone();
        let mut wanted = vec![StatusCode::OK];
        if offset > 0 {
            let range = HeaderValue::try_from(format!("bytes={offset}-"));
            if let Ok(range) = range {
                ask.headers.insert(header::RANGE, range);
                wanted.push(StatusCode::PARTIAL_CONTENT);
            }
        }
        let response = self.session.attempt_for(&ask, &wanted).await?;
        refuse_encoding(&response)?;
        if response.status() == StatusCode::OK {
            return Ok((response, offset));
        }
        self.check_range(&response, offset)?;
        Ok((response, 0))
    }

    fn check_range(&self, response: &Response, offset: u64) -> Result<()> {
        let url = || redacted(response.url());
        let text = response.headers().get(header::CONTENT_RANGE);
        let text = String::from_utf8_lossy(text.map_or(b"", HeaderValue::as_bytes));
        let fits = parse_content_range(&text).is_some_and(|(first, _, total)| {
            let same_total = match (total, self.size) {
                (Some(total), Some(size)) => total == size,
                _ => true,
            };
            first == offset && same_total
        });
        if !fits {
            let got = crate::error::quoted(&text);
            return Err(RegistryError::Range {
                url: url(),
                offset,
                got,
            });
        }
        match (&self.etag, strong_etag(response.headers())) {
            (Some(before), Some(now)) if *before != now => Err(RegistryError::Changed {
                url: url(),
                before: crate::error::quoted(&String::from_utf8_lossy(before.as_bytes())),
                now: crate::error::quoted(&String::from_utf8_lossy(now.as_bytes())),
            }),
            _ => Ok(()),
        }
    }
}

/// Tells whether a registry answers a range with something else than the rest.
fn is_out_of_step(error: &RegistryError) -> bool {
    match error {
        RegistryError::Range { .. } | RegistryError::Changed { .. } => true,
        _ => error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE),
    }
}

fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    headers
        .get(header::ETAG)
        .filter(|etag| !etag.as_bytes().starts_with(b"W/"))
        .cloned()
}

/// The bytes of a blob, verified.
///
/// It never gives more bytes than the size, and it says "end of file" only when size and digest
/// are right; until then what was read must not be made visible to anybody. Dropping it ends the
/// download.
#[derive(Debug)]
pub struct BlobReader {
    session: Arc<Session>,
    url: String,
    digest: Digest,
    size: Option<u64>,
    limit: u64,
    seen: u64,
    state: State,
    piece: Bytes,
    /// Lets the pump go on once the piece is used up.
    permit: Option<OwnedSemaphorePermit>,
    pieces: mpsc::Receiver<Result<Piece>>,
    task: Option<AbortHandle>,
}

#[derive(Debug)]
enum State {
    Reading(Box<Digester>),
    Verified,
    Failed,
}

impl BlobReader {
    /// Returns the size in bytes, when the descriptor or the registry said it.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Returns the next piece as it came from the network, without a copy; `None` at the end of
    /// a blob that was verified.
    ///
    /// # Errors
    /// The download failed for good, or the blob is not the one that was asked for. Later calls
    /// then return [`RegistryError::Broken`].
    pub fn next_piece(&mut self) -> Result<Option<Bytes>> {
        while self.piece.is_empty() {
            if !self.receive()? {
                return Ok(None);
            }
        }
        Ok(Some(std::mem::take(&mut self.piece)))
    }

    /// Waits for a piece; `false` at the verified end.
    fn receive(&mut self) -> Result<bool> {
        self.permit = None;
        let digester = match std::mem::replace(&mut self.state, State::Failed) {
            State::Reading(digester) => digester,
            State::Verified => {
                self.state = State::Verified;
                return Ok(false);
            }
            State::Failed => {
                return Err(RegistryError::Broken {
                    method: Method::GET,
                    url: self.url.clone(),
                    source: "the download has failed before".into(),
                });
            }
        };
        match self.next_received()? {
            Some((piece, permit)) => self.take(digester, piece, permit).map(|()| true),
            None => self.verify(digester).map(|()| false),
        }
    }

    fn next_received(&mut self) -> Result<Option<Piece>> {
        let received = match self.pieces.try_recv() {
            Ok(received) => Some(received),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => {
                let pieces = &mut self.pieces;
                self.session
                    .inner
                    .blocking
                    .run(async { Ok(pieces.recv().await) })?
            }
        };
        received.transpose()
    }

    fn take(
        &mut self,
        mut digester: Box<Digester>,
        piece: Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Result<()> {
        self.seen += piece.len() as u64;
        if self.seen > self.limit {
            return Err(self.wrong_size(true));
        }
        digester.update(&piece);
        self.state = State::Reading(digester);
        self.piece = piece;
        self.permit = Some(permit);
        Ok(())
    }

    /// Judges the whole blob, once its last byte was seen.
    fn verify(&mut self, digester: Box<Digester>) -> Result<()> {
        if self.size.is_some_and(|size| size != self.seen) {
            return Err(self.wrong_size(false));
        }
        let actual = digester.finish();
        if actual != self.digest {
            let (url, expected) = (self.url.clone(), self.digest);
            return Err(RegistryError::digest_mismatch(
                url, "blob", expected, actual,
            ));
        }
        self.state = State::Verified;
        Ok(())
    }

    fn wrong_size(&self, at_least: bool) -> RegistryError {
        RegistryError::SizeMismatch {
            url: self.url.clone(),
            expected: self.size.unwrap_or(self.limit),
            actual: self.seen,
            at_least,
        }
    }
}

impl BufRead for BlobReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() {
            self.receive().map_err(io::Error::other)?;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount);
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

impl Drop for BlobReader {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
