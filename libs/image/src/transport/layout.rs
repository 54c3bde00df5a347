//! OCI image layouts, whatever holds their files (image-spec, image-layout.md).
//!
//! ```text
//! oci-layout                          {"imageLayoutVersion": "1.0.0"}
//! index.json                          the images, named by an annotation of their entries
//! blobs/ALGORITHM/HEX                 manifests, configurations, layers
//! signatures/ALGORITHM/HEX/signature-N  ours: signatures of the manifest HEX
//! ```
//!
//! An `index.json` that is changed keeps the entries it does not concern byte for byte.

use std::io::Read;

use oci::{Descriptor, Digest, Manifest, MediaType, RawManifest, json, limits};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use signing::Signature;

use crate::blob::{BlobError, VerifyingReader, read_document};
use crate::error::ImageError;
use crate::name::{ImageName, LayoutImage};
use crate::referrers::describe;
use crate::source::ImageSource;
use crate::transport::signatures;

/// Names an image in `index.json`.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The content of the file `oci-layout`, with the space that the original writes.
pub(crate) const OCI_LAYOUT: &[u8] = b"{\"imageLayoutVersion\": \"1.0.0\"}";

/// Returns the path of a blob below `blobs/`.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("{}/{}", digest.algorithm().name(), digest.hex())
}

/// The members of an `index.json`, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<Box<RawValue>>,
    manifests: Option<Vec<Box<RawValue>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<Box<RawValue>>,
}

/// An `index.json`.
pub(crate) struct LayoutIndex {
    members: Members,
    entries: Vec<(Descriptor, Box<RawValue>)>,
}

impl LayoutIndex {
    /// Makes the index of a layout without images.
    pub(crate) fn empty() -> Self {
        Self {
            members: Members {
                schema_version: 2,
                media_type: None,
                artifact_type: None,
                manifests: None,
                subject: None,
                annotations: None,
            },
            entries: Vec::new(),
        }
    }

    /// Reads an `index.json`.
    pub(crate) fn parse(name: &impl ToString, bytes: &[u8]) -> Result<Self, ImageError> {
        let broken = |source| ImageError::Document {
            document: "index.json",
            name: name.to_string(),
            source: Box::new(source),
        };
        // The strict reader first: it refuses what a lenient one would read in two ways.
        if !json::parse(bytes, limits::MANIFEST_BYTES)
            .map_err(broken)?
            .is_object()
        {
            return Err(ImageError::inconsistent(name, "index.json is no object"));
        }
        let inconsistent = |error: serde_json::Error| {
            ImageError::inconsistent(name, format!("index.json: {error}"))
        };
        let mut members: Members = serde_json::from_slice(bytes).map_err(inconsistent)?;
        let raw = members.manifests.take().unwrap_or_default();
        if raw.len() > limits::INDEX_ENTRIES {
            return Err(ImageError::inconsistent(
                name,
                format!("index.json has more than {} entries", limits::INDEX_ENTRIES),
            ));
        }
        let mut entries = Vec::with_capacity(raw.len());
        for raw in raw {
            let descriptor =
                json::from_slice(raw.get().as_bytes(), limits::MANIFEST_BYTES).map_err(broken)?;
            entries.push((descriptor, raw));
        }
        Ok(Self { members, entries })
    }

    /// Writes the index.
    pub(crate) fn into_bytes(mut self) -> Result<Vec<u8>, serde_json::Error> {
        self.members.manifests = Some(self.entries.into_iter().map(|(_, raw)| raw).collect());
        serde_json::to_vec(&self.members)
    }

