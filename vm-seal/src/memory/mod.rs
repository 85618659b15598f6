//! A ledger in memory: for seals over lists of events without a store, for tests and for examples.
//!
//! It holds what a ledger on disk holds (log, rows, signed checkpoints, tiles) and answers as a
//! [view](vm_core::view::EvidenceView), so everything in this crate works on it. Nothing of it survives the process.

mod files;
pub mod hazmat;
mod keys;
mod view;

use std::collections::BTreeMap;

use serde_json::Value;
use vm_core::canonical;
use vm_core::capability::{Act, Action, Authority, Chain, Engines, Grant, Holder, Permit, Resource, act};
use vm_core::digest::{CapabilityHash, RootHash};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey, PublicKey, SigningIdentity};
use vm_core::record::{
    Appended, ArtifactKind, FormatChange, Genesis, LogEntry, ProofArtifact, RowDraft, RowHeader, StoredRow, SystemKind,
    Table,
};
use vm_core::redact::{KnownSecrets, Pattern, Policy, Redacted, Redactor, Rule};
use vm_core::source::{Clock, Entropy};
use vm_core::view::{Journal, JournalError, RowState, StoredTile};

use crate::checkpoint::Checkpoint;
use crate::complete::state_index;
pub use files::MemoryFiles;

use crate::error::MemoryError;
use crate::index::{INDEX_FORMAT, Statement};
use crate::merkle::tile::{TILE_HEIGHT, TILE_WIDTH};
use crate::merkle::{HashReader, NodeAt, Tree, TreeSize};

/// Last migration of the schema that rows in memory have.
const LAST_MIGRATION: &str = "0003_shadow_receipts.sql";

/// A ledger in memory, with the key that signs its checkpoints.
#[derive(Clone, Debug)]
pub struct MemoryLedger {
    ledger: LedgerId,
    root_key: PublicKey,
    signer: SigningIdentity,
    log: Vec<LogEntry>,
    rows: BTreeMap<RowId, (u64, StoredRow)>,
    unlogged: Vec<(Table, RowId)>,
    tree: Tree,
    checkpoints: Vec<(u64, String)>,
    tiles: Vec<StoredTile>,
}

impl MemoryLedger {
    /// Founds a ledger: the genesis row, and a token under which `operator` may record and seal for ever. `root` is the
    /// authority, `signer` the key that signs checkpoints and seals.
    ///
    /// # Errors
    /// [`MemoryError`] where a row or a signature cannot be made.
    pub fn found(
        root: &SigningIdentity,
        signer: SigningIdentity,
        operator: SigningIdentity,
        clock: &dyn Clock,
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Holder), MemoryError> {
        let nonce = vm_core::id::nonce(entropy);
        let genesis = Genesis::new(root.public(), signer.public(), nonce);
        let trace = TraceId::mint(clock, entropy);
        let row = system_row(SystemKind::Genesis, &genesis.to_value(), trace, None, clock, entropy)?;
        let mut memory = Self {
            ledger: LedgerId::from_genesis(row.leaf_hash()?),
            root_key: root.public(),
            signer,
            log: Vec::new(),
            rows: BTreeMap::new(),
            unlogged: Vec::new(),
            tree: Tree::new(),
            checkpoints: Vec::new(),
            tiles: Vec::new(),
        };
        memory.push(row)?;
        let chain = Chain::root(root, memory.operator_grant(&operator, clock.now(), entropy))?;
        let hash = chain.last()?.hash()?;
        let token = Value::from(chain.tokens().iter().map(|token| token.to_value()).collect::<Result<Vec<_>, _>>()?);
        let row = system_row(SystemKind::Capability, &token, trace, Some(hash), clock, entropy)?;
        memory.push(row)?;
        memory.sign()?;
        Ok((memory, Holder::new(chain, operator)?))
    }

    fn operator_grant(&self, operator: &SigningIdentity, now: Instant, entropy: &mut dyn Entropy) -> Grant {
        Grant {
            ledger: self.ledger,
            holder: operator.public(),
            actions: [Action::Record, Action::Seal, Action::Anchor].into(),
            engines: Engines::All,
            epochs: Epoch::ALL.into(),
            resource: Resource::all(),
            not_before: now,
            // As far as an instant reaches: the ledger does not outlive the process.
            expires: now.saturating_add_micros(i64::MAX),
            uses: None,
            min_interval_seconds: None,
            nonce: vm_core::id::nonce(entropy),
        }
    }

