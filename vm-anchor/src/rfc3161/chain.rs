//! The path from the signer's certificate to a pinned root, judged at the token's own time (RFC 5280, section 6).

use core::time::Duration;
use std::cell::Cell;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use vm_core::instant::Instant;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use der::Decode;
use x509_cert::Certificate;

use super::algorithm;
use super::certificate::Head;
use super::checks::Legacy;
use super::oid;
use super::revocation::Revocation;
use crate::error::Defect;
use crate::policy::{TrustPolicy, TrustedAuthority};

/// A path to be found.
pub(crate) struct Route<'a> {
    pub(crate) certificate: &'a [u8],
    /// Certificates on the way, in any order, and others.
    pub(crate) bag: &'a [&'a [u8]],
    pub(crate) at: Instant,
    pub(crate) revocation: &'a Revocation<'a>,
}

/// A path that was found.
#[derive(Debug)]
pub(crate) struct Found<'p> {
    pub(crate) authority: &'p TrustedAuthority,
    /// A signature on it is a weak one.
    pub(crate) is_weak: bool,
    /// The certificates between the signer's and the root.
    pub(crate) between: Vec<Vec<u8>>,
}

/// Checks that a path leads from `certificate` to a root of `policy`, all of it valid at `at`, and nothing of it revoked
/// as far as `revocation` tells. `bag` holds the certificates on the way, in any order. What the certificate itself may
/// be used for is not judged, but that it is no CA's; an extended key usage, where there is one, must allow time stamping.
///
/// Path building is bounded by `rustls-webpki`: 100 signature checks (the remedy of CVE-2018-16875 in Go), 200,000 calls
/// (as mozilla::pkix) and six intermediates; a token brings at most
/// [`CERTIFICATES_MAX`](super::CERTIFICATES_MAX).
///
/// # Errors
/// The [`Defect`] of the path.
pub fn verify_path<'p>(
    certificate: &[u8],
    bag: &[&[u8]],
    policy: &'p TrustPolicy,
    at: Instant,
    revocation: &Revocation<'_>,
) -> Result<&'p TrustedAuthority, Defect> {
    let route = Route { certificate, bag, at, revocation };
    route.find(policy, Legacy::Refuse).map(|found| found.authority)
}

impl Route<'_> {
    pub(crate) fn find<'p>(&self, policy: &'p TrustPolicy, legacy: Legacy) -> Result<Found<'p>, Defect> {
        let strong = self.find_with(policy, &algorithm::STRONG);
        match (strong, legacy) {
            (Err(Defect::NoTrustRoot | Defect::PathUnsupported), Legacy::Report) => {
                self.find_with(policy, &algorithm::LEGACY).map(|found| Found { is_weak: true, ..found })
            }
            (strong, _) => strong,
        }
    }

    fn find_with<'p>(
        &self,
        policy: &'p TrustPolicy,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> Result<Found<'p>, Defect> {
        let seconds = u64::try_from(self.at.as_seconds()).map_err(|_| Defect::CertificateNotYetValid)?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let certificate = CertificateDer::from(self.certificate);
        let signer = EndEntityCert::try_from(&certificate).map_err(|error| defect_of(&error))?;
        let between: Vec<CertificateDer<'_>> = self.near().into_iter().map(CertificateDer::from).collect();
        // Only the signer's own certificate must name the purpose, which is checked elsewhere; ordinary authorities carry
        // no extended key usage, and one that does must allow it.
        let usage = KeyUsage::required_if_present(oid::KP_TIME_STAMPING.as_bytes());
        // A path that was revoked is passed over for another, and named only if there is none.
        let revoked = Cell::new(None);
        let judge = |path: &VerifiedPath<'_>| {
            self.check_path(path, policy, algorithms).map_err(|defect| {
                revoked.set(Some(revoked.get().unwrap_or(defect)));
                webpki::Error::CertRevoked
            })
        };
        let path = signer
            .verify_for_usage(algorithms, policy.anchors(), &between, time, usage, None, Some(&judge))
            .map_err(|error| revoked.get().unwrap_or_else(|| defect_of(&error)))?;
        let authority = policy.authority_of(path.anchor()).ok_or(Defect::NoTrustRoot)?;
        let between = path.intermediate_certificates().map(|certificate| certificate.der().to_vec()).collect();
        Ok(Found { authority, is_weak: false, between })
    }

    /// Those of the bag whose names lead up from the certificate. Nobody signs the bag, so what else is in it, malformed or
    /// not, must have no say in why a path failed.
    fn near(&self) -> Vec<&[u8]> {
        let heads = self.bag.iter().filter_map(|der| Head::read(der).ok().map(|head| (*der, head)));
        let (mut near, mut rest) = (Vec::new(), heads.collect::<Vec<_>>());
        let mut wanted: Vec<&[u8]> = Head::read(self.certificate).map(|head| head.issuer).into_iter().collect();
        while let Some(name) = wanted.pop() {
            let (issuers, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, head)| head.subject == name);
            rest = others;
            wanted.extend(issuers.iter().map(|(_, head)| head.issuer));
            near.extend(issuers.into_iter().map(|(der, _)| der));
        }
        near
    }

    /// What the library does not judge: the pinned root's own time, key usages of issuers, and revocation.
    fn check_path(
        &self,
        path: &VerifiedPath<'_>,
        policy: &TrustPolicy,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Defect> {
        let authority = policy.authority_of(path.anchor()).ok_or(Defect::NoTrustRoot)?;
        authority.check_root_valid_at(self.at)?;
        let between: Vec<CertificateDer<'_>> =
            path.intermediate_certificates().map(|certificate| certificate.der()).collect();
        if !between.iter().all(|certificate| may_sign_certificates(certificate)) {
            return Err(Defect::PathNotCa);
        }
        if self.revocation.is_idle() {
            return Ok(());
        }
        let mut ders = vec![self.certificate];
        ders.extend(between.iter().map(AsRef::as_ref));
        ders.push(authority.root().as_der());
        self.revocation.check(&ders, self.at, algorithms)
    }
}

/// Whether the key usage, if there is one, is for certificates (RFC 5280, section 6.1.4, item n).
fn may_sign_certificates(certificate: &[u8]) -> bool {
    let usage = Certificate::from_der(certificate).and_then(|certificate| {
        let usage = certificate.tbs_certificate().get_extension::<x509_cert::ext::pkix::KeyUsage>();
        usage.map_err(|_| der::Tag::Sequence.value_error().into())
    });
    usage.is_ok_and(|usage| usage.is_none_or(|(_, usage)| usage.key_cert_sign()))
}

/// What a failed path means. Where no pinned root is reached, nothing is proven either way: the bag is not signed, and
/// another bag may lead to the root.
fn defect_of(error: &webpki::Error) -> Defect {
    use webpki::Error;
    match error {
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded => Defect::NoTrustRoot,
        Error::CertExpired { .. } => Defect::PathExpired,
        Error::CertNotValidYet { .. } => Defect::PathNotYetValid,
        Error::CaUsedAsEndEntity => Defect::SignerIsCa,
        Error::NameConstraintViolation => Defect::PathNameConstraint,
        Error::PathLenConstraintViolated => Defect::PathLength,
        Error::EndEntityUsedAsCa => Defect::PathNotCa,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Defect::PathUsage,
        Error::UnsupportedCriticalExtension => Defect::PathCriticalExtension,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::UnsupportedCertVersion => Defect::PathUnsupported,
        _ => Defect::PathInvalid,
    }
}
