//! `anchor add|upgrade|payload|pack|inspect|verify`: proof from outside that a seal existed at a time.

mod add;
mod inspect;
#[cfg(feature = "client")]
mod named;
mod pack;
mod upgrade;

use clap::{Args, Subcommand};
use vaultmesh::system::SystemClock;
use vaultmesh::verify::verify_one_seal;
use vm_core::id::SealId;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use super::outside::{TrustArgs, verified};
use crate::render::Output;

/// Longest evidence read, in bytes: tokens of public authorities are up to 8 kB; a transaction of a chain with its proof
/// can be some hundred.
const EVIDENCE_MAX: usize = 4 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  vaultmesh anchor add 01900000-0000-7000-8000-0000000000aa --local
  vaultmesh anchor add 01900000-0000-7000-8000-0000000000aa --tsa http://tsa.example/tsr --tsa http://two.example
  vaultmesh anchor verify 01900000-0000-7000-8000-0000000000aa --trust trust.toml --key KEY
  vaultmesh anchor inspect answer.tsr --data report.pdf --trust trust.toml";

/// Anchor seals outside the ledger, verify anchors, and judge evidence of others
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Anchor {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Add(add::Add),
    Upgrade(upgrade::Upgrade),
    Payload(pack::Payload),
    Pack(pack::Pack),
    Inspect(inspect::Inspect),
    Verify(Verify),
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  vaultmesh anchor verify SEAL --trust trust.toml --key KEY";

/// Verify the anchors of a seal, and the seal with them
#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct Verify {
    /// Id of the seal
    seal: SealId,
    #[command(flatten)]
    trust: TrustArgs,
}

impl Anchor {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Add(command) => command.run(context),
            What::Upgrade(command) => command.run(context),
            What::Payload(command) => command.run(context),
            What::Pack(command) => command.run(),
            What::Inspect(command) => command.run(),
            What::Verify(command) => command.run(context),
        }
    }
}

impl Verify {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        Ok(verified(verify_one_seal(&context.reader()?, self.seal, &outside, SystemClock.now())?))
    }
}
