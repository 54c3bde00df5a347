//! What the destination has and the source has not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use oci::{Reference, Repository, Tag};

use super::source::SyncRepository;
use super::target::Target;
use crate::context::{Context, EndpointOptions};
use crate::delete::{DeleteOptions, delete};
use crate::error::ImageError;
use crate::files::remove_if_any;
use crate::name::{DockerName, ImageName};
use crate::tags::repository_tags;
use crate::transport::dir_sink::is_image_directory;

/// Finds the images in the repositories and directories that a sync writes to of which the source
/// has no tag any more. Names that a filter left out stay, and so do those without the text that
/// [`Target::append`] puts behind names, and tags that belong to a digest (signatures say).
///
/// # Errors
/// The destination cannot be listed, or a name makes none.
pub fn stale(
    context: &Context,
    repositories: &[SyncRepository],
    target: &Target,
    endpoint: &EndpointOptions,
) -> Result<Vec<ImageName>, ImageError> {
    let mut kept = Kept::default();
    for repository in repositories {
        for image in &repository.images {
            kept.add(&target.name(image, repository)?);
        }
        let (Some(tags), Some(source)) = (&repository.tags, &repository.repository) else {
            continue;
        };
        for tag in tags.iter().filter_map(|tag| Tag::parse(tag).ok()) {
            let image = ImageName::Docker(DockerName {
                reference: Reference::new(source.clone(), Some(tag), None),
                unknown_digest: false,
            });
            kept.add(&target.name(&image, repository)?);
        }
    }
    let mut stale = Vec::new();
    for (repository, tags) in &kept.repositories {
        let bare = Reference::new(repository.clone(), None, None);
        let there = match repository_tags(&bare, context, endpoint) {
            Err(error) if error.is_not_found() => Vec::new(),
            there => there?,
        };
        let gone = there.iter().filter(|tag| {
            tag.ends_with(&target.append) && !tags.contains(tag.as_str()) && !is_of_digest(tag)
        });
        for tag in gone.filter_map(|tag| Tag::parse(tag).ok()) {
            stale.push(ImageName::Docker(DockerName {
                reference: Reference::new(repository.clone(), Some(tag), None),
                unknown_digest: false,
            }));
        }
    }
    for ((parent, name), tags) in &kept.directories {
        for tag in directory_tags(parent, name)? {
            let path = parent.join(format!("{name}:{tag}"));
            let gone = tag.ends_with(&target.append) && !tags.contains(&tag);
            if gone && is_image_directory(&path)? {
                stale.push(ImageName::Dir(path));
            }
        }
    }
    Ok(stale)
}

/// Removes what [`stale`] found: of a registry the tag alone.
///
/// # Errors
/// It is gone already, or the registry does not delete.
pub fn remove(
    context: &Context,
    name: &ImageName,
    endpoint: &EndpointOptions,
) -> Result<(), ImageError> {
    if let ImageName::Dir(path) = name {
        // Without its manifest it is no image, whatever comes in between.
        remove_if_any(&path.join("manifest.json"))?;
        return fs::remove_dir_all(path).map_err(|source| ImageError::io("removing", path, source));
    }
    let how = DeleteOptions {
        tag_only: true,
        ..DeleteOptions::default()
    };
    delete(context, name, endpoint, how).map(drop)
}

/// What stays, by repository and by directory.
#[derive(Default)]
struct Kept {
    repositories: BTreeMap<Repository, BTreeSet<String>>,
    directories: BTreeMap<(PathBuf, String), BTreeSet<String>>,
}

impl Kept {
    fn add(&mut self, name: &ImageName) {
        match name {
            ImageName::Docker(docker) => {
                let repository = docker.reference.repository().clone();
                let tags = self.repositories.entry(repository).or_default();
                tags.extend(docker.reference.tag().map(Tag::to_string));
            }
            ImageName::Dir(path) => {
                let parent = path.parent().unwrap_or(Path::new("."));
                let file = path.file_name().and_then(|name| name.to_str());
                if let Some((name, tag)) = file.and_then(|file| file.split_once(':')) {
                    self.directories
                        .entry((parent.to_owned(), name.to_owned()))
                        .or_default()
                        .insert(tag.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Tells whether a tag stands for something about a manifest: `sha256-HEX`, `sha256-HEX.sig`.
fn is_of_digest(tag: &str) -> bool {
    let Some((algorithm, rest)) = tag.split_once('-') else {
        return false;
    };
    let hex = rest.split('.').next().unwrap_or_default();
    let length = match algorithm {
        "sha256" => 64,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The tags of the directories `NAME:TAG` in `parent`.
fn directory_tags(parent: &Path, name: &str) -> Result<Vec<String>, ImageError> {
    let failed = |source| ImageError::io("reading directory", parent, source);
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut tags = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.file_name();
        let tag = file.to_str().and_then(|file| file.strip_prefix(name));
        tags.extend(tag.and_then(|tag| tag.strip_prefix(':')).map(str::to_owned));
    }
    tags.sort();
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_digests_are_known() {
        let hex = "0".repeat(64);
        assert!(is_of_digest(&format!("sha256-{hex}")));
        assert!(is_of_digest(&format!("sha256-{hex}.sig")));
        assert!(!is_of_digest("sha256-1") && !is_of_digest("1.0-alpine"));
    }
}
