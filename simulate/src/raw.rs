//! Ops as liars make them: anything that can be signed, and packs of it. The encoder is written from `docs/spec/crdt-pack.md` alone.

use std::collections::BTreeSet;

use vm_core::digest::Sha256Digest;
use vm_core::key::{PublicKey, Signature, SigningIdentity};
use vm_crdt::{Graph, GraphId, OpHead, OpId, OpIndex, Payload, SignedHead, SignedOp};

/// An op with a signature that may be wrong.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) head: OpHead,
    pub(crate) id: OpId,
    pub(crate) signature: Signature,
    pub(crate) payload: Payload,
}

impl Raw {
    /// Signs a head, whatever it says.
    pub(crate) fn sign(mut head: OpHead, payload: Payload, key: &SigningIdentity) -> Self {
        head.author = key.public();
        head.others.sort_unstable();
        head.others.dedup();
        head.payload_len = u64::try_from(payload.as_bytes().len()).unwrap_or(u64::MAX);
        head.payload_hash = Sha256Digest::of(payload.as_bytes());
        let id = head.id();
        let signature = key.sign(&[b"vm-op-v0 signature\n".as_slice(), id.as_bytes()].concat());
        Self { head, id, signature, payload }
    }

    /// An op that a replica holds whole.
    pub(crate) fn held(graph: &Graph, op: OpIndex) -> Option<Self> {
        let (signed, payload) = (graph.head(op)?, graph.payload(op)?);
        let (head, signature) = (signed.head().clone(), *signed.signature());
        Some(Self { head, id: *signed.id(), signature, payload: payload.clone() })
    }

    /// The op, if its signature holds.
    pub(crate) fn checked(&self) -> Option<SignedOp> {
        let signed = SignedHead::check(self.head.clone(), self.signature).ok()?;
        SignedOp::join(signed, self.payload.clone()).ok()
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn count(out: &mut Vec<u8>, value: usize) {
    varint(out, u64::try_from(value).unwrap_or(u64::MAX));
}

/// A pack of these ops, in this order. Each names ops before it or outside.
pub(crate) fn pack(graph: &GraphId, ops: &[Raw]) -> Vec<u8> {
    let authors: BTreeSet<PublicKey> = ops.iter().map(|op| op.head.author).collect();
    let authors: Vec<PublicKey> = authors.into_iter().collect();
    let inside = |at: usize, id: &OpId| ops.iter().take(at).position(|op| op.id == *id);
    let mut outside = BTreeSet::new();
    for (at, op) in ops.iter().enumerate() {
        outside.extend(op.head.predecessors().filter(|id| inside(at, id).is_none()).copied());
    }
    let outside: Vec<OpId> = outside.into_iter().collect();
    let mut out = b"vm-crdt-pack-v0\n".to_vec();
    out.extend_from_slice(graph.as_bytes());
    count(&mut out, authors.len());
    authors.iter().for_each(|author| out.extend_from_slice(author.as_bytes()));
    count(&mut out, outside.len());
    outside.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
    count(&mut out, ops.len());
    for (at, op) in ops.iter().enumerate() {
        let refer = |id: &OpId| match inside(at, id) {
            Some(place) => at - place,
            None => 1 + at + outside.binary_search(id).unwrap_or(0),
        };
        count(&mut out, authors.binary_search(&op.head.author).unwrap_or(0));
        varint(&mut out, op.head.epoch);
        let parent = op.head.parent.as_ref().map_or(0, &refer);
        count(&mut out, parent);
        if parent > at {
            varint(&mut out, op.head.seq);
        }
        count(&mut out, op.head.others.len());
        op.head.others.iter().for_each(|id| count(&mut out, refer(id)));
        count(&mut out, 1 + op.payload.as_bytes().len());
        out.extend_from_slice(op.payload.as_bytes());
        out.extend_from_slice(op.signature.as_bytes());
    }
    out
}

/// Packs of these ops, each of one op: so wrong numbers of parents and orders can be said too.
pub(crate) fn packs(graph: &GraphId, ops: &[Raw]) -> Vec<Vec<u8>> {
    ops.iter().map(|op| pack(graph, core::slice::from_ref(op))).collect()
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::id::LedgerId;
    use vm_crdt::{Charter, Limits, Replica};

    use super::*;

    #[test]
    fn this_encoder_and_the_crates_own_write_the_same() {
        let keys: Vec<SigningIdentity> = (1..=3).map(|n| SigningIdentity::from_seed(&[n; 32])).collect();
        let members = keys.iter().map(SigningIdentity::public).collect();
        let charter = Charter::new(LedgerId::from_genesis(LeafHash::of(b"x")), members, vec![keys[0].public()], 1);
        let mut replica = Replica::new(charter.unwrap(), Limits::default());
        for at in 0..12 {
            replica.write(Payload::vouch(), &keys[at % 3]).unwrap();
        }
        let places: Vec<OpIndex> = replica.graph().counting().skip(4).collect();
        let ops: Vec<Raw> = places.iter().map(|op| Raw::held(replica.graph(), *op).unwrap()).collect();
        let (theirs, taken) = vm_crdt::pack::pack(replica.graph(), &places, 1 << 20);
        assert_eq!(taken, 8);
        assert_eq!(pack(&replica.graph().name(), &ops), theirs);
        assert_eq!(ops[3].checked().map(|op| *op.id()), Some(ops[3].id));
    }
}
