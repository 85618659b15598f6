//! Formats that release 0.1.0 did not know: a row of one comes behind a row that announces it.

use vm_core::capability::{PermitUse, Revocation, Token};
use vm_core::epoch::EpochChange;
use vm_core::key::KeyChange;
use vm_core::record::{DisclosureRecord, ErasureReceipt, FormatChange, LogEntry, StoredRow, SystemKind, Table};
use vm_core::redact::Policy;
use vm_core::statistics::{PrivacyBudget, Release};
use vm_core::verdict::{Code, Finding, Report};

use crate::index::INDEX_FORMAT;
use crate::verify::row_subject;
use crate::witness::WITNESS_ROW_FORMAT;

/// Which rows of a kind came later.
#[derive(Clone, Copy)]
enum Which {
    All,
    /// Those whose file has this ending.
    File(&'static str),
    /// Those whose JSON, which is canonical, holds this member.
    Member(&'static str),
}

/// The kinds of rows that came later, and the format to be announced.
const LATER: [(SystemKind, Which, &str); 27] = [
    (SystemKind::Index, Which::All, INDEX_FORMAT),
    (SystemKind::AnchorAttempt, Which::All, "vm-anchor-attempt-v0"),
    (SystemKind::TrustPolicy, Which::All, "vm-trust-policy-v0"),
    (SystemKind::WitnessCheckpoint, Which::All, WITNESS_ROW_FORMAT),
    (SystemKind::Anchor, Which::File(".ots"), "opentimestamps-v1"),
    (SystemKind::Anchor, Which::File(".btc"), "vm-anchor-bitcoin-v0"),
    (SystemKind::Anchor, Which::File(".eth"), "vm-anchor-ethereum-v0"),
    // Nothing else in a token is a text that anybody chooses.
    (SystemKind::Capability, Which::Member(r#""format":"vm-capability-v1""#), Token::PACED_FORMAT),
    (SystemKind::PermitUse, Which::All, PermitUse::FORMAT),
    (SystemKind::Revocation, Which::All, Revocation::FORMAT),
    (SystemKind::GatePolicy, Which::All, "vm-gate-policy-v0"),
    (SystemKind::HorizonOpened, Which::All, "vm-horizon-opened-v0"),
    (SystemKind::HorizonClosed, Which::All, "vm-horizon-closed-v0"),
    (SystemKind::Proposal, Which::All, "vm-dee-proposal-v0"),
    (SystemKind::Replay, Which::All, "vm-dee-replay-v0"),
    (SystemKind::Approval, Which::All, "vm-dee-approval-v0"),
    (SystemKind::Intent, Which::All, "vm-dee-intent-v0"),
    (SystemKind::Outcome, Which::All, "vm-dee-outcome-v0"),
    (SystemKind::EpochChange, Which::All, EpochChange::FORMAT),
    (SystemKind::Merge, Which::All, "vm-merge-receipt-v0"),
    (SystemKind::PrivacyBudget, Which::All, PrivacyBudget::FORMAT),
    (SystemKind::StatisticsRelease, Which::All, Release::FORMAT),
    (SystemKind::RedactionPolicy, Which::All, Policy::NAMED_FORMAT),
    (SystemKind::Disclosure, Which::All, DisclosureRecord::FORMAT),
    (SystemKind::Erasure, Which::All, ErasureReceipt::FORMAT),
    // Nothing else in a change holds a quotation mark.
    (SystemKind::KeyChange, Which::Member(r#""format":"vm-key-change-v0""#), KeyChange::FORMAT),
    (SystemKind::KeyChange, Which::Member(r#""format":"vm-key-change-v1""#), KeyChange::ML_DSA_FORMAT),
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
        let text = |column| row.text(column).unwrap_or_default();
        for (announced, (later, which, format)) in self.announced.iter().zip(LATER) {
            let is_it = match which {
                Which::All => true,
                Which::File(ending) => text("path").ends_with(ending),
                Which::Member(member) => text("meta_json").contains(member),
            };
            if text("kind") == later.as_str() && is_it && !announced {
                report.find(Finding::new(Code::FormatUnannounced, subject()).found(format));
            }
        }
    }
}
