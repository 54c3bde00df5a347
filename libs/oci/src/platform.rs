//! Platforms, and which instance of an index fits the one that is wanted.
//!
//! The choice is that of containers/image: the variants of the wanted architecture are tried in
//! order, an instance that names no platform comes last, among equals an instance with zstd
//! layers comes first, then the first of the index. `os.version` and `os.features` are not looked at.

use std::cmp::Reverse;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Descriptor, Index, MediaType};

/// Marks an instance whose layers are compressed with zstd.
pub const ZSTD_ANNOTATION: &str = "io.github.containers.compression.zstd";

/// What a machine has to be for an image (image-spec, image-index.md, "platform").
///
/// Absent members and `null` read as empty, as in the originals; an empty architecture or
/// operating system fits no machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor's architecture, in Go's words (`amd64`).
    #[serde(default, deserialize_with = "null_as_default")]
    pub architecture: String,
    /// The operating system, in Go's words (`linux`).
    #[serde(default, deserialize_with = "null_as_default")]
    pub os: String,
    /// The version of the operating system; Windows only.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Features that the operating system must have; Windows only.
    #[serde(
        rename = "os.features",
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub os_features: Vec<String>,
    /// The variant of the architecture (`v7` of `arm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Reads `null` as the member's default, as Go does.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The platform that an instance is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformWanted {
    /// The operating system, in Go's words.
    pub os: String,
    /// The architecture, in Go's words.
    pub architecture: String,
    /// The variant; `None` takes any, the one without a name first.
    pub variant: Option<String>,
}

impl PlatformWanted {
    /// Returns the platform that this program was built for.
    pub fn host() -> Self {
        let architecture = go_architecture(std::env::consts::ARCH);
        let variant = match architecture {
            "arm64" => Some("v8"),
            "arm" if cfg!(target_feature = "v7") => Some("v7"),
            "arm" => Some("v6"),
            _ => None,
        };
        Self {
            os: std::env::consts::OS.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// Replaces what is given and not empty. An architecture that is given drops the host's
    /// variant, since nothing says that it still applies.
    #[must_use]
    pub fn with_overrides(
        mut self,
        os: Option<&str>,
        architecture: Option<&str>,
        variant: Option<&str>,
    ) -> Self {
        let given = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        if let Some(os) = given(os) {
            self.os = os;
        }
        if let Some(architecture) = given(architecture) {
            self.architecture = architecture;
            self.variant = None;
        }
        if let Some(variant) = given(variant) {
            self.variant = Some(variant);
        }
        self
    }

    /// Parses `OS/ARCHITECTURE[/VARIANT]`; `None` when it is not of that form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text
            .split('/')
            .map(|part| (!part.is_empty()).then(|| part.to_owned()));
        let (os, architecture) = (parts.next()??, parts.next()??);
        let variant = match parts.next() {
            Some(variant) => Some(variant?),
            None => None,
        };
        parts.next().is_none().then_some(Self {
            os,
            architecture,
            variant,
        })
    }

    /// Tells whether `platform` is named by this one: without a variant all variants are, and an
    /// arm64 without one is a v8.
    pub fn names(&self, platform: &Platform) -> bool {
        let only = match self.architecture.as_str() {
            "arm64" => "v8",
            _ => "",
        };
        let of = |variant: Option<&str>| match variant {
            None | Some("") => only.to_owned(),
            Some(variant) => variant.to_owned(),
        };
        self.os == platform.os
            && self.architecture == platform.architecture
            && self
                .variant
                .as_deref()
                .is_none_or(|wanted| of(Some(wanted)) == of(platform.variant.as_deref()))
    }

    /// Returns the variants that fit, best first; the empty text is an instance without one.
    fn variants(&self) -> Vec<&str> {
        let known = compatible_variants(&self.architecture);
        match self.variant.as_deref() {
            None => [""].iter().chain(known).copied().collect(),
            Some(wanted) => {
                let mut variants: Vec<&str> =
                    known.iter().copied().skip_while(|v| *v != wanted).collect();
                if variants.is_empty() {
                    variants.push(wanted);
                }
                variants.push("");
                variants
            }
        }
    }

    /// Returns how well `platform` fits, 0 best, or `None` when it does not.
    fn rank(&self, platform: &Platform) -> Option<usize> {
        if platform.os != self.os || platform.architecture != self.architecture {
            return None;
        }
        let variant = platform.variant.as_deref().unwrap_or_default();
        self.variants().iter().position(|v| *v == variant)
    }
}

/// Variants of an architecture, each able to run those that follow it.
fn compatible_variants(architecture: &str) -> &'static [&'static str] {
    match architecture {
        "arm" => &["v8", "v7", "v6", "v5"],
        "arm64" => &["v8"],
        _ => &[],
    }
}

