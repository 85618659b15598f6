//! Verification of a vault: the audit of `vm-seal` and the anchors of `vm-anchor`, under one trust.

use serde::Serialize;
use vm_anchor::{Rail, TrustPolicy, VerifiedAnchor};
use vm_core::digest::Sha256Digest;
use vm_core::id::{LedgerId, RowId, SealId};
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, MlDsaCosignerKey, Note, NoteKey};
use vm_core::record::{SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::{EvidenceView, RowState, StoredEntry, Visit};
use vm_guardian::detect::ANCHORS_JUDGED;
use vm_seal::audit::{ArtifactRow, Audit, AuditedSeal, Trust, audit};
use vm_seal::bundle::SealBundle;
use vm_seal::digest::ScrollRoot;
use vm_seal::merkle::TreeSize;
use vm_seal::scroll::VerifiedScroll;

use crate::anchors::{AnchorState, Evidence, Floors, Interval, Weighed, Weighing};
use crate::attempts::{AttemptState, attempts};
use crate::erasure;
use crate::error::VaultError;
use crate::merge;
use crate::policies::Policies;
use crate::read::Reader;
use crate::redaction;
use crate::second;
use crate::statistics;
use crate::trust::TrustFile;
use crate::vault::gate;
use crate::witness;

/// What a verifier brings from outside the vault.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The ledger's key; where there is none, that of the trust file counts.
    pub key: Option<NoteKey>,
    /// The ledger's ML-DSA key; where there is none, that of the trust file counts. Once one is pinned, its lines are demanded.
    pub pq_key: Option<MlDsaCosignerKey>,
    /// A head that was kept elsewhere.
    pub head: Option<Note>,
    /// Authorities that are believed.
    pub trust: Option<TrustFile>,
    /// How the keys of the pinned ledger changed; see [`Outside::add_history`].
    pub history: Option<KeyHistory>,
}

impl Outside {
    /// The pinned key: given by itself, or in the trust file.
    #[must_use]
    pub fn pinned(&self) -> Option<&NoteKey> {
        self.key.as_ref().or_else(|| self.trust.as_ref().and_then(|trust| trust.key.as_ref()))
    }

    pub(crate) fn policy(&self) -> Result<TrustPolicy, VaultError> {
        self.trust.as_ref().map_or_else(|| Ok(TrustPolicy::default()), TrustFile::policy)
    }
}

/// State of one seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SealState {
    /// Its id, where its bundle reads.
    pub seal_id: Option<SealId>,
    /// Row that recorded it; none in an export.
    pub row: Option<RowId>,
    /// Its digest.
    pub digest: Option<Sha256Digest>,
    /// Size of the log it was made at.
    pub as_of: Option<u64>,
    /// Rows it covers.
    pub leaves: Option<u64>,
    /// Whether it holds against the ledger under a pinned key.
    pub verified: bool,
    /// When its anchors place it.
    pub interval: Interval,
    /// Its anchors.
    pub anchors: Vec<AnchorState>,
    /// Authorities that were asked, and gave nothing since.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptState>,
}

/// When a row was recorded, by the anchors before and after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RecordedAt {
    /// The row.
    pub row: RowId,
    /// When.
    #[serde(flatten)]
    pub interval: Interval,
}

/// Answer of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// What was verified.
    pub subject: String,
    /// Name of the ledger.
    pub ledger: LedgerId,
    /// Entries in its log.
    pub size: u64,
    /// The answer.
    pub verdict: Verdict,
    /// Seals and anchors.
    pub seals: Vec<SealState>,
    /// When the rows of an artifact were recorded, where its full chain was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<RecordedAt>,
    /// What was checked, and what was found.
    pub report: Report,
}

