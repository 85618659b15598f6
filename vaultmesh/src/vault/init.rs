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
use vm_ledger::Ledger;

use crate::error::VaultError;
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
        let chain = Chain::root(&root, grant).map_err(VaultError::Capability)?;
        // Keys before the ledger: a ledger whose keys were lost in a crash could never go on.
        keys.save(&new)?;
        keys.save_chain(&chain)?;

        let (own, access) = divide(sources, &keys, LOCK_TIMEOUT)?;
        let store = Ledger::init(&place.vault, genesis, header, access)?;
        let mut vault = Self::assemble(place.clone(), store, keys, own)?;
        let header = RowHeader::mint(&*vault.sources.clock, &mut *vault.sources.entropy, trace);
        let (permit, now) = (vault.permit()?, vault.now());
        vault.ledger.record_capability(&permit, header, &chain, now)?;
        let note_key = vault.note_key.clone();
        Ok(Initialized { vault, ledger, note_key })
    }
}

/// Refuses a folder in which something stands, before any key is made for it.
fn check_vacant(path: &Path) -> Result<(), VaultError> {
    match fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(VaultError::NotVacant { path: path.to_owned() }),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(VaultError::File { path: path.to_owned(), source }),
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
        nonce,
    })
}
