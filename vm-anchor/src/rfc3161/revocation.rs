//! Revocation by archived lists, judged at the token's own time (RFC 5280, section 5; RFC 3161, section 4, item 1).
//!
//! A list speaks for a certificate if the certificate's issuer signed it, whoever brought it. Delta lists and indirect
//! lists are not read. Nothing is looked up.

use der::asn1::ObjectIdentifier;
use der::{Decode, Tag};
use rustls_pki_types::SignatureVerificationAlgorithm;
use vm_core::instant::Instant;
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::ext::pkix::{BasicConstraints, CrlDistributionPoints, KeyUsage};
use x509_cert::time::Time;

use super::asn1::{Cursor, Element, context};
use super::certificate::Head;
use super::checks::FUTURE_SKEW_MICROS_MAX;
use super::oid;
use crate::error::Defect;

/// Longest list read, in bytes. Lists of authorities that sign tokens have some kilobytes; the longest public ones of
/// any authority have about ten megabytes.
pub const CRL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most lists of a path's issuers looked at, the first ones given: one for each certificate of the longest path, eight
/// times over. Also the most read out of a token.
pub const CRLS_MAX: usize = 64;
/// Most extensions of a list or of an entry. Three to five are usual.
const EXTENSIONS_MAX: usize = 16;

/// Archived revocation lists, and whether they must speak.
#[derive(Clone, Debug)]
pub struct Revocation<'a> {
    lists: Vec<&'a [u8]>,
    is_required: bool,
    now: Instant,
}

impl<'a> Revocation<'a> {
    /// No lists, for someone whose clock says `now`: lists of a later day are passed over.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { lists: Vec::new(), is_required: false, now }
    }

    /// Adds lists, each a DER `CertificateList`, of these authorities and others. One that is longer than
    /// [`CRL_BYTES_MAX`], malformed or not signed by an issuer of the path says nothing; nor do those beyond
    /// [`CRLS_MAX`] that name an issuer of the path.
    #[must_use]
    pub fn lists(mut self, lists: &'a [impl AsRef<[u8]>]) -> Self {
        self.lists.extend(lists.iter().map(AsRef::as_ref));
        self
    }

    /// Demands that for each certificate below the root a list says that it was not revoked.
    #[must_use]
    pub const fn required(mut self, is_required: bool) -> Self {
        self.is_required = is_required;
        self
    }

    /// Whether there is nothing to look at and nothing demanded.
    pub(crate) fn is_idle(&self) -> bool {
        self.lists.is_empty() && !self.is_required
    }

    /// Judges a path: the signer first, the root last. Cost: a hash of each list of an issuer on the path, one signature
    /// check and one pass over its entries, for each certificate it speaks of.
    pub(crate) fn check(
        &self,
        path: &[&[u8]],
        at: Instant,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Defect> {
        let subjects: Vec<Subject<'_>> =
            path.iter().map(|der| Subject::read(der)).collect::<der::Result<_>>().map_err(|_| Defect::PathInvalid)?;
        let readable = self.lists.iter().filter(|list| list.len() <= CRL_BYTES_MAX);
        let lists = readable.filter_map(|list| List::read(list).ok());
        let is_near = |list: &List<'_>| subjects.iter().any(|subject| subject.issuer == list.issuer);
        let lists: Vec<List<'_>> = lists.filter(is_near).take(CRLS_MAX).collect();
        for (subject, issuer) in subjects.iter().zip(path.iter().skip(1)) {
            let issuer = Issuer::read(issuer).map_err(|_| Defect::PathInvalid)?;
            let standing = self.standing(&lists, subject, &issuer, at, algorithms)?;
            match (self.is_required, standing) {
                (false, _) | (true, Standing::Good) => {}
                (true, Standing::Unsupported) => return Err(Defect::RevocationUnsupported),
                (true, Standing::Unknown) => return Err(Defect::RevocationUnknown),
            }
        }
        Ok(())
    }

    fn standing(
        &self,
        lists: &[List<'_>],
        subject: &Subject<'_>,
        issuer: &Issuer<'_>,
        at: Instant,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Standing, Defect> {
        let latest = self.now.saturating_add_micros(FUTURE_SKEW_MICROS_MAX);
        let mut standing = Standing::Unknown;
        for list in lists.iter().filter(|list| list.issuer == subject.issuer && list.this_update <= latest) {
            if !issuer.has_signed(list, algorithms) {
                continue;
            }
            let found = if list.is_supported { list.find(subject.serial) } else { None };
            match found {
                None => standing = standing.max(Standing::Unsupported),
                Some(Some(entry)) => {
                    entry.check(at)?;
                    standing = Standing::Good;
                }
                Some(None) if list.speaks_for(subject, at) => standing = Standing::Good,
                Some(None) => {}
            }
        }
        Ok(standing)
    }
}

/// Whether these bytes are a list that can be read.
pub(crate) fn reads_as_list(bytes: &[u8]) -> bool {
    bytes.len() <= CRL_BYTES_MAX && List::read(bytes).is_ok()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Unknown,
    /// A list of a kind that is not read.
    Unsupported,
    Good,
}

/// The certificate that is judged.
struct Subject<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    is_ca: bool,
    not_after: Instant,
    points: Vec<DistributionPointName>,
}

impl<'a> Subject<'a> {
    fn read(certificate: &'a [u8]) -> der::Result<Self> {
        let Head { serial, issuer, .. } = Head::read(certificate)?;
        let parsed = Certificate::from_der(certificate)?;
        let tbs = parsed.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>()?;
        let points = tbs.get_extension::<CrlDistributionPoints>()?;
        let points = points.into_iter().flat_map(|(_, points)| points.0);
        Ok(Self {
            serial,
            issuer,
            is_ca: constraints.is_some_and(|(_, constraints)| constraints.ca),
            not_after: instant(&tbs.validity().not_after),
            points: points.filter_map(|point| point.distribution_point).collect(),
        })
    }
}

/// The certificate whose key signs the list.
struct Issuer<'a> {
    algorithm: &'a [u8],
    key: &'a [u8],
    may_sign_lists: bool,
}

