//! Erasures as a vault has them: what each receipt says, whether it is finished, and what no erasure reaches.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vm_core::digest::Sha256Digest;
use vm_core::error::RecordError;
use vm_core::id::RowId;
use vm_core::key::OpeningsKeyId;
use vm_core::record::{DisclosureRecord, ErasureReason, ErasureReceipt, StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView as _, LoggedRow};
use vm_ledger::Snapshot;

use crate::error::VaultError;
use crate::read::Reader;

/// What no erasure of a vault reaches, whatever was recorded.
pub const UNREACHED: [&str; 7] = [
    "copies of the folder of keys: with one, openings in a backup of the vault can still be read",
    "exports and backups that somebody made of openings together with keys",
    "values that the redaction policy keeps in clear, and files that rows name",
    "other vaults of a mesh, and whoever else was given rows",
    "snapshots of the file system, and blocks that a disk has put aside",
    "memory and swap of processes that had the key open",
    "the commitments in the rows: they stay, and tell nothing without their salts",
];

/// Openings that were given out before they were erased.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GivenOut {
    /// Row that recorded it.
    pub disclosure: RowId,
    /// Row whose values were disclosed.
    pub row: RowId,
    /// Places of the values.
    pub pointers: Vec<String>,
    /// Ids of the keys that open the file.
    pub recipients: Vec<Sha256Digest>,
    /// SHA-256 of the file.
    pub file_sha256: Sha256Digest,
}

impl Reader {
    /// Rows that receipts of a key name, and those that still have openings under it.
    ///
    /// # Errors
    /// [`VaultError::View`], [`VaultError::Ledger`].
    pub fn rows_of_key(&self, key: OpeningsKeyId) -> Result<BTreeSet<RowId>, VaultError> {
        let mut rows: BTreeSet<RowId> = self.view().rows_under(key)?.into_iter().collect();
        self.visit_kind(SystemKind::Erasure.as_str(), &mut |row| {
            if let Ok(Some(receipt)) = ErasureReceipt::of_row(&row.row)
                && receipt.key() == key
            {
                rows.extend(receipt.rows());
            }
        })?;
        Ok(rows)
    }

    /// Disclosures of any of these rows.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn given_out(&self, rows: &BTreeSet<RowId>) -> Result<Vec<GivenOut>, VaultError> {
        let mut found = Vec::new();
        self.visit_kind(SystemKind::Disclosure.as_str(), &mut |row: LoggedRow| {
            if let Ok(Some(record)) = DisclosureRecord::of_row(&row.row)
                && rows.contains(&record.row())
            {
                found.push(GivenOut {
                    disclosure: row.entry.row_id,
                    row: record.row(),
                    pointers: record.commitments().iter().map(|opened| opened.pointer.clone()).collect(),
                    recipients: record.recipients().to_vec(),
                    file_sha256: record.file_sha256(),
                });
            }
        })?;
        Ok(found)
    }

    /// Files below the vault that these rows name, and that stay.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn files_of(&self, rows: &BTreeSet<RowId>) -> Result<Vec<String>, VaultError> {
        let mut found = Vec::new();
        for id in rows {
            let row = self.view().row(*id).map_err(VaultError::View)?;
            found.extend(row.and_then(|row| row.row.text("path").map(str::to_owned)));
        }
        Ok(found)
    }
}

/// Judges the receipts of erasures and the records of disclosures that a ledger holds. Of one that holds none nothing is said.
pub(crate) fn audit(reader: &Reader) -> Result<Report, VaultError> {
    let mut report = Report::new();
    let (mut receipts, mut disclosures, mut parts) = (0_u64, 0_u64, Parts::default());
    reader.visit_kind(SystemKind::Erasure.as_str(), &mut |row| {
        receipts += 1;
        let subject = subject(&row);
        match ErasureReceipt::of_row(&row.row) {
            Ok(Some(receipt)) => {
                if receipt.part() == 1 {
                    let found = format!("{} rows erased under receipt {}", receipt.count(), row.entry.row_id);
                    report.find(Finding::new(Code::Erased, subject).found(found));
                }
                parts.add(row.entry.row_id, &receipt);
            }
            Ok(None) => {}
            Err(error) => report.find(fault(Code::ErasureInvalid, subject, &error)),
        }
    })?;
    parts.judge(&mut report);
    reader.visit_kind(SystemKind::Disclosure.as_str(), &mut |row| {
        disclosures += 1;
        let of_another =
            |record: &DisclosureRecord, row: &StoredRow| row.row_ref("subject_id") != Ok(Some(record.row()));
        match DisclosureRecord::of_row(&row.row) {
            Ok(Some(record)) if of_another(&record, &row.row) => {
                let finding = Finding::new(Code::DisclosureInvalid, subject(&row));
                report.find(finding.found("it names one row and is about another"));
            }
            Ok(_) => {}
            Err(error) => report.find(fault(Code::DisclosureInvalid, subject(&row), &error)),
        }
    })?;
    for (receipt, left) in unfinished(reader.view(), receipts)? {
        let finding = Finding::new(Code::ErasureUnfinished, format!("row proof_artifacts/{receipt}"));
        report.find(finding.found(format!("{left} openings under the key are still there")));
    }
    if receipts > 0 {
        report.checked(format!("receipts of erasures: {receipts}"));
    }
    if disclosures > 0 {
        report.checked(format!("records of disclosures: {disclosures}"));
    }
    Ok(report)
}

