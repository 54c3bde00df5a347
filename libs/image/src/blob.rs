//! Content checked against its digest and size while it is read.
//!
//! A [`VerifyingReader`] gives out bytes as they come and ends in an error unless they had the
//! promised digest and size; so whoever read to the end without an error has read the blob.
//! Nothing is allocated from a promised size.

use std::io::{self, Read};

use oci::{Descriptor, Digest, Digester};

/// How much is read or written at once. Large, because each chunk costs a system call on both
/// sides; small enough that six layers in flight stay far below the memory limit.
pub(crate) const CHUNK: usize = 256 << 10;

/// Why a blob was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The bytes do not hash to the digest (image-spec, descriptor.md, "Verification").
    #[error("blob {expected}: content hashes to {actual}")]
    Digest {
        /// The promised digest.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// The stream is longer or shorter than the descriptor says.
    #[error("blob {digest}: expected {expected} bytes, got {actual}")]
    Size {
        /// The blob.
        digest: Digest,
        /// The promised size in bytes.
        expected: u64,
        /// How many bytes came; one more than promised when there are more.
        actual: u64,
    },
    /// The blob is larger than such a document may be.
    #[error("blob {digest}: {size} bytes exceed the limit of {limit}")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// Its promised size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl BlobError {
    fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

/// Hashes and counts what passes, and fails at the end of the stream if it was not the blob.
#[derive(Debug)]
pub struct VerifyingReader<R> {
    inner: R,
    digest: Digest,
    size: Option<u64>,
    read: u64,
    digester: Option<Digester>,
}

impl<R: Read> VerifyingReader<R> {
    /// Reads `inner`, which ought to be the blob `digest` of `size` bytes.
    pub fn new(inner: R, digest: Digest, size: Option<u64>) -> Self {
        let digester = Some(Digester::new(digest.algorithm()));
        Self {
            inner,
            digest,
            size,
            read: 0,
            digester,
        }
    }

    fn size_error(&self, expected: u64) -> io::Error {
        BlobError::Size {
            digest: self.digest,
            expected,
            actual: self.read,
        }
        .into_io()
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        let Some(digester) = &mut self.digester else {
            return Ok(0);
        };
        if count > 0 {
            digester.update(&buffer[..count]);
            self.read += count as u64;
            if let Some(size) = self.size.filter(|size| self.read > *size) {
                return Err(self.size_error(size));
            }
            return Ok(count);
        }
        if let Some(size) = self.size.filter(|size| self.read < *size) {
            return Err(self.size_error(size));
        }
        if let Some(digester) = self.digester.take() {
            let actual = digester.finish();
            if actual != self.digest {
                return Err(BlobError::Digest {
                    expected: self.digest,
                    actual,
                }
                .into_io());
            }
        }
        Ok(0)
    }
}

/// Reads all of a small document that a descriptor names.
///
/// # Errors
/// `InvalidData` with a [`BlobError`] when it is too large or not the blob.
pub(crate) fn read_document(
    reader: impl Read,
    descriptor: &Descriptor,
    limit: u64,
) -> io::Result<Vec<u8>> {
    let (digest, size) = (descriptor.digest, descriptor.size);
    if size > limit {
        return Err(BlobError::TooLarge {
            digest,
            size,
            limit,
        }
        .into_io());
    }
    let mut bytes = Vec::new();
    VerifyingReader::new(reader, digest, Some(size)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Fills `buffer` as far as the stream goes; less than full only at its end.
pub(crate) fn fill(reader: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], digest: Digest, size: Option<u64>) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match VerifyingReader::new(bytes, digest, size).read_to_end(&mut out) {
            Ok(_) => Ok(out),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn only_the_promised_bytes_pass() {
        let digest = Digest::sha256(b"hello");
        assert_eq!(read(b"hello", digest, Some(5)).unwrap(), b"hello");
        assert_eq!(read(b"hello", digest, None).unwrap(), b"hello");
        assert!(
            read(b"hullo", digest, Some(5))
                .unwrap_err()
                .contains("hashes to")
        );
        assert!(
            read(b"hell", digest, Some(5))
                .unwrap_err()
                .contains("got 4")
        );
        assert!(
            read(b"hello!", digest, Some(5))
                .unwrap_err()
                .contains("got 6")
        );
        assert!(
            read(b"", digest, Some(1 << 62))
                .unwrap_err()
                .contains("got 0")
        );
        assert!(
            read(b"hell", digest, None)
                .unwrap_err()
                .contains("hashes to")
        );
    }

    #[test]
    fn documents_are_bounded_before_they_are_read() {
        let descriptor = Descriptor::of(oci::MediaType::OciConfig, b"{}");
        assert_eq!(read_document(&b"{}"[..], &descriptor, 2).unwrap(), b"{}");
        let error = read_document(&b"{}"[..], &descriptor, 1).unwrap_err();
        assert!(error.to_string().contains("exceed the limit of 1"));
    }
}
