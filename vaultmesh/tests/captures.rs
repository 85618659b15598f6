//! Every capture that ships with the tests, recorded in a vault and matched with its rows again.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;

use fixture::{capture, place, rows, sources};
use vaultmesh::mcp::{Against, Capture, CapturedFrame, Matched};
use vaultmesh::read::Reader;
use vaultmesh::vault::{CaptureOptions, CaptureRecorded, Place, Vault};
use vm_core::id::TraceId;
use vm_core::verdict::{Code, Verdict};
use vm_core::view::EvidenceView as _;
use vm_ledger::OpeningsKey;

const CAPTURES: [&str; 9] = ["log1", "log2", "log3", "log4", "log5", "lr-auto", "lr-legacy", "lr-modern", "lr-py"];

fn frames(name: &str) -> Vec<CapturedFrame> {
    Capture::new(fs::read(capture(name)).unwrap().as_slice()).map(Result::unwrap).collect()
}

fn record(vault: &mut Vault, name: &str, key: Option<&str>) -> CaptureRecorded {
    let options = CaptureOptions { idempotency_key: key.map(str::to_owned), trace_id: None };
    vault.record_capture(&mut fs::read(capture(name)).unwrap().as_slice(), &options).unwrap()
}

fn against(
    reader: &Reader,
    connection: Option<TraceId>,
    frames: &[CapturedFrame],
    key: Option<&OpeningsKey>,
) -> Matched {
    let mut against = Against::new(connection);
    rows(reader).iter().for_each(|row| against.row(&row.row));
    for frame in frames {
        against.frame(frame, &mut |row| key.and_then(|key| reader.view().openings(key, row).ok()));
    }
    against.finish()
}

fn vault(seed: u64) -> (tempfile::TempDir, Place, Vault) {
    let dir = fixture::folder();
    let place = place(dir.path());
    let vault = Vault::init(&place, sources(seed)).unwrap().vault;
    (dir, place, vault)
}

#[test]
fn nine_captures_are_recorded_without_loss_and_matched_frame_by_frame() {
    let (_dir, place, mut vault) = vault(51);
    let mut recorded = Vec::new();
    for name in CAPTURES {
        let plain = record(&mut vault, name, None);
        let keyed = record(&mut vault, name, Some(name));
        for outcome in [&plain, &keyed] {
            assert_eq!(outcome.frames, u64::try_from(frames(name).len()).unwrap(), "{name}");
            assert_eq!(outcome.rows, outcome.frames + outcome.unanswered, "{name}");
            assert_eq!(outcome.replayed, 0, "{name}");
        }
        assert_ne!(plain.connection, keyed.connection);
        recorded.push((name, plain.connection));
        recorded.push((name, keyed.connection));
    }
    let reader = Reader::open(&place).unwrap();
    let key = vault.keys().openings().unwrap();
    for (name, connection) in recorded {
        let frames = frames(name);
        let matched = against(&reader, Some(connection), &frames, Some(&key));
        assert_eq!(matched.report.verdict(), Verdict::Verified, "{name}: {:?}", matched.report.findings());
        let all = format!("{0} of {0} captured frames", frames.len());
        assert!(matched.report.checks().iter().any(|check| check.contains(&all)), "{name}");
        // Without a connection the one that fits is found.
        assert_eq!(against(&reader, None, &frames, Some(&key)).report.verdict(), Verdict::Verified, "{name}");
        // Without the key nothing redacted can be opened, and that is no pass.
        let closed = against(&reader, Some(connection), &frames, None);
        assert_eq!(closed.report.verdict(), Verdict::Undecided, "{name}");
        // One frame less, one changed.
        let less = against(&reader, Some(connection), &frames[1..], Some(&key));
        assert!(less.report.has(Code::FrameMissing), "{name}");
        let mut changed = frames.clone();
        let text = String::from_utf8(frames[0].as_bytes().to_vec()).unwrap();
        changed[0] = CapturedFrame::new(frames[0].direction(), text.replacen('"', "'", 1));
        let changed = against(&reader, Some(connection), &changed, Some(&key));
        assert_eq!(changed.report.verdict(), Verdict::Contradicted, "{name}");
    }
}

#[test]
fn a_capture_recorded_twice_under_one_key_makes_its_rows_once() {
    for name in ["log1", "log5"] {
        let (_dir, place, mut vault) = vault(52);
        let first = record(&mut vault, name, Some("once"));
        let size = Reader::open(&place).unwrap().view().size().unwrap();
        let again = record(&mut vault, name, Some("once"));
        assert_eq!((again.replayed, again.rows), (first.rows, first.rows), "{name}");
        assert_eq!((again.connection, again.frames), (first.connection, first.frames), "{name}");
        assert_eq!(Reader::open(&place).unwrap().view().size().unwrap(), size, "{name}");
        // Another process, another clock, other ids.
        drop(vault);
        let mut vault = fixture::reopen(&place, 53);
        assert_eq!(record(&mut vault, name, Some("once")).replayed, first.rows, "{name}");
        assert_eq!(Reader::open(&place).unwrap().view().size().unwrap(), size, "{name}");
        let key = vault.keys().openings().unwrap();
        let reader = Reader::open(&place).unwrap();
        let matched = against(&reader, Some(first.connection), &frames(name), Some(&key));
        assert_eq!(matched.report.verdict(), Verdict::Verified, "{name}");
    }
}

#[test]
fn a_capture_broken_off_at_any_line_is_finished_by_the_next_try() {
    let whole = fs::read_to_string(capture("log1")).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for kept in 0..lines.len() {
        let (_dir, place, mut vault) = vault(54);
        let options = CaptureOptions { idempotency_key: Some("once".to_owned()), trace_id: None };
        let broken = [lines[..kept].concat().as_str(), "no capture line\n"].concat();
        assert!(vault.record_capture(&mut broken.as_bytes(), &options).is_err());
        let recorded = vault.record_capture(&mut whole.as_bytes(), &options).unwrap();
        assert_eq!(recorded.frames, u64::try_from(lines.len()).unwrap(), "{kept}");
        let (reader, key) = (Reader::open(&place).unwrap(), vault.keys().openings().unwrap());
        let matched = against(&reader, Some(recorded.connection), &frames("log1"), Some(&key));
        assert_eq!(matched.report.verdict(), Verdict::Verified, "{kept}: {:?}", matched.report.findings());
    }
}

#[test]
fn the_same_key_for_another_capture_is_refused() {
    let (_dir, place, mut vault) = vault(55);
    record(&mut vault, "log1", Some("once"));
    let size = Reader::open(&place).unwrap().view().size().unwrap();
    let options = CaptureOptions { idempotency_key: Some("once".to_owned()), trace_id: None };
    let error = vault.record_capture(&mut fs::read(capture("log3")).unwrap().as_slice(), &options).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{}", error.code());
    assert_eq!(Reader::open(&place).unwrap().view().size().unwrap(), size);
}
