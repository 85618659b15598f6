//! Every order in which two sides of a session can speak and hear, by stateright over `vm_crdt::sync::Session` itself, for all pairs of small
//! replicas; and for some of them with a message that comes twice, and with a session that breaks off anywhere and begins anew.
//!
//! Bounds: two replicas, six ops of three authors of whom one forked, one sealed event, one doubled message or one break.
#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests may panic; counts are small")]

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::{Checker, Model, Property};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::sync::{Outcome, Role};
use vm_crdt::{
    Change, Charter, EquivocationProof, EventBody, Limits, OpHead, Payload, Replica, SealedEvent, Session, SignedOp,
};

/// Ops: by 1; by 2 after it; two branches by 3; by 1 after the left one; by 2 in the epoch of the event, after its own.
const OPS: usize = 6;
/// What each op has before it, as a set of ops.
const BEFORE: [u8; OPS] = [0, 1, 0, 0, 0b101, 0b11];
/// The op that needs the event, and the event's frontier.
const LATE: usize = 5;
const FRONTIER: usize = 1;

/// What a replica holds at the beginning: a set of ops closed under predecessors, whether it has the event, whether it knows the proof without
/// both branches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Start {
    ops: u8,
    event: bool,
    proof: bool,
}

struct Universe {
    charter: Charter,
    ops: Vec<SignedOp>,
    event: SealedEvent,
    proof: EquivocationProof,
}

fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

impl Universe {
    fn new() -> Self {
        let members = (1..=3).map(|n| key(n).public()).collect();
        let ledger = LedgerId::from_genesis(LeafHash::of(b"ledger"));
        let charter = Charter::new(ledger, members, vec![key(100).public()], 1).unwrap();
        let op = |author: u8, epoch: u64, parent: Option<&SignedOp>, others: &[&SignedOp], payload: Payload| {
            let head = OpHead {
                graph: charter.graph(),
                epoch,
                author: key(author).public(),
                seq: parent.map_or(0, |parent| parent.head().seq + 1),
                parent: parent.map(|parent| *parent.id()),
                others: others.iter().map(|other| *other.id()).collect(),
                payload_len: 0,
                payload_hash: Sha256Digest::of(&[]),
            };
            SignedOp::sign(head, payload, &key(author)).unwrap()
        };
        let edit = |value: &str| {
            let mut transaction = vm_crdt::Transaction::new();
            transaction.put(&vm_crdt::Path::new(["x"]).unwrap(), value).unwrap();
            transaction.to_payload().unwrap()
        };
        let first = op(1, 0, None, &[], edit("first"));
        let second = op(2, 0, None, &[&first], edit("second"));
        let (left, right) = (op(3, 0, None, &[], edit("left")), op(3, 0, None, &[], edit("right")));
        let built = op(1, 0, Some(&first), &[&left], edit("built"));
        let late = op(2, 1, Some(&second), &[], edit("late"));
        let body = EventBody {
            graph: charter.graph(),
            number: 1,
            previous: Sha256Digest::of(&charter.to_bytes()),
            frontier: vec![*second.id()],
            change: Change::Epoch(Epoch::Albedo),
        };
        let seal = body.seal(&key(100));
        let event = SealedEvent::check(body, vec![seal], &charter).unwrap();
        let proof = EquivocationProof::check(left.signed().clone(), right.signed().clone()).unwrap();
        Self { charter, ops: vec![first, second, left, right, built, late], event, proof }
    }

    fn replica(&self, start: Start) -> Replica {
        let mut replica = Replica::new(self.charter.clone(), Limits::default());
        for (at, op) in self.ops.iter().enumerate().filter(|(at, _)| start.ops >> at & 1 == 1) {
            if at == LATE {
                let _ = replica.seal(self.event.clone()).unwrap();
            }
            let _ = replica.insert(op.clone()).unwrap();
        }
        if start.event {
            let _ = replica.seal(self.event.clone()).unwrap();
        }
        if start.proof {
            let _ = replica.learn(self.proof.clone()).unwrap();
        }
        replica
    }
}

/// All that a replica can begin with. An op of the forked author that nothing needs is refused where the proof is known, so it is not asked for there.
fn starts() -> Vec<Start> {
    let closed = |ops: u8| (0..OPS).all(|at| ops >> at & 1 == 0 || BEFORE[at] & !ops == 0);
    let mut starts = Vec::new();
    for ops in (0..1 << OPS).filter(|ops| closed(*ops)) {
        let (has_frontier, has_late) = (ops >> FRONTIER & 1 == 1, ops >> LATE & 1 == 1);
        for event in [false, true] {
            if event != has_late && (has_late || !has_frontier) {
                continue;
            }
            let start = Start { ops, event, proof: false };
            starts.push(start);
            if ops & 0b1100 != 0b1100 {
                starts.push(Start { proof: true, ..start });
            }
        }
    }
    starts
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    Speak(usize),
    Hear(usize),
    /// The next message stays under way when it was heard.
    Double(usize),
    /// Both sessions are gone, with all that is under way.
    Break,
}

/// What the steps came to. Sides share nothing but what is under way, so a state is what each side did and heard, and that.
#[derive(Clone, Debug)]
struct State {
    starts: [Start; 2],
    steps: Vec<Step>,
    lives: [u64; 2],
    under_way: [Vec<u64>; 2],
    can_speak: [bool; 2],
    faults: usize,
    outcome: Option<Outcome>,
    error: Option<&'static str>,
    is_same: bool,
}

