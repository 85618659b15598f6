//! Many writers, readers beside them, and writers that are killed: one chain, nothing acknowledged lost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{Fixture, Maker, access, log_key, now, permit};
use vm_core::capability::act;
use vm_core::id::RowId;
use vm_core::key::NoteKey;
use vm_core::verdict::{Code, Severity};
use vm_core::view::{EvidenceView as _, StoredEntry, Visit};
use vm_ledger::Ledger;
use vm_seal::audit::{Trust, audit};

const VAULT: &str = "VM_LEDGER_TEST_VAULT";
const SEED: &str = "VM_LEDGER_TEST_SEED";
const ROWS: &str = "VM_LEDGER_TEST_ROWS";
const READ_ONLY: &str = "VM_LEDGER_TEST_READ_ONLY";
const DISK: &str = "VM_LEDGER_TEST_DISK";

/// What the other tests run as processes of their own: it appends and says what is acknowledged. By itself it has
/// nothing to do.
#[test]
fn child() {
    let Ok(vault) = std::env::var(VAULT) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (seed, rows) = (number(SEED), number(ROWS));
    let mut maker = Maker::new(seed);
    let mut ledger = Ledger::open(Path::new(&vault), access(seed)).unwrap();
    let permit = permit::<act::Record>(ledger.id());
    let mut out = std::io::stdout();
    for n in 0..rows {
        let mut drafts = maker.each();
        drafts.truncate(usize::try_from(n % 4).unwrap() + 1);
        for appended in ledger.append(&permit, drafts, now()).unwrap() {
            writeln!(out, "ack {}", appended.row_id).unwrap();
        }
        out.flush().unwrap();
    }
}

