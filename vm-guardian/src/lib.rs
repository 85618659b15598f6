//! Guardians: bounded detectors over a ledger, one for each way in which it can fail.
//!
//! A [`Guardian`] gets a read-only view through a [`Context`] and answers with [`Observations`], which are plain data:
//! findings, signals, incidents, paths that were not taken, events, proposals, blocks on promotion. [`run`] holds it to a
//! [`Budget`] and names the one that is spent. Nothing a guardian is given can write, and nothing it returns acts.
//!
//! In scope: the trait, six built-in guardians ([`detect`]), signals and their readers ([`signal`]), the stored forms of
//! what is found ([`artifact`]), and which blocks [stand](Standing) by them. Everything is a function of its arguments.
//!
//! Out of scope: verification of the ledger, which the caller makes and hands in as a report (`vm-seal`, `vm-anchor`,
//! `vaultmesh`); recording what is returned, under a permit (`vm-ledger`); turning proposals into changes (`vm-dee`).

pub mod artifact;
mod block;
mod budget;
mod context;
pub mod detect;
mod enrolment;
pub mod error;
mod guardian;
mod observation;
mod proposal;
mod reported;
mod run;
pub mod signal;
mod standing;
pub mod stats;
mod threshold;
mod walk;

pub use artifact::{Artifact, FailureMode, Incident};
pub use block::{BlockScope, PromotionBlock};
pub use budget::{Budget, Resource};
pub use context::{Context, Given};
pub use enrolment::{ANYBODY, Enrolments};
pub use error::GuardError;
pub use guardian::Guardian;
pub use observation::{Event, Observations, Withheld};
pub use proposal::{ChangeKind, EVIDENCE_MAX, EvidenceRef, Proposal};
pub use reported::Reported;
pub use run::{Observed, run};
pub use signal::Signal;
pub use standing::{Standing, StandingBlock};
pub use threshold::Thresholds;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
