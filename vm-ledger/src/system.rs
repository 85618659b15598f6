//! System events: seals, indexes, capabilities and recoveries, each by its own operation and no other. Those about anchors
//! stand in [`crate::anchor`].

use rusqlite::{OptionalExtension as _, params};
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::{Act, Chain, Permit, Resource, Token, act};
use vm_core::id::{RowId, SealId};
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::{
    Appended, ArtifactFile, ArtifactKind, FormatChange, LogEntry, ProofArtifact, RowDraft, RowHeader, SystemKind, Table,
};
use vm_core::redact::Redacted;
use vm_core::view::{EvidenceView as _, RowState, Visit};
use vm_seal::bundle::{BUNDLE_FORMAT, SealBundle};
use vm_seal::complete::state_index;
use vm_seal::index::INDEX_FORMAT;
use vm_seal::merkle::TreeSize;
use vm_seal::seal::bundle_path;

use crate::append::{replayed, table_resource};
use crate::error::{FileError, LedgerError};
use crate::force::admitted;
use crate::ledger::Ledger;
use crate::lookup;
use crate::scroll::TornTail;
use crate::snapshot::Snapshot;

/// Format string of a recovery row's JSON.
pub const RECOVERY_FORMAT: &str = "vm-scroll-recovery-v0";
/// What a permit must cover to record a seal.
pub(crate) const SEALS: &str = "/seals";
/// Longest capability chain taken over, in bytes: eight tokens of the longest kind.
const CHAIN_BYTES_MAX: usize = 1024 * 1024;

/// A recorded artifact.
pub(crate) struct ArtifactOf {
    pub(crate) id: RowId,
    pub(crate) sha256_hex: String,
}

impl Ledger {
    /// Keeps a seal bundle as `seals/<seal id>.json`, then records its row. The file is durable before the row is.
    /// The same bundle recorded again is answered with the row that stands.
    ///
    /// # Errors
    /// [`LedgerError::SealOfAnother`], [`LedgerError::SealUnsigned`] where the ledger's log key did not sign it,
    /// [`LedgerError::SealRecorded`] where the id is taken by another bundle, [`LedgerError::Permit`], and whatever
    /// keeps file or row from being written.
    pub fn record_seal(
        &mut self,
        permit: &Permit<act::Seal>,
        header: RowHeader,
        bundle: &SealBundle,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_act(permit, SEALS, now)?;
        self.check_bundle(bundle)?;
        let (seal, signer, as_of) = (bundle.seal_id(), bundle.signer().public(), bundle.as_of().as_u64());
        let path: VaultPath = seal_path(seal)?;
        let _lock = self.lock(now)?;
        if let Some(row) = self.find_artifact(SystemKind::Seal, &path)? {
            return if row.sha256_hex == bundle.file_hash().to_hex() {
                self.standing(row.id)
            } else {
                Err(LedgerError::SealRecorded { seal })
            };
        }
        self.refresh()?;
        let keys = self.force.keys();
        // A seal that was made before the key was changed is recorded before, or not at all.
        if keys.current() != signer || keys.key_at(as_of) != signer {
            return Err(LedgerError::SealUnsigned(None));
        }
        let file = self.dir.write_new(&path, bundle.as_bytes())?;
        let digest = bundle.digest().hash();
        let meta = json!({ "seal_id": seal, "format": BUNDLE_FORMAT, "digest": digest });
        let draft = draft(header, SystemKind::Seal, Some(file), None, &meta)?;
        self.record(permit, None, draft, now)
    }

