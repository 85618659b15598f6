//! Requests to witnesses, cosignatures, and proofs of forks.

use std::sync::LazyLock;

use vm_core::digest::LeafHash;
use vm_core::key::{CosignerKey, Note, NoteKey, NoteSignature, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::{Refusal, WitnessError};
use vm_seal::fork::CheckpointFork;
use vm_seal::merkle::{Tree, TreeSize, prove_consistency};
use vm_seal::witness::{AddCheckpoint, Cosignature, UnixSeconds, Witness, WitnessState};

use crate::merkle::{LEAVES, TREE, root};
use crate::note::ORIGIN;

/// Size that the witness cosigned last.
const OLD: u64 = 301;
/// When it did, in seconds since 1970.
const AT: u64 = 1_700_000_000;
/// Name of the witness.
const NAME: &str = "witness.example/w1";

fn log() -> SigningIdentity {
    SigningIdentity::from_seed(&[6; 32])
}

fn key() -> NoteKey {
    NoteKey::new(ORIGIN, log().public()).expect("a name")
}

fn signed(size: u64) -> Note {
    let size = TreeSize::new(size);
    let checkpoint = Checkpoint::new(ORIGIN, size, root(size)).expect("an origin");
    checkpoint.sign(&log()).expect("an origin is the name of a key")
}

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::from_seconds(seconds).expect("a time")
}

/// The one request that a witness which cosigned the log at 301 grants: the log signed two checkpoints of one history.
static REQUEST: LazyLock<AddCheckpoint> = LazyLock::new(|| {
    let proof = prove_consistency(&*TREE, TreeSize::new(OLD), TreeSize::new(LEAVES)).expect("the tree holds it");
    AddCheckpoint::new(TreeSize::new(OLD), proof, signed(LEAVES)).expect("a request")
});

/// The witness, as it stands after the first checkpoint.
static WITNESS: LazyLock<Witness> = LazyLock::new(|| {
    let state = WitnessState::default();
    let mut witness = Witness::new(NAME, SigningIdentity::from_seed(&[9; 32]), state).expect("a name");
    witness.trust(key());
    let none = prove_consistency(&*TREE, TreeSize::ZERO, TreeSize::new(OLD)).expect("nothing to prove");
    let first = AddCheckpoint::new(TreeSize::ZERO, none, signed(OLD)).expect("a request");
    witness.add_checkpoint(&first, at(AT), |_| Ok::<_, ()>(())).expect("it is granted");
    witness
});

/// The note that the witness cosigned, once.
static COSIGNED: LazyLock<Note> = LazyLock::new(|| {
    let line = grant(&REQUEST).expect("it is granted");
    signed(LEAVES).with_signature(line).expect("a short note")
});

fn grant(request: &AddCheckpoint) -> Result<NoteSignature, Refusal> {
    match WITNESS.clone().add_checkpoint(request, at(AT + 1), |_| Ok::<_, ()>(())) {
        Ok(line) => Ok(line),
        Err(WitnessError::Refused(refusal)) => Err(refusal),
        Err(_) => panic!("the store does not fail"),
    }
}

/// The request that [`add_checkpoint`] knows, for the seeds.
#[must_use]
pub fn known_request() -> AddCheckpoint {
    REQUEST.clone()
}

/// The note that [`cosignature`] knows, for the seeds.
#[must_use]
pub fn known_cosigned() -> Note {
    COSIGNED.clone()
}

/// A request has one form; it is granted only where it says what the log signed, with the one true proof; and a log that
/// signed one history is never said to have forked.
pub fn add_checkpoint(data: &[u8]) {
    let Ok(request) = AddCheckpoint::parse(data) else { return };
    assert_eq!(request.to_string().as_bytes(), data, "a request has one form");
    let said = |request: &AddCheckpoint| (request.old(), request.consistency().clone(), request.claimed().clone());
    match grant(&request) {
        Ok(_) if request.claimed().size() == TreeSize::new(OLD) => {
            assert_eq!(request.claimed().root(), root(TreeSize::new(OLD)));
        }
        Ok(_) => assert_eq!(said(&request), said(&REQUEST), "cosigned what was never signed"),
        Err(Refusal::Forked(_)) => panic!("a log that signed one history did not fork"),
        Err(refusal) => assert!((400..=503).contains(&refusal.status())),
    }
}

