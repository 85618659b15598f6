//! The graph of ops that one replica holds, and what of it counts.
//!
//! An op is taken when all that it names is here, and is valid by its past and by the sealed events up to the epoch it names:
//! never by a clock, the order of arrival, or anything local. What counts is a function of the ops, proofs and events that are held:
//!
//! - An author is *proven* where a proof of equivocation is known. A *sound* op is by an author who is not, and, where an event revoked
//!   that author, lies below that event's frontier.
//! - An op *counts* if it lies in the past of a sound op, or below a sealed frontier. What does not count stands aside: it is in no state,
//!   under no head, and goes to nobody. An op of a proven author is only taken where somebody else's needs it.
//! - An op has *effect* if it counts and is not beyond the frontier of its author's revocation.
//!
//! So whoever forks is heard no further than others had already built on it, and two replicas that hold the same sound ops, proofs and
//! events agree, whatever else either has seen.

mod author;
mod bare;
mod changes;
mod clock;
mod count;
mod lanes;
mod node;
mod orphans;
#[cfg(test)]
mod properties;
mod rule;
mod seal;
#[cfg(test)]
mod tests;
mod valid;

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use vm_core::key::PublicKey;

use crate::chain::Chain;
use crate::charter::{Charter, MEMBERS_MAX};
use crate::equivocation::EquivocationProof;
use crate::error::{EquivocationError, Refusal};
use crate::event::SealedEvent;
use crate::id::{GraphId, OpId, OpIndex, Past};
use crate::op::{SignedHead, SignedOp};
use crate::payload::Payload;

pub use changes::Changes;
pub use rule::Rule;

use clock::{Clock, Clocks, covered};
use node::{Content, Lane, Node};
use orphans::{Missing, Orphans};

/// What a graph holds at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Ops.
    pub ops: usize,
    /// Lanes: one of each member, and one more for each branch of a fork that somebody named. Whoever has none yet gets one all the same: forks of others
    /// keep nobody out.
    pub lanes: usize,
    /// Cells of clocks, four bytes each.
    pub clock_cells: usize,
    /// Ops of one author that wait for their past.
    pub orphans: usize,
    /// Bytes of them.
    pub orphan_bytes: u64,
}

impl Default for Limits {
    /// Sixteen million ops, which take some 8 GB without their payloads: 473 bytes an op, measured on a graph of 1,000,000 (`docs/benches.md`); as many lanes
    /// as members and as many again for forks; 1 GiB of clocks; and of each author 256 ops that came too early, or 4 MiB of them: four of the longest.
    fn default() -> Self {
        Self { ops: 1 << 24, lanes: 2 * MEMBERS_MAX, clock_cells: 1 << 28, orphans: 256, orphan_bytes: 4 << 20 }
    }
}

/// What became of an op.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Received {
    /// It was here already.
    Known,
    /// It is held.
    Held(OpIndex),
    /// It was held without its payload, and has it now.
    Filled(OpIndex),
    /// It waits for the ops that [`Graph::wanted`] names, or for a sealed event.
    Waiting,
}

/// All ops that one replica holds.
#[derive(Debug)]
pub struct Graph {
    id: GraphId,
    chain: Chain,
    limits: Limits,
    nodes: Vec<Node>,
    index: HashMap<OpId, u32>,
    lanes: Vec<Lane>,
    lanes_of: HashMap<PublicKey, Vec<usize>>,
    clocks: Clocks,
    /// How many of each lane's first ops count.
    counted: Clock,
    /// What counts and lies in the past of nothing else that does.
    heads: BTreeSet<OpId>,
    /// Clock of each sealed frontier, by the event's number less one.
    frontiers: Vec<Clock>,
    /// Clock below which payloads were dropped.
    compacted: Clock,
    proofs: BTreeMap<PublicKey, EquivocationProof>,
    orphans: Orphans,
    /// The next event, while heads of its frontier are missing, and those that follow it.
    pending: VecDeque<SealedEvent>,
    /// Places of each lane that are held without their payload and lie below no sealed compaction.
    bare: BTreeMap<usize, BTreeSet<u32>>,
    /// Lanes that hold nothing any more, and how many ops there were when none could be made free.
    free: (Vec<usize>, usize),
    #[cfg(feature = "hazmat")]
    skipped: Option<Rule>,
}

