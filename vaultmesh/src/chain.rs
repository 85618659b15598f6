//! Verification of one artifact with its rows, and, as its full chain, the seals over them and their anchors; and of a
//! capture against the rows that recorded it.

use std::io::BufRead;
use std::path::Path;

use vm_core::digest::Sha256Digest;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, KeyStanding, Note};
use vm_core::path::VaultPath;
use vm_core::record::{LogEntry, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, FileFault, LoggedRow, RowFilter, RowScope, RowState, StoredEntry, Visit};
use vm_ledger::OpeningsKeys;
use vm_seal::audit::{AuditedSeal, Trust, audit};
use vm_seal::checkpoint::VerifiedCheckpoint;
use vm_seal::keys::verify_by_any;
use vm_seal::merkle::{ConsistencyProof, Frontier};
use vm_seal::verify::verify_seal;

use crate::error::VaultError;
use crate::mcp::{Against, Capture};
use crate::read::Reader;
use crate::second;
use crate::verify::{Outside, RecordedAt, SealState, Verification, judge_seals};
use crate::witness::judge_head;

/// Verifies one artifact: a row's id, a path below the vault, or a file anywhere with the same content. The rows that
/// recorded it are checked against the log's latest checkpoint, that one against a head from outside where there is one,
/// and the file against the rows. With `full_chain` every such row must be covered by a seal, and every seal that covers
/// one must hold and have an anchor that the trust policy accepts.
///
/// # Errors
/// [`VaultError`] where the vault or the file cannot be read at all.
pub fn verify_artifact(
    reader: &Reader,
    artifact: &str,
    full_chain: bool,
    outside: &Outside,
    now: Instant,
) -> Result<Verification, VaultError> {
    let mut report = Report::new();
    let rows = find_rows(reader, artifact)?;
    if rows.is_empty() {
        report.find(Finding::new(Code::NothingChecked, artifact).found("no row names it, or its content"));
    }
    if outside.pinned().is_none() {
        report.find(Finding::new(Code::NoTrustKey, format!("ledger {}", reader.ledger())));
    }
    let keys = outside.keys_of(reader)?;
    let checkpoint = latest_checkpoint(reader, &keys, &mut report)?;
    if let (Some(head), Some(latest)) = (&outside.head, &checkpoint) {
        check_head(reader, head, &keys, latest, &mut report);
    }
    judge_head(outside, &mut report);
    let known = outside.with_keys_of(reader);
    let bound = second::judge_head(&known, &mut report);
    for logged in &rows {
        check_row(reader, logged, checkpoint.as_ref(), &mut report)?;
        outside.judge_policy(&logged.row, &format!("row {}/{}", logged.entry.table, logged.entry.row_id), &mut report);
        check_file(reader, logged, &mut report)?;
    }
    let (seals, recorded) = if full_chain && !rows.is_empty() {
        check_seals(reader, &rows, (&known, bound), now, &mut report)?
    } else {
        (Vec::new(), Vec::new())
    };
    Ok(Verification {
        subject: format!("artifact {artifact}"),
        ledger: reader.ledger(),
        size: reader.view().size().map_err(VaultError::View)?,
        verdict: report.verdict(),
        seals,
        recorded,
        report,
    })
}

/// Rows of `proof_artifacts` that are the one named, name the path, or recorded the same content.
fn find_rows(reader: &Reader, artifact: &str) -> Result<Vec<LoggedRow>, VaultError> {
    if let Ok(id) = artifact.parse::<RowId>() {
        return Ok(reader.view().row(id).map_err(VaultError::View)?.into_iter().collect());
    }
    let content = hash_anywhere(reader, artifact)?.map(|digest| digest.to_hex());
    let filter = RowFilter {
        tables: vec![Table::ProofArtifacts],
        scope: RowScope::Window { since: None, until: None },
        as_of: reader.view().size().map_err(VaultError::View)?,
    };
    let mut rows = Vec::new();
    let visit = &mut |entry, state| {
        if let RowState::Present(row) = state
            && row.text("path").is_some()
            && (row.text("path") == Some(artifact) || content.is_some() && row.text("sha256_hex") == content.as_deref())
        {
            rows.push(LoggedRow { entry, row });
        }
        Ok(Visit::Continue)
    };
    reader.view().visit_matching(&filter, visit).map_err(VaultError::View)?;
    Ok(rows)
}

