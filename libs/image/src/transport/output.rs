//! Where archives are written to: a file that appears when it is complete, or a stream.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use registry::LoadingImage;

use crate::blob::CHUNK;
use crate::error::ImageError;
use crate::files::{Draft, sync_directory};

/// So many links are followed, as many as the kernel follows.
const LINKS: usize = 40;

/// The bytes of an archive on their way out.
pub(crate) enum Output {
    /// A new file beside the place where it will be.
    File {
        /// The file, without a name yet.
        draft: Draft,
        /// The place.
        path: PathBuf,
    },
    /// Standard output, or something at a path that is no regular file.
    Stream(File),
    /// A docker engine that loads it.
    Engine(Box<LoadingImage>),
}

impl Output {
    /// Opens `path` for writing; `-` is standard output. An existing regular file is replaced
    /// at the end by one of the same mode, anything else is written to as it stands. Links are
    /// followed, also where they lead to nothing yet.
    pub(crate) fn open(path: &Path) -> Result<Self, ImageError> {
        let failed = |source| ImageError::io("opening", path, source);
        if path.as_os_str() == "-" {
            let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
            return Ok(Self::Stream(File::from(stdout)));
        }
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                let stream = fs::OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(failed)?;
                Ok(Self::Stream(stream))
            }
            Ok(old) => {
                // Links stay links to the archive.
                let path = fs::canonicalize(path).map_err(failed)?;
                let draft = Draft::create(parent(&path), ".archive-")?;
                draft.be_like(&old)?;
                Ok(Self::File { draft, path })
            }
            Err(_) => {
                let path = end_of_links(path).map_err(failed)?;
                let draft = Draft::create(parent(&path), ".archive-")?;
                Ok(Self::File { draft, path })
            }
        }
    }

    /// Wraps the output so that small writes are gathered.
    pub(crate) fn buffered(self) -> BufWriter<Self> {
        BufWriter::with_capacity(CHUNK, self)
    }

    /// Makes a file durable and visible; a stream was out already.
    pub(crate) fn publish(self) -> Result<(), ImageError> {
        match self {
            Self::File { draft, path } => {
                draft.sync()?;
                draft.publish(&path)?;
                sync_directory(parent(&path))
            }
            Self::Stream(_) => Ok(()),
            Self::Engine(loading) => loading.finish().map_err(|source| ImageError::Registry {
                act: "loading images into",
                name: "the docker daemon".to_owned(),
                source: Box::new(source),
            }),
        }
    }
}

/// Returns where a file is made that does not exist yet: a link to it stays a link.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = parent(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { draft, .. } => draft.as_file().write(bytes),
            Self::Stream(stream) => stream.write(bytes),
            Self::Engine(loading) => loading.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
