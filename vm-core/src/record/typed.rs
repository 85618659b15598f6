//! The four record types. Their payloads are [`Redacted`], so nothing else can reach storage.

use core::fmt;
use core::str::FromStr;

use crate::digest::{Blake3Digest, Commitment, Sha256Digest};
use crate::error::RecordError;
use crate::id::{RowId, TraceId};
use crate::key::{PublicKey, Signature};
use crate::path::VaultPath;
use crate::record::{ArtifactKind, Cell, RowDraft, RowHeader, Table};
use crate::redact::{Redacted, RedactedText, Redaction};

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All words in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stored word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = RecordError;

            fn from_str(text: &str) -> Result<Self, RecordError> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(RecordError::Word {
                    expected: concat!($($text, " "),*),
                })
            }
        }
    };
}

word_enum!(
    /// Whether a row tells what is about to be done, what came of it, or both at once.
    Phase {
        /// Recorded before the act.
        Intent "intent",
        /// Recorded after the act; names its intent.
        Outcome "outcome",
        /// Recorded once, after the act.
        Complete "complete",
    }
);
word_enum!(
    /// How an act ended.
    Status {
        /// It did what it was asked.
        Ok "ok",
        /// It failed.
        Error "error",
        /// It was refused before it was made.
        Blocked "blocked",
        /// Nobody knows.
        Unknown "unknown",
    }
);
word_enum!(
    /// Which way a frame went.
    Direction {
        /// From client to server.
        ClientToServer "c2s",
        /// From server to client.
        ServerToClient "s2c",
    }
);
word_enum!(
    /// What a frame is, by JSON-RPC 2.0.
    McpKind {
        /// A call that wants an answer.
        Request "request",
        /// An answer with a result.
        Response "response",
        /// An answer with an error.
        Error "error",
        /// A call that wants no answer.
        Notification "notification",
        /// Several messages in one frame.
        Batch "batch",
        /// Bytes that are no valid JSON-RPC message.
        Opaque "opaque",
        /// Not a frame: the record that a request was never answered.
        NoAnswer "no_answer",
    }
);

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }
}

fn text(value: RedactedText) -> Cell {
    Cell::Text(value.into_string())
}

fn json(value: Option<Redacted>) -> Cell {
    value.map_or(Cell::Null, |value| Cell::Text(value.into_json()))
}

fn word(word: &str) -> Cell {
    Cell::Text(word.to_owned())
}

fn row(value: Option<RowId>) -> Cell {
    value.map_or(Cell::Null, |id| Cell::Blob(id.as_bytes().to_vec()))
}

/// Counts in rows are far below 2^53; a larger one is held there instead of wrapping.
fn count(value: u64) -> Cell {
    Cell::Integer(i64::try_from(value.min(1 << 53)).unwrap_or(i64::MAX))
}

fn meta(value: Option<Redacted>) -> Option<String> {
    value.map(Redacted::into_json)
}

/// What a local tool did, or is about to do.
#[derive(Clone, Debug)]
pub struct ToolInvocation {
    /// Id, time and trace.
    pub header: RowHeader,
    /// Name of the tool.
    pub tool: RedactedText,
    /// Before, after, or both.
    pub phase: Phase,
    /// How it ended; none for an intent.
    pub status: Option<Status>,
    /// Redacted arguments.
    pub input: Option<Redacted>,
    /// Redacted results.
    pub output: Option<Redacted>,
    /// The intent that an outcome completes.
    pub intent: Option<RowId>,
    /// How long it took, in microseconds.
    pub duration_us: Option<u64>,
    /// Anything else, redacted.
    pub meta: Option<Redacted>,
}