/// Verifies the whole vault: every row against the log, the log against its checkpoints and against the head from
/// outside, scrolls, artifacts, seals and anchors. Verified needs a seal, an anchor that the policy accepts over all
/// evidence, a pinned key and a head.
///
/// # Errors
/// [`VaultError`] where the vault cannot be read at all, or the trust file is malformed.
pub fn verify_vault(reader: &Reader, outside: &Outside, now: Instant) -> Result<Verification, VaultError> {
    let trust = Trust { key: outside.pinned(), head: outside.head.as_ref() };
    let Audit { mut report, seals, anchors, scrolls, redactions, .. } =
        audit(reader.view(), Some(reader.files()), &trust);
    for fault in reader.view().schema_faults() {
        report.find(Finding::new(Code::SchemaAltered, "ledger.db").found(fault));
    }
    match vm_shadow::check_all(reader.view()) {
        Ok(receipts) => report.merge(receipts),
        Err(error) => report.find(Finding::new(Code::EvidenceUnreadable, "shadow receipts").found(error)),
    }
    match vm_shadow::check_horizons(reader.view()) {
        Ok(horizons) => report.merge(horizons),
        Err(error) => report.find(Finding::new(Code::EvidenceUnreadable, "horizons").found(error)),
    }
    report.merge(gate::audit(reader.view(), reader.files(), &seals)?);
    report.merge(witness::audit(reader)?);
    report.merge(merge::audit(reader)?);
    report.merge(statistics::audit(reader)?);
    redaction::judge(&redactions, outside.listed_policies(), &mut report)?;
    report.merge(erasure::audit(reader)?);
    let known = outside.with_keys_of(reader);
    witness::judge_head(&known, &mut report);
    let bound = second::judge_head(&known, &mut report);
    seals.iter().for_each(|seal| second::judge_seal(&known, seal, bound, &mut report));
    for fault in reader.view().integrity()? {
        report.find(Finding::new(Code::SchemaAltered, "ledger.db").found(fault));
    }
    let judged = judge_seals(reader, &seals, &anchors, outside, now)?;
    report.merge(gate::audit_anchored(reader.view(), &seals, &judged.counted)?);
    let mut states = Vec::new();
    let mut anchored = Vec::new();
    for (seal, (state, judged)) in seals.iter().zip(judged.seals) {
        report.merge(judged);
        if state.interval.not_after.is_some() {
            anchored.extend(&seal.bundle);
        }
        states.push(state);
    }
    for anchor in anchors.iter().filter(|anchor| !seals.iter().any(|seal| anchors_seal(anchor, seal))) {
        let subject = format!("anchor {}", anchor.entry.row_id);
        report.find(Finding::new(Code::AnchorInvalid, subject).found("it names no seal"));
    }
    if seals.is_empty() {
        report.find(Finding::new(Code::SealMissing, "vault"));
    }
    find_unsealed(reader, &anchored, &mut report)?;
    find_unsealed_lines(&scrolls, &anchored, &mut report);
    Ok(Verification {
        subject: "vault".to_owned(),
        ledger: reader.ledger(),
        size: reader.view().size().map_err(VaultError::View)?,
        verdict: report.verdict(),
        seals: states,
        recorded: Vec::new(),
        report,
    })
}

/// Verifies one seal and its anchors.
///
/// # Errors
/// [`VaultError::NotFound`] where the vault has no such seal.
pub fn verify_one_seal(
    reader: &Reader,
    seal_id: SealId,
    outside: &Outside,
    now: Instant,
) -> Result<Verification, VaultError> {
    let audit = audit(reader.view(), Some(reader.files()), &Trust { key: outside.pinned(), head: None });
    let judged = judge_seals(reader, &audit.seals, &audit.anchors, outside, now)?;
    let named = |seal: &AuditedSeal| seal.bundle.as_ref().is_some_and(|bundle| bundle.seal_id() == seal_id);
    let found = audit.seals.iter().zip(judged.seals).find(|(seal, _)| named(seal));
    let absent = || VaultError::NotFound { what: "seal", name: seal_id.to_string() };
    let (seal, (state, mut report)) = found.ok_or_else(absent)?;
    if let Some(bundle) = &seal.bundle {
        let pinned = outside.pinned();
        report.merge(vm_seal::verify::verify_seal(bundle, reader.view(), Some(reader.files()), pinned).0);
        check_file(seal, bundle.file_hash(), &mut report);
        report.merge(vm_shadow::check_sealed_horizons(reader.view(), bundle).map_err(VaultError::View)?);
    }
    second::judge_seal(&outside.with_keys_of(reader), seal, None, &mut report);
    redaction::judge(&audit.redactions, outside.listed_policies(), &mut report)?;
    Ok(Verification {
        subject: seal_subject(seal),
        ledger: reader.ledger(),
        size: reader.view().size().map_err(VaultError::View)?,
        verdict: report.verdict(),
        seals: vec![state],
        recorded: Vec::new(),
        report,
    })
}

