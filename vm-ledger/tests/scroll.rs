//! Scrolls on disk: written, cut, altered, torn, adopted; all of it with no database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Limits, log_key, now, permit, permit_with};
use serde_json::{Value, json};
use vm_core::capability::{Engines, Permit, act};
use vm_core::digest::LeafHash;
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, LedgerId, RowId, TraceId};
use vm_core::redact::Redacted;
use vm_core::verdict::{Code, Verdict};
use vm_ledger::{KnownScroll, Patience, ScrollError, ScrollEvent, ScrollState, ScrollWriter, VaultDir};
use vm_seal::scroll::verify_scroll;

const TRACE: TraceId = TraceId::from_bytes([6; 16]);

fn ledger() -> LedgerId {
    LedgerId::from_genesis(LeafHash::of(b"genesis"))
}

fn engine() -> EngineName {
    "console".parse().unwrap()
}

const ID: RowId = RowId::from_bytes([5; 16]);

fn event(value: &Value) -> ScrollEvent {
    ScrollEvent { id: ID, event: Redacted::system(value).unwrap() }
}

struct Scroll {
    dir: tempfile::TempDir,
    vault: VaultDir,
}

impl Scroll {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultDir::open(dir.path()).unwrap();
        Self { dir, vault }
    }

    fn with(lines: u32) -> Self {
        let scroll = Self::new();
        if lines > 0 {
            scroll.append((0..lines).map(|n| json!({"n": n})).collect()).unwrap();
        }
        scroll
    }

    fn events(&self) -> PathBuf {
        self.dir.path().join("receipts/console/ENGINE_EVENTS.jsonl")
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("receipts/console/ROOT.console.txt")
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&mut ScrollWriter<'_>, &Permit<act::Record>) -> Result<T, ScrollError>,
    ) -> Result<T, ScrollError> {
        let signer = log_key();
        let mut writer = ScrollWriter::new(&self.vault, ledger(), engine(), &signer, Patience::default())?;
        work(&mut writer, &permit(ledger()))
    }

    fn append(&self, events: Vec<Value>) -> Result<ScrollState, ScrollError> {
        let events: Vec<ScrollEvent> = events.iter().map(event).collect();
        self.run(|writer, permit| writer.append(permit, &events, TRACE, Epoch::Nigredo, now()))
    }

    fn adopt(&self) -> Result<ScrollState, ScrollError> {
        self.run(|writer, permit| writer.adopt(permit, Epoch::Nigredo, now()))
    }

    fn verdict(&self) -> (Verdict, Vec<Code>) {
        let (report, sound) = verify_scroll(&self.vault, &ledger(), log_key().public(), &engine(), &[]);
        assert_eq!(sound.is_some(), report.findings().is_empty());
        (report.verdict(), report.findings().iter().map(vm_core::verdict::Finding::code).collect())
    }
}

#[test]
fn lines_are_canonical_and_the_root_is_signed_over_them() {
    let scroll = Scroll::with(3);
    let state = scroll.append(vec![json!({"b": 1, "a": [true]})]).unwrap();
    assert_eq!((state.first_seq, state.size, state.torn), (3, 4, None));
    let text = fs::read_to_string(scroll.events()).unwrap();
    let capability = permit::<act::Record>(ledger()).capability();
    let wanted = format!(
        "{{\"capability_hash\":\"{capability}\",\"engine\":\"console\",\"event\":{{\"a\":[true],\"b\":1}},\
         \"format\":\"vm-scroll-event-v0\",\"id\":\"{ID}\",\"seq\":3,\"trace_id\":\"{TRACE}\",\"ts\":\"{}\"}}",
        now()
    );
    assert_eq!(text.lines().last(), Some(wanted.as_str()));
    assert!(text.ends_with('\n') && text.lines().count() == 4);
    assert_eq!(scroll.verdict(), (Verdict::Verified, vec![]));
}

