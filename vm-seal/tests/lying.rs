//! Views that answer otherwise than they were asked: rows out of order, beyond the size, of another selection, or not rows.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use vm_core::id::{LedgerId, RowId};
use vm_core::record::{Cell, LogEntry, SchemaVersion, StoredRow, Table};
use vm_core::verdict::{Code, Report, Verdict};
use vm_core::view::{EvidenceView, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, ViewError, Visit};
use vm_seal::bundle::SealBundle;
use vm_seal::digest::SealDigest;
use vm_seal::memory::{MemoryLedger, hazmat};
use vm_seal::merkle::TreeSize;
use vm_seal::selection::Selection;
use vm_seal::verify::verify_seal;

type Rows = Vec<(LogEntry, RowState)>;

/// A view that gives these rows, whatever it is asked for.
struct Lying<'a> {
    ledger: &'a MemoryLedger,
    matching: Rows,
    /// The log, where it is not the ledger's.
    log: Option<Rows>,
}

impl<'a> Lying<'a> {
    fn matching(world: &'a World, matching: &[(LogEntry, RowState)]) -> Self {
        Self { ledger: &world.ledger, matching: matching.to_vec(), log: None }
    }
}

impl EvidenceView for Lying<'_> {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        self.ledger.ledger()
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        self.ledger.schema()
    }

    fn size(&self) -> Result<u64, ViewError> {
        self.ledger.size()
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let Some(log) = &self.log else {
            return self.ledger.visit_log(from, to, visit);
        };
        for (entry, state) in log.iter().filter(|(entry, _)| (from..to).contains(&entry.seq)) {
            if visit(StoredEntry::Entry(*entry), state.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_unlogged(
        &self,
        visit: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.ledger.visit_unlogged(visit)
    }

    fn visit_matching(
        &self,
        _: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for (entry, state) in &self.matching {
            if visit(*entry, state.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        self.ledger.row(id)
    }

    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.ledger.visit_checkpoints(visit)
    }

    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        self.ledger.visit_tiles(visit)
    }
}

/// All rows, as a view must give them.
fn truth(world: &World) -> Rows {
    let mut rows = Vec::new();
    let take = &mut |entry, state| {
        rows.push((entry, state));
        Ok(Visit::Continue)
    };
    world.ledger.visit_matching(&Selection::everything().filter(world.size()), take).unwrap();
    rows
}

/// Position of the first row of a table.
fn first_of(rows: &Rows, table: Table) -> usize {
    rows.iter().position(|(entry, _)| entry.table == table).unwrap()
}

/// The digest by hashing anew and by the leaves that the log holds, or why there is none.
fn digests(
    view: &Lying<'_>,
    selection: &Selection,
    as_of: TreeSize,
) -> [Result<vm_core::digest::Sha256Digest, &'static str>; 2] {
    [SealDigest::compute, SealDigest::compute_trusting_leaves].map(|compute| {
        compute(view, selection, Vec::new(), as_of).map(|digest| digest.hash()).map_err(|error| error.code())
    })
}

/// What a seal's verification says of each row.
fn of_rows(report: &Report) -> Vec<(Code, String, String)> {
    let rows = report.findings().iter().filter(|finding| finding.subject().starts_with("row "));
    rows.map(|finding| {
        (finding.code(), finding.subject().to_owned(), finding.found_value().unwrap_or_default().to_owned())
    })
    .collect()
}

fn verify(world: &World, bundle: &SealBundle, view: &Lying<'_>) -> Report {
    verify_seal(bundle, view, Some(&world.files), Some(&world.key())).0
}

#[test]
fn rows_out_of_place_are_neither_sealed_nor_believed() {
    let mut world = World::full();
    let everything = Selection::everything();
    let bundle = world.seal(everything.clone());
    let (rows, size) = (truth(&world), world.size());
    let honest = Lying::matching(&world, &rows);
    let expected = SealDigest::compute(&world.ledger, &everything, Vec::new(), size).unwrap().hash();
    assert_eq!(digests(&honest, &everything, size), [Ok(expected); 2]);
    assert_eq!(verify(&world, &bundle, &honest).verdict(), Verdict::Verified);

    let name = |at: usize| format!("row {}/{}", rows[at].0.table, rows[at].0.row_id);
    let (mut swapped, mut twice) = (rows.clone(), rows.clone());
    swapped.swap(3, 4);
    twice.insert(3, rows[3].clone());
    for (given, at) in [(swapped, 3), (twice, 3)] {
        let view = Lying::matching(&world, &given);
        assert_eq!(digests(&view, &everything, size), [Err("seal-view-order"); 2]);
        let report = verify(&world, &bundle, &view);
        let told = (Code::EvidenceUnreadable, name(at), "out of order, or outside the selection".to_owned());
        assert_eq!(of_rows(&report), [told]);
        assert!(report.verdict() != Verdict::Verified);
    }

    // The last row of the log, where the seal is to end before it.
    let before = TreeSize::new(size.as_u64() - 1);
    assert_eq!(digests(&honest, &everything, before), [Err("seal-view-order"); 2]);
}

#[test]
fn rows_that_were_not_asked_for_are_not_sealed() {
    let world = World::full();
    let rows = truth(&world);
    let Some(RowState::Present(row)) = rows.get(first_of(&rows, Table::McpCalls)).map(|(_, state)| state.clone())
    else {
        unreachable!("the fixture has such a row");
    };
    let (ts, trace) = (row.ts().unwrap(), row.trace_id().unwrap());
    let other = vm_core::id::TraceId::from_bytes([0; 16]);
    for selection in [
        Selection::window(None, None, &[Table::ToolInvocations]),
        Selection::window(Some(ts.saturating_add_micros(1)), None, &Table::ALL),
        Selection::window(None, Some(ts), &Table::ALL),
        Selection::traces([other], &Table::ALL),
        Selection::traces([trace], &[Table::ProofArtifacts]),
    ] {
        let selection = selection.unwrap();
        let view = Lying::matching(&world, &rows[first_of(&rows, Table::McpCalls)..]);
        let refused = SealDigest::compute(&view, &selection, Vec::new(), world.size()).unwrap_err();
        assert_eq!(refused.code(), "seal-view-order", "{selection:?}");
    }
}

/// Row states that are no rows as they were logged, and how a report tells of each.
fn spoiled(rows: &Rows) -> Vec<(usize, RowState, Code, &'static str)> {
    let at = first_of(rows, Table::ToolInvocations) + 1;
    let RowState::Present(row) = &rows[at].1 else {
        unreachable!("the fixture has such a row");
    };
    let with = |column: &str, cell: Cell| {
        let cells = row.cells().map(|(name, old)| if name == column { cell.clone() } else { old.into() });
        RowState::Present(StoredRow::new(row.table(), row.schema(), cells.collect()).unwrap())
    };
    // No double is 2^53 + 1, so the row has no canonical form.
    let inexact = with("duration_us", Cell::Integer((1 << 53) + 1));
    vec![
        (at, RowState::Malformed { column: "status".to_owned() }, Code::RowAltered, "malformed column status"),
        (at, inexact, Code::RowAltered, "malformed column record-canonical"),
        (at, RowState::Missing, Code::RowMissing, "no row"),
        (at, with("ts", Cell::Text("noon".into())), Code::RowAltered, "malformed column ts or trace_id"),
    ]
}

#[test]
fn what_is_no_row_is_named_and_not_sealed() {
    let mut world = World::full();
    let everything = Selection::everything();
    let bundle = world.seal(everything.clone());
    let rows = truth(&world);
    for (at, state, code, found) in spoiled(&rows) {
        let mut given = rows.clone();
        given[at].1 = state;
        let view = Lying::matching(&world, &given);
        let refused = SealDigest::compute(&view, &everything, Vec::new(), world.size()).unwrap_err();
        assert_eq!(refused.code(), "seal-row-altered");
        let name = format!("row {}/{}", given[at].0.table, given[at].0.row_id);
        let report = verify(&world, &bundle, &view);
        assert_eq!(of_rows(&report), [(code, name, found.to_owned())]);
        assert_eq!(report.verdict(), Verdict::Contradicted);
    }
}

/// Where the selection no longer gives a row, the log is asked for it.
#[test]
fn what_no_longer_matches_is_named_from_the_log() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let rows = truth(&world);
    for (at, state, code, found) in spoiled(&rows) {
        let (mut matching, mut log) = (rows.clone(), rows.clone());
        let (entry, _) = matching.remove(at);
        log[at].1 = state.clone();
        log.sort_by_key(|(entry, _)| entry.seq);
        let view = Lying { ledger: &world.ledger, matching, log: Some(log) };
        // Its time matters to a selection alone: the log says that it is another row than was logged.
        let found = match state {
            RowState::Present(row) => row.leaf_hash().map_or_else(|_| found.to_owned(), |leaf| leaf.to_string()),
            _ => found.to_owned(),
        };
        let name = format!("row {}/{}", entry.table, entry.row_id);
        assert_eq!(of_rows(&verify(&world, &bundle, &view)), [(code, name, found)]);
    }
}

#[test]
fn an_entry_of_another_schema_does_not_name_the_row() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    hazmat::change_schema(&mut world.ledger, 4, SchemaVersion::new(2));
    let (report, verified) = verify_seal(&bundle, &world.ledger, Some(&world.files), Some(&world.key()));
    assert_eq!((report.verdict(), verified), (Verdict::Contradicted, None));
    assert!(report.has(Code::RowAltered));
}

/// More rows than are gathered before they are hashed into the tree.
#[test]
fn the_leaves_of_thousands_of_rows_give_the_same_digest() {
    let mut world = World::full();
    let trace = world.trace();
    for _ in 0..2_100 {
        world.event(trace, None);
    }
    let rows = truth(&world);
    let [anew, trusted] = digests(&Lying::matching(&world, &rows), &Selection::everything(), world.size());
    assert_eq!((anew.is_ok(), trusted), (true, anew));
}
