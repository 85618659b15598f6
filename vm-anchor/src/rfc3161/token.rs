//! Tokens: a CMS `SignedData` over a `TSTInfo`, read into its parts. Reading judges nothing but the shape.

use der::asn1::ObjectIdentifier;
use der::{Decode, ErrorKind, Tag, TagNumber};

use super::asn1::{self, Cursor, Element, context, id};
use super::oid;
use super::tst_info::TstInfo;
use crate::error::TokenError;

/// Longest token read, in bytes: eleven times the largest of 498 tokens collected from public projects.
pub const TOKEN_BYTES_MAX: usize = 256 * 1024;
/// Most certificates in a token's bag: four times the longest chain seen in use.
pub const CERTIFICATES_MAX: usize = 32;
/// Most digest algorithms listed. One is usual, one a signer is the rule of RFC 5652.
pub const DIGEST_ALGORITHMS_MAX: usize = 8;
/// Most signers that are read before the token is refused for having more than one.
pub const SIGNERS_MAX: usize = 8;
/// Most signed attributes of a signer. Four to six are usual.
pub const ATTRIBUTES_MAX: usize = 32;

/// Parameters of an algorithm identifier, as far as the algorithms of this crate have any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parameters {
    Absent,
    Null,
    Other,
}

/// An algorithm identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Algorithm {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) parameters: Parameters,
}

impl Algorithm {
    pub(crate) fn read(element: &Element<'_>) -> der::Result<Self> {
        let mut fields = element.inner()?;
        let oid = fields.oid()?;
        let parameters = match fields.is_finished() {
            true => Parameters::Absent,
            false => match fields.next()? {
                Element { tag: Tag::Null, value: [], .. } => Parameters::Null,
                _ => Parameters::Other,
            },
        };
        fields.finish()?;
        Ok(Self { oid, parameters })
    }
}

/// How a signature names its certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SignerId {
    /// Issuer name (DER) and the content of the serial INTEGER.
    IssuerSerial { issuer: Vec<u8>, serial: Vec<u8> },
    /// Subject key identifier.
    KeyId(Vec<u8>),
}

/// A signed attribute: its type and each of its values, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attribute {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) values: Vec<Vec<u8>>,
}

/// One `SignerInfo` (RFC 5652, section 5.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SignerInfo {
    pub(crate) version: Vec<u8>,
    pub(crate) id: SignerId,
    pub(crate) digest: Algorithm,
    /// The signed attributes as the SET OF that the signature covers; `None` where there are none.
    pub(crate) signed_bytes: Option<Vec<u8>>,
    pub(crate) attributes: Vec<Attribute>,
    /// Whether the SET OF is in DER order.
    pub(crate) attributes_sorted: bool,
    pub(crate) algorithm: Algorithm,
    pub(crate) signature: Vec<u8>,
}

/// A token that could be read. Nothing in it is believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    version: Vec<u8>,
    digests: Vec<Algorithm>,
    content: Vec<u8>,
    tst_info: TstInfo,
    certificates: Vec<Vec<u8>>,
    signers: Vec<SignerInfo>,
}

impl Token {
    /// Reads a DER `ContentInfo` that holds a time-stamp token. Cost: one pass, about 5 microseconds.
    ///
    /// # Errors
    /// [`TokenError`]: too long, too many parts, BER, or not a time-stamp token.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong { limit: TOKEN_BYTES_MAX, found: bytes.len() });
        }
        let signed_data = unwrap_content_info(bytes)?;
        Self::read_signed_data(&signed_data)
    }

    fn read_signed_data(signed_data: &Element<'_>) -> Result<Self, TokenError> {
        let part = |part| move |source| malformed(part, source);
        let mut fields = signed_data.inner().map_err(part("signed data"))?;
        let version = fields.expect(Tag::Integer).map_err(part("version"))?;
        let digests = fields.expect(Tag::Set).map_err(part("digest algorithms")).and_then(|set| read_digests(&set))?;
        let content =
            fields.expect(Tag::Sequence).map_err(part("content")).and_then(|content| read_content(&content))?;
        let certificates = match fields.optional(context(0)).map_err(part("certificates"))? {
            Some(bag) => read_certificates(&bag)?,
            None => Vec::new(),
        };
        // Revocation lists are not signed by the token; they are passed over whole.
        fields.optional(context(1)).map_err(part("revocation lists"))?;
        let signers = fields.expect(Tag::Set).map_err(part("signers")).and_then(|set| read_signers(&set))?;
        fields.finish().map_err(part("signed data"))?;
        Ok(Self {
            version: version.value.to_vec(),
            digests,
            content: content.to_vec(),
            tst_info: TstInfo::parse(content).map_err(part("TSTInfo"))?,
            certificates,
            signers,
        })
    }

    /// What the token claims. Nothing of it is proven before [`Check`](super::Check) says so.
    #[must_use]
    pub const fn claims(&self) -> &TstInfo {
        &self.tst_info
    }

    /// The certificates in the bag, in its order.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(Vec::as_slice)
    }

    pub(crate) fn version(&self) -> &[u8] {
        &self.version
    }

    pub(crate) fn digests(&self) -> &[Algorithm] {
        &self.digests
    }

    /// The bytes of the TSTInfo.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(crate) fn signers(&self) -> &[SignerInfo] {
        &self.signers
    }
}

