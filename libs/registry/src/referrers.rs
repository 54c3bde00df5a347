//! Manifests that are about another one (distribution-spec, "Listing Referrers").

use std::collections::HashSet;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::{Descriptor, Digest, Manifest, MediaType, RawManifest, Tag, limits};

use crate::error::{RegistryError, Result, quoted, redacted};
use crate::exchange::{Ask, Session};
use crate::link;
use crate::manifest::{TagOrDigest, scope};
use crate::name::check_repository;

const ACCEPT: HeaderValue = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");

/// Returns the tag that stands for the list where the registry keeps none: `sha256-HEX`.
pub fn referrers_tag(subject: &Digest) -> Option<Tag> {
    let text = format!("{}-{}", subject.algorithm().name(), subject.hex());
    // A tag is no longer than 128 characters, and the longest digests have as many in hex alone.
    Tag::parse(&text).ok()
}

impl Session {
    /// Lists the referrers of a manifest; those that are kept under the tag where the registry does
    /// not have the list itself.
    pub(crate) async fn referrers(&self, repo: &str, subject: &Digest) -> Result<Vec<Descriptor>> {
        if let Some(listed) = self.listed_referrers(repo, subject).await? {
            return Ok(listed);
        }
        let Some(tag) = referrers_tag(subject) else {
            return Ok(Vec::new());
        };
        match self.manifest(repo, &TagOrDigest::Tag(tag)).await {
            Ok(manifest) => match manifest.manifest() {
                Manifest::Index(list) => Ok(list.manifests.clone()),
                // An image of somebody who likes such tags.
                _ => Ok(Vec::new()),
            },
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Asks the registry for its list; `None` when it has no such thing.
    async fn listed_referrers(
        &self,
        repo: &str,
        subject: &Digest,
    ) -> Result<Option<Vec<Descriptor>>> {
        check_repository(repo)?;
        let _slot = self.slot().await?;
        let first = self.url(&format!("/v2/{repo}/referrers/{subject}")).await?;
        let mut seen = HashSet::from([first.clone()]);
        let mut ask = Ask::new(Method::GET, first, Some(vec![scope(repo, "pull")]));
        ask.headers = HeaderMap::from_iter([(header::ACCEPT, ACCEPT)]);
        let mut all = Vec::new();
        loop {
            let page = self
                .fetch(
                    &ask,
                    &[StatusCode::OK],
                    "list of referrers",
                    limits::MANIFEST_BYTES,
                )
                .await;
            let (headers, body) = match page {
                Err(error) if seen.len() == 1 && is_unknown(&error) => return Ok(None),
                page => page?,
            };
            let url = redacted(&ask.url);
            let listed = RawManifest::parse(body, Some(&MediaType::OciIndex))
                .map_err(|source| RegistryError::manifest(url, source))?;
            match listed.manifest() {
                Manifest::Index(list) => all.extend(list.manifests.iter().cloned()),
                _ => return Ok(None),
            }
            let bad = |link: &str, reason| RegistryError::Link {
                url: redacted(&ask.url),
                link: quoted(link),
                reason,
            };
            let links = headers.get_all(header::LINK).iter();
            let target = link::next_target(links.map(HeaderValue::as_bytes));
            let Some(target) = target.map_err(|reason| bad("", reason))? else {
                return Ok(Some(all));
            };
            let next = link::resolve(&ask.url, &target).map_err(|reason| bad(&target, reason))?;
            if all.len() > limits::INDEX_ENTRIES {
                return Err(bad(&target, "there are more than 10,000 referrers"));
            }
            if seen.len() >= limits::TAG_PAGES {
                return Err(bad(&target, "there are more than 1,000 pages"));
            }
            if !seen.insert(next.clone()) {
                return Err(bad(&target, "was read already"));
            }
            ask.url = next;
        }
    }
}

/// Tells whether an answer says that the registry does not know the request. Some say that it is
/// not allowed, or that the method is none.
fn is_unknown(error: &RegistryError) -> bool {
    error
        .status()
        .is_some_and(|status| matches!(status.as_u16(), 400 | 404 | 405 | 501))
}
