//! Which keys a ledger had: its genesis and the changes behind it, folded in the order of the log.

use std::collections::BTreeSet;

use crate::error::{KeyChangeError, KeyError};
use crate::id::LedgerId;
use crate::key::{KeyChange, KeyChangeReason, KeyRole, MlDsaCosignerKey, MlDsaKey, NoteKey, PublicKey};
use crate::record::{Genesis, StoredRow};

/// Most changes of keys in one ledger: one a week for 78 years. Whoever verifies checks two signatures for each.
pub const KEY_CHANGES_MAX: usize = 4096;

/// Most of them that are of the ML-DSA key, whose rows are ten times as long: one a quarter for 64 years. With as many others as there
/// may be, a key history (`vm-key-history-v0`) stays below its limit.
pub const ML_DSA_CHANGES_MAX: usize = 256;

/// A log key, and the sizes of the log that it signs: from `from` up to and without `until`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeySpan {
    /// The key.
    pub key: PublicKey,
    /// First size of the log that it signs; 0 for the key of the genesis.
    pub from: u64,
    /// First size that it does not sign any more; none for the key in force.
    pub until: Option<u64>,
    /// How it ended; none for the key in force.
    pub ended: Option<KeyChangeReason>,
    /// Of a stolen key: how many entries of the log are vouched for that it signed.
    pub trusted: Option<u64>,
}

/// A key of ML-DSA, and the sizes of the log that it signs a second time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MlDsaSpan {
    /// The key.
    pub key: MlDsaKey,
    /// First size of the log that it signs.
    pub from: u64,
    /// First size that it does not sign any more; none for the key in force.
    pub until: Option<u64>,
    /// How it ended; none for the key in force.
    pub ended: Option<KeyChangeReason>,
}

impl MlDsaSpan {
    /// Whether the key is in force for a log of `size` entries.
    #[must_use]
    pub fn covers(&self, size: u64) -> bool {
        self.from <= size && self.until.is_none_or(|until| size < until)
    }
}

impl KeySpan {
    /// Whether the key is in force for a log of `size` entries.
    #[must_use]
    pub fn covers(&self, size: u64) -> bool {
        self.from <= size && self.until.is_none_or(|until| size < until)
    }
}

/// A key of envelopes, by its id, and the rows between which the ledger names it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EnvelopeSpan {
    /// Id of the key.
    pub key: String,
    /// Place of the row that brought it into force; none where no row did, since it was made before keys were changed.
    pub at: Option<u64>,
    /// Place of the row that ended it, and why; none where it is in force.
    pub ended: Option<(u64, KeyChangeReason)>,
}

/// What a signature by a key means, by the history of a ledger's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyStanding {
    /// The key was in force there, and was not stolen, or what it signed is vouched for.
    Good,
    /// The key was in force there and was declared stolen: anybody may have signed.
    Stolen,
    /// The key was in force elsewhere in the log.
    NotInForce,
    /// It is no log key of this ledger that is known.
    Unknown,
}

/// The keys of a ledger: the one fold that everybody asks who checks or makes a signature of the ledger.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyHistory {
    ledger: LedgerId,
    root: Option<PublicKey>,
    first: PublicKey,
    /// Log keys before the one in force, in order.
    past: Vec<KeySpan>,
    current: (PublicKey, u64),
    /// Keys of envelopes, in order.
    envelopes: Vec<EnvelopeSpan>,
    /// Keys of ML-DSA, in order.
    ml_dsa: Vec<MlDsaSpan>,
    ml_dsa_changes: usize,
    /// Every key that the ledger ever had; none comes again.
    used: BTreeSet<String>,
    changes: usize,
    /// Place of the last change.
    last: u64,
}

impl KeyHistory {
    /// The keys that a ledger begins with.
    #[must_use]
    pub fn new(ledger: LedgerId, genesis: &Genesis) -> Self {
        let mut history = Self::of_key(ledger, genesis.log_key());
        history.root = Some(genesis.root_key());
        history.used.insert(genesis.root_key().to_string());
        history
    }

    /// A ledger of which nothing is known but one log key: it is in force for every size, and no change can be believed.
    #[must_use]
    pub fn of_key(ledger: LedgerId, key: PublicKey) -> Self {
        Self {
            ledger,
            root: None,
            first: key,
            past: Vec::new(),
            current: (key, 0),
            envelopes: Vec::new(),
            ml_dsa: Vec::new(),
            ml_dsa_changes: 0,
            used: BTreeSet::from([key.to_string()]),
            changes: 0,
            last: 0,
        }
    }