/// Maps Rust's name of an architecture to Go's.
fn go_architecture(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        "mips" if cfg!(target_endian = "little") => "mipsle",
        "mips64" if cfg!(target_endian = "little") => "mips64le",
        other => other,
    }
}

/// Chooses the instance of `index` for `wanted`.
pub fn choose<'a>(index: &'a Index, wanted: &PlatformWanted) -> Option<&'a Descriptor> {
    // A docker list names the platform of each instance and has no annotations.
    let oci = index.media_type != MediaType::DockerList;
    index
        .manifests
        .iter()
        .filter_map(|instance| {
            let rank = match &instance.platform {
                Some(platform) => wanted.rank(platform)?,
                None if oci => usize::MAX,
                None => return None,
            };
            let zstd = oci
                && instance
                    .annotations
                    .get(ZSTD_ANNOTATION)
                    .is_some_and(|v| v == "true");
            Some(((rank, Reverse(zstd)), instance))
        })
        // The first of equals is the minimum, so the position in the index decides last.
        .min_by_key(|(key, _)| *key)
        .map(|(_, instance)| instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_named_as_docker_names_them() {
        let platform = |variant: Option<&str>| Platform {
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            variant: variant.map(str::to_owned),
            ..Platform::default()
        };
        for (text, variant, want) in [
            ("linux/arm64", None, true),
            ("linux/arm64", Some("v8"), true),
            ("linux/arm64/v8", None, true),
            ("linux/arm64/v8", Some("v9"), false),
            ("linux/amd64", None, false),
            ("windows/arm64", None, false),
        ] {
            let wanted = PlatformWanted::parse(text).unwrap();
            assert_eq!(wanted.names(&platform(variant)), want, "{text} {variant:?}");
        }
        for bad in ["", "linux", "linux/", "/arm64", "linux/arm64/", "a/b/c/d"] {
            assert!(PlatformWanted::parse(bad).is_none(), "{bad}");
        }
    }
    use crate::Digest;

    /// One instance: `OS/ARCHITECTURE[/VARIANT]` or `-` without platform, `+zstd` behind it.
    fn instance(place: usize, text: &str) -> Descriptor {
        let digest = Digest::sha256(&[u8::try_from(place).unwrap()]);
        let mut descriptor = Descriptor::new(MediaType::OciManifest, digest, 1);
        let (platform, zstd) = match text.strip_suffix("+zstd") {
            Some(platform) => (platform, true),
            None => (text, false),
        };
        if zstd {
            descriptor
                .annotations
                .insert(ZSTD_ANNOTATION.to_owned(), "true".to_owned());
        }
        if platform != "-" {
            let mut parts = platform.split('/');
            descriptor.platform = Some(Platform {
                os: parts.next().unwrap().to_owned(),
                architecture: parts.next().unwrap().to_owned(),
                variant: parts.next().map(str::to_owned),
                ..Platform::default()
            });
        }
        descriptor
    }

    fn chosen(media_type: MediaType, instances: &[&str], wanted: &str) -> Option<usize> {
        let manifests = instances
            .iter()
            .enumerate()
            .map(|(i, text)| instance(i, text))
            .collect();
        let index = Index {
            media_type,
            manifests,
            annotations: Default::default(),
            subject: None,
            artifact_type: None,
        };
        let mut parts = wanted.split('/').map(str::to_owned);
        let wanted = PlatformWanted {
            os: parts.next().unwrap(),
            architecture: parts.next().unwrap(),
            variant: parts.next(),
        };
        let chosen = choose(&index, &wanted)?;
        index
            .manifests
            .iter()
            .position(|m| m.digest == chosen.digest)
    }

    #[test]
    fn instances_are_chosen_as_containers_image_does() {
        let arm = [
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm/v8",
        ];
        let table: &[(&[&str], &str, Option<usize>)] = &[
            (&["linux/amd64", "linux/arm64"], "linux/arm64", Some(1)),
            (&["linux/amd64"], "linux/arm64", None),
            (&["windows/amd64", "linux/amd64"], "linux/amd64", Some(1)),
            (&["linux/amd64", "linux/amd64"], "linux/amd64", Some(0)),
            (&[], "linux/amd64", None),
            (&["-", "linux/amd64"], "linux/amd64", Some(1)),
            (&["-", "linux/arm64"], "linux/amd64", Some(0)),
            (&["-", "-+zstd"], "linux/amd64", Some(1)),
            (&["linux/amd64", "linux/amd64+zstd"], "linux/amd64", Some(1)),
            (
                &["linux/amd64+zstd", "linux/amd64+zstd"],
                "linux/amd64",
                Some(0),
            ),
            (&["-+zstd", "linux/amd64"], "linux/amd64", Some(1)),
            (&arm, "linux/arm/v7", Some(2)),
            (&arm, "linux/arm/v6", Some(1)),
            (&arm[..2], "linux/arm/v7", Some(1)),
            (&arm[3..], "linux/arm/v7", None),
            (&["linux/arm", "linux/arm/v6"], "linux/arm/v7", Some(1)),
            (&["linux/arm", "linux/arm/v8"], "linux/arm/v7", Some(0)),
            (&["linux/arm/v7", "linux/arm"], "linux/arm", Some(1)),
            (&arm, "linux/arm", Some(3)),
            (
                &["linux/arm/v6+zstd", "linux/arm/v7"],
                "linux/arm/v7",
                Some(1),
            ),
            (
                &["linux/arm64/v8", "linux/arm64"],
                "linux/arm64/v8",
                Some(0),
            ),
            (&["linux/arm64/v8", "linux/arm64"], "linux/arm64", Some(1)),
            (
                &["linux/arm64/v9", "linux/arm64"],
                "linux/arm64/v9",
                Some(0),
            ),
            (&["linux/amd64/v3"], "linux/amd64", None),
            (
                &["linux/amd64", "linux/amd64/v3"],
                "linux/amd64/v3",
                Some(1),
            ),
            (
                &["linux/amd64/v2", "linux/amd64"],
                "linux/amd64/v3",
                Some(1),
            ),
        ];
        for (instances, wanted, want) in table {
            let got = chosen(MediaType::OciIndex, instances, wanted);
            assert_eq!(got, *want, "{instances:?} for {wanted}");
        }
    }

    #[test]
    fn docker_lists_have_no_annotations_and_no_default() {
        let list = MediaType::DockerList;
        assert_eq!(chosen(list.clone(), &["-"], "linux/amd64"), None);
        assert_eq!(
            chosen(list, &["linux/amd64", "linux/amd64+zstd"], "linux/amd64"),
            Some(0)
        );
    }

    #[test]
    fn an_architecture_that_is_given_drops_the_variant() {
        let host = PlatformWanted {
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            variant: Some("v8".to_owned()),
        };
        let over = |os, architecture, variant| {
            let p = host.clone().with_overrides(os, architecture, variant);
            format!(
                "{}/{}/{}",
                p.os,
                p.architecture,
                p.variant.unwrap_or_default()
            )
        };
        assert_eq!(over(None, None, None), "linux/arm64/v8");
        assert_eq!(over(Some(""), Some(""), Some("")), "linux/arm64/v8");
        assert_eq!(over(Some("windows"), None, None), "windows/arm64/v8");
        assert_eq!(over(None, Some("arm64"), None), "linux/arm64/");
        assert_eq!(over(None, Some("arm"), Some("v6")), "linux/arm/v6");
    }
}
