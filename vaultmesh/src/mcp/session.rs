//! One MCP connection on its way into the ledger: frames in, row drafts out. No I/O.
//!
//! Requests are paired with answers for each direction by itself: both sides number their requests as they like, so an
//! answer from the client belongs to a request from the server, whatever the client itself asked under that id. Ids 1
//! and "1" differ. Where an id is used again while its request is open, the older request stays unanswered.

mod pairing;

use serde_json::json;
use vm_core::canonical::{BYTES_MAX, Value};
use vm_core::digest::{Sha256Digest, to_hex};
use vm_core::id::{RowId, TraceId};
use vm_core::key::BlindKey;
use vm_core::record::{Direction, FrameProof, McpCall, McpKind, RowDraft, RowHeader, Table};
use vm_core::redact::{Policy, Redacted, RedactedText, Redactor, SecretDetector};
use vm_core::source::{Clock, Entropy};

use super::FRAME_MAX;
use super::error::SessionError;
use super::message::{self, Reading};
use pairing::{Open, Pairing, Requests};

pub use pairing::OPEN_MAX;

/// Pointer under which a frame's SHA-256 is committed where its bare hash would give redacted content away.
pub const FRAME_POINTER: &str = "/frame";

/// Longest redacted body stored, in bytes; a longer one (commitments are longer than small numbers) is committed
/// whole. Leaves the rest of a row room below the limit of its texts.
const BODY_MAX: usize = BYTES_MAX - 64 * 1024;

/// Turns the frames of one connection into row drafts.
pub struct Session {
    connection: TraceId,
    trace: TraceId,
    policy: Policy,
    detector: Box<dyn SecretDetector + Send>,
    batch: Option<Batch>,
    ordinal: u64,
    requests: Requests,
}

/// What makes a retry of the same frames find the rows of the first try.
struct Batch {
    blind: BlindKey,
    key: String,
}

/// The caller's frame with what it says.
struct Frame<'a> {
    direction: Direction,
    bytes: &'a [u8],
    reading: &'a Reading,
    pairing: &'a Pairing,
}

impl Session {
    /// A session over the connection `connection`. Frames that carry no trace of their own belong to the trace of the
    /// same id.
    #[must_use]
    pub fn new(connection: TraceId, policy: Policy, detector: Box<dyn SecretDetector + Send>) -> Self {
        Self { connection, trace: connection, policy, detector, batch: None, ordinal: 0, requests: Requests::default() }
    }

    /// A session that can be repeated after an unknown outcome: the same frames under the same `batch` make the same
    /// connection and the same idempotency keys. See [`Session::settle`].
    #[must_use]
    pub fn repeatable(blind: BlindKey, batch: &str, policy: Policy, detector: Box<dyn SecretDetector + Send>) -> Self {
        let mut bytes = [0; 16];
        let digest = blind.blind("mcp-connection", batch.as_bytes());
        bytes.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        // UUIDv8 (RFC 9562, section 5.8): made of a hash, not of a time.
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut session = Self::new(TraceId::from_bytes(bytes), policy, detector);
        let key = batch.to_owned();
        session.batch = Some(Batch { blind, key });
        session
    }

    /// Sets the trace of frames that carry none of their own.
    #[must_use]
    pub const fn with_trace(mut self, trace: TraceId) -> Self {
        self.trace = trace;
        self
    }

    /// Id of the connection, as it stands in its rows.
    #[must_use]
    pub const fn connection(&self) -> TraceId {
        self.connection
    }

