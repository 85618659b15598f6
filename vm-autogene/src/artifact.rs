//! Artifacts: what Autogene leaves, as canonical JSON and as rows that somebody else may record.
//!
//! Each is an object with a `format`, read back strictly: unknown formats and members are refused, and so are bytes that are not
//! exactly what would be written.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::RowId;
use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader};
use vm_core::redact::Redacted;

use crate::error::ArtifactError;

/// Longest artifact read, in bytes: the largest forecast there can be is below a megabyte.
pub const ARTIFACT_MAX: usize = 4 * 1024 * 1024;

mod sealed {
    /// Rules beyond the shape.
    pub trait Check {
        /// The first rule that is broken.
        fn check(&self) -> Result<(), &'static str>;
    }
}

pub(crate) use sealed::Check;

/// Something Autogene leaves. The formats are those of this crate, so nobody else implements it.
pub trait Artifact: Serialize + DeserializeOwned + Check {
    /// Format string.
    const FORMAT: &'static str;
    /// Kind of the row.
    const KIND: &'static str;

    /// Canonical bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Rule`] where it breaks a rule of its format.
    fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        canonical::to_bytes(&value_of(self)?).map_err(ArtifactError::Canonical)
    }

    /// SHA-256 of the canonical bytes: how other artifacts name it.
    ///
    /// # Errors
    /// As [`Artifact::to_bytes`].
    fn hash(&self) -> Result<Sha256Digest, ArtifactError> {
        Ok(Sha256Digest::of(&self.to_bytes()?))
    }

    /// Reads canonical bytes of at most [`ARTIFACT_MAX`].
    ///
    /// # Errors
    /// [`ArtifactError`].
    fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut value = canonical::parse_exact(bytes, ARTIFACT_MAX).map_err(ArtifactError::Canonical)?;
        let found = value.as_object_mut().and_then(|object| object.remove("format"));
        let found = found.as_ref().and_then(Value::as_str).unwrap_or_default();
        if found != Self::FORMAT {
            let found = found.chars().take(64).collect();
            return Err(ArtifactError::UnknownFormat { expected: Self::FORMAT, found });
        }
        let artifact: Self =
            serde_json::from_value(value).map_err(|source| ArtifactError::Shape { format: Self::FORMAT, source })?;
        // A member that was left out where it may be null would be a second spelling.
        if artifact.to_bytes()? != bytes {
            return Err(ArtifactError::Rule { format: Self::FORMAT, reason: "not written as it would be" });
        }
        Ok(artifact)
    }

    /// A row of it, to be recorded by whoever holds a permit; `subject` is the row it is about: for a recommendation and a score
    /// the forecast's. Nothing in it is a caller's payload, so nothing is redacted.
    ///
    /// # Errors
    /// [`ArtifactError`].
    fn draft(&self, header: RowHeader, subject: Option<RowId>) -> Result<RowDraft, ArtifactError> {
        let kind: ArtifactKind = Self::KIND.parse().map_err(ArtifactError::Record)?;
        let meta = Redacted::system(&value_of(self)?).map_err(ArtifactError::Canonical)?;
        let row = ProofArtifact { header, kind, file: None, subject, meta: Some(meta) };
        row.into_draft(None).map_err(ArtifactError::Record)
    }
}

/// `artifact`, if it breaks no rule of its format: what the functions of this crate that make artifacts end with.
pub(crate) fn sound<A: Artifact>(artifact: A) -> Result<A, ArtifactError> {
    artifact.check().map_err(|reason| ArtifactError::Rule { format: A::FORMAT, reason })?;
    Ok(artifact)
}

fn value_of<A: Artifact>(artifact: &A) -> Result<Value, ArtifactError> {
    artifact.check().map_err(|reason| ArtifactError::Rule { format: A::FORMAT, reason })?;
    let mut value =
        serde_json::to_value(artifact).map_err(|source| ArtifactError::Shape { format: A::FORMAT, source })?;
    if let Some(object) = value.as_object_mut() {
        object.insert("format".to_owned(), Value::from(A::FORMAT));
    }
    Ok(value)
}