    /// Returns the entries.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().map(|(descriptor, _)| descriptor)
    }

    /// Finds the one image that is meant.
    pub(crate) fn select(
        &self,
        name: &ImageName,
        image: Option<&LayoutImage>,
    ) -> Result<Descriptor, ImageError> {
        let place = self.position(name, image)?;
        Ok(self.entries[place].0.clone())
    }

    /// Finds where the one image that is meant stands among the entries.
    pub(crate) fn position(
        &self,
        name: &ImageName,
        image: Option<&LayoutImage>,
    ) -> Result<usize, ImageError> {
        let not_found = || ImageError::NotFound {
            name: name.to_string(),
        };
        let count = self.entries.len();
        match image {
            Some(LayoutImage::Ref(wanted)) => {
                let mut found = (0..count).filter(|place| {
                    self.entries[*place].0.annotations.get(REF_NAME) == Some(wanted)
                });
                let entry = found.next().ok_or_else(not_found)?;
                if found.next().is_some() {
                    return Err(ImageError::inconsistent(
                        name,
                        format!("index.json names two images {wanted:?}"),
                    ));
                }
                Ok(entry)
            }
            Some(LayoutImage::Index(index)) if *index < count => Ok(*index),
            Some(LayoutImage::Index(_)) => Err(ImageError::IndexTooLarge {
                name: name.to_string(),
                count,
            }),
            None => match count {
                0 => Err(not_found()),
                1 => Ok(0),
                _ => Err(ImageError::Choose {
                    name: name.to_string(),
                    choice: self.names().collect::<Vec<_>>().join(", "),
                }),
            },
        }
    }

    /// Returns the names of the entries, `@N` for those without.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.descriptors().zip(0..).map(|(entry, place)| {
            let name = entry.annotations.get(REF_NAME).cloned();
            name.unwrap_or_else(|| format!("@{place}"))
        })
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, place: usize) {
        self.entries.remove(place);
    }

    /// Takes the name from an entry, and keeps the entry.
    pub(crate) fn unname(&mut self, place: usize) -> Result<(), serde_json::Error> {
        let (entry, raw) = &mut self.entries[place];
        entry.annotations.remove(REF_NAME);
        *raw = to_raw(entry)?;
        Ok(())
    }

    /// Adds an image as the original does: its name is taken from whoever had it, and an
    /// unnamed entry with the same digest is replaced.
    pub(crate) fn add(
        &mut self,
        mut entry: Descriptor,
        ref_name: Option<&str>,
    ) -> Result<(), serde_json::Error> {
        if let Some(ref_name) = ref_name {
            entry
                .annotations
                .insert(REF_NAME.to_owned(), ref_name.to_owned());
            for (other, raw) in &mut self.entries {
                if other
                    .annotations
                    .get(REF_NAME)
                    .is_some_and(|name| name == ref_name)
                {
                    other.annotations.remove(REF_NAME);
                    *raw = to_raw(other)?;
                }
            }
        }
        let raw = to_raw(&entry)?;
        let same = self.entries.iter_mut().find(|(other, _)| {
            other.digest == entry.digest && !other.annotations.contains_key(REF_NAME)
        });
        match same {
            Some(place) => *place = (entry, raw),
            None => self.entries.push((entry, raw)),
        }
        Ok(())
    }
}

fn to_raw(descriptor: &Descriptor) -> Result<Box<RawValue>, serde_json::Error> {
    let bytes = json::to_go_bytes(descriptor)?;
    serde_json::from_slice(&bytes)
}

/// An open file and its length in bytes.
pub(crate) type Opened = (Box<dyn Read + Send>, u64);

/// The files of a layout, wherever they are.
pub(crate) trait LayoutFiles: Send + Sync {
    /// Opens a file and says how long it is; `None` when it is absent.
    fn open(&self, name: &str) -> Result<Option<Opened>, ImageError>;

    /// Opens a blob, which may lie elsewhere.
    fn open_blob(&self, digest: &Digest) -> Result<Option<Opened>, ImageError> {
        self.open(&format!("blobs/{}", blob_path(digest)))
    }
}

/// An image in a layout.
pub(crate) struct LayoutSource<F> {
    name: ImageName,
    files: F,
    top: Descriptor,
    /// All entries of the index.
    entries: Vec<Descriptor>,
}

impl<F: LayoutFiles> LayoutSource<F> {
    /// Finds the image in the layout's index.
    pub(crate) fn open(
        name: ImageName,
        image: Option<&LayoutImage>,
        files: F,
    ) -> Result<Self, ImageError> {
        let Some(bytes) = read_file(&files, &name, "index.json", limits::MANIFEST_BYTES)? else {
            return Err(ImageError::inconsistent(
                &name,
                match name {
                    ImageName::OciArchive(_) => {
                        "there is no index.json; docker-archive: reads what `docker save` writes"
                    }
                    _ => "there is no index.json",
                },
            ));
        };
        let index = LayoutIndex::parse(&name, &bytes)?;
        let top = index.select(&name, image)?;
        let entries = index.descriptors().cloned().collect();
        Ok(Self {
            name,
            files,
            top,
            entries,
        })
    }

    fn open_sized(&self, digest: &Digest) -> Result<Opened, ImageError> {
        self.files
            .open_blob(digest)?
            .ok_or_else(|| ImageError::UnknownBlob {
                name: self.name.to_string(),
                digest: *digest,
            })
    }

    fn manifest_bytes(&self, instance: Option<&Digest>) -> Result<Vec<u8>, ImageError> {
        let digest = *instance.unwrap_or(&self.top.digest);
        let (reader, size) = self.open_sized(&digest)?;
        if instance.is_none() && size != self.top.size {
            return Err(BlobError::Size {
                digest,
                expected: self.top.size,
                actual: size,
            }
            .into());
        }
        let descriptor = Descriptor::new(MediaType::Other(String::new()), digest, size);
        read_document(reader, &descriptor, limits::MANIFEST_BYTES).map_err(ImageError::Stream)
    }
}

