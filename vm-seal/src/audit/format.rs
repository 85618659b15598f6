//! Formats that release 0.1.0 did not know: a row of one comes behind a row that announces it.

use vm_core::record::{FormatChange, LogEntry, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report};

use crate::index::INDEX_FORMAT;
use crate::verify::row_subject;

/// The kinds of rows that came later, each with the ending that its file must have and the format to be announced.
const LATER: [(SystemKind, &str, &str); 6] = [
    (SystemKind::Index, "", INDEX_FORMAT),
    (SystemKind::AnchorAttempt, "", "vm-anchor-attempt-v0"),
    (SystemKind::TrustPolicy, "", "vm-trust-policy-v0"),
    (SystemKind::Anchor, ".ots", "opentimestamps-v1"),
    (SystemKind::Anchor, ".btc", "vm-anchor-bitcoin-v0"),
    (SystemKind::Anchor, ".eth", "vm-anchor-ethereum-v0"),
];

/// What was announced so far.
#[derive(Default)]
pub(super) struct FormatRules {
    announced: [bool; LATER.len()],
}

impl FormatRules {
    /// Takes in the next row of the log.
    pub(super) fn check(&mut self, entry: &LogEntry, row: &StoredRow, report: &mut Report) {
        let subject = || row_subject(entry.table, entry.row_id);
        match FormatChange::of_row(row) {
            Ok(None) => {}
            Ok(Some(change)) => {
                for (announced, (_, _, format)) in self.announced.iter_mut().zip(LATER) {
                    *announced |= change.announces(format);
                }
            }
            Err(error) => report.find(Finding::new(Code::FormatUnknown, subject()).found(error.code())),
        }
        if row.table() != Table::ProofArtifacts {
            return;
        }
        let (kind, path) = (row.text("kind"), row.text("path").unwrap_or_default());
        for (announced, (later, ending, format)) in self.announced.iter().zip(LATER) {
            if kind == Some(later.as_str()) && path.ends_with(ending) && !announced {
                report.find(Finding::new(Code::FormatUnannounced, subject()).found(format));
            }
        }
    }
}
