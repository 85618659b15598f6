//! Attacks on the gate, each refused by name, through real signed rows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use serde_json::json;
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId};
use vm_core::record::SystemKind;
use vm_dee::error::Violation;
use vm_dee::gate::{APPROVALS_EACH_MAX, OPEN_MAX};
use vm_dee::{Change, End, Gate, Proposal, Risk, Signed, Stage};

fn code<T: std::fmt::Debug>(answer: Result<T, Violation>) -> &'static str {
    let violation = answer.unwrap_err();
    assert!(!violation.remedy().is_empty());
    violation.code()
}

fn change_to(to: Epoch) -> Change {
    Change::Epoch { from: Epoch::Nigredo, to }
}

/// A proposal with two approvals that suffice.
fn approved(feed: &mut Feed) -> (Signed<Proposal>, [RowId; 2]) {
    let proposal = feed.propose(threshold()).unwrap();
    let approvals = [feed.approve(&proposal, 10).unwrap(), feed.approve(&proposal, 12).unwrap()];
    (proposal, approvals)
}

#[test]
fn the_whole_life_of_a_proposal() {
    let mut feed = Feed::new();
    let proposal = feed.propose(threshold()).unwrap();
    let row = proposal.content().row;
    let stage = |feed: &Feed| feed.gate.stage(row, at(feed.now)).unwrap();
    assert_eq!(stage(&feed), Stage::Proposed);
    let one = feed.approve(&proposal, 10).unwrap();
    assert_eq!(stage(&feed), Stage::Proposed);
    let two = feed.approve(&proposal, 12).unwrap();
    assert_eq!(stage(&feed), Stage::Approved);
    let intent = feed.intend(&proposal, &[one, two]).unwrap();
    assert_eq!(stage(&feed), Stage::Authorised { intent });
    let unfinished = feed.gate.unfinished();
    assert_eq!((unfinished.len(), unfinished[0].intent(), unfinished[0].proposal().row), (1, intent, row));
    feed.end("succeeded", &proposal, Some(intent)).unwrap();
    assert_eq!(stage(&feed), Stage::Ended(End::Succeeded));
    assert!(feed.gate.unfinished().is_empty());
    assert_eq!(feed.gate.open().count(), 0);
}

#[test]
fn an_audit_comes_to_the_writers_state() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    let intent = feed.intend(&proposal, &approvals).unwrap();
    feed.end("unknown", &proposal, Some(intent)).unwrap();
    feed.go_to_epoch(Epoch::Rubedo);
    let mut audit = gate();
    for (entry, row) in &feed.accepted {
        audit.apply(entry, row).unwrap();
    }
    assert_eq!(audit, feed.gate);
    assert_eq!(audit.fingerprint(), feed.gate.fingerprint());
    // The same row twice, or out of order, is no log.
    let (entry, row) = &feed.accepted[0];
    assert_eq!(code(audit.apply(entry, row)), "gate-place");
}

#[test]
fn nothing_is_possible_without_a_policy() {
    let mut feed = Feed::empty();
    assert_eq!(code(feed.propose(threshold())), "gate-no-policy");
}

#[test]
fn policies_are_the_root_keys_and_go_forward() {
    let mut feed = Feed::new();
    let head = feed.header();
    let forged = Signed::sign(policy(head.id, 2, identities(), rules()), &key(10)).unwrap();
    assert_eq!(code(feed.feed(&forged.draft(head).unwrap())), "dee-signature");
    let old = Signed::sign(policy(head.id, 1, identities(), rules()), &key(ROOT)).unwrap();
    assert_eq!(code(feed.feed(&old.draft(head).unwrap())), "gate-policy-number");
    let mut elsewhere = policy(head.id, 2, identities(), rules());
    elsewhere.ledger = LedgerId::from_genesis(vm_core::digest::LeafHash::of(b"other"));
    let elsewhere = Signed::sign(elsewhere, &key(ROOT)).unwrap();
    assert_eq!(code(feed.feed(&elsewhere.draft(head).unwrap())), "dee-other-ledger");
}

