//! Byzantine authors. Each has two faces, replicas that it shows to different honest ones, and makes whatever ops it likes.

mod acts;
mod invalid;
mod script;

use std::collections::{BTreeMap, VecDeque};

use vm_core::key::SigningIdentity;
use vm_crdt::{Charter, GraphId, Limits, OpHead, OpId, Payload, Replica};

use crate::raw::Raw;
use crate::rng::Rng;
use crate::tally::Tally;
use crate::words;

pub(crate) use script::Script;

/// Honest replicas that a liar can lie to.
pub(crate) const TARGETS: usize = 3;
/// Messages of old that a liar keeps.
const OLD_MAX: usize = 40;

/// What a liar needs to know of the world for one act.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) tally: &'a mut Tally,
    /// The number of the event that revoked this liar.
    pub(crate) revoked: Option<u32>,
    /// A true key of an honest author, where signatures are not checked.
    pub(crate) stolen: Option<&'a SigningIdentity>,
    /// Ops that the other liar made last, on either branch.
    pub(crate) friend: &'a [Raw],
}

/// Ops for somebody, in this order, each in its own pack or all in one.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) graph: GraphId,
    pub(crate) ops: Vec<Raw>,
    pub(crate) in_one: bool,
}

/// A Byzantine author.
#[derive(Debug)]
pub(crate) struct Liar {
    key: SigningIdentity,
    pub(crate) faces: [Replica; 2],
    /// What it answers with when asked by name.
    shown: BTreeMap<OpId, Raw>,
    /// Its last op towards either half.
    tips: [Option<Raw>; 2],
    has_forked: bool,
    /// Branches that are kept for later.
    hidden: Vec<Raw>,
    parcels: Vec<VecDeque<Parcel>>,
    /// What it said before, for a second time.
    old: Vec<Vec<u8>>,
    /// Ops made after its revocation.
    pub(crate) back_dated: Vec<OpId>,
    /// A graph of the same members for another ledger.
    elsewhere: GraphId,
}

impl Liar {
    pub(crate) fn new(key: SigningIdentity, charter: &Charter, elsewhere: GraphId) -> Self {
        let face = || Replica::new(charter.clone(), Limits::default());
        Self {
            key,
            faces: [face(), face()],
            shown: BTreeMap::new(),
            tips: [None, None],
            has_forked: false,
            hidden: Vec::new(),
            parcels: vec![VecDeque::new(); TARGETS],
            old: Vec::new(),
            back_dated: Vec::new(),
            elsewhere,
        }
    }

    pub(crate) const fn key(&self) -> &SigningIdentity {
        &self.key
    }

    /// Its last ops.
    pub(crate) fn tips(&self) -> Vec<Raw> {
        self.tips.iter().flatten().cloned().collect()
    }

    fn graph(&self) -> GraphId {
        self.faces[0].graph().name()
    }

    /// Which face an honest replica sees; the one between the halves sees either.
    pub(crate) fn face_for(target: usize, rng: &mut Rng) -> usize {
        match target {
            0 => 0,
            1 => rng.below(2),
            _ => 1,
        }
    }

    /// Who sees a face.
    fn target_of(face: usize, rng: &mut Rng) -> usize {
        if rng.once_in(3) { 1 } else { 2 * face }
    }

    /// An op after `parent` and heads that a face has seen, valid as far as this one takes care.
    fn next(&self, face: usize, parent: Option<&Raw>, scene: &mut Scene<'_>) -> Raw {
        let graph = self.faces[face].graph();
        let mine = self.key.public();
        let known = |id: &OpId| graph.place(id).and_then(|op| graph.head(op)).map(|signed| signed.head());
        let heads = graph.heads().filter(|id| known(id).is_some_and(|head| head.author != mine)).copied();
        let others: Vec<OpId> = heads.take(1 + scene.rng.below(4)).collect();
        let epoch = u64::from(graph.chain().number()).max(parent.map_or(0, |parent| parent.head.epoch));
        self.sign(parent, others, epoch, words::payload(scene.rng))
    }

    fn sign(&self, parent: Option<&Raw>, others: Vec<OpId>, epoch: u64, payload: Payload) -> Raw {
        Raw::sign(head(self.graph(), parent, others, epoch), payload, &self.key)
    }

    /// Keeps an op as its last towards a half, and shows it to that face.
    fn say(&mut self, face: usize, op: &Raw) {
        self.tips[face] = Some(op.clone());
        if !self.has_forked {
            self.tips[1 - face] = Some(op.clone());
        }
        self.shown.insert(op.id, op.clone());
        if let Some(op) = op.checked() {
            // A face refuses what it knows to be a lie; it is told all the same to those who do not know.
            let _ = self.faces[face].insert(op);
        }
    }

    fn post(&mut self, target: usize, ops: Vec<Raw>, in_one: bool) {
        let graph = self.graph();
        if let Some(queue) = self.parcels.get_mut(target) {
            queue.push_back(Parcel { graph, ops, in_one });
        }
    }

    pub(crate) fn keep_old(&mut self, bytes: &[u8]) {
        if self.old.len() < OLD_MAX {
            self.old.push(bytes.to_vec());
        }
    }

    /// What it knows under a name and is willing to give.
    fn find(&self, id: &OpId) -> Option<Raw> {
        let shown = self.shown.get(id).cloned();
        shown.or_else(|| self.faces.iter().find_map(|face| Raw::held(face.graph(), face.graph().place(id)?)))
    }
}

/// A head with everything but author and payload.
fn head(graph: GraphId, parent: Option<&Raw>, others: Vec<OpId>, epoch: u64) -> OpHead {
    OpHead {
        graph,
        epoch,
        author: words::nobody(),
        seq: parent.map_or(0, |parent| parent.head.seq.saturating_add(1)),
        parent: parent.map(|parent| parent.id),
        others: others.into_iter().filter(|id| parent.map(|parent| parent.id) != Some(*id)).collect(),
        payload_len: 0,
        payload_hash: vm_core::digest::Sha256Digest::of(&[]),
    }
}
