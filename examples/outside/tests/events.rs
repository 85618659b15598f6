//! What this crate shows: the seal holds, and no change of an event escapes it.

use sealed_events::{SealedEvents, seal_events};
use vm_core::instant::Instant;
use vm_core::record::Cell;
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::verdict::{Code, Verdict};
use vm_seal::bundle::SealBundle;
use vm_seal::memory::hazmat;

const EVENTS: &[u8] = include_bytes!("../events.jsonl");

fn sealed(events: &[u8]) -> SealedEvents {
    let clock = SteppingClock::new(Instant::from_micros(1_790_000_000_000_000).unwrap());
    seal_events(events, &clock, &mut CountingEntropy::new(1)).unwrap()
}

#[test]
fn the_seal_holds_and_is_read_again() {
    let sealed = sealed(EVENTS);
    let report = sealed.verify().unwrap();
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
    assert_eq!(SealBundle::parse(sealed.bundle.as_bytes()).unwrap(), sealed.bundle);
}

#[test]
fn the_digest_follows_from_the_events() {
    let digest = |events: &[u8]| sealed(events).bundle.digest().hash();
    assert_eq!(digest(EVENTS), digest(EVENTS));
    let text = String::from_utf8(EVENTS.to_vec()).unwrap();
    assert_ne!(digest(text.replace("412", "413").as_bytes()), digest(EVENTS));
    let reversed: Vec<&str> = text.lines().rev().collect();
    assert_ne!(digest(reversed.join("\n").as_bytes()), digest(EVENTS));
    // Spelling is no change: both are read as the same JSON.
    assert_eq!(digest(text.replace("\"ok\":true", "\"ok\" : true").as_bytes()), digest(EVENTS));
}

#[test]
fn every_changed_event_is_named() {
    for at in 0..sealed(EVENTS).rows.len() {
        let mut sealed = sealed(EVENTS);
        let row = sealed.rows[at];
        hazmat::change_cell(&mut sealed.ledger, row, "meta_json", &Cell::Text("{}".to_owned()));
        let report = sealed.verify().unwrap();
        assert_eq!(report.verdict(), Verdict::Contradicted);
        assert!(report.findings().iter().any(|finding| finding.subject().contains(&row.to_string())), "event {at}");
    }
}

#[test]
fn a_cut_list_is_contradicted() {
    let mut sealed = sealed(EVENTS);
    let size = sealed.ledger.tree_size().as_u64();
    hazmat::cut_log(&mut sealed.ledger, size - 1);
    let report = sealed.verify().unwrap();
    assert_eq!(report.verdict(), Verdict::Contradicted);
    assert!(report.has(Code::TailCut), "{:?}", report.findings());
}

#[test]
fn a_line_that_is_not_strict_json_seals_nothing() {
    let clock = SteppingClock::new(Instant::from_micros(0).unwrap());
    for bad in ["{\"a\":1,\"a\":2}", "{\"a\":9007199254740993}", "[NaN]", "{"] {
        assert!(seal_events(bad.as_bytes(), &clock, &mut CountingEntropy::new(1)).is_err(), "{bad}");
    }
}
