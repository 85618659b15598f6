//! Verifying what an export holds with nothing else at hand.

use std::path::Path;

use serde::Deserialize;
use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::{LedgerId, SealId};
use vm_core::instant::Instant;
use vm_core::record::StoredRow;
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_seal::bundle::SealBundle;
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::complete::CompletenessProof;
use vm_seal::coverage::Coverage;
use vm_seal::error::BundleError;
use vm_seal::merkle::{InclusionProof, LeafIndex};
use vm_seal::verify::{Exported, verify_exported};

use crate::anchors::{Evidence, Weighing};
use crate::error::VaultError;
use crate::export::archive::Unpacked;
use crate::export::history::effective;
use crate::export::import::rebuild;
use crate::export::lines::{LINE_MAX, Lines, PROOF_LINE_MAX, lines};
use crate::export::{
    COVERAGE, KEYS, MANIFEST, Manifest, PROOFS, ROWS, SCRIPT, SUMS, Scope, TRUST, VERIFY, completeness_name,
};
use crate::read::Reader;
use crate::vault::Place;
use crate::verify::{Outside, SealState, Verification, verify_vault};
use vm_anchor::Rail;

/// Verifies an export with nothing but what `outside` brings. A vault is rebuilt in a temporary folder and verified
/// whole; a seal is verified with its rows, their proofs and its anchors.
///
/// # Errors
/// [`VaultError::Archive`] where the file is no export, or is damaged past reading. Evidence that contradicts itself is
/// a finding, not an error.
pub fn verify_bundle(archive: &Path, outside: &Outside, now: Instant) -> Result<Verification, VaultError> {
    let shown = || archive.display().to_string();
    let unpacked = match Unpacked::open(archive) {
        Ok(unpacked) => unpacked,
        Err(VaultError::ArchiveAltered) => {
            return Ok(unread(Finding::new(Code::ArtifactAltered, shown()).found("its sums do not hold")));
        }
        Err(error) => return Err(error),
    };
    let manifest = match Manifest::parse(&unpacked.read(MANIFEST)?) {
        Err(VaultError::FormatUnknown { found, .. }) => {
            return Ok(unread(Finding::new(Code::FormatUnknown, shown()).found(found)));
        }
        manifest => manifest?,
    };
    match manifest.scope {
        Scope::Vault => verify_exported_vault(&unpacked, &manifest, outside, now),
        Scope::Seal => verify_exported_seal(&unpacked, &manifest, outside, now),
    }
}

/// The answer on an export of which no more can be read than this.
fn unread(finding: Finding) -> Verification {
    let mut report = Report::new();
    report.find(finding);
    verification("export", LedgerId::from_genesis(LeafHash::from_bytes([0; 32])), 0, Vec::new(), report)
}

fn verification(subject: &str, ledger: LedgerId, size: u64, seals: Vec<SealState>, report: Report) -> Verification {
    Verification {
        subject: subject.to_owned(),
        ledger,
        size,
        verdict: report.verdict(),
        seals,
        recorded: Vec::new(),
        report,
    }
}

fn verify_exported_vault(
    unpacked: &Unpacked,
    manifest: &Manifest,
    outside: &Outside,
    now: Instant,
) -> Result<Verification, VaultError> {
    let place = Place { vault: unpacked.dir().join("rebuilt.vault"), keys: unpacked.dir().join("no-keys") };
    match rebuild(unpacked, manifest, &place.vault) {
        Ok(_) => verify_vault(&Reader::open(&place)?, outside, now),
        Err(VaultError::Ledger(error)) if !error.is_machine() => {
            let mut report = Report::new();
            report.find(Finding::new(Code::RootMismatch, "exported rows").found(error.code()));
            Ok(verification("exported vault", manifest.ledger, manifest.size, Vec::new(), report))
        }
        Err(error) => Err(error),
    }
}

