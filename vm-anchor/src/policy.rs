//! Trust policy: which authorities are believed, by name and pinned root, and which of them count.

use core::fmt;
use std::collections::BTreeSet;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::time::Validity;

use crate::bitcoin::BitcoinTrust;
use crate::error::{Defect, PolicyError};
#[cfg(feature = "ethereum")]
use crate::ethereum::EthereumTrust;
use crate::rfc3161::{CRLS_MAX, Legacy, check_validity, reads_as_list};
use crate::verify::{Rail, VerifiedAnchor};

/// Longest name of an authority in bytes; it stands in findings and tables.
pub const NAME_BYTES_MAX: usize = 128;
/// Most authorities in a policy: some hundred public ones are known.
pub const AUTHORITIES_MAX: usize = 256;
/// Label of a certificate in PEM (RFC 7468, section 5).
const PEM_LABEL: &str = "CERTIFICATE";

/// A pinned root certificate. Text form: PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct RootCertificate {
    der: Vec<u8>,
    sha256: Sha256Digest,
    validity: Validity,
}

impl RootCertificate {
    /// Pins a certificate in DER. It need not be self-signed: pinning an intermediate trusts only what lies below it.
    ///
    /// # Errors
    /// [`PolicyError::RootCertificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, PolicyError> {
        let certificate = Certificate::from_der(der).map_err(|_| PolicyError::RootCertificate)?;
        let validity = *certificate.tbs_certificate().validity();
        let root = Self { der: der.to_vec(), sha256: Sha256Digest::of(der), validity };
        root.anchor()?;
        Ok(root)
    }

    /// Pins the one certificate in a PEM text; lines before and after it, as `openssl x509 -text` writes them, are
    /// passed over.
    ///
    /// # Errors
    /// [`PolicyError::RootPem`] unless there is exactly one; [`PolicyError::RootCertificate`].
    pub fn from_pem(text: &str) -> Result<Self, PolicyError> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let start = text.find(BEGIN).ok_or(PolicyError::RootPem)?;
        let (_, rest) = text.split_at(start);
        let end = rest.find(END).ok_or(PolicyError::RootPem)? + END.len();
        let (block, tail) = rest.split_at(end);
        if tail.contains("-----BEGIN") {
            return Err(PolicyError::RootPem);
        }
        match der::pem::decode_vec(block.as_bytes()) {
            Ok((PEM_LABEL, der)) => Self::from_der(&der),
            _ => Err(PolicyError::RootPem),
        }
    }

    /// The certificate in DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM, as `openssl ts -verify -CAfile` reads it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        // Encoding to a string can fail only for want of memory or a bad label.
        der::pem::encode_string(PEM_LABEL, der::pem::LineEnding::LF, &self.der).unwrap_or_default()
    }

    /// SHA-256 of the DER, the certificate's fingerprint.
    #[must_use]
    pub const fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    fn anchor(&self) -> Result<TrustAnchor<'static>, PolicyError> {
        let der = CertificateDer::from(self.der.as_slice());
        webpki::anchor_from_trusted_cert(&der).map(|anchor| anchor.to_owned()).map_err(|_| PolicyError::RootCertificate)
    }
}

impl fmt::Debug for RootCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootCertificate({})", self.sha256)
    }
}

impl Serialize for RootCertificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_pem())
    }
}

impl<'de> Deserialize<'de> for RootCertificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_pem(&text).map_err(serde::de::Error::custom)
    }
}

/// One authority of a policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedAuthority {
    name: String,
    root: RootCertificate,
    independent: bool,
    #[serde(default = "accepted")]
    accept: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<Instant>,
}

const fn accepted() -> bool {
    true
}

impl TrustedAuthority {
    /// An authority that the ledger's owner does not control, and whose anchors count.
    ///
    /// # Errors
    /// [`PolicyError::Name`] where the name is empty, long or holds control characters.
    pub fn independent(name: impl Into<String>, root: RootCertificate) -> Result<Self, PolicyError> {
        Self::new(name.into(), root, true)
    }

    /// An authority that the ledger's owner runs: its anchors count, and are reported as `anchor-not-independent`.
    ///
    /// # Errors
    /// As [`Self::independent`].
    pub fn local(name: impl Into<String>, root: RootCertificate) -> Result<Self, PolicyError> {
        Self::new(name.into(), root, false)
    }

    fn new(name: String, root: RootCertificate, independent: bool) -> Result<Self, PolicyError> {
        check_name(&name)?;
        Ok(Self { name, root, independent, accept: true, not_before: None, not_after: None })
    }

    /// Says whether its anchors count. One that does not is still known by name.
    #[must_use]
    pub const fn accept(mut self, accept: bool) -> Self {
        self.accept = accept;
        self
    }

    /// Says from when until when the authority is believed, both ends included: an anchor of another time is verified, and
    /// does not count.
    #[must_use]
    pub const fn believed(mut self, not_before: Option<Instant>, not_after: Option<Instant>) -> Self {
        self.not_before = not_before;
        self.not_after = not_after;
        self
    }

