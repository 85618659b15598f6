//! The built-in guardians, one for each way of failing.

mod anchor;
mod clock;
mod overblocking;
pub mod poisoning;
mod tampering;
mod trace;

pub use anchor::{ANCHORS_JUDGED, AnchorGuardian};
pub use clock::ClockGuardian;
pub use overblocking::OverblockingGuardian;
pub use poisoning::{PoisoningGuardian, PoisoningWatch};
pub use tampering::TamperingGuardian;
pub use trace::TraceGuardian;

use vm_core::id::RowId;
use vm_core::verdict::Report;

use crate::context::Context;
use crate::guardian::Guardian;
use crate::proposal::{EVIDENCE_MAX, EvidenceRef};

/// All six, in the order of the blueprint.
pub const BUILT_IN: [&dyn Guardian; 6] =
    [&TamperingGuardian, &AnchorGuardian, &PoisoningGuardian, &OverblockingGuardian, &ClockGuardian, &TraceGuardian];

/// The built-in guardian called `name`.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static dyn Guardian> {
    BUILT_IN.into_iter().find(|guardian| guardian.name() == name)
}

/// Rows that the subjects of `report` name and the log still holds, as evidence; at most [`EVIDENCE_MAX`]. A budget that is
/// spent ends the search, since what was found stands without.
fn evidence(context: &Context<'_>, report: &Report) -> Vec<EvidenceRef> {
    let mut found = Vec::new();
    for finding in report.findings() {
        if found.len() == EVIDENCE_MAX {
            break;
        }
        let id = finding.subject().rsplit(['/', ' ']).next().and_then(|id| id.parse::<RowId>().ok());
        let Some(id) = id else { continue };
        match context.view().row(id) {
            Ok(row) => found.extend(row.map(|row| EvidenceRef::from(&row.entry))),
            Err(_) if context.spent().is_some() => break,
            // A row that cannot be read back is no evidence; that it cannot is found by the verification.
            Err(_) => {}
        }
    }
    found
}
