//! `prove`: an inclusion proof of one row.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::read::RowProof;
use vm_core::id::RowId;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff --output row.proof.json

The proof is RFC 6962: hash leaf_data with prefix 0x00, then up the path with 0x01, and compare with the
root in the signed checkpoint.";

/// Print the proof that a row stands in the log that the latest checkpoint signs, as JSON
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Prove {
    /// Id of the row
    row: RowId,
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Proven {
    #[serde(flatten)]
    proof: RowProof,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    file: Option<String>,
}

impl Prove {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let proof = context.reader()?.prove(self.row)?;
        let text = serde_json::to_string_pretty(&proof).map_err(|error| CliError::Output(error.into()))? + "\n";
        if let Some(file) = &self.output {
            write_new(file, text.as_bytes())?;
        }
        Ok(Output::done(Proven { proof, text, file: self.output.as_deref().map(shown) }))
    }
}

impl Human for Proven {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.text),
            Some(file) => page.line(&format!("wrote {}", file)),
        }
    }
}
