//! What a check yields when everything holds.

use core::fmt;

use serde::{Deserialize, Serialize};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Report;
#[cfg(not(feature = "ethereum"))]
use vm_core::verdict::{Code, Finding};

use crate::bitcoin::{BitcoinAttested, MARGIN_MICROS as BITCOIN_MARGIN_MICROS, verify_bitcoin};
use crate::ots::verify_ots;
use crate::policy::{TrustPolicy, TrustedAuthority};
use crate::rfc3161::{Accuracy, Check, Imprint, Oid, Serial, Stamped, TstInfo};

/// A road by which time is proven from outside. Others than these are refused by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Rail {
    /// A token of a time-stamp authority (RFC 3161).
    Rfc3161,
    /// An OpenTimestamps proof, which ends in a block of Bitcoin.
    OpenTimestamps,
    /// A Bitcoin transaction that carries the digest itself.
    Bitcoin,
    /// An Ethereum transaction that carries the digest.
    Ethereum,
}

impl Rail {
    /// Every rail.
    pub const ALL: [Self; 4] = [Self::Rfc3161, Self::OpenTimestamps, Self::Bitcoin, Self::Ethereum];

    /// Ending of the files that hold its evidence, without the dot.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Rfc3161 => "tst",
            Self::OpenTimestamps => "ots",
            Self::Bitcoin => "btc",
            Self::Ethereum => "eth",
        }
    }

    /// The rail whose evidence a file of this name holds.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|rail| rail.ending() == ending)
    }

    /// Format of its evidence, where release 0.1.0 did not know it: a ledger announces it before the first row.
    #[must_use]
    pub const fn added_format(self) -> Option<&'static str> {
        match self {
            Self::Rfc3161 => None,
            Self::OpenTimestamps => Some("opentimestamps-v1"),
            Self::Bitcoin => Some("vm-anchor-bitcoin-v0"),
            Self::Ethereum => Some("vm-anchor-ethereum-v0"),
        }
    }

    /// The rail's name as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rfc3161 => "rfc3161",
            Self::OpenTimestamps => "opentimestamps",
            Self::Bitcoin => "bitcoin",
            Self::Ethereum => "ethereum",
        }
    }
}

impl fmt::Display for Rail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An anchor that was checked whole, down to a root or block that the policy pins. Only the check can make one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedAnchor {
    rail: Rail,
    time: Instant,
    margin: Margin,
    stamped: Sha256Digest,
    authority: String,
    root: Sha256Digest,
    independent: bool,
    identity: Sha256Digest,
    detail: Detail,
}

/// How far the true time may lie from the attested one, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Margin {
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// What only anchors of one kind say.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Detail {
    /// What a token says beside its time.
    Token {
        /// The imprint that it carries.
        imprint: Imprint,
        /// How far the true time may lie from the attested one, where the authority says so.
        accuracy: Option<Accuracy>,
        /// Its serial number.
        serial: Serial,
        /// The authority's policy under which it was issued.
        issued_under: Oid,
    },
    /// The block that holds a commitment.
    Block {
        /// Its height.
        height: u64,
        /// Its hash, as explorers of its chain write it.
        hash: String,
        /// Blocks on top of it that were checked as well.
        confirmations: u64,
    },
}

impl VerifiedAnchor {
    pub(crate) fn new(
        rail: Rail,
        claims: &TstInfo,
        stamped: Sha256Digest,
        imprint: Imprint,
        authority: &TrustedAuthority,
    ) -> Self {
        let accuracy = claims.accuracy();
        let micros = accuracy.map_or(0, Accuracy::as_micros);
        Self {
            rail,
            time: claims.gen_time(),
            margin: Margin { before: micros, after: micros },
            stamped,
            authority: authority.name().to_owned(),
            root: authority.root().sha256(),
            independent: authority.is_independent(),
            identity: claims.identity(),
            detail: Detail::Token { imprint, accuracy, serial: claims.serial().clone(), issued_under: claims.policy() },
        }
    }

    /// The road by which it was proven.
    #[must_use]
    pub const fn rail(&self) -> Rail {
        self.rail
    }

    /// The attested time: a token's genTime, to the microsecond, or that of a block's header.
    #[must_use]
    pub const fn gen_time(&self) -> Instant {
        self.time
    }

    /// The earliest time at which the anchor can have been made: the attested one less its margin.
    #[must_use]
    pub fn not_before(&self) -> Instant {
        self.time.saturating_add_micros(i64::try_from(self.margin.before).map_or(i64::MIN, i64::wrapping_neg))
    }

    /// What was stamped existed at this time at the latest: the attested one and its margin added.
    #[must_use]
    pub fn not_after(&self) -> Instant {
        self.time.saturating_add_micros(i64::try_from(self.margin.after).unwrap_or(i64::MAX))
    }

    /// SHA-256 of what was stamped, whichever hash the evidence itself used.
    #[must_use]
    pub const fn stamped(&self) -> Sha256Digest {
        self.stamped
    }

    /// The authority's name in the policy. A quorum counts these.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What the policy pins and the proof ended at: SHA-256 of a root certificate, or of a block's hash.
    #[must_use]
    pub const fn root(&self) -> Sha256Digest {
        self.root
    }

    /// Whether the policy says that the ledger's owner does not control the authority.
    #[must_use]
    pub const fn is_independent(&self) -> bool {
        self.independent
    }

    /// The anchor's identity: SHA-256 of the signed TSTInfo, or of block and commitment; never of the evidence, whose other
    /// bytes can be changed.
    #[must_use]
    pub const fn identity(&self) -> Sha256Digest {
        self.identity
    }

