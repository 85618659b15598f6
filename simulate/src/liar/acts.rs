//! What liars do on their own account: ops that are made, and for whom.

use vm_crdt::{OpHead, OpId, Payload};

use crate::peer::ORPHANS;
use crate::raw::Raw;
use crate::words;

use super::{Liar, Parcel, Scene, TARGETS, head};

impl Liar {
    /// One lie, or an honest op for cover.
    pub(crate) fn act(&mut self, scene: &mut Scene<'_>) {
        if scene.revoked.is_some() && !scene.rng.once_in(3) {
            self.back_date(scene);
            return;
        }
        match scene.rng.below(16) {
            0..=4 => self.write(scene),
            5 => self.fork(scene),
            6 => self.hide(scene),
            7 => self.reveal(scene),
            8 => self.vouch(scene),
            9 => self.withhold(scene),
            10 => self.flood(scene),
            11 => self.forge(scene),
            12 => self.transplant(scene),
            _ => self.invalid(scene),
        }
    }

    fn write(&mut self, scene: &mut Scene<'_>) {
        let face = scene.rng.below(2);
        let op = self.next(face, self.tips[face].clone().as_ref(), scene);
        scene.tally.add("ops: liars");
        self.say(face, &op);
        let target = Self::target_of(face, scene.rng);
        self.post(target, vec![op], true);
    }

    /// Two ops with one number.
    fn branches(&mut self, scene: &mut Scene<'_>) -> [Raw; 2] {
        let parent = self.tips[0].clone();
        let left = self.next(0, parent.as_ref(), scene);
        let mut right = self.next(1, parent.as_ref(), scene);
        if right.id == left.id {
            let epoch = right.head.epoch;
            right = self.sign(parent.as_ref(), Vec::new(), epoch, words::payload(scene.rng));
        }
        scene.tally.add_many("ops: liars", 2);
        [left, right]
    }

    fn fork(&mut self, scene: &mut Scene<'_>) {
        let [left, right] = self.branches(scene);
        if left.id == right.id {
            return;
        }
        scene.tally.add("liar: fork to two halves");
        self.has_forked = true;
        self.say(0, &left);
        self.say(1, &right);
        self.post(0, vec![left], true);
        self.post(2, vec![right], true);
    }

    fn hide(&mut self, scene: &mut Scene<'_>) {
        let [left, right] = self.branches(scene);
        if left.id == right.id {
            return;
        }
        scene.tally.add("liar: fork hidden");
        self.say(0, &left);
        let target = Self::target_of(0, scene.rng);
        self.post(target, vec![left], true);
        self.hidden.push(right);
    }

    /// Shows what was hidden to somebody.
    pub(crate) fn reveal(&mut self, scene: &mut Scene<'_>) {
        for op in core::mem::take(&mut self.hidden) {
            scene.tally.add("liar: fork shown late");
            let target = scene.rng.below(TARGETS);
            self.shown.insert(op.id, op.clone());
            self.post(target, vec![op], true);
        }
    }

    /// Builds on a branch of a friend who forked, so that it counts.
    fn vouch(&mut self, scene: &mut Scene<'_>) {
        let face = scene.rng.below(2);
        let Some(branch) = scene.rng.pick(scene.friend).cloned() else { return };
        let tip = self.tips[face].clone();
        let epoch = branch.head.epoch.max(tip.as_ref().map_or(0, |tip| tip.head.epoch));
        let op = self.sign(tip.as_ref(), vec![branch.id], epoch, Payload::vouch());
        scene.tally.add("liar: vouch for a fork");
        scene.tally.add("ops: liars");
        self.shown.insert(branch.id, branch.clone());
        self.say(face, &op);
        let target = scene.rng.below(TARGETS);
        self.post(target, vec![branch, op], scene.rng.once_in(2));
    }

