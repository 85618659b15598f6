//! Observations: all that a guardian says, as plain data.

use serde_json::{Value, json};
use vm_core::id::LedgerId;
use vm_core::record::RowHeader;
use vm_core::verdict::{Code, Finding, Report};
use vm_shadow::{Counterfactual, HorizonId, Observation};

use crate::artifact::Incident;
use crate::block::PromotionBlock;
use crate::error::GuardError;
use crate::proposal::Proposal;
use crate::signal::Signal;

/// What one look at the ledger came to.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// What was checked and found.
    pub report: Report,
    /// Signals for others to ingest.
    pub signals: Vec<Signal>,
    /// Incidents, to be recorded as artifacts.
    pub incidents: Vec<Incident>,
    /// Paths that were not taken, to be recorded as shadow receipts.
    pub withheld: Vec<Withheld>,
    /// Entries for the scroll of the guardian's own engine.
    pub events: Vec<Event>,
    /// Changes it proposes.
    pub proposals: Vec<Proposal>,
    /// What must not be promoted.
    pub blocks: Vec<PromotionBlock>,
}

impl Observations {
    /// Nothing yet, which is undecided.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a check was made.
    pub fn checked(&mut self, what: impl Into<String>) {
        self.report.checked(what);
    }

    /// Adds a finding.
    pub fn find(&mut self, code: Code, subject: impl Into<String>, found: impl core::fmt::Display) {
        self.report.find(Finding::new(code, subject).found(found));
    }
}

/// A path that a guardian held back from, ready to be observed: what `vm_shadow` needs but for row and signature.
#[derive(Clone, PartialEq, Debug)]
pub struct Withheld {
    horizon: HorizonId,
    counterfactual: Counterfactual,
    entropy_delta: f64,
    reason: String,
}

impl Withheld {
    /// A path described by `counterfactual`, held back from in the decision called `horizon`, and why.
    ///
    /// # Errors
    /// [`GuardError::Receipt`] where the horizon is no name, [`GuardError::Canonical`] where the description has no
    /// canonical form.
    pub fn new(
        horizon: &str,
        counterfactual: Value,
        entropy_delta: f64,
        reason: impl Into<String>,
    ) -> Result<Self, GuardError> {
        let counterfactual = Counterfactual::new(counterfactual).map_err(GuardError::Canonical)?;
        Ok(Self { horizon: horizon.parse()?, counterfactual, entropy_delta, reason: reason.into() })
    }

    /// The decision it belongs to.
    #[must_use]
    pub const fn horizon(&self) -> &HorizonId {
        &self.horizon
    }

    /// What was not done.
    #[must_use]
    pub const fn counterfactual(&self) -> &Counterfactual {
        &self.counterfactual
    }

    /// Why not.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The observation to sign as row `header` of `ledger`, by [`vm_shadow::observe`].
    #[must_use]
    pub fn observation(&self, header: RowHeader, ledger: LedgerId) -> Observation<'_> {
        Observation {
            header,
            ledger,
            horizon_id: &self.horizon,
            counterfactual: &self.counterfactual,
            entropy_delta: self.entropy_delta,
            reason: &self.reason,
            meta: None,
        }
    }
}

/// An entry for the scroll of a guardian's own engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What happened, in a word of `a-z` and dots.
    pub kind: String,
    /// What it is about, in a few words that hold nothing of a payload.
    pub name: String,
}

impl Event {
    /// Format string of an event.
    pub const FORMAT: &'static str = "vm-guardian-event-v0";

    /// The event as JSON: exactly the members that the built-in redaction policy keeps of a scroll's event.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({ "format": Self::FORMAT, "kind": self.kind, "name": self.name })
    }
}
