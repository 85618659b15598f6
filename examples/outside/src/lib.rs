//! Seals a list of JSON events with `vm-core` and `vm-seal` alone.
//!
//! The rules are in those two crates; clock and randomness are arguments of theirs. [`source`] brings the real ones.

pub mod source;

use std::error::Error;

use vm_core::capability::act;
use vm_core::id::{RowId, TraceId};
use vm_core::key::SigningIdentity;
use vm_core::source::{Clock, Entropy};
use vm_core::verdict::Report;
use vm_seal::bundle::{SealBundle, SealInputs};
use vm_seal::memory::{MemoryFiles, MemoryLedger, parse_events};
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;
use vm_seal::verify::verify_seal;

/// Kind that every event is recorded as.
const KIND: &str = "event";

/// Events in a ledger in memory, and the seal over them.
#[derive(Debug)]
pub struct SealedEvents {
    /// The ledger; its log names each event.
    pub ledger: MemoryLedger,
    /// Rows of the events, in the order of the list.
    pub rows: Vec<RowId>,
    /// The seal. Kept as a file it is what an anchor stamps.
    pub bundle: SealBundle,
}

/// Records each line of `jsonl` as an event and seals them all.
///
/// # Errors
/// The first line that is not strict JSON, or whatever refused; nothing is sealed then.
pub fn seal_events(jsonl: &[u8], clock: &dyn Clock, entropy: &mut dyn Entropy) -> Result<SealedEvents, Box<dyn Error>> {
    let events = parse_events(jsonl)?;
    let [root, signer, operator] = [(); 3].map(|()| SigningIdentity::generate(entropy));
    let (mut ledger, holder) = MemoryLedger::found(&root, signer, operator, clock, entropy)?;

    let recording = ledger.permit::<act::Record>(&holder, clock)?;
    let trace = TraceId::mint(clock, entropy);
    let mut rows = Vec::with_capacity(events.len());
    for event in &events {
        rows.push(ledger.record_event(&recording, KIND, event, trace, clock, entropy)?.row_id);
    }

    let sealing = ledger.permit::<act::Seal>(&holder, clock)?;
    let request = SealRequest {
        selection: Selection::everything(),
        scrolls: Vec::new(),
        checkpoint: &ledger.checkpoint()?,
        inputs: SealInputs::default(),
    };
    let bundle = seal(&ledger, request, ledger.signer(), &sealing, clock, entropy)?;
    Ok(SealedEvents { ledger, rows, bundle })
}

impl SealedEvents {
    /// Hashes every event anew and compares with the seal. The ledger's key is pinned; a verifier elsewhere would have
    /// been given it.
    ///
    /// # Errors
    /// Never in practice: a ledger's name is a key's name.
    pub fn verify(&self) -> Result<Report, Box<dyn Error>> {
        let key = self.ledger.key()?;
        Ok(verify_seal(&self.bundle, &self.ledger, Some(&MemoryFiles::new()), Some(&key)).0)
    }
}
