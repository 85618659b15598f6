//! The fold over horizons against a slow readable twin, on every short sequence of rows, and the audit that uses it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use serde_json::{Value, json};
use vm_core::capability::act;
use vm_core::id::RowId;
use vm_core::record::{LogEntry, RowDraft, RowHeader, StoredRow};
use vm_core::verdict::{Code, Verdict};
use vm_seal::bundle::SealBundle;
use vm_seal::memory::hazmat;
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;
use vm_shadow::error::{HorizonError, Violation};
use vm_shadow::horizons::{OPEN_MAX, RECEIPTS_MAX};
use vm_shadow::{Horizons, Outcome, check_horizons, check_sealed_horizons};
use world::{Asked, Opened, Received, World};

/// What a row is to the twin: all that its rules ask of it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Says {
    Opens {
        name: &'static str,
    },
    Receipt {
        name: &'static str,
        observer: u8,
    },
    /// Closes the opening at a place of the alphabet, naming receipts at others; `fits` where nothing but them is at stake.
    Closes {
        opening: usize,
        receipts: &'static [usize],
        fits: bool,
    },
    Nothing,
}

struct Letter {
    row: StoredRow,
    says: Says,
}

/// Names and observers: `a` is opened by two rows, `b` by one, all by the observer 3.
fn alphabet() -> Vec<Letter> {
    let mut world = World::new();
    let mut letters: Vec<(RowDraft, Says)> = Vec::new();
    let open = |world: &mut World, name| {
        let asked = Asked { name, ..world.asked() };
        world.draft_open(&asked)
    };
    let (first, a) = open(&mut world, "a");
    let (second, again) = open(&mut world, "a");
    let (third, b) = open(&mut world, "b");
    letters.push((first, Says::Opens { name: "a" }));
    letters.push((second, Says::Opens { name: "a" }));
    letters.push((third, Says::Opens { name: "b" }));
    let mut received: Vec<Received> = Vec::new();
    for (name, observer) in [("a", 3), ("a", 3), ("a", 4), ("b", 3)] {
        let (draft, receipt) = world.draft_receipt(&name.parse().unwrap(), &json!("x"), observer);
        letters.push((draft, Says::Receipt { name, observer }));
        received.push(receipt);
    }
    let mut closes =
        |world: &mut World, (opened, opening): (&Opened, usize), late, outcome, receipts: &'static [usize], fits| {
            let header = if late { world.late() } else { world.header() };
            let rows: Vec<Received> = receipts.iter().map(|at| received[at - 3].clone()).collect();
            let draft = forge(world, header, opened, outcome, &rows);
            letters.push((draft, Says::Closes { opening, receipts, fits }));
        };
    let (a, again, b) = ((&a, 0), (&again, 1), (&b, 2));
    closes(&mut world, a, false, Outcome::Withheld, &[3, 4], true);
    closes(&mut world, a, false, Outcome::Withheld, &[3, 5], true);
    closes(&mut world, a, false, Outcome::Taken { option: 1 }, &[3], true);
    closes(&mut world, a, false, Outcome::Taken { option: 0 }, &[3], false);
    closes(&mut world, a, true, Outcome::Expired, &[], true);
    closes(&mut world, a, false, Outcome::Expired, &[], false);
    closes(&mut world, a, true, Outcome::Withheld, &[3, 4], false);
    closes(&mut world, again, false, Outcome::Taken { option: 0 }, &[], true);
    closes(&mut world, b, false, Outcome::Withheld, &[6, 3], true);
    closes(&mut world, b, true, Outcome::Expired, &[6], true);
    letters.push((world.draft_tool(), Says::Nothing));
    let stored = |(draft, says): (RowDraft, Says)| Letter { row: world.stored(&draft), says };
    letters.into_iter().map(stored).collect()
}

/// A closing with whatever outcome and receipts, by the observer.
fn forge(world: &mut World, header: RowHeader, opened: &Opened, outcome: Outcome, receipts: &[Received]) -> RowDraft {
    let option = if let Outcome::Taken { option } = outcome { json!(option) } else { json!(null) };
    let content = json!({
        "horizon_id": opened.opening.horizon_id().as_str(), "option": option, "outcome": outcome.as_str(),
        "receipts": world::named(receipts),
    });
    world.forge_close(header, opened.opening.id(), &content, 3)
}

