//! `proposals`: what was proposed, and how far each has come.

use clap::Args;
use serde::Serialize;
use vaultmesh::system::SystemClock;
use vaultmesh::vault::ProposalState;
use vm_core::epoch::Epoch;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh proposals
  vaultmesh --format jsonl proposals | jq 'select(.stage == \"approved\") | .proposal'

A stage is proposed, replayed, approved, authorised (its execution began), voided (the epoch changed), or how it ended: succeeded,
failed, unknown, withheld, expired.";

/// List the proposals, and how far each has come
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Proposals {}

#[derive(Serialize)]
struct Listed {
    epoch: Epoch,
    proposals: Vec<ProposalState>,
}

impl Proposals {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let (epoch, proposals) = (reader.gate()?.epoch(), reader.proposals(SystemClock.now())?);
        Ok(Output::done(Listed { epoch, proposals }).listing("proposals"))
    }
}

impl Human for Listed {
    fn human(&self, page: &mut Page) {
        page.field("epoch", self.epoch);
        for state in &self.proposals {
            let style = match state.stage {
                "approved" | "succeeded" => Style::Good,
                "failed" | "unknown" => Style::Bad,
                _ => Style::Strong,
            };
            page.write(style, state.stage);
            page.line(&format!(" {}", state.proposal));
            page.field("change", format!("{}, risk {}, in {}", state.change.kind(), state.risk, state.epoch));
            page.field_if("command", state.command);
            page.field("expires", state.expires);
            if let (Some(quorum), Some(anchor)) = (state.quorum, state.anchor) {
                let anchored = if anchor { ", and an anchored seal" } else { "" };
                page.field("needs", format!("{quorum} who approve{anchored}"));
            }
        }
    }
}
