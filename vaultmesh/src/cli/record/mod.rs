//! `record`: puts evidence into the ledger.

mod artifact;
mod deploy;
mod mcp;
mod shadow;
mod signal;
mod tool;

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::VaultError;
use vaultmesh::vault::{InputKind, RecordInput, Recorded, check_jsonl};

use super::context::Context;
use super::error::CliError;
use super::fields::{self, Noticed, Row};
use super::input::Lines;
use crate::render::{Format, Human, Output, Page, Progress, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh record tool grep --input '{\"pattern\":\"x\"}' --output '{\"hits\":3}'
  vaultmesh record tool --jsonl calls.jsonl
  vaultmesh record mcp -- npx some-mcp-server

Only what the redaction policy keeps is stored; every other value is replaced by a salted commitment to it.";

/// Record evidence: one record by options, or many from JSON lines
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Record {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Tool(tool::Tool),
    Mcp(mcp::Mcp),
    Artifact(artifact::Artifact),
    Deploy(deploy::Deploy),
    Shadow(shadow::Shadow),
    Signal(signal::Signal),
}

impl Record {
    /// Whether stdout belongs to a server's traffic.
    pub(super) fn is_proxy(&self) -> bool {
        matches!(&self.what, What::Mcp(mcp) if mcp.is_proxy())
    }

    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Tool(command) => command.run(context),
            What::Mcp(command) => command.run(context),
            What::Artifact(command) => command.run(context),
            What::Deploy(command) => command.run(context),
            What::Shadow(command) => command.run(context),
            What::Signal(command) => command.run(context),
        }
    }
}

/// Rows recorded from JSON lines.
#[derive(Serialize)]
struct Many {
    recorded: u64,
    /// Rows of these that an earlier run had recorded.
    replayed: u64,
    first: Option<Row>,
    last: Option<Row>,
}

impl Human for Many {
    fn human(&self, page: &mut Page) {
        if self.recorded == 0 {
            page.write(Style::Strong, "nothing recorded");
            page.line(": no line holds a record");
            return;
        }
        page.write(Style::Strong, "recorded");
        page.line(&format!(" {} rows, {} of them before", self.recorded, self.replayed));
        if let (Some(first), Some(last)) = (&self.first, &self.last) {
            page.field("places", format!("{} to {}", first.seq, last.seq));
        }
    }
}

fn one(context: &Context, input: RecordInput) -> Result<Output, CliError> {
    let recorded = context.open()?.record(vec![input])?;
    match recorded.first() {
        Some(row) => Ok(fields::recorded(row)),
        None => Err(CliError::Usage { what: "nothing to record".to_owned() }),
    }
}

/// Records the lines of a file or of stdin. A file is read twice: nothing of it is recorded if a line is malformed.
fn many(context: &Context, kind: InputKind, path: &Path) -> Result<Output, CliError> {
    let mut lines = Lines::open(path)?;
    if lines.can_rewind() {
        check_jsonl(kind, lines.reader())?;
        lines.rewind().map_err(|source| CliError::file(path, source))?;
    }
    let mut vault = context.open()?;
    let mut tally = Tally::new(context);
    let total = vault.record_jsonl(kind, lines.reader(), &mut |rows| tally.add(rows));
    tally.finish(total)
}

/// What is told of many rows, in bounded memory: in `jsonl` each row is written as soon as it is durable.
struct Tally {
    format: Format,
    progress: Progress,
    noticed: Noticed,
    told: Many,
}

impl Tally {
    fn new(context: &Context) -> Self {
        Self {
            format: context.format,
            progress: Progress::new("rows recorded", context.format),
            noticed: Noticed::default(),
            told: Many { recorded: 0, replayed: 0, first: None, last: None },
        }
    }

    fn add(&mut self, rows: &[Recorded]) {
        for recorded in rows {
            let row = Row::of(recorded);
            if self.format == Format::Jsonl {
                // Whoever stopped reading does not stop the recording.
                let _ = crate::render::stream(&row);
            }
            self.noticed.add(&recorded.findings);
            self.told.recorded += 1;
            self.told.replayed += u64::from(row.replayed);
            self.told.first.get_or_insert_with(|| row.clone());
            self.told.last = Some(row);
        }
        self.progress.add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    }

    fn finish<T>(self, result: Result<T, VaultError>) -> Result<Output, CliError> {
        drop(self.progress);
        match result {
            Ok(_) => Ok(Output::done(self.told).noticing(self.noticed.findings, self.noticed.dropped)),
            Err(source) if self.told.recorded > 0 => {
                Err(CliError::Partly { recorded: self.told.recorded, source: Box::new(source) })
            }
            Err(source) => Err(source.into()),
        }
    }
}
