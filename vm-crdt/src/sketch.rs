//! What two sets of ops differ in, in few bytes: about 13 for each difference times 1.35 to 1.7, whatever the sets' size.
//!
//! A [`Sketch`] is the beginning of an endless list of symbols, each a sum over some ids of a set. The other side takes its
//! own symbols off and a [`Decoder`] solves for what is left: symbol by symbol, until nothing is. Nobody has to know beforehand
//! how much differs. The code is the rateless invertible Bloom lookup table of Yang, Gilad and Alizadeh, "Practical Rateless
//! Set Reconciliation" (SIGCOMM 2024), with sums in place of exclusive ors, counts modulo 256 and places in integers
//! (`docs/spec/crdt-sketch.md`).
//!
//! Ids are summed as [`ShortId`]s under a key that is fresh for each link: nobody can prepare ops whose short ids collide. What
//! collides by chance on one side is an error by name. What collides across the sides cancels, and no sketch can know it: the
//! heads of the two graphs still differ, and the next round has another key.

mod decoder;
mod estimate;
mod key;
mod places;
mod set;
mod symbol;

pub use decoder::{Decoder, Difference, Progress};
pub use estimate::symbols_for;
pub use key::{ShortId, SketchKey};
pub use set::Sketch;
pub use symbol::{Run, SYMBOL_LEN, SYMBOLS_MAX};

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::places::Places;
    use super::symbol::Symbol;
    use super::{Decoder, Progress, Sketch, SketchKey};
    use crate::OpId;

    /// The sample of the format page.
    fn sample() -> String {
        let key = SketchKey::from_bytes(core::array::from_fn(|at| u8::try_from(at).unwrap()));
        let mut out = String::new();
        let (mut ours, mut theirs) = (Sketch::new(key, 8), Sketch::new(key, 8));
        for byte in [1, 2, 3] {
            let id = OpId::from_bytes([byte; 32]);
            let short = key.short(&id);
            let marks = key.marks(short);
            let mut places = Places::new(marks.seed);
            let list = core::iter::from_fn(|| places.below(8).inspect(|_| places.advance()));
            let list: Vec<String> = list.map(|place| place.to_string()).collect();
            writeln!(
                out,
                "op {byte}: short {short}  seed {:016x}  check {:08x}  places {}",
                marks.seed,
                marks.check,
                list.join(" ")
            )
            .unwrap();
            theirs.insert(&id);
            if byte == 1 {
                ours.insert(&id);
            }
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let run = theirs.symbols(0..4);
        let (header, symbols) = run.split_at(14);
        writeln!(out, "run 0..4: {}", hex(header)).unwrap();
        symbols.chunks(13).for_each(|symbol| writeln!(out, "          {}", hex(symbol)).unwrap());
        let mut decoder = Decoder::new(&ours);
        while decoder.add(&theirs.symbols(decoder.received()..decoder.received() + 1)) != Ok(Progress::Complete) {}
        let found: Vec<String> = decoder.difference().theirs.iter().map(ToString::to_string).collect();
        writeln!(out, "against op 1 alone, after {} symbols: theirs {}", decoder.received(), found.join(" ")).unwrap();
        assert!(theirs.sums().iter().any(|sum| *sum != Symbol::default()));
        out
    }

    #[test]
    fn the_page_shows_what_the_code_makes() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/spec/crdt-sketch.md")).unwrap();
        assert!(page.contains(&sample()), "{}", sample());
    }
}
