//! What images are called at the destination.

use std::path::{Component, Path, PathBuf};

use oci::{Reference, ReferenceError};

use super::source::SyncRepository;
use crate::name::{DockerName, ImageName, NameError};

/// What the destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A registry, or a part of its names.
    Docker,
    /// A directory.
    Dir,
}

/// Where images go, and how their names are made.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Stands before every name: `HOST[:PORT][/PATH]`, or a directory.
    pub base: String,
    /// Names keep all of what they are at the source, its host included.
    pub scoped: bool,
    /// Stands behind every name.
    pub append: String,
    /// Repositories at the source, with or without their host, and what they are called in place of
    /// their own name.
    pub renames: Vec<(String, String)>,
}

impl Target {
    /// Returns the name of an image of `repository`.
    ///
    /// # Errors
    /// What comes out is no name.
    pub fn name(
        &self,
        image: &ImageName,
        repository: &SyncRepository,
    ) -> Result<ImageName, NameError> {
        let suffix = self.suffix(image, repository);
        match self.kind {
            TargetKind::Dir => {
                let path = joined(&self.base, &suffix);
                let mut path = path.into_os_string();
                path.push(&self.append);
                Ok(ImageName::Dir(PathBuf::from(path)))
            }
            TargetKind::Docker => {
                let text = joined(&self.base, &suffix).display().to_string() + &self.append;
                let bad = |source: ReferenceError| NameError::Reference {
                    name: format!("docker://{text}"),
                    source,
                };
                let reference = Reference::parse(&text).map_err(bad)?;
                Ok(ImageName::Docker(DockerName {
                    reference: reference.with_default_tag(),
                    unknown_digest: false,
                }))
            }
        }
    }

    fn suffix(&self, image: &ImageName, repository: &SyncRepository) -> String {
        let (own, version) = match (image, &repository.directory) {
            (ImageName::Docker(docker), _) => {
                let name = docker.reference.repository().to_string();
                let full = docker.reference.to_string();
                let version = full.strip_prefix(&name).unwrap_or_default().to_owned();
                (name, version)
            }
            (ImageName::Dir(path), Some(directory)) => {
                let below = path.strip_prefix(directory).unwrap_or(path);
                let below = match below.as_os_str().is_empty() {
                    // The source is the image itself.
                    true => Path::new(path.file_name().unwrap_or(path.as_os_str())),
                    false => below,
                };
                let below = below.display().to_string();
                let start = below.rfind('/').map_or(0, |slash| slash + 1);
                let split = below[start..].find([':', '@']);
                let split = split.map_or(below.len(), |at| start + at);
                let (name, version) = below.split_at(split);
                (name.to_owned(), version.to_owned())
            }
            (other, _) => (other.to_string(), String::new()),
        };
        let without_host = own.split_once('/').map_or(own.as_str(), |(_, path)| path);
        let renamed = self
            .renames
            .iter()
            .find(|(from, _)| *from == own || *from == without_host);
        let name = match renamed {
            Some((_, to)) => to.as_str(),
            None if self.scoped => own.as_str(),
            None => own.rsplit('/').next().unwrap_or(&own),
        };
        format!("{name}{version}")
    }
}

/// Joins as the original does: `.` and doubled slashes go.
fn joined(base: &str, suffix: &str) -> PathBuf {
    let path = Path::new(base).join(suffix.trim_start_matches('/'));
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::EndpointOptions;

    /// The name at the destination; an empty text where none can be made.
    fn named(target: &Target, image: &str, directory: Option<&str>) -> String {
        let image = ImageName::parse(image).unwrap();
        let repository = SyncRepository {
            name: String::new(),
            endpoint: EndpointOptions::default(),
            images: vec![image.clone()],
            tags: None,
            repository: None,
            directory: directory.map(PathBuf::from),
        };
        let name = target.name(&image, &repository);
        name.map(|name| name.to_string()).unwrap_or_default()
    }

    #[test]
    fn names_are_those_of_the_original() {
        let plain = |kind, base: &str| Target {
            kind,
            base: base.to_owned(),
            scoped: false,
            append: String::new(),
            renames: Vec::new(),
        };
        let scoped = |kind, base: &str| Target {
            scoped: true,
            ..plain(kind, base)
        };
        let app = "docker://r.example:5000/ns/app:1";
        let digest = format!("sha256:{}", "0".repeat(64));
        let by_digest = format!("docker://r.example/ns/app@{digest}");
        let (docker, dir) = (TargetKind::Docker, TargetKind::Dir);
        for (target, image, below, want) in [
            (
                plain(docker, "m.example"),
                app,
                None,
                "docker://m.example/app:1".to_owned(),
            ),
            (
                plain(docker, "m.example/x/"),
                app,
                None,
                "docker://m.example/x/app:1".to_owned(),
            ),
            // A port in the middle of a name is none.
            (scoped(docker, "m.example/x"), app, None, String::new()),
            (
                plain(dir, "./media//usb"),
                app,
                None,
                "dir:media/usb/app:1".to_owned(),
            ),
            (
                scoped(dir, "/media"),
                app,
                None,
                "dir:/media/r.example:5000/ns/app:1".to_owned(),
            ),
            (
                scoped(dir, "/media"),
                "docker://busybox",
                None,
                "dir:/media/docker.io/library/busybox:latest".to_owned(),
            ),
            (
                plain(docker, "m.example"),
                &by_digest,
                None,
                format!("docker://m.example/app@{digest}"),
            ),
            (
                plain(docker, "m.example"),
                "dir:/media/a/app:1",
                Some("/media"),
                "docker://m.example/app:1".to_owned(),
            ),
            (
                scoped(docker, "m.example"),
                "dir:/media/a/app:1",
                Some("/media/"),
                "docker://m.example/a/app:1".to_owned(),
            ),
            (
                scoped(docker, "m.example"),
                "dir:/media/app:1",
                Some("/media/app:1"),
                "docker://m.example/app:1".to_owned(),
            ),
        ] {
            assert_eq!(named(&target, image, below), want);
        }
        let target = Target {
            append: "-mirror".to_owned(),
            renames: vec![("ns/app".to_owned(), "team/service".to_owned())],
            ..plain(docker, "m.example/x")
        };
        assert_eq!(
            named(&target, app, None),
            "docker://m.example/x/team/service:1-mirror"
        );
        assert_eq!(
            named(&target, "docker://r.example/ns/other", None),
            "docker://m.example/x/other:latest-mirror"
        );
    }
}
