//! Receipts made, stored, changed, moved, opened.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};
use vm_core::digest::{CapabilityHash, LeafHash};
use vm_core::error::{KeyError, RecordError};
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{Signature, SigningIdentity};
use vm_core::record::{Cell, CellKind, CellRef, Correction, LogEntry, RowDraft, RowHeader, StoredRow, Table};
use vm_core::redact::{KnownSecrets, Pattern, Policy, Rule};
use vm_core::source::hazmat::{CountingEntropy, FixedClock};
use vm_core::verdict::{Code, Verdict};
use vm_core::view::{EvidenceView, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, ViewError, Visit};
use vm_shadow::error::{ObserveError, ShadowError};
use vm_shadow::receipt::REASON_MAX;
use vm_shadow::{Counterfactual, Observation, check, check_all, observe, verify};

/// Made up for this test, in the shape of a credential.
const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
/// Columns that the observer does not sign: its own signature, checked otherwise, and what it need not know.
const UNSIGNED: [&str; 1] = ["capability_hash"];

fn ledger(byte: u8) -> LedgerId {
    LedgerId::from_genesis(LeafHash::from_bytes([byte; 32]))
}

fn observer() -> SigningIdentity {
    SigningIdentity::from_seed(&[5; 32])
}

fn header(seed: u64) -> RowHeader {
    let clock = FixedClock(Instant::from_micros(1_790_000_000_000_000).unwrap());
    let mut entropy = CountingEntropy::new(seed);
    let trace = TraceId::mint(&clock, &mut entropy);
    RowHeader::mint(&clock, &mut entropy, trace)
}

struct Given {
    seed: u64,
    horizon: &'static str,
    counterfactual: Value,
    entropy_delta: f64,
    reason: String,
    meta: Option<Value>,
    corrects: Option<Correction>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            seed: 1,
            horizon: "deploy/api",
            counterfactual: json!({"would":"deploy","to":"prod"}),
            entropy_delta: 0.25,
            reason: "error budget spent".to_owned(),
            meta: None,
            corrects: None,
        }
    }
}

impl Given {
    fn observe(&self) -> Result<RowDraft, ObserveError> {
        self.observe_by(&Policy::builtin())
    }

    fn observe_by(&self, policy: &Policy) -> Result<RowDraft, ObserveError> {
        let mut header = header(self.seed);
        header.corrects = self.corrects;
        let seen = Observation {
            header,
            ledger: ledger(1),
            horizon_id: &self.horizon.parse().unwrap(),
            counterfactual: &Counterfactual::new(self.counterfactual.clone()).unwrap(),
            entropy_delta: self.entropy_delta,
            reason: &self.reason,
            meta: self.meta.as_ref(),
        };
        let mut entropy = CountingEntropy::new(1_000 + self.seed);
        observe(&seen, &observer(), policy, &KnownSecrets, &mut entropy)
    }

    fn row(&self) -> StoredRow {
        stored(&self.observe().unwrap())
    }
}

fn stored(draft: &RowDraft) -> StoredRow {
    draft.complete(Some(CapabilityHash::from_bytes([3; 32]))).unwrap()
}

/// Every column filled.
fn full() -> StoredRow {
    let corrects = Correction { id: RowId::from_bytes([8; 16]), leaf: LeafHash::from_bytes([9; 32]) };
    Given { meta: Some(json!({"by":"guardian"})), corrects: Some(corrects), ..Given::default() }.row()
}

/// `row` with one cell put in place of another; nothing where the cell does not fit its column.
fn with(row: &StoredRow, at: usize, cell: Cell) -> Option<StoredRow> {
    let mut cells: Vec<Cell> = row.cells().map(|(_, cell)| cell.into()).collect();
    cells[at] = cell;
    StoredRow::new(row.table(), row.schema(), cells).ok()
}

#[test]
fn a_receipt_verifies_and_says_what_was_observed() {
    let given = Given::default();
    let draft = given.observe().unwrap();
    let row = stored(&draft);
    let receipt = verify(&row, ledger(1)).unwrap();
    assert_eq!(receipt.id(), draft.header().id);
    assert_eq!(receipt.ts(), draft.header().ts);
    assert_eq!(receipt.trace_id(), draft.header().trace_id);
    assert_eq!(receipt.ledger(), ledger(1));
    assert_eq!(receipt.horizon_id(), "deploy/api");
    assert_eq!(receipt.reason(), "error budget spent");
    assert!((receipt.entropy_delta() - 0.25).abs() < f64::EPSILON);
    assert_eq!(receipt.observer(), observer().public());
    assert_eq!((receipt.meta_json(), receipt.corrects()), (None, None));
    let (report, again) = check(&row, ledger(1));
    assert_eq!((report.verdict(), again), (Verdict::Verified, Some(receipt)));
}

