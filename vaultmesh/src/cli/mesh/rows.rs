//! `mesh rows`: rows of other ledgers, and the verdict on them.

use clap::Args;
use serde::Serialize;
use vaultmesh::mesh::{ForeignRow, ForeignState};

use super::super::context::Context;
use super::super::error::CliError;
use super::open;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh mesh rows
  vaultmesh --format jsonl mesh rows | jq 'select(.state != \"proven\")'

Exit 0: each row that members speak of is proven by a head that a pinned key signed. Exit 1: two rows are said to stand at one
place, a log or a member has two histories, or somebody says of this vault's rows what its log does not have; both sides are
kept and shown. Exit 3: rows are hearsay, since their proof or the key of their ledger is not here.";

/// Check the rows of other ledgers that members speak of, and list them as their peers'
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rows {}

#[derive(Serialize)]
struct Listed {
    rows: Vec<ForeignRow>,
}

impl Rows {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mesh = open(context)?;
        let foreign = mesh.foreign(Some(&context.reader()?))?;
        Ok(Output::checked(Listed { rows: foreign.rows }, &foreign.report).listing("rows"))
    }
}

impl Human for Listed {
    fn human(&self, page: &mut Page) {
        for row in &self.rows {
            let (style, state) = match row.state {
                ForeignState::Proven => (Style::Good, "proven"),
                ForeignState::Unproven => (Style::Strong, "unproven"),
                ForeignState::Conflict => (Style::Bad, "conflict"),
            };
            page.write(style, state);
            let ledger = row.ledger.to_string();
            let peer = row.peer.as_deref().unwrap_or(&ledger);
            let id = match (row.table, row.id) {
                (Some(table), Some(id)) => format!("{table}/{id}"),
                (Some(table), None) => table.to_string(),
                _ => row.leaf.to_string(),
            };
            page.line(&format!(" {peer} {} {id}", row.seq));
        }
    }
}