fn check_file(seal: &AuditedSeal, found: Sha256Digest, report: &mut Report) {
    if seal.row.sha256 != Some(found) {
        let expected = seal.row.sha256.map_or_else(String::new, |hash| hash.to_hex());
        report.find(Finding::new(Code::ArtifactAltered, seal_subject(seal)).expected_found(expected, found));
    }
}

pub(crate) fn seal_subject(seal: &AuditedSeal) -> String {
    match &seal.bundle {
        Some(bundle) => format!("seal {}", bundle.seal_id()),
        None => format!("seal of row {}", seal.row.entry.row_id),
    }
}

pub(crate) fn anchors_seal(anchor: &ArtifactRow, seal: &AuditedSeal) -> bool {
    anchor.subject_id == Some(seal.row.entry.row_id)
}

/// Judges the anchors of all `seals`, which are in the order of the log: the state of each, and what was found. No
/// anchor may lie before accepted ones whose rows its seal covers.
pub(crate) fn judge_seals(
    reader: &Reader,
    seals: &[AuditedSeal],
    anchors: &[ArtifactRow],
    outside: &Outside,
    now: Instant,
) -> Result<Judged, VaultError> {
    let (mut floors, mut report) = (Floors::default(), Report::new());
    let policies = Policies::read(reader, outside, &mut report)?;
    let mut attempts = attempts(reader, &mut report)?;
    let mut judged = Vec::with_capacity(seals.len());
    let mut counted = Vec::with_capacity(seals.len());
    for seal in seals {
        let rows: Vec<&ArtifactRow> = anchors.iter().filter(|anchor| anchors_seal(anchor, seal)).collect();
        let weighed = weigh_seal(reader, seal, &rows, &policies, &mut floors, now)?;
        let mut state = seal_state(seal, &weighed);
        report.merge(weighed.report);
        counted.push(weighed.counted);
        state.attempts = attempts.remove(&seal.row.entry.row_id).unwrap_or_default();
        let vouches = |name: &str| state.anchors.iter().any(|anchor| anchor.authority.as_deref() == Some(name));
        state.attempts.retain(|attempt| !vouches(&attempt.authority));
        state.attempts.iter().for_each(|attempt| report.find(attempt.finding(&seal_subject(seal))));
        // What is wrong with a policy is told once, with the first seal.
        judged.push((state, std::mem::take(&mut report)));
    }
    Ok(Judged { seals: judged, counted, floors, quorum: policies.given().quorum() })
}

/// What the anchors of all seals come to.
pub(crate) struct Judged {
    /// State and findings of each seal, in the order given.
    pub(crate) seals: Vec<(SealState, Report)>,
    /// The anchors that count of each seal, in the order given.
    pub(crate) counted: Vec<Vec<VerifiedAnchor>>,
    floors: Floors,
    quorum: Option<u32>,
}

impl Judged {
    /// When the row at `seq` was recorded: not before the anchors whose rows stand before it, and not after `covered` says, the
    /// times of seals that cover it.
    pub(crate) fn interval(&self, seq: u64, covered: impl Iterator<Item = Interval>) -> Interval {
        let not_after = covered.filter_map(|interval| interval.not_after).min();
        Interval { not_before: self.floors.below(seq, self.quorum), not_after }
    }
}

/// Judges the anchors of one seal, each under the policy that was in force when it was recorded, all of them under that of
/// the last.
fn weigh_seal(
    reader: &Reader,
    seal: &AuditedSeal,
    rows: &[&ArtifactRow],
    policies: &Policies,
    floors: &mut Floors,
    now: Instant,
) -> Result<Weighed, VaultError> {
    let subject = seal_subject(seal);
    let policy = rows.last().map_or(policies.given(), |row| policies.at(row.entry.seq));
    let Some(bundle) = &seal.bundle else { return Ok(unread(rows, &subject)) };
    let floor = floors.below(bundle.as_of().as_u64(), policy.quorum());
    let mut weighing = Weighing::new(bundle, floor, now);
    for row in rows {
        let source = row.entry.row_id.to_string();
        let name = format!("anchor {source} over {subject}");
        match read_evidence(reader, row)? {
            Ok(bytes) => {
                let rail = row.path.as_ref().and_then(|path| Rail::of_file(path.as_str()));
                let evidence = Evidence { source: &source, subject: &name, rail, bytes: &bytes };
                if let Some(anchor) = weighing.judge(&evidence, policies.at(row.entry.seq)) {
                    floors.add(row.entry.seq, &anchor);
                }
            }
            Err(code) => weighing.lacks(&source, &name, code),
        }
    }
    Ok(weighing.finish(policy, &subject))
}

