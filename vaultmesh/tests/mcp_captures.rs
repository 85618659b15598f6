//! Real captured traffic through a session and back against its rows.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use proptest::prelude::*;
use vaultmesh::mcp::{Against, Capture, CapturedFrame, Matched, Session};
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{Cell, Direction, RowDraft, StoredRow};
use vm_core::redact::{KnownSecrets, Opening, Policy};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::verdict::{Code, Verdict};

/// Each capture with its frames, as its README counts them, and the requests in it that nobody answered.
const CAPTURES: [(&str, usize, usize); 9] = [
    ("log1", 7, 0),
    ("log2", 8, 0),
    ("log3", 6, 0),
    ("log4", 9, 0),
    // Eight sessions in a row, each of whose first seven leaves the server's `roots/list` unanswered.
    ("log5", 92, 7),
    ("lr-auto", 6, 0),
    ("lr-legacy", 7, 0),
    ("lr-modern", 6, 0),
    ("lr-py", 6, 0),
];

const CONNECTION: TraceId = TraceId::from_bytes([9; 16]);

fn capture(name: &str) -> Vec<CapturedFrame> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcp").join(format!("{name}.jsonl"));
    Capture::new(BufReader::new(File::open(path).unwrap())).map(Result::unwrap).collect()
}

/// What a vault holds of a connection.
#[derive(Default)]
struct Recorded {
    rows: Vec<StoredRow>,
    openings: BTreeMap<RowId, Vec<Opening>>,
    no_answers: usize,
}

impl Recorded {
    fn of(connection: TraceId, frames: &[CapturedFrame]) -> Self {
        let mut session = Session::new(connection, Policy::builtin(), Box::new(KnownSecrets));
        let clock = SteppingClock::new(Instant::from_micros(1_700_000_000_000_000).unwrap());
        let mut entropy = CountingEntropy::new(u64::from(connection.as_bytes()[0]));
        let mut recorded = Self::default();
        for frame in frames {
            let draft = session.frame(frame.direction(), frame.as_bytes(), &clock, &mut entropy).unwrap();
            recorded.take(&draft);
        }
        let left = session.finish(&clock, &mut entropy).unwrap();
        recorded.no_answers = left.len();
        left.iter().for_each(|draft| recorded.take(draft));
        recorded
    }

    fn take(&mut self, draft: &RowDraft) {
        self.openings.insert(draft.header().id, draft.openings().to_vec());
        self.rows.push(draft.complete(None).unwrap());
    }

    fn against(&self, connection: Option<TraceId>, frames: &[CapturedFrame]) -> Matched {
        let mut against = Against::new(connection);
        self.rows.iter().for_each(|row| against.row(row));
        for frame in frames {
            against.frame(frame, &mut |row| self.openings.get(&row).cloned());
        }
        against.finish()
    }

    fn verdict(&self, frames: &[CapturedFrame]) -> (Verdict, Vec<Code>) {
        let report = self.against(Some(CONNECTION), frames).report;
        let codes = report.findings().iter().map(vm_core::verdict::Finding::code).collect();
        (report.verdict(), codes)
    }

    fn change(&mut self, at: usize, column: &str, cell: Cell) {
        let row = &self.rows[at];
        let cells = row.cells().map(|(name, old)| if name == column { cell.clone() } else { old.into() });
        self.rows[at] = StoredRow::new(row.table(), row.schema(), cells.collect()).unwrap();
    }
}