#[test]
fn a_line_of_another_format_stands_as_it_is() {
    let scroll = Scroll::with(2);
    let put = |value: &Value| {
        let lines = [Redacted::system(value).unwrap()];
        scroll.run(|writer, permit| writer.append_lines(permit, &lines, Epoch::Nigredo, now()))
    };
    let state = put(&json!({"z": 1, "format": "vm-dee-line-v0"})).unwrap();
    assert_eq!((state.first_seq, state.size, state.torn), (2, 3, None));
    let text = fs::read_to_string(scroll.events()).unwrap();
    assert_eq!(text.lines().last(), Some("{\"format\":\"vm-dee-line-v0\",\"z\":1}"));
    assert!(matches!(put(&json!([1])).unwrap_err(), ScrollError::Line { line: 3, .. }));
    assert_eq!(scroll.append(vec![json!({"n": 3})]).unwrap().first_seq, 3);
    assert_eq!(scroll.verdict(), (Verdict::Verified, vec![]));
}

#[test]
fn one_writer_goes_on_from_where_it_was_and_sees_what_another_wrote() {
    let scroll = Scroll::new();
    let signer = log_key();
    let writer = || ScrollWriter::new(&scroll.vault, ledger(), engine(), &signer, Patience::default()).unwrap();
    let (mut one, mut two) = (writer(), writer());
    let permit = permit(ledger());
    let events = [event(&json!({"x": 1}))];
    for n in 0..20 {
        let writer = if n % 3 == 0 { &mut one } else { &mut two };
        let state = writer.append(&permit, &events, TRACE, Epoch::Nigredo, now()).unwrap();
        assert_eq!((state.first_seq, state.size), (n, n + 1));
    }
    assert_eq!(scroll.verdict(), (Verdict::Verified, vec![]));
    let state = one.append(&permit, &[], TRACE, Epoch::Nigredo, now()).unwrap();
    assert_eq!(state.size, 20);
}

/// A line through a writer that knows what the one before knew, and what it knows then.
fn append_knowing(scroll: &Scroll, known: Option<KnownScroll>) -> Result<Option<KnownScroll>, ScrollError> {
    let signer = log_key();
    let writer = ScrollWriter::new(&scroll.vault, ledger(), engine(), &signer, Patience::default()).unwrap();
    let mut writer = writer.knowing(known);
    writer.append(&permit(ledger()), &[event(&json!({"x": 1}))], TRACE, Epoch::Nigredo, now())?;
    Ok(writer.into_known())
}

#[test]
fn a_writer_that_knows_the_scroll_sees_whatever_became_of_it() {
    let changed = |change: fn(&Scroll)| {
        let scroll = Scroll::with(2);
        let known = append_knowing(&scroll, None).unwrap();
        let known = append_knowing(&scroll, known).unwrap();
        assert!(known.is_some());
        // No file system's clock takes longer for a step.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change(&scroll);
        append_knowing(&scroll, known).map(|_| scroll.verdict()).map_err(|error| error.code())
    };
    assert_eq!(changed(|_| {}), Ok((Verdict::Verified, vec![])));
    // As long as it was, and with the time of its last change set back.
    let altered = |scroll: &Scroll| {
        let was = fs::metadata(scroll.events()).unwrap().modified().unwrap();
        let text = fs::read_to_string(scroll.events()).unwrap().replacen("\"n\":0", "\"n\":7", 1);
        fs::write(scroll.events(), text).unwrap();
        fs::File::options().append(true).open(scroll.events()).unwrap().set_modified(was).unwrap();
    };
    assert_eq!(changed(altered), Err("scroll-altered"));
    // Another file in its place.
    let replaced = |scroll: &Scroll| {
        let text = fs::read_to_string(scroll.events()).unwrap().replacen("\"n\":0", "\"n\":7", 1);
        let other = scroll.dir.path().join("other");
        fs::write(&other, text).unwrap();
        fs::rename(other, scroll.events()).unwrap();
    };
    assert_eq!(changed(replaced), Err("scroll-altered"));
    assert_eq!(changed(|scroll| fs::remove_file(scroll.events()).unwrap()), Err("scroll-tail-cut"));
    let longer = |scroll: &Scroll| {
        let text = fs::read_to_string(scroll.events()).unwrap();
        fs::write(scroll.events(), format!("{text}{{}}\n")).unwrap();
    };
    assert_eq!(changed(longer), Err("scroll-unsigned-tail"));
    assert_eq!(changed(|scroll| fs::remove_file(scroll.root()).unwrap()), Err("scroll-unsigned-tail"));
    assert_eq!(changed(|scroll| fs::write(scroll.root(), "not a note").unwrap()), Err("checkpoint-note"));
    // What is as it should be, by another writer.
    assert_eq!(changed(|scroll| drop(scroll.append(vec![json!({"n": 9})]).unwrap())), Ok((Verdict::Verified, vec![])));
}

