//! `disclose`: opens committed values to auditors alone.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::disclosure::Wanted;
use vaultmesh::recipient::read_public;
use vm_core::digest::Sha256Digest;
use vm_core::id::{RowId, SealId};

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh grant dpo --action disclose --from-root
  vaultmesh --holder dpo disclose --row ROW --path /body_json/params/token --to auditor.key.pub --out token.disclosure
  vaultmesh --holder dpo disclose --row ROW --path /params/token --to auditor.key.pub --to second.key.pub --out two.disclosure
  vaultmesh verify-disclosure token.disclosure --with auditor.key --key KEY

The file holds the proof of the row and the values that were named, and opens with the recipients' keys alone. That it was made is
on record before it is written: row, places, commitments, recipients and the file's hash, never a value. A place begins with its
column; a shorter one does where one column has it. Values that were erased cannot be disclosed: exit 3.";

/// Open committed values of one row to auditors: a file that only they open, and that verifies offline
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Disclose {
    /// The row
    #[arg(long, value_name = "ROW")]
    row: RowId,
    /// Place of a value in it; can be given more than once
    #[arg(long, value_name = "POINTER", required = true)]
    path: Vec<String>,
    /// Public key file of who may open it; can be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    to: Vec<PathBuf>,
    /// New file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Seal to prove the row against [default: the last that covers it, else the latest checkpoint]
    #[arg(long, value_name = "SEAL")]
    seal: Option<SealId>,
}

#[derive(Serialize)]
struct Made {
    file: String,
    row: RowId,
    pointers: Vec<String>,
    recipients: Vec<Sha256Digest>,
    file_sha256: Sha256Digest,
    seal: Option<SealId>,
    /// Row that records the disclosure.
    recorded: super::fields::Row,
}

impl Disclose {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        if self.out.symlink_metadata().is_ok() {
            return Err(CliError::Exists { path: self.out });
        }
        let recipients = self.to.iter().map(|path| read_public(path)).collect::<Result<Vec<_>, _>>()?;
        let wanted = Wanted { row: self.row, pointers: self.path, seal: self.seal };
        let made = context.open()?.disclose(&wanted, &recipients)?;
        write_new(&self.out, &made.bytes)?;
        Ok(Output::done(Made {
            file: shown(&self.out),
            row: made.record.row(),
            pointers: made.record.commitments().iter().map(|opened| opened.pointer.clone()).collect(),
            recipients: made.record.recipients().to_vec(),
            file_sha256: made.record.file_sha256(),
            seal: made.seal,
            recorded: super::fields::Row::of(&made.recorded),
        }))
    }
}

impl Human for Made {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "disclosed");
        page.line(&format!(" {} values of row {} in {}", self.pointers.len(), self.row, self.file));
        for pointer in &self.pointers {
            page.field("value at", pointer);
        }
        for recipient in &self.recipients {
            page.field("to", recipient);
        }
        page.field_if("seal", self.seal);
        page.field("file sha-256", self.file_sha256);
        page.field("on record", self.recorded.id);
    }
}