fn with_byte(frame: &CapturedFrame, at: usize) -> CapturedFrame {
    let mut bytes = frame.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
    CapturedFrame::new(frame.direction(), String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn every_frame_of_every_capture_has_its_row() {
    for (name, count, unanswered) in CAPTURES {
        let frames = capture(name);
        assert_eq!(frames.len(), count, "{name}");
        let recorded = Recorded::of(CONNECTION, &frames);
        assert_eq!(recorded.no_answers, unanswered, "{name}");
        assert_eq!(recorded.rows.len(), count + unanswered, "{name}");
        assert!(recorded.rows.iter().all(|row| row.text("kind") != Some("opaque")), "{name}");
        assert_eq!(recorded.verdict(&frames), (Verdict::Verified, vec![]), "{name}");
    }
}

#[test]
fn every_answer_in_the_captures_names_its_request() {
    for (name, ..) in CAPTURES {
        let recorded = Recorded::of(CONNECTION, &capture(name));
        for row in &recorded.rows {
            let answers = row.row_ref("answers_id").unwrap();
            let answer = matches!(row.text("kind"), Some("response" | "error" | "no_answer"));
            assert_eq!(answers.is_some(), answer, "{name}");
            let Some(asked) = answers else { continue };
            let asked = recorded.rows.iter().find(|row| row.id() == Ok(asked)).unwrap();
            assert_eq!(asked.text("kind"), Some("request"));
            assert_eq!(asked.text("rpc_id"), row.text("rpc_id"));
            assert_eq!(asked.text("method"), row.text("method"));
            assert_ne!(asked.text("direction"), row.text("direction"));
        }
    }
}

#[test]
fn a_cut_capture_says_which_calls_got_no_answer() {
    for (name, ..) in CAPTURES {
        let frames = capture(name);
        for end in 0..frames.len() {
            let recorded = Recorded::of(CONNECTION, &frames[..end]);
            let of_kind = |kind| recorded.rows.iter().filter(|row| row.text("kind") == Some(kind)).count();
            let answered = of_kind("response") + of_kind("error");
            assert_eq!(recorded.no_answers, of_kind("request") - answered, "{name} {end}");
        }
    }
}

#[test]
fn every_changed_byte_is_contradicted() {
    for (name, ..) in CAPTURES {
        let frames = capture(name);
        let recorded = Recorded::of(CONNECTION, &frames);
        for (at, frame) in frames.iter().enumerate() {
            let len = frame.as_bytes().len();
            for byte in (0..len).step_by(1 + len / 8).chain([len - 1]) {
                let mut changed = frames.clone();
                changed[at] = with_byte(frame, byte);
                assert_eq!(
                    recorded.verdict(&changed),
                    (Verdict::Contradicted, vec![Code::FrameAltered]),
                    "{name} {at} {byte}"
                );
            }
            let mut turned = frames.clone();
            let text = String::from_utf8(frame.as_bytes().to_vec()).unwrap();
            turned[at] = CapturedFrame::new(frame.direction().reverse(), text);
            assert_eq!(recorded.verdict(&turned), (Verdict::Contradicted, vec![Code::FrameAltered]), "{name} {at}");
        }
    }
}

#[test]
fn dropped_added_and_swapped_frames_are_contradicted() {
    for (name, ..) in CAPTURES {
        let frames = capture(name);
        let recorded = Recorded::of(CONNECTION, &frames);
        for at in 0..frames.len() {
            let mut dropped = frames.clone();
            dropped.remove(at);
            let (verdict, codes) = recorded.verdict(&dropped);
            assert!(verdict == Verdict::Contradicted && codes.contains(&Code::FrameMissing), "{name} {at}");
            let mut doubled = frames.clone();
            doubled.insert(at, frames[at].clone());
            let (verdict, codes) = recorded.verdict(&doubled);
            assert!(verdict == Verdict::Contradicted && codes.contains(&Code::FrameMissing), "{name} {at}");
            if at > 0 && frames[at] != frames[at - 1] {
                let mut swapped = frames.clone();
                swapped.swap(at - 1, at);
                let altered = vec![Code::FrameAltered; 2];
                assert_eq!(recorded.verdict(&swapped), (Verdict::Contradicted, altered), "{name} {at}");
            }
        }
    }
}

#[test]
fn rows_that_are_dropped_doubled_or_changed_are_contradicted() {
    let frames = capture("log4");
    for at in 0..frames.len() {
        let mut less = Recorded::of(CONNECTION, &frames);
        less.rows.remove(at);
        assert_eq!(less.verdict(&frames), (Verdict::Contradicted, vec![Code::FrameMissing]));
        let mut more = Recorded::of(CONNECTION, &frames);
        more.rows.push(more.rows[at].clone());
        assert_eq!(more.verdict(&frames), (Verdict::Contradicted, vec![Code::FrameMissing]));
        for (column, cell) in [("frame_len", Cell::Integer(1)), ("direction", Cell::Text("s2c".to_owned()))] {
            let mut changed = Recorded::of(CONNECTION, &frames);
            if changed.rows[at].cell(column) == Some(cell.as_ref()) {
                continue;
            }
            changed.change(at, column, cell);
            assert_eq!(changed.verdict(&frames), (Verdict::Contradicted, vec![Code::FrameAltered]), "{at} {column}");
        }
        let mut other = Recorded::of(CONNECTION, &frames);
        let column = if other.rows[at].blob("frame_sha256").is_some() { "frame_sha256" } else { "frame_commitment" };
        other.change(at, column, Cell::Blob(vec![0; 32]));
        assert_eq!(other.verdict(&frames), (Verdict::Contradicted, vec![Code::FrameAltered]), "{at}");
        other.change(at, column, Cell::Blob(vec![0; 31]));
        assert_eq!(other.verdict(&frames), (Verdict::Undecided, vec![Code::EvidenceUnreadable]), "{at}");
    }
}

#[test]
fn what_cannot_be_checked_is_undecided() {
    let frames = capture("log1");
    let mut recorded = Recorded::of(CONNECTION, &frames);
    let committed = recorded.rows.iter().filter(|row| row.blob("frame_commitment").is_some()).count();
    assert!(committed > 0 && committed < frames.len(), "{committed}");
    recorded.openings.clear();
    let expected = (Verdict::Undecided, vec![Code::EvidenceUnreadable; committed]);
    assert_eq!(recorded.verdict(&frames), expected);
    // An opening of something else does not help.
    for row in &recorded.rows {
        recorded.openings.insert(row.id().unwrap(), Vec::new());
    }
    assert_eq!(recorded.verdict(&frames), expected);

    let nothing = Recorded::default();
    assert_eq!(nothing.verdict(&[]), (Verdict::Undecided, vec![Code::NothingChecked]));
    let matched = nothing.against(None, &frames);
    assert_eq!((matched.connection, matched.report.verdict()), (None, Verdict::Contradicted));
    assert!(matched.report.has(Code::FrameMissing) && matched.report.has(Code::NothingChecked));
    assert_eq!(nothing.against(None, &[]).report.verdict(), Verdict::Undecided);
    let (verdict, codes) = nothing.verdict(&frames);
    assert!(
        verdict == Verdict::Contradicted
            && codes.contains(&Code::FrameMissing)
            && codes.contains(&Code::NothingChecked)
    );
    let (verdict, codes) = Recorded::of(CONNECTION, &frames).verdict(&[]);
    assert!(
        verdict == Verdict::Contradicted
            && codes.contains(&Code::FrameMissing)
            && codes.contains(&Code::NothingChecked)
    );
}

#[test]
fn the_connection_that_fits_is_found_among_many() {
    let mut all = Recorded::default();
    let connection = |at: usize| TraceId::from_bytes([u8::try_from(at + 1).unwrap(); 16]);
    for (at, (name, ..)) in CAPTURES.iter().enumerate() {
        let one = Recorded::of(connection(at), &capture(name));
        all.rows.extend(one.rows);
        all.openings.extend(one.openings);
    }
    for (at, (name, ..)) in CAPTURES.iter().enumerate() {
        let matched = all.against(None, &capture(name));
        assert_eq!(matched.report.verdict(), Verdict::Verified, "{name}");
        let found = matched.connection.unwrap();
        // Two captures may hold the same frames; then either connection fits.
        assert!(found == connection(at) || capture(CAPTURES[usize::from(found.as_bytes()[0]) - 1].0) == capture(name));
    }
    let mut frames = capture("log5");
    frames[40] = with_byte(&frames[40], 0);
    let matched = all.against(None, &frames);
    assert_eq!((matched.connection, matched.report.verdict()), (Some(connection(4)), Verdict::Contradicted));
    assert!(matched.report.has(Code::FrameAltered));
}

proptest! {
    /// Any text is recorded and matched again, JSON-RPC or not.
    #[test]
    fn any_traffic_is_matched_with_its_rows(
        traffic in prop::collection::vec((any::<bool>(), any::<bool>(), 0..3_u8, "[ -~\\n]{0,40}"), 0..30)
    ) {
        let frames: Vec<_> = traffic
            .iter()
            .map(|(up, rpc, id, text)| {
                let direction = if *up { Direction::ClientToServer } else { Direction::ServerToClient };
                let frame = if *rpc {
                    serde_json::json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": text}}).to_string()
                } else {
                    text.clone()
                };
                CapturedFrame::new(direction, frame)
            })
            .collect();
        let recorded = Recorded::of(CONNECTION, &frames);
        prop_assert_eq!(recorded.rows.len(), frames.len() + recorded.no_answers);
        let expected = if frames.is_empty() { Verdict::Undecided } else { Verdict::Verified };
        prop_assert_eq!(recorded.verdict(&frames).0, expected);
    }
}
