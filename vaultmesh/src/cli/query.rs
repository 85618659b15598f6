//! `query`: searches stored text.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::fields::Rows;
use super::list::LIMIT_MAX;
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh query tools/call --limit 20
  vaultmesh --format jsonl query deploy | jq .id

Only what is stored can be found; committed values cannot.";

/// Find rows that hold a text in any stored column
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Query {
    /// Text to look for, upper and lower case as written
    pattern: String,
    /// Most rows shown
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
}

impl Query {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let rows = context.reader()?.query(&self.pattern, limit.saturating_add(1))?;
        Ok(Output::done(Rows::first(rows, limit)).listing("rows"))
    }
}
