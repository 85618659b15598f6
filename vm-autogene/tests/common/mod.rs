//! Rows for tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test takes what it needs, and helpers of tests fail as tests do"
)]

use serde_json::json;
use vm_autogene::hazmat::Rows;
use vm_autogene::{Series, SeriesQuery};
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{
    ArtifactKind, Direction, FrameProof, McpCall, McpKind, Phase, ProofArtifact, RowDraft, RowHeader, Status,
    SystemKind, Table, ToolInvocation,
};
use vm_core::redact::{KnownSecrets, Pattern, Policy, Redacted, Redactor, Rule};
use vm_core::source::hazmat::CountingEntropy;

/// A whole hour, so that tests can count in bins.
pub(crate) const BEGIN: i64 = 1_790_002_800_000_000;

pub(crate) fn at(seconds: i64) -> Instant {
    Instant::from_micros(BEGIN + seconds * 1_000_000).unwrap()
}

pub(crate) fn header(n: u64, seconds: i64) -> RowHeader {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    RowHeader { id: RowId::from_bytes(id), ts: at(seconds), trace_id: TraceId::from_bytes([1; 16]), corrects: None }
}

fn policy() -> Policy {
    let keep = ["/tool", "/method", "/rpc_id"].map(Pattern::new).to_vec();
    let rule = |table| Rule { table, name: None, keep: keep.clone(), shape: Vec::new() };
    Policy::new(vec![rule(Table::ToolInvocations), rule(Table::McpCalls)]).unwrap()
}

pub(crate) fn tool(n: u64, seconds: i64, status: Option<Status>) -> RowDraft {
    let (policy, mut entropy, header) = (policy(), CountingEntropy::new(n), header(n, seconds));
    let mut redactor = Redactor::new(&policy, &KnownSecrets, &mut entropy, Table::ToolInvocations, "", header.id);
    let tool = redactor.text("tool", "grep").unwrap();
    let phase = if status.is_some() { Phase::Complete } else { Phase::Intent };
    let (input, output, intent, duration_us, meta) = (None, None, None, None, None);
    let call = ToolInvocation { header, tool, phase, status, input, output, intent, duration_us, meta };
    call.into_draft(redactor.finish()).unwrap()
}

pub(crate) fn frame(n: u64, seconds: i64, direction: Direction, kind: McpKind) -> RowDraft {
    let (policy, mut entropy, header) = (policy(), CountingEntropy::new(n), header(n, seconds));
    let redactor = Redactor::new(&policy, &KnownSecrets, &mut entropy, Table::McpCalls, "", header.id);
    let call = McpCall {
        header,
        connection: TraceId::from_bytes([2; 16]),
        ordinal: Some(n),
        direction,
        kind,
        rpc_id: None,
        method: None,
        answers: None,
        frame_len: Some(1),
        frame: FrameProof::Sha256(vm_core::digest::Sha256Digest::of(b"frame")),
        body: None,
        meta: None,
    };
    call.into_draft(redactor.finish()).unwrap()
}

pub(crate) fn artifact(n: u64, seconds: i64, kind: &str, subject: Option<RowId>) -> RowDraft {
    let system = SystemKind::ALL.iter().find(|system| system.as_str() == kind);
    let kind = system.map_or_else(|| kind.parse().unwrap(), |system| ArtifactKind::system(*system));
    let meta = Some(Redacted::system(&json!({})).unwrap());
    ProofArtifact { header: header(n, seconds), kind, file: None, subject, meta }.into_draft(None).unwrap()
}

pub(crate) fn rows(drafts: impl IntoIterator<Item = RowDraft>) -> Rows {
    let mut rows = Rows::default();
    drafts.into_iter().for_each(|draft| rows.push(draft).unwrap());
    rows
}

/// Reports, as many in each hour as `counts` says, and one more hour begun so that the last is whole.
pub(crate) fn hourly(counts: &[u32]) -> Rows {
    let mut drafts = Vec::new();
    for (hour, count) in counts.iter().chain(&[1]).enumerate() {
        for n in 0..*count {
            let seconds = i64::try_from(hour).unwrap() * 3_600 + i64::from(n);
            drafts.push(artifact(u64::try_from(drafts.len()).unwrap(), seconds, "report", None));
        }
    }
    rows(drafts)
}

pub(crate) fn query(measure: &str, step: &str) -> SeriesQuery {
    SeriesQuery::new(measure.parse().unwrap(), step.parse().unwrap())
}

pub(crate) fn reports(rows: &Rows) -> Series {
    Series::read(rows, &query("count/proof_artifacts/report", "1h")).unwrap()
}

/// Repeatable numbers from 0 to `below`.
pub(crate) fn numbers(seed: u64, below: u32, len: usize) -> Vec<u32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap() % below
    };
    core::iter::repeat_with(next).take(len).collect()
}
