//! What counts as an act of a decision, and of which decisions the acts are known: the one definition that proofs of restraint
//! are about (docs/spec/restraint-proof.md).

use serde_json::Value;
use vm_core::canonical;
use vm_core::capability::{Action, Resource};
use vm_core::id::RowId;
use vm_core::record::{McpKind, StoredRow, SystemKind, Table};

use crate::opening::VerifiedOpening;

/// Resources whose rows are calls.
const CALLS: [&str; 2] = ["/tool_invocations", "/mcp_calls"];
/// Resource that an execution by the gate takes.
const GATE: &str = "/gate";
/// How the method of a notification begins that asks for nothing to be done, by MCP.
const NOTICES: &str = "notifications/";

/// Where the acts of a decision leave their rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Watched {
    /// In the trace of the decision: it is about recording calls.
    Calls,
    /// About this row, which is to be a proposal before the opening: it is about an execution by the gate.
    Gate {
        /// The proposal.
        proposal: RowId,
    },
}

/// Where acts of the decision are looked for; none where acts under its power leave rows that nobody looks at.
pub(super) fn watched(opening: &VerifiedOpening) -> Option<Watched> {
    let power = opening.power();
    watched_for(power.action, &power.resource, opening.proposal())
}

/// Whether a proof of restraint can be made of a decision that needs `action` on `resource` and is about `proposal`: whether acts
/// under that power leave rows that a proof looks at. Whoever opens a decision can ask before.
#[must_use]
pub fn can_be_shown(action: Action, resource: &Resource, proposal: Option<RowId>) -> bool {
    watched_for(action, resource, proposal).is_some()
}

fn watched_for(action: Action, resource: &Resource, proposal: Option<RowId>) -> Option<Watched> {
    match action {
        Action::Record => CALLS.contains(&resource.to_string().as_str()).then_some(Watched::Calls),
        // The token covers what the options need, and so the gate as well.
        Action::Execute if covers_gate(resource) => proposal.map(|proposal| Watched::Gate { proposal }),
        _ => None,
    }
}

fn covers_gate(resource: &Resource) -> bool {
    GATE.parse().is_ok_and(|gate| resource.covers(&gate))
}

/// Whether a row is a proposal to the gate.
pub(super) fn is_proposal(row: &StoredRow) -> bool {
    SystemKind::of_row(row) == Some(SystemKind::Proposal)
}

/// Whether a row about the opening, or about its proposal, is an act: an intent of the gate, or an outcome of it that does
/// not say that nothing was done.
pub(super) fn is_of_the_gate(row: &StoredRow) -> bool {
    match SystemKind::of_row(row) {
        Some(SystemKind::Intent) => true,
        Some(SystemKind::Outcome) => !is_undone(row),
        _ => false,
    }
}

fn is_undone(row: &StoredRow) -> bool {
    let content = row.text("meta_json").and_then(|json| canonical::parse(json.as_bytes(), canonical::BYTES_MAX).ok());
    let end = content.as_ref().and_then(|content| content.get("end")).and_then(Value::as_str);
    matches!(end, Some("withheld" | "expired"))
}

/// Whether a row of the trace is an act where it stands under the capability: a tool's invocation in any phase, or whatever
/// crossed a boundary of MCP but an answer. What is no message to a strict reader may be a call to a lenient one.
pub(super) fn is_call(row: &StoredRow) -> bool {
    match row.table() {
        Table::ToolInvocations => true,
        Table::McpCalls => !is_answer(row) && !is_notice(row),
        Table::ProofArtifacts | Table::ShadowReceipts => false,
    }
}

/// Whether a row of MCP is an answer, or says that none came.
fn is_answer(row: &StoredRow) -> bool {
    let answers = [McpKind::Response, McpKind::Error, McpKind::NoAnswer].map(McpKind::as_str);
    row.text("kind").is_some_and(|kind| answers.contains(&kind))
}

/// Whether a row of MCP is a notification in name as well as in form.
fn is_notice(row: &StoredRow) -> bool {
    row.text("kind") == Some(McpKind::Notification.as_str())
        && row.text("method").is_some_and(|method| method.starts_with(NOTICES))
}
