//! The stored record of an anchor: canonical JSON of format `vm-anchor-v0` (see `docs/spec/anchor-rfc3161.md`).
//!
//! ```json
//! {"authority":{"name":"local","root_sha256":"<64 hex>"},"format":"vm-anchor-v0",
//!  "gen_time":"2026-01-02T03:04:05.000006Z","identity":"<64 hex>","imprint":{"algorithm":"sha256","hex":"<64 hex>"},
//!  "rail":"rfc3161","seal_id":"<uuid>","token":{"path":"anchors/<name>.tst","sha256":"<64 hex>","size":1234}}
//! ```
//!
//! The record says where the evidence lies and what it said when it was recorded. It proves nothing by itself: a
//! verifier checks the token again and compares.

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::SealId;
use vm_core::instant::Instant;

use crate::error::EvidenceError;
use crate::verify::{Rail, VerifiedAnchor};

/// Format of the stored record.
pub const FORMAT: &str = "vm-anchor-v0";
/// Longest record read, in bytes: an embedded token in base64, and as much again.
pub const RECORD_BYTES_MAX: usize = 32 * 1024;
/// Longest token embedded in a record, in bytes: most tokens with their chain are under 8 KiB.
pub const EMBED_BYTES_MAX: usize = 8 * 1024;
/// Longest path of a token below the vault, in bytes: what the narrowest common file system allows.
pub const PATH_BYTES_MAX: usize = 255;

