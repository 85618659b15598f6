//! `import`: rebuilds a vault from its export.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::export::{Imported, import};

use super::context::Context;
use super::error::CliError;
use super::output::shown;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh --vault ./restored import vault.vmb

The vault's folder must be absent or empty. Rows that do not lead to the signed checkpoint are refused.";

/// Rebuild a vault from its own export
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Import {
    /// Export of a whole vault
    file: PathBuf,
}

#[derive(Serialize)]
struct Rebuilt {
    vault: String,
    #[serde(flatten)]
    imported: Imported,
}

impl Import {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let place = context.place()?;
        let imported = import(&place, &self.file)?;
        Ok(Output::done(Rebuilt { vault: shown(&place.vault), imported }))
    }
}

impl Human for Rebuilt {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "rebuilt");
        page.line(&format!(" ledger {}", self.imported.ledger));
        page.field("vault", &self.vault);
        page.field("rows", self.imported.rows);
        page.field("files", self.imported.files);
        if !self.imported.has_keys {
            page.line("Its keys are not here: it can be read and verified, not written to.");
        }
    }
}
