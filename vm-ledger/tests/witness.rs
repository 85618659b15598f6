//! Cosigned checkpoints: judged again where they are recorded, whatever the caller knew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Fixture, log_key, now, permit};
use vm_core::capability::act;
use vm_core::digest::LeafHash;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_ledger::LedgerError;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::merkle::{Tree, TreeSize, prove_consistency};
use vm_seal::witness::{AddCheckpoint, UnixSeconds, Witness, WitnessRow, WitnessState};

const ORIGIN: &str = "example.com/log";

fn log() -> SigningIdentity {
    SigningIdentity::from_seed(&[91; 32])
}

fn key() -> NoteKey {
    NoteKey::new(ORIGIN, log().public()).unwrap()
}

/// A row of a request of a log whose leaves from `fork` on are another's, cosigned by `signer` who remembers nothing.
fn row(fixture: &Fixture, signer: SigningIdentity, fork: u64, old: u64, size: u64, at: u64) -> WitnessRow {
    let mut tree = Tree::new();
    (0..size).for_each(|leaf| tree.append(LeafHash::of(format!("{} {leaf}", leaf >= fork).as_bytes())));
    let (old, size) = (TreeSize::new(old), TreeSize::new(size));
    let note = Checkpoint::new(ORIGIN, size, tree.root_at(size).unwrap()).unwrap().sign(&log()).unwrap();
    let request = AddCheckpoint::new(old, prove_consistency(&tree, old, size).unwrap(), note.clone()).unwrap();
    let mut witness = Witness::new(fixture.id().origin(), signer, WitnessState::default()).unwrap();
    witness.trust(key());
    let first =
        AddCheckpoint::new(TreeSize::ZERO, prove_consistency(&tree, TreeSize::ZERO, size).unwrap(), note).unwrap();
    let line = witness.add_checkpoint(&first, UnixSeconds::from_seconds(at).unwrap(), |_| Ok::<_, ()>(())).unwrap();
    WitnessRow::new(key(), &request, line).unwrap()
}

fn record(fixture: &mut Fixture, row: &WitnessRow) -> Result<u64, LedgerError> {
    let headers = fixture.maker.headers();
    let seals = permit::<act::Seal>(fixture.id());
    fixture.ledger.record_witnessed(&seals, headers, row, now()).map(|appended| appended.seq)
}

#[test]
fn one_history_of_a_log_is_recorded() {
    let mut fixture = Fixture::new();
    let good = |fixture: &Fixture, fork, old, size, at| row(fixture, log_key(), fork, old, size, at);
    let first = good(&fixture, 99, 0, 5, 10);
    record(&mut fixture, &first).unwrap();
    for (fork, old, size, at, code) in [
        (99, 0, 7, 11, "witness-conflict"),
        (2, 5, 5, 11, "witness-forked"),
        (2, 5, 7, 11, "witness-forked"),
        (99, 5, 7, 9, "witness-clock-behind"),
    ] {
        let wrong = good(&fixture, fork, old, size, at);
        let before = fixture.ledger.snapshot().unwrap().witnessed().unwrap();
        assert_eq!(record(&mut fixture, &wrong).unwrap_err().code(), code);
        assert_eq!(fixture.ledger.snapshot().unwrap().witnessed().unwrap(), before);
    }
    let next = good(&fixture, 99, 5, 7, 11);
    record(&mut fixture, &next).unwrap();
    let state = fixture.ledger.snapshot().unwrap().witnessed().unwrap();
    assert_eq!(state.latest(ORIGIN).unwrap().checkpoint().size(), TreeSize::new(7));
    // Whoever cosigns with another key than the ledger's is not this vault.
    let foreign = row(&fixture, log(), 99, 7, 8, 12);
    assert_eq!(record(&mut fixture, &foreign).unwrap_err().code(), "witness-row-cosignature");
}

#[test]
fn a_row_that_was_altered_stops_the_witness() {
    let mut fixture = Fixture::new();
    let first = row(&fixture, log_key(), 99, 0, 5, 10);
    record(&mut fixture, &first).unwrap();
    let raw = fixture.raw();
    let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'proof_artifacts'";
    let names: Vec<String> =
        raw.prepare(triggers).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for name in names {
        raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let sql = "UPDATE proof_artifacts SET meta_json = replace(meta_json, 'old 0', 'old 5') WHERE kind = 'vm-witness-checkpoint'";
    assert_eq!(raw.execute(sql, []).unwrap(), 1);
    let next = row(&fixture, log_key(), 99, 5, 7, 11);
    let error = record(&mut fixture, &next).unwrap_err();
    assert!(["ledger-log-altered", "ledger-schema-altered"].contains(&error.code()), "{error:?}");
}
