//! A clock that goes back, stands still or leaps ahead: order is by the log, and what happened to the time is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::time::Duration;

use fixture::{Scene, codes, digest, record_one, rows, sources, start, tool};
use vaultmesh::read::Reader;
use vaultmesh::vault::{Place, RecordInput, Sources, Vault};
use vaultmesh::verify::{Outside, verify_vault};
use vm_core::instant::Instant;
use vm_core::source::Clock;
use vm_core::verdict::{Code, Severity, Verdict};
use vm_seal::selection::Selection;

const DAY: i64 = 86_400 * 1_000_000;

/// A clock that stands still.
struct Frozen(Instant);

impl Clock for Frozen {
    fn now(&self) -> Instant {
        self.0
    }
}

fn open_at(place: &Place, seed: u64, days: i64) -> Vault {
    let clock = Box::new(Frozen(start().saturating_add_micros(days * DAY)));
    Vault::open(place, Sources { clock, ..sources(seed) }, Duration::from_secs(5)).unwrap()
}

#[test]
fn rows_stand_in_the_order_they_came_in_whatever_the_clock_said() {
    let scene = Scene::make(71);
    let place = &scene.place;
    let before = Reader::open(place).unwrap();
    let (everything, as_of) = (Selection::everything(), scene.seals[1].as_of);
    let sealed = digest(&before, &everything, as_of).hash();
    let standing = rows(&before).len();
    drop(before);
    let mut came = Vec::new();
    // A year ahead, a year back, where it began, and back once more by a day.
    for (seed, days) in [(72, 366), (73, -365), (74, 10), (75, 9)] {
        let mut vault = open_at(place, seed, days);
        for _ in 0..3 {
            came.push(record_one(&mut vault, RecordInput::Tool(tool("clock"))));
        }
    }
    let reader = Reader::open(place).unwrap();
    let found: Vec<_> = rows(&reader)[standing..].iter().map(|row| row.entry.row_id).collect();
    assert_eq!(found, came, "the log is in the order of recording");
    assert!(!found.is_sorted(), "ids begin with their time, so the clock really went back");
    assert_eq!(digest(&reader, &everything, as_of).hash(), sealed);

    let now = start().saturating_add_micros(400 * DAY);
    let answer = verify_vault(&reader, &scene.outside(), now).unwrap();
    let subjects: Vec<_> = answer
        .report
        .findings()
        .iter()
        .filter(|finding| finding.code() == Code::TimeNotMonotonic)
        .map(|finding| finding.subject().to_owned())
        .collect();
    let wanted: Vec<String> = [3, 9].map(|at| format!("row tool_invocations/{}", came[at])).into();
    assert_eq!(subjects, wanted, "each step back is told once, by the first row after it");
    assert_eq!(Code::TimeNotMonotonic.severity(), Severity::Remark);
    assert_eq!(codes(&answer), [Code::RowsUnsealed].into(), "and nothing else is held against the rows");
}

#[test]
fn a_seal_made_while_the_clock_is_back_holds_and_its_anchor_tells() {
    let scene = Scene::make(76);
    let outside = Outside { head: None, ..scene.outside() };
    for (seed, days) in [(77, 20), (78, 5)] {
        let mut vault = open_at(&scene.place, seed, days);
        record_one(&mut vault, RecordInput::Tool(tool("clock")));
        let seal = vault.seal(Selection::everything()).unwrap();
        vault.anchor_local(seal.seal_id).unwrap();
    }
    let answer = verify_vault(&Reader::open(&scene.place).unwrap(), &outside, fixture::later()).unwrap();
    let state = answer.seals.last().unwrap();
    assert!(state.verified, "{:?}", codes(&answer));
    // What covers an anchor of later cannot have been anchored earlier: the local authority reads the same clock.
    assert_eq!(answer.verdict, Verdict::Contradicted);
    assert!(answer.report.has(Code::AnchorBackdated) && answer.report.has(Code::TimeNotMonotonic));
}