/// Whether the next letter may come behind those that were let in: by looking at all of them, with no state.
fn may_come(letters: &[Letter], history: &[usize], next: usize) -> bool {
    // Where the opening stands that no later row closes.
    let open_at = |opening: usize| {
        let at = history.iter().rposition(|letter| *letter == opening)?;
        let closes =
            |letter: &usize| matches!(letters[*letter].says, Says::Closes { opening: of, .. } if of == opening);
        (!history[at..].iter().any(closes)).then_some(at)
    };
    match letters[next].says {
        Says::Nothing | Says::Receipt { .. } => true,
        Says::Opens { name } => {
            let same_name = |at: &usize| letters[*at].says == Says::Opens { name };
            !(0..letters.len()).filter(same_name).any(|opening| open_at(opening).is_some())
        }
        Says::Closes { opening, receipts, fits } => {
            let Says::Opens { name } = letters[opening].says else { panic!("closes no opening") };
            let Some(at) = open_at(opening).filter(|_| fits) else { return false };
            let is_there = |receipt: &usize| {
                letters[*receipt].says == Says::Receipt { name, observer: 3 } && history[at..].contains(receipt)
            };
            receipts.iter().all(is_there)
        }
    }
}

struct Tally {
    accepted: u64,
    refused: u64,
    closed: u64,
}

fn entry(seq: usize, row: &StoredRow) -> LogEntry {
    LogEntry {
        seq: u64::try_from(seq).unwrap(),
        table: row.table(),
        row_id: row.id().unwrap(),
        schema: row.schema(),
        leaf: row.leaf_hash().unwrap(),
    }
}

fn explore(letters: &[Letter], horizons: &Horizons, history: &mut Vec<usize>, left: usize, tally: &mut Tally) {
    if left == 0 {
        return;
    }
    for next in 0..letters.len() {
        let (row, mut after) = (&letters[next].row, horizons.clone());
        let applied = after.apply(&entry(history.len(), row), row);
        assert_eq!(applied.is_ok(), may_come(letters, history, next), "{history:?} then {next}: {applied:?}");
        if applied.is_err() {
            assert_eq!(after, *horizons, "a refused row changes nothing");
            tally.refused += 1;
            continue;
        }
        tally.accepted += 1;
        tally.closed += u64::from(after.unclosed().count() < horizons.unclosed().count());
        history.push(next);
        explore(letters, &after, history, left - 1, tally);
        history.pop();
    }
}

#[test]
fn the_fold_and_its_twin_agree_on_every_short_sequence() {
    let letters = alphabet();
    let ledger = World::new().id();
    let mut tally = Tally { accepted: 0, refused: 0, closed: 0 };
    // From the beginning, and from where a decision can be closed.
    for (begin, depth) in [(&[][..], 3), (&[0], 3), (&[0, 3, 4], 3), (&[0, 2, 3, 4, 6], 2), (&[0, 3, 4, 7, 1], 2)] {
        let (mut horizons, mut history) = (Horizons::new(ledger), Vec::new());
        for letter in begin {
            horizons.apply(&entry(history.len(), &letters[*letter].row), &letters[*letter].row).unwrap();
            history.push(*letter);
        }
        explore(&letters, &horizons, &mut history, depth, &mut tally);
    }
    assert!(
        tally.accepted > 1_500 && tally.refused > 2_000 && tally.closed > 200,
        "{} {} {}",
        tally.accepted,
        tally.refused,
        tally.closed
    );
}

#[test]
fn violations_have_their_names() {
    let letters = alphabet();
    let ledger = World::new().id();
    let refused = |begin: &[usize], last: usize| {
        let mut horizons = Horizons::new(ledger);
        for (seq, letter) in begin.iter().enumerate() {
            horizons.apply(&entry(seq, &letters[*letter].row), &letters[*letter].row).unwrap();
        }
        horizons.apply(&entry(begin.len(), &letters[last].row), &letters[last].row).unwrap_err().code()
    };
    assert_eq!(refused(&[0], 1), "horizon-open-already");
    assert_eq!(refused(&[], 7), "horizon-not-open");
    assert_eq!(refused(&[0, 3, 4, 7], 7), "horizon-not-open");
    assert_eq!(refused(&[0, 3, 4, 7], 9), "horizon-not-open");
    assert_eq!(refused(&[0, 3], 7), "horizon-foreign-receipt");
    assert_eq!(refused(&[3, 0, 4], 7), "horizon-foreign-receipt");
    assert_eq!(refused(&[0, 3, 5], 8), "horizon-foreign-receipt");
    assert_eq!(refused(&[2, 0, 3, 6], 15), "horizon-foreign-receipt");
    assert_eq!(refused(&[0, 3, 4], 10), "horizon-receipt-of-taken");
    assert_eq!(refused(&[0], 12), "horizon-early");
    assert_eq!(refused(&[0, 3, 4], 13), "horizon-late");
}

