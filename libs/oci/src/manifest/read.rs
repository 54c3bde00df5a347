//! Tells what a document is, and reads its members.

use serde_json::{Map, Value};

use super::{ImageManifest, Index, Manifest, ManifestError};
use crate::{Descriptor, MediaType, json, limits, schema1};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Index,
    Schema1,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "an image manifest",
            Self::Index => "an index",
            Self::Schema1 => "a schema 1 manifest",
        }
    }

    /// Returns the kind that manifests of a type are; `None` for what is no type of manifests.
    fn of(media_type: &MediaType) -> Option<Self> {
        match media_type {
            MediaType::OciManifest | MediaType::DockerManifest => Some(Self::Image),
            MediaType::OciIndex | MediaType::DockerList => Some(Self::Index),
            MediaType::DockerSchema1 | MediaType::DockerSchema1Signed => Some(Self::Schema1),
            _ => None,
        }
    }
}

/// Members that decide what a document is, with the kind that each belongs to.
const DECIDING: &[(&str, Kind)] = &[
    ("config", Kind::Image),
    ("layers", Kind::Image),
    ("manifests", Kind::Index),
    ("fsLayers", Kind::Schema1),
    ("history", Kind::Schema1),
];

/// Members that are read beside those that decide.
const OTHERS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "annotations",
    "subject",
    "artifactType",
    "name",
    "tag",
    "architecture",
    "signatures",
];

type Members = Map<String, Value>;

/// Reads a document; also returns what a signed schema 1 manifest has the digest of.
pub(super) fn read(
    bytes: &[u8],
    declared: Option<&MediaType>,
) -> Result<(Manifest, MediaType, Option<Vec<u8>>), ManifestError> {
    let Value::Object(mut members) = json::parse(bytes, limits::MANIFEST_BYTES)? else {
        return Err(ManifestError::NotAnObject);
    };
    check_case(&members)?;
    let kind = decide(&members)?;
    let inner = claimed_inside(&members, kind)?;
    let outer = match declared {
        None | Some(MediaType::Other(_)) => None,
        Some(media_type) if Kind::of(media_type) == Some(kind) => Some(media_type.clone()),
        Some(media_type) => {
            return Err(ManifestError::MediaType {
                actual: kind.name(),
                claimed: media_type.clone(),
                by: "type at the source",
            });
        }
    };
    if let (Some(inner), Some(outer)) = (&inner, &outer)
        && inner != outer
        && kind != Kind::Schema1
    {
        return Err(ManifestError::MediaTypeConflict {
            inner: inner.clone(),
            outer: outer.clone(),
        });
    }
    let claimed = inner.or(outer);
    match kind {
        Kind::Image => {
            let image = ImageManifest::read(&mut members, claimed)?;
            let media_type = image.media_type.clone();
            Ok((Manifest::Image(image), media_type, None))
        }
        Kind::Index => {
            let index = Index::read(&mut members, claimed)?;
            let media_type = index.media_type.clone();
            Ok((Manifest::Index(index), media_type, None))
        }
        Kind::Schema1 => {
            let (schema1, signed_part) = schema1::read(bytes, members)?;
            let media_type = match signed_part {
                Some(_) => MediaType::DockerSchema1Signed,
                None => MediaType::DockerSchema1,
            };
            Ok((Manifest::Schema1(schema1), media_type, signed_part))
        }
    }
}

fn check_case(members: &Members) -> Result<(), ManifestError> {
    let deciding = DECIDING.iter().map(|(name, _)| *name);
    match json::misspelt(members, deciding.chain(OTHERS.iter().copied())) {
        None => Ok(()),
        Some((found, want)) => Err(ManifestError::MemberCase {
            found: found.to_owned(),
            want,
        }),
    }
}

