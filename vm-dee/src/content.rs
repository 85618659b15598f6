//! What the gate's rows hold: canonical JSON with a format, in `meta_json` of a system row, and a signature where somebody
//! answers for it.
//!
//! ```text
//! {"epoch":"nigredo","format":"vm-dee-approval-v0",...,"signature":"<128 hex>"}
//! ```
//!
//! A signature is over the same object without it. It binds the ledger and the id of the row, so that a signed content
//! stands in one row of one ledger and cannot be recorded again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::{PublicKey, Signature, SigningIdentity};
use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader, StoredRow, SystemKind, Table};
use vm_core::redact::Redacted;

use crate::error::ContentError;

/// Longest content in bytes. A policy of 64 identities with 8 keys and 16 roles each takes about 110 KiB.
pub const CONTENT_MAX: usize = 256 * 1024;

/// A content of one kind of row.
pub trait Content: Serialize + DeserializeOwned {
    /// The kind of row it stands in; its format is the kind and a version.
    const KIND: SystemKind;

    /// The row it is about, which the row's `subject_id` repeats.
    fn subject(&self) -> Option<RowId>;

    /// Checks what the types alone do not say: limits, order, members that belong together.
    ///
    /// # Errors
    /// [`ContentError`] names the first fault.
    fn check(&self) -> Result<(), ContentError>;
}

/// A content that somebody signs.
pub trait Signable: Content {
    /// The ledger it is for, and no other.
    fn ledger(&self) -> LedgerId;

    /// The row it is for, and no other.
    fn row(&self) -> RowId;
}

/// A content with a signature over it. Whose signature it must be is for whoever relies on it: see
/// [`Signed::verify`].
#[derive(Clone, PartialEq, Debug)]
pub struct Signed<C> {
    content: C,
    signature: Signature,
}

impl<C: Signable> Signed<C> {
    /// Signs a content.
    ///
    /// # Errors
    /// [`ContentError`] where it breaks a limit or has no canonical form; nothing was signed.
    pub fn sign(content: C, signer: &SigningIdentity) -> Result<Self, ContentError> {
        content.check()?;
        let signature = signer.sign(&to_bytes(&to_value(&content)?)?);
        Ok(Self { content, signature })
    }

    /// The content.
    #[must_use]
    pub const fn content(&self) -> &C {
        &self.content
    }

    /// Identity of the content: SHA-256 over its canonical bytes, the signature left out.
    ///
    /// # Errors
    /// [`ContentError::Canonical`] never in practice: it was written when it was signed.
    pub fn digest(&self) -> Result<Sha256Digest, ContentError> {
        Ok(Sha256Digest::of(&to_bytes(&to_value(&self.content)?)?))
    }

    /// Checks that `signer` signed this content, for `ledger`. Cost: one strict signature check, about 45 microseconds.
    ///
    /// # Errors
    /// [`ContentError::OtherLedger`] or [`ContentError::Key`].
    pub fn verify(&self, ledger: LedgerId, signer: PublicKey) -> Result<(), ContentError> {
        if self.content.ledger() != ledger {
            return Err(ContentError::OtherLedger);
        }
        signer.verify(&to_bytes(&to_value(&self.content)?)?, &self.signature).map_err(ContentError::Key)
    }

    /// The row, for the ledger to append.
    ///
    /// # Errors
    /// [`ContentError::OtherRow`] where `header` is of another row than the content is signed for.
    pub fn draft(&self, header: RowHeader) -> Result<RowDraft, ContentError> {
        if header.id != self.content.row() {
            return Err(ContentError::OtherRow);
        }
        let mut value = to_value(&self.content)?;
        insert(&mut value, "signature", Value::from(self.signature.to_string()));
        draft_of(C::KIND, self.content.subject(), &value, header)
    }

