//! Options that select rows.

use clap::Args;
use vaultmesh::error::VaultError;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::Table;
use vm_seal::selection::Selection;

use super::error::CliError;
use super::input::parse_time;
use super::list::tables;

/// Which rows: of a window of time or of some traces, of some tables.
#[derive(Args)]
pub(super) struct SelectionArgs {
    /// Only rows from this time on, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Instant>,
    /// Only rows before this time, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Instant>,
    /// Only rows of these traces
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with_all = ["since", "until"])]
    trace: Vec<TraceId>,
    /// Only rows of these tables [default: all]
    #[arg(long, value_name = "TABLE", num_args = 1.., value_parser = tables())]
    kind: Vec<Table>,
}

impl SelectionArgs {
    /// The selection; without any option all rows.
    pub(super) fn selection(self) -> Result<Selection, CliError> {
        let kinds = if self.kind.is_empty() { Table::ALL.to_vec() } else { self.kind };
        let selection = if self.trace.is_empty() {
            Selection::window(self.since, self.until, &kinds)
        } else {
            Selection::traces(self.trace, &kinds)
        };
        Ok(selection.map_err(VaultError::Selection)?)
    }
}
