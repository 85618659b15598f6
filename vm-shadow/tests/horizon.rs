//! Openings and closings: made, stored, changed, moved, read.
#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use proptest::prelude::*;
use serde_json::{Value, json};
use vm_core::digest::LeafHash;
use vm_core::error::KeyError;
use vm_core::id::LedgerId;
use vm_core::instant::Instant;
use vm_core::record::{Cell, CellRef, RowHeader, StoredRow, SystemKind};
use vm_core::redact::{KnownSecrets, Policy};
use vm_core::source::hazmat::CountingEntropy;
use vm_shadow::error::{DecideError, HorizonError, Violation};
use vm_shadow::opening::OPTIONS_MAX;
use vm_shadow::{
    Conclusion, Counterfactual, Decision, OptionReceipt, Outcome, VerifiedClosing, VerifiedOpening, close, open,
};
use world::{HOUR, World, key};

/// Columns that the observer does not sign: what the row is recorded under.
const UNSIGNED: [&str; 2] = ["capability_hash", "policy_hash"];

fn with(row: &StoredRow, at: usize, cell: Cell) -> Option<StoredRow> {
    let mut cells: Vec<Cell> = row.cells().map(|(_, cell)| cell.into()).collect();
    cells[at] = cell;
    StoredRow::new(row.table(), row.schema(), cells).ok()
}

/// Every bit of every cell flipped, every empty cell filled.
fn changes(cell: CellRef<'_>) -> Vec<Cell> {
    let bits = |bytes: &[u8]| {
        let flip = |bit: usize| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        (0..bytes.len() * 8).map(flip).collect::<Vec<_>>()
    };
    match cell {
        CellRef::Blob(bytes) => bits(bytes).into_iter().map(Cell::Blob).chain([Cell::Null]).collect(),
        CellRef::Text(text) => {
            let texts = bits(text.as_bytes()).into_iter().filter_map(|bytes| String::from_utf8(bytes).ok());
            texts.map(Cell::Text).chain([Cell::Text(format!("{text} ")), Cell::Null]).collect()
        }
        CellRef::Integer(number) => vec![Cell::Integer(number + 1), Cell::Integer(0), Cell::Integer(-1)],
        CellRef::Null => vec![Cell::Text("x".to_owned()), Cell::Blob(vec![1; 16]), Cell::Blob(vec![1; 32])],
        CellRef::Real(_) => panic!("no such column"),
    }
}

fn sweep(row: &StoredRow, reads: impl Fn(&StoredRow) -> bool) {
    assert!(reads(row));
    let mut swept = 0;
    for (at, (name, cell)) in row.cells().enumerate() {
        for change in changes(cell) {
            let Some(changed) = with(row, at, change.clone()) else { continue };
            assert_eq!(reads(&changed), UNSIGNED.contains(&name), "{name}: {change:?}");
            swept += 1;
        }
    }
    assert!(swept > 1_000, "{swept}");
}

#[test]
fn every_changed_column_is_refused() {
    let mut world = World::new();
    let ledger = world.id();
    let opened = world.open(&world.asked());
    sweep(&opened.row, |row| VerifiedOpening::of(row, ledger).is_ok());
    let receipts = world.receipts(&opened);
    let header = world.header();
    let draft = world.draft_close(header, &opened, Outcome::Withheld, &receipts);
    sweep(&world.stored(&draft), |row| VerifiedClosing::of(row, ledger).is_ok());
}

