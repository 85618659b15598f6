//! Horizons: decisions that are opened before they are made, and closed with their one outcome.

use serde_json::Value;
use vm_core::capability::{Action, Resource, act};
use vm_core::digest::CapabilityHash;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, RowDraft, RowHeader};
use vm_core::redact::Opening;
use vm_core::view::{EvidenceView as _, ViewError};
use vm_ledger::{Decided, Snapshot};
use vm_shadow::opening::option_pointer;
use vm_shadow::{
    Conclusion, Counterfactual, Decision, HorizonId, Horizons, Observation, OptionReceipt, Outcome, Power,
    VerifiedClosing, VerifiedOpening, close, observe, open,
};

use crate::error::{HorizonFault, TokenError, VaultError};
use crate::redaction::Detector;
use crate::restraint::{HorizonState, horizons};
use crate::subjects::Ring;
use crate::vault::input::Common;
use crate::vault::record::{Recorded, recorded};
use crate::vault::{Appender, Drafter, Vault};

/// A decision to be opened.
#[derive(Clone, PartialEq, Debug)]
pub struct HorizonInput {
    /// Its name.
    pub name: String,
    /// What may be done; only commitments to it are stored.
    pub options: Vec<Value>,
    /// The token that would allow it; none for the one that the vault was opened with.
    pub capability: Option<CapabilityHash>,
    /// The action that it needs.
    pub action: Action,
    /// The resource that it needs.
    pub resource: Resource,
    /// Row of the proposal it is about.
    pub proposal: Option<RowId>,
    /// First instant at which nothing can be decided any more.
    pub deadline: Instant,
    /// Trace and time.
    pub common: Common,
}

/// An outcome to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomeInput {
    /// Name of the horizon, which is open.
    pub name: String,
    /// What it came to.
    pub outcome: Outcome,
    /// Why the options that were not taken were not: with it, each of them gets a shadow receipt. A withheld decision needs one.
    pub reason: Option<String>,
}

/// A horizon that was opened or closed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct HorizonRecorded {
    /// The decision as it stands now.
    #[serde(flatten)]
    pub horizon: HorizonState,
    /// The rows that were recorded, in order.
    pub recorded: Vec<Recorded>,
}

/// What a decision is made upon: the ledger as it stands under the writers' lock.
struct Present<'a> {
    snapshot: &'a Snapshot,
    horizons: &'a Horizons,
    epoch: Epoch,
}

impl Vault {
    /// Opens a horizon: the holder of the token that the vault was opened with observes.
    ///
    /// # Errors
    /// [`VaultError`]; nothing was recorded.
    pub fn open_horizon(&mut self, input: &HorizonInput) -> Result<HorizonRecorded, VaultError> {
        let name: HorizonId = input.name.parse().map_err(VaultError::Shadow)?;
        let options = input.options.iter().map(|option| Counterfactual::new(option.clone()));
        let options = options.collect::<Result<Vec<_>, _>>().map_err(VaultError::Canonical)?;
        let own = self.holder.chain().last().and_then(|token| token.hash()).map_err(TokenError::Refused)?;
        let (header, ledger) = (self.header(&input.common)?, self.ledger_id());
        let appended = self.decide_horizon(|drafter, present| {
            let power = Power {
                capability: input.capability.unwrap_or(own),
                action: input.action,
                resource: input.resource.clone(),
                epoch: present.epoch,
            };
            let decision = Decision {
                header,
                ledger,
                horizon_id: &name,
                options: &options,
                power: &power,
                proposal: input.proposal,
                deadline: input.deadline,
            };
            let entropy = &mut *drafter.sources.entropy;
            let draft = open(&decision, drafter.observer, drafter.policy, &Detector, entropy);
            Ok(vec![draft.map_err(HorizonFault::Decide)?])
        })?;
        self.told(header.id, None, appended)
    }

    /// Closes the open horizon of a name, in one append with the receipts of the options that were not taken.
    ///
    /// # Errors
    /// [`VaultError`]; nothing was recorded.
    pub fn close_horizon(&mut self, input: &OutcomeInput) -> Result<HorizonRecorded, VaultError> {
        let name: HorizonId = input.name.parse().map_err(VaultError::Shadow)?;
        if input.outcome == Outcome::Withheld && input.reason.is_none() {
            return Err(VaultError::Input { reason: "what is withheld needs a reason".to_owned() });
        }
        let common = Common::default();
        let mut rows = None;
        let appended = self.decide_horizon(|drafter, present| {
            let Present { snapshot, horizons, .. } = *present;
            let absent = || VaultError::NotFound { what: "open horizon", name: name.to_string() };
            let (row, _) = horizons.open_one(&name).ok_or_else(absent)?;
            let logged = snapshot.row(row).map_err(VaultError::View)?.ok_or_else(absent)?;
            let opening = VerifiedOpening::of(&logged.row, drafter.ledger).map_err(HorizonFault::Row)?;
            let (mut drafts, mut receipts) = (Vec::new(), Vec::new());
            if let Some(reason) = &input.reason {
                let key = Ring::open(drafter.keys, drafter.ledger)?;
                let kept = snapshot.openings(&key, row).map_err(VaultError::Openings)?;
                for option in (0..opening.option_count()).filter(|option| !takes(input.outcome, *option)) {
                    let draft = drafter.held_back(&opening, option, &kept, reason)?;
                    receipts.push(OptionReceipt { option, row: draft.header().id });
                    drafts.push(draft);
                }
            }
            // Behind its receipts in time, too.
            let header = drafter.header(&common)?;
            let conclusion = Conclusion { header, opening: &opening, outcome: input.outcome, receipts: &receipts };
            drafts.push(close(&conclusion, drafter.observer).map_err(HorizonFault::Decide)?);
            rows = Some((row, header.id));
            Ok(drafts)
        })?;
        let (opening, closing) =
            rows.ok_or_else(|| VaultError::NotFound { what: "horizon", name: input.name.clone() })?;
        self.told(opening, Some(closing), appended)
    }

