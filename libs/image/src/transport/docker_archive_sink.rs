//! Writes `docker-archive:` tars, in the order of the original.
//!
//! ```text
//! <diff id>.tar …                         layers, uncompressed, as they come
//! <config digest>.json
//! <v1 id>/layer.tar -> ../<diff id>.tar   once per layer, for readers of the old format
//! <v1 id>/VERSION
//! <v1 id>/json
//! manifest.json
//! repositories
//! ```
//!
//! A v1 id is the digest of the layer's old-style configuration with its chain id in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufWriter, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use archive::tarfile::TarWriter;
use oci::json::{self, JsonError, RawObject};
use oci::{ChainId, Descriptor, DiffId, Digest, Manifest, MediaType, RawManifest, Reference};
use serde::Serialize;

use crate::context::Context;
use crate::error::ImageError;
use crate::name::{ArchiveImage, ArchiveName, ImageName};
use crate::sink::{Blob, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};
use crate::transport::oci_archive_sink::hash_to_spool;
use crate::transport::output::Output;

const MANIFEST_TYPES: &[MediaType] = &[MediaType::DockerManifest];
/// The members of the configuration that the topmost layer's old-style configuration takes over.
const INHERITED: [&str; 7] = [
    "architecture",
    "config",
    "container",
    "container_config",
    "created",
    "docker_version",
    "os",
];

/// A `docker-archive:` tar that is being written.
pub(crate) struct DockerArchiveSink {
    name: ImageName,
    path: PathBuf,
    tmpdir: PathBuf,
    tags: Vec<Reference>,
    state: Mutex<State>,
}

