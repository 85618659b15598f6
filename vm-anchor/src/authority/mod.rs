//! An embedded time-stamp authority: real RFC 3161 tokens without a network, signed by a key on the same machine.
//!
//! Its tokens prove what any token proves except independence: whoever holds the key chooses the time. So a policy
//! names it with [`TrustedAuthority::local`], and every check of its tokens reports `anchor-not-independent`.
//!
//! The root signs one certificate and its key is then forgotten, so that nothing else can ever be issued under it.

mod certificate;
mod response;

use core::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use zeroize::Zeroizing;

use crate::error::AuthorityError;
use crate::policy::{NAME_BYTES_MAX, RootCertificate, TrustedAuthority};
use crate::rfc3161::{ReceivedRequest, SignerCertificate};
use response::Failure;

/// Name under which [`LocalAuthority::trusted`] puts the authority into a policy.
pub const POLICY_NAME: &str = "local";
/// How long a new authority's certificates are valid, in microseconds: twenty years of 365.25 days. The owner of the
/// key is the owner of the ledger, so a short life would protect nobody.
const VALIDITY_MICROS: i64 = 20 * 31_557_600 * 1_000_000;

/// A time-stamp authority with an ECDSA P-256 key and a chain of two certificates.
pub struct LocalAuthority {
    key: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    certificate: Vec<u8>,
    root: RootCertificate,
    random: SystemRandom,
}

impl LocalAuthority {
    /// Makes a new authority. `name` stands in its certificates; they are valid from the second of `now` on.
    /// Randomness comes from the operating system.
    ///
    /// # Errors
    /// [`AuthorityError::Name`], [`AuthorityError::Time`], or [`AuthorityError::Crypto`] where the system gives no
    /// randomness.
    pub fn generate(name: &str, now: Instant) -> Result<Self, AuthorityError> {
        let limit = NAME_BYTES_MAX - certificate::NAME_ADDED_BYTES;
        if name.is_empty() || name.len() > limit || name.contains(char::is_control) {
            return Err(AuthorityError::Name { limit });
        }
        let random = SystemRandom::new();
        let (root_pkcs8, signer_pkcs8) = (new_key(&random)?, new_key(&random)?);
        let root_key = read_key(&root_pkcs8, &random)?;
        let signer_key = read_key(&signer_pkcs8, &random)?;
        let validity = (now, now.saturating_add_micros(VALIDITY_MICROS));
        let chain = certificate::issue_chain(name, validity, &root_key, &signer_key, &random)?;
        Self::from_pkcs8(&signer_pkcs8, &chain.signer, &chain.root)
    }

    /// Takes up an authority that was stored: its key in PKCS#8, its certificate and its root in DER.
    ///
    /// # Errors
    /// [`AuthorityError::Malformed`], or [`AuthorityError::KeyMismatch`] where the key is not the certificate's.
    pub fn from_pkcs8(pkcs8: &[u8], certificate: &[u8], root: &[u8]) -> Result<Self, AuthorityError> {
        let random = SystemRandom::new();
        let key = read_key(pkcs8, &random)?;
        let parsed = SignerCertificate::read(certificate).map_err(|_| AuthorityError::Malformed)?;
        parsed.check_purpose().map_err(|_| AuthorityError::Malformed)?;
        // Tokens carry the certificate as it is encoded anew, and sign the hash of its bytes.
        if parsed.to_der().as_deref() != Ok(certificate) {
            return Err(AuthorityError::Malformed);
        }
        if parsed.public_key().bits != key.public_key().as_ref() {
            return Err(AuthorityError::KeyMismatch);
        }
        Ok(Self {
            key,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
            certificate: certificate.to_vec(),
            root: RootCertificate::from_der(root).map_err(|_| AuthorityError::Malformed)?,
            random,
        })
    }

