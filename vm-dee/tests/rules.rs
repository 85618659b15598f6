//! Rules of the fold that a reviewer found missing once: each is refused by name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use serde_json::json;
use vm_core::digest::{RootHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_core::record::SystemKind;
use vm_dee::error::{ContentError, Violation};
use vm_dee::{Change, ChangeKind, Identity, Risk, Signed};

fn code<T: std::fmt::Debug>(answer: Result<T, Violation>) -> &'static str {
    let violation = answer.unwrap_err();
    assert!(!violation.remedy().is_empty());
    violation.code()
}

/// The usual identities with these keys of bob's and cat's.
fn with_keys(bob: &[u8], cat: &[u8]) -> Vec<Identity> {
    let mut all = identities();
    all[1] = identity("bob", bob, &["operator"], false);
    all[2] = identity("cat", cat, &["operator"], true);
    all
}

#[test]
fn a_command_raises_the_risk_and_is_named_once() {
    let digest = Sha256Digest::of(b"command");
    let revoke = || Change::Revoke { capability: vm_core::digest::CapabilityHash::from_bytes([5; 32]) };
    let mut feed = Feed::new();
    assert_eq!(revoke().kind(), ChangeKind::Revoke);
    feed.propose_as(revoke(), |proposal| proposal.risk = Risk::Low).unwrap();
    let low = feed.propose_as(revoke(), |proposal| proposal.command = Some(digest));
    assert_eq!(low.unwrap_err(), Violation::RiskTooLow { floor: Risk::Medium });
    let named = feed.propose_as(revoke(), |proposal| {
        proposal.command = Some(digest);
        proposal.risk = Risk::Medium;
    });
    let named = named.unwrap();
    assert_eq!(named.content().named_command(), Some(digest));
    // It is part of what is hashed, so of what is approved.
    let mut other = named.content().clone();
    other.command = None;
    assert_eq!(other.named_command(), None);
    assert_ne!(Signed::sign(other, &key(PROPOSER)).unwrap().hash().unwrap(), named.hash().unwrap());
    let command = Change::Command { command: digest };
    let twice = feed.propose_as(command.clone(), |proposal| proposal.command = Some(digest));
    assert_eq!(twice.unwrap_err(), Violation::Content(ContentError::Command));
    let epoch = Change::Epoch { from: Epoch::Nigredo, to: Epoch::Albedo };
    assert_eq!(code(feed.propose_as(epoch, |proposal| proposal.command = Some(digest))), "dee-command");
    assert_eq!(proposal(row_id(1), Epoch::Nigredo, command, at(1)).named_command(), Some(digest));
}

#[test]
fn a_proposer_does_not_approve_once_its_key_is_anothers() {
    let mut feed = Feed::empty();
    // Bob proposes by one of two keys, which becomes cat's.
    feed.policy(with_keys(&[12, PROPOSER], &[13]), rules()).unwrap();
    let proposal = feed.propose(threshold()).unwrap();
    assert_eq!(code(feed.approve(&proposal, 12)), "gate-by-proposer");
    feed.policy(with_keys(&[12], &[13, PROPOSER]), rules()).unwrap();
    assert_eq!(code(feed.approve(&proposal, 12)), "gate-by-proposer");
    assert_eq!(code(feed.approve(&proposal, 13)), "gate-by-proposer");
    feed.policy(with_keys(&[12], &[13]), rules()).unwrap();
    for had in [12, 13] {
        assert_eq!(code(feed.approve(&proposal, had)), "gate-by-proposer");
    }
    feed.approve(&proposal, 10).unwrap();
}

#[test]
fn an_approval_does_not_become_anothers_with_its_key() {
    let mut feed = Feed::new();
    let proposal = feed.propose(threshold()).unwrap();
    let rows: [RowId; 2] = [10, 12].map(|seed| feed.approve(&proposal, seed).unwrap());
    feed.policy(with_keys(&[], &[12, 13]), rules()).unwrap();
    assert_eq!(code(feed.intend(&proposal, &rows)), "gate-not-counted");
    // Nor is it bob's again when the key comes back.
    feed.policy(identities(), rules()).unwrap();
    assert_eq!(code(feed.intend(&proposal, &rows)), "gate-not-counted");
    let again = feed.approve(&proposal, 12).unwrap();
    feed.intend(&proposal, &[rows[0], again]).unwrap();
}

#[test]
fn a_hollow_replay_is_refused() {
    let mut feed = Feed::empty();
    let mut strict = rules();
    strict.iter_mut().for_each(|rule| rule.replay = true);
    feed.policy(identities(), strict).unwrap();
    let proposal = feed.propose(threshold()).unwrap();
    let plan = proposal.content().replay;
    let mut replayed = |before: &[u8], considered: u64| {
        let head = feed.header();
        let value = json!({
            "format": "vm-dee-replay-v0", "ledger": ledger(), "proposal": proposal.reference().unwrap(), "plan": plan,
            "before": Sha256Digest::of(before), "after": Sha256Digest::of(b"after"), "inputs": RootHash::empty(),
            "considered": considered, "benign": 0, "newly_blocked": 0, "newly_allowed": 0, "benign_blocked": 0,
            "examples": [],
        });
        feed.feed(&raw(SystemKind::Replay, Some(proposal.content().row), &value, head))
    };
    assert_eq!(code(replayed(b"after", 1)), "gate-replay-unchanged");
    assert_eq!(code(replayed(b"before", 0)), "gate-replay-empty");
    replayed(b"before", 1).unwrap();
}

#[test]
fn an_epoch_change_that_stands_has_not_failed() {
    let mut feed = Feed::new();
    let change = feed.propose(Change::Epoch { from: Epoch::Nigredo, to: Epoch::Albedo }).unwrap();
    let rows = [feed.approve(&change, 10).unwrap(), feed.approve(&change, 12).unwrap()];
    let intent = feed.intend(&change, &rows).unwrap();
    assert_eq!(feed.gate.change_trail(), None);
    let row = feed.change_epoch(Epoch::Nigredo, Epoch::Albedo, intent).unwrap();
    assert_eq!(feed.gate.change_trail().unwrap().rows()[0].row, row);
    assert_eq!(code(feed.end("failed", &change, Some(intent))), "gate-epoch-changed");
    feed.end("unknown", &change, Some(intent)).unwrap();
}