/// SHA-256 of the file below the vault, else of the file at this path; none where there is neither.
fn hash_anywhere(reader: &Reader, artifact: &str) -> Result<Option<Sha256Digest>, VaultError> {
    use vm_core::view::VaultFiles as _;
    if let Ok(path) = artifact.parse::<VaultPath>() {
        let mut hasher = vm_core::digest::StreamHasher::new();
        match reader.files().read(&path, &mut |piece| hasher.update(piece)) {
            Ok(()) => return Ok(Some(hasher.finish().0)),
            Err(FileFault::Missing { .. }) => {}
            // A row may still name the path, and then says what is wrong with it.
            Err(FileFault::NotRegular { .. }) => return Ok(None),
            Err(fault) => return Err(VaultError::Files(fault)),
        }
    }
    let path = Path::new(artifact);
    let fault = |source| VaultError::File { path: path.to_owned(), source };
    if !path.try_exists().map_err(fault)? {
        return Ok(None);
    }
    if !path.metadata().map_err(fault)?.is_file() {
        return Err(VaultError::Input { reason: format!("{artifact} is no regular file") });
    }
    let mut file = std::io::BufReader::new(std::fs::File::open(path).map_err(fault)?);
    let mut hasher = vm_core::digest::StreamHasher::new();
    loop {
        let piece = file.fill_buf().map_err(fault)?;
        if piece.is_empty() {
            return Ok(Some(hasher.finish().0));
        }
        hasher.update(piece);
        let length = piece.len();
        file.consume(length);
    }
}

fn latest_checkpoint(
    reader: &Reader,
    keys: &KeyHistory,
    report: &mut Report,
) -> Result<Option<VerifiedCheckpoint>, VaultError> {
    match verify_by_any(&reader.head()?, keys) {
        Ok((_, KeyStanding::NotInForce)) => {
            report.find(Finding::new(Code::KeyNotInForce, "latest checkpoint"));
            Ok(None)
        }
        // The log that it signs is here, and holds the change where there was one.
        Ok((checkpoint, _)) => Ok(Some(checkpoint)),
        Err(error) => {
            report.find(Finding::new(Code::CheckpointInvalid, "latest checkpoint").found(error.code()));
            Ok(None)
        }
    }
}

/// Whether the log that the latest checkpoint signs begins with the one that a head from outside remembers.
fn check_head(reader: &Reader, head: &Note, keys: &KeyHistory, latest: &VerifiedCheckpoint, report: &mut Report) {
    let subject = "head from outside";
    let (head, otherwise) = match verify_by_any(head, keys) {
        Ok((_, KeyStanding::NotInForce)) => return report.find(Finding::new(Code::KeyNotInForce, subject)),
        // Whoever stole the key may have made the head.
        Ok((head, KeyStanding::Stolen)) => (head, Code::KeyStolen),
        Ok((head, _)) => (head, Code::Forked),
        Err(error) => return report.find(Finding::new(Code::CheckpointInvalid, subject).found(error.code())),
    };
    let (from, to) = (head.size(), latest.size());
    if from > to {
        return report.find(Finding::new(Code::Rollback, subject).expected_found(from, to));
    }
    let proof = reader.view().consistency_proof(from.as_u64(), to.as_u64()).map_err(|error| error.code());
    let same = |proof: ConsistencyProof| {
        let holds = proof.verify(from, head.root(), to, latest.root());
        holds.map(drop).map_err(|error| error.code())
    };
    match proof.and_then(same) {
        Ok(()) => report.checked(format!("{subject}: the log of {from} begins the log of {to}")),
        Err(found) => report.find(Finding::new(otherwise, subject).expected_found(head.root(), found)),
    }
}