    /// Records an index of all rows, so that what is asked of them from the next checkpoint on can be proven complete. The
    /// rows are sorted before the writers' lock is taken; under it only those that came meanwhile are. The first index of a ledger
    /// is announced by a row before it, which has the header `announcement`. Cost: see [`vm_seal::index::Statement::kept`].
    ///
    /// # Errors
    /// [`LedgerError::Permit`]; [`LedgerError::LastIndex`] and [`LedgerError::Index`] where what it would be made from is not as
    /// it was logged, or cannot be read; [`LedgerError::View`], [`LedgerError::Store`].
    pub fn record_index(
        &mut self,
        permit: &Permit<act::Seal>,
        announcement: RowHeader,
        header: RowHeader,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_act(permit, SEALS, now)?;
        let snapshot = self.snapshot()?;
        let size = |snapshot: &Snapshot| Ok::<_, LedgerError>(TreeSize::new(snapshot.size()?));
        let previous = snapshot.last_index()?;
        let stated =
            state_index(&snapshot, previous.as_ref(), size(&snapshot)?, self.fresh()?).map_err(LedgerError::Index)?;
        let _lock = self.lock(now)?;
        if previous.is_none() {
            // A transaction of its own: the index covers the row that announces it.
            let change = FormatChange::adding(INDEX_FORMAT).to_value();
            self.record(permit, None, draft(announcement, SystemKind::FormatChange, None, None, &change)?, now)?;
        }
        let latest = self.snapshot()?;
        let stated = match size(&latest)? {
            size if size == stated.size() => stated,
            size => state_index(&latest, Some(&stated), size, self.fresh()?).map_err(LedgerError::Index)?,
        };
        let draft = draft(header, SystemKind::Index, None, None, &stated.to_value())?;
        self.record(permit, None, draft, now)
    }

    /// Records a capability chain, so that rows can name its last token. A token may stand behind the permit for its
    /// own row: it descends from the root key in the genesis, or it is refused. The first chain that limits a rate is announced
    /// by a row with the header `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::Permit`] where chain or permit do not hold.
    pub fn record_capability(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        chain: &Chain,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let issued = chain.check(self.genesis.root_key(), self.id).map_err(LedgerError::Permit)?;
        let bytes = chain.to_bytes().map_err(LedgerError::Permit)?;
        let meta = canonical::parse_exact(&bytes, CHAIN_BYTES_MAX).map_err(LedgerError::Canonical)?;
        let draft = draft(header, SystemKind::Capability, None, None, &meta)?;
        let claim = self.claim(permit, header.trace_id, now);
        let is_paced = chain.tokens().iter().any(|token| token.grant().min_interval_seconds.is_some());
        let is_own = issued.contains(&permit.capability());
        let _lock = self.lock(now)?;
        self.write_locked(|batch| {
            if !is_own {
                batch.admit(&claim)?;
            }
            if is_paced {
                batch.announce(&claim, announcement, &[Token::PACED_FORMAT])?;
            }
            let appended = batch.record(draft, Some(claim.standing.capability()))?;
            // Also a token that stands behind its own row may have been revoked.
            batch.admit(&claim)?;
            batch.spend(&claim, 0)?;
            Ok(appended)
        })
    }

    /// Records what is cut from a scroll after a crash, and where it is kept. The same cut recorded again, as after a crash
    /// between row and cut, is answered with the row that stands.
    ///
    /// # Errors
    /// [`LedgerError::Permit`], [`LedgerError::Store`].
    pub fn record_recovery(
        &mut self,
        permit: &Permit<act::Record>,
        header: RowHeader,
        torn: &TornTail,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let meta = json!({
            "format": RECOVERY_FORMAT, "engine": torn.engine, "kept_lines": torn.kept_lines, "torn_bytes": torn.file.size,
        });
        let draft = draft(header, SystemKind::ScrollRecovery, Some(torn.file.clone()), None, &meta)?;
        let _lock = self.lock(now)?;
        let sql = "SELECT id FROM proof_artifacts WHERE kind = ?1 AND path = ?2 AND sha256_hex = ?3 AND meta_json = ?4";
        let meta = canonical::to_bytes(&meta).map_err(LedgerError::Canonical)?;
        let meta = String::from_utf8_lossy(&meta);
        let (kind, path, sha256) =
            (SystemKind::ScrollRecovery.as_str(), torn.file.path.as_str(), torn.file.sha256.to_hex());
        let stands =
            self.conn.prepare_cached(sql)?.query_row(params![kind, path, sha256, meta], |row| row.get::<_, Vec<u8>>(0));
        match stands.optional()?.and_then(|id| RowId::from_slice(&id).ok()) {
            Some(id) => self.standing(id),
            None => self.record(permit, None, draft, now),
        }
    }

