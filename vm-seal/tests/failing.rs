//! A view or a folder that cannot answer is never a pass, whichever part of it fails.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use vm_core::capability::act;
use vm_core::id::{EngineName, LedgerId, RowId};
use vm_core::key::SigningIdentity;
use vm_core::path::VaultPath;
use vm_core::record::{SchemaVersion, Table};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::verdict::{Code, Verdict};
use vm_core::view::{
    EvidenceView, FileFault, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, VaultFiles, ViewError, Visit,
};
use vm_seal::audit::{Trust, audit, audit_log};
use vm_seal::digest::SealDigest;
use vm_seal::memory::{MemoryFiles, MemoryLedger, hazmat};
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;
use vm_seal::verify::verify_seal;

/// A view of which one method fails.
struct Failing<'a>(&'a MemoryLedger, Part);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Part {
    Ledger,
    Schema,
    Size,
    Log,
    Unlogged,
    Matching,
    Row,
    Checkpoints,
    Tiles,
}

impl Failing<'_> {
    fn at(&self, part: Part) -> Result<(), ViewError> {
        if self.1 == part { Err(ViewError::store(std::io::Error::other("disk"))) } else { Ok(()) }
    }
}

impl EvidenceView for Failing<'_> {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        self.at(Part::Ledger).and_then(|()| self.0.ledger())
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        self.at(Part::Schema).and_then(|()| self.0.schema())
    }

    fn size(&self) -> Result<u64, ViewError> {
        self.at(Part::Size).and_then(|()| self.0.size())
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.at(Part::Log)?;
        self.0.visit_log(from, to, visit)
    }

    fn visit_unlogged(
        &self,
        visit: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.at(Part::Unlogged)?;
        self.0.visit_unlogged(visit)
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(vm_core::record::LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.at(Part::Matching)?;
        self.0.visit_matching(filter, visit)
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        self.at(Part::Row).and_then(|()| self.0.row(id))
    }

    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.at(Part::Checkpoints)?;
        self.0.visit_checkpoints(visit)
    }

    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        self.at(Part::Tiles)?;
        self.0.visit_tiles(visit)
    }
}

/// Files of which none can be read.
struct Unreadable(MemoryFiles);

impl VaultFiles for Unreadable {
    fn read(&self, path: &VaultPath, _: &mut dyn FnMut(&[u8])) -> Result<(), FileFault> {
        let source = Box::new(std::io::Error::other("disk"));
        Err(FileFault::Unreadable { path: path.to_string(), source })
    }

    fn engines(&self) -> Result<Vec<EngineName>, FileFault> {
        self.0.engines()
    }
}

#[test]
fn a_failing_view_is_undecided() {
    let mut world = World::full();
    let bundle = world.seal_and_record(Selection::everything());
    let (key, head) = (world.key(), world.head());
    let trust = Trust { key: Some(&key), head: Some(&head) };
    use Part::{Checkpoints, Ledger, Log, Matching, Row, Schema, Size, Tiles, Unlogged};
    for part in [Ledger, Size, Log, Unlogged, Matching, Row, Checkpoints, Tiles] {
        let audit = audit(&Failing(&world.ledger, part), Some(&world.files), &trust);
        assert_eq!(audit.report.verdict(), Verdict::Undecided, "{part:?}: {:?}", audit.report.findings());
        assert!(audit.report.has(Code::EvidenceUnreadable) && audit.ledger.is_none(), "{part:?}");
    }
    for part in [Ledger, Size, Log, Matching] {
        let (report, verified) = verify_seal(&bundle, &Failing(&world.ledger, part), Some(&world.files), Some(&key));
        assert_eq!((report.verdict(), verified), (Verdict::Undecided, None), "{part:?}");
    }
    for part in [Size, Matching] {
        let view = Failing(&world.ledger, part);
        let error = SealDigest::compute(&view, &Selection::everything(), Vec::new(), world.size()).unwrap_err();
        assert_eq!(error.code(), "seal-view");
    }
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    let signer = world.ledger.signer().clone();
    for part in [Ledger, Schema] {
        let view = Failing(&world.ledger, part);
        let request = SealRequest::over(Selection::everything(), &head);
        let error = seal(&view, request, &signer, &permit, &world.clock, &mut world.entropy).unwrap_err();
        assert_eq!(error.code(), "seal-view");
    }
}

