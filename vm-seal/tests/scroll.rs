//! Scrolls at their limits: lines that are no canonical objects, lines and roots as long as may be.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::{World, path};
use vm_core::id::EngineName;
use vm_core::key::{NOTE_MAX, Note};
use vm_core::verdict::{Code, Report};
use vm_seal::merkle::Frontier;
use vm_seal::scroll::{LINE_MAX, ScrollLines, line_leaf, verify_scroll};

const EVENTS: &str = "receipts/console/ENGINE_EVENTS.jsonl";
const ROOT: &str = "receipts/console/ROOT.console.txt";

fn verify(world: &World) -> Report {
    let engine: EngineName = "console".parse().unwrap();
    let key = world.key();
    let (report, scroll) = verify_scroll(&world.files, &world.ledger.id(), key.public(), &engine, &[]);
    assert_eq!(scroll.is_some(), report.findings().is_empty());
    report
}

fn told(report: &Report) -> Vec<(Code, &str)> {
    report.findings().iter().map(|finding| (finding.code(), finding.found_value().unwrap_or_default())).collect()
}

/// An object whose text takes `len` bytes.
fn object(len: usize) -> String {
    let frame = "{\"a\":\"\"}".len();
    format!("{{\"a\":\"{}\"}}", "x".repeat(len - frame))
}

/// Lines given in pieces of at most `piece` bytes.
fn read(content: &[u8], piece: usize) -> ScrollLines {
    let mut lines = ScrollLines::new([]);
    content.chunks(piece).for_each(|chunk| lines.update(chunk));
    lines
}

#[test]
fn the_first_line_that_is_no_canonical_object_is_told() {
    for (bad, at) in [("[]", 0), ("1", 1), ("{\"b\":1,\"a\":2}", 2), ("{ }", 1), ("", 0), ("{\"a\":1}\r", 2)] {
        let mut lines = ["{\"a\":1}", "{}", "{\"c\":[]}"];
        lines[at] = bad;
        let content = lines.join("\n") + "\n";
        for piece in [1, 3, 1_000] {
            let read = read(content.as_bytes(), piece);
            assert_eq!((read.first_fault(), read.size().as_u64()), (u64::try_from(at).ok(), 3), "{bad}");
        }
        // Rightly signed, so that nothing else is wrong with it.
        let mut world = World::full();
        world.scroll("console", &lines);
        let found = format!("line {at} is no canonical JSON object");
        assert_eq!(told(&verify(&world)), [(Code::ScrollAltered, found.as_str())]);
    }
    assert_eq!(read(b"{}\n{\"a\":1}\n", 5).first_fault(), None);
}

/// What follows the root is not signed, be it canonical or not.
#[test]
fn what_follows_the_root_is_unsigned_and_nothing_worse() {
    let mut world = World::full();
    let mut content = world.files.content(&path(EVENTS)).unwrap().to_vec();
    content.extend_from_slice(b"no object\n");
    world.files.put(path(EVENTS), content.clone());
    assert_eq!(told(&verify(&world)), [(Code::ScrollUnsignedTail, "4 lines")]);
    content.extend_from_slice(b"{}");
    world.files.put(path(EVENTS), content);
    assert_eq!(told(&verify(&world)), [(Code::ScrollUnsignedTail, "4 lines, and bytes after the last newline")]);
}

#[test]
fn a_line_may_be_as_long_as_any_json_and_no_longer() {
    for (len, fits) in [(LINE_MAX, true), (LINE_MAX + 1, false)] {
        let long = object(len);
        let content = format!("{{}}\n{long}\n{{}}\n");
        for piece in [content.len(), LINE_MAX / 3] {
            let lines = read(content.as_bytes(), piece);
            assert_eq!((lines.first_fault(), lines.size().as_u64()), ((!fits).then_some(1), 3), "{len}");
            assert!(!lines.is_torn());
            // Nothing is kept of a line that is too long.
            let kept = if fits { long.as_bytes() } else { b"" };
            let mut frontier = Frontier::new();
            frontier.extend([b"{}".as_slice(), kept, b"{}"].map(line_leaf));
            assert_eq!(lines.root(), frontier.root());
        }
        // Without its newline it is torn, however much of it was kept.
        assert!(read(long.as_bytes(), LINE_MAX / 3).is_torn());
    }
}

/// Pieces of a line add up: two of five thousand bytes are ten thousand.
#[test]
fn a_line_in_pieces_is_the_line() {
    let line = object(10_000);
    let content = format!("{line}\n");
    for piece in [7, 5_000, 20_000] {
        let lines = read(content.as_bytes(), piece);
        assert_eq!((lines.first_fault(), lines.root()), (None, line_leaf(line.as_bytes()).to_root()), "{piece}");
    }
}

/// A root with as many further signatures as make it exactly as long as a note may be.
fn longest_root(world: &World) -> String {
    let mut long = String::from_utf8(world.files.content(&path(ROOT)).unwrap().to_vec()).unwrap();
    let line = |name: usize| format!("\u{2014} {} {}\n", "n".repeat(name), "QUFB".repeat(132));
    let (room, bare) = (NOTE_MAX - long.len(), line(0).len());
    // Names of 256 bytes at most, as long as one another but for one byte.
    let count = room.div_ceil(bare + 256);
    let names = room - count * bare;
    for at in 0..count {
        long.push_str(&line(names / count + usize::from(at < names % count)));
    }
    assert_eq!(long.len(), NOTE_MAX);
    long
}

#[test]
fn a_root_may_be_as_long_as_any_note_and_no_longer() {
    let mut world = World::full();
    let longest = longest_root(&world);
    assert!(Note::parse(longest.as_bytes()).is_ok());
    world.files.put(path(ROOT), longest.clone().into_bytes());
    assert_eq!(told(&verify(&world)), []);
    for more in ["x", "\n", "\u{2014} n QUFBQUFB\n"] {
        world.files.put(path(ROOT), format!("{longest}{more}").into_bytes());
        let found = verify(&world);
        assert!(told(&found).contains(&(Code::CheckpointInvalid, "checkpoint-note")), "{more}: {:?}", found.findings());
    }
}
