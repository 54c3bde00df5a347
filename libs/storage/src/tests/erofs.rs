//! The image of a tree, byte by byte beside composefs's own writer.

use std::{collections::BTreeMap, ffi::OsStr, os::unix::ffi::OsStrExt};

use composefs::{
    erofs::writer::{ValidatedFileSystem, mkfs_erofs},
    fsverity::Sha256HashValue,
    generic_tree, tree as theirs,
};

use crate::{
    ObjectId,
    erofs::{Content, Draft, Ino, Stat},
};

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone, Debug, Default)]
struct Meta {
    mode: u16,
    uid: u32,
    gid: u32,
    secs: i64,
    nanos: u32,
    xattrs: Xattrs,
}

#[derive(Clone, Debug)]
enum What {
    Dir,
    Small(Vec<u8>),
    Object(u64, u64),
    Symlink(usize),
    Char(u32),
    Block(u32),
    Fifo,
    /// One more name of the entry at this place.
    Link(usize),
}

/// One tree: the metadata of the root, and entries below directories that come before them; a
/// directory is its place plus one, 0 is the root.
#[derive(Clone, Debug, Default)]
struct Plan {
    root: Meta,
    entries: Vec<(usize, Vec<u8>, Meta, What)>,
}

impl Plan {
    fn add(&mut self, dir: usize, name: impl AsRef<[u8]>, meta: Meta, what: What) -> usize {
        let name = name.as_ref().to_vec();
        if !(self.entries.iter()).any(|entry| entry.0 == dir && entry.1 == name) {
            self.entries.push((dir, name, meta, what));
            return self.entries.len();
        }
        0
    }

