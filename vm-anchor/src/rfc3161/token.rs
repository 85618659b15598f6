//! Tokens: a CMS `SignedData` over a `TSTInfo`, read into its parts. Reading judges nothing but the shape.
//!
//! The fields of the `SignedData` are walked here and each is decoded by the cms crate, since two of them must be kept as
//! their bytes stand: the certificates, whose hashes are signed, and the signed attributes. The crate's own `SignedData`
//! decodes both into values, sorts them, and holds no number of parts to a limit.

use cms::content_info::ContentInfo;
use cms::signed_data::{EncapsulatedContentInfo, SignerInfo};
use der::asn1::AnyRef;
use der::{Any, Decode, Encode, ErrorKind, Tag, Tagged};
use x509_cert::AlgorithmIdentifier;

use super::asn1::{Cursor, Element, context};
use super::revocation::CRLS_MAX;
use super::tst_info::TstInfo;
use super::{ber, oid};
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

/// A signer, and what its signature covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Signer {
    pub(crate) info: SignerInfo,
    /// The signed attributes as the SET OF that the signature covers; `None` where there are none.
    pub(crate) signed_bytes: Option<Vec<u8>>,
    /// The same in DER order, where they stand in another.
    pub(crate) sorted_bytes: Option<Vec<u8>>,
    /// Whether no attribute stands twice.
    pub(crate) is_distinct: bool,
}

/// A token that could be read. Nothing in it is believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    version: Vec<u8>,
    digests: Vec<AlgorithmIdentifier>,
    content: Any,
    tst_info: TstInfo,
    certificates: Vec<Vec<u8>>,
    crls: Vec<Vec<u8>>,
    signers: Vec<Signer>,
    is_reencoded: bool,
}

