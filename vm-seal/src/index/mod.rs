//! Indexes: what an answer is complete over (docs/spec/index.md).
//!
//! Every row has a [`Card`] of 81 bytes. A run of the log is sorted three ways: by table and time, by trace, and by the
//! terms that say what its rows refer to. The roots of the sorted trees stand in a row of the log itself, so a signed
//! checkpoint fixes them, and a range proof then shows what lies next to what: that nothing between was left out.
//!
//! ```text
//! card  table 1 ‖ ts 8 ‖ id 16 ‖ trace 16 ‖ place 8 ‖ leaf hash 32
//! time  card, sorted by its first 25 bytes
//! trace card, sorted by trace ‖ place, its bytes 25 to 48
//! term  term 32 ‖ card, sorted by term ‖ place
//! ```

mod card;
mod order;
mod query;
mod sorted;
mod statement;

pub use card::{CARD_LEN, Card};
pub use order::{Entry, Key, Order, Term, TermColumn};
pub use query::{Interval, Query};
pub use sorted::{Deck, SortedRun};
pub use statement::{INDEX_FORMAT, IndexedRun, RUNS_MAX, Statement};
