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
