//! Recording: what callers hand in becomes rows.

use serde_json::Value;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::RowId;
use vm_core::path::VaultPath;
use vm_core::record::{Appended, ArtifactFile, ArtifactKind, ProofArtifact, RowDraft, RowHeader, Table};
use vm_core::redact::Redacted;
use vm_core::rune::ProofRune;
use vm_core::verdict::{Code, Finding};
use vm_core::view::EvidenceView as _;

use crate::error::VaultError;
use crate::vault::Vault;
use crate::vault::input::{Common, RecordInput};

/// A row that was recorded.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Recorded {
    /// Id of the row that stands.
    pub id: RowId,
    /// Its table.
    pub table: Table,
    /// Its place in the log.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// Whether an earlier try had made it.
    pub replayed: bool,
    /// What was noticed, for example a value that looked like a secret and was committed.
    pub findings: Vec<Finding>,
}

/// A rune that was stored.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct RunePut {
    /// The row that holds or points to it.
    pub recorded: Recorded,
    /// The file below the vault, where it is one.
    pub path: Option<VaultPath>,
}

impl Vault {
    /// Records in one transaction: all or none.
    ///
    /// # Errors
    /// [`VaultError`]; nothing was recorded.
    pub fn record(&mut self, inputs: Vec<RecordInput>) -> Result<Vec<Recorded>, VaultError> {
        let (mut drafter, mut appender) = self.split();
        let drafts = inputs.into_iter().map(|input| drafter.draft(input)).collect::<Result<Vec<_>, _>>()?;
        appender.append(drafts, drafter.moments())
    }

    /// Stores a payload as a ProofRune: small ones in the row itself, others (or all, with `as_file`) as a file.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn put_rune(&mut self, payload: &Value, as_file: bool, common: &Common) -> Result<RunePut, VaultError> {
        const KIND: &str = "proof-rune";
        let header = self.header(common)?;
        let (capability, epoch) = (self.permit::<vm_core::capability::act::Record>()?.capability(), self.epoch());
        let root: RootHash = self.root()?;
        let (mut drafter, _) = self.split();
        let mut redactor = drafter.redactor(Table::ProofArtifacts, KIND, header.id);
        let payload = redactor.json("payload", payload).map_err(VaultError::Canonical)?;
        let redaction = redactor.finish();
        let rune = ProofRune::new(payload, capability, Some(root), epoch, header.ts);
        let bytes = rune.to_bytes().map_err(VaultError::Record)?;
        // A rune within one page of the database stays in its row.
        let (file, meta) = if as_file || bytes.len() > 4_096 {
            let path: VaultPath = format!("runes/{}.json", header.id).parse().map_err(VaultError::Path)?;
            (Some(self.ledger.files().write_new(&path, &bytes).map_err(VaultError::VaultFile)?), None)
        } else {
            let value = vm_core::canonical::parse(&bytes, bytes.len()).map_err(VaultError::Canonical)?;
            // The payload in it was redacted above; the rest is the system's own.
            (None, Some(Redacted::system(&value).map_err(VaultError::Canonical)?))
        };
        let path = file.as_ref().map(|file: &ArtifactFile| file.path.clone());
        let kind: ArtifactKind = KIND.parse().map_err(VaultError::Record)?;
        let artifact = ProofArtifact { header, kind, file, subject: None, meta };
        let draft = artifact.into_draft(Some(redaction)).map_err(VaultError::Record)?;
        let draft = self.split().0.keyed(draft, common, &bytes)?;
        let mut recorded = self.append(vec![draft])?;
        Ok(RunePut { recorded: recorded.remove(0), path })
    }

    /// Appends drafts under the operator's permit.
    pub(crate) fn append(&mut self, drafts: Vec<RowDraft>) -> Result<Vec<Recorded>, VaultError> {
        let (drafter, mut appender) = self.split();
        appender.append(drafts, drafter.moments())
    }

    pub(crate) fn header(&mut self, common: &Common) -> Result<RowHeader, VaultError> {
        self.split().0.header(common)
    }

    /// Root over the whole log, from its latest checkpoint.
    fn root(&self) -> Result<RootHash, VaultError> {
        let snapshot = self.ledger.snapshot()?;
        let size = snapshot.size().map_err(VaultError::View)?;
        snapshot.root_at(size).map_err(VaultError::Proof)
    }
}

impl Recorded {
    /// A row of the system's own, in which nothing of a caller's payload stands.
    pub(crate) const fn of_system(row: Appended) -> Self {
        let Appended { seq, table, row_id, leaf, replayed } = row;
        Self { id: row_id, table, seq, leaf, replayed, findings: Vec::new() }
    }
}

/// What is told of a row that was appended.
pub(super) fn recorded(row: Appended, secrets: &[String]) -> Recorded {
    let subject = |pointer: &String| format!("row {}/{} {pointer}", row.table, row.row_id);
    let findings = secrets.iter().map(|pointer| Finding::new(Code::SecretFound, subject(pointer))).collect();
    Recorded { findings, ..Recorded::of_system(row) }
}