impl Graph {
    /// A graph with nothing in it.
    #[must_use]
    pub fn new(charter: Charter, limits: Limits) -> Self {
        Self {
            id: charter.graph(),
            chain: Chain::new(charter),
            limits,
            nodes: Vec::new(),
            index: HashMap::new(),
            lanes: Vec::new(),
            lanes_of: HashMap::new(),
            clocks: Clocks::default(),
            counted: Clock::new(),
            heads: BTreeSet::new(),
            frontiers: Vec::new(),
            compacted: Clock::new(),
            proofs: BTreeMap::new(),
            orphans: Orphans::default(),
            pending: VecDeque::new(),
            bare: BTreeMap::new(),
            free: (Vec::new(), 0),
            #[cfg(feature = "hazmat")]
            skipped: None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> GraphId {
        self.id
    }

    /// The sealed events.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Takes an op, and what had waited for it. Cost: the lanes of the graph for each op that joins heads, constant for others.
    ///
    /// # Errors
    /// [`Refusal`]: nothing changed, but that what waited for an invalid op has been forgotten.
    pub fn insert(&mut self, op: SignedOp) -> Result<(Received, Changes), Refusal> {
        self.insert_as(op, false)
    }

    /// Takes an op; where it is known to be needed by an op that comes later, also of an author who is proven.
    pub(crate) fn insert_as(&mut self, op: SignedOp, is_needed: bool) -> Result<(Received, Changes), Refusal> {
        let mut changes = Changes::default();
        let received = self.take(op, is_needed, &mut changes)?;
        if let Received::Filled(index) = received {
            self.forget_bare(index, &mut changes);
        }
        if let Received::Held(index) = received {
            self.release(*self.id(index), &mut changes);
            self.seal_pending(&mut changes);
        }
        Ok((received, changes))
    }

    /// Takes an op without its payload, as it comes from somebody who has compacted it away: valid like any other, and without a share in any
    /// state. Neither it nor what builds on it counts until a sealed frontier covers it or the payload is here: a payload that is withheld, or none, is in
    /// nobody's state. One whose past is not held is not kept: it comes in order or not at all.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn insert_bare(&mut self, signed: SignedHead) -> Result<(Received, Changes), Refusal> {
        self.insert_bare_as(signed, false)
    }

    pub(crate) fn insert_bare_as(
        &mut self,
        signed: SignedHead,
        is_needed: bool,
    ) -> Result<(Received, Changes), Refusal> {
        let mut changes = Changes::default();
        if self.index.contains_key(signed.id()) {
            return Ok((Received::Known, changes));
        }
        self.check_standing(&signed, is_needed)?;
        let is_ready = signed.head().predecessors().all(|id| self.index.contains_key(id));
        if !is_ready || signed.head().epoch > u64::from(self.chain.number()) {
            return Ok((Received::Waiting, changes));
        }
        let past = self.check_past(signed.head())?;
        let id = *signed.id();
        let index = self.push(signed, None, &past, &mut changes)?;
        self.note_bare(index);
        self.note_fork(index, &mut changes);
        self.count_with(index, &mut changes);
        self.release(id, &mut changes);
        self.seal_pending(&mut changes);
        Ok((Received::Held(OpIndex::from_u32(index)), changes))
    }

    /// Gives an op that was taken without one its payload.
    fn fill(&mut self, index: u32, op: SignedOp) -> Option<OpIndex> {
        let node = self.nodes.get_mut(to_usize(index))?;
        if node.content.payload.is_some() || covered(&self.compacted, to_usize(node.lane)) > node.at {
            return None;
        }
        node.content.payload = Some(op.into_parts().1);
        Some(OpIndex::from_u32(index))
    }

    /// Takes whatever waited for an op, and what waited for that.
    fn release(&mut self, id: OpId, changes: &mut Changes) {
        let mut queue = self.orphans.released(&id);
        while let Some(op) = queue.pop() {
            let id = *op.id();
            match self.take(op, false, changes) {
                Ok(Received::Held(_)) => queue.extend(self.orphans.released(&id)),
                Ok(_) => {}
                Err(refusal) => changes.refused.push((id, refusal)),
            }
        }
    }

    fn take(&mut self, op: SignedOp, is_needed: bool, changes: &mut Changes) -> Result<Received, Refusal> {
        let id = *op.id();
        if let Some(index) = self.index.get(&id).copied() {
            return Ok(self.fill(index, op).map_or(Received::Known, Received::Filled));
        }
        if self.orphans.contains(&id) {
            return Ok(Received::Known);
        }
        self.check_standing(op.signed(), is_needed)?;
        if op.head().epoch > u64::from(self.chain.number()) {
            let missing = Missing::Event(op.head().epoch);
            self.orphans.keep(op, &missing, &self.limits);
            return Ok(Received::Waiting);
        }
        let absent: Vec<OpId> = op.head().predecessors().filter(|id| !self.index.contains_key(*id)).copied().collect();
        if !absent.is_empty() {
            self.orphans.keep(op, &Missing::Ops(absent), &self.limits);
            return Ok(Received::Waiting);
        }
        let past = match self.check_past(op.head()) {
            Ok(past) => past,
            Err(refusal) => {
                if refusal.is_invalid() {
                    self.orphans.forget_above(&id);
                }
                return Err(refusal);
            }
        };
        let (signed, payload) = op.into_parts();
        let index = self.push(signed, Some(payload), &past, changes)?;
        self.note_fork(index, changes);
        self.count_with(index, changes);
        Ok(Received::Held(OpIndex::from_u32(index)))
    }

    /// Puts an op that is valid at the end of its lane, or of a new one. Where a limit refuses it, nothing has changed.
    fn push(
        &mut self,
        signed: SignedHead,
        payload: Option<Payload>,
        past: &valid::PastOf,
        changes: &mut Changes,
    ) -> Result<u32, Refusal> {
        let full = |what, limit, found| Refusal::Full { what, limit, found };
        let index = u32::try_from(self.nodes.len()).ok().filter(|_| self.nodes.len() < self.limits.ops);
        let index = index.ok_or_else(|| full("ops", self.limits.ops, self.nodes.len() + 1))?;
        if let valid::ClockOf::Joined(clock) = &past.clock {
            let cells = self.clocks.len() + clock.len();
            if cells > self.limits.clock_cells {
                return Err(full("cells of clocks", self.limits.clock_cells, cells));
            }
        }
        let is_first = !self.lanes_of.contains_key(&signed.head().author);
        let lane = match past.lane {
            Some(lane) => lane,
            None if self.lanes.len() < self.limits.lanes => self.lanes.len(),
            None => match self.free_lane(past, changes) {
                Some(lane) => lane,
                None if is_first => self.lanes.len(),
                None => return Err(full("lanes", self.limits.lanes, self.lanes.len() + 1)),
            },
        };
        let clock = match &past.clock {
            valid::ClockOf::Parent(range) => range.clone(),
            valid::ClockOf::Joined(clock) => self.clocks.keep(clock),
        };
        let head = signed.head();
        if past.lane.is_none() {
            self.open_lane(lane, Lane { author: head.author, seq: head.seq, ops: Vec::new(), epochs: Vec::new() });
        }
        let epoch = head.epoch;
        self.index.insert(*signed.id(), index);
        let mut at = 0;
        if let Some(lane) = self.lanes.get_mut(lane) {
            at = lane.len();
            lane.push(index, epoch);
        }
        let lane = u32::try_from(lane).unwrap_or(u32::MAX);
        self.nodes.push(Node { lane, at, clock, content: Box::new(Content { signed, payload }) });
        Ok(index)
    }

    fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(index).ok()?)
    }

    fn lane(&self, lane: u32) -> Option<&Lane> {
        self.lanes.get(usize::try_from(lane).ok()?)
    }

    /// How many ops of a lane lie in an op's past, itself included.
    fn covers(&self, node: &Node, lane: u32) -> u32 {
        if node.lane == lane { node.at + 1 } else { covered(self.clocks.at(&node.clock), to_usize(lane)) }
    }

    /// The whole clock of an op, itself included.
    fn clock_of(&self, node: &Node) -> Clock {
        let mut clock = self.clocks.at(&node.clock).to_vec();
        clock::raise(&mut clock, to_usize(node.lane), node.at + 1);
        clock
    }

    /// How many ops count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counted.iter().map(|count| to_usize(*count)).sum()
    }

    /// Whether nothing counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counted.iter().all(|count| *count == 0)
    }

    /// How many ops wait for their past, or for an event.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.orphans.len()
    }

    /// Ops that others wait for, or that the next sealed event names.
    pub fn wanted(&self) -> impl Iterator<Item = &OpId> {
        let frontier = self.pending.iter().flat_map(|event| &event.body().frontier);
        let missing = frontier.filter(|id| !self.index.contains_key(*id) && !self.orphans.contains(id));
        self.orphans.wanted().chain(missing)
    }

    /// What counts and lies in the past of nothing else that does, ascending. What counts is closed under predecessors, so two
    /// replicas whose heads are the same count the same ops.
    pub fn heads(&self) -> impl Iterator<Item = &OpId> {
        self.heads.iter()
    }

    /// Whether an op is held and counts.
    #[must_use]
    pub fn contains(&self, id: &OpId) -> bool {
        self.index.get(id).is_some_and(|index| self.does_count(*index))
    }

    /// Place of an op that is held, whether it counts or not.
    #[must_use]
    pub fn place(&self, id: &OpId) -> Option<OpIndex> {
        self.index.get(id).copied().map(OpIndex::from_u32)
    }

    /// Head and signature of an op.
    #[must_use]
    pub fn head(&self, op: OpIndex) -> Option<&SignedHead> {
        self.node(op.as_u32()).map(|node| &node.content.signed)
    }

    /// Payload of an op; nothing where it was compacted away.
    #[must_use]
    pub fn payload(&self, op: OpIndex) -> Option<&Payload> {
        self.node(op.as_u32())?.content.payload.as_ref()
    }

    /// The proof that is kept of each author that forked, ascending by author.
    pub fn proofs(&self) -> impl Iterator<Item = &EquivocationProof> {
        self.proofs.values()
    }

    /// Whether an author is proven to have forked.
    #[must_use]
    pub fn is_proven(&self, author: &PublicKey) -> bool {
        self.proofs.contains_key(author)
    }

    /// Takes a proof that somebody else made. Of several of one author all replicas come to keep the least.
    ///
    /// # Errors
    /// [`EquivocationError::Foreign`] where it is of another graph or a stranger: it proves something, and nothing here.
    pub fn learn(&mut self, proof: EquivocationProof) -> Result<Changes, EquivocationError> {
        if proof.graph() != self.id || self.chain.membership(proof.author()).is_none() {
            return Err(EquivocationError::Foreign);
        }
        let mut changes = Changes::default();
        if self.keep_proof(proof, &mut changes) && !self.skips(Rule::Recount) {
            self.recount(&mut changes);
        }
        Ok(changes)
    }

    /// Keeps the least proof of an author. Whether the author was not proven before.
    fn keep_proof(&mut self, proof: EquivocationProof, changes: &mut Changes) -> bool {
        let author = *proof.author();
        let known = self.proofs.get(&author);
        let is_new = known.is_none();
        if known.is_none_or(|known| proof.order(known).is_lt()) {
            self.proofs.insert(author, proof);
        }
        if is_new {
            changes.proven.push(author);
        }
        is_new
    }

    /// Makes the proof where an op has a number that another of its author's has too.
    fn note_fork(&mut self, index: u32, changes: &mut Changes) {
        let Some(node) = self.node(index) else { return };
        let signed = &node.content.signed;
        let (author, seq) = (signed.head().author, signed.head().seq);
        let lanes = self.lanes_of.get(&author).map(Vec::as_slice).unwrap_or_default();
        let others = lanes.iter().filter(|lane| **lane != to_usize(node.lane)).filter_map(|lane| self.lanes.get(*lane));
        let same = others.filter_map(|lane| lane.op(u32::try_from(seq.checked_sub(lane.seq)?).ok()?));
        let proofs: Vec<EquivocationProof> = same
            .filter_map(|other| self.node(other))
            .filter_map(|other| EquivocationProof::check(other.content.signed.clone(), signed.clone()).ok())
            .collect();
        let mut is_new = false;
        for proof in proofs {
            is_new |= self.keep_proof(proof, changes);
        }
        if is_new && !self.skips(Rule::Recount) {
            self.recount(changes);
        }
    }
}

impl Past for Graph {
    fn is_or_precedes(&self, earlier: OpIndex, later: OpIndex) -> bool {
        match (self.node(earlier.as_u32()), self.node(later.as_u32())) {
            (Some(earlier), Some(later)) => self.covers(later, earlier.lane) > earlier.at,
            _ => false,
        }
    }

    fn id(&self, op: OpIndex) -> &OpId {
        const NOBODY: &OpId = &OpId::from_bytes([0; 32]);
        self.node(op.as_u32()).map_or(NOBODY, Node::id)
    }
}

/// An index as a length. Lossless: Rust runs on nothing below 16 bits, and a graph with more ops than that is not made there.
fn to_usize(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Where a clock is kept.
type ClockPlace = Range<usize>;
