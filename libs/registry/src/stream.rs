//! Uploads as one stream, and how one that breaks off goes on.
//!
//! ```text
//! PATCH ... broken ─▶ GET upload ─▶ 0-LAST  ─▶ PATCH Content-Range from LAST+1
//!                              └─▶ no answer, nothing there, upload gone ─▶ POST, PATCH from 0
//! ```
//! Nothing of the stream is kept: to go on, what it is made of is read again from its beginning,
//! and what the registry has is passed over. The digest at the end tells the registry whether
//! the two parts fit.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, header};
use oci::Digest;
use tokio::sync::mpsc;

use crate::body;
use crate::error::{RegistryError, Result};
use crate::retry::Tries;
use crate::upload::{Again, Counter, UploadSession};

/// So much progress makes the next failure count as the first one again.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Why a stream did not arrive.
enum Stop {
    /// What it is made of failed, or was not what it was said to be.
    Source(RegistryError),
    /// The way to the registry or the registry failed, after so many bytes were read.
    Sending(RegistryError, u64),
}

impl UploadSession {
    /// Sends a blob as a stream; as one that breaks off and goes on when it can be read again.
    pub(crate) fn push_stream(
        &mut self,
        body: &mut dyn Read,
        again: Option<Again<'_>>,
        known: Option<(Digest, u64)>,
    ) -> Result<(Digest, u64)> {
        let session = Arc::clone(&self.session);
        let mut tries = Tries::new(&session.inner.options.retry);
        let mut start = 0;
        loop {
            let (error, read_bytes) = match self.stream_from(body, start, known) {
                Ok(sent) => return Ok(sent),
                Err(Stop::Source(error)) => return Err(error),
                Err(Stop::Sending(error, read_bytes)) => (error, read_bytes),
            };
            if !error.is_retryable() {
                return Err(error);
            }
            let (Some(again), Some((digest, size))) = (again, known) else {
                return Err(RegistryError::Interrupted {
                    url: self.place(),
                    read_bytes,
                    source: Box::new(error),
                });
            };
            let Some(delay) = session.delay_after(&error, &mut tries) else {
                return Err(error);
            };
            let before = start;
            start = session.inner.blocking.run(async {
                tokio::time::sleep(delay).await;
                self.find_end(size).await
            })?;
            if start == size {
                return Ok((digest, size));
            }
            if start >= before + PROGRESS_BYTES {
                tries.reset();
            }
            again().map_err(|source| self.unreadable(source))?;
            let passed = io::copy(&mut Read::take(&mut *body, start), &mut io::sink())
                .map_err(|source| self.unreadable(source))?;
            if passed < start {
                return Err(self.unreadable(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Finds out how much of the upload the registry has, and begins another if nobody knows.
    async fn find_end(&mut self, size: u64) -> Result<u64> {
        let session = Arc::clone(&self.session);
        if let Some(upload) = &self.location {
            match session.upload_status(upload, &self.repo).await {
                Ok((next, has)) if has > 0 && has <= size => {
                    self.location = Some(next);
                    return Ok(has);
                }
                Err(RegistryError::Cancelled) => return Err(RegistryError::Cancelled),
                _ => session.cancel_upload(upload, &self.repo).await,
            }
        }
        self.location = None;
        self.location = Some(session.another_upload(&self.repo).await?);
        Ok(0)
    }

    /// Sends what `body` gives as what follows the first `start` bytes.
    fn stream_from(
        &mut self,
        body: &mut dyn Read,
        start: u64,
        known: Option<(Digest, u64)>,
    ) -> Result<(Digest, u64), Stop> {
        let mut count = Counter::new(&self.place(), known);
        count.bytes = start;
        let mut headers = HeaderMap::new();
        if let Some((_, size)) = known {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size - start));
            if start > 0
                && let Ok(range) = HeaderValue::try_from(format!("{start}-{}", size - 1))
            {
                headers.insert(header::CONTENT_RANGE, range);
            }
        }
        let (give, pieces) = mpsc::channel(body::IN_FLIGHT_PIECES);
        let Some(upload) = self.location.clone() else {
            return Err(Stop::Source(RegistryError::Cancelled));
        };
        let session = Arc::clone(&self.session);
        let blocking = &session.inner.blocking;
        let sending = Arc::clone(&session).patch(upload, self.repo.clone(), headers, pieces);
        let Some(sending) = blocking.spawn(sending) else {
            return Err(Stop::Source(RegistryError::Cancelled));
        };
        let mut buffer = BytesMut::new();
        let fed = loop {
            let piece = body::read_piece(body, &mut buffer, body::READ_BYTES)
                .map_err(|source| self.unreadable(source));
            let judged = match &piece {
                Ok(piece) if piece.is_empty() => count.finish(),
                Ok(piece) => count.add(piece),
                Err(_) => Ok(()),
            };
            let piece = match piece.and_then(|piece| judged.map(|()| piece)) {
                Ok(piece) if piece.is_empty() => break Ok(()),
                Ok(piece) => piece,
                Err(error) => {
                    // Ending the stream here would make a shorter blob of it: break it instead.
                    let broken = io::Error::other("the blob to push cannot be read");
                    let _ = blocking.run(async { Ok(give.send(Err(broken)).await) });
                    break Err(error);
                }
            };
            match blocking.run(async { Ok(give.send(Ok(piece)).await) }) {
                Ok(Ok(())) => {}
                // The request has ended early; its own error says why.
                Ok(Err(_)) => break Ok(()),
                Err(cancelled) => break Err(cancelled),
            }
        };
        drop(give);
        if let Err(error) = fed {
            sending.abort();
            return Err(Stop::Source(error));
        }
        let sent = blocking
            .run(async { Ok(sending.await) })
            .map_err(Stop::Source)?
            .map_err(|error| {
                Stop::Source(RegistryError::Setup {
                    what: "upload task",
                    source: error.into(),
                })
            })?;
        let next = sent.map_err(|error| Stop::Sending(error, count.bytes))?;
        self.location = Some(next);
        count.result().map_err(Stop::Source)
    }
}
