//! What a check yields when everything holds.

use core::fmt;

use serde::{Deserialize, Serialize};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Report;

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

/// An anchor that was checked whole: form, imprint, signature, purpose of the certificate, path to a pinned root, time.
/// Only the check can make one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedAnchor {
    rail: Rail,
    gen_time: Instant,
    accuracy: Option<Accuracy>,
    stamped: Sha256Digest,
    imprint: Imprint,
    authority: String,
    root: Sha256Digest,
    independent: bool,
    identity: Sha256Digest,
    serial: Serial,
    issued_under: Oid,
}

impl VerifiedAnchor {
    pub(crate) fn new(
        rail: Rail,
        claims: &TstInfo,
        stamped: Sha256Digest,
        imprint: Imprint,
        authority: &TrustedAuthority,
    ) -> Self {
        Self {
            rail,
            gen_time: claims.gen_time(),
            accuracy: claims.accuracy(),
            stamped,
            imprint,
            authority: authority.name().to_owned(),
            root: authority.root().sha256(),
            independent: authority.is_independent(),
            identity: claims.identity(),
            serial: claims.serial().clone(),
            issued_under: claims.policy(),
        }
    }

    /// The road by which it was proven.
    #[must_use]
    pub const fn rail(&self) -> Rail {
        self.rail
    }

    /// The time the authority attests, to the microsecond.
    #[must_use]
    pub const fn gen_time(&self) -> Instant {
        self.gen_time
    }

    /// How far the true time may lie from [`Self::gen_time`], where the authority says so.
    #[must_use]
    pub const fn accuracy(&self) -> Option<Accuracy> {
        self.accuracy
    }

    /// What was stamped existed at this time at the latest: the attested time and its accuracy added.
    #[must_use]
    pub fn not_after(&self) -> Instant {
        let micros = self.accuracy.map_or(0, Accuracy::as_micros);
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        self.gen_time.saturating_add_micros(micros)
    }

    /// SHA-256 of what was stamped, whichever hash the token itself used.
    #[must_use]
    pub const fn stamped(&self) -> Sha256Digest {
        self.stamped
    }

    /// The imprint that the token carries.
    #[must_use]
    pub const fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    /// The authority's name in the policy. A quorum counts these.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// SHA-256 of the pinned root certificate that the path ended at.
    #[must_use]
    pub const fn root(&self) -> Sha256Digest {
        self.root
    }

    /// Whether the policy says that the ledger's owner does not control the authority.
    #[must_use]
    pub const fn is_independent(&self) -> bool {
        self.independent
    }

    /// The anchor's identity: SHA-256 of the signed TSTInfo, never of the token, whose other bytes can be changed.
    #[must_use]
    pub const fn identity(&self) -> Sha256Digest {
        self.identity
    }

    /// The token's serial number.
    #[must_use]
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The authority's policy under which the token was issued.
    #[must_use]
    pub const fn issued_under(&self) -> Oid {
        self.issued_under
    }
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
