//! Disclosing openings, and erasing those of a subject.

use std::collections::BTreeSet;

use vm_core::capability::act;
use vm_core::id::{RowId, SealId};
use vm_core::key::{OpeningsKey, OpeningsKeyId};
use vm_core::record::{DisclosureRecord, ErasureReason, RowHeader};
use vm_envelope::{Context, PublicKey, seal};
use vm_ledger::ErasureOnRecord;

use crate::disclosure::{Content, DISCLOSURE_PURPOSE, Wanted, record};
use crate::error::{PrivacyFault, VaultError};
use crate::read::Reader;
use crate::subjects::{Ring, SubjectId, SubjectKeys, SubjectName, Tombstone};
use crate::vault::drafter::Drafter;
use crate::vault::{Recorded, Vault};

/// A disclosure that is on record and may be given out.
#[derive(Clone, Debug)]
pub struct DisclosureMade {
    /// The file.
    pub bytes: Vec<u8>,
    /// What its row says.
    pub record: DisclosureRecord,
    /// Its row.
    pub recorded: Recorded,
    /// The seal whose checkpoint the row is proven against; none where that is the head.
    pub seal: Option<SealId>,
}

/// What an erasure of a subject would reach, or has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErasurePlan {
    /// The key it is about.
    pub key: OpeningsKeyId,
    /// Keys it had before, that nothing opens since the key of envelopes was lost: it is about them as well.
    pub lost: Vec<OpeningsKeyId>,
    /// Rows with openings under these keys, or that their receipts name.
    pub rows: BTreeSet<RowId>,
    /// The last receipt of that key, where one is on record.
    pub receipt: Option<RowId>,
    /// Whether the key is gone already.
    pub is_destroyed: bool,
}

/// An erasure that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erased {
    /// The receipt.
    pub on_record: ErasureOnRecord,
    /// Rows whose openings went now.
    pub rows: u64,
}

impl Drafter<'_> {
    /// The key under which openings of a subject are recorded: of the one that is named, else of the vault's for now.
    pub(super) fn subject_key(&mut self, named: Option<&SubjectName>) -> Result<Option<OpeningsKey>, VaultError> {
        let Some(name) = named.or(self.subject) else { return Ok(None) };
        let keys = SubjectKeys::new(self.keys, self.ledger);
        let id = SubjectId::of(name, self.blind);
        keys.for_recording(id, &mut *self.sources.entropy, self.opened).map(Some)
    }
}

impl Vault {
    /// Says whose openings are recorded from here on, where a record does not say so itself. Their key is made with the first.
    pub fn set_subject(&mut self, subject: Option<SubjectName>) {
        self.subject = subject;
    }

