//! The tree of an image, read without root and without a mount: `ls`, `cat`, extracting.
//!
//! It is read from the erofs image into a flat table in breadth-first order: the entries of a
//! directory stand beside each other, sorted by name. Nothing here recurses.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    ops::Range,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use composefs::{
    erofs::reader::erofs_to_filesystem,
    fsverity::Sha256HashValue,
    tree::{Directory, FileSystem, Inode as TheirInode, LeafContent, RegularFile, Stat},
};

use crate::{
    Store,
    error::{Result, StoreError},
    object::ObjectId,
    object_file::Objects,
    record::ImageRecord,
};

/// Most symlinks that are followed for one path, as in Linux.
const MOST_LINKS: usize = 40;
/// Largest erofs image that is read: the limits of a layer allow no larger one.
const TREE_BYTES: u64 = 8 << 30;
/// Stack of the thread that reads trees: composefs's reader recurses, and a path may have 2,048
/// components. Only what is touched takes memory.
const STACK_BYTES: usize = 256 << 20;

/// The tree of an image.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    inodes: Vec<Inode>,
    objects: Objects,
}

#[derive(Clone, Debug)]
struct Node {
    name: Box<[u8]>,
    parent: u32,
    inode: u32,
}

#[derive(Clone, Debug)]
struct Inode {
    meta: Meta,
    kind: Kind,
    links: u32,
}

/// Metadata of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, set-id and sticky bits: 07777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, in seconds since the epoch.
    pub mtime_secs: i64,
    /// The nanoseconds of that time.
    pub mtime_nanos: u32,
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory and the places of its entries.
    Directory(Entries),
    /// A file whose content stands in the tree.
    Inline(Box<[u8]>),
    /// A file whose content is an object.
    External {
        /// Which object.
        id: ObjectId,
        /// Bytes of the content.
        size_bytes: u64,
    },
    /// A symbolic link.
    Symlink(Box<[u8]>),
    /// A character device, in Linux's packing.
    CharDevice(u64),
    /// A block device, in Linux's packing.
    BlockDevice(u64),
    /// A named pipe.
    Fifo,
    /// A socket; no layer can hold one.
    Socket,
}

/// The places of a directory's entries in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries(Range<u32>);

/// One entry of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    tree: &'a Tree,
    place: u32,
}

impl Store {
    /// Reads the tree of an image. No root, no mount, no lock.
    ///
    /// # Errors
    /// [`StoreError::ObjectMissing`], [`StoreError::TreeReader`].
    pub fn tree(&self, image: &ImageRecord) -> Result<Tree> {
        Tree::open(self.objects(), &image.tree)
    }
}

impl Tree {
    pub(crate) fn open(objects: Objects, id: &ObjectId) -> Result<Self> {
        let mut image = Vec::new();
        objects
            .open(id)?
            .take(TREE_BYTES)
            .read_to_end(&mut image)
            .map_err(StoreError::io("reading", id.path()))?;
        on_deep_stack(id, || {
            let tree = erofs_to_filesystem::<Sha256HashValue>(&image).map_err(|error| {
                StoreError::TreeReader {
                    id: *id,
                    reason: format!("{error:#}"),
                }
            })?;
            drop(image);
            Ok(Self::flatten(tree, objects))
        })
    }

    /// Lays composefs's tree out in the table.
    fn flatten(tree: FileSystem<Sha256HashValue>, objects: Objects) -> Self {
        let links = tree.nlinks();
        let FileSystem { root, leaves } = tree;
        let mut inodes: Vec<Inode> = leaves
            .into_iter()
            .zip(links)
            .map(|(leaf, links)| Inode {
                meta: meta_of(&leaf.stat),
                kind: kind_of(leaf.content),
                links,
            })
            .collect();
        let mut nodes = vec![Node {
            name: Box::default(),
            parent: 0,
            inode: place(inodes.len()),
        }];
        let mut queue = std::collections::VecDeque::<(u32, &Directory<Sha256HashValue>)>::new();
        inodes.push(directory(&root));
        queue.push_back((0, &root));
        while let Some((parent, dir)) = queue.pop_front() {
            let start = place(nodes.len());
            // composefs keeps entries sorted by bytes.
            for (name, inode) in dir.sorted_entries() {
                let number = match inode {
                    TheirInode::Leaf(id, _) => place(id.0),
                    TheirInode::Directory(sub) => {
                        queue.push_back((place(nodes.len()), sub));
                        inodes.push(directory(sub));
                        place(inodes.len() - 1)
                    }
                };
                nodes.push(Node {
                    name: name.as_bytes().into(),
                    parent,
                    inode: number,
                });
            }
            let end = place(nodes.len());
            let inode = nodes.get(parent as usize).map(|node| node.inode);
            if let Some(inode) = inode.and_then(|inode| inodes.get_mut(inode as usize)) {
                inode.kind = Kind::Directory(Entries(start..end));
            }
        }
        Self {
            nodes,
            inodes,
            objects,
        }
    }

