//! Appending and reading back: rows, permits, references, idempotency, tiles and proofs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::time::Duration;

use common::{Fixture, Limits, Maker, access, genesis, log_key, now, openings_key, permit, permit_with};
use serde_json::json;
use vm_core::capability::{Action, act};
use vm_core::digest::{LeafHash, RootHash, Sha256Digest};
use vm_core::id::{RowId, TraceId};
use vm_core::key::{BlindKey, NoteKey, SigningIdentity};
use vm_core::record::{Correction, Genesis, McpKind, SCHEMA, Table};
use vm_core::view::{EvidenceView, Journal, RowFilter, RowScope, RowState, StoredEntry, Visit};
use vm_ledger::{Access, ClockedJournal, Ledger, Patience};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::merkle::{LeafIndex, LeafRun, TreeSize, root_of};

fn leaves(view: &dyn EvidenceView) -> Vec<LeafHash> {
    let mut leaves = Vec::new();
    view.visit_log(0, u64::MAX, &mut |entry, state| {
        let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state) else { panic!("not whole") };
        assert_eq!(row.leaf_hash().unwrap(), entry.leaf);
        assert_eq!((entry.seq, entry.schema), (u64::try_from(leaves.len()).unwrap(), SCHEMA));
        leaves.push(entry.leaf);
        Ok(Visit::Continue)
    })
    .unwrap();
    leaves
}

#[test]
fn rows_of_every_table_come_back_as_they_went_in() {
    let mut fixture = Fixture::new();
    let drafts = fixture.maker.each();
    let wanted: Vec<_> = drafts
        .iter()
        .map(|draft| draft.complete(Some(permit::<act::Record>(fixture.id()).capability())).unwrap())
        .collect();
    let appended = fixture.append(drafts);
    let snapshot = Ledger::open_read(&fixture.path()).unwrap();
    assert!(snapshot.schema_faults().is_empty());
    assert_eq!(snapshot.integrity().unwrap(), Vec::<String>::new());
    assert_eq!(snapshot.ledger().unwrap(), fixture.id());
    assert_eq!(snapshot.schema().unwrap(), (SCHEMA, "0003_shadow_receipts.sql".to_owned()));
    assert_eq!(snapshot.size().unwrap(), 6);
    for ((row, appended), table) in wanted.into_iter().zip(&appended).zip(Table::ALL) {
        let found = snapshot.row(appended.row_id).unwrap().unwrap();
        assert_eq!(found.row, row);
        assert_eq!((found.entry.leaf, found.entry.seq, found.entry.table), (appended.leaf, appended.seq, table));
        assert!(!appended.replayed);
    }
    assert_eq!(snapshot.row(RowId::from_bytes([0; 16])).unwrap(), None);
    let leaves = leaves(&snapshot);
    let note = snapshot.checkpoint().unwrap().unwrap();
    let key = NoteKey::new(fixture.id().origin(), log_key().public()).unwrap();
    let signed = Checkpoint::verify(&note, &key).unwrap();
    assert_eq!((signed.size(), signed.root()), (TreeSize::new(6), root_of(leaves)));
    assert_eq!(snapshot.genesis().unwrap(), genesis());
    snapshot.visit_unlogged(&mut |table, id| panic!("{table} {id:?}")).unwrap();
}

#[test]
fn openings_are_kept_under_the_key_and_nowhere_else() {
    let mut fixture = Fixture::new();
    let draft = fixture.maker.tool("shell");
    let openings = draft.openings().to_vec();
    assert!(!openings.is_empty());
    let id = fixture.append(vec![draft])[0].row_id;
    let snapshot = fixture.ledger.snapshot().unwrap();
    assert_eq!(snapshot.openings(&openings_key(), id).unwrap(), openings);
    let event = RowId::from_bytes([6; 16]);
    fixture.ledger.keep_openings(event, &openings, now()).unwrap();
    assert_eq!(fixture.ledger.snapshot().unwrap().openings(&openings_key(), event).unwrap(), openings);
    for entry in std::fs::read_dir(fixture.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"/etc/hosts"), "plain text in the vault");
    }
}

