//! Keys of subjects, receipts of erasures, disclosures, and statistics that were given away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;
use vaultmesh::disclosure::{DISCLOSURE_PURPOSE, verify_disclosure};
use vaultmesh::keys::{KeyStore, NewKeys};
use vaultmesh::subjects::OpeningsKeys as _;
use vaultmesh::subjects::{Ring, SUBJECT_KEY_FORMAT, SubjectKeys, TOMBSTONE_FORMAT};
use vaultmesh::verify::Outside;
use vm_core::canonical;
use vm_core::digest::to_hex;
use vm_core::key::{NoteKey, OpeningsKey};
use vm_core::record::ErasureReceipt;
use vm_core::source::hazmat::CountingEntropy;
use vm_core::statistics::Release;
use vm_core::verdict::Verdict;
use vm_envelope::{Context, KeyFile, SecretKey, seal};

use crate::capability::ledger;
use crate::files::folder;

/// Whose key the known file holds, and the key.
const SUBJECT: [u8; 16] = [5; 16];
const KEY: [u8; 32] = [6; 32];

/// The vault's key of envelopes, and the line that was sealed to it.
static KNOWN: LazyLock<(SecretKey, String)> = LazyLock::new(|| {
    let mut entropy = CountingEntropy::new(3);
    let secret = SecretKey::generate(&mut entropy);
    let content = [SUBJECT_KEY_FORMAT.as_bytes(), b"\n", &SUBJECT, &KEY].concat();
    let context = Context::new(ledger(), "subject-key").expect("a purpose");
    let envelope = seal(&content, &context, &[secret.public().clone()], &mut entropy).expect("one recipient");
    let (subject, id) = (to_hex(&SUBJECT), OpeningsKey::from_bytes(KEY).id());
    (secret, format!("{SUBJECT_KEY_FORMAT} {subject} {id} {}\n", to_hex(&envelope)))
});

/// The key file of a subject that [`subject_key`] knows, for the seeds.
#[must_use]
pub fn known_subject_key() -> &'static str {
    &KNOWN.1
}

/// A tombstone of that key, for the seeds.
#[must_use]
pub fn known_tombstone() -> String {
    let (subject, key, row) = (to_hex(&SUBJECT), OpeningsKey::from_bytes(KEY).id(), "09".repeat(4));
    let leaf = "0a".repeat(32);
    format!("{TOMBSTONE_FORMAT} {subject} {key} {row}-0909-0909-0909-090909090909 {leaf} 2026-01-02T03:04:05.000006Z\n")
}

/// A folder of keys, with a place for a subject's.
struct Place {
    _folder: TempDir,
    store: KeyStore,
    below: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = folder();
        let store = KeyStore::new(folder.path(), ledger());
        store.save(&NewKeys::generate(&mut CountingEntropy::new(1))).expect("a folder in memory takes it");
        let text = KeyFile::Secret(KNOWN.0.clone()).format();
        store.write("envelope.key", text.as_bytes()).expect("a folder in memory takes it");
        let below = store.dir().join("subjects");
        fs::create_dir(&below).expect("a folder in memory takes it");
        Self { _folder: folder, store, below }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.below.join(name);
        fs::write(&path, bytes).expect("a folder in memory takes it");
        close(&path);
    }
}

#[cfg(unix)]
fn close(path: &Path) {
    let closed = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    fs::set_permissions(path, closed).expect("one's own file can be closed");
}

#[cfg(not(unix))]
const fn close(_: &Path) {}

/// A key file opens if and only if it is the one that was sealed. A tombstone has one form, and where one stands the key opens nothing.
pub fn subject_key(data: &[u8]) {
    let (place, key) = (Place::new(), OpeningsKey::from_bytes(KEY));
    let name = format!("{}.key", to_hex(&SUBJECT));
    place.put(&name, data);
    let ring = || Ring::open(&place.store, ledger()).expect("the vault's own keys are there");
    match ring().key(key.id()) {
        Ok(opened) => {
            assert_eq!(data, KNOWN.1.as_bytes(), "a file that nobody sealed opens");
            assert_eq!(opened.as_bytes(), &KEY);
        }
        Err(error) => assert_ne!(data, KNOWN.1.as_bytes(), "{error}"),
    }
    place.put(&name, KNOWN.1.as_bytes());
    place.put(&format!("{}.erased", key.id()), data);
    match SubjectKeys::new(&place.store, ledger()).tombstone(key.id()) {
        Ok(Some(stone)) => {
            let vaultmesh::subjects::Tombstone { subject, key, receipt, leaf, at } = &stone;
            let written = format!("{TOMBSTONE_FORMAT} {subject} {key} {receipt} {leaf} {at}\n");
            assert_eq!(written.as_bytes(), data);
            assert_eq!(ring().key(*key).map(|_| ()).map_err(|error| error.code()), Err("openings-erased"));
        }
        Ok(None) => panic!("a tombstone is overlooked"),
        // What cannot be read may be a tombstone.
        Err(_) => assert!(ring().key(key.id()).is_err()),
    }
}

