//! Which images there are.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use config::sync_file::{SyncFile, SyncRegistry, SyncTags};
use oci::{Digest, Reference, Repository, Tag};

use super::filter::TagFilter;
use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::inspect::{self, InspectOptions};
use crate::name::{DockerName, ImageName, NameError};
use crate::parallel;
use crate::tags::repository_tags;

/// So many repositories are listed, and so many ages of images read, at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// So deep a tree of `dir:` images is looked through.
const TREE_LEVELS: usize = 64;

/// Where images come from.
#[derive(Clone, Debug)]
pub enum SyncSource {
    /// A repository, or one image of it.
    Docker(Reference),
    /// A tree of directories, of which some are `dir:` images.
    Dir(PathBuf),
    /// Registries and repositories that a file names.
    Yaml(SyncFile),
}

/// The images that are wanted of one repository or tree.
#[derive(Clone, Debug)]
pub struct SyncRepository {
    /// Its name, for messages.
    pub name: String,
    /// How it is reached.
    pub endpoint: EndpointOptions,
    /// The images.
    pub images: Vec<ImageName>,
    /// All tags that it has, where they were listed.
    pub tags: Option<Vec<String>>,
    /// The repository in a registry.
    pub repository: Option<Repository>,
    /// The directory that the images lie below.
    pub directory: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The images, by repository.
    pub repositories: Vec<SyncRepository>,
    /// Repositories of a file that cannot be listed, with why.
    pub failures: Vec<(String, ImageError)>,
    /// Repositories and registries of which nothing is wanted.
    pub empty: Vec<String>,
}

/// Finds the images of a source that `filter` passes; with `all_tags`, all tags of repositories are
/// listed, also where only some are named.
///
/// # Errors
/// The source cannot be listed, or a filter in the file is none; of a file, a single repository
/// that cannot be listed is among the [`Listing::failures`].
pub fn list(
    context: &Context,
    source: &SyncSource,
    endpoint: &EndpointOptions,
    filter: &TagFilter,
    all_tags: bool,
) -> Result<Listing, ImageError> {
    let mut listing = Listing::default();
    match source {
        SyncSource::Docker(reference) => {
            let wanted = match (reference.tag(), reference.digest()) {
                (None, None) => Wanted::Filtered(filter.clone()),
                _ => Wanted::These(vec![reference.clone()]),
            };
            let request = Request {
                repository: reference.repository().clone(),
                endpoint: endpoint.clone(),
                wanted,
            };
            listing.add(request.answer(context, all_tags)?);
        }
        SyncSource::Dir(path) => {
            let mut images = Vec::new();
            walk(path, 0, &mut images)?;
            listing.add(SyncRepository {
                name: path.display().to_string(),
                endpoint: endpoint.clone(),
                images,
                tags: None,
                repository: None,
                directory: Some(path.clone()),
            });
        }
        SyncSource::Yaml(file) => {
            let mut requests = Vec::new();
            for (host, registry) in &file.registries {
                let here = from_file(host, registry, endpoint, filter)?;
                if here.is_empty() {
                    listing.empty.push(host.clone());
                }
                requests.extend(here);
            }
            parallel::in_order(
                &requests,
                PARALLEL,
                |request| request.answer(context, all_tags),
                |request, answer| {
                    match answer {
                        Ok(repository) => listing.add(repository),
                        Err(error) => {
                            let name = request.repository.to_string();
                            listing.failures.push((name, error));
                        }
                    }
                    ControlFlow::Continue(())
                },
            );
        }
    }
    Ok(listing)
}

impl Listing {
    fn add(&mut self, repository: SyncRepository) {
        if repository.images.is_empty() {
            self.empty.push(repository.name.clone());
        }
        self.repositories.push(repository);
    }
}

/// What is wanted of one repository in a registry.
struct Request {
    repository: Repository,
    endpoint: EndpointOptions,
    wanted: Wanted,
}

enum Wanted {
    These(Vec<Reference>),
    Filtered(TagFilter),
}

impl Request {
    fn answer(&self, context: &Context, all_tags: bool) -> Result<SyncRepository, ImageError> {
        let bare = Reference::new(self.repository.clone(), None, None);
        let list = || repository_tags(&bare, context, &self.endpoint);
        let (references, tags) = match &self.wanted {
            Wanted::These(these) => (these.clone(), all_tags.then(list).transpose()?),
            Wanted::Filtered(filter) => {
                let all = list()?;
                let created = |tags: &[String]| self.created(context, tags);
                let chosen = filter.choose(all.clone(), created)?;
                let chosen = chosen.iter().filter_map(|tag| self.tagged(tag));
                (chosen.collect(), Some(all))
            }
        };
        let images = references.into_iter().map(|reference| {
            ImageName::Docker(DockerName {
                reference,
                unknown_digest: false,
            })
        });
        Ok(SyncRepository {
            name: self.repository.to_string(),
            endpoint: self.endpoint.clone(),
            images: images.collect(),
            tags,
            repository: Some(self.repository.clone()),
            directory: None,
        })
    }