#[test]
fn permits_are_rechecked_at_the_append() {
    let mut fixture = Fixture::new();
    let mut other = Fixture::new();
    let rows = |maker: &mut Maker| maker.each();
    let id = fixture.id();
    let mut refused = |permit, at, code: &str| {
        let drafts = rows(&mut fixture.maker);
        assert_eq!(fixture.ledger.append(&permit, drafts, at).unwrap_err().code(), code);
        assert_eq!(fixture.ledger.snapshot().unwrap().size().unwrap(), 2, "{code}");
    };
    let elsewhere = vm_core::id::LedgerId::from_genesis(LeafHash::of(b"elsewhere"));
    refused(permit::<act::Record>(elsewhere), now(), "capability-wrong-ledger");
    let late = "2027-01-01T00:00:00.000000Z".parse().unwrap();
    refused(permit(id), late, "capability-expired");
    let early = "2024-01-01T00:00:00.000000Z".parse().unwrap();
    refused(permit(id), early, "capability-not-yet");
    let narrow = Limits { resource: "/tool_invocations", ..Limits::default() };
    refused(permit_with(id, narrow, None), now(), "capability-resource-not-granted");
    let only = || Limits { actions: vec![Action::Record], resource: "/shadow_receipts", ..Limits::default() };
    let permit = permit_with::<act::Record>(other.id(), only(), None);
    let shadow = other.maker.shadow();
    let error = other.ledger.append(&permit, vec![shadow], now()).unwrap_err();
    assert_eq!(error.code(), "capability-unrecorded");
    other.issue(only());
    let shadow = other.maker.shadow();
    assert_eq!(other.ledger.append(&permit, vec![shadow], now()).unwrap().len(), 1);
}

#[test]
fn a_numbered_use_is_spent_once_also_in_another_process() {
    let mut fixture = Fixture::new();
    let limits = || Limits { uses: Some(2), ..Limits::default() };
    fixture.issue(limits());
    let (first, second) = (
        permit_with::<act::Record>(fixture.id(), limits(), Some(1)),
        permit_with::<act::Record>(fixture.id(), limits(), Some(2)),
    );
    let blind = BlindKey::from_bytes([5; 32]);
    let draft = fixture.maker.tool("a").with_idempotency(blind.blind("key", b"a"), blind.blind("input", b"a"));
    fixture.ledger.append(&first, vec![draft.clone()], now()).unwrap();
    // A retry of what was recorded costs no use.
    assert!(fixture.ledger.append(&first, vec![draft], now()).unwrap()[0].replayed);
    let mut again = Ledger::open(&fixture.path(), access(12)).unwrap();
    let draft = fixture.maker.tool("b");
    let error = again.append(&first, vec![draft.clone()], now()).unwrap_err();
    assert_eq!(error.code(), "capability-spent");
    assert!(!error.is_machine());
    assert_eq!(
        again.append(&second, vec![draft], now()).unwrap()[0].seq,
        6,
        "the use before it is a row, and its format is announced by one"
    );
}

#[test]
fn a_retry_finds_the_row_of_the_first_try() {
    let mut fixture = Fixture::new();
    let blind = BlindKey::from_bytes([5; 32]);
    let key = blind.blind("key", b"k1");
    let (same, other) = (blind.blind("input", b"one"), blind.blind("input", b"two"));
    let draft = |maker: &mut Maker, input| maker.tool("shell").with_idempotency(key, input);
    let first = draft(&mut fixture.maker, same);
    let first = fixture.append(vec![first])[0];
    let id = fixture.id();
    let path = fixture.path();
    let Fixture { dir, ledger, mut maker } = fixture;
    drop(ledger);
    let mut ledger = Ledger::open(&path, access(13)).unwrap();
    let permit = permit::<act::Record>(id);
    let second = ledger.append(&permit, vec![draft(&mut maker, same), maker.tool("more")], now()).unwrap();
    assert_eq!((second[0].row_id, second[0].seq, second[0].leaf), (first.row_id, first.seq, first.leaf));
    assert!(second[0].replayed && !second[1].replayed);
    let error = ledger.append(&permit, vec![maker.tool("x"), draft(&mut maker, other)], now()).unwrap_err();
    assert_eq!(error.code(), "idempotency-conflict");
    assert_eq!(ledger.snapshot().unwrap().size().unwrap(), 4, "all or none");
    drop(dir);
}

