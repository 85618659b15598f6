//! `stats`: counts with noise, out of a privacy budget.

use clap::Args;
use serde::Serialize;
use vaultmesh::statistics::{PastRelease, ReleasedCount, margin};
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::statistics::{Count, Epsilon, Question, Release, decimal};

use super::context::Context;
use super::error::CliError;
use super::fields::recorded;
use super::input::parse_time;
use crate::render::{Human, Output, Page, Progress, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh stats --set-budget 10
  vaultmesh grant auditor --profile auditor --from-root
  vaultmesh --holder auditor stats --epsilon 0.5 tool_invocations/grep tool_invocations/bash mcp_calls
  vaultmesh stats

Each count gets noise, so that what any one trace holds changes the chance of any answer by a factor of exp(EPSILON) at most, its
existence included. Of a trace, --per-trace rows count, over all counts together: more of them count truer and need more noise.
What is spent of the budget is spent for good. Name what is counted, and the times, without looking at the rows: they are
told as they are, and so is the time of the release. Give away the counts alone. The row that records them stands at a
place in the log that tells how many rows there are.";

/// Give away counts with differential privacy, set the budget for that, or show what was given away
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Stats {
    /// What to count: TABLE, or TABLE/NAME with the name of a tool, an MCP method or a kind of artifact
    #[arg(value_name = "COUNT", requires = "epsilon")]
    counts: Vec<Count>,
    /// Loss of privacy that this answer costs, of at most six decimal places
    #[arg(long, value_name = "EPSILON", requires = "counts")]
    epsilon: Option<Epsilon>,
    /// Most rows of one trace that count
    #[arg(long, value_name = "ROWS", default_value_t = 10, requires = "epsilon")]
    per_trace: u32,
    /// Only rows from this time on, RFC 3339 [default: all]
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "epsilon")]
    since: Option<Instant>,
    /// Only rows before this time, RFC 3339 [default: all]
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "epsilon")]
    until: Option<Instant>,
    /// Record how much all answers together may cost, those before included
    #[arg(long, value_name = "EPSILON", conflicts_with = "epsilon")]
    set_budget: Option<Epsilon>,
}

/// An answer as it is shown: nothing in it tells how many rows there are.
#[derive(Serialize)]
struct Shown {
    release: RowId,
    epsilon: String,
    per_trace: u32,
    since: Option<Instant>,
    until: Option<Instant>,
    /// With a chance of 95 %, no count is off by more.
    margin: f64,
    counts: Vec<ReleasedCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<String>,
}

impl Shown {
    fn of(row: RowId, release: &Release, left: Option<u64>) -> Self {
        let (since, until) = release.question().window();
        Self {
            release: row,
            epsilon: release.epsilon().to_string(),
            per_trace: release.question().per_trace(),
            since,
            until,
            margin: margin(release),
            counts: ReleasedCount::of(release),
            left: left.map(decimal),
        }
    }
}

#[derive(Serialize)]
struct Account {
    budget: Option<String>,
    spent: String,
    left: String,
    releases: Vec<Shown>,
}

impl Stats {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        if let Some(budget) = self.set_budget {
            return Ok(recorded(&context.open()?.set_privacy_budget(budget)?));
        }
        let Some(epsilon) = self.epsilon else { return account(context) };
        let question = Question::new(self.counts, self.per_trace, self.since, self.until);
        let question =
            question.map_err(vaultmesh::error::StatisticsFault::from).map_err(vaultmesh::error::VaultError::from)?;
        let mut vault = context.open()?;
        let mut progress = Progress::new("rows counted", context.format);
        let released = vault.release(question, epsilon, &mut |_| progress.add(1))?;
        drop(progress);
        Ok(Output::done(Shown::of(released.row, &released.release, Some(released.left))))
    }
}

fn account(context: &Context) -> Result<Output, CliError> {
    let reader = context.reader()?;
    let account = reader.privacy_account()?;
    let releases = reader.releases()?;
    Ok(Output::done(Account {
        budget: account.budget().map(|budget| budget.to_string()),
        spent: decimal(account.spent()),
        left: decimal(account.left()),
        releases: releases.iter().map(|PastRelease { row, release }| Shown::of(*row, release, None)).collect(),
    }))
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, "released");
        page.line(&format!(" {}", self.release));
        page.field("epsilon", &self.epsilon);
        page.field("per trace", self.per_trace);
        for (name, time) in [("since", self.since), ("until", self.until)] {
            if let Some(time) = time {
                page.field(name, time);
            }
        }
        page.field("margin", format!("{:.0}, of each count, with a chance of 95 %", self.margin));
        for ReleasedCount { count, value } in &self.counts {
            page.field(count, value);
        }
        if let Some(left) = &self.left {
            page.field("left", left);
        }
    }
}

impl Human for Account {
    fn human(&self, page: &mut Page) {
        page.field("budget", self.budget.as_deref().unwrap_or("none; set one with --set-budget"));
        page.field("spent", &self.spent);
        page.field("left", &self.left);
        for release in &self.releases {
            release.human(page);
        }
    }
}
