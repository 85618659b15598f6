//! Proofs that an author said two things in one place, as a verifier without vault, graph or charter judges them.

use serde::Serialize;
use vm_core::key::PublicKey;
use vm_core::verdict::{Code, Finding, Report};
use vm_crdt::error::{EquivocationError, OpError};
use vm_crdt::{EquivocationProof, GraphId, SignedHead};

use crate::error::MergeFault;

/// How findings name a proof of which no author is known.
const PROOF: &str = "proof of equivocation";

/// Whose proof it must be, and of which graph; where one is absent, that which the proof names counts. It verifies by itself: the
/// author's key is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pins {
    /// The author.
    pub author: Option<PublicKey>,
    /// The graph.
    pub graph: Option<GraphId>,
}

/// What a proof of equivocation says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EquivocationShown {
    /// Key of the author.
    pub author: String,
    /// Whether the verifier named that author, or the proof alone does.
    pub author_pinned: bool,
    /// The graph.
    pub graph: String,
    /// Whether the verifier named that graph, or the proof alone does.
    pub graph_pinned: bool,
    /// The number that both ops have.
    pub seq: u64,
    /// Their names.
    pub ops: [String; 2],
}

impl EquivocationShown {
    /// What `proof` says, to a verifier who brings these pins.
    #[must_use]
    pub fn of(proof: &EquivocationProof, pins: &Pins) -> Self {
        Self {
            author: proof.author().to_string(),
            author_pinned: pins.author == Some(*proof.author()),
            graph: proof.graph().to_string(),
            graph_pinned: pins.graph == Some(proof.graph()),
            seq: proof.seq(),
            ops: proof.heads().map(|head| head.id().to_string()),
        }
    }
}

/// Judges a proof of equivocation: that an author forked is contradicted, and a proof that does not hold, or not of whom it must,
/// proves nothing. There is nothing that it could verify. Shown is what a proof says that holds.
///
/// # Errors
/// [`MergeFault::Equivocation`] where it is not of this format.
pub fn verify_equivocation(bytes: &[u8], pins: &Pins) -> Result<(Option<EquivocationShown>, Report), MergeFault> {
    let mut report = Report::new();
    let unproven = |subject: &str| Finding::new(Code::EquivocationUnproven, subject);
    let proof = match EquivocationProof::parse(bytes) {
        Ok(proof) => proof,
        Err(error) if is_unproven(&error) => {
            report.find(unproven(PROOF).found(error.code()));
            return Ok((None, report));
        }
        Err(error) => return Err(error.into()),
    };
    report.checked("signatures of both ops");
    let subject = format!("author {}", proof.author());
    match pins {
        Pins { author: Some(author), .. } if author != proof.author() => {
            report.find(unproven(PROOF).expected_found(format!("author {author}"), subject));
        }
        Pins { graph: Some(graph), .. } if *graph != proof.graph() => {
            let found = format!("graph {}", proof.graph());
            report.find(unproven(PROOF).expected_found(format!("graph {graph}"), found));
        }
        _ => {
            let told = |head: &SignedHead| format!("op {} with number {}", head.id(), proof.seq());
            let [one, other] = proof.heads().map(told);
            report.find(Finding::new(Code::AuthorForked, subject).expected_found(one, other));
        }
    }
    Ok((Some(EquivocationShown::of(&proof, pins)), report))
}

/// Whether a file is of the format, and what it says is not so.
const fn is_unproven(error: &EquivocationError) -> bool {
    matches!(error, EquivocationError::NoFork | EquivocationError::Head(OpError::Signature(_)))
}