impl State {
    fn key(&self) -> impl Hash + PartialEq + '_ {
        (self.starts, self.lives, &self.under_way, self.faults, self.error)
    }

    fn is_over(&self) -> bool {
        self.outcome.is_some() || (self.under_way.iter().all(Vec::is_empty) && self.can_speak == [false, false])
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

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

struct Pairs {
    universe: Universe,
    starts: Vec<[Start; 2]>,
    faults: usize,
}

fn sessions(number: u8) -> [Session; 2] {
    [Session::new(Role::Initiator, [number; 16]), Session::new(Role::Responder, [0; 16])]
}

impl Pairs {
    /// Takes all steps from the beginning: neither replicas nor sessions are made to be copied.
    fn replay(&self, starts: [Start; 2], steps: &[Step]) -> Option<State> {
        let mut replicas = starts.map(|start| self.universe.replica(start));
        let mut sides = sessions(1);
        let mut queues: [VecDeque<Vec<u8>>; 2] = [VecDeque::new(), VecDeque::new()];
        let mut lives = [0; 2];
        let (mut faults, mut error) = (0, None);
        for step in steps {
            match *step {
                Step::Speak(side) => {
                    let bytes = sides[side].poll(&replicas[side])?;
                    lives[side] = hash((lives[side], 1, &bytes));
                    queues[1 - side].push_back(bytes);
                }
                Step::Hear(side) | Step::Double(side) => {
                    let bytes = queues[side].pop_front()?;
                    if matches!(step, Step::Double(_)) {
                        faults += 1;
                        queues[side].push_front(bytes.clone());
                    }
                    lives[side] = hash((lives[side], 2, &bytes));
                    if let Err(refused) = sides[side].receive(&mut replicas[side], &bytes) {
                        // After a fault the next session starts from what each side has then.
                        error = (faults == 0).then(|| refused.code());
                        queues = [VecDeque::new(), VecDeque::new()];
                        sides = sessions(2);
                        lives = lives.map(|life| hash((life, 3)));
                    }
                }
                Step::Break => {
                    faults += 1;
                    queues = [VecDeque::new(), VecDeque::new()];
                    sides = sessions(3);
                    lives = lives.map(|life| hash((life, 4)));
                }
            }
        }
        let outcome = sides[0].outcome();
        let [here, there] = &replicas;
        let is_same = here.graph().heads().eq(there.graph().heads())
            && here.graph().proofs().eq(there.graph().proofs())
            && here.graph().chain().events() == there.graph().chain().events()
            && here.encode() == there.encode();
        let under_way = queues.map(|queue| queue.iter().map(hash).collect());
        // These two are thrown away, so that asking whether they would speak changes nothing.
        let can_speak = [sides[0].poll(here).is_some(), sides[1].poll(there).is_some()];
        Some(State { starts, steps: steps.to_vec(), lives, under_way, can_speak, faults, outcome, error, is_same })
    }
}

impl Model for Pairs {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        self.starts.iter().filter_map(|starts| self.replay(*starts, &[])).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        if state.outcome.is_some() || state.error.is_some() {
            return;
        }
        for side in 0..2 {
            if state.can_speak[side] {
                actions.push(Step::Speak(side));
            }
            if !state.under_way[side].is_empty() {
                actions.push(Step::Hear(side));
                if state.faults < self.faults {
                    actions.push(Step::Double(side));
                }
            }
        }
        if state.faults < self.faults && !state.steps.is_empty() {
            actions.push(Step::Break);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let steps: Vec<Step> = last.steps.iter().copied().chain([step]).collect();
        self.replay(last.starts, &steps)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("whoever ends as the same is the same", |_, state: &State| {
                state.outcome != Some(Outcome::Same) || state.is_same
            }),
            Property::always("a session that is over has come to the same", |_, state: &State| {
                !state.is_over() || state.outcome == Some(Outcome::Same)
            }),
            Property::always("no honest side is taken for a liar", |_, state: &State| state.error.is_none()),
            Property::sometimes("a session ends", |_, state: &State| state.outcome.is_some()),
        ]
    }
}

fn check(starts: Vec<[Start; 2]>, faults: usize) -> usize {
    let pairs = starts.len();
    let model = Pairs { universe: Universe::new(), starts, faults };
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!(
        "{pairs} pairs, {faults} faults: {} states, {} unique",
        checker.state_count(),
        checker.unique_state_count()
    );
    checker.assert_properties();
    checker.unique_state_count()
}

/// Whether all pairs are gone through, which takes minutes; otherwise those of five ops without the event, and those without the fork.
fn is_long() -> bool {
    std::env::var_os("VAULTMESH_SYNC_PAIRS").is_some_and(|all| all == "all")
}

fn pairs(starts: &[Start]) -> Vec<[Start; 2]> {
    starts.iter().flat_map(|one| starts.iter().map(|other| [*one, *other])).collect()
}

#[test]
fn every_pair_of_small_replicas_comes_to_the_same_in_every_order() {
    let starts = starts();
    let of = |keep: fn(&&Start) -> bool| pairs(&starts.iter().filter(keep).copied().collect::<Vec<_>>());
    let all = if is_long() {
        of(|_| true)
    } else {
        let without_event = of(|start| !start.event);
        let without_fork = of(|start| start.ops & 0b1_1100 == 0 && !start.proof);
        without_event.into_iter().chain(without_fork).collect()
    };
    assert!(all.len() > 600, "{} pairs", all.len());
    assert!(check(all.clone(), 0) > 10 * all.len());
}

#[test]
fn a_message_that_comes_twice_and_a_session_that_breaks_anywhere_change_nothing() {
    // A prime, so that starts meet others on either side.
    let step = if is_long() { 17 } else { 331 };
    let some: Vec<[Start; 2]> = pairs(&starts()).into_iter().step_by(step).collect();
    assert!(check(some.clone(), 1) > 50 * some.len());
}
