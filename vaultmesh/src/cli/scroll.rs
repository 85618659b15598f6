//! `scroll append|adopt|verify`: an engine's own signed events.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use vaultmesh::error::VaultError;
use vaultmesh::vault::{Common, read_line};
use vm_core::canonical;
use vm_core::digest::RootHash;
use vm_core::id::{EngineName, LedgerId, TraceId};
use vm_core::key::{KeyHistory, NoteKey};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::VaultFiles as _;
use vm_ledger::ScrollState;
use vm_ledger::StillFiles;
use vm_seal::scroll::{VerifiedScroll, verify_scroll_by};

use super::context::Context;
use super::error::CliError;
use super::input::{Lines, json};
use super::outside::TrustArgs;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh scroll append planner --event '{\"format\":\"plan\",\"step\":1}'
  vaultmesh scroll adopt planner
  vaultmesh scroll verify planner --key KEY";

/// Append to, adopt and verify scrolls: an engine's own events, signed line by line
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Scroll {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Append(Append),
    Adopt(Adopt),
    Verify(Verify),
}

const APPEND_EXAMPLES: &str = "\
Examples:
  vaultmesh scroll append planner --event '{\"format\":\"plan\",\"step\":1}'
  vaultmesh scroll append planner --jsonl events.jsonl --trace 01900000-0000-7000-8000-0000000000ff";

/// Append events to a scroll, all or none, and sign its new root
#[derive(Args)]
#[command(after_help = APPEND_EXAMPLES)]
struct Append {
    /// Engine: 1 to 64 characters from a-z, 0-9 and hyphen
    engine: EngineName,
    /// Event: JSON, @FILE or @-; can be given more than once
    #[arg(long, value_name = "JSON", required_unless_present = "jsonl")]
    event: Vec<String>,
    /// Append every line of this file, or of stdin for -
    #[arg(long, value_name = "FILE", conflicts_with = "event")]
    jsonl: Option<PathBuf>,
    /// Chain of work they belong to [default: a new one]
    #[arg(long, value_name = "ID")]
    trace: Option<TraceId>,
}

const ADOPT_EXAMPLES: &str = "\
Examples:
  vaultmesh scroll adopt planner

A crash can leave lines that are whole but not signed yet. Look at them first: who adopts them vouches for them. Bytes
after the last newline are set aside in a file beside the scroll, and that is recorded.";

/// Sign the lines of a scroll that a crash left unsigned
#[derive(Args)]
#[command(after_help = ADOPT_EXAMPLES)]
struct Adopt {
    /// Engine
    engine: EngineName,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  vaultmesh scroll verify --key KEY
  vaultmesh scroll verify planner --trust trust.toml

Needs only the vault's receipts folder and the key: the database may be gone.";

/// Verify scrolls against their signed roots
#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct Verify {
    /// Engine [default: all]
    engine: Option<EngineName>,
    #[command(flatten)]
    trust: TrustArgs,
}

impl Scroll {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Append(command) => command.run(context),
            What::Adopt(command) => command.run(context),
            What::Verify(command) => command.run(context),
        }
    }
}

/// Most events appended at once: they are in memory until the root over them is signed.
const EVENTS_MAX: usize = 100_000;

#[derive(Serialize)]
struct Appended {
    engine: EngineName,
    events: u64,
    lines: u64,
    root: RootHash,
    /// Where the end of a line that a crash had left torn was set aside.
    torn: Option<String>,
}

impl Appended {
    fn new(engine: EngineName, state: &ScrollState) -> Self {
        let torn = state.torn.as_ref().map(|torn| torn.file.path.to_string());
        Self { engine, events: state.size.saturating_sub(state.first_seq), lines: state.size, root: state.root, torn }
    }
}

impl Adopt {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let state = context.open()?.adopt_scroll(&self.engine)?;
        Ok(Output::done(Appended::new(self.engine, &state)))
    }
}

impl Append {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let events = match &self.jsonl {
            Some(path) => read_events(path)?,
            None => self.event.iter().map(|text| json("--event", text)).collect::<Result<_, _>>()?,
        };
        let common = Common { trace_id: self.trace, ..Common::default() };
        let state = context.open()?.scroll(&self.engine, &events, &common)?;
        Ok(Output::done(Appended::new(self.engine, &state)))
    }
}

fn read_events(path: &std::path::Path) -> Result<Vec<Value>, CliError> {
    let mut lines = Lines::open(path)?;
    let (mut events, mut line, mut number) = (Vec::new(), Vec::new(), 0);
    while read_line(lines.reader(), &mut line, number + 1)? {
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if events.len() == EVENTS_MAX {
            return Err(CliError::Usage { what: format!("more than {EVENTS_MAX} events at once") });
        }
        let event = canonical::parse(&line, canonical::BYTES_MAX);
        let at = |error| VaultError::Line { line: number, source: Box::new(VaultError::Canonical(error)) };
        events.push(event.map_err(at)?);
    }
    Ok(events)
}

/// State of one scroll.
#[derive(Serialize)]
struct State {
    engine: EngineName,
    verified: bool,
    lines: Option<u64>,
    root: Option<RootHash>,
}

#[derive(Serialize)]
struct Checked {
    scrolls: Vec<State>,
}

impl Verify {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        let pinned = outside.pinned().cloned();
        let mut report = Report::new();
        if pinned.is_none() {
            report.find(Finding::new(Code::NoTrustKey, "scrolls"));
        }
        outside.find_unsigned("scrolls", &mut report);
        let mut checked = Checked { scrolls: Vec::new() };
        // Without a pinned key the ledger's own word is the next best; without a database there is none.
        let key = pinned.or_else(|| context.reader().ok().and_then(|reader| reader.claimed_key().ok()));
        let Some(key) = key else {
            return Ok(Output::checked(checked, &report));
        };
        let ledger = ledger_of(&key)?;
        let keys = match context.reader() {
            Ok(reader) => outside.keys_of(&reader).ok(),
            Err(_) => outside.history.clone(),
        };
        let keys = keys.unwrap_or_else(|| KeyHistory::of_key(ledger, key.public()));
        let files = StillFiles::open(&context.vault()?.value).map_err(VaultError::VaultFile)?;
        let engines = match self.engine {
            Some(engine) => vec![engine],
            None => files.engines().map_err(VaultError::Files)?,
        };
        for engine in engines {
            let (found, scroll) = verify_scroll_by(&files, &keys, &engine, &[]);
            report.merge(found);
            let root = scroll.as_ref().map(VerifiedScroll::root);
            let (lines, root) = (root.map(|root| root.size.as_u64()), root.map(|root| root.root));
            checked.scrolls.push(State { engine, verified: scroll.is_some(), lines, root });
        }
        Ok(Output::checked(checked, &report).listing("scrolls"))
    }
}

/// The ledger that a key is named after.
fn ledger_of(key: &NoteKey) -> Result<LedgerId, CliError> {
    let name = key.name().strip_prefix("vaultmesh/").unwrap_or_default();
    LedgerId::parse(name).map_err(|error| CliError::argument("--key", VaultError::Id(error)))
}

impl Human for Appended {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, "signed");
        page.line(&format!(" {} events of {}", self.events, self.engine));
        page.field("lines", self.lines);
        page.field("root", self.root);
        page.field_if("torn", self.torn.as_ref());
    }
}

impl Human for Checked {
    fn human(&self, page: &mut Page) {
        for scroll in &self.scrolls {
            page.heading(&format!("scroll {}", scroll.engine));
            page.field_if("lines", scroll.lines);
            page.field_if("root", scroll.root);
        }
    }
}