impl Token {
    /// Reads a `ContentInfo` that holds a time-stamp token. BER is read as the DER it stands for, see
    /// [`Self::is_reencoded`].
    ///
    /// Cost: 10 microseconds; some 70 milliseconds for the worst of [`TOKEN_BYTES_MAX`] bytes, twice that for BER.
    ///
    /// # Errors
    /// [`TokenError`]: too long, too many parts, or not a time-stamp token.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong { limit: TOKEN_BYTES_MAX, found: bytes.len() });
        }
        let strict = match Self::parse_der(bytes) {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        let Some(der) = ber::to_der(bytes) else {
            return Err(strict);
        };
        let mut token = Self::parse_der(&der)?;
        token.is_reencoded = true;
        Ok(token)
    }

    fn parse_der(bytes: &[u8]) -> Result<Self, TokenError> {
        Self::read_signed_data(&unwrap_content_info(bytes)?)
    }

    fn read_signed_data(signed_data: &Any) -> Result<Self, TokenError> {
        let part = |part| move |source| malformed(part, source);
        let mut fields = Cursor::new(signed_data.value()).map_err(part("signed data"))?;
        let version = fields.expect(Tag::Integer).map_err(part("version"))?;
        let digests = fields.expect(Tag::Set).map_err(part("digest algorithms")).and_then(|set| read_digests(&set))?;
        let content = fields.next().map_err(part("content")).and_then(|content| read_content(&content))?;
        let certificates = match fields.optional(context(0)).map_err(part("certificates"))? {
            Some(bag) => read_certificates(&bag)?,
            None => Vec::new(),
        };
        // Not signed by the token, and no list that cannot be used condemns it.
        let lists = fields.optional(context(1)).map_err(part("revocation lists"))?;
        let signers = fields.expect(Tag::Set).map_err(part("signers")).and_then(|set| read_signers(&set))?;
        fields.finish().map_err(part("signed data"))?;
        Ok(Self {
            version: version.value.to_vec(),
            digests,
            tst_info: TstInfo::parse(content.value()).map_err(part("TSTInfo"))?,
            content,
            certificates,
            crls: lists.as_ref().map(read_crls).unwrap_or_default(),
            signers,
            is_reencoded: false,
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

    /// The revocation lists that stand in the token, in its order. The token's signature does not cover them; that of
    /// their issuer must.
    pub fn crls(&self) -> impl Iterator<Item = &[u8]> {
        self.crls.iter().map(Vec::as_slice)
    }

    /// Whether the token came as BER. Its parts are those of the DER it stands for.
    #[must_use]
    pub const fn is_reencoded(&self) -> bool {
        self.is_reencoded
    }

    pub(crate) fn version(&self) -> &[u8] {
        &self.version
    }

    pub(crate) fn digests(&self) -> &[AlgorithmIdentifier] {
        &self.digests
    }

    /// The bytes of the TSTInfo.
    pub(crate) fn content(&self) -> &[u8] {
        self.content.value()
    }

    pub(crate) fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

fn malformed(part: &'static str, source: der::Error) -> TokenError {
    match source.kind() {
        ErrorKind::IndefiniteLength => TokenError::Ber,
        _ => TokenError::Malformed { part, source },
    }
}

fn unwrap_content_info(bytes: &[u8]) -> Result<Any, TokenError> {
    let part = |source: der::Error| match source.kind() {
        ErrorKind::TrailingData { .. } => TokenError::TrailingBytes,
        _ => malformed("content info", source),
    };
    // The type is looked at first, so that a stranger is called one.
    let mut info = Cursor::only(bytes, Tag::Sequence).and_then(|info| info.inner()).map_err(part)?;
    if info.oid().map_err(part)? != oid::SIGNED_DATA {
        return Err(TokenError::NotSignedData);
    }
    let content = ContentInfo::from_der(bytes).map_err(part)?.content;
    content.tag().assert_eq(Tag::Sequence).map_err(|error| malformed("content info", error))?;
    Ok(content)
}

fn read_digests(set: &Element<'_>) -> Result<Vec<AlgorithmIdentifier>, TokenError> {
    let items = elements("digest algorithms", set, DIGEST_ALGORITHMS_MAX)?;
    items.iter().map(|item| item.decode().map_err(|source| malformed("digest algorithms", source))).collect()
}

/// The signed content, an OCTET STRING.
fn read_content(content: &Element<'_>) -> Result<Any, TokenError> {
    let part = |source| malformed("content", source);
    let content: EncapsulatedContentInfo = content.decode().map_err(part)?;
    if content.econtent_type != oid::TST_INFO {
        return Err(TokenError::NotTstInfo);
    }
    let octets = content.econtent.ok_or(TokenError::Detached)?;
    octets.tag().assert_eq(Tag::OctetString).map_err(part)?;
    Ok(octets)
}

/// Certificates as their bytes stand, in any order; other kinds of `CertificateChoices` are passed over.
fn read_certificates(bag: &Element<'_>) -> Result<Vec<Vec<u8>>, TokenError> {
    let items = elements("certificates", bag, CERTIFICATES_MAX)?;
    Ok(items.iter().filter(|item| item.tag == Tag::Sequence).map(|item| item.whole.to_vec()).collect())
}

/// Revocation lists as their bytes stand; other kinds of `RevocationInfoChoice`, and what is over the limit, are passed over.
fn read_crls(set: &Element<'_>) -> Vec<Vec<u8>> {
    let items = elements("revocation lists", set, CRLS_MAX).unwrap_or_default();
    items.iter().filter(|item| item.tag == Tag::Sequence).map(|item| item.whole.to_vec()).collect()
}

fn read_signers(set: &Element<'_>) -> Result<Vec<Signer>, TokenError> {
    elements("signers", set, SIGNERS_MAX)?.iter().map(read_signer).collect()
}

fn read_signer(item: &Element<'_>) -> Result<Signer, TokenError> {
    let part = |source| malformed("signer", source);
    let (fields, signed) = split_signer(item).map_err(part)?;
    if let Some(signed) = &signed {
        elements("signed attributes", signed, ATTRIBUTES_MAX)?;
    }
    let info: SignerInfo = AnyRef::new(Tag::Sequence, fields).and_then(AnyRef::decode_as).map_err(part)?;
    // The signature covers the SET OF under its own tag, not under [0] (RFC 5652, section 5.4).
    let signed_bytes = signed.map(|signed| AnyRef::new(Tag::Set, signed.value).and_then(|set| set.to_der()));
    let signed_bytes = signed_bytes.transpose().map_err(part)?;
    // Decoding sorted the attributes, so their encoding tells whether they were in order.
    let sorted = info.signed_attrs.as_ref().map(Encode::to_der).transpose().map_err(part)?;
    let is_distinct = info.signed_attrs.iter().all(|set| set.as_slice().windows(2).all(|pair| pair[0] != pair[1]));
    let sorted_bytes = sorted.filter(|sorted| Some(sorted) != signed_bytes.as_ref());
    Ok(Signer { info, signed_bytes, sorted_bytes, is_distinct })
}

/// The fields of a `SignerInfo` without its unsigned attributes, and the signed ones among them. What is not signed proves
/// nothing here and condemns nothing, so it is passed over whole.
fn split_signer<'a>(signer: &Element<'a>) -> der::Result<(&'a [u8], Option<Element<'a>>)> {
    signer.tag.assert_eq(Tag::Sequence)?;
    let mut fields = signer.inner()?;
    // Version, name of the certificate, digest algorithm.
    for _ in 0..3 {
        fields.next()?;
    }
    let signed = fields.optional(context(0))?;
    // Signature algorithm, signature.
    for _ in 0..2 {
        fields.next()?;
    }
    let unsigned = fields.optional(context(1))?;
    fields.finish()?;
    let kept = unsigned.and_then(|unsigned| signer.value.strip_suffix(unsigned.whole));
    Ok((kept.unwrap_or(signer.value), signed))
}

/// The elements in `set`, at most `limit`: counted before any of them is decoded.
fn elements<'a>(what: &'static str, set: &Element<'a>, limit: usize) -> Result<Vec<Element<'a>>, TokenError> {
    let part = |source| malformed(what, source);
    let mut cursor = set.inner().map_err(part)?;
    let mut found = Vec::new();
    while !cursor.is_finished() {
        if found.len() == limit {
            return Err(TokenError::TooMany { what, limit });
        }
        found.push(cursor.next().map_err(part)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_named() {
        let cases: [(&[u8], &str); 6] = [
            (&[], "token-malformed"),
            (&[0x30, 0x80, 0], "token-ber"),
            (&[0x30, 0x80, 0, 0], "token-malformed"),
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