    /// An op after one that nobody gets.
    fn withhold(&mut self, scene: &mut Scene<'_>) {
        let face = scene.rng.below(2);
        let secret = self.next(face, self.tips[face].clone().as_ref(), scene);
        let op = self.sign(Some(&secret), Vec::new(), secret.head.epoch, words::payload(scene.rng));
        scene.tally.add("liar: ops withheld");
        let target = scene.rng.below(TARGETS);
        self.post(target, vec![op], true);
    }

    /// More ops than anybody keeps whose predecessors do not exist.
    fn flood(&mut self, scene: &mut Scene<'_>) {
        let mut ops = Vec::new();
        for _ in 0..ORPHANS + 4 {
            let parent = OpId::from_bytes(scene.rng.bytes());
            let head = OpHead { seq: 1 + scene.rng.next() % 9, parent: Some(parent), ..self.plain(None, 0) };
            ops.push(Raw::sign(head, Payload::vouch(), &self.key));
        }
        scene.tally.add_many("liar: orphans", ops.len());
        let target = scene.rng.below(TARGETS);
        self.post(target, ops, true);
    }

    /// Writes as if it had not heard that it was revoked.
    fn back_date(&mut self, scene: &mut Scene<'_>) {
        let Some(before) = scene.revoked.and_then(|number| number.checked_sub(1)) else { return };
        let face = scene.rng.below(2);
        let tip = self.tips[face].clone();
        let graph = self.faces[face].graph();
        // Only ops of an epoch before can be named.
        let old = graph.counting().filter(|op| {
            graph
                .head(*op)
                .is_some_and(|it| it.head().epoch <= u64::from(before) && it.head().author != self.key.public())
        });
        let old: Vec<OpId> = old.filter_map(|op| graph.head(op)).map(|signed| *signed.id()).collect();
        let others = scene.rng.pick(&old).copied().into_iter().collect();
        let epoch = u64::from(before).max(tip.as_ref().map_or(0, |tip| tip.head.epoch));
        let op = self.sign(tip.as_ref(), others, epoch, words::payload(scene.rng));
        scene.tally.add("liar: back-dated ops");
        scene.tally.add("ops: liars");
        self.back_dated.push(op.id);
        self.say(face, &op);
        let target = scene.rng.below(TARGETS);
        self.post(target, vec![op], true);
    }

    /// An op in the name of an honest author. Its signature does not hold, or, where nobody checks, might as well.
    fn forge(&mut self, scene: &mut Scene<'_>) {
        let face = scene.rng.below(2);
        let graph = self.faces[face].graph();
        let theirs: Vec<Raw> = graph
            .counting()
            .filter_map(|op| Raw::held(graph, op))
            .filter(|op| op.head.author != self.key.public())
            .collect();
        let victim = scene.stolen.map(|key| key.public());
        let theirs: Vec<&Raw> =
            theirs.iter().filter(|op| victim.is_none_or(|victim| op.head.author == victim)).collect();
        let Some(victim) = scene.rng.pick(&theirs) else { return };
        let changed = Raw::sign(victim.head.clone(), words::payload(scene.rng), scene.stolen.unwrap_or(&self.key));
        let mut forged = changed;
        if scene.stolen.is_none() {
            forged.head.author = victim.head.author;
            forged.id = forged.head.id();
        }
        scene.tally.add("liar: forged signature");
        let target = scene.rng.below(TARGETS);
        self.post(target, vec![forged], true);
    }

    /// Ops of another ledger with the same members, in a pack that says so, or under this one's name.
    fn transplant(&mut self, scene: &mut Scene<'_>) {
        let op = Raw::sign(head(self.elsewhere, None, Vec::new(), 0), words::payload(scene.rng), &self.key);
        scene.tally.add("liar: ops of another graph");
        let graph = if scene.rng.once_in(2) { self.elsewhere } else { self.graph() };
        let target = scene.rng.below(TARGETS);
        if let Some(queue) = self.parcels.get_mut(target) {
            queue.push_back(Parcel { graph, ops: vec![op], in_one: true });
        }
    }

    pub(super) fn plain(&self, parent: Option<&Raw>, epoch: u64) -> OpHead {
        head(self.graph(), parent, Vec::new(), epoch)
    }
}
