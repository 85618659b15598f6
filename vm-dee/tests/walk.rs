//! Random walks over the real gate with real signed rows, step by step beside a small model that was written from the ADR
//! alone. Each walk proposes, approves, revokes identities, gives keys to others, changes the epoch, authorises, executes, crashes and recovers,
//! and attacks in between.
//!
//! `VAULTMESH_GATE_WALKS` sets the number of walks (1,000 without it), `VAULTMESH_GATE_SEED` the seed.
//! `VAULTMESH_GATE_TRACES` names a file for the logs of some walks, told in the words of `spec/GateTrace.tla`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests may panic; counts are small")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use common::*;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_dee::{Change, Identity, Proposal, Signed};

const STEPS: usize = 40;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True once in `n`.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The people: name, keys, whether human. `eve` proposes with her second key.
const PEOPLE: [(&str, &[u8], bool); 5] = [
    ("ada", &[10, 11], true),
    ("bob", &[12], false),
    ("cat", &[13], true),
    ("dan", &[14], false),
    ("eve", &[PROPOSER, 51], true),
];

/// Keys as they are at first.
fn owners() -> BTreeMap<u8, usize> {
    PEOPLE.iter().enumerate().flat_map(|(one, person)| person.1.iter().map(move |seed| (*seed, one))).collect()
}

/// What the ADR says of one proposal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Life {
    changes_epoch: Option<(Epoch, Epoch)>,
    expires: i64,
    /// By which key, from when until when, in which row, and by whom.
    approvals: Vec<(u8, i64, i64, RowId, usize)>,
    /// Whose the proposer's key is, and was since.
    proposers: BTreeSet<usize>,
    void: bool,
    intent: Option<RowId>,
    changed: bool,
    ended: Option<&'static str>,
    executions: u32,
}

/// What the ADR says of the whole.
#[derive(Clone, Debug)]
struct Twin {
    epoch: Epoch,
    enrolled: BTreeSet<usize>,
    /// Whose each key is.
    owners: BTreeMap<u8, usize>,
    lives: BTreeMap<RowId, Life>,
}

impl Twin {
    fn enough(&self, life: &Life, named: &[RowId], now: i64) -> bool {
        let mut people = BTreeSet::new();
        for row in named {
            let Some((_, given, expires, _, person)) = life.approvals.iter().find(|approval| approval.3 == *row) else {
                return false;
            };
            if life.proposers.contains(person) || now < *given || *expires <= now {
                return false;
            }
            people.insert(*person);
        }
        // Thresholds are of medium risk: a person in nigredo and rubedo. Changes of epoch always need one.
        let needs_human = life.changes_epoch.is_some() || self.epoch != Epoch::Albedo;
        people.len() >= 2 && (!needs_human || people.iter().any(|person| PEOPLE[*person].2))
    }

    fn needs_anchor(&self, life: &Life) -> bool {
        life.changes_epoch.is_some() || self.epoch == Epoch::Rubedo
    }

    fn is_open(life: &Life, now: i64) -> bool {
        life.ended.is_none() && life.intent.is_none() && !life.void && now < life.expires
    }
}

