//! What reports name: the seal, the part of it and the rows that are wrong, and nothing else.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use serde_json::json;
use vm_core::canonical;
use vm_core::digest::RootHash;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_core::record::{Cell, Table};
use vm_core::verdict::{Code, Report, Verdict};
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};
use vm_seal::digest::ScrollRoot;
use vm_seal::memory::hazmat;
use vm_seal::merkle::TreeSize;
use vm_seal::selection::Selection;
use vm_seal::verify::{Exported, verify_bundle_alone, verify_exported, verify_seal};

fn verify(world: &World, bundle: &SealBundle) -> Report {
    verify_seal(bundle, &world.ledger, Some(&world.files), Some(&world.key())).0
}

fn subjects(report: &Report, code: Code) -> Vec<&str> {
    report.findings().iter().filter(|finding| finding.code() == code).map(|finding| finding.subject()).collect()
}

#[test]
fn a_seal_is_named_by_its_id() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let name = format!("seal {}", bundle.seal_id());
    assert_eq!(subjects(&verify_bundle_alone(&bundle, None), Code::NoTrustKey), [name.as_str()]);
    let report = verify(&world, &bundle);
    assert!(report.checks().iter().any(|check| *check == format!("{name}: digest, checkpoint and statement")));
    assert_eq!(bundle.schema_last_migration(), "0003_shadow_receipts.sql");
}

/// Another key under the ledger's own name, which signed nothing of the bundle.
#[test]
fn another_pinned_key_is_held_against_the_bundle_alone() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let other = SigningIdentity::from_seed(&[77; 32]).public();
    let other = NoteKey::new(world.ledger.id().origin(), other).unwrap();
    let report = verify_bundle_alone(&bundle, Some(&other));
    let signer = report.findings().iter().find(|finding| finding.code() == Code::KeyChangeUnproven).unwrap();
    assert_eq!(signer.subject(), format!("seal {} signer", bundle.seal_id()));
    assert_eq!(signer.expected_value(), Some(other.to_string().as_str()));
    assert_eq!(signer.found_value(), Some(bundle.signer().to_string().as_str()));
    // It may have come in the other's place, and nothing here says that it did.
    assert_eq!(report.verdict(), Verdict::Undecided);
    assert!(!verify_bundle_alone(&bundle, Some(&world.key())).has(Code::KeyChangeUnproven));
}

#[test]
fn a_checkpoint_of_another_size_is_named() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let size = bundle.as_of().as_u64();
    let mut changed = canonical::parse(bundle.as_bytes(), BUNDLE_MAX).unwrap();
    changed["as_of"] = json!(size - 1);
    let forged = SealBundle::parse(&canonical::to_bytes(&changed).unwrap()).unwrap();
    let report = verify(&world, &forged);
    let name = format!("seal {} checkpoint", bundle.seal_id());
    let finding = report.findings().iter().find(|finding| finding.subject() == name).unwrap();
    assert_eq!(finding.code(), Code::SealAltered);
    let told = [finding.expected_value(), finding.found_value()].map(|value| value.unwrap().parse::<u64>().unwrap());
    assert_eq!(told, [size - 1, size]);
    // A checkpoint of another size says nothing of the log at this one.
    assert!(!report.has(Code::RootMismatch));
}

#[test]
fn rows_outside_the_selection_are_not_its_concern() {
    let mut world = World::full();
    let bundle = world.seal(Selection::window(None, None, &[Table::McpCalls]).unwrap());
    let id_at = |world: &World, table: Table| {
        let selection = Selection::window(None, None, &[table]).unwrap();
        let mut ids = Vec::new();
        let take = &mut |entry: vm_core::record::LogEntry, _| {
            ids.push(entry.row_id);
            Ok(vm_core::view::Visit::Continue)
        };
        vm_core::view::EvidenceView::visit_matching(&world.ledger, &selection.filter(world.size()), take).unwrap();
        ids[0]
    };
    let (inside, outside) = (id_at(&world, Table::McpCalls), id_at(&world, Table::ToolInvocations));
    hazmat::change_cell(&mut world.ledger, outside, "meta_json", &Cell::Text("{}".into()));
    let report = verify(&world, &bundle);
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
    hazmat::change_cell(&mut world.ledger, inside, "meta_json", &Cell::Text("{}".into()));
    let report = verify(&world, &bundle);
    assert_eq!(subjects(&report, Code::RowAltered), [format!("row mcp_calls/{inside}")]);
    // One that is gone matches nothing; then the log is asked, and what else is wrong in it is told as well.
    hazmat::remove_row(&mut world.ledger, inside);
    let report = verify(&world, &bundle);
    assert_eq!(subjects(&report, Code::RowMissing), [format!("row mcp_calls/{inside}")]);
    assert_eq!(subjects(&report, Code::RowAltered), [format!("row tool_invocations/{outside}")]);
}

#[test]
fn a_genesis_of_another_kind_is_told_as_such() {
    let mut world = World::full();
    world.scrolls.clear();
    let bundle = world.seal(Selection::everything());
    let told = |from: &World, wanted: Table, change: (&str, &str)| {
        let mut data = None;
        let take = &mut |entry: vm_core::record::LogEntry, state| {
            if let (true, vm_core::view::RowState::Present(row)) = (entry.table == wanted && data.is_none(), state) {
                data = Some(String::from_utf8(row.leaf_data().unwrap()).unwrap());
            }
            Ok(vm_core::view::Visit::Continue)
        };
        let filter = Selection::everything().filter(from.size());
        vm_core::view::EvidenceView::visit_matching(&from.ledger, &filter, take).unwrap();
        let data = data.unwrap().replacen(change.0, change.1, 1).into_bytes();
        let report = verify_exported(&bundle, Exported::Rows([(0, data)], None), Some(bundle.signer())).0;
        let finding = report.findings().iter().find(|finding| finding.code() == Code::GenesisInvalid).unwrap();
        assert_eq!(finding.subject(), format!("genesis of seal {}", bundle.seal_id()));
        finding.found_value().unwrap_or_default().to_owned()
    };
    // The genesis' own content under another kind, and a row of another table.
    assert_eq!(told(&world, Table::ProofArtifacts, ("vm-genesis\"", "other\"")), "a row of another kind");
    assert_eq!(told(&world, Table::ShadowReceipts, ("", "")), "a row of another kind");
}

/// A scroll that was sealed before it had a line is sound whether or not there is a file, and only with the empty root.
#[test]
fn a_scroll_sealed_without_lines_needs_no_file() {
    let sealed = |root: RootHash| {
        let mut world = World::full();
        world.scrolls.push(ScrollRoot { engine: "quiet".parse().unwrap(), size: TreeSize::ZERO, root });
        let bundle = world.seal(Selection::everything());
        (world, bundle)
    };
    let (mut world, bundle) = sealed(RootHash::empty());
    let checked = format!("scroll quiet of seal {}", bundle.seal_id());
    for lines in [None, Some("{\"a\":1}")] {
        if let Some(line) = lines {
            world.scroll("quiet", &[line]);
        }
        let report = verify(&world, &bundle);
        assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
        assert!(report.checks().contains(&checked));
    }
    let (world, bundle) = sealed(RootHash::from_slice(&[1; 32]).unwrap());
    assert_eq!(subjects(&verify(&world, &bundle), Code::ScrollAltered), [checked_name(&bundle)]);
}

fn checked_name(bundle: &SealBundle) -> String {
    format!("scroll quiet of seal {}", bundle.seal_id())
}
