//! Where the signatures of images at registries lie (containers-registries.d(5)).
//!
//! The files are `*.yaml` in one directory: the user's if it exists, else the system's. Together
//! they hold at most one `default-docker` and one section for each scope. A key is looked up in
//! the image's own section, its repository, its namespaces, its host, the wildcards of its
//! domain and `default-docker`, *each key for itself*: a section that lacks it is passed over.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use oci::Reference;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::read::{self, is_absent};
use crate::{ConfigError, Environment};

/// What the files of registries.d say together.
#[derive(Clone, Debug, Default)]
pub struct Lookaside {
    default: Option<Section>,
    scopes: BTreeMap<String, Section>,
    built_in: String,
}

/// One section; unknown members are ignored, as in the original.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Section {
    lookaside: Option<String>,
    lookaside_staging: Option<String>,
    sigstore: Option<String>,
    sigstore_staging: Option<String>,
    use_sigstore_attachments: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    default_docker: Option<Section>,
    #[serde(default, deserialize_with = "scopes")]
    docker: BTreeMap<String, Section>,
}

impl Lookaside {
    /// Reads registries.d: `directory` if it is given, else the user's, else the system's.
    ///
    /// # Errors
    /// A file that cannot be read, and one scope in two places.
    pub fn load(env: &Environment, directory: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self {
            built_in: built_in(env),
            ..Self::default()
        };
        let directory = match directory {
            Some(directory) => directory.to_owned(),
            None => default_directory(env)?,
        };
        let mut origins = BTreeMap::new();
        for name in read::directory(&directory)? {
            let path = directory.join(name);
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            // A file that is gone since the directory was read is none.
            if let Some(bytes) = read::optional(&path)? {
                config.add(&path, &read::text(&path, bytes)?, &mut origins)?;
            }
        }
        Ok(config)
    }

    fn add(
        &mut self,
        path: &Path,
        text: &str,
        origins: &mut BTreeMap<String, PathBuf>,
    ) -> Result<(), ConfigError> {
        let file: Option<File> =
            serde_yaml_ng::from_str(text).map_err(|source| ConfigError::Yaml {
                path: path.to_owned(),
                source: Box::new(source),
            })?;
        let file = file.unwrap_or_default();
        let mut claim = |place: String| match origins.entry(place) {
            Entry::Vacant(vacant) => {
                vacant.insert(path.to_owned());
                Ok(())
            }
            Entry::Occupied(taken) => Err(ConfigError::Twice {
                place: taken.key().clone(),
                first: taken.get().clone(),
                second: path.to_owned(),
            }),
        };
        if let Some(section) = file.default_docker {
            claim("default-docker".to_owned())?;
            self.default = Some(section);
        }
        for (scope, section) in file.docker {
            claim(format!("docker namespace {scope:?}"))?;
            self.scopes.insert(scope, section);
        }
        Ok(())
    }

    /// Returns the URL below which signatures are read. Where nothing is configured that is a
    /// directory of this machine, as in the original.
    pub fn read_base(&self, reference: &Reference) -> Option<String> {
        let found = self.look_up(reference, |section| {
            first_of([&section.lookaside, &section.sigstore])
        });
        Some(found.unwrap_or_else(|| self.built_in.clone()))
    }

    /// Returns the URL below which signatures are written.
    pub fn write_base(&self, reference: &Reference) -> Option<String> {
        let found = self.look_up(reference, |section| {
            first_of([
                &section.lookaside_staging,
                &section.sigstore_staging,
                &section.lookaside,
                &section.sigstore,
            ])
        });
        Some(found.unwrap_or_else(|| self.built_in.clone()))
    }

    /// Tells whether sigstore signatures in the registry itself are used; by default not.
    pub fn use_sigstore_attachments(&self, reference: &Reference) -> bool {
        self.look_up(reference, |section| section.use_sigstore_attachments)
            .unwrap_or(false)
    }

