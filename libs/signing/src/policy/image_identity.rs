//! What a policy knows an image by.

use std::path::Path;

use oci::Reference;

/// The name of an image as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageIdentity {
    /// The transport: `docker`, `dir`, ….
    pub transport: String,
    /// The scopes to look for, most specific first, without `""` and `default`.
    pub scopes: Vec<String>,
    /// The name that signatures are compared with, where the transport has one.
    pub docker_reference: Option<Reference>,
}

impl ImageIdentity {
    /// Names an image by reference, as `docker`, `atomic` and `docker-daemon` do: the reference,
    /// its repository, the namespaces above, the host, and its parent domains as wildcards.
    /// `latest` is meant where neither tag nor digest is given.
    ///
    /// ```text
    /// r.a.example:5000/x/y:1  r.a.example:5000/x/y  r.a.example:5000/x  r.a.example:5000
    /// *.a.example  *.example
    /// ```
    pub fn by_reference(transport: &str, reference: &Reference) -> Self {
        let reference = reference.with_default_tag();
        let repository = reference.repository();
        let mut name = repository.to_string();
        let mut scopes = vec![reference.to_string(), name.clone()];
        while let Some(slash) = name.rfind('/') {
            name.truncate(slash);
            scopes.push(name.clone());
        }
        let mut domain = match name.split_once(':') {
            Some((host, _port)) => host,
            None => &name,
        };
        while let Some((_, parent)) = domain.split_once('.') {
            domain = parent;
            scopes.push(format!("*.{domain}"));
        }
        Self {
            transport: transport.to_owned(),
            scopes,
            docker_reference: Some(reference),
        }
    }

    /// Names an image by file, as `dir`, `oci` and `oci-archive` do: the path, which must be
    /// absolute and free of symbolic links, and the folders above it, `/` excepted.
    /// Parts that are no UTF-8 are no scopes, for a policy is JSON; what is above them is.
    pub fn by_path(transport: &str, resolved: impl AsRef<Path>) -> Self {
        let scopes = (resolved.as_ref().ancestors())
            .filter(|path| path.file_name().is_some())
            .filter_map(Path::to_str)
            .map(str::to_owned)
            .collect();
        Self {
            transport: transport.to_owned(),
            scopes,
            docker_reference: None,
        }
    }

    /// Names an image of a transport that has no scopes, such as `docker-archive`.
    pub fn unscoped(transport: &str) -> Self {
        Self {
            transport: transport.to_owned(),
            scopes: Vec::new(),
            docker_reference: None,
        }
    }

    /// Returns the names by tag alone and by digest alone of an image that is named by both. Who
    /// rejects either of them rejects the image.
    pub(super) fn parts(&self) -> Vec<Self> {
        let Some(reference) = &self.docker_reference else {
            return Vec::new();
        };
        let (Some(tag), Some(digest)) = (reference.tag(), reference.digest()) else {
            return Vec::new();
        };
        let repository = reference.repository();
        [
            format!("{repository}:{tag}"),
            format!("{repository}@{digest}"),
        ]
        .iter()
        .filter_map(|name| Reference::parse(name).ok())
        .map(|part| Self::by_reference(&self.transport, &part))
        .collect()
    }

    /// Returns the name for messages, as the command line spells it.
    pub fn display_name(&self) -> String {
        match (&self.docker_reference, self.scopes.first()) {
            (Some(reference), _) if self.transport == "docker" => {
                format!("docker://{}", reference.familiar())
            }
            (Some(reference), _) => format!("{}:{}", self.transport, reference.familiar()),
            (None, Some(scope)) => format!("{}:{scope}", self.transport),
            (None, None) => format!("{}:", self.transport),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn scopes_go_from_the_image_to_its_parents() {
        let table: &[(&str, &[&str])] = &[
            (
                "busybox",
                &[
                    "docker.io/library/busybox:latest",
                    "docker.io/library/busybox",
                    "docker.io/library",
                    "docker.io",
                    "*.io",
                ],
            ),
            (
                "r.a.example:5000/x/y:1",
                &[
                    "r.a.example:5000/x/y:1",
                    "r.a.example:5000/x/y",
                    "r.a.example:5000/x",
                    "r.a.example:5000",
                    "*.a.example",
                    "*.example",
                ],
            ),
            (
                "localhost/a",
                &["localhost/a:latest", "localhost/a", "localhost"],
            ),
        ];
        for (name, scopes) in table {
            let identity = ImageIdentity::by_reference("docker", &Reference::parse(name).unwrap());
            assert_eq!(identity.scopes, *scopes);
        }
        assert_eq!(
            ImageIdentity::by_path("dir", "/a/b/c").scopes,
            ["/a/b/c", "/a/b", "/a"]
        );
        assert!(ImageIdentity::by_path("dir", "/").scopes.is_empty());
        let odd = std::ffi::OsStr::from_bytes(b"/a/\xff/c");
        assert_eq!(ImageIdentity::by_path("dir", odd).scopes, ["/a"]);
    }

    #[test]
    fn names_read_as_on_the_command_line() {
        let busybox = Reference::parse("busybox").unwrap();
        let named = |transport| ImageIdentity::by_reference(transport, &busybox).display_name();
        assert_eq!(named("docker"), "docker://busybox:latest");
        assert_eq!(named("docker-daemon"), "docker-daemon:busybox:latest");
        assert_eq!(ImageIdentity::by_path("dir", "/a").display_name(), "dir:/a");
        assert_eq!(
            ImageIdentity::unscoped("tarball").display_name(),
            "tarball:"
        );
    }
}
