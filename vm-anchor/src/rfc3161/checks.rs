//! The check of a token or a response: every rule, each with a name, and a [`VerifiedAnchor`] only if all hold.

use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Finding, Report};

use super::asn1::{magnitude, strip_zeros};
use super::cache::ChainCache;
use super::chain::{Found, Route};
use super::imprint::{HashAlgorithm, Imprint};
use super::oid::{self, Oid};
use super::request::Request;
use super::response::Response;
use super::revocation::Revocation;
use super::signature::{self, remark};
use super::token::Token;
use super::tst_info::TstInfo;
use crate::error::{Defect, TokenError};
use crate::policy::{TrustPolicy, TrustedAuthority};
use crate::verify::{Rail, VerifiedAnchor};

/// How far a token's time may lie ahead of the verifier's clock, in microseconds: five minutes, the skew that network
/// protocols such as Kerberos (RFC 4120, section 8.2) allow for.
pub const FUTURE_SKEW_MICROS_MAX: i64 = 300_000_000;

/// What a token is expected to stamp.
#[derive(Clone, Copy, Debug)]
pub enum Stamped<'a> {
    /// Data with this SHA-256 digest. A token over another hash cannot be compared with it.
    Digest(Sha256Digest),
    /// These bytes, under whichever hash of the SHA-2 family the token names.
    Data(&'a [u8]),
}

/// What becomes of algorithms that are no longer strong: SHA-1, and RSA keys of less than 2048 bits. MD5 is always
/// refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Legacy {
    /// They are refused.
    #[default]
    Refuse,
    /// They are believed, and reported as `anchor-legacy`, each by its word.
    Report,
}

/// A check to be made: what is trusted, what time it is, and what the token should say.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    policy: &'a TrustPolicy,
    now: Instant,
    subject: String,
    stamped: Option<Stamped<'a>>,
    nonce: Option<Vec<u8>>,
    issued_under: Option<Oid>,
    legacy: Legacy,
    revocation: Revocation<'a>,
    cache: Option<&'a ChainCache>,
}

impl<'a> Check<'a> {
    /// A check under `policy` and its rules by someone whose clock says `now`. The clock only refuses tokens of the future and
    /// remarks on certificates that have expired since.
    #[must_use]
    pub fn new(policy: &'a TrustPolicy, now: Instant) -> Self {
        Self {
            policy,
            now,
            subject: String::from("token"),
            stamped: None,
            nonce: None,
            issued_under: None,
            legacy: policy.tokens().legacy,
            revocation: Revocation::new(now).lists(&policy.tokens().crls).required(policy.tokens().require_revocation),
            cache: None,
        }
    }

    /// Names what the findings are about, for example `anchor <id>`.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Says what must have been stamped. Without it the verdict is at best undecided.
    #[must_use]
    pub const fn stamped(mut self, stamped: Stamped<'a>) -> Self {
        self.stamped = Some(stamped);
        self
    }

    /// Says which nonce was sent, as an unsigned big-endian number.
    #[must_use]
    pub fn nonce(mut self, nonce: &[u8]) -> Self {
        self.nonce = Some(strip_zeros(nonce).to_vec());
        self
    }

    /// Says what becomes of weak algorithms.
    #[must_use]
    pub const fn legacy(mut self, legacy: Legacy) -> Self {
        self.legacy = legacy;
        self
    }

    /// Gives archived revocation lists, each a DER `CertificateList`, beside those in the token. See [`Revocation`].
    #[must_use]
    pub fn crls(mut self, crls: &'a [impl AsRef<[u8]>]) -> Self {
        self.revocation = self.revocation.lists(crls);
        self
    }

    /// Demands that for each certificate below the root a list says that it was not revoked at the token's time.
    #[must_use]
    pub fn require_revocation(mut self, is_required: bool) -> Self {
        self.revocation = self.revocation.required(is_required);
        self
    }

