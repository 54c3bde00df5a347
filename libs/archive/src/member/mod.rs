//! One tar entry with its overrides applied: the reader that [`crate::layer`] and
//! [`crate::tarfile`] share.
//!
//! ```text
//! global (g) | { extended (x) | long name (L) | long target (K) }  header  map?  content  padding
//! ```
//!
//! This is a reader of our own and not `tar-core` or `tar`. The rules want to know what those
//! hide: that two overrides were given, that a number had been negative, that a record was
//! malformed, what stood in a global header; and they want every byte that is no content back.
//! Both crates are second opinions in the tests.

mod rules;

use std::io::{self, Read};

use crate::header::{BLOCK, BLOCK_BYTES, Header, padding};
use crate::layer::{LayerError, RawSink, Timestamp};
use crate::pax::{self, Records};
use crate::source::Source;
use crate::sparse::{self, Map, MapText, PaxForm};

pub(crate) use rules::shown;
pub use rules::{Offence, Rule};

/// Most bytes of extended headers in front of one entry.
pub(crate) const METADATA_BYTES: u64 = 1 << 20;

/// The owner that means "unchanged" to chown; no file can have it.
const NO_OWNER: u64 = 0xffff_ffff;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) file_bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) entries: u64,
}

/// What the type flag says, variants of one thing made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Regular,
    Hardlink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// An entry; its content, if any, comes next in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Where its first header stands.
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
    pub(crate) device: (u64, u64),
    /// Bytes of content in the tar.
    pub(crate) stored: u64,
    pub(crate) sparse: Option<Map>,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Member {
    /// Says that this entry breaks a rule.
    pub(crate) fn offence(&self, rule: Rule) -> Offence {
        Offence {
            entry: shown(&self.name),
            offset: self.offset,
            rule,
        }
    }
}

/// What was read in front of an entry's own header.
#[derive(Debug, Default)]
struct Overrides {
    /// Where the first of them stands.
    offset: Option<u64>,
    pax: Option<Records>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    bytes: u64,
}

/// Reads entries; the caller reads or skips the content between them.
#[derive(Debug)]
pub(crate) struct MemberReader<R> {
    source: Source<R>,
    limits: Limits,
    entries: u64,
    /// Zeros of sparse files that do not stand in the tar, over all entries.
    holes: u64,
    /// Bytes of the current content that are still to come.
    remaining: u64,
    /// Bytes behind the current content.
    padding: u64,
    ended: bool,
}

impl<R: Read> MemberReader<R> {
    pub(crate) fn new(reader: R, limits: Limits) -> Self {
        Self {
            source: Source::new(reader),
            limits,
            entries: 0,
            holes: 0,
            remaining: 0,
            padding: 0,
            ended: false,
        }
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    pub(crate) fn source(&self) -> &Source<R> {
        &self.source
    }

    /// Lends up to `most` bytes of content; content must be left.
    pub(crate) fn chunk(&mut self, most: u64) -> Result<&[u8], LayerError> {
        let offset = self.source.offset();
        let there = self
            .source
            .want(1)
            .map_err(|source| LayerError::Read { offset, source })?;
        if there == 0 {
            return Err(LayerError::Truncated { offset });
        }
        let most = most.min(self.remaining);
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(there);
        self.remaining -= count as u64;
        Ok(self.source.take(count))
    }

    /// Reads up to `most` bytes of content; content must be left.
    pub(crate) fn read(&mut self, out: &mut [u8], most: u64) -> Result<usize, LayerError> {
        let offset = self.source.offset();
        let most = usize::try_from(most.min(self.remaining))
            .unwrap_or(usize::MAX)
            .min(out.len());
        let count = self
            .source
            .read(&mut out[..most])
            .map_err(|source| LayerError::Read { offset, source })?;
        if count == 0 && most > 0 {
            return Err(LayerError::Truncated { offset });
        }
        self.remaining -= count as u64;
        Ok(count)
    }

    /// Lets `seek` move the reader behind what the buffer lacks of the content.
    pub(crate) fn seek_over(
        &mut self,
        seek: impl FnOnce(&mut R, u64) -> io::Result<bool>,
    ) -> Result<(), LayerError> {
        let there = self.source.available().len() as u64;
        let remaining = self.remaining;
        self.remaining = 0;
        if remaining <= there {
            self.source.take(remaining as usize);
            return Ok(());
        }
        let offset = self.source.offset();
        match seek(self.source.reader_mut(), remaining - there) {
            Ok(true) => self.source.jump(remaining),
            Ok(false) => return Err(LayerError::Truncated { offset }),
            Err(source) => return Err(LayerError::Read { offset, source }),
        }
        Ok(())
    }

    /// Reads the next entry. At the end of the archive what is left of the stream goes to `raw`.
    pub(crate) fn next(&mut self, raw: &mut dyn RawSink) -> Result<Option<Member>, LayerError> {
        if self.remaining > 0 {
            return Err(LayerError::Unread {
                bytes: self.remaining,
            });
        }
        if self.ended {
            return Ok(None);
        }
        self.pass(self.padding, raw, None)?;
        self.padding = 0;
        let mut overrides = Overrides::default();
        loop {
            let offset = self.source.offset();
            let Some(block) = self.block(raw)? else {
                return self.end(offset, &overrides, raw);
            };
            if is_zero(&block) {
                self.zero_block(raw)?;
                return self.end(offset, &overrides, raw);
            }
            let header =
                Header::parse(&block).map_err(|rule| refuse(&block[..100], offset, rule))?;
            match header.type_flag() {
                b'x' | b'g' | b'L' | b'K' => {
                    self.extension(&header, offset, &mut overrides, raw)?;
                }
                _ => return self.entry(&header, offset, overrides, raw).map(Some),
            }
        }
    }

    /// Reads a block; `None` where the stream ends.
    fn block(&mut self, raw: &mut dyn RawSink) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let offset = self.source.offset();
        match self
            .source
            .want(BLOCK)
            .map_err(|source| LayerError::Read { offset, source })?
        {
            0 => return Ok(None),
            there if there < BLOCK => return Err(LayerError::Truncated { offset }),
            _ => {}
        }
        if offset >= self.limits.total_bytes {
            let rule = Rule::TotalBytes {
                limit: self.limits.total_bytes,
            };
            return Err(refuse(b"", offset, rule));
        }
        let bytes = self.source.take(BLOCK);
        raw.raw(bytes).map_err(LayerError::Sink)?;
        let mut block = [0; BLOCK];
        block.copy_from_slice(bytes);
        Ok(Some(block))
    }

