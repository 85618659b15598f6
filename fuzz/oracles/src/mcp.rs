//! Captured MCP traffic, and the rows it becomes.

use std::collections::BTreeSet;

use serde_json::json;
use vaultmesh::mcp::{Capture, CapturedFrame, Session};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::{RowId, TraceId};
use vm_core::record::{RowDraft, StoredRow};
use vm_core::redact::{KnownSecrets, Policy};
use vm_core::source::hazmat::{CountingEntropy, FixedClock};

use crate::anchor::at;
use crate::text::assert_silent;

/// A frame is the same after its line was written; every frame becomes a row that reads back from its leaf data; answers
/// name requests that came before; requests left open are told at the end, each once.
pub fn mcp_capture(data: &[u8]) {
    let mut frames = Vec::new();
    for frame in Capture::new(data) {
        match frame {
            Ok(frame) => frames.push(frame),
            Err(error) => assert_silent(&error, data),
        }
    }
    let written: String = frames.iter().map(line).collect();
    let again: Vec<CapturedFrame> = Capture::new(written.as_bytes()).map(|frame| frame.expect("as written")).collect();
    assert_eq!(again, frames);

    let (clock, mut entropy) = (FixedClock(at()), CountingEntropy::new(1));
    let mut session = Session::new(TraceId::from_bytes([9; 16]), Policy::builtin(), Box::new(KnownSecrets));
    let mut seen = BTreeSet::new();
    for frame in &frames {
        let draft = session.frame(frame.direction(), frame.as_bytes(), &clock, &mut entropy).expect("no limit is near");
        let row = complete(&draft);
        check_frame(&row, frame.as_bytes());
        check_answers(&row, &seen);
        seen.insert(row.id().expect("every row has an id"));
    }
    assert_eq!(session.frames(), u64::try_from(frames.len()).unwrap_or(u64::MAX));
    let open = session.unanswered();
    let left = session.finish(&clock, &mut entropy).expect("requests that were taken can be told");
    assert_eq!(left.len(), open);
    left.iter().map(complete).for_each(|row| check_answers(&row, &seen));
    assert!(session.finish(&clock, &mut entropy).is_ok_and(|left| left.is_empty()));
}

fn line(frame: &CapturedFrame) -> String {
    let text = core::str::from_utf8(frame.as_bytes()).expect("a captured frame is text");
    format!("{}\n", json!({ "d": frame.direction().as_str(), "m": text }))
}

fn complete(draft: &RowDraft) -> StoredRow {
    let row = draft.complete(None).expect("a draft makes a row");
    let leaf = row.leaf_data().expect("a row has leaf data");
    assert_eq!(StoredRow::parse_leaf_data(&leaf).as_ref(), Ok(&row));
    assert_eq!(row.leaf_hash(), Ok(LeafHash::of(&leaf)));
    row
}

fn check_frame(row: &StoredRow, frame: &[u8]) {
    assert_eq!(row.integer("frame_len"), i64::try_from(frame.len()).ok());
    // A bare hash stands only beside a body that holds all there was.
    match (row.blob("frame_sha256"), row.blob("frame_commitment")) {
        (Some(hash), None) => assert_eq!(hash, Sha256Digest::of(frame).as_bytes()),
        (None, Some(_)) => {}
        other => panic!("a frame is proven in one way: {other:?}"),
    }
}

fn check_answers(row: &StoredRow, seen: &BTreeSet<RowId>) {
    if let Some(asked) = row.row_ref("answers_id").expect("an id or none") {
        assert!(seen.contains(&asked), "answers a row that is not there");
    }
}