#[test]
fn what_was_opened_and_closed_reads_back() {
    let mut world = World::new();
    let asked = world.asked();
    let opened = world.open(&asked);
    let opening = &opened.opening;
    assert_eq!(opening.horizon_id().as_str(), "deploy/api");
    assert_eq!((opening.power(), opening.observer()), (&asked.power, key(3).public()));
    assert_eq!((opening.option_count(), opening.proposal(), opening.trace_id()), (2, None, world.trace));
    assert_eq!(opening.deadline(), opening.ts().saturating_add_micros(HOUR));
    for (option, (value, opens)) in (0..).zip(asked.options.iter().zip(&opened.openings)) {
        let described = Counterfactual::new(value.clone()).unwrap();
        assert_eq!(opens.pointer(), format!("/options/{option}"));
        assert!(opening.opens(option, &described, &opens.salt()));
        assert!(!opening.opens(option + 1, &described, &opens.salt()));
        assert!(!opening.opens(9, &described, &opens.salt()));
        assert!(!opening.opens(option, &Counterfactual::new(json!("other")).unwrap(), &opens.salt()));
    }
    let receipts = world.receipts(&opened);
    let header = world.header();
    let draft = world.draft_close(header, &opened, Outcome::Taken { option: 1 }, &receipts[..1]);
    let closing = VerifiedClosing::of(&world.stored(&draft), world.id()).unwrap();
    assert_eq!((closing.opening(), closing.outcome()), (opening.id(), Outcome::Taken { option: 1 }));
    assert_eq!(closing.receipts(), [OptionReceipt { option: 0, row: receipts[0].id }]);
    assert_eq!((closing.trace_id(), closing.id(), closing.ts()), (world.trace, header.id, header.ts));
}

#[test]
fn another_ledger_kind_or_key_is_refused() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let other = LedgerId::from_genesis(LeafHash::from_bytes([9; 32]));
    assert_eq!(VerifiedOpening::of(&opened.row, other), Err(HorizonError::Key(KeyError::BadSignature)));
    let wrong = HorizonError::WrongKind { expected: SystemKind::HorizonClosed.as_str() };
    assert_eq!(VerifiedClosing::of(&opened.row, world.id()), Err(wrong));
    let conclusion = Conclusion {
        header: world.header(),
        opening: &opened.opening,
        outcome: Outcome::Taken { option: 0 },
        receipts: &[],
    };
    assert_eq!(close(&conclusion, &key(4)).unwrap_err(), DecideError::NotObserver);
}

#[test]
fn an_unknown_format_is_told_apart() {
    let mut world = World::new();
    let header = world.header();
    let opened = world.open(&world.asked());
    let draft = world::system(
        header,
        SystemKind::HorizonClosed,
        Some(opened.opening.id()),
        &json!({"format": "vm-horizon-closed-v1"}),
    );
    let found = VerifiedClosing::of(&world.stored(&draft), world.id()).unwrap_err();
    assert_eq!(found, HorizonError::FormatUnknown { found: "vm-horizon-closed-v1".to_owned() });
}

#[test]
fn what_is_no_decision_is_refused() {
    let mut world = World::new();
    let asked = world.asked();
    let header = world.header();
    let options = |count: usize| vec![Counterfactual::new(json!("x")).unwrap(); count];
    let ledger = world.id();
    let attempt = |name: &str, count: usize, deadline: Instant| {
        let options = options(count);
        let decision = Decision {
            header,
            ledger,
            horizon_id: &name.parse().unwrap(),
            options: &options,
            power: &asked.power,
            proposal: None,
            deadline,
        };
        let mut entropy = CountingEntropy::new(1);
        open(&decision, &key(3), &Policy::builtin(), &KnownSecrets, &mut entropy).map(|_| ())
    };
    let later = header.ts.saturating_add_micros(1);
    assert_eq!(attempt("a", 0, later), Err(DecideError::Options { found: 0 }));
    assert_eq!(attempt("a", OPTIONS_MAX, later), Ok(()));
    assert_eq!(attempt("a", OPTIONS_MAX + 1, later), Err(DecideError::Options { found: OPTIONS_MAX + 1 }));
    assert!(matches!(attempt("a", 1, header.ts), Err(DecideError::DeadlinePast { .. })));
    assert_eq!(attempt("ghp_0123456789abcdefghijABCDEFGHIJ012345", 1, later), Err(DecideError::SecretName));
}

