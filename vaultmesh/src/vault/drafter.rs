//! Drafting: callers' words become redacted drafts. Apart from the ledger that drafts are appended to, so that one thread
//! can draft what another appends next.

use std::path::Path;

use serde_json::{Value, json};
use vm_core::digest::Blinded;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::key::{BlindKey, SigningIdentity};
use vm_core::path::VaultPath;
use vm_core::record::{
    ArtifactKind, Correction, Phase, ProofArtifact, RowDraft, RowHeader, Status, Table, ToolInvocation,
};
use vm_core::redact::{Policy, Redactor};
use vm_core::view::{EvidenceView as _, LoggedRow};
use vm_ledger::Snapshot;
use vm_ledger::files::VaultDir;
use vm_shadow::{Counterfactual, HorizonId, Observation, observe};

use crate::error::VaultError;
use crate::keys::KeyStore;
use crate::redaction::Detector;
use crate::subjects::{Opened, SubjectName};
use crate::vault::input::{ArtifactInput, Common, DeployInput, RecordInput, ShadowInput, ToolInput};
use crate::vault::{Moments, Own};

/// Makes drafts of a vault's rows.
pub(super) struct Drafter<'a> {
    pub(super) vault: &'a Path,
    pub(super) ledger: LedgerId,
    pub(super) keys: &'a KeyStore,
    /// Who records, and signs what it held back from.
    pub(super) observer: &'a SigningIdentity,
    pub(super) blind: &'a BlindKey,
    pub(super) policy: &'a Policy,
    pub(super) sources: &'a mut Own,
    /// Opened when first needed.
    pub(super) files: Option<VaultDir>,
    /// Whose openings these are, where a record does not say so itself.
    pub(super) subject: Option<&'a SubjectName>,
    pub(super) opened: &'a mut Opened,
}

impl Drafter<'_> {
    /// The present time, for a permit and for what is appended under it.
    pub(super) fn moments(&self) -> Moments {
        Moments { permit: self.sources.clock.now(), append: self.sources.clock.now() }
    }

    /// The draft of one record.
    pub(super) fn draft(&mut self, input: RecordInput) -> Result<RowDraft, VaultError> {
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
        let fingerprint = fingerprint(&input.common, &input);
        let mut header = self.header(&input.common)?;
        if let (Some(intent), None) = (input.intent, input.common.trace_id) {
            header.trace_id = self.row(intent)?.row.trace_id().map_err(VaultError::Record)?;
        }
        let phase = input.phase.as_deref().unwrap_or("complete").parse().map_err(VaultError::Record)?;
        let status = input.status.as_deref().map(str::parse).transpose().map_err(VaultError::Record)?;
        let status = if phase == Phase::Intent { status } else { status.or(Some(Status::Ok)) };
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
        self.keyed(draft, &input.common, fingerprint.as_deref().unwrap_or_default().as_bytes())
    }

    fn draft_artifact(&mut self, input: ArtifactInput) -> Result<RowDraft, VaultError> {
        let fingerprint = fingerprint(&input.common, &input);
        let header = self.header(&input.common)?;
        let kind: ArtifactKind = input.kind.parse().map_err(VaultError::Record)?;
        let file = match (&input.path, &input.file) {
            (None, None) => None,
            (Some(path), None) => {
                let path: VaultPath = path.parse().map_err(VaultError::Path)?;
                Some(self.files()?.adopt(&path).map_err(VaultError::VaultFile)?)
            }
            (None, Some(file)) => Some(self.files()?.import(file).map_err(VaultError::VaultFile)?),
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
        self.keyed(draft, &input.common, fingerprint.as_deref().unwrap_or_default().as_bytes())
    }

    fn draft_deploy(&mut self, input: DeployInput) -> Result<RowDraft, VaultError> {
        let fingerprint = fingerprint(&input.common, &input);
        let header = self.header(&input.common)?;
        let kind: ArtifactKind = "deploy".parse().map_err(VaultError::Record)?;
        let file = self.files()?.import(&input.evidence).map_err(VaultError::VaultFile)?;
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
        self.keyed(draft, &input.common, fingerprint.as_deref().unwrap_or_default().as_bytes())
    }

    fn draft_shadow(&mut self, input: ShadowInput) -> Result<RowDraft, VaultError> {
        // With who observed: a receipt that somebody else signed is no retry of this one.
        let fingerprint = fingerprint(&input.common, &(&input, self.observer.public()));
        let (header, ledger) = (self.header(&input.common)?, self.ledger);
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
        let draft = observe(&observation, self.observer, self.policy, &Detector, &mut *self.sources.entropy)
            .map_err(VaultError::Shadow)?;
        self.keyed(draft, &input.common, fingerprint.as_deref().unwrap_or_default().as_bytes())
    }

    /// Id, time and trace of a record.
    pub(super) fn header(&mut self, common: &Common) -> Result<RowHeader, VaultError> {
        let trace = match common.trace_id {
            Some(trace) => trace,
            None => TraceId::mint(&*self.sources.clock, &mut *self.sources.entropy),
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
        let found = Snapshot::open(self.vault)?.row(id).map_err(VaultError::View)?;
        found.ok_or_else(|| VaultError::NotFound { what: "row", name: id.to_string() })
    }

    fn files(&mut self) -> Result<&VaultDir, VaultError> {
        let files = match self.files.take() {
            Some(files) => files,
            None => VaultDir::open(self.vault).map_err(VaultError::VaultFile)?,
        };
        Ok(self.files.insert(files))
    }

    pub(super) fn redactor<'a>(&'a mut self, table: Table, name: &str, row: RowId) -> Redactor<'a> {
        Redactor::new(self.policy, &Detector, &mut *self.sources.entropy, table, name, row)
    }

    /// Key of the subject, and where there is an idempotency key, that and the fingerprint of what the caller gave.
    pub(super) fn keyed(&mut self, draft: RowDraft, common: &Common, input: &[u8]) -> Result<RowDraft, VaultError> {
        let draft = draft.with_subject_key(self.subject_key(common.data_subject.as_ref())?);
        let Some(key) = &common.idempotency_key else { return Ok(draft) };
        let key: Blinded = self.blind.blind("idempotency-key", key.as_bytes());
        let mut input = input.to_vec();
        if let Some(subject) = &common.data_subject {
            input.extend_from_slice(b"\0subject\0");
            input.extend_from_slice(subject.as_str().as_bytes());
        }
        Ok(draft.with_idempotency(key, self.blind.blind("idempotency-input", &input)))
    }
}

/// What tells a retry from another use of the same key; nothing where there is no key to tell apart.
fn fingerprint(common: &Common, input: &dyn std::fmt::Debug) -> Option<String> {
    common.idempotency_key.is_some().then(|| format!("{input:?}"))
}
