//! What counts as an act of a decision: the one definition that proofs of restraint are about
//! (docs/spec/restraint-proof.md).

use serde_json::Value;
use vm_core::canonical;
use vm_core::capability::Action;
use vm_core::record::{McpKind, StoredRow, SystemKind, Table};

/// Whether acts under this action leave rows that the definition knows.
pub(super) const fn is_watched(action: Action) -> bool {
    matches!(action, Action::Record | Action::Execute)
}

/// Whether a row about the opening, or about its proposal, is an act: an intent of the gate, or an outcome of it that does
/// not say that nothing was done.
pub(super) fn is_of_the_gate(row: &StoredRow) -> bool {
    if row.table() != Table::ProofArtifacts {
        return false;
    }
    let kind = row.text("kind");
    let is_outcome = kind == Some(SystemKind::Outcome.as_str());
    kind == Some(SystemKind::Intent.as_str()) || (is_outcome && !is_undone(row))
}

fn is_undone(row: &StoredRow) -> bool {
    let content = row.text("meta_json").and_then(|json| canonical::parse(json.as_bytes(), canonical::BYTES_MAX).ok());
    let end = content.as_ref().and_then(|content| content.get("end")).and_then(Value::as_str);
    matches!(end, Some("withheld" | "expired"))
}

/// Whether a row of the trace is an act where it stands under the capability: a tool's invocation in any phase, or a frame
/// of MCP that is a request, or holds several messages.
pub(super) fn is_call(row: &StoredRow) -> bool {
    let asks = [McpKind::Request, McpKind::Batch].map(McpKind::as_str);
    match row.table() {
        Table::ToolInvocations => true,
        Table::McpCalls => row.text("kind").is_some_and(|kind| asks.contains(&kind)),
        Table::ProofArtifacts | Table::ShadowReceipts => false,
    }
}
