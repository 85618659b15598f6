//! Every order of a few steps, by stateright over the gate's own transition: no ungated execution, no second one, none in
//! another epoch. Each of those is shown to be caught where the check that prevents it is left out.
//!
//! Bounds: two proposals (a threshold, and the change from nigredo to albedo), four identities of whom one proposed, one
//! removal of an identity, one step of time past all approvals, one crash, one epoch change. Signatures are left out: the
//! walk beside this file has them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests may panic; counts are small")]

mod common;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use common::*;
use stateright::{Checker, HasDiscoveries, Model, Property};
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::id::RowId;
use vm_dee::error::Violation;
use vm_dee::gate::{Event, RowPlace, hazmat};
use vm_dee::{Approval, Change, Gate, Outcome, Proposal, ProposalRef, Signed};

/// Keys of the identities; the last is the proposer's.
const APPROVERS: [u8; 4] = [10, 12, 13, PROPOSER];
const UNGATED: &str = "no ungated execution";
const SECOND: &str = "no second execution";
const ELSEWHERE: &str = "none in another epoch";
/// The identity that a later policy removes.
const REMOVED: usize = 1;

#[derive(Clone, Debug)]
struct State {
    gate: Gate,
    /// Who has approved what, and it stands.
    says: BTreeSet<(usize, usize)>,
    removed: bool,
    late: bool,
    crashed: bool,
    /// A process holds leave to execute: for each proposal, whether it was gated.
    held: [Option<bool>; 2],
    /// The epoch changed, from this one.
    changed: Option<Epoch>,
    /// A process has executed it and not recorded the outcome yet.
    ran: [bool; 2],
    /// Executions: of which proposal, whether gated, in which epoch.
    runs: Vec<(usize, bool, Epoch)>,
}

impl State {
    /// All that later steps depend on. Places of rows are left out: they only rise, and the model replays nothing.
    fn key(&self) -> impl Hash + PartialEq + '_ {
        let stages = [0, 1].map(|one| format!("{:?}", self.gate.stage(proposal_row(one), at(0))));
        (
            self.gate.epoch(),
            &self.says,
            stages,
            self.removed,
            self.late,
            self.crashed,
            (self.held, self.ran, self.changed, &self.runs),
        )
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Step {
    Propose(usize),
    Approve(usize, usize),
    Remove,
    Late,
    /// Names every approval of the ledger, or only these.
    Authorise(usize, Vec<usize>),
    ChangeEpoch,
    Execute(usize),
    Finish(usize),
    Crash,
    Recover(usize),
}

/// The model, and the check that it leaves out: where the gate refuses by this code, it goes on as if it had not.
struct Life {
    without: Option<&'static str>,
    reruns: bool,
    proposals: [(Proposal, ProposalRef); 2],
}

fn proposal_row(one: usize) -> RowId {
    row_id(10 + one as u64)
}

fn approval_row(one: usize, who: usize) -> RowId {
    row_id(100 + 10 * one as u64 + who as u64)
}

fn intent_row(one: usize) -> RowId {
    row_id(1_000 + one as u64)
}

impl Life {
    fn new() -> Self {
        let of = |one, change| {
            let content = proposal(proposal_row(one), Epoch::Nigredo, change, at(100_000));
            let reference = Signed::sign(content.clone(), &key(PROPOSER)).unwrap().reference().unwrap();
            (content, reference)
        };
        let change = Change::Epoch { from: Epoch::Nigredo, to: Epoch::Albedo };
        Self { without: None, reruns: false, proposals: [of(0, threshold()), of(1, change)] }
    }

    fn now(state: &State) -> i64 {
        if state.late { LASTS } else { 0 }
    }

    fn place(state: &State, row: RowId, subject: Option<RowId>) -> RowPlace {
        RowPlace { seq: state.gate.next().max(1), row, ts: at(Self::now(state)), trace: trace(), subject }
    }

    fn feed(state: &mut State, row: RowId, subject: Option<RowId>, event: &Event) -> Result<(), Violation> {
        let at = Self::place(state, row, subject);
        hazmat::step(&mut state.gate, at, event)
    }