/// What was stamped, as stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredImprint {
    algorithm: StoredAlgorithm,
    hex: Sha256Digest,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredAlgorithm {
    Sha256,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAuthority {
    name: String,
    root_sha256: Sha256Digest,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredToken {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    sha256: Sha256Digest,
    size: u64,
}

/// Where a recorded token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenPlace<'a> {
    /// In a file below the vault, by its relative path with forward slashes.
    File(&'a str),
    /// In the record itself.
    Embedded,
}

/// A stored anchor record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorRecord {
    format: String,
    seal_id: SealId,
    rail: Rail,
    imprint: StoredImprint,
    token: StoredToken,
    gen_time: Instant,
    authority: StoredAuthority,
    identity: Sha256Digest,
}

impl AnchorRecord {
    /// A record of a verified anchor whose token was written to `path`, relative to the vault.
    ///
    /// # Errors
    /// [`EvidenceError::Path`].
    pub fn in_file(seal_id: SealId, anchor: &VerifiedAnchor, token: &[u8], path: &str) -> Result<Self, EvidenceError> {
        check_path(path)?;
        Ok(Self::new(seal_id, anchor, token, Some(path.to_owned()), None))
    }

    /// A record of a verified anchor that holds its token.
    ///
    /// # Errors
    /// [`EvidenceError::TooLong`] above [`EMBED_BYTES_MAX`].
    pub fn embedded(seal_id: SealId, anchor: &VerifiedAnchor, token: &[u8]) -> Result<Self, EvidenceError> {
        check_embed(token.len())?;
        let base64 = Base64::encode_string(token);
        Ok(Self::new(seal_id, anchor, token, None, Some(base64)))
    }

    fn new(
        seal_id: SealId,
        anchor: &VerifiedAnchor,
        token: &[u8],
        path: Option<String>,
        base64: Option<String>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            seal_id,
            rail: anchor.rail(),
            imprint: StoredImprint { algorithm: StoredAlgorithm::Sha256, hex: anchor.stamped() },
            token: StoredToken {
                path,
                base64,
                sha256: Sha256Digest::of(token),
                size: u64::try_from(token.len()).unwrap_or(u64::MAX),
            },
            gen_time: anchor.gen_time(),
            authority: StoredAuthority { name: anchor.authority().to_owned(), root_sha256: anchor.root() },
            identity: anchor.identity(),
        }
    }

    /// Reads a record. Format and rail are looked at first, so that a later release's record is refused by name.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let value =
            canonical::parse_exact(bytes, RECORD_BYTES_MAX).map_err(|source| EvidenceError::Canonical { source })?;
        Self::from_value(value)
    }

    /// As [`Self::parse`], of a value that was read already.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn from_value(value: Value) -> Result<Self, EvidenceError> {
        let word = |field: &str| {
            let text = value.get(field).and_then(Value::as_str);
            text.unwrap_or("none").to_owned()
        };
        let (format, rail) = (word("format"), word("rail"));
        if format != FORMAT {
            return Err(EvidenceError::FormatUnknown { expected: FORMAT, found: format });
        }
        if Rail::ALL.iter().all(|known| known.as_str() != rail) {
            return Err(EvidenceError::RailUnknown { found: rail });
        }
        let record = Self::deserialize(&value).map_err(|source| EvidenceError::Field { source })?;
        record.token()?;
        // A derived reader takes a list of values for an object, and null for a member that is left out.
        if record.to_value()? != value {
            return Err(EvidenceError::Field { source: serde::de::Error::custom("not written as it would be") });
        }
        Ok(record)
    }

    /// The record as a JSON value, for `meta_json`.
    ///
    /// # Errors
    /// [`EvidenceError::Field`] only for want of memory.
    pub fn to_value(&self) -> Result<Value, EvidenceError> {
        serde_json::to_value(self).map_err(|source| EvidenceError::Field { source })
    }

    /// The record's canonical bytes.
    ///
    /// # Errors
    /// As [`Self::to_value`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EvidenceError> {
        canonical::to_bytes(&self.to_value()?).map_err(|source| EvidenceError::Canonical { source })
    }

    /// Where the token is, and its bytes where the record holds them.
    fn token(&self) -> Result<(TokenPlace<'_>, Option<Vec<u8>>), EvidenceError> {
        match (&self.token.path, &self.token.base64) {
            (Some(path), None) => {
                check_path(path)?;
                Ok((TokenPlace::File(path), None))
            }
            (None, Some(text)) => {
                let bytes = Base64::decode_vec(text).map_err(|_| EvidenceError::TokenAltered)?;
                check_embed(bytes.len())?;
                self.check_token(&bytes)?;
                Ok((TokenPlace::Embedded, Some(bytes)))
            }
            _ => Err(EvidenceError::Path),
        }
    }

    /// Where the token is.
    #[must_use]
    pub fn place(&self) -> TokenPlace<'_> {
        match &self.token.path {
            Some(path) => TokenPlace::File(path),
            None => TokenPlace::Embedded,
        }
    }

    /// The token's bytes, where the record holds them.
    #[must_use]
    pub fn embedded_token(&self) -> Option<Vec<u8>> {
        self.token().ok().and_then(|(_, bytes)| bytes)
    }

    /// Checks that `token` has the recorded size and SHA-256.
    ///
    /// # Errors
    /// [`EvidenceError::TokenAltered`].
    pub fn check_token(&self, token: &[u8]) -> Result<(), EvidenceError> {
        let same_size = u64::try_from(token.len()) == Ok(self.token.size);
        if same_size && Sha256Digest::of(token) == self.token.sha256 {
            Ok(())
        } else {
            Err(EvidenceError::TokenAltered)
        }
    }

    /// Whether a token that verified now says what it said when it was recorded: imprint, time, identity. The authority
    /// is left to today's policy, which may know it by another name.
    #[must_use]
    pub fn agrees_with(&self, anchor: &VerifiedAnchor) -> bool {
        self.rail == anchor.rail()
            && self.imprint.hex == anchor.stamped()
            && self.gen_time == anchor.gen_time()
            && self.identity == anchor.identity()
    }

    /// The seal that was anchored.
    #[must_use]
    pub const fn seal_id(&self) -> SealId {
        self.seal_id
    }

    /// The rail.
    #[must_use]
    pub const fn rail(&self) -> Rail {
        self.rail
    }

    /// SHA-256 of the seal bundle's file.
    #[must_use]
    pub const fn imprint(&self) -> Sha256Digest {
        self.imprint.hex
    }

    /// The time recorded.
    #[must_use]
    pub const fn gen_time(&self) -> Instant {
        self.gen_time
    }

    /// The authority's name when it was recorded.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority.name
    }

    /// SHA-256 of the root that was pinned when it was recorded.
    #[must_use]
    pub const fn root(&self) -> Sha256Digest {
        self.authority.root_sha256
    }

    /// The anchor's identity.
    #[must_use]
    pub const fn identity(&self) -> Sha256Digest {
        self.identity
    }

    /// SHA-256 of the token's bytes.
    #[must_use]
    pub const fn token_sha256(&self) -> Sha256Digest {
        self.token.sha256
    }

    /// Length of the token in bytes.
    #[must_use]
    pub const fn token_size(&self) -> u64 {
        self.token.size
    }
}

fn check_embed(found: usize) -> Result<(), EvidenceError> {
    let limit = EMBED_BYTES_MAX;
    if found > limit {
        return Err(EvidenceError::TooLong { limit, found });
    }
    Ok(())
}

/// Parts of letters, digits, `.`, `_` and `-`, joined by single slashes; none is `.` or `..`.
fn check_path(path: &str) -> Result<(), EvidenceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let part_holds = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
    if path.len() <= PATH_BYTES_MAX && path.split('/').all(part_holds) { Ok(()) } else { Err(EvidenceError::Path) }
}