impl ToolInvocation {
    /// The row, with what its redaction left over.
    ///
    /// # Errors
    /// [`RecordError::Phase`] where an intent has a status or an intent, or an outcome or complete record lacks its
    /// status, or an outcome its intent.
    pub fn into_draft(self, redaction: Redaction) -> Result<RowDraft, RecordError> {
        let fits = match self.phase {
            Phase::Intent => self.status.is_none() && self.intent.is_none() && self.output.is_none(),
            Phase::Outcome => self.status.is_some() && self.intent.is_some(),
            Phase::Complete => self.status.is_some() && self.intent.is_none(),
        };
        if !fits {
            return Err(RecordError::Phase);
        }
        let own = vec![
            text(self.tool),
            word(self.phase.as_str()),
            self.status.map_or(Cell::Null, |status| word(status.as_str())),
            json(self.input),
            json(self.output),
            row(self.intent),
            self.duration_us.map_or(Cell::Null, count),
        ];
        let meta = meta(self.meta);
        Ok(RowDraft::new(Table::ToolInvocations, self.header, own, meta, Some(redaction), false))
    }
}

/// What lets a frame be matched with its row later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameProof {
    /// SHA-256 of the exact frame; only where nothing of it was redacted.
    Sha256(Sha256Digest),
    /// Salted commitment to the SHA-256 of the exact frame.
    Committed(Commitment),
    /// No frame crossed: the row tells of an answer that did not come.
    None,
}

/// One frame that crossed an MCP boundary, or an answer that did not come.
#[derive(Clone, Debug)]
pub struct McpCall {
    /// Id, time and trace.
    pub header: RowHeader,
    /// The connection it crossed on; JSON-RPC ids collide across connections and directions.
    pub connection: TraceId,
    /// Place among the frames of the connection, both directions together, from 0; none for a missing answer.
    pub ordinal: Option<u64>,
    /// Which way it went; for a missing answer, the way the answer would have gone.
    pub direction: Direction,
    /// What it is.
    pub kind: McpKind,
    /// JSON-RPC id as canonical JSON.
    pub rpc_id: Option<RedactedText>,
    /// Method; for an answer, that of its request.
    pub method: Option<RedactedText>,
    /// The request that this answers, or that was not answered.
    pub answers: Option<RowId>,
    /// Length of the exact frame in bytes.
    pub frame_len: Option<u64>,
    /// What the exact frame can be matched by.
    pub frame: FrameProof,
    /// Redacted message.
    pub body: Option<Redacted>,
    /// Anything else, redacted.
    pub meta: Option<Redacted>,
}

impl McpCall {
    /// The row, with what its redaction left over.
    ///
    /// # Errors
    /// [`RecordError::Phase`] where a missing answer has a frame or names no request, or a frame has no proof.
    pub fn into_draft(self, redaction: Redaction) -> Result<RowDraft, RecordError> {
        let framed = self.ordinal.is_some() && self.frame_len.is_some() && self.frame != FrameProof::None;
        let frameless = self.ordinal.is_none() && self.frame_len.is_none() && self.frame == FrameProof::None;
        let fits = if self.kind == McpKind::NoAnswer { frameless && self.answers.is_some() } else { framed };
        if !fits {
            return Err(RecordError::Phase);
        }
        let (sha256, commitment) = match self.frame {
            FrameProof::Sha256(digest) => (Cell::Blob(digest.as_bytes().to_vec()), Cell::Null),
            FrameProof::Committed(digest) => (Cell::Null, Cell::Blob(digest.as_bytes().to_vec())),
            FrameProof::None => (Cell::Null, Cell::Null),
        };
        let own = vec![
            Cell::Blob(self.connection.as_bytes().to_vec()),
            self.ordinal.map_or(Cell::Null, count),
            word(self.direction.as_str()),
            word(self.kind.as_str()),
            self.rpc_id.map_or(Cell::Null, text),
            self.method.map_or(Cell::Null, text),
            row(self.answers),
            self.frame_len.map_or(Cell::Null, count),
            sha256,
            commitment,
            json(self.body),
        ];
        let meta = meta(self.meta);
        Ok(RowDraft::new(Table::McpCalls, self.header, own, meta, Some(redaction), false))
    }
}

