//! `horizon open|close|list`: decisions, opened before they are made and closed with their one outcome.

use std::io::{self, Write as _};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use vaultmesh::error::{TokenError, VaultError};
use vaultmesh::restraint::HorizonState;
use vaultmesh::system::SystemClock;
use vaultmesh::vault::{Common, HorizonInput, HorizonRecorded, OutcomeInput};
use vm_core::capability::{Action, Resource};
use vm_core::digest::CapabilityHash;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::source::Clock as _;
use vm_shadow::Outcome;
use vm_shadow::restraint::can_be_shown;

use super::context::Context;
use super::error::CliError;
use super::input::{json, parse_time};
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh horizon open deploy/api --option 'deploy 4.2.0' --option @rollback.json
  vaultmesh horizon close deploy/api withheld --reason 'error budget spent'
  vaultmesh horizon list
  vaultmesh seal create
  vaultmesh prove restraint deploy/api -o restraint.json

A horizon is opened before its decision is made, and closed by exactly one outcome. Only commitments to its options are stored;
what they were stays in the vault's openings. Once closed, its name may be opened again.";

/// Said of a decision that `prove restraint` will refuse.
const UNWATCHED: &str = "\
note: no proof of restraint can be made of this decision: acts under its power leave no rows that a proof looks at
  Open it with --action record on /tool_invocations or /mcp_calls, or with --action execute --proposal ROW on /gate.";

/// How long a decision stays open unless told, in microseconds: a day.
const OPEN_FOR: i64 = 86_400 * 1_000_000;

/// Open and close decisions, so that what was held back can be shown
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Horizon {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Open(Open),
    Close(Close),
    List(List),
}

const OPEN_EXAMPLES: &str = "\
Examples:
  vaultmesh horizon open deploy/api --option 'deploy 4.2.0' --option 'roll back'
  vaultmesh horizon open deploy/api --option @plan.json --deadline 2026-12-01T00:00:00Z
  vaultmesh horizon open proposal-17 --option @change.json --action execute --proposal 01900000-0000-7000-8000-0000000000ff

The capability is what would have allowed the options: the token that the command writes with, unless another is named; its holder observes. Whether it grants the action on
the resource is not asked here; a proof of restraint shows it. Such a proof is made of decisions to record on /tool_invocations or /mcp_calls, and to execute a proposal on
/gate: acts of others leave no rows that it looks at.";

/// Open a decision: commit to what may be done, before anything of it is
#[derive(Args)]
#[command(after_help = OPEN_EXAMPLES)]
struct Open {
    /// Its name: letters, digits, dot, colon, slash, hyphen and underscore
    name: String,
    /// What may be done: text, or JSON from @FILE; may be given several times
    #[arg(long, value_name = "TEXT|@FILE", required = true)]
    option: Vec<String>,
    /// Hash of the token that would allow it [default: the one written with]
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    capability: Option<CapabilityHash>,
    /// Action that it needs: record, seal, anchor, disclose, erase, execute, change_epoch
    #[arg(long, value_name = "ACTION", value_parser = parse_action, default_value = "record")]
    action: Action,
    /// Resource that it needs [default: /tool_invocations for record, /gate for execute, / for others]
    #[arg(long, value_name = "PATH")]
    resource: Option<Resource>,
    /// Row of the proposal that it is about
    #[arg(long, value_name = "ROW")]
    proposal: Option<RowId>,
    /// First time at which it can only expire, RFC 3339 [default: in a day]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    deadline: Option<Instant>,
    /// Chain of work it belongs to [default: a new one]
    #[arg(long, value_name = "ID")]
    trace: Option<TraceId>,
}

const CLOSE_EXAMPLES: &str = "\
Examples:
  vaultmesh horizon close deploy/api withheld --reason 'error budget spent'
  vaultmesh horizon close deploy/api taken --option 1
  vaultmesh horizon close deploy/api expired

Before its deadline a decision is taken or withheld, from then on it can only expire. With a reason, each option that was not taken gets
a shadow receipt.";

/// Close a decision with its one outcome
#[derive(Args)]
#[command(after_help = CLOSE_EXAMPLES)]
struct Close {
    /// Its name
    name: String,
    /// What it came to
    #[arg(value_enum)]
    outcome: Word,
    /// Place of the option that was taken, from 0
    #[arg(long, value_name = "N")]
    option: Option<u8>,
    /// Why the options that were not taken were not
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    Taken,
    Withheld,
    Expired,
}

const LIST_EXAMPLES: &str = "\
Examples:
  vaultmesh horizon list
  vaultmesh horizon list --open";

