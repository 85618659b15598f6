//! Seals: made, verified, and every way of spoiling one.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::{World, path};
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::act;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_core::record::{Cell, StoredRow, Table};
use vm_core::verdict::{Code, Report, Verdict};
use vm_core::view::{EvidenceView, RowState, StoredEntry, Visit};
use vm_seal::bundle::{BUNDLE_MAX, SealBundle, SealInputs};
use vm_seal::digest::SealDigest;
use vm_seal::memory::hazmat;
use vm_seal::merkle::TreeSize;
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;
use vm_seal::verify::{Exported, verify_bundle_alone, verify_exported, verify_seal};

fn verify(world: &World, bundle: &SealBundle) -> Report {
    verify_seal(bundle, &world.ledger, Some(&world.files), Some(&world.key())).0
}

/// Rows without their places and without a completeness proof.
fn verify_rows<L: AsRef<[u8]>>(
    bundle: &SealBundle,
    rows: impl IntoIterator<Item = L>,
    key: Option<&NoteKey>,
) -> Report {
    verify_exported(bundle, Exported::Rows(rows.into_iter().map(|data| (u64::MAX, data)), None), key).0
}

fn codes(report: &Report) -> Vec<Code> {
    report.findings().iter().map(vm_core::verdict::Finding::code).collect()
}

#[test]
fn a_seal_of_everything_verifies() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    assert_eq!(bundle.digest().leaves(), world.size());
    let (report, verified) = verify_seal(&bundle, &world.ledger, Some(&world.files), Some(&world.key()));
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
    assert_eq!(verified.unwrap().file_hash(), bundle.file_hash());
    assert_eq!(SealBundle::parse(bundle.as_bytes()), Ok(bundle));
}

#[test]
fn what_is_missing_for_a_full_answer_is_named() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let (report, verified) = verify_seal(&bundle, &world.ledger, Some(&world.files), None);
    assert_eq!(codes(&report), [Code::NoTrustKey]);
    assert_eq!((report.verdict(), verified), (Verdict::Undecided, None));
    let (report, verified) = verify_seal(&bundle, &world.ledger, None, Some(&world.key()));
    assert_eq!(codes(&report), [Code::EvidenceUnreadable]);
    assert_eq!((report.verdict(), verified), (Verdict::Undecided, None));
    let report = verify_bundle_alone(&bundle, Some(&world.key()));
    assert_eq!(report.verdict(), Verdict::Undecided);
    assert!(report.has(Code::CompletenessUnproven));
}

#[test]
fn a_seal_holds_while_the_ledger_grows() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let trace = world.trace();
    world.event(trace, None);
    world.scroll("console", &["{\"a\":1}", "{\"b\":2}", "{\"c\":[]}", "{\"d\":4}"]);
    let report = verify(&world, &bundle);
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
}

/// The bits that were flipped without being refused outright must be contradicted, with and without a pinned key,
/// and also where there is nothing but the bundle.
#[test]
fn every_flipped_bit_is_refused_or_contradicted() {
    let mut world = World::full();
    let bytes = world.seal(Selection::everything()).as_bytes().to_vec();
    let mut contradicted = 0;
    for bit in 0..bytes.len() * 8 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let Ok(bundle) = SealBundle::parse(&forged) else {
            continue;
        };
        contradicted += 1;
        for key in [Some(&world.key()), None] {
            let alone = verify_bundle_alone(&bundle, key);
            assert_eq!(alone.verdict(), Verdict::Contradicted, "bit {bit}");
        }
        if bit % 7 == 0 {
            let (report, verified) = verify_seal(&bundle, &world.ledger, Some(&world.files), None);
            assert_eq!((report.verdict(), verified), (Verdict::Contradicted, None), "bit {bit}");
        }
    }
    assert!(contradicted > 1_000, "{contradicted}");
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let mut world = World::full();
    let bytes = world.seal(Selection::everything()).as_bytes().to_vec();
    for end in 0..bytes.len() {
        assert!(SealBundle::parse(&bytes[..end]).is_err(), "{end}");
    }
    for tail in [b"\n".as_slice(), b" ", b"{}", bytes.as_slice()] {
        assert!(SealBundle::parse(&[bytes.as_slice(), tail].concat()).is_err());
    }
    assert_eq!(SealBundle::parse(&vec![b' '; BUNDLE_MAX + 1]).unwrap_err().code(), "bundle-json");
}

