//! Object files: finding, opening, writing them into a staging directory.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use composefs::fsverity::{EnableVerityError, Sha256HashValue, enable_verity_with_retry};
use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

use crate::{
    error::{Result, StoreError},
    layout::{Layout, make_dir},
    object::{ObjectId, VerityHasher},
    staging::Staging,
    writeback::Writeback,
};

/// Contents of up to this many bytes are hashed in memory and looked up before they are written.
pub(crate) const BUFFER_BYTES: u64 = 1 << 20;
/// Everybody may read an object who gets as far as its directory; nobody writes to it.
pub(crate) const OBJECT_MODE: u32 = 0o444;

/// Turns on fs-verity for `file`, which nobody may have open for writing.
pub(crate) fn enable_verity(file: &File, path: &Path) -> Result<()> {
    match enable_verity_with_retry::<Sha256HashValue>(file.as_fd()) {
        Ok(()) | Err(EnableVerityError::AlreadyEnabled) => Ok(()),
        Err(EnableVerityError::Io(source)) => {
            Err(StoreError::io("enabling fs-verity on", path)(source))
        }
        Err(error) => Err(StoreError::io("enabling fs-verity on", path)(
            io::Error::other(error),
        )),
    }
}

/// Finds objects, also those that a transaction has not committed yet.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    layout: Layout,
    staging: Option<PathBuf>,
}

impl Objects {
    pub(crate) fn of_store(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            staging: None,
        }
    }

    pub(crate) fn with_staging(layout: &Layout, staging: &Path) -> Self {
        Self {
            layout: layout.clone(),
            staging: Some(staging.to_owned()),
        }
    }

    /// Opens an object for reading.
    pub(crate) fn open(&self, id: &ObjectId) -> Result<File> {
        for path in self.places(id) {
            match File::open(&path) {
                Ok(file) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("opening", path)(error)),
            }
        }
        Err(StoreError::ObjectMissing { id: *id })
    }

    /// Returns the size of an object in bytes.
    pub(crate) fn size(&self, id: &ObjectId) -> Result<u64> {
        for path in self.places(id) {
            match std::fs::metadata(&path) {
                Ok(meta) => return Ok(meta.size()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("reading", path)(error)),
            }
        }
        Err(StoreError::ObjectMissing { id: *id })
    }

    fn places(&self, id: &ObjectId) -> impl Iterator<Item = PathBuf> {
        let id = *id;
        let staged = self.staging.iter().flat_map(move |dir| {
            [
                dir.join("new").join(id.path()),
                dir.join("pin").join(id.hex()),
            ]
        });
        std::iter::once(self.layout.object(&id)).chain(staged)
    }
}

/// What became of an object that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It was written.
    New,
    /// The store, or this transaction, has it.
    Shared,
}

/// Writes objects into the staging directory of a transaction; used by many threads at once.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    objects: File,
    objects_path: PathBuf,
    new: File,
    pin: File,
    new_path: PathBuf,
    verity: bool,
    /// Objects that are in `new` or `pin`. One is entered before it is written, so that nobody
    /// else writes it, and taken out when that fails. Who found it here meanwhile is right after a
    /// second try; without one the commit, which looks for each file, fails.
    known: Mutex<HashSet<ObjectId>>,
    writeback: Arc<Writeback>,
}

impl ObjectWriter {
    pub(crate) fn new(layout: &Layout, staging: &Staging, verity: bool) -> Result<Self> {
        let open = |path: PathBuf| File::open(&path).map_err(StoreError::io("opening", path));
        Ok(Self {
            objects: open(layout.objects())?,
            objects_path: layout.objects(),
            new: open(staging.sub("new"))?,
            pin: open(staging.sub("pin"))?,
            new_path: staging.sub("new"),
            verity,
            known: Mutex::new(HashSet::new()),
            writeback: Arc::clone(staging.writeback()),
        })
    }

    /// Stores `content`, unless the store has it.
    pub(crate) fn store(&self, content: &[u8]) -> Result<(ObjectId, Stored)> {
        let id = ObjectId::of(content);
        if !self.claim(&id)? {
            return Ok((id, Stored::Shared));
        }
        if let Err(error) = self.write(&id, content) {
            // Half of it must not be taken for the whole by whoever tries again.
            let _ = std::fs::remove_file(self.new_path.join(id.path()));
            self.lock().remove(&id);
            return Err(error);
        }
        self.writeback.wrote(content.len() as u64);
        Ok((id, Stored::New))
    }

