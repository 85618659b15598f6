//! Completeness over 100,000 random rows, by sampling: what `complete.rs` does for every ledger of few rows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may panic")]

mod fixture;

use draw::Draw;
use fixture::World;
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::act;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey};
use vm_core::record::{ProofArtifact, RowDraft, RowHeader, Table};
use vm_core::redact::Redacted;
use vm_core::verdict::Code;
use vm_core::view::{EvidenceView as _, Journal as _, RowState, StoredEntry, Visit};
use vm_seal::complete::{Complete, CompletenessProof, Indexed, prove_complete};
use vm_seal::error::CompletenessError;
use vm_seal::index::{Card, Query};
use vm_seal::memory::MemoryLedger;
use vm_seal::selection::Selection;

/// Rows of the ledger, the system's aside.
const ROWS: usize = 100_000;
/// Questions asked, and places of each answer that are spoilt.
const QUESTIONS: usize = 10;
const SPOILT: usize = 6;
/// What the rows and questions are drawn from; another seed makes others.
const SEED: u64 = 0x5eed_0001;

mod draw {
    /// SplitMix64 (Steele, Lea and Flood, 2014): few lines, and the same everywhere.
    pub(super) struct Draw(pub(super) u64);

    impl Draw {
        pub(super) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        }

        pub(super) fn below(&mut self, bound: usize) -> usize {
            usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
        }
    }
}

/// Rows with few and often equal times in no order, of some hundred traces, and an index after every fifth part.
fn ledger(draw: &mut Draw) -> World {
    let mut world = World::empty();
    for part in 0..5_u64 {
        let drafts = (0..ROWS / 5).map(|_| draft(draw, part)).collect();
        let permit = world.ledger.permit::<act::Record>(&world.holder, &world.clock).unwrap();
        world.ledger.append(&permit, drafts).unwrap();
        let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
        let trace = world.trace();
        world.ledger.record_index(&permit, trace, &world.clock, &mut world.entropy).unwrap();
    }
    world
}

fn draft(draw: &mut Draw, part: u64) -> RowDraft {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&draw.next().to_be_bytes());
    id[8..].copy_from_slice(&draw.next().to_be_bytes());
    let mut trace = [0x70; 16];
    trace[15] = u8::try_from(draw.below(200)).unwrap();
    // Times of the parts overlap by half.
    let ts = at(part * 10_000 + u64::try_from(draw.below(20_000)).unwrap());
    let header = RowHeader { id: RowId::from_bytes(id), ts, trace_id: TraceId::from_bytes(trace), corrects: None };
    let meta = Some(Redacted::system(&json!({ "n": draw.below(1_000) })).unwrap());
    ProofArtifact { header, kind: "event".parse().unwrap(), file: None, subject: None, meta }.into_draft(None).unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(1_767_323_045_000_000 + i64::try_from(millis).unwrap() * 1_000).unwrap()
}

fn question(draw: &mut Draw) -> Query {
    Query::Selection(match draw.below(3) {
        0 => {
            let mut trace = [0x70; 16];
            trace[15] = u8::try_from(draw.below(200)).unwrap();
            Selection::traces([TraceId::from_bytes(trace)], &Table::ALL).unwrap()
        }
        1 => {
            let since = u64::try_from(draw.below(55_000)).unwrap();
            let until = since + 1 + u64::try_from(draw.below(200)).unwrap();
            Selection::window(Some(at(since)), Some(at(until)), &Table::ALL).unwrap()
        }
        _ => {
            let since = u64::try_from(draw.below(60_000)).unwrap();
            Selection::window(Some(at(since)), Some(at(since + 1)), &[Table::ProofArtifacts]).unwrap()
        }
    })
}

fn all_cards(world: &World) -> Vec<Card> {
    let mut cards = Vec::new();
    let take = &mut |entry, state| {
        if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state) {
            cards.push(Card::of(&entry, &row).unwrap());
        }
        Ok(Visit::Continue)
    };
    world.ledger.visit_log(0, u64::MAX, take).unwrap();
    cards
}

#[track_caller]
fn incomplete(spoilt: Result<Complete, CompletenessError>) {
    let Err(error) = spoilt else { panic!("believed (seed {SEED:#x})") };
    assert_eq!(error.finding("answer").code(), Code::Incomplete, "{error:?} (seed {SEED:#x})");
}