fn decide(members: &Members) -> Result<Kind, ManifestError> {
    let mut present = DECIDING
        .iter()
        .filter(|(name, _)| members.contains_key(*name));
    let version = members.get("schemaVersion");
    let kind = match version.and_then(Value::as_u64) {
        Some(1) => Some(Kind::Schema1),
        Some(2) => None,
        _ => {
            let text = version.map_or_else(|| "missing".to_owned(), Value::to_string);
            return Err(ManifestError::SchemaVersion(
                text.chars().take(40).collect(),
            ));
        }
    };
    let first = present.next();
    if let Some((first, first_kind)) = first
        && let Some((second, _)) = present.find(|(_, kind)| kind != first_kind)
    {
        return Err(ManifestError::Ambiguous { first, second });
    }
    match (kind, first) {
        (None, None) => Err(ManifestError::Missing { missing: "layers" }),
        (None, Some((_, Kind::Schema1))) => Err(ManifestError::SchemaVersion("2".to_owned())),
        (None, Some((_, kind))) => Ok(*kind),
        (Some(_), Some((first, Kind::Image | Kind::Index))) => Err(ManifestError::Ambiguous {
            first: "schemaVersion\": 1, \"fsLayers",
            second: first,
        }),
        (Some(kind), _) => Ok(kind),
    }
}

fn claimed_inside(members: &Members, kind: Kind) -> Result<Option<MediaType>, ManifestError> {
    let text = match members.get("mediaType") {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => member::<String>("mediaType", value.clone())?,
    };
    let media_type = MediaType::parse(&text);
    if text == media_type.as_str() && Kind::of(&media_type) == Some(kind) {
        return Ok(Some(media_type));
    }
    Err(ManifestError::MediaType {
        actual: kind.name(),
        claimed: media_type,
        by: "mediaType",
    })
}

fn member<T: serde::de::DeserializeOwned>(name: &str, value: Value) -> Result<T, ManifestError> {
    serde_json::from_value(value).map_err(|source| ManifestError::Member {
        member: name.to_owned(),
        source,
    })
}

fn required(members: &mut Members, name: &'static str) -> Result<Value, ManifestError> {
    match members.remove(name) {
        None | Some(Value::Null) => Err(ManifestError::Missing { missing: name }),
        Some(value) => Ok(value),
    }
}

fn optional<T: serde::de::DeserializeOwned>(
    members: &mut Members,
    name: &str,
) -> Result<Option<T>, ManifestError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => member(name, value).map(Some),
    }
}

fn descriptor(name: &str, value: Value) -> Result<Descriptor, ManifestError> {
    let descriptor: Descriptor = member(name, value)?;
    if i64::try_from(descriptor.size).is_err() {
        return Err(ManifestError::Size {
            member: name.to_owned(),
            size: descriptor.size,
        });
    }
    Ok(descriptor)
}

fn descriptors(
    members: &mut Members,
    name: &'static str,
    limit: usize,
) -> Result<Vec<Descriptor>, ManifestError> {
    let values: Vec<Value> = member(name, required(members, name)?)?;
    if values.len() > limit {
        return Err(ManifestError::TooMany {
            what: name,
            actual: values.len(),
            limit,
        });
    }
    values
        .into_iter()
        .enumerate()
        .map(|(place, value)| descriptor(&format!("{name}[{place}]"), value))
        .collect()
}

fn subject(members: &mut Members) -> Result<Option<Descriptor>, ManifestError> {
    optional::<Value>(members, "subject")?
        .map(|value| descriptor("subject", value))
        .transpose()
}
impl ImageManifest {
    fn read(members: &mut Members, claimed: Option<MediaType>) -> Result<Self, ManifestError> {
        let config = descriptor("config", required(members, "config")?)?;
        let media_type = claimed.unwrap_or(match config.media_type {
            MediaType::DockerConfig => MediaType::DockerManifest,
            _ => MediaType::OciManifest,
        });
        Ok(Self {
            media_type,
            config,
            layers: descriptors(members, "layers", limits::LAYERS)?,
            annotations: optional(members, "annotations")?.unwrap_or_default(),
            subject: subject(members)?,
            artifact_type: optional(members, "artifactType")?,
        })
    }
}

