//! The check of a proof: what it says about a digest, and which blocks vouch for it.

use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Finding, Report, Verdict};

use super::attestation::Attestation;
use super::error::OtsError;
use super::op::{FileHash, Strength};
use super::proof::Proof;
use super::timestamp::Attested;
use crate::bitcoin::{BitcoinAttested, BitcoinDefect, BitcoinTrust, MerkleRoot, judge_root};
use crate::defect::defects;

/// What the findings are about.
const SUBJECT: &str = "opentimestamps proof";

defects! {
    /// What a check of a proof refuses, beside what [`BitcoinDefect`] says of blocks.
    OtsDefect:
    FileHashWeak "file-hash-weak" AnchorInvalid "the file is named by SHA-256, not by SHA-1"
    FileHashUnsupported "file-hash-unsupported" FormatUnknown "the file is named by SHA-256"
    DigestMismatch "digest-mismatch" AnchorInvalid "the proof is about the digest of what was stamped"
    OpWeak "operation-weak" AnchorInvalid "no operation on the way is SHA-1"
    CommitmentLength "commitment-length" AnchorInvalid "what a block attests is as long as a Merkle root"
    Pending "pending" AnchorPending "a calendar kept its promise"
    Nothing "nothing-attested" AnchorPending "the proof holds an attestation that can count"
}

/// Judges a proof about data whose SHA-256 is `digest`, by someone whose clock says `now`. Of several blocks that hold, the
/// earliest is given, and only if nothing is contradicted.
///
/// A proof often holds several attestations. A promise beside a block that holds is no finding, and one of an unknown kind is
/// a remark: neither counts. Any block that is contradicted contradicts the whole. Cost: linear in the proof's length.
#[must_use]
pub fn verify_ots(
    proof: &[u8],
    digest: &Sha256Digest,
    chains: &[BitcoinTrust],
    now: Instant,
) -> (Report, Option<BitcoinAttested>) {
    let mut report = Report::new();
    report.checked(format!("{SUBJECT}: form"));
    let read = Proof::parse(proof);
    let attested = read.as_ref().map_err(|error| *error).and_then(|proof| Ok((proof, proof.attested()?)));
    let (proof, attested) = match attested {
        Ok(read) => read,
        Err(error) => {
            let code = match error {
                OtsError::Version { .. } => Code::FormatUnknown,
                _ => Code::AnchorInvalid,
            };
            report.find(Finding::new(code, SUBJECT).expected_found("an OpenTimestamps proof", error.code()));
            return (report, None);
        }
    };
    if OtsDefect::note(&mut report, SUBJECT, "digest", check_digest(proof, digest)).is_none() {
        return (report, None);
    }
    let best = judge(&attested, chains, now, &mut report);
    let best = best.filter(|_| report.verdict() != Verdict::Contradicted);
    (report, best)
}

fn check_digest(proof: &Proof, digest: &Sha256Digest) -> Result<(), OtsDefect> {
    match proof.file_hash() {
        FileHash::Sha256 if proof.digest() == digest.as_bytes() => Ok(()),
        FileHash::Sha256 => Err(OtsDefect::DigestMismatch),
        FileHash::Sha1 => Err(OtsDefect::FileHashWeak),
        FileHash::Ripemd160 | FileHash::Keccak256 => Err(OtsDefect::FileHashUnsupported),
    }
}

/// Judges every attestation; what only matters where none holds is told last.
fn judge(
    attested: &[Attested<'_>],
    chains: &[BitcoinTrust],
    now: Instant,
    report: &mut Report,
) -> Option<BitcoinAttested> {
    let (mut best, mut open): (Option<BitcoinAttested>, Vec<Finding>) = (None, Vec::new());
    for one in attested {
        match one.attestation {
            Attestation::Pending(uri) => {
                open.push(
                    Finding::new(OtsDefect::Pending.finding(), SUBJECT).expected_found(OtsDefect::Pending.rule(), uri),
                );
            }
            Attestation::Bitcoin(height) => {
                report.checked(format!("{SUBJECT}: block {height}"));
                match judge_one(one, *height, chains, now) {
                    Ok(block) => {
                        if one.strength == Strength::Legacy {
                            report.find(Finding::new(Code::AnchorLegacy, SUBJECT).found("RIPEMD-160"));
                        }
                        best = Some(best.filter(|best| best.time() <= block.time()).unwrap_or(block));
                    }
                    Err(found) if found.code() == Code::NoTrustRoot || found.code() == Code::AnchorPending => {
                        open.push(found)
                    }
                    Err(found) => report.find(found),
                }
            }
            other => {
                let kind = match other {
                    Attestation::Litecoin(_) => "litecoin".to_owned(),
                    Attestation::Unknown { tag, .. } => vm_core::digest::to_hex(tag),
                    _ => "unknown".to_owned(),
                };
                report.find(Finding::new(Code::AttestationUnknown, SUBJECT).found(kind));
            }
        }
    }
    if best.is_none() {
        let is_told = |code: Code| code != Code::AttestationUnknown;
        if open.is_empty() && !report.findings().iter().any(|finding| is_told(finding.code())) {
            open.push(OtsDefect::Nothing.about(SUBJECT));
        }
        open.into_iter().for_each(|finding| report.find(finding));
    }
    best
}

fn judge_one(
    one: &Attested<'_>,
    height: u64,
    chains: &[BitcoinTrust],
    now: Instant,
) -> Result<BitcoinAttested, Finding> {
    if one.strength == Strength::Broken {
        return Err(OtsDefect::OpWeak.about(SUBJECT));
    }
    let root: [u8; 32] = one.message.as_slice().try_into().map_err(|_| OtsDefect::CommitmentLength.about(SUBJECT))?;
    let block = |defect: BitcoinDefect| defect.about(&format!("{SUBJECT}: block {height}"));
    let height = u32::try_from(height).map_err(|_| block(BitcoinDefect::NotReached))?;
    judge_root(chains, height, MerkleRoot::from_bytes(root), now).map_err(block)
}
