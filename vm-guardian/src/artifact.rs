//! Stored forms of what guardians find: reports and incidents. `docs/spec/guardian-report.md` and
//! `docs/spec/guardian-incident.md` are the formats.

use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::error::RecordError;
use vm_core::id::EngineName;
use vm_core::instant::Instant;
use vm_core::record::{ProofArtifact, RowDraft, RowHeader, Table};
use vm_core::redact::{Pattern, Policy, Redactor, Rule, SecretDetector};
use vm_core::source::Entropy;
use vm_core::verdict::Report;

use crate::block::PromotionBlock;
use crate::error::Spent;
use crate::error::{FormatError, GuardError};
use crate::proposal::EvidenceRef;

/// Kind of the rows that hold reports.
pub const REPORT_KIND: &str = "guardian_report";
/// Kind of the rows that hold incidents.
pub const INCIDENT_KIND: &str = "guardian_incident";
/// Most findings that an artifact spells out. The verification itself has them all; a row that holds more is not read.
pub const NOTES_MAX: usize = 100;

/// The way of failing that a guardian looks for, by the blueprint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureMode {
    /// 1: ledger tampering, local rollback.
    Tampering,
    /// 2: external anchor missing or unverifiable.
    Anchor,
    /// 3: poisoning of learning signals.
    Poisoning,
    /// 4: overblocking, drift into refusal.
    Overblocking,
    /// 5: clock skew, ambiguous times.
    Clock,
    /// 6: trace discontinuity.
    Trace,
    /// Any other.
    Other,
}

impl fmt::Display for FailureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tampering => "tampering",
            Self::Anchor => "anchor",
            Self::Poisoning => "poisoning",
            Self::Overblocking => "overblocking",
            Self::Clock => "clock",
            Self::Trace => "trace",
            Self::Other => "other",
        })
    }
}

/// A finding as it stands in an artifact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Code of the finding.
    pub code: String,
    /// What it is about.
    pub subject: String,
    /// What should have been there.
    pub expected: Option<String>,
    /// What was.
    pub found: Option<String>,
}

impl Note {
    /// All findings of a report; an artifact spells out the first [`NOTES_MAX`].
    pub(crate) fn all(report: &Report) -> Vec<Self> {
        let note = |finding: &vm_core::verdict::Finding| Self {
            code: finding.code().as_str().to_owned(),
            subject: finding.subject().to_owned(),
            expected: finding.expected_value().map(str::to_owned),
            found: finding.found_value().map(str::to_owned),
        };
        report.findings().iter().map(note).collect()
    }

    /// The findings that an artifact spells out.
    pub(crate) fn first(report: &Report) -> Vec<Self> {
        let mut notes = Self::all(report);
        notes.truncate(NOTES_MAX);
        notes
    }

    /// How many findings of a report an artifact leaves out.
    pub(crate) fn dropped(report: &Report) -> u64 {
        let beyond = report.findings().len().saturating_sub(NOTES_MAX);
        report.findings_dropped().saturating_add(u64::try_from(beyond).unwrap_or(u64::MAX))
    }
}

/// Something went wrong and somebody must see to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    mode: FailureMode,
    title: String,
    /// The first of them, and how many more there are.
    notes: Vec<Note>,
    notes_dropped: u64,
    found: Found,
    evidence: Vec<EvidenceRef>,
    response: Vec<String>,
    blocks: Vec<PromotionBlock>,
}

impl Incident {
    /// An incident of what `report` found, with the rows it rests on and what the guardian did about it: proposed, blocked,
    /// set aside.
    #[must_use]
    pub fn new(
        mode: FailureMode,
        title: impl Into<String>,
        report: &Report,
        evidence: Vec<EvidenceRef>,
        response: &[&str],
    ) -> Self {
        Self {
            mode,
            title: title.into(),
            notes: Note::first(report),
            notes_dropped: Note::dropped(report),
            found: Found::of(report),
            evidence,
            response: response.iter().map(|word| (*word).to_owned()).collect(),
            blocks: Vec::new(),
        }
    }

    /// Adds what it blocks, the first [`NOTES_MAX`] of them.
    #[must_use]
    pub fn blocking(mut self, blocks: &[PromotionBlock]) -> Self {
        self.blocks = blocks.iter().take(NOTES_MAX).cloned().collect();
        self
    }

    /// The way of failing.
    #[must_use]
    pub const fn mode(&self) -> FailureMode {
        self.mode
    }

    /// One line.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn to_value(&self, guardian: &EngineName, at: Instant, size: Option<u64>) -> Value {
        json!({
            "format": Artifact::INCIDENT_FORMAT, "guardian": guardian.as_str(), "at": at, "size": size,
            "mode": self.mode, "title": self.title, "notes": self.notes, "notes_dropped": self.notes_dropped,
            "evidence": self.evidence, "response": self.response,
            "blocks": self.blocks.iter().map(PromotionBlock::to_value).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn fingerprint(&self, guardian: &EngineName) -> Sha256Digest {
        self.found.fingerprint(guardian, &self.mode.to_string())
    }
}

/// Hash of all that a report found, also of what no artifact spells out, of what it came to, and of how much is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found(Sha256Digest);

impl Found {
    pub(crate) fn of(report: &Report) -> Self {
        let value = json!({
            "dropped": report.findings_dropped(), "format": "vm-guardian-found-v0", "notes": Note::all(report),
            "verdict": report.verdict(),
        });
        // Strings and counts always have a canonical form.
        Self(Sha256Digest::of(&canonical::to_bytes(&value).unwrap_or_default()))
    }

    /// What was found by whom, without when: it tells whether the same was found before.
    pub(crate) fn fingerprint(self, guardian: &EngineName, what: &str) -> Sha256Digest {
        let value = json!({
            "format": "vm-guardian-fingerprint-v0", "found": self.0, "guardian": guardian.as_str(), "what": what,
        });
        Sha256Digest::of(&canonical::to_bytes(&value).unwrap_or_default())
    }
}

/// A report or an incident, ready to be recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct Artifact {
    kind: &'static str,
    value: Value,
    fingerprint: Sha256Digest,
}

impl Artifact {
    /// Format string of a report.
    pub const REPORT_FORMAT: &'static str = "vm-guardian-report-v0";
    /// Format string of an incident.
    pub const INCIDENT_FORMAT: &'static str = "vm-guardian-incident-v0";