    /// Appends what `draft` makes of the present horizons, if they allow it.
    fn decide_horizon(
        &mut self,
        draft: impl FnOnce(&mut Drafter<'_>, &Present<'_>) -> Result<Vec<RowDraft>, VaultError>,
    ) -> Result<Vec<Recorded>, VaultError> {
        let announcement = self.header(&Common::default())?;
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let (capability, epoch) = (permit.capability(), permit.epoch());
        let (mut drafter, Appender { ledger, .. }) = self.split();
        let mut notes: Vec<Vec<String>> = Vec::new();
        let decided = ledger.decide(&permit, announcement, now, |snapshot| {
            let mut horizons = horizons(snapshot).map_err(VaultError::View)?;
            let present = Present { snapshot, horizons: &horizons, epoch };
            let drafts = draft(&mut drafter, &present)?;
            let size = snapshot.size().map_err(VaultError::View)?;
            for (seq, draft) in (size..).zip(&drafts) {
                let row = draft.complete(Some(capability)).map_err(VaultError::Record)?;
                let RowHeader { id: row_id, .. } = *draft.header();
                let leaf = row.leaf_hash().map_err(VaultError::Record)?;
                let entry = LogEntry { seq, table: row.table(), row_id, schema: row.schema(), leaf };
                horizons.apply(&entry, &row).map_err(HorizonFault::Rule)?;
            }
            notes = drafts.iter().map(|draft| draft.secrets().to_vec()).collect();
            Ok::<_, VaultError>(drafts)
        });
        let appended = decided.map_err(|error| match error {
            Decided::Refused(refused) => refused,
            Decided::Ledger(error) => VaultError::Ledger(error),
            other => VaultError::View(ViewError::store(other)),
        })?;
        Ok(appended.into_iter().zip(notes).map(|(row, secrets)| recorded(row, &secrets)).collect())
    }

    /// The horizon as it stands now.
    fn told(
        &self,
        opening: RowId,
        closing: Option<RowId>,
        recorded: Vec<Recorded>,
    ) -> Result<HorizonRecorded, VaultError> {
        let (snapshot, ledger) = (self.ledger.snapshot()?, self.ledger_id());
        let row = |id: RowId| {
            let found = snapshot.row(id).map_err(VaultError::View)?;
            found.ok_or_else(|| VaultError::NotFound { what: "row", name: id.to_string() })
        };
        let opened = row(opening)?;
        let closing = closing.map(row).transpose()?;
        let closing = closing.map(|row| VerifiedClosing::of(&row.row, ledger)).transpose();
        let closing = closing.map_err(HorizonFault::Row)?;
        let opening = VerifiedOpening::of(&opened.row, ledger).map_err(HorizonFault::Row)?;
        Ok(HorizonRecorded { horizon: HorizonState::of(&opening, opened.entry.seq, closing.as_ref()), recorded })
    }
}

fn takes(outcome: Outcome, option: u8) -> bool {
    outcome == Outcome::Taken { option }
}

impl Drafter<'_> {
    /// The shadow receipt of an option that is not taken, which is about what the opening committed to.
    fn held_back(
        &mut self,
        opening: &VerifiedOpening,
        option: u8,
        kept: &[Opening],
        reason: &str,
    ) -> Result<RowDraft, VaultError> {
        let pointer = option_pointer(option);
        let value = kept.iter().find(|one| one.pointer() == pointer).and_then(Opening::value);
        let name = format!("{pointer} of row {}", opening.id());
        let value = value.ok_or(VaultError::NotFound { what: "opening", name })?;
        let counterfactual = Counterfactual::new(value.clone()).map_err(VaultError::Canonical)?;
        let header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, opening.trace_id());
        let observation = Observation {
            header,
            ledger: self.ledger,
            horizon_id: opening.horizon_id(),
            counterfactual: &counterfactual,
            entropy_delta: 0.0,
            reason,
            meta: None,
        };
        observe(&observation, self.observer, self.policy, &Detector, &mut *self.sources.entropy)
            .map_err(VaultError::Shadow)
    }
}
