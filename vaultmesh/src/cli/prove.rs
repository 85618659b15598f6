//! `prove`: an inclusion proof of one row, or that an answer is complete.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::read::RowProof;
use vm_core::id::RowId;

use super::complete::Complete;
use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff --output row.proof.json
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff --output row.tlog-proof
  vaultmesh verify-proof row.tlog-proof --key KEY
  vaultmesh prove complete --trace 01900000-0000-7000-8000-0000000000ff -o trace.json

The proof is RFC 6962: hash leaf_data with prefix 0x00, then up the path with 0x01, and compare with the
root in the signed checkpoint. A .tlog-proof is the same in the form of C2SP, which foreign clients read; the row is its
extra data.";

/// Ending of the names of C2SP proofs.
const TLOG_PROOF: &str = "tlog-proof";

/// Print the proof that a row stands in the log that the latest checkpoint signs, or that an answer is complete
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Prove {
    #[command(subcommand)]
    what: Option<What>,
    /// Id of the row
    #[arg(required = true)]
    row: Option<RowId>,
    /// Write it to this new file instead; a name that ends in .tlog-proof asks for that form
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// As a C2SP .tlog-proof instead of JSON
    #[arg(long)]
    tlog_proof: bool,
    /// With a .tlog-proof: leave the row out; whoever verifies has it from elsewhere
    #[arg(long)]
    without_row: bool,
}

#[derive(Subcommand)]
enum What {
    Complete(Complete),
}

#[derive(Serialize)]
struct Proven {
    #[serde(flatten)]
    proof: Proof,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    file: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Proof {
    Json(RowProof),
    Tlog { tlog_proof: String },
}

impl Prove {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let row = match (self.what, self.row) {
            (Some(What::Complete(command)), _) => return command.run(context),
            (None, Some(row)) => row,
            (None, None) => return Err(CliError::Usage { what: "name a row".to_owned() }),
        };
        let reader = context.reader()?;
        let named = self.output.as_deref().and_then(Path::extension).is_some_and(|end| end == TLOG_PROOF);
        let (proof, text) = if self.tlog_proof || named {
            let text = reader.prove_tlog(row, !self.without_row)?.to_string();
            (Proof::Tlog { tlog_proof: text.clone() }, text)
        } else if self.without_row {
            return Err(CliError::Usage { what: "--without-row goes with --tlog-proof".to_owned() });
        } else {
            let proof = reader.prove(row)?;
            let text = serde_json::to_string_pretty(&proof).map_err(|error| CliError::Output(error.into()))? + "\n";
            (Proof::Json(proof), text)
        };
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
