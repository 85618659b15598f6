//! Threads that append at once: one commit for many, one result each, and nobody left waiting.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{Fixture, Limits, Maker, access, now, permit, permit_with};
use vm_core::capability::act;
use vm_core::digest::Blinded;
use vm_core::id::RowId;
use vm_core::key::NoteKey;
use vm_core::record::{Appended, McpKind, RowDraft};
use vm_core::source::Entropy;
use vm_core::verdict::Severity;
use vm_core::view::{EvidenceView as _, StoredEntry, Visit};
use vm_ledger::{Access, LINE_MAX, Ledger, LedgerError, Patience, SharedLedger, Snapshot};
use vm_seal::audit::{Trust, audit};

const DISK: &str = "VM_LEDGER_TEST_GROUP_DISK";

type Outcome = Result<Vec<Appended>, LedgerError>;

fn shared(fixture: Fixture) -> (SharedLedger, tempfile::TempDir) {
    let Fixture { ledger, dir, .. } = fixture;
    (SharedLedger::new(ledger).unwrap(), dir)
}

/// Ids in the order of the log, of a ledger that holds every rule of the audit.
fn sound(snapshot: &Snapshot) -> Vec<RowId> {
    let key = NoteKey::new(snapshot.ledger().unwrap().origin(), common::log_key().public()).unwrap();
    let head = snapshot.checkpoint().unwrap().unwrap();
    let outcome = audit(snapshot, Some(snapshot.files()), &Trust { key: Some(&key), head: Some(&head) });
    let findings = outcome.report.findings().iter();
    let alarms: Vec<_> = findings.filter(|finding| finding.code().severity() != Severity::Remark).collect();
    assert!(alarms.is_empty() && outcome.ledger.is_some(), "{alarms:?}");
    let mut ids = Vec::new();
    let visit = &mut |entry, _| {
        let StoredEntry::Entry(entry) = entry else { panic!("malformed") };
        ids.push(entry.row_id);
        Ok(Visit::Continue)
    };
    snapshot.visit_log(0, u64::MAX, visit).unwrap();
    ids
}

fn checkpoints(snapshot: &Snapshot) -> usize {
    let mut count = 0;
    let visit = &mut |_, _| {
        count += 1;
        Ok(Visit::Continue)
    };
    snapshot.visit_checkpoints(visit).unwrap();
    count
}

#[test]
fn sixteen_threads_share_their_commits() {
    const THREADS: u64 = 16;
    const EACH: usize = 40;
    let (shared, _dir) = shared(Fixture::new());
    let begun = checkpoints(&shared.snapshot().unwrap());
    let start = Arc::new(Barrier::new(16));
    let threads: Vec<JoinHandle<Vec<Appended>>> = (0..THREADS)
        .map(|n| {
            let (shared, start) = (shared.clone(), Arc::clone(&start));
            thread::spawn(move || {
                let (mut maker, permit) = (Maker::new(100 + n), permit::<act::Record>(shared.id()));
                start.wait();
                let append = |_| {
                    let rows = shared.append(&permit, vec![maker.tool("t")], now()).unwrap();
                    // What was acknowledged is there for whoever looks.
                    let seen = shared.snapshot().unwrap();
                    assert!(rows[0].seq < seen.size().unwrap());
                    assert!(seen.checkpoint().unwrap().is_some());
                    rows[0]
                };
                (0..EACH).map(append).collect()
            })
        })
        .collect();
    let appended: Vec<Vec<Appended>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let snapshot = shared.snapshot().unwrap();
    let log = sound(&snapshot);
    assert_eq!(log.len(), 2 + 16 * EACH);
    for rows in &appended {
        assert!(rows.is_sorted_by_key(|row| row.seq), "a thread's rows stand in its order");
        assert!(rows.iter().all(|row| log[usize::try_from(row.seq).unwrap()] == row.row_id));
    }
    let commits = checkpoints(&snapshot) - begun;
    assert!(commits * 2 < 16 * EACH, "{commits} commits for {} rows", 16 * EACH);
}

