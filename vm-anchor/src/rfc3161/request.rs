//! Requests: `TimeStampReq` (RFC 3161, section 2.4.1).

use der::{Decode, Tag};
use vm_core::digest::Sha256Digest;

use super::asn1::{self, Cursor, context, id};
use super::imprint::{HashAlgorithm, Imprint};
use super::oid::{self, Oid};
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
        let digits = asn1::strip_zeros(nonce);
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
        let version = asn1::unsigned(&[1]);
        let imprint = imprint_der(&self.imprint);
        let policy = self.policy.map(|policy| asn1::oid(policy.inner()));
        let nonce = self.nonce.as_deref().map(asn1::unsigned);
        let cert_req = [0x01, 0x01, 0xff];
        asn1::element(
            id::SEQUENCE,
            &[
                &version,
                &imprint,
                policy.as_deref().unwrap_or_default(),
                nonce.as_deref().unwrap_or_default(),
                &cert_req,
            ],
        )
    }
}

/// `MessageImprint` in DER. The hash's parameters are an explicit NULL, which every authority reads.
pub(crate) fn imprint_der(imprint: &Imprint) -> Vec<u8> {
    let algorithm = match imprint.algorithm() {
        HashAlgorithm::Sha256 => oid::SHA256,
        HashAlgorithm::Sha384 => oid::SHA384,
        HashAlgorithm::Sha512 => oid::SHA512,
    };
    let algorithm = asn1::element(id::SEQUENCE, &[&asn1::oid(algorithm), &[0x05, 0x00]]);
    let digest = asn1::element(id::OCTET_STRING, &[imprint.as_bytes()]);
    asn1::element(id::SEQUENCE, &[&algorithm, &digest])
}

/// A request as an authority reads it.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "authority"), allow(dead_code))]
pub(crate) struct ReceivedRequest {
    /// `None` where the hash is not one of the SHA-2 family.
    pub(crate) imprint: Option<Imprint>,
    pub(crate) policy: Option<Oid>,
    /// The nonce's INTEGER, whole, to be echoed as it came.
    pub(crate) nonce: Option<Vec<u8>>,
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
        let mut request = Cursor::only(bytes, Tag::Sequence)?.inner()?;
        if request.expect(Tag::Integer)?.value != [1] {
            return Err(Tag::Integer.value_error().into());
        }
        let mut imprint = request.expect(Tag::Sequence)?.inner()?;
        let algorithm = imprint.expect(Tag::Sequence)?.inner()?.oid()?;
        let digest = imprint.expect(Tag::OctetString)?.value;
        imprint.finish()?;
        let policy = request.optional(Tag::ObjectIdentifier)?;
        let nonce = request.optional(Tag::Integer)?;
        let cert_req = request.optional(Tag::Boolean)?;
        let extensions = request.optional(context(0))?;
        request.finish()?;
        Ok(Self {
            imprint: HashAlgorithm::from_oid(algorithm).and_then(|hash| Imprint::new(hash, digest)),
            policy: policy.map(|oid| oid.decode().map(Oid::new)).transpose()?,
            nonce: nonce.map(|nonce| nonce.whole.to_vec()),
            cert_req: cert_req.map_or(Ok(false), |flag| bool::from_der(flag.whole))?,
            has_extensions: extensions.is_some(),
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
        assert_eq!(read.nonce, Some(vec![2, 3, 0, 0x80, 1]));
        assert!(read.cert_req && !read.has_extensions);
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
