//! Many ops in few bytes: what travels and what is stored.
//!
//! ```text
//! pack = "vm-crdt-pack-v0\n" | graph (32)
//!        | authors: count, then 32 each, ascending            | outside: count, then 32 each, ascending
//!        | ops: count, then each
//! op   = author: place in the list | epoch | parent: reference, 0 where there is none | seq, only where the parent is not in the pack
//!        | others: count, then references, in the order of the names | payload: 0 and its length and SHA-256, or 1 + its length and its bytes
//!        | signature (64)
//! reference = 1 + how many ops back, or 1 + index of this op + place in the list of those outside
//! ```
//!
//! Counts, places and lengths are LEB128 integers. Names of ops are nowhere in it but for predecessors that it does not hold: they follow from the
//! heads, which are put together again and whose signatures are checked. An op costs its payload, its signature and about six bytes. The
//! format is `docs/spec/crdt-pack.md`.

use std::collections::{BTreeSet, HashMap};

use vm_core::digest::Sha256Digest;
use vm_core::key::{PreparedKey, PublicKey, Signature};

use crate::bytes::{Bytes, put_varint, wide};
use crate::charter::MEMBERS_MAX;
use crate::error::{OpError, PackError};
use crate::graph::Graph;
use crate::id::{GraphId, OpId, OpIndex};
use crate::op::{OTHERS_MAX, OpHead, SignedHead, SignedOp};
use crate::payload::{PAYLOAD_MAX, Payload};

/// First bytes of a pack.
pub const FORMAT: &[u8; 16] = b"vm-crdt-pack-v0\n";
/// Bytes that an op takes at least: its signature, and one each for author, epoch, parent, others and payload.
const OP_MIN: usize = 64 + 5;

/// An op out of a pack. Its signature holds, and the payload is the one that the head names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedOp {
    signed: SignedHead,
    payload: Option<Payload>,
}

/// An op with its payload.
impl From<SignedOp> for PackedOp {
    fn from(op: SignedOp) -> Self {
        let (signed, payload) = op.into_parts();
        Self { signed, payload: Some(payload) }
    }
}

impl PackedOp {
    /// An op as somebody has it who compacted its payload away.
    #[must_use]
    pub const fn bare(signed: SignedHead) -> Self {
        Self { signed, payload: None }
    }

    /// Head and signature.
    #[must_use]
    pub const fn signed(&self) -> &SignedHead {
        &self.signed
    }

    /// The payload; nothing where whoever packed it had compacted it away.
    #[must_use]
    pub const fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// Head and payload.
    #[must_use]
    pub fn into_parts(self) -> (SignedHead, Option<Payload>) {
        (self.signed, self.payload)
    }

    /// The op, where its payload is there.
    #[must_use]
    pub fn into_op(self) -> Option<SignedOp> {
        Some(SignedOp::of_checked(self.signed, self.payload?))
    }
}

/// Packs ops of a graph, which come each after its past, until the pack would be longer than `limit` bytes. At least one op goes in,
/// however long. The pack, and how many ops it holds.
///
/// Cost: linear in the bytes.
#[must_use]
pub fn pack(graph: &Graph, ops: &[OpIndex], limit: usize) -> (Vec<u8>, usize) {
    let heads: Vec<&SignedHead> = ops.iter().map_while(|op| graph.head(*op)).collect();
    let mut taken = 0;
    let mut size = FORMAT.len() + 32 + 30;
    let mut authors = BTreeSet::new();
    let mut named = BTreeSet::new();
    let mut inside = HashMap::new();
    for (at, (signed, op)) in heads.iter().zip(ops).enumerate() {
        let head = signed.head();
        let payload = graph.payload(*op).map_or(32, |payload| payload.as_bytes().len());
        let fresh: Vec<OpId> =
            head.predecessors().filter(|id| !inside.contains_key(*id) && !named.contains(*id)).copied().collect();
        let author = if authors.contains(&head.author) { 0 } else { 32 };
        // The longest that each integer can be, so that the pack is never longer than was reckoned.
        let cost = OP_MIN + 30 + author + payload + 32 * fresh.len() + 5 * head.others.len();
        if taken > 0 && size + cost > limit {
            break;
        }
        size += cost;
        authors.insert(head.author);
        named.extend(fresh);
        inside.insert(*signed.id(), at);
        taken += 1;
    }
    let outside: Vec<OpId> = named.into_iter().collect();
    let authors: Vec<PublicKey> = authors.into_iter().collect();
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(FORMAT);
    out.extend_from_slice(graph.name().as_bytes());
    put_varint(&mut out, wide(authors.len()));
    authors.iter().for_each(|author| out.extend_from_slice(author.as_bytes()));
    put_varint(&mut out, wide(outside.len()));
    outside.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
    put_varint(&mut out, wide(taken));
    let refer = |at: usize, id: &OpId| -> u64 {
        match inside.get(id) {
            Some(place) if *place < at => wide(at - place),
            _ => wide(1 + at + outside.binary_search(id).unwrap_or_default()),
        }
    };
    for (at, (signed, op)) in heads.iter().zip(ops).take(taken).enumerate() {
        let author = authors.binary_search(&signed.head().author).unwrap_or_default();
        put_op(&mut out, signed, author, graph.payload(*op), |id| refer(at, id), at);
    }
    (out, taken)
}

