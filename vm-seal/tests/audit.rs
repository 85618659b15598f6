//! The audit: a sound ledger passes, and every way of spoiling one is found under its own name.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::{World, file_of, path};
use serde_json::json;
use vm_core::capability::act;
use vm_core::digest::{Blake3Digest, LeafHash};
use vm_core::id::{RowId, TraceId};
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_core::record::{
    Appended, Cell, CellRef, Direction, McpKind, Phase, ProofArtifact, RowHeader, SchemaVersion, StoredRow, SystemKind,
};
use vm_core::redact::Redacted;
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::{EvidenceView, LoggedRow, StoredEntry, Visit};
use vm_seal::audit::{Audit, Trust, audit};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::memory::{MemoryLedger, hazmat};
use vm_seal::merkle::{Frontier, TreeSize};
use vm_seal::selection::Selection;

fn check(world: &World) -> Audit {
    let (key, head) = (world.key(), world.head());
    check_with(world, Some(&key), Some(&head))
}

fn check_with(world: &World, key: Option<&NoteKey>, head: Option<&Note>) -> Audit {
    audit(&world.ledger, Some(&world.files), &Trust { key, head })
}

fn codes(report: &Report) -> Vec<Code> {
    report.findings().iter().map(Finding::code).collect()
}

fn row_at(ledger: &MemoryLedger, seq: u64) -> LoggedRow {
    let mut id = None;
    ledger
        .visit_log(seq, seq + 1, &mut |entry, _| {
            if let StoredEntry::Entry(entry) = entry {
                id = Some(entry.row_id);
            }
            Ok(Visit::Stop)
        })
        .unwrap();
    ledger.row(id.unwrap()).unwrap().unwrap()
}

/// A changed value for a cell, of the same type.
fn changed(cell: CellRef<'_>) -> Cell {
    match cell {
        CellRef::Null => Cell::Text("{}".into()),
        CellRef::Integer(n) => Cell::Integer(n + 1),
        CellRef::Real(r) => Cell::Real(r + 1.0),
        CellRef::Text(text) => Cell::Text(format!("{text}x")),
        CellRef::Blob(bytes) => Cell::Blob(bytes.iter().map(|byte| byte ^ 1).collect()),
    }
}

#[test]
fn a_sound_ledger_passes_whole() {
    let mut world = World::full();
    world.seal_and_record(Selection::everything());
    let audit = check(&world);
    assert_eq!(codes(&audit.report), []);
    assert_eq!(audit.report.verdict(), Verdict::Verified);
    let ledger = audit.ledger.unwrap();
    assert_eq!((ledger.size(), ledger.root()), (world.size(), world.ledger.tree().root()));
    assert!(ledger.is_pinned() && ledger.is_headed());
    assert_eq!(audit.seals.len(), 1);
    assert!(audit.seals[0].verified.is_some());
    assert_eq!(audit.scrolls.len(), 1);
}

#[test]
fn without_key_or_head_it_is_undecided() {
    let world = World::full();
    let (key, head) = (world.key(), world.head());
    assert_eq!(codes(&check_with(&world, None, Some(&head)).report), [Code::NoTrustKey]);
    assert_eq!(codes(&check_with(&world, Some(&key), None).report), [Code::RollbackNotExcluded]);
    let bare = check_with(&world, None, None);
    assert_eq!(bare.report.verdict(), Verdict::Undecided);
    assert!(bare.ledger.is_some_and(|ledger| !ledger.is_pinned() && !ledger.is_headed()));
}

#[test]
fn every_changed_cell_is_a_row_altered_and_only_that_row() {
    let mut world = World::full();
    for seq in 0..world.size().as_u64() {
        let logged = row_at(&world.ledger, seq);
        for (column, cell) in logged.row.cells() {
            if column == "id" {
                continue;
            }
            hazmat::change_cell(&mut world.ledger, logged.entry.row_id, column, &changed(cell));
            let stored = world.ledger.row(logged.entry.row_id).unwrap().unwrap().row;
            if stored != logged.row {
                let audit = check(&world);
                let altered: Vec<&str> = audit
                    .report
                    .findings()
                    .iter()
                    .filter(|finding| finding.code() == Code::RowAltered)
                    .map(vm_core::verdict::Finding::subject)
                    .collect();
                let subject = format!("row {}/{}", logged.entry.table, logged.entry.row_id);
                assert_eq!(altered, [subject.as_str()], "{column}");
                assert!(!audit.report.has(Code::LogAltered), "{column}");
                assert!(audit.ledger.is_none());
            }
            hazmat::replace_row(&mut world.ledger, logged.entry.row_id, logged.row.clone());
        }
    }
}

