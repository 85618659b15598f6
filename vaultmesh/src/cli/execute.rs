//! `execute`: runs what was approved, once.

use std::io;
use std::process::{Command, ExitStatus};

use clap::Args;
use serde::Serialize;
use serde_json::json;
use vaultmesh::error::{EXIT_MACHINE, GateError, VaultError};
use vaultmesh::vault::{Executed, ExecutionLock};
use vm_core::canonical;
use vm_core::capability::act;
use vm_core::digest::Sha256Digest;
use vm_core::id::RowId;
use vm_dee::{ChangeKind, CommandLine, End, Order};

use super::context::Context;
use super::error::CliError;
use super::outside::TrustArgs;
use super::propose::command_line;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh --holder chief execute 01900000-0000-7000-8000-0000000000aa -- deploy api
  vaultmesh --holder chief execute 01900000-0000-7000-8000-0000000000aa --trust trust.toml -- ./apply-threshold.sh 0.4

The token must allow to execute, seal and record. A line is written to the scroll of engine dee and all is sealed; where the
policy asks for an anchor, the command ends there, and goes on once the seal it names is anchored (anchor add SEAL) and --trust accepts
the authority. Then the intent is recorded, the command is run, and its exit status decides between succeeded and failed. The command
must be the one that the proposal names (propose ... -- COMMAND), word by word; for a proposal that names none no command is run.
What it writes goes to stderr. Its standard input is empty and holds the lock of executions: as long as the command has it open nobody
else executes, and nobody calls its outcome unknown.

Exit codes: 0 where the command succeeded, 4 where it failed; 3 where the seal must be anchored first or a guardian holds the change up,
2 where the gate refused: nothing was run.";

/// Run what an approved proposal says, once, and record what became of it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Execute {
    /// Row of the proposal
    #[arg(value_name = "PROPOSAL")]
    proposal: RowId,
    #[command(flatten)]
    trust: TrustArgs,
    /// Command that does it, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Ended(pub(super) Executed);

impl Execute {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (outside, line) = (self.trust.load()?, command_line(&self.command)?);
        let given = line.digest().map_err(VaultError::Canonical)?;
        let mut vault = context.open()?;
        // A change of epoch is refused by what it is.
        let (proposal, _) = vault.proposal(self.proposal)?;
        let is_epoch = proposal.content().change.kind() == ChangeKind::Epoch;
        if !is_epoch && proposal.content().named_command() != Some(given) {
            return Err(VaultError::Gate(GateError::OtherCommand).into());
        }
        // What is run is held to the order itself, which is what was approved.
        let run = |order: &Order<'_, act::Execute>, lock: &ExecutionLock| {
            if order.is_for(&line) { run(&line, lock) } else { Err(told("not started: another command")) }
        };
        let executed = vault.execute(self.proposal, &outside, run)?;
        let has_failed = executed.end != End::Succeeded;
        let output = Output::done(Ended(executed));
        Ok(if has_failed { output.exiting(EXIT_MACHINE) } else { output })
    }
}

/// Runs a command; answers with the hash of how it ended. It holds the lock as long as it runs.
fn run(line: &CommandLine, lock: &ExecutionLock) -> Result<Sha256Digest, Sha256Digest> {
    let not_started = |error: io::Error| told(&format!("not started: {}", error.kind()));
    let mut command = Command::new(&line.program);
    command.args(&line.args).stdin(lock.to_stdin().map_err(not_started)?).stdout(io::stderr());
    let status = command.status().map_err(not_started)?;
    let told = told(&said(status));
    if status.success() { Ok(told) } else { Err(told) }
}

/// Hash of canonical `{"ended":...,"format":"vm-command-end-v0"}`.
fn told(ended: &str) -> Sha256Digest {
    let value = json!({ "format": "vm-command-end-v0", "ended": ended });
    Sha256Digest::of(&canonical::to_bytes(&value).unwrap_or_default())
}

fn said(status: ExitStatus) -> String {
    status.code().map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"))
}

impl Human for Ended {
    fn human(&self, page: &mut Page) {
        let executed = &self.0;
        let style = if executed.end == End::Succeeded { Style::Good } else { Style::Bad };
        page.write(style, executed.end.as_str());
        page.line(&format!(" proposal {}", executed.proposal));
        page.field_if("intent", executed.intent);
        page.field("outcome", executed.outcome.id);
        page.field_if("seal", executed.seal);
    }
}
