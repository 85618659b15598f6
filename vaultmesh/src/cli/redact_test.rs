//! `redact test`: what would be stored of a file of records or frames. No vault is opened, nothing is recorded.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use vaultmesh::error::VaultError;
use vaultmesh::redaction::BUILTIN;
use vaultmesh::vault::{InputKind, Preview, PreviewedRow, RecordInput};
use vm_core::canonical;
use vm_core::digest::PolicyHash;
use vm_core::record::{Direction, Table};

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::redact::{named, present};
use crate::render::{Human, Output, Page, Style};

/// Longest file previewed, in bytes: what somebody looks through, and a frame of the longest length in a capture.
const FILE_MAX: usize = 64 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  vaultmesh redact test records.jsonl
  vaultmesh redact test records.jsonl --policy strict
  vaultmesh redact test capture.jsonl --policy policy.toml --format json
  echo '{\"input\":{\"pin\":\"1234\"}}' | vaultmesh redact test - --table tool_invocations --name unlock

FILE holds records as `record --jsonl` takes them, MCP frames, or a capture of them: one JSON text, or one a line. Without
--table each is taken for what its members say.";

/// Show what would be stored of a file of records or MCP frames
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Test {
    /// File of records or frames, `-` for stdin
    file: PathBuf,
    /// Name of a policy that ships, or a policy file [default: the one in force]
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Table that the records go into
    #[arg(long, value_name = "TABLE", value_parser = ["tool_invocations", "mcp_calls", "proof_artifacts", "shadow_receipts"])]
    table: Option<String>,
    /// Tool or kind of records that do not say it
    #[arg(long, value_name = "NAME", requires = "table")]
    name: Option<String>,
}

#[derive(Serialize)]
struct Tested {
    policy: String,
    policy_hash: PolicyHash,
    rows: Vec<PreviewedRow>,
}

impl Test {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let policy = match &self.policy {
            Some(name) => named(name)?.0,
            None => present(context)?,
        };
        let bytes = read_limited(&self.file, FILE_MAX)?;
        if bytes.len() > FILE_MAX {
            let what = format!("the file is longer than {FILE_MAX} bytes; try some of its lines");
            return Err(CliError::Usage { what });
        }
        let (name, policy_hash) = (policy.name().unwrap_or(BUILTIN).to_owned(), policy.hash());
        let mut preview = Preview::new(policy, context.sources()?);
        let mut rows = Vec::new();
        for (line, text) in texts(&bytes) {
            let row =
                self.row(&mut preview, text).map_err(|source| VaultError::Line { line, source: Box::new(source) });
            rows.push(row?);
        }
        if rows.is_empty() {
            return Err(CliError::Usage { what: "the file holds neither records nor frames".to_owned() });
        }
        Ok(Output::done(Tested { policy: name, policy_hash, rows }).listing("rows"))
    }

    fn row(&self, preview: &mut Preview, text: &[u8]) -> Result<PreviewedRow, VaultError> {
        let table = self.table.as_deref();
        if table == Some(Table::McpCalls.as_str()) {
            return frame(preview, text);
        }
        let value = canonical::parse(text, canonical::BYTES_MAX).map_err(VaultError::Canonical)?;
        let has = |member: &str| value.get(member).is_some();
        let kind = match table {
            Some("tool_invocations") => InputKind::Tool,
            Some("proof_artifacts") => InputKind::Artifact,
            Some(_) => InputKind::Shadow,
            None if value.is_array() || has("jsonrpc") || (has("d") && has("m")) => return frame(preview, text),
            None if has("tool") => InputKind::Tool,
            None if has("horizon") => InputKind::Shadow,
            None if has("kind") => InputKind::Artifact,
            None => {
                let reason = "neither a record nor a frame; say with --table what it is".to_owned();
                return Err(VaultError::Input { reason });
            }
        };
        preview.record(RecordInput::parse(kind, &self.completed(kind, value)?)?)
    }

    /// The record with the name that it does not say itself.
    fn completed(&self, kind: InputKind, mut value: Value) -> Result<Vec<u8>, VaultError> {
        let member = match kind {
            InputKind::Tool => Some("tool"),
            InputKind::Artifact => Some("kind"),
            _ => None,
        };
        if let (Some(member), Some(name), Value::Object(members)) = (member, &self.name, &mut value) {
            members.entry(member).or_insert_with(|| Value::from(name.as_str()));
        }
        canonical::to_bytes(&value).map_err(VaultError::Canonical)
    }
}

/// A frame by itself, or one of a capture.
fn frame(preview: &mut Preview, text: &[u8]) -> Result<PreviewedRow, VaultError> {
    // Whatever is no JSON is a frame too: one that is committed whole.
    let value = canonical::parse(text, canonical::BYTES_MAX).unwrap_or_default();
    let captured = match (value.get("d").and_then(Value::as_str), value.get("m").and_then(Value::as_str)) {
        (Some("c2s"), Some(frame)) => Some((Direction::ClientToServer, frame)),
        (Some("s2c"), Some(frame)) => Some((Direction::ServerToClient, frame)),
        _ => None,
    };
    match captured {
        Some((direction, frame)) => preview.frame(direction, frame.as_bytes()),
        None => {
            let is_answer = value.get("result").is_some() || value.get("error").is_some();
            let direction = if is_answer { Direction::ServerToClient } else { Direction::ClientToServer };
            preview.frame(direction, text)
        }
    }
}

/// The one JSON text of a file, or its lines that are not blank, each with its number.
fn texts(bytes: &[u8]) -> Vec<(u64, &[u8])> {
    if canonical::parse(bytes, canonical::BYTES_MAX).is_ok() {
        return vec![(1, bytes.trim_ascii())];
    }
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    lines.map(|(number, line)| (number, line.trim_ascii())).filter(|(_, line)| !line.is_empty()).collect()
}

impl Human for Tested {
    fn human(&self, page: &mut Page) {
        page.line(&format!("under {} {}", self.policy, self.policy_hash));
        for row in &self.rows {
            page.write(Style::Strong, row.table.as_str());
            page.line(&row.name.as_ref().map_or_else(String::new, |name| format!(" {name}")));
            for (column, value) in &row.stored {
                page.field(column, value);
            }
            for (what, places) in [
                ("kept", &row.kept),
                ("shaped", &row.shaped),
                ("committed", &row.committed),
                ("like a secret", &row.secrets),
            ] {
                if !places.is_empty() {
                    page.field(what, places.join("\n"));
                }
            }
        }
    }
}
