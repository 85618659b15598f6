//! `show`: one row whole.

use clap::Args;
use serde::Serialize;
use vaultmesh::read::ShownRow;
use vm_core::id::RowId;

use super::context::Context;
use super::error::CliError;
use super::fields::cell;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh show 01900000-0000-7000-8000-0000000000ff
  vaultmesh --format json show 01900000-0000-7000-8000-0000000000ff | jq .result.columns

A value {\"$sealed\":...} was committed instead of stored: its digest is proof of it, the value is not there.";

/// Show one row with all its columns, its leaf hash and its place in the log
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    /// Id of the row
    id: RowId,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(ShownRow);

impl Show {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        Ok(Output::done(Shown(context.reader()?.show(self.id)?)))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        let row = &self.0;
        page.write(Style::Strong, row.table.as_str());
        page.line(&format!("/{}", row.id));
        page.field("place", row.seq);
        page.field("leaf", row.leaf);
        page.field("schema", row.schema);
        page.field_if("openings", row.erased_under.map(|receipt| format!("erased under receipt {receipt}")));
        for (name, value) in &row.columns {
            page.field(name, cell(value));
        }
    }
}
