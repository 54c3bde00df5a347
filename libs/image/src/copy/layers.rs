//! Layers in parallel: what is there is left, the rest streams.

use std::io::{Error, Read};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use archive::compress::{DETECT_BYTES, detect};
use oci::{Compression, Descriptor};

use super::stream::{Content, Decompressed, Meter, Stopped, compressed};
use super::{CopyError, Engine, PARALLEL_LAYERS};
use crate::blob::fill;
use crate::convert::CopiedLayer;
use crate::error::ImageError;
use crate::name::ImageName;
use crate::progress::{LayerOutcome, LayerPlan, Note};
use crate::sink::{Again, Blob, LayerCompression};

/// What happens to the compression of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Keep,
    Decompress,
    Compress(Compression),
}

impl Engine<'_> {
    /// Copies `layers`, each of which is there once, and returns what became of each.
    pub(super) fn copy_layers(
        &self,
        layers: &[Descriptor],
        may_modify: bool,
    ) -> Result<Vec<CopiedLayer>, CopyError> {
        let plans: Vec<LayerPlan> = layers
            .iter()
            .map(|layer| LayerPlan {
                digest: layer.digest,
                size: layer.size,
                media_type: layer.media_type.clone(),
            })
            .collect();
        self.progress.plan(&plans);
        let workers = self.workers().min(layers.len());
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let done: Mutex<Vec<Option<CopiedLayer>>> = Mutex::new(vec![None; layers.len()]);
        let failure: Mutex<Option<CopyError>> = Mutex::new(None);
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(layer) = layers.get(place) else {
                    break;
                };
                match self.copy_layer(place, layer, may_modify, &stop) {
                    Ok(copied) => {
                        done.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(copied);
                    }
                    Err(source) => {
                        let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        // Those that stop because of the first failure have nothing to say.
                        first.get_or_insert(CopyError::Blob {
                            digest: layer.digest,
                            source: Box::new(source),
                        });
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        if workers <= 1 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(work);
                }
            });
        }
        if self.progress.cancelled() {
            return Err(CopyError::Cancelled);
        }
        if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Without a failure every worker went on until no layer was left.
        Ok(done.into_iter().flatten().collect())
    }

    fn workers(&self) -> usize {
        if !(self.source.parallel_blobs() && self.sink.parallel_blobs()) {
            return 1;
        }
        let wanted = self.options.parallel.map_or(PARALLEL_LAYERS, usize::from);
        let sink_host = match self.sink.name() {
            ImageName::Docker(name) => Some(name.reference.repository().host().to_owned()),
            _ => None,
        };
        match (self.source.repository(), sink_host) {
            // Each layer takes two connections of the one registry. With fewer than two for each,
            // all may be held by uploads that wait for downloads.
            (Some((from, _)), Some(to)) if from == to => wanted
                .min(self.context.client.max_connections_per_host / 2)
                .max(1),
            _ => wanted,
        }
    }

    fn copy_layer(
        &self,
        place: usize,
        layer: &Descriptor,
        may_modify: bool,
        stop: &AtomicBool,
    ) -> Result<CopiedLayer, ImageError> {
        if self.progress.cancelled() {
            return Err(stopped_error());
        }
        self.progress.note(Note::CopyingBlob {
            digest: layer.digest,
        });
        let kept = CopiedLayer {
            digest: layer.digest,
            size: layer.size,
            compression: self.source.layer_compression(layer),
        };
        // Foreign layers stay where they are; their addresses are never followed.
        let foreign = !layer.urls.is_empty() && self.sink.keeps_foreign_layers();
        if foreign || (self.may_reuse(layer, may_modify) && self.sink.has_blob(layer)?) {
            self.progress.layer_done(place, LayerOutcome::Exists);
            return Ok(kept);
        }
        let stopped = || stop.load(Ordering::Relaxed) || self.progress.cancelled();
        let place_to_move = match &self.options.limit {
            Some(limit) => Some(limit.take(stopped).ok_or_else(stopped_error)?),
            None => None,
        };
        let blob = self.source.blob(layer)?;
        let mut meter = Meter::new(blob, place, self.progress, stop);
        let mut start = vec![0; DETECT_BYTES];
        let count = fill(&mut meter, &mut start).map_err(ImageError::Stream)?;
        start.truncate(count);
        let compression = detect(&start);
        let content = Content::new(start, meter);
        let mut stream = &content;
        let change = self.change(layer, compression, may_modify);
        let put = |reader: &mut (dyn Read + Send), again: Option<Again<'_>>, known, compression| {
            let (digest, size) = self.sink.put_blob(Blob {
                source: layer,
                known,
                compression,
                reader,
                again,
            })?;
            Ok(CopiedLayer {
                digest,
                size,
                compression: Some(compression),
            })
        };
        let copied: CopiedLayer = match change {
            Change::Keep => {
                let again = || content.restart(|| self.source.blob(layer).map_err(Error::other));
                let known = Some((layer.digest, layer.size));
                put(&mut stream, Some(&again), known, compression)?
            }
            Change::Decompress => {
                let mut plain =
                    Decompressed::new(stream, compression).map_err(ImageError::Stream)?;
                put(&mut plain, None, None, Compression::None)?
            }
            Change::Compress(wanted) => {
                let level = self.options.compression_level;
                let mut plain: Box<dyn Read + Send> = match compression {
                    Compression::None => Box::new(stream),
                    _ => Box::new(
                        Decompressed::new(stream, compression).map_err(ImageError::Stream)?,
                    ),
                };
                compressed(&mut *plain, wanted, level, |reader| {
                    put(reader, None, None, wanted).map_err(Failed)
                })
                .map_err(|Failed(error)| error)?
            }
        };
        drop(place_to_move);
        let (digest, size) = (copied.digest, copied.size);
        self.progress
            .layer_done(place, LayerOutcome::Copied { digest, size });
        Ok(copied)
    }

    /// Tells whether a blob at the destination may stand for the layer.
    fn may_reuse(&self, layer: &Descriptor, may_modify: bool) -> bool {
        if !may_modify || !self.options.force_compression {
            return true;
        }
        let declared = layer.media_type.layer_compression();
        self.options
            .compression
            .is_none_or(|wanted| declared == Some(wanted))
    }

    fn change(&self, layer: &Descriptor, actual: Compression, may_modify: bool) -> Change {
        // What is no layer, an artifact's content say, is nobody's to compress.
        if !may_modify || layer.media_type.layer_compression().is_none() {
            return Change::Keep;
        }
        match self.sink.layer_compression() {
            LayerCompression::Preserve => Change::Keep,
            LayerCompression::Decompress if actual == Compression::None => Change::Keep,
            LayerCompression::Decompress => Change::Decompress,
            LayerCompression::Compress => match self.options.compression {
                Some(wanted) if wanted != actual => Change::Compress(wanted),
                None if actual == Compression::None => Change::Compress(Compression::Gzip),
                _ => Change::Keep,
            },
        }
    }
}

fn stopped_error() -> ImageError {
    ImageError::Stream(Error::other(Stopped))
}

/// Carries the error of a sink through [`compressed`], which has errors of its own.
struct Failed(ImageError);

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self(ImageError::Stream(error))
    }
}