    /// A permit for `holder` to do the act `A` now.
    ///
    /// # Errors
    /// [`MemoryError::Capability`] where the token does not grant it.
    pub fn permit<A: Act>(&self, holder: &Holder, clock: &dyn Clock) -> Result<Permit<A>, MemoryError> {
        let now = clock.now();
        let invocation = holder.invoke::<A>(Epoch::Nigredo, now, None)?;
        let authority =
            Authority { ledger: self.ledger, root: self.root_key, epoch: Epoch::Nigredo, now, revoked: &|_| false };
        Ok(authority.permit(holder.chain(), &invocation)?)
    }

    /// Records a JSON event as a row of `proof_artifacts`. The event is stored as it is, but for values that look like
    /// secrets, which are committed.
    ///
    /// # Errors
    /// [`MemoryError`] where the kind is reserved or the event has no canonical form.
    pub fn record_event(
        &mut self,
        permit: &Permit<act::Record>,
        kind: &str,
        event: &Value,
        trace: TraceId,
        clock: &dyn Clock,
        entropy: &mut dyn Entropy,
    ) -> Result<Appended, MemoryError> {
        let header = RowHeader::mint(clock, entropy, trace);
        let rule = Rule {
            table: Table::ProofArtifacts,
            name: None,
            keep: vec![Pattern::new("/meta_json")],
            shape: Vec::new(),
        };
        let policy = Policy::new(vec![rule])?;
        let mut redactor = Redactor::new(&policy, &KnownSecrets, entropy, Table::ProofArtifacts, kind, header.id);
        let meta = redactor.json("meta_json", event)?;
        let redaction = redactor.finish();
        let artifact = ProofArtifact { header, kind: kind.parse()?, file: None, subject: None, meta: Some(meta) };
        let draft = artifact.into_draft(Some(redaction))?;
        let rows = self.append_all(permit.capability(), &[draft])?;
        rows.into_iter().next().ok_or(MemoryError::Empty)
    }

