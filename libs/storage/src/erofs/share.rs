//! Which extended attributes are kept once for several inodes, and those of each inode.
//!
//! A file whose content is an object has two more: `trusted.overlay.metacopy` with the digest of
//! the object and `trusted.overlay.redirect` with its path below `objects/`. The root has
//! `trusted.overlay.opaque`. Names and values that more than one inode has stand once, sorted
//! downwards by name, then by the length of the value, then by the value.

use super::{
    NONE,
    draft::{Draft, Ino, Kind},
    number,
    order::Ordered,
    xattrs::{Name, TRUSTED},
};
use crate::{error::Result, object::ObjectId};

const METACOPY: Name<'static> = Name {
    prefix: TRUSTED,
    suffix: b"overlay.metacopy",
};
const REDIRECT: Name<'static> = Name {
    prefix: TRUSTED,
    suffix: b"overlay.redirect",
};
const OPAQUE: Name<'static> = Name {
    prefix: TRUSTED,
    suffix: b"overlay.opaque",
};
/// Version, length, flags and SHA-256 of `struct ovl_metacopy`, which the digest follows.
const METACOPY_HEAD: [u8; 4] = [0, 36, 0, 1];
/// Bytes of both, with their headers and padding.
const METACOPY_BYTES: u32 = 4 + 16 + 36;
const REDIRECT_BYTES: u32 = 4 + 16 + 66 + 2;

/// One extended attribute of one inode.
#[derive(Clone, Copy)]
pub(super) enum Attr {
    Pair(u32),
    Metacopy(u32),
    Redirect(u32),
    Opaque,
}

/// The table of shared attributes.
pub(super) struct Shared {
    /// Where each pair stands in the table, or `NONE`.
    pairs: Vec<u32>,
    /// The objects of more than one file, ascending.
    objects: Vec<ObjectId>,
    /// Where the attributes of the largest of them stand.
    metacopies: u32,
    redirects: u32,
    /// The order of the table.
    table: Vec<Run>,
    /// Bytes of the table.
    pub(super) bytes: u32,
    /// Some inode has an access control list.
    pub(super) has_acl: bool,
    /// The bits of the three names in the filter.
    filters: [u32; 3],
}

/// A part of the table.
#[derive(Clone, Copy)]
enum Run {
    Pair(u32),
    Metacopies,
    Redirects,
}

impl Shared {
    pub(super) fn new(tree: &Ordered) -> Result<Self> {
        let xattrs = &tree.draft.xattrs;
        let mut sets = vec![0_u32; xattrs.sets()];
        let mut files = Vec::new();
        for ino in &tree.order {
            let inode = tree.draft.inode(*ino);
            if let Some(inodes) = sets.get_mut(inode.xattrs.place()) {
                *inodes = inodes.saturating_add(1);
            }
            if let Kind::External { object, .. } = inode.kind {
                files.push(object);
            }
        }
        let objects = several(&tree.draft, files);
        let uses = xattrs.uses(&sets);
        let mut table: Vec<Run> = (0..)
            .zip(&uses)
            .filter(|(_, uses)| **uses > 1)
            .map(|(pair, _)| Run::Pair(pair))
            .collect();
        if !objects.is_empty() {
            table.extend([Run::Metacopies, Run::Redirects]);
        }
        table.sort_unstable_by(|one, other| {
            let name = |run: &Run| match run {
                Run::Pair(pair) => (xattrs.name(*pair), xattrs.value(*pair)),
                Run::Metacopies => (METACOPY, &[][..]),
                Run::Redirects => (REDIRECT, &[][..]),
            };
            let ((one, value), (other, its_value)) = (name(one), name(other));
            let values = (value.len(), value).cmp(&(its_value.len(), its_value));
            one.order(&other).then(values).reverse()
        });
        let mut this = Self {
            pairs: vec![NONE; uses.len()],
            objects,
            metacopies: 0,
            redirects: 0,
            table,
            bytes: 0,
            has_acl: xattrs.has_acl(&uses),
            filters: [METACOPY, REDIRECT, OPAQUE].map(|name| name.filter()),
        };
        this.place(tree)?;
        Ok(this)
    }

    /// Gives everything in the table its place.
    fn place(&mut self, tree: &Ordered) -> Result<()> {
        let mut at = 0_u64;
        let objects = self.objects.len() as u64;
        for run in &self.table {
            let place = number(at, "extended attributes")?;
            match run {
                Run::Pair(pair) => {
                    if let Some(slot) = self.pairs.get_mut(*pair as usize) {
                        *slot = place;
                    }
                    at += entry_bytes(&tree.draft, Attr::Pair(*pair));
                }
                Run::Metacopies => {
                    self.metacopies = place;
                    at += objects * u64::from(METACOPY_BYTES);
                }
                Run::Redirects => {
                    self.redirects = place;
                    at += objects * u64::from(REDIRECT_BYTES);
                }
            }
        }
        self.bytes = number(at, "extended attributes")?;
        Ok(())
    }

