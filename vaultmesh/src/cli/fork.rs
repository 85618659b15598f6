//! `prove fork`: that this vault's log is not the one that a head was signed over.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use vaultmesh::error::{VaultError, WitnessFault};
use vaultmesh::witness::{ForkShown, forked as finding};
use vm_core::verdict::Finding;
use vm_seal::fork::CheckpointFork;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use super::outside::read_head;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh prove fork head.txt -o fork.json
  vaultmesh verify-fork fork.json --key KEY

A head of the same ledger, signed by the same key, to which this vault's log did not grow: two histories. Where the log did
grow out of it there is nothing to prove, which is exit 2.";

/// Prove that this log is not the one that a head was signed over by the same key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Fork {
    /// The head that was kept elsewhere
    head: PathBuf,
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A proof of a fork, as it was made.
#[derive(Serialize)]
pub(super) struct ForkFile {
    #[serde(flatten)]
    fork: ForkShown,
    proof: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl ForkFile {
    /// Writes a proof to a new file, if one is named.
    pub(super) fn write(fork: &CheckpointFork, file: Option<&Path>) -> Result<Self, CliError> {
        let bytes = fork.to_bytes().map_err(WitnessFault::Fork).map_err(VaultError::Witness)?;
        if let Some(file) = file {
            write_new(file, &bytes)?;
        }
        let proof = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { fork: ForkShown::of(fork), proof, file: file.map(shown) })
    }
}

/// The finding that a log was forked.
pub(super) fn forked(fork: &CheckpointFork) -> Finding {
    finding(fork.claimed())
}

impl Fork {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let fork = context.reader()?.prove_fork(&read_head(&self.head)?)?;
        Ok(Output::done(ForkFile::write(&fork, self.output.as_deref())?))
    }
}

impl Human for ForkFile {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&format!("{}\n", self.proof)),
            Some(file) => page.line(&format!("wrote {file}")),
        }
    }
}