#[test]
fn rows_come_in_order_and_others_change_nothing() {
    let letters = alphabet();
    let mut horizons = Horizons::new(World::new().id());
    let (opening, tool) = (&letters[0].row, &letters[17].row);
    horizons.apply(&entry(5, tool), tool).unwrap();
    assert_eq!(horizons.apply(&entry(5, opening), opening), Err(Violation::OutOfOrder { seq: 5 }));
    horizons.apply(&entry(9, opening), opening).unwrap();
    assert_eq!(horizons.next(), 10);
    let (row, open) = horizons.open_one(&"a".parse().unwrap()).unwrap();
    assert_eq!((row, open.seq(), open.options()), (opening.id().unwrap(), 9, 2));
    assert_eq!(horizons.unclosed().map(|(row, _)| row).collect::<Vec<RowId>>(), [row]);
    assert!(horizons.open_one(&"b".parse().unwrap()).is_none());
}

#[test]
fn another_observer_trace_or_name_cannot_close() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let header = world.header();
    let content = |name: &str| json!({"horizon_id": name, "option": null, "outcome": "expired", "receipts": []});
    let late = world.late();
    let elsewhere = RowHeader { trace_id: vm_core::id::TraceId::from_bytes([1; 16]), ..late };
    let subject = opened.opening.id();
    let cases = [
        (world.forge_close(late, subject, &content("deploy/api"), 4), "horizon-other-observer"),
        (world.forge_close(elsewhere, subject, &content("deploy/api"), 3), "horizon-other-trace"),
        (world.forge_close(late, subject, &content("deploy/web"), 3), "horizon-other-name"),
        (world.forge_close(late, header.id, &content("deploy/api"), 3), "horizon-not-open"),
    ];
    let mut horizons = Horizons::new(world.id());
    horizons.apply(&entry(0, &opened.row), &opened.row).unwrap();
    for (draft, code) in cases {
        let row = world.stored(&draft);
        assert_eq!(horizons.apply(&entry(1, &row), &row).unwrap_err().code(), code);
    }
    // Well formed, and signed by somebody else than the observer that it names.
    let draft = world.forge_close(late, subject, &content("deploy/api"), 3);
    let mut forged: Value = serde_json::from_str(world.stored(&draft).text("meta_json").unwrap()).unwrap();
    let signature = |value: &Value| value["signature"].as_str().unwrap().to_owned();
    let genuine = signature(&forged);
    let other = world.forge_close(late, subject, &content("deploy/api"), 4);
    let other: Value = serde_json::from_str(world.stored(&other).text("meta_json").unwrap()).unwrap();
    forged["signature"] = json!(signature(&other));
    assert_eq!(signature(&forged).len(), genuine.len());
    assert_ne!(signature(&forged), genuine);
    let row = world::system(late, vm_core::record::SystemKind::HorizonClosed, Some(subject), &forged);
    let row = world.stored(&row);
    let refused = horizons.apply(&entry(1, &row), &row).unwrap_err();
    assert!(matches!(refused, Violation::Invalid(HorizonError::Key(_))), "{refused:?}");
}

#[test]
fn memory_is_bounded() {
    let mut world = World::new();
    let mut horizons = Horizons::new(world.id());
    let mut seq = 0;
    let mut apply = |horizons: &mut Horizons, row: &StoredRow| {
        seq += 1;
        horizons.apply(&entry(seq, row), row)
    };
    let opened = world.open(&world.asked());
    apply(&mut horizons, &opened.row).unwrap();
    let name = opened.opening.horizon_id().clone();
    let received: Vec<(RowDraft, Received)> =
        (0..=RECEIPTS_MAX).map(|_| world.draft_receipt(&name, &json!("x"), 3)).collect();
    for (draft, _) in &received {
        apply(&mut horizons, &world.stored(draft)).unwrap();
    }
    for (first, is_kept) in [(RECEIPTS_MAX - 1, false), (RECEIPTS_MAX - 2, true)] {
        let rows = [received[first].1.clone(), received[first + 1].1.clone()];
        let header = world.header();
        let draft = forge(&mut world, header, &opened, Outcome::Withheld, &rows);
        assert_eq!(apply(&mut horizons, &world.stored(&draft)).is_ok(), is_kept);
    }
    for number in 0..=OPEN_MAX {
        let name: &'static str = Box::leak(format!("h{number}").into_boxed_str());
        let asked = Asked { name, options: vec![json!(1)], ..world.asked() };
        let (_, opened) = world.draft_open(&asked);
        let applied = apply(&mut horizons, &opened.row);
        assert_eq!(applied, if number < OPEN_MAX { Ok(()) } else { Err(Violation::TooMany) });
    }
}

