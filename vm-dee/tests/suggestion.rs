//! What guardians and forecasts ask for, and the drafts that are made of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod common;

use std::path::Path;

use common::*;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, SealId};
use vm_core::path::VaultPath;
use vm_core::record::{ArtifactFile, ArtifactKind, ProofArtifact, StoredRow, SystemKind};
use vm_dee::proposal::{Direction, Effect, Evidence};
use vm_dee::suggestion::suggestion_table;
use vm_dee::{Change, ChangeKind, CommandLine, Risk, Signed, Suggestion};
use vm_guardian::{ChangeKind as Asked, EvidenceRef};

fn evidence(number: u64) -> Evidence {
    Evidence { row: row_id(number), leaf: LeafHash::of(&number.to_be_bytes()) }
}

/// What a guardian asks for by the evidence of rows 5 and 3, in a report that stands in row 9 and saw 40 places.
fn asks(asked: Asked) -> Suggestion {
    let rows = [5, 3].map(evidence).map(|row| EvidenceRef { row: row.row, leaf: row.leaf });
    let proposal = vm_guardian::Proposal {
        title: "set the outlying signals on api aside".to_owned(),
        change: asked,
        evidence: rows.to_vec(),
        effect: "support rests on a quorum that agrees".to_owned(),
    };
    Suggestion::of_guardian(evidence(9), Some(40), &proposal)
}

fn command() -> Change {
    let line = CommandLine { program: "true".to_owned(), args: Vec::new() };
    Change::Command { command: line.digest().unwrap() }
}

fn seal_row(number: u64, seal: SealId) -> StoredRow {
    let path: VaultPath = format!("seals/{seal}.json").parse().unwrap();
    let file = ArtifactFile { path, sha256: Sha256Digest::of(b"seal"), size: 4, blake3: None };
    let kind = ArtifactKind::system(SystemKind::Seal);
    let artifact =
        ProofArtifact { header: header(row_id(number), at(0)), kind, file: Some(file), subject: None, meta: None };
    artifact.into_draft(None).unwrap().complete(None).unwrap()
}

#[test]
fn a_draft_rests_on_the_report_and_passes_the_gate_once_it_is_signed() {
    let mut feed = Feed::new();
    let draft = asks(Asked::QuarantineSignals).draft(threshold(), Epoch::Nigredo).unwrap();
    let head = feed.header();
    let proposal = draft.proposal(ledger(), head.id, key(PROPOSER).public(), at(100)).unwrap();
    assert_eq!(proposal.evidence, [3, 5, 9].map(evidence));
    assert_eq!(proposal.expected, [Effect { measure: name("signals.outlying"), direction: Direction::Falls }]);
    assert_eq!((proposal.risk, proposal.epoch), (Risk::Medium, Epoch::Nigredo));
    // A threshold that moves moves back, and is replayed over what the guardian saw.
    let back = Change::Threshold { name: name("risk.max"), from: 0.75, to: 0.5 };
    let plan = proposal.replay.unwrap();
    assert_eq!((proposal.rollback.as_ref(), plan.from, plan.to, plan.benign_blocked_max), (Some(&back), 0, 40, 0));
    let signed = Signed::sign(proposal, &key(PROPOSER)).unwrap();
    feed.feed(&signed.draft(head).unwrap()).unwrap();
    // Nobody has approved it: a suggestion weighs nothing.
    assert_eq!(feed.gate.approved(&signed, at(1)).unwrap_err().code(), "gate-quorum");
}

#[test]
fn only_what_was_asked_for_is_drafted_and_at_no_lower_risk() {
    let other =
        asks(Asked::QuarantineSignals).draft(Change::Epoch { from: Epoch::Nigredo, to: Epoch::Rubedo }, Epoch::Nigredo);
    assert_eq!(other.unwrap_err().code(), "suggestion-other-change");
    let restore = asks(Asked::Restore);
    assert_eq!(restore.draft(threshold(), Epoch::Rubedo).unwrap_err().code(), "suggestion-other-change");
    let draft = restore.draft(command(), Epoch::Rubedo).unwrap();
    assert_eq!(draft.clone().at_risk(Risk::Medium).unwrap_err().code(), "suggestion-risk");
    let head = row_id(1);
    let made = draft.proposal(ledger(), head, key(PROPOSER).public(), at(1)).unwrap();
    assert_eq!((made.risk, made.rollback, made.replay), (Risk::High, None, None));
    // A word of the guardian's own, and a forecast, leave the change to whoever proposes, and say of no measure that it falls.
    for suggestion in [asks(Asked::Other("sing".to_owned())), Suggestion::of_forecast([evidence(2)], None)] {
        let draft = suggestion.draft(threshold(), Epoch::Nigredo).unwrap();
        let made = draft.at_risk(Risk::High).unwrap().proposal(ledger(), head, key(PROPOSER).public(), at(1)).unwrap();
        assert_eq!((made.risk, made.expected.len()), (Risk::High, 0));
    }
}

#[test]
fn what_is_added_stays_within_the_limits_of_proposals() {
    let draft = asks(Asked::QuarantineSignals).draft(threshold(), Epoch::Nigredo).unwrap();
    let make = |draft: vm_dee::Draft| draft.proposal(ledger(), row_id(1), key(PROPOSER).public(), at(1));
    let more = make(draft.clone().resting_on([evidence(5), evidence(4)])).unwrap();
    assert_eq!(more.evidence, [3, 4, 5, 9].map(evidence));
    let effect = Effect { measure: name("a"), direction: Direction::Rises };
    assert_eq!(make(draft.clone().expecting([effect.clone(), effect])).unwrap().expected.len(), 2);
    let many = make(draft.clone().resting_on((10..300).map(evidence)));
    assert_eq!(many.unwrap_err().code(), "dee-too-many");
    // One row with two hashes.
    let twice = Evidence { leaf: LeafHash::of(b"another"), ..evidence(5) };
    assert_eq!(make(draft.clone().resting_on([twice])).unwrap_err().code(), "dee-order");
    let nowhere = Change::Threshold { name: name("risk.max"), from: 0.5, to: f64::NAN };
    assert_eq!(make(draft.undone_by(nowhere)).unwrap_err().code(), "dee-not-finite");
}

#[test]
fn one_seal_to_be_anchored_again_leaves_no_choice() {
    let seal = SealId::from_bytes([6; 16]);
    let rows = |seals: &'static [u64]| {
        move |row: RowId| {
            seals
                .iter()
                .find(|number| row_id(**number) == row)
                .map(|number| seal_row(*number, SealId::from_bytes([6; 16])))
        }
    };
    let asked = asks(Asked::Reanchor);
    assert_eq!(asked.only_change(rows(&[5])), Some(Change::Reanchor { seal }));
    assert_eq!(asked.only_change(rows(&[3, 5])), None, "either of two");
    assert_eq!(asked.only_change(rows(&[])), None);
    assert_eq!(asks(Asked::Reseal).only_change(rows(&[5])), None);
    let draft = asked.draft(Change::Reanchor { seal }, Epoch::Nigredo).unwrap();
    let made = draft.proposal(ledger(), row_id(1), key(PROPOSER).public(), at(1)).unwrap();
    assert_eq!((made.risk, made.change.kind()), (Risk::Low, ChangeKind::Reanchor));
}

#[test]
fn the_page_holds_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec/dee-proposal.md");
    let (page, table) = (std::fs::read_to_string(path).unwrap(), suggestion_table());
    assert!(page.contains(&table), "docs/spec/dee-proposal.md does not hold:\n{table}");
}
