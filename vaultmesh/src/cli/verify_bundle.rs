//! `verify-bundle`: checks an export with no vault at hand.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::export::verify_bundle;
use vaultmesh::system::SystemClock;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use super::outside::{TrustArgs, read_head, verified};
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify-bundle seal.vmb --key KEY --trust trust.toml
  vaultmesh verify-bundle vault.vmb --key KEY --trust trust.toml --head head.txt";

/// Verify an exported seal or vault, with nothing but the file and what you trust
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyBundle {
    /// The export
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// Head that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

impl VerifyBundle {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let mut outside = self.trust.load()?;
        outside.head = self.head.as_deref().map(read_head).transpose()?;
        Ok(verified(verify_bundle(&self.file, &outside, SystemClock.now())?))
    }
}