#[test]
fn every_removed_row_and_entry_is_found() {
    for seq in 0..World::full().size().as_u64() {
        let mut world = World::full();
        let id = row_at(&world.ledger, seq).entry.row_id;
        hazmat::remove_row(&mut world.ledger, id);
        let report = check(&world).report;
        assert!(report.has(Code::RowMissing), "{seq}: {:?}", report.findings());
        assert_eq!(report.verdict(), Verdict::Contradicted);

        let mut world = World::full();
        let last = seq + 1 == world.size().as_u64();
        let head = world.head();
        let key = world.key();
        hazmat::remove_entry(&mut world.ledger, seq);
        let report = check_with(&world, Some(&key), Some(&head)).report;
        let expected = if last { Code::TailCut } else { Code::LogAltered };
        let expected = if seq == 0 { Code::GenesisInvalid } else { expected };
        assert!(report.has(expected), "{seq}: {:?}", report.findings());
    }
}

#[test]
fn a_changed_leaf_is_the_log_altered_and_not_the_row() {
    for seq in 1..World::full().size().as_u64() {
        let mut world = World::full();
        let (key, head) = (world.key(), world.head());
        hazmat::change_leaf(&mut world.ledger, seq, LeafHash::of(b"other"));
        let report = check_with(&world, Some(&key), Some(&head)).report;
        let found = report.findings().iter().find(|finding| finding.code() == Code::LogAltered).unwrap();
        assert_eq!(found.subject(), format!("log entry {seq}"));
        assert_eq!(found.found_value(), Some(LeafHash::of(b"other").to_hex().as_str()));
        assert!(!report.has(Code::RowAltered), "{seq}: {:?}", report.findings());
    }
}

#[test]
fn an_entry_that_names_another_schema_is_found_though_the_leaf_is_right() {
    let mut world = World::full();
    hazmat::change_schema(&mut world.ledger, 3, SchemaVersion::new(2));
    assert_eq!(codes(&check(&world).report), [Code::RowAltered]);
}

#[test]
fn a_row_changed_together_with_its_leaf_is_found() {
    for seq in 2..World::full().size().as_u64() {
        let mut world = World::full();
        let (key, head) = (world.key(), world.head());
        let logged = row_at(&world.ledger, seq);
        let ts = Cell::Text("2026-01-02T03:04:05.000001Z".into());
        hazmat::change_cell(&mut world.ledger, logged.entry.row_id, "ts", &ts);
        let leaf = row_at(&world.ledger, seq).row.leaf_hash().unwrap();
        hazmat::change_leaf(&mut world.ledger, seq, leaf);
        let report = check_with(&world, Some(&key), Some(&head)).report;
        assert!(report.has(Code::LogAltered), "{seq}: {:?}", report.findings());
    }
}

#[test]
fn swapped_rows_are_found() {
    let size = World::full().size().as_u64();
    for seq in 1..size - 1 {
        let mut world = World::full();
        let (key, head) = (world.key(), world.head());
        hazmat::swap_entries(&mut world.ledger, seq, seq + 1);
        let report = check_with(&world, Some(&key), Some(&head)).report;
        assert!(report.has(Code::LogAltered), "{seq}: {:?}", report.findings());
    }
}

#[test]
fn inserted_rows_are_found() {
    let mut world = World::full();
    let row = row_at(&world.ledger, 4).row;
    hazmat::insert_unlogged(&mut world.ledger, &row);
    assert_eq!(codes(&check(&world).report), [Code::RowInserted]);

    // Logged with the right leaf hash, but signed by nobody.
    let mut world = World::full();
    let (key, head) = (world.key(), world.head());
    let forged = with_id(&row_at(&world.ledger, 6).row, [1; 16]);
    hazmat::append_unsigned(&mut world.ledger, forged);
    let report = check_with(&world, Some(&key), Some(&head)).report;
    assert!(report.has(Code::RowInserted), "{:?}", report.findings());

    // Logged once more: the row is as it was, and stands there once. Each of them, wherever its name is sorted to.
    for seq in 1..World::full().size().as_u64() {
        let mut world = World::full();
        let row = row_at(&world.ledger, seq);
        hazmat::append_unsigned(&mut world.ledger, row.row);
        let report = check_with(&world, Some(&key), Some(&head)).report;
        let twice = report.findings().iter().filter(|finding| finding.found_value() == Some("the log names it twice"));
        let twice: Vec<&str> = twice.map(Finding::subject).collect();
        assert_eq!(twice, [format!("row {}/{}", row.entry.table, row.entry.row_id)], "{seq}");
    }
}