#[test]
fn an_audit_of_the_log_misses_no_file_and_forgives_nothing_else() {
    let mut world = World::full();
    world.seal_and_record(Selection::everything());
    let (key, head) = (world.key(), world.head());
    let trust = Trust { key: Some(&key), head: Some(&head) };
    let (report, ledger) = audit_log(&world.ledger, &trust);
    assert_eq!((report.verdict(), ledger.is_some()), (Verdict::Verified, true), "{:?}", report.findings());
    use Part::{Checkpoints, Ledger, Log, Row, Size, Tiles, Unlogged};
    for part in [Ledger, Size, Log, Unlogged, Row, Checkpoints, Tiles] {
        let (report, ledger) = audit_log(&Failing(&world.ledger, part), &trust);
        assert_eq!((report.verdict(), ledger), (Verdict::Undecided, None), "{part:?}");
    }
    let trace = world.trace();
    let artifact = world.event(trace, None).row_id;
    hazmat::remove_row(&mut world.ledger, artifact);
    let (report, ledger) = audit_log(&world.ledger, &Trust { key: Some(&key), head: None });
    assert_eq!((report.has(Code::RowMissing), ledger), (true, None));
}

#[test]
fn unreadable_files_are_undecided() {
    let mut world = World::full();
    let bundle = world.seal_and_record(Selection::everything());
    let (key, head) = (world.key(), world.head());
    let files = Unreadable(world.files.clone());
    let audit = audit(&world.ledger, Some(&files), &Trust { key: Some(&key), head: Some(&head) });
    assert_eq!(audit.report.verdict(), Verdict::Undecided, "{:?}", audit.report.findings());
    let (report, verified) = verify_seal(&bundle, &world.ledger, Some(&files), Some(&key));
    assert_eq!((report.verdict(), verified), (Verdict::Undecided, None));
}

#[test]
fn sealing_demands_the_right_permit_checkpoint_and_key() {
    let world = World::full();
    let head = world.head();
    let signer = world.ledger.signer().clone();
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    let refused = |world: &World, checkpoint, signer: &SigningIdentity, clock: &SteppingClock| {
        let request = SealRequest::over(Selection::everything(), checkpoint);
        let mut entropy = CountingEntropy::new(1);
        seal(&world.ledger, request, signer, &permit, clock, &mut entropy).unwrap_err().code()
    };
    let early = SteppingClock::new(fixture::instant("2020-01-01T00:00:00Z"));
    assert_eq!(refused(&world, &head, &signer, &early), "seal-permit");
    let other = SigningIdentity::from_seed(&[50; 32]);
    assert_eq!(refused(&world, &head, &other, &world.clock), "seal-checkpoint");
    let scroll = world.files.content(&fixture::path("receipts/console/ROOT.console.txt")).unwrap();
    let scroll = vm_core::key::Note::parse(scroll).unwrap();
    assert_eq!(refused(&world, &scroll, &signer, &world.clock), "seal-checkpoint");
    // A permit of another ledger.
    let mut entropy = CountingEntropy::new(99);
    let key = |byte| SigningIdentity::from_seed(&[byte; 32]);
    let (ledger, _) = MemoryLedger::found(&key(1), key(2), key(3), &world.clock, &mut entropy).unwrap();
    let elsewhere = World { ledger, ..World::full() };
    assert_eq!(refused(&elsewhere, &elsewhere.head(), &signer, &world.clock), "seal-permit");
}
