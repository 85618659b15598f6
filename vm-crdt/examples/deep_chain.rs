//! A chain of a million ops, each the parent of the next, taken, packed, and read again with whatever stack there is:
//! `cargo run --release -p vm-crdt --example deep_chain [OPS]`. Too long for the tests, which do the same with ten thousand.

use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::pack::{Unpack, pack};
use vm_crdt::{Charter, Limits, OpIndex, Past as _, Payload, Replica};

/// Bytes of a pack; the chain goes in some two hundred of them.
const PACK: usize = 1 << 19;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let length: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let author = SigningIdentity::from_seed(&[1; 32]);
    let ledger = LedgerId::from_genesis(LeafHash::of(b"genesis"));
    let charter = Charter::new(ledger, vec![author.public()], vec![author.public()], 1)?;
    let mut here = Replica::new(charter.clone(), Limits::default());
    for _ in 0..length {
        here.write(Payload::vouch(), &author)?;
    }
    let mut there = Replica::new(charter, Limits::default());
    let ops: Vec<OpIndex> = here.graph().counting().collect();
    let mut rest = ops.as_slice();
    while !rest.is_empty() {
        let (bytes, taken) = pack(here.graph(), rest, PACK);
        for op in Unpack::new(&bytes)? {
            let _ = there.insert_packed(op?)?;
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    let (first, last) = (OpIndex::from_u32(0), OpIndex::from_u32(length.saturating_sub(1)));
    assert!(there.graph().is_or_precedes(first, last), "the first op lies in the past of the last");
    assert!(here.graph().heads().eq(there.graph().heads()), "both hold the same");
    Ok(())
}
