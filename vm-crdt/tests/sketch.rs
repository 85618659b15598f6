//! Reconciliation of sets by sketches: exact for honest symbols, an error by name for others, and cheap.
#![allow(clippy::unwrap_used, clippy::as_conversions, reason = "helpers of tests fail as tests do; counts are small")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use vm_crdt::OpId;
use vm_crdt::error::SketchError;
use vm_crdt::sketch::{Decoder, Difference, Progress, Run, SYMBOL_LEN, Sketch, SketchKey, symbols_for};

fn key(number: u64) -> SketchKey {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    SketchKey::from_bytes(bytes)
}

fn op(number: u64) -> OpId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    OpId::from_bytes(bytes)
}

fn sketch(key: SketchKey, symbols: usize, ids: impl IntoIterator<Item = u64>) -> Sketch {
    let mut sketch = Sketch::new(key, symbols);
    for id in ids {
        sketch.insert(&op(id));
    }
    sketch
}

/// What the sets differ in, without sketches.
fn plain(key: SketchKey, ours: &BTreeSet<u64>, theirs: &BTreeSet<u64>) -> Difference {
    let shorts = |one: &BTreeSet<u64>, other| {
        let mut shorts: Vec<_> = one.difference(other).map(|id| key.short(&op(*id))).collect();
        shorts.sort_unstable();
        shorts
    };
    Difference { ours: shorts(ours, theirs), theirs: shorts(theirs, ours) }
}

/// Feeds symbols `step` at a time until they decode; how many that took.
fn decode(decoder: &mut Decoder, theirs: &Sketch, step: usize) -> Result<usize, SketchError> {
    loop {
        let from = decoder.received();
        if decoder.add(&theirs.symbols(from..from + step))? == Progress::Complete {
            return Ok(decoder.received());
        }
    }
}

fn subset(bits: u64) -> BTreeSet<u64> {
    (0..6).filter(|bit| bits >> bit & 1 == 1).collect()
}

#[test]
fn all_pairs_of_subsets_of_six_ids() {
    for (ours, theirs) in (0..64).flat_map(|ours| (0..64).map(move |theirs| (subset(ours), subset(theirs)))) {
        let key = key(ours.len() as u64 * 7 + theirs.len() as u64);
        let own = sketch(key, 512, ours.iter().copied());
        let other = sketch(key, 512, theirs.iter().copied());
        for step in [1, 7] {
            let mut decoder = Decoder::new(&own);
            decode(&mut decoder, &other, step).unwrap();
            assert!(decoder.is_complete());
            assert_eq!(decoder.difference(), plain(key, &ours, &theirs), "{ours:?} {theirs:?}");
        }
    }
}

#[test]
fn equal_sets_are_seen_by_one_symbol() {
    let own = sketch(key(1), 16, 0..1_000);
    let mut decoder = Decoder::new(&own);
    assert_eq!(decode(&mut decoder, &own, 1), Ok(1));
    assert_eq!(decoder.difference(), Difference::default());
    // What follows is accounted for, too.
    assert_eq!(decoder.add(&own.symbols(1..16)), Ok(Progress::Complete));
}

/// Mean of symbols a difference, over `rounds` keys.
fn overhead(differences: u64, rounds: u64, step: usize) -> (f64, usize) {
    let (mut sum, mut within) = (0, 0);
    for round in 0..rounds {
        let key = key(round + 1);
        let symbols = usize::try_from(differences).unwrap() * 2 + 200;
        let first = round << 32;
        let own = sketch(key, symbols, (first..first + differences).filter(|id| id % 2 == 0));
        let other = sketch(key, symbols, (first..first + differences).filter(|id| id % 2 == 1));
        let mut decoder = Decoder::new(&own);
        let took = decode(&mut decoder, &other, step).unwrap();
        let found = decoder.difference();
        assert_eq!(found.ours.len() + found.theirs.len(), usize::try_from(differences).unwrap());
        sum += took;
        within += usize::from(took <= symbols_for(usize::try_from(differences).unwrap()));
    }
    (sum as f64 / (differences * rounds) as f64, within)
}