    /// Gives `count` bytes to `raw`, and to `keep`.
    fn pass(
        &mut self,
        count: u64,
        raw: &mut dyn RawSink,
        mut keep: Option<&mut Vec<u8>>,
    ) -> Result<(), LayerError> {
        let mut left = count;
        while left > 0 {
            let offset = self.source.offset();
            let there = self
                .source
                .want(1)
                .map_err(|source| LayerError::Read { offset, source })?;
            if there == 0 {
                return Err(LayerError::Truncated { offset });
            }
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(there);
            let bytes = self.source.take(take);
            raw.raw(bytes).map_err(LayerError::Sink)?;
            if let Some(keep) = &mut keep {
                keep.extend_from_slice(bytes);
            }
            left -= take as u64;
        }
        Ok(())
    }

    /// Behind the first zero block: another one, or the end of the stream.
    fn zero_block(&mut self, raw: &mut dyn RawSink) -> Result<(), LayerError> {
        let offset = self.source.offset();
        match self.block(raw)? {
            Some(block) if !is_zero(&block) => Err(LayerError::LoneZeroBlock { offset }),
            _ => Ok(()),
        }
    }

    /// Gives the rest of the stream to `raw`: it belongs to what the layer's digest is made of.
    fn end(
        &mut self,
        offset: u64,
        overrides: &Overrides,
        raw: &mut dyn RawSink,
    ) -> Result<Option<Member>, LayerError> {
        if let Some(first) = overrides.offset {
            return Err(refuse(b"", first, Rule::Dangling));
        }
        self.ended = true;
        loop {
            let at = self.source.offset();
            let there = self
                .source
                .want(1)
                .map_err(|source| LayerError::Read { offset: at, source })?;
            if there == 0 {
                return Ok(None);
            }
            if at > self.limits.total_bytes {
                let rule = Rule::TotalBytes {
                    limit: self.limits.total_bytes,
                };
                return Err(refuse(b"", offset, rule));
            }
            raw.raw(self.source.take(there)).map_err(LayerError::Sink)?;
        }
    }