#[test]
fn what_an_artifact_is_about_must_stand_before_it() {
    let mut world = World::full();
    let trace = world.trace();
    let event = world.event(trace, None);
    let mut about = |subject: &dyn Fn(&RowHeader) -> RowId| {
        let header = world.header(trace);
        let (id, subject) = (header.id, Some(subject(&header)));
        let meta = Some(Redacted::system(&json!({})).unwrap());
        let kind = "report".parse().unwrap();
        world.append(ProofArtifact { header, kind, file: None, subject, meta }.into_draft(None).unwrap());
        (id, check(&world).report)
    };
    assert_eq!(codes(&about(&|_| event.row_id).1), []);
    let (id, report) = about(&|_| RowId::from_bytes([3; 16]));
    assert_eq!(codes(&report), [Code::TraceInvalid]);
    let fault = &report.findings()[0];
    assert_eq!(fault.subject(), format!("row proof_artifacts/{id}"));
    assert_eq!(fault.found_value(), Some("the row it is about is not there"));
    // Itself does not stand before it.
    assert_eq!(codes(&about(&|header| header.id).1), [Code::TraceInvalid; 2]);
}

fn with_id(row: &StoredRow, id: [u8; 16]) -> StoredRow {
    let cells = row.cells().map(|(name, cell)| if name == "id" { Cell::Blob(id.to_vec()) } else { cell.into() });
    StoredRow::new(row.table(), row.schema(), cells.collect()).unwrap()
}

#[test]
fn a_cut_tail_is_named_by_what_remembers_it() {
    for keep in 2..World::full().size().as_u64() {
        let mut world = World::full();
        let (key, head) = (world.key(), world.head());
        hazmat::cut_log(&mut world.ledger, keep);
        let report = check_with(&world, Some(&key), Some(&head)).report;
        assert!(report.has(Code::TailCut) && report.has(Code::Rollback), "{keep}");
        // The checkpoints cut too: only the head from outside remembers.
        hazmat::cut_checkpoints(&mut world.ledger, keep);
        let report = check_with(&world, Some(&key), Some(&head)).report;
        assert!(report.has(Code::Rollback), "{keep}");
        assert!(!report.has(Code::TailCut), "{keep}");
        let report = check_with(&world, Some(&key), None).report;
        assert!(report.has(Code::RollbackNotExcluded), "{keep}");
    }
}

#[test]
fn a_fork_is_named() {
    let world = World::full();
    let size = TreeSize::new(5);
    let other = Checkpoint::of_ledger(&world.ledger.id(), size, LeafHash::of(b"x").to_root()).unwrap();
    let head = other.sign(world.ledger.signer()).unwrap();
    let report = check_with(&world, Some(&world.key()), Some(&head)).report;
    assert_eq!(codes(&report), [Code::Forked]);

    let mut world = World::full();
    hazmat::checkpoints(&mut world.ledger).push((5, head.to_string()));
    assert!(check(&world).report.has(Code::Forked));
}

#[test]
fn checkpoints_are_believed_only_under_the_key() {
    for spoil in [
        |notes: &mut Vec<(u64, String)>| notes.clear(),
        |notes: &mut Vec<(u64, String)>| notes[2].1.push('x'),
        |notes: &mut Vec<(u64, String)>| notes[2].0 += 1,
        |notes: &mut Vec<(u64, String)>| {
            let text = Note::parse(notes[2].1.as_bytes()).unwrap().unverified_text().to_owned();
            let name = text.lines().next().unwrap().to_owned();
            let forger = SigningIdentity::from_seed(&[66; 32]);
            notes[2].1 = Note::sign(&text, &name, &forger).unwrap().to_string();
        },
    ] {
        let mut world = World::full();
        let (key, head) = (world.key(), world.head());
        spoil(hazmat::checkpoints(&mut world.ledger));
        let report = check_with(&world, Some(&key), Some(&head)).report;
        assert_eq!(codes(&report), [Code::CheckpointInvalid]);
    }
}

