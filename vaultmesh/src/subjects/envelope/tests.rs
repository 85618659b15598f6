use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::OpeningsKey;
use vm_core::source::hazmat::CountingEntropy;
use vm_ledger::OpeningsKeys as _;

use super::super::{Opened, Ring, SubjectId, SubjectName};
use super::*;
use crate::keys::{KeyStore, NewKeys};

/// Two subjects with a key each.
struct Scene {
    dir: tempfile::TempDir,
    store: KeyStore,
    subjects: SubjectKeys,
    ids: [SubjectId; 2],
    keys: [OpeningsKey; 2],
    entropy: CountingEntropy,
}

impl Scene {
    fn new() -> Self {
        let (dir, ledger) = (tempfile::tempdir().unwrap(), LedgerId::from_genesis(LeafHash::of(b"g")));
        let store = KeyStore::new(dir.path(), ledger);
        store.save(&NewKeys::generate(&mut CountingEntropy::new(1))).unwrap();
        let (subjects, blind) = (SubjectKeys::new(&store, ledger), store.blind().unwrap());
        let mut entropy = CountingEntropy::new(2);
        let ids = ["alice", "bob"].map(|name| SubjectId::of(&name.parse::<SubjectName>().unwrap(), &blind));
        let keys = ids.map(|id| subjects.for_recording(id, &mut entropy, &mut Opened::default()).unwrap());
        Self { dir, store, subjects, ids, keys, entropy }
    }

    /// Every key is read, by readers and by recorders, and is the one that it was.
    #[track_caller]
    fn check(&mut self) {
        assert!(self.dir.path().exists());
        for (id, key) in self.ids.iter().zip(&self.keys) {
            let ring = Ring::open(&self.store, self.subjects.ledger).unwrap();
            assert_eq!(ring.key(key.id()).unwrap().as_bytes(), key.as_bytes());
            let recorded = self.subjects.for_recording(*id, &mut self.entropy, &mut Opened::default()).unwrap();
            assert_eq!(recorded.as_bytes(), key.as_bytes());
        }
    }

    fn next(&self) -> PublicKey {
        self.subjects.secret_in(NEXT_FILE).unwrap().public().clone()
    }

    /// The steps of a rotation up to the one before `until`; gives the key in force, as the ledger says it then.
    fn run(&mut self, until: usize) -> Option<String> {
        let (old, before) = (self.subjects.secret_in(ENVELOPE_FILE).unwrap().public().clone(), self.ids);
        let mut next = None;
        for step in 0..until {
            let new = || self.next();
            match step {
                0 => drop(self.subjects.make_next(false, &mut self.entropy).unwrap()),
                1 | 2 => {
                    let both = [old.clone(), new()];
                    assert!(self.subjects.rewrap(before[step - 1], &both, &mut self.entropy).unwrap());
                }
                // The row.
                3 => next = Some(new().id().to_string()),
                4 | 5 => {
                    let new = [new()];
                    assert!(self.subjects.rewrap(before[step - 4], &new, &mut self.entropy).unwrap());
                }
                6 => self.subjects.retire().unwrap(),
                7 => self.subjects.promote().unwrap(),
                _ => self.subjects.bury(PAST_FILE).unwrap(),
            }
            self.check();
        }
        next
    }

    fn rotate(&mut self, reason: KeyChangeReason) -> (Prepared, Rewrapped) {
        let lock = self.subjects.lock().unwrap();
        let prepared = self.subjects.prepare(reason, &mut self.entropy, &lock).unwrap();
        let done = self.subjects.settle_locked(Some(&prepared.new), &mut self.entropy, &lock).unwrap();
        (prepared, done)
    }
}

const STEPS: usize = 9;

#[test]
fn a_crash_at_each_step_leaves_every_key_readable_and_the_next_open_finishes() {
    for until in 0..=STEPS {
        let mut scene = Scene::new();
        let first = scene.subjects.envelope_id().unwrap().unwrap();
        let in_force = scene.run(until);
        scene.subjects.settle(in_force.as_deref(), &mut scene.entropy).unwrap();
        scene.check();
        let now = scene.subjects.envelope_id().unwrap().unwrap();
        match &in_force {
            None => assert_eq!(now, first, "step {until}: without a row nothing changed"),
            Some(next) => {
                assert_eq!(&now, next, "step {until}");
                assert!(![NEXT_FILE, PAST_FILE].iter().any(|name| scene.store.has(name)), "step {until}");
            }
        }
        // And run again, as whoever saw it fail would.
        let (prepared, done) = scene.rotate(KeyChangeReason::Rotation);
        assert_eq!((prepared.old, done), (Some(now), Rewrapped { wrapped: 2, lost: 0 }));
        scene.check();
        assert_eq!(scene.subjects.envelope_id().unwrap(), Some(prepared.new));
        assert!(![NEXT_FILE, PAST_FILE].iter().any(|name| scene.store.has(name)));
    }
}