    /// Reads what stands in front of an entry.
    fn extension(
        &mut self,
        header: &Header,
        offset: u64,
        overrides: &mut Overrides,
        raw: &mut dyn RawSink,
    ) -> Result<(), LayerError> {
        let refuse = |rule| refuse(&header.name(), offset, rule);
        let size = header.size().map_err(refuse)?;
        overrides.bytes = overrides.bytes.saturating_add(size);
        if overrides.bytes > METADATA_BYTES {
            return Err(refuse(Rule::Metadata {
                limit: METADATA_BYTES,
            }));
        }
        // To some readers a PAX size counts for whatever header comes next, to others it waits
        // for the entry.
        if overrides.pax.as_ref().is_some_and(|pax| pax.size.is_some()) {
            return Err(refuse(Rule::TwoOverrides { what: "size" }));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        self.pass(size, raw, Some(&mut bytes))?;
        self.pass(padding(size), raw, None)?;
        match header.type_flag() {
            b'g' => {
                // Go forgets the overrides in front of a global header, GNU tar keeps them.
                if overrides.offset.is_some() {
                    return Err(refuse(Rule::Dangling));
                }
                overrides.bytes = 0;
                self.count(&header.name(), offset)?;
                return pax::check_global(&bytes).map_err(refuse);
            }
            b'x' => {
                let records = Records::parse(&bytes).map_err(refuse)?;
                if overrides.pax.replace(records).is_some() {
                    return Err(refuse(Rule::TwoOverrides { what: "PAX header" }));
                }
            }
            flag => {
                let (slot, what, empty, nul) = if flag == b'L' {
                    (
                        &mut overrides.long_name,
                        "name",
                        Rule::EmptyName,
                        Rule::NulInName,
                    )
                } else {
                    (
                        &mut overrides.long_link,
                        "link target",
                        Rule::EmptyTarget,
                        Rule::NulInTarget,
                    )
                };
                while bytes.last() == Some(&0) {
                    bytes.pop();
                }
                if bytes.is_empty() {
                    return Err(refuse(empty));
                }
                if bytes.contains(&0) {
                    return Err(refuse(nul));
                }
                if slot.replace(bytes).is_some() {
                    return Err(refuse(Rule::TwoOverrides { what }));
                }
            }
        }
        overrides.offset.get_or_insert(offset);
        Ok(())
    }

    fn count(&mut self, name: &[u8], offset: u64) -> Result<(), LayerError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            let limit = self.limits.entries;
            return Err(refuse(name, offset, Rule::Entries { limit }));
        }
        Ok(())
    }

    /// Applies the overrides to an entry's own header.
    fn entry(
        &mut self,
        header: &Header,
        at: u64,
        overrides: Overrides,
        raw: &mut dyn RawSink,
    ) -> Result<Member, LayerError> {
        let Overrides {
            offset,
            pax,
            long_name,
            long_link,
            ..
        } = overrides;
        let offset = offset.unwrap_or(at);
        let mut pax = pax.unwrap_or_default();
        let sparse_name = pax.sparse.name.take();
        // GNU tar gives a sparse file a made-up `path` beside its GNU.sparse.name.
        let two_names = long_name.is_some() && (pax.path.is_some() || sparse_name.is_some());
        let sparse_named = sparse_name.is_some();
        let name = sparse_name
            .or(pax.path.take())
            .or(long_name)
            .unwrap_or_else(|| header.name());
        let refuse = |rule| refuse(&name, offset, rule);
        if two_names {
            return Err(refuse(Rule::TwoOverrides { what: "name" }));
        }
        if long_link.is_some() && pax.link_path.is_some() {
            return Err(refuse(Rule::TwoOverrides {
                what: "link target",
            }));
        }
        self.count(&name, offset)?;
        let kind = kind(header, &name).map_err(refuse)?;
        let mut member = Member {
            offset,
            kind,
            link: Vec::new(),
            mode: header.mode().map_err(refuse)?,
            uid: owner(pax.uid, header.uid(), "uid").map_err(refuse)?,
            gid: owner(pax.gid, header.gid(), "gid").map_err(refuse)?,
            mtime: match pax.mtime {
                Some(mtime) => mtime,
                None => Timestamp {
                    secs: header.mtime().map_err(refuse)?,
                    nanos: 0,
                },
            },
            device: (0, 0),
            stored: pax.size.map_or_else(|| header.size(), Ok).map_err(refuse)?,
            sparse: None,
            xattrs: std::mem::take(&mut pax.xattrs),
            name: Vec::new(),
        };
        match kind {
            Kind::Hardlink | Kind::Symlink => {
                member.link = long_link
                    .or(pax.link_path.take())
                    .unwrap_or_else(|| header.link_name().to_vec());
            }
            Kind::CharDevice | Kind::BlockDevice => {
                member.device = header.device().map_err(refuse)?;
            }
            _ => {}
        }
        if kind != Kind::Regular && member.stored > 0 {
            return Err(refuse(Rule::SizeOnHeaderOnly {
                size: member.stored,
            }));
        }
        self.bound(member.stored).map_err(refuse)?;
        let form = sparse::pax_form(&pax.sparse).map_err(refuse)?;
        if form == PaxForm::None && sparse_named
            || form != PaxForm::None && (kind != Kind::Regular || header.type_flag() == b'S')
        {
            return Err(refuse(Rule::SparseMap));
        }
        self.padding = padding(member.stored);
        let name_for_errors = &name;
        if header.type_flag() == b'S' {
            member.sparse =
                Some(self.gnu_map(header, member.stored, name_for_errors, offset, raw)?);
        } else if form != PaxForm::None {
            let real_size = pax
                .sparse
                .real_size
                .ok_or(Rule::SparseMap)
                .map_err(refuse)?;
            let (fragments, stored) = match form {
                PaxForm::Listed(fragments) => (fragments, member.stored),
                _ => self.text_map(member.stored, name_for_errors, offset, raw)?,
            };
            member.stored = stored;
            member.sparse = Some(Map::new(fragments, real_size, stored).map_err(refuse)?);
        }
        if let Some(map) = &member.sparse {
            self.holes = self.holes.saturating_add(map.real_size - map.stored);
            self.bound(map.real_size).map_err(refuse)?;
        }
        self.remaining = member.stored;
        member.name = name;
        Ok(member)
    }

    /// Holds a file to the limits before anything of it is read.
    fn bound(&self, size: u64) -> Result<(), Rule> {
        let limit = self.limits.file_bytes;
        if size > limit {
            return Err(Rule::FileBytes { size, limit });
        }
        let total = self
            .source
            .offset()
            .saturating_add(size)
            .saturating_add(self.holes);
        if total > self.limits.total_bytes {
            return Err(Rule::TotalBytes {
                limit: self.limits.total_bytes,
            });
        }
        Ok(())
    }

    /// Reads the fragments of the header and of the blocks behind it.
    fn gnu_map(
        &mut self,
        header: &Header,
        stored: u64,
        name: &[u8],
        offset: u64,
        raw: &mut dyn RawSink,
    ) -> Result<Map, LayerError> {
        let refuse = |rule| refuse(name, offset, rule);
        let mut fragments = Vec::new();
        sparse::read_gnu(header.gnu_sparse(), &mut fragments).map_err(refuse)?;
        let mut continues = header.gnu_sparse_continues();
        // Even empty blocks come to an end.
        let mut blocks = 0;
        while continues {
            blocks += 1;
            sparse::check_count(blocks).map_err(refuse)?;
            let at = self.source.offset();
            let block = self
                .block(raw)?
                .ok_or(LayerError::Truncated { offset: at })?;
            sparse::read_gnu(&block[..504], &mut fragments).map_err(refuse)?;
            continues = block[504] != 0;
        }
        let real_size = header.gnu_real_size().map_err(refuse)?;
        Map::new(fragments, real_size, stored).map_err(refuse)
    }

    /// Reads the fragments in front of the content; what they take is no content.
    fn text_map(
        &mut self,
        stored: u64,
        name: &[u8],
        offset: u64,
        raw: &mut dyn RawSink,
    ) -> Result<(Vec<sparse::Fragment>, u64), LayerError> {
        let refuse = |rule| refuse(name, offset, rule);
        let mut text = MapText::default();
        let mut left = stored;
        loop {
            left = left
                .checked_sub(BLOCK_BYTES)
                .ok_or(Rule::SparseMap)
                .map_err(refuse)?;
            let at = self.source.offset();
            let block = self
                .block(raw)?
                .ok_or(LayerError::Truncated { offset: at })?;
            if let Some(fragments) = text.block(&block).map_err(refuse)? {
                return Ok((fragments, left));
            }
        }
    }
}