    /// Remembers paths there, and believes those it remembers. The outcome is the same.
    #[must_use]
    pub const fn cache(mut self, cache: &'a ChainCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Takes digest, nonce and policy from the request that was sent.
    #[must_use]
    pub fn answers(mut self, request: &Request) -> Self {
        self.stamped = Sha256Digest::from_slice(request.imprint().as_bytes()).ok().map(Stamped::Digest);
        self.nonce = request.nonce().map(<[u8]>::to_vec);
        self.issued_under = request.policy();
        self
    }

    /// Checks a response: its status, and the token in it.
    #[must_use]
    pub fn response(&self, bytes: &[u8]) -> (Report, Option<VerifiedAnchor>) {
        let mut report = Report::new();
        report.checked(format!("{}: status", self.subject));
        let token = match Response::parse(bytes) {
            Err(error) => {
                let finding = Finding::new(Code::AnchorInvalid, &*self.subject);
                report.find(finding.expected_found("a DER time-stamp response", error.code()));
                return (report, None);
            }
            Ok(response) if !response.status().is_granted() => {
                self.find(&mut report, Defect::StatusNotGranted);
                return (report, None);
            }
            Ok(response) => {
                if response.is_reencoded() {
                    self.remark(&mut report, remark::BER);
                }
                response.token().map(<[u8]>::to_vec)
            }
        };
        let Some(token) = token else {
            self.find(&mut report, Defect::StatusWithoutToken);
            return (report, None);
        };
        let (inner, anchor) = self.token(&token);
        report.merge(inner);
        (report, anchor)
    }

    /// Checks a bare token. Cost: two signature checks or more, by the length of the chain; 0.1 to 1 millisecond.
    #[must_use]
    pub fn token(&self, bytes: &[u8]) -> (Report, Option<VerifiedAnchor>) {
        let mut report = Report::new();
        report.checked(format!("{}: form", self.subject));
        let token = match Token::parse(bytes) {
            Ok(token) => token,
            Err(error) => {
                let code = match error {
                    TokenError::Ber => Code::FormatUnknown,
                    _ => Code::AnchorInvalid,
                };
                let finding = Finding::new(code, &*self.subject);
                report.find(finding.expected_found("a DER time-stamp token", error.code()));
                return (report, None);
            }
        };
        let anchor = self.judge(&token, &mut report);
        (report, anchor)
    }

    /// Makes every check that can still be made after another has failed, so that a report names all defects.
    fn judge(&self, token: &Token, report: &mut Report) -> Option<VerifiedAnchor> {
        let claims = token.claims();
        let content = self.note(report, "content", check_content(claims));
        let imprint = self.note(report, "imprint", self.check_imprint(claims));
        let nonce = self.note(report, "nonce", self.check_nonce(claims));
        let time = self.note(report, "time", self.check_time(claims));
        let signed = self.note(report, "signature", signature::check(token, self.legacy))?;
        let certificate = &signed.certificate;
        let purpose = certificate.check_purpose().and_then(|()| {
            certificate.check_valid_at(claims.gen_time())?;
            match claims.tsa() {
                Some(tsa) => certificate.check_tsa_name(tsa),
                None => Ok(()),
            }
        });
        let purpose = self.note(report, "certificate", purpose);
        let found = self.find_path(token, certificate.der());
        // Where the certificate itself is at fault, the path can only repeat it.
        let found = match (purpose, found) {
            (None, Err(_)) => None,
            (_, found) => self.note(report, "path", found),
        };
        let loose = token.is_reencoded().then_some(remark::BER);
        let weak_path = found.as_ref().is_some_and(|found| found.is_weak).then_some(remark::PATH);
        let is_weak = self.legacy == Legacy::Report && claims.imprint_algorithm().inner() == oid::SHA1;
        let weak_imprint = is_weak.then_some(remark::IMPRINT);
        for word in signed.remarks.iter().copied().chain(loose).chain(weak_path).chain(weak_imprint) {
            self.remark(report, word);
        }
        if certificate.has_expired_at(self.now) && purpose.is_some() {
            report.find(Finding::new(Code::AnchorExpiredNow, &*self.subject));
        }
        let (stamped, imprint) = imprint?;
        content.and(nonce).and(time).and(purpose)?;
        Some(self.verified(report, claims, stamped, imprint, found?.authority))
    }

    /// The path to a root, with the lists of the token beside those given.
    fn find_path(&self, token: &Token, certificate: &[u8]) -> Result<Found<'a>, Defect> {
        let bag: Vec<&[u8]> = token.certificates().collect();
        let embedded: Vec<&[u8]> = token.crls().collect();
        let revocation = self.revocation.clone().lists(&embedded);
        let at = token.claims().gen_time();
        let route = Route { certificate, bag: &bag, at, revocation: &revocation };
        match self.cache {
            Some(cache) => cache.find(&route, self.policy, self.legacy),
            None => route.find(self.policy, self.legacy),
        }
    }

