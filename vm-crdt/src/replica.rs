//! A replica: a graph, and the state that its ops make.

use sha2::{Digest as _, Sha256};
use vm_core::digest::Sha256Digest;
use vm_core::key::SigningIdentity;

use crate::bytes::{Bytes, put_varint, wide};
use crate::chain::EventFork;
use crate::charter::Charter;
use crate::document::Document;
use crate::equivocation::EquivocationProof;
use crate::error::{AuthorError, EquivocationError, EventError, Refusal, StateError};
use crate::event::{Change, SealedEvent};
use crate::evidence::EvidenceSet;
use crate::graph::{Changes, Graph, Limits, Received};
use crate::id::{OpId, OpIndex, Past as _};
use crate::op::SignedOp;
use crate::pack::PackedOp;
use crate::payload::Payload;

/// First bytes of an encoded state.
pub const STATE_FORMAT: &[u8; 12] = b"vm-state-v0\n";
/// Longest state that is read, in bytes: a quarter of what a document's paths and values may come to, since state is held twice while it is taken up.
pub const STATE_MAX: usize = 256 << 20;

/// A state that was sealed, in place of the payloads that made it.
#[derive(Clone, Debug)]
struct Base {
    number: u32,
    bytes: Vec<u8>,
    document: Document,
    evidence: EvidenceSet,
}

/// One peer's ops and the state they make. Two replicas that count the same ops under the same events have the same state, byte for byte.
#[derive(Debug)]
pub struct Replica {
    graph: Graph,
    document: Document,
    evidence: EvidenceSet,
    base: Option<Base>,
    /// What counts, in the order in which it came to.
    order: Vec<OpIndex>,
    /// How often `order` was made anew.
    generation: u64,
    /// Ops that were taken without a payload.
    bare: Vec<OpIndex>,
}

impl Replica {
    /// A replica with nothing in it.
    #[must_use]
    pub fn new(charter: Charter, limits: Limits) -> Self {
        Self {
            graph: Graph::new(charter, limits),
            document: Document::default(),
            evidence: EvidenceSet::default(),
            base: None,
            order: Vec::new(),
            generation: 0,
            bare: Vec::new(),
        }
    }

    /// The ops.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    #[cfg(feature = "hazmat")]
    pub(crate) const fn graph_mut(&mut self) -> &mut Graph {
        &mut self.graph
    }

    /// The twin state.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The evidence.
    #[must_use]
    pub const fn evidence(&self) -> &EvidenceSet {
        &self.evidence
    }

    /// All ops that count, in the order in which they came to count here, and how often that order was begun anew: whoever keeps something up
    /// to date goes on from where it was, unless the second number is another.
    #[must_use]
    pub fn order(&self) -> (&[OpIndex], u64) {
        (&self.order, self.generation)
    }

    /// Takes an op; see [`Graph::insert`].
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn insert(&mut self, op: SignedOp) -> Result<(Received, Changes), Refusal> {
        let (received, changes) = self.take(op, false)?;
        self.follow(&changes);
        Ok((received, changes))
    }

