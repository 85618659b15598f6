//! `replay`: what a proposed policy would have done to recorded calls.

use std::path::{Path, PathBuf};

use clap::Args;
use vaultmesh::vault::Thresholds;
use vm_core::id::RowId;

use super::context::Context;
use super::error::CliError;
use super::fields;
use super::input::read_whole;
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh replay 01900000-0000-7000-8000-0000000000aa --before now.json --after proposed.json

A file: {\"format\":\"vm-thresholds-v0\",\"block\":{\"tool\":[\"rm\"]},\"max\":{\"duration_us\":5000000}}. A call is blocked where a column
is above its limit or names something blocked. The SHA-256 of its canonical form is the policy that a proposal names.";

/// Replay a proposal's plan over recorded calls, and record what it comes to
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    /// Row of the proposal
    #[arg(value_name = "PROPOSAL")]
    proposal: RowId,
    /// Thresholds in force
    #[arg(long, value_name = "FILE")]
    before: PathBuf,
    /// Thresholds proposed
    #[arg(long, value_name = "FILE")]
    after: PathBuf,
}

impl Replay {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let read = |path: &Path| Ok::<_, CliError>(Thresholds::parse(&read_whole(path)?)?);
        let (before, after) = (read(&self.before)?, read(&self.after)?);
        Ok(fields::recorded(&context.open()?.replay(self.proposal, &before, &after)?))
    }
}