impl<F: LayoutFiles> ImageSource for LayoutSource<F> {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest(&self, instance: Option<&Digest>) -> Result<RawManifest, ImageError> {
        let bytes = self.manifest_bytes(instance)?;
        let digest = instance.unwrap_or(&self.top.digest);
        let declared = instance.is_none().then_some(&self.top.media_type);
        RawManifest::parse_expecting(bytes, declared, digest).map_err(|source| {
            ImageError::Manifest {
                name: self.name.to_string(),
                digest: digest.to_string(),
                source: Box::new(source),
            }
        })
    }

    fn raw_manifest(
        &self,
        instance: Option<&Digest>,
    ) -> Result<(Vec<u8>, Option<MediaType>), ImageError> {
        let media_type = instance.is_none().then(|| self.top.media_type.clone());
        Ok((self.manifest_bytes(instance)?, media_type))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let (reader, actual) = self.open_sized(&descriptor.digest)?;
        let (digest, expected) = (descriptor.digest, descriptor.size);
        if actual != expected {
            return Err(BlobError::Size {
                digest,
                expected,
                actual,
            }
            .into());
        }
        Ok(Box::new(VerifyingReader::new(
            reader,
            digest,
            Some(expected),
        )))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ImageError> {
        let mut found = Vec::new();
        for entry in &self.entries {
            if !(entry.media_type.is_manifest() || entry.media_type.is_index()) {
                continue;
            }
            let manifest = self.manifest(Some(&entry.digest))?;
            let about = match manifest.manifest() {
                Manifest::Image(image) => image.subject.as_ref(),
                Manifest::Index(list) => list.subject.as_ref(),
                Manifest::Schema1(_) => None,
            };
            if about.is_some_and(|about| about.digest == *subject) {
                found.push(describe(&manifest, entry));
            }
        }
        Ok(found)
    }

    fn signatures(&self, instance: Option<&Digest>) -> Result<Vec<Signature>, ImageError> {
        let digest = instance.unwrap_or(&self.top.digest);
        signatures::read_numbered(&self.name, |number| {
            let path = signatures::layout_path(digest, number);
            read_file(&self.files, &self.name, &path, limits::SIGNATURE_BYTES)
        })
    }
}

fn read_file(
    files: &impl LayoutFiles,
    name: &ImageName,
    path: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, ImageError> {
    let Some((reader, size)) = files.open(path)? else {
        return Ok(None);
    };
    let path = std::path::Path::new(path);
    if size > limit {
        let path = std::path::PathBuf::from(format!("{name} {}", path.display()));
        return Err(ImageError::FileTooLarge { path, size, limit });
    }
    let mut bytes = Vec::new();
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| ImageError::io("reading", path, source))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Descriptor {
        Descriptor::of(MediaType::OciManifest, text.as_bytes())
    }

    #[test]
    fn names_move_and_strangers_stay_as_they_were() {
        let stranger = format!(
            r#"{{"size":1, "digest":"{}","mediaType":"x/y","unknown":[1,2]}}"#,
            Digest::sha256(b"s")
        );
        let text =
            format!(r#"{{"manifests":[{stranger}],"schemaVersion":2,"annotations":{{"k":"v"}}}}"#);
        let mut index = LayoutIndex::parse(&"t", text.as_bytes()).unwrap();
        index.add(entry("a"), Some("latest")).unwrap();
        index.add(entry("b"), Some("latest")).unwrap();
        index.add(entry("a"), None).unwrap();
        let bytes = index.into_bytes().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(
            text.starts_with(r#"{"schemaVersion":2,"manifests":[{"size":1, "#),
            "{text}"
        );
        assert!(text.ends_with(r#","annotations":{"k":"v"}}"#), "{text}");
        let index = LayoutIndex::parse(&"t", &bytes).unwrap();
        assert_eq!(index.entries.len(), 3);
        let name = ImageName::parse("oci:/x:latest").unwrap();
        let latest = LayoutImage::Ref("latest".to_owned());
        assert_eq!(
            index.select(&name, Some(&latest)).unwrap().digest,
            Digest::sha256(b"b")
        );
        assert!(matches!(
            index.select(&name, None),
            Err(ImageError::Choose { .. })
        ));
        assert!(matches!(
            index.select(&name, Some(&LayoutImage::Index(3))),
            Err(ImageError::IndexTooLarge { count: 3, .. })
        ));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let entry = |content: &[u8]| {
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":1,"annotations":{{"{REF_NAME}":"a"}}}}"#,
                Digest::sha256(content)
            )
        };
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#,
            entry(b"1"),
            entry(b"2")
        );
        let index = LayoutIndex::parse(&"t", text.as_bytes()).unwrap();
        let name = ImageName::parse("oci:/x:a").unwrap();
        let error = index
            .select(&name, Some(&LayoutImage::Ref("a".to_owned())))
            .unwrap_err();
        assert!(error.to_string().contains("two images"), "{error}");
    }
}
