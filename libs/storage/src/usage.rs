//! How much each image costs, and what it shares.

use std::{collections::HashMap, os::unix::fs::MetadataExt};

use oci::Digest;

use crate::{
    Store,
    error::{Result, StoreError},
    object::ObjectId,
    splitstream::StreamReader,
};

/// What the store uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// One for each image, in the order of [`Store::images`].
    pub images: Vec<ImageUsage>,
    /// Objects that some image needs.
    pub objects: u64,
    /// Bytes on disk of these objects.
    pub object_bytes: u64,
    /// Bytes on disk of all objects, garbage among them.
    pub all_object_bytes: u64,
    /// Bytes that the images would take if none shared anything.
    pub unshared_bytes: u64,
}

/// What one image uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUsage {
    /// The manifest digest.
    pub image: Digest,
    /// Its names.
    pub names: Vec<String>,
    /// Bytes on disk that go when it goes.
    pub own_bytes: u64,
    /// Bytes on disk that another image needs as well.
    pub shared_bytes: u64,
}

impl Store {
    /// Counts what each image uses. Reads the head of every layer's stream.
    ///
    /// # Errors
    /// A record or stream that can not be read.
    pub fn usage(&self) -> Result<Usage> {
        let images = self.images()?;
        let objects = self.objects();
        let mut sizes: HashMap<ObjectId, (u64, u32)> = HashMap::new();
        let mut needs: Vec<Vec<ObjectId>> = Vec::new();
        for image in &images {
            let mut ids = vec![image.tree];
            for layer in &image.layers {
                if let Some(record) = self.layer(&layer.diff_id)? {
                    ids.push(record.stream);
                    ids.extend_from_slice(StreamReader::open(&objects, &record.stream)?.refs());
                }
            }
            ids.sort_unstable();
            ids.dedup();
            for id in &ids {
                let entry = sizes.entry(*id).or_insert((0, 0));
                entry.1 += 1;
                if entry.1 == 1 {
                    entry.0 = self.disk_bytes(id)?;
                }
            }
            needs.push(ids);
        }
        let mut usage = Usage {
            objects: sizes.len() as u64,
            object_bytes: sizes.values().map(|(bytes, _)| bytes).sum(),
            all_object_bytes: self.all_object_bytes()?,
            ..Usage::default()
        };
        for (image, ids) in images.into_iter().zip(needs) {
            let (mut own_bytes, mut shared_bytes) = (0, 0);
            for (bytes, users) in ids.iter().filter_map(|id| sizes.get(id)) {
                if *users > 1 {
                    shared_bytes += bytes;
                } else {
                    own_bytes += bytes;
                }
            }
            usage.unshared_bytes += own_bytes + shared_bytes;
            usage.images.push(ImageUsage {
                image: image.manifest,
                names: image.names,
                own_bytes,
                shared_bytes,
            });
        }
        Ok(usage)
    }

    fn disk_bytes(&self, id: &ObjectId) -> Result<u64> {
        let path = self.layout().object(id);
        match std::fs::metadata(&path) {
            Ok(meta) => Ok(meta.blocks() * 512),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StoreError::ObjectMissing { id: *id })
            }
            Err(error) => Err(StoreError::io("reading", path)(error)),
        }
    }

    fn all_object_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for dir in self.layout().object_dirs()? {
            let entries = std::fs::read_dir(&dir).map_err(StoreError::io("listing", &dir))?;
            for entry in entries {
                let entry = entry.map_err(StoreError::io("listing", &dir))?;
                // One that vanishes meanwhile counts nothing.
                sum += entry.metadata().map_or(0, |meta| meta.blocks() * 512);
            }
        }
        Ok(sum)
    }
}