    fn tagged(&self, tag: &str) -> Option<Reference> {
        let tag = Tag::parse(tag).ok()?;
        Some(Reference::new(self.repository.clone(), Some(tag), None))
    }

    /// Reads when images were made; one that does not say it is old.
    fn created(
        &self,
        context: &Context,
        tags: &[String],
    ) -> Result<Vec<Option<String>>, ImageError> {
        let mut times = Vec::with_capacity(tags.len());
        let mut failure = None;
        let look = |tag: &String| {
            let Some(reference) = self.tagged(tag) else {
                return Ok(None);
            };
            let name = ImageName::Docker(DockerName {
                reference,
                unknown_digest: false,
            });
            let seen = inspect::inspect(context, &name, &self.endpoint, InspectOptions::default());
            seen.map(|seen| seen.created)
        };
        parallel::in_order(tags, PARALLEL, look, |tag, seen| match seen {
            Ok(time) => {
                times.push(time);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(ImageError::Age {
                    name: format!("{}:{tag}", self.repository),
                    source: Box::new(error),
                });
                ControlFlow::Break(())
            }
        });
        failure.map_or(Ok(times), Err)
    }
}

/// Reads what the file wants of one registry.
fn from_file(
    host: &str,
    registry: &SyncRegistry,
    endpoint: &EndpointOptions,
    filter: &TagFilter,
) -> Result<Vec<Request>, ImageError> {
    let mut endpoint = endpoint.clone();
    if let Some(directory) = registry.cert_dir() {
        endpoint.cert_dir = Some(directory.to_owned());
    }
    if let Some(verify) = registry.tls_verify() {
        endpoint.tls_verify = Some(verify);
    }
    if let Some(credential) = registry.credential() {
        endpoint.credential = Some(credential);
    }
    let mut requests = Vec::new();
    for (name, tags) in registry.repositories() {
        let text = format!("{host}/{name}");
        let bad = |source| NameError::Reference {
            name: text.clone(),
            source,
        };
        let bare = Reference::parse(&text).map_err(bad)?;
        if bare.tag().is_some() || bare.digest().is_some() {
            return Err(NameError::TagNotAllowed(text).into());
        }
        let repository = bare.repository().clone();
        let mut filter = filter.clone();
        let wanted = match tags {
            SyncTags::All => Wanted::Filtered(filter),
            SyncTags::Regex(regex) => {
                filter.regex(&regex)?;
                Wanted::Filtered(filter)
            }
            SyncTags::Semver(constraint) => {
                filter.semver(&constraint)?;
                Wanted::Filtered(filter)
            }
            SyncTags::These(these) => {
                let one = |text: &String| match Digest::parse(text) {
                    Ok(digest) => Ok(Reference::new(repository.clone(), None, Some(digest))),
                    Err(_) => Tag::parse(text)
                        .map(|tag| Reference::new(repository.clone(), Some(tag), None))
                        .map_err(bad),
                };
                Wanted::These(these.iter().map(one).collect::<Result<_, _>>()?)
            }
        };
        requests.push(Request {
            repository,
            endpoint: endpoint.clone(),
            wanted,
        });
    }
    Ok(requests)
}

/// Finds the directories below `path` that hold a `manifest.json`; nothing below those is looked
/// at. Links are not followed.
fn walk(path: &Path, level: usize, found: &mut Vec<ImageName>) -> Result<(), ImageError> {
    let failed = |source| ImageError::io("reading directory", path, source);
    if level > TREE_LEVELS {
        return Err(ImageError::inconsistent(
            &path.display(),
            format!("more than {TREE_LEVELS} directories deep"),
        ));
    }
    let mut entries: Vec<std::fs::DirEntry> = std::fs::read_dir(path)
        .and_then(Iterator::collect)
        .map_err(failed)?;
    if entries.iter().any(|entry| {
        entry.file_name() == "manifest.json" && entry.file_type().is_ok_and(|it| !it.is_dir())
    }) {
        found.push(ImageName::Dir(path.to_owned()));
        return Ok(());
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), level + 1, found)?;
        }
    }
    Ok(())
}