#[test]
fn what_a_row_names_must_be_there() {
    let mut fixture = Fixture::new();
    let request = fixture.maker.call(McpKind::Request, None);
    let request = fixture.append(vec![request])[0];
    let tool = fixture.maker.tool("t");
    let tool = fixture.append(vec![tool])[0];
    let notice = fixture.maker.call(McpKind::Notification, None);
    let notice = fixture.append(vec![notice])[0];
    let intent = fixture.maker.intent();
    let intent = fixture.append(vec![intent])[0];
    let (absent, other) = (RowId::from_bytes([8; 16]), TraceId::from_bytes([8; 16]));
    let permit = permit::<act::Record>(fixture.id());
    let wrong_leaf = Correction { id: tool.row_id, leaf: LeafHash::of(b"x") };
    let of_other_table = Correction { id: request.row_id, leaf: request.leaf };
    let missing = Correction { id: absent, leaf: tool.leaf };
    let mut drafts = vec![
        (fixture.maker.call(McpKind::Response, Some(absent)), "row-reference"),
        (fixture.maker.call(McpKind::Response, Some(tool.row_id)), "row-reference"),
        (fixture.maker.call(McpKind::Response, Some(notice.row_id)), "row-reference"),
        (fixture.maker.answer(other, request.row_id), "row-reference"),
        (fixture.maker.call(McpKind::Response, Some(request.row_id)), "row-reference"),
        (fixture.maker.outcome(tool.row_id), "row-reference"),
        (fixture.maker.outcome(request.row_id), "row-reference"),
        (fixture.maker.artifact("report", Some(absent)), "row-reference"),
    ];
    for (correction, code) in
        [(wrong_leaf, "row-correction-leaf"), (of_other_table, "row-reference"), (missing, "row-reference")]
    {
        let header = fixture.maker.header().correcting(correction);
        drafts.push((fixture.maker.tool_at(header, "t", &json!(1)), code));
    }
    for (draft, code) in drafts {
        assert_eq!(fixture.ledger.append(&permit, vec![draft], now()).unwrap_err().code(), code);
    }
    let header = fixture.maker.header().correcting(Correction { id: tool.row_id, leaf: tool.leaf });
    let connection = fixture.maker.trace;
    let good = vec![
        fixture.maker.answer(connection, request.row_id),
        fixture.maker.artifact("report", Some(tool.row_id)),
        fixture.maker.outcome(intent.row_id),
        fixture.maker.tool_at(header, "t", &json!(1)),
    ];
    let twice = good[1].clone();
    assert_eq!(fixture.append(good).len(), 4);
    assert_eq!(fixture.ledger.append(&permit, vec![twice], now()).unwrap_err().code(), "row-id-taken");
}

#[test]
fn reserved_kinds_have_their_own_roads() {
    use vm_core::record::{ArtifactKind, ProofArtifact, SystemKind};
    use vm_core::redact::Redacted;
    let mut fixture = Fixture::new();
    let permit = permit::<act::Record>(fixture.id());
    for kind in SystemKind::ALL {
        let row = ProofArtifact {
            header: fixture.maker.header(),
            kind: ArtifactKind::system(*kind),
            file: None,
            subject: None,
            meta: Some(Redacted::system(&json!({})).unwrap()),
        };
        let drafts = vec![row.into_draft(None).unwrap()];
        assert_eq!(fixture.ledger.append(&permit, drafts, now()).unwrap_err().code(), "row-reserved-kind");
    }
}

