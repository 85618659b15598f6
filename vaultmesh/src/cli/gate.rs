//! `gate policy|recover`: who may approve, and what nobody knows the outcome of.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::vault::{self, PolicyInput};
use vm_core::epoch::Epoch;
use vm_dee::GatePolicy;

use super::context::Context;
use super::error::CliError;
use super::fields;
use super::input::read_limited;
use crate::render::{Human, Output, Page, Style};

/// Longest policy file read, in bytes: a policy of the most identities and rules is far below.
const POLICY_MAX: usize = 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  vaultmesh gate policy policy.toml
  vaultmesh gate policy show
  vaultmesh gate recover";

/// Say who may approve proposals, and record what nobody knows the outcome of
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Gate {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Policy(Policy),
    Recover(Recover),
}

const POLICY_EXAMPLES: &str = "\
Examples:
  vaultmesh gate policy policy.toml
  vaultmesh gate policy show

A policy file:
  format = \"vm-gate-policy-file-v0\"

  [[identity]]
  name = \"ada\"
  holders = [\"ada\"]       holders granted here with `grant`; or keys = [\"HEX\"]
  roles = [\"security\"]
  human = true

  [[rule]]
  epoch = \"nigredo\"
  risk = \"medium\"
  quorum = 1
  roles = []
  human = true
  replay = false
  lasts_seconds = 3600

The root key signs it. What has no rule is not allowed; docs/epochs.md has what each epoch asks for beside it.";

/// Set who may approve and how many must, signed by the root key, or show what is in force
#[derive(Args)]
#[command(after_help = POLICY_EXAMPLES)]
struct Policy {
    /// Policy file in TOML, or `show`
    #[arg(value_name = "FILE|show")]
    file: PathBuf,
}

const RECOVER_EXAMPLES: &str = "\
Examples:
  vaultmesh gate recover

An execution whose process ended between its intent and its outcome is recorded as unknown, and never run again. Proposals whose
time or epoch went by are recorded as expired, and a change of epoch that no seal covers is sealed. While an execution is running, or the
command that it started, nothing is recorded.";

/// Record executions that nobody knows the outcome of as unknown, and proposals whose time is over as expired
#[derive(Args)]
#[command(after_help = RECOVER_EXAMPLES)]
struct Recover {}

#[derive(Serialize)]
struct Shown {
    epoch: Epoch,
    policy: Option<GatePolicy>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Recovered(vault::Recovered);

impl Gate {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Policy(command) => command.run(context),
            What::Recover(Recover {}) => {
                let recovered = context.open()?.gate_recover()?;
                Ok(Output::done(Recovered(recovered)).listing("ended"))
            }
        }
    }
}

impl Policy {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        if self.file == Path::new("show") {
            let gate = context.reader()?.gate()?;
            return Ok(Output::done(Shown { epoch: gate.epoch(), policy: gate.policy().cloned() }));
        }
        let bytes = read_limited(&self.file, POLICY_MAX)?;
        let text = String::from_utf8(bytes).ok().filter(|text| text.len() <= POLICY_MAX);
        let what = || CliError::Usage { what: format!("policy file is no text of at most {POLICY_MAX} bytes") };
        let input = PolicyInput::parse(&text.ok_or_else(what)?)?;
        Ok(fields::recorded(&context.open()?.gate_policy(input)?))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.field("epoch", self.epoch);
        let Some(policy) = &self.policy else {
            page.line("No policy is in force, so nothing can be proposed.");
            return;
        };
        page.field("policy", policy.number);
        for identity in &policy.identities {
            let roles: Vec<&str> = identity.roles.iter().map(vm_dee::Name::as_str).collect();
            let human = if identity.human { ", a person" } else { "" };
            page.field(
                "identity",
                format!("{}{human}: {} keys; {}", identity.name, identity.keys.len(), roles.join(", ")),
            );
        }
        for rule in &policy.rules {
            let roles: Vec<&str> = rule.roles.iter().map(vm_dee::Name::as_str).collect();
            let human = if rule.human { ", a person" } else { "" };
            let replay = if rule.replay { ", a replay" } else { "" };
            let asks = format!("{} of them{human}{replay}; {}", rule.quorum, roles.join(", "));
            page.field("rule", format!("{} {}: {asks}; for {} s", rule.epoch, rule.risk, rule.lasts_seconds));
        }
    }
}

impl Human for Recovered {
    fn human(&self, page: &mut Page) {
        let vault::Recovered { ended, seal } = &self.0;
        if ended.is_empty() && seal.is_none() {
            page.line("nothing to record");
        }
        page.field_if("sealed the change of epoch", *seal);
        for executed in ended {
            page.write(Style::Unsure, executed.end.as_str());
            page.line(&format!(" proposal {}", executed.proposal));
            page.field_if("intent", executed.intent);
        }
    }
}
