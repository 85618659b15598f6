//! Completeness: that these are all the rows that match a question, and no other stands in the log up to a signed size
//! (docs/spec/completeness.md). Where none matches, that is absence.
//!
//! It is complete over what passed through the ledger, by the time, trace and references that each row claims, and as far
//! as the ledger's signer stated its index truly: whoever holds the ledger checks that with [`audit`](crate::audit), and any
//! row that a forged index left out convicts it.

mod proof;
mod prove;
mod verify;

pub use proof::{COMPLETENESS_FORMAT, COMPLETENESS_MAX, CompletenessProof, TAIL_MAX};
pub use prove::{Indexed, prove_complete, read_deck, state_index};
pub use verify::Complete;
