//! Seal bundles: the file that a seal is kept in and that anchors stamp. `docs/spec/seal-bundle.md` is the format.
//!
//! ```text
//! {"as_of":42,"bounds":{...},"canonicalization":"rfc8785","checkpoint":"vaultmesh/...\n42\n...\n\n— ...\n",
//!  "digest":{"algorithm":"sha256","hex":"..."},"digest_algo":"sha256","format":"vm-ouroboros-seal-v0",
//!  "inputs":{...},"leaves":17,"schema_last_migration":"0003_shadow_receipts.sql","schema_version":3,
//!  "scrolls":[...],"seal_id":"...","sealed_at":"...","selection":{...},"set_root":"...","signer":"vaultmesh/...+...",
//!  "statement":"vm-seal-statement-v0\nvaultmesh/...\n<seal id>\n<64 hex>\n\n— ...\n"}
//! ```

use serde_json::{Map, Value, json};
use vm_core::canonical;
use vm_core::digest::{RootHash, Sha256Digest};
use vm_core::error::{CanonicalError, NoteError};
use vm_core::id::{LedgerId, SealId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_core::path::VaultPath;
use vm_core::record::SchemaVersion;

use crate::digest::{Bounds, ScrollRoot, SealDigest, check_scrolls};
use crate::error::{BundleError, ShapeError};
use crate::merkle::TreeSize;
use crate::selection::Selection;
use crate::shape::Members;

/// Format string of a bundle.
pub const BUNDLE_FORMAT: &str = "vm-ouroboros-seal-v0";
/// Format string of the statement in it.
pub const STATEMENT_FORMAT: &str = "vm-seal-statement-v0";
/// Longest bundle read, in bytes: the most traces and scrolls take 600 kB, the rest is room for cosignatures.
pub const BUNDLE_MAX: usize = 1024 * 1024;
/// Rule that finds the scroll roots of a vault, as bundles name it.
pub const RECEIPT_ROOTS: &str = "receipts/**/ROOT.*.txt";
/// Most rules for receipt roots in one bundle.
const RECEIPT_RULES_MAX: usize = 16;
/// Longest text in a bundle that is neither id, time, hash nor note, in bytes.
const TEXT_MAX: usize = 1_024;

const SHA256: &str = "sha256";
const RFC8785: &str = "rfc8785";
const STATEMENT: &str = "statement";
const MEMBERS: [&str; 18] = [
    "format",
    "schema_version",
    "schema_last_migration",
    "seal_id",
    "sealed_at",
    "digest_algo",
    "selection",
    "digest",
    "bounds",
    "inputs",
    "leaves",
    "set_root",
    "scrolls",
    "as_of",
    "checkpoint",
    "canonicalization",
    "signer",
    STATEMENT,
];

/// Where the evidence lay when it was sealed. Outside the digest: a vault may move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealInputs {
    /// The database, relative to the vault; none where the evidence was in memory.
    pub sqlite_db_path: Option<VaultPath>,
    /// Rules that find the scroll roots.
    pub receipt_roots: Vec<String>,
}

/// Everything in a bundle but the statement over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BundleBody {
    pub(crate) schema_version: SchemaVersion,
    pub(crate) schema_last_migration: String,
    pub(crate) seal_id: SealId,
    pub(crate) sealed_at: Instant,
    /// Digest as the bundle claims it; whether it fits the rest is for verification.
    pub(crate) claimed: Sha256Digest,
    pub(crate) digest: SealDigest,
    pub(crate) inputs: SealInputs,
    pub(crate) as_of: TreeSize,
    pub(crate) checkpoint: Note,
    pub(crate) signer: NoteKey,
    pub(crate) ledger: LedgerId,
}

/// A seal bundle, well-formed. Whether it holds is for [`crate::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealBundle {
    body: BundleBody,
    statement: Note,
    /// SHA-256 of the canonical bundle without `statement`.
    body_hash: Sha256Digest,
    bytes: Vec<u8>,
}

impl Default for SealInputs {
    /// No database, and the usual rule for receipt roots.
    fn default() -> Self {
        Self { sqlite_db_path: None, receipt_roots: vec![RECEIPT_ROOTS.to_owned()] }
    }
}

impl SealInputs {
    fn to_value(&self) -> Value {
        json!({ "sqlite_db_path": self.sqlite_db_path, "receipt_roots": self.receipt_roots })
    }