#[test]
fn symbols_a_difference() {
    println!("differences | symbols a difference | decoded from symbols_for");
    let cases = [
        (1, 1_000, 1),
        (2, 1_000, 1),
        (4, 1_000, 1),
        (10, 400, 1),
        (30, 200, 1),
        (100, 100, 1),
        (1_000, 10, 1),
        (10_000, 2, 20),
    ];
    for (differences, rounds, step) in cases {
        let (mean, within) = overhead(differences, rounds, step);
        println!("{differences:>11} | {mean:>20.3} | {within:>4} of {rounds}");
        // Below 30 an id more or less weighs most: the loss is stated in docs/spec/crdt-sketch.md.
        assert!(mean <= if differences < 30 { 1.9 } else { 1.6 }, "{differences}: {mean}");
        assert!(within as f64 >= 0.75 * rounds as f64 || rounds < 10, "{differences}: {within} of {rounds}");
    }
}

#[test]
fn few_rounds_whatever_differs() {
    for differences in [0, 1, 3, 10, 100, 1_000, 5_000] {
        let (mut rounds, mut bytes) = (0_u64, 0);
        for number in 0..10 {
            let own = sketch(key(number), 10_000, 0..1_000);
            let other = sketch(key(number), 10_000, 0..1_000 + differences);
            let mut decoder = Decoder::new(&own);
            let mut wanted = 64;
            loop {
                rounds += 1;
                let from = decoder.received();
                let run = other.symbols(from..from + wanted);
                bytes += run.len();
                match decoder.add(&run).unwrap() {
                    Progress::Complete => break,
                    Progress::More { symbols } => wanted = symbols,
                }
            }
        }
        println!("{differences} differences: {:.1} rounds, {} bytes", rounds as f64 / 10.0, bytes / 10);
        assert!(rounds <= 40, "{differences}: {rounds} rounds in ten runs");
    }
}

#[test]
fn a_sketch_is_extended_and_decoding_goes_on() {
    let (ours, theirs) = (0..900, 100..1_000);
    let mut own = sketch(key(5), 20, ours.clone());
    let mut other = sketch(key(5), 20, theirs.clone());
    let mut decoder = Decoder::new(&own);
    assert!(matches!(decoder.add(&other.symbols(0..20)), Ok(Progress::More { .. })));
    own.extend(600, &ours.map(op).collect::<Vec<_>>());
    other.extend(600, &theirs.map(op).collect::<Vec<_>>());
    assert_eq!(other, sketch(key(5), 600, 100..1_000));
    assert_eq!(decoder.add(&other.symbols(20..600)), Err(SketchError::Beyond { held: 20, found: 600 }));
    decoder.widen(&own).unwrap();
    assert_eq!(decoder.add(&other.symbols(20..600)), Ok(Progress::Complete));
    assert_eq!((decoder.difference().ours.len(), decoder.difference().theirs.len()), (100, 100));
    for changed in [
        sketch(key(5), 600, 0..901),
        sketch(key(6), 600, 0..900),
        sketch(key(5), 599, 0..900),
        sketch(key(5), 600, 1..901),
    ] {
        assert_eq!(decoder.widen(&changed), Err(SketchError::Changed));
    }
}

#[test]
fn runs_must_follow_each_other() {
    let own = sketch(key(1), 64, 0..3);
    let other = sketch(key(1), 64, 0..40);
    let mut decoder = Decoder::new(&own);
    assert_eq!(decoder.add(&other.symbols(1..2)), Err(SketchError::Gap { expected: 0, found: 1 }));
    decoder.add(&other.symbols(0..2)).unwrap();
    assert_eq!(decoder.add(&other.symbols(0..2)), Err(SketchError::Gap { expected: 2, found: 0 }));
    let grown = sketch(key(1), 64, 0..41);
    assert_eq!(decoder.add(&grown.symbols(2..9)), Err(SketchError::OtherSet { expected: 40, found: 41 }));
    assert_eq!(decoder.add(&other.symbols(64..70)), Err(SketchError::Empty));
    // None of these changed it.
    assert_eq!(decoder.add(&other.symbols(2..64)).map(|_| decoder.received()), Ok(64));
}

