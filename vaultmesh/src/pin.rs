//! Which key a file must be signed by: the pinned one, or one that the ledger's key history puts in its place.

use vm_core::key::{KeyHistory, KeyStanding, Note, NoteKey};
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::bundle::SealBundle;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::keys::{find_standing, verify_by_any};
use vm_seal::receipt::Receipt;

use crate::error::{KeysError, VaultError};
use crate::read::Reader;
use crate::verify::Outside;

/// The key to check something by, as far as the pin and the history lead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pin {
    /// None was pinned.
    Absent,
    /// This one. Whatever is wrong with its standing was found.
    Key(NoteKey),
    /// It is signed by another key of the log than the pinned one, which was found, and nothing more can be checked.
    Unproven,
}

impl Pin {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> Option<&NoteKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Absent | Self::Unproven => None,
        }
    }
}

impl Outside {
    /// Takes a key history, which must be of the pinned key's ledger and name that key.
    ///
    /// # Errors
    /// [`KeysError::NoPin`], [`KeysError::OtherLedger`], [`KeysError::PinAbsent`].
    pub fn add_history(&mut self, history: KeyHistory) -> Result<(), VaultError> {
        let pinned = self.pinned().ok_or(KeysError::NoPin)?;
        if pinned.name() != history.ledger().origin() {
            return Err(KeysError::OtherLedger.into());
        }
        if history.span_of(pinned.public()).is_none() {
            return Err(KeysError::PinAbsent.into());
        }
        // All hold by the same root, so one that knows more changes is the newer.
        if self.history.as_ref().is_none_or(|known| known.changes() < history.changes()) {
            self.history = Some(history);
        }
        Ok(())
    }

    /// The same with the key history of a vault, where that is of the pinned ledger and names the pinned key.
    #[must_use]
    pub fn with_keys_of(&self, reader: &Reader) -> Self {
        let mut known = self.clone();
        if let Ok(keys) = reader.keys() {
            // Where it does not fit, the pinned key stands alone.
            let _fits = known.add_history(keys);
        }
        known
    }

    /// The keys that the ledger of `reader` had, where the pin allows to believe that; else the pinned key alone; without a pin the
    /// ledger's own word.
    ///
    /// # Errors
    /// As [`Reader::keys`].
    pub fn keys_of(&self, reader: &Reader) -> Result<KeyHistory, VaultError> {
        let keys = reader.keys()?;
        Ok(match self.pinned() {
            Some(pinned) if pinned.name() != keys.ledger().origin() => {
                KeyHistory::of_key(vm_seal::bundle::ledger_of(pinned).unwrap_or(keys.ledger()), pinned.public())
            }
            Some(pinned) if keys.span_of(pinned.public()).is_none() => {
                KeyHistory::of_key(keys.ledger(), pinned.public())
            }
            _ => keys,
        })
    }

    /// As [`Outside::pin_alone`]. The note must bear the line of the pinned ML-DSA key as well, where there is one.
    #[must_use]
    pub fn pin_for(&self, note: &Note, subject: &str, report: &mut Report) -> Pin {
        let _size = self.judge_second(note, subject, report);
        self.pin_alone(note, subject, report)
    }

    /// The key that a note must be signed by. Where that is not the pinned one, what the history says of it is found in `report`.
    #[must_use]
    pub fn pin_alone(&self, note: &Note, subject: &str, report: &mut Report) -> Pin {
        let Some(pinned) = self.pinned() else { return Pin::Absent };
        if let Some(history) = &self.history {
            if let Ok((checkpoint, standing)) = verify_by_any(note, history) {
                find_standing(standing, subject, report);
                return Pin::Key(checkpoint.key().clone());
            }
        } else if Checkpoint::verify(note, pinned).is_ok() {
            return Pin::Key(pinned.clone());
        }
        // A line by the log's name and another key: what would prove that the key was changed is not here.
        let mut lines = note.signatures().iter().filter(|line| line.name() == pinned.name());
        let is_known = |hash: [u8; 4]| {
            let spans = self.history.iter().flat_map(|history| history.spans().map(|span| history.note_key(span.key)));
            hash == pinned.hash() || spans.flatten().any(|key| key.hash() == hash)
        };
        if lines.clone().next().is_some() && !lines.any(|line| is_known(line.key_hash())) {
            report.find(Finding::new(Code::KeyChangeUnproven, subject));
            return Pin::Unproven;
        }
        Pin::Key(pinned.clone())
    }

    /// The same, with a bundle's own signer in the place of the pinned key where the history puts it there. What is wrong with its
    /// standing is found; where it is another key, the bundle's own check finds that.
    #[must_use]
    pub fn for_bundle(&self, bundle: &SealBundle, report: &mut Report) -> Self {
        let (mut known, mut found) = (self.clone(), Report::new());
        let subject = format!("seal {} signer", bundle.seal_id());
        if let Pin::Key(key) = self.pin_alone(bundle.checkpoint(), &subject, &mut found)
            && key == *bundle.signer()
        {
            report.merge(found);
            known.key = Some(key);
        }
        known
    }

    /// As [`Outside::pin_for`], for a receipt, which names no key but says the size of the log.
    #[must_use]
    pub fn pin_for_receipt(&self, receipt: &Receipt, subject: &str, report: &mut Report) -> Pin {
        self.find_unsigned(subject, report);
        let (Some(pinned), size) = (self.pinned(), receipt.size().as_u64()) else { return Pin::Absent };
        let Some(history) = &self.history else { return Pin::Key(pinned.clone()) };
        let key = history.key_at(size);
        if history.judge(key, size) != KeyStanding::Good {
            find_standing(history.judge(key, size), subject, report);
        }
        history.note_key(key).map_or_else(|_| Pin::Key(pinned.clone()), Pin::Key)
    }
}
