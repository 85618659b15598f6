//! Rows of the gate: what they say, and the fold over them.

use core::fmt::Debug;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use vm_core::canonical::{self, Value};
use vm_core::digest::{CapabilityHash, LeafHash, Sha256Digest};
use vm_core::id::{LedgerId, RowId};
use vm_core::key::{PublicKey, SigningIdentity};
use vm_core::record::{Genesis, RowDraft, RowHeader, StoredRow, SystemKind};
use vm_dee::content::{CONTENT_MAX, Signable, Signed};
use vm_dee::error::ContentError;
use vm_dee::{Approval, Gate, GatePolicy, Intent, Outcome, Proposal, Replay};

use crate::anchor::at;
use crate::capability::ledger;
use crate::record::{header_of, logged, system_row};
use crate::text::assert_silent;

/// All that was ever signed: the road of a proposal, a change of epoch, and the samples of the format pages.
const SIGNED: [&[u8]; 5] = [
    include_bytes!("../../seeds/gate_row/road"),
    include_bytes!("../../seeds/gate_row/epoch"),
    include_bytes!("../../seeds/gate_row/policy"),
    include_bytes!("../../seeds/gate_row/proposal"),
    include_bytes!("../../seeds/gate_row/approval"),
];

struct Known {
    root: PublicKey,
    stranger: PublicKey,
    other: LedgerId,
    /// Before any row.
    gate: Gate,
    contents: BTreeSet<String>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let key = |seed| SigningIdentity::from_seed(&[seed; 32]).public();
    let rows = SIGNED.iter().flat_map(|rows| logged(rows, bare));
    Known {
        root: key(1),
        stranger: key(99),
        other: LedgerId::from_genesis(LeafHash::from_bytes([2; 32])),
        gate: Gate::new(ledger(), &Genesis::new(key(1), key(2), Sha256Digest::of(b"nonce"))),
        contents: rows.filter_map(|(_, row)| row.text("meta_json").map(str::to_owned)).collect(),
    }
});

/// Each line is the leaf data of a row, or a content alone. What is read makes the same content again; it verifies for one
/// ledger, by one key, and only if it was signed; a row that the fold refuses changes nothing.
pub fn gate_row(data: &[u8]) {
    let mut gate = KNOWN.gate.clone();
    for (entry, row) in logged(data, bare) {
        check_signed::<GatePolicy>(data, &row, |_| KNOWN.root);
        check_signed::<Proposal>(data, &row, |proposal| proposal.proposer);
        check_signed::<Approval>(data, &row, |approval| approval.approver);
        check_unsigned(data, &row, Replay::of_row, Replay::draft);
        check_unsigned(data, &row, Outcome::of_row, Outcome::draft);
        check_intent(data, &row);
        let before = gate.clone();
        if let Err(violation) = gate.apply(&entry, &row) {
            assert!(gate == before, "a refused row changed the state: {violation:?}");
            assert_silent(&violation, data);
        }
    }
    for proposal in gate.open() {
        assert!(gate.stage(proposal.row, at()).is_some(), "open, so at some stage");
    }
    assert!(gate.unfinished().iter().all(|unfinished| gate.open().any(|open| open == unfinished.proposal())));
}

/// The row that a content alone would stand in.
fn bare(line: &[u8]) -> Option<StoredRow> {
    let value = canonical::parse_exact(line, CONTENT_MAX).ok()?;
    let kind = SystemKind::of_word(value.get("format")?.as_str()?.strip_suffix("-v0")?)?;
    let row = |pointer| value.pointer(pointer).and_then(Value::as_str)?.parse::<RowId>().ok();
    let id = row("/row").unwrap_or(RowId::from_bytes([6; 16]));
    let header = RowHeader { id, ts: at(), trace_id: vm_core::id::TraceId::from_bytes([8; 16]), corrects: None };
    system_row(kind, row("/intent").or_else(|| row("/proposal/row")), &value, header)
}

fn check_signed<C>(data: &[u8], row: &StoredRow, signer: impl Fn(&C) -> PublicKey)
where
    C: Signable + PartialEq + Debug,
{
    let read = match Signed::<C>::of_row(row) {
        Ok(read) => read,
        Err(error) => return assert_silent(&error, data),
    };
    let again = drafted(row, read.draft(header_of(row)));
    assert_eq!(Signed::<C>::of_row(&again).as_ref(), Ok(&read));
    let who = signer(read.content());
    if read.verify(ledger(), who).is_ok() {
        assert!(row.text("meta_json").is_some_and(|json| KNOWN.contents.contains(json)), "never signed: {read:?}");
    }
    assert!(read.verify(KNOWN.other, who).is_err(), "holds in another ledger");
    assert!(read.verify(ledger(), KNOWN.stranger).is_err(), "signed by somebody else");
}

fn check_unsigned<C: PartialEq + Debug>(
    data: &[u8],
    row: &StoredRow,
    of_row: fn(&StoredRow) -> Result<C, ContentError>,
    draft: fn(&C, RowHeader) -> Result<RowDraft, ContentError>,
) {
    match of_row(row) {
        Ok(read) => assert_eq!(of_row(&drafted(row, draft(&read, header_of(row)))).as_ref(), Ok(&read)),
        Err(error) => assert_silent(&error, data),
    }
}

/// The road alone makes rows of intents, so the content is written here.
fn check_intent(data: &[u8], row: &StoredRow) {
    match Intent::of_row(row) {
        Ok(intent) => {
            let mut value = serde_json::to_value(&intent).expect("an intent is JSON");
            value["format"] = Value::from("vm-dee-intent-v0");
            assert_eq!(canonical::to_text(&value).ok().as_deref(), row.text("meta_json"));
        }
        Err(error) => assert_silent(&error, data),
    }
}

/// The row that what was read makes, which says the same.
fn drafted(row: &StoredRow, draft: Result<RowDraft, ContentError>) -> StoredRow {
    let draft = draft.expect("what was read can be drafted");
    let again = draft.complete(Some(CapabilityHash::from_bytes([3; 32]))).expect("a draft makes a row");
    for column in ["kind", "meta_json", "subject_id"] {
        assert_eq!(again.cell(column), row.cell(column));
    }
    again
}