    fn from_value(value: &Value) -> Result<Self, ShapeError> {
        let members = Members::of(value, "/inputs", &["sqlite_db_path", "receipt_roots"])?;
        let receipt_roots: Vec<String> = members.parse_list("receipt_roots")?;
        if receipt_roots.len() > RECEIPT_RULES_MAX || receipt_roots.iter().any(|rule| rule.len() > TEXT_MAX) {
            return Err(members.fault("receipt_roots"));
        }
        Ok(Self { sqlite_db_path: members.nullable("sqlite_db_path")?, receipt_roots })
    }
}

impl BundleBody {
    fn to_members(&self) -> Map<String, Value> {
        let scrolls: Vec<Value> = self.digest.scrolls().iter().map(ScrollRoot::to_value).collect();
        let members = [
            ("format", json!(BUNDLE_FORMAT)),
            ("schema_version", json!(self.schema_version)),
            ("schema_last_migration", json!(self.schema_last_migration)),
            ("seal_id", json!(self.seal_id)),
            ("sealed_at", json!(self.sealed_at)),
            ("digest_algo", json!(SHA256)),
            ("selection", self.digest.selection().to_value()),
            ("digest", json!({ "algorithm": SHA256, "hex": self.claimed })),
            ("bounds", self.digest.bounds().to_value()),
            ("inputs", self.inputs.to_value()),
            ("leaves", json!(self.digest.leaves())),
            ("set_root", json!(self.digest.set_root())),
            ("scrolls", Value::from(scrolls)),
            ("as_of", json!(self.as_of)),
            ("checkpoint", json!(self.checkpoint.to_string())),
            ("canonicalization", json!(RFC8785)),
            ("signer", json!(self.signer)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn from_members(members: &Members<'_>) -> Result<Self, BundleError> {
        members.word("digest_algo", SHA256)?;
        members.word("canonicalization", RFC8785)?;
        let digest = Members::of(members.value("digest")?, "/digest", &["algorithm", "hex"])?;
        digest.word("algorithm", SHA256)?;
        let schema = u32::try_from(members.number("schema_version")?);
        let migration = members.text("schema_last_migration")?;
        if migration.len() > TEXT_MAX {
            return Err(members.fault("schema_last_migration").into());
        }
        let signer: NoteKey = members.parse("signer")?;
        let ledger = ledger_of(&signer).ok_or_else(|| members.fault("signer"))?;
        Ok(Self {
            schema_version: SchemaVersion::new(schema.map_err(|_| members.fault("schema_version"))?),
            schema_last_migration: migration.to_owned(),
            seal_id: members.parse("seal_id")?,
            sealed_at: members.parse("sealed_at")?,
            claimed: digest.digest("hex", Sha256Digest::parse_hex)?,
            digest: read_digest(members)?,
            inputs: SealInputs::from_value(members.value("inputs")?)?,
            as_of: TreeSize::new(members.number("as_of")?),
            checkpoint: Note::parse(members.text("checkpoint")?.as_bytes()).map_err(BundleError::Note)?,
            signer,
            ledger,
        })
    }

    fn statement_text(&self, body_hash: Sha256Digest) -> String {
        format!("{STATEMENT_FORMAT}\n{}\n{}\n{body_hash}\n", self.ledger.origin(), self.seal_id)
    }
}

fn read_digest(members: &Members<'_>) -> Result<SealDigest, BundleError> {
    let selection = Selection::from_value(members.value("selection")?).map_err(BundleError::Selection)?;
    let listed = members.list("scrolls")?;
    let scrolls = listed.iter().map(ScrollRoot::from_value).collect::<Result<Vec<_>, _>>()?;
    check_scrolls(&scrolls)?;
    let leaves = TreeSize::new(members.number("leaves")?);
    let set_root = members.digest("set_root", RootHash::parse_hex)?;
    let bounds = Bounds::from_value(members.value("bounds")?)?;
    SealDigest::of_parts(selection, leaves, set_root, bounds, scrolls).map_err(BundleError::Json)
}

/// The ledger that a key is named after; none where it is named otherwise.
#[must_use]
pub fn ledger_of(key: &NoteKey) -> Option<LedgerId> {
    let ledger = LedgerId::parse(key.name().strip_prefix("vaultmesh/")?).ok()?;
    (ledger.origin() == key.name()).then_some(ledger)
}

/// Hash of the body, and the whole file, from the members without `statement`.
fn hash_body(members: &Map<String, Value>) -> Result<Sha256Digest, CanonicalError> {
    Ok(Sha256Digest::of(&canonical::to_bytes(&Value::Object(members.clone()))?))
}

impl SealBundle {
    /// Signs a body.
    pub(crate) fn sign(body: BundleBody, signer: &SigningIdentity) -> Result<Self, SignError> {
        let mut members = body.to_members();
        let body_hash = hash_body(&members).map_err(SignError::Canonical)?;
        let text = body.statement_text(body_hash);
        let statement = Note::sign(&text, &body.ledger.origin(), signer).map_err(SignError::Note)?;
        members.insert(STATEMENT.to_owned(), json!(statement.to_string()));
        let bytes = canonical::to_bytes(&Value::Object(members)).map_err(SignError::Canonical)?;
        Ok(Self { body, statement, body_hash, bytes })
    }

    /// Reads a bundle, which must be in its one canonical form and at most [`BUNDLE_MAX`] bytes long. Nothing of it is
    /// believed yet.
    ///
    /// # Errors
    /// [`BundleError`]; an unknown format is told apart from a malformed bundle.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let value = canonical::parse_exact(bytes, BUNDLE_MAX).map_err(BundleError::Json)?;
        match value.get("format").and_then(Value::as_str) {
            Some(BUNDLE_FORMAT) => {}
            Some(other) => {
                return Err(BundleError::FormatUnknown { found: other.chars().take(64).collect() });
            }
            None => {
                return Err(ShapeError::Missing { pointer: "/format".to_owned() }.into());
            }
        }
        let members = Members::of(&value, "", &MEMBERS)?;
        let body = BundleBody::from_members(&members)?;
        let statement = Note::parse(members.text(STATEMENT)?.as_bytes()).map_err(BundleError::Note)?;
        let mut written = body.to_members();
        let body_hash = hash_body(&written).map_err(BundleError::Json)?;
        written.insert(STATEMENT.to_owned(), json!(statement.to_string()));
        // What was read writes back to the same bytes, so nothing in the file went unread.
        if Value::Object(written) != value {
            return Err(BundleError::NotExact);
        }
        Ok(Self { body, statement, body_hash, bytes: bytes.to_vec() })
    }

    /// The file: canonical bytes, without a newline at the end. This is what anchors stamp.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn file_hash(&self) -> Sha256Digest {
        Sha256Digest::of(&self.bytes)
    }

    /// Id of the seal, also the name of its file.
    #[must_use]
    pub const fn seal_id(&self) -> SealId {
        self.body.seal_id
    }

    /// Time of sealing, by the sealer's clock.
    #[must_use]
    pub const fn sealed_at(&self) -> Instant {
        self.body.sealed_at
    }

    /// The ledger it claims to be of.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.body.ledger
    }