#[test]
fn another_ledger_or_key_than_pinned_is_named() {
    let world = World::full();
    let other_key = NoteKey::new(world.ledger.id().origin(), SigningIdentity::from_seed(&[9; 32]).public()).unwrap();
    let report = check_with(&world, Some(&other_key), None).report;
    assert!(report.has(Code::GenesisInvalid) && report.has(Code::CheckpointInvalid));
    let other = vm_core::id::LedgerId::from_genesis(LeafHash::of(b"other"));
    let other_ledger = NoteKey::new(other.origin(), world.ledger.signer().public()).unwrap();
    assert!(check_with(&world, Some(&other_ledger), None).report.has(Code::GenesisInvalid));
}

#[test]
fn tiles_are_checked() {
    let mut world = World::empty();
    let trace = world.trace();
    for _ in 0..520 {
        world.event(trace, None);
    }
    let (key, head) = (world.key(), world.head());
    let report = |world: &World| check_with(world, Some(&key), Some(&head)).report;
    let verdict = |world: &World| codes(&report(world));
    assert_eq!(verdict(&world), []);
    assert!(report(&world).checks().contains(&"tiles: 2 against the log".to_owned()));
    let good = hazmat::tiles(&mut world.ledger).clone();
    assert_eq!(good.len(), 2);
    hazmat::tiles(&mut world.ledger)[1].hashes[77] ^= 1;
    assert_eq!(verdict(&world), [Code::TileAltered]);
    *hazmat::tiles(&mut world.ledger) = good.clone();
    hazmat::tiles(&mut world.ledger)[0].root[0] ^= 1;
    assert_eq!(verdict(&world), [Code::TileAltered]);
    for (left, gone) in [(&good[..1], "tile 0/1"), (&good[1..], "tile 0/0")] {
        *hazmat::tiles(&mut world.ledger) = left.to_vec();
        let report = report(&world);
        assert_eq!(codes(&report), [Code::TileAltered]);
        assert_eq!((report.findings()[0].subject(), report.findings()[0].found_value()), (gone, Some("no tile")));
    }
    let mut surplus = good.clone();
    surplus[1].index = 2;
    *hazmat::tiles(&mut world.ledger) = surplus;
    assert_eq!(verdict(&world), [Code::TileAltered, Code::TileAltered]);
    // A changed leaf is told apart from a changed tile.
    *hazmat::tiles(&mut world.ledger) = good;
    hazmat::change_leaf(&mut world.ledger, 300, LeafHash::of(b"x"));
    assert_eq!(verdict(&world), [Code::LogAltered]);
}

#[test]
fn artifacts_are_hashed() {
    let mut world = World::full();
    let at = path("artifacts/report.txt");
    world.files.put(at.clone(), b"a reporT".to_vec());
    let report = check(&world).report;
    assert_eq!(codes(&report), [Code::ArtifactAltered]);
    assert_eq!(report.findings()[0].subject(), "artifact artifacts/report.txt");
    world.files.remove(&at);
    assert_eq!(codes(&check(&world).report), [Code::ArtifactMissing]);
    let nowhere = audit(&world.ledger, None, &Trust { key: Some(&world.key()), head: Some(&world.head()) });
    assert_eq!(nowhere.report.verdict(), Verdict::Undecided);
    assert!(nowhere.ledger.is_none());
}

#[test]
fn both_hashes_of_a_file_count() {
    let mut world = World::full();
    let content = b"a large file";
    let mut file = file_of("artifacts/large", content);
    file.blake3 = Some(Blake3Digest::of(content));
    let trace = world.trace();
    world.file_as(trace, content, file.clone());
    assert_eq!(codes(&check(&world).report), []);
    (file.path, file.blake3) = (path("artifacts/other"), Some(Blake3Digest::of(b"another")));
    world.file_as(trace, content, file);
    assert_eq!(codes(&check(&world).report), [Code::ArtifactAltered]);
}

#[test]
fn inline_artifacts_are_hashed() {
    let mut world = World::full();
    let trace = world.trace();
    let event = world.event(trace, None).row_id;
    hazmat::change_cell(&mut world.ledger, event, "meta_json", &Cell::Text("{}".into()));
    let report = check(&world).report;
    let altered: Vec<_> = report.findings().iter().filter(|finding| finding.code() == Code::ArtifactAltered).collect();
    assert_eq!(altered.len(), 1);
    assert_eq!(altered[0].subject(), format!("row proof_artifacts/{event}"));
}

