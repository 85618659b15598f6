//! What others read and write of transparency logs: C2SP tlog-tiles directories and `.tlog-proof` files.
//!
//! ```text
//! checkpoint                  signed size and root
//! tile/0/000                  256 leaf hashes
//! tile/1/000.p/5              5 hashes, each the root of a full tile below
//! tile/entries/000.p/7        leaf data of 7 leaves, each behind its length
//! ```
//!
//! Sources: <https://c2sp.org/tlog-tiles>, <https://c2sp.org/tlog-proof>, <https://c2sp.org/tlog-checkpoint>. What of them
//! is read more strictly here is listed in `docs/spec/tlog-tiles.md` and `docs/spec/tlog-proof.md`.

mod entries;
mod log;
mod proof;
mod verify;

pub use entries::{ENTRY_MAX, EntryBundle};
pub use log::{CHECKPOINT_PATH, Tlog, TlogTiles};
pub use proof::{TLOG_PROOF_FORMAT, TLOG_PROOF_MAX, TlogProof, VerifiedTlogProof};
pub use verify::VerifiedTlog;
