//! The samples in the format pages are what the code writes and reads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod common;

use std::path::Path;

use common::*;
use serde_json::json;
use vm_core::digest::{LeafHash, RootHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::record::{RowDraft, StoredRow, SystemKind};
use vm_dee::intent::scroll_line;
use vm_dee::proposal::Evidence;
use vm_dee::{Approval, GatePolicy, Intent, Outcome, Proposal, Replay, Signed};

fn assert_shown(name: &str, sample: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(name);
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page.contains(&format!("\n{sample}\n")), "{name} does not show:\n{sample}");
}

fn row(draft: &RowDraft) -> StoredRow {
    stored(draft, 1).1
}

fn json_of(row: &StoredRow) -> String {
    row.text("meta_json").unwrap().to_owned()
}

fn sample_proposal() -> Signed<Proposal> {
    let mut content = proposal(row_id(1), Epoch::Nigredo, threshold(), at(9_000));
    content.evidence = vec![Evidence { row: row_id(0), leaf: LeafHash::of(b"evidence") }];
    content.rollback = Some(vm_dee::Change::Threshold { name: name("risk.max"), from: 0.75, to: 0.5 });
    Signed::sign(content, &key(PROPOSER)).unwrap()
}

#[test]
fn the_policy_page_shows_a_policy() {
    let only = |rules: Vec<vm_dee::Rule>| rules.into_iter().take(1).collect();
    let enrolled = identities().into_iter().take(2).collect();
    let signed = Signed::sign(policy(row_id(1), 1, enrolled, only(rules())), &key(ROOT)).unwrap();
    let row = row(&signed.draft(header(row_id(1), at(0))).unwrap());
    let read = Signed::<GatePolicy>::of_row(&row).unwrap();
    assert_eq!(read, signed);
    read.verify(ledger(), key(ROOT).public()).unwrap();
    assert_shown("gate-policy.md", &json_of(&row));
}

#[test]
fn the_proposal_page_shows_a_proposal() {
    let signed = sample_proposal();
    let row = row(&signed.draft(header(row_id(1), at(0))).unwrap());
    let read = Signed::<Proposal>::of_row(&row).unwrap();
    assert_eq!(read, signed);
    read.verify(ledger(), key(PROPOSER).public()).unwrap();
    assert_shown("dee-proposal.md", &json_of(&row));
    assert_shown("dee-proposal.md", &format!("proposal  {}", signed.hash().unwrap()));
}

#[test]
fn the_replay_page_shows_a_replay() {
    let proposal = sample_proposal();
    let value = json!({
        "format": "vm-dee-replay-v0", "ledger": ledger(), "proposal": proposal.reference().unwrap(),
        "plan": proposal.content().replay, "before": Sha256Digest::of(b"before"), "after": Sha256Digest::of(b"after"),
        "inputs": LeafHash::of(b"call").to_root(), "considered": 1, "benign": 1, "newly_blocked": 1, "newly_allowed": 0,
        "benign_blocked": 1, "examples": [row_id(0)],
    });
    let row = row(&raw(SystemKind::Replay, Some(row_id(1)), &value, header(row_id(2), at(0))));
    let read = Replay::of_row(&row).unwrap();
    assert_eq!((read.considered(), read.benign_blocked(), read.inputs() == RootHash::empty()), (1, 1, false));
    assert_shown("dee-replay.md", &json_of(&row));
}

#[test]
fn the_approval_page_shows_an_approval() {
    let content = approval(row_id(3), sample_proposal().reference().unwrap(), Epoch::Nigredo, 10, 0);
    let signed = Signed::sign(content, &key(10)).unwrap();
    let row = row(&signed.draft(header(row_id(3), at(0))).unwrap());
    let read = Signed::<Approval>::of_row(&row).unwrap();
    assert_eq!(read, signed);
    read.verify(ledger(), key(10).public()).unwrap();
    assert_shown("dee-approval.md", &json_of(&row));
}

#[test]
fn the_intent_page_shows_an_intent_and_its_line() {
    let reference = sample_proposal().reference().unwrap();
    let content = intent(reference, Epoch::Nigredo, vec![row_id(3), row_id(4)], 5);
    let row = row(&intent_draft(&content, header(row_id(5), at(0))));
    assert_eq!(Intent::of_row(&row).unwrap(), content);
    assert_shown("dee-intent.md", &json_of(&row));
    let line = scroll_line(ledger(), Epoch::Nigredo, reference).unwrap();
    assert_shown("dee-intent.md", core::str::from_utf8(&line).unwrap());
}

#[test]
fn the_outcome_page_shows_outcomes() {
    let reference = sample_proposal().reference().unwrap();
    for (end, intent) in [("succeeded", Some(row_id(5))), ("withheld", None)] {
        let row = row(&outcome_draft(end, reference, intent, header(row_id(6), at(0))));
        let read = Outcome::of_row(&row).unwrap();
        assert_eq!((read.end().as_str(), read.intent()), (end, intent));
        assert_shown("dee-outcome.md", &json_of(&row));
    }
}
