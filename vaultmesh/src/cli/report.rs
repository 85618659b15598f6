//! `report`: the verdict on one seal as a page to look at.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::export::SealExport;
use vaultmesh::report::{Reported, write_report};
use vaultmesh::system::SystemClock;
use vm_core::id::SealId;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use super::output::shown;
use super::outside::TrustArgs;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh report 01900000-0000-7000-8000-0000000000aa -o report.html --key KEY --trust trust.toml
  vaultmesh report 01900000-0000-7000-8000-0000000000aa --blind -o hashes.html

The page needs no network: it holds the seal's export, shows this program's answer on it, and checks it again in the browser.
Exit code 0 says that the page was written, whatever it shows; `verify-bundle` exits by its answer.";

/// Write a page that shows what a seal proves, and checks it again in any browser
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Report {
    /// Id of the seal
    seal: SealId,
    /// New file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Leave the rows out, and show of each no more than its table, time, ids and hash
    #[arg(long)]
    blind: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Serialize)]
struct Written {
    file: String,
    #[serde(flatten)]
    reported: Reported,
}

impl Report {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        let reader = context.reader()?;
        if self.output.symlink_metadata().is_ok() {
            return Err(CliError::Exists { path: self.output });
        }
        let options = SealExport { is_blind: self.blind, trust: outside.trust.clone() };
        let reported = write_report(&reader, self.seal, &options, &outside, &self.output, SystemClock.now())?;
        Ok(Output::done(Written { file: shown(&self.output), reported }))
    }
}

impl Human for Written {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, "wrote");
        page.line(&format!(" {}", self.file));
        page.field("seal", self.reported.seal_id);
        page.field("verdict", self.reported.verdict);
        page.field("export", format!("{} bytes, sha256 {}", self.reported.export_size, self.reported.export_sha256));
    }
}