struct State {
    tar: TarWriter<BufWriter<Output>>,
    layers: BTreeSet<Digest>,
    config: Option<(Digest, Vec<u8>)>,
    items: Vec<Item>,
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl DockerArchiveSink {
    /// Opens the tar for writing.
    pub(crate) fn open(
        archive: &ArchiveName,
        context: &Context,
        options: &SinkOptions,
    ) -> Result<Self, ImageError> {
        let mut tags = Vec::new();
        match &archive.image {
            Some(ArchiveImage::Tag(tag)) => tags.push(tag.clone()),
            Some(ArchiveImage::Index(_)) => {
                return Err(ImageError::Unsupported {
                    transport: crate::Transport::DockerArchive,
                    what: "writing to an index @N",
                });
            }
            None => {}
        }
        tags.extend(
            options
                .additional_tags
                .iter()
                .map(Reference::with_default_tag),
        );
        let path = archive.path.clone();
        if fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() > 0) {
            return Err(ImageError::ArchiveExists { path });
        }
        let tar = TarWriter::new(Output::open(&path)?.buffered());
        Ok(Self {
            name: ImageName::DockerArchive(archive.clone()),
            path,
            tmpdir: context.tmpdir.clone(),
            tags,
            state: Mutex::new(State {
                tar,
                layers: BTreeSet::new(),
                config: None,
                items: Vec::new(),
                repositories: BTreeMap::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: std::io::Error) -> ImageError {
        ImageError::io("writing", &self.path, source)
    }

    fn file(&self, state: &mut State, name: &str, bytes: &[u8]) -> Result<(), ImageError> {
        state
            .tar
            .file(name, bytes.len() as u64, bytes)
            .map_err(|error| self.failed(error))
    }

    /// Writes the old-style folders and returns the id of the topmost layer.
    fn write_legacy(
        &self,
        state: &mut State,
        layers: &[Digest],
        config: &[u8],
    ) -> Result<Option<String>, ImageError> {
        let broken = |error: JsonError| {
            ImageError::inconsistent(&self.name, format!("configuration: {error}"))
        };
        let config = RawObject::parse(config).map_err(broken)?;
        let mut last: Option<String> = None;
        let mut written = BTreeSet::new();
        for (place, layer) in layers.iter().enumerate() {
            let mut object = RawObject::default();
            if let Some(parent) = &last {
                object.set("parent", parent).map_err(broken)?;
            }
            if place + 1 == layers.len() {
                for name in INHERITED {
                    object.take_over(&config, name);
                }
            }
            let stack: Vec<DiffId> = layers[..=place].iter().copied().map(DiffId).collect();
            let chain = ChainId::of(&stack).to_string();
            object.set("layer_id", &chain).map_err(broken)?;
            let id = Digest::sha256(&object.to_go_bytes().map_err(broken)?).hex();
            object.remove("layer_id");
            object.set("id", &id).map_err(broken)?;
            if written.insert(id.clone()) {
                let target = format!("../{}.tar", layer.hex());
                let link = format!("{id}/layer.tar");
                state
                    .tar
                    .symlink(&link, &target)
                    .map_err(|error| self.failed(error))?;
                self.file(state, &format!("{id}/VERSION"), b"1.0")?;
                let json = object.to_go_bytes().map_err(broken)?;
                self.file(state, &format!("{id}/json"), &json)?;
            }
            last = Some(id);
        }
        Ok(last)
    }
}

impl ImageSink for DockerArchiveSink {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest_types(&self) -> &[MediaType] {
        MANIFEST_TYPES
    }

    fn layer_compression(&self) -> LayerCompression {
        LayerCompression::Decompress
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Err(ImageError::NoSignatures {
            name: self.name.to_string(),
            why: "storing signatures for docker tar files is not supported",
        })
    }

    fn parallel_blobs(&self) -> bool {
        false
    }

    fn wants_config_first(&self) -> bool {
        true
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError> {
        Ok(self.state().layers.contains(&descriptor.digest))
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        let append = |digest: Digest, size: u64, content: &mut dyn Read| {
            let mut state = self.state();
            if state.layers.insert(digest) {
                let name = format!("{}.tar", digest.hex());
                state
                    .tar
                    .file(&name, size, content)
                    .map_err(|error| self.failed(error))?;
            }
            Ok((digest, size))
        };
        if let Some((digest, size)) = blob.known {
            return append(digest, size, blob.reader);
        }
        let (mut file, digest, size) = hash_to_spool(blob.reader, &self.tmpdir)?;
        append(digest, size, &mut file)
    }

    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        let mut state = self.state();
        self.file(
            &mut state,
            &format!("{}.json", descriptor.digest.hex()),
            bytes,
        )?;
        state.config = Some((descriptor.digest, bytes.to_vec()));
        Ok(())
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        let refused = || ImageError::ManifestType {
            name: self.name.to_string(),
            media_type: manifest.media_type.clone(),
        };
        if !manifest.signatures.is_empty() {
            self.supports_signatures()?;
        }
        // What is read back is of this type, so another digest than that of a manifest of another.
        if !MANIFEST_TYPES.contains(manifest.media_type) {
            return Err(refused());
        }
        let parsed = RawManifest::parse(manifest.bytes.to_vec(), Some(manifest.media_type))
            .map_err(|source| ImageError::Manifest {
                name: self.name.to_string(),
                digest: manifest.digest.to_string(),
                source: Box::new(source),
            })?;
        let Manifest::Image(image) = parsed.manifest() else {
            return Err(refused());
        };
        let mut state = self.state();
        let Some((config, bytes)) = state.config.take() else {
            return Err(ImageError::inconsistent(
                &self.name,
                "the image has no configuration",
            ));
        };
        let layers: Vec<Digest> = image.layers.iter().map(|layer| layer.digest).collect();
        if let Some(top) = self.write_legacy(&mut state, &layers, &bytes)? {
            for tag in &self.tags {
                let name = tag.repository().to_string();
                let text = tag
                    .tag()
                    .map(|tag| tag.as_str().to_owned())
                    .unwrap_or_default();
                state
                    .repositories
                    .entry(name)
                    .or_default()
                    .insert(text, top.clone());
            }
        }
        let mut repo_tags: Vec<String> = Vec::new();
        for tag in self.tags.iter().map(Reference::to_string) {
            if !repo_tags.contains(&tag) {
                repo_tags.push(tag);
            }
        }
        state.items.push(Item {
            config: format!("{}.json", config.hex()),
            repo_tags,
            layers: layers
                .iter()
                .map(|layer| format!("{}.tar", layer.hex()))
                .collect(),
        });
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        let encode = |result: Result<Vec<u8>, serde_json::Error>| {
            result.map_err(|error| {
                ImageError::inconsistent(&self.name, format!("writing manifest.json: {error}"))
            })
        };
        let mut state = self.state();
        let items = encode(json::to_go_bytes(&state.items))?;
        let repositories = encode(json::to_go_bytes(&state.repositories))?;
        self.file(&mut state, "manifest.json", &items)?;
        self.file(&mut state, "repositories", &repositories)?;
        drop(state);
        let Self { path, state, .. } = *self;
        let failed = |error| ImageError::io("writing", &path, error);
        let State { tar, .. } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let output = tar.finish().map_err(failed)?;
        output
            .into_inner()
            .map_err(|error| failed(error.into_error()))?
            .publish()?;
        Ok(None)
    }
}
