//! Second signatures: the line of the ledger's ML-DSA-44 key under heads and the checkpoints of seals, made here and judged here.

use vm_core::error::KeyError;
use vm_core::key::{KeyChangeReason, KeyHistory, MlDsaCosignerKey, MlDsaSpan, Note};
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::audit::AuditedSeal;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::CosignatureError;
use vm_seal::witness::{UnixSeconds, WitnessKey, cosign_ml_dsa};

use crate::error::{VaultError, WitnessFault};
use crate::keys::KeyStore;
use crate::read::Reader;
use crate::verify::{Outside, seal_subject};

/// How findings name the head that a verifier brings.
const HEAD: &str = "head from outside";

/// `note`, a checkpoint of the ledger now, with the line of the ML-DSA key in force, where there is one. The line bears the time
/// 0: an owner is no witness of his own log, and the same checkpoint has the same line each time.
///
/// # Errors
/// [`VaultError::KeyMissing`] where the key is not here; [`WitnessFault::Cosignature`] in a build without ML-DSA.
pub(crate) fn second_signed(note: Note, history: &KeyHistory, keys: &KeyStore) -> Result<Note, VaultError> {
    let Some(public) = history.ml_dsa() else { return Ok(note) };
    let signer = keys.ml_dsa(public)?;
    let key = history.ml_dsa_note_key(public).map_err(VaultError::Key)?;
    let checkpoint = Checkpoint::parse_text(note.unverified_text()).map_err(WitnessFault::Head)?;
    let never = UnixSeconds::from_seconds(0).map_err(WitnessFault::Cosignature)?;
    let line = cosign_ml_dsa(&checkpoint, never, &key, &signer).map_err(WitnessFault::Cosignature)?;
    note.with_signature(line).map_err(VaultError::Note)
}

impl Reader {
    /// The latest checkpoint with the line of the ledger's ML-DSA key, where one is in force and it is among `keys`; and whether
    /// there is one that is not, so that the line is missing.
    ///
    /// # Errors
    /// As [`Reader::head`]; as [`KeyStore::ml_dsa`], but for a key that is not there.
    pub fn second_signed_head(&self, keys: &KeyStore) -> Result<(Note, bool), VaultError> {
        match self.second_signed(self.head()?, keys) {
            Err(VaultError::KeyMissing { .. }) => Ok((self.head()?, true)),
            signed => Ok((signed?, false)),
        }
    }

    /// `note`, which is the latest checkpoint, with that line.
    ///
    /// # Errors
    /// As [`KeyStore::ml_dsa`].
    pub fn second_signed(&self, note: Note, keys: &KeyStore) -> Result<Note, VaultError> {
        second_signed(note, &self.keys()?, keys)
    }
}

impl Outside {
    /// The pinned ML-DSA key: given by itself, or in the trust file.
    #[must_use]
    pub fn second_pinned(&self) -> Option<&MlDsaCosignerKey> {
        self.pq_key.as_ref().or_else(|| self.trust.as_ref().and_then(|trust| trust.pq_key.as_ref()))
    }

    fn second_span(&self, key: &MlDsaCosignerKey) -> Option<&MlDsaSpan> {
        let history = self.history.as_ref().filter(|history| history.ledger().origin() == key.name())?;
        history.ml_dsa_spans().iter().find(|span| span.key == *key.public())
    }

    /// Demands the line of the pinned ML-DSA key under `note`, where one is pinned. Gives the size of the log that it signs, where
    /// the line holds and the key was in force there, as far as is known, and is not stolen.
    pub fn judge_second(&self, note: &Note, subject: &str, report: &mut Report) -> Option<u64> {
        let key = self.second_pinned()?;
        let mut find = |code, found: &str| report.find(Finding::new(code, subject).found(found));
        let cosignature = match WitnessKey::from(key.clone()).verify(note) {
            Ok(cosignature) => cosignature,
            Err(CosignatureError::NotCosigned { .. }) => {
                find(Code::PqSignatureMissing, "no line by the pinned key");
                return None;
            }
            // What cannot be checked here is not wrong.
            Err(CosignatureError::Signature { source: KeyError::NoMlDsa, .. }) => {
                find(Code::PqSignatureMissing, KeyError::NoMlDsa.code());
                return None;
            }
            Err(fault) => {
                find(Code::PqSignatureInvalid, fault.code());
                return None;
            }
        };
        let (origin, size) = (cosignature.checkpoint().origin(), cosignature.checkpoint().size().as_u64());
        let fault = match self.second_span(key) {
            _ if origin != key.name() => Some(Code::PqSignatureInvalid),
            Some(span) if !span.covers(size) => Some(Code::KeyNotInForce),
            Some(span) if span.ended == Some(KeyChangeReason::Stolen) => Some(Code::KeyStolen),
            _ => None,
        };
        if let Some(code) = fault {
            find(code, "the line by ML-DSA-44");
            return None;
        }
        report.checked(format!("{subject}: second signature, by ML-DSA-44"));
        Some(size)
    }

    /// Finds that nothing under `subject` bears such a line, where one is demanded.
    pub fn find_unsigned(&self, subject: &str, report: &mut Report) {
        if self.second_pinned().is_some() {
            report.find(Finding::new(Code::PqSignatureMissing, subject).found("nothing here bears such a line"));
        }
    }
}

/// Judges the head that the verifier brings; without one there is none that the key signed. Gives the size of the log that it
/// binds.
pub(crate) fn judge_head(outside: &Outside, report: &mut Report) -> Option<u64> {
    outside.second_pinned()?;
    match &outside.head {
        Some(head) => outside.judge_second(head, HEAD, report),
        None => {
            report.find(Finding::new(Code::PqSignatureMissing, HEAD).found("no head"));
            None
        }
    }
}

/// Judges the checkpoints of seals. One that was made before the key came into force needs no line where a head that the key
/// signed covers the seal's row: when the key came into force is the log's own word, and what binds the seal then is that head.
pub(crate) fn judge_seal(outside: &Outside, seal: &AuditedSeal, bound: Option<u64>, report: &mut Report) {
    let (Some(key), Some(bundle)) = (outside.second_pinned(), &seal.bundle) else { return };
    let is_earlier = outside.second_span(key).is_some_and(|span| bundle.as_of().as_u64() < span.from);
    if is_earlier && bound.is_some_and(|bound| seal.row.entry.seq < bound) {
        return;
    }
    let _size = outside.judge_second(bundle.checkpoint(), &format!("{} checkpoint", seal_subject(seal)), report);
}
