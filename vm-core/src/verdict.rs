//! Verdicts: verified, contradicted, undecided, each with the findings that say why.
//!
//! A check that could not be made is never a pass. A [`Report`] in which nothing was checked is undecided, and the
//! severity of a finding follows from its [`Code`] alone, by the one table in this file.

mod report;

use core::fmt;

pub use report::{FINDINGS_MAX, Report};
use serde::{Serialize, Serializer};

/// What a finding does to the verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; changes no verdict.
    Remark,
    /// Something could not be checked, is missing, or is of an unknown format.
    Undecided,
    /// Something is proven wrong.
    Contradicted,
}

/// Answer of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything asked for was checked and holds.
    Verified,
    /// Something could not be checked, or nothing was.
    Undecided,
    /// Something is proven wrong.
    Contradicted,
}

impl Verdict {
    /// Exit code of a process that reports this verdict: 0, 3 or 1.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Contradicted => 1,
            Self::Undecided => 3,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::Undecided => "undecided",
            Self::Contradicted => "contradicted",
        })
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $severity:ident $meaning:literal $remedy:literal)*) => {
        /// Stable name of a finding. The table that defines them also gives the severity, the meaning and the remedy.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable text, for example `row-altered`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What the code does to a verdict.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What the code says, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to do about it, in one sentence.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

codes! {
    RowAltered "row-altered" Contradicted
        "A row's columns do not hash to the leaf that the log holds for it."
        "Treat the row as forged; restore it from a backup or a peer and verify again."
    RowMissing "row-missing" Contradicted
        "The log names a row that its table does not hold."
        "Restore the row from a backup or a peer; the log still proves what it hashed to."
    RowInserted "row-inserted" Contradicted
        "A table holds a row that the log does not name, or names twice."
        "Treat the row as forged; nothing vouches for it."
    LogAltered "log-altered" Contradicted
        "The log's own entries are out of sequence, or differ from the root that was signed over them."
        "Restore the ledger from a backup and compare it with a head or an anchor from outside."
    TileAltered "tile-altered" Contradicted
        "A stored Merkle tile differs from the leaves it was made of."
        "Restore the ledger from a backup; the tiles can also be rebuilt from an intact log."
    TailCut "tail-cut" Contradicted
        "Fewer entries are present than a signed root or checkpoint covers."
        "Restore the missing tail from a backup or a peer."
    Rollback "rollback" Contradicted
        "The ledger is smaller than a head from outside remembers."
        "An older copy was put in place; find the newer one, or account for what was lost."
    Forked "forked" Contradicted
        "Two signed roots over the same history disagree."
        "Keep both; together they prove that the log was forked."
    CheckpointInvalid "checkpoint-invalid" Contradicted
        "A checkpoint does not carry a valid signature of the ledger's key, or is malformed."
        "Compare with a checkpoint from a backup, a peer or an anchor."
    GenesisInvalid "genesis-invalid" Contradicted
        "The genesis row is missing, malformed, or not that of the ledger that was asked for."
        "Check that this is the vault you meant, and the key you pinned."
    SchemaAltered "schema-altered" Contradicted
        "The database's tables, triggers or indexes are not those that its migrations make."
        "Somebody changed the database past the ledger; export what verifies and import it into a new vault."
    ScrollAltered "scroll-altered" Contradicted
        "A scroll's lines do not hash to its signed root, or to the root a seal recorded."
        "Restore the scroll from a backup."
    RootMismatch "root-mismatch" Contradicted
        "A Merkle root computed from the evidence differs from the one recorded."
        "Restore the evidence from a backup and verify again."
    ArtifactMissing "artifact-missing" Contradicted
        "A file that a row points to is not there, or is not a regular file below the vault."
        "Restore the file; its SHA-256 stands in the row."
    ArtifactAltered "artifact-altered" Contradicted
        "A file's content differs from the SHA-256 and size that its row recorded."
        "Restore the file; its SHA-256 stands in the row."
    IndexAltered "index-altered" Contradicted
        "An index does not state what the rows before it come to."
        "Distrust every answer that was proven complete with it; the rows themselves decide."
    IndexLagging "index-lagging" Contradicted
        "An index covers another number of rows than stand before it."
        "Distrust every answer that was proven complete with it; the rows themselves decide."
    Incomplete "incomplete" Contradicted
        "An answer leaves out a row that matches, or holds one that the index does not."
        "Ask for the missing row; the index proves that there is one."
    CoverageAltered "coverage-altered" Contradicted
        "A coverage statement is not what the seal and the rows beside it give."
        "Read the rows themselves; get the export again from where it was made."
    SealAltered "seal-altered" Contradicted
        "A seal bundle, or the evidence it selects, does not give the digest that was sealed."
        "Compare the bundle with its anchored copy; the anchored SHA-256 decides."
    FrameAltered "frame-altered" Contradicted
        "A captured frame does not match the row that recorded it, by hash or by opened commitment."
        "Check that this is the capture that was recorded."
    FrameMissing "frame-missing" Contradicted
        "A captured frame has no row, or a row stands where no frame was captured."
        "Check that the whole capture was recorded, in order and once."
    TraceInvalid "trace-invalid" Contradicted
        "A row names a row it answers, corrects or completes that is not there or is of another kind."
        "Find the row it refers to; a reference cannot be recorded to something absent."
    CapabilityInvalid "capability-invalid" Contradicted
        "A row names a capability that the ledger's root never authorised for such an act."
        "Treat the row as unauthorised."
    ReceiptInvalid "receipt-invalid" Contradicted
        "A shadow receipt is malformed, or its observer did not sign it as it stands for this ledger."
        "Do not count the receipt as proof of restraint; compare the row with a backup or a peer."
    HorizonInvalid "horizon-invalid" Contradicted
        "A decision horizon was opened or closed against the rules, or its observer did not sign that as it stands for this ledger."
        "Do not count the decision as proof of restraint; ask its observer, and compare the row with a backup or a peer."
    RestraintBroken "restraint-broken" Contradicted
        "A proof of restraint shows that its claim does not hold: no power to act, another outcome, or an act after all."
        "Do not believe the claim; what was found says which part of it fails."
    GateViolated "gate-violated" Contradicted
        "A row of the gate is there that the gate refuses, such as an execution that nobody approved."
        "Treat what it says as unauthorised, and find out who recorded it past the gate."
    KeyChangeInvalid "key-change-invalid" Contradicted
        "A row says that a key of the ledger changed, and the ledger's root did not sign that, or it does not follow the key in force."
        "It changes nothing; find out who recorded it past the ledger."
    KeyNotInForce "key-not-in-force" Contradicted
        "Something is signed by a key of the ledger that was not in force where it stands in the log."
        "Treat it as forged, and get it again from the ledger; whoever has the old key can make such things."
    AnchorInvalid "anchor-invalid" Contradicted
        "An anchor's evidence is malformed, badly signed, or stamps something else."
        "Anchor the seal again with an authority that answers correctly."
    AnchorBackdated "anchor-backdated" Contradicted
        "An anchor's time lies before what it covers, or before an earlier verified anchor."
        "Distrust the authority; anchor again with another."
    AnchorRevoked "anchor-revoked" Contradicted
        "A certificate that an anchor rests on was revoked for a reason that voids it."
        "Distrust the anchor; anchor again with another authority."
    CosignatureInvalid "cosignature-invalid" Contradicted
        "A head bears a line by a witness of the trust file that does not verify."
        "Get the head again from where it was cosigned; without that line the others may still count."
    PqSignatureInvalid "pq-signature-invalid" Contradicted
        "A head, or the checkpoint of a seal, bears a line by the pinned ML-DSA key that does not verify."
        "Treat it as forged, and get it again from the ledger's owner."
    WitnessBroken "witness-broken" Contradicted
        "A row says that this vault cosigned a checkpoint that does not follow from the one it cosigned before, or that no log signed."
        "Do not count this vault's cosignatures; compare the log with other witnesses."
    MergeBroken "merge-broken" Contradicted
        "A row holds no sound receipt of a merge, or one by a key that held no token of the ledger before it."
        "Do not believe what the row says was merged; ask the operator, and compare with the receipt of the other side."
    PrivacyOverspent "privacy-overspent" Contradicted
        "A row gives away statistics that the ledger's privacy budget did not let, or does not read."
        "What was given away stays so; lower the budget, and ask whoever recorded it."
    DisclosureInvalid "disclosure-invalid" Contradicted
        "A disclosed value does not open the commitment that stands in its row, or a row holds no sound record of a disclosure."
        "Do not believe the value; ask the ledger's owner for the disclosure again."
    ErasureInvalid "erasure-invalid" Contradicted
        "A row holds no sound receipt of an erasure, or parts of one are absent or disagree."
        "Do not believe what the row says was erased; look at who recorded it, and erase again."
    AuthorForked "author-forked" Contradicted
        "An author signed two different ops of one number in one graph."
        "Take no new op of that key, and keep the proof; whoever it belonged to is enrolled under another."
    ForeignRowConflict "foreign-row-conflict" Contradicted
        "Members of a mesh say that different rows stand at one place of one ledger, or one that its log does not have."
        "Both are kept; ask the ledger's owner for the row with its proof, and those who said otherwise what they saw."
    FormatUnannounced "format-unannounced" Undecided
        "A row is of a format that no row before it announced."
        "Ask who wrote it: the ledger itself announces each new format before it writes the first row of it."
    PolicyUnrecorded "policy-unrecorded" Undecided
        "Rows name a redaction policy that is neither the one that ships nor recorded before them, so nobody can say what it kept."
        "Ask whoever wrote the rows for the policy; the ledger's own commands record each before its first row."
    PolicyNotListed "policy-not-listed" Undecided
        "Rows were redacted under a policy that the trust file does not list."
        "Read the policy with `vaultmesh redact show HASH`, and list its hash under `redaction` if it is to be believed."
    FormatUnknown "format-unknown" Undecided
        "An object is of a format or version that this build does not know."
        "Use a release that knows the format; nothing of it was skipped."
    EvidenceUnreadable "evidence-unreadable" Undecided
        "Evidence could not be read, so it was not checked."
        "Give the verifier access to it and run it again."
    ErasureUnfinished "erasure-unfinished" Undecided
        "A receipt says that openings were erased, and some under the same key are still there."
        "Run `vaultmesh erase` again for the same subject; it finishes what the receipt says."
    DisclosureUnsealed "disclosure-unsealed" Undecided
        "The seal that was given does not cover the disclosed row, or the disclosure proves the row against another checkpoint."
        "Get the disclosure again for that seal, with `vaultmesh disclose --seal`."
    SealMissing "seal-missing" Undecided
        "The vault holds no seal, so nothing in it can be anchored."
        "Run `vaultmesh seal create`."
    SealUnanchored "seal-unanchored" Undecided
        "A seal has no anchor that the trust policy accepts."
        "Run `vaultmesh anchor add SEAL`, or give a trust policy that accepts its authority with `--trust`."
    RowsUnsealed "rows-unsealed" Undecided
        "Evidence was recorded after the last seal that is anchored to the policy's satisfaction."
        "Run `vaultmesh seal create` and `vaultmesh anchor add` again."
    AnchorMissing "anchor-missing" Undecided
        "The evidence of a recorded anchor is not there."
        "Restore the file; its SHA-256 stands in the anchor's row."
    AnchorPending "anchor-pending" Undecided
        "An anchor has been asked for and is not complete."
        "Complete it later with `vaultmesh anchor upgrade`, a transaction with `anchor add --eth-tx`."
    QuorumUnmet "quorum-unmet" Undecided
        "Fewer distinct authorities vouch for a seal than the trust policy asks for."
        "Anchor the seal with further authorities, or complete those that are pending."
    NoTrustKey "no-trust-key" Undecided
        "No key of the ledger was pinned, so its signatures prove only that it agrees with itself."
        "Give the ledger's key with `--key` or in the trust file."
    KeyStolen "key-stolen" Undecided
        "Something is signed by a key that was declared stolen, and nothing shows that the ledger's owner signed it."
        "Seal again with the key in force, or verify it against the ledger itself, which holds what is vouched for."
    KeyChangeUnproven "key-change-unproven" Undecided
        "A file is signed by another key of the ledger than the pinned one, and nothing here proves that the key was changed."
        "Get the ledger's key history with `vaultmesh keys history`, and give it with `--history`."
    NoTrustRoot "no-trust-root" Undecided
        "No trusted root was given for an anchor's authority."
        "Give the authority's root certificate in a trust file with `--trust`."
    RollbackNotExcluded "rollback-not-excluded" Undecided
        "No head from outside was given, so an older copy of the whole vault would look the same."
        "Keep a head outside the vault with `vaultmesh head` and give it with `--head`."
    WitnessesUnmet "witnesses-unmet" Undecided
        "Fewer witnesses cosigned the head than the trust file asks for."
        "Ask more of them with `vaultmesh witness request`, and merge what they answer with `vaultmesh head --cosignature`."
    PqSignatureMissing "pq-signature-missing" Undecided
        "An ML-DSA key was pinned, and a head, a seal or a file bears no line by it."
        "Get a head with `vaultmesh head` and seal again: both bear the line since the key was added; or pin the key that is in force."
    ForkUnproven "fork-unproven" Undecided
        "A file that is said to prove a fork proves none: a checkpoint is not signed by the pinned key, or the hashes do not lead there."
        "Check the key, and get the proof again from whoever refused the fork."
    ReplicaBehind "replica-behind" Undecided
        "A replica of a mesh lacks ops that it had at its last merge, or that the peer has that it synced with."
        "Sync with another peer; until then what the replica says leaves something out, and it writes nothing."
    ForeignRowUnproven "foreign-row-unproven" Undecided
        "Members of a mesh speak of a row of another ledger whose proof under a pinned key is not here, or does not hold."
        "Sync with the ledger's owner, or with somebody who has its heads and rows; until then it is hearsay."
    EquivocationUnproven "equivocation-unproven" Undecided
        "A file that is said to prove that an author forked proves nothing of it: a signature does not hold, the two ops do not contradict each other, or they are of another author or graph."
        "Get the proof again from whoever found the fork; nothing speaks against the author."
    ScrollUnsignedTail "scroll-unsigned-tail" Undecided
        "A scroll holds full lines beyond its signed root."
        "If a crash left them, sign them with `vaultmesh scroll adopt`; else compare them with what their author wrote."
    HorizonUnclosed "horizon-unclosed" Undecided
        "A decision horizon was opened and has no outcome."
        "Close it with its outcome."
    RestraintUnproven "restraint-unproven" Undecided
        "A proof of restraint lacks a row or an opening without which its claim cannot be judged."
        "Get the proof again with `vaultmesh prove restraint`, from whoever holds the ledger and its openings."
    OutcomeUnknown "outcome-unknown" Undecided
        "An execution was authorised and nobody knows what became of it."
        "Find out what it did; `vaultmesh gate recover` records that it is unknown, and it is never run again."
    NothingChecked "nothing-checked" Undecided
        "No check could be made."
        "Name something that can be checked."
    CompletenessUnproven "completeness-unproven" Undecided
        "Rows match what was sealed, but nothing proves that no other row does."
        "Verify with the ledger at hand, or with an export that holds a completeness proof."
    CoverageMissing "coverage-missing" Undecided
        "The export of a seal does not say what it covers."
        "Get the export again with a release that states it."
    BudgetSpent "budget-spent" Undecided
        "A guardian reached the end of its budget before it had looked at everything."
        "Run it again with a larger budget; what it did find stands."
    SignalQuarantined "signal-quarantined" Undecided
        "Signals to learn from were set aside: their actors are outliers, too few, too loud, at odds, or repeat themselves."
        "Let a person look at the actors; nothing is promoted on these signals before a quorum and a replay support it."
    RefusalTrend "refusal-trend" Undecided
        "Refusals of benign work, or false alarms on it, become more frequent."
        "Roll the policy back by a proposal, and relax it again only after a replay."
    ClockSkewed "clock-skewed" Undecided
        "Times go back, lie ahead of the clock at hand, or contradict the order of the log."
        "Look at the clock of the machine that recorded it; order is by the log, and only anchors settle time."
    TraceBroken "trace-broken" Undecided
        "Rows that belong together stand in different traces, or in none."
        "Hand the trace id on where the call is made; correct the rows by new ones that name them."
    AnchorNotIndependent "anchor-not-independent" Remark
        "An anchor comes from an authority that the ledger's owner runs."
        "Anchor with an authority that the owner does not control."
    AnchorExpiredNow "anchor-expired-now" Remark
        "An anchor's certificate was valid at its time and has expired since."
        "Nothing is wrong; anchor again while the algorithms are still strong."
    AnchorLegacy "anchor-legacy" Remark
        "An anchor uses an algorithm beside its strong ones that is to be left, such as SHA-1 in an ESSCertID of version 1."
        "Nothing is wrong; prefer an authority that has left it."
    AnchorFailed "anchor-failed" Remark
        "An authority was asked to anchor a seal and nothing came of it."
        "Ask again with `vaultmesh anchor add`; the attempt is kept so that its absence is no surprise."
    AttestationUnknown "attestation-unknown" Remark
        "A proof holds an attestation of a kind that this build does not know; it was not counted."
        "Nothing is wrong with what was counted; use a release that knows the kind to count more."
    TimeNotMonotonic "time-not-monotonic" Remark
        "A row's time lies more than ten seconds before that of a row logged before it."
        "Order is by the log; look at the clock of the machine that recorded it."
    TraceGap "trace-gap" Remark
        "A call has no recorded answer, or an intent no recorded outcome."
        "Look at what the tool did; the ledger does not know."
    PlaceUnsigned "place-unsigned" Remark
        "A receipt signs the root of its log and not the size, so index and size are what its maker says."
        "Nothing is wrong with the entry; take its place from a checkpoint where the place matters."
    Erased "erased" Remark
        "Openings were erased on record: the values behind their commitments cannot be brought back from this vault."
        "Nothing is wrong; every proof of the rows still holds, and the receipt says which they are."
    SecretFound "secret-found" Remark
        "A value looked like a secret and was committed instead of stored."
        "Nothing leaked into the vault; rotate the secret if it should not have been there."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    code: Code,
    subject: String,
    expected: Option<String>,
    found: Option<String>,
}

impl Finding {
    /// A finding about `subject`, for example `row mcp_calls/<id>`. Subjects, expected and found values must not hold secrets.
    pub fn new(code: Code, subject: impl Into<String>) -> Self {
        Self { code, subject: subject.into(), expected: None, found: None }
    }

    /// Adds what should have been there and what was.
    #[must_use]
    pub fn expected_found(mut self, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }

    /// Adds what was there.
    #[must_use]
    pub fn found(mut self, found: impl fmt::Display) -> Self {
        self.found = Some(found.to_string());
        self
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What the finding is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What should have been there, if that can be said.
    #[must_use]
    pub fn expected_value(&self) -> Option<&str> {
        self.expected.as_deref()
    }

    /// What was there, if that can be said.
    #[must_use]
    pub fn found_value(&self) -> Option<&str> {
        self.found.as_deref()
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            code: Code,
            severity: Severity,
            subject: &'a str,
            expected: Option<&'a str>,
            found: Option<&'a str>,
            meaning: &'static str,
            remedy: &'static str,
        }
        Shape {
            code: self.code,
            severity: self.code.severity(),
            subject: &self.subject,
            expected: self.expected.as_deref(),
            found: self.found.as_deref(),
            meaning: self.code.meaning(),
            remedy: self.code.remedy(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code}");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'), "{code}");
        }
    }
}