fn refuse(name: &[u8], offset: u64, rule: Rule) -> LayerError {
    let name = match name.iter().position(|&b| b == 0) {
        Some(end) if end > 0 => &name[..end],
        _ => name,
    };
    LayerError::Refused(Offence {
        entry: shown(name),
        offset,
        rule,
    })
}

fn is_zero(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|&b| b == 0)
}

/// Reads the type flag. A name that ends in `/` made a directory of a v7 file.
fn kind(header: &Header, name: &[u8]) -> Result<Kind, Rule> {
    let slash = name.last() == Some(&b'/');
    let kind = match header.type_flag() {
        0 if slash => Kind::Directory,
        0 | b'0' | b'7' => Kind::Regular,
        b'S' if header.is_gnu() => Kind::Regular,
        b'1' => Kind::Hardlink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        flag => return Err(Rule::UnknownType { flag }),
    };
    // GNU tar makes a directory of a file with a slash, Go does not.
    if slash && kind != Kind::Directory {
        return Err(Rule::TrailingSlash);
    }
    Ok(kind)
}

fn owner(pax: Option<u64>, header: Result<i64, Rule>, field: &'static str) -> Result<u32, Rule> {
    let out_of_range = || Rule::OutOfRange { field };
    let id = match pax {
        Some(id) => id,
        None => u64::try_from(header?).map_err(|_| out_of_range())?,
    };
    match u32::try_from(id) {
        Ok(small) if id < NO_OWNER => Ok(small),
        _ => Err(out_of_range()),
    }
}