/// The anchors of a seal that cannot be read.
fn unread(rows: &[&ArtifactRow], subject: &str) -> Weighed {
    let (mut report, mut states) = (Report::new(), Vec::new());
    for row in rows {
        let source = row.entry.row_id.to_string();
        let name = format!("anchor {source} over {subject}");
        report.find(Finding::new(Code::EvidenceUnreadable, name).found("its seal cannot be read"));
        states.push(AnchorState { source, ..AnchorState::default() });
    }
    report.find(Finding::new(Code::SealUnanchored, subject));
    Weighed { states, report, interval: Interval::default(), counted: Vec::new() }
}

fn seal_state(seal: &AuditedSeal, weighed: &Weighed) -> SealState {
    let bundle = seal.bundle.as_ref();
    SealState {
        seal_id: bundle.map(|bundle| bundle.seal_id()),
        row: Some(seal.row.entry.row_id),
        digest: bundle.map(|bundle| bundle.claimed_digest()),
        as_of: bundle.map(|bundle| bundle.as_of().as_u64()),
        leaves: bundle.map(|bundle| bundle.digest().leaves().as_u64()),
        verified: seal.verified.is_some(),
        interval: weighed.interval,
        anchors: weighed.states.clone(),
        attempts: Vec::new(),
    }
}

/// The evidence of an anchor, which its row names as a file.
fn read_evidence(reader: &Reader, anchor: &ArtifactRow) -> Result<Result<Vec<u8>, Code>, VaultError> {
    use vm_core::view::FileFault;
    let Some(path) = &anchor.path else {
        return Ok(Err(Code::AnchorMissing));
    };
    match reader.read_small(path) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(VaultError::Files(FileFault::Missing { .. } | FileFault::NotRegular { .. })) => {
            Ok(Err(Code::AnchorMissing))
        }
        Err(VaultError::Files(_)) => Ok(Err(Code::EvidenceUnreadable)),
        Err(error) => Err(error),
    }
}

/// Evidence logged at or after the place of the last of the `anchored` seals. Seals, anchors and other system events
/// come after the seal they belong to and do not count.
fn find_unsealed(reader: &Reader, anchored: &[&SealBundle], report: &mut Report) -> Result<(), VaultError> {
    let anchored_to = anchored.iter().map(|bundle| bundle.as_of().as_u64()).max().unwrap_or(0);
    let size = reader.view().size().map_err(VaultError::View)?;
    let mut unsealed = 0_u64;
    let reserved = |kind: Option<&str>| SystemKind::ALL.iter().any(|system| kind == Some(system.as_str()));
    let visit = &mut |entry: StoredEntry, state: RowState| {
        let evidence = match (&entry, &state) {
            (StoredEntry::Entry(entry), RowState::Present(row)) => {
                entry.table != Table::ProofArtifacts || !reserved(row.text("kind"))
            }
            _ => true,
        };
        unsealed += u64::from(evidence);
        Ok(Visit::Continue)
    };
    reader.view().visit_log(anchored_to, size, visit).map_err(VaultError::View)?;
    if unsealed > 0 {
        report.find(
            Finding::new(Code::RowsUnsealed, "vault").found(format!("{unsealed} rows from place {anchored_to} on")),
        );
    }
    report.checked(format!("{ANCHORS_JUDGED}: rows before place {anchored_to}"));
    Ok(())
}

/// Signed lines of scrolls beyond those that one of the `anchored` seals recorded: like rows, they could be taken back
/// unseen.
fn find_unsealed_lines(scrolls: &[VerifiedScroll], anchored: &[&SealBundle], report: &mut Report) {
    for scroll in scrolls {
        let ScrollRoot { engine, size, .. } = scroll.root();
        let recorded = anchored.iter().flat_map(|bundle| bundle.digest().scrolls());
        let sealed = recorded.filter(|root| root.engine == *engine).map(|root| root.size).max();
        let sealed = sealed.unwrap_or(TreeSize::ZERO);
        if sealed < *size {
            let lines = format!("{size} lines, {sealed} of them sealed");
            report.find(Finding::new(Code::RowsUnsealed, format!("scroll {engine}")).found(lines));
        }
    }
}
