//! `anchor upgrade`: completes what calendars promised.

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "client")]
use serde::Serialize;
use vm_core::id::SealId;
#[cfg(feature = "client")]
use {
    crate::render::{Human, Page, Style},
    vaultmesh::config::{CalendarEntry, Config},
    vaultmesh::trust::TrustFile,
    vaultmesh::vault::Upgraded,
    vm_anchor::TrustPolicy,
    vm_core::id::RowId,
    vm_core::path::VaultPath,
    vm_core::verdict::{Code, Finding, Verdict},
};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh anchor upgrade SEAL
  vaultmesh anchor upgrade SEAL --ots https://alice.calendar.example --trust trust.toml

A calendar waits until its block has some confirmations, which takes hours. Only calendars of config.toml and those given with
--ots are asked, since a proof names addresses that somebody else chose.

Exit codes: 0 where every promise was kept, 3 where one is still open.";

/// Ask calendars for what they promised, and record proofs that are complete since
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Upgrade {
    /// Id of the seal
    seal: SealId,
    /// Address of a calendar that may be asked, as the proof names it; may be given several times
    #[arg(long, value_name = "URL")]
    ots: Vec<String>,
    /// Trust file to judge completed proofs by
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

#[cfg(feature = "client")]
#[derive(Serialize)]
struct Answer {
    seal_id: SealId,
    proofs: Vec<Line>,
}

#[cfg(feature = "client")]
#[derive(Serialize)]
struct Line {
    proof: VaultPath,
    pending: Vec<String>,
    foreign: Vec<String>,
    failed: Vec<String>,
    completed: Option<VaultPath>,
    row: Option<RowId>,
}

impl Upgrade {
    #[cfg(not(feature = "client"))]
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let _ = (self.seal, self.ots, self.trust);
        Err(CliError::Usage { what: "this build has no network client".to_owned() })
    }

    #[cfg(feature = "client")]
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut allowed = self.ots;
        let config = context.config()?;
        let known = config.as_ref().map(Config::calendars).unwrap_or_default();
        allowed.extend(known.iter().map(CalendarEntry::url).map(str::to_owned));
        let policy = self.trust.as_deref().map(TrustFile::load).transpose()?;
        let policy = policy.map_or_else(|| Ok(TrustPolicy::default()), |trust| trust.policy())?;
        let upgraded = context.open()?.upgrade(self.seal, &allowed, &policy)?;
        let (mut proofs, mut findings) = (Vec::new(), Vec::new());
        for Upgraded { path, pending, foreign, failed, anchored } in upgraded {
            let open = pending.iter().map(|uri| ("not yet", uri)).chain(foreign.iter().map(|uri| ("not asked", uri)));
            let open = open.map(|(why, uri)| format!("{why}: {uri}"));
            let faults = failed.iter().map(|(uri, error)| format!("{}: {uri}", error.code()));
            let finding = |found: String| Finding::new(Code::AnchorPending, path.to_string()).found(found);
            findings.extend(open.chain(faults).map(finding));
            proofs.push(Line {
                proof: path,
                pending,
                foreign,
                failed: failed.into_iter().map(|(uri, _)| uri).collect(),
                completed: anchored.as_ref().map(|anchored| anchored.path.clone()),
                row: anchored.map(|anchored| anchored.recorded.id),
            });
        }
        let is_open = !findings.is_empty();
        let output = Output::done(Answer { seal_id: self.seal, proofs }).noticing(findings, 0);
        Ok(if is_open { output.failing(Verdict::Undecided) } else { output })
    }
}

#[cfg(feature = "client")]
impl Human for Answer {
    fn human(&self, page: &mut Page) {
        page.heading(&format!("seal {}", self.seal_id));
        if self.proofs.is_empty() {
            page.line("no promise is open");
        }
        for line in &self.proofs {
            match &line.completed {
                Some(path) => {
                    page.write(Style::Good, "completed");
                    page.line(&format!(" {} as {path}", line.proof));
                    page.field_if("  row", line.row);
                }
                None => {
                    page.write(Style::Unsure, "open");
                    page.line(&format!(" {}", line.proof));
                }
            }
        }
    }
}
