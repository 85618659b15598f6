//! Changes of the ledger's keys: recorded by the root's word, and followed by every signature from that row on.

use core::fmt;

use vm_core::capability::{Permit, act};
use vm_core::error::KeyChangeError;
use vm_core::instant::Instant;
use vm_core::key::{KeyChange, KeyChangeReason, KeyHistory, MlDsaIdentity, PublicKey, SigningIdentity};
use vm_core::record::{Appended, RowHeader, SystemKind};
use vm_core::verdict::Report;

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::lookup;
use crate::snapshot::Snapshot;
use crate::system::draft;

/// Finds the secret half of a log key that came into force while the ledger was open.
pub struct Keyring(Box<dyn Fn(PublicKey) -> Option<SigningIdentity> + Send>);

impl Keyring {
    /// A keyring that asks `find`.
    #[must_use]
    pub fn new(find: impl Fn(PublicKey) -> Option<SigningIdentity> + Send + 'static) -> Self {
        Self(Box::new(find))
    }

    pub(crate) fn find(&self, key: PublicKey) -> Option<SigningIdentity> {
        (self.0)(key).filter(|found| found.public() == key)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

/// A change of the log key that is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct LogKeyChange<'a> {
    /// The ledger's root key.
    pub root: &'a SigningIdentity,
    /// The log key from the row on.
    pub new: &'a SigningIdentity,
    /// Why.
    pub reason: KeyChangeReason,
    /// Of a stolen key: how many entries are vouched for; without it, all up to the row.
    pub trusted_size: Option<u64>,
}

/// A change of the key of envelopes that is to be recorded. Keys go by their ids.
#[derive(Clone, Copy, Debug)]
pub struct EnvelopeKeyChange<'a> {
    /// The ledger's root key.
    pub root: &'a SigningIdentity,
    /// The key until now; none where there was none, or nobody knows it any more.
    pub old: Option<&'a str>,
    /// The key from the row on.
    pub new: &'a str,
    /// Why.
    pub reason: KeyChangeReason,
}

/// A change of the ML-DSA key that is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct MlDsaKeyChange<'a> {
    /// The ledger's root key.
    pub root: &'a SigningIdentity,
    /// The key from the row on; none where the ledger is to have none any more.
    pub new: Option<&'a MlDsaIdentity>,
    /// Why.
    pub reason: KeyChangeReason,
}

impl Ledger {
    /// The keys that the ledger had, as this writer last saw it.
    #[must_use]
    pub const fn keys(&self) -> &KeyHistory {
        self.force.keys()
    }

    /// Where keys are found that another process changed to while this ledger was open. Without it such a change ends its writing.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.keyring = Some(keyring);
    }

    /// Records that another log key is in force from here on, and signs the log with it. The key until now is not needed. The first
    /// change is announced by a row before it, with the header `announcement`. What is signed names the row's place, which is
    /// settled under the writers' lock.
    ///
    /// # Errors
    /// [`LedgerError::KeyChange`] where `root` is not the ledger's root key, or `new` was one of its keys before;
    /// [`LedgerError::Permit`], [`LedgerError::Store`]. Nothing was written.
    pub fn record_key_change(
        &mut self,
        permit: &Permit<act::Record>,
        headers: [RowHeader; 2],
        change: LogKeyChange<'_>,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        let LogKeyChange { root, new, reason, trusted_size } = change;
        let (ledger, next) = (self.id, Some(new));
        let sign = |at, old| KeyChange::of_log(root, ledger, at, (old, new), reason, trusted_size);
        self.record_change(permit, headers, next, sign, now)
    }

    /// Records that another key of envelopes is in force from here on. As [`Ledger::record_key_change`], but the log key stays.
    ///
    /// # Errors
    /// As [`Ledger::record_key_change`]; [`LedgerError::KeyChange`] where `old` is not the one in force as well.
    pub fn record_envelope_change(
        &mut self,
        permit: &Permit<act::Record>,
        headers: [RowHeader; 2],
        change: EnvelopeKeyChange<'_>,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        let EnvelopeKeyChange { root, old, new, reason } = change;
        let (ledger, keys) = (self.id, (old.map(str::to_owned), Some(new.to_owned())));
        let sign = |at, _| KeyChange::of_envelope(root, ledger, at, keys, reason);
        self.record_change(permit, headers, None, sign, now)
    }

    /// `sign` is given the row's place and the log key until now.
    fn record_change(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        next: Option<&SigningIdentity>,
        sign: impl FnOnce(u64, PublicKey) -> Result<KeyChange, KeyChangeError>,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let claim = self.claim(permit, header.trace_id, now);
        let _lock = self.lock(now)?;
        self.next = next.cloned();
        let done = self.write_locked(|batch| {
            batch.admit(&claim)?;
            batch.announce(&claim, announcement, &[KeyChange::FORMAT])?;
            let (at, old) = batch.place_and_key().ok_or(LedgerError::Reserved)?;
            let signed = sign(at, old).map_err(LedgerError::KeyChange)?;
            let row = draft(header, SystemKind::KeyChange, None, None, &signed.to_value())?;
            let appended = batch.record(row, Some(claim.standing.capability()))?;
            batch.spend(&claim, 0)?;
            Ok(appended)
        });
        self.next = None;
        done
    }

    /// Records that another ML-DSA key is in force from here on, or none, as [`Ledger::record_key_change`] does of the log key. The
    /// key until now is not needed. It signs nothing here: whoever hands out a head or makes a seal adds its line.
    ///
    /// # Errors
    /// As [`Ledger::record_key_change`].
    pub fn record_ml_dsa_change(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        change: MlDsaKeyChange<'_>,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let MlDsaKeyChange { root, new, reason } = change;
        let (ledger, claim) = (self.id, self.claim(permit, header.trace_id, now));
        let _lock = self.lock(now)?;
        self.write_locked(|batch| {
            batch.admit(&claim)?;
            batch.announce(&claim, announcement, &[KeyChange::ML_DSA_FORMAT])?;
            let (at, old) = batch.place_and_ml_dsa().ok_or(LedgerError::Reserved)?;
            let signed = KeyChange::of_ml_dsa(root, ledger, at, (old.as_ref(), new), reason);
            let signed = signed.map_err(LedgerError::KeyChange)?;
            let row = draft(header, SystemKind::KeyChange, None, None, &signed.to_value())?;
            let appended = batch.record(row, Some(claim.standing.capability()))?;
            batch.spend(&claim, 0)?;
            Ok(appended)
        })
    }

    /// The secret key by which the log is signed now: the one at hand, the one it is being changed to, or one from the keyring.
    pub(crate) fn signer(
        access: &SigningIdentity,
        next: Option<&SigningIdentity>,
        keyring: Option<&Keyring>,
        expected: PublicKey,
    ) -> Result<SigningIdentity, LedgerError> {
        let found = access.public();
        let known = [Some(access), next].into_iter().flatten().find(|key| key.public() == expected).cloned();
        let known = known.or_else(|| keyring.and_then(|keyring| keyring.find(expected)));
        known.ok_or(LedgerError::WrongKey { expected, found })
    }
}

impl Snapshot {
    /// The keys that the ledger had: what its genesis and its changes come to, as an audit folds them. Cost: one look for rows of
    /// that kind, two signature checks a change.
    ///
    /// # Errors
    /// [`LedgerError::Genesis`], [`LedgerError::View`].
    pub fn keys(&self) -> Result<KeyHistory, LedgerError> {
        let (ledger, genesis) = lookup::genesis(self.conn())?;
        vm_seal::keys::read_keys(self, ledger, &genesis, &mut Report::new()).map_err(LedgerError::View)
    }
}