#[test]
fn a_signed_content_cannot_be_recorded_in_another_row() {
    let mut feed = Feed::new();
    let head = feed.header();
    let signed = Signed::sign(policy(head.id, 2, identities(), rules()), &key(ROOT)).unwrap();
    let other = feed.header();
    assert_eq!(signed.draft(other).unwrap_err().code(), "dee-other-row");
    let (_, row) = stored(&signed.draft(head).unwrap(), 1);
    let value = serde_json::from_str(row.text("meta_json").unwrap()).unwrap();
    assert_eq!(code(feed.feed(&raw(SystemKind::GatePolicy, None, &value, other))), "dee-other-row");
}

#[test]
fn the_proposer_alone_never_suffices() {
    let mut feed = Feed::empty();
    let mut enrolled = identities();
    enrolled.push(identity("eve", &[PROPOSER, 51], &["security", "operator"], true));
    let mut lax = rules();
    lax.iter_mut().for_each(|rule| rule.quorum = 1);
    feed.policy(enrolled.clone(), lax.clone()).unwrap();
    let proposal = feed.propose(threshold()).unwrap();
    // Neither by the key that proposed nor by another of the same identity.
    assert_eq!(code(feed.approve(&proposal, PROPOSER)), "gate-by-proposer");
    assert_eq!(code(feed.approve(&proposal, 51)), "gate-by-proposer");
    // Nor after the policy moved the proposing key away from it.
    enrolled[4] = identity("eve", &[51], &["security", "operator"], true);
    feed.policy(enrolled, lax).unwrap();
    assert_eq!(code(feed.approve(&proposal, 51)), "gate-by-proposer");
    assert_eq!(code(feed.intend(&proposal, &[])), "gate-quorum");
    assert_eq!(code(feed.gate.approved(&proposal, at(0))), "gate-quorum");
}

#[test]
fn an_identity_counts_once_however_many_keys_and_approvals_it_has() {
    let mut feed = Feed::new();
    let proposal = feed.propose(threshold()).unwrap();
    let mut rows = vec![feed.approve(&proposal, 10).unwrap(), feed.approve(&proposal, 11).unwrap()];
    rows.push(feed.approve(&proposal, 10).unwrap());
    let refused = feed.intend(&proposal, &rows);
    assert_eq!(refused, Err(Violation::Quorum { needed: 2, found: 1 }));
    rows.push(feed.approve(&proposal, 11).unwrap());
    assert_eq!(rows.len(), APPROVALS_EACH_MAX);
    assert_eq!(code(feed.approve(&proposal, 10)), "gate-too-many-approvals");
    let other = feed.approve(&proposal, 12).unwrap();
    assert_eq!(feed.gate.approved(&proposal, at(0)).unwrap().approvals().len(), 2);
    feed.intend(&proposal, &[rows[3], other]).unwrap();
}

#[test]
fn a_thousand_keys_that_nobody_enrolled_weigh_nothing() {
    let mut feed = Feed::new();
    let proposal = feed.propose(threshold()).unwrap();
    for seed in 100..200 {
        assert_eq!(code(feed.approve(&proposal, seed)), "gate-not-enrolled");
    }
    assert_eq!(code(feed.gate.approved(&proposal, at(0))), "gate-quorum");
}

#[test]
fn approvals_do_not_carry_over_to_a_changed_proposal() {
    let mut feed = Feed::new();
    let proposal = feed.propose(threshold()).unwrap();
    let mut content = proposal.content().clone();
    content.change = Change::Threshold { name: name("risk.max"), from: 0.5, to: 0.99 };
    let changed = Signed::sign(content, &key(PROPOSER)).unwrap();
    assert_eq!(code(feed.approve(&changed, 10)), "gate-proposal-changed");
    let approvals = [feed.approve(&proposal, 10).unwrap(), feed.approve(&proposal, 12).unwrap()];
    assert_eq!(code(feed.intend(&changed, &approvals)), "gate-proposal-changed");
    assert_eq!(code(feed.gate.approved(&changed, at(0))), "gate-proposal-changed");
    // An approval of one proposal does not count for the next.
    let other = feed.propose(threshold()).unwrap();
    assert_eq!(code(feed.intend(&other, &approvals)), "gate-not-counted");
}

