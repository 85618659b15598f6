//! `mesh share`: rows of this vault, shown to peers.

use clap::Args;
use serde::Serialize;
use vaultmesh::mesh::Shared;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::selection::SelectionArgs;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh mesh share
  vaultmesh mesh share --since 2026-01-01T00:00:00Z --kind tool_invocations
  vaultmesh mesh share --trace 0197f2d0-c0de-7000-b3a1-f2e4d5c6b7a8

Peers get the rows whole, as they stand in the ledger, each with its path to this vault's head, when they sync. What was shown
cannot be taken back.";

/// Show peers rows of this vault, with the proofs that its log holds them
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Share {
    #[command(flatten)]
    selection: SelectionArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Shared);

impl Share {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let selection = self.selection.selection()?;
        let mut vault = context.open()?;
        let mut mesh = vault.mesh()?;
        Ok(Output::done(Shown(vault.mesh_share(&mut mesh, &selection)?)))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.field("rows", format!("{}, in a log of {}", self.0.rows, self.0.size));
        for op in &self.0.ops {
            page.field("op", op);
        }
    }
}