#[test]
fn a_cut_or_altered_scroll_is_never_written_to() {
    let scroll = Scroll::with(3);
    let whole = fs::read(scroll.events()).unwrap();
    for cut in 0..whole.len() {
        fs::write(scroll.events(), &whole[..cut]).unwrap();
        let error = scroll.append(vec![json!({"n": 9})]).unwrap_err();
        assert_eq!(error.code(), "scroll-tail-cut", "cut at {cut}");
        assert_eq!(fs::read(scroll.events()).unwrap(), &whole[..cut], "cut at {cut}");
        assert_eq!(scroll.adopt().unwrap_err().code(), "scroll-tail-cut");
    }
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(scroll.events(), &bad).unwrap();
        let code = scroll.append(vec![json!({"n": 9})]).unwrap_err().code();
        assert!(["scroll-altered", "scroll-tail-cut", "scroll-line"].contains(&code), "{at}: {code}");
        assert!(scroll.adopt().is_err(), "{at}");
    }
    fs::remove_file(scroll.events()).unwrap();
    assert_eq!(scroll.append(vec![json!({"n": 9})]).unwrap_err().code(), "scroll-tail-cut");
    assert!(!scroll.events().exists());
}

#[test]
fn torn_bytes_are_set_aside_and_reported() {
    let scroll = Scroll::with(2);
    let whole = fs::read(scroll.events()).unwrap();
    for (number, torn) in [b"{\"capab".as_slice(), b"x", b"\0\xff"].into_iter().enumerate() {
        let before = fs::read(scroll.events()).unwrap();
        fs::write(scroll.events(), [before.as_slice(), torn].concat()).unwrap();
        assert_eq!(scroll.verdict(), (Verdict::Undecided, vec![Code::ScrollUnsignedTail]));
        let state = scroll.append(vec![json!({"n": 9})]).unwrap();
        let kept = state.torn.unwrap();
        let lines = u64::try_from(number).unwrap() + 2;
        assert_eq!((kept.kept_lines, kept.engine, state.first_seq), (lines, engine(), lines));
        assert_eq!(kept.file.path.as_str(), format!("receipts/console/ENGINE_EVENTS.jsonl.torn-{number}"));
        assert_eq!(fs::read(scroll.dir.path().join(kept.file.path.as_str())).unwrap(), torn);
        assert_eq!(scroll.verdict(), (Verdict::Verified, vec![]));
    }
    assert!(fs::read(scroll.events()).unwrap().starts_with(&whole));
}

#[test]
fn full_lines_beyond_the_root_wait_to_be_adopted() {
    let scroll = Scroll::with(2);
    let root = fs::read(scroll.root()).unwrap();
    scroll.append(vec![json!({"n": 2}), json!({"n": 3})]).unwrap();
    // The crash that left the old root beside the new lines, one of them torn.
    fs::write(scroll.root(), &root).unwrap();
    let lines = fs::read(scroll.events()).unwrap();
    fs::write(scroll.events(), &lines[..lines.len() - 5]).unwrap();
    assert_eq!(scroll.append(vec![json!({"n": 4})]).unwrap_err().code(), "scroll-unsigned-tail");
    assert_eq!(fs::read(scroll.root()).unwrap(), root, "nothing was signed");
    assert_eq!(fs::read(scroll.events()).unwrap().len(), lines.len() - 5, "nothing was cut");
    let state = scroll.adopt().unwrap();
    assert_eq!((state.size, state.torn.unwrap().kept_lines), (3, 3));
    assert_eq!(scroll.append(vec![json!({"n": 4})]).unwrap().first_seq, 3);
    assert_eq!(scroll.verdict(), (Verdict::Verified, vec![]));
    // The root lost altogether is the same case, over nothing.
    fs::remove_file(scroll.root()).unwrap();
    assert_eq!(scroll.append(vec![json!({"n": 5})]).unwrap_err().code(), "scroll-unsigned-tail");
    assert_eq!(scroll.adopt().unwrap().size, 4);
}

