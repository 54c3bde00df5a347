//! Objects: file contents, split streams and erofs trees, named by their fs-verity digest.
//!
//! ```text
//! objects/xx/yyyy…    xx = first byte, yyyy… = the other 31 bytes of the digest, lower case hex
//! ```
//! The digest is the kernel's (Documentation/filesystems/fsverity.rst) with SHA-256, blocks of
//! 4,096 bytes and no salt: content is hashed block by block, the last one filled with zeros;
//! hashes are packed 128 to a block and hashed again until one is left; that root goes into a
//! descriptor of 256 bytes, whose SHA-256 is the name. composefs's hasher gives the same (a test
//! holds it); ours takes content as it comes and allocates nothing per block.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use composefs::fsverity::{FsVerityHashValue, Sha256HashValue};
use sha2::{Digest as _, Sha256};

/// Bytes of one block of the hash tree.
pub const BLOCK_BYTES: usize = 4096;
const HASH_BYTES: usize = 32;

/// The name of an object: its fs-verity digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; HASH_BYTES]);

impl ObjectId {
    /// Takes the 32 bytes of a digest.
    pub fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Computes the digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = VerityHasher::new();
        hasher.update(content);
        hasher.finish()
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Returns the digest as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns where the object lies below `objects/`: `xx/yyyy…`.
    pub fn path(&self) -> PathBuf {
        let hex = self.hex();
        let (dir, file) = hex.split_at(2);
        Path::new(dir).join(file)
    }

    /// Reads the last two components of `path` as an object's name.
    pub(crate) fn from_object_path(path: &Path) -> Option<Self> {
        let file = path.file_name()?.to_str()?;
        let dir = path.parent()?.file_name()?.to_str()?;
        if dir.len() != 2 {
            return None;
        }
        format!("{dir}{file}").parse().ok()
    }

    /// Turns it into composefs's value.
    #[cfg(test)]
    pub(crate) fn to_composefs(self) -> Sha256HashValue {
        // 64 hexadecimal digits always are a value.
        Sha256HashValue::from_hex(self.hex()).unwrap_or(Sha256HashValue::EMPTY)
    }

    /// Takes composefs's value.
    pub(crate) fn from_composefs(value: &Sha256HashValue) -> Self {
        value.to_hex().parse().unwrap_or(Self([0; HASH_BYTES]))
    }
}

/// Text that is no object id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct ObjectIdError;

impl FromStr for ObjectId {
    type Err = ObjectIdError;

    fn from_str(text: &str) -> Result<Self, ObjectIdError> {
        let mut bytes = [0; HASH_BYTES];
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ObjectIdError);
        }
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ObjectIdError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({})", self.hex())
    }
}

impl serde::Serialize for ObjectId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ObjectId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes an fs-verity digest while content passes.
#[derive(Clone)]
pub struct VerityHasher {
    /// The data block that is not full yet.
    block: Sha256,
    block_bytes: usize,
    size_bytes: u64,
    levels: Vec<Level>,
}

/// One level of the tree: a block of hashes that is not full yet.
#[derive(Clone)]
struct Level {
    block: Sha256,
    block_bytes: usize,
    /// Hashes that this level has seen; a level with one is the root.
    hashes: u64,
    /// The only hash of a level that has one.
    first: [u8; HASH_BYTES],
}

impl Default for VerityHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl VerityHasher {
    /// Starts with no content.
    pub fn new() -> Self {
        Self {
            block: Sha256::new(),
            block_bytes: 0,
            size_bytes: 0,
            levels: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut content: &[u8]) {
        self.size_bytes += content.len() as u64;
        while !content.is_empty() {
            let (now, later) = content.split_at(content.len().min(BLOCK_BYTES - self.block_bytes));
            self.block.update(now);
            self.block_bytes += now.len();
            content = later;
            if self.block_bytes == BLOCK_BYTES {
                let hash = self.block.finalize_reset().into();
                self.block_bytes = 0;
                self.push(0, hash);
            }
        }
    }

    /// Returns how many bytes there were.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Returns the digest.
    pub fn finish(mut self) -> ObjectId {
        if self.block_bytes > 0 {
            let hash = pad_and_hash(&mut self.block, self.block_bytes);
            self.push(0, hash);
        }
        let mut root = [0; HASH_BYTES];
        let mut place = 0;
        while let Some(level) = self.levels.get_mut(place) {
            if level.hashes == 1 {
                root = level.first;
                break;
            }
            if level.block_bytes > 0 {
                let hash = pad_and_hash(&mut level.block, level.block_bytes);
                level.block_bytes = 0;
                self.push(place + 1, hash);
            }
            place += 1;
        }
        let mut descriptor = [0_u8; 256];
        let head = [1_u8, 1, 12, 0, 0, 0, 0, 0];
        for (to, from) in descriptor.iter_mut().zip(
            head.into_iter()
                .chain(self.size_bytes.to_le_bytes())
                .chain(root),
        ) {
            *to = from;
        }
        ObjectId(Sha256::digest(descriptor).into())
    }

    /// Adds a hash to level `place`, and the hash of a block that it fills to the next.
    fn push(&mut self, mut place: usize, mut hash: [u8; HASH_BYTES]) {
        loop {
            if self.levels.len() == place {
                self.levels.push(Level {
                    block: Sha256::new(),
                    block_bytes: 0,
                    hashes: 0,
                    first: hash,
                });
            }
            let Some(level) = self.levels.get_mut(place) else {
                return;
            };
            level.hashes += 1;
            level.block.update(hash);
            level.block_bytes += HASH_BYTES;
            if level.block_bytes < BLOCK_BYTES {
                return;
            }
            hash = level.block.finalize_reset().into();
            level.block_bytes = 0;
            place += 1;
        }
    }
}

fn pad_and_hash(block: &mut Sha256, filled_bytes: usize) -> [u8; HASH_BYTES] {
    const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    block.update(ZEROS.get(filled_bytes..).unwrap_or_default());
    block.finalize_reset().into()
}

#[cfg(test)]
mod tests {
    use composefs::fsverity::compute_verity;

    use super::*;

    #[test]
    fn digests_are_those_of_composefs() {
        let content: Vec<u8> = (0..3_000_000_u32)
            .map(|n| (n * 7 + n / 256) as u8)
            .collect();
        for size in [
            0,
            1,
            64,
            65,
            4095,
            4096,
            4097,
            8192,
            128 * 4096 - 1,
            128 * 4096,
            128 * 4096 + 1,
            256 * 4096,
            3_000_000,
        ] {
            let content = &content[..size];
            let theirs = compute_verity::<Sha256HashValue>(content);
            assert_eq!(ObjectId::of(content).hex(), theirs.to_hex(), "{size}");
            let mut pieces = VerityHasher::new();
            for piece in content.chunks(1000) {
                pieces.update(piece);
            }
            assert_eq!(pieces.finish(), ObjectId::from_composefs(&theirs), "{size}");
            assert_eq!(ObjectId::from_composefs(&theirs).to_composefs(), theirs);
        }
    }

    #[test]
    fn paths_and_text() {
        let id = ObjectId::of(b"x");
        assert_eq!(
            ObjectId::from_object_path(&Path::new("../objects").join(id.path())),
            Some(id)
        );
        assert_eq!(id.hex().parse(), Ok(id));
        assert_eq!(
            id.hex().to_uppercase().parse::<ObjectId>(),
            Err(ObjectIdError)
        );
        assert_eq!("ab".parse::<ObjectId>(), Err(ObjectIdError));
    }
}
