//! Evidence: what ledgers say of their rows, gathered by whoever saw it. A set that only grows.
//!
//! ```text
//! payload = 02 | items, at least one
//! item    = ledger (32) | seq (8) | leaf hash (32)
//! set     = "vm-evidence-v0" | items
//! ```
//!
//! Items ascend, so that a set has one encoding. Two items of one ledger and place with different leaf hashes contradict each
//! other: both stay, and [`EvidenceSet::conflicts`] shows them. Which of them is right is for proofs to say, not for whoever came
//! first. The format is `docs/spec/crdt-payload.md`.

use std::collections::BTreeSet;

use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;

use crate::bytes::Bytes;
use crate::error::{BytesError, EvidenceError, PayloadError};
use crate::id::{OpIndex, Past};
use crate::laws::Replicated;
use crate::payload::{PAYLOAD_MAX, Payload, PayloadKind};

/// Format of a set's canonical bytes, and their beginning.
pub const FORMAT: &[u8; 14] = b"vm-evidence-v0";
/// Bytes of an item.
const ITEM: usize = 32 + 8 + 32;
/// Most items of an op: what fits a payload behind its kind.
pub const ITEMS_MAX: usize = (PAYLOAD_MAX - 1) / ITEM;

/// That a ledger has a row with this leaf hash at this place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EvidenceItem {
    /// The ledger.
    pub ledger: LedgerId,
    /// Place of the row in its log.
    pub seq: u64,
    /// Leaf hash of the row.
    pub leaf: LeafHash,
}

impl EvidenceItem {
    /// The 72 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 72] {
        let mut out = [0; ITEM];
        let (ledger, rest) = out.split_at_mut(32);
        let (seq, leaf) = rest.split_at_mut(8);
        ledger.copy_from_slice(self.ledger.genesis().as_bytes());
        seq.copy_from_slice(&self.seq.to_be_bytes());
        leaf.copy_from_slice(self.leaf.as_bytes());
        out
    }

    fn read(bytes: &mut Bytes<'_>) -> Result<Self, BytesError> {
        let ledger = LedgerId::from_genesis(LeafHash::from_bytes(bytes.array()?));
        Ok(Self { ledger, seq: bytes.u64()?, leaf: LeafHash::from_bytes(bytes.array()?) })
    }
}

/// Leaf hashes that were seen at one place of one ledger, and are more than one: the ledger has two histories, or somebody lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvidenceConflict {
    /// The ledger.
    pub ledger: LedgerId,
    /// The place.
    pub seq: u64,
    /// At least two, ascending.
    pub leaves: Vec<LeafHash>,
}

/// All evidence that was gathered. About 90 bytes an item.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EvidenceSet {
    items: BTreeSet<EvidenceItem>,
}

impl EvidenceSet {
    /// Takes up the items of one op; other payloads say nothing here. Cost: logarithmic an item.
    pub fn apply(&mut self, payload: &Payload) {
        if payload.kind() == PayloadKind::Evidence {
            self.items.extend(read_all(payload.as_bytes().get(1..).unwrap_or_default()));
        }
    }

    /// Whether this was seen.
    #[must_use]
    pub fn contains(&self, item: &EvidenceItem) -> bool {
        self.items.contains(item)
    }

    /// Leaf hashes that were seen at a place: one, none, or several that contradict each other.
    pub fn leaves(&self, ledger: LedgerId, seq: u64) -> impl Iterator<Item = LeafHash> {
        let at = |leaf| EvidenceItem { ledger, seq, leaf: LeafHash::from_bytes([leaf; 32]) };
        self.items.range(at(0)..=at(0xff)).map(|item| item.leaf)
    }

    /// All items, ascending.
    pub fn items(&self) -> impl Iterator<Item = &EvidenceItem> {
        self.items.iter()
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Places at which different leaf hashes were seen, ascending. Cost: linear in the set.
    #[must_use]
    pub fn conflicts(&self) -> Vec<EvidenceConflict> {
        let mut out: Vec<EvidenceConflict> = Vec::new();
        for (a, b) in self.items.iter().zip(self.items.iter().skip(1)) {
            if (a.ledger, a.seq) != (b.ledger, b.seq) {
                continue;
            }
            match out.last_mut().filter(|last| (last.ledger, last.seq) == (b.ledger, b.seq)) {
                Some(last) => last.leaves.push(b.leaf),
                None => out.push(EvidenceConflict { ledger: a.ledger, seq: a.seq, leaves: vec![a.leaf, b.leaf] }),
            }
        }
        out
    }

    /// The canonical bytes: a function of the set alone.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FORMAT.len() + ITEM * self.items.len());
        out.extend_from_slice(FORMAT);
        for item in &self.items {
            out.extend_from_slice(&item.to_bytes());
        }
        out
    }

    /// Reads what [`Self::encode`] writes. Cost: linear.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let mut rest = Bytes::new(bytes);
        if &rest.array::<14>()? != FORMAT {
            return Err(EvidenceError::Format);
        }
        let mut items: Vec<EvidenceItem> = Vec::new();
        while rest.left() > 0 {
            let item = EvidenceItem::read(&mut rest)?;
            if items.last().is_some_and(|last| *last >= item) {
                return Err(EvidenceError::Order { item: items.len() });
            }
            items.push(item);
        }
        Ok(Self { items: items.into_iter().collect() })
    }
}

impl Replicated for EvidenceSet {
    type Update = Payload;

    fn apply<P: Past + ?Sized>(&mut self, _past: &P, _op: OpIndex, update: &Payload) {
        self.apply(update);
    }

    fn encode(&self) -> Vec<u8> {
        self.encode()
    }
}

/// The payload of an op that says that these were seen, in any order. Cost: one sort.
///
/// # Errors
/// [`EvidenceError::Empty`], [`EvidenceError::TooMany`] above [`ITEMS_MAX`].
pub fn to_payload(items: impl IntoIterator<Item = EvidenceItem>) -> Result<Payload, EvidenceError> {
    let items: BTreeSet<EvidenceItem> = items.into_iter().collect();
    if items.is_empty() {
        return Err(EvidenceError::Empty);
    }
    if items.len() > ITEMS_MAX {
        return Err(EvidenceError::TooMany { limit: ITEMS_MAX, found: items.len() });
    }
    let mut out = vec![PayloadKind::Evidence.byte()];
    for item in &items {
        out.extend_from_slice(&item.to_bytes());
    }
    Ok(Payload::of_checked(PayloadKind::Evidence, out))
}

/// Reads all items of a payload, behind its kind.
pub(crate) fn check(bytes: &mut Bytes<'_>) -> Result<(), PayloadError> {
    let mut last: Option<EvidenceItem> = None;
    let mut count = 0;
    while bytes.left() > 0 {
        let item = EvidenceItem::read(bytes)?;
        if last.is_some_and(|last| last >= item) {
            return Err(PayloadError::EvidenceOrder { item: count });
        }
        last = Some(item);
        count += 1;
    }
    if count == 0 { Err(PayloadError::Nothing) } else { Ok(()) }
}

fn read_all(bytes: &[u8]) -> impl Iterator<Item = EvidenceItem> {
    let mut rest = Bytes::new(bytes);
    core::iter::from_fn(move || EvidenceItem::read(&mut rest).ok())
}