    /// Opens commitments of one row for `recipients` alone: makes the file, and records that it was made. Whoever calls this gives
    /// the file out afterwards. Needs leave to disclose.
    ///
    /// # Errors
    /// [`VaultError::Token`]; [`VaultError::Openings`] where the openings were erased, or their key is not here;
    /// [`VaultError::Privacy`]. Nothing was recorded.
    pub fn disclose(&mut self, wanted: &Wanted, recipients: &[PublicKey]) -> Result<DisclosureMade, VaultError> {
        let _ = self.permit::<act::Disclose>()?;
        let ring = Ring::open(&self.keys, self.ledger.id())?;
        let Content { bytes, opened, seal: proven_by } = Reader::open(&self.place)?.disclose(wanted, &ring)?;
        let context = Context::new(self.ledger.id(), DISCLOSURE_PURPOSE).map_err(PrivacyFault::Context)?;
        let file = seal(&bytes, &context, recipients, &mut *self.sources.entropy).map_err(PrivacyFault::Seal)?;
        let record = record(wanted.row, opened, &file)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Disclose>()?, self.now());
        let appended = self.ledger.record_disclosure(&permit, headers, &record, now)?;
        Ok(DisclosureMade { bytes: file, record, recorded: Recorded::of_system(appended), seal: proven_by })
    }

    /// What an erasure of a subject is about: its key, or where that is gone, the last one it had.
    ///
    /// # Errors
    /// [`PrivacyFault::SubjectUnknown`]; as [`SubjectKeys::key_id`].
    pub fn plan_erasure(&self, name: &SubjectName) -> Result<ErasurePlan, VaultError> {
        let (keys, reader) = (self.subject_keys(), Reader::open(&self.place)?);
        let id = SubjectId::of(name, &self.blind);
        let present = keys.key_id(id)?;
        let last = keys.tombstones(id)?.pop();
        let gone = last.as_ref().map(|tombstone| tombstone.key);
        let mut lost = keys.lost(id)?;
        let is_destroyed = present.is_none() && lost.is_empty();
        let key = present.or_else(|| lost.pop()).or(gone).ok_or(PrivacyFault::SubjectUnknown)?;
        let erasures = reader.view().erasures()?;
        let receipt = erasures.iter().rfind(|erasure| erasure.key == key).map(|erasure| erasure.receipt);
        // A ledger that was put back has lost its receipt; the tombstone remembers it.
        let receipt = receipt.or_else(|| last.filter(|last| last.key == key).map(|last| last.receipt));
        let mut rows = reader.rows_of_key(key)?;
        for key in &lost {
            rows.extend(reader.rows_of_key(*key)?);
        }
        Ok(ErasurePlan { key, lost, rows, receipt, is_destroyed })
    }

    /// Erases the openings of a subject and destroys its key: [`Vault::erase_openings`], [`Vault::destroy_key`] and
    /// [`Vault::scrub`], each of which can be repeated, so that this finishes what a crash has left. What is recorded for the subject
    /// later gets a new key. Needs leave to erase.
    ///
    /// # Errors
    /// [`VaultError::Token`], [`PrivacyFault::SubjectUnknown`]; those of the three steps.
    pub fn erase(&mut self, name: &SubjectName, reason: Option<ErasureReason>) -> Result<Erased, VaultError> {
        let mut rows = 0_u64;
        for key in self.plan_erasure(name)?.lost {
            let erased = self.erase_under(key, reason)?;
            self.destroy_key(name, &erased.on_record)?;
            rows = rows.saturating_add(erased.rows);
        }
        let erased = self.erase_openings(name, reason)?;
        self.destroy_key(name, &erased.on_record)?;
        self.scrub()?;
        Ok(Erased { rows: rows.saturating_add(erased.rows), ..erased })
    }

    /// The first step of an erasure: receipt and deletion in one transaction.
    ///
    /// # Errors
    /// [`VaultError::Token`], [`PrivacyFault::SubjectUnknown`], [`VaultError::Ledger`]; nothing was recorded and nothing deleted.
    pub fn erase_openings(&mut self, name: &SubjectName, reason: Option<ErasureReason>) -> Result<Erased, VaultError> {
        let key = self.plan_erasure(name)?.key;
        self.erase_under(key, reason)
    }

    fn erase_under(&mut self, key: OpeningsKeyId, reason: Option<ErasureReason>) -> Result<Erased, VaultError> {
        let [announcement, first] = self.headers();
        let (permit, now) = (self.permit::<act::Erase>()?, self.now());
        let Self { ledger, sources, .. } = self;
        let mut header = || RowHeader::mint(&*sources.clock, &mut *sources.entropy, first.trace_id);
        let erased = ledger.erase_openings(&permit, announcement, &mut header, (key, reason), now)?;
        let rows = u64::try_from(erased.rows.len()).unwrap_or(u64::MAX);
        Ok(Erased { on_record: erased.on_record, rows })
    }

    /// The second step: the subject's key is destroyed, and a tombstone stands in its place.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub fn destroy_key(&mut self, name: &SubjectName, on_record: &ErasureOnRecord) -> Result<(), VaultError> {
        let id = SubjectId::of(name, &self.blind);
        let ErasureOnRecord { receipt, leaf, key, .. } = *on_record;
        let tombstone = Tombstone { subject: id.to_string(), key, receipt, leaf, at: self.now() };
        self.subject_keys().destroy(id, &tombstone)
    }

    /// The last step: nothing of what was deleted is left in the vault's files. See [`vm_ledger::Ledger::scrub`].
    ///
    /// # Errors
    /// [`VaultError::Ledger`], where it may be asked for again.
    pub fn scrub(&mut self) -> Result<(), VaultError> {
        let now = self.now();
        Ok(self.ledger.scrub(now)?)
    }

    pub(super) fn subject_keys(&self) -> SubjectKeys {
        SubjectKeys::new(&self.keys, self.ledger.id())
    }
}
