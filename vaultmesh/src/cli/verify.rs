//! `verify`: the whole vault, one artifact, or a capture against its rows.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::system::SystemClock;
use vaultmesh::verify::verify_vault;
use vm_core::id::TraceId;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use super::outside::{TrustArgs, read_head, verified};
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify --key KEY --trust trust.toml --head head.txt
  vaultmesh verify artifacts/run-17.log --full-chain --key KEY --trust trust.toml
  vaultmesh verify --against capture.jsonl

The whole vault verifies (exit 0) only with a key and a head from outside, and an anchor that the trust file accepts
over all its evidence. Without one of these the answer is undecided (exit 3), and says which.";

/// Verify the vault: rows, log, scrolls, files, seals and anchors
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// One file below the vault, or the id of an artifact's row [default: the whole vault]
    artifact: Option<String>,
    /// With an artifact: its rows, seals and anchors too
    #[arg(long, requires = "artifact")]
    full_chain: bool,
    /// Head that was kept elsewhere, to see that nothing was rolled back
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Match this capture of MCP traffic with the rows that recorded it
    #[arg(long, value_name = "CAPTURE", conflicts_with_all = ["artifact", "head"])]
    against: Option<PathBuf>,
    /// With --against: the connection that was captured [default: the one that fits best]
    #[arg(long, value_name = "ID", requires = "against")]
    connection: Option<TraceId>,
}

impl Verify {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut outside = self.trust.load()?;
        outside.head = self.head.as_deref().map(read_head).transpose()?;
        let reader = context.reader()?;
        Ok(verified(verify_vault(&reader, &outside, SystemClock.now())?))
    }
}
