//! The critical loop on a large ledger: a signal comes in, a guardian on watch looks, and what follows is recorded durably: a
//! promotion held back with a shadow receipt, a proposal, and that it was withheld.

use std::fmt;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vaultmesh::guard::{Guarding, guard};
use vaultmesh::keys::Role;
use vaultmesh::read::Reader;
use vaultmesh::system::SystemClock;
use vaultmesh::vault::{LOCK_TIMEOUT, Place, PolicyInput, ProposalInput, Sources, SuggestedIn, Vault};
use vaultmesh::verify::Outside;
use vm_core::capability::{Authority, act};
use vm_core::source::Clock as _;
use vm_core::verdict::Report;
use vm_core::view::EvidenceView as _;
use vm_dee::Change;
use vm_guardian::detect::{PoisoningGuardian, PoisoningWatch};
use vm_guardian::signal::SUPPORT;
use vm_guardian::{Enrolments, Given, Guardian, Observed, Signal, run};
use vm_ledger::{Access, Ledger, Patience};

use crate::draft::Maker;
use crate::error::{BenchError, Fault};
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, Times};
use crate::spread::{Spread, milliseconds};
use crate::store::BATCH;

/// The name by which these rows are asked for.
pub const NAME: &str = "loop";

/// What the critical loop may take, from a signal to the durable proposal, in all but one of a hundred cases.
pub const CRITICAL: Duration = Duration::from_millis(50);
/// What the whole loop may take, from a signal to the durable end of the proposal that it led to.
pub const STANDARD: Duration = Duration::from_millis(100);

const CRITICAL_ROW: &str = "signal, guardian, proposal, each durable, at 1,000,000 rows, p99";
const STANDARD_ROW: &str = "the same and the proposal withheld with its receipt, p99";
const NO_PEER: &str = "a bound, no peer";
/// Rows and rounds of a full run: ten rounds lie beyond the p99.
pub const FULL: (usize, usize) = (1_000_000, 1_000);
/// To see that it works.
const QUICK: (usize, usize) = (10_000, 30);
const POLICY: &str = "format = \"vm-gate-policy-file-v0\"\n[[rule]]\nepoch = \"nigredo\"\nrisk = \"medium\"\nquorum = 1\n\
    roles = []\nhuman = true\nreplay = false\nlasts_seconds = 3600\n";

