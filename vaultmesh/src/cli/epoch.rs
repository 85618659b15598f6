//! `epoch show|change`: the present epoch, and the road to another.

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::EXIT_MACHINE;
use vaultmesh::system::SystemClock;
use vaultmesh::vault::{ProposalInput, ProposalState};
use vm_core::epoch::Epoch;
use vm_core::source::Clock as _;
use vm_dee::epoch::epoch_rule;
use vm_dee::{Change, ChangeKind, End, Risk};

use super::context::Context;
use super::error::CliError;
use super::execute::Ended;
use super::outside::TrustArgs;
use super::propose::proposed;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh epoch show
  vaultmesh --holder chief epoch change albedo --trust trust.toml";

/// Show the epoch, or change it by the strictest gate
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EpochCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Show(Show),
    Change(ChangeTo),
}

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh epoch show
  vaultmesh --format json epoch show";

/// Show the present epoch and what it allows
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {}

const CHANGE_EXAMPLES: &str = "\
Examples:
  vaultmesh epoch change albedo
  vaultmesh approve PROPOSAL --by ada
  vaultmesh --holder chief epoch change albedo --trust trust.toml
  vaultmesh anchor add SEAL --local

The first time it proposes the change. Once as many approve as the strictest rule of the policy asks for, it makes a seal and names
it, to be anchored; once that counts by --trust, it changes the epoch and seals that it did. Whoever proposed does not count as
approving, so propose it as somebody else than those who approve.";

/// Change the epoch: propose it, or carry out what is approved
#[derive(Args)]
#[command(after_help = CHANGE_EXAMPLES)]
struct ChangeTo {
    /// Epoch to change to: nigredo, albedo or rubedo
    #[arg(value_name = "EPOCH")]
    epoch: Epoch,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Serialize)]
struct Shown {
    epoch: Epoch,
    purpose: &'static str,
    allows: Vec<&'static str>,
    quorum_min: u32,
    human_from: Risk,
    anchor_from: Risk,
    proposed: Vec<ProposalState>,
}

impl EpochCommand {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Show(Show {}) => show(context),
            What::Change(command) => command.run(context),
        }
    }
}

fn show(context: &Context) -> Result<Output, CliError> {
    let reader = context.reader()?;
    let epoch = reader.gate()?.epoch();
    let rule = epoch_rule(epoch);
    let is_open = |state: &ProposalState| {
        state.change.kind() == ChangeKind::Epoch && ["proposed", "approved", "authorised"].contains(&state.stage)
    };
    let proposed = reader.proposals(SystemClock.now())?.into_iter().filter(is_open).collect();
    Ok(Output::done(Shown {
        epoch,
        purpose: rule.purpose,
        allows: rule.allows.iter().map(|kind| kind.as_str()).collect(),
        quorum_min: rule.quorum_min,
        human_from: rule.human_from,
        anchor_from: rule.anchor_from,
        proposed,
    }))
}

impl ChangeTo {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        let mut vault = context.open()?;
        let Some(proposal) = vault.epoch_proposal(self.epoch)? else {
            let from = context.reader()?.gate()?.epoch();
            drop(vault);
            return proposed(context, ProposalInput::of(Change::Epoch { from, to: self.epoch }));
        };
        let executed = vault.change_epoch(proposal, &outside)?;
        let has_failed = executed.end != End::Succeeded;
        let output = Output::done(Ended(executed));
        Ok(if has_failed { output.exiting(EXIT_MACHINE) } else { output })
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.field("epoch", self.epoch);
        page.field("for", self.purpose);
        page.field("allows", self.allows.join(", "));
        page.field("quorum", format!("{} at least", self.quorum_min));
        page.field("a person", format!("from risk {}", self.human_from));
        page.field("an anchor", format!("from risk {}", self.anchor_from));
        for state in &self.proposed {
            page.field("proposed", format!("{} {}", state.proposal, state.stage));
        }
    }
}
