//! Making a new vault: keys first, then the genesis row, then the operator's token.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use vm_core::capability::{Action, Chain, Engines, Grant, Resource};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, TraceId, nonce};
use vm_core::instant::Instant;
use vm_core::key::NoteKey;
use vm_core::record::{ArtifactKind, Genesis, ProofArtifact, RowHeader, SystemKind};
use vm_core::redact::Redacted;
use vm_core::view::{EvidenceView as _, RowState, Visit};
use vm_ledger::{Ledger, LedgerError};

use crate::error::{TokenError, VaultError};
use crate::keys::{KeyStore, NewKeys, Role};
use crate::vault::{LOCK_TIMEOUT, Place, Sources, Vault, divide};

/// A new vault and what its owner should keep.
#[derive(Debug)]
pub struct Initialized {
    /// The vault, open.
    pub vault: Vault,
    /// Name of the ledger.
    pub ledger: LedgerId,
    /// Key that verifiers pin.
    pub note_key: NoteKey,
}

impl Vault {
    /// Makes a new vault in an absent or empty folder: keys, genesis, and a token that lets the local operator record,
    /// seal and anchor.
    ///
    /// # Errors
    /// [`VaultError`]; a folder that already holds a vault is left alone.
    pub fn init(place: &Place, mut sources: Sources) -> Result<Initialized, VaultError> {
        check_vacant(&place.vault)?;
        let new = NewKeys::generate(&mut *sources.entropy);
        let (root, log) = (new.identity(Role::Root), new.identity(Role::Log));
        let genesis = Genesis::new(root.public(), log.public(), nonce(&mut *sources.entropy));
        let trace = TraceId::mint(&*sources.clock, &mut *sources.entropy);
        let header = RowHeader::mint(&*sources.clock, &mut *sources.entropy, trace);

        let ledger = genesis_name(&genesis, header)?;
        let keys = KeyStore::new(&place.keys, ledger);
        let grant = operator_grant(&new, ledger, nonce(&mut *sources.entropy))?;
        let chain = Chain::root(&root, grant).map_err(TokenError::Refused)?;
        let begin = || -> Result<_, VaultError> {
            // Keys before the ledger: a ledger whose keys were lost in a crash could never go on.
            keys.save(&new)?;
            keys.save_chain(&chain)?;
            let (own, access) = divide(sources, &keys, log, LOCK_TIMEOUT)?;
            Ok((own, Ledger::init(&place.vault, genesis, header, access)?))
        };
        let (own, store) = begin().inspect_err(|_| forget(&keys, ledger, &place.vault))?;
        let mut vault = Self::assemble(place.clone(), store, keys, own)?;
        vault.record_operator(trace)?;
        let note_key = vault.note_key.clone();
        Ok(Initialized { vault, ledger, note_key })
    }
}

impl Vault {
    /// Records the operator's token, under itself: it descends from the root key in the genesis.
    fn record_operator(&mut self, trace: TraceId) -> Result<(), VaultError> {
        let header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace);
        let (permit, now, chain) = (self.permit()?, self.now(), self.holder.chain().clone());
        // The operator's token limits no rate, so that nothing is announced.
        let headers = [header, header];
        self.ledger.record_capability(&permit, headers, &chain, now)?;
        Ok(())
    }

    /// Records the operator's token where a crash between genesis and token has left the vault without it.
    pub(super) fn ensure_operator(&mut self) -> Result<(), VaultError> {
        let snapshot = self.ledger.snapshot()?;
        // Once anything was recorded, the token stood before it: the ledger takes no row under an unrecorded one.
        if snapshot.size().map_err(VaultError::View)? > 1 {
            return Ok(());
        }
        let genesis = LedgerId::genesis(&self.ledger.id());
        let mut trace = None;
        let visit = &mut |_, state| {
            if let RowState::Present(row) = state {
                trace = row.trace_id().ok();
            }
            Ok(Visit::Stop)
        };
        snapshot.visit_log(0, 1, visit).map_err(VaultError::View)?;
        let missing = || VaultError::NotFound { what: "genesis row", name: genesis.to_hex() };
        self.record_operator(trace.ok_or_else(missing)?)
    }
}

