//! Proofs of restraint of which decisions: only of those whose acts would be found, by somebody who could have acted.
#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use serde_json::json;
use vm_core::capability::{Action, Chain, Grant};
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::id::RowId;
use vm_core::record::SystemKind;
use vm_shadow::restraint::NOT_SHOWN;
use vm_shadow::{Outcome, Power, RestraintProof};
use world::proofs::{assert_broken, assert_holds, assert_unproven, is_row, with_rows};
use world::{Asked, Opened, Received, World, key, system};

/// A token like the operator's that `edit` changes, issued.
fn token(world: &mut World, name: &str, edit: impl FnOnce(Grant) -> Grant) -> (Chain, CapabilityHash) {
    let grant = Grant { nonce: Sha256Digest::of(name.as_bytes()), ..world.grant() };
    let chain = Chain::root(&key(1), edit(grant)).unwrap();
    let hash = world.issue(&chain);
    (chain, hash)
}

/// A decision on a power, withheld: what an honest maker answers, and the proof of one who is not.
fn withheld(world: &mut World, power: Power, proposal: Option<RowId>) -> (&'static str, RestraintProof) {
    let (opened, receipts) = world.withhold(&Asked { power, proposal, ..world.asked() });
    (world.made(&opened, &receipts), world.prove(&opened, &receipts))
}

#[test]
fn of_records_only_calls_are_looked_for() {
    for (resource, is_watched) in [
        ("/tool_invocations", true),
        ("/mcp_calls", true),
        ("/tool_invocations/x", false),
        ("/proof_artifacts", false),
        ("/shadow_receipts", false),
        ("/receipts", false),
        ("/receipts/console", false),
        ("/seals", false),
        ("/", false),
    ] {
        let mut world = World::new();
        let power = Power { resource: resource.parse().unwrap(), ..world.asked().power };
        let (made, proof) = withheld(&mut world, power, None);
        if is_watched {
            assert_eq!(made, "made", "{resource}");
            assert_holds(&world, &proof);
        } else {
            assert_eq!(made, "restraint-unwatched", "{resource}");
            assert_unproven(&world, &proof, "restraint-unwatched");
        }
    }
}

#[test]
fn of_other_actions_only_executions_of_proposals_are_looked_for() {
    for action in Action::ALL.iter().copied().filter(|action| *action != Action::Record) {
        let mut world = World::new();
        let resource = "/tool_invocations".parse().unwrap();
        let power = Power { action, resource, ..world.asked().power };
        let proposal = world.gate(SystemKind::Proposal, None, &json!({})).row_id;
        let (made, proof) = withheld(&mut world, power, Some(proposal));
        assert_eq!(made, "restraint-unwatched", "{action}");
        assert_unproven(&world, &proof, "restraint-unwatched");
    }
}

/// Power to execute on `resource`, by a token that covers `granted`.
fn executing(world: &mut World, granted: &str, resource: &str) -> Power {
    let (granted, resource) = (granted.parse().unwrap(), resource.parse().unwrap());
    let edit = |grant| Grant { actions: [Action::Record, Action::Execute].into(), resource: granted, ..grant };
    let (_, capability) = token(world, "execute", edit);
    Power { capability, action: Action::Execute, resource, ..world.asked().power }
}

#[test]
fn an_execution_takes_a_token_for_the_gate() {
    for (granted, resource, made, found) in [
        ("/gate", "/gate", "made", ""),
        ("/", "/gate", "made", ""),
        ("/", "/", "made", ""),
        ("/", "/gate/inner", "restraint-unwatched", "restraint-unwatched"),
        ("/nothing", "/nothing", "restraint-unwatched", "restraint-unwatched"),
        ("/nothing", "/gate", "made", "capability-resource-not-granted"),
        ("/gate", "/", "made", "capability-resource-not-granted"),
    ] {
        let mut world = World::new();
        let power = executing(&mut world, granted, resource);
        let proposal = world.gate(SystemKind::Proposal, None, &json!({})).row_id;
        let (answer, proof) = withheld(&mut world, power, Some(proposal));
        assert_eq!(answer, made, "{granted} {resource}");
        match found {
            "" => assert_holds(&world, &proof),
            "restraint-unwatched" => assert_unproven(&world, &proof, found),
            broken => assert_broken(&world, &proof, broken),
        }
    }
}