    /// Whether the authority is believed about this time.
    #[must_use]
    pub fn is_believed_at(&self, time: Instant) -> bool {
        self.not_before.is_none_or(|first| first <= time) && self.not_after.is_none_or(|last| time <= last)
    }

    /// The name. Several roots may stand under one name; they are one authority.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pinned root.
    #[must_use]
    pub const fn root(&self) -> &RootCertificate {
        &self.root
    }

    /// Whether the ledger's owner does not control it.
    #[must_use]
    pub const fn is_independent(&self) -> bool {
        self.independent
    }

    /// Whether its anchors count.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.accept
    }

    pub(crate) fn check_root_valid_at(&self, at: Instant) -> Result<(), Defect> {
        check_validity(&self.root.validity, at).map_err(|_| Defect::RootNotValid)
    }
}

fn check_name(name: &str) -> Result<(), PolicyError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        return Err(PolicyError::Name { limit: NAME_BYTES_MAX });
    }
    Ok(())
}

/// Which authorities are believed. An empty policy believes nobody: every token ends as `no-trust-root`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustPolicy {
    authorities: Vec<TrustedAuthority>,
    /// The root of each authority, at the same place.
    anchors: Vec<TrustAnchor<'static>>,
    tokens: TokenRules,
    bitcoin: Vec<BitcoinTrust>,
    #[cfg(feature = "ethereum")]
    ethereum: Vec<EthereumTrust>,
    quorum: Option<u32>,
}

/// How strictly tokens are judged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenRules {
    /// Whether algorithms that are no longer strong are believed and reported, instead of refused.
    pub legacy: Legacy,
    /// Archived revocation lists, each a DER `CertificateList`.
    pub crls: Vec<Vec<u8>>,
    /// Whether a list must say of each certificate below the root that it was not revoked.
    pub require_revocation: bool,
}

/// Label of a revocation list in PEM (RFC 7468, section 6).
const CRL_LABEL: &str = "X509 CRL";

/// A revocation list of its PEM text.
///
/// # Errors
/// [`PolicyError::Crl`].
pub fn crl_from_pem(text: &str) -> Result<Vec<u8>, PolicyError> {
    match der::pem::decode_vec(text.trim().as_bytes()) {
        Ok((CRL_LABEL, der)) => Ok(der),
        _ => Err(PolicyError::Crl),
    }
}

/// What a policy makes of an anchor that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Weight {
    /// It counts.
    Counts,
    /// The policy does not name its authority.
    Unknown,
    /// The policy names its authority and says that it does not count.
    NotAccepted,
    /// The policy believes its authority about other times.
    OutOfWindow,
    /// The policy asks for independent authorities.
    NotIndependent,
}