    fn remark(&self, report: &mut Report, word: &'static str) {
        report.find(Finding::new(Code::AnchorLegacy, &*self.subject).found(word));
    }

    fn verified(
        &self,
        report: &mut Report,
        claims: &TstInfo,
        stamped: Sha256Digest,
        imprint: Imprint,
        authority: &TrustedAuthority,
    ) -> VerifiedAnchor {
        if !authority.is_independent() {
            let finding = Finding::new(Code::AnchorNotIndependent, &*self.subject);
            report.find(finding.found(authority.name()));
        }
        VerifiedAnchor::new(Rail::Rfc3161, claims, stamped, imprint, authority)
    }

    /// Notes a check and its finding, if there is one.
    fn note<T>(&self, report: &mut Report, what: &str, result: Result<T, Defect>) -> Option<T> {
        Defect::note(report, &self.subject, what, result)
    }

    fn find(&self, report: &mut Report, defect: Defect) {
        report.find(defect.about(&self.subject));
    }

    /// The SHA-256 of what was stamped, and the imprint that matched it.
    fn check_imprint(&self, claims: &TstInfo) -> Result<(Sha256Digest, Imprint), Defect> {
        let algorithm = match claims.imprint_algorithm().inner() {
            oid::SHA1 if self.legacy == Legacy::Report => HashAlgorithm::Sha1,
            oid::MD5 | oid::SHA1 => return Err(Defect::ImprintWeak),
            oid => HashAlgorithm::from_oid(oid).ok_or(Defect::ImprintUnsupported)?,
        };
        let found = Imprint::new(algorithm, claims.imprint_bytes()).ok_or(Defect::ImprintLength)?;
        let (stamped, expected) = match (self.stamped, algorithm) {
            (None, _) => return Err(Defect::ImprintNotGiven),
            (Some(Stamped::Digest(digest)), HashAlgorithm::Sha256) => (digest, Imprint::sha256(&digest)),
            (Some(Stamped::Digest(_)), _) => return Err(Defect::ImprintNeedsData),
            (Some(Stamped::Data(data)), algorithm) => (Sha256Digest::of(data), Imprint::of(algorithm, data)),
        };
        if found == expected { Ok((stamped, found)) } else { Err(Defect::ImprintMismatch) }
    }

    fn check_nonce(&self, claims: &TstInfo) -> Result<(), Defect> {
        if self.issued_under.is_some_and(|oid| oid != claims.policy()) {
            return Err(Defect::PolicyMismatch);
        }
        match (&self.nonce, claims.nonce()) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Defect::NonceMissing),
            (Some(sent), Some(found)) if magnitude(found) == Some(sent) => Ok(()),
            (Some(_), Some(_)) => Err(Defect::NonceMismatch),
        }
    }

    fn check_time(&self, claims: &TstInfo) -> Result<(), Defect> {
        let latest = self.now.saturating_add_micros(FUTURE_SKEW_MICROS_MAX);
        if claims.gen_time() > latest {
            return Err(Defect::GenTimeInFuture);
        }
        Ok(())
    }
}

fn check_content(claims: &TstInfo) -> Result<(), Defect> {
    if !claims.is_v1() {
        return Err(Defect::TstInfoVersion);
    }
    if claims.has_critical_extension() {
        return Err(Defect::TstInfoExtension);
    }
    Ok(())
}
