//! The third and fourth step of a commit: what was staged and is on disk gets its names.
//!
//! The objects of a directory are named all at once where the store has no such directory yet, so
//! the first image costs 256 renames and not one for each of its files.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    path::Path,
};

use oci::{ChainId, Digest};
use rustix::io::Errno;
use sys::{SysError, file};

use super::{Transaction, rename};
use crate::{
    error::{Result, StoreError},
    layout::{is_object_dir, make_dir},
    object::ObjectId,
    record::LayerRecord,
    splitstream::StreamReader,
};

impl Transaction {
    /// Gives new objects their names, and puts back what a collection took meanwhile.
    pub(super) fn place_objects(&self) -> Result<()> {
        let path = self.store.layout().objects();
        let objects = open(&path)?;
        self.place_new(&objects, &path)?;
        let pin_path = self.staging.sub("pin");
        let pin = open(&pin_path)?;
        for name in names_in(&pin_path)? {
            if let Some(id) = name.to_str().and_then(|name| name.parse::<ObjectId>().ok()) {
                let linked = file::linkat(&pin, Path::new(&name), &objects, &id.path());
                unless_there(linked).map_err(StoreError::sys("linking", path.join(id.path())))?;
            }
        }
        Ok(())
    }

    fn place_new(&self, objects: &File, objects_path: &Path) -> Result<()> {
        let path = self.staging.sub("new");
        let new = open(&path)?;
        for dir in names_in(&path)?.iter().filter(|name| is_object_dir(name)) {
            let dir = Path::new(dir);
            match file::rename_noreplace(&new, dir, objects, dir) {
                Ok(()) => continue,
                // The store has it, or the file system can not rename without replacing.
                Err(error) if matches!(error.errno(), Some(Errno::EXIST | Errno::PERM)) => {}
                Err(error) => return Err(StoreError::sys("naming", objects_path.join(dir))(error)),
            }
            make_dir(&objects_path.join(dir))?;
            for name in names_in(&path.join(dir))? {
                let object = dir.join(name);
                // Another transaction may have brought the same content.
                unless_there(file::rename_noreplace(&new, &object, objects, &object))
                    .map_err(StoreError::sys("naming", objects_path.join(&object)))?;
            }
        }
        Ok(())
    }

    /// Makes composefs's symlinks and refs for the layers and the tree.
    pub(super) fn place_links(
        &self,
        layers: &[LayerRecord],
        chain: &ChainId,
        tree: &ObjectId,
    ) -> Result<()> {
        let layout = self.store.layout();
        for layer in layers {
            let object = Path::new("../objects").join(layer.stream.path());
            let name = format!("oci-layer-{}", layer.diff_id);
            self.symlink(&object, &layout.stream(&layer.diff_id))?;
            self.symlink(
                &Path::new("../..").join(name),
                &layout.stream_ref(&layer.diff_id),
            )?;
        }
        self.symlink(
            &Path::new("../objects").join(tree.path()),
            &layout.image(tree),
        )?;
        self.symlink(
            &Path::new("../..").join(tree.hex()),
            &layout.image_ref(chain),
        )
    }

    /// Makes a symlink appear in one step, replacing one with another target.
    fn symlink(&self, target: &Path, link: &Path) -> Result<()> {
        if fs::read_link(link).is_ok_and(|there| there == target) {
            return Ok(());
        }
        let temporary = self.staging.temporary();
        std::os::unix::fs::symlink(target, &temporary)
            .map_err(StoreError::io("linking", &temporary))?;
        rename(&temporary, link)
    }

    pub(super) fn place_blobs(&self) -> Result<()> {
        let dir = self.staging.sub("blob");
        for entry in fs::read_dir(&dir).map_err(StoreError::io("listing", &dir))? {
            let entry = entry.map_err(StoreError::io("listing", &dir))?;
            let digest = entry
                .file_name()
                .to_str()
                .and_then(|name| Digest::parse(&name.replacen('-', ":", 1)).ok());
            if let Some(digest) = digest {
                rename(&entry.path(), &self.store.layout().blob(&digest))?;
            }
        }
        Ok(())
    }

    /// Brings the names to disk, and looks meanwhile whether all are there.
    pub(super) fn sync_placed(&self, layers: &[LayerRecord], tree: &ObjectId) -> Result<()> {
        std::thread::scope(|scope| {
            let sync = || self.staging.sync();
            let synced = std::thread::Builder::new()
                .name("sync".to_owned())
                .spawn_scoped(scope, sync);
            self.check_placed(layers, tree)?;
            match synced {
                Ok(synced) => synced
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // Where no thread is to be had, one comes after the other.
                Err(_) => sync(),
            }
        })
    }

    /// Looks whether everything that the records of new layers will promise is in place, also where
    /// an import went wrong and was tried again. Layers that were there before were looked at by
    /// whoever brought them, and their locks have kept them since.
    fn check_placed(&self, layers: &[LayerRecord], tree: &ObjectId) -> Result<()> {
        let objects = self.store.objects();
        objects.size(tree)?;
        let done = self.done();
        let mut seen = BTreeSet::new();
        for layer in layers
            .iter()
            .filter(|layer| done.contains_key(&layer.diff_id))
        {
            if !seen.insert(&layer.diff_id) {
                continue;
            }
            for id in StreamReader::open(&objects, &layer.stream)?.refs() {
                objects.size(id)?;
            }
        }
        Ok(())
    }
}

fn open(dir: &Path) -> Result<File> {
    File::open(dir).map_err(StoreError::io("opening", dir))
}

fn names_in(dir: &Path) -> Result<Vec<OsString>> {
    let failed = || StoreError::io("listing", dir);
    let entries = fs::read_dir(dir).map_err(failed())?;
    entries
        .map(|entry| Ok(entry.map_err(failed())?.file_name()))
        .collect()
}

/// What has the name of an object has its content.
fn unless_there(placed: Result<(), SysError>) -> Result<(), SysError> {
    match placed {
        Err(error) if error.errno() == Some(Errno::EXIST) => Ok(()),
        other => other,
    }
}