impl<'a> Issuer<'a> {
    fn read(certificate: &'a [u8]) -> der::Result<Self> {
        let mut fields = Head::read(certificate)?.key.inner()?;
        let algorithm = fields.expect(Tag::Sequence)?.value;
        let key = bits(&fields.expect(Tag::BitString)?)?;
        let parsed = Certificate::from_der(certificate)?;
        let usage = parsed.tbs_certificate().get_extension::<KeyUsage>()?;
        Ok(Self { algorithm, key, may_sign_lists: usage.is_none_or(|(_, usage)| usage.crl_sign()) })
    }

    fn has_signed(&self, list: &List<'_>, algorithms: &[&dyn SignatureVerificationAlgorithm]) -> bool {
        let algorithm = algorithms.iter().find(|known| {
            known.signature_alg_id().as_ref() == list.algorithm && known.public_key_alg_id().as_ref() == self.algorithm
        });
        self.may_sign_lists
            && algorithm.is_some_and(|known| known.verify_signature(self.key, list.signed, list.signature).is_ok())
    }
}

/// A list that could be read. Nothing of it is believed before its signature was checked.
struct List<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    issuer: &'a [u8],
    this_update: Instant,
    next_update: Option<Instant>,
    entries: &'a [u8],
    scope: Option<IssuingDistributionPoint>,
    /// Neither a delta list nor an indirect one, and no critical extension is unknown.
    is_supported: bool,
}

impl<'a> List<'a> {
    fn read(bytes: &'a [u8]) -> der::Result<Self> {
        let mut outer = Cursor::only(bytes, Tag::Sequence)?.inner()?;
        let signed = outer.expect(Tag::Sequence)?;
        let algorithm = outer.expect(Tag::Sequence)?;
        let signature = bits(&outer.expect(Tag::BitString)?)?;
        outer.finish()?;
        let mut fields = signed.inner()?;
        fields.optional(Tag::Integer)?;
        if fields.expect(Tag::Sequence)?.whole != algorithm.whole {
            return Err(Tag::Sequence.value_error().into());
        }
        let issuer = fields.expect(Tag::Sequence)?.whole;
        let this_update = instant(&fields.next()?.decode()?);
        let mut next_update = fields.optional(Tag::UtcTime)?;
        if next_update.is_none() {
            next_update = fields.optional(Tag::GeneralizedTime)?;
        }
        let next_update = next_update.map(|time| time.decode().map(|time| instant(&time))).transpose()?;
        let entries = fields.optional(Tag::Sequence)?.map_or(&[][..], |entries| entries.value);
        let extensions = match fields.optional(context(0))? {
            Some(wrapped) => read_extensions(&Cursor::only(wrapped.value, Tag::Sequence)?)?,
            None => Vec::new(),
        };
        fields.finish()?;
        let value = |wanted| extensions.iter().find(|extension| extension.extn_id == wanted);
        let scope = value(oid::ISSUING_DISTRIBUTION_POINT)
            .map(|extension| IssuingDistributionPoint::from_der(extension.extn_value.as_bytes()))
            .transpose()?;
        let known = [oid::CRL_NUMBER, oid::AUTHORITY_KEY_IDENTIFIER, oid::ISSUING_DISTRIBUTION_POINT];
        let is_supported = value(oid::DELTA_CRL_INDICATOR).is_none()
            && !scope.as_ref().is_some_and(|scope| scope.indirect_crl)
            && !has_unknown_critical(&extensions, &known);
        let (algorithm, signed) = (algorithm.value, signed.whole);
        Ok(Self { signed, algorithm, signature, issuer, this_update, next_update, entries, scope, is_supported })
    }

