//! Completeness proofs: every ledger of few rows, every question, and every way to leave a row out or put one in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may panic")]

mod fixture;

use std::sync::Mutex;
use std::thread;

use fixture::World;
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::act;
use vm_core::digest::to_hex;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_core::record::{RowHeader, Table};
use vm_core::verdict::Code;
use vm_core::view::{EvidenceView as _, RowState, StoredEntry, Visit};
use vm_seal::complete::{Complete, CompletenessProof, Indexed, prove_complete};
use vm_seal::error::CompletenessError;
use vm_seal::index::{Card, Query, Statement, TermColumn};
use vm_seal::selection::Selection;

/// All cards of a ledger, by place.
fn cards(world: &World) -> Vec<Card> {
    let mut cards = Vec::new();
    world
        .ledger
        .visit_log(0, u64::MAX, &mut |entry, state| {
            if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state) {
                cards.push(Card::of(&entry, &row).unwrap());
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    cards
}

fn index(world: &mut World) {
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    let trace = TraceId::from_bytes([0xee; 16]);
    world.ledger.record_index(&permit, trace, &world.clock, &mut world.entropy).unwrap();
}

fn indexed(world: &World) -> Indexed {
    Indexed::read(&world.ledger, world.ledger.tree_size()).unwrap().unwrap()
}

fn prove(world: &World, query: &Query, with_entries: bool) -> CompletenessProof {
    prove_by(&indexed(world), world, query, with_entries)
}

fn prove_by(indexed: &Indexed, world: &World, query: &Query, with_entries: bool) -> CompletenessProof {
    prove_complete(indexed, query.clone(), &world.head(), world.ledger.tree(), with_entries).unwrap()
}

fn verify(world: &World, proof: &CompletenessProof, rows: Vec<Card>) -> Result<Complete, CompletenessError> {
    proof.verify(&world.key(), Some(&rows))
}

/// Cards that match by looking at every row.
fn matching(world: &World, query: &Query) -> Vec<Card> {
    let mut matching = Vec::new();
    world
        .ledger
        .visit_log(0, u64::MAX, &mut |entry, state| {
            if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state)
                && query.matches(&row).unwrap()
            {
                matching.push(Card::of(&entry, &row).unwrap());
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    matching.sort_unstable_by_key(|card| (card.table, card.id));
    matching
}

/// A ledger of the system's rows and `times.len()` others, whose times are `times` and whose traces are the bits of `traces`.
fn ledger(times: &[i64], traces: u32) -> World {
    let mut world = World::empty();
    for (at, micros) in times.iter().enumerate() {
        let trace = TraceId::from_bytes([u8::try_from(traces >> at & 1).unwrap() + 1; 16]);
        // Ids rise and fall, so that their order is neither that of the log nor that of time.
        let id = [u8::try_from(at * 7 % 13).unwrap() + 1; 16];
        let header = RowHeader { id: RowId::from_bytes(id), ts: at_micros(*micros), trace_id: trace, corrects: None };
        world.event_with(header);
        if at % 5 == 3 {
            index(&mut world);
        }
    }
    world
}

fn at_micros(micros: i64) -> Instant {
    Instant::from_micros(1_767_323_045_000_000 + micros).unwrap()
}

/// Windows between all times that occur, and traces.
fn questions(times: &[i64]) -> Vec<Query> {
    let mut bounds: Vec<Option<Instant>> = times.iter().map(|micros| Some(at_micros(*micros))).collect();
    bounds.push(times.iter().max().map(|micros| at_micros(*micros + 1)));
    bounds.sort_unstable();
    bounds.dedup();
    bounds.insert(0, None);
    let mut selections = Vec::new();
    for since in &bounds {
        for until in &bounds {
            selections.extend(Selection::window(*since, *until, &[Table::ProofArtifacts]).ok());
        }
    }
    let traces = [[1; 16], [2; 16], [3; 16]].map(TraceId::from_bytes);
    selections.extend(traces.map(|trace| Selection::traces([trace], &Table::ALL).unwrap()));
    selections.push(Selection::traces(traces, &[Table::ProofArtifacts]).unwrap());
    selections.push(Selection::everything());
    selections.into_iter().map(Query::Selection).collect()
}

/// Every question to a ledger: the answer is right, and no row can be left out, put in or moved.
fn check_all(world: &World, times: &[i64], is_spoilt: bool, tally: &mut Tally) {
    let indexed = indexed(world);
    for query in questions(times) {
        let (proof, rows) = (prove_by(&indexed, world, &query, true), matching(world, &query));
        let complete = verify(world, &proof, Vec::new()).unwrap();
        assert_eq!(complete.cards(), rows, "{:?}", query.to_value());
        tally.answers += 1;
        if !is_spoilt {
            continue;
        }
        assert_eq!(CompletenessProof::parse(&proof.to_bytes().unwrap()), Ok(proof.clone()));
        let bare = prove_by(&indexed, world, &query, false);
        if !matches!(&query, Query::Selection(selection) if selection.kinds().len() < 4) {
            assert_eq!(verify(world, &bare, rows.clone()), Ok(complete));
        }
        spoil(world, &proof, &bare, &rows, tally);
    }
}

#[derive(Default, Debug)]
struct Tally {
    answers: u64,
    refused: u64,
}

/// Spoils a good proof in every way that leaves out a row, puts one in, or moves a boundary.
fn spoil(world: &World, proof: &CompletenessProof, bare: &CompletenessProof, rows: &[Card], tally: &mut Tally) {
    let mut contradicted = |spoilt: Result<Complete, CompletenessError>, what: &str| {
        let Err(error) = spoilt else { panic!("{what}: believed") };
        assert_eq!(error.finding("answer").code(), Code::Incomplete, "{what}: {error:?}");
        tally.refused += 1;
    };
    let all = cards(world);
    // Rows given from outside: one less, one more.
    for at in 0..rows.len() {
        let mut fewer = rows.to_vec();
        let gone = fewer.remove(at);
        // The tail is in the proof itself.
        if gone.seq < world.ledger.size().unwrap() - 1 {
            contradicted(verify(world, bare, fewer), "a row less");
        }
    }
    for foreign in
        all.iter().copied().filter(|card| !rows.contains(card) && card.seq < world.ledger.size().unwrap() - 1).take(3)
    {
        let more = rows.iter().copied().chain([foreign]).collect();
        contradicted(verify(world, bare, more), "a row more");
    }
    let value = canonical::parse(&proof.to_bytes().unwrap(), usize::MAX).unwrap();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        edit(&mut value);
        let bytes = canonical::to_bytes(&value).unwrap();
        CompletenessProof::parse(&bytes).and_then(|proof| verify(world, &proof, Vec::new()))
    };
    let entries = value["entries"].as_array().unwrap().len();
    let ranges = value["ranges"].as_array().unwrap().clone();
    let foreign = to_hex(&all[0].to_bytes());
    for at in 0..entries {
        contradicted(edited(&|value| drop(value["entries"].as_array_mut().unwrap().remove(at))), "an entry less");
        contradicted(
            edited(&|value| value["entries"].as_array_mut().unwrap().insert(at, json!(foreign))),
            "a foreign entry",
        );
    }
    for (at, range) in ranges.iter().enumerate() {
        let (begin, count) = (range["begin"].as_u64().unwrap(), range["count"].as_u64().unwrap());
        // A match taken out of its range on either side, with the neighbours moved to hide it.
        if count > 0 {
            let first: usize =
                ranges[..at].iter().map(|range| usize::try_from(range["count"].as_u64().unwrap()).unwrap()).sum();
            contradicted(
                edited(&|value| {
                    let taken = value["entries"].as_array_mut().unwrap().remove(first);
                    let range = &mut value["ranges"][at];
                    (range["before"], range["begin"], range["count"]) = (taken, json!(begin + 1), json!(count - 1));
                }),
                "the first match made a neighbour",
            );
            let last = first + usize::try_from(count).unwrap() - 1;
            contradicted(
                edited(&|value| {
                    let taken = value["entries"].as_array_mut().unwrap().remove(last);
                    let range = &mut value["ranges"][at];
                    (range["after"], range["count"]) = (taken, json!(count - 1));
                }),
                "the last match made a neighbour",
            );
        }
        for name in ["before", "after"] {
            if !range[name].is_null() {
                contradicted(edited(&|value| value["ranges"][at][name] = Value::Null), "a neighbour less");
            } else if begin + count > 0 {
                contradicted(edited(&|value| value["ranges"][at][name] = json!(foreign)), "a neighbour more");
            }
        }
        contradicted(edited(&|value| value["ranges"][at]["begin"] = json!(begin + 1)), "a boundary moved");
        contradicted(edited(&|value| drop(value["ranges"].as_array_mut().unwrap().remove(at))), "a range less");
    }
}

/// Times and traces of every small ledger: rising, equal, falling and mixed times; both traces in every pattern for the shortest,
/// some for the longer ones.
fn small_ledgers() -> Vec<(Vec<i64>, u32)> {
    let mut all = Vec::new();
    for size in 0..=12_u32 {
        let count = i64::from(size);
        let mixed = (0..count).map(|at| at * 5 % 7).collect::<Vec<_>>();
        let shapes = [(0..count).collect(), vec![3; usize::try_from(size).unwrap()], (0..count).rev().collect(), mixed];
        for times in shapes {
            let patterns: Vec<u32> = match size {
                0..=3 => (0..1 << size).collect(),
                _ => vec![0, 0b1010_1010_1010, 0b1110_0011_0111, (1 << size) - 1],
            };
            all.extend(patterns.into_iter().map(|traces| (times.clone(), traces)));
        }
    }
    all
}

#[test]
fn every_question_to_every_small_ledger() {
    let left = Mutex::new(small_ledgers());
    let work = || {
        let mut tally = Tally::default();
        while let Some((times, traces)) = { left.lock().unwrap().pop() } {
            let size = times.len();
            let mut world = ledger(&times, traces);
            index(&mut world);
            check_all(&world, &times, size <= 4 || (size == 12 && traces == (1 << size) - 1), &mut tally);
        }
        tally
    };
    let tally = thread::scope(|scope| {
        let lanes = [scope.spawn(work), scope.spawn(work)];
        lanes.map(|lane| lane.join().unwrap())
    });
    println!("{tally:?}");
    let sum = |count: fn(&Tally) -> u64| tally.iter().map(count).sum::<u64>();
    assert!(sum(|tally| tally.answers) > 3_000 && sum(|tally| tally.refused) > 20_000, "{tally:?}");
}

#[test]
fn rows_behind_the_index_are_judged_one_by_one() {
    let mut world = ledger(&[1, 2, 3, 4, 5, 6], 0b010101);
    index(&mut world);
    let late = RowHeader {
        id: RowId::from_bytes([0x77; 16]),
        ts: at_micros(2),
        trace_id: TraceId::from_bytes([1; 16]),
        corrects: None,
    };
    world.event_with(late);
    for query in questions(&[1, 2, 3]) {
        let proof = prove(&world, &query, true);
        let complete = verify(&world, &proof, Vec::new()).unwrap();
        assert_eq!(complete.cards(), matching(&world, &query));
    }
    // A tail that ends before the log does is no tail of it.
    let query = Query::Selection(Selection::everything());
    let mut value = canonical::parse(&prove(&world, &query, true).to_bytes().unwrap(), usize::MAX).unwrap();
    value["tail"]["rows"].as_array_mut().unwrap().pop();
    let proof = CompletenessProof::parse(&canonical::to_bytes(&value).unwrap()).unwrap();
    assert_eq!(verify(&world, &proof, Vec::new()).unwrap_err().code(), "completeness-tail-root");
}

#[test]
fn what_refers_to_a_row_is_found_and_its_absence_proven() {
    let mut world = World::full();
    index(&mut world);
    let all = cards(&world);
    let mut found = 0;
    for column in TermColumn::ALL {
        for card in &all {
            let value = match column {
                TermColumn::Horizon => "cleanup".to_owned(),
                _ => to_hex(card.id.as_bytes()),
            };
            let query = Query::term(*column, &value).unwrap();
            let proof = prove(&world, &query, true);
            let complete = verify(&world, &proof, Vec::new()).unwrap();
            assert_eq!(complete.cards(), matching(&world, &query), "{column:?}");
            found += complete.cards().len();
            let bare = prove(&world, &query, false);
            assert_eq!(verify(&world, &bare, matching(&world, &query)), Ok(complete));
        }
    }
    assert!(found >= 2, "{found}");
    // No entry of an order at all is an answer, too.
    let mut world = World::empty();
    index(&mut world);
    let query = Query::term(TermColumn::Horizon, "cleanup").unwrap();
    assert_eq!(verify(&world, &prove(&world, &query, true), Vec::new()).unwrap().cards(), []);
}

#[test]
fn a_seal_is_complete_or_says_what_is_missing() {
    let mut world = World::full();
    index(&mut world);
    let selection = Selection::window(None, None, &[Table::McpCalls, Table::ProofArtifacts]).unwrap();
    let bundle = world.seal(selection.clone());
    let proof = prove(&world, &Query::Selection(selection), true);
    let complete = verify(&world, &proof, Vec::new()).unwrap();
    assert_eq!(complete.check_seal(&bundle), Ok(()));
    // Of another selection, or at another checkpoint, it says nothing of this seal.
    let other = world.seal(Selection::everything());
    assert_eq!(complete.check_seal(&other).unwrap_err().code(), "completeness-differs");
    let trace = world.trace();
    world.event(trace, None);
    let later = world.seal(bundle.digest().selection().clone());
    assert_eq!(complete.check_seal(&later).unwrap_err().code(), "completeness-differs");
}

#[test]
fn a_proof_says_whether_it_holds_its_rows_and_is_read_back_without_them() {
    let mut world = World::full();
    index(&mut world);
    let query = Query::Selection(Selection::everything());
    for with_entries in [true, false] {
        let proof = prove(&world, &query, with_entries);
        assert_eq!(proof.has_entries(), with_entries);
        assert_eq!(CompletenessProof::parse(&proof.to_bytes().unwrap()), Ok(proof));
    }
}

#[test]
fn rows_are_those_that_match_or_the_first_other_one_is_named() {
    let mut world = World::full();
    index(&mut world);
    let query = Query::Selection(Selection::everything());
    let rows = matching(&world, &query);
    let complete = verify(&world, &prove(&world, &query, true), Vec::new()).unwrap();
    assert_eq!(complete.check_rows(&rows), Ok(()));
    let name = |card: &Card| format!("{}/{}", card.table, card.id);
    for at in 0..rows.len() {
        let mut fewer = rows.clone();
        fewer.remove(at);
        let mut other = rows.clone();
        other[at].leaf = vm_core::digest::LeafHash::of(b"another row");
        for shown in [fewer, other] {
            let Err(CompletenessError::Differs { what: "rows", expected, found }) = complete.check_rows(&shown) else {
                panic!("a row of another content, or one too few, passes at {at}");
            };
            assert_eq!(expected, name(&rows[at]));
            assert_eq!(found, shown.get(at).map_or_else(|| "no row".to_owned(), name));
        }
    }
    let more: Vec<Card> = rows.iter().chain(rows.last()).copied().collect();
    assert_eq!(complete.check_rows(&more).unwrap_err().code(), "completeness-differs");
}

#[test]
fn a_proof_needs_the_right_key_and_an_index() {
    let mut world = World::full();
    assert!(Indexed::read(&world.ledger, world.ledger.tree_size()).unwrap().is_none());
    index(&mut world);
    let proof = prove(&world, &Query::Selection(Selection::everything()), true);
    let stranger = NoteKey::new(world.ledger.id().origin(), SigningIdentity::from_seed(&[9; 32]).public()).unwrap();
    assert_eq!(proof.verify(&stranger, None).unwrap_err().code(), "completeness-checkpoint");
    let bytes = proof.to_bytes().unwrap();
    for (from, to, code) in [
        ("vm-completeness-v0", "vm-completeness-v1", "format-unknown"),
        ("\"entries\"", "\"entriez\"", "completeness-shape"),
        ("vm-index", "vm-indey", "completeness-tail-root"),
    ] {
        let text = String::from_utf8(bytes.clone()).unwrap().replace(from, to);
        let result = CompletenessProof::parse(text.as_bytes()).and_then(|proof| proof.verify(&world.key(), None));
        let found = result.unwrap_err().code();
        assert_eq!(found, code, "{from}");
    }
}

/// Proofs that another program made, from the pages of the formats alone (vaultmesh/tests/python/maker.py).
#[test]
fn proofs_of_another_maker_hold() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/completeness.json")).unwrap();
    let key: NoteKey = vectors["key"].as_str().unwrap().parse().unwrap();
    let proofs = vectors["proofs"].as_array().unwrap();
    assert!(proofs.len() > 10);
    for vector in proofs {
        let bytes = canonical::to_bytes(&vector["proof"]).unwrap();
        let proof = CompletenessProof::parse(&bytes).unwrap();
        assert_eq!(proof.to_bytes().unwrap(), bytes);
        let complete = proof.verify(&key, None).unwrap();
        let mut cards: Vec<Card> = complete.cards().to_vec();
        cards.sort_unstable_by_key(|card| card.seq);
        let found: Vec<String> = cards.iter().map(|card| to_hex(&card.to_bytes())).collect();
        let selected = |hex: &&Value| {
            let bytes = vm_core::digest::from_hex(hex.as_str().unwrap()).unwrap();
            proof.query().selects(&Card::from_bytes(&bytes.try_into().unwrap()).unwrap())
        };
        let wanted: Vec<&Value> = vector["cards"].as_array().unwrap().iter().filter(selected).collect();
        assert_eq!(json!(found), json!(wanted), "{}", vector["proof"]["query"]);
    }
}

#[test]
fn the_pages_show_what_holds() {
    let page = include_str!("../../docs/spec/completeness.md");
    let block = |page: &str, fence: &str| {
        let (_, rest) = page.split_once(fence).unwrap();
        rest.split_once("\n```").unwrap().0.to_owned()
    };
    let proof = CompletenessProof::parse(block(page, "```json\n").as_bytes()).unwrap();
    let key: NoteKey = block(page, "```text\n").parse().unwrap();
    assert_eq!(proof.verify(&key, None).unwrap().cards().len(), 1);
    let page = include_str!("../../docs/spec/index.md");
    let statement: Value = serde_json::from_str(&block(page, "```json\n")).unwrap();
    let statement = Statement::from_value(&statement).unwrap();
    assert_eq!((statement.size().as_u64(), statement.runs().len()), (4, 2));
    for column in TermColumn::ALL {
        assert!(page.contains(&format!("`{}`", column.as_str())));
    }
}
