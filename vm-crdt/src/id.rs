//! Names: of an op, of the graph it belongs to, of its place in the order of delivery.

use core::fmt;

use vm_core::digest::{Sha256Digest, to_hex};

/// Name of an op: SHA-256 over its head (`docs/spec/crdt-op.md`). Nobody chooses one; the signature is no part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId([u8; 32]);

impl OpId {
    /// Wraps bytes that are already an op's name.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpId({self})")
    }
}

/// Name of a graph: SHA-256 over its charter, which names the ledger, the members and the sealers. Every op binds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GraphId(Sha256Digest);

impl GraphId {
    /// Wraps a digest that is already a charter's.
    #[must_use]
    pub const fn from_digest(digest: Sha256Digest) -> Self {
        Self(digest)
    }

    /// The digest of the charter.
    #[must_use]
    pub const fn digest(&self) -> Sha256Digest {
        self.0
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for GraphId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Place of an op among those that one replica delivered. It means nothing to any other replica, and is no part of any
/// state that is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpIndex(u32);

impl OpIndex {
    /// The place with this number.
    #[must_use]
    pub const fn from_u32(place: u32) -> Self {
        Self(place)
    }

    /// The number.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// What a replicated type may ask of the ops that it is made of: which lies in whose past, and their names.
///
/// Ops are handed to a type in an order in which each comes after its past.
pub trait Past {
    /// Whether `earlier` is `later` or lies in its causal past. Exact, also among the branches of a fork.
    fn is_or_precedes(&self, earlier: OpIndex, later: OpIndex) -> bool;

    /// Name of an op.
    fn id(&self, op: OpIndex) -> &OpId;
}
