//! Writes `oci-archive:` tars, also to a pipe.
//!
//! ```text
//! oci-layout
//! blobs/sha256/HEX …                  as they come
//! signatures/sha256/HEX/signature-N   ours; the original tools do not look
//! index.json                          last: a tar that was cut short has no image
//! ```
//!
//! A file appears under its name when it is complete and synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use archive::tarfile::TarWriter;
use oci::{Descriptor, Digest, MediaType};

use crate::blob::VerifyingReader;
use crate::context::Context;
use crate::error::ImageError;
use crate::name::{ImageName, LayoutImage, LayoutName};
use crate::sink::{Blob, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};
use crate::transport::layout::{LayoutIndex, OCI_LAYOUT, blob_path};
use crate::transport::output::Output;
use crate::transport::{oci_sink, signatures, spool};

/// An `oci-archive:` tar that is being written.
pub(crate) struct OciArchiveSink {
    name: ImageName,
    layout: LayoutName,
    tmpdir: PathBuf,
    accept_uncompressed: bool,
    state: Mutex<State>,
}

struct State {
    tar: TarWriter<BufWriter<Output>>,
    blobs: BTreeSet<Digest>,
    /// Written at the end: a list may name an instance twice, and a tar cannot replace a member.
    signatures: BTreeMap<Digest, Vec<Vec<u8>>>,
    top: Option<Descriptor>,
}

impl OciArchiveSink {
    /// Opens the tar for writing.
    pub(crate) fn open(
        layout: &LayoutName,
        context: &Context,
        options: &SinkOptions,
    ) -> Result<Self, ImageError> {
        if matches!(layout.image, Some(LayoutImage::Index(_))) {
            return Err(ImageError::Unsupported {
                transport: crate::Transport::OciArchive,
                what: "writing to an index @N",
            });
        }
        let mut tar = TarWriter::new(Output::open(&layout.path)?.buffered());
        tar.file("oci-layout", OCI_LAYOUT.len() as u64, OCI_LAYOUT)
            .map_err(|source| ImageError::io("writing", &layout.path, source))?;
        Ok(Self {
            name: ImageName::OciArchive(layout.clone()),
            layout: layout.clone(),
            tmpdir: context.tmpdir.clone(),
            accept_uncompressed: options.accept_uncompressed,
            state: Mutex::new(State {
                tar,
                blobs: BTreeSet::new(),
                signatures: BTreeMap::new(),
                top: None,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, digest: &Digest, size: u64, content: impl Read) -> Result<(), ImageError> {
        let mut state = self.state();
        if state.blobs.contains(digest) {
            return Ok(());
        }
        state
            .tar
            .file(&format!("blobs/{}", blob_path(digest)), size, content)
            .map_err(|source| ImageError::io("writing", &self.layout.path, source))?;
        state.blobs.insert(*digest);
        Ok(())
    }
}

impl ImageSink for OciArchiveSink {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest_types(&self) -> &[MediaType] {
        oci_sink::MANIFEST_TYPES
    }

    fn layer_compression(&self) -> LayerCompression {
        if self.accept_uncompressed {
            LayerCompression::Preserve
        } else {
            LayerCompression::Compress
        }
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Ok(())
    }

    fn parallel_blobs(&self) -> bool {
        false
    }

    fn keeps_foreign_layers(&self) -> bool {
        true
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError> {
        Ok(self.state().blobs.contains(&descriptor.digest))
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        if let Some((digest, size)) = blob.known {
            self.append(&digest, size, blob.reader)?;
            return Ok((digest, size));
        }
        // A tar header needs the size and the digest before the content.
        let (file, digest, size) = hash_to_spool(blob.reader, &self.tmpdir)?;
        self.append(
            &digest,
            size,
            VerifyingReader::new(file, digest, Some(size)),
        )?;
        Ok((digest, size))
    }

    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        self.append(&descriptor.digest, bytes.len() as u64, bytes)
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        let size = manifest.bytes.len() as u64;
        self.append(&manifest.digest, size, manifest.bytes)?;
        if !manifest.is_instance {
            let top = Descriptor::new(manifest.media_type.clone(), manifest.digest, size);
            self.state().top = Some(top);
        }
        let stored = signatures::to_stored(&self.name, manifest.signatures)?;
        self.state().signatures.insert(manifest.digest, stored);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        let Self {
            name,
            layout,
            state,
            ..
        } = *self;
        let State {
            mut tar,
            signatures,
            top,
            ..
        } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failed = |source| ImageError::io("writing", &layout.path, source);
        for (manifest, stored) in &signatures {
            for (bytes, number) in stored.iter().zip(1..) {
                let path = signatures::layout_path(manifest, number);
                tar.file(&path, bytes.len() as u64, bytes.as_slice())
                    .map_err(failed)?;
            }
        }
        let mut index = LayoutIndex::empty();
        if let Some(top) = top {
            let ref_name = match &layout.image {
                Some(LayoutImage::Ref(name)) => Some(name.as_str()),
                _ => None,
            };
            index
                .add(top, ref_name)
                .map_err(|error| failed(error.into()))?;
        }
        let bytes = index.into_bytes().map_err(|error| {
            ImageError::inconsistent(&name, format!("writing index.json: {error}"))
        })?;
        tar.file("index.json", bytes.len() as u64, bytes.as_slice())
            .map_err(failed)?;
        let output = tar.finish().map_err(failed)?;
        output
            .into_inner()
            .map_err(|error| failed(error.into_error()))?
            .publish()?;
        Ok(None)
    }
}

/// Spools a stream and hashes it on the way.
pub(crate) fn hash_to_spool(
    reader: &mut (dyn Read + Send),
    tmpdir: &std::path::Path,
) -> Result<(File, Digest, u64), ImageError> {
    let mut hashing = Hashing {
        reader,
        digester: oci::Digester::new(oci::Algorithm::Sha256),
    };
    let (file, size) = spool::spool(&mut hashing, tmpdir)?;
    Ok((file, hashing.digester.finish(), size))
}

struct Hashing<'a> {
    reader: &'a mut (dyn Read + Send),
    digester: oci::Digester,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.digester.update(&buffer[..count]);
        Ok(count)
    }
}