    /// The key it claims to be signed by.
    #[must_use]
    pub const fn signer(&self) -> &NoteKey {
        &self.body.signer
    }

    /// Schema of the ledger when it was sealed.
    #[must_use]
    pub const fn schema_version(&self) -> SchemaVersion {
        self.body.schema_version
    }

    /// File name of the last migration when it was sealed.
    #[must_use]
    pub fn schema_last_migration(&self) -> &str {
        &self.body.schema_last_migration
    }

    /// Digest as the bundle claims it.
    #[must_use]
    pub const fn claimed_digest(&self) -> Sha256Digest {
        self.body.claimed
    }

    /// Selection, leaves, set root, bounds and scrolls as the bundle claims them, with the digest that follows.
    #[must_use]
    pub const fn digest(&self) -> &SealDigest {
        &self.body.digest
    }

    /// Where the evidence lay.
    #[must_use]
    pub const fn inputs(&self) -> &SealInputs {
        &self.body.inputs
    }

    /// Size of the log it was sealed at.
    #[must_use]
    pub const fn as_of(&self) -> TreeSize {
        self.body.as_of
    }

    /// Signed checkpoint of the log at that size.
    #[must_use]
    pub const fn checkpoint(&self) -> &Note {
        &self.body.checkpoint
    }

    /// Signed statement over all the rest.
    #[must_use]
    pub const fn statement(&self) -> &Note {
        &self.statement
    }

    /// Whether the statement is the one over this bundle, signed by its `signer` and by nobody else.
    ///
    /// # Errors
    /// [`NoteError`] where it is not: another text, another or a further signer, or a bad signature.
    pub fn check_statement(&self) -> Result<(), NoteError> {
        let text = self.statement.verify(&self.body.signer)?;
        if text != self.body.statement_text(self.body_hash) {
            return Err(NoteError::Text);
        }
        // A second line would change the file and nothing that is signed.
        if self.statement.signers().count() == 1 { Ok(()) } else { Err(NoteError::SignatureLine) }
    }
}

/// Why a body could not be signed.
pub(crate) enum SignError {
    Canonical(CanonicalError),
    Note(NoteError),
}
