//! Uploads in chunks (distribution-spec, "Pushing a blob in chunks").
//!
//! A chunk is held in memory until the registry has it, so one that failed is sent again from
//! where the registry says it is.

use std::io::Read;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::Digest;
use tokio::sync::mpsc;
use url::Url;

use crate::body::read_piece;
use crate::error::{RegistryError, Result, quoted, redacted};
use crate::exchange::{Ask, Session};
use crate::range::parse_upload_range;
use crate::retry::Tries;
use crate::upload::{Counter, UploadSession, location, push_scopes};

/// The smallest and the largest chunk; the largest is what memory is spent on.
const MIN_CHUNK_BYTES: u64 = 64 << 10;
const MAX_CHUNK_BYTES: u64 = 64 << 20;

impl UploadSession {
    /// Tells whether the registry's chunks are small enough to be held in memory.
    pub(crate) fn takes_chunks(&self) -> bool {
        self.min_chunk_bytes <= MAX_CHUNK_BYTES
    }

    /// Sends a blob in chunks.
    pub(crate) fn push_chunks(
        &mut self,
        body: &mut dyn Read,
        known: Option<(Digest, u64)>,
        chunk_bytes: u64,
    ) -> Result<(Digest, u64)> {
        let chunk_bytes = chunk_bytes
            .max(self.min_chunk_bytes)
            .clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES);
        let mut count = Counter::new(&self.place(), known);
        let session = Arc::clone(&self.session);
        let mut buffer = BytesMut::new();
        loop {
            let start = count.bytes;
            let chunk = read_piece(body, &mut buffer, chunk_bytes as usize)
                .map_err(|source| self.unreadable(source))?;
            count.add(&chunk)?;
            if chunk.is_empty() {
                return count.result();
            }
            let Some(upload) = self.location.clone() else {
                return Err(RegistryError::Cancelled);
            };
            let sending = session.send_chunk(upload, &self.repo, start, chunk);
            self.location = Some(session.inner.blocking.run(sending)?);
        }
    }
}

impl Session {
    /// Sends one chunk, as often as it takes; returns where the upload goes on.
    async fn send_chunk(
        self: &Arc<Self>,
        mut upload: Url,
        repo: &str,
        mut start: u64,
        mut chunk: Bytes,
    ) -> Result<Url> {
        let mut tries = Tries::new(&self.inner.options.retry);
        loop {
            let error = match self.try_chunk(&upload, repo, start, chunk.clone()).await {
                Ok(next) => return Ok(next),
                Err(error) => error,
            };
            let out_of_step = error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE);
            let delay = if out_of_step {
                tries.next_delay(None)
            } else {
                self.delay_after(&error, &mut tries)
            };
            let Some(delay) = delay else {
                return Err(error);
            };
            tokio::time::sleep(delay).await;
            let (next, has) = self.upload_status(&upload, repo).await?;
            upload = next;
            let end = start + chunk.len() as u64;
            if has == end {
                return Ok(upload);
            }
            // What lies before the chunk is gone from here, what lies behind was never sent.
            if has < start || has > end {
                return Err(error);
            }
            chunk.advance(usize::try_from(has - start).unwrap_or(chunk.len()));
            start = has;
        }
    }

    async fn try_chunk(
        self: &Arc<Self>,
        upload: &Url,
        repo: &str,
        start: u64,
        chunk: Bytes,
    ) -> Result<Url> {
        let last = start + chunk.len() as u64 - 1;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(chunk.len()));
        if let Ok(range) = HeaderValue::try_from(format!("{start}-{last}")) {
            headers.insert(header::CONTENT_RANGE, range);
        }
        let (give, pieces) = mpsc::channel(1);
        // There is room for one, so this does not wait.
        let _ = give.send(Ok(chunk)).await;
        drop(give);
        Arc::clone(self)
            .patch(upload.clone(), repo.to_owned(), headers, pieces)
            .await
    }

    /// Asks how much of an upload the registry has.
    pub(crate) async fn upload_status(&self, upload: &Url, repo: &str) -> Result<(Url, u64)> {
        let ask = Ask::new(Method::GET, upload.clone(), Some(push_scopes(repo)));
        let response = self
            .send(&ask, &[StatusCode::NO_CONTENT, StatusCode::ACCEPTED])
            .await?;
        let range = response.headers().get(header::RANGE);
        let text = String::from_utf8_lossy(range.map_or(b"", HeaderValue::as_bytes)).into_owned();
        let has = parse_upload_range(&text).ok_or_else(|| RegistryError::Header {
            method: Method::GET,
            url: redacted(upload),
            header: "Range",
            problem: format!("{:?} is not 0-LAST", quoted(&text)),
        })?;
        let next = if response.headers().contains_key(header::LOCATION) {
            location(&response, &Method::GET)?
        } else {
            upload.clone()
        };
        Ok((next, has))
    }
}
