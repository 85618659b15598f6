//! Replays against recorded calls, and what the gate makes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests may panic; counts are small")]

mod common;

use common::{Feed, PROPOSER, at, identities, key, proposal, row_id, rules};
use vm_core::capability::{Holder, act};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::TraceId;
use vm_core::record::{Appended, Phase, RowHeader, Status, StoredRow, Table, ToolInvocation};
use vm_core::redact::{KnownSecrets, Pattern, Policy, Redactor, Rule};
use vm_core::source::hazmat::{CountingEntropy, FixedClock};
use vm_core::view::Journal as _;
use vm_dee::content::Signed;
use vm_dee::error::{ReplayError, Violation};
use vm_dee::proposal::ReplayPlan;
use vm_dee::replay::EXAMPLES_MAX;
use vm_dee::{Change, Decider, Decision, Proposal, Replay, replay};
use vm_seal::memory::{MemoryLedger, hazmat};
use vm_seal::merkle::root_of;

/// Blocks calls of these tools.
struct Blocks(&'static [&'static str]);

impl Decider for Blocks {
    fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.0.join(",").as_bytes())
    }

    fn decide(&self, row: &StoredRow) -> Decision {
        if row.text("tool").is_some_and(|tool| self.0.contains(&tool)) { Decision::Block } else { Decision::Allow }
    }
}

struct World {
    ledger: MemoryLedger,
    holder: Holder,
    clock: FixedClock,
    entropy: CountingEntropy,
    calls: Vec<Appended>,
}

impl World {
    fn new(tools: &[&str]) -> Self {
        let clock = FixedClock(at(0));
        let mut entropy = CountingEntropy::new(5);
        let (ledger, holder) = MemoryLedger::found(&key(1), key(2), key(3), &clock, &mut entropy).unwrap();
        let mut world = Self { ledger, holder, clock, entropy, calls: Vec::new() };
        tools.iter().for_each(|tool| world.call(tool));
        world
    }

    fn call(&mut self, tool: &str) {
        let trace = TraceId::mint(&self.clock, &mut self.entropy);
        let header = RowHeader::mint(&self.clock, &mut self.entropy, trace);
        let keep = vec![Pattern::new("/tool")];
        let policy =
            Policy::new(vec![Rule { table: Table::ToolInvocations, name: None, keep, shape: vec![] }]).unwrap();
        let mut redactor =
            Redactor::new(&policy, &KnownSecrets, &mut self.entropy, Table::ToolInvocations, tool, header.id);
        let call = ToolInvocation {
            header,
            tool: redactor.text("tool", tool).unwrap(),
            phase: Phase::Complete,
            status: Some(Status::Ok),
            input: None,
            output: None,
            intent: None,
            duration_us: Some(1),
            meta: None,
        };
        let draft = call.into_draft(redactor.finish()).unwrap();
        let permit = self.ledger.permit::<act::Record>(&self.holder, &self.clock).unwrap();
        self.calls.extend(self.ledger.append(&permit, vec![draft]).unwrap());
    }

    fn plan(&self, benign_blocked_max: u64) -> ReplayPlan {
        ReplayPlan { from: 0, to: self.ledger.tree_size().as_u64(), benign_blocked_max }
    }
}

fn proposing(plan: Option<ReplayPlan>) -> Signed<Proposal> {
    let change = Change::GuardPolicy { policy: Blocks(&["rm", "cp"]).digest() };
    let mut content = proposal(row_id(1), Epoch::Nigredo, change, at(100));
    content.replay = plan;
    Signed::sign(content, &key(PROPOSER)).unwrap()
}

fn is_benign(row: &StoredRow) -> bool {
    row.text("tool") != Some("rm")
}

fn run(world: &World, proposal: &Signed<Proposal>) -> Result<Replay, ReplayError> {
    replay(proposal, &world.ledger, &Blocks(&["mv"]), &Blocks(&["rm", "cp"]), &is_benign)
}

#[test]
fn it_counts_what_would_have_changed() {
    let world = World::new(&["ls", "rm", "cp", "mv", "cp", "ls"]);
    let found = run(&world, &proposing(Some(world.plan(0)))).unwrap();
    assert_eq!((found.considered(), found.benign()), (6, 5));
    assert_eq!((found.newly_blocked(), found.newly_allowed(), found.benign_blocked()), (3, 1, 2));
    assert_eq!(found.examples(), [world.calls[2].row_id, world.calls[4].row_id]);
    let leaves: Vec<LeafHash> = world.calls.iter().map(|call| call.leaf).collect();
    assert_eq!(found.inputs(), root_of(leaves));
    assert_eq!(run(&world, &proposing(Some(world.plan(0)))).unwrap(), found);
}

