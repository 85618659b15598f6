//! Which keys a ledger had, by its log: read once, asked by everybody who checks a signature of the ledger.

use vm_core::id::LedgerId;
use vm_core::key::{KeyHistory, KeyStanding, Note};
use vm_core::record::{Genesis, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, RowState, ViewError, Visit};

use crate::bundle::SealBundle;
use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::error::CheckpointError;
use crate::verify::{row_subject, subject};

/// Folds the changes of keys that a ledger recorded. A change that does not hold changes nothing and is found; so does a row that
/// is not as it was logged, which the audit of the rows tells. Cost: one look for rows of that kind, two signature checks a change.
///
/// # Errors
/// [`ViewError`].
pub fn read_keys(
    view: &dyn EvidenceView,
    ledger: LedgerId,
    genesis: &Genesis,
    report: &mut Report,
) -> Result<KeyHistory, ViewError> {
    let mut keys = KeyHistory::new(ledger, genesis);
    view.visit_system(SystemKind::KeyChange, &mut |entry, state| {
        if let RowState::Present(row) = state
            && row.leaf_hash().ok() == Some(entry.leaf)
            && let Err(error) = keys.step(entry.seq, &row)
        {
            let subject = row_subject(entry.table, entry.row_id);
            let code = if error.code() == "format-unknown" { Code::FormatUnknown } else { Code::KeyChangeInvalid };
            report.find(Finding::new(code, subject).found(error.code()));
        }
        Ok(Visit::Continue)
    })?;
    Ok(keys)
}

/// The checkpoint in a note, by whichever log key of the ledger signed it, and what that key's signature means where the log is
/// not at hand. Without any, the fault is that of the key which should have signed.
///
/// # Errors
/// [`CheckpointError`].
pub fn verify_by_any(note: &Note, keys: &KeyHistory) -> Result<(VerifiedCheckpoint, KeyStanding), CheckpointError> {
    let claimed = Checkpoint::parse_text(note.unverified_text())?;
    let expected = keys.key_at(claimed.size().as_u64());
    let name = |key| keys.note_key(key).map_err(|error| CheckpointError::Note(vm_core::error::NoteError::Key(error)));
    let fault = match Checkpoint::verify(note, &name(expected)?) {
        Ok(checkpoint) => {
            let standing = keys.judge(expected, checkpoint.size().as_u64());
            return Ok((checkpoint, standing));
        }
        Err(fault) => fault,
    };
    for span in keys.spans().rev().filter(|span| span.key != expected) {
        if let Ok(checkpoint) = Checkpoint::verify(note, &name(span.key)?) {
            let standing = keys.judge(span.key, checkpoint.size().as_u64());
            return Ok((checkpoint, standing));
        }
    }
    Err(fault)
}

/// Finds what is wrong with the key that signed something; nothing where it is good.
pub fn find_standing(standing: KeyStanding, subject: &str, report: &mut Report) {
    let code = match standing {
        KeyStanding::Good => return,
        KeyStanding::Stolen => Code::KeyStolen,
        KeyStanding::NotInForce => Code::KeyNotInForce,
        KeyStanding::Unknown => Code::KeyChangeUnproven,
    };
    report.find(Finding::new(code, subject));
}

/// Judges the key of a seal against the ledger: by the place of its row, which the caller knows or the log has, else as if the log
/// were not at hand.
pub(crate) fn check_signer(
    bundle: &SealBundle,
    view: &dyn EvidenceView,
    keys: &KeyHistory,
    place: Option<u64>,
    report: &mut Report,
) -> Result<(), ViewError> {
    let (key, size) = (bundle.signer().public(), bundle.as_of().as_u64());
    if keys.span_of(key).is_none() {
        let finding = Finding::new(Code::SealAltered, format!("{} signer", subject(bundle)));
        report.find(finding.expected_found(keys.key_at(size), key));
        return Ok(());
    }
    let place = match place {
        // Without a change there is one key, in force everywhere.
        None if keys.changes() > 0 => place_of(bundle, view)?,
        known => known,
    };
    let standing = place.map_or_else(|| keys.judge(key, size), |place| keys.judge_recorded(key, size, place));
    find_standing(standing, &format!("{} signer", subject(bundle)), report);
    Ok(())
}

/// Place of the row that recorded this very bundle.
fn place_of(bundle: &SealBundle, view: &dyn EvidenceView) -> Result<Option<u64>, ViewError> {
    let (path, hash) = (crate::seal::bundle_path(bundle.seal_id()), bundle.file_hash().to_hex());
    let mut place = None;
    view.visit_system(SystemKind::Seal, &mut |entry, state| {
        if let RowState::Present(row) = state
            && row.text("path") == Some(path.as_str())
            && row.text("sha256_hex") == Some(hash.as_str())
            && row.leaf_hash().ok() == Some(entry.leaf)
        {
            place = Some(entry.seq);
            return Ok(Visit::Stop);
        }
        Ok(Visit::Continue)
    })?;
    Ok(place)
}
