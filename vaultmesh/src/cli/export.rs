//! `export`: a vault or one seal as one file.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::export::{Exported, Scope, SealExport, export_seal, export_vault};
use vaultmesh::trust::TrustFile;
use vm_core::id::SealId;

use super::context::Context;
use super::error::CliError;
use super::output::shown;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh export -o vault.vmb
  vaultmesh export 01900000-0000-7000-8000-0000000000aa -o seal.vmb
  vaultmesh export 01900000-0000-7000-8000-0000000000aa --blind -o hashes.vmb
  vaultmesh verify-bundle seal.vmb --key KEY

The file is a zip that stock tools can check too; VERIFY.txt in it says how. Keys and openings stay behind.";

/// Write a vault, or one seal with its rows, proofs and anchors, as one file
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Export {
    /// Id of the seal [default: the whole vault]
    seal: Option<SealId>,
    /// New file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Of a seal: leave the rows out, and show of each no more than its table, time, ids and hash
    #[arg(long, requires = "seal")]
    blind: bool,
    /// Of a seal: trust file to enclose, for whoever reads it [default: one with the ledger's own key]
    #[arg(long, value_name = "FILE", requires = "seal")]
    trust: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    file: String,
    #[serde(flatten)]
    exported: Exported,
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        if self.output.symlink_metadata().is_ok() {
            return Err(CliError::Exists { path: self.output });
        }
        let exported = match self.seal {
            None => export_vault(&reader, &self.output)?,
            Some(seal) => {
                let trust = self.trust.as_deref().map(TrustFile::load).transpose()?;
                export_seal(&reader, seal, &SealExport { is_blind: self.blind, trust }, &self.output)?
            }
        };
        Ok(Output::done(Written { file: shown(&self.output), exported }))
    }
}

impl Human for Written {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, "wrote");
        page.line(&format!(" {}", self.file));
        page.field("rows", self.exported.rows);
        if self.exported.scope == Scope::Seal {
            let told =
                if self.exported.is_complete { "proven" } else { "not proven: sealed before there was an index" };
            page.field("complete", told);
        }
        page.field("bytes", self.exported.size);
        page.field("sha256", self.exported.sha256);
        for path in &self.exported.missing {
            page.field("missing", path);
        }
    }
}