    fn write(&self, id: &ObjectId, content: &[u8]) -> Result<()> {
        let name = id.path();
        let path = || self.new_path.join(&name);
        let create = || {
            rustix::fs::openat(
                &self.new,
                &name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC,
                Mode::from_raw_mode(OBJECT_MODE),
            )
        };
        let fd = match create() {
            Err(Errno::NOENT) => {
                make_dir_of(&path())?;
                create()
            }
            created => created,
        }
        .map_err(StoreError::errno("creating", path()))?;
        let mut file = File::from(fd);
        file.write_all(content)
            .map_err(StoreError::io("writing", path()))?;
        drop(file);
        self.seal(&path())
    }

    /// Stores the finished file `temporary` under the digest that was computed while it was
    /// written, unless the store has it.
    pub(crate) fn adopt(&self, temporary: &Path, id: ObjectId) -> Result<Stored> {
        if !self.claim(&id)? {
            std::fs::remove_file(temporary).map_err(StoreError::io("removing", temporary))?;
            return Ok(Stored::Shared);
        }
        let to = self.new_path.join(id.path());
        let placed = self.seal(temporary).and_then(|()| {
            make_dir_of(&to)?;
            std::fs::rename(temporary, &to).map_err(StoreError::io("renaming", temporary))
        });
        if let Err(error) = placed {
            self.lock().remove(&id);
            return Err(error);
        }
        Ok(Stored::New)
    }

    /// Pins an object that the store should have; `false` when it has not.
    pub(crate) fn pin(&self, id: &ObjectId) -> Result<bool> {
        if self.lock().contains(id) {
            return Ok(true);
        }
        let pinned = self.link(id)?;
        if pinned {
            self.lock().insert(*id);
        }
        Ok(pinned)
    }

    /// Says whether the caller has to write this object.
    fn claim(&self, id: &ObjectId) -> Result<bool> {
        if !self.lock().insert(*id) {
            return Ok(false);
        }
        let linked = self.link(id);
        if linked.is_err() {
            self.lock().remove(id);
        }
        Ok(!linked?)
    }

    fn link(&self, id: &ObjectId) -> Result<bool> {
        let from = id.path();
        match rustix::fs::linkat(&self.objects, &from, &self.pin, id.hex(), AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => Ok(true),
            // A file system that can not link more: a second copy is right as well, and the
            // commit drops it.
            Err(Errno::NOENT | Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP | Errno::XDEV) => {
                Ok(false)
            }
            Err(errno) => Err(StoreError::errno("linking", self.objects_path.join(from))(
                errno,
            )),
        }
    }

    fn seal(&self, path: &Path) -> Result<()> {
        if self.verity {
            let file = File::open(path).map_err(StoreError::io("opening", path))?;
            enable_verity(&file, path)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ObjectId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the directory of a staged object, which the commit moves as a whole where it can.
fn make_dir_of(object: &Path) -> Result<()> {
    object.parent().map_or(Ok(()), make_dir)
}

/// A large object that is hashed and written while its content passes.
pub(crate) struct ObjectStream {
    hasher: VerityHasher,
    file: File,
    path: PathBuf,
    offset: u64,
    writeback: Arc<Writeback>,
}

impl ObjectStream {
    pub(crate) fn create(staging: &Staging) -> Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = staging.temporary();
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(OBJECT_MODE)
            .open(&path)
            .map_err(StoreError::io("creating", &path))?;
        Ok(Self {
            hasher: VerityHasher::new(),
            file,
            path,
            offset: 0,
            writeback: Arc::clone(staging.writeback()),
        })
    }

    /// Takes the next bytes.
    pub(crate) fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.file
            .write_all_at(bytes, self.offset)
            .map_err(StoreError::io("writing", &self.path))?;
        self.offset += bytes.len() as u64;
        self.writeback.wrote(bytes.len() as u64);
        Ok(())
    }

    /// Takes so many zeros, which stay a hole.
    pub(crate) fn hole(&mut self, mut bytes: u64) {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        self.offset += bytes;
        while bytes > 0 {
            let now = bytes.min(ZEROS.len() as u64);
            let zeros = ZEROS.get(..usize::try_from(now).unwrap_or_default());
            self.hasher.update(zeros.unwrap_or_default());
            bytes -= now;
        }
    }

    /// Hands the object to `writer`.
    pub(crate) fn finish(self, writer: &ObjectWriter) -> Result<(ObjectId, Stored)> {
        self.file
            .set_len(self.offset)
            .map_err(StoreError::io("writing", &self.path))?;
        drop(self.file);
        let id = self.hasher.finish();
        let stored = writer.adopt(&self.path, id)?;
        Ok((id, stored))
    }
}

/// Computes the digest of an open object file.
pub(crate) fn digest_of(file: &mut File, buffer: &mut [u8]) -> io::Result<ObjectId> {
    use std::io::Read;
    let mut hasher = VerityHasher::new();
    loop {
        let length = file.read(buffer)?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return Ok(hasher.finish());
        };
        hasher.update(bytes);
    }
}