#[test]
fn an_approval_in_anothers_name_is_refused() {
    let mut feed = Feed::new();
    let proposal = feed.propose(threshold()).unwrap();
    let head = feed.header();
    let content = approval(head.id, proposal.reference().unwrap(), Epoch::Nigredo, 10, 0);
    let forged = Signed::sign(content, &key(12)).unwrap();
    assert_eq!(code(feed.feed(&forged.draft(head).unwrap())), "dee-signature");
}

#[test]
fn an_epoch_change_voids_what_is_approved_but_not_authorised() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    feed.go_to_epoch(Epoch::Albedo);
    let row = proposal.content().row;
    assert_eq!(feed.gate.stage(row, at(0)), Some(Stage::Voided));
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-voided");
    assert_eq!(code(feed.approve(&proposal, 13)), "gate-voided");
    // Nor does it come back with its epoch.
    feed.go_to_epoch(Epoch::Nigredo);
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-voided");
    assert_eq!(code(feed.gate.approved(&proposal, at(0))), "gate-voided");
    feed.end("expired", &proposal, None).unwrap();
}

#[test]
fn an_epoch_does_not_change_while_an_execution_is_open() {
    let mut feed = Feed::new();
    let change = feed.propose(change_to(Epoch::Albedo)).unwrap();
    let of_change = [feed.approve(&change, 10).unwrap(), feed.approve(&change, 12).unwrap()];
    let (proposal, approvals) = approved(&mut feed);
    let running = feed.intend(&proposal, &approvals).unwrap();
    let intent = feed.intend(&change, &of_change).unwrap();
    let refused = feed.change_epoch(Epoch::Nigredo, Epoch::Albedo, intent);
    assert_eq!(refused, Err(Violation::Unfinished { intent: running }));
    feed.end("failed", &proposal, Some(running)).unwrap();
    feed.change_epoch(Epoch::Nigredo, Epoch::Albedo, intent).unwrap();
}

#[test]
fn expired_approvals_do_not_count() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    feed.now = LASTS - 1;
    assert!(feed.gate.approved(&proposal, at(feed.now)).is_ok());
    feed.now = LASTS;
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-not-counted");
    assert_eq!(code(feed.gate.approved(&proposal, at(feed.now))), "gate-quorum");
    // Nor does one count before it was given.
    feed.now = -1;
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-not-counted");
    // Nor may one last longer than the policy says.
    feed.now = 0;
    let long = feed.approve_as(&proposal, 13, |approval| approval.expires = at(LASTS + 1));
    assert_eq!(long, Err(Violation::LastsTooLong { limit_seconds: LASTS.unsigned_abs() }));
}

#[test]
fn a_shorter_life_in_a_later_policy_holds_for_earlier_approvals() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    let mut short = rules();
    short.iter_mut().for_each(|rule| rule.lasts_seconds = 10);
    feed.policy(identities(), short).unwrap();
    feed.now = 10;
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-not-counted");
}

#[test]
fn what_a_removed_identity_said_does_not_count_and_does_not_come_back() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    let mut fewer = identities();
    fewer.remove(1);
    feed.policy(fewer, rules()).unwrap();
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-not-counted");
    feed.policy(identities(), rules()).unwrap();
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-not-counted");
    let again = feed.approve(&proposal, 12).unwrap();
    feed.intend(&proposal, &[approvals[0], again]).unwrap();
}

