//! Symbols of a sketch that cannot be read, or that no set has.

use thiserror::Error;

use super::BytesError;
use crate::sketch::ShortId;

/// Symbols that cannot be read, do not go on where the last ones ended, or that no two sets can have sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SketchError {
    /// The bytes end too early, or hold a number in a second form.
    #[error("symbols are malformed")]
    Bytes(#[from] BytesError),
    /// The format is not `vm-sketch-v0`.
    #[error("symbols are of an unknown format")]
    Format,
    /// A run without a symbol.
    #[error("run holds no symbol")]
    Empty,
    /// A run that ends within a symbol.
    #[error("{left} bytes at the end are no whole symbol")]
    Ragged {
        /// Bytes behind the last whole symbol.
        left: usize,
    },
    /// A run that ends behind the last symbol that any sketch has.
    #[error("run up to symbol {found} goes beyond {limit}")]
    TooMany {
        /// Symbols that a sketch can have.
        limit: usize,
        /// End of the run.
        found: u64,
    },
    /// A run that does not begin where the last one ended.
    #[error("run begins at symbol {found}, where {expected} comes next")]
    Gap {
        /// Symbol that comes next.
        expected: usize,
        /// Symbol that the run begins with.
        found: usize,
    },
    /// A run of a set of another size than the runs before it: the set has changed, and decoding begins anew.
    #[error("run is of a set of {found} ids, the one before was of {expected}")]
    OtherSet {
        /// Size that the first run claimed.
        expected: u64,
        /// Size that this one claims.
        found: u64,
    },
    /// More symbols than our own sketch has: it has to be extended first.
    #[error("{found} symbols are more than the {held} of our own sketch")]
    Beyond {
        /// Symbols of our own sketch.
        held: usize,
        /// Symbols with this run.
        found: usize,
    },
    /// A sketch of another key or of another set than the one that decoding began with.
    #[error("sketch is of another key or set than the one that decoding began with")]
    Changed,
    /// A short id that was taken out already came up once more: no set sent these symbols.
    #[error("short id {short} comes up twice")]
    Twice {
        /// The short id.
        short: ShortId,
    },
    /// All is taken out of the first symbol, which covers everything, and another symbol still holds something.
    #[error("symbols say that nothing is left and that something is")]
    Inconsistent,
    /// What was decoded does not fit the sizes of the two sets.
    #[error("difference of {decoded} ids does not fit the sizes of the sets, which differ by {claimed}")]
    Sizes {
        /// Ids that only they have, less those that only we have.
        decoded: i64,
        /// Size that they claim, less our own.
        claimed: i64,
    },
    /// Two ids of one set share a short id under this key. A fresh key parts them.
    #[error("two ids of one set share the short id {short}")]
    Collision {
        /// The short id.
        short: ShortId,
    },
    /// More was taken out than so many symbols of honest sets can hold.
    #[error("decoding takes more than {limit} steps")]
    Work {
        /// Steps allowed for the symbols received.
        limit: usize,
    },
    /// All symbols that a sketch can have did not decode.
    #[error("difference cannot be decoded from {limit} symbols")]
    Undecodable {
        /// Symbols that a sketch can have.
        limit: usize,
    },
}

impl SketchError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-sketch-format",
            Self::Empty => "crdt-sketch-empty",
            Self::Ragged { .. } => "crdt-sketch-ragged",
            Self::TooMany { .. } => "crdt-sketch-symbols",
            Self::Gap { .. } => "crdt-sketch-gap",
            Self::OtherSet { .. } => "crdt-sketch-other-set",
            Self::Beyond { .. } => "crdt-sketch-beyond",
            Self::Changed => "crdt-sketch-changed",
            Self::Twice { .. } => "crdt-sketch-twice",
            Self::Inconsistent => "crdt-sketch-inconsistent",
            Self::Sizes { .. } => "crdt-sketch-sizes",
            Self::Collision { .. } => "crdt-sketch-collision",
            Self::Work { .. } => "crdt-sketch-work",
            Self::Undecodable { .. } => "crdt-sketch-undecodable",
        }
    }
}