#[test]
fn every_changed_column_is_refused() {
    let row = full();
    assert!(verify(&row, ledger(1)).is_ok());
    let mut swept = 0;
    for (at, (name, cell)) in row.cells().enumerate() {
        let changes: Vec<Cell> = match cell {
            CellRef::Blob(bytes) => (0..bytes.len() * 8)
                .map(|bit| {
                    let mut bytes = bytes.to_vec();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    Cell::Blob(bytes)
                })
                .chain([Cell::Blob(bytes[1..].to_vec()), Cell::Blob(Vec::new()), Cell::Null])
                .collect(),
            CellRef::Text(text) => (0..text.len() * 8)
                .filter_map(|bit| {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    String::from_utf8(bytes).ok().map(Cell::Text)
                })
                .chain([Cell::Text(String::new()), Cell::Text(format!("{text} ")), Cell::Null])
                .collect(),
            CellRef::Real(real) => (0..64)
                .map(|bit| Cell::Real(f64::from_bits(real.to_bits() ^ (1 << bit))))
                .chain([Cell::Real(0.0)])
                .collect(),
            other => panic!("{name} holds {other:?}; teach this test to change it"),
        };
        for change in changes {
            let Some(changed) = with(&row, at, change.clone()) else { continue };
            let verified = verify(&changed, ledger(1));
            assert_eq!(verified.is_ok(), UNSIGNED.contains(&name), "{name}: {change:?}");
            let found = check(&changed, ledger(1)).0;
            let wanted = if verified.is_ok() { Verdict::Verified } else { Verdict::Contradicted };
            assert_eq!((found.verdict(), found.has(Code::ReceiptInvalid)), (wanted, verified.is_err()), "{name}");
            swept += 1;
        }
    }
    assert!(swept > 1_000, "{swept}");
}

#[test]
fn filling_an_empty_column_is_refused() {
    let row = Given::default().row();
    let columns = row.table().columns(row.schema()).unwrap();
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.nullable) {
        if UNSIGNED.contains(&column.name) || row.cell(column.name) != Some(CellRef::Null) {
            continue;
        }
        let fill = match column.kind {
            CellKind::Blob => Cell::Blob(vec![8; if column.name == "corrects_id" { 16 } else { 32 }]),
            _ => Cell::Text("{}".to_owned()),
        };
        assert!(verify(&with(&row, at, fill).unwrap(), ledger(1)).is_err(), "{}", column.name);
    }
}

#[test]
fn another_ledger_row_or_key_is_refused() {
    let row = full();
    assert_eq!(verify(&row, ledger(2)), Err(ShadowError::Key(KeyError::BadSignature)));
    let position = |name: &str| row.cells().position(|(column, _)| column == name).unwrap();
    let moved = Given { seed: 2, ..Given::default() }.row();
    for name in ["observer_signature", "observer_key"] {
        let at = position(name);
        let taken = if name == "observer_key" {
            Cell::Blob(SigningIdentity::from_seed(&[6; 32]).public().as_bytes().to_vec())
        } else {
            moved.cell(name).unwrap().into()
        };
        let forged = with(&row, at, taken).unwrap();
        assert_eq!(verify(&forged, ledger(1)), Err(ShadowError::Key(KeyError::BadSignature)), "{name}");
    }
    // The identity of the curve, a key under which a signature could fit many messages.
    let mut weak = vec![0; 32];
    weak[0] = 1;
    let weak = with(&row, position("observer_key"), Cell::Blob(weak)).unwrap();
    assert_eq!(verify(&weak, ledger(1)), Err(ShadowError::Key(KeyError::Weak)));
}

#[test]
fn a_row_of_another_table_is_no_receipt_and_no_pass() {
    let cells = Table::ToolInvocations.columns(full().schema()).unwrap().iter().map(|column| match column.kind {
        _ if column.nullable => Cell::Null,
        CellKind::Blob => Cell::Blob(vec![1; 16]),
        _ => Cell::Text("2026-01-02T03:04:05.000006Z".to_owned()),
    });
    let row = StoredRow::new(Table::ToolInvocations, full().schema(), cells.collect()).unwrap();
    assert!(matches!(verify(&row, ledger(1)), Err(ShadowError::WrongTable { .. })));
    assert_eq!(check(&row, ledger(1)).0.verdict(), Verdict::Undecided);
}