/// Their run with the bytes of one symbol replaced.
fn with_symbol(run: &[u8], count: usize, at: usize, symbol: [u8; SYMBOL_LEN]) -> Vec<u8> {
    let mut run = run.to_vec();
    let start = run.len() - (count - at) * SYMBOL_LEN;
    run[start..start + SYMBOL_LEN].copy_from_slice(&symbol);
    run
}

#[test]
fn an_empty_first_symbol_beside_a_full_one_is_inconsistent() {
    let own = sketch(key(1), 64, 0..3);
    let run = with_symbol(&own.symbols(0..64), 64, 5, [9; SYMBOL_LEN]);
    let mut decoder = Decoder::new(&own);
    assert_eq!(decoder.add(&run), Err(SketchError::Inconsistent));
    assert!(!decoder.is_complete());
    // It stays so.
    assert_eq!(decoder.add(&own.symbols(64..65)), Err(SketchError::Inconsistent));
}

#[test]
fn a_size_that_does_not_fit_is_seen() {
    let own = sketch(key(1), 64, 0..3);
    // The first byte behind the format is the size.
    for (claimed, differ) in [(2, -1), (4, 1), (0, -3)] {
        let mut run = own.symbols(0..64);
        run[12] = claimed;
        let expected = SketchError::Sizes { decoded: 0, claimed: differ };
        assert_eq!(Decoder::new(&own).add(&run), Err(expected));
    }
}

#[test]
fn an_id_that_comes_up_again_is_no_sets() {
    let own = sketch(key(1), 64, []);
    let one = sketch(key(1), 64, [1]);
    let two = sketch(key(1), 64, [1, 1]);
    let places: Vec<usize> =
        (1..64).filter(|at| one.symbols(*at..at + 1)[14..] != own.symbols(*at..at + 1)[14..]).collect();
    let at = places[0];
    let mut run = one.symbols(0..64);
    let doubled = two.symbols(at..at + 1);
    run = with_symbol(&run, 64, at, doubled[doubled.len() - SYMBOL_LEN..].try_into().unwrap());
    let short = key(1).short(&op(1));
    assert_eq!(Decoder::new(&own).add(&run), Err(SketchError::Twice { short }));
}

#[test]
fn an_id_in_a_symbol_that_is_not_its_place_is_not_taken() {
    let own = sketch(key(1), 64, []);
    let one = sketch(key(1), 64, [1]);
    let first: [u8; SYMBOL_LEN] = one.symbols(0..1)[14..].try_into().unwrap();
    // Symbol 0 is a riddle, all others hold the one id, wherever its places are.
    let mut run = with_symbol(&one.symbols(0..64), 64, 0, [7; SYMBOL_LEN]);
    let away: Vec<usize> = (1..64).filter(|at| one.symbols(*at..at + 1)[14..] != first).collect();
    for at in &away {
        run = with_symbol(&run, 64, *at, first);
    }
    for at in (1..64).filter(|at| !away.contains(at)) {
        run = with_symbol(&run, 64, at, [0; SYMBOL_LEN]);
    }
    let mut decoder = Decoder::new(&own);
    assert!(matches!(decoder.add(&run), Ok(Progress::More { .. })));
    assert_eq!(decoder.difference(), Difference::default());
}

#[test]
fn a_liar_can_name_ids_that_nobody_holds() {
    // Consistent symbols of a set from which something is taken that was never in it: the decoder cannot know, who looks the short
    // id up does.
    let own = sketch(key(1), 64, 0..10);
    let mut liar = own.clone();
    liar.remove(&op(77));
    liar.insert(&op(78));
    let mut decoder = Decoder::new(&own);
    assert_eq!(decoder.add(&liar.symbols(0..64)), Ok(Progress::Complete));
    let (ours, theirs) = (vec![key(1).short(&op(77))], vec![key(1).short(&op(78))]);
    assert_eq!(decoder.difference(), Difference { ours, theirs });
}

#[test]
fn two_ids_of_one_side_under_one_short_id_are_named() {
    for (pair, own) in [([4, 4], vec![]), ([4, 4], vec![1, 2, 3]), ([4, 4], (10..50).collect())] {
        let other = sketch(key(1), 256, pair);
        let own = sketch(key(1), 256, own);
        let short = key(1).short(&op(4));
        let error = Err(SketchError::Collision { short });
        assert_eq!(decode(&mut Decoder::new(&own), &other, 1), error);
        assert_eq!(decode(&mut Decoder::new(&other), &own, 1), error);
    }
}