#[test]
fn an_execution_takes_a_proposal_before_the_opening() {
    type Named = fn(&mut World) -> Option<RowId>;
    let cases: [(&str, Named, &str); 4] = [
        ("none", |_| None, "restraint-unwatched"),
        ("invented", |_| Some(RowId::from_bytes([7; 16])), "restraint-not-shown: the proposal"),
        ("a call", |world| Some(world.tool().row_id), "restraint-unwatched"),
        ("a replay", |world| Some(world.gate(SystemKind::Replay, None, &json!({})).row_id), "restraint-unwatched"),
    ];
    for (name, proposal, found) in cases {
        let mut world = World::new();
        let power = executing(&mut world, "/gate", "/gate");
        let proposal = proposal(&mut world);
        let (made, proof) = withheld(&mut world, power, proposal);
        assert_eq!(made, "restraint-unwatched", "{name}");
        assert_unproven(&world, &proof, found);
    }
    // One that comes behind the opening.
    let mut world = World::new();
    let power = executing(&mut world, "/gate", "/gate");
    let late = system(world.header(), SystemKind::Proposal, None, &json!({}));
    let opened = world.open(&Asked { power, proposal: Some(late.header().id), ..world.asked() });
    world.append(late);
    let receipts = world.receipts(&opened);
    world.close(&opened, Outcome::Withheld, &receipts);
    assert_eq!(world.made(&opened, &receipts), "restraint-unwatched");
    let proof = world.prove(&opened, &receipts);
    assert_unproven(&world, &proof, "restraint-unwatched");
}

#[test]
fn an_execution_of_the_proposal_is_found_and_the_proposal_shown() {
    for is_executed in [false, true] {
        let mut world = World::new();
        let power = executing(&mut world, "/gate", "/gate");
        let proposal = world.gate(SystemKind::Proposal, None, &json!({})).row_id;
        let opened = world.open(&Asked { power, proposal: Some(proposal), ..world.asked() });
        if is_executed {
            world.gate(SystemKind::Intent, Some(proposal), &json!({"format": "vm-dee-intent-v0"}));
        }
        let receipts = world.receipts(&opened);
        world.close(&opened, Outcome::Withheld, &receipts);
        let proof = world.prove(&opened, &receipts);
        if is_executed {
            assert_broken(&world, &proof, "restraint-executed");
        } else {
            assert_holds(&world, &proof);
        }
        let hidden = with_rows(&world, &proof, |rows| rows.retain(|row| !is_row(row, "\"kind\":\"vm-dee-proposal\"")));
        assert_unproven(&world, &hidden, "restraint-not-shown: the proposal");
    }
}

/// A decision under `capability`, whose opening is a use of it where `spends` gives the number of that use.
fn decided(world: &mut World, capability: CapabilityHash, spends: Option<u64>) -> (Opened, Vec<Received>) {
    let power = Power { capability, ..world.asked().power };
    let (draft, opened) = world.draft_open(&Asked { power, ..world.asked() });
    match spends {
        None => _ = world.append(draft),
        Some(number) => {
            world.append_under(draft, capability);
            world.spend(capability, number, 1);
        }
    }
    let receipts = world.receipts(&opened);
    world.close(&opened, Outcome::Withheld, &receipts);
    (opened, receipts)
}

#[test]
fn a_maker_knows_whether_uses_were_left() {
    // Uses that there are, those spent before the opening, and whether the opening is one.
    for (uses, before, opens, made) in [
        (None, 0, false, "made"),
        (Some(1), 0, false, "made"),
        (Some(1), 1, false, "capability-used-up"),
        (Some(1), 0, true, "capability-used-up"),
        (Some(2), 1, false, "made"),
        (Some(2), 0, true, "made"),
        (Some(2), 1, true, "capability-used-up"),
    ] {
        let mut world = World::new();
        let (_, capability) = token(&mut world, "uses", |grant| Grant { uses, ..grant });
        for number in 1..=before {
            world.tool_under(capability);
            world.spend(capability, number, 1);
        }
        let (opened, receipts) = decided(&mut world, capability, opens.then_some(before + 1));
        // What was spent later says nothing about the opening.
        if uses == Some(2) {
            world.spend(capability, 2, 1);
        }
        assert_eq!(world.made(&opened, &receipts), made, "{uses:?} {before} {opens}");
    }
}

#[test]
fn a_use_counts_against_what_the_token_descends_from() {
    for (spent_of_parent, made) in [(false, "made"), (true, "capability-used-up")] {
        let mut world = World::new();
        let (parent, above) = token(&mut world, "parent", |grant| Grant { uses: Some(1), ..grant });
        let child = Grant { nonce: Sha256Digest::of(b"child"), ..parent.last().unwrap().grant().clone() };
        let capability = world.issue(&parent.narrow(&key(3), child).unwrap());
        if spent_of_parent {
            world.tool_under(above);
            world.spend(above, 1, 1);
        }
        let (opened, receipts) = decided(&mut world, capability, None);
        assert_eq!(world.made(&opened, &receipts), made);
    }
}

#[test]
fn what_no_proof_shows_is_said() {
    for words in ["it had been approved", "the opening was valid at its place", "uses of it were left"] {
        assert!(NOT_SHOWN.iter().any(|said| said.contains(words)), "{words}");
    }
}
