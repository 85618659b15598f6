//! `verify-fork`: checks the proof that a log was forked, with no vault at hand.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::error::{VaultError, WitnessFault};
use vaultmesh::witness::{ForkShown, verify_fork};
use vm_seal::fork::{CheckpointFork, FORK_MAX};

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::outside::TrustArgs;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify-fork fork.json --key KEY
  vaultmesh verify-fork fork.json --trust trust.toml

What is judged is the log, not the file. Exit 1: the proof holds, so the log is contradicted; its key signed two histories.
Exit 3: nothing is proven; the proof does not hold (fork-unproven), or no key says who signed (no-trust-key). Exit 2: no proof
of this format. There is no exit 0: that a log was not forked no file can show.";

/// Verify a proof that a log was forked: two checkpoints of it that exclude each other
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyFork {
    /// The proof, or - for stdin
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

impl VerifyFork {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        let bytes = read_limited(&self.file, FORK_MAX)?;
        let fork = CheckpointFork::parse(&bytes).map_err(WitnessFault::Fork).map_err(VaultError::Witness)?;
        let (shown, report) = verify_fork(&fork, &outside);
        Ok(Output::checked(Shown(shown), &report))
    }
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Shown(ForkShown);

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        let ForkShown { origin, sizes, roots } = &self.0;
        page.heading("proof of a fork");
        page.field("log", origin);
        for (size, root) in sizes.iter().zip(roots) {
            page.field("signed", format!("{root} at {size} entries"));
        }
    }
}