/// A power loss can leave a hole between lines that nobody had signed: what is whole before it is adopted, nothing after.
#[test]
fn what_is_no_line_beyond_the_root_is_torn_with_all_that_follows() {
    let scroll = Scroll::with(2);
    let root = fs::read(scroll.root()).unwrap();
    scroll.append(vec![json!({"n": 2})]).unwrap();
    fs::write(scroll.root(), root).unwrap();
    let whole = fs::read(scroll.events()).unwrap();
    for hole in [b"\0\0\0\n{\"n\":3}\n{\"n".as_slice(), b"{ \"not\":\"canonical\"}\n"] {
        fs::write(scroll.events(), [&whole, hole].concat()).unwrap();
        assert_eq!(scroll.verdict(), (Verdict::Undecided, vec![Code::ScrollUnsignedTail]));
        assert_eq!(scroll.append(vec![json!({"n": 4})]).unwrap_err().code(), "scroll-unsigned-tail");
        let kept = scroll.run(|writer, permit| writer.keep_torn(permit, true, Epoch::Nigredo, now())).unwrap().unwrap();
        assert_eq!(fs::read(scroll.dir.path().join(kept.file.path.as_str())).unwrap(), hole);
        assert_eq!(fs::read(scroll.events()).unwrap(), [&whole, hole].concat(), "nothing is cut yet");
        let state = scroll.adopt().unwrap();
        assert_eq!((state.size, state.torn), (3, Some(kept)));
        assert_eq!(fs::read(scroll.events()).unwrap(), whole);
        assert_eq!(scroll.verdict(), (Verdict::Verified, vec![]));
    }
}

#[test]
fn a_foreign_root_is_not_believed() {
    let scroll = Scroll::with(2);
    let good = fs::read_to_string(scroll.root()).unwrap();
    for bad in [
        String::new(),
        good.replacen('2', "1", 1),
        good.replace("console", "another"),
        good.clone() + "— x AAAAAAAA\nmore",
    ] {
        fs::write(scroll.root(), &bad).unwrap();
        let error = scroll.append(vec![json!({"n": 9})]).unwrap_err();
        assert!(error.code().starts_with("checkpoint-"), "{bad:?}: {}", error.code());
        assert_eq!(fs::read_to_string(scroll.root()).unwrap(), bad);
    }
    fs::write(scroll.root(), &good).unwrap();
    fs::rename(scroll.root(), scroll.dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere", scroll.root()).unwrap();
    assert_eq!(scroll.append(vec![json!({"n": 9})]).unwrap_err().code(), "file-not-regular");
}

#[test]
fn permits_are_for_engines_and_unnumbered() {
    let scroll = Scroll::new();
    let events = [event(&json!({}))];
    let refused = |permit: Permit<act::Record>, epoch, code: &str| {
        let signer = log_key();
        let mut writer = ScrollWriter::new(&scroll.vault, ledger(), engine(), &signer, Patience::default()).unwrap();
        assert_eq!(writer.append(&permit, &events, TRACE, epoch, now()).unwrap_err().code(), code);
        assert!(!scroll.events().exists());
    };
    let elsewhere = LedgerId::from_genesis(LeafHash::of(b"elsewhere"));
    refused(permit(elsewhere), Epoch::Nigredo, "capability-wrong-ledger");
    refused(permit(ledger()), Epoch::Rubedo, "capability-epoch");
    let other = Limits { engines: Engines::Only(["gate".parse().unwrap()].into()), ..Limits::default() };
    refused(permit_with(ledger(), other, None), Epoch::Nigredo, "capability-engine");
    let table = Limits { resource: "/mcp_calls", ..Limits::default() };
    refused(permit_with(ledger(), table, None), Epoch::Nigredo, "capability-resource-not-granted");
    let numbered = Limits { uses: Some(3), ..Limits::default() };
    refused(permit_with(ledger(), numbered, Some(1)), Epoch::Nigredo, "scroll-numbered-permit");
}
