//! Blocks that stand: a fold over the reports and incidents that were recorded, in order of place.

use std::collections::BTreeMap;

use serde_json::Value;
use vm_core::canonical;
use vm_core::id::{EngineName, RowId, SealId};
use vm_core::record::{StoredRow, Table};
use vm_core::verdict::Code;

use crate::artifact::{Artifact, INCIDENT_KIND, REPORT_KIND};
use crate::block::BlockScope;
use crate::run::Observed;

/// A block that was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandingBlock {
    /// The report or incident that says so.
    pub row: RowId,
    /// What waits.
    pub scope: BlockScope,
    /// The finding behind it, by its stored word.
    pub code: String,
    /// Why, in one sentence.
    pub reason: String,
}

impl StandingBlock {
    /// Whether both say the same, wherever they stand.
    fn says(&self, other: &Self) -> bool {
        self.scope == other.scope && self.code == other.code
    }
}

/// What each guardian said last. Memory: the blocks of one run of each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    by: BTreeMap<EngineName, Said>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Said {
    report: Option<RowId>,
    blocks: Vec<StandingBlock>,
}

impl Standing {
    /// Kinds of the rows that it is folded over.
    pub const KINDS: [&'static str; 2] = [REPORT_KIND, INCIDENT_KIND];

    /// Takes in the next row. A report takes the place of what its guardian said before, but for one of a run that could not
    /// look: such a report lifts nothing. Incidents add to it. A row that does not read changes nothing; a scope that does not
    /// is everything, since forgetting a block would let through what it held up.
    pub fn take(&mut self, row: &StoredRow) {
        let kind = row.text("kind");
        if row.table() != Table::ProofArtifacts || !Self::KINDS.iter().any(|known| kind == Some(known)) {
            return;
        }
        let json = row.text("meta_json").unwrap_or_default();
        if let (Ok(value), Ok(id)) = (canonical::parse(json.as_bytes(), canonical::BYTES_MAX), row.id()) {
            self.take_content(id, &value);
        }
    }

    fn take_content(&mut self, id: RowId, value: &Value) {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let guardian = text("guardian").and_then(|name| name.parse::<EngineName>().ok());
        let (Some(guardian), Some(blocks)) = (guardian, value.get("blocks").and_then(Value::as_array)) else { return };
        let is_report = match text("format") {
            Some(Artifact::REPORT_FORMAT) => true,
            Some(Artifact::INCIDENT_FORMAT) => false,
            _ => return,
        };
        let said = self.by.entry(guardian).or_default();
        if is_report {
            said.report = Some(id);
            if has_looked(value) {
                said.blocks.clear();
            }
        }
        for block in blocks.iter().map(|block| stored(id, block)) {
            if !said.blocks.iter().any(|known| known.says(&block)) {
                said.blocks.push(block);
            }
        }
    }

    /// The first block that holds up a promotion which rests on `seal`, and the guardian behind it. Without a seal only what
    /// holds up everything is asked for.
    #[must_use]
    pub fn holding_up(&self, seal: Option<SealId>) -> Option<(&EngineName, &StandingBlock)> {
        let holds = |block: &&StandingBlock| match seal {
            Some(seal) => block.scope.holds_up(seal),
            None => block.scope == BlockScope::All,
        };
        self.by.iter().find_map(|(guardian, said)| Some((guardian, said.blocks.iter().find(holds)?)))
    }

    /// Whether recording what a run came to would change what its guardian blocks.
    #[must_use]
    pub fn is_changed_by(&self, observed: &Observed) -> bool {
        let mut next = self.clone();
        let incidents = observed.artifacts().into_iter().filter(|artifact| artifact.kind() == INCIDENT_KIND);
        for artifact in core::iter::once(observed.report_artifact()).chain(incidents) {
            next.take_content(RowId::from_bytes([0; 16]), artifact.value());
        }
        let (now, then) = (self.blocks(observed.engine()), next.blocks(observed.engine()));
        let has = |all: &[StandingBlock], one: &StandingBlock| all.iter().any(|other| other.says(one));
        !now.iter().all(|block| has(then, block)) || !then.iter().all(|block| has(now, block))
    }

    fn blocks(&self, guardian: &EngineName) -> &[StandingBlock] {
        self.by.get(guardian).map_or(&[], |said| said.blocks.as_slice())
    }

    /// The last report of `guardian`.
    #[must_use]
    pub fn report(&self, guardian: &EngineName) -> Option<RowId> {
        self.by.get(guardian)?.report
    }
}

/// Whether the run behind a report saw what there is to see, and the report tells all that it found.
fn has_looked(report: &Value) -> bool {
    let blind = [Code::BudgetSpent, Code::EvidenceUnreadable, Code::NothingChecked].map(Code::as_str);
    let notes = report.get("notes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_blind = |note: &Value| note.get("code").and_then(Value::as_str).is_some_and(|code| blind.contains(&code));
    let tells_all = report.get("notes_dropped").and_then(Value::as_u64) == Some(0);
    report.get("spent").is_some_and(Value::is_null) && tells_all && !notes.iter().any(is_blind)
}

fn stored(row: RowId, block: &Value) -> StandingBlock {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    StandingBlock {
        row,
        scope: text("scope").parse().unwrap_or(BlockScope::All),
        code: text("code"),
        reason: text("reason"),
    }
}
