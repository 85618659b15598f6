//! Blocks that stand by what was recorded.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

mod world;

use vm_core::id::{RowId, SealId};
use vm_core::record::{RowHeader, StoredRow};
use vm_core::redact::KnownSecrets;
use vm_core::source::hazmat::CountingEntropy;
use vm_core::verdict::Code;
use vm_guardian::artifact::NOTES_MAX;
use vm_guardian::{
    Artifact, BlockScope, Context, GuardError, Guardian, Observations, Observed, PromotionBlock, Standing,
};
use world::{START, World};

/// Says what it is told to.
struct Told {
    name: &'static str,
    blocks: Vec<BlockScope>,
    finds: Option<Code>,
}

impl Guardian for Told {
    fn name(&self) -> &str {
        self.name
    }

    fn observe(&self, _: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        seen.checked("it was told");
        if let Some(code) = self.finds {
            seen.find(code, "it", "told");
        }
        for scope in &self.blocks {
            seen.blocks.push(PromotionBlock { scope: *scope, code: Code::RowAltered, reason: "told".to_owned() });
        }
        Ok(seen)
    }
}

const SEAL: SealId = SealId::from_bytes([4; 16]);
const OTHER: SealId = SealId::from_bytes([5; 16]);

/// A log of what guardians said.
struct Log {
    world: World,
    standing: Standing,
    entropy: CountingEntropy,
    rows: u8,
}

impl Log {
    fn new() -> Self {
        Self { world: World::new(1), standing: Standing::default(), entropy: CountingEntropy::new(9), rows: 0 }
    }

    fn says(&self, name: &'static str, blocks: &[BlockScope], finds: Option<Code>) -> Observed {
        self.world.observe(&Told { name, blocks: blocks.to_vec(), finds })
    }

    fn row(&mut self, artifact: &Artifact) -> StoredRow {
        self.rows += 1;
        let id = RowId::from_bytes([self.rows; 16]);
        let trace_id = self.world.trace();
        let ts = vm_core::instant::Instant::from_micros(START).unwrap();
        let header = RowHeader { id, ts, trace_id, corrects: None };
        artifact.draft(header, &KnownSecrets, &mut self.entropy).unwrap().complete(None).unwrap()
    }

    fn record(&mut self, observed: &Observed) {
        let row = self.row(&observed.report_artifact());
        self.standing.take(&row);
    }

    fn holds_up(&self, seal: Option<SealId>) -> bool {
        self.standing.holding_up(seal).is_some()
    }
}

#[test]
fn a_block_stands_until_its_guardian_leaves_it_out() {
    let mut log = Log::new();
    let [all, clean] = [&[BlockScope::All][..], &[]].map(|blocks| log.says("one", blocks, None));
    assert!(!log.standing.is_changed_by(&clean) && log.standing.is_changed_by(&all));
    log.record(&all);
    assert!(log.holds_up(None) && log.holds_up(Some(SEAL)));
    let (guardian, block) = log.standing.holding_up(None).unwrap();
    assert_eq!(
        (guardian.as_str(), block.row, block.reason.as_str()),
        ("guardian-one", RowId::from_bytes([1; 16]), "told")
    );
    assert!(!log.standing.is_changed_by(&all) && log.standing.is_changed_by(&clean));
    // Another's report is not its word.
    let other = log.says("two", &[], None);
    log.record(&other);
    assert!(log.holds_up(None));
    log.record(&clean);
    assert!(!log.holds_up(None) && !log.holds_up(Some(SEAL)));
    assert!(log.standing.is_changed_by(&all), "found again it blocks again");
}

#[test]
fn a_block_on_a_seal_holds_up_that_seal() {
    let mut log = Log::new();
    let told = log.says("one", &[BlockScope::Seal(SEAL)], None);
    log.record(&told);
    assert!(log.holds_up(Some(SEAL)) && !log.holds_up(Some(OTHER)) && !log.holds_up(None));
    let more = log.says("one", &[BlockScope::Seal(OTHER)], None);
    log.record(&more);
    assert!(!log.holds_up(Some(SEAL)) && log.holds_up(Some(OTHER)));
}

#[test]
fn a_guardian_that_could_not_look_lifts_nothing() {
    for blind in [Code::BudgetSpent, Code::EvidenceUnreadable, Code::NothingChecked] {
        let mut log = Log::new();
        let all = log.says("one", &[BlockScope::All], None);
        log.record(&all);
        let blind = log.says("one", &[], Some(blind));
        assert!(!log.standing.is_changed_by(&blind));
        log.record(&blind);
        assert!(log.holds_up(None));
        let more = log.says("one", &[BlockScope::Seal(SEAL)], Some(Code::BudgetSpent));
        assert!(log.standing.is_changed_by(&more));
    }
}

/// Finds more than a report spells out, and last of all that it could not look.
struct Wordy;

impl Guardian for Wordy {
    fn name(&self) -> &str {
        "one"
    }

    fn observe(&self, _: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        (0..NOTES_MAX).for_each(|at| seen.find(Code::TraceGap, format!("row {at}"), "told"));
        seen.find(Code::EvidenceUnreadable, "log", "told");
        Ok(seen)
    }
}

#[test]
fn a_report_that_does_not_tell_all_lifts_nothing() {
    let mut log = Log::new();
    let all = log.says("one", &[BlockScope::All], None);
    log.record(&all);
    let wordy = log.world.observe(&Wordy);
    assert!(!log.standing.is_changed_by(&wordy));
    log.record(&wordy);
    assert!(log.holds_up(None));
}

#[test]
fn scopes_read_as_they_are_written() {
    for scope in [BlockScope::All, BlockScope::Seal(SEAL)] {
        assert_eq!(scope.to_string().parse::<BlockScope>().ok(), Some(scope));
    }
    for bad in ["", "All", "seal", "seal ", "seal x", "row 1"] {
        assert!(bad.parse::<BlockScope>().is_err(), "{bad}");
    }
}
