//! `record tool`: what a local tool did, or is about to do.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::vault::{InputKind, RecordInput, ToolInput};
use vm_core::id::RowId;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::{CommonArgs, json_if};
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh record tool grep --input '{\"pattern\":\"x\"}' --output '{\"hits\":3}' --duration-us 1200
  vaultmesh record tool deploy --phase intent --input @request.json
  vaultmesh record tool deploy --phase outcome --intent 01900000-0000-7000-8000-0000000000ff --status ok
  vaultmesh record tool --jsonl calls.jsonl

A line of JSONL: {\"tool\":\"grep\",\"status\":\"ok\",\"input\":{},\"output\":{},\"trace_id\":\"...\",\"ts\":\"...\"}";

/// Record what a tool did: whole, or the intent before and the outcome after
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tool {
    /// Name of the tool
    #[arg(required_unless_present = "jsonl")]
    tool: Option<String>,
    /// Part of the act that this is [default: complete]
    #[arg(long, value_parser = ["intent", "outcome", "complete"])]
    phase: Option<String>,
    /// How it ended [default: ok, unless it is an intent]
    #[arg(long, value_parser = ["ok", "error", "blocked", "unknown"])]
    status: Option<String>,
    /// Arguments of the tool: JSON, @FILE or @-
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Results of the tool: JSON, @FILE or @-
    #[arg(long, value_name = "JSON")]
    output: Option<String>,
    /// Intent that this outcome completes
    #[arg(long, value_name = "ROW")]
    intent: Option<RowId>,
    /// How long it took, in microseconds
    #[arg(long, value_name = "N")]
    duration_us: Option<u64>,
    /// Anything else: JSON, @FILE or @-
    #[arg(long, value_name = "JSON")]
    meta: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
    /// Record every line of this file, or of stdin for -
    #[arg(long, value_name = "FILE", conflicts_with_all = CommonArgs::NAMES)]
    #[arg(conflicts_with_all = ["tool", "phase", "status", "input", "output", "intent", "duration_us", "meta"])]
    jsonl: Option<PathBuf>,
}

impl Tool {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let tool = match (self.jsonl, self.tool) {
            (None, Some(tool)) => tool,
            (Some(path), _) => return super::many(context, InputKind::Tool, &path),
            (None, None) => return Err(CliError::Usage { what: "the tool's name is missing".to_owned() }),
        };
        let input = ToolInput {
            tool,
            phase: self.phase,
            status: self.status,
            input: json_if("--input", self.input.as_deref())?,
            output: json_if("--output", self.output.as_deref())?,
            intent: self.intent,
            duration_us: self.duration_us,
            meta: json_if("--meta", self.meta.as_deref())?,
            common: self.common.into_common(),
        };
        super::one(context, RecordInput::Tool(input))
    }
}
