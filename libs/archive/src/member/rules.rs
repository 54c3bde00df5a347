//! The rules that a tar entry is held to, and the evidence when it breaks one.

/// Most bytes of a foreign name that an error shows.
const SHOWN_BYTES: usize = 120;

/// Which entry broke which rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tar entry {entry} at byte {offset}: {rule}")]
pub struct Offence {
    /// The entry's name with everything but printable ASCII escaped, shortened.
    pub entry: String,
    /// Where in the tar its first header stands.
    pub offset: u64,
    /// The rule.
    pub rule: Rule,
}

/// A rule that an entry can break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    // names
    /// A name of no bytes.
    #[error("empty name")]
    EmptyName,
    /// A link that points to nothing.
    #[error("empty link target")]
    EmptyTarget,
    /// A NUL within a name.
    #[error("NUL in a name")]
    NulInName,
    /// A NUL within a link target.
    #[error("NUL in a link target")]
    NulInTarget,
    /// `..` as a component of a name or of a hard link's target.
    #[error("`..` in a path")]
    ParentComponent,
    /// A component that no file system takes.
    #[error("a name of {bytes} bytes, 255 is the limit")]
    LongComponent {
        /// Its length.
        bytes: usize,
    },
    /// A path that no system call takes.
    #[error("a path of {bytes} bytes, 4096 is the limit")]
    LongPath {
        /// Its length.
        bytes: usize,
    },
    /// A symbolic link's target that no system call takes.
    #[error("a link target of {bytes} bytes, 4095 is the limit")]
    LongTarget {
        /// Its length.
        bytes: usize,
    },
    /// The root as anything but a directory.
    #[error("the root must be a directory")]
    RootReplaced,
    /// A slash behind the name of what is no directory.
    #[error("a name that ends in `/` but is no directory")]
    TrailingSlash,
    /// A hard link to the root or to itself.
    #[error("a hard link to the root or to itself")]
    HardlinkTarget,

    // whiteouts
    /// `.wh.` with nothing, `.` or `..` behind it.
    #[error("a whiteout of nothing or of `.` or `..`")]
    WhiteoutName,
    /// `.wh.` in front of a directory's name, or in a hard link's target.
    #[error("`.wh.` within a path")]
    WhiteoutComponent,
    /// A whiteout that is no empty regular file.
    #[error("a whiteout must be an empty regular file")]
    WhiteoutKind,
    /// A name of aufs's own bookkeeping, `.wh..wh.…`.
    #[error("aufs's own names (`.wh..wh.`) are no part of a layer")]
    AufsName,
    /// The character device 0:0.
    #[error("character device 0:0 is overlayfs's whiteout")]
    OverlayWhiteout,

    // the header
    /// The sum of the header's bytes is another.
    #[error("wrong header checksum")]
    Checksum,
    /// Neither v7, ustar, GNU nor star, or a mix of them.
    #[error("header of no known format")]
    UnknownFormat,
    /// GNU's times hold what old Go writers took for a ustar prefix.
    #[error("GNU header with something else in its time fields")]
    AmbiguousPrefix,
    /// A number field with something else in it.
    #[error("{field} is no number")]
    BadNumber {
        /// The field.
        field: &'static str,
    },
    /// A number that is too large, or negative.
    #[error("{field} out of range")]
    OutOfRange {
        /// The field.
        field: &'static str,
    },
    /// A type flag that this reader does not know.
    #[error("unknown type flag {}", flag.escape_ascii())]
    UnknownType {
        /// The flag.
        flag: u8,
    },
    /// Content behind a link, a directory, a device or a fifo.
    #[error("content of {size} bytes on an entry that has none")]
    SizeOnHeaderOnly {
        /// The size.
        size: u64,
    },

    // overrides
    /// A PAX header that is not a sequence of `LENGTH KEY=VALUE\n`.
    #[error("malformed PAX record")]
    PaxRecord,
    /// One key twice in a PAX header.
    #[error("PAX key {key} twice")]
    PaxTwice {
        /// The key, escaped.
        key: String,
    },
    /// A key in a global PAX header that would change entries.
    #[error("PAX key {key} in a global header")]
    PaxGlobal {
        /// The key, escaped.
        key: String,
    },
    /// Two names, targets or PAX headers for one entry.
    #[error("two overrides of the {what}")]
    TwoOverrides {
        /// What is overridden.
        what: &'static str,
    },
    /// An override with no entry of its own behind it.
    #[error("an override without an entry")]
    Dangling,
    /// Overrides of one entry that take too much memory.
    #[error("more than {limit} bytes of extended headers")]
    Metadata {
        /// The limit.
        limit: u64,
    },

    // sparse files
    /// A map of holes that cannot be read.
    #[error("malformed sparse map")]
    SparseMap,
    /// Fragments that overlap, go backwards or pass the end, or are not what is stored.
    #[error("sparse fragments do not fit the file")]
    SparseFragments,
    /// Too many fragments.
    #[error("more than {limit} sparse fragments")]
    SparseCount {
        /// The limit.
        limit: usize,
    },
    /// A sparse file where none may be.
    #[error("a sparse file")]
    Sparse,

    // attributes
    /// A name or value that no file system takes, or one name with two values.
    #[error("extended attribute {name} cannot be set")]
    Xattr {
        /// The name, escaped.
        name: String,
    },
    /// Too many attributes.
    #[error("more than {limit} extended attributes")]
    XattrCount {
        /// The limit.
        limit: usize,
    },
    /// Too many bytes of attributes.
    #[error("more than {limit} bytes of extended attributes")]
    XattrBytes {
        /// The limit.
        limit: usize,
    },

    // size
    /// A file that is too large.
    #[error("a file of {size} bytes, {limit} is the limit")]
    FileBytes {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// An archive that is too large.
    #[error("more than {limit} bytes in all")]
    TotalBytes {
        /// The limit.
        limit: u64,
    },
    /// Too many entries.
    #[error("more than {limit} entries")]
    Entries {
        /// The limit.
        limit: u64,
    },

    // archives of plain members
    /// A kind of entry that an archive of an image does not have.
    #[error("neither file, directory nor link")]
    MemberKind,
    /// One member twice.
    #[error("a second member of this name")]
    MemberTwice,
    /// A link that leaves the archive.
    #[error("a link that leaves the archive")]
    LinkLeaves,
}

/// Shows a foreign name: escaped, shortened.
pub(crate) fn shown(name: &[u8]) -> String {
    match name.split_at_checked(SHOWN_BYTES) {
        Some((head, [_, ..])) => format!("{}…", head.escape_ascii()),
        _ => name.escape_ascii().to_string(),
    }
}
