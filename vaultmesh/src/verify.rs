//! Verification of a vault: the audit of `vm-seal` and the anchors of `vm-anchor`, under one trust.

use serde::Serialize;
use vm_anchor::policy::TrustPolicy;
use vm_core::digest::Sha256Digest;
use vm_core::id::{LedgerId, RowId, SealId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey};
use vm_core::record::{SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::{EvidenceView, RowState, StoredEntry, Visit};
use vm_seal::audit::{ArtifactRow, Audit, AuditedSeal, Trust, audit};
use vm_seal::bundle::SealBundle;
use vm_seal::digest::ScrollRoot;
use vm_seal::merkle::TreeSize;
use vm_seal::scroll::VerifiedScroll;

use crate::error::VaultError;
use crate::read::Reader;
use crate::trust::TrustFile;

/// What a verifier brings from outside the vault.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The ledger's key; where there is none, that of the trust file counts.
    pub key: Option<NoteKey>,
    /// A head that was kept elsewhere.
    pub head: Option<Note>,
    /// Authorities that are believed.
    pub trust: Option<TrustFile>,
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

/// State of one anchor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct AnchorState {
    /// Row that recorded it, or the file it stands in.
    pub source: String,
    /// Authority, where its evidence holds.
    pub authority: Option<String>,
    /// Time it proves, where its evidence holds.
    pub gen_time: Option<Instant>,
    /// Whether someone other than the ledger's owner vouches.
    pub independent: bool,
    /// Whether the trust policy counts it.
    pub accepted: bool,
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
    /// Its anchors.
    pub anchors: Vec<AnchorState>,
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
    let policy = outside.policy()?;
    let trust = Trust { key: outside.pinned(), head: outside.head.as_ref() };
    let Audit { mut report, seals, anchors, scrolls, .. } = audit(reader.view(), Some(reader.files()), &trust);
    for fault in reader.view().schema_faults() {
        report.find(Finding::new(Code::SchemaAltered, "ledger.db").found(fault));
    }
    match vm_shadow::check_all(reader.view()) {
        Ok(receipts) => report.merge(receipts),
        Err(error) => report.find(Finding::new(Code::EvidenceUnreadable, "shadow receipts").found(error)),
    }
    for fault in reader.view().integrity()? {
        report.find(Finding::new(Code::SchemaAltered, "ledger.db").found(fault));
    }
    let mut states = Vec::new();
    let mut anchored = Vec::new();
    for (seal, (state, judged)) in seals.iter().zip(judge_seals(reader, &seals, &anchors, &policy, now)?) {
        report.merge(judged);
        if state.anchors.iter().any(|anchor| anchor.accepted) {
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
    let policy = outside.policy()?;
    let audit = audit(reader.view(), Some(reader.files()), &Trust { key: outside.pinned(), head: None });
    let judged = judge_seals(reader, &audit.seals, &audit.anchors, &policy, now)?;
    let named = |seal: &AuditedSeal| seal.bundle.as_ref().is_some_and(|bundle| bundle.seal_id() == seal_id);
    let found = audit.seals.iter().zip(judged).find(|(seal, _)| named(seal));
    let absent = || VaultError::NotFound { what: "seal", name: seal_id.to_string() };
    let (seal, (state, mut report)) = found.ok_or_else(absent)?;
    if let Some(bundle) = &seal.bundle {
        let pinned = outside.pinned();
        report.merge(vm_seal::verify::verify_seal(bundle, reader.view(), Some(reader.files()), pinned).0);
        check_file(seal, bundle.file_hash(), &mut report);
    }
    Ok(Verification {
        subject: seal_subject(seal),
        ledger: reader.ledger(),
        size: reader.view().size().map_err(VaultError::View)?,
        verdict: report.verdict(),
        seals: vec![state],
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
/// anchor may lie before an accepted one whose row its seal covers.
pub(crate) fn judge_seals(
    reader: &Reader,
    seals: &[AuditedSeal],
    anchors: &[ArtifactRow],
    policy: &TrustPolicy,
    now: Instant,
) -> Result<Vec<(SealState, Report)>, VaultError> {
    let mut accepted: Vec<(u64, Instant)> = Vec::new();
    let mut judged = Vec::with_capacity(seals.len());
    for seal in seals {
        let (mut states, mut report) = (Vec::new(), Report::new());
        let as_of = seal.bundle.as_ref().map(|bundle| bundle.as_of().as_u64());
        let covered = accepted.iter().filter(|(seq, _)| Some(*seq) < as_of);
        let floor = covered.map(|(_, time)| *time).max();
        for anchor in anchors.iter().filter(|anchor| anchors_seal(anchor, seal)) {
            let mut state = anchor_state(reader, anchor, seal, policy, now, &mut report)?;
            if let (Some(floor), Some(time)) = (floor, state.gen_time)
                && is_before(time, floor)
            {
                let found = Finding::new(Code::AnchorBackdated, format!("anchor {}", state.source));
                report.find(found.expected_found(format!("not before the anchor of {floor} that it covers"), time));
                state.accepted = false;
            }
            accepted.extend(state.gen_time.filter(|_| state.accepted).map(|time| (anchor.entry.seq, time)));
            states.push(state);
        }
        if !states.iter().any(|anchor| anchor.accepted) {
            report.find(Finding::new(Code::SealUnanchored, seal_subject(seal)));
        }
        judged.push((seal_state(seal, states), report));
    }
    Ok(judged)
}

fn seal_state(seal: &AuditedSeal, anchors: Vec<AnchorState>) -> SealState {
    let bundle = seal.bundle.as_ref();
    SealState {
        seal_id: bundle.map(|bundle| bundle.seal_id()),
        row: Some(seal.row.entry.row_id),
        digest: bundle.map(|bundle| bundle.claimed_digest()),
        as_of: bundle.map(|bundle| bundle.as_of().as_u64()),
        leaves: bundle.map(|bundle| bundle.digest().leaves().as_u64()),
        verified: seal.verified.is_some(),
        anchors,
    }
}

/// Judges the evidence of one anchor against the bundle file of its seal.
fn anchor_state(
    reader: &Reader,
    anchor: &ArtifactRow,
    seal: &AuditedSeal,
    policy: &TrustPolicy,
    now: Instant,
    report: &mut Report,
) -> Result<AnchorState, VaultError> {
    let source = anchor.entry.row_id.to_string();
    let subject = format!("anchor {source} over {}", seal_subject(seal));
    let nothing = AnchorState { source, ..AnchorState::default() };
    let Some(bundle) = &seal.bundle else {
        report.find(Finding::new(Code::EvidenceUnreadable, subject).found("its seal cannot be read"));
        return Ok(nothing);
    };
    match read_token(reader, anchor)? {
        Ok(token) => {
            let (judged, state) = judge_token(&token, bundle, policy, now, &subject);
            report.merge(judged);
            Ok(AnchorState { source: nothing.source.clone(), ..state.unwrap_or(nothing) })
        }
        Err(code) => {
            report.find(Finding::new(code, subject));
            Ok(nothing)
        }
    }
}

/// Judges a token over a bundle's file: its report, and its state where it holds.
pub(crate) fn judge_token(
    token: &[u8],
    bundle: &SealBundle,
    policy: &TrustPolicy,
    now: Instant,
    subject: &str,
) -> (Report, Option<AnchorState>) {
    let (report, verified) = vm_anchor::verify::verify_token(token, &bundle.file_hash(), None, policy, now);
    let mut report = report.within(subject);
    let Some(verified) = verified else { return (report, None) };
    let backdated = is_before(verified.gen_time(), bundle.sealed_at());
    if backdated {
        let times = Finding::new(Code::AnchorBackdated, subject);
        report.find(times.expected_found(format!("not before {}", bundle.sealed_at()), verified.gen_time()));
    }
    let state = AnchorState {
        source: subject.to_owned(),
        authority: Some(verified.authority().to_owned()),
        gen_time: Some(verified.gen_time()),
        independent: verified.is_independent(),
        accepted: !backdated && policy.accepts(&verified),
    };
    (report, Some(state))
}

/// How far the clock of a sealing machine, or of another authority, may run ahead of an authority's before the anchor is
/// called back-dated.
const CLOCK_AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;

fn is_before(anchored: Instant, earlier: Instant) -> bool {
    anchored.saturating_add_micros(CLOCK_AHEAD_MICROS) < earlier
}

/// The token of an anchor, which its row names as a file.
fn read_token(reader: &Reader, anchor: &ArtifactRow) -> Result<Result<Vec<u8>, Code>, VaultError> {
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
    report.checked(format!("anchored evidence: rows before place {anchored_to}"));
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
