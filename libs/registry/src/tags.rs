//! Tag lists, page by page (distribution-spec, "Listing Tags").

use std::collections::HashSet;

use http::{HeaderValue, Method, StatusCode, header};
use oci::{Tag, limits};
use serde::Deserialize;

use crate::error::{RegistryError, Result, quoted, redacted};
use crate::exchange::{Ask, Session};
use crate::link;
use crate::manifest::scope;
use crate::name::check_repository;

/// Most bytes of all pages together: a million tags of 60 characters.
const LIST_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct Page {
    /// Go writes an empty list as `null`.
    tags: Option<Vec<String>>,
}

impl Session {
    pub(crate) async fn tags(&self, repo: &str) -> Result<Vec<String>> {
        check_repository(repo)?;
        let _slot = self.slot().await?;
        let first = self.url(&format!("/v2/{repo}/tags/list")).await?;
        let mut seen = HashSet::from([first.clone()]);
        let mut ask = Ask::new(Method::GET, first, Some(vec![scope(repo, "pull")]));
        let mut tags = Vec::new();
        let mut room = LIST_BYTES;
        loop {
            let (headers, body) = self
                .fetch(&ask, &[StatusCode::OK], "tag list", room)
                .await?;
            room -= body.len() as u64;
            let page: Page =
                oci::json::from_slice(&body, LIST_BYTES).map_err(|source| RegistryError::Json {
                    url: redacted(&ask.url),
                    what: "the answer is no tag list",
                    source,
                })?;
            // What is no tag cannot be asked for, so it is left out.
            let good = page
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter(|t| Tag::parse(t).is_ok());
            tags.extend(good);
            let links = headers
                .get_all(header::LINK)
                .iter()
                .map(HeaderValue::as_bytes);
            let bad = |link: &str, reason| RegistryError::Link {
                url: redacted(&ask.url),
                link: quoted(link),
                reason,
            };
            let Some(target) = link::next_target(links).map_err(|reason| bad("", reason))? else {
                return Ok(tags);
            };
            let next = link::resolve(&ask.url, &target).map_err(|reason| bad(&target, reason))?;
            if tags.len() > limits::TAGS {
                return Err(bad(&target, "there are more than 1,000,000 tags"));
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
