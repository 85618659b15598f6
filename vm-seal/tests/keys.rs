//! Changes of the log key in a whole ledger: what the audit says of checkpoints, seals and heads by each key, at each place.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use vm_core::capability::act;
use vm_core::digest::RootHash;
use vm_core::key::{KeyChangeReason, Note, NoteKey, SigningIdentity};
use vm_core::record::{ArtifactKind, FormatChange, ProofArtifact, SystemKind};
use vm_core::redact::Redacted;
use vm_core::source::{Clock, Entropy};
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_seal::audit::{Audit, Trust, audit};
use vm_seal::bundle::SealBundle;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::key_history::KeyHistoryFile;
use vm_seal::merkle::TreeSize;
use vm_seal::selection::Selection;
use vm_seal::verify::verify_seal;

fn signer(byte: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[byte; 32])
}

fn change(world: &mut World, new: u8, reason: KeyChangeReason, trusted: Option<u64>) {
    let permit = world.ledger.permit::<act::Record>(&world.holder, &world.clock).unwrap();
    let trace = world.trace();
    let sources: (&dyn Clock, &mut dyn Entropy) = (&world.clock, &mut world.entropy);
    world.ledger.change_log_key(&permit, &signer(1), &signer(new), (reason, trusted), trace, sources).unwrap();
}

fn check(world: &World, key: &NoteKey, head: &Note) -> Audit {
    audit(&world.ledger, Some(&world.files), &Trust { key: Some(key), head: Some(head) })
}

fn codes(report: &Report) -> Vec<Code> {
    report.findings().iter().map(Finding::code).collect()
}

/// Genesis, token, a row, a seal, a row, a seal, the change, a row, a seal.
struct Changed {
    world: World,
    old: NoteKey,
    before: Note,
    trusted: u64,
    seals: [SealBundle; 3],
}

fn changed(reason: KeyChangeReason) -> Changed {
    let mut world = World::empty();
    let old = world.key();
    let trace = world.trace();
    let sealed = |world: &mut World| {
        world.event(trace, None);
        world.seal_and_record(Selection::everything())
    };
    let first = sealed(&mut world);
    let trusted = world.size().as_u64();
    let second = sealed(&mut world);
    let before = world.head();
    change(&mut world, 7, reason, Some(trusted).filter(|_| reason == KeyChangeReason::Stolen));
    let third = sealed(&mut world);
    Changed { world, old, before, trusted, seals: [first, second, third] }
}

#[test]
fn rotated_and_lost_keys_leave_everything_good_under_either_pin() {
    for reason in [KeyChangeReason::Rotation, KeyChangeReason::Lost] {
        let Changed { world, old, before, seals, .. } = changed(reason);
        let new = world.key();
        assert_ne!(old, new);
        for key in [&old, &new] {
            for head in [&before, &world.head()] {
                let audit = check(&world, key, head);
                assert_eq!(codes(&audit.report), [], "{reason}");
                assert!(audit.seals.iter().all(|seal| seal.verified.is_some()));
                assert!(audit.ledger.is_some());
            }
            for seal in &seals {
                let (report, verified) = verify_seal(seal, &world.ledger, Some(&world.files), Some(key));
                assert_eq!((codes(&report), verified.is_some()), (vec![], true));
            }
        }
        let other = NoteKey::new(world.ledger.id().origin(), signer(9).public()).unwrap();
        assert_eq!(check(&world, &other, &before).report.verdict(), Verdict::Contradicted);
    }
}

#[test]
fn seals_behind_the_trusted_size_are_undecided_and_those_before_are_good() {
    let Changed { world, old, before, trusted, seals } = changed(KeyChangeReason::Stolen);
    for key in [&old, &world.key()] {
        let audit = check(&world, key, &before);
        assert_eq!(codes(&audit.report), [Code::KeyStolen]);
        let verified: Vec<bool> = audit.seals.iter().map(|seal| seal.verified.is_some()).collect();
        assert_eq!(verified, [true, false, true]);
        assert!(audit.seals[0].row.entry.seq < trusted && audit.seals[1].row.entry.seq >= trusted);
        let told =
            seals.each_ref().map(|seal| codes(&verify_seal(seal, &world.ledger, Some(&world.files), Some(key)).0));
        assert_eq!(told, [vec![], vec![Code::KeyStolen], vec![]]);
    }
}