fn spawn(vault: &Path, seed: u64, rows: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(VAULT, vault)
        .env(SEED, seed.to_string())
        .env(ROWS, rows.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ids that a process acknowledged before it ended, torn lines left out.
fn acknowledged(child: &mut Child) -> BTreeSet<RowId> {
    let mut found = BTreeSet::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if let Some(id) = line.strip_suffix('\n').and_then(|line| line.split("ack ").nth(1)) {
            found.extend(id.parse::<RowId>().ok());
        }
        line.clear();
    }
    found
}

/// A whole ledger holds every rule of the audit; gives its ids.
fn sound(vault: &Path) -> BTreeSet<RowId> {
    let snapshot = Ledger::open_read(vault).unwrap();
    assert!(snapshot.schema_faults().is_empty());
    let key = NoteKey::new(snapshot.ledger().unwrap().origin(), log_key().public()).unwrap();
    let head = snapshot.checkpoint().unwrap().unwrap();
    let outcome = audit(&snapshot, Some(snapshot.files()), &Trust { key: Some(&key), head: Some(&head) });
    let alarms: Vec<_> =
        outcome.report.findings().iter().filter(|finding| finding.code().severity() != Severity::Remark).collect();
    assert!(alarms.is_empty() && outcome.ledger.is_some(), "{alarms:?}");
    let mut ids = BTreeSet::new();
    snapshot
        .visit_log(0, u64::MAX, &mut |entry, _| {
            let StoredEntry::Entry(entry) = entry else { panic!("malformed") };
            assert!(ids.insert(entry.row_id));
            Ok(Visit::Continue)
        })
        .unwrap();
    ids
}

#[test]
fn processes_and_threads_append_in_turns_to_one_chain() {
    let fixture = Fixture::new();
    let vault = fixture.path();
    let mut children: Vec<Child> = (0..3).map(|n| spawn(&vault, 100 + n, 30)).collect();
    let threads: Vec<_> = (0..3)
        .map(|n| {
            let vault = vault.clone();
            thread::spawn(move || {
                let mut maker = Maker::new(200 + n);
                let mut ledger = Ledger::open(&vault, access(n)).unwrap();
                let permit = permit::<act::Record>(ledger.id());
                let mut ids = Vec::new();
                for _ in 0..30 {
                    ids.extend(ledger.append(&permit, maker.each(), now()).unwrap().iter().map(|row| row.row_id));
                }
                ids
            })
        })
        .collect();
    // A reader beside them never sees half of anything.
    let mut seen = 0;
    for _ in 0..10 {
        let ids = sound(&vault).len();
        assert!(ids >= seen);
        seen = ids;
    }
    let mut wanted: BTreeSet<RowId> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    for child in &mut children {
        let ids = acknowledged(child);
        assert!(child.wait().unwrap().success());
        assert_eq!(ids.len(), 73);
        wanted.extend(ids);
    }
    let found = sound(&vault);
    assert_eq!(found.len(), 2 + 3 * 73 + 3 * 120);
    assert!(wanted.is_subset(&found));
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let fixture = Fixture::new();
    let vault = fixture.path();
    let Fixture { ledger, dir, .. } = fixture;
    drop(ledger);
    let mut wanted = BTreeSet::new();
    let (mut killed_at_work, mut start) = (0, 25_000);
    for cycle in 0..200_u64 {
        if cycle >= 20 && killed_at_work >= 10 {
            break;
        }
        let mut child = spawn(&vault, 300 + cycle, 1_000_000);
        // Odd times, so that every part of an append is hit sooner or later.
        thread::sleep(Duration::from_micros(start + cycle * 7_919 % 40_000));
        child.kill().unwrap();
        let ids = acknowledged(&mut child);
        child.wait().unwrap();
        killed_at_work += usize::from(!ids.is_empty());
        // A busy machine takes longer to start it.
        start += if ids.is_empty() { 10_000 } else { 0 };
        wanted.extend(ids);
        let found = sound(&vault);
        assert!(wanted.is_subset(&found), "cycle {cycle} lost rows");
        // At most one append of up to four rows was not acknowledged in each cycle.
        let surplus = found.len() - wanted.len();
        assert!(surplus <= 2 + 4 * usize::try_from(cycle + 1).unwrap(), "cycle {cycle}: {surplus}");
    }
    assert!(killed_at_work >= 10, "only {killed_at_work} of 200 cycles killed a writer at work");
    let mut ledger = Ledger::open(&vault, access(999)).unwrap();
    let permit = permit::<act::Record>(ledger.id());
    ledger.append(&permit, Maker::new(999).each(), now()).unwrap();
    drop(dir);
}

#[test]
fn what_an_attacker_changes_the_audit_names() {
    for (sql, code) in [
        ("UPDATE tool_invocations SET duration_us = duration_us + 1", Code::RowAltered),
        ("DELETE FROM mcp_calls", Code::RowMissing),
        (
            "INSERT INTO shadow_receipts SELECT randomblob(16), ts, trace_id, horizon_id, counterfactual_hash, \
          entropy_delta, reason, observer_key, observer_signature, meta_json, corrects_id, corrects_leaf, \
          capability_hash, policy_hash FROM shadow_receipts",
            Code::RowInserted,
        ),
        ("UPDATE log SET leaf = randomblob(32) WHERE seq = 3", Code::LogAltered),
        ("DELETE FROM log WHERE seq >= 4", Code::TailCut),
        ("UPDATE checkpoints SET note = replace(note, 'vaultmesh/', 'vaultmesh_')", Code::CheckpointInvalid),
    ] {
        let mut fixture = Fixture::new();
        let drafts = fixture.maker.each();
        fixture.append(drafts);
        vm_ledger::hazmat::execute(&fixture.path(), sql).unwrap();
        let snapshot = Ledger::open_read(&fixture.path()).unwrap();
        let outcome = audit(&snapshot, Some(snapshot.files()), &Trust::default());
        let codes: Vec<Code> = outcome.report.findings().iter().map(vm_core::verdict::Finding::code).collect();
        assert!(codes.contains(&code), "{sql}: {codes:?}");
    }
}

/// Appends until the disk is full, then frees space and goes on. Run by the next test on a file system of its own.
#[test]
fn child_on_a_small_disk() {
    let Ok(disk) = std::env::var(DISK) else { return };
    let disk = Path::new(&disk);
    std::fs::write(disk.join("ballast"), vec![0; 600_000]).unwrap();
    let mut maker = Maker::new(1);
    let vault = disk.join("vault");
    let mut ledger = Ledger::init(&vault, common::genesis(), maker.header(), access(1)).unwrap();
    let permit = permit::<act::Record>(ledger.id());
    let chain = common::chain(ledger.id(), common::Limits::default());
    ledger.record_capability(&permit, maker.headers(), &chain, now()).unwrap();
    let mut wanted = BTreeSet::new();
    let error = loop {
        match ledger.append(&permit, maker.each(), now()) {
            Ok(rows) => wanted.extend(rows.iter().map(|row| row.row_id)),
            Err(error) => break error,
        }
        assert!(wanted.len() < 100_000, "the disk never filled");
    };
    assert_eq!((error.code(), error.is_machine()), ("store-full", true), "{error:?}");
    let imported = ledger.files().import_reader(&mut std::io::repeat(7).take(4 << 20), "endless").unwrap_err();
    assert_eq!((imported.code(), imported.is_machine()), ("file-disk-full", true));
    assert!(wanted.is_subset(&sound(&vault)));
    std::fs::remove_file(disk.join("ballast")).unwrap();
    wanted.extend(ledger.append(&permit, maker.each(), now()).unwrap().iter().map(|row| row.row_id));
    assert!(wanted.is_subset(&sound(&vault)));
}

/// Reads a vault on a medium that cannot be written. Run by a test below.
#[test]
fn child_on_a_read_only_disk() {
    let Ok(disk) = std::env::var(READ_ONLY) else { return };
    let vault = Path::new(&disk).join("vault");
    assert!(std::fs::write(vault.join("x"), b"x").is_err());
    assert_eq!(sound(&vault).len(), 2);
    let error = Ledger::open(&vault, access(1)).unwrap_err();
    assert!(error.is_machine(), "{error:?}");
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mounting = "mount -t tmpfs -o size=2m none \"$1\"";
    common::run_mounted(mounting, DISK, dir.path(), "child_on_a_small_disk");
}

#[test]
fn a_vault_on_a_read_only_medium_is_audited() {
    let Fixture { ledger, dir, .. } = Fixture::new();
    drop(ledger);
    let mounting = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"";
    common::run_mounted(mounting, READ_ONLY, dir.path(), "child_on_a_read_only_disk");
}
