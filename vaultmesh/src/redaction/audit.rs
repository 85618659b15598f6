//! Which redaction policies a verifier can read, and which it believes.

use vm_core::digest::PolicyHash;
use vm_core::record::StoredRow;
use vm_core::redact::Policy;
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::audit::Redactions;

use crate::error::VaultError;
use crate::verify::Outside;

/// Judges the policies that the rows of a ledger name: each must be the one that ships, that of guardians' own rows, or
/// recorded before the first row under it. Where there is a list, it must be among those, but for guardians'
/// own rows, into which no payload goes.
pub(crate) fn judge(
    redactions: &Redactions,
    listed: Option<&[PolicyHash]>,
    report: &mut Report,
) -> Result<(), VaultError> {
    let builtin = Policy::builtin().hash();
    let guardians = of_guardians()?;
    let mut policies = 0;
    for (hash, used) in redactions.used() {
        policies += 1;
        let found = || format!("policy {hash}, in {} rows", used.rows);
        let ships = hash == builtin || hash == guardians;
        if !ships && !redactions.is_recorded_before(hash, used.first) {
            report.find(Finding::new(Code::PolicyUnrecorded, &*used.subject).found(found()));
        }
        if hash != guardians && listed.is_some_and(|listed| !listed.contains(&hash)) {
            report.find(Finding::new(Code::PolicyNotListed, &*used.subject).found(found()));
        }
    }
    report.checked(format!("redaction: {policies} policies that rows name"));
    Ok(())
}

fn of_guardians() -> Result<PolicyHash, VaultError> {
    Ok(vm_guardian::artifact::policy().map_err(crate::error::GuardFault::Guardian)?.hash())
}

impl Outside {
    /// The redaction policies that the trust file lists; none where it has no list.
    pub(crate) fn listed_policies(&self) -> Option<&[PolicyHash]> {
        self.trust.as_ref().and_then(|trust| trust.redaction.as_deref())
    }

    /// Finds where a row that is looked at by itself was redacted under a policy that is not listed. Whether it is on record is for
    /// whoever has the ledger.
    pub(crate) fn judge_policy(&self, row: &StoredRow, subject: &str, report: &mut Report) {
        let hash = row.blob("policy_hash").and_then(|bytes| PolicyHash::from_slice(bytes).ok());
        if let (Some(listed), Some(hash)) = (self.listed_policies(), hash)
            && !listed.contains(&hash)
            && of_guardians().ok() != Some(hash)
        {
            report.find(Finding::new(Code::PolicyNotListed, subject).found(format!("policy {hash}")));
        }
    }

    /// Finds that the rows under `subject` are not looked at, where only listed policies are believed.
    pub fn find_policies_unread(&self, subject: &str, report: &mut Report) {
        if self.listed_policies().is_some() {
            report.find(Finding::new(Code::PolicyNotListed, subject).found("the rows are not read here"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vm_core::capability::act;
    use vm_core::id::TraceId;
    use vm_core::instant::Instant;
    use vm_core::key::SigningIdentity;
    use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader, SystemKind, Table};
    use vm_core::redact::{Redacted, Redactor};
    use vm_core::source::hazmat::{CountingEntropy, FixedClock};
    use vm_core::verdict::Verdict;
    use vm_seal::audit::{Trust, audit};
    use vm_seal::memory::MemoryLedger;

    use super::*;
    use crate::redaction::Detector;

    fn redacted(policy: &Policy, header: RowHeader) -> RowDraft {
        let mut entropy = CountingEntropy::new(9);
        let mut redactor = Redactor::new(policy, &Detector, &mut entropy, Table::ProofArtifacts, "x", header.id);
        let meta = Some(redactor.json("meta_json", &json!({"a": 1})).unwrap());
        let redaction = redactor.finish();
        let row = ProofArtifact { header, kind: "x".parse().unwrap(), file: None, subject: None, meta };
        row.into_draft(Some(redaction)).unwrap()
    }

    fn recorded(policy: &Policy, header: RowHeader) -> RowDraft {
        let meta = Some(Redacted::system(&policy.to_value()).unwrap());
        let kind = ArtifactKind::system(SystemKind::RedactionPolicy);
        ProofArtifact { header, kind, file: None, subject: None, meta }.into_draft(None).unwrap()
    }

    #[test]
    fn rows_under_a_policy_that_was_not_recorded_before_them_leave_it_undecided() {
        let policy = Policy::named("own", 1, Vec::new()).unwrap();
        let clock = FixedClock(Instant::parse_lenient("2026-01-02T03:04:05Z").unwrap());
        // The policy's row before the others, after them, and not at all.
        for (order, verdict) in [("prr", Verdict::Verified), ("rrp", Verdict::Undecided), ("rr", Verdict::Undecided)] {
            let mut entropy = CountingEntropy::new(1);
            let [root, log, operator] = [1, 2, 3].map(|byte| SigningIdentity::from_seed(&[byte; 32]));
            let (mut ledger, holder) = MemoryLedger::found(&root, log, operator, &clock, &mut entropy).unwrap();
            let permit = ledger.permit::<act::Seal>(&holder, &clock).unwrap();
            for row in order.chars() {
                let header = RowHeader::mint(&clock, &mut entropy, TraceId::from_bytes([7; 16]));
                let draft = if row == 'p' { recorded(&policy, header) } else { redacted(&policy, header) };
                ledger.record_sealed(&permit, draft).unwrap();
            }
            let key = ledger.key().unwrap();
            let redactions = audit(&ledger, None, &Trust { key: Some(&key), head: None }).redactions;
            let mut report = Report::new();
            judge(&redactions, None, &mut report).unwrap();
            assert_eq!(report.verdict(), verdict, "{order}");
            let found: Vec<_> =
                report.findings().iter().map(|finding| (finding.code(), finding.found_value())).collect();
            let told = format!("policy {}, in 2 rows", policy.hash());
            let wanted = [(Code::PolicyUnrecorded, Some(told.as_str()))];
            assert_eq!(found, if verdict == Verdict::Verified { &[] } else { &wanted[..] }, "{order}");
            // Who lists policies believes no other.
            let lists = [(vec![policy.hash()], false), (vec![Policy::builtin().hash()], true), (Vec::new(), true)];
            for (listed, is_told) in lists {
                let mut report = Report::new();
                judge(&redactions, Some(&listed), &mut report).unwrap();
                assert_eq!(report.has(Code::PolicyNotListed), is_told, "{order}");
            }
        }
    }
}