/// Times of many rounds on one ledger.
#[derive(Clone, Debug)]
pub struct Circle {
    /// Entries in the log before the first round.
    pub rows: u64,
    /// The guardian's first look, over the whole log.
    pub first_look: Duration,
    /// One look of a guardian that is not on watch, at the end.
    pub whole_look: Duration,
    /// The same as `vaultmesh guard` has it, which verifies the vault first.
    pub guarded: Duration,
    /// The gate folded anew at the end, as each step would have to that kept nothing of it: twice for a proposal.
    pub folded: Duration,
    /// From the signal to the durable proposal.
    pub critical: Spread,
    /// From the signal to the durable end of that proposal.
    pub standard: Spread,
    /// The steps, in their order.
    pub steps: [(&'static str, Spread); 5],
    /// Medians of [`Circle::critical`] in the first and in the last tenth of the rounds.
    pub growth: (Duration, Duration),
}

/// Rows for the table of ratios.
///
/// # Errors
/// [`BenchError`] where a step fails.
pub fn rows(effort: &Effort) -> Result<Vec<Row>, BenchError> {
    let (rows, rounds) = if effort.rounds < Effort::FULL.rounds { QUICK } else { FULL };
    let circle = measure(rows, rounds)?;
    let row = |name, spread: &Spread, bound: Duration| {
        let times = Times { ours: spread.at(990).as_secs_f64() * 1e9, other: bound.as_secs_f64() * 1e9 };
        Row::new(name, NO_PEER, times, Reach::AtMost(1.0))
    };
    Ok(vec![row(CRITICAL_ROW, &circle.critical, CRITICAL), row(STANDARD_ROW, &circle.standard, STANDARD)])
}

/// Goes round `rounds` times on a ledger that holds `rows` rows before. Needs 3 GiB below the folder for temporary files for a
/// million.
///
/// # Errors
/// [`BenchError`] where a step fails.
pub fn measure(rows: usize, rounds: usize) -> Result<Circle, BenchError> {
    Scene::new(rows).and_then(|scene| scene.measure(rounds)).map_err(BenchError::side(NAME))
}

struct Scene {
    vault: Vault,
    place: Place,
    guarding: Guarding,
    watch: PoisoningWatch,
    _folder: TempDir,
}

impl Scene {
    fn new(rows: usize) -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        let place = Place { vault: folder.path().join("vault"), keys: folder.path().join("keys") };
        let mut vault = Vault::init(&place, Sources::system()?)?.vault;
        vault.gate_policy(PolicyInput::parse(POLICY)?)?;
        fill(&vault, rows)?;
        drop(vault);
        let mut vault = Vault::open(&place, Sources::system()?, LOCK_TIMEOUT)?;
        // Five identities, of which one lies.
        let mut guarding = Guarding { enrolments: Enrolments::new(), ..Guarding::default() };
        let mut signals = Vec::new();
        for (agent, value) in [0.1, 0.15, 0.2, 0.1, 1.0].into_iter().enumerate() {
            let actor = format!("agent-{agent}");
            for _ in 0..8 {
                signals.push(Signal::new(&actor, SUPPORT, "policy", value, SystemClock.now(), vault.mint_trace())?);
            }
            guarding.enrolments.enrol(actor, format!("owner-{agent}"));
        }
        // Keys of nobody outshout them, so that there is something to hold back in every round.
        for bot in 0..200 {
            let (actor, trace) = (format!("bot-{bot}"), vault.mint_trace());
            signals.push(Signal::new(&actor, SUPPORT, "policy", 1.0, SystemClock.now(), trace)?);
        }
        vault.record_signals(&signals)?;
        Ok(Self { vault, place, guarding, watch: PoisoningWatch::new(), _folder: folder })
    }

    fn look(&self, guardian: &dyn Guardian) -> Result<Observed, Fault> {
        let reader = Reader::open(&self.place)?;
        let given = Given {
            view: reader.view(),
            files: reader.files(),
            report: &Report::new(),
            enrolments: &self.guarding.enrolments,
            thresholds: &self.guarding.thresholds,
            now: SystemClock.now(),
        };
        Ok(run(guardian, &given, self.guarding.budget, &SystemClock)?)
    }

    /// Once round: the moments at which each step was done.
    fn round(&mut self, number: usize) -> Result<[Duration; 5], Fault> {
        let (actor, trace) = (format!("bot-{number}"), self.vault.mint_trace());
        let signal = Signal::new(&actor, SUPPORT, "policy", 1.0, SystemClock.now(), trace)?;
        let (threshold, begun) = ("signals.each".parse()?, Instant::now());
        self.vault.record_signals(&[signal])?;
        let recorded = begun.elapsed();
        let observed = self.look(&self.watch)?;
        let looked = begun.elapsed();
        let told = self.vault.record_observed(&observed)?;
        let reported = begun.elapsed();
        let report = told.first().filter(|row| !row.replayed).ok_or("the guardian found nothing new")?;
        if observed.observations().withheld.len() != 1 || observed.spent().is_some() {
            return Err("the guardian held nothing back, or did not look to the end".into());
        }
        let change = ProposalInput::of(Change::Threshold { name: threshold, from: 16.0, to: 4.0 });
        let from = SuggestedIn { row: report.id, number: None };
        let proposal = self.vault.propose_from(from, change)?.recorded.id;
        let proposed = begun.elapsed();
        self.vault.withhold(proposal, "one signal more is no reason")?;
        Ok([recorded, looked, reported, proposed, begun.elapsed()])
    }

    fn measure(mut self, rounds: usize) -> Result<Circle, Fault> {
        let rows = Reader::open(&self.place)?.view().size()?;
        let begun = Instant::now();
        self.look(&self.watch)?;
        let first_look = begun.elapsed();
        let moments = (0..rounds).map(|round| self.round(round)).collect::<Result<Vec<_>, _>>()?;
        let begun = Instant::now();
        self.look(&PoisoningGuardian)?;
        let whole_look = begun.elapsed();
        let begun = Instant::now();
        let reader = Reader::open(&self.place)?;
        reader.gate()?;
        let folded = begun.elapsed();
        let begun = Instant::now();
        let reader = Reader::open(&self.place)?;
        guard(&reader, &Outside::default(), &[&PoisoningGuardian], &self.guarding, &SystemClock)?;
        let guarded = begun.elapsed();

        let critical: Vec<Duration> = moments.iter().map(|[.., proposed, _]| *proposed).collect();
        let tenth = rounds.div_ceil(10);
        let last = critical.get(rounds.saturating_sub(tenth)..).unwrap_or_default();
        let first = critical.get(..tenth).unwrap_or_default();
        let growth = (Spread::of(first.to_vec()).at(500), Spread::of(last.to_vec()).at(500));
        let step =
            |name, took: &dyn Fn(&[Duration; 5]) -> Duration| (name, Spread::of(moments.iter().map(took).collect()));
        let steps = [
            step("the signal is recorded", &|[recorded, ..]| *recorded),
            step("the guardian looks", &|[from, to, ..]| to.saturating_sub(*from)),
            step("its report, and the promotion held back with a receipt", &|[_, from, to, ..]| {
                to.saturating_sub(*from)
            }),
            step("the proposal", &|[_, _, from, to, _]| to.saturating_sub(*from)),
            step("it is withheld, with a receipt", &|[.., from, to]| to.saturating_sub(*from)),
        ];
        let standard = Spread::of(moments.iter().map(|[.., withheld]| *withheld).collect());
        Ok(Circle {
            rows,
            first_look,
            whole_look,
            guarded,
            folded,
            critical: Spread::of(critical),
            standard,
            steps,
            growth,
        })
    }
}

/// Appends rows of seeded events, as a writer beside the vault.
fn fill(vault: &Vault, rows: usize) -> Result<(), Fault> {
    let (keys, mut maker) = (vault.keys(), Maker::new("2026-01-02T03:04:05.000006Z".parse()?, 7));
    let access = Access {
        log_key: keys.identity(Role::Log)?,
        openings: None,
        entropy: Box::new(Draw(11)),
        patience: Patience { command: "bench".to_owned(), timeout: LOCK_TIMEOUT },
    };
    let mut ledger = Ledger::open(vault.dir(), access)?;
    let (operator, mut left) = (keys.operator()?, rows);
    while left > 0 {
        let (now, epoch) = (SystemClock.now(), ledger.epoch());
        let invocation = operator.invoke::<act::Record>(epoch, now, None)?;
        let root = ledger.genesis().root_key();
        let authority = Authority { ledger: ledger.id(), root, epoch, now, revoked: &|_| false };
        let permit = authority.permit::<act::Record>(operator.chain(), &invocation)?;
        let drafts = maker.tools(BATCH.min(left))?;
        left -= drafts.len();
        ledger.append(&permit, drafts, now)?;
    }
    Ok(())
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rounds on a ledger of {} rows\n", self.critical.len(), self.rows)?;
        writeln!(f, "| step | p50 | p90 | p99 | max |\n| --- | --- | --- | --- | --- |")?;
        for (name, spread) in &self.steps {
            writeln!(f, "| {name} | {} |", spread.cells())?;
        }
        for (name, spread, bound) in [
            ("critical: from the signal to the proposal", &self.critical, CRITICAL),
            ("standard: from the signal to the end of the proposal", &self.standard, STANDARD),
        ] {
            let word = if spread.at(990) <= bound { "reached" } else { "missed" };
            writeln!(f, "| {name}; {} at p99 {word} | {} |", milliseconds(bound), spread.cells())?;
        }
        writeln!(f, "\ncritical loop:\n{}", self.critical.histogram())?;
        let (first, last) = self.growth;
        writeln!(f, "the gate folded anew after these rounds: {}", milliseconds(self.folded))?;
        writeln!(
            f,
            "median of the first tenth of the rounds {}, of the last {}",
            milliseconds(first),
            milliseconds(last)
        )?;
        writeln!(f, "first look of the guardian on watch, over the whole log: {}", milliseconds(self.first_look))?;
        writeln!(f, "one look of a guardian that is not on watch: {}", milliseconds(self.whole_look))?;
        write!(f, "the same by `vaultmesh guard`, which verifies the vault first: {}", milliseconds(self.guarded))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_step_is_timed() {
        let circle = measure(2_000, 5).unwrap();
        assert!(circle.rows > 2_000);
        assert!(circle.steps.iter().all(|(_, spread)| spread.len() == 5));
        assert!(circle.critical.at(500) <= circle.standard.at(500));
        let page = circle.to_string();
        assert!(page.contains("5 rounds on a ledger of") && page.lines().count() > 15, "{page}");
    }
}
