//! Tag lists of repositories and archives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Reference, Repository};
use serde::Serialize;

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::{ImageName, NameError};
use crate::transport::docker_archive_source::read_items;
use crate::transport::docker_endpoint::remote;
use crate::transport::spool::open_archive;

/// What `list-tags` prints, with the original's members in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagList {
    /// The repository; archives have none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub repository: String,
    /// The tags, in the order in which they come.
    pub tags: Vec<String>,
}

/// Lists the tags of `docker://REPOSITORY` or `docker-archive:PATH`.
///
/// # Errors
/// When the name has a tag or digest, is of another transport, or cannot be read.
pub fn list_tags(
    name: &str,
    context: &Context,
    options: &EndpointOptions,
) -> Result<TagList, ImageError> {
    match ImageName::parse(name)? {
        ImageName::Docker(docker) => {
            let text = name.strip_prefix("docker://").unwrap_or(name);
            let bare = Reference::parse(text).map_err(|source| NameError::Reference {
                name: name.to_owned(),
                source,
            })?;
            if bare.tag().is_some() || bare.digest().is_some() {
                return Err(NameError::TagNotAllowed(name.to_owned()).into());
            }
            Ok(TagList {
                repository: bare.repository().to_string(),
                tags: repository_tags(&docker.reference, context, options)?,
            })
        }
        ImageName::DockerArchive(archive) => {
            let members = open_archive(&archive.path, context)?;
            let items = read_items(&members, &ImageName::DockerArchive(archive))?;
            let mut tags = Vec::new();
            for (item, place) in items.iter().zip(0..) {
                match item.repo_tags() {
                    [] => tags.push(format!("@{place}")),
                    named => tags.extend(named.iter().cloned()),
                }
            }
            Ok(TagList {
                repository: String::new(),
                tags,
            })
        }
        other => Err(ImageError::Unsupported {
            transport: other.transport(),
            what: "listing tags",
        }),
    }
}

/// The tags of repositories, each listed once.
#[derive(Debug, Default)]
pub struct TagLists(Mutex<BTreeMap<Repository, Arc<Mutex<Option<Listed>>>>>);

/// The tags of a repository; `None` when the registry refuses to list them.
type Listed = Option<Arc<[String]>>;

impl TagLists {
    /// Returns the tags of the repository of `reference`; `None` when the registry refuses to list
    /// them. Who wants the same list waits for whoever asks for it.
    pub(crate) fn get(
        &self,
        reference: &Reference,
        context: &Context,
        options: &EndpointOptions,
    ) -> Result<Option<Arc<[String]>>, ImageError> {
        let place = {
            let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lists.entry(reference.repository().clone()).or_default())
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = &*place {
            return Ok(listed.clone());
        }
        let listed = match repository_tags(reference, context, options) {
            Ok(tags) => Some(tags.into()),
            Err(error) if error.is_denied() || error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(place.insert(listed).clone())
    }
}

/// Lists the tags of a repository; mirrors are for reading images and not asked.
pub(crate) fn repository_tags(
    reference: &Reference,
    context: &Context,
    options: &EndpointOptions,
) -> Result<Vec<String>, ImageError> {
    let remote = remote(
        reference,
        &context.registries.own(reference),
        context,
        options,
    )?;
    remote
        .endpoint
        .tags(&remote.path)
        .map_err(|source| ImageError::Registry {
            act: "listing tags of",
            name: remote.name.clone(),
            source: Box::new(source),
        })
}