    /// The signing key in PKCS#8. It is secret: store it readable by its owner alone, outside the vault.
    #[must_use]
    pub fn key_pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// The signer's certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The root certificate in DER.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        self.root.as_der()
    }

    /// The root certificate, to be pinned.
    #[must_use]
    pub const fn root(&self) -> &RootCertificate {
        &self.root
    }

    /// This authority as an entry of a trust policy: named [`POLICY_NAME`], not independent, accepted.
    ///
    /// # Errors
    /// None in practice; the name is a constant.
    pub fn trusted(&self) -> Result<TrustedAuthority, crate::error::PolicyError> {
        TrustedAuthority::local(POLICY_NAME, self.root.clone())
    }

    /// Answers a DER `TimeStampReq` with a DER `TimeStampResp` whose token says `gen_time`. A request that cannot be
    /// granted is answered with a rejection, as the standard wants, and not with an error.
    ///
    /// # Errors
    /// [`AuthorityError::Expired`] where `gen_time` lies outside the certificate's validity, [`AuthorityError::Time`],
    /// [`AuthorityError::Crypto`].
    pub fn respond(&self, request: &[u8], gen_time: Instant) -> Result<Vec<u8>, AuthorityError> {
        let Ok(request) = ReceivedRequest::parse(request) else {
            return response::rejection(Failure::BadDataFormat).map_err(malformed);
        };
        if request.has_extensions {
            return response::rejection(Failure::UnacceptedExtension).map_err(malformed);
        }
        if request.policy.is_some_and(|policy| policy.inner() != response::POLICY) {
            return response::rejection(Failure::UnacceptedPolicy).map_err(malformed);
        }
        let Some(imprint) = &request.imprint else {
            return response::rejection(Failure::BadAlgorithm).map_err(malformed);
        };
        let signer = SignerCertificate::read(&self.certificate);
        let signer = signer.map_err(|_| AuthorityError::Malformed)?;
        if signer.check_valid_at(gen_time).is_err() {
            return Err(AuthorityError::Expired);
        }
        let serial = random_serial(&self.random)?;
        let tst_info = response::tst_info(imprint, &serial, gen_time, request.nonce).map_err(malformed)?;
        response::granted(self, &tst_info, request.cert_req)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        sign(&self.key, message, &self.random)
    }
}

impl fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAuthority")
            .field("certificate", &Sha256Digest::of(&self.certificate))
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// What cannot be encoded was not usable.
fn malformed(_: der::Error) -> AuthorityError {
    AuthorityError::Malformed
}

fn new_key(random: &SystemRandom) -> Result<Zeroizing<Vec<u8>>, AuthorityError> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, random)
        .map(|document| Zeroizing::new(document.as_ref().to_vec()))
        .map_err(|_| AuthorityError::Crypto)
}

fn read_key(pkcs8: &[u8], random: &SystemRandom) -> Result<EcdsaKeyPair, AuthorityError> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, random).map_err(|_| AuthorityError::Malformed)
}

fn sign(key: &EcdsaKeyPair, message: &[u8], random: &SystemRandom) -> Result<Vec<u8>, AuthorityError> {
    key.sign(random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| AuthorityError::Crypto)
}

/// Sixteen random bytes as a positive number (RFC 5280, section 4.1.2.2, asks for at most twenty).
fn random_serial(random: &SystemRandom) -> Result<[u8; 16], AuthorityError> {
    let mut serial = [0; 16];
    random.fill(&mut serial).map_err(|_| AuthorityError::Crypto)?;
    // The first byte is never zero, so every serial is as long as the next.
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-01-02T03:04:05.678901Z".parse().unwrap()
    }

    #[test]
    fn stored_authorities_are_taken_up_again() {
        let made = LocalAuthority::generate("test", now()).unwrap();
        let again = |key: &[u8]| {
            LocalAuthority::from_pkcs8(key, made.certificate_der(), made.root_der())
                .map(|authority| authority.root().sha256())
        };
        assert_eq!(again(made.key_pkcs8()), Ok(made.root().sha256()));
        assert_eq!(again(&[]), Err(AuthorityError::Malformed));
        let other = LocalAuthority::generate("test", now()).unwrap();
        assert_eq!(again(other.key_pkcs8()), Err(AuthorityError::KeyMismatch));
    }

    #[test]
    fn nothing_is_stamped_outside_the_validity() {
        let made = LocalAuthority::generate("test", now()).unwrap();
        let digest = Sha256Digest::of(b"");
        let request = crate::rfc3161::Request::new(&digest, &[1]).unwrap().to_der();
        let early = now().saturating_add_micros(-1_000_000);
        let late = now().saturating_add_micros(VALIDITY_MICROS + 1_000_000);
        for at in [early, late] {
            assert_eq!(made.respond(&request, at), Err(AuthorityError::Expired));
        }
    }

    #[test]
    fn debug_text_holds_no_key() {
        let made = LocalAuthority::generate("test", now()).unwrap();
        let text = format!("{made:?}");
        assert!(text.len() < 250 && !text.contains("pkcs8"), "{text}");
    }
}
