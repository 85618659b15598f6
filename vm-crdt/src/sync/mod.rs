//! Two replicas come to the same ops: messages in, messages out, no sockets and no clock.
//!
//! One side offers: its heads, what it knows of events and proofs, and the first symbols of a sketch of its ops. The other answers with what
//! the first lacks, and asks for what it lacks itself:
//!
//! - Heads that are the same: nothing to do. Heads that are known: their past is all that the other has, and the rest is sent.
//! - Otherwise the sketch is decoded, at some 1.4 times 13 bytes for each op that only one side has, whatever the number of ops.
//! - Where that does not come to an end, because too much differs or somebody prepared it, each side names its last op of each author; that is longer,
//!   and nothing can be prepared against it.
//!
//! Afterwards heads are compared, and where they still differ a round begins anew under another key. Whoever sends an op that is invalid, what was not asked
//! for, or asks without end, is told apart by name and the session ends; nothing it sent that is valid is lost. What a session needs in memory is
//! bounded by the constants here, and it can break off at any message: the next begins from what each side then has.
//!
//! The messages are in `docs/spec/crdt-sync.md`.

mod give;
mod message;
mod offer;
mod session;

pub use message::{FORMAT, Facts, MESSAGE_MAX, Message, Offer, Then, Tip};
pub use session::{Exchange, Outcome, Role, Session};

use crate::id::OpId;

/// Symbols that an offer brings along: 1.7 kB, and enough for some 90 differences.
pub const SYMBOLS_OFFERED: usize = 128;
/// Symbols that are decoded at most: 26 kB, for some 1,450 differences. Where more differs, naming the last ops of all authors costs about as much.
pub const SYMBOLS_MAX: usize = 2_048;
/// Heads that an offer names. Replicas that hear of each other have a few; with more, none is named.
pub const HEADS_MAX: usize = 64;
/// Rounds of a session. One is enough unless ops come in meanwhile, short ids meet, or somebody lies.
pub const ROUNDS_MAX: u32 = 8;
/// Rounds that are tried although the one before brought nothing: another key is drawn for each, and two that fail are no chance.
const ROUNDS_LEAST: u32 = 3;
/// Names that one message asks for, of 8 or 32 bytes: half a message at most.
pub const WANT_MAX: usize = 16_384;
/// Times that ops are asked for which turned out to be missing, in one session.
pub const ASKS_MAX: u32 = 64;
/// Times that a peer may ask for ops: once a round for what a sketch gave, which fits one message, and [`ASKS_MAX`] times for what turned out to be
/// missing. Each looks through all ops.
pub const WANTS_MAX: u32 = ROUNDS_MAX + ASKS_MAX;
/// Times that a peer may ask for symbols or parts of a state: a state of [`STATE_MAX`](crate::replica::STATE_MAX) bytes has 256 parts, and 32 for symbols a round.
pub const REQUESTS_MAX: u32 = 256 + 32 * ROUNDS_MAX;
/// Bytes of ops, events and proofs that were known already or wait for others, before whoever sends them is told apart as wasteful: as much as a message holds, eight times. Peers of
/// several at once are sent some ops twice.
pub const WASTE_MAX: usize = 8 * MESSAGE_MAX;

/// Messages that wait to be polled, before a session takes no more. All events that a graph can ever have fill some 64 messages of 1 MiB at 1 kB each.
pub const QUEUE_MAX: usize = 128;

/// The first of some names, where there are not too many.
fn short_list<'a>(heads: impl Iterator<Item = &'a OpId>) -> Option<Vec<OpId>> {
    let heads: Vec<OpId> = heads.take(HEADS_MAX + 1).copied().collect();
    (heads.len() <= HEADS_MAX).then_some(heads)
}