    /// Takes in the row at place `seq`; says whether it was a change of a key. Rows of other kinds change nothing and may be
    /// left out. Cost: two strict signature checks a change.
    ///
    /// # Errors
    /// [`KeyChangeError`]; nothing changed.
    pub fn step(&mut self, seq: u64, row: &StoredRow) -> Result<bool, KeyChangeError> {
        let Some(change) = KeyChange::of_row(row)? else { return Ok(false) };
        if change.at() != seq {
            return Err(KeyChangeError::WrongPlace { expected: change.at(), found: seq });
        }
        self.apply(&change).map(|()| true)
    }

    /// Takes in a change, which names its own place.
    ///
    /// # Errors
    /// As [`KeyHistory::step`].
    pub fn apply(&mut self, change: &KeyChange) -> Result<(), KeyChangeError> {
        let root = self.root.ok_or(KeyChangeError::NoRoot)?;
        change.check(self.ledger, root)?;
        if self.changes == KEY_CHANGES_MAX {
            return Err(KeyChangeError::TooMany { limit: KEY_CHANGES_MAX });
        }
        if change.role() == KeyRole::MlDsa && self.ml_dsa_changes == ML_DSA_CHANGES_MAX {
            return Err(KeyChangeError::TooMany { limit: ML_DSA_CHANGES_MAX });
        }
        if self.changes > 0 && change.at() <= self.last {
            return Err(KeyChangeError::WrongPlace { expected: self.last.saturating_add(1), found: change.at() });
        }
        let (key, from) = self.current;
        let is_first_envelope = change.role() == KeyRole::Envelope && self.envelopes.is_empty();
        let in_force = match change.role() {
            KeyRole::Log => Some(key.to_string()),
            // The key of envelopes is made without a row, so the first change alone says which it was.
            KeyRole::Envelope if is_first_envelope => change.old().map(str::to_owned),
            KeyRole::Envelope => self.envelope().map(str::to_owned),
            KeyRole::MlDsa => self.ml_dsa().map(ToString::to_string),
        };
        if in_force.as_deref() != change.old() {
            return Err(KeyChangeError::WrongOld);
        }
        let is_used = |key: &str| self.used.contains(key);
        if change.new_key().is_some_and(|new| is_used(new) || change.old() == Some(new))
            || is_first_envelope && change.old().is_some_and(is_used)
        {
            return Err(KeyChangeError::KeyAgain);
        }
        let ml_dsa = change.new_ml_dsa_key()?;
        match (change.role(), change.new_log_key()?) {
            (KeyRole::Log, Some(new)) => {
                let until = change.at().saturating_add(1);
                let (ended, trusted) = (Some(change.reason()), change.trusted_size());
                self.past.push(KeySpan { key, from, until: Some(until), ended, trusted });
                self.current = (new, until);
            }
            (KeyRole::Log, None) => return Err(KeyChangeError::Shape),
            (KeyRole::Envelope, _) => self.step_envelope(change),
            (KeyRole::MlDsa, _) => self.change_ml_dsa(change, ml_dsa),
        }
        self.used.extend(change.new_key().map(str::to_owned));
        self.changes += 1;
        self.last = change.at();
        Ok(())
    }

    fn step_envelope(&mut self, change: &KeyChange) {
        if self.envelopes.is_empty() {
            let first = change.old().map(|key| EnvelopeSpan { key: key.to_owned(), at: None, ended: None });
            self.used.extend(change.old().map(str::to_owned));
            self.envelopes.extend(first);
        }
        if let Some(last) = self.envelopes.last_mut()
            && last.ended.is_none()
        {
            last.ended = Some((change.at(), change.reason()));
        }
        let new = change.new_key().map(str::to_owned);
        self.envelopes.extend(new.map(|key| EnvelopeSpan { key, at: Some(change.at()), ended: None }));
    }