    fn policy(removed: bool) -> Event {
        let mut enrolled = identities();
        enrolled.push(identity("eve", &[PROPOSER], &[], true));
        if removed {
            enrolled.remove(REMOVED);
        }
        Event::Policy(policy(row_id(1 + u64::from(removed)), 1 + u64::from(removed), enrolled, rules()))
    }

    /// Whether enough approve by the words of the ADR alone.
    fn gated(state: &State, one: usize, named: &[usize]) -> bool {
        let counted = named.iter().filter(|who| state.says.contains(&(one, **who)) && APPROVERS[**who] != PROPOSER);
        // Either proposal is of a risk that asks for a person in nigredo; in albedo neither is executed.
        let human = named.iter().any(|who| matches!(APPROVERS[*who], 10 | 13) && state.says.contains(&(one, *who)));
        counted.count() >= 2 && human && !state.late
    }
}

impl Model for Life {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            gate: gate(),
            says: BTreeSet::new(),
            removed: false,
            late: false,
            crashed: false,
            held: [None, None],
            changed: None,
            ran: [false; 2],
            runs: Vec::new(),
        };
        Self::feed(&mut state, row_id(1), None, &Self::policy(false)).unwrap();
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        for one in 0..2 {
            actions.push(Step::Propose(one));
            actions.extend((0..APPROVERS.len()).map(|who| Step::Approve(one, who)));
            for named in [vec![0, 1], vec![0, 2], vec![1, 2], vec![0, 3], vec![0], vec![]] {
                actions.push(Step::Authorise(one, named));
            }
            actions.push(Step::Execute(one));
            actions.push(Step::Finish(one));
            actions.push(Step::Recover(one));
        }
        actions.push(Step::ChangeEpoch);
        if !state.removed {
            actions.push(Step::Remove);
        }
        if !state.late {
            actions.push(Step::Late);
        }
        if !state.crashed {
            actions.push(Step::Crash);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Propose(one) => {
                let (content, reference) = &self.proposals[one];
                let event = Event::Proposal(content.clone(), reference.hash);
                Self::feed(&mut state, proposal_row(one), None, &event).ok()?;
            }
            Step::Approve(one, who) => {
                if state.says.contains(&(one, who)) {
                    return None;
                }
                let (row, reference) = (approval_row(one, who), self.proposals[one].1);
                let content: Approval = approval(row, reference, last.gate.epoch(), APPROVERS[who], 0);
                // A second process cannot record the same row again once its approval was voided.
                Self::feed(&mut state, row, Some(reference.row), &Event::Approval(content)).ok()?;
                state.says.insert((one, who));
            }
            Step::Remove => {
                Self::feed(&mut state, row_id(2), None, &Self::policy(true)).ok()?;
                state.removed = true;
                state.says.retain(|(_, who)| *who != REMOVED);
            }
            Step::Late => state.late = true,
            Step::Authorise(one, named) => {
                let rows = named.iter().map(|who| approval_row(one, *who)).collect();
                let content = intent(self.proposals[one].1, last.gate.epoch(), rows, last.gate.next());
                let event = Event::Intent(content);
                match Self::feed(&mut state, intent_row(one), Some(proposal_row(one)), &event) {
                    Ok(()) => {}
                    Err(violation) if Some(violation.code()) == self.without => {}
                    Err(_) => return None,
                }
                state.held[one] = Some(Self::gated(last, one, &named));
            }
            Step::ChangeEpoch => {
                // Executing the change of epoch is appending its row.
                state.held[1]?;
                let change = EpochChange { from: Epoch::Nigredo, to: Epoch::Albedo };
                let event = Event::EpochChange(change);
                match Self::feed(&mut state, row_id(3), Some(intent_row(1)), &event) {
                    Ok(()) => {}
                    Err(violation) if Some(violation.code()) == self.without => {
                        // The check that is left out is the one against open executions: they end as far as the gate
                        // can see, and go on outside.
                        for open in state.gate.unfinished().iter().filter(|open| open.intent() != intent_row(1)) {
                            let (row, event) = (row_id(4), Event::Outcome(open.unknown()));
                            let at = Self::place(&state, row, Some(open.intent()));
                            hazmat::step(&mut state.gate, at, &event).ok()?;
                        }
                        Self::feed(&mut state, row_id(3), Some(intent_row(1)), &event).ok()?;
                    }
                    Err(_) => return None,
                }
                state.changed = Some(last.gate.epoch());
                state.says.clear();
            }
            Step::Execute(one) => {
                let gated = state.held[one].take()?;
                // The epoch that it began in: its own change is what it does.
                let epoch = last.changed.filter(|_| one == 1).unwrap_or_else(|| last.gate.epoch());
                state.runs.push((one, gated, epoch));
                state.ran[one] = true;
            }
            Step::Finish(one) => {
                if !std::mem::take(&mut state.ran[one]) {
                    return None;
                }
                let (end, row) = (
                    if one == 1 && state.changed.is_none() { "failed" } else { "succeeded" },
                    row_id(3_000 + one as u64),
                );
                let draft = outcome_draft(end, self.proposals[one].1, Some(intent_row(one)), header(row, at(0)));
                let outcome = Outcome::of_row(&stored(&draft, 1).1).unwrap();
                Self::feed(&mut state, row, Some(intent_row(one)), &Event::Outcome(outcome)).ok()?;
            }
            Step::Crash => {
                state.held = [None, None];
                state.ran = [false; 2];
                state.crashed = true;
            }
            Step::Recover(one) => {
                // Whoever opens the gate next: nobody else is running.
                if !state.crashed || state.held[one].is_some() || state.ran[one] {
                    return None;
                }
                let unfinished = last.gate.unfinished();
                let open = unfinished.iter().find(|open| open.intent() == intent_row(one))?;
                if self.reruns {
                    state.held[one] = Some(true);
                } else {
                    let outcome: Outcome = open.unknown();
                    Self::feed(&mut state, row_id(2_000 + one as u64), Some(intent_row(one)), &Event::Outcome(outcome))
                        .ok()?;
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn ended(state: &State, one: usize, end: vm_dee::End) -> bool {
            state.gate.stage(proposal_row(one), at(0)) == Some(vm_dee::Stage::Ended(end))
        }
        vec![
            Property::always(UNGATED, |_, state: &State| state.runs.iter().all(|run| run.1)),
            Property::always(SECOND, |_, state: &State| {
                (0..2).all(|one| state.runs.iter().filter(|run| run.0 == one).count() <= 1)
            }),
            Property::always(ELSEWHERE, |_, state: &State| state.runs.iter().all(|run| run.2 == Epoch::Nigredo)),
            Property::sometimes("something is executed", |_, state: &State| state.runs.len() == 2),
            Property::sometimes("the epoch changes", |_, state: &State| state.gate.epoch() == Epoch::Albedo),
            Property::sometimes("an execution is lost", |_, state: &State| ended(state, 0, vm_dee::End::Unknown)),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        // A second execution is enough to show that there can be one.
        state.runs.len() <= 3
    }
}

#[test]
fn every_order_of_a_few_steps_keeps_to_the_gate() {
    let checker = Life::new().checker().spawn_bfs().join();
    println!("{} states, {} of them unique", checker.state_count(), checker.unique_state_count());
    checker.assert_properties();
    assert!(checker.unique_state_count() > 1_000, "{} states", checker.unique_state_count());
}

/// Whether this property is found broken where one check is left out.
fn breaks(property: &'static str, life: Life) -> bool {
    let checker = life.checker().finish_when(HasDiscoveries::AllOf([property].into())).spawn_bfs().join();
    checker.discovery(property).is_some()
}

#[test]
fn a_gate_without_a_quorum_is_caught() {
    assert!(breaks(UNGATED, Life { without: Some("gate-quorum"), ..Life::new() }));
    assert!(breaks(UNGATED, Life { without: Some("gate-not-counted"), ..Life::new() }));
}

#[test]
fn a_gate_without_its_memory_of_intents_is_caught() {
    assert!(breaks(SECOND, Life { without: Some("gate-intent-taken"), ..Life::new() }));
}

#[test]
fn a_recovery_that_runs_again_is_caught() {
    assert!(breaks(SECOND, Life { reruns: true, ..Life::new() }));
}

#[test]
fn a_gate_without_its_look_at_the_epoch_is_caught() {
    assert!(breaks(ELSEWHERE, Life { without: Some("gate-voided"), ..Life::new() }));
    assert!(breaks(ELSEWHERE, Life { without: Some("gate-unfinished"), ..Life::new() }));
}