/// A cosignature is believed only over the one text and with the one time that were signed.
pub fn cosignature(data: &[u8]) {
    let Ok(note) = Note::parse(data) else { return };
    let cosigner = CosignerKey::new(NAME, SigningIdentity::from_seed(&[9; 32]).public()).expect("a name");
    if let Ok(found) = Cosignature::verify(&note, &cosigner) {
        assert_eq!(note.unverified_text(), COSIGNED.unverified_text(), "believed what was never cosigned");
        assert_eq!((found.at(), found.checkpoint().size()), (at(AT + 1), TreeSize::new(LEAVES)));
    }
    let lines: String = note.signatures().iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(NoteSignature::parse_lines(lines.as_bytes()).as_deref(), Ok(note.signatures()));
}

/// A log that forked behind its fifth entry: what its key signed.
struct Forked {
    key: NoteKey,
    signed: Vec<Checkpoint>,
    proofs: [CheckpointFork; 2],
}

static FORKED: LazyLock<Forked> = LazyLock::new(|| {
    let signer = SigningIdentity::from_seed(&[8; 32]);
    let grow = |other: u8| {
        let mut tree = Tree::new();
        (0..11_u8).for_each(|entry| tree.append(LeafHash::of(&[entry, if entry < 5 { 0 } else { other }])));
        tree
    };
    let (one, other) = (grow(1), grow(2));
    let checkpoint = |tree: &Tree, size| {
        let size = TreeSize::new(size);
        Checkpoint::new(ORIGIN, size, tree.root_at(size).expect("it holds so many")).expect("an origin")
    };
    let signed = vec![checkpoint(&one, 7), checkpoint(&other, 7), checkpoint(&other, 11)];
    let notes: Vec<Note> = signed.iter().map(|one| one.sign(&signer).expect("an origin is a name")).collect();
    let (old, new) = (TreeSize::new(7), TreeSize::new(11));
    let prefix = (other.root_at(old).expect("it holds so many"), prove_consistency(&other, old, new).expect("it grew"));
    let [a, b, c] = [0, 1, 2].map(|at: usize| notes[at].clone());
    let proofs = [CheckpointFork::new(a.clone(), b, None), CheckpointFork::new(a, c, Some(prefix))];
    let key = NoteKey::new(ORIGIN, signer.public()).expect("a name");
    Forked { key, signed, proofs: proofs.map(|proof| proof.expect("it forked")) }
});

/// The proofs that [`checkpoint_fork`] knows, for the seeds.
#[must_use]
pub fn known_forks() -> [CheckpointFork; 2] {
    FORKED.proofs.clone()
}

/// A proof of a fork has one form; it holds only for checkpoints that were signed and exclude each other, and for no key that
/// signed one history.
pub fn checkpoint_fork(data: &[u8]) {
    let Ok(fork) = CheckpointFork::parse(data) else { return };
    assert_eq!(fork.to_bytes().ok().as_deref(), Some(data), "a proof has one form");
    if let Ok(proven) = fork.check(&FORKED.key) {
        let [one, other] = proven.checkpoints().each_ref().map(|signed| signed.checkpoint().clone());
        assert!(FORKED.signed.contains(&one) && FORKED.signed.contains(&other), "believed what was never signed");
        assert!(one.size() != other.size() || one.root() != other.root());
        assert_ne!([one.size().as_u64(), other.size().as_u64()], [11, 11]);
    }
    assert!(fork.check(&key()).is_err(), "a log that signed one history did not fork");
}
