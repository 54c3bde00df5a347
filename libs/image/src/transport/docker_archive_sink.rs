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
//! An archive that is there already is written anew with the images that it has, and the new one: a
//! tag goes to the new one, as it does when `docker load` reads both. It replaces the old archive when
//! it is complete.
//!
//! A v1 id is the digest of the layer's old-style configuration with its chain id in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufWriter, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use archive::tarfile::TarWriter;
use oci::json::{self, JsonError, RawObject};
use oci::{ChainId, Descriptor, DiffId, Digest, ImageConfig, Manifest, MediaType, RawManifest};
use oci::{Reference, limits};
use serde::Serialize;

use crate::blob::VerifyingReader;
use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::{ArchiveImage, ArchiveName, DaemonName, ImageName};
use crate::sink::{Blob, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};
use crate::transport::docker_archive_source::{
    clean, open_layer, read_items, read_member, uncompressed_size,
};
use crate::transport::docker_daemon::{engine, engine_failed};
use crate::transport::oci_archive_sink::hash_to_spool;
use crate::transport::output::Output;
use crate::transport::spool::{Index, open_archive};

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
    /// Configurations and old-style folders that are written.
    configs: BTreeSet<String>,
    config: Option<(Digest, Vec<u8>)>,
    items: Vec<Item>,
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Serialize)]
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
        let appends = fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() > 0);
        // What is there is read before anything is written.
        let there =
            match appends {
                true => Some(open_archive(&path, context).map_err(|source| {
                    ImageError::NotAnArchive {
                        path: path.clone(),
                        source: Box::new(source),
                    }
                })?),
                false => None,
            };
        let output = Output::open(&path)?;
        let sink = Self::new(
            ImageName::DockerArchive(archive.clone()),
            path,
            tags,
            output,
            context,
        );
        if let Some(members) = there {
            sink.carry_over(&members)?;
        }
        Ok(sink)
    }

    /// Makes ready to give an engine one image.
    pub(crate) fn to_engine(
        daemon: &DaemonName,
        context: &Context,
        endpoint: &EndpointOptions,
    ) -> Result<Self, ImageError> {
        let name = ImageName::DockerDaemon(daemon.clone());
        let tag = match daemon {
            DaemonName::Reference(reference) if reference.tag().is_some() => reference.clone(),
            _ => {
                return Err(ImageError::Unsupported {
                    transport: crate::Transport::DockerDaemon,
                    what: "a destination that is no name:tag",
                });
            }
        };
        let loading = engine(context, endpoint, &name)?
            .load()
            .map_err(|source| engine_failed("loading images into", &name, source))?;
        let path = PathBuf::from(name.to_string());
        let output = Output::Engine(Box::new(loading));
        Ok(Self::new(name, path, vec![tag], output, context))
    }

    fn new(
        name: ImageName,
        path: PathBuf,
        tags: Vec<Reference>,
        output: Output,
        context: &Context,
    ) -> Self {
        Self {
            name,
            path,
            tmpdir: context.tmpdir.clone(),
            tags,
            state: Mutex::new(State {
                tar: TarWriter::new(output.buffered()),
                layers: BTreeSet::new(),
                configs: BTreeSet::new(),
                config: None,
                items: Vec::new(),
                repositories: BTreeMap::new(),
            }),
        }
    }

    /// Writes the images of an archive.
    fn carry_over(&self, members: &Index) -> Result<(), ImageError> {
        for item in read_items(members, &self.name)? {
            let config = read_member(members, &self.name, &item.config, limits::CONFIG_BYTES)?;
            let parsed = ImageConfig::parse(&config).map_err(|source| ImageError::ImageConfig {
                name: self.name.to_string(),
                source: Box::new(source),
            })?;
            let diff_ids = &parsed.rootfs.diff_ids;
            if item.layers.len() != diff_ids.len() {
                return Err(ImageError::LayerCount {
                    name: self.name.to_string(),
                    layers: item.layers.len(),
                    diff_ids: diff_ids.len(),
                });
            }
            for (path, diff_id) in item.layers.iter().zip(diff_ids) {
                let path = clean(path);
                let size = uncompressed_size(members, &self.name, &path)?;
                let layer = open_layer(members, &self.name, &path)?;
                let mut layer = VerifyingReader::new(layer, diff_id.0, Some(size));
                self.append(diff_id.0, size, &mut layer)?;
            }
            let layers: Vec<Digest> = diff_ids.iter().map(|id| id.0).collect();
            let digest = Digest::sha256(&config);
            let tags: Vec<Reference> = item
                .repo_tags()
                .iter()
                .filter_map(|tag| Reference::parse(tag).ok())
                .filter(|tag| !self.tags.contains(tag))
                .collect();
            self.put_config(&Descriptor::of(MediaType::DockerConfig, &config), &config)?;
            self.add_image(digest, &config, &layers, &tags)?;
        }
        Ok(())
    }

    fn append(&self, digest: Digest, size: u64, content: &mut dyn Read) -> Result<(), ImageError> {
        let mut state = self.state();
        if state.layers.insert(digest) {
            let name = format!("{}.tar", digest.hex());
            state
                .tar
                .file(&name, size, content)
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Adds an image whose layers and configuration are written.
    fn add_image(
        &self,
        config: Digest,
        bytes: &[u8],
        layers: &[Digest],
        tags: &[Reference],
    ) -> Result<(), ImageError> {
        let mut state = self.state();
        if let Some(top) = self.write_legacy(&mut state, layers, bytes)? {
            for tag in tags {
                let name = tag.repository().to_string();
                let text = tag.tag().map(ToString::to_string).unwrap_or_default();
                state
                    .repositories
                    .entry(name)
                    .or_default()
                    .insert(text, top.clone());
            }
        }
        let config = format!("{}.json", config.hex());
        let mut repo_tags: Vec<String> = Vec::new();
        // The same image under other names is one image.
        let same = state.items.iter().position(|item| item.config == config);
        if let Some(place) = same {
            repo_tags = state.items.remove(place).repo_tags;
        }
        for tag in tags.iter().map(Reference::to_string) {
            if !repo_tags.contains(&tag) {
                repo_tags.push(tag);
            }
        }
        state.items.push(Item {
            config,
            repo_tags,
            layers: layers
                .iter()
                .map(|layer| format!("{}.tar", layer.hex()))
                .collect(),
        });
        Ok(())
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
            if state.configs.insert(id.clone()) {
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
        if let Some((digest, size)) = blob.known {
            self.append(digest, size, blob.reader)?;
            return Ok((digest, size));
        }
        let (mut file, digest, size) = hash_to_spool(blob.reader, &self.tmpdir)?;
        self.append(digest, size, &mut file)?;
        Ok((digest, size))
    }

    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        let mut state = self.state();
        let name = format!("{}.json", descriptor.digest.hex());
        if state.configs.insert(name.clone()) {
            self.file(&mut state, &name, bytes)?;
        }
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
        let Some((config, bytes)) = self.state().config.take() else {
            return Err(ImageError::inconsistent(
                &self.name,
                "the image has no configuration",
            ));
        };
        let layers: Vec<Digest> = image.layers.iter().map(|layer| layer.digest).collect();
        self.add_image(config, &bytes, &layers, &self.tags)
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
