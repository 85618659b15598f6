//! `guard`: guardians over the vault.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use vaultmesh::guard::{Guarding, guard, load_enrolments};
use vaultmesh::system::SystemClock;
use vaultmesh::verify::Outside;
use vm_core::id::RowId;
use vm_core::verdict::{Report, Verdict};
use vm_guardian::artifact::REPORT_KIND;
use vm_guardian::detect::{BUILT_IN, PoisoningWatch, built_in};
use vm_guardian::{Guardian, Observed};

use super::context::Context;
use super::error::CliError;
use super::outside::{TrustArgs, read_head};
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh guard --key KEY --trust trust.toml --head head.txt
  vaultmesh guard --guardian poisoning --guardian overblocking --enrolled enrolled.toml
  vaultmesh guard --dry-run --format json
  vaultmesh guard --watch --interval 300

Guardians: tampering, anchor, poisoning, overblocking, clock, trace. What they find is recorded, each thing once; they
change nothing else, and `propose --suggestion` makes a proposal of a report. What they block is held up where it needs an anchor (epoch change, execute), until a later run leaves the
block out. Exit code 0 means that nothing was found, 1 that something is proven wrong, 3 that something is
suspect or could not be looked at: without a key and a head from outside a rollback is never excluded. With --watch it
ends by the first round whose answer is 1, or when it is stopped.
A file of enrolments is TOML, a line an actor: \"agent-7\" = \"alice\". What an actor says counts where the key that recorded it, the
holder of the token, is enrolled for the same identity, \"64 hexadecimal digits\" = \"alice\", or as one that records what others say: = \"*\"";

/// Have guardians look at the vault, and record what they find
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Guard {
    /// Only this guardian; may be given again [default: all six]
    #[arg(long, value_name = "NAME", value_parser = ["tampering", "anchor", "poisoning", "overblocking", "clock", "trace"])]
    guardian: Vec<String>,
    /// Who is enrolled: actors and their identities
    #[arg(long, value_name = "FILE")]
    enrolled: Option<PathBuf>,
    /// Record nothing
    #[arg(long)]
    dry_run: bool,
    /// Look again and again
    #[arg(long)]
    watch: bool,
    /// With --watch: seconds between two looks
    #[arg(long, value_name = "SECONDS", requires = "watch", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: u64,
    /// With --watch: end after so many looks
    #[arg(long, value_name = "NUMBER", requires = "watch")]
    rounds: Option<u64>,
    /// Rows that each guardian may look at [default: 4000000]
    #[arg(long, value_name = "NUMBER")]
    budget_rows: Option<u64>,
    /// Head that was kept elsewhere, to see that nothing was rolled back
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Serialize)]
struct Guarded {
    guardians: Vec<Answer>,
    /// Rows that were recorded, those of earlier runs aside.
    recorded: usize,
}

#[derive(Serialize)]
struct Answer {
    guardian: String,
    verdict: Verdict,
    spent: Option<String>,
    incidents: Vec<String>,
    blocks: Vec<String>,
    proposals: Vec<String>,
    withheld: Vec<String>,
    /// Row of the report, where one is recorded: what `propose --suggestion` takes.
    report: Option<RowId>,
}

impl Answer {
    fn of(observed: &Observed, report: Option<RowId>) -> Self {
        let seen = observed.observations();
        Self {
            guardian: observed.engine().to_string(),
            verdict: observed.verdict(),
            spent: observed.spent().map(|spent| spent.to_string()),
            incidents: seen.incidents.iter().map(|incident| incident.title().to_owned()).collect(),
            blocks: seen.blocks.iter().map(|block| format!("{}: {}", block.scope, block.reason)).collect(),
            proposals: seen.proposals.iter().map(|proposal| proposal.title.clone()).collect(),
            withheld: seen.withheld.iter().map(|withheld| withheld.reason().to_owned()).collect(),
            report,
        }
    }
}

impl Human for Guarded {
    fn human(&self, page: &mut Page) {
        for answer in &self.guardians {
            page.write(Style::Strong, &answer.guardian);
            page.line(&format!(": {}", answer.verdict));
            for (name, texts) in [
                ("  incident", &answer.incidents),
                ("  blocks", &answer.blocks),
                ("  proposes to", &answer.proposals),
                ("  held back", &answer.withheld),
            ] {
                texts.iter().for_each(|text| page.field(name, text));
            }
            page.field_if("  report", answer.report);
        }
        page.field("recorded", format!("{} rows", self.recorded));
    }
}

impl Guard {
    pub(super) fn run(mut self, context: &Context) -> Result<Output, CliError> {
        let trust = std::mem::take(&mut self.trust);
        let mut outside = trust.load()?;
        outside.head = self.head.as_deref().map(read_head).transpose()?;
        let named: Vec<&dyn Guardian> = self.guardian.iter().filter_map(|name| built_in(name)).collect();
        let chosen = if named.is_empty() { BUILT_IN.to_vec() } else { named };
        // On watch, signals that were taken in need not be read again.
        let watch = PoisoningWatch::new();
        let on_watch = |guardian: &&dyn Guardian| self.watch && guardian.name() == watch.name();
        let guardians: Vec<&dyn Guardian> =
            chosen.into_iter().map(|guardian| if on_watch(&guardian) { &watch } else { guardian }).collect();
        let mut guarding = Guarding::default();
        if let Some(path) = &self.enrolled {
            guarding.enrolments = load_enrolments(path)?;
        }
        guarding.budget.rows = self.budget_rows.unwrap_or(guarding.budget.rows);
        let mut round = 1;
        loop {
            let (output, verdict) = self.look(context, &outside, &guardians, &guarding)?;
            let last = self.rounds.is_some_and(|rounds| round >= rounds);
            if !self.watch || last || verdict == Verdict::Contradicted {
                return Ok(output);
            }
            output
                .write(&context.command, context.format, context.may_paint(), &mut *context.results())
                .map_err(CliError::Output)?;
            std::thread::sleep(Duration::from_secs(self.interval));
            round += 1;
        }
    }

    fn look(
        &self,
        context: &Context,
        outside: &Outside,
        guardians: &[&dyn Guardian],
        guarding: &Guarding,
    ) -> Result<(Output, Verdict), CliError> {
        let all = guard(&context.reader()?, outside, guardians, guarding, &SystemClock)?;
        let (mut report, mut recorded) = (Report::new(), 0);
        let mut reports = vec![None; all.len()];
        for observed in &all {
            report.merge(observed.observations().report.clone());
            // One that checked nothing leaves the whole undecided, whatever the others say.
            if observed.observations().report.checks().is_empty() && observed.verdict() == Verdict::Undecided {
                let finding = vm_core::verdict::Finding::new(
                    vm_core::verdict::Code::NothingChecked,
                    format!("guardian {}", observed.engine()),
                );
                report.find(finding);
            }
        }
        if !self.dry_run {
            let mut vault = context.open()?;
            for (observed, report) in all.iter().zip(&mut reports) {
                let rows = vault.record_observed(observed)?;
                recorded += rows.iter().filter(|row| !row.replayed).count();
                // The first of its artifacts, where it has any.
                let is_told = observed.artifacts().first().is_some_and(|first| first.kind() == REPORT_KIND);
                *report = rows.first().map(|row| row.id).filter(|_| is_told);
            }
        }
        let verdict = report.verdict();
        let answers = Guarded {
            guardians: all.iter().zip(reports).map(|(observed, row)| Answer::of(observed, row)).collect(),
            recorded,
        };
        Ok((Output::checked(answers, &report), verdict))
    }
}