#[test]
fn a_missing_anchor_is_undecided_and_not_a_pass() {
    let mut world = World::full();
    world.system(SystemKind::Anchor, "anchors/one.tsr", b"token");
    let audit = check(&world);
    assert_eq!(codes(&audit.report), [Code::AnchorMissing]);
    assert_eq!(audit.anchors.len(), 1);
}

#[test]
fn a_swapped_bundle_is_named() {
    let mut world = World::full();
    let one = world.seal_and_record(Selection::everything());
    let trace = world.trace();
    world.event(trace, None);
    let two = world.seal_and_record(Selection::everything());
    assert_eq!(codes(&check(&world).report), []);
    let at = path(&vm_seal::seal::bundle_path(one.seal_id()));
    world.files.put(at.clone(), two.as_bytes().to_vec());
    let report = check(&world).report;
    assert!(report.has(Code::ArtifactAltered) && report.has(Code::SealAltered));
    let unknown = String::from_utf8(one.as_bytes().to_vec()).unwrap().replace("-seal-v0", "-seal-v7");
    world.files.put(at, unknown.into_bytes());
    assert!(check(&world).report.has(Code::FormatUnknown));
}

#[test]
fn references_must_lead_somewhere() {
    let mut world = World::full();
    let trace = world.trace();
    let request = world.mcp(trace, McpKind::Request, None);
    let event = world.event(trace, None);
    let corrected = world.event(trace, Some(event));
    world.mcp(trace, McpKind::Response, Some(request.row_id));
    assert_eq!(codes(&check(&world).report), []);
    // An answer to an answer, a correction with another leaf, an outcome of no intent.
    world.mcp(trace, McpKind::Response, Some(row_at(&world.ledger, 3).entry.row_id));
    assert_eq!(codes(&check(&world).report), [Code::TraceInvalid]);
    let mut wrong = corrected;
    wrong.leaf = LeafHash::of(b"x");
    world.event(trace, Some(wrong));
    world.tool(trace, Phase::Outcome, Some(event.row_id));
    world.tool(trace, Phase::Outcome, Some(vm_core::id::RowId::from_bytes([3; 16])));
    assert_eq!(codes(&check(&world).report), [Code::TraceInvalid; 4]);
}

#[test]
fn each_reference_that_does_not_hold_is_told_by_its_fault() {
    const CORRECTED: &str = "the row it corrects is not there";
    const ANSWERED: &str = "the row it answers is no request of the other side";
    const COMPLETED: &str = "the row it completes is no intent, or it completes none";
    let mut world = World::full();
    let trace = world.trace();
    let absent = RowId::from_bytes([3; 16]);
    let request = world.mcp(trace, McpKind::Request, None);
    let response = world.mcp(trace, McpKind::Response, Some(request.row_id));
    let batch = world.mcp(trace, McpKind::Batch, None);
    world.mcp(trace, McpKind::Response, Some(batch.row_id));
    let intent = world.tool(trace, Phase::Intent, None);
    let outcome = world.tool(trace, Phase::Outcome, Some(intent.row_id));
    let header = world.header(trace);
    let event = world.event_of("no_answer", header);
    assert_eq!(codes(&check(&world).report), []);

    let other_leaf = Appended { leaf: LeafHash::of(b"x"), ..event };
    world.event(trace, Some(other_leaf));
    world.event(trace, Some(request));
    world.event(trace, Some(Appended { row_id: absent, ..event }));
    world.mcp(trace, McpKind::Response, Some(absent));
    for (answered, other) in [(response, false), (intent, false), (event, false), (request, true)] {
        world.mcp_as(trace, McpKind::Response, Some(answered.row_id), |call| {
            if other {
                call.connection = TraceId::from_bytes([8; 16]);
            }
        });
    }
    world.mcp_as(trace, McpKind::Response, Some(request.row_id), |call| call.direction = Direction::ClientToServer);
    for completed in [absent, outcome.row_id, request.row_id] {
        world.tool(trace, Phase::Outcome, Some(completed));
    }
    let report = check(&world).report;
    let faults = report.findings().iter().filter(|finding| finding.code() == Code::TraceInvalid);
    let found: Vec<&str> = faults.filter_map(Finding::found_value).collect();
    let unlike = "the row it corrects has another table or leaf";
    let corrections = [unlike, unlike, CORRECTED];
    let answers = core::iter::once("the request it answers is not there").chain([ANSWERED; 5]);
    let outcomes = ["the intent it completes is not there", COMPLETED, COMPLETED];
    let wanted: Vec<&str> = corrections.into_iter().chain(answers).chain(outcomes).collect();
    assert_eq!(found, wanted);
}