    /// Lists the attributes of an inode, sorted by name.
    pub(super) fn of(&self, draft: &Draft, ino: Ino, attrs: &mut Vec<Attr>) {
        attrs.clear();
        let inode = draft.inode(ino);
        let pairs = draft.xattrs.members(inode.xattrs);
        attrs.extend(pairs.iter().map(|pair| Attr::Pair(*pair)));
        if let Kind::External { object, .. } = inode.kind {
            attrs.extend([Attr::Metacopy(object), Attr::Redirect(object)]);
        }
        if ino == Draft::ROOT {
            attrs.push(Attr::Opaque);
        }
        if !pairs.is_empty() && attrs.len() > pairs.len() {
            attrs.sort_by(|one, other| name(draft, *one).order(&name(draft, *other)));
        }
    }

    /// Where a shared attribute stands in the table.
    pub(super) fn at(&self, draft: &Draft, attr: Attr) -> Option<u32> {
        // The table goes downwards.
        let from_end = |object: u32| {
            let place = self.objects.binary_search(&draft.object(object)).ok()?;
            u32::try_from(self.objects.len() - 1 - place).ok()
        };
        match attr {
            Attr::Pair(pair) => (self.pairs.get(pair as usize).copied()).filter(|at| *at != NONE),
            Attr::Metacopy(object) => Some(self.metacopies + from_end(object)? * METACOPY_BYTES),
            Attr::Redirect(object) => Some(self.redirects + from_end(object)? * REDIRECT_BYTES),
            Attr::Opaque => None,
        }
    }

    /// The bit of an attribute's name in the filter of its inode.
    pub(super) fn filter(&self, draft: &Draft, attr: Attr) -> u32 {
        let [metacopy, redirect, opaque] = self.filters;
        match attr {
            Attr::Pair(pair) => draft.xattrs.filter(pair),
            Attr::Metacopy(_) => metacopy,
            Attr::Redirect(_) => redirect,
            Attr::Opaque => opaque,
        }
    }

    /// Hands out the table, entry by entry.
    pub(super) fn each(
        &self,
        draft: &Draft,
        mut take: impl FnMut(Name<'_>, &[u8]) -> Result<()>,
    ) -> Result<()> {
        for run in &self.table {
            match run {
                Run::Pair(pair) => take(draft.xattrs.name(*pair), draft.xattrs.value(*pair))?,
                Run::Metacopies => {
                    for id in self.objects.iter().rev() {
                        take(METACOPY, &metacopy(id))?;
                    }
                }
                Run::Redirects => {
                    for id in self.objects.iter().rev() {
                        take(REDIRECT, &redirect(id))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Hands out the name and the value of an attribute.
pub(super) fn with<T>(draft: &Draft, attr: Attr, take: impl FnOnce(Name<'_>, &[u8]) -> T) -> T {
    match attr {
        Attr::Pair(pair) => take(draft.xattrs.name(pair), draft.xattrs.value(pair)),
        Attr::Metacopy(object) => take(METACOPY, &metacopy(&draft.object(object))),
        Attr::Redirect(object) => take(REDIRECT, &redirect(&draft.object(object))),
        Attr::Opaque => take(OPAQUE, b"y"),
    }
}

/// Bytes of an attribute with its header and padding.
pub(super) fn entry_bytes(draft: &Draft, attr: Attr) -> u64 {
    match attr {
        Attr::Metacopy(_) => u64::from(METACOPY_BYTES),
        Attr::Redirect(_) => u64::from(REDIRECT_BYTES),
        Attr::Pair(_) | Attr::Opaque => with(draft, attr, |name, value| {
            (4 + name.suffix.len() + value.len()).next_multiple_of(4) as u64
        }),
    }
}

fn name(draft: &Draft, attr: Attr) -> Name<'_> {
    match attr {
        Attr::Pair(pair) => draft.xattrs.name(pair),
        Attr::Metacopy(_) => METACOPY,
        Attr::Redirect(_) => REDIRECT,
        Attr::Opaque => OPAQUE,
    }
}

fn metacopy(id: &ObjectId) -> [u8; 36] {
    let mut value = [0; 36];
    let bytes = METACOPY_HEAD.iter().chain(id.as_bytes());
    for (to, from) in value.iter_mut().zip(bytes) {
        *to = *from;
    }
    value
}

/// `/xx/yyyy…`, where the object lies.
fn redirect(id: &ObjectId) -> [u8; 66] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or_default();
    let mut value = [b'/'; 66];
    let places = std::iter::once(1).chain((4..).step_by(2));
    for (at, byte) in places.zip(id.as_bytes()) {
        for (to, four) in value.iter_mut().skip(at).zip([byte >> 4, byte & 15]) {
            *to = digit(four);
        }
    }
    value
}

/// The objects that stand more than once in `files`, ascending.
fn several(draft: &Draft, mut files: Vec<u32>) -> Vec<ObjectId> {
    files.sort_unstable_by_key(|object| draft.object(*object));
    let mut several: Vec<ObjectId> = files
        .windows(2)
        .filter_map(|pair| match pair {
            [one, other] => Some((draft.object(*one), draft.object(*other))),
            _ => None,
        })
        .filter(|(one, other)| one == other)
        .map(|(one, _)| one)
        .collect();
    several.dedup();
    several
}