/// List decisions and what they came to
#[derive(Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {
    /// Only those that are open
    #[arg(long)]
    open: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Made(HorizonRecorded);

#[derive(Serialize)]
struct Listed {
    horizons: Vec<HorizonState>,
}

impl Horizon {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Open(command) => command.run(context),
            What::Close(command) => command.run(context),
            What::List(command) => command.run(context),
        }
    }
}

impl Open {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let options = self.option.iter().map(|option| described(option)).collect::<Result<_, _>>()?;
        let usual = match self.action {
            Action::Record => "/tool_invocations",
            Action::Execute => "/gate",
            _ => "/",
        };
        let resource = match self.resource {
            Some(resource) => resource,
            None => usual.parse().map_err(|error| VaultError::from(TokenError::Refused(error)))?,
        };
        let input = HorizonInput {
            name: self.name,
            options,
            capability: self.capability,
            action: self.action,
            resource,
            proposal: self.proposal,
            deadline: self.deadline.unwrap_or_else(|| SystemClock.now().saturating_add_micros(OPEN_FOR)),
            common: Common { trace_id: self.trace, ..Common::default() },
        };
        let opened = context.open()?.open_horizon(&input)?;
        if !can_be_shown(input.action, &input.resource, input.proposal) {
            // Whoever cannot be told has opened it all the same.
            let _ = writeln!(io::stderr(), "{UNWATCHED}");
        }
        done(opened)
    }
}

impl Close {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let outcome = match (self.outcome, self.option) {
            (Word::Taken, Some(option)) => Outcome::Taken { option },
            (Word::Withheld, None) => Outcome::Withheld,
            (Word::Expired, None) => Outcome::Expired,
            (Word::Taken, None) => return Err(CliError::Usage { what: "name the option that was taken".to_owned() }),
            (Word::Withheld | Word::Expired, Some(_)) => {
                return Err(CliError::Usage { what: "--option goes with taken".to_owned() });
            }
        };
        if self.outcome == Word::Withheld && self.reason.is_none() {
            return Err(CliError::Usage { what: "what is withheld needs a --reason".to_owned() });
        }
        done(context.open()?.close_horizon(&OutcomeInput { name: self.name, outcome, reason: self.reason })?)
    }
}

impl List {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut horizons = context.reader()?.horizons()?;
        horizons.retain(|horizon| !self.open || horizon.outcome.is_none());
        Ok(Output::done(Listed { horizons }).listing("horizons"))
    }
}

fn done(made: HorizonRecorded) -> Result<Output, CliError> {
    let findings: Vec<_> = made.recorded.iter().flat_map(|row| row.findings.clone()).collect();
    Ok(Output::done(Made(made)).noticing(findings, 0))
}

/// Text as it is, or the JSON of a file.
fn described(option: &str) -> Result<Value, CliError> {
    if option.starts_with('@') { json("--option", option) } else { Ok(Value::from(option)) }
}

fn parse_hash(text: &str) -> Result<CapabilityHash, vm_core::error::DigestError> {
    CapabilityHash::parse_hex(text)
}

fn parse_action(text: &str) -> Result<Action, String> {
    let known = Action::ALL.iter().copied().find(|action| action.as_str() == text);
    known.ok_or_else(|| "no such action".to_owned())
}

impl Human for Made {
    fn human(&self, page: &mut Page) {
        let horizon = &self.0.horizon;
        page.write(Style::Good, horizon.outcome.as_deref().unwrap_or("opened"));
        page.line(&format!(" horizon {}", horizon.horizon));
        state(horizon, page);
        for row in &self.0.recorded {
            page.line(&format!("  {} {}/{}", row.seq, row.table, row.id));
        }
        if horizon.outcome.is_none() {
            page.line(&format!(
                "Close it before {}: vaultmesh horizon close {} ...",
                horizon.deadline, horizon.horizon
            ));
        }
    }
}

impl Human for Listed {
    fn human(&self, page: &mut Page) {
        for horizon in &self.horizons {
            page.heading(&format!("{} {}", horizon.outcome.as_deref().unwrap_or("open"), horizon.horizon));
            state(horizon, page);
            page.field("deadline", horizon.deadline);
        }
    }
}

fn state(horizon: &HorizonState, page: &mut Page) {
    page.field("opening", format!("{}, at {}", horizon.opening, horizon.seq));
    page.field("options", horizon.options);
    page.field("power", format!("{} on {}, by {}", horizon.action, horizon.resource, horizon.capability));
    page.field("trace", horizon.trace_id);
    page.field_if("closing", horizon.closing);
}