/// A receipt has one form, and its numbers agree.
pub fn erasure_receipt(data: &[u8]) {
    let Ok(value) = canonical::parse_exact(data, canonical::BYTES_MAX) else { return };
    let Ok(receipt) = ErasureReceipt::from_value(&value) else { return };
    assert_eq!(canonical::to_bytes(&receipt.to_value()).as_deref(), Ok(data), "another form was read");
    let rows = receipt.rows();
    assert!(rows.windows(2).all(|pair| pair.first() < pair.last()));
    assert!(
        rows.len() <= ErasureReceipt::ROWS_MAX && u64::try_from(rows.len()).is_ok_and(|rows| rows <= receipt.count())
    );
    assert!((1..=receipt.part_count()).contains(&receipt.part()));
    assert_eq!(receipt.first().is_none(), receipt.part() == 1);
    // The only part of an erasure is the one that its rows come to.
    if receipt.part_count() == 1 {
        let id = vm_core::id::RowId::from_bytes([1; 16]);
        let parts = ErasureReceipt::parts(receipt.key(), receipt.reason(), rows, || id);
        assert_eq!(parts, [(id, receipt)]);
    }
}

/// A release has one form, and a value for each count.
pub fn statistics_release(data: &[u8]) {
    let Ok(value) = canonical::parse_exact(data, canonical::BYTES_MAX) else { return };
    let Ok(release) = Release::from_value(&value) else { return };
    let written = release.to_value().expect("a release is JSON");
    assert_eq!(canonical::to_bytes(&written).as_deref(), Ok(data), "another form was read");
    let (question, values) = (release.question().clone(), release.values().map(|(_, value)| value).collect());
    assert_eq!(Release::new(question, release.epsilon(), values).as_ref(), Ok(&release));
}

/// A disclosure that was made, and the key of its ledger's log.
const DISCLOSED: &[u8] = include_bytes!("../../seeds/disclosure/page");
const LOG_KEY: &str = include_str!("../fixtures/disclosure-key.txt");

/// Content that verifies under the pinned key shows values that were disclosed, and no others; without a pinned key nothing verifies.
pub fn disclosure(data: &[u8]) {
    let key: NoteKey = LOG_KEY.trim_end().parse().expect("a key of a log");
    let of = key.name().strip_prefix("vaultmesh/").and_then(|name| vm_core::id::LedgerId::parse(name).ok());
    let context = Context::new(of.expect("the key of a ledger's log"), DISCLOSURE_PURPOSE).expect("a purpose");
    let (secret, mut entropy) = (&KNOWN.0, CountingEntropy::new(4));
    let Ok(file) = seal(data, &context, &[secret.public().clone()], &mut entropy) else { return };
    if let Ok((_, report)) = verify_disclosure(&file, secret, None, &Outside::default()) {
        assert_ne!(report.verdict(), Verdict::Verified, "verified under no key");
    }
    let outside = Outside { key: Some(key), ..Outside::default() };
    let judged = verify_disclosure(&file, secret, None, &outside);
    let Ok((answer, report)) = judged else {
        assert_ne!(data, DISCLOSED, "what was disclosed is refused");
        return;
    };
    if report.verdict() == Verdict::Verified {
        let known: canonical::Value = canonical::parse_exact(DISCLOSED, canonical::BYTES_MAX).expect("it is canonical");
        let said = canonical::parse_exact(data, canonical::BYTES_MAX).expect("it was read");
        let openings = |value: &canonical::Value| value.get("openings").and_then(|list| list.as_array().cloned());
        let (known, said) = (openings(&known).unwrap_or_default(), openings(&said).unwrap_or_default());
        assert!(said.iter().all(|opening| known.contains(opening)), "a value that was not disclosed verifies");
        assert_eq!(answer.values.len(), said.len());
    } else {
        assert_ne!(data, DISCLOSED, "what was disclosed does not verify");
    }
    assert!(report.verdict() != Verdict::Contradicted || answer.values.is_empty(), "a value is shown all the same");
}
