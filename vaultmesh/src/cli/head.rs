//! `head`: the latest signed checkpoint, to be kept outside the vault.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh head
  vaultmesh head --output /media/usb/head-2026-01-02.txt
  vaultmesh verify --head /media/usb/head-2026-01-02.txt --key KEY

A head kept elsewhere is the memory that shows when an older copy of the vault was put in its place.";

/// Print the latest signed checkpoint (C2SP tlog-checkpoint)
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Head {
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Kept {
    checkpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Head {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let checkpoint = context.reader()?.head()?.to_string();
        if let Some(file) = &self.output {
            write_new(file, checkpoint.as_bytes())?;
        }
        Ok(Output::done(Kept { checkpoint, file: self.output.as_deref().map(shown) }))
    }
}

impl Human for Kept {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.checkpoint),
            Some(file) => page.line(&format!("wrote {}", file)),
        }
    }
}
