//! The check of a committed root or of whole evidence, and a [`BitcoinAttested`] only if all holds.

use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Finding, Report};

use super::block_hash::BlockHash;
use super::carried::{self, Wrong};
use super::defect::BitcoinDefect;
use super::evidence::BitcoinEvidence;
use super::header::{Header, MerkleRoot};
use super::merkle;
use super::trust::{BitcoinTrust, Standing};

/// How far a block's time may lie from the true one, in microseconds: nodes refuse a block more than two hours ahead of
/// their clocks (Bitcoin Core, `MAX_FUTURE_BLOCK_TIME`), and one is behind by as much as the median of the eleven
/// before allows, which is an hour or so (BIP 113).
pub(crate) const MARGIN_MICROS: u64 = 7_200_000_000;
/// What the findings are about.
const SUBJECT: &str = "bitcoin evidence";

/// A digest that a believed block commits to. Only a check can make one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BitcoinAttested {
    chain: String,
    height: u32,
    hash: BlockHash,
    time: Instant,
    confirmations: u32,
    commitment: [u8; 32],
}

impl BitcoinAttested {
    /// Name of the chain in the trust that it was judged by.
    #[must_use]
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Height of the block.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Hash of the block.
    #[must_use]
    pub const fn block_hash(&self) -> BlockHash {
        self.hash
    }

    /// The time in the block's header, whole seconds, as its miner states it. The true one may lie two hours before or
    /// after.
    #[must_use]
    pub const fn time(&self) -> Instant {
        self.time
    }

    /// Blocks above it in the headers.
    #[must_use]
    pub const fn confirmations(&self) -> u32 {
        self.confirmations
    }

    /// What names the anchor: a transaction's id, or the root that a proof ends in.
    #[must_use]
    pub const fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// The anchor's identity: SHA-256 of height and commitment.
    #[must_use]
    pub fn identity(&self) -> Sha256Digest {
        Sha256Digest::of(&[&b"vm-anchor-bitcoin-v0"[..], &self.height.to_be_bytes(), &self.commitment].concat())
    }
}

/// Whether the block at `height` has this Merkle root, in a chain that is believed.
///
/// # Errors
/// [`BitcoinDefect`].
pub fn judge_root(
    chains: &[BitcoinTrust],
    height: u32,
    root: MerkleRoot,
    now: Instant,
) -> Result<BitcoinAttested, BitcoinDefect> {
    judge_block(chains, height, *root.as_bytes(), now, |header| match header.merkle_root() == root {
        true => Ok(()),
        false => Err(BitcoinDefect::RootMismatch),
    })
}

/// Looks for the block in each chain; the first that believes it decides, else the one that comes closest.
fn judge_block(
    chains: &[BitcoinTrust],
    height: u32,
    commitment: [u8; 32],
    now: Instant,
    matches: impl Fn(&Header) -> Result<(), BitcoinDefect>,
) -> Result<BitcoinAttested, BitcoinDefect> {
    let mut closest = BitcoinDefect::NoChain;
    for chain in chains {
        match chain.standing(height) {
            Standing::NotReached => closest = closest.max(BitcoinDefect::NotReached),
            Standing::Unchecked => closest = closest.max(BitcoinDefect::TargetUnchecked),
            Standing::Shallow => closest = closest.max(BitcoinDefect::Shallow),
            Standing::Believed(header, confirmations) => match matches(&header) {
                Ok(()) => {
                    let time = check_time(&header, now)?;
                    let (chain, hash) = (chain.name().to_owned(), header.hash());
                    return Ok(BitcoinAttested { chain, height, hash, time, confirmations, commitment });
                }
                Err(defect) => closest = closest.max(defect),
            },
        }
    }
    Err(closest)
}

fn check_time(header: &Header, now: Instant) -> Result<Instant, BitcoinDefect> {
    let time =
        Instant::from_micros(i64::from(header.seconds()) * 1_000_000).map_err(|_| BitcoinDefect::BlockInFuture)?;
    let latest = now.saturating_add_micros(i64::try_from(MARGIN_MICROS).unwrap_or(i64::MAX));
    if time > latest { Err(BitcoinDefect::BlockInFuture) } else { Ok(time) }
}

/// Judges evidence that a transaction carries `digest`, by someone whose clock says `now`. The attestation is given only
/// if the report is verified. Cost: linear in the evidence's length; where the block comes after the pinned one, a pass
/// over the headers above it.
#[must_use]
pub fn verify_bitcoin(
    evidence: &[u8],
    digest: &Sha256Digest,
    chains: &[BitcoinTrust],
    now: Instant,
) -> (Report, Option<BitcoinAttested>) {
    let mut report = Report::new();
    report.checked(format!("{SUBJECT}: form"));
    let evidence = match BitcoinEvidence::parse(evidence) {
        Ok(evidence) => evidence,
        Err(error) => {
            let expected = "evidence of the format vm-anchor-bitcoin-v0";
            report.find(Finding::new(error.finding(), SUBJECT).expected_found(expected, error.code()));
            return (report, None);
        }
    };
    let carried = BitcoinDefect::note(
        &mut report,
        SUBJECT,
        "transaction",
        carried::id_of(&evidence.transaction, digest).map_err(defect_of),
    );
    let proven = BitcoinDefect::note(
        &mut report,
        SUBJECT,
        "proof",
        merkle::read(&evidence.proof).ok_or(BitcoinDefect::ProofMalformed),
    );
    let Some((id, proven)) = carried.zip(proven) else { return (report, None) };
    let header = Header::parse(proven.header).map_err(|_| BitcoinDefect::ProofMalformed);
    let header = BitcoinDefect::note(
        &mut report,
        SUBJECT,
        "inclusion",
        header.and_then(|header| check_inclusion(&header, &proven, id)),
    );
    let Some(stated) = header else { return (report, None) };
    let block = judge_block(chains, evidence.height, id, now, |header| match *header == stated {
        true => Ok(()),
        false => Err(BitcoinDefect::HeaderMismatch),
    });
    let attested = BitcoinDefect::note(&mut report, SUBJECT, "block", block);
    (report, attested)
}

fn check_inclusion(header: &Header, proven: &merkle::Proven<'_>, id: [u8; 32]) -> Result<Header, BitcoinDefect> {
    if proven.root != header.merkle_root() || proven.transaction != id {
        return Err(BitcoinDefect::ProofMismatch);
    }
    Ok(*header)
}

const fn defect_of(wrong: Wrong) -> BitcoinDefect {
    match wrong {
        Wrong::Malformed => BitcoinDefect::TransactionMalformed,
        Wrong::NodeLength => BitcoinDefect::TransactionLength,
        Wrong::NotCarried => BitcoinDefect::NotCarried,
    }
}
