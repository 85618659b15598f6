//! Requests: `TimeStampReq` (RFC 3161, section 2.4.1).

use der::asn1::{Int, OctetString, Uint};
use der::{Any, Decode, Encode, Tag};
use vm_core::digest::Sha256Digest;
use x509_cert::AlgorithmIdentifier;

use super::asn1::strip_zeros;
use super::imprint::{HashAlgorithm, Imprint};
use super::oid::Oid;
use super::tsp::{MessageImprint, TimeStampReq};
use crate::error::RequestError;

/// Longest nonce in bytes. Sixteen are enough to be unique; authorities are known to refuse more than twenty.
pub const NONCE_BYTES_MAX: usize = 20;
/// Longest request read, in bytes. One with a SHA-512 imprint, a policy and a nonce is under 150.
pub const REQUEST_BYTES_MAX: usize = 1_024;

/// A request for a token over a SHA-256 digest. It always asks for the signer's certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    imprint: Imprint,
    nonce: Option<Vec<u8>>,
    policy: Option<Oid>,
}

impl Request {
    /// A request that stamps `digest`. The nonce is an unsigned big-endian number from the caller's random source; it
    /// binds the answer to this request, so it must not be used twice.
    ///
    /// # Errors
    /// [`RequestError::Nonce`] where it is empty, all zero, or longer than [`NONCE_BYTES_MAX`].
    pub fn new(digest: &Sha256Digest, nonce: &[u8]) -> Result<Self, RequestError> {
        let digits = strip_zeros(nonce);
        if digits.is_empty() || nonce.len() > NONCE_BYTES_MAX {
            return Err(RequestError::Nonce { limit: NONCE_BYTES_MAX, found: nonce.len() });
        }
        Ok(Self { imprint: Imprint::sha256(digest), nonce: Some(digits.to_vec()), policy: None })
    }

    /// Asks for a token under this policy of the authority.
    #[must_use]
    pub const fn with_policy(mut self, policy: Oid) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The imprint to be stamped.
    #[must_use]
    pub const fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    /// The nonce without leading zeros, if there is one.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The policy asked for.
    #[must_use]
    pub const fn policy(&self) -> Option<Oid> {
        self.policy
    }

    /// The DER bytes to send as `application/timestamp-query`.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let encode = || {
            let nonce = self.nonce.as_deref().map(Uint::new).transpose()?;
            let request = TimeStampReq {
                version: 1,
                imprint: message_imprint(&self.imprint)?,
                policy: self.policy.map(Oid::inner),
                nonce: nonce.map(Int::from),
                cert_req: Some(true),
                extensions: None,
            };
            request.to_der()
        };
        #[expect(clippy::expect_used, reason = "DER refuses lengths from 256 MiB on; no field here reaches 100 bytes")]
        encode().expect("short fields are encoded")
    }
}

/// `MessageImprint`. The hash's parameters are an explicit NULL, which every authority reads.
pub(crate) fn message_imprint(imprint: &Imprint) -> der::Result<MessageImprint> {
    let oid = imprint.algorithm().oid();
    let algorithm = AlgorithmIdentifier { oid, parameters: Some(Any::null()) };
    Ok(MessageImprint { algorithm, digest: OctetString::new(imprint.as_bytes())? })
}

/// A request as an authority reads it.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "authority"), allow(dead_code))]
pub(crate) struct ReceivedRequest {
    /// `None` where the hash is not one of the SHA-2 family.
    pub(crate) imprint: Option<Imprint>,
    pub(crate) policy: Option<Oid>,
    /// The nonce, to be echoed as it came.
    pub(crate) nonce: Option<Int>,
    pub(crate) cert_req: bool,
    pub(crate) has_extensions: bool,
}

#[cfg_attr(not(feature = "authority"), allow(dead_code))]
impl ReceivedRequest {
    /// Reads a `TimeStampReq`.
    pub(crate) fn parse(bytes: &[u8]) -> der::Result<Self> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(Tag::Sequence.length_error().into());
        }
        let request = TimeStampReq::from_der(bytes)?;
        if request.version != 1 {
            return Err(Tag::Integer.value_error().into());
        }
        let MessageImprint { algorithm, digest } = request.imprint;
        Ok(Self {
            imprint: HashAlgorithm::from_oid(algorithm.oid).and_then(|hash| Imprint::new(hash, digest.as_bytes())),
            policy: request.policy.map(Oid::new),
            nonce: request.nonce,
            cert_req: request.cert_req.unwrap_or(false),
            has_extensions: request.extensions.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_requests_read_back() {
        let digest = Sha256Digest::of(b"bundle");
        let policy: Oid = "1.2.3.4.1".parse().unwrap();
        let request = Request::new(&digest, &[0, 0x80, 1]).unwrap().with_policy(policy);
        let read = ReceivedRequest::parse(&request.to_der()).unwrap();
        assert_eq!(read.imprint.as_ref(), Some(request.imprint()));
        assert_eq!(read.policy, Some(policy));
        assert!(read.cert_req && !read.has_extensions);
        assert_eq!(read.nonce.unwrap().to_der().unwrap(), [2, 3, 0, 0x80, 1]);
    }

    #[test]
    fn nonces_that_bind_nothing_are_refused() {
        let digest = Sha256Digest::of(b"");
        for nonce in [&[][..], &[0; 8], &[1; 21]] {
            assert!(Request::new(&digest, nonce).is_err(), "{nonce:?}");
        }
        assert!(Request::new(&digest, &[1; 20]).is_ok());
    }
}