    /// Reads a row. The signature is not checked.
    ///
    /// # Errors
    /// [`ContentError`] names the first fault.
    pub fn of_row(row: &StoredRow) -> Result<Self, ContentError> {
        let mut value = value_of(row, C::KIND)?;
        let signature = value.as_object_mut().and_then(|object| object.remove("signature"));
        let signature = signature.as_ref().and_then(Value::as_str).ok_or(ContentError::Shape)?;
        let signature = Signature::parse_hex(signature).map_err(ContentError::Key)?;
        let content: C = from_value(&value)?;
        check_subject(row, content.subject())?;
        if row.id().map_err(ContentError::Record)? != content.row() {
            return Err(ContentError::OtherRow);
        }
        Ok(Self { content, signature })
    }
}

/// Reads a row whose content nobody signs.
pub(crate) fn read<C: Content>(row: &StoredRow) -> Result<C, ContentError> {
    let content: C = from_value(&value_of(row, C::KIND)?)?;
    check_subject(row, content.subject())?;
    Ok(content)
}

/// The row of a content that nobody signs.
pub(crate) fn draft<C: Content>(content: &C, header: RowHeader) -> Result<RowDraft, ContentError> {
    content.check()?;
    draft_of(C::KIND, content.subject(), &to_value(content)?, header)
}

/// A row of a reserved kind with this JSON.
pub(crate) fn draft_of(
    kind: SystemKind,
    subject: Option<RowId>,
    value: &Value,
    header: RowHeader,
) -> Result<RowDraft, ContentError> {
    let meta = Redacted::system(value).map_err(ContentError::Canonical)?;
    if meta.as_json().len() > CONTENT_MAX {
        return Err(ContentError::TooLong { limit: CONTENT_MAX, found: meta.as_json().len() });
    }
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject, meta: Some(meta) };
    artifact.into_draft(None).map_err(ContentError::Record)
}

/// JSON of a row of `kind`.
pub(crate) fn value_of(row: &StoredRow, kind: SystemKind) -> Result<Value, ContentError> {
    if row.table() != Table::ProofArtifacts || row.text("kind") != Some(kind.as_str()) {
        return Err(ContentError::OtherKind { expected: kind });
    }
    let json = row.text("meta_json").ok_or(ContentError::Shape)?;
    canonical::parse_exact(json.as_bytes(), CONTENT_MAX).map_err(ContentError::Canonical)
}

fn from_value<C: Content>(value: &Value) -> Result<C, ContentError> {
    let format = value.get("format").and_then(Value::as_str).ok_or(ContentError::Shape)?;
    if Some(format) != C::KIND.gate_format().as_deref() {
        return Err(ContentError::UnknownFormat { found: format.chars().take(64).collect() });
    }
    let mut members = value.clone();
    members.as_object_mut().and_then(|object| object.remove("format"));
    let content: C = serde_json::from_value(members).map_err(|_| ContentError::Shape)?;
    // A list out of order, or a member left out for null, would be the same content under another hash.
    if to_bytes(&to_value(&content)?)? != to_bytes(value)? {
        return Err(ContentError::Shape);
    }
    content.check()?;
    Ok(content)
}

fn to_value<C: Content>(content: &C) -> Result<Value, ContentError> {
    let mut value = serde_json::to_value(content).map_err(|_| ContentError::Shape)?;
    insert(&mut value, "format", Value::from(C::KIND.gate_format().ok_or(ContentError::Shape)?));
    Ok(value)
}

fn insert(value: &mut Value, name: &str, member: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), member);
    }
}

pub(crate) fn to_bytes(value: &Value) -> Result<Vec<u8>, ContentError> {
    canonical::to_bytes(value).map_err(ContentError::Canonical)
}

pub(crate) fn check_subject(row: &StoredRow, subject: Option<RowId>) -> Result<(), ContentError> {
    if row.row_ref("subject_id").map_err(ContentError::Record)? == subject {
        Ok(())
    } else {
        Err(ContentError::Subject)
    }
}

/// Checks a length against its limit.
pub(crate) fn at_most(name: &'static str, limit: usize, found: usize) -> Result<(), ContentError> {
    if found > limit { Err(ContentError::TooMany { name, limit, found }) } else { Ok(()) }
}

/// Whether a list rises, without two alike: the one way to write a set.
pub(crate) fn rises<T: Ord>(list: &[T]) -> bool {
    list.windows(2).all(|pair| matches!(pair, [one, two] if one < two))
}