fn malformed(part: &'static str, source: der::Error) -> TokenError {
    match source.kind() {
        ErrorKind::IndefiniteLength => TokenError::Ber,
        _ => TokenError::Malformed { part, source },
    }
}

/// `ContentInfo ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY }`
fn unwrap_content_info(bytes: &[u8]) -> Result<Element<'_>, TokenError> {
    let part = |source: der::Error| match source.kind() {
        ErrorKind::TrailingData { .. } => TokenError::TrailingBytes,
        _ => malformed("content info", source),
    };
    let mut info = Cursor::only(bytes, Tag::Sequence).and_then(|info| info.inner()).map_err(part)?;
    if info.oid().map_err(part)? != oid::SIGNED_DATA {
        return Err(TokenError::NotSignedData);
    }
    let content = info.expect(context(0)).map_err(part)?;
    info.finish().map_err(part)?;
    Cursor::only(content.value, Tag::Sequence).map_err(part)
}

fn read_digests(set: &Element<'_>) -> Result<Vec<Algorithm>, TokenError> {
    let part = |source| malformed("digest algorithms", source);
    let mut items = set.inner().map_err(part)?;
    let mut digests = Vec::new();
    while !items.is_finished() {
        if digests.len() == DIGEST_ALGORITHMS_MAX {
            return Err(TokenError::TooMany { what: "digest algorithms", limit: DIGEST_ALGORITHMS_MAX });
        }
        let item = items.expect(Tag::Sequence).map_err(part)?;
        digests.push(Algorithm::read(&item).map_err(part)?);
    }
    Ok(digests)
}

/// `EncapsulatedContentInfo ::= SEQUENCE { eContentType OID, eContent [0] EXPLICIT OCTET STRING OPTIONAL }`
fn read_content<'a>(content: &Element<'a>) -> Result<&'a [u8], TokenError> {
    let part = |source| malformed("content", source);
    let mut fields = content.inner().map_err(part)?;
    if fields.oid().map_err(part)? != oid::TST_INFO {
        return Err(TokenError::NotTstInfo);
    }
    let Some(explicit) = fields.optional(context(0)).map_err(part)? else {
        return Err(TokenError::Detached);
    };
    fields.finish().map_err(part)?;
    let octets = Cursor::only(explicit.value, Tag::OctetString).map_err(part)?;
    Ok(octets.value)
}

/// Certificates in any order; other kinds of `CertificateChoices` are passed over.
fn read_certificates(bag: &Element<'_>) -> Result<Vec<Vec<u8>>, TokenError> {
    let part = |source| malformed("certificates", source);
    let mut items = bag.inner().map_err(part)?;
    let mut certificates = Vec::new();
    let mut count = 0;
    while !items.is_finished() {
        count += 1;
        if count > CERTIFICATES_MAX {
            return Err(TokenError::TooMany { what: "certificates", limit: CERTIFICATES_MAX });
        }
        let item = items.next().map_err(part)?;
        if item.tag == Tag::Sequence {
            certificates.push(item.whole.to_vec());
        }
    }
    Ok(certificates)
}

fn read_signers(set: &Element<'_>) -> Result<Vec<SignerInfo>, TokenError> {
    let part = |source| malformed("signers", source);
    let mut items = set.inner().map_err(part)?;
    let mut signers = Vec::new();
    while !items.is_finished() {
        if signers.len() == SIGNERS_MAX {
            return Err(TokenError::TooMany { what: "signers", limit: SIGNERS_MAX });
        }
        let item = items.expect(Tag::Sequence).map_err(part)?;
        signers.push(read_signer(&item)?);
    }
    Ok(signers)
}