fn put_op(
    out: &mut Vec<u8>,
    signed: &SignedHead,
    author: usize,
    payload: Option<&Payload>,
    refer: impl Fn(&OpId) -> u64,
    at: usize,
) {
    let head = signed.head();
    put_varint(out, wide(author));
    put_varint(out, head.epoch);
    let parent = head.parent.as_ref().map_or(0, &refer);
    put_varint(out, parent);
    if parent > wide(at) {
        put_varint(out, head.seq);
    }
    put_varint(out, wide(head.others.len()));
    head.others.iter().for_each(|id| put_varint(out, refer(id)));
    match payload {
        Some(payload) => {
            put_varint(out, 1 + wide(payload.as_bytes().len()));
            out.extend_from_slice(payload.as_bytes());
        }
        None => {
            put_varint(out, 0);
            put_varint(out, head.payload_len);
            out.extend_from_slice(head.payload_hash.as_bytes());
        }
    }
    out.extend_from_slice(signed.signature().as_bytes());
}

/// Reads a pack one op after the other, and checks each signature.
#[derive(Debug)]
pub struct Unpack<'a> {
    rest: Bytes<'a>,
    graph: GraphId,
    authors: Vec<PreparedKey>,
    outside: Vec<OpId>,
    /// Name and number of each op that was read.
    read: Vec<(OpId, u64)>,
    count: usize,
    /// Lists and references that no op has needed yet: a pack has one form.
    unused_authors: usize,
    used_authors: Vec<bool>,
    used_outside: Vec<bool>,
    has_failed: bool,
}

impl<'a> Unpack<'a> {
    /// Begins to read a pack.
    ///
    /// # Errors
    /// [`PackError`]: another format, lists out of order or longer than what is there.
    pub fn new(bytes: &'a [u8]) -> Result<Self, PackError> {
        let mut rest = Bytes::new(bytes);
        if &rest.array::<16>()? != FORMAT {
            return Err(PackError::Format);
        }
        let graph = GraphId::from_digest(Sha256Digest::from_bytes(rest.array()?));
        let count = counted(&mut rest, 32)?;
        if count > MEMBERS_MAX {
            return Err(PackError::Authors { limit: MEMBERS_MAX, found: count });
        }
        let mut authors: Vec<PreparedKey> = Vec::new();
        for at in 0..count {
            let author = PublicKey::from_bytes(rest.array()?)
                .and_then(|author| author.prepare())
                .map_err(|source| PackError::Op { at: 0, source: OpError::Author(source) })?;
            if authors.last().is_some_and(|last| last.key() >= author.key()) {
                return Err(PackError::Order { at });
            }
            authors.push(author);
        }
        let count = counted(&mut rest, 32)?;
        let mut outside: Vec<OpId> = Vec::new();
        for at in 0..count {
            let id = OpId::from_bytes(rest.array()?);
            if outside.last().is_some_and(|last| *last >= id) {
                return Err(PackError::Order { at });
            }
            outside.push(id);
        }
        let count = counted(&mut rest, OP_MIN)?;
        let (used_authors, used_outside) = (vec![false; authors.len()], vec![false; outside.len()]);
        let unused_authors = authors.len();
        Ok(Self {
            rest,
            graph,
            authors,
            outside,
            read: Vec::new(),
            count,
            unused_authors,
            used_authors,
            used_outside,
            has_failed: false,
        })
    }

    /// The graph whose ops these are.
    #[must_use]
    pub const fn graph(&self) -> GraphId {
        self.graph
    }

