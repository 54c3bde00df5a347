//! Extended attributes, each pair of name and value kept once, each set of pairs once.
//!
//! Names are kept as erofs has them, a prefix by number and the rest, and those that overlayfs
//! would take for its own are escaped: `trusted.overlay.x` becomes `trusted.overlay.overlay.x`.

use std::{
    cmp::Ordering,
    hash::{BuildHasher, RandomState},
};

use hashbrown::HashTable;
use xxhash_rust::xxh32::xxh32;

use super::number;
use crate::error::Result;

/// The prefixes of names by number; `lustre.` (5) is not used by the writer.
const PREFIXES: [&[u8]; 7] = [
    b"",
    b"user.",
    b"system.posix_acl_access",
    b"system.posix_acl_default",
    b"trusted.",
    b"lustre.",
    b"security.",
];
pub(super) const TRUSTED: u8 = 4;
const LUSTRE: usize = 5;
const ACLS: [u8; 2] = [2, 3];
/// The seed of the filter of names, to which the number of the prefix is added.
const FILTER_SEED: u32 = 0x25BB_E08F;
const OVERLAY: &[u8] = b"trusted.overlay.";
const ESCAPED_OVERLAY: &[u8] = b"trusted.overlay.overlay.";

/// A set of extended attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct XattrSet(u32);

/// A name as erofs has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) prefix: u8,
    pub(super) suffix: &'a [u8],
}

impl Name<'_> {
    /// Compares the whole names, as `strcmp` does.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }

    fn bytes(&self) -> impl Iterator<Item = &u8> {
        let prefix = PREFIXES.get(usize::from(self.prefix)).copied();
        prefix.unwrap_or_default().iter().chain(self.suffix)
    }

    /// The bit of this name in the filter of an inode.
    pub(super) fn filter(&self) -> u32 {
        let seed = FILTER_SEED.wrapping_add(u32::from(self.prefix));
        1 << (xxh32(self.suffix, seed) % 32)
    }

    fn is_acl(&self) -> bool {
        ACLS.contains(&self.prefix)
    }
}

/// One name with one value, in `bytes`.
#[derive(Clone, Copy)]
struct Pair {
    start: u32,
    filter: u32,
    value_bytes: u16,
    suffix_bytes: u8,
    prefix: u8,
}

/// All pairs and sets of a tree.
pub(super) struct Xattrs {
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
    pair_table: HashTable<u32>,
    /// The pairs of all sets, each set sorted by name.
    members: Vec<u32>,
    /// Where each set starts and ends in `members`; the first is the empty one.
    sets: Vec<(u32, u32)>,
    set_table: HashTable<u32>,
    state: RandomState,
}