    /// Takes an op out of a pack, also one without its payload: then the state lacks what the op did until [`adopt`](Self::adopt) brings a state that
    /// holds it, or somebody sends the op whole.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn insert_packed(&mut self, op: PackedOp) -> Result<(Received, Changes), Refusal> {
        let (received, changes) = self.take_packed(op, false)?;
        self.follow(&changes);
        Ok((received, changes))
    }

    /// Takes ops out of packs, each as [`insert_packed`](Self::insert_packed) would, and makes the state once, of all of them: much cheaper where they are
    /// many. `judge` is told what became of each and may break off, as an op that does not read does; what was taken until then stays.
    ///
    /// # Errors
    /// What broke it off, beside what changed.
    pub fn insert_all<E>(
        &mut self,
        ops: impl IntoIterator<Item = Result<PackedOp, E>>,
        mut judge: impl FnMut(&OpId, Result<Received, Refusal>) -> Result<(), E>,
    ) -> (Changes, Result<(), E>) {
        self.together(|all| {
            ops.into_iter().try_for_each(|op| {
                let op = op?;
                let id = *op.signed().id();
                judge(&id, all.insert(op, false))
            })
        })
    }

    /// Takes an op that this replica had held before and wrote down, in the order in which it held them. It is checked like any other, but that one of
    /// an author who is proven meanwhile is taken without asking who needs it: somebody did.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn restore(&mut self, op: PackedOp) -> Result<(Received, Changes), Refusal> {
        let (received, changes) = self.take_packed(op, true)?;
        self.follow(&changes);
        Ok((received, changes))
    }

    /// Lets ops be taken one after the other, and makes the state once, however it ends.
    pub(crate) fn together<T>(&mut self, take: impl FnOnce(&mut Together<'_>) -> T) -> (Changes, T) {
        let mut all = Together { replica: self, changes: Changes::default() };
        let end = take(&mut all);
        let changes = all.changes;
        self.follow(&changes);
        (changes, end)
    }

    /// Takes an op; the state does not follow yet.
    fn take(&mut self, op: SignedOp, is_needed: bool) -> Result<(Received, Changes), Refusal> {
        let (received, changes) = self.graph.insert_as(op, is_needed)?;
        if let Received::Filled(filled) = received {
            self.bare.retain(|op| *op != filled);
        }
        Ok((received, changes))
    }

    fn take_packed(&mut self, op: PackedOp, is_needed: bool) -> Result<(Received, Changes), Refusal> {
        let (signed, payload) = op.into_parts();
        if let Some(payload) = payload {
            return self.take(SignedOp::of_checked(signed, payload), is_needed);
        }
        let (received, changes) = self.graph.insert_bare_as(signed, is_needed)?;
        if let Received::Held(op) = received {
            self.bare.push(op);
        }
        Ok((received, changes))
    }

    /// Takes a proof of equivocation; see [`Graph::learn`].
    ///
    /// # Errors
    /// [`EquivocationError`].
    pub fn learn(&mut self, proof: EquivocationProof) -> Result<Changes, EquivocationError> {
        let changes = self.graph.learn(proof)?;
        self.follow(&changes);
        Ok(changes)
    }

    /// Takes a sealed event; see [`Graph::seal`].
    ///
    /// # Errors
    /// [`EventError`].
    pub fn seal(&mut self, event: SealedEvent) -> Result<Changes, EventError> {
        let changes = self.graph.seal(event)?;
        self.follow(&changes);
        Ok(changes)
    }

    /// Takes the proof that two events of one number were sealed.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn learn_fork(&mut self, fork: EventFork) -> Result<Changes, EventError> {
        let changes = self.graph.learn_fork(fork)?;
        self.follow(&changes);
        Ok(changes)
    }

    /// Makes the next op of an author; see [`Graph::write`].
    ///
    /// # Errors
    /// [`AuthorError`].
    pub fn write(&mut self, payload: Payload, author: &SigningIdentity) -> Result<SignedOp, AuthorError> {
        let (op, changes) = self.graph.write(payload, author)?;
        self.follow(&changes);
        Ok(op)
    }

    fn follow(&mut self, changes: &Changes) {
        if changes.must_rebuild {
            self.rebuild();
            return;
        }
        self.order.extend_from_slice(&changes.counted);
        let graph = &self.graph;
        let fresh: Vec<(OpIndex, &Payload)> = changes
            .counted
            .iter()
            .filter(|op| graph.is_effective(**op))
            .filter_map(|op| Some((*op, graph.payload(*op)?)))
            .collect();
        fresh.iter().for_each(|(_, payload)| self.evidence.apply(payload));
        self.document.apply_all(graph, fresh);
    }

    /// Makes the state anew of all ops that have effect.
    fn rebuild(&mut self) {
        let (mut document, mut evidence) = (Document::default(), EvidenceSet::default());
        let mut below = 0;
        if let Some(base) = &self.base {
            (document, evidence) = (base.document.clone(), base.evidence.clone());
            below = base.number;
        }
        let graph = &self.graph;
        let ops = graph.effective().filter(|op| !graph.is_sealed_below(below, *op));
        let ops: Vec<(OpIndex, &Payload)> = ops.filter_map(|op| Some((op, graph.payload(op)?))).collect();
        ops.iter().for_each(|(_, payload)| evidence.apply(payload));
        document.apply_all(graph, ops);
        self.order = graph.counting().collect();
        self.generation += 1;
        self.document = document;
        self.evidence = evidence;
    }

    /// The state as bytes: `vm-state-v0`, the length of the document, the document, the evidence.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.document, &self.evidence)
    }

    /// What a compaction seals: the state of the ops below these heads, as they have effect now.
    #[must_use]
    pub fn state_below(&self, frontier: &[OpId]) -> Vec<u8> {
        let (mut document, mut evidence) = (Document::default(), EvidenceSet::default());
        let mut from = 0;
        if let Some(base) = &self.base {
            (document, evidence) = (base.document.clone(), base.evidence.clone());
            from = base.number;
        }
        let beyond = self.graph.beyond(frontier);
        let graph = &self.graph;
        let ops = graph.effective().filter(|op| beyond.binary_search(op).is_err() && !graph.is_sealed_below(from, *op));
        let ops: Vec<(OpIndex, &Payload)> = ops.filter_map(|op| Some((op, graph.payload(op)?))).collect();
        ops.iter().for_each(|(_, payload)| evidence.apply(payload));
        document.apply_all(graph, ops);
        encode(&document, &evidence)
    }

    /// Forgets the payloads below the last sealed compaction, and keeps the state they made. How many were forgotten.
    ///
    /// # Errors
    /// [`StateError::NotSealed`] where none is sealed; [`StateError::Other`] where this replica's own state below it is not the one that was sealed, which
    /// says that the sealers and this replica do not follow the same rules: nothing is forgotten then.
    pub fn compact(&mut self) -> Result<usize, StateError> {
        let (number, frontier, sealed) = self.compaction().ok_or(StateError::NotSealed)?;
        if self.base.as_ref().is_some_and(|base| base.number == number) {
            return Ok(0);
        }
        let bytes = self.state_below(&frontier);
        self.take_base(number, &sealed, bytes)?;
        let dropped = self.graph.compact(number);
        self.rebuild();
        Ok(dropped)
    }

    /// Takes a state in place of the payloads below the last sealed compaction, which this replica got without.
    ///
    /// # Errors
    /// [`StateError`]: no compaction is sealed, the bytes are not the ones that were, or do not decode.
    pub fn adopt(&mut self, bytes: Vec<u8>) -> Result<(), StateError> {
        let (number, _, sealed) = self.compaction().ok_or(StateError::NotSealed)?;
        self.take_base(number, &sealed, bytes)?;
        self.bare.retain(|op| !self.graph.is_sealed_below(number, *op));
        self.rebuild();
        Ok(())
    }

    fn take_base(&mut self, number: u32, sealed: &Sha256Digest, bytes: Vec<u8>) -> Result<(), StateError> {
        let found = Sha256Digest::from_bytes(Sha256::digest(&bytes).into());
        if found != *sealed {
            return Err(StateError::Other { expected: *sealed, found });
        }
        let (mut document, evidence) = decode(&bytes)?;
        document.rebase(|id| self.graph.place(id));
        self.base = Some(Base { number, bytes, document, evidence });
        Ok(())
    }

    /// Number, frontier and state of the last compaction that is sealed.
    fn compaction(&self) -> Option<(u32, Vec<OpId>, Sha256Digest)> {
        let chain = self.graph.chain();
        let events = chain.events().iter().rev().map(SealedEvent::body);
        events.filter(|body| chain.counts(body.number)).find_map(|body| match &body.change {
            Change::Compact { state, .. } => Some((body.number, body.frontier.clone(), *state)),
            _ => None,
        })
    }

    /// Number of the compaction whose sealed state this replica lacks: it holds ops below it without what they carried.
    #[must_use]
    pub fn lacks_state(&self) -> Option<u32> {
        let (number, _, _) = self.compaction()?;
        let is_below = |op: &OpIndex| self.graph.is_sealed_below(number, *op);
        self.bare.iter().any(is_below).then_some(number)
    }

    /// Ops whose payloads are missing and no sealed state holds.
    pub fn lacks_payloads(&self) -> impl Iterator<Item = &OpId> {
        let number = self.compaction().map_or(0, |(number, _, _)| number);
        let ops = self.bare.iter().filter(move |op| !self.graph.is_sealed_below(number, **op));
        ops.map(|op| (*op, self.graph.id(*op))).filter(|(op, id)| self.graph.place(id) == Some(*op)).map(|(_, id)| id)
    }

    /// Whether the state is that of all ops that have effect.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.bare.iter().any(|op| self.graph.contains(self.graph.id(*op)))
    }

    /// The sealed state that this replica holds, and the number of its compaction.
    #[must_use]
    pub fn base(&self) -> Option<(u32, &[u8])> {
        self.base.as_ref().map(|base| (base.number, base.bytes.as_slice()))
    }
}