/// What no record of ours can be made without, taken away or put there.
#[test]
fn a_reference_that_must_be_there_or_must_not_is_told() {
    let blob = |id: RowId| Cell::Blob(id.as_bytes().to_vec());
    let mut world = World::full();
    let trace = world.trace();
    let request = world.mcp(trace, McpKind::Request, None);
    let told = world.mcp(trace, McpKind::NoAnswer, Some(request.row_id));
    let intent = world.tool(trace, Phase::Intent, None);
    let outcome = world.tool(trace, Phase::Outcome, Some(intent.row_id));
    let complete = world.tool(trace, Phase::Complete, None);
    let completed = "the row it completes is no intent, or it completes none";
    for (row, column, cell, wanted) in [
        (told, "answers_id", Cell::Null, "it names no request"),
        (outcome, "intent_id", Cell::Null, completed),
        (complete, "intent_id", blob(intent.row_id), completed),
    ] {
        let mut changed = world.ledger.clone();
        hazmat::change_cell(&mut changed, row.row_id, column, &cell);
        let (key, head) = (world.key(), world.head());
        let report = audit(&changed, Some(&world.files), &Trust { key: Some(&key), head: Some(&head) }).report;
        let fault = report.findings().iter().find(|finding| finding.code() == Code::TraceInvalid).unwrap();
        assert_eq!(fault.found_value(), Some(wanted), "{column}");
    }
}

#[test]
fn a_time_may_lie_back_as_far_as_a_turn_takes_and_no_further() {
    let mut world = World::full();
    let trace = world.trace();
    let late = world.now().saturating_add_micros(60_000_000);
    let mut at = |micros: i64| {
        let header = RowHeader { ts: late.saturating_add_micros(micros), ..world.header(trace) };
        world.event_with(header);
        codes(&check(&world).report).len()
    };
    assert_eq!([at(0), at(-10_000_000), at(-10_000_001)], [0, 0, 1]);
}

#[test]
fn gaps_are_remarked() {
    let mut world = World::full();
    let trace = world.trace();
    let intent = world.tool(trace, Phase::Intent, None);
    let request = world.mcp(trace, McpKind::Request, None);
    let report = check(&world).report;
    assert_eq!(codes(&report), [Code::TraceGap, Code::TraceGap]);
    let told = |gap: &Finding| (gap.subject().to_owned(), gap.found_value().unwrap().to_owned());
    let mut told: Vec<_> = report.findings().iter().map(told).collect();
    told.sort_unstable();
    let gap = |table: &str, row: Appended, found: &str| (format!("row {table}/{}", row.row_id), found.to_owned());
    let wanted =
        [gap("mcp_calls", request, "no answer is recorded"), gap("tool_invocations", intent, "no outcome is recorded")];
    assert_eq!(told, wanted);
    world.mcp(trace, McpKind::NoAnswer, Some(request.row_id));
    let report = check(&world).report;
    assert_eq!(codes(&report), [Code::TraceGap, Code::TraceGap]);
    assert_eq!(report.verdict(), Verdict::Verified);
}

#[test]
fn a_clock_that_goes_back_is_remarked() {
    let mut world = World::full();
    let trace = world.trace();
    world.clock = vm_core::source::hazmat::SteppingClock::new(fixture::instant("2026-01-02T05:04:05.1Z"));
    let late = world.now();
    world.event(trace, None);
    let mut at = |seconds: i64| {
        world.clock = vm_core::source::hazmat::SteppingClock::new(late.saturating_add_micros(seconds * 1_000_000));
        world.event(trace, None);
        codes(&check(&world).report).len()
    };
    // As rows of writers that waited for their turn.
    assert_eq!([at(-1), at(-9), at(0), at(-9)], [0; 4]);
    // Small steps add up, and each step is remarked once.
    assert_eq!([at(-11), at(-12), at(-20)], [1; 3]);
    assert_eq!([at(-22), at(60), at(60), at(-3_600)], [2, 2, 2, 3]);
    let report = check(&world).report;
    assert_eq!(codes(&report), [Code::TimeNotMonotonic; 3]);
    assert_eq!(report.verdict(), Verdict::Verified);
}