    /// Frames taken so far; the next one has this ordinal.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.ordinal
    }

    /// Requests that no answer has come to so far.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.requests.unanswered()
    }

    /// The row of the next frame, `bytes` exact with its line end. Bytes that are no JSON-RPC make a row of kind
    /// `opaque`, whose `meta_json` says why. Nothing of the frame stands in the row but what the policy keeps.
    ///
    /// Cost: the frame is parsed and hashed once; memory about 90 bytes a byte of JSON at worst.
    ///
    /// # Errors
    /// [`SessionError`]; the session is as it was before.
    pub fn frame(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        clock: &dyn Clock,
        entropy: &mut dyn Entropy,
    ) -> Result<RowDraft, SessionError> {
        if bytes.len() > FRAME_MAX {
            return Err(SessionError::FrameTooLong { limit: FRAME_MAX, found: bytes.len() });
        }
        let reading = message::read(bytes);
        let pairing = self.requests.pair(direction, &reading, self.trace)?;
        let header = RowHeader::mint(clock, entropy, pairing.trace);
        let frame = Frame { direction, bytes, reading: &reading, pairing: &pairing };
        let draft = self.row(header, &frame, entropy)?;
        self.requests.note(direction, &reading, header.id, self.ordinal, pairing.trace);
        let draft = self.keyed(draft, "mcp-frame", &[self.ordinal], &[direction.as_str().as_bytes(), bytes]);
        self.ordinal = self.ordinal.saturating_add(1);
        Ok(draft)
    }

    /// Says that the row drafted under the id `minted` stands in the ledger as `stored`, because an earlier try had
    /// recorded it. Answers that come later then name the row that exists.
    ///
    /// A caller that repeats a batch appends its frames one by one until the first that is new, settling each, and may
    /// append in groups from there on.
    pub fn settle(&mut self, minted: RowId, stored: RowId) {
        self.requests.settle(minted, stored);
    }

    /// Ends the connection: one row of kind `no_answer` for each request that none came to, in the order of the
    /// requests. A second call gives nothing.
    ///
    /// # Errors
    /// [`SessionError`]; the requests are forgotten then.
    pub fn finish(&mut self, clock: &dyn Clock, entropy: &mut dyn Entropy) -> Result<Vec<RowDraft>, SessionError> {
        let mut drafts = Vec::new();
        for open in self.requests.end() {
            let draft = self.no_answer(&open, clock, entropy)?;
            let place = [open.ordinal, open.item];
            let asked = [open.direction.as_str().as_bytes(), open.id.as_bytes()];
            drafts.push(self.keyed(draft, "mcp-no-answer", &place, &asked));
        }
        Ok(drafts)
    }

    fn row(&self, header: RowHeader, frame: &Frame<'_>, entropy: &mut dyn Entropy) -> Result<RowDraft, SessionError> {
        let draft = self.redact(header, frame, entropy, false)?;
        match draft {
            Some(draft) => Ok(draft),
            None => self
                .redact(header, frame, entropy, true)?
                .ok_or(SessionError::FrameTooLong { limit: FRAME_MAX, found: frame.bytes.len() }),
        }
    }

    /// The row, or none where its redacted body is too long; `sealed` commits to the body whole.
    fn redact(
        &self,
        header: RowHeader,
        frame: &Frame<'_>,
        entropy: &mut dyn Entropy,
        sealed: bool,
    ) -> Result<Option<RowDraft>, SessionError> {
        let kind = frame.reading.kind();
        let mut redactor = self.redactor(header.id, frame.pairing.method.as_deref(), kind, entropy);
        let rpc_id = text(&mut redactor, "rpc_id", frame.pairing.id.as_deref())?;
        let method = text(&mut redactor, "method", frame.pairing.method.as_deref())?;
        let (body, meta) = match frame.reading {
            Reading::Message { body, .. } if sealed => (redactor.sealed("body_json", body)?, None),
            Reading::Message { body, .. } => (redactor.json("body_json", body)?, None),
            Reading::Opaque { reason } => {
                let meta = Redacted::system(&json!({ "reason": reason }))?;
                (redactor.sealed("body_json", &opaque(frame.bytes))?, Some(meta))
            }
        };
        if body.as_json().len() > BODY_MAX {
            return Ok(None);
        }
        let whole = |text: &Option<RedactedText>| text.as_ref().is_none_or(RedactedText::is_whole);
        let sha256 = Sha256Digest::of(frame.bytes);
        let proof = if body.is_whole() && whole(&rpc_id) && whole(&method) {
            FrameProof::Sha256(sha256)
        } else {
            FrameProof::Committed(redactor.commit_only(FRAME_POINTER, &json!(sha256))?)
        };
        let call = McpCall {
            header,
            connection: self.connection,
            ordinal: Some(self.ordinal),
            direction: frame.direction,
            kind,
            rpc_id,
            method,
            answers: frame.pairing.answers,
            frame_len: Some(u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX)),
            frame: proof,
            body: Some(body),
            meta,
        };
        Ok(Some(call.into_draft(redactor.finish())?))
    }

    fn no_answer(&self, open: &Open, clock: &dyn Clock, entropy: &mut dyn Entropy) -> Result<RowDraft, SessionError> {
        let header = RowHeader::mint(clock, entropy, open.trace);
        let mut redactor = self.redactor(header.id, Some(&open.method), McpKind::NoAnswer, entropy);
        let rpc_id = text(&mut redactor, "rpc_id", Some(&open.id))?;
        let method = text(&mut redactor, "method", Some(&open.method))?;
        let reason = if open.reused { "id-reused" } else { "connection-ended" };
        let call = McpCall {
            header,
            connection: self.connection,
            ordinal: None,
            direction: open.direction.reverse(),
            kind: McpKind::NoAnswer,
            rpc_id,
            method,
            answers: Some(open.row),
            frame_len: None,
            frame: FrameProof::None,
            body: None,
            meta: Some(Redacted::system(&json!({ "reason": reason }))?),
        };
        Ok(call.into_draft(redactor.finish())?)
    }

    fn redactor<'a>(
        &'a self,
        row: RowId,
        method: Option<&str>,
        kind: McpKind,
        entropy: &'a mut dyn Entropy,
    ) -> Redactor<'a> {
        let name = method.unwrap_or(kind.as_str());
        Redactor::new(&self.policy, &*self.detector, entropy, Table::McpCalls, name, row)
    }

    /// Key and fingerprint under the batch, if there is one. Numbers have a fixed width and the direction a fixed
    /// length, so that no two inputs run into the same bytes.
    fn keyed(&self, draft: RowDraft, context: &str, place: &[u64], input: &[&[u8]]) -> RowDraft {
        let Some(batch) = &self.batch else { return draft };
        let mut data: Vec<u8> = place.iter().flat_map(|number| number.to_be_bytes()).collect();
        data.extend(batch.key.as_bytes());
        let key = batch.blind.blind(context, &data);
        let fingerprint = batch.blind.blind("mcp-input", &input.concat());
        draft.with_idempotency(key, fingerprint)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.connection)
            .field("frames", &self.ordinal)
            .field("unanswered", &self.unanswered())
            .finish_non_exhaustive()
    }
}

fn text(redactor: &mut Redactor<'_>, column: &str, text: Option<&str>) -> Result<Option<RedactedText>, SessionError> {
    Ok(text.map(|text| redactor.text(column, text)).transpose()?)
}

/// The frame as JSON: its text, or its bytes where it is no UTF-8.
fn opaque(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "utf8": text }),
        Err(_) => json!({ "hex": to_hex(bytes) }),
    }
}

#[cfg(test)]
mod tests;
