//! Replication among peers who may lie: signed ops in a hash graph, state that converges, proof of who forked.
//!
//! An [op] names everything its author had seen; its name is a hash over that, so that nobody can tell two peers two
//! stories without leaving two signed ops that contradict each other.
//!
//! In scope: ops, the graph they form, what of it counts, the types whose state it is, proofs of equivocation, reconciliation
//! of two sets of ops, sync as messages in and messages out. Everything is a pure function of its arguments.
//!
//! Out of scope: sockets, files, clocks and randomness (`vaultmesh`), the log and its proofs (`vm-seal`), and decisions that
//! need one answer at a time, such as who may execute what: no type that merges can hold them, they need a quorum and a seal (`vm-dee`).

mod bytes;
pub mod chain;
pub mod charter;
pub mod document;
pub mod equivocation;
pub mod error;
pub mod event;
pub mod evidence;
pub mod graph;
#[cfg(feature = "hazmat")]
pub mod hazmat;
pub mod id;
pub mod laws;
pub mod merge;
pub mod op;
pub mod pack;
pub mod payload;
pub mod replica;
pub mod sketch;
mod stored;
pub mod sync;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use chain::Chain;
pub use charter::Charter;
pub use document::{Document, Path, Transaction, Value};
pub use equivocation::EquivocationProof;
pub use event::{Ack, Change, EventBody, SealedEvent};
pub use evidence::{EvidenceItem, EvidenceSet};
pub use graph::{Changes, Graph, Limits, Received};
pub use id::{GraphId, OpId, OpIndex, Past};
pub use merge::{Merge, MergeReceipt};
pub use op::{OpHead, SignedHead, SignedOp};
pub use payload::{Payload, PayloadKind};
pub use replica::Replica;
pub use sync::Session;