impl Index {
    fn read(members: &mut Members, claimed: Option<MediaType>) -> Result<Self, ManifestError> {
        Ok(Self {
            media_type: claimed.unwrap_or(MediaType::OciIndex),
            manifests: descriptors(members, "manifests", limits::INDEX_ENTRIES)?,
            annotations: optional(members, "annotations")?.unwrap_or_default(),
            subject: subject(members)?,
            artifact_type: optional(members, "artifactType")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonError;
    use crate::{Digest, RawManifest};

    const D: &str = "sha256:818e7d07dfb3e9942df1d48efe256bec542b4930bb570bdf8768f316da809298";

    /// Puts descriptors where `$C`, `$L` and `$M` stand.
    fn text(template: &str) -> String {
        let descriptor =
            |media_type: &str| format!(r#"{{"mediaType":"{media_type}","size":7,"digest":"{D}"}}"#);
        template
            .replace(
                "$C",
                &descriptor("application/vnd.oci.image.config.v1+json"),
            )
            .replace(
                "$K",
                &descriptor("application/vnd.docker.container.image.v1+json"),
            )
            .replace(
                "$L",
                &descriptor("application/vnd.oci.image.layer.v1.tar+gzip"),
            )
            .replace(
                "$M",
                &descriptor("application/vnd.oci.image.manifest.v1+json"),
            )
            .replace("$D", D)
    }

    fn read(template: &str, declared: Option<&MediaType>) -> Result<RawManifest, ManifestError> {
        RawManifest::parse(text(template).into_bytes(), declared)
    }

    #[test]
    fn kinds_are_told_by_their_members() {
        let oci = r#"{"schemaVersion":2,"config":$C,"layers":[$L]}"#;
        let other = MediaType::Other("application/json".to_owned());
        let table = [
            (oci, None, MediaType::OciManifest),
            (oci, Some(MediaType::OciManifest), MediaType::OciManifest),
            (
                oci,
                Some(MediaType::DockerManifest),
                MediaType::DockerManifest,
            ),
            (oci, Some(other.clone()), MediaType::OciManifest),
            (
                r#"{"schemaVersion":2,"config":$K,"layers":[]}"#,
                None,
                MediaType::DockerManifest,
            ),
            (
                r#"{"schemaVersion":2,"config":$L,"layers":[]}"#,
                None,
                MediaType::OciManifest,
            ),
            (
                r#"{"schemaVersion":2,"manifests":[$M]}"#,
                None,
                MediaType::OciIndex,
            ),
            (
                r#"{"schemaVersion":2,"manifests":[]}"#,
                Some(MediaType::DockerList),
                MediaType::DockerList,
            ),
            (
                r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[$M]}"#,
                Some(other),
                MediaType::DockerList,
            ),
        ];
        for (template, declared, want) in table {
            let raw =
                read(template, declared.as_ref()).unwrap_or_else(|e| panic!("{template}: {e:?}"));
            assert_eq!(raw.media_type(), &want, "{template}");
            assert_eq!(raw.digest(), &Digest::sha256(text(template).as_bytes()));
            assert_eq!(raw.bytes(), text(template).as_bytes());
        }
    }

    #[test]
    fn artifacts_and_optional_members_are_read() {
        let raw = read(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "artifactType":"text/x","config":$M,"layers":[],"subject":$M,"annotations":{"A":"1","a":"2"},"new":{}}"#,
            None,
        )
        .unwrap();
        let Manifest::Image(image) = raw.manifest() else {
            panic!("{raw:?}");
        };
        assert_eq!(image.artifact_type.as_deref(), Some("text/x"));
        assert_eq!(image.subject.as_ref().unwrap().size, 7);
        assert_eq!(image.annotations["A"], "1");
        assert_eq!(image.annotations["a"], "2");
        let raw = read(
            r#"{"schemaVersion":2,"config":$C,"layers":[],"annotations":null,"subject":null}"#,
            None,
        );
        assert!(matches!(raw.unwrap().manifest(), Manifest::Image(i) if i.annotations.is_empty()));
        let nested = MediaType::OciIndex.to_string();
        let raw = read(
            &format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{nested}","size":0,"digest":"$D"}}]}}"#
            ),
            None,
        );
        assert!(
            matches!(raw.unwrap().manifest(), Manifest::Index(i) if i.manifests[0].media_type.is_index())
        );
    }

    #[test]
    fn what_tools_could_read_differently_is_refused() {
        use ManifestError as E;
        type Expected = fn(&ManifestError) -> bool;
        let table: &[(&str, Expected)] = &[
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"manifests":[]}"#,
                |e| matches!(e, E::Ambiguous { .. }),
            ),
            (r#"{"schemaVersion":2,"config":$C,"manifests":[]}"#, |e| {
                matches!(e, E::Ambiguous { .. })
            }),
            (r#"{"schemaVersion":2,"layers":null,"manifests":[]}"#, |e| {
                matches!(e, E::Ambiguous { .. })
            }),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"fsLayers":[]}"#,
                |e| matches!(e, E::Ambiguous { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"history":[]}"#,
                |e| matches!(e, E::Ambiguous { .. }),
            ),
            (r#"{"schemaVersion":1,"config":$C,"layers":[]}"#, |e| {
                matches!(e, E::Ambiguous { .. })
            }),
            (
                r#"{"schemaVersion":1,"fsLayers":[],"history":[],"manifests":[]}"#,
                |e| matches!(e, E::Ambiguous { .. }),
            ),
            (r#"{"schemaVersion":2,"fsLayers":[],"history":[]}"#, |e| {
                matches!(e, E::SchemaVersion(_))
            }),
            (
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":$C,"layers":[]}"#,
                |e| {
                    matches!(
                        e,
                        E::MediaType {
                            by: "mediaType",
                            ..
                        }
                    )
                },
            ),
            (
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
                |e| matches!(e, E::MediaType { .. }),
            ),
            (
                r#"{"schemaVersion":2,"mediaType":"text/plain","config":$C,"layers":[]}"#,
                |e| matches!(e, E::MediaType { .. }),
            ),
            (
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json; x","config":$C,"layers":[]}"#,
                |e| matches!(e, E::MediaType { .. }),
            ),
            (
                r#"{"schemaVersion":2,"mediaType":7,"config":$C,"layers":[]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"LAYERS":[$L]}"#,
                |e| matches!(e, E::Json(_)),
            ),
            (
                "{\"schemaVersion\":2,\"config\":$C,\"layers\":[],\"layer\u{17f}\":[]}",
                |e| matches!(e, E::Json(_)),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"MANIFESTS":[]}"#,
                |e| {
                    matches!(
                        e,
                        E::MemberCase {
                            want: "manifests",
                            ..
                        }
                    )
                },
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"mediatype":"x"}"#,
                |e| matches!(e, E::MemberCase { .. }),
            ),
            (r#"{"schemaVersion":2,"config":$C,"layers":[]} {}"#, |e| {
                matches!(e, E::Json(_))
            }),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"config":$C}"#,
                |e| matches!(e, E::Json(_)),
            ),
            (r#"{"schemaVersion":3,"config":$C,"layers":[]}"#, |e| {
                matches!(e, E::SchemaVersion(_))
            }),
            (r#"{"schemaVersion":2.0,"config":$C,"layers":[]}"#, |e| {
                matches!(e, E::SchemaVersion(_))
            }),
            (r#"{"schemaVersion":"2","config":$C,"layers":[]}"#, |e| {
                matches!(e, E::SchemaVersion(_))
            }),
            (r#"{"config":$C,"layers":[]}"#, |e| {
                matches!(e, E::SchemaVersion(_))
            }),
            (r#"{"schemaVersion":2}"#, |e| matches!(e, E::Missing { .. })),
            (r#"{"schemaVersion":2,"config":$C}"#, |e| {
                matches!(e, E::Missing { missing: "layers" })
            }),
            (r#"{"schemaVersion":2,"config":$C,"layers":null}"#, |e| {
                matches!(e, E::Missing { missing: "layers" })
            }),
            (r#"{"schemaVersion":2,"config":null,"layers":[]}"#, |e| {
                matches!(e, E::Missing { missing: "config" })
            }),
            (r#"{"schemaVersion":2,"layers":[]}"#, |e| {
                matches!(e, E::Missing { missing: "config" })
            }),
            (r#"{"schemaVersion":2,"manifests":null}"#, |e| {
                matches!(
                    e,
                    E::Missing {
                        missing: "manifests"
                    }
                )
            }),
            (r#"{"schemaVersion":2,"config":$C,"layers":[null]}"#, |e| {
                matches!(e, E::Member { .. })
            }),
            (r#"{"schemaVersion":2,"config":$C,"layers":{}}"#, |e| {
                matches!(e, E::Member { .. })
            }),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"size":1,"digest":"$D"}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","digest":"$D"}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","size":-1,"digest":"$D"}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","size":1.5,"digest":"$D"}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","size":"1","digest":"$D"}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","size":9223372036854775808,"digest":"$D"}]}"#,
                |e| matches!(e, E::Size { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","size":1,"digest":"sha256:../../../../etc/passwd"}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[{"mediaType":"x","size":1,"digest":null}]}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            (
                r#"{"schemaVersion":2,"config":$C,"layers":[],"annotations":{"a":1}}"#,
                |e| matches!(e, E::Member { .. }),
            ),
            ("[]", |e| matches!(e, E::NotAnObject)),
            ("", |e| matches!(e, E::Json(_))),
        ];
        for (template, expected) in table {
            let error = read(template, None).unwrap_err();
            assert!(expected(&error), "{template}: {error:?}");
        }
    }

    #[test]
    fn the_delivered_type_must_agree() {
        let image = r#"{"schemaVersion":2,"config":$C,"layers":[]}"#;
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        let typed = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":$C,"layers":[]}"#;
        for (template, declared) in [
            (image, MediaType::OciIndex),
            (image, MediaType::DockerList),
            (image, MediaType::DockerSchema1Signed),
            (image, MediaType::OciConfig),
            (index, MediaType::OciManifest),
            (index, MediaType::OciLayer(crate::Compression::None)),
        ] {
            let error = read(template, Some(&declared)).unwrap_err();
            assert!(
                matches!(error, ManifestError::MediaType { .. }),
                "{declared}: {error:?}"
            );
        }
        let error = read(typed, Some(&MediaType::DockerManifest)).unwrap_err();
        assert!(
            matches!(error, ManifestError::MediaTypeConflict { .. }),
            "{error:?}"
        );
    }

    #[test]
    fn sizes_and_numbers_are_bounded() {
        let layers = |n: usize| {
            format!(
                r#"{{"schemaVersion":2,"config":$C,"layers":[{}]}}"#,
                vec!["$L"; n].join(",")
            )
        };
        assert!(read(&layers(limits::LAYERS), None).is_ok());
        assert!(matches!(
            read(&layers(limits::LAYERS + 1), None),
            Err(ManifestError::TooMany {
                what: "layers",
                actual: 1001,
                limit: 1000
            })
        ));
        let index = |n: usize| {
            format!(
                r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
                vec!["$M"; n].join(",")
            )
        };
        assert!(read(&index(limits::INDEX_ENTRIES), None).is_ok());
        assert!(matches!(
            read(&index(limits::INDEX_ENTRIES + 1), None),
            Err(ManifestError::TooMany {
                what: "manifests",
                ..
            })
        ));
        let mut padded = text(r#"{"schemaVersion":2,"config":$C,"layers":[]}"#).into_bytes();
        padded.resize(usize::try_from(limits::MANIFEST_BYTES).unwrap(), b' ');
        assert!(RawManifest::parse(padded.clone(), None).is_ok());
        padded.push(b' ');
        assert!(matches!(
            RawManifest::parse(padded.clone(), None),
            Err(ManifestError::Json(JsonError::TooLong { .. }))
        ));
        let digest = Digest::sha256(&padded);
        assert!(RawManifest::parse_expecting(padded, None, &digest).is_err());
    }

    #[test]
    fn the_digest_that_is_wanted_is_checked_in_its_algorithm() {
        let bytes = text(r#"{"schemaVersion":2,"config":$C,"layers":[]}"#).into_bytes();
        for algorithm in [crate::Algorithm::Sha256, crate::Algorithm::Sha512] {
            let digest = Digest::of(algorithm, &bytes);
            let raw = RawManifest::parse_expecting(bytes.clone(), None, &digest).unwrap();
            assert_eq!(raw.digest(), &digest);
            let other = Digest::of(algorithm, b"other");
            let error = RawManifest::parse_expecting(bytes.clone(), None, &other).unwrap_err();
            assert!(matches!(
                error,
                ManifestError::DigestMismatch { expected, actual } if *expected == other && *actual == digest
            ));
        }
    }
}
