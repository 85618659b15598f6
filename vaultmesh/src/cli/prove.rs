//! `prove`: an inclusion proof of one row, that an answer is complete, that somebody held back, or that the log forked.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::{ProofFileError, VaultError};
use vaultmesh::read::RowProof;
use vm_core::digest::to_hex;
use vm_core::id::RowId;

use super::complete::Complete;
use super::context::Context;
use super::error::CliError;
use super::fork::Fork;
use super::output::{shown, write_new};
use super::restraint::Restraint;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff --output row.proof.json
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff --output row.tlog-proof
  vaultmesh prove 01900000-0000-7000-8000-0000000000ff --output row.cose --entry row.entry
  vaultmesh verify-proof row.tlog-proof --key KEY
  vaultmesh prove complete --trace 01900000-0000-7000-8000-0000000000ff -o trace.json
  vaultmesh prove restraint deploy/api -o restraint.json
  vaultmesh prove fork head.txt -o fork.json

The proof is RFC 6962: hash leaf_data with prefix 0x00, then up the path with 0x01, and compare with the
root in the signed checkpoint. A .tlog-proof is the same in the form of C2SP, which foreign clients read; the row is its
extra data. A .cose is a COSE receipt (RFC 9942) for clients of SCITT: the log's key signs it anew, so it needs the
folder of keys, and it never holds the row, which --entry writes beside it.";

/// Ending of the names of C2SP proofs.
const TLOG_PROOF: &str = "tlog-proof";
/// Ending of the names of COSE receipts, which are no text and so are always written to a file.
const COSE: &str = "cose";

/// Prove that a row stands in the log that the latest checkpoint signs, that an answer is complete, restraint, or a fork
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Prove {
    #[command(subcommand)]
    what: Option<What>,
    /// Id of the row
    #[arg(required = true)]
    row: Option<RowId>,
    /// Write it to this new file instead; a name that ends in .tlog-proof or .cose asks for that form
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// As a C2SP .tlog-proof instead of JSON
    #[arg(long)]
    tlog_proof: bool,
    /// With a .tlog-proof: leave the row out; whoever verifies has it from elsewhere
    #[arg(long)]
    without_row: bool,
    /// Write the row's leaf data to this new file too: the entry, which a proof without the row is of
    #[arg(long, value_name = "FILE", requires = "output")]
    entry: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    Complete(Complete),
    Restraint(Restraint),
    Fork(Fork),
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
    Cose { cose_receipt: String },
}

impl Prove {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let row = match (self.what, self.row) {
            (Some(What::Complete(command)), _) => return command.run(context),
            (Some(What::Restraint(command)), _) => return command.run(context),
            (Some(What::Fork(command)), _) => return command.run(context),
            (None, Some(row)) => row,
            (None, None) => return Err(CliError::Usage { what: "name a row".to_owned() }),
        };
        let ending = self.output.as_deref().and_then(Path::extension);
        if let (Some(file), true) = (&self.output, ending.is_some_and(|end| end == COSE)) {
            if self.tlog_proof || self.without_row {
                return Err(CliError::Usage { what: "a .cose is no .tlog-proof, and never holds the row".to_owned() });
            }
            return receipt(context, row, file, self.entry.as_deref());
        }
        let reader = context.reader()?;
        let named = ending.is_some_and(|end| end == TLOG_PROOF);
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
        if let Some(entry) = &self.entry {
            write_new(entry, reader.prove(row)?.leaf_data.as_bytes())?;
        }
        if let Some(file) = &self.output {
            write_new(file, text.as_bytes())?;
        }
        Ok(Output::done(Proven { proof, text, file: self.output.as_deref().map(shown) }))
    }
}

/// Signs a COSE receipt, and writes it and the entry that it is of.
fn receipt(context: &Context, row: RowId, file: &Path, entry: Option<&Path>) -> Result<Output, CliError> {
    let made = context.open()?.receipt(row)?;
    let bytes = made.receipt.to_bytes().map_err(ProofFileError::Receipt).map_err(VaultError::ProofFile)?;
    if let Some(entry) = entry {
        write_new(entry, &made.entry)?;
    }
    write_new(file, &bytes)?;
    let proof = Proof::Cose { cose_receipt: to_hex(&bytes) };
    Ok(Output::done(Proven { proof, text: String::new(), file: Some(shown(file)) }))
}

impl Human for Proven {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.text),
            Some(file) => page.line(&format!("wrote {}", file)),
        }
    }
}
