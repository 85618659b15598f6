//! Many lines at once: in order, whole batches or none of one, in bounded memory, the same rows as one by one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fmt::Write as _;
use std::io::{BufReader, Read};

use fixture::{digest, folder, place, rows, sources};
use vaultmesh::error::VaultError;
use vaultmesh::read::Reader;
use vaultmesh::vault::{CaptureOptions, InputKind, LINE_MAX, RecordInput, Vault, check_jsonl};
use vm_core::view::EvidenceView as _;
use vm_seal::selection::Selection;

/// Rows of one transaction.
const BATCH: u64 = 500;
/// Rows of a vault before anything is recorded: genesis and the operator's token.
const BEFORE: u64 = 2;

fn line(number: u64) -> String {
    format!("{{\"tool\":\"t{}\",\"input\":{{\"n\":{number}}},\"output\":{{\"exit_code\":0}}}}\n", number % 7)
}

/// A stream that gives a few lines at a time, as a process does that writes them.
struct Slowly<'a>(&'a [u8]);

impl Read for Slowly<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let lines = self.0.split_inclusive(|byte| *byte == b'\n').take(37).map(<[u8]>::len).sum();
        let (given, rest) = self.0.split_at(lines);
        self.0 = rest;
        out[..lines].copy_from_slice(given);
        Ok(lines)
    }
}

/// Records a stream; rows that stand, batches told of, and what came of it.
fn record(stream: impl Read) -> (u64, Vec<usize>, Result<u64, VaultError>) {
    let dir = folder();
    let mut vault = Vault::init(&place(dir.path()), sources(7)).unwrap().vault;
    let mut batches = Vec::new();
    let mut lines = BufReader::with_capacity(1 << 20, stream);
    let done = vault.record_jsonl(InputKind::Tool, &mut lines, &mut |rows| batches.push(rows.len()));
    drop(vault);
    let stand = Reader::open(&place(dir.path())).unwrap().view().size().unwrap() - BEFORE;
    (stand, batches, done)
}

#[test]
fn all_lines_are_recorded_in_order() {
    let text: String =
        (0..1_800).map(|number| if number % 100 == 3 { "\n".to_owned() } else { line(number) }).collect();
    let (stand, batches, done) = record(text.as_bytes());
    assert_eq!((stand, done.unwrap()), (1_782, 1_782));
    assert_eq!(batches, [500, 500, 500, 282]);
    // What a stream has said so far is on record before more is waited for.
    let (stand, batches, _) = record(Slowly(text.as_bytes()));
    assert_eq!((stand, batches.iter().sum::<usize>()), (1_782, 1_782));
    assert!(batches.iter().all(|rows| *rows <= 37), "{batches:?}");
}

#[test]
fn the_first_bad_line_is_named_and_whole_batches_before_it_stand() {
    for (bad, words) in [(1_u64, "{}"), (500, "{\"tool\":7}"), (501, "{"), (1_234, "{\"tool\":\"a\",\"tool\":\"a\"}")] {
        let text = |number: u64| if number < bad { line(number) } else { format!("{words}\n") };
        let text: String = (1..=1_500).map(text).collect();
        let (stand, batches, done) = record(text.as_bytes());
        let Err(VaultError::Line { line, .. }) = done else { panic!("line {bad}: {done:?}") };
        assert_eq!((line, stand), (bad, (bad - 1) / BATCH * BATCH));
        assert_eq!(u64::try_from(batches.iter().sum::<usize>()).unwrap(), stand);
        let checked = check_jsonl(InputKind::Tool, &mut BufReader::new(text.as_bytes()));
        assert!(matches!(checked, Err(VaultError::Line { line, .. }) if line == bad), "{checked:?}");
    }
}

#[test]
fn a_bad_line_before_one_that_is_too_long_is_the_one_that_is_named() {
    let long = || std::io::repeat(b' ').take(u64::try_from(LINE_MAX).unwrap() + 1);
    let good = line(1);
    let mut lines = BufReader::new(good.as_bytes().chain(long()));
    let checked = check_jsonl(InputKind::Tool, &mut lines);
    assert!(matches!(checked, Err(VaultError::LineTooLong { line: 2, .. })), "{checked:?}");
    let mut lines = BufReader::new((&b"{}\n"[..]).chain(long()));
    let checked = check_jsonl(InputKind::Tool, &mut lines);
    assert!(matches!(checked, Err(VaultError::Line { line: 1, .. })), "{checked:?}");
}

#[test]
fn many_lines_make_the_rows_that_batches_one_by_one_make() {
    let lines: Vec<String> = (0..1_300).map(line).collect();
    let everything = |dir: &std::path::Path| {
        let reader = Reader::open(&place(dir)).unwrap();
        let size = reader.view().size().unwrap();
        (digest(&reader, &Selection::everything(), size).hash(), rows(&reader).len())
    };
    let (many, single) = (folder(), folder());
    let mut vault = Vault::init(&place(many.path()), sources(7)).unwrap().vault;
    let text = lines.concat();
    let mut reader = BufReader::with_capacity(text.len(), text.as_bytes());
    vault.record_jsonl(InputKind::Tool, &mut reader, &mut |_| {}).unwrap();
    let mut vault = Vault::init(&place(single.path()), sources(7)).unwrap().vault;
    for batch in lines.chunks(500) {
        let inputs = batch.iter().map(|line| RecordInput::parse(InputKind::Tool, line.as_bytes()).unwrap());
        vault.record(inputs.collect()).unwrap();
    }
    assert_eq!(everything(many.path()), everything(single.path()));
}

#[test]
fn captures_of_many_frames_keep_their_order_and_their_answers() {
    let mut text = String::new();
    for id in 0..900 {
        let call = format!("{{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":{id},\\\"method\\\":\\\"tools/list\\\"}}\\n");
        let answer = format!("{{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":{id},\\\"result\\\":{{}}}}\\n");
        writeln!(text, "{{\"d\":\"c2s\",\"m\":\"{call}\"}}\n{{\"d\":\"s2c\",\"m\":\"{answer}\"}}").unwrap();
    }
    let record = |text: &str, key: Option<&str>| {
        let dir = folder();
        let mut vault = Vault::init(&place(dir.path()), sources(7)).unwrap().vault;
        let options = CaptureOptions { idempotency_key: key.map(str::to_owned), trace_id: None };
        let done = vault.record_capture(&mut text.as_bytes(), &options);
        let again = key.map(|_| vault.record_capture(&mut text.as_bytes(), &options).unwrap());
        drop(vault);
        let reader = Reader::open(&place(dir.path())).unwrap();
        let calls: Vec<_> = rows(&reader).into_iter().filter(|row| row.row.integer("ordinal").is_some()).collect();
        for pair in calls.chunks(2) {
            assert_eq!(pair[1].row.row_ref("answers_id").unwrap(), Some(pair[0].row.id().unwrap()));
        }
        (done, again, calls.len())
    };
    let (done, _, calls) = record(&text, None);
    let done = done.unwrap();
    assert_eq!((done.frames, done.rows, done.unanswered, calls), (1_800, 1_800, 0, 1_800));
    let (done, again, calls) = record(&text, Some("key"));
    assert_eq!((done.unwrap().replayed, again.unwrap().replayed, calls), (0, 1_800, 1_800));
    // A bad line leaves the batches before it.
    let bad = text + "{\"d\":\"x2y\",\"m\":\"\"}\n";
    let (done, _, calls) = record(&bad, None);
    assert!(matches!(done, Err(VaultError::Capture(_))), "{done:?}");
    assert_eq!(calls, 1_500);
}
