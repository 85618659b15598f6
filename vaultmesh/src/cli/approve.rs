//! `approve`: an enrolled identity's word for one proposal.

use clap::Args;
use vaultmesh::keys::HolderName;
use vm_core::id::RowId;

use super::context::Context;
use super::error::CliError;
use super::fields;
use crate::render::Output;

/// Longest that an approval can be asked to last, in seconds: what a policy can allow.
const LASTS_MAX: u64 = vm_dee::policy::LASTS_SECONDS_MAX;

const EXAMPLES: &str = "\
Examples:
  vaultmesh approve 01900000-0000-7000-8000-0000000000aa --by ada
  vaultmesh approve 01900000-0000-7000-8000-0000000000aa --by ada --seconds 600

It counts for this very proposal, in this epoch, for as long as the policy lets it; a proposer never counts.";

/// Approve a proposal, signed by the key of an enrolled holder
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Approve {
    /// Row of the proposal
    #[arg(value_name = "PROPOSAL")]
    proposal: RowId,
    /// Holder whose key signs, as `grant` named it
    #[arg(long, value_name = "NAME")]
    by: HolderName,
    /// How long it lasts [default: as long as the policy allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=LASTS_MAX))]
    seconds: Option<u64>,
}

impl Approve {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        Ok(fields::recorded(&context.open()?.approve(self.proposal, &self.by, self.seconds)?))
    }
}