#[test]
fn unknown_formats_are_told_apart_from_malformed_ones() {
    let mut world = World::full();
    let text = String::from_utf8(world.seal(Selection::everything()).as_bytes().to_vec()).unwrap();
    let code = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        SealBundle::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err().code()
    };
    assert_eq!(code("vm-ouroboros-seal-v0", "vm-ouroboros-seal-v1"), "format-unknown");
    assert_eq!(code("\"digest_algo\":\"sha256\"", "\"digest_algo\":\"md5\""), "bundle-shape");
    assert_eq!(code("{\"as_of\"", "{\"aaa\":1,\"as_of\""), "bundle-shape");
    assert_eq!(code("\"leaves\":", "\"leaves\": "), "bundle-json");
}

/// Each member changed to another good value, the file made canonical again.
#[test]
fn every_changed_member_is_contradicted() {
    let mut world = World::full();
    let trace = world.trace();
    let bundle = world.seal(Selection::everything());
    let good = canonical::parse(bundle.as_bytes(), BUNDLE_MAX).unwrap();
    let later = json!(world.now());
    let changes: &[(&str, Value)] = &[
        ("/schema_version", json!(2)),
        ("/schema_last_migration", json!("0004_other.sql")),
        ("/seal_id", json!(trace)),
        ("/sealed_at", later.clone()),
        ("/selection/since", json!("2020-01-01T00:00:00.000000Z")),
        ("/selection/until", later.clone()),
        ("/selection/kinds", json!(["mcp_calls"])),
        ("/digest/hex", json!("00".repeat(32))),
        ("/bounds/min_ts", json!("2020-01-01T00:00:00.000000Z")),
        ("/bounds/max_ts", json!(null)),
        ("/inputs/sqlite_db_path", json!("other.db")),
        ("/inputs/receipt_roots", json!([])),
        ("/leaves", json!(1)),
        ("/set_root", json!("00".repeat(32))),
        ("/scrolls", json!([])),
        ("/scrolls/0/size", json!(2)),
        ("/scrolls/0/root", json!("00".repeat(32))),
        ("/scrolls/0/engine", json!("other")),
        ("/as_of", json!(3)),
    ];
    for (pointer, value) in changes {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        let forged = SealBundle::parse(&canonical::to_bytes(&changed).unwrap()).unwrap();
        let alone = verify_bundle_alone(&forged, None);
        assert_eq!(alone.verdict(), Verdict::Contradicted, "{pointer}");
        assert!(alone.has(Code::SealAltered), "{pointer}");
    }
}

#[test]
fn parts_of_other_seals_do_not_fit() {
    let mut world = World::full();
    let one = world.seal(Selection::everything());
    let trace = world.trace();
    world.event(trace, None);
    let two = world.seal(Selection::everything());
    let values = [&one, &two].map(|bundle| canonical::parse(bundle.as_bytes(), BUNDLE_MAX).unwrap());
    for member in ["statement", "checkpoint", "digest", "set_root", "seal_id", "as_of", "leaves"] {
        let mut mixed = values[0].clone();
        mixed[member] = values[1][member].clone();
        let mixed = SealBundle::parse(&canonical::to_bytes(&mixed).unwrap()).unwrap();
        assert_eq!(verify_bundle_alone(&mixed, None).verdict(), Verdict::Contradicted, "{member}");
    }
}

#[test]
fn a_seal_signed_anew_by_another_key_is_contradicted() {
    let mut world = World::full();
    let bundle = signed_by(&mut world, &SigningIdentity::from_seed(&[77; 32]));
    assert!(verify(&world, &bundle).has(Code::SealAltered));
    let (unpinned, _) = verify_seal(&bundle, &world.ledger, Some(&world.files), None);
    assert!(unpinned.has(Code::SealAltered));
}