fn verify_exported_seal(
    unpacked: &Unpacked,
    manifest: &Manifest,
    outside: &Outside,
    now: Instant,
) -> Result<Verification, VaultError> {
    let lacks = || VaultError::Archive { reason: "the manifest names no seal".to_owned() };
    let seal_id: SealId = manifest.seal_id.ok_or_else(lacks)?;
    let bundle_name = vm_seal::seal::bundle_path(seal_id);
    let bundle = match SealBundle::parse(&unpacked.read(&bundle_name)?) {
        Err(BundleError::FormatUnknown { found }) => {
            return Ok(unread(Finding::new(Code::FormatUnknown, bundle_name).found(found)));
        }
        bundle => bundle.map_err(VaultError::Bundle)?,
    };
    // The manifest is signed by nobody: what it says of the seal must be what the bundle says.
    if (bundle.seal_id(), bundle.ledger(), bundle.signer()) != (seal_id, manifest.ledger, &manifest.key) {
        return Err(VaultError::Archive { reason: "its manifest names another seal, ledger or key".to_owned() });
    }
    let mut found = Report::new();
    let outside = &effective(unpacked, &bundle, outside, &mut found)?;
    let (mut report, covered) = check_rows(unpacked, &bundle, outside)?;
    report.merge(found);
    let proof_name = completeness_name(seal_id);
    let known = [MANIFEST, VERIFY, SCRIPT, TRUST, ROWS, PROOFS, COVERAGE, KEYS, SUMS, &bundle_name, &proof_name];
    let stamps = format!("anchors/{seal_id}/");
    for name in unpacked.names().filter(|name| !known.contains(name) && !name.starts_with(&stamps)) {
        // Passed over, it would look as if it had been checked with the rest.
        report.find(Finding::new(Code::FormatUnknown, name).found("an entry that the export of a seal does not have"));
    }
    if outside.pinned().is_none() && !report.has(Code::NoTrustKey) {
        report.find(Finding::new(Code::NoTrustKey, "export"));
    }

    let (policy, mut weighing) = (outside.policy()?, Weighing::new(&bundle, None, now));
    for name in unpacked.names().filter(|name| name.starts_with(&stamps)) {
        let evidence =
            Evidence { source: name, subject: name, rail: Rail::of_file(name), bytes: &unpacked.read(name)? };
        weighing.judge(&evidence, &policy);
    }
    let weighed = weighing.finish(&policy, &format!("seal {seal_id}"));
    report.merge(weighed.report);
    check_coverage(unpacked, &bundle, covered.as_ref(), &mut report)?;
    let state = SealState {
        seal_id: Some(seal_id),
        row: None,
        digest: Some(bundle.claimed_digest()),
        as_of: Some(bundle.as_of().as_u64()),
        leaves: Some(bundle.digest().leaves().as_u64()),
        verified: false,
        interval: weighed.interval,
        anchors: weighed.states,
        attempts: Vec::new(),
    };
    let (subject, size) = (format!("exported seal {seal_id}"), bundle.as_of().as_u64());
    Ok(verification(&subject, bundle.ledger(), size, vec![state], report))
}

/// The coverage statement against what the rows cover. Where something is contradicted, that is told by its own name.
fn check_coverage(
    unpacked: &Unpacked,
    bundle: &SealBundle,
    covered: Option<&Coverage>,
    report: &mut Report,
) -> Result<(), VaultError> {
    if !unpacked.names().any(|name| name == COVERAGE) {
        report.find(Finding::new(Code::CoverageMissing, format!("seal {}", bundle.seal_id())));
        return Ok(());
    }
    let Some(covered) = covered.filter(|_| report.verdict() != Verdict::Contradicted) else { return Ok(()) };
    let is_proven = unpacked.names().any(|name| name == completeness_name(bundle.seal_id()));
    match covered.check(&unpacked.read(COVERAGE)?, bundle, is_proven) {
        Ok(_) => report.checked("coverage statement: what bundle and rows give".to_owned()),
        Err(error) => report.find(error.finding(COVERAGE)),
    }
    Ok(())
}

/// The bundle against its rows and their proofs, and against the proof that no other row belongs to it; gives what the rows
/// cover, too.
fn check_rows(
    unpacked: &Unpacked,
    bundle: &SealBundle,
    outside: &Outside,
) -> Result<(Report, Option<Coverage>), VaultError> {
    let (name, mut found) = (completeness_name(bundle.seal_id()), Report::new());
    let has_proof = unpacked.names().any(|other| other == name);
    let proof = has_proof.then(|| unpacked.read(&name)).transpose()?.map(|bytes| CompletenessProof::parse(&bytes));
    let proof = proof.as_ref().map(Result::as_ref);
    let is_blind = !unpacked.names().any(|name| name == ROWS || name == PROOFS);
    let (mut report, covered) = match proof {
        Some(proof) if is_blind => verify_exported(bundle, Exported::<NoRows>::Blind(proof), outside.pinned()),
        None if is_blind => verify_exported(bundle, Exported::<NoRows>::Bare, outside.pinned()),
        _ => {
            let mut located = Located::open(unpacked, bundle, outside, &mut found)?;
            let verified = verify_exported(bundle, Exported::Rows(&mut located, proof), outside.pinned());
            located.finish()?;
            verified
        }
    };
    report.merge(found);
    if is_blind {
        outside.find_policies_unread(&format!("rows of seal {}", bundle.seal_id()), &mut report);
    }
    Ok((report, covered))
}

