//! `withhold`: a proposal that is not executed, and why.

use clap::Args;
use serde::Serialize;
use vm_core::id::RowId;

use super::context::Context;
use super::error::CliError;
use super::fields::Row;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh withhold 01900000-0000-7000-8000-0000000000aa --reason 'blocks the nightly backup'

A shadow receipt is recorded with it, which commits to what was not done. A proposal that was authorised cannot be withheld.";

/// Hold a proposal back for good, with a shadow receipt that says why
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Withhold {
    /// Row of the proposal
    #[arg(value_name = "PROPOSAL")]
    proposal: RowId,
    /// Why it is not done
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Serialize)]
struct Withheld {
    proposal: RowId,
    outcome: Row,
    receipt: Row,
}

impl Withhold {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let withheld = context.open()?.withhold(self.proposal, &self.reason)?;
        let (outcome, receipt) = (Row::of(&withheld.outcome), Row::of(&withheld.receipt));
        Ok(Output::done(Withheld { proposal: self.proposal, outcome, receipt }))
    }
}

impl Human for Withheld {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, "withheld");
        page.line(&format!(" {}", self.proposal));
        page.field("receipt", self.receipt.id);
        page.field("outcome", self.outcome.id);
    }
}