/// Whoever stole the key signs heads of every size, with the log's root and with another one.
#[test]
fn every_head_by_the_old_key_is_judged_by_its_size() {
    for reason in KeyChangeReason::ALL {
        let Changed { world, old, .. } = changed(reason);
        let (size, ledger) = (world.size().as_u64(), world.ledger.id());
        let from = KeyHistoryFile::of_view(&world.ledger).unwrap().changes()[0].at() + 1;
        let roots = roots(&world);
        for at in 1..size + 2 {
            let right = roots.get(usize::try_from(at).unwrap()).copied();
            for root in [right, Some(RootHash::from_bytes([7; 32]))].into_iter().flatten() {
                let head = Checkpoint::of_ledger(&ledger, TreeSize::new(at), root).unwrap().sign(&signer(2)).unwrap();
                let report = check(&world, &old, &head).report;
                let found: Vec<Code> = report
                    .findings()
                    .iter()
                    .filter(|finding| finding.subject().contains("head"))
                    .map(Finding::code)
                    .collect();
                let expected = match (at >= from, Some(root) == right, reason) {
                    (true, ..) => vec![Code::KeyNotInForce],
                    (false, true, _) => vec![],
                    (false, false, KeyChangeReason::Stolen) => vec![Code::KeyStolen],
                    (false, false, _) => vec![Code::Forked],
                };
                assert_eq!(found, expected, "{reason} {at}");
            }
        }
    }
}

/// Records a row of the system's own, as whoever holds the operator's token can.
fn record(world: &mut World, kind: SystemKind, content: &serde_json::Value) {
    let trace = world.trace();
    let header = world.header(trace);
    let meta = Some(Redacted::system(content).unwrap());
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject: None, meta };
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    world.ledger.record_sealed(&permit, artifact.into_draft(None).unwrap()).unwrap();
}

/// Roots of the log, by size.
fn roots(world: &World) -> Vec<RootHash> {
    use vm_core::view::{EvidenceView as _, StoredEntry, Visit};
    let mut frontier = vm_seal::merkle::Frontier::new();
    let mut roots = vec![frontier.root()];
    let visit = &mut |entry, _| {
        if let StoredEntry::Entry(entry) = entry {
            frontier.append(entry.leaf);
            roots.push(frontier.root());
        }
        Ok(Visit::Continue)
    };
    world.ledger.visit_log(0, u64::MAX, visit).unwrap();
    roots
}

#[test]
fn a_seal_by_the_old_key_recorded_behind_the_change_is_contradicted() {
    for reason in KeyChangeReason::ALL {
        let mut world = World::empty();
        let (old, trace) = (world.key(), world.trace());
        world.event(trace, None);
        let late = world.seal(Selection::everything());
        change(&mut world, 7, reason, None);
        let at = vm_seal::seal::bundle_path(late.seal_id());
        world.files.put(fixture::path(&at), late.as_bytes().to_vec());
        world.system(SystemKind::Seal, &at, late.as_bytes());
        let audit = check(&world, &old, &world.head());
        assert!(audit.report.has(Code::KeyNotInForce), "{:?}", audit.report.findings());
        assert!(audit.seals[0].verified.is_none());
    }
}

#[test]
fn a_change_that_the_root_did_not_sign_changes_nothing_and_is_found() {
    use vm_core::key::KeyChange;
    let mut world = World::full();
    let (old, thief) = (world.key(), signer(2));
    let at = world.size().as_u64() + 1;
    let keys = (thief.public(), &signer(8));
    let forged = KeyChange::of_log(&thief, world.ledger.id(), at, keys, KeyChangeReason::Rotation, None).unwrap();
    record(&mut world, SystemKind::FormatChange, &FormatChange::adding(KeyChange::FORMAT).to_value());
    record(&mut world, SystemKind::KeyChange, &forged.to_value());
    let audit = check(&world, &old, &world.head());
    assert_eq!(codes(&audit.report), [Code::KeyChangeInvalid]);
    // What the thief's next key signs does not hold.
    let head = Checkpoint::of_ledger(&world.ledger.id(), world.size(), world.ledger.tree().root()).unwrap();
    let head = head.sign(&signer(8)).unwrap();
    assert!(check(&world, &old, &head).report.has(Code::CheckpointInvalid));
}

#[test]
fn a_history_proves_itself_and_every_change_of_it_is_refused() {
    let Changed { world, old, .. } = changed(KeyChangeReason::Rotation);
    let file = KeyHistoryFile::of_view(&world.ledger).unwrap();
    let bytes = file.to_bytes().unwrap();
    let read = KeyHistoryFile::parse(&bytes).unwrap();
    let keys = read.verify().unwrap();
    assert_eq!((&read, keys.ledger(), keys.changes()), (&file, world.ledger.id(), 1));
    assert_eq!((keys.first(), keys.current()), (old.public(), world.key().public()));
    for bit in 0..bytes.len() * 8 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let keys = KeyHistoryFile::parse(&forged).and_then(|file| file.verify());
        assert!(keys.is_err(), "bit {bit}: a change of another ledger's does not hold either");
    }
}

#[test]
fn the_page_shows_a_history_that_holds() {
    let mut world = World::empty();
    change(&mut world, 7, KeyChangeReason::Rotation, None);
    let bytes = KeyHistoryFile::of_view(&world.ledger).unwrap().to_bytes().unwrap();
    let sample = String::from_utf8(bytes).unwrap();
    assert!(include_str!("../../docs/spec/key-history.md").contains(&format!("\n{sample}\n")), "{sample}");
}