/// Keeps the ledger to itself until it is let go, so that calls gather in line.
struct Held {
    release: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

fn hold(shared: &SharedLedger) -> Held {
    let (release, released) = mpsc::channel();
    let (entered, has_entered) = mpsc::channel();
    let shared = shared.clone();
    let thread = thread::spawn(move || {
        shared.alone(|_| {
            entered.send(()).unwrap();
            released.recv().unwrap();
        });
    });
    has_entered.recv().unwrap();
    Held { release, thread }
}

impl Held {
    fn let_go(self) {
        self.release.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Puts a call in line behind those that stand there.
fn line_up(shared: &SharedLedger, call: impl FnOnce(&SharedLedger) -> Outcome + Send + 'static) -> JoinHandle<Outcome> {
    let place = shared.waiting() + 1;
    let own = shared.clone();
    let thread = thread::spawn(move || call(&own));
    while shared.waiting() < place {
        thread::sleep(Duration::from_millis(1));
    }
    thread
}

fn plain(drafts: Vec<RowDraft>) -> impl FnOnce(&SharedLedger) -> Outcome {
    move |shared| shared.append(&permit(shared.id()), drafts, now())
}

#[test]
fn a_call_that_is_refused_is_refused_alone() {
    let mut fixture = Fixture::new();
    let once = || Limits { uses: Some(1), ..Limits::default() };
    fixture.issue(once());
    let keyed = |draft: RowDraft, input: u8| {
        draft.with_idempotency(Blinded::from_bytes([9; 32]), Blinded::from_bytes([input; 32]))
    };
    let mut maker = Maker::new(50);
    let first = maker.tool("first");
    let taken = vec![maker.tool("before"), first.clone(), maker.tool("after")];
    let nowhere = maker.artifact("report", Some(RowId::from_bytes([7; 16])));
    let mut many: Vec<RowDraft> = (0..600).map(|_| maker.tool("many")).collect();
    many.push(maker.artifact("report", Some(RowId::from_bytes([8; 16]))));
    let calls: Vec<(Vec<RowDraft>, Result<usize, &str>)> = vec![
        (vec![first], Ok(1)),
        (taken, Err("row-id-taken")),
        (vec![keyed(maker.tool("key"), 1), maker.tool("with it")], Ok(2)),
        (vec![maker.tool("before"), keyed(maker.tool("key"), 2)], Err("idempotency-conflict")),
        (vec![maker.tool("before"), nowhere], Err("row-reference")),
        (vec![keyed(maker.tool("key"), 1)], Ok(1)),
        // Full tiles come and go with the rows that filled them.
        (many, Err("row-reference")),
        ((0..600).map(|_| maker.tool("many")).collect(), Ok(600)),
    ];
    let (shared, _dir) = shared(fixture);
    let begun = checkpoints(&shared.snapshot().unwrap());
    let held = hold(&shared);
    let mut threads = Vec::new();
    for (drafts, wanted) in calls {
        threads.push((line_up(&shared, plain(drafts)), wanted));
    }
    for wanted in [Ok(1), Err("capability-spent")] {
        let drafts = vec![maker.tool("spends")];
        let spend = move |shared: &SharedLedger| {
            let permit = permit_with::<act::Record>(shared.id(), once(), Some(1));
            shared.append(&permit, drafts, now())
        };
        threads.push((line_up(&shared, spend), wanted));
    }
    let unrecorded = Limits { uses: Some(77), ..Limits::default() };
    let drafts = vec![maker.tool("unrecorded")];
    let foreign = |shared: &SharedLedger| {
        let permit = permit_with::<act::Record>(shared.id(), unrecorded, Some(1));
        shared.append(&permit, drafts, now())
    };
    threads.push((line_up(&shared, foreign), Err("capability-unrecorded")));
    held.let_go();
    let mut acknowledged = Vec::new();
    for (at, (thread, wanted)) in threads.into_iter().enumerate() {
        match (thread.join().unwrap(), wanted) {
            (Ok(rows), Ok(count)) => {
                assert_eq!(rows.len(), count, "call {at}");
                acknowledged.extend(rows);
            }
            (Err(error), Err(code)) => assert!(error.code().starts_with(code), "call {at}: {error:?}"),
            (found, wanted) => panic!("call {at}: {found:?}, not {wanted:?}"),
        }
    }
    let snapshot = shared.snapshot().unwrap();
    let log = sound(&snapshot);
    // The last row was a numbered use; its format is announced, and the use is a row.
    assert_eq!(log.len(), 3 + 1 + 2 + 600 + 1 + 2);
    assert!(acknowledged.iter().all(|row| log[usize::try_from(row.seq).unwrap()] == row.row_id));
    assert_eq!(checkpoints(&snapshot) - begun, 1, "they shared one commit");
    // The cards that the writer kept are those of the rows that stand.
    let permit = permit_with::<act::Seal>(shared.id(), Limits::default(), None);
    let (announcement, header) = (maker.header(), maker.header());
    shared.alone(|ledger| ledger.record_index(&permit, announcement, header, now())).unwrap();
    assert_eq!(sound(&shared.snapshot().unwrap()).len(), log.len() + 2);
}

#[test]
fn a_permit_is_checked_before_a_call_gets_in_line() {
    let (shared, _dir) = shared(Fixture::new());
    let mut maker = Maker::new(60);
    let limits = Limits { resource: "/mcp_calls", ..Limits::default() };
    let narrow = permit_with::<act::Record>(shared.id(), limits, None);
    let held = hold(&shared);
    // Nobody leads who could answer; the refusal comes all the same.
    assert_eq!(
        shared.append(&narrow, vec![maker.tool("t")], now()).unwrap_err().code(),
        "capability-resource-not-granted"
    );
    held.let_go();
}

#[test]
fn what_keeps_the_commit_from_being_made_is_told_to_all() {
    let fixture = Fixture::new();
    let vault = fixture.path();
    drop(fixture.ledger);
    let patience = Patience { command: "test".to_owned(), timeout: Duration::from_millis(50) };
    let ledger = Ledger::open(&vault, Access { patience, ..access(70) }).unwrap();
    let shared = SharedLedger::new(ledger).unwrap();
    let mut maker = Maker::new(70);
    let held = hold(&shared);
    let threads: Vec<_> = (0..3).map(|_| line_up(&shared, plain(vec![maker.tool("t")]))).collect();
    let lock = std::fs::File::open(vault.join("ledger.lock")).unwrap();
    lock.lock().unwrap();
    held.let_go();
    for thread in threads {
        let error = thread.join().unwrap().unwrap_err();
        assert_eq!((error.code(), error.is_machine()), ("ledger-locked", true), "{error:?}");
        assert!(error.to_string().starts_with("the vault is locked by"), "{error}");
        assert!(matches!(&error, LedgerError::Group(failure) if matches!(failure.cause(), LedgerError::Locked { .. })));
    }
    lock.unlock().unwrap();
    assert_eq!(sound(&shared.snapshot().unwrap()).len(), 2);
    shared.append(&permit(shared.id()), vec![maker.tool("t")], now()).unwrap();
    assert_eq!(sound(&shared.snapshot().unwrap()).len(), 3);
}

/// Entropy that panics once it is told to.
struct Fuse(Arc<AtomicBool>, vm_core::source::hazmat::CountingEntropy);

impl Entropy for Fuse {
    fn fill(&mut self, out: &mut [u8]) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "expected by this test");
        self.1.fill(out);
    }
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting() {
    let fixture = Fixture::new();
    let (vault, mut maker) = (fixture.path(), Maker::new(80));
    drop(fixture.ledger);
    let fuse = Arc::new(AtomicBool::new(false));
    let entropy = Box::new(Fuse(Arc::clone(&fuse), vm_core::source::hazmat::CountingEntropy::new(80)));
    let ledger = Ledger::open(&vault, Access { entropy, ..access(80) }).unwrap();
    let shared = SharedLedger::new(ledger).unwrap();
    let held = hold(&shared);
    // Calls have openings to encrypt, so that the ledger's entropy is used.
    let threads: Vec<_> = (0..4).map(|_| line_up(&shared, plain(vec![maker.call(McpKind::Request, None)]))).collect();
    fuse.store(true, Ordering::SeqCst);
    held.let_go();
    let ended: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
    assert_eq!(ended.iter().filter(|ended| ended.is_err()).count(), 1, "who led, panicked");
    for outcome in ended.into_iter().flatten() {
        assert_eq!(outcome.unwrap_err().code(), "append-outcome-unknown");
    }
    assert_eq!(sound(&shared.snapshot().unwrap()).len(), 2);
    shared.append(&permit(shared.id()), vec![maker.call(McpKind::Request, None)], now()).unwrap();
    assert_eq!(sound(&shared.snapshot().unwrap()).len(), 3);
    // A panic of one who works on the ledger itself is no different.
    let own = shared.clone();
    assert!(thread::spawn(move || own.alone(|_| panic!("expected by this test"))).join().is_err());
    shared.append(&permit(shared.id()), vec![maker.tool("t")], now()).unwrap();
    let mut ledger = shared.try_into_ledger().unwrap();
    ledger.append(&permit(ledger.id()), vec![maker.tool("t")], now()).unwrap();
    assert_eq!(sound(&ledger.snapshot().unwrap()).len(), 5);
}

#[test]
fn the_line_is_bounded_and_all_get_through() {
    let (shared, _dir) = shared(Fixture::new());
    let held = hold(&shared);
    let count = LINE_MAX + 40;
    let mut maker = Maker::new(90);
    let threads: Vec<JoinHandle<Outcome>> = (0..count)
        .map(|_| {
            let (shared, draft) = (shared.clone(), maker.tool("t"));
            let thread = thread::Builder::new().stack_size(512 * 1024);
            thread.spawn(move || shared.append(&permit(shared.id()), vec![draft], now())).unwrap()
        })
        .collect();
    while shared.waiting() < LINE_MAX {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(20));
    assert_eq!(shared.waiting(), LINE_MAX);
    held.let_go();
    let ids: BTreeSet<RowId> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()[0].row_id).collect();
    assert_eq!(ids.len(), count);
    assert_eq!(sound(&shared.snapshot().unwrap()).len(), 2 + count);
}

/// Threads append until the disk is full, then space is freed. Run by the next test on a file system of its own.
#[test]
fn child_on_a_small_disk() {
    let Ok(disk) = std::env::var(DISK) else { return };
    let disk = std::path::Path::new(&disk);
    std::fs::write(disk.join("ballast"), vec![0; 600_000]).unwrap();
    let mut maker = Maker::new(1);
    let vault = disk.join("vault");
    let mut ledger = Ledger::init(&vault, common::genesis(), maker.header(), access(1)).unwrap();
    let chain = common::chain(ledger.id(), Limits::default());
    ledger.record_capability(&permit(ledger.id()), maker.headers(), &chain, now()).unwrap();
    let shared = SharedLedger::new(ledger).unwrap();
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (mut maker, permit) = (Maker::new(200 + n), permit::<act::Record>(shared.id()));
                let mut ids = Vec::new();
                loop {
                    match shared.append(&permit, maker.each(), now()) {
                        Ok(rows) => ids.extend(rows.iter().map(|row| row.row_id)),
                        Err(error) => break (ids, error),
                    }
                    assert!(ids.len() < 100_000, "the disk never filled");
                }
            })
        })
        .collect();
    let mut wanted = BTreeSet::new();
    for thread in threads {
        let (ids, error) = thread.join().unwrap();
        assert_eq!((error.code(), error.is_machine()), ("store-full", true), "{error:?}");
        wanted.extend(ids);
    }
    let all = |shared: &SharedLedger| sound(&shared.snapshot().unwrap()).into_iter().collect::<BTreeSet<_>>();
    assert!(wanted.is_subset(&all(&shared)));
    std::fs::remove_file(disk.join("ballast")).unwrap();
    wanted.extend(shared.append(&permit(shared.id()), maker.each(), now()).unwrap().iter().map(|row| row.row_id));
    assert!(wanted.is_subset(&all(&shared)));
}

#[test]
fn a_full_disk_is_told_to_every_thread() {
    let dir = tempfile::tempdir().unwrap();
    let mounting = "mount -t tmpfs -o size=3m none \"$1\"";
    common::run_mounted(mounting, DISK, dir.path(), "child_on_a_small_disk");
}
