//! Which redaction policies a verifier can read, and which it believes.

use vm_core::digest::PolicyHash;
use vm_core::redact::Policy;
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::audit::Redactions;

use crate::error::VaultError;

/// Judges the policies that the rows of a ledger name: each must be the one that ships, that of guardians' own rows, or
/// recorded before the first row under it. Where `listed` names any, it must be among them, but for guardians'
/// own rows, into which no payload goes.
pub(crate) fn judge(redactions: &Redactions, listed: &[PolicyHash], report: &mut Report) -> Result<(), VaultError> {
    let builtin = Policy::builtin().hash();
    let guardians = vm_guardian::artifact::policy().map_err(crate::error::GuardFault::Guardian)?.hash();
    let mut policies = 0;
    for (hash, used) in redactions.used() {
        policies += 1;
        let found = || format!("policy {hash}, in {} rows", used.rows);
        let ships = hash == builtin || hash == guardians;
        if !ships && !redactions.is_recorded_before(hash, used.first) {
            report.find(Finding::new(Code::PolicyUnrecorded, &*used.subject).found(found()));
        }
        if !listed.is_empty() && hash != guardians && !listed.contains(&hash) {
            report.find(Finding::new(Code::PolicyNotListed, &*used.subject).found(found()));
        }
    }
    report.checked(format!("redaction: {policies} policies that rows name"));
    Ok(())
}
