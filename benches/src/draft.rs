//! Rows ready to be appended: of seeded events as a tool's invocations, and of recorded MCP traffic.

use serde_json::Value;
use vaultmesh::redaction::Detector;
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::{Direction, FrameProof, McpCall, McpKind, Phase, RowDraft, RowHeader, Status, ToolInvocation};
use vm_core::record::{StoredRow, Table};
use vm_core::redact::{KnownSecrets, Policy, Redactor, SecretDetector};
use vm_core::source::hazmat::SteppingClock;

use crate::error::Fault;
use crate::event::{self, Draw};

/// The captures that the project ships, in the format of `docs/spec/mcp-capture.md`.
const CAPTURES: &[&str] = &[
    include_str!("../../vaultmesh/tests/data/mcp/log1.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/log2.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/log3.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/log4.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/log5.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/lr-auto.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/lr-legacy.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/lr-modern.jsonl"),
    include_str!("../../vaultmesh/tests/data/mcp/lr-py.jsonl"),
];

/// A recorded frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which way it went.
    pub direction: Direction,
    /// The exact bytes.
    pub bytes: String,
}

/// The recorded frames of all captures, in order.
///
/// # Errors
/// Where a capture is no capture.
pub fn traffic() -> Result<Vec<Frame>, Fault> {
    let mut frames = Vec::new();
    for line in CAPTURES.iter().flat_map(|capture| capture.lines()) {
        let value: Value = serde_json::from_str(line)?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).ok_or("a capture's line lacks a member");
        frames.push(Frame { direction: text("d")?.parse()?, bytes: text("m")?.to_owned() });
    }
    Ok(frames)
}

/// Makes rows: each has its own id and time, and traces of 16 rows.
#[derive(Debug)]
pub struct Maker {
    clock: SteppingClock,
    entropy: Draw,
    policy: Policy,
    looks: Looks,
    trace: TraceId,
    made: u64,
}

/// How closely frames are looked at for secrets.
#[derive(Clone, Copy, Debug)]
enum Looks {
    /// By the forms and names that the core knows.
    Known,
    /// By the rule set of the facade too, where a text would stand in the clear.
    Closely,
}

impl Looks {
    fn detector(self) -> &'static dyn SecretDetector {
        match self {
            Self::Known => &KnownSecrets,
            Self::Closely => &Detector,
        }
    }
}

impl Maker {
    /// A maker whose ids begin at `start`.
    #[must_use]
    pub fn new(start: Instant, seed: u64) -> Self {
        let (clock, mut entropy) = (SteppingClock::new(start), Draw(seed));
        let trace = TraceId::mint(&clock, &mut entropy);
        Self { clock, entropy, policy: Policy::builtin(), looks: Looks::Known, trace, made: 0 }
    }

    /// The same, which looks at frames as a vault does.
    #[must_use]
    pub fn looking_closely(self) -> Self {
        Self { looks: Looks::Closely, ..self }
    }

    /// A new header.
    pub fn header(&mut self) -> RowHeader {
        self.made += 1;
        if self.made.is_multiple_of(16) {
            self.trace = TraceId::mint(&self.clock, &mut self.entropy);
        }
        RowHeader::mint(&self.clock, &mut self.entropy, self.trace)
    }

    /// The next seeded event, as what a tool did.
    ///
    /// # Errors
    /// Never for the events of [`event::json`].
    pub fn tool(&mut self) -> Result<RowDraft, Fault> {
        let header = self.header();
        let event = canonical::parse(&event::json(self.made), canonical::BYTES_MAX)?;
        let at = |pointer: &str| event.pointer(pointer).ok_or("an event lacks a member");
        let name = at("/params/name")?.as_str().unwrap_or_default();
        let table = Table::ToolInvocations;
        let mut redactor = Redactor::new(&self.policy, &KnownSecrets, &mut self.entropy, table, name, header.id);
        let tool = redactor.text("tool", name)?;
        let input = Some(redactor.json("input_json", at("/params/arguments")?)?);
        let output = Some(redactor.json("output_json", at("/result")?)?);
        let meta = Some(redactor.json("meta_json", at("/labels")?)?);
        let (phase, status) = (Phase::Complete, Some(Status::Ok));
        let duration_us = Some(header.ts.as_micros().unsigned_abs() % 10_000);
        let row = ToolInvocation { header, tool, phase, status, input, output, intent: None, duration_us, meta };
        Ok(row.into_draft(redactor.finish())?)
    }

