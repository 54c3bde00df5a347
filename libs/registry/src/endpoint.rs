//! The calls: one registry as one user sees it.

use std::io::Read;
use std::sync::Arc;

use config::auth::Credential;
use http::{Method, StatusCode};
use oci::{Descriptor, Digest, MediaType, RawManifest};

use crate::blob::{BlobReader, Start};
use crate::error::{RegistryError, Result};
use crate::exchange::{Ask, Session};
use crate::manifest::{ManifestHead, TagOrDigest};
use crate::upload::{Mount, Upload, UploadSession};

/// A registry and a credential. Clones share everything; all calls block.
///
/// `repo` is always the path of a repository inside the registry, `library/busybox` say. Every
/// call may fail with any network variant of [`crate::RegistryError`], or because the program
/// cancels.
#[derive(Clone, Debug)]
pub struct Endpoint {
    session: Arc<Session>,
}

impl Endpoint {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session: Arc::new(session),
        }
    }

    /// Returns the name of the registry, as it was configured.
    pub fn host(&self) -> &str {
        &self.session.host.name
    }

    /// Reaches the registry, and reads which credentials it asks for. That they are right is not
    /// said: see [`Self::check_login`].
    ///
    /// # Errors
    /// It answers neither 200 nor 401 at `/v2/`.
    pub fn ping(&self) -> Result<()> {
        self.session
            .inner
            .blocking
            .run(async { self.session.reach().await.map(drop) })
    }

    /// Has the registry, or its token service, verify the credential.
    ///
    /// # Errors
    /// The credential is refused, where [`crate::RegistryError::is_denied`] is true.
    pub fn check_login(&self) -> Result<()> {
        let session = &self.session;
        session.inner.blocking.run(async {
            let _slot = session.slot().await?;
            let url = session.url("/v2/").await?;
            let ask = Ask::new(Method::GET, url, Some(Vec::new()));
            session.send(&ask, &[StatusCode::OK]).await.map(drop)
        })
    }

    /// Returns the credential of the endpoint.
    pub fn credential(&self) -> &Credential {
        &self.session.credential
    }

    /// Gets a manifest or index: parsed, its digest compared with the one asked for and the one
    /// announced.
    ///
    /// # Errors
    /// There is none, it is larger than 4 MiB, ambiguous, or has another digest.
    pub fn manifest(&self, repo: &str, which: &TagOrDigest) -> Result<RawManifest> {
        self.session
            .inner
            .blocking
            .run(self.session.manifest(repo, which))
    }

    /// Gets the bytes of a manifest without parsing them, and the media type that the registry
    /// gives them. The digests are compared all the same.
    ///
    /// # Errors
    /// There is none, it is larger than 4 MiB, or has another digest.
    pub fn manifest_bytes(
        &self,
        repo: &str,
        which: &TagOrDigest,
    ) -> Result<(Vec<u8>, Option<MediaType>)> {
        self.session
            .inner
            .blocking
            .run(self.session.manifest_bytes(repo, which))
    }

    /// Like [`Self::manifest_bytes`], but waits no longer than [`crate::Timeouts::elsewhere`]: for
    /// a mirror, after which others are asked.
    ///
    /// # Errors
    /// As [`Self::manifest_bytes`].
    pub fn manifest_bytes_in_time(
        &self,
        repo: &str,
        which: &TagOrDigest,
    ) -> Result<(Vec<u8>, Option<MediaType>)> {
        let session = &self.session;
        session
            .inner
            .blocking
            .run(session.manifest_bytes_in_time(repo, which))
    }

    /// Asks what a tag points to, or whether a digest is there; `None` when it is not.
    ///
    /// # Errors
    /// The registry says neither yes nor no.
    pub fn head_manifest(&self, repo: &str, which: &TagOrDigest) -> Result<Option<ManifestHead>> {
        self.session
            .inner
            .blocking
            .run(self.session.head_manifest(repo, which))
    }

    /// Like [`Self::head_manifest`], but waits no longer than [`crate::Timeouts::elsewhere`].
    ///
    /// # Errors
    /// As [`Self::head_manifest`].
    pub fn head_manifest_in_time(
        &self,
        repo: &str,
        which: &TagOrDigest,
    ) -> Result<Option<ManifestHead>> {
        let session = &self.session;
        let head = session.in_time(repo, which, session.head_manifest(repo, which));
        session.inner.blocking.run(head)
    }

    /// Stores a manifest, exactly these bytes, and returns their digest.
    ///
    /// # Errors
    /// The registry refuses it, or says that it stored something else.
    pub fn put_manifest(
        &self,
        repo: &str,
        which: &TagOrDigest,
        media_type: &MediaType,
        bytes: Vec<u8>,
    ) -> Result<Digest> {
        let put = self.session.put_manifest(repo, which, media_type, bytes);
        self.session
            .inner
            .blocking
            .run(put)
            .map(|(digest, _)| digest)
    }

    /// Like [`Self::put_manifest`], and tells whether the registry lists it among the referrers of
    /// its subject. One that does not leaves the list, under [`crate::referrers_tag`], to its clients.
    ///
    /// # Errors
    /// As [`Self::put_manifest`].
    pub fn put_referrer(
        &self,
        repo: &str,
        digest: &Digest,
        media_type: &MediaType,
        bytes: Vec<u8>,
    ) -> Result<bool> {
        let which = TagOrDigest::Digest(*digest);
        let put = self.session.put_manifest(repo, &which, media_type, bytes);
        self.session
            .inner
            .blocking
            .run(put)
            .map(|(_, listed)| listed)
    }

    /// Lists what is about a manifest, as the registry or its clients keep the list.
    ///
    /// # Errors
    /// The list is none, has more than 10,000 entries, or leads to another host.
    pub fn referrers(&self, repo: &str, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.session
            .inner
            .blocking
            .run(self.session.referrers(repo, subject))
    }

    /// Deletes a manifest with all its tags, or one tag where the registry can do that.
    ///
    /// # Errors
    /// There is none, or the registry does not delete (status 405).
    pub fn delete_manifest(&self, repo: &str, which: &TagOrDigest) -> Result<()> {
        self.session
            .inner
            .blocking
            .run(self.session.delete_manifest(repo, which))
    }

    /// Opens a blob for reading. `size` is that of its descriptor; without one the registry's
    /// word is taken, or else [`crate::ClientOptions::unsized_blob_bytes`] is the limit.
    ///
    /// # Errors
    /// There is none, or it has another size.
    pub fn blob(&self, repo: &str, digest: &Digest, size: Option<u64>) -> Result<BlobReader> {
        self.session
            .inner
            .blocking
            .run(self.session.open_blob(repo, digest, size))
    }

    /// Opens a blob for reading behind its beginning, which is `known`: of that no byte is fetched
    /// again where the registry gives out parts. What the reader verifies is all of it.
    ///
    /// # Errors
    /// As [`Self::blob`]; reading what is known fails.
    pub fn blob_behind(
        &self,
        repo: &str,
        digest: &Digest,
        size: u64,
        known: impl Read,
    ) -> Result<BlobReader> {
        let start = Start::behind(digest, size, known).map_err(|source| RegistryError::Body {
            url: format!("{}/v2/{repo}/blobs/{digest}", self.host()),
            source,
        })?;
        self.session
            .inner
            .blocking
            .run(self.session.open_blob_from(repo, start))
    }

    /// Asks for the size of a blob; `None` when the repository does not have it.
    ///
    /// # Errors
    /// The registry says neither yes nor no.
    pub fn head_blob(&self, repo: &str, digest: &Digest) -> Result<Option<u64>> {
        self.session
            .inner
            .blocking
            .run(self.session.head_blob(repo, digest))
    }

    /// Deletes a blob from a repository.
    ///
    /// # Errors
    /// There is none, or the registry does not delete (status 405).
    pub fn delete_blob(&self, repo: &str, digest: &Digest) -> Result<()> {
        self.session
            .inner
            .blocking
            .run(self.session.delete_blob(repo, digest))
    }

    /// Takes a blob over from another repository of the same registry; `false` when the registry
    /// does not do so.
    ///
    /// # Errors
    /// The registry refuses the request as such.
    pub fn mount_blob(&self, repo: &str, digest: &Digest, from_repo: &str) -> Result<bool> {
        match self.mount_or_begin(repo, digest, from_repo)? {
            Mount::Mounted => Ok(true),
            Mount::Upload(upload) => {
                upload.cancel();
                Ok(false)
            }
        }
    }

    /// Takes a blob over from another repository, or else begins its upload.
    ///
    /// # Errors
    /// The registry does neither.
    pub fn mount_or_begin(&self, repo: &str, digest: &Digest, from_repo: &str) -> Result<Mount> {
        self.session
            .inner
            .blocking
            .run(self.session.mount(repo, digest, from_repo))
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// The registry refuses.
    pub fn begin_upload(&self, repo: &str) -> Result<UploadSession> {
        self.session
            .inner
            .blocking
            .run(self.session.begin_upload(repo))
    }

    /// Pushes a blob, read on the calling thread; `known` is its digest and size where they are
    /// known. Returns digest and size.
    ///
    /// # Errors
    /// As [`UploadSession::push`].
    pub fn push_blob(
        &self,
        repo: &str,
        body: impl Read,
        known: Option<(Digest, u64)>,
        how: Upload,
    ) -> Result<(Digest, u64)> {
        self.begin_upload(repo)?.push(body, known, how)
    }

    /// Lists the tags of a repository, in the registry's order.
    ///
    /// # Errors
    /// There is no such repository; or the list has more than 1,000 pages, 1,000,000 names or
    /// 64 MiB, comes back to a page, or leads to another host.
    pub fn tags(&self, repo: &str) -> Result<Vec<String>> {
        self.session.inner.blocking.run(self.session.tags(repo))
    }

    /// Tells whether the registry keeps signatures itself (OpenShift's extension).
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub fn keeps_signatures(&self) -> Result<bool> {
        self.session
            .inner
            .blocking
            .run(self.session.keeps_signatures())
    }

    /// Gets the simple signatures of a manifest that the registry keeps.
    ///
    /// # Errors
    /// The registry does not have the extension, or its answer is no list of signatures.
    pub fn signatures(&self, repo: &str, digest: &Digest) -> Result<Vec<Vec<u8>>> {
        self.session
            .inner
            .blocking
            .run(self.session.signatures(repo, digest))
    }

    /// Adds simple signatures of a manifest to those that the registry keeps; what is there
    /// stays.
    ///
    /// # Errors
    /// As [`Self::signatures`]; the registry refuses one.
    pub fn add_signatures(&self, repo: &str, digest: &Digest, all: &[Vec<u8>]) -> Result<()> {
        self.session
            .inner
            .blocking
            .run(self.session.add_signatures(repo, digest, all))
    }
}