#[test]
fn what_is_no_observation_is_refused() {
    let refused = |given: Given| given.observe().unwrap_err();
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let given = Given { entropy_delta: number, ..Given::default() };
        assert_eq!(refused(given), ObserveError::NotFinite);
    }
    for reason in ["", " \n"] {
        let given = Given { reason: reason.to_owned(), ..Given::default() };
        assert_eq!(refused(given), ObserveError::NoReason);
    }
    let long = |len| Given { reason: "r".repeat(len), ..Given::default() };
    assert!(matches!(refused(long(REASON_MAX + 1)), ObserveError::ReasonTooLong { .. }));
    assert!(long(REASON_MAX).observe().is_ok());
    let meta = Some(json!(9_007_199_254_740_993_u64));
    assert!(matches!(refused(Given { meta, ..Given::default() }), ObserveError::Canonical(_)));
}

#[test]
fn negative_zero_is_zero() {
    let row = Given { entropy_delta: -0.0, ..Given::default() }.row();
    assert!(matches!(row.cell("entropy_delta"), Some(CellRef::Real(real)) if real.to_bits() == 0));
    assert!(verify(&row, ledger(1)).is_ok());
}

#[test]
fn a_secret_is_committed_and_the_receipt_still_verifies() {
    let given = Given {
        horizon: SECRET,
        reason: format!("token {SECRET} was refused"),
        meta: Some(json!({"token": SECRET, "note": "x"})),
        counterfactual: json!({"call": SECRET}),
        ..Given::default()
    };
    let draft = given.observe().unwrap();
    let row = stored(&draft);
    let leaf = String::from_utf8(row.leaf_data().unwrap()).unwrap();
    assert!(!leaf.contains("ghp_"), "{leaf}");
    assert!(!format!("{draft:?}").contains("ghp_"));
    assert_eq!(draft.secrets(), ["/horizon_id", "/reason", "/meta_json/token"]);
    let receipt = verify(&row, ledger(1)).unwrap();
    assert!(receipt.reason().starts_with("{\"$sealed\":"), "{}", receipt.reason());
    let opening = draft.openings().iter().find(|opening| opening.pointer() == "/reason").unwrap();
    assert_eq!(opening.value(), Some(&json!(given.reason)));
}

#[test]
fn the_opening_shows_the_path_and_no_other() {
    let given = Given::default();
    let draft = given.observe().unwrap();
    let receipt = verify(&stored(&draft), ledger(1)).unwrap();
    let opening = &draft.openings()[0];
    let about = |value: Value| receipt.is_about(&Counterfactual::new(value).unwrap(), opening);
    assert!(about(given.counterfactual.clone()));
    assert!(about(opening.value().unwrap().clone()));
    assert!(!about(json!({"would":"deploy","to":"test"})));
    assert!(!about(json!(null)));
    // The same words held back twice are two commitments, and the opening of one does not open the other.
    let other = Given { seed: 2, ..Given::default() }.observe().unwrap();
    let others = verify(&stored(&other), ledger(1)).unwrap();
    assert_ne!(others.counterfactual_hash(), receipt.counterfactual_hash());
    assert!(!others.is_about(&Counterfactual::new(given.counterfactual).unwrap(), opening));
}

/// The page on the format, whose sample is this test's vector.
const PAGE: &str = include_str!("../../docs/spec/shadow-receipt.md");

/// The lines of the `nth` fenced block of the page.
fn sample(nth: usize) -> &'static str {
    let block = PAGE.split("```").nth(2 * nth + 1).unwrap();
    block.split_once('\n').unwrap().1.trim_end()
}

#[test]
fn the_sample_of_the_page_is_made_and_verified() {
    let keep = ["/horizon_id", "/reason"].map(Pattern::new).to_vec();
    let policy = Policy::new(vec![Rule { table: Table::ShadowReceipts, name: None, keep, shape: Vec::new() }]);
    let row = stored(&Given::default().observe_by(&policy.unwrap()).unwrap());
    assert_eq!(String::from_utf8(row.leaf_data().unwrap()).unwrap(), sample(0));
    let read = StoredRow::parse_leaf_data(sample(0).as_bytes()).unwrap();
    assert!(verify(&read, ledger(1)).is_ok());

    // The page alone, without this crate, tells how to check it.
    let signature = Signature::from_bytes(row.blob("observer_signature").unwrap().try_into().unwrap());
    assert_eq!(observer().public().verify(sample(1).as_bytes(), &signature), Ok(()));
}

