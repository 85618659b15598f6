//! What a run came to: how much was done, and what was reached.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// Counts of everything that happened, by name, and the greatest of what has a bound.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
    greatest: BTreeMap<&'static str, u64>,
    ended: BTreeMap<&'static str, u64>,
    states: BTreeSet<[u8; 8]>,
}

/// What stands before the code of an error that ended a session.
const ENDED: &str = "session ended: ";

/// What must have happened in every hundred seeds at least. The numbers are a tenth of what a hundred seeds reach, rounded down: a
/// simulator that has gone blind falls below them, and one that is merely changed does not.
pub const LEAST: &[(&str, u64)] = &[
    ("ops: honest", 300),
    ("ops: liars", 100),
    ("network: messages", 5_000),
    ("network: messages lost", 10),
    ("network: messages doubled", 10),
    ("network: partitions", 10),
    ("network: sessions of two honest", 100),
    ("network: sessions with a liar", 100),
    ("network: sessions broken off", 20),
    ("crash: with disk", 20),
    ("crash: without disk", 3),
    ("events: enrolments", 2),
    ("events: revocations of liars", 3),
    ("events: epochs", 3),
    ("events: compactions", 2),
    ("state: compacted", 2),
    ("end: authors proven", 5),
    ("liar: fork to two halves", 5),
    ("liar: fork hidden", 5),
    ("liar: fork shown late", 5),
    ("liar: vouch for a fork", 5),
    ("liar: ops withheld", 5),
    ("liar: wants unanswered", 2),
    ("liar: orphans", 100),
    ("liar: back-dated ops", 3),
    ("liar: back-dated op was taken and has no effect", 1),
    ("liar: garbage symbols", 2),
    ("liar: lying heads", 2),
    ("liar: lying tips", 2),
    ("liar: lying counts", 2),
    ("liar: false facts", 2),
    ("liar: ops of another graph", 3),
    ("liar: wrong parent, valid child", 3),
    ("liar: own fork merged, valid child", 2),
    ("liar: whitewash, valid child", 2),
    ("liar: epoch back, valid child", 1),
    ("liar: old messages", 2),
    ("liar: forged signature", 3),
    ("liar: huge lists", 2),
    ("liar: endless wants", 2),
    ("liar: messages doctored", 5),
    ("session ended: crdt-op-parent", 2),
    ("session ended: crdt-op-signature", 10),
    ("session ended: crdt-op-stranger", 5),
    ("session ended: crdt-sync-turn", 20),
    ("session ended: crdt-sync-graph", 5),
    ("session ended: crdt-message-list", 5),
];

/// What is so rare that only a thousand seeds owe it: an op that is invalid for this reason alone, sent to one who knows nothing else against its author.
pub const RARE: &[(&str, u64)] = &[
    ("session ended: crdt-op-own-fork", 1),
    ("session ended: crdt-op-whitewash", 1),
    ("session ended: crdt-op-epoch-back", 1),
    ("session ended: crdt-sync-insistent", 3),
];

/// Distinct pairs of heads and proofs that honest replicas must have stood at in every hundred seeds.
pub const STATES_LEAST: usize = 500;

impl Tally {
    pub(crate) fn add(&mut self, what: &'static str) {
        self.add_many(what, 1);
    }

    pub(crate) fn add_many(&mut self, what: &'static str, count: usize) {
        *self.counts.entry(what).or_default() += u64::try_from(count).unwrap_or(0);
    }

    /// A session that an honest replica ended, by the code of the error.
    pub(crate) fn end(&mut self, code: &'static str) {
        *self.ended.entry(code).or_default() += 1;
    }

    pub(crate) fn reach(&mut self, what: &'static str, value: usize) {
        let value = u64::try_from(value).unwrap_or(u64::MAX);
        let greatest = self.greatest.entry(what).or_default();
        *greatest = value.max(*greatest);
    }

    pub(crate) fn state(&mut self, digest: [u8; 8]) {
        self.states.insert(digest);
    }

    /// How often something happened.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        let ended = what.strip_prefix(ENDED).map(|code| self.ended.get(code));
        ended.unwrap_or_else(|| self.counts.get(what)).copied().unwrap_or(0)
    }

    /// The greatest that something was.
    #[must_use]
    pub fn greatest(&self, what: &str) -> u64 {
        self.greatest.get(what).copied().unwrap_or(0)
    }

    /// Distinct states of honest replicas.
    #[must_use]
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// Adds what another run came to.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(what, count)| *self.counts.entry(what).or_default() += count);
        other.ended.iter().for_each(|(code, count)| *self.ended.entry(code).or_default() += count);
        for (what, value) in &other.greatest {
            let greatest = self.greatest.entry(what).or_default();
            *greatest = (*value).max(*greatest);
        }
        self.states.extend(&other.states);
    }

    /// What happened less often than it must in so many seeds: what, how often it must, how often it did. Fewer than a
    /// hundred seeds owe nothing.
    #[must_use]
    pub fn missing(&self, seeds: u64) -> Vec<(&'static str, u64, u64)> {
        let hundreds = seeds / 100;
        let of = |times: u64| move |(what, least): &(&'static str, u64)| (*what, least * times, self.count(what));
        let owed = LEAST.iter().map(of(hundreds)).chain(RARE.iter().map(of(hundreds / 10)));
        let mut missing: Vec<_> = owed.filter(|(_, least, found)| found < least).collect();
        let states = u64::try_from(self.states()).unwrap_or(0);
        let least = u64::try_from(STATES_LEAST).unwrap_or(0) * hundreds;
        if states < least {
            missing.push(("distinct states", least, states));
        }
        missing
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "{count:>12}  {what}")?;
        }
        for (code, count) in &self.ended {
            writeln!(f, "{count:>12}  {ENDED}{code}")?;
        }
        writeln!(f, "{:>12}  distinct states of honest replicas", self.states())?;
        for (what, value) in &self.greatest {
            writeln!(f, "{value:>12}  at most: {what}")?;
        }
        Ok(())
    }
}
