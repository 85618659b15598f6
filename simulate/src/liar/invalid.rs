//! Ops that no replica takes, each with a child that would be valid.

use vm_crdt::{OpHead, OpId, Payload};

use crate::raw::Raw;
use crate::words;

use super::{Liar, Scene, TARGETS};

impl Liar {
    pub(super) fn invalid(&mut self, scene: &mut Scene<'_>) {
        let face = scene.rng.below(2);
        let made = match scene.rng.below(4) {
            0 => self.wrong_parent(face, scene),
            1 => self.own_fork(face, scene),
            2 => self.whitewash(face, scene),
            _ => self.epoch_back(face, scene),
        };
        let Some((what, mut ops)) = made else { return };
        let Some(bad) = ops.last().cloned() else { return };
        let child = self.sign(Some(&bad), Vec::new(), bad.head.epoch, words::payload(scene.rng));
        scene.tally.add(what);
        scene.tally.add_many("ops: liars", ops.len() + 1);
        if scene.rng.once_in(3) {
            // The child comes first and waits.
            ops.insert(0, child);
        } else {
            ops.push(child);
        }
        for op in &ops {
            self.shown.insert(op.id, op.clone());
        }
        let target = scene.rng.below(TARGETS);
        self.post(target, ops, false);
    }

    /// A number too high. Beside a sibling with the right one this is a fork that no two numbers show.
    fn wrong_parent(&mut self, face: usize, scene: &mut Scene<'_>) -> Option<(&'static str, Vec<Raw>)> {
        let tip = self.tips[face].clone()?;
        let epoch = tip.head.epoch;
        let head = OpHead { seq: tip.head.seq + 2 + scene.rng.next() % 3, ..self.plain(Some(&tip), epoch) };
        let bad = Raw::sign(head, words::payload(scene.rng), &self.key);
        Some(("liar: wrong parent, valid child", vec![tip, bad]))
    }

    /// Its parent is one branch, and the other stands beside it.
    fn own_fork(&mut self, face: usize, scene: &mut Scene<'_>) -> Option<(&'static str, Vec<Raw>)> {
        let [Some(left), Some(right)] = self.tips.clone() else { return None };
        if left.id == right.id {
            return None;
        }
        let (parent, other) = if face == 0 { (left, right) } else { (right, left) };
        let epoch = parent.head.epoch.max(other.head.epoch);
        let bad = self.sign(Some(&parent), vec![other.id], epoch, words::payload(scene.rng));
        Some(("liar: own fork merged, valid child", vec![other, parent, bad]))
    }

    /// Names one branch of a friend's fork, then the other, then either again: the first two are valid, and the third is not.
    fn whitewash(&mut self, face: usize, scene: &mut Scene<'_>) -> Option<(&'static str, Vec<Raw>)> {
        let [left, right] = scene.friend else { return None };
        if left.id == right.id {
            return None;
        }
        let tip = self.tips[face].clone();
        let epoch = |parent: Option<&Raw>, other: &Raw| other.head.epoch.max(parent.map_or(0, |it| it.head.epoch));
        let name = |parent: Option<&Raw>, other: &Raw| {
            self.sign(parent, vec![other.id], epoch(parent, other), Payload::vouch())
        };
        let first = name(tip.as_ref(), left);
        let second = name(Some(&first), right);
        let bad = name(Some(&second), scene.rng.pick(scene.friend)?);
        Some(("liar: whitewash, valid child", vec![left.clone(), right.clone(), first, second, bad]))
    }

    fn epoch_back(&mut self, face: usize, scene: &mut Scene<'_>) -> Option<(&'static str, Vec<Raw>)> {
        let graph = self.faces[face].graph();
        let of_now = |id: &&OpId| {
            let op = graph.place(id).and_then(|op| graph.head(op));
            op.is_some_and(|it| it.head().epoch > 0 && it.head().author != self.key.public())
        };
        let later = *graph.heads().find(of_now)?;
        let tip = self.tips[face].clone();
        let epoch = tip.as_ref().map_or(0, |tip| tip.head.epoch);
        let named = graph.head(graph.place(&later)?)?.head().epoch;
        let bad = (epoch < named).then(|| self.sign(tip.as_ref(), vec![later], epoch, words::payload(scene.rng)))?;
        Some(("liar: epoch back, valid child", vec![bad]))
    }
}
