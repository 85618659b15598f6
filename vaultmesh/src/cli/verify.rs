//! `verify`: the whole vault, one artifact, or a capture against its rows.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::chain::{verify_against, verify_artifact};
use vaultmesh::error::VaultError;
use vaultmesh::keys::KeyStore;
use vaultmesh::read::Reader;
use vaultmesh::subjects::Ring;
use vaultmesh::system::SystemClock;
use vaultmesh::verify::verify_vault;
use vm_core::id::TraceId;
use vm_core::source::Clock as _;
use vm_ledger::OpeningsKeys;

use super::context::Context;
use super::error::CliError;
use super::input::Lines;
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
    /// One artifact: its row's id, its path below the vault, or a file anywhere [default: the whole vault]
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
        let (reader, now) = (context.reader()?, SystemClock.now());
        let answer = match (&self.artifact, &self.against) {
            (Some(artifact), _) => verify_artifact(&reader, artifact, self.full_chain, &outside, now)?,
            (None, Some(capture)) => {
                let mut lines = Lines::open(capture)?;
                let ring = ring(context, &reader)?;
                let openings = ring.as_ref().map(|ring| -> &dyn OpeningsKeys { ring });
                verify_against(&reader, lines.reader(), self.connection, openings, &outside)?
            }
            (None, None) => verify_vault(&reader, &outside, now)?,
        };
        Ok(verified(answer))
    }
}

/// The keys that open commitments, where this machine has them; without them redacted frames stay undecided.
fn ring(context: &Context, reader: &Reader) -> Result<Option<Ring>, CliError> {
    match Ring::open(&KeyStore::new(&context.keys()?.value, reader.ledger()), reader.ledger()) {
        Ok(ring) => Ok(Some(ring)),
        Err(VaultError::KeyMissing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