/// Receipts of more than one part, each by the row that it goes by, with those of its parts that were found.
#[derive(Default)]
struct Parts(BTreeMap<RowId, Vec<Part>>);

/// What is kept of a part.
struct Part {
    number: u64,
    /// What must be the same in all of them: how many there are, the key, the rows of all, and why.
    told: (u64, OpeningsKeyId, u64, Option<ErasureReason>),
}

impl Parts {
    fn add(&mut self, row: RowId, receipt: &ErasureReceipt) {
        if receipt.part_count() == 1 {
            return;
        }
        let told = (receipt.part_count(), receipt.key(), receipt.count(), receipt.reason());
        let parts = self.0.entry(receipt.first().unwrap_or(row)).or_default();
        parts.push(Part { number: receipt.part(), told });
    }

    /// A receipt is sound where each part is there once and all tell the same: one transaction wrote them.
    fn judge(self, report: &mut Report) {
        for (first, mut parts) in self.0 {
            parts.sort_by_key(|part| part.number);
            let told = parts.first().map(|part| part.told);
            let is_same = parts.iter().all(|part| Some(part.told) == told);
            let numbers = 1..=told.map_or(0, |(count, ..)| count);
            let found = if !is_same {
                "its parts disagree".to_owned()
            } else if !parts.iter().map(|part| part.number).eq(numbers.clone()) {
                format!("{} parts where it says {}", parts.len(), numbers.end())
            } else {
                continue;
            };
            report.find(Finding::new(Code::ErasureInvalid, format!("row proof_artifacts/{first}")).found(found));
        }
    }
}

fn unfinished(snapshot: &Snapshot, receipts: u64) -> Result<Vec<(RowId, u64)>, VaultError> {
    if receipts == 0 { Ok(Vec::new()) } else { Ok(snapshot.unfinished_erasures()?) }
}

fn subject(row: &LoggedRow) -> String {
    format!("row proof_artifacts/{}", row.entry.row_id)
}

/// Another format has other members, so what they are is not asked first.
fn fault(code: Code, subject: String, error: &RecordError) -> Finding {
    match error {
        RecordError::UnknownFormat { found } => Finding::new(Code::FormatUnknown, subject).found(found),
        _ => Finding::new(code, subject).found(error.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> RowId {
        let mut bytes = [0; 16];
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        RowId::from_bytes(bytes)
    }

    /// The parts of a receipt of 25,000 rows, by the rows they stand in.
    fn receipt(first: u32, reason: Option<ErasureReason>) -> Vec<(RowId, ErasureReceipt)> {
        let rows: Vec<RowId> = (0..25_000).map(id).collect();
        let mut ids = (first..).map(id);
        ErasureReceipt::parts(OpeningsKeyId::from_bytes([7; 16]), reason, &rows, || ids.next().unwrap())
    }

    fn judged(rows: &[(RowId, ErasureReceipt)]) -> Vec<(Code, Option<String>)> {
        let (mut parts, mut report) = (Parts::default(), Report::new());
        rows.iter().for_each(|(row, receipt)| parts.add(*row, receipt));
        parts.judge(&mut report);
        report.findings().iter().map(|finding| (finding.code(), finding.found_value().map(str::to_owned))).collect()
    }

    #[test]
    fn a_receipt_is_sound_with_all_its_parts_alone() {
        let (one, other) = (receipt(30_000, None), receipt(40_000, Some(ErasureReason::Objection)));
        assert_eq!(one.len(), 3);
        assert!(judged(&[]).is_empty());
        assert!(judged(&[one.clone(), other.clone()].concat()).is_empty());
        for without in 0..3 {
            let mut rows = [other.clone(), one.clone()].concat();
            rows.remove(3 + without);
            assert_eq!(judged(&rows), [(Code::ErasureInvalid, Some("2 parts where it says 3".to_owned()))]);
        }
        let twice = [one.clone(), vec![one[1].clone()]].concat();
        assert_eq!(judged(&twice), [(Code::ErasureInvalid, Some("4 parts where it says 3".to_owned()))]);
        let another = receipt(30_000, Some(ErasureReason::Unlawful));
        let mixed = [one[0].clone(), another[1].clone(), one[2].clone()];
        assert_eq!(judged(&mixed), [(Code::ErasureInvalid, Some("its parts disagree".to_owned()))]);
    }
}
