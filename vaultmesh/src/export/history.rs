//! The key history that an export of a seal carries.

use vm_core::error::KeyChangeError;
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::bundle::SealBundle;
use vm_seal::key_history::KeyHistoryFile;

use crate::error::{KeysError, VaultError};
use crate::export::KEYS;
use crate::export::archive::Unpacked;
use crate::verify::Outside;

/// What a bundle is to be held to: what the verifier brings, with the history that the export carries, and with the bundle's own
/// signer where that takes the place of the pinned key. What is wrong with either is found.
pub(super) fn effective(
    unpacked: &Unpacked,
    bundle: &SealBundle,
    outside: &Outside,
    report: &mut Report,
) -> Result<Outside, VaultError> {
    let mut known = outside.clone();
    read_history(unpacked, &mut known, report)?;
    let _size = known.judge_second(bundle.checkpoint(), &format!("seal {} checkpoint", bundle.seal_id()), report);
    Ok(known.for_bundle(bundle, report))
}

/// Takes the key history of an export. It proves itself from the ledger's name in the pin; one that does not, or is of another
/// ledger, is found and helps nobody.
fn read_history(unpacked: &Unpacked, known: &mut Outside, report: &mut Report) -> Result<(), VaultError> {
    if !unpacked.names().any(|name| name == KEYS) {
        return Ok(());
    }
    let history = match KeyHistoryFile::parse(&unpacked.read(KEYS)?).and_then(|file| file.verify()) {
        Ok(history) => history,
        Err(error @ KeyChangeError::UnknownFormat { .. }) => {
            report.find(Finding::new(Code::FormatUnknown, KEYS).found(error.code()));
            return Ok(());
        }
        Err(error) => {
            report.find(Finding::new(Code::KeyChangeInvalid, KEYS).found(error.code()));
            return Ok(());
        }
    };
    match known.add_history(history) {
        Err(VaultError::Keys(error @ KeysError::OtherLedger)) => {
            report.find(Finding::new(Code::KeyChangeInvalid, KEYS).found(error.code()));
            Ok(())
        }
        // Without a pin, or by one that it does not name, it proves nothing, which is found by the name of the pin.
        Ok(()) | Err(VaultError::Keys(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