    fn op(&mut self) -> Result<PackedOp, PackError> {
        let at = self.read.len();
        let place = usize::try_from(self.rest.varint()?).unwrap_or(usize::MAX);
        let by = *self.authors.get(place).ok_or(PackError::Reference { at })?;
        if let Some(used) = self.used_authors.get_mut(place).filter(|used| !**used) {
            *used = true;
            self.unused_authors -= 1;
        }
        let epoch = self.rest.varint()?;
        let parent = self.rest.varint()?;
        let (parent, seq) = if parent == 0 {
            (None, 0)
        } else {
            let (id, seq) = self.resolve(parent, at)?;
            let seq = match seq {
                Some(seq) => seq.checked_add(1).ok_or(PackError::Reference { at })?,
                None => self.rest.varint()?,
            };
            if seq == 0 {
                return Err(PackError::Reference { at });
            }
            (Some(id), seq)
        };
        let count = counted(&mut self.rest, 1)?;
        if count > OTHERS_MAX {
            let source = OpError::TooManyPredecessors { limit: OTHERS_MAX, found: count };
            return Err(PackError::Op { at, source });
        }
        let mut others = Vec::with_capacity(count);
        for _ in 0..count {
            let reference = self.rest.varint()?;
            others.push(self.resolve(reference, at)?.0);
        }
        let (payload, payload_len, payload_hash) = self.payload(at)?;
        let signature = Signature::from_bytes(self.rest.array()?);
        let author = *by.key();
        let head = OpHead { graph: self.graph, epoch, author, seq, parent, others, payload_len, payload_hash };
        let signed = SignedHead::check_by(&by, head, signature).map_err(|source| PackError::Op { at, source })?;
        self.read.push((*signed.id(), seq));
        Ok(PackedOp { signed, payload })
    }

    fn payload(&mut self, at: usize) -> Result<(Option<Payload>, u64, Sha256Digest), PackError> {
        let wanted = self.rest.varint()?;
        let Some(length) = wanted.checked_sub(1) else {
            return Ok((None, self.rest.varint()?, Sha256Digest::from_bytes(self.rest.array()?)));
        };
        if length > wide(PAYLOAD_MAX) {
            return Err(PackError::Op { at, source: OpError::PayloadTooLong { limit: PAYLOAD_MAX, found: length } });
        }
        let bytes = self.rest.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let payload =
            Payload::decode(bytes).map_err(|source| PackError::Op { at, source: OpError::Payload(source) })?;
        Ok((Some(payload), length, Sha256Digest::of(bytes)))
    }

    /// The op that a reference means, and its number where it is in the pack.
    fn resolve(&mut self, reference: u64, at: usize) -> Result<(OpId, Option<u64>), PackError> {
        let reference = usize::try_from(reference).unwrap_or(usize::MAX);
        if let Some((id, seq)) =
            at.checked_sub(reference).filter(|_| reference > 0).and_then(|place| self.read.get(place))
        {
            return Ok((*id, Some(*seq)));
        }
        let place = reference.checked_sub(1 + at).ok_or(PackError::Reference { at })?;
        let id = *self.outside.get(place).ok_or(PackError::Reference { at })?;
        if let Some(used) = self.used_outside.get_mut(place) {
            *used = true;
        }
        Ok((id, None))
    }

    fn end(&self) -> Result<(), PackError> {
        self.rest.end()?;
        let inside: BTreeSet<&OpId> = self.read.iter().map(|(id, _)| id).collect();
        let is_spare = self.used_outside.contains(&false) || self.outside.iter().any(|id| inside.contains(id));
        if self.unused_authors > 0 || is_spare || inside.len() < self.read.len() {
            Err(PackError::Spare)
        } else {
            Ok(())
        }
    }
}

impl Iterator for Unpack<'_> {
    type Item = Result<PackedOp, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let next = if self.read.len() < self.count { Some(self.op()) } else { self.end().err().map(Err) };
        self.has_failed = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A count of things that take `each` bytes at least, which must be there.
fn counted(rest: &mut Bytes<'_>, each: usize) -> Result<usize, PackError> {
    let at = rest.at();
    let wanted = rest.varint()?;
    let count = usize::try_from(wanted).unwrap_or(usize::MAX);
    if count > rest.left() / each {
        return Err(crate::error::BytesError::Length { at, wanted, left: rest.left() }.into());
    }
    Ok(count)
}
