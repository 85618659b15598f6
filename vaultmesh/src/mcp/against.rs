//! A capture against the rows of a vault: every frame has its row, in order, by hash or by opened commitment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::json;
use vm_core::digest::{Commitment, Sha256Digest};
use vm_core::id::{RowId, TraceId};
use vm_core::record::{Direction, StoredRow, Table};
use vm_core::redact::Opening;
use vm_core::verdict::{Code, Finding, Report, Verdict};

use super::capture::CapturedFrame;
use super::session::FRAME_POINTER;

/// Matches a capture with rows: first all rows, then all frames in order, then [`Against::finish`].
///
/// Whether the rows themselves are the ones that were recorded is for the audit of the ledger; this says whether they
/// and the capture tell the same.
#[derive(Debug)]
pub struct Against {
    candidates: BTreeMap<TraceId, Candidate>,
    only: Option<TraceId>,
    frames: u64,
    malformed: u64,
}

/// The connection that a capture was matched with, and what that gave.
#[derive(Debug)]
pub struct Matched {
    /// The connection; none where the vault holds none at all.
    pub connection: Option<TraceId>,
    /// What was found.
    pub report: Report,
}

/// One connection that the capture could be of.
#[derive(Debug, Default)]
struct Candidate {
    rows: BTreeMap<u64, Expected>,
    compared: u64,
    report: Report,
}

/// What a row says of its frame.
#[derive(Debug)]
struct Expected {
    row: RowId,
    direction: Option<Direction>,
    len: Option<u64>,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Sha256(Sha256Digest),
    Committed(Commitment),
    /// The row holds neither, or something else in its place.
    Unreadable,
}

impl Against {
    /// Matches with the rows of `connection`; where that is not known, with those of the connection that fits best.
    #[must_use]
    pub fn new(connection: Option<TraceId>) -> Self {
        let candidates = connection.map(|id| (id, Candidate::default()));
        Self { candidates: candidates.into_iter().collect(), only: connection, frames: 0, malformed: 0 }
    }

    /// Takes a row. Rows of other tables, of other connections, without a frame, and corrections of rows are passed
    /// over. About 150 bytes of a row are kept.
    pub fn row(&mut self, row: &StoredRow) {
        let corrects = row.blob("corrects_id").is_some();
        if row.table() != Table::McpCalls || corrects || row.integer("ordinal").is_none() {
            return;
        }
        let Some((connection, ordinal, expected)) = Expected::of(row) else {
            self.malformed = self.malformed.saturating_add(1);
            return;
        };
        if self.only.is_some_and(|only| only != connection) {
            return;
        }
        let candidate = self.candidates.entry(connection).or_default();
        match candidate.rows.entry(ordinal) {
            Entry::Vacant(place) => {
                place.insert(expected);
            }
            Entry::Occupied(_) => candidate
                .report
                .find(Finding::new(Code::FrameMissing, subject(expected.row)).found(format!("a second row {ordinal}"))),
        }
    }

    /// Takes the next frame of the capture. `openings` gives what opens the commitments of a row, or none where that
    /// cannot be had.
    pub fn frame(&mut self, frame: &CapturedFrame, openings: &mut dyn FnMut(RowId) -> Option<Vec<Opening>>) {
        let sha256 = Sha256Digest::of(frame.as_bytes());
        for candidate in self.candidates.values_mut() {
            candidate.compare(self.frames, frame, sha256, openings);
        }
        self.frames = self.frames.saturating_add(1);
    }

    /// Ends the capture: rows that no frame came to are reported. Of several connections, the one with the best
    /// verdict and then the fewest findings is told.
    #[must_use]
    pub fn finish(self) -> Matched {
        let frames = self.frames;
        let ended = self.candidates.into_iter().map(|(id, candidate)| (id, candidate.end(frames)));
        let best = ended.min_by_key(|(_, report)| {
            let dropped = usize::try_from(report.findings_dropped()).unwrap_or(usize::MAX);
            (rank(report.verdict()), report.findings().len().saturating_add(dropped))
        });
        let (connection, mut report) = match best {
            Some((connection, report)) => (Some(connection), report),
            None => (None, unrecorded(frames)),
        };
        if self.malformed > 0 {
            let rows = format!("{} rows without a readable id, connection or ordinal", self.malformed);
            report.find(Finding::new(Code::EvidenceUnreadable, "mcp_calls").found(rows));
        }
        Matched { connection, report }
    }
}

