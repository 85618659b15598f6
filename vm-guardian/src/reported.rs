//! Reports read back from rows: what a guardian proposed there, for whoever makes a proposal of it.

use serde::Deserialize;
use vm_core::canonical;
use vm_core::id::EngineName;
use vm_core::record::{StoredRow, Table};

use crate::artifact::{Artifact, REPORT_KIND};
use crate::error::FormatError;
use crate::proposal::{ChangeKind, EvidenceRef, Proposal};

/// What a report in a row says of who made it, and what it proposes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reported {
    /// The guardian's engine.
    pub guardian: EngineName,
    /// Size of the log when it looked, where it could be read.
    pub size: Option<u64>,
    /// What it proposes, in its order.
    pub proposals: Vec<Proposal>,
}

#[derive(Deserialize)]
struct Shape {
    guardian: EngineName,
    size: Option<u64>,
    proposals: Vec<Proposed>,
}

#[derive(Deserialize)]
struct Proposed {
    title: String,
    change: String,
    evidence: Vec<EvidenceRef>,
    effect: String,
}

impl Reported {
    /// The report in `row`; none where it holds something else. That the row is the one that was logged is for the caller to
    /// see to.
    #[must_use]
    pub fn of_row(row: &StoredRow) -> Option<Result<Self, FormatError>> {
        let ours = row.table() == Table::ProofArtifacts && row.text("kind") == Some(REPORT_KIND);
        ours.then(|| {
            let text = row.text("meta_json").ok_or(FormatError::Shape)?;
            let value =
                canonical::parse_exact(text.as_bytes(), canonical::BYTES_MAX).map_err(FormatError::Canonical)?;
            if let Some(fault) = FormatError::of_format(&value, Artifact::REPORT_FORMAT) {
                return Err(fault);
            }
            Artifact::check(&value)?;
            let Shape { guardian, size, proposals } = Shape::deserialize(&value).map_err(|_| FormatError::Shape)?;
            Ok(Self { guardian, size, proposals: proposals.into_iter().map(Proposal::from).collect() })
        })
    }
}

impl From<Proposed> for Proposal {
    fn from(proposed: Proposed) -> Self {
        let Proposed { title, change, evidence, effect } = proposed;
        Self { title, change: ChangeKind::of_word(&change), evidence, effect }
    }
}