    pub(crate) fn check_record(&self, permit: &Permit<act::Record>, now: Instant) -> Result<(), LedgerError> {
        self.recheck(permit, now)?;
        permit.covers(&table_resource(Table::ProofArtifacts)?).map_err(LedgerError::Permit)
    }

    /// Checks a permit before anything is written, files among it; the transaction checks what is in force again.
    pub(crate) fn check_act<A: Act>(
        &mut self,
        permit: &Permit<A>,
        resource: &str,
        now: Instant,
    ) -> Result<(), LedgerError> {
        self.recheck(permit, now)?;
        let resource: Resource = resource.parse().map_err(LedgerError::Permit)?;
        permit.covers(&resource).map_err(LedgerError::Permit)?;
        let (in_force, standing) = (self.refresh()?, permit.standing());
        admitted(in_force, &standing)?;
        in_force.admit_use(&standing, now).map_err(LedgerError::Permit)
    }

    fn check_bundle(&self, bundle: &SealBundle) -> Result<(), LedgerError> {
        let (expected, found) = (self.id, bundle.ledger());
        if expected != found {
            return Err(LedgerError::SealOfAnother { expected, found });
        }
        let checked = bundle.check_statement();
        checked.map_err(|error| LedgerError::SealUnsigned(Some(error)))
    }

    /// The artifact row of this kind that names `path`.
    pub(crate) fn find_artifact(&self, kind: SystemKind, path: &VaultPath) -> Result<Option<ArtifactOf>, LedgerError> {
        let sql = "SELECT id, sha256_hex FROM proof_artifacts WHERE kind = ?1 AND path = ?2 ORDER BY id LIMIT 1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?));
        let mut statement = self.conn.prepare_cached(sql)?;
        let found = statement.query_row(params![kind.as_str(), path.as_str()], read).optional()?;
        let row =
            |(id, sha256_hex): (Vec<u8>, String)| RowId::from_slice(&id).ok().map(|id| ArtifactOf { id, sha256_hex });
        Ok(found.and_then(row))
    }

    /// The last artifact row of this kind, by the log.
    pub(crate) fn last_of_kind(&self, kind: SystemKind) -> Result<Option<ArtifactOf>, LedgerError> {
        let mut last = None;
        let visit = &mut |entry: LogEntry, state| {
            if let RowState::Present(row) = state {
                let sha256_hex = row.text("sha256_hex").unwrap_or_default().to_owned();
                last = Some(ArtifactOf { id: entry.row_id, sha256_hex });
            }
            Ok(Visit::Continue)
        };
        self.snapshot()?.visit_kind(kind.as_str(), visit).map_err(LedgerError::View)?;
        Ok(last)
    }

    pub(crate) fn standing(&self, id: RowId) -> Result<Appended, LedgerError> {
        let entry = lookup::entry_of(&self.conn, id)?;
        let entry = entry.ok_or(LedgerError::LogAltered { reason: "a row is not in it" })?;
        Ok(replayed(&entry))
    }

    /// Appends one system row, and before it the announcement of its format where none has been; the caller holds the lock.
    pub(crate) fn record<A: Act>(
        &mut self,
        permit: &Permit<A>,
        announcement: Option<(RowHeader, &str)>,
        draft: RowDraft,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        let claim = self.claim(permit, draft.header().trace_id, now);
        self.write_locked(|batch| {
            batch.admit(&claim)?;
            if let Some((header, format)) = announcement {
                batch.announce(&claim, header, &[format])?;
            }
            let appended = batch.record(draft, Some(claim.standing.capability()))?;
            batch.spend(&claim, 0)?;
            Ok(appended)
        })
    }
}

pub(crate) fn seal_path(seal: SealId) -> Result<VaultPath, LedgerError> {
    bundle_path(seal).parse().map_err(|error| FileError::Path(error).into())
}

pub(crate) fn draft(
    header: RowHeader,
    kind: SystemKind,
    file: Option<ArtifactFile>,
    subject: Option<RowId>,
    meta: &Value,
) -> Result<RowDraft, LedgerError> {
    let meta = Redacted::system(meta).map_err(LedgerError::Canonical)?;
    let row = ProofArtifact { header, kind: ArtifactKind::system(kind), file, subject, meta: Some(meta) };
    row.into_draft(None).map_err(LedgerError::Record)
}
