//! Seals of the vault with the anchors that count over them, by the weighing that verification uses.

use vm_anchor::VerifiedAnchor;
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::SystemKind;
use vm_core::verdict::Report;
use vm_core::view::LoggedRow;
use vm_seal::audit::{ArtifactRow, AuditedSeal};
use vm_seal::bundle::SealBundle;

use crate::error::VaultError;
use crate::read::Reader;
use crate::verify::{Outside, judge_seals};

/// A seal, and an anchor over it where the policy of `outside` is satisfied.
pub(super) struct Candidate {
    pub(super) bundle: SealBundle,
    pub(super) anchor: Option<VerifiedAnchor>,
}

/// Seals whose files are as they were recorded, the latest first.
pub(super) fn candidates(reader: &Reader, outside: &Outside, now: Instant) -> Result<Vec<Candidate>, VaultError> {
    let (mut rows, mut anchors) = (Vec::new(), Vec::new());
    reader.visit_kind(SystemKind::Seal.as_str(), &mut |logged| rows.push(artifact(&logged)))?;
    reader.visit_kind(SystemKind::Anchor.as_str(), &mut |logged| anchors.push(artifact(&logged)))?;
    let seals: Vec<AuditedSeal> =
        rows.into_iter().map(|row| AuditedSeal { bundle: read_bundle(reader, &row), row, verified: None }).collect();
    let judged = judge_seals(reader, &seals, &anchors, outside, now)?;
    let satisfied = judged.seals.iter().map(|(state, _)| state.interval.not_after.is_some());
    let anchors: Vec<Option<VerifiedAnchor>> = satisfied
        .zip(judged.counted)
        .map(|(is_satisfied, counted)| counted.into_iter().next().filter(|_| is_satisfied))
        .collect();
    // A seal that does not bear the line of the ML-DSA key that is pinned does not count either.
    let known = outside.with_keys_of(reader);
    let is_signed = |bundle: &SealBundle| {
        known.second_pinned().is_none() || known.judge_second(bundle.checkpoint(), "seal", &mut Report::new()).is_some()
    };
    let both = seals.into_iter().zip(anchors).rev();
    let candidates = both.filter_map(|(seal, anchor)| Some(Candidate { bundle: seal.bundle?, anchor }));
    Ok(candidates.filter(|candidate| is_signed(&candidate.bundle)).collect())
}

fn artifact(logged: &LoggedRow) -> ArtifactRow {
    let row = &logged.row;
    ArtifactRow {
        entry: logged.entry,
        path: row.text("path").and_then(|path| path.parse::<VaultPath>().ok()),
        sha256: row.text("sha256_hex").and_then(|hex| Sha256Digest::parse_hex(hex).ok()),
        subject_id: row.row_ref("subject_id").ok().flatten(),
    }
}

/// The seal that a row recorded, where its file is as it was.
pub(super) fn read_seal(reader: &Reader, logged: &LoggedRow) -> Option<SealBundle> {
    read_bundle(reader, &artifact(logged))
}

fn read_bundle(reader: &Reader, row: &ArtifactRow) -> Option<SealBundle> {
    let bundle = SealBundle::parse(&reader.read_small(row.path.as_ref()?).ok()?).ok()?;
    (row.sha256 == Some(bundle.file_hash())).then_some(bundle)
}
