//! Artifacts: files and inline JSON against the hash and size that their rows recorded.

use vm_core::digest::{Blake3Digest, Sha256Digest, StreamHasher};
use vm_core::id::RowId;
use vm_core::path::VaultPath;
use vm_core::record::{LogEntry, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{FileFault, VaultFiles};

use crate::bundle::BUNDLE_MAX;
use crate::verify::row_subject;

/// A row that recorded an artifact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArtifactRow {
    /// Its place in the log.
    pub entry: LogEntry,
    /// The file, if the artifact is one.
    pub path: Option<VaultPath>,
    /// SHA-256 that the row recorded.
    pub sha256: Option<Sha256Digest>,
    /// The row it is about.
    pub subject_id: Option<RowId>,
}

impl ArtifactRow {
    pub(super) fn subject(&self) -> String {
        match &self.path {
            Some(path) => format!("artifact {path}"),
            None => row_subject(self.entry.table, self.entry.row_id),
        }
    }
}

/// Artifacts that later rules ask for, as the pass over the log came across them.
#[derive(Default)]
pub(super) struct Artifacts {
    pub(super) seals: Vec<ArtifactRow>,
    pub(super) anchors: Vec<ArtifactRow>,
}

impl Artifacts {
    pub(super) fn check(
        &mut self,
        entry: &LogEntry,
        row: &StoredRow,
        files: Option<&dyn VaultFiles>,
        report: &mut Report,
    ) {
        // A row of another table than its entry names was found with the log.
        if row.table() != Table::ProofArtifacts {
            return;
        }
        let sha256 = row.text("sha256_hex").and_then(|hex| Sha256Digest::parse_hex(hex).ok());
        let path = row.text("path").map(str::parse::<VaultPath>);
        let subject_id = row.row_ref("subject_id").ok().flatten();
        let Ok(path) = path.transpose() else {
            let subject = row_subject(entry.table, entry.row_id);
            report.find(Finding::new(Code::ArtifactMissing, subject).found("a path that leaves the vault"));
            return;
        };
        let artifact = ArtifactRow { entry: *entry, path, sha256, subject_id };
        let kind = row.text("kind").unwrap_or_default();
        let is_anchor = kind == SystemKind::Anchor.as_str();
        if is_anchor {
            self.anchors.push(artifact.clone());
        } else if kind == SystemKind::Seal.as_str() {
            self.seals.push(artifact.clone());
        }
        match &artifact.path {
            Some(path) => check_file(&artifact, row, path, is_anchor, files, report),
            None => check_inline(&artifact, row, report),
        }
    }
}

fn check_file(
    artifact: &ArtifactRow,
    row: &StoredRow,
    path: &VaultPath,
    is_anchor: bool,
    files: Option<&dyn VaultFiles>,
    report: &mut Report,
) {
    let subject = artifact.subject();
    let mut hasher = StreamHasher::new();
    let read = match files {
        Some(files) => files.read(path, &mut |bytes| hasher.update(bytes)),
        None => return report.find(Finding::new(Code::EvidenceUnreadable, subject).found("no files were given")),
    };
    match read {
        Ok(()) => {}
        Err(FileFault::Unreadable { .. }) => return report.find(Finding::new(Code::EvidenceUnreadable, subject)),
        Err(fault) => {
            let code = if is_anchor { Code::AnchorMissing } else { Code::ArtifactMissing };
            return report.find(Finding::new(code, subject).found(fault));
        }
    }
    let (sha256, blake3, size) = hasher.finish();
    compare(artifact, row, sha256, size, report);
    if let Some(recorded) = row.text("blake3_hex")
        && Blake3Digest::parse_hex(recorded) != Ok(blake3)
    {
        report.find(Finding::new(Code::ArtifactAltered, subject).expected_found(recorded, blake3));
    }
}

fn check_inline(artifact: &ArtifactRow, row: &StoredRow, report: &mut Report) {
    let json = row.text("meta_json").unwrap_or_default();
    let size = u64::try_from(json.len()).unwrap_or(u64::MAX);
    compare(artifact, row, Sha256Digest::of(json.as_bytes()), size, report);
}

fn compare(artifact: &ArtifactRow, row: &StoredRow, sha256: Sha256Digest, size: u64, report: &mut Report) {
    let recorded_size = row.integer("size").and_then(|size| u64::try_from(size).ok());
    if artifact.sha256 == Some(sha256) && recorded_size == Some(size) {
        return;
    }
    let text = |digest: Option<Sha256Digest>, size: Option<u64>| {
        let digest = digest.map_or_else(|| "no digest".to_owned(), |digest| digest.to_hex());
        format!("{digest}, {} bytes", size.unwrap_or_default())
    };
    let finding = Finding::new(Code::ArtifactAltered, artifact.subject());
    report.find(finding.expected_found(text(artifact.sha256, recorded_size), text(Some(sha256), Some(size))));
}

/// Bytes of a seal bundle's file; none where it cannot be read, which was found with the file. One byte more than
/// the limit is kept, so that the parser refuses what is longer.
pub(super) fn read_bundle(files: &dyn VaultFiles, path: &VaultPath) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = files.read(path, &mut |piece| {
        let room = (BUNDLE_MAX + 1).saturating_sub(bytes.len());
        bytes.extend(piece.iter().take(room));
    });
    read.ok().map(|()| bytes)
}