#[test]
fn the_old_key_opens_nothing_afterwards() {
    let mut scene = Scene::new();
    let old = scene.subjects.secret_in(ENVELOPE_FILE).unwrap();
    scene.rotate(KeyChangeReason::Stolen);
    for id in scene.ids {
        let text = scene.subjects.text(id).unwrap().unwrap();
        let (_, bytes) = scene.subjects.line(id, &text).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        assert_eq!(envelope.recipients().len(), 1);
        assert!(envelope.open(&old, &scene.subjects.context().unwrap()).is_err());
    }
}

#[test]
fn a_key_left_by_an_attempt_is_not_used_unless_nothing_else_may_open() {
    let mut scene = Scene::new();
    scene.run(2);
    let left = scene.next().id().to_string();
    assert_ne!(scene.rotate(KeyChangeReason::Rotation).0.new, left);
    scene.check();
    // The key went between the attempt and the declaration: what was wrapped for both opens with the next one.
    let mut scene = Scene::new();
    scene.run(2);
    let left = scene.next().id().to_string();
    fs::remove_file(scene.store.dir().join(ENVELOPE_FILE)).unwrap();
    let (prepared, done) = scene.rotate(KeyChangeReason::Lost);
    assert_eq!((prepared, done), (Prepared { old: None, new: left }, Rewrapped { wrapped: 1, lost: 1 }));
    let ring = Ring::open(&scene.store, scene.subjects.ledger).unwrap();
    assert!(ring.key(scene.keys[0].id()).is_ok());
    assert_eq!(ring.key(scene.keys[1].id()).unwrap_err().code(), "openings-key");
}

#[test]
fn a_lost_key_is_said_to_be_lost_and_not_replaced_in_silence() {
    let mut scene = Scene::new();
    fs::remove_file(scene.store.dir().join(ENVELOPE_FILE)).unwrap();
    let carol = SubjectId([7; 16]);
    let refused = scene.subjects.for_recording(carol, &mut scene.entropy, &mut Opened::default());
    assert_eq!(refused.unwrap_err().code(), "key-missing");
    let lock = scene.subjects.lock().unwrap();
    for reason in [KeyChangeReason::Rotation, KeyChangeReason::Stolen] {
        assert!(scene.subjects.prepare(reason, &mut scene.entropy, &lock).is_err());
    }
    assert!(!scene.store.has(NEXT_FILE), "nothing was begun");
    drop(lock);
    let (prepared, done) = scene.rotate(KeyChangeReason::Lost);
    assert_eq!((prepared.old, done), (None, Rewrapped { wrapped: 0, lost: 2 }));
    let [alice, _] = scene.ids;
    assert_eq!(scene.subjects.lost(alice).unwrap(), [scene.keys[0].id()]);
    assert_eq!(scene.subjects.key_id(alice).unwrap(), None);
    let fresh = scene.subjects.for_recording(alice, &mut scene.entropy, &mut Opened::default()).unwrap();
    assert_ne!(fresh.id(), scene.keys[0].id());
    assert!(scene.subjects.for_recording(carol, &mut scene.entropy, &mut Opened::default()).is_ok());
}

#[test]
fn a_damaged_file_keeps_a_rotation_from_beginning() {
    let mut scene = Scene::new();
    let good = scene.subjects.text(scene.ids[1]).unwrap().unwrap();
    let bad = format!("{}00\n", &good[..good.len() - 3]);
    scene.subjects.folder.write(&key_file(scene.ids[1]), bad.as_bytes()).unwrap();
    let lock = scene.subjects.lock().unwrap();
    assert!(scene.subjects.prepare(KeyChangeReason::Rotation, &mut scene.entropy, &lock).is_err());
    assert!(!scene.store.has(NEXT_FILE));
}

#[test]
fn before_the_row_every_key_opens_by_the_old_one_alone_and_behind_it_by_the_new() {
    let mut scene = Scene::new();
    let lock = scene.subjects.lock().unwrap();
    let prepared = scene.subjects.prepare(KeyChangeReason::Rotation, &mut scene.entropy, &lock).unwrap();
    drop(lock);
    let (old, next) = [ENVELOPE_FILE, NEXT_FILE].map(|name| fs::read(scene.store.dir().join(name)).unwrap()).into();
    fs::remove_file(scene.store.dir().join(NEXT_FILE)).unwrap();
    scene.check();
    scene.store.write(ENVELOPE_FILE, &next).unwrap();
    scene.check();
    scene.store.write(ENVELOPE_FILE, &old).unwrap();
    scene.store.write(NEXT_FILE, &next).unwrap();
    scene.subjects.settle(Some(&prepared.new), &mut scene.entropy).unwrap();
    scene.check();
}
