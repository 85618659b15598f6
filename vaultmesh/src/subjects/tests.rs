use vm_core::source::hazmat::CountingEntropy;
use vm_ledger::OpeningsKeys as _;

use super::*;
use crate::keys::NewKeys;

fn setup(dir: &std::path::Path) -> (KeyStore, SubjectKeys, BlindKey) {
    let ledger = LedgerId::from_genesis(LeafHash::of(b"g"));
    let keys = KeyStore::new(dir, ledger);
    keys.save(&NewKeys::generate(&mut CountingEntropy::new(1))).unwrap();
    let blind = keys.blind().unwrap();
    (keys.clone(), SubjectKeys::new(&keys, ledger), blind)
}

fn name(text: &str) -> SubjectName {
    text.parse().unwrap()
}

fn tombstone(subject: SubjectId, key: OpeningsKeyId) -> Tombstone {
    let (receipt, leaf) = (RowId::from_bytes([9; 16]), LeafHash::of(b"receipt"));
    Tombstone { subject: subject.to_string(), key, receipt, leaf, at: Instant::from_micros(0).unwrap() }
}

#[test]
fn the_page_shows_a_key_file_and_a_tombstone() {
    let dir = tempfile::tempdir().unwrap();
    let (_, subjects, blind) = setup(dir.path());
    let id = SubjectId::of(&name("alice"), &blind);
    let key = subjects.for_recording(id, &mut CountingEntropy::new(2), &mut Opened::default()).unwrap();
    let line = subjects.text(id).unwrap().unwrap();
    let page = include_str!("../../../docs/spec/subject-key.md");
    let shown = line.get(..160).unwrap();
    assert!(page.contains(shown), "subject-key.md does not show:\n{shown}");
    let stone = tombstone(id, key.id()).format();
    assert!(page.contains(&stone), "subject-key.md does not show:\n{stone}");
}

#[test]
fn a_subject_has_one_key_until_it_is_destroyed_and_then_another() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, subjects, blind) = setup(dir.path());
    let (mut entropy, mut opened) = (CountingEntropy::new(2), Opened::default());
    let (alice, bob) = (SubjectId::of(&name("alice"), &blind), SubjectId::of(&name("bob"), &blind));
    let first = subjects.for_recording(alice, &mut entropy, &mut opened).unwrap();
    let other = subjects.for_recording(bob, &mut entropy, &mut opened).unwrap();
    assert_ne!(first.id(), other.id());
    for cache in [&mut opened, &mut Opened::default()] {
        assert_eq!(subjects.for_recording(alice, &mut entropy, cache).unwrap().id(), first.id());
    }
    let ring = || Ring::open(&keys, subjects.ledger).unwrap();
    assert_eq!(ring().key(first.id()).unwrap().as_bytes(), first.as_bytes());
    let bytes = fs::read(subjects.folder.dir().join(key_file(alice))).unwrap();

    subjects.destroy(alice, &tombstone(alice, first.id())).unwrap();
    subjects.destroy(alice, &tombstone(alice, first.id())).unwrap();
    assert_eq!(ring().key(first.id()).unwrap_err().code(), "openings-erased");
    assert_eq!(ring().key(other.id()).unwrap().as_bytes(), other.as_bytes());
    assert_eq!(ring().key(OpeningsKeyId::from_bytes([0; 16])).unwrap_err().code(), "openings-other-key");
    let second = subjects.for_recording(alice, &mut entropy, &mut opened).unwrap();
    assert_ne!(second.id(), first.id(), "what was cached is not used again");
    assert_eq!(subjects.tombstones(alice).unwrap().len(), 1);
    // The tombstone of the first key leaves the second alone.
    subjects.destroy(alice, &tombstone(alice, first.id())).unwrap();
    assert_eq!(subjects.key_id(alice).unwrap(), Some(second.id()));
    // A backup of the key folder brings the file back, and the tombstone still speaks first.
    subjects.folder.write(&key_file(alice), &bytes).unwrap();
    assert_eq!(ring().key(first.id()).unwrap_err().code(), "openings-erased");
    let third = subjects.for_recording(alice, &mut entropy, &mut opened).unwrap();
    assert!(![first.id(), second.id()].contains(&third.id()), "nothing is recorded under a key that has a tombstone");
}

#[test]
fn neither_names_nor_keys_stand_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, subjects, blind) = setup(dir.path());
    let id = SubjectId::of(&name("alice@example.com"), &blind);
    let key = subjects.for_recording(id, &mut CountingEntropy::new(2), &mut Opened::default()).unwrap();
    let hex = to_hex(key.as_bytes());
    for folder in [keys.dir(), subjects.folder.dir()] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(!path.to_string_lossy().contains("alice"));
            let bytes = fs::read(&path).unwrap_or_default();
            for needle in [b"alice".as_slice(), key.as_bytes(), hex.as_bytes()] {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", path.display());
            }
        }
    }
}

#[test]
fn a_file_that_was_changed_or_moved_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, subjects, blind) = setup(dir.path());
    let (alice, bob) = (SubjectId::of(&name("alice"), &blind), SubjectId::of(&name("bob"), &blind));
    let mut entropy = CountingEntropy::new(2);
    let key = subjects.for_recording(alice, &mut entropy, &mut Opened::default()).unwrap();
    let good = subjects.text(alice).unwrap().unwrap();
    assert!(subjects.open(alice, &good).is_ok());
    assert!(subjects.open(bob, &good.replace(&alice.to_string(), &bob.to_string())).is_err(), "moved");
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone().into_bytes();
        bad[at] ^= 1;
        let bad = String::from_utf8(bad).unwrap();
        assert!(subjects.open(alice, &bad).is_err(), "byte {at}");
    }
    assert!(subjects.open(alice, good.trim_end()).is_err());
    let later = good.replace("key-v0", "key-v1");
    subjects.folder.write(&key_file(alice), later.as_bytes()).unwrap();
    assert_eq!(subjects.key_id(alice).unwrap_err().code(), "format-unknown");
    subjects.folder.write(&key_file(alice), good.as_bytes()).unwrap();
    let stone = tombstone(alice, key.id()).format();
    for bad in
        [stone.replace(" 1970", "  1970"), stone.trim_end().to_owned(), stone.replace("tombstone-v0", "tombstone-v1")]
    {
        assert_eq!(Tombstone::parse(&bad), None, "{bad}");
    }
    assert!(Ring::open(&keys, subjects.ledger).unwrap().key(key.id()).is_ok());
}

#[test]
fn names_have_a_length_and_no_control_characters() {
    for bad in [String::new(), "a\nb".to_owned(), "a".repeat(SUBJECT_NAME_MAX + 1)] {
        assert!(bad.parse::<SubjectName>().is_err());
    }
    let longest = name(&"a".repeat(SUBJECT_NAME_MAX));
    assert_eq!(format!("{longest:?}"), "SubjectName(..)");
}
