//! Sorted directories, and the order of inodes in the image.
//!
//! Inodes stand in breadth-first order. A file with several names stands where the first of them
//! in *depth-first* order is reached: that is the one which a composefs dump lists as the file,
//! the others as links to it.

use std::collections::HashMap;

use super::{
    NONE,
    draft::{Content, Draft, Ino, Kind, Stat},
    number,
};
use crate::error::Result;

/// A complete tree in the order of the image.
pub(super) struct Ordered {
    pub(super) draft: Draft,
    /// The entries of all directories, each sorted by name.
    pub(super) entries: Vec<u32>,
    /// All inodes.
    pub(super) order: Vec<Ino>,
    /// The place of each inode in `order`.
    places: Vec<u32>,
}

impl Ordered {
    pub(super) fn new(mut draft: Draft) -> Result<Self> {
        add_stand_ins(&mut draft)?;
        draft.close();
        let mut this = Self {
            places: vec![NONE; draft.inodes.len()],
            draft,
            entries: Vec::new(),
            order: Vec::new(),
        };
        let dirs = this.sort()?;
        let owners = this.owners();
        this.number(&dirs, &owners)?;
        Ok(this)
    }

    /// The entries of a directory as names and inodes, sorted.
    pub(super) fn children(&self, dir: Ino) -> impl Iterator<Item = (&[u8], Ino)> {
        let range = match self.draft.inode(dir).kind {
            Kind::Sorted { start, count, .. } => start as usize..(start + count) as usize,
            _ => 0..0,
        };
        let entries = self.entries.get(range).unwrap_or_default();
        entries.iter().map(|place| self.draft.entry(*place))
    }

    /// The place of an inode in the image's order.
    pub(super) fn place(&self, ino: Ino) -> usize {
        self.places.get(ino.0 as usize).map_or(NONE, |place| *place) as usize
    }

    /// Sorts every directory that is reached and counts the names of every file; returns the
    /// directories in breadth-first order.
    fn sort(&mut self) -> Result<Vec<Ino>> {
        let mut dirs = vec![(Draft::ROOT, Draft::ROOT)];
        let mut names = Vec::new();
        let mut next = 0;
        while let Some(&(dir, parent)) = dirs.get(next) {
            next += 1;
            names.clear();
            names.extend(self.draft.names(dir));
            names.sort_unstable_by_key(|place| self.draft.entry(*place).0);
            for place in &names {
                let ino = self.draft.entry(*place).1;
                let Some(inode) = self.draft.inodes.get_mut(ino.0 as usize) else {
                    continue;
                };
                inode.links = inode.links.saturating_add(1);
                if inode.is_dir() {
                    dirs.push((ino, dir));
                }
            }
            let start = number(self.entries.len(), "files")?;
            self.entries.extend_from_slice(&names);
            let count = number(names.len(), "files")?;
            if let Some(inode) = self.draft.inodes.get_mut(dir.0 as usize) {
                inode.kind = Kind::Sorted {
                    start,
                    count,
                    parent,
                };
            }
        }
        Ok(dirs.into_iter().map(|(dir, _)| dir).collect())
    }

    /// Finds for each file with several names the directory of its first one, depth first.
    fn owners(&self) -> HashMap<Ino, Ino> {
        let mut owners = HashMap::new();
        if !(self.draft.inodes.iter()).any(|inode| inode.links > 1 && !inode.is_dir()) {
            return owners;
        }
        let mut above = vec![(Draft::ROOT, self.children(Draft::ROOT))];
        while let Some((dir, children)) = above.last_mut() {
            let dir = *dir;
            let Some((_, ino)) = children.next() else {
                above.pop();
                continue;
            };
            let inode = self.draft.inode(ino);
            if inode.is_dir() {
                above.push((ino, self.children(ino)));
            } else if inode.links > 1 {
                owners.entry(ino).or_insert(dir);
            }
        }
        owners
    }

    fn number(&mut self, dirs: &[Ino], owners: &HashMap<Ino, Ino>) -> Result<()> {
        let mut order = Vec::new();
        let mut places = std::mem::take(&mut self.places);
        let mut add = |ino: Ino| -> Result<()> {
            if let Some(place) = places.get_mut(ino.0 as usize)
                && *place == NONE
            {
                *place = number(order.len(), "files")?;
                order.push(ino);
            }
            Ok(())
        };
        add(Draft::ROOT)?;
        for dir in dirs {
            for (_, ino) in self.children(*dir) {
                if owners.get(&ino).is_none_or(|owner| owner == dir) {
                    add(ino)?;
                }
            }
        }
        self.order = order;
        self.places = places;
        Ok(())
    }
}

/// Adds the devices `00` to `ff` to the root where these names are free.
fn add_stand_ins(draft: &mut Draft) -> Result<()> {
    let root = draft.inode(Draft::ROOT).stat();
    let stat = Stat {
        mode: 0o644,
        xattrs: draft.xattrs.only(root.xattrs, b"security.selinux")?,
        ..root
    };
    for byte in 0..=255_u8 {
        let name = format!("{byte:02x}");
        if draft.child(Draft::ROOT, name.as_bytes()).is_none() {
            let ino = draft.add(stat, Content::CharDevice(0))?;
            draft.link(Draft::ROOT, name.as_bytes(), ino, 0)?;
        }
    }
    Ok(())
}
