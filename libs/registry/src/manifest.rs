//! Manifests: by tag and by digest, read, announced, written and deleted (distribution-spec,
//! "Pulling manifests", "Pushing Manifests", "Deleting").

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::{Digest, MediaType, RawManifest, Tag, limits};
use url::Url;

use crate::error::{RegistryError, Result, quoted, redacted};
use crate::exchange::{Ask, Opening, Session};
use crate::name::check_repository;

/// Which manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagOrDigest {
    /// The one that a tag points to at the moment.
    Tag(Tag),
    /// The one with this content.
    Digest(Digest),
}

impl std::fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag.as_str()),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for TagOrDigest {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for TagOrDigest {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

/// What a registry announces of a manifest; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestHead {
    /// The digest of the manifest.
    pub digest: Digest,
    /// Its size in bytes, when that was announced.
    pub size: Option<u64>,
    /// Its media type, when that was announced.
    pub media_type: Option<MediaType>,
}

/// The order is that of containers/image: some registries take the first that they have.
const ACCEPT: HeaderValue = HeaderValue::from_static(
    "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws, \
     application/vnd.docker.distribution.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.index.v1+json",
);

const DIGEST_HEADER: &str = "Docker-Content-Digest";
/// Says that the registry lists a manifest among the referrers of its subject.
const SUBJECT_HEADER: &str = "OCI-Subject";

/// A manifest as it came, its digest compared with all that it can be compared with.
struct Fetched {
    url: Url,
    media_type: Option<MediaType>,
    announced: Option<Digest>,
    bytes: Vec<u8>,
}

impl Session {
    pub(crate) async fn manifest(&self, repo: &str, which: &TagOrDigest) -> Result<RawManifest> {
        let got = self.get_manifest(repo, which).await?;
        let url = redacted(&got.url);
        let refused = |source| RegistryError::manifest(url.clone(), source);
        let declared = got.media_type.as_ref();
        let raw = match which {
            TagOrDigest::Tag(_) => RawManifest::parse(got.bytes, declared),
            TagOrDigest::Digest(digest) => {
                RawManifest::parse_expecting(got.bytes, declared, digest)
            }
        }
        .map_err(refused)?;
        // For signed schema 1 this digest leaves the signatures out, as the registry's does.
        agree(&url, got.announced, raw.bytes(), *raw.digest())?;
        Ok(raw)
    }

    pub(crate) async fn manifest_bytes(
        &self,
        repo: &str,
        which: &TagOrDigest,
    ) -> Result<(Vec<u8>, Option<MediaType>)> {
        let got = self.get_manifest(repo, which).await?;
        let url = redacted(&got.url);
        let signed_schema1 = matches!(
            got.media_type,
            Some(MediaType::DockerSchema1Signed | MediaType::DockerSchema1)
        );
        let digest = if signed_schema1 {
            let raw = RawManifest::parse(got.bytes.clone(), got.media_type.as_ref())
                .map_err(|source| RegistryError::manifest(url.clone(), source))?;
            *raw.digest()
        } else {
            Digest::sha256(&got.bytes)
        };
        if let TagOrDigest::Digest(wanted) = which {
            agree(&url, Some(*wanted), &got.bytes, digest)?;
        }
        agree(&url, got.announced, &got.bytes, digest)?;
        Ok((got.bytes, got.media_type))
    }

    pub(crate) async fn manifest_bytes_in_time(
        &self,
        repo: &str,
        which: &TagOrDigest,
    ) -> Result<(Vec<u8>, Option<MediaType>)> {
        self.in_time(repo, which, self.manifest_bytes(repo, which))
            .await
    }

    /// Waits for an answer no longer than one that may be had elsewhere is worth.
    pub(crate) async fn in_time<T>(
        &self,
        repo: &str,
        which: &TagOrDigest,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let after = self.inner.options.timeouts.elsewhere;
        tokio::time::timeout(after, answer)
            .await
            .map_err(|_| RegistryError::Timeout {
                method: Method::GET,
                url: format!("{}{}", self.host.name, path(repo, which)),
                awaited: "manifest",
                after,
            })?
    }

    async fn get_manifest(&self, repo: &str, which: &TagOrDigest) -> Result<Fetched> {
        let _slot = self.slot().await?;
        check_repository(repo)?;
        let opening = Opening {
            path: path(repo, which),
            headers: HeaderMap::from_iter([(header::ACCEPT, ACCEPT)]),
        };
        let first = self.open_with(&opening).await?;
        let ask = self
            .manifest_request(Method::GET, repo, which, "pull")
            .await?;
        let (wanted, limit) = (&[StatusCode::OK], limits::MANIFEST_BYTES);
        let (headers, bytes) = self
            .fetch_from(first, &ask, wanted, "manifest", limit)
            .await?;
        Ok(Fetched {
            media_type: media_type(&headers),
            announced: announced_digest(&ask, &headers)?,
            bytes,
            url: ask.url,
        })
    }

