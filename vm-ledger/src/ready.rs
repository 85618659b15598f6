//! Drafts made ready for the store: completed, hashed, and their openings encrypted. Nothing of that needs the store. It is done
//! a few dozen rows ahead of the inserts and no further.

use std::iter;

use vm_core::digest::{Blinded, CapabilityHash, LeafHash};
use vm_core::error::RecordError;
use vm_core::record::{Correction, RowDraft, StoredRow};

use crate::error::LedgerError;
use crate::openings::{Encrypted, Encryptor};

/// Drafts made ready at once: their leaf data is held together while it is hashed, several rows side by side.
const CHUNK: usize = 64;

/// A row that only the store is left to refuse.
pub(crate) struct Ready {
    pub(crate) row: StoredRow,
    pub(crate) leaf: LeafHash,
    pub(crate) corrects: Option<Correction>,
    /// Idempotency key and fingerprint.
    pub(crate) idempotency: Option<(Blinded, Blinded)>,
    /// Its openings, where it has some and they are kept. What keeps them from being encrypted counts only once the row
    /// itself is inserted: a replay has no use for them.
    pub(crate) openings: Result<Option<Encrypted>, LedgerError>,
}

/// Makes `drafts` ready and tells `take` of each in their order, with what is wrong with it, until `take` fails.
///
/// # Errors
/// That of `take`.
pub(crate) fn each(
    drafts: Vec<RowDraft>,
    capability: Option<CapabilityHash>,
    mut encryptor: Option<&mut Encryptor<'_>>,
    take: impl FnMut(Result<Ready, LedgerError>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut drafts = drafts.into_iter();
    let chunks = iter::from_fn(|| {
        let drafts: Vec<RowDraft> = drafts.by_ref().take(CHUNK).collect();
        (!drafts.is_empty()).then(|| chunk(drafts, capability, encryptor.as_deref_mut()))
    });
    chunks.flatten().try_for_each(take)
}

fn chunk(
    drafts: Vec<RowDraft>,
    capability: Option<CapabilityHash>,
    mut encryptor: Option<&mut Encryptor<'_>>,
) -> Vec<Result<Ready, LedgerError>> {
    let begin = |draft| Begun::new(draft, capability, encryptor.as_deref_mut());
    let begun: Vec<Begun> = drafts.into_iter().map(begin).collect();
    let mut leaves = StoredRow::leaf_hashes(begun.iter().filter_map(|begun| begun.row.as_ref().ok())).into_iter();
    // There is one for each row.
    let mut leaf = |row: &StoredRow| leaves.next().unwrap_or_else(|| row.leaf_hash());
    begun.into_iter().map(|begun| begun.end(&mut leaf)).collect()
}

/// One draft alone.
///
/// # Errors
/// [`LedgerError::Record`].
pub(crate) fn one(
    draft: RowDraft,
    capability: Option<CapabilityHash>,
    encryptor: Option<&mut Encryptor<'_>>,
) -> Result<Ready, LedgerError> {
    Begun::new(draft, capability, encryptor).end(StoredRow::leaf_hash)
}

/// A row that is all but hashed.
struct Begun {
    row: Result<StoredRow, RecordError>,
    corrects: Option<Correction>,
    idempotency: Option<(Blinded, Blinded)>,
    openings: Result<Option<Encrypted>, LedgerError>,
}

impl Begun {
    fn new(draft: RowDraft, capability: Option<CapabilityHash>, encryptor: Option<&mut Encryptor<'_>>) -> Self {
        let openings = encrypt(&draft, encryptor);
        let (corrects, idempotency) = (draft.header().corrects, draft.idempotency());
        Self { row: draft.into_row(capability), corrects, idempotency, openings }
    }

    fn end(self, leaf: impl FnOnce(&StoredRow) -> Result<LeafHash, RecordError>) -> Result<Ready, LedgerError> {
        let Self { row, corrects, idempotency, openings } = self;
        let row = row.map_err(LedgerError::Record)?;
        let leaf = leaf(&row).map_err(LedgerError::Record)?;
        Ok(Ready { row, leaf, corrects, idempotency, openings })
    }
}

fn encrypt(draft: &RowDraft, encryptor: Option<&mut Encryptor<'_>>) -> Result<Option<Encrypted>, LedgerError> {
    let Some(encryptor) = encryptor else { return Ok(None) };
    let plain = draft.openings_json().map_err(LedgerError::Canonical)?;
    if plain.is_empty() {
        return Ok(None);
    }
    encryptor.encrypt(draft.header().id, draft.subject_key(), plain).map(Some)
}