/// Refuses a folder in which something stands, before anything is made for it.
pub(crate) fn check_vacant(path: &Path) -> Result<(), VaultError> {
    let not_vacant = || Err(VaultError::NotVacant { path: path.to_owned() });
    let fault = |source| VaultError::File { path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(fault(source)),
    };
    for entry in entries {
        let name = entry.map_err(fault)?.file_name();
        let begun = [
            vm_ledger::files::DATABASE_FILE,
            "ledger.db-journal",
            "ledger.db-wal",
            "ledger.db-shm",
            vm_ledger::LOCK_FILE,
        ];
        if !begun.iter().any(|begun| name == *begun) {
            return not_vacant();
        }
    }
    let stands = Ledger::open_read(path).is_ok_and(|snapshot| snapshot.ledger().is_ok());
    if stands { not_vacant() } else { Ok(()) }
}

/// Removes the keys of a ledger that did not come to be. Where it may stand all the same, they stay.
fn forget(keys: &KeyStore, ledger: LedgerId, vault: &Path) {
    let absent = match Ledger::open_read(vault) {
        Err(LedgerError::NoVault { .. } | LedgerError::NotALedger { .. }) => true,
        Ok(snapshot) => snapshot.ledger().is_ok_and(|other| other != ledger),
        Err(_) => false,
    };
    if absent {
        keys.remove();
    }
}

/// The name that a ledger with this genesis row will have.
fn genesis_name(genesis: &Genesis, header: RowHeader) -> Result<LedgerId, VaultError> {
    let artifact = ProofArtifact {
        header,
        kind: ArtifactKind::system(SystemKind::Genesis),
        file: None,
        subject: None,
        meta: Some(Redacted::system(&genesis.to_value()).map_err(VaultError::Canonical)?),
    };
    let row = artifact.into_draft(None).and_then(|draft| draft.complete(None));
    let leaf = row.and_then(|row| row.leaf_hash()).map_err(VaultError::Record)?;
    Ok(LedgerId::from_genesis(leaf))
}

fn operator_grant(keys: &NewKeys, ledger: LedgerId, nonce: vm_core::digest::Sha256Digest) -> Result<Grant, VaultError> {
    Ok(Grant {
        ledger,
        holder: keys.identity(Role::Operator).public(),
        actions: BTreeSet::from([Action::Record, Action::Seal, Action::Anchor]),
        engines: Engines::All,
        epochs: BTreeSet::from(Epoch::ALL),
        resource: Resource::all(),
        not_before: Instant::from_micros(0).map_err(VaultError::Time)?,
        expires: Instant::MAX,
        uses: None,
        min_interval_seconds: None,
        nonce,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::input::{RecordInput, ToolInput};

    /// What a power loss leaves of the moment before there is a WAL.
    #[test]
    fn a_journal_of_an_unfinished_beginning_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { vault: dir.path().join("vault"), keys: dir.path().join("keys") };
        fs::create_dir(&place.vault).unwrap();
        for name in ["ledger.db", "ledger.db-journal", "ledger.db-wal"] {
            fs::write(place.vault.join(name), "").unwrap();
        }
        Vault::init(&place, Sources::system().unwrap()).unwrap();
    }

    /// What a crash leaves: keys and genesis, and no token.
    #[test]
    fn a_vault_without_its_token_gets_it_when_it_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { vault: dir.path().join("vault"), keys: dir.path().join("keys") };
        let mut sources = Sources::system().unwrap();
        let new = NewKeys::generate(&mut *sources.entropy);
        let (root, log) = (new.identity(Role::Root), new.identity(Role::Log));
        let genesis = Genesis::new(root.public(), log.public(), nonce(&mut *sources.entropy));
        let trace = TraceId::mint(&*sources.clock, &mut *sources.entropy);
        let header = RowHeader::mint(&*sources.clock, &mut *sources.entropy, trace);
        let ledger = genesis_name(&genesis, header).unwrap();
        let keys = KeyStore::new(&place.keys, ledger);
        let grant = operator_grant(&new, ledger, nonce(&mut *sources.entropy)).unwrap();
        keys.save(&new).unwrap();
        keys.save_chain(&Chain::root(&root, grant).unwrap()).unwrap();
        let (_, access) = divide(sources, &keys, log, LOCK_TIMEOUT).unwrap();
        drop(Ledger::init(&place.vault, genesis, header, access).unwrap());

        for rows in [3, 4] {
            let mut vault = Vault::open(&place, Sources::system().unwrap(), LOCK_TIMEOUT).unwrap();
            let recorded = vault.record(vec![RecordInput::Tool(ToolInput::named("grep"))]).unwrap();
            assert_eq!(recorded[0].seq + 1, rows);
        }
    }
}
