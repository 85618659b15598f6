#![doc = include_str!("../README.md")]
//!
//! # In scope
//!
//! The contents of the gate's rows ([`policy`], [`proposal`], [`mod@replay`], [`approval`], [`intent`], [`outcome`]), the
//! fold over them ([`gate`]), what each epoch allows ([`epoch`]), the typed road from an approval to an execution
//! ([`road`]), what an execution rests on ([`trail`]), and drafts of proposals from what guardians and forecasts suggest
//! ([`suggestion`]). Everything is a pure function of its arguments.
//!
//! # Out of scope
//!
//! Storing rows, and the lock under which a writer asks the gate before it appends (`vm-ledger`); tokens and their
//! revocation (`vm-core`, and the ledger that rechecks permits); what is worth a proposal (`vm-guardian`,
//! `vm-autogene`); running anything: an executor is the caller's.

pub mod approval;
pub mod change;
pub mod content;
pub mod epoch;
pub mod error;
pub mod gate;
pub mod intent;
pub mod name;
pub mod outcome;
pub mod policy;
pub mod proposal;
pub mod replay;
pub mod road;
pub mod suggestion;
pub mod trail;

pub use approval::Approval;
pub use change::{Change, ChangeKind, CommandLine, Risk};
pub use content::Signed;
pub use gate::{Gate, Stage, Unfinished};
pub use intent::Intent;
pub use name::Name;
pub use outcome::{End, Outcome};
pub use policy::{GatePolicy, Identity, Rule};
pub use proposal::{Proposal, ProposalHash, ProposalRef};
pub use replay::{Decider, Decision, Replay, replay};
pub use road::{Approved, Authorized, LineProof, Order, Prepared, Ran, Refused};
pub use suggestion::{Draft, Suggestion};
pub use trail::Trail;