    fn look_up<T>(&self, reference: &Reference, key: impl Fn(&Section) -> Option<T>) -> Option<T> {
        scope_chain(reference)
            .iter()
            .filter_map(|scope| self.scopes.get(scope))
            .chain(&self.default)
            .find_map(key)
    }
}

fn first_of<const N: usize>(candidates: [&Option<String>; N]) -> Option<String> {
    candidates
        .into_iter()
        .flatten()
        .find(|url| !url.is_empty())
        .cloned()
}

fn default_directory(env: &Environment) -> Result<PathBuf, ConfigError> {
    if let Some(path) = env.in_home(".config/containers/registries.d") {
        match fs::metadata(&path) {
            Ok(_) => return Ok(path),
            Err(error) if is_absent(&error) => {}
            Err(source) => return Err(ConfigError::Read { path, source }),
        }
    }
    Ok(env.system("/etc/containers/registries.d"))
}

fn built_in(env: &Environment) -> String {
    let directory = match env.in_home(".local/share/containers/sigstore") {
        Some(directory) if env.uid != 0 => directory,
        _ => env.system("/var/lib/containers/sigstore"),
    };
    format!("file://{}", directory.display())
}

/// Returns the scopes that hold for an image at a registry, most specific first: the image, its
/// repository, its namespaces, its host, and `*.DOMAIN` for each domain above the host.
///
/// policy.json uses the same ones (containers-policy.json(5), "docker:").
pub fn scope_chain(reference: &Reference) -> Vec<String> {
    let name = reference.repository().to_string();
    let mut chain = Vec::new();
    if let Some(digest) = reference.digest() {
        chain.push(format!("{name}@{digest}"));
    }
    if let Some(tag) = reference.tag() {
        chain.push(format!("{name}:{tag}"));
    }
    let mut scope = name.as_str();
    chain.push(scope.to_owned());
    while let Some((parent, _)) = scope.rsplit_once('/') {
        chain.push(parent.to_owned());
        scope = parent;
    }
    let mut domain = scope.split(':').next().unwrap_or_default();
    while let Some((_, parent)) = domain.split_once('.') {
        chain.push(format!("*.{parent}"));
        domain = parent;
    }
    chain
}