#[test]
fn a_plan_is_kept_to_the_place() {
    let world = World::new(&["cp"; 5]);
    let first = world.calls[1].seq;
    let plan = ReplayPlan { from: first, to: first + 2, benign_blocked_max: 0 };
    let found = run(&world, &proposing(Some(plan))).unwrap();
    assert_eq!(found.examples(), [world.calls[1].row_id, world.calls[2].row_id]);
    let beyond = ReplayPlan { to: world.ledger.tree_size().as_u64() + 1, ..plan };
    assert!(matches!(run(&world, &proposing(Some(beyond))), Err(ReplayError::LogEnds { .. })));
    assert!(matches!(run(&world, &proposing(None)), Err(ReplayError::NoPlan)));
}

#[test]
fn all_are_counted_and_some_are_named() {
    let world = World::new(&["cp"; EXAMPLES_MAX + 3]);
    let found = run(&world, &proposing(Some(world.plan(0)))).unwrap();
    assert_eq!((found.benign_blocked(), found.examples().len()), (EXAMPLES_MAX as u64 + 3, EXAMPLES_MAX));
}

#[test]
fn a_row_that_is_missing_or_altered_ends_the_replay() {
    let mut world = World::new(&["cp", "cp", "cp"]);
    let plan = world.plan(0);
    let gone = world.calls[1];
    hazmat::remove_row(&mut world.ledger, gone.row_id);
    let refused = run(&world, &proposing(Some(plan))).unwrap_err();
    assert!(matches!(refused, ReplayError::Unreadable { seq } if seq == gone.seq));
    let mut world = World::new(&["cp", "cp", "cp"]);
    let altered = world.calls[2];
    hazmat::change_cell(&mut world.ledger, altered.row_id, "tool", &vm_core::record::Cell::Text("ls".to_owned()));
    let refused = run(&world, &proposing(Some(plan))).unwrap_err();
    assert!(matches!(refused, ReplayError::Unreadable { seq } if seq == altered.seq));
}

/// A gate that wants replays, and a proposal in it, with a plan over four rows.
fn gated(benign_blocked_max: u64) -> (Feed, Signed<Proposal>) {
    let mut feed = Feed::empty();
    let mut strict = rules();
    strict.iter_mut().for_each(|rule| rule.replay = true);
    feed.policy(identities(), strict).unwrap();
    let change = Change::GuardPolicy { policy: Blocks(&["rm", "cp"]).digest() };
    let bare = feed.propose_as(change.clone(), |proposal| proposal.replay = None);
    assert_eq!(bare.unwrap_err().code(), "gate-no-replay-plan");
    let late = feed.propose_as(change, |proposal| {
        proposal.replay = Some(ReplayPlan { from: 0, to: 4, benign_blocked_max });
    });
    (feed, late.unwrap())
}

fn record(feed: &mut Feed, found: &Replay) -> Result<(), Violation> {
    let head = feed.header();
    feed.feed(&found.draft(head).unwrap()).map(|_| ())
}

#[test]
fn the_gate_wants_the_planned_replay_once_and_before_approvals() {
    // Places 0 and 1 are the genesis and the operator's token.
    let world = World::new(&["ls", "cp"]);
    let (mut feed, proposal) = gated(1);
    // The gate's own log must be as long as the plan.
    feed.propose(common::threshold()).unwrap();
    feed.propose(common::threshold()).unwrap();
    assert_eq!(feed.approve(&proposal, 10).unwrap_err().code(), "gate-not-replayed");
    let other = replay(&proposal, &world.ledger, &Blocks(&[]), &Blocks(&["ls"]), &is_benign).unwrap();
    assert_eq!(record(&mut feed, &other).unwrap_err().code(), "gate-other-replay");
    let found = run(&world, &proposal).unwrap();
    record(&mut feed, &found).unwrap();
    assert_eq!(feed.gate.stage(proposal.content().row, at(0)), Some(vm_dee::Stage::Replayed));
    assert_eq!(record(&mut feed, &found).unwrap_err().code(), "gate-replayed");
    let approvals = [feed.approve(&proposal, 10).unwrap(), feed.approve(&proposal, 12).unwrap()];
    let early = feed.intend_as(&proposal, &approvals, |intent| intent.seal.as_of = 3);
    assert_eq!(early.unwrap_err().code(), "gate-seal");
    feed.intend(&proposal, &approvals).unwrap();
}

#[test]
fn a_change_that_blocks_more_than_planned_is_never_authorised() {
    let world = World::new(&["ls", "cp"]);
    let (mut feed, proposal) = gated(0);
    feed.propose(common::threshold()).unwrap();
    feed.propose(common::threshold()).unwrap();
    record(&mut feed, &run(&world, &proposal).unwrap()).unwrap();
    let refused = feed.approve(&proposal, 10).unwrap_err();
    assert_eq!(refused, Violation::Regressed { found: 1, limit: 0 });
    assert_eq!(feed.intend(&proposal, &[]).unwrap_err().code(), "gate-regressed");
    feed.end("withheld", &proposal, None).unwrap();
}