#[test]
fn answers_over_many_rows_are_whole_and_no_other_is() {
    let mut draw = Draw(SEED);
    let world = ledger(&mut draw);
    let all = all_cards(&world);
    let indexed = Indexed::read(&world.ledger, world.ledger.tree_size()).unwrap().unwrap();
    let (ledger, key, head) = (&world.ledger, world.key(), world.head());
    let ask = |seed| ask_many(ledger, &key, &head, &indexed, &all, &mut Draw(seed));
    let seeds = [draw.next(), draw.next()];
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| ask(seeds[0]));
        (ask(seeds[1]), one.join().unwrap())
    });
    let (answered, refused) = (one.0 + other.0, one.1 + other.1);
    assert!(answered > 1_000 && refused > 300, "{answered} rows answered, {refused} refused");
}

/// Half of the questions; how many rows were answered and how many spoilt answers refused.
fn ask_many(
    ledger: &MemoryLedger,
    key: &NoteKey,
    head: &Note,
    indexed: &Indexed,
    all: &[Card],
    draw: &mut Draw,
) -> (usize, usize) {
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..QUESTIONS / 2 {
        let query = question(draw);
        let prove = |with_entries| prove_complete(indexed, query.clone(), head, ledger.tree(), with_entries).unwrap();
        let (shown, bare) = (prove(true), prove(false));
        let mut rows: Vec<Card> =
            all.iter().copied().filter(|card| query.selects(card) && asks(&query, card)).collect();
        rows.sort_unstable_by_key(|card| (card.table, card.id));
        assert_eq!(shown.verify(key, None).unwrap().cards(), rows);
        assert_eq!(bare.verify(key, Some(&rows)).unwrap().cards(), rows);
        answered += rows.len();
        for _ in 0..SPOILT {
            if !rows.is_empty() {
                let mut fewer = rows.clone();
                fewer.remove(draw.below(rows.len()));
                incomplete(bare.verify(key, Some(&fewer)));
                refused += 1;
            }
            let foreign = all[draw.below(all.len() - 1)];
            if !rows.contains(&foreign) {
                let more: Vec<Card> = rows.iter().copied().chain([foreign]).collect();
                incomplete(bare.verify(key, Some(&more)));
                refused += 1;
            }
            refused += spoil(&shown, key, draw);
        }
    }
    (answered, refused)
}

/// Whether a card, by what it shows alone, is asked for.
fn asks(query: &Query, card: &Card) -> bool {
    let Query::Selection(selection) = query else { return false };
    let value = selection.to_value();
    let time = |name: &str| value[name].as_str().map(|text| text.parse::<Instant>().unwrap());
    let traces = value["trace_ids"].as_array().unwrap();
    match value["scope"].as_str() {
        Some("trace_set") => traces.contains(&json!(card.trace)),
        _ => time("since").is_none_or(|since| since <= card.ts) && time("until").is_none_or(|until| card.ts < until),
    }
}

/// An entry left out, or a boundary moved, in a range that is drawn; gives how many were refused.
fn spoil(shown: &CompletenessProof, key: &NoteKey, draw: &mut Draw) -> usize {
    let value = canonical::parse(&shown.to_bytes().unwrap(), usize::MAX).unwrap();
    let ranges = value["ranges"].as_array().unwrap();
    let at = draw.below(ranges.len());
    let number = |name: &str| ranges[at][name].as_u64().unwrap();
    let mut changed = Vec::new();
    let mut moved = |name: &str, to: Value| {
        let mut spoilt = value.clone();
        spoilt["ranges"][at][name] = to;
        changed.push(spoilt);
    };
    moved("begin", json!(number("begin") + 1));
    moved("count", json!(number("count") + 1));
    moved("count", json!(number("count").saturating_sub(1) + 2 * u64::from(number("count") == 0)));
    for name in ["before", "after"] {
        if !ranges[at][name].is_null() {
            moved(name, Value::Null);
        }
    }
    let entries = value["entries"].as_array().unwrap().len();
    if entries > 0 {
        let mut spoilt = value.clone();
        spoilt["entries"].as_array_mut().unwrap().remove(draw.below(entries));
        changed.push(spoilt);
    }
    for spoilt in &changed {
        let bytes = canonical::to_bytes(spoilt).unwrap();
        incomplete(CompletenessProof::parse(&bytes).and_then(|proof| proof.verify(key, None)));
    }
    changed.len()
}
