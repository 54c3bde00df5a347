//! The media types that images are made of, and what each of them says about its content.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a blob is compressed, as its media type says or its first bytes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one or more members.
    Gzip,
    /// zstd (RFC 8878), one or more frames.
    Zstd,
    /// bzip2; only ever read.
    Bzip2,
    /// xz; only ever read.
    Xz,
}

/// A media type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaType {
    /// `application/vnd.oci.image.manifest.v1+json`
    OciManifest,
    /// `application/vnd.oci.image.index.v1+json`
    OciIndex,
    /// `application/vnd.oci.image.config.v1+json`
    OciConfig,
    /// `application/vnd.oci.image.layer.v1.tar` and its `+gzip` and `+zstd` forms
    OciLayer(Compression),
    /// `application/vnd.oci.image.layer.nondistributable.v1.tar` and its compressed forms
    OciForeignLayer(Compression),
    /// `application/vnd.oci.empty.v1+json`
    OciEmpty,
    /// `application/vnd.docker.distribution.manifest.v2+json`
    DockerManifest,
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    DockerList,
    /// `application/vnd.docker.container.image.v1+json`
    DockerConfig,
    /// `application/vnd.docker.image.rootfs.diff.tar.gzip` (and the uncompressed form)
    DockerLayer(Compression),
    /// `application/vnd.docker.image.rootfs.foreign.diff.tar.gzip` (and uncompressed)
    DockerForeignLayer(Compression),
    /// `application/vnd.docker.distribution.manifest.v1+json`
    DockerSchema1,
    /// `application/vnd.docker.distribution.manifest.v1+prettyjws`
    DockerSchema1Signed,
    /// Anything else, as it was written.
    Other(String),
}

const KNOWN: &[(&str, MediaType)] = &[
    (
        "application/vnd.oci.image.manifest.v1+json",
        MediaType::OciManifest,
    ),
    (
        "application/vnd.oci.image.index.v1+json",
        MediaType::OciIndex,
    ),
    (
        "application/vnd.oci.image.config.v1+json",
        MediaType::OciConfig,
    ),
    (
        "application/vnd.oci.image.layer.v1.tar",
        MediaType::OciLayer(Compression::None),
    ),
    (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        MediaType::OciLayer(Compression::Gzip),
    ),
    (
        "application/vnd.oci.image.layer.v1.tar+zstd",
        MediaType::OciLayer(Compression::Zstd),
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        MediaType::OciForeignLayer(Compression::None),
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        MediaType::OciForeignLayer(Compression::Gzip),
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        MediaType::OciForeignLayer(Compression::Zstd),
    ),
    ("application/vnd.oci.empty.v1+json", MediaType::OciEmpty),
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        MediaType::DockerManifest,
    ),
    (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        MediaType::DockerList,
    ),
    (
        "application/vnd.docker.container.image.v1+json",
        MediaType::DockerConfig,
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        MediaType::DockerLayer(Compression::Gzip),
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar",
        MediaType::DockerLayer(Compression::None),
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        MediaType::DockerLayer(Compression::Zstd),
    ),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        MediaType::DockerForeignLayer(Compression::Gzip),
    ),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        MediaType::DockerForeignLayer(Compression::None),
    ),
    (
        "application/vnd.docker.distribution.manifest.v1+json",
        MediaType::DockerSchema1,
    ),
    (
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        MediaType::DockerSchema1Signed,
    ),
];

impl MediaType {
    /// Reads a media type; parameters (`; charset=…`) are dropped, unknown ones are kept.
    pub fn parse(text: &str) -> Self {
        let name = text.split(';').next().unwrap_or_default().trim();
        KNOWN.iter().find(|(known, _)| *known == name).map_or_else(
            || Self::Other(name.to_owned()),
            |(_, media_type)| media_type.clone(),
        )
    }

    /// Returns the text of the media type.
    pub fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        KNOWN
            .iter()
            .find(|(_, known)| known == self)
            .map_or("application/octet-stream", |(name, _)| name)
    }

    /// Tells whether this is a manifest of one image (schema 1 included).
    pub fn is_manifest(&self) -> bool {
        matches!(
            self,
            Self::OciManifest
                | Self::DockerManifest
                | Self::DockerSchema1
                | Self::DockerSchema1Signed
        )
    }

    /// Tells whether this is a list of manifests.
    pub fn is_index(&self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerList)
    }

    /// Returns the compression of a layer, or `None` when this is no layer that is known.
    pub fn layer_compression(&self) -> Option<Compression> {
        match self {
            Self::OciLayer(c)
            | Self::OciForeignLayer(c)
            | Self::DockerLayer(c)
            | Self::DockerForeignLayer(c) => Some(*c),
            _ => None,
        }
    }

    /// Tells whether this is a layer that is fetched from elsewhere ("foreign").
    pub fn is_foreign_layer(&self) -> bool {
        matches!(self, Self::OciForeignLayer(_) | Self::DockerForeignLayer(_))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}
