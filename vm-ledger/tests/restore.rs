//! A ledger rebuilt from its own leaf data is the same ledger; from anything else, there is none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::convert::Infallible;
use std::path::Path;

use common::{Fixture, access, now, permit};
use vm_core::capability::act;
use vm_core::key::Note;
use vm_core::view::{EvidenceView as _, RowState, Visit};
use vm_ledger::{Ledger, LedgerError, Patience, Restored, restore};

fn export(ledger: &Ledger) -> (Vec<Vec<u8>>, Vec<Note>) {
    let snapshot = ledger.snapshot().unwrap();
    let (mut leaves, mut notes) = (Vec::new(), Vec::new());
    snapshot
        .visit_log(0, u64::MAX, &mut |_, state| {
            let RowState::Present(row) = state else { panic!("not whole") };
            leaves.push(row.leaf_data().unwrap());
            Ok(Visit::Continue)
        })
        .unwrap();
    snapshot
        .visit_checkpoints(&mut |_, note| {
            notes.push(Note::parse(note.as_bytes()).unwrap());
            Ok(Visit::Continue)
        })
        .unwrap();
    (leaves, notes)
}

fn restored(path: &Path, leaves: &[Vec<u8>], notes: &[Note]) -> Result<Restored, LedgerError> {
    let leaves = leaves.iter().cloned().map(Ok::<_, Infallible>);
    restore(path, leaves, notes.iter().cloned(), |_, _| Ok(()), &Patience::default(), now())
}

fn sample() -> Fixture {
    let mut fixture = Fixture::new();
    for _ in 0..3 {
        let mut drafts = fixture.maker.each();
        drafts.extend((0..150).map(|_| fixture.maker.artifact("report", None)));
        fixture.append(drafts);
    }
    fixture
}

#[test]
fn the_same_rows_roots_and_checkpoints_and_it_goes_on() {
    let mut fixture = sample();
    let (leaves, notes) = export(&fixture.ledger);
    let copy = fixture.dir.path().join("copy");
    let found = restored(&copy, &leaves, &notes).unwrap();
    let original = fixture.ledger.snapshot().unwrap();
    assert_eq!((found.ledger, found.size), (fixture.id(), 464));
    assert_eq!(found.root, original.root_at(464).unwrap());
    let mut again = Ledger::open(&copy, access(30)).unwrap();
    assert_eq!(export(&again), (leaves, notes));
    let proof = again.snapshot().unwrap().inclusion_proof(300, 464).unwrap();
    assert_eq!(proof, original.inclusion_proof(300, 464).unwrap());
    // Both go on alike.
    let drafts = fixture.maker.each();
    let permit = permit::<act::Record>(fixture.id());
    again.append(&permit, drafts.clone(), now()).unwrap();
    fixture.append(drafts);
    let roots = [&again, &fixture.ledger].map(|ledger| ledger.snapshot().unwrap().root_at(468).unwrap());
    assert_eq!(roots[0], roots[1]);
    // One checkpoint over all of it is enough.
    let (leaves, notes) = export(&again);
    let third = fixture.dir.path().join("third");
    restored(&third, &leaves, &notes[notes.len() - 1..]).unwrap();
}

/// Name of the fault, leaves, checkpoints, and the codes that may tell of it.
type Case<'a> = (&'a str, &'a [Vec<u8>], &'a [Note], &'a [&'a str]);

#[test]
fn anything_but_what_was_signed_is_refused_and_leaves_no_ledger() {
    let fixture = sample();
    let (leaves, notes) = export(&fixture.ledger);
    let last = notes.len() - 1;
    let mut swapped = leaves.clone();
    swapped.swap(7, 8);
    let mut altered = leaves.clone();
    let text = String::from_utf8(altered[9].clone()).unwrap();
    altered[9] = text.replacen("report", "repost", 1).into_bytes();
    let mut doubled = leaves.clone();
    doubled.insert(5, leaves[5].clone());
    let mut respaced = leaves.clone();
    respaced[3].push(b' ');
    let mut beheaded = leaves.clone();
    beheaded.remove(0);
    let stranger = {
        let dir = tempfile::tempdir().unwrap();
        let header = vm_core::record::RowHeader {
            id: vm_core::id::RowId::from_bytes([1; 16]),
            ..common::Maker::new(1).header()
        };
        let ledger = Ledger::init(dir.path(), common::genesis(), header, access(5)).unwrap();
        export(&ledger).1
    };
    let cases: Vec<Case<'_>> = vec![
        ("swapped", &swapped, &notes[last..], &["import-root"]),
        ("altered", &altered, &notes[last..], &["import-root"]),
        ("cut", &leaves[..400], &notes, &["import-uncovered"]),
        ("longer than signed", &leaves, &notes[..last], &["import-uncovered"]),
        ("no checkpoint", &leaves, &[], &["import-uncovered"]),
        ("doubled", &doubled, &notes, &["row-id-taken"]),
        ("not canonical", &respaced, &notes, &["json-not-canonical", "import-leaf"]),
        ("no genesis", &beheaded, &notes, &["ledger-genesis"]),
        ("nothing", &[], &notes, &["ledger-genesis"]),
        ("foreign checkpoint", &leaves, &stranger, &["checkpoint-note"]),
        ("early checkpoint untrue", &swapped, &notes[1..], &["import-root"]),
    ];
    for (name, leaves, notes, codes) in cases {
        let path = fixture.dir.path().join(name);
        let error = restored(&path, leaves, notes).unwrap_err();
        assert!(codes.contains(&error.code()), "{name}: {} {error}", error.code());
        assert!(Ledger::open(&path, access(1)).is_err(), "{name}");
        // And the place is free for the right one.
        let (leaves, notes) = export(&fixture.ledger);
        restored(&path, &leaves, &notes).unwrap();
    }
    let broken = leaves.iter().take(3).cloned().map(Ok).chain([Err("the pipe broke")]);
    let path = fixture.dir.path().join("pipe");
    let error = restore(&path, broken, notes.iter().cloned(), |_, _| Ok(()), &Patience::default(), now()).unwrap_err();
    assert_eq!((error.code(), error.is_machine()), ("import-source", true));
}
