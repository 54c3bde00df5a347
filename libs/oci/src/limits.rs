//! How much of anything foreign is read at most; chosen before the first byte is read.
//!
//! The figures of manifests, configs, signatures and tokens are those of containers/image; the
//! rest bounds what containers/image leaves open (`tests` hold each of them).

/// Most bytes of a manifest or index.
pub const MANIFEST_BYTES: u64 = 4 << 20;
/// Most bytes of an image configuration.
pub const CONFIG_BYTES: u64 = 4 << 20;
/// Most bytes of one signature.
pub const SIGNATURE_BYTES: u64 = 4 << 20;
/// Most bytes of all signatures of one manifest together.
pub const SIGNATURES_TOTAL_BYTES: u64 = 16 << 20;
/// Most signatures of one manifest that are looked at.
pub const SIGNATURES: usize = 128;
/// Most bytes of a token reply or of an error body.
pub const TOKEN_BYTES: u64 = 1 << 20;
/// Most bytes of a single bearer token.
pub const BEARER_TOKEN_BYTES: usize = 64 << 10;
/// Deepest nesting of a JSON document.
pub const JSON_DEPTH: usize = 64;
/// A JSON document has at most one value (object, list, text, number) for so many bytes that it may
/// have: a value takes more memory than text, and no real document has as many.
pub const JSON_BYTES_PER_VALUE: u64 = 16;
/// Most levels of indexes within indexes.
pub const INDEX_LEVELS: usize = 8;
/// Most entries of an index.
pub const INDEX_ENTRIES: usize = 10_000;
/// Most layers of one image.
pub const LAYERS: usize = 1_000;
/// Most pages of a tag list.
pub const TAG_PAGES: usize = 1_000;
/// Most names in a tag list.
pub const TAGS: usize = 1_000_000;