#[test]
fn one_intent_for_ever() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    let intent = feed.intend(&proposal, &approvals).unwrap();
    assert_eq!(feed.intend(&proposal, &approvals), Err(Violation::Taken { intent }));
    assert_eq!(code(feed.approve(&proposal, 13)), "gate-intent-taken");
    assert_eq!(code(feed.end("withheld", &proposal, None)), "gate-intent-taken");
    assert_eq!(code(feed.end("expired", &proposal, None)), "gate-intent-taken");
    feed.end("unknown", &proposal, Some(intent)).unwrap();
    assert_eq!(code(feed.intend(&proposal, &approvals)), "gate-proposal-unknown");
    assert_eq!(code(feed.end("succeeded", &proposal, Some(intent))), "gate-proposal-unknown");
    // Nor can the same proposal be recorded again.
    let head = header(proposal.content().row, at(0));
    assert_eq!(code(feed.feed(&proposal.draft(head).unwrap())), "gate-proposal-known");
}

#[test]
fn an_outcome_comes_once_and_after_its_intent() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    for end in ["succeeded", "failed", "unknown"] {
        assert_eq!(code(feed.end(end, &proposal, Some(row_id(9)))), "gate-no-intent");
        // The shape itself refuses an execution without an intent.
        assert_eq!(code(feed.end(end, &proposal, None)), "dee-shape");
    }
    assert_eq!(code(feed.end("expired", &proposal, None)), "gate-not-expired");
    let intent = feed.intend(&proposal, &approvals).unwrap();
    assert_eq!(code(feed.end("succeeded", &proposal, Some(row_id(9)))), "gate-no-intent");
    assert_eq!(code(feed.end("withheld", &proposal, Some(intent))), "dee-shape");
    feed.end("succeeded", &proposal, Some(intent)).unwrap();
    assert_eq!(code(feed.end("succeeded", &proposal, Some(intent))), "gate-proposal-unknown");
}

#[test]
fn a_withheld_or_expired_proposal_is_over() {
    let mut feed = Feed::new();
    let (withheld, approvals) = approved(&mut feed);
    feed.end("withheld", &withheld, None).unwrap();
    assert_eq!(code(feed.intend(&withheld, &approvals)), "gate-proposal-unknown");
    let expiring = feed.propose_as(threshold(), |proposal| proposal.expires = at(5)).unwrap();
    let approvals = [feed.approve(&expiring, 10).unwrap(), feed.approve(&expiring, 12).unwrap()];
    feed.now = 5;
    assert_eq!(code(feed.intend(&expiring, &approvals)), "gate-proposal-expired");
    assert_eq!(code(feed.approve(&expiring, 13)), "gate-proposal-expired");
    feed.end("expired", &expiring, None).unwrap();
    assert_eq!(feed.gate.stage(expiring.content().row, at(5)), Some(Stage::Ended(End::Expired)));
}

#[test]
fn promotion_is_blocked_without_a_verified_anchor() {
    let mut feed = Feed::new();
    let change = feed.propose(change_to(Epoch::Albedo)).unwrap();
    let approvals = [feed.approve(&change, 10).unwrap(), feed.approve(&change, 12).unwrap()];
    let bare = feed.intend_as(&change, &approvals, |intent| intent.anchor = None);
    assert_eq!(code(bare), "gate-unanchored");
    // A change of medium risk needs none in nigredo.
    let (proposal, approvals) = approved(&mut feed);
    feed.intend_as(&proposal, &approvals, |intent| intent.anchor = None).unwrap();
}

#[test]
fn the_trail_must_tell_of_this_execution() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    let next = feed.gate.next();
    type Edit = fn(&mut vm_dee::Intent);
    let edits: [(&str, Edit); 5] = [
        ("gate-scroll", |intent| intent.scroll.engine = "console".parse().unwrap()),
        ("gate-scroll", |intent| intent.scroll.leaf = vm_seal::scroll::line_leaf(b"{}")),
        ("gate-seal", |intent| intent.seal.as_of -= 1),
        ("gate-seal", |intent| intent.seal.as_of += 1),
        ("gate-epoch", |intent| intent.epoch = Epoch::Albedo),
    ];
    for (expected, edit) in edits {
        assert_eq!(code(feed.intend_as(&proposal, &approvals, edit)), expected);
    }
    assert_eq!(feed.gate.next(), next);
    feed.intend(&proposal, &approvals).unwrap();
}

