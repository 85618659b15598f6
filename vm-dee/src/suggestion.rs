//! Suggestions: what guardians and forecasts ask for, and the draft of a proposal that is made of it.
//!
//! Those who suggest only look. What they say stands in a row, names rows, and has a word for what should be done; it is no
//! proposal and goes through no gate. Somebody else takes it up: names the typed change, is held to what was asked for and to
//! its risk, and signs. The words stay where they are, in the row that the draft names as evidence.

use core::fmt::Write as _;

use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::{StoredRow, SystemKind};
use vm_guardian::{ChangeKind as Asked, EvidenceRef};

use crate::change::{Change, ChangeKind, Risk};
use crate::content::Content as _;
use crate::error::SuggestionError;
use crate::name::Name;
use crate::proposal::{Direction, Effect, Evidence, Proposal, REPLAY_PLACES_MAX, ReplayPlan, risk_floor};

/// What a guardian may ask for, and what it comes to.
struct Line {
    asked: Asked,
    /// Kinds of change that do it.
    kinds: &'static [ChangeKind],
    /// What falls by it.
    measure: &'static str,
    /// The least risk, whatever the kind of change.
    risk: Risk,
}

/// The table, which `docs/spec/dee-proposal.md` repeats. What a guardian asks for in a word of its own has no line: any change
/// may be meant.
static LINES: [Line; 7] = [
    // What is restored takes the place of what is there.
    Line { asked: Asked::Restore, kinds: &[ChangeKind::Command], measure: "rows.diverging", risk: Risk::High },
    Line { asked: Asked::Reseal, kinds: &[ChangeKind::Command], measure: "seals.diverging", risk: Risk::Medium },
    Line {
        asked: Asked::Reanchor,
        kinds: &[ChangeKind::Reanchor, ChangeKind::Command],
        measure: "seals.unanchored",
        risk: Risk::Low,
    },
    Line {
        asked: Asked::QuarantineSignals,
        kinds: &[ChangeKind::GuardPolicy, ChangeKind::Threshold, ChangeKind::Revoke, ChangeKind::Command],
        measure: "signals.outlying",
        risk: Risk::Medium,
    },
    Line {
        asked: Asked::RollbackPolicy,
        kinds: &[ChangeKind::Rollback, ChangeKind::GuardPolicy, ChangeKind::RedactionPolicy, ChangeKind::Threshold],
        measure: "benign.refused",
        risk: Risk::Medium,
    },
    Line { asked: Asked::SetClocks, kinds: &[ChangeKind::Command], measure: "clock.skew", risk: Risk::Medium },
    Line { asked: Asked::PropagateTraces, kinds: &[ChangeKind::Command], measure: "trace.gaps", risk: Risk::Medium },
];

/// What somebody who only looks asks for, and the rows that speak for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// What a guardian asks for; none of a forecast, which only says where to look.
    asked: Option<Asked>,
    /// By rising row id; the row that the suggestion stands in is among them.
    evidence: Vec<Evidence>,
    expected: Vec<Effect>,
    /// Size of the log that was looked at, where it is known.
    seen: Option<u64>,
}

impl From<EvidenceRef> for Evidence {
    fn from(row: EvidenceRef) -> Self {
        Self { row: row.row, leaf: row.leaf }
    }
}

impl Suggestion {
    /// What a guardian proposed in the report that stands in the row `source`, when the log had the size `seen`.
    #[must_use]
    pub fn of_guardian(source: Evidence, seen: Option<u64>, proposal: &vm_guardian::Proposal) -> Self {
        let line = LINES.iter().find(|line| line.asked == proposal.change);
        let measure = line.and_then(|line| line.measure.parse::<Name>().ok());
        let effect = measure.map(|measure| Effect { measure, direction: Direction::Falls });
        let rows = proposal.evidence.iter().copied().map(Evidence::from);
        Self {
            asked: Some(proposal.change.clone()),
            evidence: set(core::iter::once(source).chain(rows)),
            expected: effect.into_iter().collect(),
            seen,
        }
    }

    /// What a forecast gives reason to do, by a recommendation: the rows of both, and which way what was forecast should go,
    /// where the recommendation says it.
    #[must_use]
    pub fn of_forecast(rows: impl IntoIterator<Item = Evidence>, expected: Option<Effect>) -> Self {
        Self { asked: None, evidence: set(rows), expected: expected.into_iter().collect(), seen: None }
    }

    /// The rows that speak for it, by rising row id.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The change where what is asked for leaves no choice: the one seal to be anchored again. `row` gives the rows of the
    /// evidence.
    pub fn only_change(&self, row: impl Fn(RowId) -> Option<StoredRow>) -> Option<Change> {
        if self.asked != Some(Asked::Reanchor) {
            return None;
        }
        let seal = |row: StoredRow| {
            let path = row.text("path").filter(|_| SystemKind::of_row(&row) == Some(SystemKind::Seal))?;
            path.strip_prefix("seals/")?.strip_suffix(".json")?.parse().ok()
        };
        let mut seals = self.evidence.iter().filter_map(|evidence| seal(row(evidence.row)?));
        let seal = seals.next()?;
        seals.next().is_none().then_some(Change::Reanchor { seal })
    }

