//! `rune put|show`: the generic container of evidence.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use vaultmesh::error::VaultError;
use vm_core::canonical;
use vm_core::id::RowId;
use vm_core::path::VaultPath;

use super::context::Context;
use super::error::CliError;
use super::fields::Row;
use super::input::{CommonArgs, read_whole};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh rune put decision.json
  echo '{\"format\":\"note\",\"n\":1}' | vaultmesh rune put - --as-file
  vaultmesh rune show 01900000-0000-7000-8000-0000000000ff";

/// Store and show ProofRunes: a payload with capability, Merkle root, epoch and time
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rune {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Put(Put),
    Show(Show),
}

const PUT_EXAMPLES: &str = "\
Examples:
  vaultmesh rune put decision.json
  vaultmesh rune put - --as-file < decision.json";

/// Store a payload as a ProofRune
#[derive(Args)]
#[command(after_help = PUT_EXAMPLES)]
struct Put {
    /// File with the payload, JSON; - for stdin
    payload: PathBuf,
    /// Keep it as a file below the vault, however small it is
    #[arg(long)]
    as_file: bool,
    #[command(flatten)]
    common: CommonArgs,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh rune show 01900000-0000-7000-8000-0000000000ff
  vaultmesh --format json rune show 01900000-0000-7000-8000-0000000000ff | jq .result.rune";

/// Show a ProofRune
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// Id of its row
    id: RowId,
}

#[derive(Serialize)]
struct Stored {
    #[serde(flatten)]
    row: Row,
    path: Option<VaultPath>,
}

#[derive(Serialize)]
struct Shown {
    id: RowId,
    path: Option<VaultPath>,
    rune: Value,
}

impl Rune {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Put(command) => command.run(context),
            What::Show(command) => command.run(context),
        }
    }
}

impl Put {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let bytes = read_whole(&self.payload)?;
        let payload = canonical::parse(&bytes, canonical::BYTES_MAX)
            .map_err(|error| CliError::argument("payload", VaultError::Canonical(error)))?;
        let put = context.open()?.put_rune(&payload, self.as_file, &self.common.into_common())?;
        let stored = Stored { row: Row::of(&put.recorded), path: put.path };
        Ok(Output::done(stored).noticing(put.recorded.findings, 0))
    }
}

impl Human for Stored {
    fn human(&self, page: &mut Page) {
        self.row.human(page);
        page.field_if("file", self.path.as_ref());
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let row = reader.show(self.id)?;
        let text = |name: &str| row.columns.get(name).and_then(Value::as_str);
        let (Some("proof-rune"), path) = (text("kind"), text("path")) else {
            return Err(VaultError::NotFound { what: "rune", name: self.id.to_string() }.into());
        };
        let path: Option<VaultPath> = path.and_then(|path| path.parse().ok());
        let rune = match &path {
            None => row.columns.get("meta_json").cloned().unwrap_or(Value::Null),
            Some(path) => {
                canonical::parse(&reader.read_small(path)?, canonical::BYTES_MAX).map_err(VaultError::Canonical)?
            }
        };
        Ok(Output::done(Shown { id: self.id, path, rune }))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.raw(&serde_json::to_string_pretty(&self.rune).unwrap_or_default());
        page.end();
    }
}
