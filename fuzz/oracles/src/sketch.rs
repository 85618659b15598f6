//! Runs of a sketch's symbols, and the decoder that solves for the difference of two sets.

use std::collections::BTreeMap;

use vm_crdt::OpId;
use vm_crdt::sketch::{Decoder, Difference, Progress, Run, SYMBOL_LEN, ShortId, Sketch, SketchKey};

use crate::input::Input;

/// Ids that sets are made of: one for each bit of a number.
const IDS: u64 = 64;
/// Symbols of each sketch: eight for each id, where about one and a half are needed.
const SYMBOLS: usize = 512;

/// Key of the sketches of [`sketch_run`].
pub const KEY: SketchKey = SketchKey::from_bytes([7; 16]);

/// Our set in [`sketch_run`].
pub const OURS: u64 = 0x0000_ffff_0000_ffff;

/// The sketch of a set.
#[must_use]
pub fn sketch(key: SketchKey, set: u64) -> Sketch {
    let mut sketch = Sketch::new(key, SYMBOLS);
    ids(set).for_each(|id| sketch.insert(&id));
    sketch
}

fn ids(set: u64) -> impl Iterator<Item = OpId> {
    (0..IDS).filter(move |bit| set >> bit & 1 == 1).map(|bit| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&bit.to_be_bytes());
        OpId::from_bytes(bytes)
    })
}

fn shorts(key: SketchKey, set: u64) -> Vec<ShortId> {
    let mut shorts: Vec<ShortId> = ids(set).map(|id| key.short(&id)).collect();
    shorts.sort_unstable();
    shorts
}

/// A run has one encoding. What it decodes to with our set is a set that has these very symbols.
pub fn sketch_run(data: &[u8]) {
    let own = sketch(KEY, OURS);
    let mut decoder = Decoder::new(&own);
    let progress = decoder.add(data);
    let Ok(run) = Run::decode(data) else {
        assert!(progress.is_err() && decoder.received() == 0, "a run that cannot be read is taken in");
        return;
    };
    assert_eq!(run.to_bytes(), data, "a run has two encodings");
    if progress == Ok(Progress::Complete) {
        explains(&own, &decoder, data);
    }
}

/// Honest symbols always decode, to the difference of the sets. Of changed ones nothing is reported as complete but what explains
/// them, and it ends.
pub fn sketch_decoder(data: &[u8]) {
    let mut input = Input::new(data);
    let key = SketchKey::from_bytes([input.byte(); 16]);
    let (ours, theirs) = (input.number(), input.number());
    let (own, other) = (sketch(key, ours), sketch(key, theirs));
    let mut decoder = Decoder::new(&own);
    let (mut honest, mut taken) = (true, Vec::new());
    while decoder.received() < SYMBOLS {
        let from = decoder.received();
        let to = SYMBOLS.min(from + 1 + usize::from(input.byte() % 64));
        let mut run = other.symbols(from..to);
        let header = run.len() - (to - from) * SYMBOL_LEN;
        let change = input.byte();
        if change != 0 {
            let at = usize::try_from(input.below(4_096)).expect("small") % run.len();
            run[at] ^= change;
            honest = false;
        }
        match decoder.add(&run) {
            Ok(progress) => {
                taken.extend_from_slice(&run[header..]);
                assert!(decoder.received() == to, "a run is taken in whole");
                let found = decoder.difference();
                assert!(found.ours.len() + found.theirs.len() <= to, "more ids than symbols");
                if progress == Progress::Complete {
                    let whole = [&run[..header], &taken[..]].concat();
                    finished(key, (ours, theirs), honest, &own, &decoder, &whole);
                    return;
                }
            }
            Err(error) => {
                assert!(!honest, "honest symbols are refused: {error}");
                return;
            }
        }
    }
    assert!(!honest, "honest symbols do not decode");
}

fn finished(key: SketchKey, sets: (u64, u64), honest: bool, own: &Sketch, decoder: &Decoder, whole: &[u8]) {
    let (ours, theirs) = sets;
    if honest {
        let truth = Difference { ours: shorts(key, ours & !theirs), theirs: shorts(key, theirs & !ours) };
        assert_eq!(decoder.difference(), truth);
        return;
    }
    explains(own, decoder, whole);
}

/// Our set less what only we have and with what only they have is theirs: it has the symbols that were taken in. The header
/// of `run` may be that of any of its parts; short ids of no known op end the comparison.
fn explains(own: &Sketch, decoder: &Decoder, run: &[u8]) {
    let known: BTreeMap<ShortId, OpId> = ids(u64::MAX).map(|id| (own.key().short(&id), id)).collect();
    let found = decoder.difference();
    let mut theirs = own.clone();
    for short in &found.theirs {
        let Some(id) = known.get(short) else { return };
        theirs.insert(id);
    }
    for short in &found.ours {
        let Some(id) = known.get(short) else { return };
        theirs.remove(id);
    }
    let length = decoder.received() * SYMBOL_LEN;
    let symbols = theirs.symbols(0..decoder.received());
    assert_eq!(
        symbols[symbols.len() - length..],
        run[run.len() - length..],
        "the difference does not explain the symbols"
    );
}
