//! What the engine tells while it works: typed, so that the program chooses words and form.

use oci::{Digest, MediaType};

/// One layer that a copy has to see to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerPlan {
    /// The blob as the source names it.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type at the source.
    pub media_type: MediaType,
}

/// What became of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerOutcome {
    /// It was copied and is this blob at the destination.
    Copied {
        /// The digest at the destination; another one when the compression changed.
        digest: Digest,
        /// The size at the destination in bytes.
        size: u64,
    },
    /// The destination had it.
    Exists,
}

/// A step of the work, in the order in which the original reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The signatures of an image are about to be read.
    GettingSignatures,
    /// There are some, and the destination is asked whether it can hold them.
    CheckingSignatureSupport,
    /// The signatures of a list are about to be read.
    GettingListSignatures,
    /// There are some, and the destination is asked whether it can hold them.
    CheckingListSignatureSupport,
    /// How many instances of a list are copied.
    CopyingInstances {
        /// So many are copied.
        count: usize,
        /// So many the list has.
        of: usize,
    },
    /// One instance of a list starts.
    CopyingInstance {
        /// The instance.
        digest: Digest,
        /// Its number, from 1.
        number: usize,
        /// How many are copied.
        count: usize,
    },
    /// A layer starts.
    CopyingBlob {
        /// The blob as the source names it.
        digest: Digest,
    },
    /// The configuration starts.
    CopyingConfig {
        /// Its digest at the destination.
        digest: Digest,
    },
    /// The manifest is about to be written.
    WritingManifest,
    /// The list is about to be written.
    WritingList,
    /// A signature is made.
    CreatingSignature {
        /// Its number, from 1, when there are several.
        number: Option<usize>,
        /// What kind of signature.
        kind: String,
    },
    /// Signatures, if any, go with the manifest.
    StoringSignatures,
    /// Signatures of a list, if any, go with it.
    StoringListSignatures,
    /// Something that is about the image starts.
    CopyingReferrer {
        /// Its digest.
        digest: Digest,
        /// What it is, where that is told.
        artifact_type: Option<String>,
    },
    /// Another process brings a layer into the store, and is waited for.
    WaitingForLayer {
        /// The diff id of the layer.
        layer: Digest,
        /// The process, when it left its id.
        holder: Option<u32>,
    },
    /// The destination has this very image.
    AlreadyPresent,
    /// The store did not keep the compressed layers: layers are given out uncompressed with a
    /// manifest made for them, so the digest differs from the one the image was pulled by.
    LayersUncompressed {
        /// The digest in the store.
        stored: Digest,
    },
}

/// Receives what the engine tells; called from several threads at once.
pub trait Progress: Sync {
    /// Says which layers an image has, before the first is copied. Layers are known by their
    /// place in `layers` from then on; a new plan starts a new image.
    fn plan(&self, layers: &[LayerPlan]) {
        let _ = layers;
    }

    /// Says that so many more bytes of a layer were read from the source.
    fn advance(&self, layer: usize, bytes: u64) {
        let _ = (layer, bytes);
    }

    /// Says that a layer is finished.
    fn layer_done(&self, layer: usize, outcome: LayerOutcome) {
        let _ = (layer, outcome);
    }

    /// Says which step comes.
    fn note(&self, note: Note) {
        let _ = note;
    }

    /// Tells whether the work shall stop; asked at each read.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {}