impl Candidate {
    fn compare(
        &mut self,
        ordinal: u64,
        frame: &CapturedFrame,
        sha256: Sha256Digest,
        openings: &mut dyn FnMut(RowId) -> Option<Vec<Opening>>,
    ) {
        let Some(expected) = self.rows.remove(&ordinal) else {
            self.report
                .find(Finding::new(Code::FrameMissing, format!("frame {ordinal} of the capture")).found("no row"));
            return;
        };
        match expected.fault(frame, sha256, openings) {
            None => self.compared += 1,
            Some(finding) => {
                self.compared += u64::from(finding.code() == Code::FrameAltered);
                self.report.find(finding);
            }
        }
    }

    fn end(mut self, frames: u64) -> Report {
        for (ordinal, expected) in std::mem::take(&mut self.rows) {
            self.report.find(
                Finding::new(Code::FrameMissing, subject(expected.row))
                    .expected_found(format!("frame {ordinal}"), format!("a capture of {frames} frames")),
            );
        }
        self.told(frames)
    }

    /// Says what was checked, or that nothing was.
    fn told(mut self, frames: u64) -> Report {
        if self.compared == 0 {
            let found = format!("a capture of {frames} frames, none of which could be compared");
            self.report.find(Finding::new(Code::NothingChecked, "capture").found(found));
        } else {
            self.report.checked(format!("{} of {frames} captured frames against their rows", self.compared));
        }
        self.report
    }
}

impl Expected {
    fn of(row: &StoredRow) -> Option<(TraceId, u64, Self)> {
        let connection = TraceId::from_slice(row.blob("connection")?).ok()?;
        let ordinal = u64::try_from(row.integer("ordinal")?).ok()?;
        let sha256 = row.blob("frame_sha256").map(Sha256Digest::from_slice);
        let committed = row.blob("frame_commitment").map(Commitment::from_slice);
        let proof = match (sha256, committed) {
            (Some(Ok(sha256)), None) => Proof::Sha256(sha256),
            (None, Some(Ok(commitment))) => Proof::Committed(commitment),
            _ => Proof::Unreadable,
        };
        let expected = Self {
            row: row.id().ok()?,
            direction: row.text("direction").and_then(|text| text.parse().ok()),
            len: row.integer("frame_len").and_then(|len| u64::try_from(len).ok()),
            proof,
        };
        Some((connection, ordinal, expected))
    }

    /// What keeps `frame` from being the one that the row recorded.
    fn fault(
        &self,
        frame: &CapturedFrame,
        sha256: Sha256Digest,
        openings: &mut dyn FnMut(RowId) -> Option<Vec<Opening>>,
    ) -> Option<Finding> {
        let altered = || Finding::new(Code::FrameAltered, subject(self.row));
        let unreadable = |found: &str| Some(Finding::new(Code::EvidenceUnreadable, subject(self.row)).found(found));
        let (Some(direction), Some(len)) = (self.direction, self.len) else {
            return unreadable("no direction or length");
        };
        if direction != frame.direction() {
            return Some(altered().expected_found(direction, frame.direction()));
        }
        let found = frame.as_bytes().len();
        if u64::try_from(found) != Ok(len) {
            return Some(altered().expected_found(format!("{len} bytes"), format!("{found} bytes")));
        }
        // The hash of the captured frame is not told: it could be of content that was redacted.
        match &self.proof {
            Proof::Sha256(recorded) if *recorded == sha256 => None,
            Proof::Sha256(recorded) => Some(altered().expected_found(format!("sha256 {recorded}"), "another")),
            Proof::Unreadable => unreadable("neither hash nor commitment of the frame"),
            Proof::Committed(commitment) => {
                let opening =
                    openings(self.row).and_then(|all| all.into_iter().find(|one| one.pointer() == FRAME_POINTER));
                match opening {
                    None => unreadable("no opening of the frame's commitment"),
                    Some(opening) if opening.opens(self.row, commitment, &json!(sha256)) => None,
                    Some(_) => Some(
                        altered().expected_found(format!("commitment {commitment}"), "a frame it does not open to"),
                    ),
                }
            }
        }
    }
}

/// What is to be said where the vault holds no connection at all.
fn unrecorded(frames: u64) -> Report {
    let mut candidate = Candidate::default();
    if frames > 0 {
        let finding = Finding::new(Code::FrameMissing, "capture");
        candidate.report.find(finding.expected_found(format!("{frames} rows"), "no rows of any connection"));
    }
    candidate.told(frames)
}

fn subject(row: RowId) -> String {
    format!("row {}/{row}", Table::McpCalls)
}

const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Verified => 0,
        Verdict::Undecided => 1,
        Verdict::Contradicted => 2,
    }
}
