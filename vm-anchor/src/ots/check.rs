//! The check of a proof: what it says about a digest, and which blocks vouch for it.

use core::fmt;

use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Finding, Report};

use super::attestation::Attestation;
use super::error::OtsError;
use super::op::{FileHash, Strength};
use super::proof::Proof;
use super::timestamp::Attested;
use crate::bitcoin::{BitcoinAttested, BitcoinDefect, BitcoinTrust, MerkleRoot, judge_root};

/// What the findings are about.
const SUBJECT: &str = "opentimestamps proof";

macro_rules! defects {
    ($($variant:ident $code:literal $finding:ident $rule:literal)*) => {
        /// What a check of a proof refuses, beside what [`BitcoinDefect`] says of blocks.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum OtsDefect {
            $(#[doc = concat!("Broken rule: ", $rule, ".")] $variant,)*
        }

        impl OtsDefect {
            /// Every defect, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Stable reason, as it stands in a finding.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The finding this defect makes.
            #[must_use]
            pub const fn finding(self) -> Code {
                match self { $(Self::$variant => Code::$finding,)* }
            }

            /// The rule that was broken.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }
        }
    };
}

defects! {
    FileHashWeak "file-hash-weak" AnchorInvalid "the file is named by SHA-256, not by SHA-1"
    FileHashUnsupported "file-hash-unsupported" FormatUnknown "the file is named by SHA-256"
    DigestMismatch "digest-mismatch" AnchorInvalid "the proof is about the digest of what was stamped"
    OpWeak "operation-weak" AnchorInvalid "no operation on the way is SHA-1"
    CommitmentLength "commitment-length" AnchorInvalid "what a block attests is as long as a Merkle root"
    Pending "pending" AnchorPending "a calendar kept its promise"
    Nothing "nothing-attested" AnchorPending "the proof holds an attestation that can count"
}

impl fmt::Display for OtsDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
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
    report.checked(format!("{SUBJECT}: digest"));
    if let Err(defect) = check_digest(proof, digest) {
        report.find(finding(defect));
        return (report, None);
    }
    let best = judge(&attested, chains, now, &mut report);
    let holds =
        report.findings().iter().all(|finding| finding.code().severity() != vm_core::verdict::Severity::Contradicted);
    (report, best.filter(|_| holds))
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
            open.push(finding(OtsDefect::Nothing));
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
        return Err(finding(OtsDefect::OpWeak));
    }
    let root: [u8; 32] = one.message.as_slice().try_into().map_err(|_| finding(OtsDefect::CommitmentLength))?;
    let block = |defect: BitcoinDefect| {
        let subject = format!("{SUBJECT}: block {height}");
        Finding::new(defect.finding(), subject).expected_found(defect.rule(), defect.code())
    };
    let height = u32::try_from(height).map_err(|_| block(BitcoinDefect::NotReached))?;
    judge_root(chains, height, MerkleRoot::from_bytes(root), now).map_err(block)
}

fn finding(defect: OtsDefect) -> Finding {
    Finding::new(defect.finding(), SUBJECT).expected_found(defect.rule(), defect.code())
}