    pub(crate) const fn report(value: Value, fingerprint: Sha256Digest) -> Self {
        Self { kind: REPORT_KIND, value, fingerprint }
    }

    pub(crate) const fn incident(value: Value, fingerprint: Sha256Digest) -> Self {
        Self { kind: INCIDENT_KIND, value, fingerprint }
    }

    /// Kind of its row.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its content.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Hash of what it says was found, without time and size of the log: whoever records uses it as idempotency key, so that
    /// a guardian on watch records a thing once.
    #[must_use]
    pub const fn fingerprint(&self) -> Sha256Digest {
        self.fingerprint
    }

    /// The row to record, as `header`. Texts that look like secrets are committed.
    ///
    /// # Errors
    /// [`GuardError::Canonical`] or [`GuardError::Record`].
    pub fn draft(
        &self,
        header: RowHeader,
        detector: &dyn SecretDetector,
        entropy: &mut dyn Entropy,
    ) -> Result<RowDraft, GuardError> {
        draft(self.kind, &self.value, header, detector, entropy)
    }

    /// Checks content read from a row: its format, and that it has exactly the members of it.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn check(value: &Value) -> Result<(), FormatError> {
        match value.get("format").and_then(Value::as_str) {
            Some(Self::REPORT_FORMAT) => exact::<ReportShape>(value),
            Some(Self::INCIDENT_FORMAT) => exact::<IncidentShape>(value),
            Some(found) => Err(FormatError::UnknownFormat { found: found.chars().take(64).collect() }),
            None => Err(FormatError::Shape),
        }
    }
}

/// The policy under which guardians' own rows are redacted: all of it is kept, since guardians put no payload into it, but
/// for what looks like a secret.
///
/// # Errors
/// [`GuardError::Canonical`] never in practice: the rule is made of plain strings.
pub fn policy() -> Result<Policy, GuardError> {
    let rule =
        Rule { table: Table::ProofArtifacts, name: None, keep: vec![Pattern::new("/meta_json")], shape: Vec::new() };
    Policy::new(vec![rule]).map_err(GuardError::Canonical)
}

/// The row of kind `kind` that holds `value`.
pub(crate) fn draft(
    kind: &str,
    value: &Value,
    header: RowHeader,
    detector: &dyn SecretDetector,
    entropy: &mut dyn Entropy,
) -> Result<RowDraft, GuardError> {
    let policy = policy()?;
    let mut redactor = Redactor::new(&policy, detector, entropy, Table::ProofArtifacts, kind, header.id);
    let meta = redactor.json("meta_json", value).map_err(GuardError::Canonical)?;
    let redaction = redactor.finish();
    let kind = kind.parse().map_err(GuardError::Record)?;
    let artifact = ProofArtifact { header, kind, file: None, subject: None, meta: Some(meta) };
    artifact.into_draft(Some(redaction)).map_err(|error: RecordError| GuardError::Record(error))
}

/// Checks that a value is written as it was read: a derived reader takes a list for an object, and null for a member that
/// is not there.
fn exact<T: Serialize + DeserializeOwned>(value: &Value) -> Result<(), FormatError> {
    let shape = T::deserialize(value).map_err(|_| FormatError::Shape)?;
    let written = serde_json::to_value(&shape).map_err(|_| FormatError::Shape)?;
    if written == *value { Ok(()) } else { Err(FormatError::Shape) }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockShape {
    #[serde(rename = "scope")]
    _scope: String,
    #[serde(rename = "code")]
    _code: String,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposalShape {
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "change")]
    _change: String,
    #[serde(rename = "evidence")]
    _evidence: Vec<EvidenceRef>,
    #[serde(rename = "effect")]
    _effect: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportShape {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "guardian")]
    _guardian: EngineName,
    #[serde(rename = "at")]
    _at: Instant,
    #[serde(rename = "size")]
    _size: Option<u64>,
    #[serde(rename = "verdict")]
    _verdict: String,
    #[serde(rename = "checks")]
    _checks: Vec<String>,
    #[serde(rename = "notes")]
    _notes: Vec<Note>,
    #[serde(rename = "notes_dropped")]
    _notes_dropped: u64,
    #[serde(rename = "spent")]
    _spent: Option<Spent>,
    #[serde(rename = "blocks")]
    _blocks: Vec<BlockShape>,
    #[serde(rename = "proposals")]
    _proposals: Vec<ProposalShape>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentShape {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "guardian")]
    _guardian: EngineName,
    #[serde(rename = "at")]
    _at: Instant,
    #[serde(rename = "size")]
    _size: Option<u64>,
    #[serde(rename = "mode")]
    _mode: FailureMode,
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "notes")]
    _notes: Vec<Note>,
    #[serde(rename = "notes_dropped")]
    _notes_dropped: u64,
    #[serde(rename = "evidence")]
    _evidence: Vec<EvidenceRef>,
    #[serde(rename = "response")]
    _response: Vec<String>,
    #[serde(rename = "blocks")]
    _blocks: Vec<BlockShape>,
}