    /// `count` of [`Maker::tool`].
    ///
    /// # Errors
    /// As [`Maker::tool`].
    pub fn tools(&mut self, count: usize) -> Result<Vec<RowDraft>, Fault> {
        (0..count).map(|_| self.tool()).collect()
    }

    /// A recorded frame, from its text: read, redacted by the policy that ships, its hash committed to.
    ///
    /// # Errors
    /// Where the frame has no canonical form.
    pub fn frame(&mut self, ordinal: u64, frame: &Frame) -> Result<RowDraft, Fault> {
        let header = self.header();
        let message = canonical::parse(frame.bytes.trim_end().as_bytes(), canonical::BYTES_MAX)?;
        let (kind, method) = (kind(&message), message.get("method").and_then(Value::as_str));
        let (table, name) = (Table::McpCalls, method.unwrap_or_default());
        let mut redactor =
            Redactor::new(&self.policy, self.looks.detector(), &mut self.entropy, table, name, header.id);
        let body = redactor.json("body_json", &message)?;
        let hash = Sha256Digest::of(frame.bytes.as_bytes());
        let proof = match body.is_whole() {
            true => FrameProof::Sha256(hash),
            false => FrameProof::Committed(redactor.commit_only("/frame", &Value::from(hash.to_hex()))?),
        };
        let id = message.get("id").map(canonical::to_text).transpose()?;
        let row = McpCall {
            header,
            connection: self.trace,
            ordinal: Some(ordinal),
            direction: frame.direction,
            kind,
            rpc_id: id.map(|id| redactor.text("rpc_id", &id)).transpose()?,
            method: method.map(|method| redactor.text("method", method)).transpose()?,
            answers: None,
            frame_len: u64::try_from(frame.bytes.len()).ok(),
            frame: proof,
            body: Some(body),
            meta: None,
        };
        Ok(row.into_draft(redactor.finish())?)
    }

    /// `count` recorded frames, from the first again when they are used up.
    ///
    /// # Errors
    /// As [`Maker::frame`].
    pub fn frames(&mut self, traffic: &[Frame], count: usize) -> Result<Vec<RowDraft>, Fault> {
        (0_u64..).zip(traffic.iter().cycle().take(count)).map(|(place, frame)| self.frame(place, frame)).collect()
    }
}

/// The rows that drafts become, under no capability: what the peers store.
///
/// # Errors
/// Never for the drafts made here.
pub fn stored(drafts: &[RowDraft]) -> Result<Vec<StoredRow>, Fault> {
    drafts.iter().map(|draft| Ok(draft.complete(None)?)).collect()
}

fn kind(message: &Value) -> McpKind {
    let has = |name: &str| message.get(name).is_some();
    match (has("method"), has("id"), has("error")) {
        (true, true, _) => McpKind::Request,
        (true, false, _) => McpKind::Notification,
        (false, _, true) => McpKind::Error,
        (false, ..) => McpKind::Response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_frame_makes_a_row() {
        let traffic = traffic().unwrap();
        assert_eq!(traffic.len(), 147);
        let mut maker = Maker::new(Instant::from_micros(0).unwrap(), 1);
        let rows = stored(&maker.frames(&traffic, traffic.len()).unwrap()).unwrap();
        assert_eq!(rows.len(), traffic.len());
    }

    #[test]
    fn rows_of_events_are_of_the_size_the_table_names() {
        let mut maker = Maker::new(Instant::from_micros(0).unwrap(), 1);
        let rows = stored(&maker.tools(100).unwrap()).unwrap();
        for row in rows {
            let length = row.leaf_data().unwrap().len();
            assert!((1_500..=3_000).contains(&length), "{length} bytes");
        }
    }
}