    /// Returns the root directory.
    pub fn root(&self) -> Entry<'_> {
        Entry {
            tree: self,
            place: 0,
        }
    }

    /// Returns how many entries there are, the root among them.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Tells whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Lists all entries, every directory before what is in it, the root first.
    pub fn walk(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..place(self.nodes.len())).map(move |place| Entry { tree: self, place })
    }

    /// Lists the objects that the files are made of.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, u64)> + '_ {
        self.inodes.iter().filter_map(|inode| match inode.kind {
            Kind::External { id, size_bytes } => Some((id, size_bytes)),
            _ => None,
        })
    }

    /// Finds the entry at `path`, which starts at the root. Symlinks on the way are followed
    /// within the tree; the last component only with `follow`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchPath`], also for a loop of symlinks.
    pub fn lookup(&self, path: &Path, follow: bool) -> Result<Entry<'_>> {
        let missing = || StoreError::NoSuchPath {
            path: path.as_os_str().as_bytes().escape_ascii().to_string(),
        };
        let split = |path: &[u8]| -> Vec<Vec<u8>> {
            path.split(|byte| *byte == b'/')
                .rev()
                .filter(|part| !part.is_empty() && *part != b".")
                .map(<[u8]>::to_vec)
                .collect()
        };
        let mut rest = split(path.as_os_str().as_bytes());
        let mut at = self.root();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == b".." {
                at = at.parent();
                continue;
            }
            let next = at.child(&name).ok_or_else(missing)?;
            match next.kind() {
                Kind::Symlink(target) if follow || !rest.is_empty() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(missing());
                    }
                    if target.first() == Some(&b'/') {
                        at = self.root();
                    }
                    rest.extend(split(target));
                }
                _ => at = next,
            }
        }
        Ok(at)
    }

    fn node(&self, place: u32) -> Option<&Node> {
        self.nodes.get(place as usize)
    }
}