    pub(crate) async fn head_manifest(
        &self,
        repo: &str,
        which: &TagOrDigest,
    ) -> Result<Option<ManifestHead>> {
        let head = {
            let _slot = self.slot().await?;
            let ask = self
                .manifest_request(Method::HEAD, repo, which, "pull")
                .await?;
            match self.send(&ask, &[StatusCode::OK]).await {
                Ok(response) => Some((announced_digest(&ask, response.headers())?, response)),
                Err(error) if error.is_not_found() => return Ok(None),
                // Not every registry knows HEAD.
                Err(error)
                    if error
                        .status()
                        .is_some_and(|status| matches!(status.as_u16(), 405 | 501)) =>
                {
                    None
                }
                Err(error) => return Err(error),
            }
        };
        if let Some((announced, response)) = head {
            let digest = match (announced, which) {
                (Some(announced), TagOrDigest::Digest(wanted)) if announced != *wanted => {
                    return Err(RegistryError::digest_mismatch(
                        redacted(response.url()),
                        "announced manifest",
                        *wanted,
                        announced,
                    ));
                }
                (_, TagOrDigest::Digest(wanted)) => Some(*wanted),
                (announced, TagOrDigest::Tag(_)) => announced,
            };
            if let Some(digest) = digest {
                let size = content_length(response.headers());
                let media_type = media_type(response.headers());
                return Ok(Some(ManifestHead {
                    digest,
                    size,
                    media_type,
                }));
            }
        }
        match self.manifest(repo, which).await {
            Ok(raw) => Ok(Some(ManifestHead {
                digest: *raw.digest(),
                size: Some(raw.bytes().len() as u64),
                media_type: Some(raw.media_type().clone()),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn put_manifest(
        &self,
        repo: &str,
        which: &TagOrDigest,
        media_type: &MediaType,
        bytes: Vec<u8>,
    ) -> Result<(Digest, bool)> {
        let _slot = self.slot().await?;
        let mut ask = self
            .manifest_request(Method::PUT, repo, which, "pull,push")
            .await?;
        let content_type =
            HeaderValue::from_str(media_type.as_str()).map_err(|_| RegistryError::Name {
                what: "media type",
                text: quoted(media_type.as_str()),
                reason: "cannot be put into a header",
            })?;
        ask.headers.insert(header::CONTENT_TYPE, content_type);
        let schema1 = matches!(
            media_type,
            MediaType::DockerSchema1Signed | MediaType::DockerSchema1
        );
        let digest = match which {
            TagOrDigest::Digest(digest) => *digest,
            TagOrDigest::Tag(_) if schema1 => *RawManifest::parse(bytes.clone(), Some(media_type))
                .map_err(|source| RegistryError::manifest(redacted(&ask.url), source))?
                .digest(),
            TagOrDigest::Tag(_) => Digest::sha256(&bytes),
        };
        ask.body = Some(Bytes::from(bytes));
        let response = self
            .send(&ask, &[StatusCode::CREATED, StatusCode::OK])
            .await?;
        match announced_digest(&ask, response.headers())? {
            Some(stored) if stored.algorithm() == digest.algorithm() && stored != digest => {
                Err(RegistryError::digest_mismatch(
                    redacted(&ask.url),
                    "manifest as the registry stored it",
                    digest,
                    stored,
                ))
            }
            _ => Ok((digest, response.headers().contains_key(SUBJECT_HEADER))),
        }
    }

    pub(crate) async fn delete_manifest(&self, repo: &str, which: &TagOrDigest) -> Result<()> {
        let _slot = self.slot().await?;
        let ask = self
            .manifest_request(Method::DELETE, repo, which, "*")
            .await?;
        self.send(&ask, DELETED).await.map(drop)
    }

    async fn manifest_request(
        &self,
        method: Method,
        repo: &str,
        which: &TagOrDigest,
        actions: &str,
    ) -> Result<Ask> {
        check_repository(repo)?;
        let url = self.url(&path(repo, which)).await?;
        let reads = matches!(method, Method::GET | Method::HEAD);
        let mut ask = Ask::new(method, url, Some(vec![scope(repo, actions)]));
        if reads {
            ask.headers.insert(header::ACCEPT, ACCEPT);
        }
        Ok(ask)
    }
}

fn path(repo: &str, which: &TagOrDigest) -> String {
    format!("/v2/{repo}/manifests/{which}")
}

/// What registries answer to a DELETE that worked.
pub(crate) const DELETED: &[StatusCode] =
    &[StatusCode::ACCEPTED, StatusCode::OK, StatusCode::NO_CONTENT];

/// Makes the scope of a token for one repository.
pub(crate) fn scope(repo: &str, actions: &str) -> String {
    format!("repository:{repo}:{actions}")
}

/// Compares an announced digest with the content, in the algorithm of the announcement.
fn agree(url: &str, announced: Option<Digest>, bytes: &[u8], canonical: Digest) -> Result<()> {
    let Some(expected) = announced else {
        return Ok(());
    };
    if expected == canonical || expected.matches(bytes) {
        return Ok(());
    }
    let actual = if expected.algorithm() == canonical.algorithm() {
        canonical
    } else {
        Digest::of(expected.algorithm(), bytes)
    };
    Err(RegistryError::digest_mismatch(
        url.to_owned(),
        "manifest",
        expected,
        actual,
    ))
}

/// Reads `Docker-Content-Digest`, which may be absent but not wrong.
fn announced_digest(ask: &Ask, headers: &HeaderMap) -> Result<Option<Digest>> {
    let bad = |problem| RegistryError::Header {
        method: ask.method.clone(),
        url: redacted(&ask.url),
        header: DIGEST_HEADER,
        problem,
    };
    let Some(value) = headers.get(DIGEST_HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| bad("is not text".to_owned()))?;
    Digest::parse(text)
        .map(Some)
        .map_err(|error| bad(error.to_string()))
}

/// Reads `Content-Type`; types that servers give to what they do not know say nothing.
fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = MediaType::parse(text);
    let says_nothing = matches!(
        media_type.as_str(),
        "" | "text/plain" | "application/json" | "application/octet-stream"
    );
    (!says_nothing).then_some(media_type)
}

/// Reads `Content-Length` as the header has it, which for HEAD is not the length of the answer.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