#[test]
fn an_epoch_change_needs_the_strictest_gate_and_names_its_intent() {
    let mut feed = Feed::empty();
    let mut uneven = rules();
    uneven[0].roles.insert(name("security"));
    uneven[8].quorum = 3;
    uneven[4].lasts_seconds = 100;
    feed.policy(identities(), uneven).unwrap();
    let change = feed.propose(change_to(Epoch::Albedo)).unwrap();
    let needed = feed.gate.requirement(change.content().row).unwrap();
    assert_eq!((needed.quorum, needed.human, needed.anchor, needed.lasts_seconds), (3, true, true, 100));
    assert_eq!(needed.roles, [name("security")].into());
    let soon = |approval: &mut vm_dee::Approval| approval.expires = at(100);
    assert_eq!(code(feed.approve(&change, 10)), "gate-lasts-too-long");
    let mut rows: Vec<RowId> = [12, 13, 14].map(|approver| feed.approve_as(&change, approver, soon).unwrap()).into();
    assert_eq!(code(feed.intend(&change, &rows)), "gate-role");
    assert_eq!(code(feed.change_epoch(Epoch::Nigredo, Epoch::Albedo, change.content().row)), "gate-epoch-change");
    rows.push(feed.approve_as(&change, 10, soon).unwrap());
    let intent = feed.intend(&change, &rows).unwrap();
    assert_eq!(code(feed.change_epoch(Epoch::Nigredo, Epoch::Rubedo, intent)), "gate-epoch-change");
    assert_eq!(code(feed.end("succeeded", &change, Some(intent))), "gate-epoch-unchanged");
    feed.change_epoch(Epoch::Nigredo, Epoch::Albedo, intent).unwrap();
    assert_eq!(code(feed.change_epoch(Epoch::Albedo, Epoch::Nigredo, intent)), "gate-epoch-change");
    feed.end("succeeded", &change, Some(intent)).unwrap();
    assert_eq!(feed.gate.epoch(), Epoch::Albedo);
    assert_eq!(code(feed.change_epoch(Epoch::Albedo, Epoch::Nigredo, intent)), "gate-epoch-change");
}

#[test]
fn a_change_of_epoch_without_a_person_is_refused() {
    let mut feed = Feed::new();
    let change = feed.propose(change_to(Epoch::Albedo)).unwrap();
    let rows = [feed.approve(&change, 12).unwrap(), feed.approve(&change, 14).unwrap()];
    assert_eq!(code(feed.intend(&change, &rows)), "gate-human");
}

#[test]
fn an_intent_that_was_lost_does_not_change_the_epoch() {
    let mut feed = Feed::new();
    let change = feed.propose(change_to(Epoch::Albedo)).unwrap();
    let rows = [feed.approve(&change, 10).unwrap(), feed.approve(&change, 12).unwrap()];
    let intent = feed.intend(&change, &rows).unwrap();
    let unknown = feed.gate.unfinished()[0].unknown();
    let head = feed.header();
    feed.feed(&unknown.draft(head).unwrap()).unwrap();
    assert_eq!(code(feed.change_epoch(Epoch::Nigredo, Epoch::Albedo, intent)), "gate-epoch-change");
}

#[test]
fn each_epoch_allows_what_its_table_says() {
    let command = || Change::Command { command: Sha256Digest::of(b"command") };
    let mut feed = Feed::new();
    assert_eq!(code(feed.propose(command())), "gate-not-allowed");
    feed.go_to_epoch(Epoch::Rubedo);
    assert!(feed.propose(command()).is_ok());
    let other = feed.propose_as(threshold(), |proposal| proposal.epoch = Epoch::Nigredo);
    assert_eq!(code(other), "gate-epoch");
    assert_eq!(code(feed.propose(change_to(Epoch::Albedo))), "gate-epoch");
}

#[test]
fn a_proposer_cannot_talk_a_risk_down() {
    let mut feed = Feed::new();
    let low = feed.propose_as(change_to(Epoch::Albedo), |proposal| proposal.risk = Risk::Medium);
    assert_eq!(low.unwrap_err(), Violation::RiskTooLow { floor: Risk::High });
}

