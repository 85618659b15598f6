//! Recording: callers' words become redacted drafts, drafts become rows.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Value, json};
use vm_core::digest::{Blinded, LeafHash, RootHash};
use vm_core::id::RowId;
use vm_core::path::VaultPath;
use vm_core::record::{
    Appended, ArtifactFile, ArtifactKind, Correction, Phase, ProofArtifact, RowDraft, RowHeader, Table, ToolInvocation,
};
use vm_core::redact::{KnownSecrets, Redacted, Redactor};
use vm_core::rune::ProofRune;
use vm_core::verdict::{Code, Finding};
use vm_core::view::{EvidenceView as _, LoggedRow};
use vm_shadow::{Counterfactual, HorizonId, Observation, observe};

use crate::error::VaultError;
use crate::line::{self, Line};
use crate::vault::Vault;
use crate::vault::input::{ArtifactInput, Common, DeployInput, InputKind, RecordInput, ShadowInput, ToolInput};

/// Rows recorded in one transaction when a file is read. Large enough that the sync of the disk is shared by many,
/// small enough that memory stays bounded and progress is seen.
pub(crate) const BATCH: usize = 500;
/// Longest line of a JSONL file, in bytes: the longest JSON text accepted, and its newline.
pub const LINE_MAX: usize = vm_core::canonical::BYTES_MAX + 1;

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
        let drafts = inputs.into_iter().map(|input| self.draft(input)).collect::<Result<Vec<_>, _>>()?;
        self.append(drafts)
    }

    /// Records each line of a JSONL stream, in bounded memory; `progress` hears of each batch. A batch ends where the
    /// buffer does, so that what a slow stream says is durable before the next wait for it. A bad line ends the run: the
    /// batches before it stand, its own batch does not.
    ///
    /// # Errors
    /// [`VaultError::Line`] or [`VaultError::LineTooLong`] with the number of the line.
    pub fn record_jsonl<R: Read>(
        &mut self,
        kind: InputKind,
        lines: &mut BufReader<R>,
        progress: &mut dyn FnMut(&[Recorded]),
    ) -> Result<u64, VaultError> {
        let (mut batch, mut number, mut total) = (Vec::new(), 0, 0);
        let mut line = Vec::new();
        loop {
            let more = read_line(lines, &mut line, number + 1)?;
            number += 1;
            if more && !line.iter().all(u8::is_ascii_whitespace) {
                let at = |source| VaultError::Line { line: number, source: Box::new(source) };
                let input = RecordInput::parse(kind, &line).map_err(at)?;
                batch.push(self.draft(input).map_err(at)?);
            }
            let waits = !more || lines.buffer().is_empty();
            if batch.len() == BATCH || waits && !batch.is_empty() {
                let recorded = self.append(std::mem::take(&mut batch))?;
                total += u64::try_from(recorded.len()).unwrap_or(u64::MAX);
                progress(&recorded);
            }
            if !more {
                return Ok(total);
            }
        }
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
        let mut redactor = self.redactor(Table::ProofArtifacts, KIND, header.id);
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
        let draft = self.keyed(draft, common, &bytes);
        let mut recorded = self.append(vec![draft])?;
        Ok(RunePut { recorded: recorded.remove(0), path })
    }

    /// Appends drafts under the operator's permit.
    pub(crate) fn append(&mut self, drafts: Vec<RowDraft>) -> Result<Vec<Recorded>, VaultError> {
        let notes: Vec<Vec<String>> = drafts.iter().map(|draft| draft.secrets().to_vec()).collect();
        let (permit, now) = (self.permit()?, self.now());
        let appended = self.ledger.append(&permit, drafts, now)?;
        Ok(appended.into_iter().zip(notes).map(|(row, secrets)| recorded(row, &secrets)).collect())
    }

    fn draft(&mut self, input: RecordInput) -> Result<RowDraft, VaultError> {
        match input {
            RecordInput::Tool(tool) => self.draft_tool(tool),
            RecordInput::Artifact(artifact) => self.draft_artifact(artifact),
            RecordInput::Deploy(deploy) => self.draft_deploy(deploy),
            RecordInput::Shadow(shadow) => self.draft_shadow(shadow),
        }
    }

    fn draft_tool(&mut self, input: ToolInput) -> Result<RowDraft, VaultError> {
        if input.tool.trim().is_empty() {
            return Err(VaultError::Input { reason: "a tool needs a name".to_owned() });
        }
        let fingerprint = format!("{input:?}");
        let mut header = self.header(&input.common)?;
        if let (Some(intent), None) = (input.intent, input.common.trace_id) {
            header.trace_id = self.row(intent)?.row.trace_id().map_err(VaultError::Record)?;
        }
        let phase = input.phase.as_deref().unwrap_or("complete").parse().map_err(VaultError::Record)?;
        let status = input.status.as_deref().map(str::parse).transpose().map_err(VaultError::Record)?;
        let status = if phase == Phase::Intent { status } else { status.or(Some(vm_core::record::Status::Ok)) };
        let mut redactor = self.redactor(Table::ToolInvocations, &input.tool, header.id);
        let mut json = |column: &str, value: &Option<Value>| match value {
            None => Ok(None),
            Some(value) => redactor.json(column, value).map(Some),
        };
        let parts = json("input_json", &input.input)
            .and_then(|given| Ok((given, json("output_json", &input.output)?, json("meta_json", &input.meta)?)));
        let (given, output, meta) = parts.map_err(VaultError::Canonical)?;
        let tool = redactor.text("tool", &input.tool).map_err(VaultError::Canonical)?;
        let (intent, duration_us) = (input.intent, input.duration_us);
        let record = ToolInvocation { header, tool, phase, status, input: given, output, intent, duration_us, meta };
        let draft = record.into_draft(redactor.finish()).map_err(VaultError::Record)?;
        Ok(self.keyed(draft, &input.common, fingerprint.as_bytes()))
    }

    fn draft_artifact(&mut self, input: ArtifactInput) -> Result<RowDraft, VaultError> {
        let fingerprint = format!("{input:?}");
        let header = self.header(&input.common)?;
        let kind: ArtifactKind = input.kind.parse().map_err(VaultError::Record)?;
        let file = match (&input.path, &input.file) {
            (None, None) => None,
            (Some(path), None) => {
                let path: VaultPath = path.parse().map_err(VaultError::Path)?;
                Some(self.ledger.files().adopt(&path).map_err(VaultError::VaultFile)?)
            }
            (None, Some(file)) => Some(self.ledger.files().import(file).map_err(VaultError::VaultFile)?),
            (Some(_), Some(_)) => {
                return Err(VaultError::Input { reason: "give a path or a file, not both".to_owned() });
            }
        };
        if file.is_none() && input.meta.is_none() {
            return Err(VaultError::Input { reason: "an artifact needs a path, a file or meta".to_owned() });
        }
        let mut redactor = self.redactor(Table::ProofArtifacts, kind.as_str(), header.id);
        let meta = input.meta.as_ref().map(|meta| redactor.json("meta_json", meta)).transpose();
        let (meta, redaction) = (meta.map_err(VaultError::Canonical)?, redactor.finish());
        let record = ProofArtifact { header, kind, file, subject: input.subject, meta };
        let draft = record.into_draft(Some(redaction)).map_err(VaultError::Record)?;
        Ok(self.keyed(draft, &input.common, fingerprint.as_bytes()))
    }

    fn draft_deploy(&mut self, input: DeployInput) -> Result<RowDraft, VaultError> {
        let fingerprint = format!("{input:?}");
        let header = self.header(&input.common)?;
        let kind: ArtifactKind = "deploy".parse().map_err(VaultError::Record)?;
        let file = self.ledger.files().import(&input.evidence).map_err(VaultError::VaultFile)?;
        // The copy is what counts, and what was hashed. One that is refused stays behind as a file that no row names.
        if let Some(expected) = input.sha256.filter(|expected| *expected != file.sha256) {
            return Err(VaultError::EvidenceDiffers { expected: expected.to_hex(), found: file.sha256.to_hex() });
        }
        let name = input.evidence.file_name().map(|name| name.to_string_lossy().into_owned());
        let meta = json!({
            "format": "vm-deploy-v0", "component": input.component, "version": input.version,
            "chain_ref": input.chain_ref, "evidence": name,
        });
        let mut redactor = self.redactor(Table::ProofArtifacts, kind.as_str(), header.id);
        let meta = Some(redactor.json("meta_json", &meta).map_err(VaultError::Canonical)?);
        let redaction = redactor.finish();
        let record = ProofArtifact { header, kind, file: Some(file), subject: None, meta };
        let draft = record.into_draft(Some(redaction)).map_err(VaultError::Record)?;
        Ok(self.keyed(draft, &input.common, fingerprint.as_bytes()))
    }

    fn draft_shadow(&mut self, input: ShadowInput) -> Result<RowDraft, VaultError> {
        let fingerprint = format!("{input:?}");
        let (header, ledger) = (self.header(&input.common)?, self.ledger_id());
        let observer = self.keys.identity(crate::keys::Role::Operator)?;
        let horizon_id = input.horizon.parse::<HorizonId>().map_err(VaultError::Shadow)?;
        let counterfactual = Counterfactual::new(input.counterfactual).map_err(VaultError::Canonical)?;
        let observation = Observation {
            header,
            ledger,
            horizon_id: &horizon_id,
            counterfactual: &counterfactual,
            entropy_delta: input.entropy_delta,
            reason: &input.reason,
            meta: input.meta.as_ref(),
        };
        let draft = observe(&observation, &observer, &self.policy, &KnownSecrets, &mut *self.sources.entropy)
            .map_err(VaultError::Shadow)?;
        Ok(self.keyed(draft, &input.common, fingerprint.as_bytes()))
    }

    pub(crate) fn header(&mut self, common: &Common) -> Result<RowHeader, VaultError> {
        let trace = match common.trace_id {
            Some(trace) => trace,
            None => self.mint_trace(),
        };
        let mut header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace);
        if let Some(ts) = common.ts {
            header.ts = ts;
        }
        if let Some(id) = common.corrects {
            let corrected = self.row(id)?;
            header = header.correcting(Correction { id, leaf: corrected.entry.leaf });
            if common.trace_id.is_none() {
                header.trace_id = corrected.row.trace_id().map_err(VaultError::Record)?;
            }
        }
        Ok(header)
    }

    fn row(&self, id: RowId) -> Result<LoggedRow, VaultError> {
        let found = self.ledger.snapshot()?.row(id).map_err(VaultError::View)?;
        found.ok_or_else(|| VaultError::NotFound { what: "row", name: id.to_string() })
    }

    /// Root over the whole log, from its latest checkpoint.
    fn root(&self) -> Result<RootHash, VaultError> {
        let snapshot = self.ledger.snapshot()?;
        let size = snapshot.size().map_err(VaultError::View)?;
        snapshot.root_at(size).map_err(VaultError::Proof)
    }

    pub(crate) fn redactor<'a>(&'a mut self, table: Table, name: &str, row: RowId) -> Redactor<'a> {
        Redactor::new(&self.policy, &KnownSecrets, &mut *self.sources.entropy, table, name, row)
    }

    fn keyed(&self, draft: RowDraft, common: &Common, input: &[u8]) -> RowDraft {
        match &common.idempotency_key {
            None => draft,
            Some(key) => {
                let key: Blinded = self.blind.blind("idempotency-key", key.as_bytes());
                draft.with_idempotency(key, self.blind.blind("idempotency-input", input))
            }
        }
    }
}