    fn change_ml_dsa(&mut self, change: &KeyChange, new: Option<MlDsaKey>) {
        let from = change.at().saturating_add(1);
        if let Some(span) = self.ml_dsa.last_mut().filter(|span| span.until.is_none()) {
            (span.until, span.ended) = (Some(from), Some(change.reason()));
        }
        self.ml_dsa.extend(new.map(|key| MlDsaSpan { key, from, until: None, ended: None }));
        self.ml_dsa_changes += 1;
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The log key in force.
    #[must_use]
    pub const fn current(&self) -> PublicKey {
        self.current.0
    }

    /// The log key of the genesis.
    #[must_use]
    pub const fn first(&self) -> PublicKey {
        self.first
    }

    /// The envelope key in force, where one was recorded.
    #[must_use]
    pub fn envelope(&self) -> Option<&str> {
        self.envelopes.last().filter(|last| last.ended.is_none()).map(|last| last.key.as_str())
    }

    /// All keys of envelopes that changes name, in order.
    #[must_use]
    pub fn envelopes(&self) -> &[EnvelopeSpan] {
        &self.envelopes
    }

    /// The ML-DSA key in force, where there is one: it signs heads and the checkpoints of seals a second time.
    #[must_use]
    pub fn ml_dsa(&self) -> Option<&MlDsaKey> {
        self.ml_dsa.last().filter(|span| span.until.is_none()).map(|span| &span.key)
    }

    /// All ML-DSA keys, in order.
    #[must_use]
    pub fn ml_dsa_spans(&self) -> &[MlDsaSpan] {
        &self.ml_dsa
    }

    /// An ML-DSA key as verifiers write it.
    ///
    /// # Errors
    /// [`KeyError::Name`] never in practice: an origin can name a key.
    pub fn ml_dsa_note_key(&self, key: &MlDsaKey) -> Result<MlDsaCosignerKey, KeyError> {
        MlDsaCosignerKey::new(self.ledger.origin(), key.clone())
    }

    /// How many changes there were.
    #[must_use]
    pub const fn changes(&self) -> usize {
        self.changes
    }

    /// All log keys, in order, the one in force last.
    pub fn spans(&self) -> impl DoubleEndedIterator<Item = KeySpan> + '_ {
        let (key, from) = self.current;
        let now = KeySpan { key, from, until: None, ended: None, trusted: None };
        self.past.iter().copied().chain([now])
    }

    /// The log key that signs a log of `size` entries.
    #[must_use]
    pub fn key_at(&self, size: u64) -> PublicKey {
        self.spans().find(|span| span.covers(size)).map_or(self.current.0, |span| span.key)
    }

    /// The span of a key; none where it is no log key of this ledger.
    #[must_use]
    pub fn span_of(&self, key: PublicKey) -> Option<KeySpan> {
        self.spans().find(|span| span.key == key)
    }

    /// A log key as verifiers write it.
    ///
    /// # Errors
    /// [`KeyError::Name`] never in practice: an origin can name a key.
    pub fn note_key(&self, key: PublicKey) -> Result<NoteKey, KeyError> {
        NoteKey::new(self.ledger.origin(), key)
    }

    /// What a signature by `key` over a log of `size` entries means where the log itself is not at hand. Whoever stole a key can
    /// sign whatever size they like, so nothing by a stolen key is good then.
    #[must_use]
    pub fn judge(&self, key: PublicKey, size: u64) -> KeyStanding {
        match self.span_of(key) {
            None => KeyStanding::Unknown,
            Some(span) if !span.covers(size) => KeyStanding::NotInForce,
            Some(span) if span.ended == Some(KeyChangeReason::Stolen) => KeyStanding::Stolen,
            Some(_) => KeyStanding::Good,
        }
    }