    /// What only anchors of its kind say.
    #[must_use]
    pub const fn detail(&self) -> &Detail {
        &self.detail
    }

    /// The imprint that a token carries.
    #[must_use]
    pub const fn imprint(&self) -> Option<&Imprint> {
        match &self.detail {
            Detail::Token { imprint, .. } => Some(imprint),
            Detail::Block { .. } => None,
        }
    }

    /// A token's accuracy, where its authority states one.
    #[must_use]
    pub const fn accuracy(&self) -> Option<Accuracy> {
        match &self.detail {
            Detail::Token { accuracy, .. } => *accuracy,
            Detail::Block { .. } => None,
        }
    }
}

/// Checks evidence of any rail over data whose SHA-256 is `digest`. The anchor is given only if its own evidence holds; a
/// report may still hold remarks.
#[must_use]
pub fn verify_evidence(
    rail: Rail,
    evidence: &[u8],
    digest: &Sha256Digest,
    policy: &TrustPolicy,
    now: Instant,
) -> (Report, Option<VerifiedAnchor>) {
    match rail {
        Rail::Rfc3161 => verify_token(evidence, digest, None, policy, now),
        Rail::OpenTimestamps => on_bitcoin(rail, *digest, verify_ots(evidence, digest, policy.bitcoin(), now)),
        Rail::Bitcoin => on_bitcoin(rail, *digest, verify_bitcoin(evidence, digest, policy.bitcoin(), now)),
        #[cfg(feature = "ethereum")]
        Rail::Ethereum => verify_on_ethereum(evidence, digest, policy, now),
        #[cfg(not(feature = "ethereum"))]
        Rail::Ethereum => {
            let mut report = Report::new();
            report
                .find(Finding::new(Code::FormatUnknown, "evidence").found("ethereum, which this build does not read"));
            (report, None)
        }
    }
}

fn on_bitcoin(
    rail: Rail,
    stamped: Sha256Digest,
    (report, attested): (Report, Option<BitcoinAttested>),
) -> (Report, Option<VerifiedAnchor>) {
    let anchor = attested.map(|attested| VerifiedAnchor {
        rail,
        time: attested.time(),
        margin: Margin { before: BITCOIN_MARGIN_MICROS, after: BITCOIN_MARGIN_MICROS },
        stamped,
        authority: attested.chain().to_owned(),
        root: Sha256Digest::of(attested.block_hash().as_bytes()),
        independent: true,
        identity: attested.identity(),
        detail: Detail::Block {
            height: attested.height().into(),
            hash: attested.block_hash().to_string(),
            confirmations: attested.confirmations().into(),
        },
    });
    (report, anchor)
}

/// How far a block's time may lie from the true one, in microseconds: nodes refuse a block more than 15 seconds ahead of
/// their clocks, and since the merge a block's time is that of its slot of twelve seconds.
#[cfg(feature = "ethereum")]
const ETHEREUM_MARGIN_MICROS: u64 = 15_000_000;

#[cfg(feature = "ethereum")]
fn verify_on_ethereum(
    evidence: &[u8],
    digest: &Sha256Digest,
    policy: &TrustPolicy,
    now: Instant,
) -> (Report, Option<VerifiedAnchor>) {
    use crate::ethereum::{EthereumEvidence, verify_ethereum};
    // A chain that the policy does not name is like an authority that it does not name.
    let chain = EthereumEvidence::parse(evidence).ok().and_then(|evidence| policy.ethereum(evidence.chain_id()));
    let (report, attested) = verify_ethereum(evidence, digest, chain, now);
    let anchor = attested.map(|attested| VerifiedAnchor {
        rail: Rail::Ethereum,
        time: attested.time(),
        margin: Margin { before: ETHEREUM_MARGIN_MICROS, after: ETHEREUM_MARGIN_MICROS },
        stamped: attested.stamped(),
        authority: attested.trust().to_owned(),
        root: Sha256Digest::of(attested.block_hash().as_bytes()),
        independent: true,
        identity: attested.identity(),
        detail: Detail::Block {
            height: attested.number(),
            hash: attested.block_hash().to_string(),
            confirmations: attested.confirmations().into(),
        },
    });
    (report, anchor)
}

/// Checks a bare RFC 3161 token over data whose SHA-256 is `digest`. See [`Check`] for more choices.
///
/// The nonce is that of the request, where it is still known. The anchor is given only if the report is verified.
#[must_use]
pub fn verify_token(
    token: &[u8],
    digest: &Sha256Digest,
    nonce: Option<&[u8]>,
    policy: &TrustPolicy,
    now: Instant,
) -> (Report, Option<VerifiedAnchor>) {
    check(digest, nonce, policy, now).token(token)
}

/// As [`verify_token`], for a whole `TimeStampResp` as an authority sends it.
#[must_use]
pub fn verify_response(
    response: &[u8],
    digest: &Sha256Digest,
    nonce: Option<&[u8]>,
    policy: &TrustPolicy,
    now: Instant,
) -> (Report, Option<VerifiedAnchor>) {
    check(digest, nonce, policy, now).response(response)
}

fn check<'a>(digest: &Sha256Digest, nonce: Option<&[u8]>, policy: &'a TrustPolicy, now: Instant) -> Check<'a> {
    let check = Check::new(policy, now).stamped(Stamped::Digest(*digest));
    match nonce {
        Some(nonce) => check.nonce(nonce),
        None => check,
    }
}
