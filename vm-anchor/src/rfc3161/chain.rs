//! The path from the signer's certificate to a pinned root, judged at the token's own time (RFC 5280, section 6).

use core::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use vm_core::instant::Instant;
use webpki::{EndEntityCert, KeyUsage};

use super::oid;
use crate::error::Defect;
use crate::policy::{TrustPolicy, TrustedAuthority};

/// The authority of the policy that `signer` leads to at the time `at`. `bag` holds the certificates on the way.
///
/// Path building is bounded by the library: 100 signatures, 200,000 calls, six intermediates.
pub(crate) fn find_authority<'p>(
    signer: &[u8],
    bag: impl Iterator<Item = impl AsRef<[u8]>>,
    policy: &'p TrustPolicy,
    at: Instant,
) -> Result<&'p TrustedAuthority, Defect> {
    let seconds = u64::try_from(at.as_seconds()).map_err(|_| Defect::CertificateNotYetValid)?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let certificate = CertificateDer::from(signer);
    let signer = EndEntityCert::try_from(&certificate).map_err(|error| defect_of(&error))?;
    let intermediates: Vec<CertificateDer<'_>> = bag.map(|der| CertificateDer::from(der.as_ref().to_vec())).collect();
    // Only the signer's own certificate must name the purpose, which was checked before; ordinary authorities carry
    // no extended key usage, and one that does must allow it.
    let usage = KeyUsage::required_if_present(oid::KP_TIME_STAMPING.as_bytes());
    let path = signer
        .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, policy.anchors(), &intermediates, time, usage, None, None)
        .map_err(|error| defect_of(&error))?;
    let authority = policy.authority_of(path.anchor()).ok_or(Defect::NoTrustRoot)?;
    authority.check_root_valid_at(at)?;
    Ok(authority)
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