#[test]
fn ten_thousand_rows_and_their_tiles_give_the_roots_of_a_plain_tree() {
    let mut fixture = Fixture::new();
    let mut sizes = vec![1, 2];
    for batch in [1, 252, 1, 255, 1, 1_000, 3_000, 5_490] {
        let drafts: Vec<_> = (0..batch).map(|_| fixture.maker.artifact("report", None)).collect();
        sizes.push(fixture.append(drafts).last().unwrap().seq + 1);
    }
    assert_eq!(sizes.last(), Some(&10_002));
    let snapshot = fixture.ledger.snapshot().unwrap();
    let leaves = leaves(&snapshot);
    let key = NoteKey::new(fixture.id().origin(), log_key().public()).unwrap();
    for size in &sizes {
        let root = root_of(leaves.iter().copied().take(usize::try_from(*size).unwrap()));
        assert_eq!(snapshot.root_at(*size).unwrap(), root);
        let note = snapshot.checkpoint_at(*size).unwrap().unwrap();
        let signed = Checkpoint::verify(&note, &key).unwrap();
        assert_eq!((signed.size().as_u64(), signed.root()), (*size, root));
    }
    let (size, root) = (TreeSize::new(10_002), snapshot.root_at(10_002).unwrap());
    for seq in (0..10_002).step_by(97) {
        let proof = snapshot.inclusion_proof(seq, 10_002).unwrap();
        let leaf = leaves[usize::try_from(seq).unwrap()];
        proof.verify(leaf, LeafIndex::new(seq), size, root).unwrap();
    }
    let seqs: Vec<u64> = (0..10_002).step_by(97).collect();
    let proof = snapshot.multi_proof(&seqs, 10_002).unwrap();
    let chosen: Vec<_> = leaves.iter().copied().step_by(97).collect();
    proof.verify(&chosen, size, root).unwrap();
    let run = LeafRun::new(LeafIndex::new(250), LeafIndex::new(9_000)).unwrap();
    let proof = snapshot.range_proof(run, 10_002).unwrap();
    proof.verify(leaves[250..9_000].iter().copied(), size, root).unwrap();
    for from in &sizes {
        let proof = snapshot.consistency_proof(*from, 10_002).unwrap();
        proof.verify(TreeSize::new(*from), snapshot.root_at(*from).unwrap(), size, root).unwrap();
    }
    assert_eq!(snapshot.inclusion_proof(10_002, 10_002).unwrap_err().code(), "proof-outside");
    assert_eq!(snapshot.multi_proof(&[2, 1], 10_002).unwrap_err().code(), "proof-index-order");
    assert_eq!(snapshot.multi_proof(&[1], 10_003).unwrap_err().code(), "proof-outside");
    assert_eq!(snapshot.range_proof(run, 8_999).unwrap_err().code(), "proof-run-outside");
    assert_eq!(snapshot.root_at(10_003).unwrap_err().code(), "proof-outside");
    assert_eq!(snapshot.consistency_proof(9, 3).unwrap_err().code(), "proof-shrunk");
    let mut tiles = 0;
    snapshot
        .visit_tiles(&mut |tile| {
            let row: Vec<RootHash> = tile.hashes.chunks(32).map(|hash| RootHash::from_slice(hash).unwrap()).collect();
            let first = usize::try_from(tile.index).unwrap() * 256;
            let wanted = leaves[first..first + 256].iter().map(|leaf| leaf.to_root());
            assert!(tile.level == 0 && row.iter().copied().eq(wanted));
            tiles += 1;
            Ok(Visit::Continue)
        })
        .unwrap();
    assert_eq!(tiles, 10_002 / 256);
}

