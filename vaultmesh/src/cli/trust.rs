//! `trust show`: the trust file of a ledger's own keys and authorities.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh trust show --output trust.toml
  vaultmesh verify --trust trust.toml --head head.txt

A verifier keeps this file outside the vault, and strikes out of it whatever it does not believe.";

/// Show what a verifier needs to believe to verify this vault
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Trust {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Show(Show),
}

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh trust show
  vaultmesh trust show --output trust.toml";

/// Print a trust file with the ledger's key and its local authority
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Shown {
    trust: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Trust {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let What::Show(show) = self.what;
        let trust = context.open()?.trust_file()?.to_text()?;
        if let Some(file) = &show.output {
            write_new(file, trust.as_bytes())?;
        }
        Ok(Output::done(Shown { trust, file: show.output.as_deref().map(shown) }))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.trust),
            Some(file) => page.line(&format!("wrote {}", file)),
        }
    }
}
