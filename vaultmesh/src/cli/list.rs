//! `list`: shows rows by table and scope.

use clap::Args;
use vaultmesh::read::window;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::Table;
use vm_core::view::RowScope;

use super::context::Context;
use super::error::CliError;
use super::fields::Rows;
use super::input::parse_time;
use crate::render::Output;

/// Most rows that one command shows: what a person or a pipe takes at once, in some hundred megabytes at worst.
pub(super) const LIMIT_MAX: i64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  vaultmesh list
  vaultmesh list --table mcp_calls --since 2026-01-02T00:00:00Z --limit 500
  vaultmesh --format jsonl list --trace 01900000-0000-7000-8000-0000000000ff | jq .columns";

/// List rows, by table and then by id
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// Only rows of this table; can be given more than once
    #[arg(long, value_name = "TABLE", value_parser = tables())]
    table: Vec<Table>,
    /// Only rows of this trace; can be given more than once
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until"])]
    trace: Vec<TraceId>,
    /// Only rows from this time on, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Instant>,
    /// Only rows before this time, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Instant>,
    /// Most rows shown
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let scope =
            if self.trace.is_empty() { window(self.since, self.until) } else { RowScope::Traces(sorted(self.trace)) };
        let tables = if self.table.is_empty() { Table::ALL.to_vec() } else { sorted(self.table) };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let rows = context.reader()?.list(&tables, scope, limit.saturating_add(1))?;
        Ok(Output::done(Rows::first(rows, limit)).listing("rows"))
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

/// Reads a table's name.
pub(super) fn tables() -> impl clap::builder::TypedValueParser<Value = Table> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(Table::ALL.map(Table::as_str)).try_map(|name| name.parse::<Table>())
}
