//! A detached proof: a file's digest and its timestamp.
//!
//! ```text
//! 00 "OpenTimestamps" 00 00 "Proof" 00 bf89e2e884e89294 | version 1 | tag of the hash | digest | timestamp
//! ```

use vm_core::digest::Sha256Digest;

use super::attestation::Attestation;
use super::error::OtsError;
use super::op::{FileHash, Op};
use super::timestamp::{Attested, Cursor, Step, Timestamp};

/// How every proof begins.
pub const MAGIC: &[u8] = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94";
/// Longest proof read, in bytes. Those of public calendars are below 4 kB; the limit keeps the hashing of the worst input
/// below a second.
pub const PROOF_BYTES_MAX: usize = 256 * 1024;
/// The one version of the format.
const VERSION: u64 = 1;

/// A proof about one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    hash: FileHash,
    digest: Vec<u8>,
    timestamp: Timestamp,
}

impl Proof {
    /// Reads a proof, all of it. What is written again is the same, byte for byte.
    ///
    /// # Errors
    /// [`OtsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, OtsError> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(OtsError::TooLong { limit: PROOF_BYTES_MAX, found: bytes.len() });
        }
        let mut cursor = Cursor::new(bytes.strip_prefix(MAGIC).ok_or(OtsError::Magic)?);
        match cursor.number()? {
            VERSION => {}
            found => return Err(OtsError::Version { found }),
        }
        let tag = cursor.byte()?;
        let hash = FileHash::of_tag(tag).ok_or(OtsError::FileHash { tag })?;
        let digest = cursor.take(hash.digest_len())?.to_vec();
        let timestamp = Timestamp::read(&mut cursor)?;
        if !cursor.is_finished() {
            return Err(OtsError::TrailingBytes);
        }
        timestamp.attested(&digest)?;
        Ok(Self { hash, digest, timestamp })
    }

    /// A proof about a file, of what a calendar answered. `nonce` was put behind the digest before it was hashed and sent, so
    /// that the calendar does not learn the digest (see [`Proof::sent`]).
    ///
    /// # Errors
    /// [`OtsError`] where the nonce is empty or the answer no timestamp.
    pub fn answered(digest: &Sha256Digest, nonce: &[u8], answer: &[u8]) -> Result<Self, OtsError> {
        let sent = Self::sent(digest, nonce)?;
        let answer = Timestamp::parse(answer, &sent)?;
        let mut steps = vec![Step::Op(Op::Append(nonce.to_vec())), Step::Op(Op::Sha256)];
        steps.extend_from_slice(answer.steps());
        let proof =
            Self { hash: FileHash::Sha256, digest: digest.as_bytes().to_vec(), timestamp: Timestamp::of(steps) };
        // Deeper by two, it may be too deep.
        Self::parse(&proof.to_bytes())
    }

    /// What is sent to a calendar for a file: SHA-256 of its digest and a nonce.
    ///
    /// # Errors
    /// [`OtsError::Length`] where the nonce is empty.
    pub fn sent(digest: &Sha256Digest, nonce: &[u8]) -> Result<Vec<u8>, OtsError> {
        if nonce.is_empty() {
            return Err(OtsError::Length { limit: super::op::MESSAGE_BYTES_MAX });
        }
        Op::Sha256.apply(&Op::Append(nonce.to_vec()).apply(digest.as_bytes())?)
    }

    /// The proof's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        super::timestamp::write_number(VERSION, &mut out);
        out.push(self.hash.op().tag());
        out.extend_from_slice(&self.digest);
        out.extend(self.timestamp.to_bytes());
        out
    }

    /// The hash by which it names its file.
    #[must_use]
    pub const fn file_hash(&self) -> FileHash {
        self.hash
    }

    /// The file's digest.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// What leads from the digest to attestations.
    #[must_use]
    pub const fn timestamp(&self) -> &Timestamp {
        &self.timestamp
    }

    /// The attestations, each with what it attests.
    ///
    /// # Errors
    /// [`OtsError::Length`] never in practice: it was computed when the proof was read.
    pub fn attested(&self) -> Result<Vec<Attested<'_>>, OtsError> {
        self.timestamp.attested(&self.digest)
    }

    /// The promises in it: address of the calendar, and the message that it is asked for.
    ///
    /// # Errors
    /// As [`Proof::attested`].
    pub fn pending(&self) -> Result<Vec<(String, Vec<u8>)>, OtsError> {
        let promise = |attested: Attested<'_>| match attested.attestation {
            Attestation::Pending(uri) => Some((uri.clone(), attested.message)),
            _ => None,
        };
        Ok(self.attested()?.into_iter().filter_map(promise).collect())
    }

    /// Whether `other` is this proof with its promises replaced by what came of them: it goes the same way up to the first of
    /// them, and holds none of them any more.
    #[must_use]
    pub fn is_completed_by(&self, other: &Self) -> bool {
        let (Ok(own), Ok(theirs)) = (self.pending(), other.pending()) else { return false };
        let is_promise = |step: &Step| matches!(step, Step::Attestation(Attestation::Pending(_)));
        let (steps, others) = (self.timestamp.steps(), other.timestamp.steps());
        let Some(at) = steps.iter().position(is_promise) else { return false };
        let same_way = steps.get(..at).zip(others.get(..at)).is_some_and(|(own, others)| own == others);
        self.digest == other.digest && same_way && !own.iter().any(|promise| theirs.contains(promise))
    }

    /// The proof with a promise replaced by what its calendar answered since.
    ///
    /// # Errors
    /// [`OtsError::NotPending`] where there is no such promise; [`OtsError`] where the answer is no timestamp of its message,
    /// or the proof becomes too deep or long.
    pub fn completed(&self, uri: &str, message: &[u8], answer: &[u8]) -> Result<Self, OtsError> {
        let answer = Timestamp::parse(answer, message)?;
        let attested = self.attested()?;
        let is_it = |one: &&Attested<'_>| match one.attestation {
            Attestation::Pending(found) => found == uri && one.message == message,
            _ => false,
        };
        let at = attested.iter().find(is_it).ok_or(OtsError::NotPending)?.at;
        let (before, rest) = self.timestamp.steps().split_at_checked(at).ok_or(OtsError::NotPending)?;
        let after = rest.get(1..).unwrap_or_default();
        let steps = [before, answer.steps(), after].concat();
        Self::parse(&Self { timestamp: Timestamp::of(steps), ..self.clone() }.to_bytes())
    }
}