/// A ledger of receipts alone, each at its place in the log.
struct Receipts(Vec<RowState>);

impl EvidenceView for Receipts {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        Ok(ledger(1))
    }

    fn schema(&self) -> Result<(vm_core::record::SchemaVersion, String), ViewError> {
        Err(ViewError::Empty)
    }

    fn size(&self) -> Result<u64, ViewError> {
        Ok(u64::try_from(self.0.len()).unwrap())
    }

    fn visit_log(
        &self,
        _: u64,
        _: u64,
        _: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        Err(ViewError::Empty)
    }

    fn visit_unlogged(&self, _: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Err(ViewError::Empty)
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        assert_eq!(filter.tables, [Table::ShadowReceipts]);
        for (seq, state) in (0..filter.as_of).zip(&self.0) {
            let entry = LogEntry {
                seq,
                table: Table::ShadowReceipts,
                row_id: RowId::from_bytes([1; 16]),
                schema: vm_core::record::SCHEMA,
                leaf: LeafHash::from_bytes([0; 32]),
            };
            if visit(entry, state.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn row(&self, _: RowId) -> Result<Option<LoggedRow>, ViewError> {
        Err(ViewError::Empty)
    }

    fn visit_checkpoints(&self, _: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Err(ViewError::Empty)
    }

    fn visit_tiles(&self, _: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Err(ViewError::Empty)
    }
}

#[test]
fn all_receipts_of_a_ledger_are_checked() {
    let good: Vec<RowState> = (1..4).map(|seed| RowState::Present(Given { seed, ..Given::default() }.row())).collect();
    let report = check_all(&Receipts(good.clone())).unwrap();
    assert_eq!(report.verdict(), Verdict::Verified);
    assert_eq!(report.checks(), ["shadow_receipts: signatures of 3 observations"]);

    assert_eq!(check_all(&Receipts(Vec::new())).unwrap().verdict(), Verdict::Undecided);

    let at = full().cells().position(|(name, _)| name == "reason").unwrap();
    let forged = with(&full(), at, Cell::Text("none".to_owned())).unwrap();
    let malformed = RowState::Malformed { column: "reason".to_owned() };
    for (bad, code, verdict) in [
        (RowState::Present(forged), Code::ReceiptInvalid, Verdict::Contradicted),
        (malformed, Code::ReceiptInvalid, Verdict::Contradicted),
        (RowState::Missing, Code::EvidenceUnreadable, Verdict::Undecided),
    ] {
        let report = check_all(&Receipts([good.clone(), vec![bad]].concat())).unwrap();
        assert_eq!((report.verdict(), report.findings().len()), (verdict, 1));
        assert!(report.has(code), "{code}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any observation verifies, also after a way through leaf data, and in no other ledger.
    #[test]
    fn any_observation_round_trips(
        counterfactual in any_json(),
        meta in prop::option::of(any_json()),
        reason in "\\PC{0,20}[a-z]",
        entropy_delta in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        seed in any::<u64>(),
    ) {
        let given = Given { seed, counterfactual, entropy_delta, reason, meta, ..Given::default() };
        let draft = given.observe().unwrap();
        let row = stored(&draft);
        let read = StoredRow::parse_leaf_data(&row.leaf_data().unwrap()).unwrap();
        prop_assert_eq!(&read, &row);
        let receipt = verify(&read, ledger(1)).unwrap();
        prop_assert!(receipt.entropy_delta() == given.entropy_delta);
        let path = Counterfactual::new(given.counterfactual).unwrap();
        let openings = draft.openings();
        prop_assert_eq!(openings.iter().filter(|opening| receipt.is_about(&path, opening)).count(), 1);
        prop_assert!(verify(&read, ledger(2)).is_err());
    }
}

#[test]
fn errors_keep_their_causes() {
    let row = full();
    let at = row.cells().position(|(name, _)| name == "ts").unwrap();
    let found = verify(&with(&row, at, Cell::Text("soon".to_owned())).unwrap(), ledger(1)).unwrap_err();
    assert!(matches!(found, ShadowError::Record(RecordError::Cell { column: "ts", .. })));
    assert!(std::error::Error::source(&found).is_some());
    assert_eq!(found.code(), "shadow-malformed");
}
