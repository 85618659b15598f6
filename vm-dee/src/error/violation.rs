//! What the gate refuses.

use thiserror::Error;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;

use crate::change::{ChangeKind, Risk};
use crate::error::ContentError;
use crate::name::Name;

macro_rules! violations {
    ($($(#[$doc:meta])* $variant:ident $({ $($(#[$fdoc:meta])* $field:ident: $type:ty),* })? $code:literal $text:literal $remedy:literal)*) => {
        /// A row that the gate refuses: the writer does not append it, and an audit that finds it contradicts.
        #[derive(Clone, PartialEq, Eq, Debug, Error)]
        #[non_exhaustive]
        pub enum Violation {
            /// The row's content cannot be read or believed.
            #[error("content of the row")]
            Content(#[from] ContentError),
            $($(#[$doc])* #[error($text)] $variant $({ $($(#[$fdoc])* $field: $type),* })?,)*
        }

        impl Violation {
            /// Stable, machine-readable name of this error; that of the content where it is at fault.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { Self::Content(error) => error.code(), $(Self::$variant { .. } => $code,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn remedy(&self) -> &'static str {
                match self {
                    Self::Content(_) => "Make the row anew, whole, for this ledger and with the right key.",
                    $(Self::$variant { .. } => $remedy,)*
                }
            }
        }
    };
}

violations! {
    /// A place at or before one that was folded.
    Place { /// The least place wanted.
        least: u64, /// The place given.
        found: u64 } "gate-place" "place {found} is not after those folded; {least} is the least"
        "Fold the rows in order of their places, each once."
    /// An entry of the log that is not the row's.
    OtherEntry "gate-other-entry" "entry of the log is not that of the row"
        "Hand over each row with its own entry; if the log has it so, the row was altered."
    /// A row recorded without a capability.
    NoCapability "gate-no-capability" "row names no capability"
        "Record it under a permit."
    /// No policy is in force.
    NoPolicy "gate-no-policy" "no policy of the gate is in force"
        "Have the root key sign a policy and record it."
    /// A policy that is not newer than the one in force.
    PolicyNumber { /// The number in force.
        in_force: u64, /// The number given.
        found: u64 } "gate-policy-number" "policy number {found} does not follow {in_force}"
        "Number the policy above the one in force and sign it again."
    /// More open proposals than are held.
    Full { /// Proposals held.
        limit: usize } "gate-full" "{limit} proposals are open"
        "Withhold or expire open proposals first."
    /// A proposal whose row is known already.
    Known "gate-proposal-known" "proposal is known already"
        "Sign a new proposal for a row of its own."
    /// No such proposal is open.
    Unknown { /// The row named.
        row: RowId } "gate-proposal-unknown" "no proposal is open in row {row}"
        "Record the proposal first; one that has ended cannot be taken up again."
    /// The proposal in that row hashes to something else.
    OtherProposal "gate-proposal-changed" "proposal hashes to something else than is named"
        "Approve and execute the proposal as it stands in the log; a changed one is another."
    /// For another epoch than the present.
    WrongEpoch { /// The present epoch.
        present: Epoch } "gate-epoch" "present epoch is {present}"
        "Make it anew for the present epoch."
    /// A kind of change that the epoch does not allow.
    NotAllowed { /// The kind.
        kind: ChangeKind, /// The present epoch.
        epoch: Epoch } "gate-not-allowed" "{epoch} does not allow a change of kind {kind}"
        "Propose a change of epoch first, or a change that this epoch allows."
    /// A risk below the floor of the kind of change.
    RiskTooLow { /// The least risk.
        floor: Risk } "gate-risk" "a change of this kind is of risk {floor} at least"
        "Propose it with the risk it has."
    /// No rule for this epoch and risk.
    NoRule { /// The epoch.
        epoch: Epoch, /// The risk.
        risk: Risk } "gate-no-rule" "policy has no rule for risk {risk} in {epoch}"
        "Have the root key sign a policy that has one, if it is to be possible at all."
    /// The rule wants a replay, and the proposal has no plan for one.
    NoReplayPlan "gate-no-replay-plan" "policy wants a replay, and the proposal has no plan for one"
        "Propose it with a replay plan."
    /// The proposal's time is over.
    ProposalExpired "gate-proposal-expired" "proposal has expired"
        "Record the outcome `expired`, and propose anew if it is still wanted."
    /// The epoch changed since it was proposed.
    Voided "gate-voided" "epoch has changed since the proposal was made"
        "Record the outcome `expired`, and propose anew in the present epoch."
    /// The proposal is authorised already.
    Taken { /// The intent that took it.
        intent: RowId } "gate-intent-taken" "proposal was authorised by intent {intent}"
        "Record that intent's outcome; a proposal is executed once, so propose anew."
    /// A second replay.
    Replayed "gate-replayed" "proposal was replayed already"
        "Propose anew to have it replayed again."
    /// A replay of something else than the proposal plans.
    OtherReplay "gate-other-replay" "replay is not what the proposal plans"
        "Replay the plan that the proposal holds, with the policy that it proposes."
    /// A replay of a policy against itself.
    ReplayUnchanged "gate-replay-unchanged" "replay compares a policy with itself"
        "Replay the policy in force against the proposed one."
    /// A replay over places that hold no call.
    ReplayEmpty "gate-replay-empty" "replay went over no call"
        "Propose anew with a plan over places that hold recorded calls."
    /// The rule wants a replay first.
    NotReplayed "gate-not-replayed" "policy wants a replay before approvals"
        "Replay the proposal and record the replay."
    /// The replay blocks more benign calls than the plan allows.
    Regressed { /// Benign calls it would block.
        found: u64, /// Most allowed.
        limit: u64 } "gate-regressed" "replay blocks {found} benign calls, plan allows {limit}"
        "Withhold the proposal, and propose a change that blocks less."
    /// An approver who is not enrolled.
    NotEnrolled "gate-not-enrolled" "approver is not enrolled"
        "Have the root key enrol the identity, or ask one that is."
    /// The proposer approves.
    ByProposer "gate-by-proposer" "approver is the proposer"
        "Ask somebody else; a proposer never counts."
    /// An approval that would last longer than the policy allows.
    LastsTooLong { /// Seconds allowed.
        limit_seconds: u64 } "gate-lasts-too-long" "approval lasts longer than {limit_seconds} seconds"
        "Approve for a shorter time."
    /// More approvals than are held.
    TooManyApprovals { /// Approvals held.
        limit: usize } "gate-too-many-approvals" "identity has given {limit} approvals to this proposal already"
        "Use the approvals there are, or propose anew."
    /// An approval that counts for nothing.
    NotCounted { /// Its row.
        row: RowId } "gate-not-counted" "approval {row} does not count"
        "Name only approvals of this proposal by others, of identities enrolled now, that have not expired."
    /// Too few identities approve.
    Quorum { /// Identities wanted.
        needed: u32, /// Identities counted.
        found: u32 } "gate-quorum" "{found} identities approve, {needed} must"
        "Ask further enrolled identities."
    /// A role is missing.
    RoleMissing { /// The role.
        role: Name } "gate-role" "nobody with role {role} approves"
        "Ask an identity that has the role."
    /// A person is missing.
    HumanMissing "gate-human" "no person approves"
        "Ask an identity that the policy marks as human."
    /// The seal has no verified anchor.
    Unanchored "gate-unanchored" "seal that the promotion rests on has no verified anchor"
        "Anchor the seal, verify the anchor, and try again."
    /// The seal was made before all that it must cover.
    SealTooOld { /// Least size it must be made at.
        needed: u64, /// Size it was made at.
        found: u64 } "gate-seal" "seal was made at size {found}, {needed} is the least and the intent's place the most"
        "Seal again, after the last approval."
    /// A scroll entry that does not tell of this execution.
    OtherLine "gate-scroll" "scroll line is not of engine dee, or does not tell of this execution"
        "Append the proposal's own line to the scroll of engine dee."
    /// An outcome of an intent that is not open.
    NoIntent { /// The intent named.
        row: RowId } "gate-no-intent" "no intent is open in row {row}"
        "Record an outcome once, after its intent."
    /// The proposal's time is not over.
    NotExpired "gate-not-expired" "proposal has not expired"
        "Wait, or withhold it with a shadow receipt."
    /// An epoch change without its intent, or another than that intent is for.
    EpochChange "gate-epoch-change" "epoch change is not that of an open intent"
        "Change the epoch by a proposal, and record the change once, under its intent."
    /// A change of epoch that is said to have succeeded and was not recorded.
    EpochUnchanged "gate-epoch-unchanged" "epoch change was not recorded"
        "Record the change before the outcome."
    /// A change of epoch that is said to have failed and was recorded.
    EpochChanged "gate-epoch-changed" "epoch change was recorded, so it has not failed"
        "Record that it succeeded, or that its outcome is unknown."
    /// An execution is open while the epoch would change.
    Unfinished { /// Its intent.
        intent: RowId } "gate-unfinished" "intent {intent} has no outcome yet"
        "Record its outcome first; what was authorised in one epoch must not run in the next."
}
