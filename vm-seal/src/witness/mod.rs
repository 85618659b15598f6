//! Witnesses: whoever cosigns the checkpoints of other logs, after checking that each grew out of the one before, so that a
//! log cannot show different histories to different people (<https://c2sp.org/tlog-witness>,
//! <https://c2sp.org/tlog-cosignature>).
//!
//! ```text
//! log ── request: old size, consistency proof, signed checkpoint ──> witness
//!   unknown log, wrong signature, other size than the recorded one, a proof that does not hold ──> refusal
//!   else: the checkpoint is stored, and then ──> a line for the note: cosignature with a time
//! ```
//!
//! What of the specifications is read more strictly here is listed in `docs/spec/tlog-witness.md` and
//! `docs/spec/tlog-cosignature.md`. Two checkpoints of one log that exclude each other are a proof of their own
//! ([`crate::fork`]).

mod cosignature;
mod judge;
mod key;
mod ml_dsa;
mod policy;
mod request;
mod row;

pub use cosignature::{COSIGNATURE_LEN, Cosignature, UnixSeconds};
pub use judge::{Latest, Witness, WitnessState};
pub use key::WitnessKey;
pub use ml_dsa::{ML_DSA_COSIGNATURE_LEN, cosign_ml_dsa};
pub use policy::{WITNESSES_MAX, WitnessCount, WitnessPolicy, WitnessedCheckpoint};
pub use request::{ADD_CHECKPOINT_HASHES_MAX, ADD_CHECKPOINT_MAX, AddCheckpoint};
pub use row::{WITNESS_ROW_FORMAT, WitnessRow, check_conduct};