#[test]
fn every_change_to_a_sealed_row_is_named() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let mut rows: Vec<StoredRow> = Vec::new();
    world
        .ledger
        .visit_log(0, u64::MAX, &mut |_, state| {
            if let RowState::Present(row) = state {
                rows.push(row);
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    for row in rows {
        let id = row.id().unwrap();
        for column in row.table().columns(row.schema()).unwrap() {
            if column.name == "id" {
                continue;
            }
            for cell in [
                Cell::Integer(8),
                Cell::Real(0.75),
                Cell::Text("2030-01-01T00:00:00.000000Z".into()),
                Cell::Blob(vec![8; 16]),
                Cell::Null,
            ] {
                hazmat::change_cell(&mut world.ledger, id, column.name, &cell);
                let changed = world.ledger.row(id).unwrap().unwrap().row != row;
                let report = verify(&world, &bundle);
                let expected = if changed { Verdict::Contradicted } else { Verdict::Verified };
                assert_eq!(report.verdict(), expected, "{}.{} {cell:?}", row.table(), column.name);
                assert_eq!(report.has(Code::RowAltered), changed, "{}.{} {cell:?}", row.table(), column.name);
                hazmat::replace_row(&mut world.ledger, id, row.clone());
            }
        }
    }
}

#[test]
fn a_sealed_row_that_is_gone_is_named() {
    let mut world = World::full();
    let trace = world.trace();
    let bundle = world.seal(Selection::everything());
    let event = world.event(trace, None);
    hazmat::remove_row(&mut world.ledger, event.row_id);
    assert_eq!(verify(&world, &bundle).verdict(), Verdict::Verified, "a row after the seal is not its concern");
    let sealed = world.seal_target(3);
    hazmat::remove_row(&mut world.ledger, sealed);
    let report = verify(&world, &bundle);
    assert!(report.has(Code::RowMissing) && report.has(Code::SealAltered), "{:?}", report.findings());
    hazmat::cut_log(&mut world.ledger, 5);
    assert!(verify(&world, &bundle).has(Code::TailCut));
}

#[test]
fn scrolls_are_checked_at_the_sealed_size() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    world.scroll("console", &["{\"a\":1}", "{\"b\":3}", "{\"c\":[]}"]);
    assert!(verify(&world, &bundle).has(Code::ScrollAltered));
    world.scroll("console", &["{\"a\":1}", "{\"b\":2}"]);
    assert!(verify(&world, &bundle).has(Code::TailCut));
    world.files.remove(&path("receipts/console/ENGINE_EVENTS.jsonl"));
    assert!(verify(&world, &bundle).has(Code::TailCut));
}

#[test]
fn exported_rows_are_proven_but_not_their_completeness() {
    let mut world = World::full();
    world.scrolls.clear();
    let selection = Selection::window(None, None, &[Table::McpCalls, Table::ToolInvocations]).unwrap();
    let bundle = world.seal(selection);
    let mut leaves = Vec::new();
    let filter = bundle.digest().selection().filter(bundle.as_of());
    world
        .ledger
        .visit_matching(&filter, &mut |_, state| {
            if let RowState::Present(row) = state {
                leaves.push(row.leaf_data().unwrap());
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    let key = world.key();
    leaves.reverse();
    let report = verify_rows(&bundle, &leaves, Some(&key));
    assert_eq!(codes(&report), [Code::CompletenessUnproven]);
    let thinned = verify_rows(&bundle, &leaves[1..], Some(&key));
    assert_eq!(thinned.verdict(), Verdict::Contradicted);
    let doubled = [leaves.as_slice(), &leaves[..1]].concat();
    assert!(verify_rows(&bundle, &doubled, Some(&key)).has(Code::RowInserted));
    let mut altered = leaves.clone();
    let text = String::from_utf8(altered[0].clone()).unwrap();
    altered[0] = text.replace("\"schema\":3", "\"schema\":2").into_bytes();
    assert_eq!(verify_rows(&bundle, &altered, Some(&key)).verdict(), Verdict::Contradicted);
    altered[0] = b"{}".to_vec();
    assert!(verify_rows(&bundle, &altered, Some(&key)).has(Code::RowAltered));
}

#[test]
fn adjacent_windows_partition() {
    let world = World::full();
    let everything = SealDigest::compute(&world.ledger, &Selection::everything(), Vec::new(), world.size()).unwrap();
    let (first, last) = (everything.bounds().min_ts().unwrap(), everything.bounds().max_ts().unwrap());
    let mut at = first;
    while at <= last.saturating_add_micros(1) {
        let count = |since, until| {
            let selection = Selection::window(since, until, &Table::ALL).unwrap();
            let digest = SealDigest::compute(&world.ledger, &selection, Vec::new(), world.size()).unwrap();
            digest.leaves().as_u64()
        };
        assert_eq!(count(None, Some(at)) + count(Some(at), None), world.size().as_u64(), "{at}");
        at = at.saturating_add_micros(500);
    }
}

/// Bundle and rows as written when the format was settled; they must be made and read the same for ever. To look at
/// what this build makes instead, run with `GOLDEN_OUT` naming a folder.
#[test]
fn the_golden_seal_is_reproduced_and_read() {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    let mut rows = String::new();
    world
        .ledger
        .visit_matching(&bundle.digest().selection().filter(bundle.as_of()), &mut |_, state| {
            if let RowState::Present(row) = state {
                rows.push_str(std::str::from_utf8(&row.leaf_data().unwrap()).unwrap());
                rows.push('\n');
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    if let Some(folder) = std::env::var_os("GOLDEN_OUT") {
        let folder = std::path::PathBuf::from(folder);
        std::fs::write(folder.join("seal.json"), bundle.as_bytes()).unwrap();
        std::fs::write(folder.join("rows.jsonl"), &rows).unwrap();
    }
    let golden = SealBundle::parse(include_bytes!("vectors/golden/seal.json")).unwrap();
    let golden_rows = include_str!("vectors/golden/rows.jsonl");
    assert_eq!(bundle, golden);
    assert_eq!(rows, golden_rows);
    let report = verify_rows(&golden, golden_rows.lines(), Some(golden.signer()));
    assert_eq!(codes(&report), [Code::CompletenessUnproven, Code::EvidenceUnreadable]);
}

#[test]
fn the_digest_depends_on_the_set_alone() {
    let mut world = World::full();
    let digest = |world: &World| {
        SealDigest::compute(&world.ledger, &Selection::everything(), world.scrolls.clone(), TreeSize::new(9)).unwrap()
    };
    let before = digest(&world);
    let trace = world.trace();
    world.event(trace, None);
    assert_eq!(digest(&world), before);
    let all =
        SealDigest::compute(&world.ledger, &Selection::everything(), world.scrolls.clone(), world.size()).unwrap();
    assert_ne!(all.hash(), before.hash());
}

#[test]
fn what_cannot_be_sealed_is_refused_by_name() {
    let mut world = World::full();
    let beyond = TreeSize::new(world.size().as_u64() + 1);
    let refused = |world: &World, scrolls, as_of| {
        SealDigest::compute(&world.ledger, &Selection::everything(), scrolls, as_of).unwrap_err().code()
    };
    assert_eq!(refused(&world, Vec::new(), beyond), "seal-as-of");
    let twice = [world.scrolls.clone(), world.scrolls.clone()].concat();
    assert_eq!(refused(&world, twice, world.size()), "seal-scrolls");
    let target = world.seal_target(4);
    hazmat::change_cell(&mut world.ledger, target, "ts", &Cell::Text("2026-01-02T03:04:05.999999Z".into()));
    assert_eq!(refused(&world, Vec::new(), world.size()), "seal-row-altered");
}

impl World {
    /// Id of the row at a place of the log.
    fn seal_target(&self, seq: u64) -> vm_core::id::RowId {
        let mut id = None;
        self.ledger
            .visit_log(seq, seq + 1, &mut |entry, _| {
                if let vm_core::view::StoredEntry::Entry(entry) = entry {
                    id = Some(entry.row_id);
                }
                Ok(Visit::Stop)
            })
            .unwrap();
        id.unwrap()
    }
}

/// A seal by a forger, who holds the whole database and signs all of it again, but has another key.
fn signed_by(world: &mut World, forger: &SigningIdentity) -> SealBundle {
    let text = world.head().unverified_text().to_owned();
    let checkpoint = vm_core::key::Note::sign(&text, &world.ledger.id().origin(), forger).unwrap();
    let request = SealRequest {
        selection: Selection::everything(),
        scrolls: world.scrolls.clone(),
        checkpoint: &checkpoint,
        inputs: SealInputs::default(),
    };
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    seal(&world.ledger, request, forger, &permit, &world.clock, &mut world.entropy).unwrap()
}

/// Leaf data of the rows of a seal over everything, each with its place.
fn placed(world: &World) -> Vec<(u64, Vec<u8>)> {
    let mut rows = Vec::new();
    let take = &mut |entry, state| {
        if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state) {
            rows.push((entry.seq, row.leaf_data().unwrap()));
        }
        Ok(Visit::Continue)
    };
    world.ledger.visit_log(0, u64::MAX, take).unwrap();
    rows
}

#[test]
fn the_genesis_among_exported_rows_gives_ledger_and_key() {
    let mut world = World::full();
    world.scrolls.clear();
    let bundle = world.seal(Selection::everything());
    let rows = placed(&world);
    let verify = |bundle: &SealBundle, rows: &[(u64, Vec<u8>)]| {
        let rows = rows.iter().map(|(place, data)| (*place, data));
        verify_exported(bundle, Exported::Rows(rows, None), Some(bundle.signer())).0
    };
    assert_eq!(codes(&verify(&bundle, &rows)), [Code::CompletenessUnproven]);
    // Another row at its place, one that reads as a genesis and is of another ledger, and one that does not.
    for (old, new) in [
        ("\\\"nonce\\\":\\\"", "\\\"nonce\\\":\\\"00"),
        ("vm-genesis-v0", "vm-genesis-v1"),
        ("vm-genesis\"", "other\""),
    ] {
        let mut forged = rows.clone();
        let text = String::from_utf8(forged[0].1.clone()).unwrap();
        assert!(text.contains(old), "{old} is not in {text}");
        // As many digits as before.
        let text = if new.ends_with("00") { drop_two_after(&text, old) } else { text };
        forged[0].1 = text.replacen(old, new, 1).into_bytes();
        assert!(verify(&bundle, &forged).has(Code::GenesisInvalid), "{old}");
    }
    let mut swapped = rows.clone();
    swapped[4].0 = 0;
    assert!(verify(&bundle, &swapped).has(Code::GenesisInvalid));
    // The true genesis, and a seal that another key signed under the ledger's name.
    let forged = signed_by(&mut world, &SigningIdentity::from_seed(&[9; 32]));
    let report = verify(&forged, &rows);
    let signer = report.findings().iter().find(|finding| finding.subject().ends_with("signer"));
    assert_eq!(signer.map(vm_core::verdict::Finding::code), None, "whoever pins that key knows that it took its place");
    let unpinned = rows.iter().map(|(place, data)| (*place, data));
    let (report, _) = verify_exported(&forged, Exported::Rows(unpinned, None), None);
    assert!(report.has(Code::KeyChangeUnproven), "{:?}", report.findings());
    let other = (world.key(), rows.iter().map(|(place, data)| (*place, data)));
    let (report, _) = verify_exported(&forged, Exported::Rows(other.1, None), Some(&other.0));
    assert!(report.has(Code::KeyChangeUnproven), "{:?}", report.findings());
}

fn drop_two_after(text: &str, mark: &str) -> String {
    let (before, after) = text.split_once(mark).unwrap();
    format!("{before}{mark}{}", &after[2..])
}

#[test]
fn exported_rows_of_unknown_formats_are_told_from_malformed_ones() {
    let mut world = World::full();
    world.scrolls.clear();
    let bundle = world.seal(Selection::everything());
    let rows: Vec<Vec<u8>> = placed(&world).into_iter().map(|(_, data)| data).collect();
    for (old, new, code) in [
        ("vm-row-v0", "vm-row-v1", Code::FormatUnknown),
        ("\"schema\":3", "\"schema\":4", Code::FormatUnknown),
        ("\"schema\":3", "\"schema\":0", Code::FormatUnknown),
        ("\"table\":\"proof_artifacts\"", "\"table\":\"proofs\"", Code::RowAltered),
        ("\"size\":", "\"sise\":", Code::RowAltered),
    ] {
        let mut altered = rows.clone();
        let text = String::from_utf8(altered[0].clone()).unwrap();
        altered[0] = text.replacen(old, new, 1).into_bytes();
        assert_ne!(altered[0], rows[0], "{old}");
        let found = codes(&verify_rows(&bundle, &altered, Some(&world.key())));
        let of_row: Vec<Code> =
            found.into_iter().filter(|code| [Code::FormatUnknown, Code::RowAltered].contains(code)).collect();
        assert_eq!(of_row, [code], "{new}");
    }
    // A schema that this build knows, and a table that it did not have yet: no later format will make a row of it.
    let mut altered = rows;
    let shadow = altered.iter_mut().find(|row| row.windows(15).any(|part| part == b"shadow_receipts")).unwrap();
    *shadow = String::from_utf8(shadow.clone()).unwrap().replacen("\"schema\":3", "\"schema\":2", 1).into_bytes();
    let found = codes(&verify_rows(&bundle, &altered, Some(&world.key())));
    assert!(found.contains(&Code::RowAltered) && !found.contains(&Code::FormatUnknown), "{found:?}");
}