impl Xattrs {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            pairs: Vec::new(),
            pair_table: HashTable::new(),
            members: Vec::new(),
            sets: vec![(0, 0)],
            set_table: HashTable::new(),
            state: RandomState::new(),
        }
    }

    /// Finds or makes the set of `xattrs`: names of at most 255 bytes, values below 64 KiB, no
    /// name twice.
    pub(super) fn set(&mut self, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<XattrSet> {
        let mut pairs = Vec::with_capacity(xattrs.len());
        for (name, value) in xattrs {
            let escaped = name
                .strip_prefix(OVERLAY)
                .map(|rest| [ESCAPED_OVERLAY, rest].concat());
            pairs.push(self.pair(escaped.as_deref().unwrap_or(name), value)?);
        }
        pairs.sort_by(|one, other| self.name(*one).order(&self.name(*other)));
        self.set_of(&pairs)
    }

    /// Makes the set of the pairs of `set` that have the name `name`: of one, or none.
    pub(super) fn only(&mut self, set: XattrSet, name: &[u8]) -> Result<XattrSet> {
        let wanted = split(name);
        let pairs: Vec<u32> = (self.members(set).iter().copied())
            .filter(|pair| self.name(*pair) == wanted)
            .collect();
        self.set_of(&pairs)
    }

    fn pair(&mut self, name: &[u8], value: &[u8]) -> Result<u32> {
        let name = split(name);
        let hash = self.state.hash_one((name.prefix, name.suffix, value));
        let same = |pair: &u32| self.name(*pair) == name && self.value(*pair) == value;
        if let Some(pair) = self.pair_table.find(hash, same) {
            return Ok(*pair);
        }
        let new = number(self.pairs.len(), "extended attributes")?;
        self.pairs.push(Pair {
            start: number(self.bytes.len(), "extended attributes")?,
            filter: name.filter(),
            value_bytes: number(value.len(), "extended attributes")? as u16,
            suffix_bytes: number(name.suffix.len(), "extended attributes")? as u8,
            prefix: name.prefix,
        });
        self.bytes.extend_from_slice(name.suffix);
        self.bytes.extend_from_slice(value);
        let (pairs, bytes, state) = (&self.pairs, &self.bytes, &self.state);
        self.pair_table.insert_unique(hash, new, |pair| {
            let (name, value) = read(pairs, bytes, *pair);
            state.hash_one((name.prefix, name.suffix, value))
        });
        Ok(new)
    }

    fn set_of(&mut self, pairs: &[u32]) -> Result<XattrSet> {
        if pairs.is_empty() {
            return Ok(XattrSet::default());
        }
        let hash = self.state.hash_one(pairs);
        let same = |set: &u32| self.members(XattrSet(*set)) == pairs;
        if let Some(set) = self.set_table.find(hash, same) {
            return Ok(XattrSet(*set));
        }
        let new = number(self.sets.len(), "extended attributes")?;
        let start = number(self.members.len(), "extended attributes")?;
        self.members.extend_from_slice(pairs);
        let end = number(self.members.len(), "extended attributes")?;
        self.sets.push((start, end));
        let (sets, members, state) = (&self.sets, &self.members, &self.state);
        self.set_table.insert_unique(hash, new, |set| {
            state.hash_one(slice(sets, members, XattrSet(*set)))
        });
        Ok(XattrSet(new))
    }

    /// The pairs of a set, sorted by name.
    pub(super) fn members(&self, set: XattrSet) -> &[u32] {
        slice(&self.sets, &self.members, set)
    }

    pub(super) fn name(&self, pair: u32) -> Name<'_> {
        read(&self.pairs, &self.bytes, pair).0
    }

    pub(super) fn value(&self, pair: u32) -> &[u8] {
        read(&self.pairs, &self.bytes, pair).1
    }

    pub(super) fn filter(&self, pair: u32) -> u32 {
        self.pairs.get(pair as usize).map_or(0, |pair| pair.filter)
    }

    /// Counts for each pair in how many inodes it is, by the number of inodes of each set.
    pub(super) fn uses(&self, sets: &[u32]) -> Vec<u32> {
        let mut uses = vec![0_u32; self.pairs.len()];
        for (set, inodes) in (0..).zip(sets) {
            for pair in self.members(XattrSet(set)) {
                if let Some(uses) = uses.get_mut(*pair as usize) {
                    *uses = uses.saturating_add(*inodes);
                }
            }
        }
        uses
    }

    /// How many sets there are, the empty one among them.
    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Tells whether one of the pairs that are used is an access control list.
    pub(super) fn has_acl(&self, uses: &[u32]) -> bool {
        (0..)
            .zip(uses)
            .any(|(pair, uses)| *uses > 0 && self.name(pair).is_acl())
    }
}

impl XattrSet {
    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

fn read<'a>(pairs: &[Pair], bytes: &'a [u8], pair: u32) -> (Name<'a>, &'a [u8]) {
    let pair = pairs.get(pair as usize);
    let at = pair.map_or(0, |pair| pair.start as usize);
    let suffix = pair.map_or(0, |pair| usize::from(pair.suffix_bytes));
    let value = pair.map_or(0, |pair| usize::from(pair.value_bytes));
    let name = Name {
        prefix: pair.map_or(0, |pair| pair.prefix),
        suffix: bytes.get(at..at + suffix).unwrap_or_default(),
    };
    let value = bytes.get(at + suffix..at + suffix + value);
    (name, value.unwrap_or_default())
}

fn slice<'a>(sets: &[(u32, u32)], members: &'a [u32], set: XattrSet) -> &'a [u32] {
    let (start, end) = sets.get(set.place()).copied().unwrap_or_default();
    members
        .get(start as usize..end as usize)
        .unwrap_or_default()
}

/// Splits the prefix off a name.
fn split(name: &[u8]) -> Name<'_> {
    let (prefix, suffix) = (PREFIXES.iter().enumerate().rev())
        .filter(|(prefix, _)| *prefix != LUSTRE)
        .find_map(|(prefix, text)| Some((prefix, name.strip_prefix(*text)?)))
        .unwrap_or((0, name));
    Name {
        prefix: prefix as u8,
        suffix,
    }
}
