//! Why a capability does not permit an act.

use thiserror::Error;

use crate::capability::Action;
use crate::digest::CapabilityHash;
use crate::epoch::Epoch;
use crate::error::{CanonicalError, KeyError};
use crate::instant::Instant;

/// A capability that does not permit the act.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// Not a resource path.
    #[error("not a resource path such as / or /mcp_calls")]
    Resource,
    /// Not of a token's shape.
    #[error("not a capability token")]
    Shape,
    /// An unknown format.
    #[error("unknown format {found:?}")]
    UnknownFormat {
        /// What was given.
        found: String,
    },
    /// No canonical form.
    #[error("token has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// A chain with too many tokens.
    #[error("chain is longer than {limit} tokens")]
    TooLong {
        /// Tokens allowed.
        limit: usize,
    },
    /// A key is weak, or a signature does not hold.
    #[error("token key")]
    Key(#[source] KeyError),
    /// A token was issued by a key that had no right to.
    #[error("token is not issued by its parent's holder, or by the ledger's root")]
    WrongIssuer,
    /// A token names another parent than the one before it.
    #[error("token names another parent")]
    WrongParent,
    /// A token for another ledger.
    #[error("token is for another ledger")]
    WrongLedger,
    /// A token grants what its parent does not.
    #[error("token grants more than its parent: {field}")]
    Escapes {
        /// The field that grants more.
        field: &'static str,
    },
    /// The key is not the holder's.
    #[error("key is not that of the token's holder")]
    NotHolder,
    /// The invocation is for another token.
    #[error("invocation is for another token")]
    WrongToken,
    /// The action is not granted, or not the one invoked.
    #[error("action {action} is not granted")]
    ActionNotGranted {
        /// The action.
        action: Action,
    },
    /// The epoch is not granted, or has changed.
    #[error("epoch {epoch} is not granted")]
    EpochNotGranted {
        /// The present epoch.
        epoch: Epoch,
    },
    /// The resource is not covered.
    #[error("resource {resource} is not granted")]
    ResourceNotGranted {
        /// The resource.
        resource: String,
    },
    /// The engine is not covered.
    #[error("engine {engine} is not granted")]
    EngineNotGranted {
        /// The engine.
        engine: String,
    },
    /// The token is not good yet.
    #[error("token is not good before {not_before}")]
    NotYet {
        /// When it will be.
        not_before: Instant,
    },
    /// The token is no longer good.
    #[error("token expired at {expires}")]
    Expired {
        /// When it ended.
        expires: Instant,
    },
    /// The invocation was signed too long ago, or in the future.
    #[error("invocation is not of the present time")]
    StaleInvocation,
    /// Uses are limited and the use is not numbered within them, or the other way round.
    #[error("use number does not fit the token's uses")]
    UseNumber,
    /// The token, or one it descends from, was revoked.
    #[error("capability {capability} was revoked")]
    Revoked {
        /// The revoked token.
        capability: CapabilityHash,
    },
    /// A numbered use was spent before.
    #[error("use {number} of capability {capability} was spent before")]
    Spent {
        /// The token.
        capability: CapabilityHash,
        /// The use.
        number: u64,
    },
    /// All uses of a token were spent, by it or by those that descend from it.
    #[error("all uses of capability {capability} were spent")]
    UsedUp {
        /// The token.
        capability: CapabilityHash,
    },
    /// No row of the ledger issues the token.
    #[error("capability {capability} was not issued before")]
    Unissued {
        /// The token.
        capability: CapabilityHash,
    },
    /// A revocation by a key that issued neither the token nor one it descends from.
    #[error("revoked by a key that did not issue the token")]
    NotIssuer,
    /// A change from another epoch than the present one.
    #[error("the epoch is {present}, not {from}")]
    EpochChanged {
        /// The present epoch.
        present: Epoch,
        /// The epoch that it changes from.
        from: Epoch,
    },
    /// The token limits how often it may be used in a time.
    #[error("capability {capability} may be used again at {again}")]
    TooSoon {
        /// The token.
        capability: CapabilityHash,
        /// When it may be used next.
        again: Instant,
    },
    /// Rows under a token with numbered uses that no row says a use was spent on, or one that says so of other rows.
    #[error("rows under capability {capability} and its uses do not fit together")]
    UseMissing {
        /// The token.
        capability: CapabilityHash,
    },
}
stable_codes!(CapabilityError {
    Self::Resource => "capability-resource",
    Self::Shape => "capability-shape",
    Self::UnknownFormat { .. } => "format-unknown",
    Self::Canonical(_) => "capability-canonical",
    Self::TooLong { .. } => "capability-chain-too-long",
    Self::Key(_) => "capability-key",
    Self::WrongIssuer => "capability-wrong-issuer",
    Self::WrongParent => "capability-wrong-parent",
    Self::WrongLedger => "capability-wrong-ledger",
    Self::Escapes { .. } => "capability-escapes",
    Self::NotHolder => "capability-not-holder",
    Self::WrongToken => "capability-wrong-token",
    Self::ActionNotGranted { .. } => "capability-action",
    Self::EpochNotGranted { .. } => "capability-epoch",
    Self::ResourceNotGranted { .. } => "capability-resource-not-granted",
    Self::EngineNotGranted { .. } => "capability-engine",
    Self::NotYet { .. } => "capability-not-yet",
    Self::Expired { .. } => "capability-expired",
    Self::StaleInvocation => "capability-stale-invocation",
    Self::UseNumber => "capability-use-number",
    Self::Revoked { .. } => "capability-revoked",
    Self::Spent { .. } => "capability-spent",
    Self::UsedUp { .. } => "capability-used-up",
    Self::Unissued { .. } => "capability-unissued",
    Self::NotIssuer => "capability-not-issuer",
    Self::EpochChanged { .. } => "capability-epoch-changed",
    Self::TooSoon { .. } => "capability-too-soon",
    Self::UseMissing { .. } => "capability-use-missing",
});