#[test]
fn a_missing_rule_allows_nothing() {
    let mut feed = Feed::empty();
    let only_low = rules().into_iter().filter(|rule| rule.risk == Risk::Low).collect();
    feed.policy(identities(), only_low).unwrap();
    assert_eq!(code(feed.propose(threshold())), "gate-no-rule");
    feed.policy(identities(), Vec::new()).unwrap();
    assert_eq!(code(feed.propose(change_to(Epoch::Albedo))), "gate-no-rule");
}

#[test]
fn open_proposals_are_bounded() {
    let mut feed = Feed::new();
    let first = feed.propose(threshold()).unwrap();
    for _ in 1..OPEN_MAX {
        feed.propose(threshold()).unwrap();
    }
    assert_eq!(feed.propose(threshold()).unwrap_err(), Violation::Full { limit: OPEN_MAX });
    feed.end("withheld", &first, None).unwrap();
    feed.propose(threshold()).unwrap();
}

#[test]
fn rows_of_other_kinds_and_tables_change_nothing() {
    let mut feed = Feed::new();
    let before = feed.gate.clone();
    let head = feed.header();
    let (entry, row) = stored(&raw(SystemKind::Seal, None, &json!({"format": "x"}), head), 0);
    let mut gate: Gate = feed.gate.clone();
    gate.apply(&entry, &row).unwrap();
    assert_eq!(gate, before);
}

#[test]
fn a_row_must_be_that_of_its_entry_and_stand_under_a_capability() {
    let mut feed = Feed::new();
    let head = feed.header();
    let signed = Signed::sign(proposal(head.id, Epoch::Nigredo, threshold(), at(99)), &key(PROPOSER)).unwrap();
    let draft = signed.draft(head).unwrap();
    let (entry, row) = stored(&draft, 9);
    let mut other = entry;
    other.leaf = vm_core::digest::LeafHash::of(b"other");
    assert_eq!(code(feed.gate.apply(&other, &row)), "gate-other-entry");
    let mut other = entry;
    other.row_id = row_id(1);
    assert_eq!(code(feed.gate.apply(&other, &row)), "gate-other-entry");
    let bare = draft.complete(None).unwrap();
    let mut other = entry;
    other.leaf = bare.leaf_hash().unwrap();
    assert_eq!(code(feed.gate.apply(&other, &bare)), "gate-no-capability");
}

#[test]
fn foreign_members_formats_and_subjects_are_refused() {
    let mut feed = Feed::new();
    let (proposal, approvals) = approved(&mut feed);
    let content = intent(proposal.reference().unwrap(), Epoch::Nigredo, approvals.to_vec(), feed.gate.next());
    let mut value = serde_json::to_value(&content).unwrap();
    value["format"] = json!("vm-dee-intent-v1");
    let subject = Some(proposal.content().row);
    let head = feed.header();
    assert_eq!(code(feed.feed(&raw(SystemKind::Intent, subject, &value, head))), "format-unknown");
    value["format"] = json!("vm-dee-intent-v0");
    assert_eq!(code(feed.feed(&raw(SystemKind::Intent, Some(row_id(9)), &value, head))), "dee-subject");
    assert_eq!(code(feed.feed(&raw(SystemKind::Intent, None, &value, head))), "dee-subject");
    value["surplus"] = json!(1);
    assert_eq!(code(feed.feed(&raw(SystemKind::Intent, subject, &value, head))), "dee-shape");
    value.as_object_mut().unwrap().remove("surplus");
    value["approvals"] = json!([approvals[1], approvals[0]]);
    assert_eq!(code(feed.feed(&raw(SystemKind::Intent, subject, &value, head))), "dee-order");
    value["approvals"] = json!(approvals);
    value.as_object_mut().unwrap().remove("anchor");
    assert_eq!(code(feed.feed(&raw(SystemKind::Intent, subject, &value, head))), "dee-shape");
    assert_eq!(feed.gate.stage(proposal.content().row, at(0)), Some(Stage::Approved));
}