/// Reads the map of scopes, refusing one that is there twice.
fn scopes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Section>, D::Error> {
    struct Scopes;

    impl<'de> Visitor<'de> for Scopes {
        type Value = BTreeMap<String, Section>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of namespaces")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut scopes = BTreeMap::new();
            while let Some((scope, section)) = access.next_entry::<String, Option<Section>>()? {
                match scopes.entry(scope) {
                    Entry::Vacant(vacant) => vacant.insert(section.unwrap_or_default()),
                    Entry::Occupied(taken) => {
                        let message = format_args!("namespace {:?} twice", taken.key());
                        return Err(serde::de::Error::custom(message));
                    }
                };
            }
            Ok(scopes)
        }
    }

    deserializer.deserialize_any(Scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::Place;

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    #[test]
    fn scopes_go_from_the_image_to_the_domain() {
        assert_eq!(
            scope_chain(&reference("r.a.example:5000/n/b:t")),
            [
                "r.a.example:5000/n/b:t",
                "r.a.example:5000/n/b",
                "r.a.example:5000/n",
                "r.a.example:5000",
                "*.a.example",
                "*.example",
            ]
        );
        assert_eq!(
            scope_chain(&reference("a")),
            [
                "docker.io/library/a",
                "docker.io/library",
                "docker.io",
                "*.io"
            ]
        );
        let digest = oci::Digest::sha256(b"");
        let both = format!("localhost/a:t@{digest}");
        assert_eq!(
            scope_chain(&reference(&both))[..3],
            [
                format!("localhost/a@{digest}"),
                "localhost/a:t".into(),
                "localhost/a".into()
            ]
        );
    }

    #[test]
    fn each_key_is_looked_up_for_itself() {
        let place = Place::new();
        place.write(
            "root/etc/containers/registries.d/b.yaml",
            "default-docker:\n  lookaside: https://default\n  use-sigstore-attachments: true\n\
             docker:\n  r.example/n/a:\n    lookaside-staging: file:///staging\n  \
             r.example:\n    lookaside: https://host\n    use-sigstore-attachments: false\n",
        );
        place.write(
            "root/etc/containers/registries.d/a.yaml",
            "docker:\n  \"*.old.example\":\n    sigstore: https://old\n    sigstore-staging: file:///old\n  \
             both.example:\n    sigstore: https://old\n    lookaside: https://new\n    unknown: 1\n  empty.example:\n",
        );
        place.write("root/etc/containers/registries.d/empty.yaml", "# nothing\n");
        place.write("root/etc/containers/registries.d/other.txt", "{");
        let config = Lookaside::load(&place.env(0, &[]), None).unwrap();
        let table = [
            ("r.example/n/a:t", "https://host", "file:///staging", false),
            ("r.example/n/b:t", "https://host", "https://host", false),
            (
                "r.example:5000/n/b:t",
                "https://default",
                "https://default",
                true,
            ),
            ("x.old.example/a", "https://old", "file:///old", true),
            ("old.example/a", "https://default", "https://default", true),
            ("both.example/a", "https://new", "https://new", true),
            (
                "empty.example/a",
                "https://default",
                "https://default",
                true,
            ),
            ("a", "https://default", "https://default", true),
        ];
        for (text, read, write, attachments) in table {
            let reference = reference(text);
            assert_eq!(config.read_base(&reference).unwrap(), read, "{text}");
            assert_eq!(config.write_base(&reference).unwrap(), write, "{text}");
            assert_eq!(
                config.use_sigstore_attachments(&reference),
                attachments,
                "{text}"
            );
        }
    }

    #[test]
    fn without_configuration_it_is_a_directory_of_this_machine() {
        let place = Place::new();
        let base = |uid| {
            Lookaside::load(&place.env(uid, &[]), None)
                .unwrap()
                .read_base(&reference("a"))
        };
        assert!(
            base(0)
                .unwrap()
                .ends_with("/root/var/lib/containers/sigstore")
        );
        assert!(
            base(1000)
                .unwrap()
                .ends_with("/home/.local/share/containers/sigstore")
        );
        place.write(
            "root/etc/containers/registries.d/a.yaml",
            "default-docker: {lookaside: https://s}",
        );
        assert_eq!(base(0).unwrap(), "https://s");
        // The user's directory stands in for the system's, even when it says nothing.
        place.write("home/.config/containers/registries.d/note", "");
        assert!(base(0).unwrap().starts_with("file://"));
    }

    #[test]
    fn one_scope_has_one_place() {
        let place = Place::new();
        let load = || Lookaside::load(&place.env(0, &[]), None);
        let a = place.write(
            "root/etc/containers/registries.d/a.yaml",
            "docker: {r: {lookaside: x}}",
        );
        let b = place.write(
            "root/etc/containers/registries.d/b.yaml",
            "docker: {r: {lookaside: x}}",
        );
        assert!(matches!(
            load().unwrap_err(),
            ConfigError::Twice { place, first, second }
                if place.contains("\"r\"") && first == a && second == b
        ));
        place.write(
            "root/etc/containers/registries.d/b.yaml",
            "default-docker: {}",
        );
        place.write(
            "root/etc/containers/registries.d/c.yaml",
            "default-docker: {}",
        );
        assert!(matches!(load().unwrap_err(), ConfigError::Twice { .. }));
        fs::remove_file(place.write("root/etc/containers/registries.d/c.yaml", "")).unwrap();
        for text in [
            "docker: {r: {}, r: {}}",
            "docker: {r: {lookaside: a, lookaside: b}}",
            "docker: [r]",
            "docker: {r: {lookaside: [a]}}",
            ": :",
        ] {
            let path = place.write("root/etc/containers/registries.d/b.yaml", text);
            let error = load().unwrap_err();
            assert!(
                matches!(&error, ConfigError::Yaml { path: p, .. } if *p == path),
                "{text}: {error:?}"
            );
        }
    }
}
