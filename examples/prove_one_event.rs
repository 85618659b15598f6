//! Was this one event in the ledger, if I may see no other?
//!
//! The owner of a ledger hands over one event, a proof of a few hashes and a signed checkpoint. Whoever has pinned the
//! ledger's key checks them with nothing else: no ledger, no database, none of the other events.
//!
//! ```text
//! cargo run -p vaultmesh-examples --example prove_one_event
//! ```

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use vm_core::capability::act;
use vm_core::digest::LeafHash;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_core::record::StoredRow;
use vm_core::source::{Clock, Entropy};
use vm_core::view::EvidenceView as _;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::memory::MemoryLedger;
use vm_seal::merkle::{InclusionProof, LeafIndex};

/// What the owner hands over, as bytes and texts.
struct Handed {
    leaf_data: Vec<u8>,
    index: LeafIndex,
    proof: InclusionProof,
    checkpoint: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (ledger, events) = record(1_000, &SystemClock, &mut OsEntropy)?;
    let pinned = ledger.key()?;
    let handed = hand_over(&ledger, events[417])?;
    println!(
        "the owner hands over {} bytes of event and {} hashes",
        handed.leaf_data.len(),
        handed.proof.hashes().len()
    );

    let event = check(&handed, &pinned)?;
    println!("it was in the ledger: {}", event.text("meta_json").unwrap_or_default());

    let changed = String::from_utf8(handed.leaf_data.clone())?.replace(":417,", ":418,").into_bytes();
    match check(&Handed { leaf_data: changed, ..handed }, &pinned) {
        Ok(_) => Err("a changed event passed".into()),
        Err(refusal) => {
            println!("with one digit changed: {refusal}");
            Ok(())
        }
    }
}

/// The owner's side, long before: a ledger of many events.
fn record(
    count: u32,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<(MemoryLedger, Vec<RowId>), Box<dyn Error>> {
    let [root, log, operator] = [(); 3].map(|()| SigningIdentity::generate(entropy));
    let (mut ledger, holder) = MemoryLedger::found(&root, log, operator, clock, entropy)?;
    let permit = ledger.permit::<act::Record>(&holder, clock)?;
    let trace = TraceId::mint(clock, entropy);
    let mut events = Vec::new();
    for number in 0..count {
        let event = json!({"tool": "transfer", "number": number});
        events.push(ledger.record_event(&permit, "event", &event, trace, clock, entropy)?.row_id);
    }
    Ok((ledger, events))
}

/// The owner's side, when asked.
fn hand_over(ledger: &MemoryLedger, event: RowId) -> Result<Handed, Box<dyn Error>> {
    let logged = ledger.row(event)?.ok_or("no such event")?;
    let index = LeafIndex::new(logged.entry.seq);
    Ok(Handed {
        leaf_data: logged.row.leaf_data()?,
        index,
        proof: ledger.tree().prove_inclusion(index, ledger.tree_size())?,
        checkpoint: ledger.checkpoint()?.to_string(),
    })
}

/// The auditor's side: the event, if the ledger with this key held it.
fn check(handed: &Handed, pinned: &NoteKey) -> Result<StoredRow, Box<dyn Error>> {
    let checkpoint = Checkpoint::verify(&Note::parse(handed.checkpoint.as_bytes())?, pinned)?;
    let leaf = LeafHash::of(&handed.leaf_data);
    handed.proof.verify(leaf, handed.index, checkpoint.size(), checkpoint.root())?;
    Ok(StoredRow::parse_leaf_data(&handed.leaf_data)?)
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Instant::from_micros(micros).unwrap_or(Instant::MAX)
    }
}

struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::expect_used, reason = "keys that can be guessed are worse than none")]
    fn fill(&mut self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use vm_core::source::hazmat::{CountingEntropy, SteppingClock};

    use super::*;

    #[test]
    fn an_event_is_proven_and_a_changed_one_is_not() {
        let clock = SteppingClock::new(Instant::from_micros(1_790_000_000_000_000).unwrap());
        let (ledger, events) = record(9, &clock, &mut CountingEntropy::new(1)).unwrap();
        let pinned = ledger.key().unwrap();
        let first = events[0];
        for event in events {
            let handed = hand_over(&ledger, event).unwrap();
            assert_eq!(check(&handed, &pinned).unwrap().id(), Ok(event));
            for at in 0..handed.leaf_data.len() {
                let mut leaf_data = handed.leaf_data.clone();
                leaf_data[at] ^= 1;
                let changed = Handed {
                    leaf_data,
                    index: handed.index,
                    proof: handed.proof.clone(),
                    checkpoint: handed.checkpoint.clone(),
                };
                assert!(check(&changed, &pinned).is_err(), "byte {at}");
            }
        }
        let stranger = NoteKey::new(pinned.name(), SigningIdentity::from_seed(&[9; 32]).public()).unwrap();
        let handed = hand_over(&ledger, first).unwrap();
        assert!(check(&handed, &stranger).is_err());
    }
}