impl TrustPolicy {
    /// A policy of these authorities.
    ///
    /// # Errors
    /// [`PolicyError`] where a root or its key stands twice, entries of one name contradict each other, a name is
    /// malformed, or there are more than [`AUTHORITIES_MAX`].
    pub fn new(authorities: Vec<TrustedAuthority>) -> Result<Self, PolicyError> {
        if authorities.len() > AUTHORITIES_MAX {
            return Err(PolicyError::TooMany { limit: AUTHORITIES_MAX, found: authorities.len() });
        }
        let mut policy = Self::default();
        for authority in authorities {
            check_name(&authority.name)?;
            let anchor = authority.root.anchor()?;
            // The same subject and key under two entries would leave open which of them a path ends at.
            let same_key = |known: &TrustAnchor<'_>| {
                known.subject == anchor.subject && known.subject_public_key_info == anchor.subject_public_key_info
            };
            if policy.anchors.iter().any(same_key) {
                return Err(PolicyError::RootRepeated { sha256: authority.root.sha256 });
            }
            let contradicts = |known: &TrustedAuthority| {
                known.name == authority.name
                    && (known.independent, known.accept) != (authority.independent, authority.accept)
            };
            if policy.authorities.iter().any(contradicts) {
                return Err(PolicyError::Contradiction { name: authority.name });
            }
            policy.anchors.push(anchor);
            policy.authorities.push(authority);
        }
        Ok(policy)
    }

    /// The authorities, in the order given.
    #[must_use]
    pub fn authorities(&self) -> &[TrustedAuthority] {
        &self.authorities
    }

    /// Judges tokens by these rules. A list that cannot be read would say nothing in silence, and is refused.
    ///
    /// # Errors
    /// [`PolicyError::Crl`]; [`PolicyError::TooMany`] above [`CRLS_MAX`] lists.
    pub fn with_tokens(mut self, rules: TokenRules) -> Result<Self, PolicyError> {
        if rules.crls.len() > CRLS_MAX {
            return Err(PolicyError::TooMany { limit: CRLS_MAX, found: rules.crls.len() });
        }
        if !rules.crls.iter().all(|list| reads_as_list(list)) {
            return Err(PolicyError::Crl);
        }
        self.tokens = rules;
        Ok(self)
    }

    /// The rules by which tokens are judged.
    #[must_use]
    pub const fn tokens(&self) -> &TokenRules {
        &self.tokens
    }

    /// Believes these chains of Bitcoin too, each an independent authority by its name.
    ///
    /// # Errors
    /// [`PolicyError::ChainRepeated`] where a name stands twice; [`PolicyError::TooMany`].
    pub fn with_bitcoin(mut self, chains: Vec<BitcoinTrust>) -> Result<Self, PolicyError> {
        if chains.len() > AUTHORITIES_MAX {
            return Err(PolicyError::TooMany { limit: AUTHORITIES_MAX, found: chains.len() });
        }
        let mut known = BTreeSet::new();
        if let Some(repeated) = chains.iter().find(|chain| !known.insert(chain.name())) {
            return Err(PolicyError::ChainRepeated { name: repeated.name().to_owned() });
        }
        self.bitcoin = chains;
        Ok(self)
    }

    /// The chains of Bitcoin that are believed.
    #[must_use]
    pub fn bitcoin(&self) -> &[BitcoinTrust] {
        &self.bitcoin
    }

    /// Believes these chains too. Nobody's owner controls a chain: each counts as an independent authority, by its name.
    ///
    /// # Errors
    /// [`PolicyError::ChainRepeated`] where a chain id stands twice; [`PolicyError::TooMany`].
    #[cfg(feature = "ethereum")]
    pub fn with_ethereum(mut self, chains: Vec<EthereumTrust>) -> Result<Self, PolicyError> {
        if chains.len() > AUTHORITIES_MAX {
            return Err(PolicyError::TooMany { limit: AUTHORITIES_MAX, found: chains.len() });
        }
        let mut known = BTreeSet::new();
        if let Some(repeated) = chains.iter().find(|chain| !known.insert(chain.chain_id())) {
            return Err(PolicyError::ChainRepeated { name: repeated.name().to_owned() });
        }
        self.ethereum = chains;
        Ok(self)
    }

    /// What is believed of the chain with this id.
    #[cfg(feature = "ethereum")]
    #[must_use]
    pub fn ethereum(&self, chain_id: u64) -> Option<&EthereumTrust> {
        self.ethereum.iter().find(|chain| chain.chain_id() == chain_id)
    }

    /// Names of the chains that are believed.
    fn chains(&self, rail: Rail) -> Vec<&str> {
        match rail {
            #[cfg(feature = "ethereum")]
            Rail::Ethereum => self.ethereum.iter().map(EthereumTrust::name).collect(),
            Rail::OpenTimestamps | Rail::Bitcoin => self.bitcoin.iter().map(BitcoinTrust::name).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether this anchor counts, and if not, why.
    #[must_use]
    pub fn weigh(&self, anchor: &VerifiedAnchor) -> Weight {
        if self.chains(anchor.rail()).contains(&anchor.authority()) {
            return Weight::Counts;
        }
        let named = self
            .authorities
            .iter()
            .find(|authority| authority.root.sha256 == anchor.root() && authority.name == anchor.authority());
        match named {
            None => Weight::Unknown,
            Some(authority) if !authority.accept => Weight::NotAccepted,
            Some(authority) if !authority.is_believed_at(anchor.gen_time()) => Weight::OutOfWindow,
            Some(_) if self.quorum.is_some() && !anchor.is_independent() => Weight::NotIndependent,
            Some(_) => Weight::Counts,
        }
    }

    /// Whether this anchor counts: its root is named here, by the same authority, which is accepted and believed about its
    /// time.
    #[must_use]
    pub fn accepts(&self, anchor: &VerifiedAnchor) -> bool {
        self.weigh(anchor) == Weight::Counts
    }

    /// Asks for `quorum` distinct authorities, each independent of the ledger's owner. Without it one accepted anchor will
    /// do, of whichever authority.
    ///
    /// # Errors
    /// [`PolicyError::Quorum`] where it is nought, or more than the policy names.
    pub fn with_quorum(mut self, quorum: u32) -> Result<Self, PolicyError> {
        let possible = self.countable().len();
        let asked = usize::try_from(quorum).unwrap_or(usize::MAX);
        if asked == 0 || asked > possible {
            return Err(PolicyError::Quorum { asked: quorum, possible });
        }
        self.quorum = Some(quorum);
        Ok(self)
    }

    /// How many distinct independent authorities are asked for, where the policy says so.
    #[must_use]
    pub const fn quorum(&self) -> Option<u32> {
        self.quorum
    }

    /// Names of the authorities that a quorum may count.
    fn countable(&self) -> BTreeSet<&str> {
        let counts = |authority: &&TrustedAuthority| authority.accept && authority.independent;
        let chains = Rail::ALL.into_iter().flat_map(|rail| self.chains(rail));
        self.authorities.iter().filter(counts).map(TrustedAuthority::name).chain(chains).collect()
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    pub(crate) fn authority_of(&self, anchor: &TrustAnchor<'_>) -> Option<&TrustedAuthority> {
        let position = self.anchors.iter().position(|known| known == anchor)?;
        self.authorities.get(position)
    }
}

/// The policy's text form: `{"authorities":[{"name","root","independent","accept"}]}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    authorities: Vec<TrustedAuthority>,
}

impl Serialize for TrustPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let authorities = self.authorities.clone();
        Shape { authorities }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TrustPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        Self::new(shape.authorities).map_err(serde::de::Error::custom)
    }
}