#[test]
fn scrolls_are_verified_without_a_database() {
    let key = World::full().key();
    let engine = "console".parse().unwrap();
    let ledger = World::full().ledger.id();
    let (events, root) = ("receipts/console/ENGINE_EVENTS.jsonl", "receipts/console/ROOT.console.txt");
    let verify = |world: &World| {
        let (report, scroll) = vm_seal::scroll::verify_scroll(&world.files, &ledger, key.public(), &engine, &[]);
        assert_eq!(scroll.is_some(), report.verdict() == Verdict::Verified);
        codes(&report)
    };
    assert_eq!(verify(&World::full()), []);
    let good = World::full().files.content(&path(events)).unwrap().to_vec();
    let spoiled = |content: Vec<u8>| {
        let mut world = World::full();
        world.files.put(path(events), content);
        verify(&world)
    };
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = spoiled(bytes);
        let named = found.contains(&Code::ScrollAltered) || found.contains(&Code::TailCut);
        assert!(named, "bit {bit}: {found:?}");
    }
    for end in 0..good.len() {
        assert!(spoiled(good[..end].to_vec()).contains(&Code::TailCut), "{end}");
    }
    assert_eq!(spoiled([good.as_slice(), b"{\"d\":1}\n"].concat()), [Code::ScrollUnsignedTail]);
    assert_eq!(spoiled([good.as_slice(), b"{\"d\""].concat()), [Code::ScrollUnsignedTail]);
    assert!(spoiled([b"\xef\xbb\xbf", good.as_slice()].concat()).contains(&Code::ScrollAltered));

    let mut world = World::full();
    world.files.remove(&path(root));
    assert_eq!(verify(&world), [Code::ScrollUnsignedTail]);
    let mut world = World::full();
    let note = world.files.content(&path(root)).unwrap().to_vec();
    for bit in 0..note.len() * 8 {
        let mut bytes = note.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        world.files.put(path(root), bytes);
        assert!(verify(&world).contains(&Code::CheckpointInvalid), "bit {bit}");
    }
    // The root of another engine, rightly signed, is not this one's.
    world.scroll("other", &["{}"]);
    let other = world.files.content(&path("receipts/other/ROOT.other.txt")).unwrap().to_vec();
    world.files.put(path(root), other);
    assert!(verify(&world).contains(&Code::CheckpointInvalid));
}

#[test]
fn a_scroll_older_than_a_seal_is_found() {
    let mut world = World::full();
    world.seal_and_record(Selection::everything());
    world.scroll("console", &["{\"a\":1}", "{\"b\":2}"]);
    assert!(check(&world).report.has(Code::TailCut));
    world.files.remove(&path("receipts/console/ENGINE_EVENTS.jsonl"));
    world.files.remove(&path("receipts/console/ROOT.console.txt"));
    assert!(check(&world).report.has(Code::TailCut));
    world.scroll("console", &["{\"a\":1}", "{\"b\":2}", "{\"c\":{}}"]);
    assert!(check(&world).report.has(Code::ScrollAltered));
}

#[test]
fn capabilities_must_have_been_issued_for_the_act() {
    use vm_core::capability::{Action, Chain, Engines, Grant, Resource};
    let mut world = World::full();
    let trace = world.trace();
    // A token that the root signed but that no row issued: the permit is good, the trail is not.
    let root = SigningIdentity::from_seed(&[1; 32]);
    let holder = SigningIdentity::from_seed(&[3; 32]);
    let grant = Grant {
        ledger: world.ledger.id(),
        holder: holder.public(),
        actions: [Action::Record].into(),
        engines: Engines::All,
        epochs: vm_core::epoch::Epoch::ALL.into(),
        resource: Resource::all(),
        not_before: fixture::instant("2020-01-01T00:00:00Z"),
        expires: fixture::instant("2030-01-01T00:00:00Z"),
        uses: None,
        min_interval_seconds: None,
        nonce: vm_core::digest::Sha256Digest::of(b"n"),
    };
    let chain = Chain::root(&root, grant).unwrap();
    world.holder = vm_core::capability::Holder::new(chain, holder).unwrap();
    world.event(trace, None);
    assert_eq!(codes(&check(&world).report), [Code::CapabilityInvalid]);
    assert!(world.ledger.permit::<act::Seal>(&world.holder, &world.clock).is_err());
}