impl<'a> Entry<'a> {
    /// Returns the last component of the path; the root has an empty one.
    pub fn name(&self) -> &'a OsStr {
        OsStr::from_bytes(self.tree.node(self.place).map_or(&[], |node| &node.name))
    }

    /// Returns the path from the root, without a slash in front; the root is empty.
    pub fn path(&self) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = *self;
        while at.place != 0 {
            names.push(at.name().as_bytes());
            at = at.parent();
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Returns the directory that it is in; the root is in itself.
    pub fn parent(&self) -> Self {
        Self {
            tree: self.tree,
            place: self.tree.node(self.place).map_or(0, |node| node.parent),
        }
    }

    /// Returns the metadata.
    pub fn meta(&self) -> &'a Meta {
        &self.inode().meta
    }

    /// Returns what it is.
    pub fn kind(&self) -> &'a Kind {
        &self.inode().kind
    }

    /// Tells whether it is a directory.
    pub fn is_dir(&self) -> bool {
        matches!(self.kind(), Kind::Directory(_))
    }

    /// Returns how many names the file has; directories are not counted as file systems do.
    pub fn links(&self) -> u32 {
        self.inode().links
    }

    /// Returns a number that the names of one file share.
    pub fn inode_number(&self) -> u32 {
        self.tree.node(self.place).map_or(0, |node| node.inode)
    }

    /// Returns the bytes of a file's content or a symlink's target; 0 for everything else.
    pub fn size_bytes(&self) -> u64 {
        match self.kind() {
            Kind::Inline(bytes) | Kind::Symlink(bytes) => bytes.len() as u64,
            Kind::External { size_bytes, .. } => *size_bytes,
            _ => 0,
        }
    }

    /// Lists the entries of a directory, sorted by name; nothing else has any.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let tree = self.tree;
        let range = match self.kind() {
            Kind::Directory(entries) => entries.0.clone(),
            _ => 0..0,
        };
        range.map(move |place| Entry { tree, place })
    }

    /// Finds an entry of a directory.
    pub fn child(&self, name: &[u8]) -> Option<Entry<'a>> {
        let Kind::Directory(Entries(range)) = self.kind() else {
            return None;
        };
        let nodes = self
            .tree
            .nodes
            .get(range.start as usize..range.end as usize)?;
        let found = nodes.binary_search_by(|node| (*node.name).cmp(name)).ok()?;
        Some(Entry {
            tree: self.tree,
            place: range.start + place(found),
        })
    }

    /// Opens the content of a file.
    ///
    /// # Errors
    /// [`StoreError::OtherType`], [`StoreError::ObjectMissing`].
    pub fn open(&self) -> Result<Content> {
        match self.kind() {
            Kind::Inline(bytes) => Ok(Content::Inline(io::Cursor::new(bytes.clone()))),
            Kind::External { id, .. } => Ok(Content::Object(self.tree.objects.open(id)?)),
            _ => Err(StoreError::OtherType {
                path: self.path().escape_ascii().to_string(),
                wanted: "regular file",
            }),
        }
    }

    fn inode(&self) -> &'a Inode {
        static NOTHING: Inode = Inode {
            meta: Meta {
                mode: 0,
                uid: 0,
                gid: 0,
                mtime_secs: 0,
                mtime_nanos: 0,
                xattrs: Vec::new(),
            },
            kind: Kind::Socket,
            links: 0,
        };
        let number = self.inode_number();
        self.tree.inodes.get(number as usize).unwrap_or(&NOTHING)
    }
}

/// The content of a file.
#[derive(Debug)]
pub enum Content {
    /// It stood in the tree.
    Inline(io::Cursor<Box<[u8]>>),
    /// It is an object.
    Object(File),
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inline(bytes) => bytes.read(buffer),
            Self::Object(file) => file.read(buffer),
        }
    }
}

/// Runs `work` on a thread whose stack is deep enough for any tree.
fn on_deep_stack<T: Send>(id: &ObjectId, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let failed = |reason: String| StoreError::TreeReader { id: *id, reason };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("tree".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| failed(error.to_string()))?
            .join()
            .unwrap_or_else(|_| Err(failed("composefs gave up on the tree".to_owned())))
    })
}

fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn directory(dir: &Directory<Sha256HashValue>) -> Inode {
    Inode {
        meta: meta_of(&dir.stat),
        kind: Kind::Directory(Entries(0..0)),
        links: 1,
    }
}

fn meta_of(stat: &Stat) -> Meta {
    Meta {
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime_secs: stat.st_mtim_sec,
        mtime_nanos: stat.st_mtim_nsec,
        xattrs: stat
            .xattrs
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect(),
    }
}

fn kind_of(content: LeafContent<Sha256HashValue>) -> Kind {
    match content {
        LeafContent::Regular(RegularFile::Inline(bytes)) => Kind::Inline(bytes),
        LeafContent::Regular(
            RegularFile::External(id, size_bytes) | RegularFile::ExternalNoVerity(id, size_bytes),
        ) => Kind::External {
            id: ObjectId::from_composefs(&id),
            size_bytes,
        },
        // Our trees have none: a file without content has no use here.
        LeafContent::Regular(RegularFile::Sparse(_)) => Kind::Inline(Box::default()),
        LeafContent::Symlink(target) => Kind::Symlink(target.as_bytes().into()),
        LeafContent::CharacterDevice(device) => Kind::CharDevice(device),
        LeafContent::BlockDevice(device) => Kind::BlockDevice(device),
        LeafContent::Fifo => Kind::Fifo,
        LeafContent::Socket => Kind::Socket,
    }
}