impl Recorded {
    /// A row of the system's own, in which nothing of a caller's payload stands.
    pub(crate) const fn of_system(row: Appended) -> Self {
        let Appended { seq, table, row_id, leaf, replayed } = row;
        Self { id: row_id, table, seq, leaf, replayed, findings: Vec::new() }
    }
}

fn recorded(row: Appended, secrets: &[String]) -> Recorded {
    let subject = |pointer: &String| format!("row {}/{} {pointer}", row.table, row.row_id);
    let findings = secrets.iter().map(|pointer| Finding::new(Code::SecretFound, subject(pointer))).collect();
    Recorded { findings, ..Recorded::of_system(row) }
}

/// Reads one line, the `number`th, into `line`, its newline included; false at the end.
///
/// # Errors
/// [`VaultError::LineTooLong`] beyond [`LINE_MAX`], or [`VaultError::File`].
pub fn read_line(mut input: &mut dyn BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, VaultError> {
    let fault = |source| VaultError::File { path: Path::new("input").to_owned(), source };
    match line::read_line(&mut input, line, LINE_MAX).map_err(fault)? {
        Line::Read => Ok(true),
        Line::End => Ok(false),
        Line::TooLong => Err(VaultError::LineTooLong { line: number, limit: LINE_MAX }),
    }
}