    /// What our writer makes of it. Names that are hidden and replaced on the way leave no trace.
    fn ours(&self, noise: bool) -> Vec<u8> {
        let mut tree = Draft::new();
        let stat = stat(&mut tree, &self.root);
        tree.set_stat(Draft::ROOT, stat);
        let mut places: Vec<Ino> = vec![Draft::ROOT];
        if noise {
            let other = tree.add(stat, Content::Directory).unwrap();
            let below = tree.add(stat, Content::Symlink(b"nowhere")).unwrap();
            tree.link(other, b"below", below, 0).unwrap();
            tree.link(Draft::ROOT, b"hidden", other, 0).unwrap();
            tree.unlink(Draft::ROOT, b"hidden");
            tree.link(Draft::ROOT, b"cleared", below, 0).unwrap();
            tree.clear(Draft::ROOT).unwrap();
        }
        for (place, (dir, name, meta, what)) in self.entries.iter().enumerate() {
            let stat = self::stat(&mut tree, meta);
            let dir = places[*dir];
            if noise && place % 3 == 0 {
                let other = tree.add(stat, Content::External(id(7), 99)).unwrap();
                tree.link(dir, name, other, 0).unwrap();
                if place % 2 == 0 {
                    tree.unlink(dir, name);
                }
            }
            let content = match what {
                What::Dir => Content::Directory,
                What::Small(bytes) => Content::Inline(bytes),
                What::Object(seed, size) => Content::External(id(*seed), *size),
                What::Symlink(bytes) => Content::Symlink(&target(*bytes)),
                What::Char(device) => Content::CharDevice(*device),
                What::Block(device) => Content::BlockDevice(*device),
                What::Fifo => Content::Fifo,
                What::Link(of) => {
                    let ino = places[*of + 1];
                    tree.link(dir, name, ino, 0).unwrap();
                    places.push(ino);
                    continue;
                }
            };
            let ino = tree.add(stat, content).unwrap();
            tree.link(dir, name, ino, 0).unwrap();
            places.push(ino);
        }
        let mut image = Vec::new();
        let bytes = tree
            .write(&mut |piece| {
                image.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        assert_eq!(bytes, image.len() as u64);
        image
    }

    fn composefs(&self) -> Box<[u8]> {
        let mut tree = theirs::FileSystem::<Sha256HashValue>::new(their_stat(&self.root));
        // The path of each directory, the leaf of each other entry.
        let mut paths = vec![Vec::<&[u8]>::new()];
        let mut leaves = Vec::new();
        for (dir, name, meta, what) in &self.entries {
            let mut path = paths[*dir].clone();
            let stat = their_stat(meta);
            let inode = match what {
                What::Dir => {
                    leaves.push(None);
                    theirs::Inode::Directory(Box::new(theirs::Directory::new(stat)))
                }
                What::Link(of) => {
                    leaves.push(leaves[*of]);
                    theirs::Inode::leaf(leaves[*of].unwrap())
                }
                other => {
                    let content = match other {
                        What::Small(bytes) => theirs::LeafContent::Regular(
                            theirs::RegularFile::Inline(bytes.clone().into()),
                        ),
                        What::Object(seed, size) => theirs::LeafContent::Regular(
                            theirs::RegularFile::External(id(*seed).to_composefs(), *size),
                        ),
                        What::Symlink(bytes) => {
                            theirs::LeafContent::Symlink(OsStr::from_bytes(&target(*bytes)).into())
                        }
                        What::Char(device) => {
                            theirs::LeafContent::CharacterDevice(u64::from(*device))
                        }
                        What::Block(device) => theirs::LeafContent::BlockDevice(u64::from(*device)),
                        _ => theirs::LeafContent::Fifo,
                    };
                    let leaf = tree.push_leaf(stat, content);
                    leaves.push(Some(leaf));
                    theirs::Inode::leaf(leaf)
                }
            };
            let mut at = &mut tree.root;
            for component in &path {
                at = at.get_directory_mut(OsStr::from_bytes(component)).unwrap();
            }
            at.insert(OsStr::from_bytes(name), inode);
            path.push(name);
            paths.push(path);
        }
        mkfs_erofs(&ValidatedFileSystem::new(tree).unwrap())
    }

    #[track_caller]
    fn compare(&self, name: &str) {
        let theirs = self.composefs();
        for noise in [false, true] {
            let ours = self.ours(noise);
            if *ours != *theirs {
                let at = ours
                    .iter()
                    .zip(&theirs)
                    .position(|(one, other)| one != other);
                panic!(
                    "{name}: {} and {} bytes differ at {at:?}; {} entries",
                    ours.len(),
                    theirs.len(),
                    self.entries.len()
                );
            }
        }
    }
}

fn id(seed: u64) -> ObjectId {
    ObjectId::of(&seed.to_le_bytes())
}

fn target(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| b"abc/"[at % 4]).collect()
}

fn stat(tree: &mut Draft, meta: &Meta) -> Stat {
    Stat {
        mode: meta.mode,
        uid: meta.uid,
        gid: meta.gid,
        mtime_secs: meta.secs,
        mtime_nanos: meta.nanos,
        xattrs: tree.xattrs(&meta.xattrs).unwrap(),
    }
}

fn their_stat(meta: &Meta) -> generic_tree::Stat {
    generic_tree::Stat {
        st_mode: u32::from(meta.mode),
        st_uid: meta.uid,
        st_gid: meta.gid,
        st_mtim_sec: meta.secs,
        st_mtim_nsec: meta.nanos,
        xattrs: (meta.xattrs.iter())
            .map(|(name, value)| (OsStr::from_bytes(name).into(), value.clone().into()))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn meta(mode: u16) -> Meta {
    Meta {
        mode,
        ..Meta::default()
    }
}

fn with(xattrs: &[(&str, &[u8])]) -> Meta {
    Meta {
        mode: 0o644,
        xattrs: (xattrs.iter())
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect(),
        ..Meta::default()
    }
}

#[test]
fn tables() {
    Plan::default().compare("empty");
    let mut plan = Plan {
        root: with(&[("security.selinux", b"label\0"), ("user.other", b"x")]),
        ..Plan::default()
    };
    plan.compare("a root with attributes");
    plan.add(0, "00", meta(0o600), What::Small(b"mine".to_vec()));
    plan.add(0, "ff", meta(0o700), What::Dir);
    plan.compare("names of the stand-ins");

    let mut plan = Plan::default();
    for bytes in 0..=64 {
        plan.add(
            0,
            format!("s{bytes}"),
            meta(0o644),
            What::Small(vec![b'x'; bytes]),
        );
    }
    plan.compare("small files");

    let mut plan = Plan::default();
    for (place, size) in [0, 1, 65, 4096, 4097, 1 << 32, (1 << 32) - 1, 16 << 30]
        .iter()
        .enumerate()
    {
        plan.add(
            0,
            format!("o{place}"),
            meta(0o644),
            What::Object(place as u64, *size),
        );
        plan.add(
            0,
            format!("same{place}"),
            meta(0o644),
            What::Object(1000, *size),
        );
        plan.add(
            0,
            format!("two{place}"),
            meta(0o644),
            What::Object(place as u64 / 2, 70),
        );
    }
    plan.compare("objects of many sizes, some shared");

    for first in [1, 100, 3000] {
        let mut plan = Plan::default();
        plan.add(0, "a", meta(0o777), What::Symlink(first));
        for bytes in 3960..=4095 {
            plan.add(0, format!("l{bytes}"), meta(0o777), What::Symlink(bytes));
        }
        plan.add(0, "z", meta(0o777), What::Symlink(10));
        plan.compare("long symlinks");
    }

    let mut plan = Plan::default();
    let shared: &[(&str, &[u8])] = &[
        ("trusted.overlay.opaque", b"y"),
        ("trusted.overlay.metacopy", b""),
        ("trusted.overlay.zzz", b"z"),
        ("trusted.a", b"1"),
        ("trusted.zz", b"1"),
        ("security.capability", &[1, 0, 0, 2]),
        ("system.posix_acl_access", &[2, 0, 0, 0]),
        ("system.posix_acl_default", &[2, 0, 0, 0, 9]),
        ("lustre.lov", b"l"),
        ("user.", b"empty"),
        ("user.a", b""),
        ("odd", b"no prefix"),
    ];
    for place in 0..3_u64 {
        plan.add(0, format!("all{place}"), with(shared), What::Object(5, 100));
        plan.add(0, format!("dir{place}"), with(shared), What::Dir);
    }
    for (place, one) in shared.iter().enumerate() {
        plan.add(
            0,
            format!("one{place}"),
            with(&[*one]),
            What::Object(place as u64, 90),
        );
    }
    for (place, value) in [&b"\0\0"[..], b"\xee", b"", b"\xee\xee", b"a"]
        .iter()
        .enumerate()
    {
        for copy in 0..2 {
            let meta = with(&[("user.ordered", value)]);
            plan.add(0, format!("v{place}{copy}"), meta, What::Fifo);
        }
    }
    plan.compare("attributes, shared and escaped");

    let mut plan = Plan::default();
    let many: Xattrs = (0..250)
        .map(|place| (format!("user.{place:03}").into_bytes(), vec![b'v'; place]))
        .collect();
    for place in 0..2 {
        let meta = Meta {
            xattrs: many.clone(),
            ..meta(0o644)
        };
        plan.add(0, format!("many{place}"), meta, What::Object(9, 65));
    }
    plan.compare("as many attributes as there may be");

    let mut plan = Plan::default();
    let a = plan.add(0, "a", meta(0o755), What::Dir);
    let deep = plan.add(a, "deep", meta(0o755), What::Dir);
    let file = plan.add(deep, "f", meta(0o644), What::Object(1, 100));
    plan.add(0, "b", meta(0o644), What::Link(file - 1));
    plan.add(0, "0", meta(0o644), What::Link(file - 1));
    let z = plan.add(0, "z", meta(0o755), What::Dir);
    plan.add(z, "l", meta(0o644), What::Link(file - 1));
    plan.add(deep, "g", meta(0o644), What::Link(file - 1));
    let other = plan.add(z, "other", meta(0o777), What::Symlink(4090));
    plan.add(a, "other", meta(0o777), What::Link(other - 1));
    plan.compare("hard links up and down");

    let mut plan = Plan::default();
    plan.add(0, "fifo", meta(0o600), What::Fifo);
    plan.add(0, "null", meta(0o666), What::Char(0x103));
    plan.add(0, "disk", meta(0o660), What::Block(u32::MAX));
    plan.add(0, "suid", meta(0o7777), What::Small(vec![1]));
    for (name, uid, gid) in [("u", 65_535, 0), ("v", 65_536, 0), ("w", 0, u32::MAX)] {
        let meta = Meta {
            uid,
            gid,
            ..meta(0o644)
        };
        plan.add(0, name, meta, What::Small(vec![1]));
    }
    for (name, secs, nanos) in [("m", -1, 0), ("n", 0, 1), ("o", i64::MAX, 999_999_999)] {
        let meta = Meta {
            secs,
            nanos,
            ..meta(0o644)
        };
        plan.add(0, name, meta, What::Object(3, 70));
    }
    plan.compare("devices, owners and times");

    for entries in [0, 1, 2, 100, 130, 200, 255, 256, 400, 1000, 5000] {
        let mut plan = Plan::default();
        for dir in 0..3 {
            let dir = plan.add(0, format!("d{dir}"), meta(0o755), What::Dir);
            for place in 0..entries {
                plan.entries.push((
                    dir,
                    format!("{place:x}{}", "-".repeat(place % 13)).into_bytes(),
                    meta(0o644),
                    What::Fifo,
                ));
            }
            plan.add(dir, "!", meta(0o755), What::Dir);
            plan.add(dir, "-", meta(0o755), What::Dir);
        }
        plan.compare(&format!("{entries} entries"));
    }
}

#[test]
fn paths_of_two_thousand_directories() {
    let mut plan = Plan::default();
    let mut dir = 0;
    for depth in 0..2047 {
        dir = plan.add(dir, "d", meta(0o755), What::Dir);
        if depth % 500 == 0 {
            plan.add(dir, "f", meta(0o644), What::Object(depth, 100));
        }
    }
    plan.add(dir, "f", meta(0o644), What::Small(b"deep".to_vec()));
    // composefs's writer recurses.
    std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(move || plan.compare("deep"))
        .unwrap()
        .join()
        .unwrap();
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn meta(&mut self, spread: usize) -> Meta {
        let names = [
            "user.a",
            "user.b",
            "trusted.x",
            "security.capability",
            "security.selinux",
            "trusted.overlay.redirect",
            "trusted.overlay.overlay.x",
            "system.posix_acl_access",
            "other",
        ];
        let mut xattrs = BTreeMap::new();
        if self.below(4) == 0 {
            for _ in 0..self.below(5) {
                let name = names[self.below(names.len())].as_bytes().to_vec();
                let bytes = [0, 1, 2, 3, 20, 40, 300, 5000][self.below(8)];
                xattrs.insert(name, vec![b'0' + self.below(1 + spread) as u8; bytes]);
            }
        }
        Meta {
            mode: self.below(0o10_000) as u16,
            uid: [0, 0, 0, 1000, 65_536][self.below(1 + spread)],
            gid: [0, 0, 0, 1000, 70_000][self.below(1 + spread)],
            secs: [0, 0, 1_700_000_000, -5, 77][self.below(1 + spread)],
            nanos: [0, 0, 0, 5, 999_999_999][self.below(1 + spread)],
            xattrs: xattrs.into_iter().collect(),
        }
    }

    fn plan(&mut self) -> Plan {
        let spread = self.below(5);
        let mut plan = Plan {
            root: self.meta(spread),
            ..Plan::default()
        };
        let mut dirs = vec![0];
        let mut files = Vec::new();
        let most = [2, 20, 80, 400][self.below(4)];
        for _ in 0..self.below(most) {
            let dir = dirs[self.below(dirs.len())];
            let mut name = format!("{:x}", self.below(3000));
            if self.below(4) == 0 {
                name.push_str(&"n".repeat(self.below(240)));
            }
            let what = match self.below(12) {
                0 | 1 => What::Dir,
                2 | 3 => What::Small(vec![b's'; self.below(65)]),
                4..=6 => What::Object(
                    self.below(1 + 20 * spread) as u64,
                    [0, 65, 4096, 5000, 1 << 20, 5 << 30][self.below(6)],
                ),
                7 => What::Symlink(1 + self.below(60)),
                8 => What::Symlink([2000, 3900, 4000, 4095][self.below(4)] - self.below(100)),
                9 => What::Char(1 + self.below(9999) as u32),
                10 if !files.is_empty() => What::Link(files[self.below(files.len())]),
                10 => What::Block(self.below(9999) as u32),
                _ => What::Fifo,
            };
            let meta = self.meta(spread);
            let is_dir = matches!(what, What::Dir);
            let place = plan.add(dir, name, meta, what);
            match place {
                0 => {}
                place if is_dir => dirs.push(place),
                place => files.push(place - 1),
            }
        }
        plan
    }
}

#[test]
fn random_trees() {
    for seed in 1..=300_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.plan().compare(&format!("seed {seed}"));
    }
}