    /// The draft of a proposal of `change` in `epoch`. Its risk is the least that what was asked for and the kind of change
    /// have; a threshold that moves is moved back to undo it; what can be replayed is to be replayed over the places that
    /// were looked at, and must block no benign call.
    ///
    /// # Errors
    /// [`SuggestionError::OtherChange`] where `change` is not what is asked for; [`SuggestionError::Content`].
    pub fn draft(&self, change: Change, epoch: Epoch) -> Result<Draft, SuggestionError> {
        let (found, asked) = (change.kind(), self.asked.as_ref());
        let line = LINES.iter().find(|line| Some(&line.asked) == asked);
        if line.is_some_and(|line| !line.kinds.contains(&found)) {
            let asked = asked.map(|asked| asked.as_str().to_owned()).unwrap_or_default();
            return Err(SuggestionError::OtherChange { asked, found });
        }
        change.check()?;
        let (rollback, moves) = match &change {
            Change::Threshold { name, from, to } => {
                (Some(Change::Threshold { name: name.clone(), from: *to, to: *from }), true)
            }
            _ => (None, false),
        };
        let to = self.seen.filter(|seen| *seen > 0 && (moves || change.policy().is_some()));
        let plan = |to: u64| ReplayPlan { from: to.saturating_sub(REPLAY_PLACES_MAX), to, benign_blocked_max: 0 };
        Ok(Draft {
            epoch,
            risk: line.map_or(Risk::Low, |line| line.risk).max(found.risk_floor()),
            change,
            command: None,
            evidence: self.evidence.clone(),
            expected: self.expected.clone(),
            rollback,
            replay: to.map(plan),
        })
    }
}

/// A proposal without who signs it, in which row, and until when: what of it follows from a suggestion.
#[derive(Clone, PartialEq, Debug)]
pub struct Draft {
    epoch: Epoch,
    change: Change,
    command: Option<Sha256Digest>,
    evidence: Vec<Evidence>,
    expected: Vec<Effect>,
    risk: Risk,
    rollback: Option<Change>,
    replay: Option<ReplayPlan>,
}

impl Draft {
    /// With further rows of evidence.
    #[must_use]
    pub fn resting_on(mut self, rows: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence = set(self.evidence.into_iter().chain(rows));
        self
    }

    /// With further effects expected of it.
    #[must_use]
    pub fn expecting(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.expected.extend(effects);
        self.expected.sort_unstable();
        self.expected.dedup();
        self
    }

    /// With this risk.
    ///
    /// # Errors
    /// [`SuggestionError::RiskTooLow`] where it is below the draft's.
    pub fn at_risk(self, risk: Risk) -> Result<Self, SuggestionError> {
        if risk < self.risk {
            return Err(SuggestionError::RiskTooLow { least: self.risk });
        }
        Ok(Self { risk, ..self })
    }

    /// Done by the command with this digest ([`crate::CommandLine::digest`]), at the risk that a command has at least.
    #[must_use]
    pub fn done_by(self, command: Sha256Digest) -> Self {
        let risk = self.risk.max(risk_floor(self.change.kind(), true));
        Self { command: Some(command), risk, ..self }
    }

    /// Undone by this change.
    #[must_use]
    pub fn undone_by(self, rollback: Change) -> Self {
        Self { rollback: Some(rollback), ..self }
    }

    /// To be replayed by this plan.
    #[must_use]
    pub fn replayed_by(self, plan: ReplayPlan) -> Self {
        Self { replay: Some(plan), ..self }
    }

    /// The proposal that `proposer` signs for the row `row` of `ledger`, good until `expires`.
    ///
    /// # Errors
    /// [`SuggestionError::Content`] where a list is too long, or the plan or the change that undoes it is no such thing.
    pub fn proposal(
        self,
        ledger: LedgerId,
        row: RowId,
        proposer: PublicKey,
        expires: Instant,
    ) -> Result<Proposal, SuggestionError> {
        let Self { epoch, change, command, evidence, expected, risk, rollback, replay } = self;
        let proposal = Proposal {
            ledger,
            row,
            epoch,
            proposer,
            change,
            command,
            evidence,
            expected,
            risk,
            rollback,
            replay,
            expires,
        };
        proposal.check()?;
        Ok(proposal)
    }
}

/// Rows by rising id, each once.
fn set(rows: impl IntoIterator<Item = Evidence>) -> Vec<Evidence> {
    let mut rows: Vec<Evidence> = rows.into_iter().collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// The table as Markdown: what `docs/spec/dee-proposal.md` must hold.
#[must_use]
pub fn suggestion_table() -> String {
    let mut page = String::from("| a guardian asks to | changes that do it | falls | least risk |\n");
    page.push_str("| --- | --- | --- | --- |\n");
    for line in &LINES {
        let kinds: Vec<String> = line.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let (asked, kinds) = (line.asked.as_str(), kinds.join(", "));
        let _ = writeln!(page, "| `{asked}` | {kinds} | `{}` | {} |", line.measure, line.risk);
    }
    page
}
