//! Proofs of single rows as files: reading either form, and checking one with nothing else at hand.

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::{LedgerId, RowId};
use vm_core::key::Note;
use vm_core::record::{LEAF_MAX, StoredRow, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::TlogProofError;
use vm_seal::merkle::{InclusionProof, LeafIndex};
use vm_seal::receipt::Receipt;
use vm_seal::tlog::{TLOG_PROOF_MAX, TlogProof};

use crate::error::ProofFileError;
use crate::pin::Pin;
use crate::verify::Outside;

/// Format of a row proof in JSON.
pub const ROW_PROOF_FORMAT: &str = "vm-row-proof-v0";
/// Longest proof read, in bytes: in JSON, leaf data can be twice as long as they are, and the rest is as long as in the
/// other form.
pub const PROOF_FILE_MAX: usize = 2 * LEAF_MAX + TLOG_PROOF_MAX;

/// A proof of one entry, read from a file of either form. Nothing of it is believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofFile {
    proof: TlogProof,
    data: Option<Vec<u8>>,
}

/// What a proof is of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProvenRow {
    /// Name of the log, by its checkpoint.
    pub origin: String,
    /// Entries in it, by its checkpoint.
    pub size: u64,
    /// Place of the entry.
    pub index: u64,
    /// Its leaf hash; none where its data were not at hand.
    pub leaf: Option<LeafHash>,
    /// Table of the row; none where the entry is no row of a ledger.
    pub table: Option<Table>,
    /// Id of the row.
    pub id: Option<RowId>,
}

/// Members of a row proof in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    format: String,
    leaf_data: String,
    index: u64,
    size: u64,
    path: Vec<RootHash>,
    checkpoint: String,
}

impl ProofFile {
    /// Reads a `.tlog-proof`, or a row proof in JSON.
    ///
    /// # Errors
    /// [`ProofFileError`] says what is malformed; an unknown format is told apart.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Ok(Self::of_tlog(TlogProof::parse(bytes)?));
        }
        let value = canonical::parse(bytes, PROOF_FILE_MAX).map_err(ProofFileError::Json)?;
        if let Some(found) = value.get("format").and_then(serde_json::Value::as_str)
            && found != ROW_PROOF_FORMAT
        {
            return Err(ProofFileError::FormatUnknown { found: found.chars().take(64).collect() });
        }
        let members = Members::deserialize(value).map_err(|_| ProofFileError::Shape)?;
        if members.format != ROW_PROOF_FORMAT {
            return Err(ProofFileError::Shape);
        }
        let path = InclusionProof::from_hashes(members.path).map_err(ProofFileError::Path)?;
        let note = Note::parse(members.checkpoint.as_bytes()).map_err(ProofFileError::Note)?;
        let proof = TlogProof::new(LeafIndex::new(members.index), path, note, None)?;
        let found = proof.claimed().size().as_u64();
        if found != members.size {
            return Err(ProofFileError::Size { expected: members.size, found });
        }
        Ok(Self { proof, data: Some(members.leaf_data.into_bytes()) })
    }

    /// Extra data of a ledger's proof are leaf data. What another log means by them, that log knows.
    fn of_tlog(proof: TlogProof) -> Self {
        let data = proof.extra().filter(|_| is_ledger(proof.claimed().origin())).map(<[u8]>::to_vec);
        Self { proof, data }
    }

    /// The proof as C2SP has it.
    #[must_use]
    pub const fn proof(&self) -> &TlogProof {
        &self.proof
    }

    /// The entry's data, if they are in the file.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }
}