#[test]
fn filters_select_by_time_trace_and_size() {
    let mut fixture = Fixture::new();
    let mut rows = Vec::new();
    for _ in 0..20 {
        let drafts = fixture.maker.each();
        let headers: Vec<_> = drafts.iter().map(|draft| *draft.header()).collect();
        rows.extend(headers.into_iter().zip(fixture.append(drafts)));
    }
    fixture.maker = Maker::new(99);
    let drafts = fixture.maker.each();
    let other = fixture.maker.trace;
    fixture.append(drafts);
    let snapshot = fixture.ledger.snapshot().unwrap();
    let select = |scope, tables: &[Table], as_of| {
        let mut found = Vec::new();
        let filter = RowFilter { tables: tables.to_vec(), scope, as_of };
        snapshot
            .visit_matching(&filter, &mut |entry, state| {
                assert!(matches!(state, RowState::Present(_)));
                found.push((entry.table, entry.row_id));
                Ok(Visit::Continue)
            })
            .unwrap();
        assert!(found.is_sorted(), "by table, then id");
        found
    };
    let everything = RowScope::Window { since: None, until: None };
    assert_eq!(select(everything.clone(), &Table::ALL, u64::MAX).len(), 86);
    assert_eq!(select(everything.clone(), &[Table::McpCalls], u64::MAX).len(), 21);
    assert_eq!(select(everything.clone(), &Table::ALL, 41).len(), 41);
    assert_eq!(select(RowScope::Traces(vec![other]), &Table::ALL, u64::MAX).len(), 4);
    assert_eq!(select(RowScope::Traces(vec![]), &Table::ALL, u64::MAX).len(), 0);
    // Adjacent windows part the whole, whatever the cut.
    let all = select(everything, &Table::ALL, 82);
    for (header, _) in rows.iter().step_by(7) {
        let before = RowScope::Window { since: None, until: Some(header.ts) };
        let after = RowScope::Window { since: Some(header.ts), until: None };
        let mut parts = select(before, &Table::ALL, 82);
        let second = select(after, &Table::ALL, 82);
        assert!(second.iter().any(|(_, id)| *id == header.id), "since is inclusive");
        assert!(!parts.iter().any(|(_, id)| *id == header.id), "until is exclusive");
        parts.extend(second);
        parts.sort_unstable();
        assert_eq!(parts, all);
    }
    let (from, to) = (rows[8].0.ts, rows[16].0.ts);
    let window = RowScope::Window { since: Some(from), until: Some(to) };
    assert_eq!(
        select(window, &Table::ALL, u64::MAX).iter().filter(|(_, id)| rows.iter().any(|(h, _)| h.id == *id)).count(),
        8
    );
}

#[test]
fn a_visit_ends_when_told() {
    let mut fixture = Fixture::new();
    let drafts = fixture.maker.each();
    fixture.append(drafts);
    let snapshot = fixture.ledger.snapshot().unwrap();
    let mut seen = 0;
    let mut stop = || {
        seen += 1;
        Ok(Visit::Stop)
    };
    snapshot.visit_log(0, 5, &mut |_, _| stop()).unwrap();
    let scope = RowScope::Window { since: None, until: None };
    let filter = RowFilter { tables: Table::ALL.to_vec(), scope, as_of: 5 };
    snapshot.visit_matching(&filter, &mut |_, _| stop()).unwrap();
    snapshot.visit_checkpoints(&mut |_, _| stop()).unwrap();
    snapshot.visit_kind("report", &mut |_, _| stop()).unwrap();
    assert_eq!(seen, 4);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut fixture = Fixture::new();
    let snapshot = fixture.ledger.snapshot().unwrap();
    let drafts = fixture.maker.each();
    fixture.append(drafts);
    assert_eq!(snapshot.size().unwrap(), 2);
    assert_eq!(leaves(&snapshot).len(), 2);
    let scope = RowScope::Window { since: None, until: None };
    let filter = RowFilter { tables: Table::ALL.to_vec(), scope, as_of: u64::MAX };
    let mut found = 0;
    snapshot
        .visit_matching(&filter, &mut |_, _| {
            found += 1;
            Ok(Visit::Continue)
        })
        .unwrap();
    assert_eq!(found, 2);
    assert_eq!(fixture.ledger.snapshot().unwrap().size().unwrap(), 6);
}