/// Ops that are taken one after the other before the state follows. The graph does not look at the state, so nothing is judged otherwise than alone.
pub(crate) struct Together<'a> {
    replica: &'a mut Replica,
    changes: Changes,
}

impl Together<'_> {
    /// The ops so far.
    pub(crate) const fn graph(&self) -> &Graph {
        &self.replica.graph
    }

    /// Takes an op; where it is known to be needed by one that comes later, also of an author who is proven.
    pub(crate) fn insert(&mut self, op: PackedOp, is_needed: bool) -> Result<Received, Refusal> {
        let (received, changes) = self.replica.take_packed(op, is_needed)?;
        self.changes.append(changes);
        Ok(received)
    }
}

fn encode(document: &Document, evidence: &EvidenceSet) -> Vec<u8> {
    let document = document.encode();
    let mut out = STATE_FORMAT.to_vec();
    put_varint(&mut out, wide(document.len()));
    out.extend_from_slice(&document);
    out.extend_from_slice(&evidence.encode());
    out
}

fn decode(bytes: &[u8]) -> Result<(Document, EvidenceSet), StateError> {
    if bytes.len() > STATE_MAX {
        return Err(StateError::TooLong { limit: STATE_MAX, found: bytes.len() });
    }
    let mut rest = Bytes::new(bytes);
    if &rest.array::<12>()? != STATE_FORMAT {
        return Err(StateError::Format);
    }
    let length = rest.length()?;
    let document = Document::decode(rest.take(length)?)?;
    let evidence = EvidenceSet::decode(rest.take(rest.left())?)?;
    Ok((document, evidence))
}