/// Rows where there are none.
type NoRows = [(u64, Vec<u8>); 0];

/// Exported rows, each with the place that its inclusion proof shows, and one beyond every log where none does. They are read
/// one by one: an export may hold more rows than the memory would.
struct Located<'a> {
    rows: Lines,
    proofs: Lines,
    /// None where it cannot be read: then no place is proven.
    checkpoint: Option<VerifiedCheckpoint>,
    read: u64,
    proven: u64,
    is_short: bool,
    outside: &'a Outside,
    report: &'a mut Report,
    fault: Option<VaultError>,
}

impl<'a> Located<'a> {
    fn open(
        unpacked: &Unpacked,
        bundle: &SealBundle,
        outside: &'a Outside,
        report: &'a mut Report,
    ) -> Result<Self, VaultError> {
        let (rows, proofs) = (lines(unpacked, ROWS, LINE_MAX)?, lines(unpacked, PROOFS, PROOF_LINE_MAX)?);
        // Where it does not verify, that is found with the bundle, and no place is proven.
        let checkpoint = Checkpoint::verify(bundle.checkpoint(), bundle.signer()).ok();
        Ok(Self { rows, proofs, checkpoint, read: 0, proven: 0, is_short: false, outside, report, fault: None })
    }

    /// The place that the next proof shows for a row, held against the checkpoint in the bundle.
    fn locate(&mut self, row: &[u8]) -> Result<Option<u64>, VaultError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Line {
            index: u64,
            path: Vec<RootHash>,
        }
        let Some(checkpoint) = self.checkpoint.as_ref().filter(|_| !self.is_short) else { return Ok(None) };
        let fault = |found: &str| Finding::new(Code::RootMismatch, format!("exported row {}", self.read)).found(found);
        let Some(line) = self.proofs.next() else {
            self.report.find(fault("no inclusion proof"));
            self.is_short = true;
            return Ok(None);
        };
        let value = canonical::parse_exact(&line?, PROOF_LINE_MAX).map_err(VaultError::Canonical)?;
        let Ok(line) = Line::deserialize(value) else {
            self.report.find(fault("malformed inclusion proof"));
            return Ok(None);
        };
        let (index, size) = (LeafIndex::new(line.index), checkpoint.size());
        let proof = InclusionProof::from_hashes(line.path);
        match proof.and_then(|proof| proof.verify(LeafHash::of(row), index, size, checkpoint.root())) {
            Ok(_) => {
                self.proven += 1;
                Ok(Some(line.index))
            }
            Err(error) => {
                self.report.find(fault(error.code()));
                Ok(None)
            }
        }
    }

    /// What could not be read, and what is left over.
    fn finish(mut self) -> Result<(), VaultError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.checkpoint.is_some() {
            if self.proofs.next().is_some() {
                let more = Finding::new(Code::RootMismatch, "inclusion proofs").found("more proofs than rows");
                self.report.find(more);
            }
            self.report.checked(format!("inclusion proofs: {} of {} rows", self.proven, self.read));
        }
        Ok(())
    }
}

impl Iterator for &mut Located<'_> {
    type Item = (u64, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let located = self.rows.next()?.and_then(|row| {
            // One that is no row is found by name with the others.
            if self.outside.listed_policies().is_some()
                && let Ok(parsed) = StoredRow::parse_leaf_data(&row)
            {
                self.outside.judge_policy(&parsed, &format!("exported row {}", self.read), self.report);
            }
            Ok((self.locate(&row)?.unwrap_or(u64::MAX), row))
        });
        self.read += 1;
        located.map_err(|error| self.fault = Some(error)).ok()
    }
}