#[test]
fn capabilities_must_reach_to_the_row() {
    use vm_core::capability::{Action, Chain, Engines, Grant, Resource};
    use vm_core::record::{ArtifactKind, ProofArtifact};
    let reached = |resource: &str, ts: &str| {
        let mut world = World::full();
        let trace = world.trace();
        let grant = Grant {
            ledger: world.ledger.id(),
            holder: SigningIdentity::from_seed(&[3; 32]).public(),
            actions: [Action::Record].into(),
            engines: Engines::All,
            epochs: vm_core::epoch::Epoch::ALL.into(),
            resource: resource.parse::<Resource>().unwrap(),
            not_before: fixture::instant("2020-01-01T00:00:00Z"),
            expires: fixture::instant("2030-01-01T00:00:00Z"),
            uses: None,
            min_interval_seconds: None,
            nonce: vm_core::digest::Sha256Digest::of(b"n"),
        };
        let chain = Chain::root(&SigningIdentity::from_seed(&[1; 32]), grant).unwrap();
        let token = serde_json::Value::from_iter(chain.tokens().iter().map(|token| token.to_value().unwrap()));
        let capability = Some(chain.last().unwrap().hash().unwrap());
        for (kind, ts) in [
            (ArtifactKind::system(SystemKind::Capability), None),
            ("event".parse().unwrap(), Some(fixture::instant(ts))),
        ] {
            let mut header = world.header(trace);
            header.ts = ts.unwrap_or(header.ts);
            let meta = Some(vm_core::redact::Redacted::system(&token).unwrap());
            let row = ProofArtifact { header, kind, file: None, subject: None, meta };
            hazmat::append_unsigned(&mut world.ledger, row.into_draft(None).unwrap().complete(capability).unwrap());
        }
        // The next row signs for what was put there.
        world.event(trace, None);
        codes(&check(&world).report)
    };
    assert_eq!(reached("/", "2029-12-31T23:59:59Z"), [Code::TimeNotMonotonic]);
    assert_eq!(reached("/proof_artifacts", "2026-01-03T00:00:00Z"), [Code::TimeNotMonotonic]);
    assert_eq!(reached("/", "2030-01-01T00:00:00Z"), [Code::CapabilityInvalid, Code::TimeNotMonotonic]);
    // Its own row is one that it does not reach to, too.
    let apart = [Code::CapabilityInvalid, Code::CapabilityInvalid, Code::TimeNotMonotonic];
    assert_eq!(reached("/mcp_calls", "2026-01-03T00:00:00Z"), apart);
}

/// All unkeyed hashes made anew after a change, by somebody without the key: only signatures are left to tell.
#[test]
fn a_whole_forgery_without_the_key_is_contradicted() {
    for seq in 2..World::full().size().as_u64() {
        let mut world = World::full();
        let (key, head) = (world.key(), world.head());
        let logged = row_at(&world.ledger, seq);
        let ts = Cell::Text("2026-01-02T03:04:05.000001Z".into());
        hazmat::change_cell(&mut world.ledger, logged.entry.row_id, "ts", &ts);
        let leaf = row_at(&world.ledger, seq).row.leaf_hash().unwrap();
        hazmat::change_leaf(&mut world.ledger, seq, leaf);
        let forger = SigningIdentity::from_seed(&[66; 32]);
        let mut frontier = Frontier::new();
        let mut notes = Vec::new();
        world
            .ledger
            .visit_log(0, u64::MAX, &mut |entry, _| {
                if let StoredEntry::Entry(entry) = entry {
                    frontier.append(entry.leaf);
                    let (id, size) = (world.ledger.id(), frontier.size());
                    let checkpoint = Checkpoint::of_ledger(&id, size, frontier.root()).unwrap();
                    notes.push((size.as_u64(), checkpoint.sign(&forger).unwrap().to_string()));
                }
                Ok(Visit::Continue)
            })
            .unwrap();
        *hazmat::checkpoints(&mut world.ledger) = notes;
        let report = check_with(&world, Some(&key), None).report;
        assert!(report.has(Code::CheckpointInvalid), "{seq}");
        let report = check_with(&world, None, Some(&head)).report;
        assert!(report.has(Code::CheckpointInvalid) && report.has(Code::Forked), "{seq}");
    }
}

#[test]
fn an_empty_ledger_is_no_pass() {
    let mut world = World::full();
    hazmat::cut_log(&mut world.ledger, 0);
    let report = audit(&world.ledger, Some(&world.files), &Trust::default()).report;
    assert_eq!(codes(&report), [Code::GenesisInvalid]);
    assert_eq!(report.verdict(), Verdict::Contradicted);
}