    /// The entry of a certificate: `None` where the list cannot be used, `Some(None)` where it is not listed.
    fn find(&self, serial: &[u8]) -> Option<Option<Entry>> {
        let mut entries = Cursor::new(self.entries).ok()?;
        let mut found = None;
        while !entries.is_finished() {
            let (listed, entry) = Entry::read(&entries.expect(Tag::Sequence).ok()?).ok()?;
            if listed == serial {
                found = Some(entry);
            } else if entry.is_foreign {
                return None;
            }
        }
        Some(found)
    }

    /// Whether its silence says that `subject` was not revoked at `at`.
    fn speaks_for(&self, subject: &Subject<'_>, at: Instant) -> bool {
        // Authorities drop entries of certificates that have expired, so a list from after that is silent either way.
        let in_time = self.next_update.unwrap_or(self.this_update) >= at && self.this_update <= subject.not_after;
        let in_scope = self.scope.as_ref().is_none_or(|scope| {
            let is_wrong_kind =
                if subject.is_ca { scope.only_contains_user_certs } else { scope.only_contains_ca_certs };
            let is_partial = scope.only_contains_attribute_certs || scope.only_some_reasons.is_some();
            let point = scope.distribution_point.as_ref();
            !is_wrong_kind && !is_partial && point.is_none_or(|point| is_among(point, &subject.points))
        });
        in_time && in_scope
    }
}

/// Whether a list's distribution point is one that the certificate names: by a common full name, or by the same name.
fn is_among(point: &DistributionPointName, points: &[DistributionPointName]) -> bool {
    points.iter().any(|known| match (known, point) {
        (DistributionPointName::FullName(known), DistributionPointName::FullName(names)) => {
            names.iter().any(|name| known.contains(name))
        }
        (known, point) => known == point,
    })
}

/// What a list says of one certificate.
struct Entry {
    since: Instant,
    reason: Option<u8>,
    /// It has a critical extension that is not known here, so it may speak of another issuer's certificate.
    is_foreign: bool,
}

impl Entry {
    fn read<'a>(entry: &Element<'a>) -> der::Result<(&'a [u8], Self)> {
        let mut fields = entry.inner()?;
        let serial = fields.expect(Tag::Integer)?.value;
        let since = instant(&fields.next()?.decode()?);
        let extensions = match fields.optional(Tag::Sequence)? {
            Some(list) => read_extensions(&list)?,
            None => Vec::new(),
        };
        fields.finish()?;
        let reason = extensions.iter().find(|extension| extension.extn_id == oid::REASON_CODE);
        let reason = reason.map(|extension| reason_of(extension.extn_value.as_bytes())).transpose()?;
        let is_foreign = has_unknown_critical(&extensions, &[oid::REASON_CODE, oid::INVALIDITY_DATE]);
        Ok((serial, Self { since, reason, is_foreign }))
    }

    /// RFC 3161, section 4: unspecified (0), affiliationChanged (3), superseded (4) and cessationOfOperation (5) leave what
    /// was signed before. Any other reason, and none at all, voids everything the key ever signed.
    fn check(&self, at: Instant) -> Result<(), Defect> {
        match self.reason {
            Some(0 | 3 | 4 | 5) if at < self.since => Ok(()),
            Some(0 | 3 | 4 | 5) => Err(Defect::CertificateRevoked),
            _ => Err(Defect::KeyCompromised),
        }
    }
}

/// `CRLReason`, an ENUMERATED of one octet.
fn reason_of(value: &[u8]) -> der::Result<u8> {
    match Cursor::only(value, Tag::Enumerated)?.value {
        [reason] => Ok(*reason),
        _ => Err(Tag::Enumerated.value_error().into()),
    }
}

fn read_extensions(list: &Element<'_>) -> der::Result<Vec<Extension>> {
    let mut cursor = list.inner()?;
    let mut extensions = Vec::new();
    while !cursor.is_finished() {
        if extensions.len() == EXTENSIONS_MAX {
            return Err(Tag::Sequence.length_error().into());
        }
        extensions.push(cursor.next()?.decode()?);
    }
    Ok(extensions)
}

fn has_unknown_critical(extensions: &[Extension], known: &[ObjectIdentifier]) -> bool {
    extensions.iter().any(|extension| extension.critical && !known.contains(&extension.extn_id))
}

/// The octets of a BIT STRING without unused bits.
fn bits<'a>(element: &Element<'a>) -> der::Result<&'a [u8]> {
    match element.value.split_first() {
        Some((0, bits)) => Ok(bits),
        _ => Err(Tag::BitString.value_error().into()),
    }
}

/// The last instant stands for one that cannot be written.
fn instant(time: &Time) -> Instant {
    let micros = i64::try_from(time.to_unix_duration().as_micros()).unwrap_or(i64::MAX);
    Instant::from_micros(micros).unwrap_or(Instant::MAX)
}