/// Checks a proof with nothing else at hand: the entry's data, those in the file unless `data` are given, hash to the
/// leaf that leads to the root of a checkpoint that the pinned key signed.
#[must_use]
pub fn verify_proof(file: &ProofFile, data: Option<&[u8]>, outside: &Outside) -> (ProvenRow, Report) {
    let (proof, mut report) = (file.proof(), Report::new());
    let subject = format!("checkpoint of {}", proof.claimed().origin());
    let pin = outside.pin_for(proof.note(), &subject, &mut report);
    match pin.key().map(|key| Checkpoint::verify(proof.note(), key)) {
        None if pin == Pin::Unproven => {}
        None => report.find(Finding::new(Code::NoTrustKey, subject)),
        Some(Ok(_)) => report.checked(format!("signature of the {subject}")),
        Some(Err(error)) => report.find(Finding::new(Code::CheckpointInvalid, subject).found(error.code())),
    }
    let data = data.or_else(|| file.data());
    let mut proven = ProvenRow {
        origin: proof.claimed().origin().to_owned(),
        size: proof.claimed().size().as_u64(),
        index: proof.index().as_u64(),
        leaf: data.map(LeafHash::of),
        table: None,
        id: None,
    };
    let subject = format!("entry {} of {}", proven.index, proven.size);
    let (Some(data), Some(leaf)) = (data, proven.leaf) else {
        report.find(Finding::new(Code::EvidenceUnreadable, subject).found("the proof does not hold the entry's data"));
        return (proven, report);
    };
    match proof.verify_path(leaf) {
        Ok(_) => report.checked(format!("path of {subject}")),
        Err(error) => {
            let cause = if let TlogProofError::Proof(cause) = &error { cause.code() } else { error.code() };
            report.find(Finding::new(Code::RootMismatch, subject).found(cause));
            return (proven, report);
        }
    }
    name_row(&mut proven, data, subject, outside, &mut report);
    (proven, report)
}

/// Checks a COSE receipt with the entry's `data` at hand, which it never holds: they hash to a leaf that leads to a root that
/// the pinned key signed.
#[must_use]
pub fn verify_receipt(receipt: &Receipt, data: Option<&[u8]>, outside: &Outside) -> (ProvenRow, Report) {
    let mut report = Report::new();
    let mut proven = ProvenRow {
        origin: receipt.issuer().to_owned(),
        size: receipt.size().as_u64(),
        index: receipt.index().as_u64(),
        leaf: data.map(LeafHash::of),
        table: None,
        id: None,
    };
    let subject = format!("entry {} of {}", proven.index, proven.size);
    let pin = outside.pin_for_receipt(receipt, &format!("receipt of {}", proven.origin), &mut report);
    if pin == Pin::Absent {
        report.find(Finding::new(Code::NoTrustKey, format!("receipt of {}", proven.origin)));
    }
    let (Some(data), Some(leaf)) = (data, proven.leaf) else {
        report.find(Finding::new(Code::EvidenceUnreadable, subject).found("a receipt does not hold the entry's data"));
        return (proven, report);
    };
    // Without a key there is no root to compare with: the receipt names none.
    let Some(key) = pin.key() else { return (proven, report) };
    match receipt.verify(leaf, key) {
        Ok(verified) => {
            report.checked(format!("path of {subject}, and the signature over its root"));
            if !verified.is_place_signed() {
                report.find(Finding::new(Code::PlaceUnsigned, subject.clone()));
            }
        }
        Err(error) => {
            report.find(Finding::new(Code::RootMismatch, subject).found(error.code()));
            return (proven, report);
        }
    }
    name_row(&mut proven, data, subject, outside, &mut report);
    (proven, report)
}

/// Says which row of a ledger the entry is.
fn name_row(proven: &mut ProvenRow, data: &[u8], subject: String, outside: &Outside, report: &mut Report) {
    if is_ledger(&proven.origin) {
        match StoredRow::parse_leaf_data(data) {
            Ok(row) => {
                (proven.table, proven.id) = (Some(row.table()), row.id().ok());
                outside.judge_policy(&row, &subject, report);
            }
            Err(error) => report.find(Finding::new(Code::FormatUnknown, subject).found(error.code())),
        }
    }
}

/// Whether a log of this name has rows of a ledger as its entries.
fn is_ledger(origin: &str) -> bool {
    let ledger = origin.strip_prefix("vaultmesh/").and_then(|name| LedgerId::parse(name).ok());
    ledger.is_some_and(|ledger| ledger.origin() == origin)
}

#[cfg(test)]
mod tests {
    use vm_core::verdict::Verdict;

    use super::*;

    #[test]
    fn the_page_shows_a_proof_that_holds() {
        let page = include_str!("../../docs/spec/tlog-proof.md");
        let mut blocks = page.split("```text\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
        let sample = blocks.next().unwrap();
        let file = ProofFile::parse(sample.as_bytes()).unwrap();
        assert_eq!(file.proof().to_string(), sample);
        let key = blocks.next().unwrap().trim_end().parse().unwrap();
        let (proven, report) = verify_proof(&file, None, &Outside { key: Some(key), ..Outside::default() });
        assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
        assert_eq!((proven.index, proven.size, proven.table), (3, 4, Some(Table::ToolInvocations)));
    }
}