#[test]
fn an_outcome_that_does_not_fit_is_not_signed() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let receipts = world::named(&world.receipts(&opened));
    let (early, late) = (world.header(), world.late());
    let deadline = opened.opening.deadline();
    let row = |option, row| OptionReceipt { option, row };
    let ids: Vec<_> = receipts.iter().map(|receipt| receipt.row).collect();
    let shape = |member| Violation::Invalid(HorizonError::Shape { member });
    let cases: Vec<(RowHeader, Outcome, Vec<OptionReceipt>, Violation)> = vec![
        (late, Outcome::Withheld, receipts.clone(), Violation::Late { deadline }),
        (late, Outcome::Taken { option: 0 }, vec![], Violation::Late { deadline }),
        (early, Outcome::Expired, vec![], Violation::Early { deadline }),
        (early, Outcome::Taken { option: 2 }, vec![], Violation::NoSuchOption { option: 2, options: 2 }),
        (early, Outcome::Taken { option: 0 }, vec![row(2, ids[0])], Violation::NoSuchOption { option: 2, options: 2 }),
        (early, Outcome::Taken { option: 0 }, vec![row(0, ids[0])], Violation::ReceiptOfTaken { option: 0 }),
        (early, Outcome::Withheld, vec![], Violation::ReceiptsMissing { expected: 2, found: 0 }),
        (early, Outcome::Withheld, receipts[..1].to_vec(), Violation::ReceiptsMissing { expected: 2, found: 1 }),
        (early, Outcome::Withheld, vec![row(0, ids[0]), row(1, ids[0])], shape("receipts")),
        (early, Outcome::Withheld, vec![row(1, ids[0]), row(0, ids[1])], shape("receipts")),
        (early, Outcome::Withheld, vec![row(0, ids[0]), row(0, ids[1])], shape("receipts")),
    ];
    for (header, outcome, receipts, violation) in cases {
        let conclusion = Conclusion { header, opening: &opened.opening, outcome, receipts: &receipts };
        let refused = close(&conclusion, &key(3)).unwrap_err();
        assert_eq!((refused.code(), refused), (violation.code(), DecideError::Unfit(violation)));
    }
}

/// The samples of a page, which this crate makes and reads.
fn samples(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap().1.trim_end()).collect()
}

#[test]
fn the_pages_show_what_is_made() {
    let mut world = World::new();
    let asked = world.asked();
    let opened = world.open(&asked);
    let receipts = world.receipts(&opened);
    let header = world.header();
    let draft = world.draft_close(header, &opened, Outcome::Withheld, &receipts);
    let closed = world.stored(&draft);
    let pages = [
        (include_str!("../../docs/spec/horizon-opened.md"), opened.row),
        (include_str!("../../docs/spec/horizon-closed.md"), closed),
    ];
    for (page, row) in pages {
        let samples = samples(page);
        assert_eq!(String::from_utf8(row.leaf_data().unwrap()).unwrap(), samples[0]);
        // The page alone, without this crate, tells how to check it.
        let content: Value = serde_json::from_str(row.text("meta_json").unwrap()).unwrap();
        let signature = serde_json::from_value(content["signature"].clone()).unwrap();
        assert_eq!(key(3).public().verify(samples[1].as_bytes(), &signature), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any decision reads back, also after a way through leaf data, and in no other ledger.
    #[test]
    fn any_decision_round_trips(
        name in "[A-Za-z0-9.:/_-]{1,20}",
        options in prop::collection::vec("\\PC{0,12}", 1..6),
        proposal in prop::option::of(any::<[u8; 16]>()),
    ) {
        let mut world = World::new();
        let name: &'static str = Box::leak(name.into_boxed_str());
        let options: Vec<Value> = options.into_iter().map(Value::from).collect();
        let proposal = proposal.map(vm_core::id::RowId::from_bytes);
        let asked = world::Asked { name, options, proposal, ..world.asked() };
        let (draft, opened) = world.draft_open(&asked);
        let read = StoredRow::parse_leaf_data(&world.stored(&draft).leaf_data().unwrap()).unwrap();
        prop_assert_eq!(VerifiedOpening::of(&read, world.id()), Ok(opened.opening.clone()));
        prop_assert!(VerifiedOpening::of(&read, LedgerId::from_genesis(LeafHash::from_bytes([9; 32]))).is_err());
        let leaf = String::from_utf8(read.leaf_data().unwrap()).unwrap();
        for (option, value) in (0..).zip(&asked.options) {
            let salt = opened.openings[usize::from(option)].salt();
            let described = Counterfactual::new(value.clone()).unwrap();
            prop_assert!(opened.opening.opens(option, &described, &salt));
            // Nothing of an option stands in the row.
            let text = value.as_str().unwrap();
            prop_assert!(text.len() < 9 || !leaf.contains(text));
        }
    }
}
