//! Result shapes that several commands share.

use serde::Serialize;
use serde_json::Value;
use vaultmesh::read::ShownRow;
use vaultmesh::vault::Recorded;
use vm_core::digest::LeafHash;
use vm_core::id::RowId;
use vm_core::record::Table;
use vm_core::verdict::{FINDINGS_MAX, Finding};

use crate::render::{Human, Output, Page, Style};

/// A recorded row as it is shown; its findings stand beside the result.
#[derive(Serialize, Clone)]
pub(super) struct Row {
    pub(super) id: RowId,
    pub(super) table: Table,
    pub(super) seq: u64,
    pub(super) leaf: LeafHash,
    /// Whether an earlier try had recorded it.
    pub(super) replayed: bool,
}

impl Row {
    pub(super) const fn of(recorded: &Recorded) -> Self {
        let Recorded { id, table, seq, leaf, replayed, .. } = recorded;
        Self { id: *id, table: *table, seq: *seq, leaf: *leaf, replayed: *replayed }
    }
}

impl Human for Row {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, if self.replayed { "recorded before" } else { "recorded" });
        page.line(&format!(" {}/{}", self.table, self.id));
        page.field("place", self.seq);
        page.field("leaf", self.leaf);
    }
}

/// The result of one recorded row.
pub(super) fn recorded(recorded: &Recorded) -> Output {
    Output::done(Row::of(recorded)).noticing(recorded.findings.iter().cloned(), 0)
}

/// Findings of many rows; as many are kept as a report keeps.
#[derive(Default)]
pub(super) struct Noticed {
    pub(super) findings: Vec<Finding>,
    pub(super) dropped: u64,
}

impl Noticed {
    pub(super) fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            if self.findings.len() < FINDINGS_MAX {
                self.findings.push(finding.clone());
            } else {
                self.dropped += 1;
            }
        }
    }
}

/// Rows in a list.
#[derive(Serialize)]
pub(super) struct Rows {
    pub(super) rows: Vec<ShownRow>,
    /// Whether there are more than the limit let through.
    pub(super) more: bool,
}

impl Rows {
    /// The first `limit` of `rows`, of which one more was asked for.
    pub(super) fn first(mut rows: Vec<ShownRow>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, more }
    }
}

impl Human for Rows {
    fn human(&self, page: &mut Page) {
        for row in &self.rows {
            let text = |name: &str| row.columns.get(name).and_then(Value::as_str).unwrap_or_default();
            page.write(Style::Faint, &format!("{:>8}  {}  ", row.seq, text("ts")));
            page.write(Style::Strong, &format!("{:<16}", row.table.as_str()));
            page.line(&format!("  {}  {}", row.id, summary(row)));
        }
        match (self.rows.len(), self.more) {
            (0, _) => page.line("no rows"),
            (1, false) => page.line("1 row"),
            (shown, false) => page.line(&format!("{shown} rows")),
            (shown, true) => page.line(&format!("first {shown} rows; there are more, see --limit")),
        }
    }
}

/// What a row is about, in a few words.
fn summary(row: &ShownRow) -> String {
    let names: &[&str] = match row.table {
        Table::ToolInvocations => &["tool", "phase", "status"],
        Table::McpCalls => &["direction", "kind", "method"],
        Table::ProofArtifacts => &["kind", "path"],
        Table::ShadowReceipts => &["horizon_id", "reason"],
    };
    let words = names.iter().filter_map(|name| row.columns.get(*name).and_then(Value::as_str));
    words.collect::<Vec<_>>().join(" ")
}

/// A value of a column for people.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        other => other.to_string(),
    }
}
