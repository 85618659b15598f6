//! Witnessing: requests of this vault to witnesses, what they cosigned, and what this vault cosigned of others.

use serde::Serialize;
use vm_core::instant::Instant;
use vm_core::key::{CosignerKey, Note, NoteSignature};
use vm_core::record::SystemKind;
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{RowState, Visit};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::ForkError;
use vm_seal::fork::CheckpointFork;
use vm_seal::keys::verify_by_any;
use vm_seal::merkle::TreeSize;
use vm_seal::witness::{AddCheckpoint, Cosignature, UnixSeconds, WitnessKey, WitnessRow, WitnessState, check_conduct};

use crate::error::{VaultError, WitnessFault};
use crate::read::Reader;
use crate::verify::Outside;

/// How findings name the head that a verifier brings.
const HEAD: &str = "head from outside";

/// What a proof of a fork says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ForkShown {
    /// The log.
    pub origin: String,
    /// Sizes of the two checkpoints.
    pub sizes: [u64; 2],
    /// Their roots.
    pub roots: [String; 2],
}

impl ForkShown {
    /// What `fork` claims.
    #[must_use]
    pub fn of(fork: &CheckpointFork) -> Self {
        let [one, other] = fork.claimed();
        Self {
            origin: one.origin().to_owned(),
            sizes: [one.size().as_u64(), other.size().as_u64()],
            roots: [one.root().to_hex(), other.root().to_hex()],
        }
    }
}

impl Reader {
    /// A request to cosign the latest checkpoint, for a witness that cosigned the log of `old` entries last (0 for one that
    /// never did).
    ///
    /// # Errors
    /// [`WitnessFault::OldBeyond`]; [`VaultError::Proof`] where the log cannot be read.
    pub fn witness_request(&self, old: TreeSize) -> Result<AddCheckpoint, VaultError> {
        let head = self.head()?;
        let size = Checkpoint::parse_text(head.unverified_text()).map_err(WitnessFault::Head)?.size();
        if old > size {
            return Err(WitnessFault::OldBeyond { old, size }.into());
        }
        let proof = self.view().consistency_proof(old.as_u64(), size.as_u64()).map_err(VaultError::Proof)?;
        Ok(AddCheckpoint::new(old, proof, head).map_err(WitnessFault::Request)?)
    }

    /// `head`, or else the latest checkpoint, with those of `lines` that are by one of `witnesses`. Each must hold for it;
    /// lines of others are left out.
    ///
    /// # Errors
    /// [`WitnessFault::Head`] where the head is not of this ledger, [`WitnessFault::Cosignature`] where a line does not hold,
    /// [`WitnessFault::NoWitness`] where none is by a witness.
    pub fn cosigned_head(
        &self,
        head: Option<Note>,
        lines: &[NoteSignature],
        witnesses: &[WitnessKey],
    ) -> Result<(Note, Vec<Cosignature>), VaultError> {
        let mut note = head.map_or_else(|| self.head(), Ok)?;
        verify_by_any(&note, &self.keys()?).map_err(WitnessFault::Head)?;
        let is_by = |line: &NoteSignature, key: &WitnessKey| line.name() == key.name() && line.key_hash() == key.hash();
        let mut cosignatures = Vec::new();
        for key in witnesses {
            for line in lines.iter().filter(|line| is_by(line, key)) {
                note = note.with_signature(line.clone()).map_err(VaultError::Note)?;
                cosignatures.push(key.verify(&note).map_err(WitnessFault::Cosignature)?);
            }
        }
        if cosignatures.is_empty() {
            return Err(WitnessFault::NoWitness.into());
        }
        Ok((note, cosignatures))
    }

    /// Proof that this log is not the one that `head` was signed over, by the same key: it has another root at that size.
    ///
    /// # Errors
    /// [`WitnessFault::Head`] where the ledger's key did not sign the head, [`WitnessFault::OldBeyond`] where the head is of
    /// a larger log, [`WitnessFault::Fork`] where nothing forked.
    pub fn prove_fork(&self, head: &Note) -> Result<CheckpointFork, VaultError> {
        let key = self.claimed_key()?;
        let checkpoint = Checkpoint::verify(head, &key).map_err(WitnessFault::Head)?;
        let latest = self.head()?;
        let size = Checkpoint::verify(&latest, &key).map_err(WitnessFault::Head)?.size();
        if checkpoint.size() > size {
            return Err(WitnessFault::OldBeyond { old: checkpoint.size(), size }.into());
        }
        let prefix = if checkpoint.size() == size {
            None
        } else {
            let old = checkpoint.size().as_u64();
            let root = self.view().root_at(old).map_err(VaultError::Proof)?;
            Some((root, self.view().consistency_proof(old, size.as_u64()).map_err(VaultError::Proof)?))
        };
        let alone = |note: &Note| note.signed_by(&key).map_err(|error| WitnessFault::Fork(ForkError::Note(error)));
        let fork = CheckpointFork::new(alone(head)?, alone(&latest)?, prefix).map_err(WitnessFault::Fork)?;
        fork.check(&key).map_err(WitnessFault::Fork)?;
        Ok(fork)
    }
}