    /// What the signature of a seal means that was made over a log of `size` entries and is recorded at place `place` of it. The
    /// key must be in force for both: a seal that was recorded behind a change is not by the key before it. A stolen key's is
    /// good where its row is among those that are vouched for.
    #[must_use]
    pub fn judge_recorded(&self, key: PublicKey, size: u64, place: u64) -> KeyStanding {
        match self.span_of(key) {
            None => KeyStanding::Unknown,
            Some(span) if !span.covers(size) || !span.covers(place) || place < size => KeyStanding::NotInForce,
            Some(span) if span.trusted.is_some_and(|trusted| place >= trusted) => KeyStanding::Stolen,
            Some(_) => KeyStanding::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{LeafHash, Sha256Digest};
    use crate::key::SigningIdentity;

    fn signer(byte: u8) -> SigningIdentity {
        SigningIdentity::from_seed(&[byte; 32])
    }

    fn ledger() -> LedgerId {
        LedgerId::from_genesis(LeafHash::from_bytes([1; 32]))
    }

    fn history() -> KeyHistory {
        let genesis = Genesis::new(signer(1).public(), signer(2).public(), Sha256Digest::of(b"nonce"));
        KeyHistory::new(ledger(), &genesis)
    }

    fn change(at: u64, old: u8, new: u8, reason: KeyChangeReason, trusted: Option<u64>) -> KeyChange {
        let keys = (signer(old).public(), &signer(new));
        KeyChange::of_log(&signer(1), ledger(), at, keys, reason, trusted).unwrap()
    }

    /// Every history of up to two changes at places up to 6, held against the words of the page.
    #[test]
    fn the_fold_is_what_the_page_says_of_every_small_history() {
        let reasons = KeyChangeReason::ALL;
        for first in 1..6_u64 {
            for second in first + 1..=6_u64 {
                for (one, other) in reasons.iter().flat_map(|one| reasons.iter().map(move |other| (*one, *other))) {
                    for trusted in 0..=first {
                        let told = Some(trusted).filter(|_| one == KeyChangeReason::Stolen);
                        let mut keys = history();
                        keys.apply(&change(first, 2, 3, one, told)).unwrap();
                        keys.apply(&change(second, 3, 4, other, None)).unwrap();
                        for size in 0..9_u64 {
                            check(&keys, [(first, one, told), (second, other, None)], size);
                        }
                    }
                }
            }
        }
    }

    /// The slow twin: rows are counted one by one.
    fn check(keys: &KeyHistory, changes: [(u64, KeyChangeReason, Option<u64>); 2], size: u64) {
        let after = |size: u64| (0..size).filter(|seq| changes.iter().any(|(at, ..)| at == seq)).count();
        let name = |at: usize| signer(2 + u8::try_from(at).unwrap()).public();
        assert_eq!(keys.key_at(size), name(after(size)));
        for which in 0..3 {
            let stolen = changes.get(which).filter(|(_, reason, _)| *reason == KeyChangeReason::Stolen);
            let expected = match (after(size) == which, stolen) {
                (false, _) => KeyStanding::NotInForce,
                (true, Some(_)) => KeyStanding::Stolen,
                (true, None) => KeyStanding::Good,
            };
            assert_eq!(keys.judge(name(which), size), expected);
            for place in 0..9_u64 {
                let vouched = stolen.is_none_or(|(at, _, trusted)| place < trusted.unwrap_or(*at));
                let expected = match (after(size) == which && after(place) == which && size <= place, vouched) {
                    (false, _) => KeyStanding::NotInForce,
                    (true, false) => KeyStanding::Stolen,
                    (true, true) => KeyStanding::Good,
                };
                assert_eq!(keys.judge_recorded(name(which), size, place), expected, "{which} {size} {place}");
            }
        }
        assert_eq!(keys.judge(signer(9).public(), size), KeyStanding::Unknown);
    }

    #[test]
    fn changes_that_do_not_follow_are_refused_and_change_nothing() {
        let rotation = KeyChangeReason::Rotation;
        let mut keys = history();
        keys.apply(&change(3, 2, 3, rotation, None)).unwrap();
        let kept = keys.clone();
        for (wrong, code) in [
            (change(4, 2, 4, rotation, None), "key-change-old-key"),
            (change(4, 3, 2, rotation, None), "key-change-key-again"),
            (change(4, 3, 3, rotation, None), "key-change-key-again"),
            (change(4, 3, 1, rotation, None), "key-change-key-again"),
            (change(3, 3, 4, rotation, None), "key-change-other-place"),
            (change(2, 3, 4, rotation, None), "key-change-other-place"),
        ] {
            assert_eq!(keys.apply(&wrong).unwrap_err().code(), code);
            assert_eq!(keys, kept);
        }
        let by_log = KeyChange::of_log(&signer(3), ledger(), 4, (signer(3).public(), &signer(4)), rotation, None);
        assert_eq!(keys.apply(&by_log.unwrap()).unwrap_err().code(), "key-change-signature");
        let mut pinned = KeyHistory::of_key(ledger(), signer(2).public());
        assert_eq!(pinned.apply(&change(3, 2, 3, rotation, None)), Err(KeyChangeError::NoRoot));
        assert_eq!((pinned.current(), pinned.key_at(1000)), (signer(2).public(), signer(2).public()));
    }

    #[cfg(feature = "ml-dsa")]
    #[test]
    fn ml_dsa_keys_follow_each_other_and_leave_the_log_alone() {
        use crate::key::MlDsaIdentity;
        let key = |byte| MlDsaIdentity::from_seed(&[byte; 32]).unwrap();
        let change = |at, old: Option<&MlDsaIdentity>, new: Option<&MlDsaIdentity>| {
            let keys = (old.map(MlDsaIdentity::public), new);
            KeyChange::of_ml_dsa(&signer(1), ledger(), at, keys, KeyChangeReason::Stolen).unwrap()
        };
        let (one, two, mut keys) = (key(1), key(2), history());
        keys.apply(&change(2, None, Some(&one))).unwrap();
        assert_eq!(keys.apply(&change(3, None, Some(&two))), Err(KeyChangeError::WrongOld));
        keys.apply(&change(3, Some(&one), Some(&two))).unwrap();
        assert_eq!(keys.apply(&change(4, Some(&two), Some(&one))), Err(KeyChangeError::KeyAgain));
        assert_eq!((keys.ml_dsa(), keys.current(), keys.changes()), (Some(two.public()), signer(2).public(), 2));
        keys.apply(&change(5, Some(&two), None)).unwrap();
        assert_eq!(keys.ml_dsa(), None);
        let spans: Vec<_> = keys.ml_dsa_spans().iter().map(|span| (span.from, span.until, span.ended)).collect();
        let stolen = Some(KeyChangeReason::Stolen);
        assert_eq!(spans, [(3, Some(4), stolen), (4, Some(6), stolen)]);
        assert!(keys.ml_dsa_spans()[0].covers(3) && !keys.ml_dsa_spans()[0].covers(4));
    }

    #[test]
    fn envelope_keys_follow_each_other_and_leave_the_log_alone() {
        let mut keys = history();
        let envelope = |at, old: Option<&str>, new: Option<&str>| {
            let keys = (old.map(str::to_owned), new.map(str::to_owned));
            KeyChange::of_envelope(&signer(1), ledger(), at, keys, KeyChangeReason::Lost).unwrap()
        };
        keys.apply(&envelope(2, None, Some("aa"))).unwrap();
        assert_eq!(keys.apply(&envelope(3, None, Some("bb"))), Err(KeyChangeError::WrongOld));
        keys.apply(&envelope(3, Some("aa"), Some("bb"))).unwrap();
        assert_eq!(keys.apply(&envelope(4, Some("bb"), Some("aa"))), Err(KeyChangeError::KeyAgain));
        assert_eq!((keys.envelope(), keys.current(), keys.changes()), (Some("bb"), signer(2).public(), 2));
        keys.apply(&envelope(4, Some("bb"), None)).unwrap();
        assert_eq!(keys.envelope(), None);
        let ends: Vec<_> = keys.envelopes().iter().map(|span| (span.at, span.ended.map(|(at, _)| at))).collect();
        assert_eq!(ends, [(Some(2), Some(3)), (Some(3), Some(4))]);
    }

    #[test]
    fn the_first_change_names_a_key_of_envelopes_that_no_row_made() {
        let envelope = |at, old: Option<&str>, new: Option<&str>| {
            let keys = (old.map(str::to_owned), new.map(str::to_owned));
            KeyChange::of_envelope(&signer(1), ledger(), at, keys, KeyChangeReason::Stolen).unwrap()
        };
        let mut keys = history();
        assert_eq!(keys.apply(&envelope(2, Some("aa"), Some("aa"))), Err(KeyChangeError::KeyAgain));
        let log = signer(2).public().to_string();
        assert_eq!(keys.apply(&envelope(2, Some(&log), Some("bb"))), Err(KeyChangeError::KeyAgain));
        keys.apply(&envelope(2, Some("aa"), Some("bb"))).unwrap();
        let first = EnvelopeSpan { key: "aa".to_owned(), at: None, ended: Some((2, KeyChangeReason::Stolen)) };
        assert_eq!(keys.envelopes().first(), Some(&first));
        assert_eq!(keys.apply(&envelope(3, Some("aa"), Some("cc"))), Err(KeyChangeError::WrongOld));
        assert_eq!(keys.apply(&envelope(3, Some("bb"), Some("aa"))), Err(KeyChangeError::KeyAgain));
        keys.apply(&envelope(3, Some("bb"), None)).unwrap();
        assert_eq!(keys.apply(&envelope(4, Some("zz"), Some("dd"))), Err(KeyChangeError::WrongOld));
        keys.apply(&envelope(4, None, Some("dd"))).unwrap();
        assert_eq!(keys.envelope(), Some("dd"));
    }
}
