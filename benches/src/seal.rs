//! Sealing everything in a ledger.

use vm_core::capability::{Permit, act};
use vm_core::key::SigningIdentity;
use vm_core::source::hazmat::FixedClock;
use vm_core::source::{Clock, Entropy};
use vm_core::view::EvidenceView;
use vm_seal::bundle::SealBundle;
use vm_seal::error::SealError;
use vm_seal::seal::{SealRequest, seal, seal_trusting_leaves};
use vm_seal::selection::Selection;

use crate::error::Fault;
use crate::event::Draw;
use crate::raw;
use crate::store::Store;

/// Ours.
///
/// # Errors
/// Whatever keeps the ledger from being sealed.
pub fn ours(store: &Store) -> Result<SealBundle, Fault> {
    seal_by(store, seal)
}

/// One of the two ways to seal.
type Seal = fn(
    &dyn EvidenceView,
    SealRequest<'_>,
    &SigningIdentity,
    &Permit<act::Seal>,
    &dyn Clock,
    &mut dyn Entropy,
) -> Result<SealBundle, SealError>;

fn seal_by(store: &Store, seal: Seal) -> Result<SealBundle, Fault> {
    let snapshot = store.snapshot()?;
    let checkpoint = snapshot.checkpoint()?.ok_or("no checkpoint")?;
    let request = SealRequest::over(Selection::everything(), &checkpoint);
    let (permit, clock) = (store.permit::<act::Seal>()?, FixedClock(store.now()));
    Ok(seal(&snapshot, request, store.log_key(), &permit, &clock, &mut Draw(5))?)
}

/// Ours, believing the leaf hashes that the log holds.
///
/// # Errors
/// Whatever keeps the ledger from being sealed.
pub fn ours_stored(store: &Store) -> Result<SealBundle, Fault> {
    seal_by(store, seal_trusting_leaves)
}

/// The peer: it believes the leaf hashes that the log holds.
///
/// # Errors
/// Whatever keeps the database from being read.
pub fn theirs(store: &Store) -> Result<[u8; 32], Fault> {
    raw::root_of_stored(&store.database())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_one_root() {
        let store = Store::filled(300).unwrap();
        assert_eq!(ours(&store).unwrap().digest().set_root().as_bytes(), &theirs(&store).unwrap());
        assert_eq!(ours(&store).unwrap().digest(), ours_stored(&store).unwrap().digest());
    }
}