#[test]
fn a_vault_is_begun_once_and_by_the_right_key() {
    let mut fixture = Fixture::new();
    let header = fixture.maker.header();
    let again = Ledger::init(&fixture.path(), genesis(), header, access(1)).unwrap_err();
    assert_eq!(again.code(), "vault-not-empty");
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("notes.txt"), b"mine").unwrap();
    let error = Ledger::init(other.path(), genesis(), header, access(1)).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(
        std::fs::read_dir(other.path()).unwrap().filter(|e| e.as_ref().unwrap().file_name() != "ledger.lock").count(),
        1
    );
    let stranger =
        Genesis::new(genesis().root_key(), SigningIdentity::from_seed(&[9; 32]).public(), Sha256Digest::of(b""));
    let error = Ledger::init(&other.path().join("v"), stranger, header, access(1)).unwrap_err();
    assert_eq!(error.code(), "ledger-wrong-key");
    let wrong = Access { log_key: SigningIdentity::from_seed(&[9; 32]), ..access(1) };
    assert_eq!(Ledger::open(&fixture.path(), wrong).unwrap_err().code(), "ledger-wrong-key");
    let absent = fixture.dir.path().join("nowhere");
    assert_eq!(Ledger::open(&absent, access(1)).unwrap_err().code(), "vault-absent");
    assert_eq!(Ledger::open_read(other.path()).unwrap_err().code(), "vault-absent");
}

#[test]
fn an_init_that_was_cut_short_can_be_made_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ledger.lock"), b"pid 1").unwrap();
    std::fs::write(dir.path().join("ledger.db"), b"").unwrap();
    assert_eq!(Ledger::open(dir.path(), access(1)).unwrap_err().code(), "ledger-not-a-ledger");
    let header = Maker::new(1).header();
    let ledger = Ledger::init(dir.path(), genesis(), header, access(1)).unwrap();
    assert_eq!(ledger.snapshot().unwrap().size().unwrap(), 1);
}

#[test]
fn a_second_writer_waits_and_then_says_who_holds_the_lock() {
    let mut fixture = Fixture::new();
    let lock = std::fs::OpenOptions::new().read(true).write(true).open(fixture.path().join("ledger.lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(fixture.path().join("ledger.lock"), "pid 4711\ncommand seal create\nsince then\n").unwrap();
    let patience = Patience { command: "second".to_owned(), timeout: Duration::from_millis(50) };
    let mut second = Ledger::open(&fixture.path(), Access { patience, ..access(2) }).unwrap();
    let permit = permit::<act::Record>(fixture.id());
    let draft = fixture.maker.tool("x");
    let error = second.append(&permit, vec![draft.clone()], now()).unwrap_err();
    assert_eq!((error.code(), error.is_machine()), ("ledger-locked", true));
    assert!(error.to_string().contains("process 4711 (seal create) since then"), "{error}");
    drop(lock);
    second.append(&permit, vec![draft], now()).unwrap();
}

#[test]
fn the_journal_records_by_its_clock() {
    let mut fixture = Fixture::new();
    let permit = permit::<act::Record>(fixture.id());
    let clock = vm_core::source::hazmat::FixedClock(now());
    let drafts = fixture.maker.each();
    let Fixture { mut ledger, mut maker, .. } = fixture;
    let mut journal = ClockedJournal::new(&mut ledger, &clock);
    assert_eq!(journal.append(&permit, drafts).unwrap().len(), 4);
    let late = vm_core::source::hazmat::FixedClock("2028-01-01T00:00:00.000000Z".parse().unwrap());
    let mut journal = ClockedJournal::new(&mut ledger, &late);
    assert_eq!(journal.append(&permit, vec![maker.tool("x")]).unwrap_err().code(), "capability-expired");
}