/// A proof object: a file below the vault, or small JSON in the row itself.
#[derive(Clone, Debug)]
pub struct ProofArtifact {
    /// Id, time and trace.
    pub header: RowHeader,
    /// What it is.
    pub kind: ArtifactKind,
    /// The file, if it is one: path, size in bytes, SHA-256, and for large files BLAKE3.
    pub file: Option<ArtifactFile>,
    /// The row it is about.
    pub subject: Option<RowId>,
    /// Small JSON; the artifact itself where there is no file.
    pub meta: Option<Redacted>,
}

/// A file that was hashed through the handle it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArtifactFile {
    /// Path below the vault.
    pub path: VaultPath,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Sha256Digest,
    /// BLAKE3 of the content.
    pub blake3: Option<Blake3Digest>,
}

impl ProofArtifact {
    /// The row, with what its redaction left over; system rows that hold no payload have none.
    ///
    /// # Errors
    /// [`RecordError::Phase`] where there is neither file nor JSON.
    pub fn into_draft(self, redaction: Option<Redaction>) -> Result<RowDraft, RecordError> {
        let inline = self.meta.as_ref().map(Redacted::as_json);
        let (path, size, sha256, blake3) = match (&self.file, inline) {
            (Some(file), _) => {
                let blake3 = file.blake3.map_or(Cell::Null, |digest| Cell::Text(digest.to_hex()));
                (Cell::Text(file.path.to_string()), file.size, file.sha256, blake3)
            }
            (None, Some(json)) => {
                let size = u64::try_from(json.len()).unwrap_or(u64::MAX);
                (Cell::Null, size, Sha256Digest::of(json.as_bytes()), Cell::Null)
            }
            (None, None) => return Err(RecordError::Phase),
        };
        let own =
            vec![word(self.kind.as_str()), path, count(size), Cell::Text(sha256.to_hex()), blake3, row(self.subject)];
        let meta = meta(self.meta);
        Ok(RowDraft::new(Table::ProofArtifacts, self.header, own, meta, redaction, self.kind.is_reserved()))
    }
}

/// A path that was considered and not taken, signed by whoever observed it (proof of restraint). `vm-shadow` makes
/// and checks these.
#[derive(Clone, Debug)]
pub struct ShadowReceipt {
    /// Id, time and trace.
    pub header: RowHeader,
    /// The decision it belongs to.
    pub horizon_id: RedactedText,
    /// Salted commitment to the canonical description of the path.
    pub counterfactual_hash: Commitment,
    /// Drift or uncertainty signal; policy gives it meaning. Finite.
    pub entropy_delta: f64,
    /// Why the path was not taken.
    pub reason: RedactedText,
    /// Key of the observer.
    pub observer_key: PublicKey,
    /// The observer's signature over the receipt.
    pub observer_signature: Signature,
    /// Anything else, redacted.
    pub meta: Option<Redacted>,
}

impl ShadowReceipt {
    /// The row, with what its redaction left over.
    ///
    /// # Errors
    /// [`RecordError::NotFinite`] where `entropy_delta` is no finite number.
    pub fn into_draft(self, redaction: Redaction) -> Result<RowDraft, RecordError> {
        if !self.entropy_delta.is_finite() {
            return Err(RecordError::NotFinite);
        }
        let own = vec![
            text(self.horizon_id),
            Cell::Blob(self.counterfactual_hash.as_bytes().to_vec()),
            Cell::Real(self.entropy_delta),
            text(self.reason),
            Cell::Blob(self.observer_key.as_bytes().to_vec()),
            Cell::Blob(self.observer_signature.as_bytes().to_vec()),
        ];
        let meta = meta(self.meta);
        Ok(RowDraft::new(Table::ShadowReceipts, self.header, own, meta, Some(redaction), false))
    }
}