#[test]
fn an_audit_finds_what_is_open_and_what_was_not_allowed() {
    let mut world = World::new();
    assert_eq!(check_horizons(&world.ledger).unwrap().verdict(), Verdict::Undecided);
    let (opened, _) = world.withhold(&world.asked());
    let report = check_horizons(&world.ledger).unwrap();
    assert_eq!((report.verdict(), report.findings()), (Verdict::Verified, &[][..]));

    let left = world.open(&Asked { name: "left", ..world.asked() });
    let report = check_horizons(&world.ledger).unwrap();
    assert_eq!(report.verdict(), Verdict::Undecided);
    assert_eq!(report.findings().iter().map(|finding| finding.code()).collect::<Vec<_>>(), [Code::HorizonUnclosed]);
    assert!(report.findings()[0].subject().contains("left"), "{}", report.findings()[0].subject());

    let header = world.late();
    let again = world.draft_close(header, &opened, Outcome::Expired, &[]);
    world.append(again);
    let report = check_horizons(&world.ledger).unwrap();
    assert_eq!(report.verdict(), Verdict::Contradicted);
    assert!(report.has(Code::HorizonInvalid) && report.has(Code::HorizonUnclosed));

    hazmat::remove_row(&mut world.ledger, left.opening.id());
    assert!(check_horizons(&world.ledger).unwrap().has(Code::EvidenceUnreadable));
}

fn sealed(world: &mut World, selection: Selection) -> SealBundle {
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    let head = world.head();
    let request = SealRequest::over(selection, &head);
    let World { ledger, clock, entropy, .. } = world;
    seal(ledger, request, ledger.signer(), &permit, clock, entropy).unwrap()
}

#[test]
fn a_seal_reports_the_open_horizons_it_covers() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let whole = sealed(&mut world, Selection::everything());
    let before = Selection::window(None, Some(opened.opening.ts()), &vm_core::record::Table::ALL).unwrap();
    let before = sealed(&mut world, before);
    assert!(check_sealed_horizons(&world.ledger, &whole).unwrap().has(Code::HorizonUnclosed));
    assert_eq!(check_sealed_horizons(&world.ledger, &before).unwrap().findings(), []);
    let late = world.open(&Asked { name: "later", ..world.asked() });
    world.close(&opened, Outcome::Expired, &[]);
    assert_eq!(check_sealed_horizons(&world.ledger, &whole).unwrap().findings(), []);
    assert!(late.opening.ts() > opened.opening.ts());
}

#[test]
fn a_seal_reports_what_it_covers_and_the_rules_do_not_allow() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let early = sealed(&mut world, Selection::everything());
    // A second opening of the name, which is no opening.
    let again = world.open(&world.asked());
    world.close(&opened, Outcome::Expired, &[]);
    let whole = sealed(&mut world, Selection::everything());
    let traces = Selection::traces([vm_core::id::TraceId::from_bytes([9; 16])], &vm_core::record::Table::ALL).unwrap();
    let elsewhere = sealed(&mut world, traces);
    let report = check_sealed_horizons(&world.ledger, &whole).unwrap();
    assert!(report.has(Code::HorizonInvalid), "{report:?}");
    assert!(report.findings()[0].subject().contains(&again.opening.id().to_string()));
    assert_eq!(report.verdict(), Verdict::Contradicted);
    for other in [&early, &elsewhere] {
        assert_eq!(check_sealed_horizons(&world.ledger, other).unwrap().findings(), []);
    }
    // What cannot be read may be one of them.
    hazmat::remove_row(&mut world.ledger, again.opening.id());
    assert!(check_sealed_horizons(&world.ledger, &whole).unwrap().has(Code::EvidenceUnreadable));
    assert_eq!(check_sealed_horizons(&world.ledger, &early).unwrap().findings(), []);
}