fn read_signer(item: &Element<'_>) -> Result<SignerInfo, TokenError> {
    let part = |source| malformed("signer", source);
    let mut fields = item.inner().map_err(part)?;
    let version = fields.expect(Tag::Integer).map_err(part)?.value.to_vec();
    let id = read_signer_id(&fields.next().map_err(part)?).map_err(part)?;
    let digest = fields.expect(Tag::Sequence).map_err(part)?;
    let digest = Algorithm::read(&digest).map_err(part)?;
    let signed = fields.optional(context(0)).map_err(part)?;
    let (attributes, attributes_sorted) = match &signed {
        Some(set) => read_attributes(set)?,
        None => (Vec::new(), true),
    };
    let algorithm = fields.expect(Tag::Sequence).map_err(part)?;
    let algorithm = Algorithm::read(&algorithm).map_err(part)?;
    let signature = fields.expect(Tag::OctetString).map_err(part)?.value;
    // Unsigned attributes prove nothing here; they are passed over whole.
    fields.optional(context(1)).map_err(part)?;
    fields.finish().map_err(part)?;
    Ok(SignerInfo {
        version,
        id,
        digest,
        // The signature covers the SET OF under its own tag, not under [0] (RFC 5652, section 5.4).
        signed_bytes: signed.map(|set| asn1::element(id::SET, &[set.value])),
        attributes,
        attributes_sorted,
        algorithm,
        signature: signature.to_vec(),
    })
}

fn read_signer_id(element: &Element<'_>) -> der::Result<SignerId> {
    let key_id = Tag::ContextSpecific { constructed: false, number: TagNumber(0) };
    if element.tag == key_id {
        return Ok(SignerId::KeyId(element.value.to_vec()));
    }
    element.tag.assert_eq(Tag::Sequence)?;
    let mut fields = element.inner()?;
    let issuer = fields.expect(Tag::Sequence)?.whole.to_vec();
    let serial = fields.expect(Tag::Integer)?.value.to_vec();
    fields.finish()?;
    Ok(SignerId::IssuerSerial { issuer, serial })
}

fn read_attributes(set: &Element<'_>) -> Result<(Vec<Attribute>, bool), TokenError> {
    let part = |source| malformed("signed attributes", source);
    let mut items = set.inner().map_err(part)?;
    let (mut attributes, mut sorted, mut last) = (Vec::new(), true, &[][..]);
    while !items.is_finished() {
        if attributes.len() == ATTRIBUTES_MAX {
            return Err(TokenError::TooMany { what: "signed attributes", limit: ATTRIBUTES_MAX });
        }
        let item = items.expect(Tag::Sequence).map_err(part)?;
        sorted &= last < item.whole;
        last = item.whole;
        attributes.push(read_attribute(&item).map_err(part)?);
    }
    Ok((attributes, sorted))
}

/// `Attribute ::= SEQUENCE { attrType OID, attrValues SET OF ANY }`
fn read_attribute(item: &Element<'_>) -> der::Result<Attribute> {
    let mut fields = item.inner()?;
    let oid = ObjectIdentifier::from_der(fields.expect(Tag::ObjectIdentifier)?.whole)?;
    let mut set = fields.expect(Tag::Set)?.inner()?;
    fields.finish()?;
    let mut values = Vec::new();
    while !set.is_finished() {
        values.push(set.next()?.whole.to_vec());
    }
    Ok(Attribute { oid, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_named() {
        let cases: [(&[u8], &str); 5] = [
            (&[], "token-malformed"),
            (&[0x30, 0x80, 0, 0], "token-ber"),
            (&[0x30, 0x04, 0x06, 0x02, 0x2a, 0x03], "token-not-signed-data"),
            (&[0x30, 0x04, 0x06, 0x02, 0x2a, 0x03, 0], "token-trailing-bytes"),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "token-malformed"),
        ];
        for (bytes, code) in cases {
            assert_eq!(Token::parse(bytes).map_err(|error| error.code()), Err(code), "{bytes:x?}");
        }
    }

    #[test]
    fn long_input_is_refused_unread() {
        let bytes = vec![0; TOKEN_BYTES_MAX + 1];
        assert_eq!(Token::parse(&bytes).map_err(|error| error.code()), Err("token-too-long"));
    }
}