fn check_row(
    reader: &Reader,
    logged: &LoggedRow,
    checkpoint: Option<&VerifiedCheckpoint>,
    report: &mut Report,
) -> Result<(), VaultError> {
    let subject = format!("row {}/{}", logged.entry.table, logged.entry.row_id);
    let leaf = logged.row.leaf_hash().map_err(VaultError::Record)?;
    if leaf != logged.entry.leaf {
        report.find(Finding::new(Code::RowAltered, &subject).expected_found(logged.entry.leaf, leaf));
        return Ok(());
    }
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    let size = checkpoint.size();
    let proof = reader.view().inclusion_proof(logged.entry.seq, size.as_u64());
    let index = vm_seal::merkle::LeafIndex::new(logged.entry.seq);
    let proven = match proof {
        Ok(proof) => proof.verify(leaf, index, size, checkpoint.root()).map(drop).map_err(|error| error.code()),
        Err(error) => Err(error.code()),
    };
    match proven {
        Ok(()) => report.checked(format!("{subject}: in the log of {size} that is signed")),
        Err(found) => report.find(Finding::new(Code::RootMismatch, subject).found(found)),
    }
    Ok(())
}

fn check_file(reader: &Reader, logged: &LoggedRow, report: &mut Report) -> Result<(), VaultError> {
    use vm_core::view::VaultFiles as _;
    let Some(name) = logged.row.text("path") else { return Ok(()) };
    let subject = format!("artifact {name}");
    let Ok(path) = name.parse::<VaultPath>() else {
        report.find(Finding::new(Code::ArtifactMissing, subject).found("a path that leaves the vault"));
        return Ok(());
    };
    let mut hasher = vm_core::digest::StreamHasher::new();
    match reader.files().read(&path, &mut |piece| hasher.update(piece)) {
        Ok(()) => {
            let found = hasher.finish().0.to_hex();
            let expected = logged.row.text("sha256_hex").unwrap_or_default();
            if found == expected {
                report.checked(format!("{subject}: content"));
            } else {
                report.find(Finding::new(Code::ArtifactAltered, subject).expected_found(expected, found));
            }
        }
        Err(fault @ (FileFault::Missing { .. } | FileFault::NotRegular { .. })) => {
            report.find(Finding::new(Code::ArtifactMissing, subject).found(fault));
        }
        Err(fault) => return Err(VaultError::Files(fault)),
    }
    Ok(())
}

/// Seals that cover any of `rows`, each verified, with their anchors; and when each row was recorded.
fn check_seals(
    reader: &Reader,
    rows: &[LoggedRow],
    (outside, bound): (&Outside, Option<u64>),
    now: Instant,
    report: &mut Report,
) -> Result<(Vec<SealState>, Vec<RecordedAt>), VaultError> {
    let audited = audit(reader.view(), Some(reader.files()), &Trust { key: outside.pinned(), head: None });
    let judged = judge_seals(reader, &audited.seals, &audited.anchors, outside, now)?;
    let recorded = rows.iter().map(|row| {
        let seals =
            audited.seals.iter().zip(&judged.seals).filter(|(seal, (state, _))| state.verified && covers(seal, row));
        let interval = judged.interval(row.entry.seq, seals.map(|(_, (state, _))| state.interval));
        RecordedAt { row: row.entry.row_id, interval }
    });
    let recorded = recorded.collect();
    let mut states = Vec::new();
    let covering = audited.seals.iter().zip(judged.seals).filter(|(seal, _)| rows.iter().any(|row| covers(seal, row)));
    for (seal, (state, judged)) in covering {
        if let Some(bundle) = &seal.bundle {
            report.merge(verify_seal(bundle, reader.view(), Some(reader.files()), outside.pinned()).0);
        }
        second::judge_seal(outside, seal, bound, report);
        report.merge(judged);
        states.push(state);
    }
    for row in rows.iter().filter(|row| !audited.seals.iter().any(|seal| covers(seal, row))) {
        let subject = format!("row {}/{}", row.entry.table, row.entry.row_id);
        report.find(Finding::new(Code::RowsUnsealed, subject).found("no seal covers it"));
    }
    Ok((states, recorded))
}