proptest! {
    #[test]
    fn any_sets_are_told_apart(
        ours in proptest::collection::btree_set(0..400_u64, 0..120), theirs in proptest::collection::btree_set(0..400_u64, 0..120),
        number: u64, step in 1..50_usize,
    ) {
        let key = key(number);
        let mut decoder = Decoder::new(&sketch(key, 2_000, ours.iter().copied()));
        decode(&mut decoder, &sketch(key, 2_000, theirs.iter().copied()), step).unwrap();
        prop_assert_eq!(decoder.difference(), plain(key, &ours, &theirs));
    }

    #[test]
    fn order_and_detours_leave_no_trace(mut ids in proptest::collection::vec(any::<u64>(), 0..40), more: [u64; 3], number: u64) {
        let straight = sketch(key(number), 100, ids.iter().copied());
        ids.reverse();
        let mut round = sketch(key(number), 100, more);
        ids.iter().for_each(|id| round.insert(&op(*id)));
        more.iter().for_each(|id| round.remove(&op(*id)));
        prop_assert_eq!(&straight, &round);
        let mut longer = sketch(key(number), 10, ids.iter().copied());
        longer.extend(100, &ids.iter().map(|id| op(*id)).collect::<Vec<_>>());
        prop_assert_eq!(straight, longer);
    }

    #[test]
    fn any_symbols_end(
        runs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), SYMBOL_LEN..40 * SYMBOL_LEN), 1..5),
        size: u64, small: bool,
    ) {
        let own = sketch(key(3), 200, 0..50);
        let mut decoder = Decoder::new(&own);
        for mut symbols in runs {
            symbols.truncate(symbols.len() / SYMBOL_LEN * SYMBOL_LEN);
            if small {
                // Counts of one, so that every symbol is looked into.
                symbols.chunks_exact_mut(SYMBOL_LEN).for_each(|symbol| symbol[12] = 1);
            }
            let mut run = sketch(key(3), 1, []).symbols(0..0)[..12].to_vec();
            for mut number in [size, decoder.received() as u64] {
                while number > 127 {
                    run.push(number as u8 | 128);
                    number >>= 7;
                }
                run.push(number as u8);
            }
            run.extend(symbols);
            prop_assert!(Run::decode(&run).is_ok());
            let progress = decoder.add(&run);
            prop_assert!(progress != Ok(Progress::Complete));
            let found = decoder.difference();
            prop_assert!(found.ours.len() + found.theirs.len() <= decoder.received());
        }
    }

    #[test]
    fn one_symbol_of_many_that_lies_is_never_believed(at in 0..300_usize, change in any::<[u8; SYMBOL_LEN]>(), step in 1..60_usize) {
        prop_assume!(change != [0; SYMBOL_LEN]);
        let (own, other) = (sketch(key(9), 300, 0..120), sketch(key(9), 300, 60..180));
        let mut run = other.symbols(0..300);
        let start = run.len() - (300 - at) * SYMBOL_LEN;
        run[start..start + SYMBOL_LEN].iter_mut().zip(change).for_each(|(byte, change)| *byte ^= change);
        let parts: Vec<&[u8]> = run[run.len() - 300 * SYMBOL_LEN..].chunks(step * SYMBOL_LEN).collect();
        let mut decoder = Decoder::new(&own);
        let truth = plain(key(9), &(0..120).collect(), &(60..180).collect());
        for (number, part) in parts.iter().enumerate() {
            let honest = other.symbols(number * step..(number + 1) * step);
            let header = &honest[..honest.len() - part.len()];
            match decoder.add(&[header, part].concat()) {
                // It decoded before the lie came.
                Ok(Progress::Complete) => prop_assert_eq!(decoder.difference(), truth.clone()),
                Ok(Progress::More { .. }) => {}
                Err(_) => return Ok(()),
            }
        }
        prop_assert!(!decoder.is_complete());
    }
}