/// Judges a proof of a fork: that a log forked is contradicted, and a proof that does not hold proves nothing. There is
/// nothing that it could verify.
#[must_use]
pub fn verify_fork(fork: &CheckpointFork, outside: &Outside) -> (ForkShown, Report) {
    let (shown, mut report) = (ForkShown::of(fork), Report::new());
    let subject = format!("log {}", shown.origin);
    match outside.pinned().map(|key| fork.check(key)) {
        None => report.find(Finding::new(Code::NoTrustKey, subject)),
        Some(Ok(proven)) => {
            report.checked("signatures of both checkpoints");
            if !fork.is_of_one_size() {
                report.checked("root of the larger log at the smaller size");
            }
            report.find(forked(&proven.checkpoints().each_ref().map(|one| one.checkpoint().clone())));
        }
        Some(Err(error)) => report.find(Finding::new(Code::ForkUnproven, subject).found(error.code())),
    }
    (shown, report)
}

/// The finding that two checkpoints exclude each other.
#[must_use]
pub fn forked([one, other]: &[Checkpoint; 2]) -> Finding {
    let told = |checkpoint: &Checkpoint| format!("{} at {}", checkpoint.root(), checkpoint.size());
    Finding::new(Code::Forked, format!("log {}", one.origin())).expected_found(told(one), told(other))
}

/// Counts the witnesses that cosigned the head which the verifier brings, where the trust file names any.
pub(crate) fn judge_head(outside: &Outside, report: &mut Report) {
    let Some(policy) = outside.trust.as_ref().and_then(|trust| trust.witnesses.as_ref()) else { return };
    let expected = format!("{} of {} witnesses", policy.quorum(), policy.keys().len());
    let Some(head) = &outside.head else {
        report.find(Finding::new(Code::WitnessesUnmet, HEAD).expected_found(expected, "no head"));
        return;
    };
    let count = policy.count(head, outside.pin_alone(head, HEAD, &mut Report::new()).key().or(outside.pinned()));
    for cosignature in &count.cosignatures {
        let (name, at) = (cosignature.key().name(), shown_time(cosignature.at()));
        report.checked(format!("cosignature of the {HEAD} by {name} at {at}"));
    }
    for fault in &count.faults {
        report.find(Finding::new(Code::CosignatureInvalid, HEAD).found(format!("{} ({})", fault, fault.code())));
    }
    if u32::try_from(count.cosignatures.len()).is_ok_and(|found| found < count.quorum) {
        let found = format!("{}; not by {}", count.cosignatures.len(), count.absent.join(", "));
        report.find(Finding::new(Code::WitnessesUnmet, HEAD).expected_found(expected, found));
    }
}

/// Judges again each checkpoint that this vault cosigned. Of a vault that cosigned none nothing is said.
pub(crate) fn audit(reader: &Reader) -> Result<Report, VaultError> {
    let (mut report, mut state, mut rows) = (Report::new(), WitnessState::default(), 0_u64);
    let keys = reader.keys();
    let cosigner = |seq| {
        let keys = keys.as_ref().map_err(VaultError::code)?;
        CosignerKey::new(keys.ledger().origin(), keys.key_at(seq)).map_err(|error| error.code())
    };
    let visit = &mut |entry: vm_core::record::LogEntry, row| {
        let subject = format!("row proof_artifacts/{}", entry.row_id);
        rows += 1;
        // What is not there, or is not as it was logged, the audit of the rows tells.
        let RowState::Present(row) = row else { return Ok(Visit::Continue) };
        match (WitnessRow::of_row(&row), &cosigner(entry.seq)) {
            (Ok(Some(row)), Ok(cosigner)) => check_conduct(&mut state, &row, cosigner, &subject, &mut report),
            (Ok(None), _) => {}
            (Ok(Some(_)), Err(error)) => {
                report.find(Finding::new(Code::EvidenceUnreadable, subject).found(error));
            }
            (Err(error), _) if error.code() == "format-unknown" => {
                report.find(Finding::new(Code::FormatUnknown, subject).found(error.code()));
            }
            (Err(error), _) => report.find(Finding::new(Code::WitnessBroken, subject).found(error.code())),
        }
        Ok(Visit::Continue)
    };
    reader.view().visit_kind(SystemKind::WitnessCheckpoint.as_str(), visit).map_err(VaultError::View)?;
    if rows > 0 {
        report.checked(format!("checkpoints that this vault cosigned: {rows}"));
    }
    Ok(report)
}

/// A time of a cosignature as RFC 3339 where it can be written so, else in seconds.
#[must_use]
pub fn shown_time(at: UnixSeconds) -> String {
    let micros = i64::try_from(at.as_seconds()).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let instant = micros.and_then(|micros| Instant::from_micros(micros).ok());
    instant.map_or_else(|| format!("{at} s"), |instant| instant.to_string())
}
