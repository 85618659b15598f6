//! `propose`: what should change, as data.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;
use vaultmesh::error::VaultError;
use vaultmesh::vault::{ProposalInput, SuggestedIn};
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_dee::{Change, CommandLine, Name, ProposalHash, Risk};

use super::context::Context;
use super::error::CliError;
use super::fields::Row;
use super::input::{parse_time, read_whole};
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh propose change.json
  vaultmesh propose --kind threshold --name risk.max --from 0.5 --to 0.4 -- ./apply-threshold.sh 0.4
  vaultmesh propose --kind command --risk high -- deploy api
  vaultmesh propose --kind epoch --epoch albedo
  vaultmesh --holder watch propose change.json
  vaultmesh --holder watch propose --suggestion REPORT
  vaultmesh propose --suggestion REPORT --number 2 --kind threshold --name risk.max --from 0.5 --to 0.4

A file: {\"change\":{\"type\":\"guard_policy\",\"policy\":\"HEX\"},\"evidence\":[\"ROW\"],\"risk\":\"medium\",
  \"replay\":{\"from\":0,\"to\":100,\"benign_blocked_max\":0}}; docs/spec/dee-proposal.md has all members.

A command after -- is the only one that `execute` runs for it; it is part of what is approved, and makes the risk medium at least.

With --suggestion it is what a guardian proposed in the report of that row, or what a recommendation there gives reason to do:
the row and those it names become the evidence, at the risk of what was asked for. The change need not be named where one
seal is to be anchored again. A recommendation is recorded by `record artifact autogene_recommendation --file FILE`.

Nothing happens by it. It is signed by the key of --holder, else the operator's, which does not count as approving.";

/// Propose a change: data that others approve, and that is executed once or never
#[derive(Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").required(true).multiple(true).args(["file", "kind", "suggestion"]))]
pub(super) struct Propose {
    /// Proposal in JSON, - for stdin
    #[arg(value_name = "FILE", conflicts_with_all = ["kind", "risk", "evidence", "expires"])]
    file: Option<PathBuf>,
    /// Row of a guardian's report, or of a recommendation, that suggests it
    #[arg(long, value_name = "ROW")]
    suggestion: Option<RowId>,
    /// Which of the report's proposals, from 1 [default: the only one]
    #[arg(long, requires = "suggestion", value_name = "NUMBER")]
    number: Option<usize>,
    /// Kind of change, for those that need no file
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// Threshold that moves
    #[arg(long, requires = "kind", value_name = "NAME")]
    name: Option<Name>,
    /// Where the threshold stands
    #[arg(long, requires = "kind", value_name = "NUMBER", allow_negative_numbers = true)]
    from: Option<f64>,
    /// Where the threshold would stand
    #[arg(long, requires = "kind", value_name = "NUMBER", allow_negative_numbers = true)]
    to: Option<f64>,
    /// Epoch to change to
    #[arg(long, requires = "kind", value_name = "EPOCH")]
    epoch: Option<Epoch>,
    /// How much is at stake [default: the least that a change of its kind has]
    #[arg(long, value_name = "RISK", value_parser = risks())]
    risk: Option<Risk>,
    /// Row that it rests on; can be given more than once
    #[arg(long, value_name = "ROW")]
    evidence: Vec<RowId>,
    /// From then on it may no longer be executed, RFC 3339 [default: in seven days]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<Instant>,
    /// Command that does it, after --
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Kinds of change that need no file. What each is stands in the examples.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Kind {
    Threshold,
    Command,
    Epoch,
}

#[derive(Serialize)]
struct Proposed {
    proposal: RowId,
    hash: ProposalHash,
    row: Row,
}

impl Propose {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let from = self.suggestion.map(|row| SuggestedIn { row, number: self.number });
        let mut input = match (&self.file, from) {
            (Some(path), _) => {
                let value = vm_core::canonical::parse(&read_whole(path)?, vm_core::canonical::BYTES_MAX);
                let value = value.map_err(|error| CliError::argument("FILE", VaultError::Canonical(error)))?;
                let reason = |error: serde_json::Error| VaultError::Input { reason: error.to_string() };
                serde_json::from_value(value).map_err(reason)?
            }
            (None, from) => {
                let change = match (self.kind, from) {
                    (None, Some(from)) => context.open()?.suggested(from)?.change,
                    _ => self.change(context)?,
                };
                let Self { evidence, risk, expires, .. } = self;
                ProposalInput { evidence, risk, expires, ..ProposalInput::of(change) }
            }
        };
        if !self.command.is_empty() && self.kind != Some(Kind::Command) {
            if input.command.is_some() {
                return Err(CliError::Usage { what: "the file names a command already".to_owned() });
            }
            input.command = Some(digest(&self.command)?);
        }
        let mut vault = context.open()?;
        Ok(shown(&match from {
            Some(from) => vault.propose_from(from, input)?,
            None => vault.propose(input)?,
        }))
    }

    fn change(&self, context: &Context) -> Result<Change, CliError> {
        let lacks = |what: &str| CliError::Usage { what: format!("a change of this kind needs {what}") };
        Ok(match (self.kind, &self.name, self.from, self.to, self.epoch) {
            (Some(Kind::Threshold), Some(name), Some(from), Some(to), None) => {
                Change::Threshold { name: name.clone(), from, to }
            }
            (Some(Kind::Threshold), ..) => return Err(lacks("--name, --from and --to")),
            (Some(Kind::Epoch), None, None, None, Some(to)) => {
                Change::Epoch { from: context.reader()?.gate()?.epoch(), to }
            }
            (Some(Kind::Epoch), ..) => return Err(lacks("--epoch and nothing else")),
            (_, None, None, None, None) => Change::Command { command: digest(&self.command)? },
            _ => return Err(lacks("the command after -- and nothing else")),
        })
    }
}

/// Proposes, and shows the proposal.
pub(super) fn proposed(context: &Context, input: ProposalInput) -> Result<Output, CliError> {
    Ok(shown(&context.open()?.propose(input)?))
}

fn shown(proposed: &vaultmesh::vault::Proposed) -> Output {
    let row = Row::of(&proposed.recorded);
    Output::done(Proposed { proposal: row.id, hash: proposed.hash, row })
}

/// A command as it stands after `--`.
pub(super) fn command_line(command: &[String]) -> Result<CommandLine, CliError> {
    let Some((program, args)) = command.split_first() else {
        return Err(CliError::Usage { what: "there is no command after --".to_owned() });
    };
    Ok(CommandLine { program: program.clone(), args: args.to_vec() })
}

/// Identity of a command.
fn digest(command: &[String]) -> Result<Sha256Digest, CliError> {
    Ok(command_line(command)?.digest().map_err(VaultError::Canonical)?)
}

fn risks() -> impl clap::builder::TypedValueParser<Value = Risk> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(Risk::ALL.map(Risk::as_str))
        .try_map(|word| Risk::ALL.into_iter().find(|risk| risk.as_str() == word).ok_or("no such risk"))
}

impl Human for Proposed {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "proposed");
        page.line(&format!(" {}", self.proposal));
        page.field("hash", self.hash);
        page.field("place", self.row.seq);
        page.line(&format!("Have it approved: vaultmesh approve {} --by NAME", self.proposal));
    }
}
