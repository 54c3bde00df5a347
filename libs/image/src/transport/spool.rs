//! Archives that cannot be read in place - pipes, compressed ones - in a nameless temporary
//! file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use archive::compress::{DETECT_BYTES, DecodeLimits, Decoder, detect};
use archive::tarfile::{TarFile, TarIndex, TarLimits};
use oci::Compression;
use sys::StoppableReader;

use crate::blob::{CHUNK, fill};
use crate::context::Context;
use crate::error::ImageError;

/// The members of an archive.
pub(crate) type Index = TarIndex<File>;
/// The content of one of them.
pub(crate) type Content = TarFile<File>;

/// Opens the archive `path`, `-` being standard input, and finds its members.
pub(crate) fn open_archive(path: &Path, context: &Context) -> Result<Index, ImageError> {
    let failed = |source| ImageError::io("reading", path, source);
    let input = if path.as_os_str() == "-" {
        File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?)
    } else {
        File::open(path).map_err(|source| ImageError::io("opening", path, source))?
    };
    let in_place = input.metadata().map_err(failed)?.is_file();
    let file = if in_place && compression_at_start(&input).map_err(failed)? == Compression::None {
        input
    } else {
        let input = StoppableReader::new(input, || context.client.cancel.is_cancelled());
        let decoder = Decoder::detecting(input, DecodeLimits::default()).map_err(failed)?;
        spool(decoder, &context.tmpdir)?.0
    };
    TarIndex::scan(file, TarLimits::default()).map_err(|source| ImageError::Archive {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

fn compression_at_start(file: &File) -> io::Result<Compression> {
    let mut start = [0; DETECT_BYTES];
    let mut filled = 0;
    while filled < start.len() {
        match file.read_at(&mut start[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(detect(&start[..filled]))
}

/// Copies `reader` into a nameless file in `directory`, positioned at its start; says how many
/// bytes there were.
pub(crate) fn spool(mut reader: impl Read, directory: &Path) -> Result<(File, u64), ImageError> {
    let failed = |source| ImageError::io("spooling to", directory, source);
    let mut file = tempfile::tempfile_in(directory).map_err(failed)?;
    let mut buffer = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let count = fill(&mut reader, &mut buffer).map_err(ImageError::Stream)?;
        file.write_all(&buffer[..count]).map_err(failed)?;
        size += count as u64;
        if count < buffer.len() {
            break;
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok((file, size))
}
