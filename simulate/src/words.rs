//! What ops carry, of honest authors and liars alike.

use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::{PublicKey, SigningIdentity};
use vm_crdt::{EvidenceItem, Path, Payload, Transaction};

use crate::rng::Rng;

/// Names of leaves; few, so that edits meet.
const LEAVES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A random edit, evidence, or nothing.
pub(crate) fn payload(rng: &mut Rng) -> Payload {
    match rng.below(8) {
        0 => Payload::vouch(),
        1 | 2 => evidence(rng),
        _ => edits(rng).unwrap_or_else(Payload::vouch),
    }
}

fn edits(rng: &mut Rng) -> Option<Payload> {
    let mut transaction = Transaction::new();
    for _ in 0..=rng.below(2) {
        let (tree, leaf) = (rng.pick(&LEAVES)?, rng.pick(&LEAVES)?);
        let number = i64::try_from(rng.below(100)).unwrap_or(0);
        let path = |kind: &str| Path::new([kind, *tree, *leaf]).ok();
        match rng.below(7) {
            0 => transaction.remove(&path("register")?),
            1 => transaction.increment(&path("counter")?, number - 50),
            2 => transaction.remove_counter(&path("counter")?),
            3 => transaction.add(&path("set")?, number % 5),
            4 => transaction.discard(&path("set")?, number % 5),
            _ => transaction.put(&path("register")?, number),
        }
        .ok()?;
    }
    transaction.to_payload().ok()
}

fn evidence(rng: &mut Rng) -> Payload {
    let ledger = LedgerId::from_genesis(LeafHash::of(&[u8::try_from(rng.below(3)).unwrap_or(0)]));
    let seq = u64::try_from(rng.below(50)).unwrap_or(0);
    let item = EvidenceItem { ledger, seq, leaf: LeafHash::of(&rng.below(2).to_be_bytes()) };
    vm_crdt::evidence::to_payload([item]).unwrap_or_else(|_| Payload::vouch())
}

/// A key that nobody has, in heads that are about to be signed.
pub(crate) fn nobody() -> PublicKey {
    static NOBODY: std::sync::LazyLock<PublicKey> =
        std::sync::LazyLock::new(|| SigningIdentity::from_seed(&[255; 32]).public());
    *NOBODY
}
