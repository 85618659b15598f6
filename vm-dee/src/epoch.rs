//! What each epoch allows: one table, from which `docs/epochs.md` is written too.

use core::fmt::Write as _;

use vm_core::epoch::Epoch;

use crate::change::{ChangeKind, Risk};

/// What the gate allows in one epoch, beside what the policy asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochRule {
    /// The epoch.
    pub epoch: Epoch,
    /// What it is for.
    pub purpose: &'static str,
    /// Kinds of change that may be proposed.
    pub allows: &'static [ChangeKind],
    /// Least quorum, whatever the policy says.
    pub quorum_min: u32,
    /// From this risk on, a person must approve.
    pub human_from: Risk,
    /// From this risk on, the seal must have a verified anchor.
    pub anchor_from: Risk,
}

/// The table. A change of epoch is allowed in each, and has the strictest gate: see [`crate::gate`].
pub const EPOCH_RULES: [EpochRule; 3] = [
    EpochRule {
        epoch: Epoch::Nigredo,
        purpose: "maximum learning, conservative execution",
        allows: &[
            ChangeKind::GuardPolicy,
            ChangeKind::Threshold,
            ChangeKind::Revoke,
            ChangeKind::Reanchor,
            ChangeKind::Rollback,
            ChangeKind::Epoch,
        ],
        quorum_min: 1,
        human_from: Risk::Medium,
        anchor_from: Risk::High,
    },
    EpochRule {
        epoch: Epoch::Albedo,
        purpose: "normalisation and stabilisation",
        allows: &[
            ChangeKind::RedactionPolicy,
            ChangeKind::GuardPolicy,
            ChangeKind::Threshold,
            ChangeKind::Grant,
            ChangeKind::Revoke,
            ChangeKind::Reanchor,
            ChangeKind::Rollback,
            ChangeKind::Epoch,
        ],
        quorum_min: 1,
        human_from: Risk::High,
        anchor_from: Risk::High,
    },
    EpochRule {
        epoch: Epoch::Rubedo,
        purpose: "directed transformation under the strictest gate",
        allows: ChangeKind::ALL,
        quorum_min: 2,
        human_from: Risk::Medium,
        anchor_from: Risk::Medium,
    },
];

/// The line of the table for `epoch`.
#[must_use]
pub const fn epoch_rule(epoch: Epoch) -> &'static EpochRule {
    match epoch {
        Epoch::Nigredo => &EPOCH_RULES[0],
        Epoch::Albedo => &EPOCH_RULES[1],
        Epoch::Rubedo => &EPOCH_RULES[2],
    }
}

/// The table as Markdown: what `docs/epochs.md` must hold.
#[must_use]
pub fn epoch_table() -> String {
    let mut page = String::from("| |");
    for rule in EPOCH_RULES {
        let _ = write!(page, " {} |", rule.epoch);
    }
    page.push_str("\n| --- | --- | --- | --- |\n");
    let mut line = |name: &str, cell: &dyn Fn(&EpochRule) -> String| {
        let cells: Vec<String> = EPOCH_RULES.iter().map(cell).collect();
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    };
    line("for", &|rule| rule.purpose.to_owned());
    for kind in ChangeKind::ALL {
        let name = format!("`{kind}`, risk {} at least", kind.risk_floor());
        line(&name, &|rule| if rule.allows.contains(kind) { "yes" } else { "no" }.to_owned());
    }
    line("least quorum", &|rule| rule.quorum_min.to_string());
    line("a person approves from risk", &|rule| rule.human_from.to_string());
    line("the seal is anchored from risk", &|rule| rule.anchor_from.to_string());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_its_line_and_none_can_be_stuck_in() {
        for epoch in Epoch::ALL {
            let rule = epoch_rule(epoch);
            assert_eq!(rule.epoch, epoch);
            assert!(rule.quorum_min >= 1);
            assert!(rule.allows.contains(&ChangeKind::Epoch), "{epoch} could never be left");
            assert!(rule.anchor_from <= Risk::High, "promotion rests on an anchor in every epoch");
        }
        assert_eq!(epoch_rule(Epoch::Rubedo).quorum_min, EPOCH_RULES.iter().map(|rule| rule.quorum_min).max().unwrap());
    }

    #[test]
    fn the_page_holds_the_table() {
        let page = include_str!("../../docs/epochs.md");
        let table = epoch_table();
        assert!(page.contains(&table), "docs/epochs.md does not hold:\n{table}");
    }
}