/// Accepted and refused steps by name.
type Tally = BTreeMap<(&'static str, bool), u64>;

struct Walk {
    feed: Feed,
    twin: Twin,
    dice: Dice,
    proposals: Vec<Signed<Proposal>>,
    tally: Tally,
    states: HashSet<u64>,
    /// Keys go from one to another. The specification knows people and no keys, so walks that are told for it do without.
    moves_keys: bool,
}

impl Walk {
    fn new(seed: u64, moves_keys: bool) -> Self {
        let (enrolled, lives) = (BTreeSet::new(), BTreeMap::new());
        let twin = Twin { epoch: Epoch::Nigredo, enrolled, owners: owners(), lives };
        let mut walk = Self {
            feed: Feed::empty(),
            twin,
            dice: Dice(seed),
            proposals: Vec::new(),
            tally: Tally::new(),
            states: HashSet::new(),
            moves_keys,
        };
        walk.enrol((0..PEOPLE.len()).collect());
        walk
    }

    fn enrol(&mut self, people: BTreeSet<usize>) {
        let owners = self.twin.owners.clone();
        let keys = |one: usize| owners.iter().filter(|(_, whose)| **whose == one).map(|(seed, _)| *seed).collect();
        let enrolled = |one: &usize| {
            let keys: Vec<u8> = keys(*one);
            identity(PEOPLE[*one].0, &keys, &[], PEOPLE[*one].2)
        };
        let enrolled: Vec<Identity> = people.iter().map(enrolled).collect();
        self.feed.policy(enrolled, rules()).unwrap();
        for life in self.twin.lives.values_mut() {
            life.approvals.retain(|approval| owners[&approval.0] == approval.4 && people.contains(&approval.4));
            life.proposers.extend(people.get(&owners[&PROPOSER]));
        }
        self.twin.enrolled = people;
    }

    /// Compares the gate's answer with the model's, and all the state that can be asked for.
    fn judge<T: core::fmt::Debug>(
        &mut self,
        step: &'static str,
        expected: bool,
        found: &Result<T, vm_dee::error::Violation>,
    ) {
        assert_eq!(expected, found.is_ok(), "{step}: {found:?}\n{:#?}", self.twin);
        *self.tally.entry((step, expected)).or_default() += 1;
        assert_eq!(self.feed.gate.epoch(), self.twin.epoch);
        let unfinished: Vec<RowId> = self.feed.gate.unfinished().iter().map(|open| open.intent()).collect();
        let open = self.twin.lives.values().filter(|life| life.ended.is_none());
        assert_eq!(unfinished, open.filter_map(|life| life.intent).collect::<Vec<_>>());
        self.note();
    }

    /// Remembers the state, with times and ids left out.
    fn note(&mut self) {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        (self.twin.epoch, &self.twin.enrolled).hash(&mut hasher);
        for life in self.twin.lives.values() {
            let who: BTreeSet<u8> = life.approvals.iter().map(|approval| approval.0).collect();
            (life.changes_epoch, who, life.void, life.intent.is_some(), life.changed, life.ended).hash(&mut hasher);
        }
        self.states.insert(hasher.finish());
    }

    fn pick(&mut self) -> Option<Signed<Proposal>> {
        // Mostly one that is open: what has ended is refused all the same.
        let is_open = |one: &&Signed<Proposal>| self.twin.lives[&one.content().row].ended.is_none();
        let open: Vec<&Signed<Proposal>> = self.proposals.iter().filter(is_open).collect();
        let all: Vec<&Signed<Proposal>> = self.proposals.iter().collect();
        let from = if open.is_empty() || self.dice.once_in(10) { all } else { open };
        let at = if from.is_empty() { return None } else { self.dice.below(from.len()) };
        from.get(at).map(|one| (*one).clone())
    }

    fn step(&mut self) {
        match self.dice.below(32) {
            0..=3 => self.propose(),
            4..=15 => self.approve(),
            16..=20 => self.authorise(),
            21..=23 => self.finish(),
            24 => self.close(),
            25..=28 => self.change_epoch(),
            29 => self.crash(),
            30 => self.feed.now += [1, 100, LASTS / 2][self.dice.below(3)],
            _ if self.moves_keys && self.dice.once_in(2) => self.move_key(),
            _ => self.revoke(),
        }
    }

    fn propose(&mut self) {
        if self.twin.lives.values().filter(|life| life.ended.is_none()).count() >= 3 {
            return;
        }
        let epoch = self.twin.epoch;
        let to = Epoch::ALL[self.dice.below(3)];
        let is_change = self.dice.once_in(2) && to != epoch;
        let change = if is_change { Change::Epoch { from: epoch, to } } else { threshold() };
        let claimed = if self.dice.once_in(8) { Epoch::ALL[self.dice.below(3)] } else { epoch };
        let expires = self.feed.now + [0, 50, 2 * LASTS, 9 * LASTS][self.dice.below(4)];
        let expected = claimed == epoch && expires > self.feed.now;
        let found = self.feed.propose_as(change, |proposal| {
            proposal.epoch = claimed;
            proposal.expires = at(expires);
        });
        if let Ok(proposal) = &found {
            let life = Life {
                changes_epoch: is_change.then_some((epoch, to)),
                expires,
                approvals: Vec::new(),
                proposers: self.twin.enrolled.get(&self.twin.owners[&PROPOSER]).copied().into_iter().collect(),
                void: false,
                intent: None,
                changed: false,
                ended: None,
                executions: 0,
            };
            self.twin.lives.insert(proposal.content().row, life);
            self.proposals.push(proposal.clone());
        }
        self.judge("propose", expected, &found);
    }

    fn approve(&mut self) {
        let Some(proposal) = self.pick() else { return };
        let now = self.feed.now;
        let seed = [10, 11, 12, 13, 14, 10, 13, PROPOSER, 51, 60][self.dice.below(10)];
        let is_changed = self.dice.once_in(10);
        let claimed = if self.dice.once_in(10) { Epoch::ALL[self.dice.below(3)] } else { self.twin.epoch };
        let life = &self.twin.lives[&proposal.content().row];
        let lasts = [LASTS, LASTS, LASTS, 60, LASTS + 1][self.dice.below(5)];
        let person = self.twin.owners.get(&seed).copied();
        let of_person = life.approvals.iter().filter(|approval| Some(approval.4) == person).count();
        let expected = Twin::is_open(life, now)
            && !is_changed
            && claimed == self.twin.epoch
            && person.is_some_and(|one| self.twin.enrolled.contains(&one) && !life.proposers.contains(&one))
            && lasts <= LASTS
            && of_person < 4;
        let mut target = proposal.clone();
        if is_changed {
            let mut content = proposal.content().clone();
            content.expires = at(now + 77_777);
            target = Signed::sign(content, &key(PROPOSER)).unwrap();
        }
        let found = self.feed.approve_as(&target, seed, |approval| {
            approval.epoch = claimed;
            approval.expires = at(now + lasts);
        });
        if let Ok(row) = &found {
            let life = self.twin.lives.get_mut(&proposal.content().row).unwrap();
            life.approvals.push((seed, now, now + lasts, *row, person.unwrap()));
        }
        self.judge("approve", expected, &found);
    }

    fn authorise(&mut self) {
        let Some(proposal) = self.pick() else { return };
        let now = self.feed.now;
        let life = self.twin.lives[&proposal.content().row].clone();
        // All there are, some of them, or those of another proposal.
        let mut named: Vec<RowId> = life.approvals.iter().map(|approval| approval.3).collect();
        match self.dice.below(4) {
            0 => named.retain(|row| row.as_bytes()[15].is_multiple_of(2)),
            1 => named.retain(|row| {
                let own = life.approvals.iter().find(|approval| approval.3 == *row).unwrap();
                own.1 <= now && now < own.2
            }),
            2 if self.dice.once_in(4) => {
                let others = self.twin.lives.values().flat_map(|life| &life.approvals);
                named.extend(others.map(|approval| approval.3).next());
            }
            _ => {}
        }
        named.sort_unstable();
        named.dedup();
        let has_anchor = !self.dice.once_in(6);
        let is_old = self.dice.once_in(10);
        let expected = Twin::is_open(&life, now)
            && self.twin.enough(&life, &named, now)
            && (has_anchor || !self.twin.needs_anchor(&life))
            && !is_old;
        let found = self.feed.intend_as(&proposal, &named, |intent| {
            if !has_anchor {
                intent.anchor = None;
            }
            if is_old {
                intent.seal.as_of = 1;
            }
        });
        if let Ok(row) = &found {
            let life = self.twin.lives.get_mut(&proposal.content().row).unwrap();
            life.intent = Some(*row);
            life.executions += 1;
        }
        self.judge("authorise", expected, &found);
    }

    /// Records the outcome of an execution, rightly or not.
    fn finish(&mut self) {
        let Some(proposal) = self.pick() else { return };
        let life = self.twin.lives[&proposal.content().row].clone();
        let end = ["succeeded", "failed", "unknown"][self.dice.below(3)];
        let named = if self.dice.once_in(6) { Some(row_id(5)) } else { life.intent };
        let Some(named) = named else { return };
        let expected = life.ended.is_none()
            && life.intent == Some(named)
            && (end != "succeeded" || life.changes_epoch.is_none() || life.changed)
            && (end != "failed" || !life.changed);
        let found = self.feed.end(end, &proposal, Some(named));
        if found.is_ok() {
            self.twin.lives.get_mut(&proposal.content().row).unwrap().ended = Some(end);
        }
        self.judge("finish", expected, &found);
    }

    fn close(&mut self) {
        let Some(proposal) = self.pick() else { return };
        let life = self.twin.lives[&proposal.content().row].clone();
        let end = ["withheld", "expired"][self.dice.below(2)];
        let expected = life.ended.is_none()
            && life.intent.is_none()
            && (end == "withheld" || life.void || self.feed.now >= life.expires);
        let found = self.feed.end(end, &proposal, None);
        if found.is_ok() {
            self.twin.lives.get_mut(&proposal.content().row).unwrap().ended = Some(end);
        }
        self.judge("close", expected, &found);
    }

    fn change_epoch(&mut self) {
        // One that is authorised if there is one, else any.
        let authorised = |life: &Life| life.changes_epoch.is_some() && life.intent.is_some() && life.ended.is_none();
        let found = self.twin.lives.iter().find(|(_, life)| authorised(life)).map(|(row, _)| *row);
        let proposal = self.pick();
        let Some(row) = found.or_else(|| proposal.map(|proposal| proposal.content().row)) else { return };
        let life = self.twin.lives[&row].clone();
        let from = self.twin.epoch;
        let to = if self.dice.once_in(5) { None } else { life.changes_epoch };
        let to = to.map_or_else(|| Epoch::ALL.into_iter().find(|epoch| *epoch != from).unwrap(), |change| change.1);
        if to == from {
            return;
        }
        let busy =
            self.twin.lives.iter().any(|(other, life)| *other != row && life.intent.is_some() && life.ended.is_none());
        let expected = authorised(&life) && !life.changed && life.changes_epoch == Some((from, to)) && !busy;
        let found = self.feed.change_epoch(from, to, life.intent.unwrap_or(row));
        if found.is_ok() {
            self.twin.epoch = to;
            for (other, life) in &mut self.twin.lives {
                if *other == row {
                    life.changed = true;
                } else if life.intent.is_none() {
                    life.void = true;
                }
            }
        }
        self.judge("change epoch", expected, &found);
    }

    /// The process dies; the next one folds the log anew and records what nobody knows.
    fn crash(&mut self) {
        let mut gate = gate();
        for (entry, row) in &self.feed.accepted {
            gate.apply(entry, row).unwrap();
        }
        assert_eq!(gate, self.feed.gate, "a second fold comes to another state");
        self.feed.gate = gate;
        for open in self.feed.gate.unfinished() {
            let head = self.feed.header();
            let found = self.feed.feed(&open.unknown().draft(head).unwrap());
            self.twin.lives.get_mut(&open.proposal().row).unwrap().ended = Some("unknown");
            self.judge("recover", true, &found);
        }
    }

    /// A key goes to somebody, in a policy that enrols whom the last one did.
    fn move_key(&mut self) {
        let seeds: Vec<u8> = self.twin.owners.keys().copied().collect();
        let (seed, to) = (seeds[self.dice.below(seeds.len())], self.dice.below(PEOPLE.len()));
        self.twin.owners.insert(seed, to);
        self.enrol(self.twin.enrolled.clone());
        self.judge::<()>("move a key", true, &Ok(()));
    }

    fn revoke(&mut self) {
        let mask = self.dice.next();
        // Three of four stay, so that something can still be approved.
        let people = (0..PEOPLE.len()).filter(|one| (mask >> (2 * one)) & 3 != 0).collect();
        self.enrol(people);
        self.judge::<()>("revoke", true, &Ok(()));
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Walks by number, each of its own seed; what they came to does not depend on how they are shared out.
fn walk_some(seed: u64, numbers: impl Iterator<Item = u64>) -> (Tally, HashSet<u64>) {
    let (mut tally, mut states) = (Tally::new(), HashSet::new());
    for number in numbers {
        let mut walk = Walk::new(seed ^ number.wrapping_mul(0x0000_0100_0000_01b3), true);
        for _ in 0..STEPS {
            walk.step();
        }
        assert!(walk.twin.lives.values().all(|life| life.executions <= 1), "walk {number}: executed twice");
        for (step, count) in walk.tally {
            *tally.entry(step).or_default() += count;
        }
        states.extend(walk.states);
    }
    (tally, states)
}

#[test]
fn random_walks_of_the_gate_agree_with_the_model() {
    let walks = setting("VAULTMESH_GATE_WALKS", 1_000);
    let seed = setting("VAULTMESH_GATE_SEED", 0x5eed);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let (mut tally, mut states) = (Tally::new(), HashSet::new());
    std::thread::scope(|scope| {
        let begin = |first| scope.spawn(move || walk_some(seed, (first..walks).step_by(threads as usize)));
        for running in (0..threads).map(begin).collect::<Vec<_>>() {
            let some = running.join().unwrap();
            for (step, count) in some.0 {
                *tally.entry(step).or_default() += count;
            }
            states.extend(some.1);
        }
    });
    let operations: u64 = tally.values().sum();
    println!("seed {seed:#x}: {walks} walks, {operations} operations, {} distinct states", states.len());
    for ((step, accepted), count) in &tally {
        println!("{} {step}: {count}", if *accepted { "accepted" } else { "refused " });
    }
    // Well below what is measured, so that another seed passes too.
    assert!(operations >= 15 * walks, "{operations} operations in {walks} walks");
    let wanted = walks.min(100) * 5;
    assert!(states.len() as u64 >= wanted, "{} states", states.len());
    let both = ["propose", "approve", "authorise", "finish", "close", "change epoch"];
    let reached = |step, accepted| tally.get(&(step, accepted)).copied().unwrap_or(0);
    for step in both {
        assert!(reached(step, true) > 0 && reached(step, false) > 0, "{step} was not seen to be accepted and refused");
    }
    assert!(["recover", "revoke", "move a key"].into_iter().all(|step| reached(step, true) > 0));
}

/// Most walks that are looked at for logs to tell, each of this many steps: changes of epoch are rare.
const LOOKED_AT: u64 = 64;
const TOLD_STEPS: usize = 120;
/// Least number of logs told.
const TOLD: usize = 12;

#[test]
fn logs_of_walks_are_told_for_the_specification() {
    let wanted = ["anchor", "approval", "change", "execute", "intent", "outcome", "policy", "proposal", "seal", "tick"];
    let mut kinds = BTreeSet::new();
    let mut lines = Vec::new();
    for seed in 0..LOOKED_AT {
        if lines.len() >= TOLD && kinds.len() == wanted.len() {
            break;
        }
        let mut walk = Walk::new(seed, false);
        for _ in 0..TOLD_STEPS {
            walk.step();
        }
        let events = common::trace::events(&walk.feed.accepted);
        assert!(events.len() >= walk.feed.accepted.len(), "a row was not told");
        kinds.extend(events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()));
        lines.push(serde_json::json!({ "seed": seed, "events": events }).to_string() + "\n");
    }
    assert_eq!(kinds.iter().collect::<Vec<_>>(), wanted);
    if let Some(path) = std::env::var_os("VAULTMESH_GATE_TRACES") {
        std::fs::write(path, lines.concat()).unwrap();
    }
}
