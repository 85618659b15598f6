//! Trails of what was folded.

use super::{Gate, RowPlace};
use crate::intent::Intent;
use crate::trail::Trail;

impl Gate {
    /// What an intent rests on that was folded: its proposal, the replay, and the approvals it names. None where its proposal
    /// is not open any more.
    #[must_use]
    pub fn trail(&self, intent: &Intent) -> Option<Trail> {
        let open = self.open.get(&intent.proposal.row)?;
        let approvals = open.approvals.iter().map(|given| given.at);
        let named = approvals.filter(|at| intent.approvals.contains(&at.row));
        let rows = [open.at].into_iter().chain(open.replay.map(|replay| replay.at)).chain(named).collect();
        Some(self.trail_of(rows))
    }

    /// The last change of epoch, which a seal must cover too.
    #[must_use]
    pub fn change_trail(&self) -> Option<Trail> {
        self.last_change.map(|at| self.trail_of(vec![at]))
    }

    pub(crate) fn trail_of(&self, rows: Vec<RowPlace>) -> Trail {
        Trail { ledger: self.ledger, keys: self.keys.clone(), rows }
    }
}