    /// Records rows that only the system writes, such as that of a seal.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn record_sealed(&mut self, permit: &Permit<act::Seal>, draft: RowDraft) -> Result<Appended, MemoryError> {
        let rows = self.append_all(permit.capability(), &[draft])?;
        rows.into_iter().next().ok_or(MemoryError::Empty)
    }

    /// Records an index of all rows, so that what is asked of them from the next checkpoint on can be proven complete.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn record_index(
        &mut self,
        permit: &Permit<act::Seal>,
        trace: TraceId,
        clock: &dyn Clock,
        entropy: &mut dyn Entropy,
    ) -> Result<Appended, MemoryError> {
        let previous = self.log.iter().rev().find_map(|entry| {
            let (_, row) = self.rows.get(&entry.row_id)?;
            Statement::of_row(row, entry.seq).ok().flatten()
        });
        if previous.is_none() {
            let change = FormatChange::adding(INDEX_FORMAT).to_value();
            let capability = Some(permit.capability());
            self.push(system_row(SystemKind::FormatChange, &change, trace, capability, clock, entropy)?)?;
        }
        let stated = state_index(self, previous.as_ref(), self.tree.size(), None).map_err(|_| MemoryError::Empty)?;
        let row = system_row(SystemKind::Index, &stated.to_value(), trace, Some(permit.capability()), clock, entropy)?;
        let appended = self.push(row)?;
        self.sign()?;
        Ok(appended)
    }

    /// Name of the ledger.
    #[must_use]
    pub const fn id(&self) -> LedgerId {
        self.ledger
    }

    /// Number of entries in the log.
    #[must_use]
    pub const fn tree_size(&self) -> TreeSize {
        self.tree.size()
    }

    /// The tree over the log, for proofs.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The key that a verifier pins.
    ///
    /// # Errors
    /// [`MemoryError::Key`] never in practice: an origin is a key's name.
    pub fn key(&self) -> Result<NoteKey, MemoryError> {
        Ok(NoteKey::new(self.ledger.origin(), self.signer.public())?)
    }

    /// The key that signs checkpoints and seals.
    #[must_use]
    pub const fn signer(&self) -> &SigningIdentity {
        &self.signer
    }

    /// Signed checkpoint over the whole log.
    ///
    /// # Errors
    /// [`MemoryError::Checkpoint`] never in practice.
    pub fn checkpoint(&self) -> Result<Note, MemoryError> {
        let checkpoint = Checkpoint::of_ledger(&self.ledger, self.tree.size(), self.tree.root())?;
        Ok(checkpoint.sign(&self.signer)?)
    }

    fn append_all(&mut self, capability: CapabilityHash, drafts: &[RowDraft]) -> Result<Vec<Appended>, MemoryError> {
        // Every row is made before the first is kept: all or none.
        let rows: Vec<StoredRow> =
            drafts.iter().map(|draft| draft.complete(Some(capability))).collect::<Result<_, _>>()?;
        for row in &rows {
            row.leaf_hash()?;
            if self.rows.contains_key(&row.id()?) {
                return Err(MemoryError::IdTaken { row: row.id()? });
            }
        }
        let appended = rows.into_iter().map(|row| self.push(row)).collect::<Result<_, _>>()?;
        self.sign()?;
        Ok(appended)
    }

    fn push(&mut self, row: StoredRow) -> Result<Appended, MemoryError> {
        let entry = LogEntry {
            seq: self.tree.size().as_u64(),
            table: row.table(),
            row_id: row.id()?,
            schema: row.schema(),
            leaf: row.leaf_hash()?,
        };
        self.tree.append(entry.leaf);
        self.rows.insert(entry.row_id, (entry.seq, row));
        self.log.push(entry);
        self.keep_full_tiles();
        let LogEntry { seq, table, row_id, leaf, .. } = entry;
        Ok(Appended { seq, table, row_id, leaf, replayed: false })
    }

    fn sign(&mut self) -> Result<(), MemoryError> {
        let note = self.checkpoint()?;
        self.checkpoints.push((self.tree.size().as_u64(), note.to_string()));
        Ok(())
    }

    /// Keeps each tile that the last row filled.
    fn keep_full_tiles(&mut self) {
        let mut index = self.tree.size().as_u64();
        let mut level = 0;
        while index > 0 && index.is_multiple_of(u64::from(TILE_WIDTH)) {
            index /= u64::from(TILE_WIDTH);
            let first = (index - 1) * u64::from(TILE_WIDTH);
            let node = |at| NodeAt::new(level * TILE_HEIGHT, first + at);
            let row: Vec<NodeAt> = (0..u64::from(TILE_WIDTH)).map(node).collect();
            let root = NodeAt::new((level + 1) * TILE_HEIGHT, index - 1);
            let Ok(hashes) = self.tree.read(&row);
            let Ok(root) = self.tree.read(&[root]);
            let bytes = |hashes: Vec<RootHash>| hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            self.tiles.push(StoredTile { level, index: index - 1, hashes: bytes(hashes), root: bytes(root) });
            level += 1;
        }
        self.tiles.sort_unstable_by_key(|tile| (tile.level, tile.index));
    }

    fn state(&self, entry: &LogEntry) -> RowState {
        let row = self.rows.get(&entry.row_id).map(|(_, row)| row).filter(|row| row.table() == entry.table);
        row.map_or(RowState::Missing, |row| RowState::Present(row.clone()))
    }
}

fn system_row(
    kind: SystemKind,
    content: &Value,
    trace: TraceId,
    capability: Option<CapabilityHash>,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<StoredRow, MemoryError> {
    let header = RowHeader::mint(clock, entropy, trace);
    let meta = Some(Redacted::system(content)?);
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject: None, meta };
    Ok(artifact.into_draft(None)?.complete(capability)?)
}

/// Reads a list of JSON events, one a line; empty lines are passed over.
///
/// # Errors
/// [`MemoryError::Canonical`] at the first line that is not strict I-JSON.
pub fn parse_events(jsonl: &[u8]) -> Result<Vec<Value>, MemoryError> {
    let lines = jsonl.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    Ok(lines.map(|line| canonical::parse(line, canonical::BYTES_MAX)).collect::<Result<_, _>>()?)
}

impl Journal for MemoryLedger {
    /// Rows that only the system writes are refused.
    fn append(&mut self, permit: &Permit<act::Record>, drafts: Vec<RowDraft>) -> Result<Vec<Appended>, JournalError> {
        let refused = drafts.iter().any(RowDraft::is_reserved).then_some(MemoryError::Reserved);
        let appended = match refused {
            Some(error) => Err(error),
            None => self.append_all(permit.capability(), &drafts),
        };
        appended.map_err(|error| JournalError::new(error.code(), error))
    }
}