/// Whether a seal covers a row: by its selection, or, for the rows of seals and anchors, by being about it.
fn covers(seal: &AuditedSeal, logged: &LoggedRow) -> bool {
    let Some(bundle) = &seal.bundle else { return false };
    let selected = bundle.digest().selection().selects(&logged.row).unwrap_or(false);
    let about = logged.row.text("kind") == Some(SystemKind::Anchor.as_str())
        && logged.row.row_ref("subject_id").ok().flatten() == Some(seal.row.entry.row_id);
    selected && logged.entry.seq < bundle.as_of().as_u64() || about || seal.row.entry == logged.entry
}

/// Matches a capture with the rows of `connection`, or of the one that fits best. `openings` opens commitments; without
/// it, frames that were redacted stay undecided. The rows must be those of the log that the latest checkpoint signs,
/// under the pinned key where `outside` brings one, else under the key that the ledger names.
///
/// # Errors
/// [`VaultError::Capture`] where the capture is malformed, [`VaultError::View`] where the vault cannot be read.
pub fn verify_against(
    reader: &Reader,
    capture: &mut dyn BufRead,
    connection: Option<TraceId>,
    openings: Option<&dyn OpeningsKeys>,
    outside: &Outside,
) -> Result<Verification, VaultError> {
    let mut report = Report::new();
    check_log(reader, &outside.keys_of(reader)?, &mut report)?;
    outside.find_unsigned("checkpoint of the log", &mut report);
    let filter = RowFilter {
        tables: vec![Table::McpCalls],
        scope: RowScope::Window { since: None, until: None },
        as_of: reader.view().size().map_err(VaultError::View)?,
    };
    let mut against = Against::new(connection);
    let visit = &mut |entry: LogEntry, state| {
        let row = match state {
            RowState::Present(row) => Some(row),
            _ => None,
        };
        if row.as_ref().is_none_or(|row| row.leaf_hash() != Ok(entry.leaf)) {
            let subject = format!("row {}/{}", entry.table, entry.row_id);
            report.find(Finding::new(Code::RowAltered, subject).expected_found(entry.leaf, "another row"));
        }
        row.iter().for_each(|row| against.row(row));
        Ok(Visit::Continue)
    };
    reader.view().visit_matching(&filter, visit).map_err(VaultError::View)?;
    for frame in Capture::new(capture) {
        let frame = frame.map_err(VaultError::Capture)?;
        against.frame(&frame, &mut |row| reader.view().openings(openings?, row).ok());
    }
    let matched = against.finish();
    report.merge(matched.report);
    let name = matched.connection.map_or_else(|| "capture".to_owned(), |id| format!("capture against connection {id}"));
    Ok(Verification {
        subject: name,
        ledger: reader.ledger(),
        size: reader.view().size().map_err(VaultError::View)?,
        verdict: report.verdict(),
        seals: Vec::new(),
        recorded: Vec::new(),
        report,
    })
}

/// The log's leaves against its latest checkpoint.
fn check_log(reader: &Reader, keys: &KeyHistory, report: &mut Report) -> Result<(), VaultError> {
    if keys.ledger() != reader.ledger() {
        let finding = Finding::new(Code::GenesisInvalid, "ledger");
        report.find(finding.expected_found(keys.ledger().origin(), reader.ledger().origin()));
    }
    let Some(latest) = latest_checkpoint(reader, keys, report)? else { return Ok(()) };
    let mut leaves = Frontier::new();
    let visit = &mut |entry, _| {
        if let StoredEntry::Entry(entry) = entry {
            leaves.append(entry.leaf);
        }
        Ok(Visit::Continue)
    };
    reader.view().visit_log(0, u64::MAX, visit).map_err(VaultError::View)?;
    if (leaves.size(), leaves.root()) != (latest.size(), latest.root()) {
        let finding = Finding::new(Code::RootMismatch, "log");
        report.find(finding.expected_found(latest.root(), leaves.root()));
    }
    Ok(())
}
