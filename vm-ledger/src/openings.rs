//! Openings: what opens the commitments of a row, kept beside the log under encryption.
//!
//! ```text
//! format      vm-openings-v0
//! suite       xchacha20poly1305
//! key_id      16 bytes, which name the key and tell nothing of it
//! nonce       24 bytes
//! ciphertext  the openings as canonical JSON, encrypted; the tag at the end
//! ```
//!
//! The associated data binds format, suite, key, ledger and row, so that openings cannot be moved.

use core::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use vm_core::canonical;
use vm_core::digest::to_hex;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::BlindKey;
use vm_core::record::LEAF_MAX;
use vm_core::redact::Opening;
use vm_core::source::Entropy;
use zeroize::Zeroizing;

use crate::error::{LedgerError, OpeningsError};

/// Format string of stored openings.
pub const OPENINGS_FORMAT: &str = "vm-openings-v0";
/// The one cipher suite of the format: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), whose nonces can be random.
pub const OPENINGS_SUITE: &str = "xchacha20poly1305";
/// Length of a key id in bytes: enough that two keys never share one by chance.
const KEY_ID_LEN: usize = 16;
/// Length of a nonce in bytes.
const NONCE_LEN: usize = 24;
/// Longest openings read, in bytes: those of the longest row.
const OPENINGS_MAX: usize = LEAF_MAX;

/// The secret key of a vault's openings. It lives with the signing keys, outside the vault.
#[derive(Clone)]
pub struct OpeningsKey {
    bytes: Zeroizing<[u8; 32]>,
    id: [u8; KEY_ID_LEN],
}

impl OpeningsKey {
    /// Wraps key bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::new(Zeroizing::new(bytes))
    }

    /// Makes a new key from entropy.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self::new(bytes)
    }

    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let named = BlindKey::from_bytes(*bytes).blind("vm-openings-v0 key id", &[]);
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(named.as_bytes().split_at(KEY_ID_LEN).0);
        Self { bytes, id }
    }

    /// The key bytes, for writing the key to its file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.bytes.clone()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

impl fmt::Debug for OpeningsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningsKey(..)")
    }
}

/// Encrypts the openings of one ledger's rows.
pub(crate) struct Encryptor<'a> {
    key: &'a OpeningsKey,
    cipher: XChaCha20Poly1305,
    /// Where nonces come from.
    entropy: &'a mut (dyn Entropy + Send),
    ledger: LedgerId,
}

/// Encrypted openings of one row.
pub(crate) struct Encrypted {
    key_id: [u8; KEY_ID_LEN],
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

impl<'a> Encryptor<'a> {
    pub(crate) fn new(key: &'a OpeningsKey, entropy: &'a mut (dyn Entropy + Send), ledger: LedgerId) -> Self {
        Self { key, cipher: key.cipher(), entropy, ledger }
    }

    /// Encrypts the openings of `row`, `plain` in canonical form.
    pub(crate) fn encrypt(&mut self, row: RowId, plain: &[u8]) -> Result<Encrypted, LedgerError> {
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce);
        let aad = aad(self.key, self.ledger, row);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let ciphertext = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let ciphertext = ciphertext.map_err(|_| LedgerError::Openings { row })?;
        Ok(Encrypted { key_id: self.key.id, nonce, ciphertext })
    }
}

/// The statement that [`insert`] runs.
pub(crate) fn insert_statement(conn: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    conn.prepare_cached(
        "INSERT INTO openings (row_id, format, suite, key_id, nonce, ciphertext) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
}

/// Stores the encrypted openings of a row.
pub(crate) fn insert(statement: &mut CachedStatement<'_>, row: RowId, encrypted: &Encrypted) -> rusqlite::Result<()> {
    let Encrypted { key_id, nonce, ciphertext } = encrypted;
    statement.execute(params![row.as_bytes(), OPENINGS_FORMAT, OPENINGS_SUITE, key_id, nonce, ciphertext]).map(drop)
}

/// Encrypts and stores the openings of a row.
pub(crate) fn store(
    conn: &Connection,
    encryptor: &mut Encryptor<'_>,
    row: RowId,
    openings: &[Opening],
) -> Result<(), LedgerError> {
    let value = serde_json::to_value(openings).map_err(|_| LedgerError::Openings { row })?;
    let plain = Zeroizing::new(canonical::to_bytes(&value).map_err(LedgerError::Canonical)?);
    let encrypted = encryptor.encrypt(row, &plain)?;
    Ok(insert(&mut insert_statement(conn)?, row, &encrypted)?)
}

/// Stored openings of one row.
struct Stored {
    format: String,
    suite: String,
    key_id: Vec<u8>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// Reads and decrypts the openings of a row; none where there are none.
pub(crate) fn load(
    conn: &Connection,
    key: &OpeningsKey,
    ledger: LedgerId,
    row: RowId,
) -> Result<Vec<Opening>, OpeningsError> {
    let sql = "SELECT format, suite, key_id, nonce, ciphertext FROM openings WHERE row_id = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Stored {
            format: row.get(0)?,
            suite: row.get(1)?,
            key_id: row.get(2)?,
            nonce: row.get(3)?,
            ciphertext: row.get(4)?,
        })
    };
    let stored = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([row.as_bytes()], read).optional())
        .map_err(|error| OpeningsError::Ledger(error.into()))?;
    match stored {
        Some(stored) => decrypt(&stored, key, ledger, row),
        None => Ok(Vec::new()),
    }
}

fn decrypt(stored: &Stored, key: &OpeningsKey, ledger: LedgerId, row: RowId) -> Result<Vec<Opening>, OpeningsError> {
    for (found, known) in [(&stored.format, OPENINGS_FORMAT), (&stored.suite, OPENINGS_SUITE)] {
        if found != known {
            let found = found.chars().take(64).collect();
            return Err(OpeningsError::FormatUnknown { found });
        }
    }
    if stored.key_id != key.id {
        return Err(OpeningsError::OtherKey { expected: to_hex(&stored.key_id), found: to_hex(&key.id) });
    }
    let nonce: [u8; NONCE_LEN] = stored.nonce.as_slice().try_into().map_err(|_| OpeningsError::Malformed)?;
    let aad = aad(key, ledger, row);
    let payload = Payload { msg: &stored.ciphertext, aad: aad.as_bytes() };
    let plain = key.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| OpeningsError::Unauthentic)?;
    let plain = Zeroizing::new(plain);
    let value = canonical::parse_exact(&plain, OPENINGS_MAX).map_err(|_| OpeningsError::Malformed)?;
    serde_json::from_value(value).map_err(|_| OpeningsError::Malformed)
}

/// What the tag binds beside the openings: canonical JSON whose members hold nothing that needs an escape.
fn aad(key: &OpeningsKey, ledger: LedgerId, row: RowId) -> String {
    let key = to_hex(&key.id);
    format!(
        r#"{{"format":"{OPENINGS_FORMAT}","key":"{key}","ledger":"{ledger}","row":"{row}","suite":"{OPENINGS_SUITE}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::migration;
    use vm_core::digest::LeafHash;
    use vm_core::record::Table;
    use vm_core::redact::{KnownSecrets, Policy, Redactor};
    use vm_core::source::hazmat::CountingEntropy;

    fn openings(row: RowId) -> Vec<Opening> {
        let (policy, mut entropy) = (Policy::builtin(), CountingEntropy::new(1));
        let mut redactor = Redactor::new(&policy, &KnownSecrets, &mut entropy, Table::McpCalls, "x", row);
        redactor.commit("/a", &json!({"pin": 1234})).unwrap();
        redactor.commit_only("/frame", &json!("x")).unwrap();
        redactor.finish().openings().to_vec()
    }

    fn setup() -> (Connection, OpeningsKey, LedgerId, RowId) {
        let conn = Connection::open_in_memory().unwrap();
        migration::apply(&conn, 0, 3).unwrap();
        let (key, row) = (OpeningsKey::from_bytes([7; 32]), RowId::from_bytes([9; 16]));
        let ledger = LedgerId::from_genesis(LeafHash::of(b"g"));
        let mut entropy = CountingEntropy::new(2);
        store(&conn, &mut Encryptor::new(&key, &mut entropy, ledger), row, &openings(row)).unwrap();
        conn.execute_batch("DROP TRIGGER openings_no_update").unwrap();
        (conn, key, ledger, row)
    }

    #[test]
    fn openings_come_back_with_the_key_alone() {
        let (conn, key, ledger, row) = setup();
        assert_eq!(load(&conn, &key, ledger, row).unwrap(), openings(row));
        assert_eq!(load(&conn, &key, ledger, RowId::from_bytes([1; 16])).unwrap(), []);
        let other = OpeningsKey::from_bytes([8; 32]);
        assert_eq!(load(&conn, &other, ledger, row).unwrap_err().code(), "openings-other-key");
        let elsewhere = LedgerId::from_genesis(LeafHash::of(b"h"));
        assert_eq!(load(&conn, &key, elsewhere, row).unwrap_err().code(), "openings-unauthentic");
        let stored: Vec<u8> = conn.query_row("SELECT ciphertext FROM openings", [], |row| row.get(0)).unwrap();
        assert!(!stored.windows(4).any(|four| four == b"1234"));
    }

    #[test]
    fn the_format_page_shows_these_openings() {
        let (conn, key, ledger, row) = setup();
        let blob = |column: &str| -> String {
            let sql = format!("SELECT {column} FROM openings");
            to_hex(&conn.query_row(&sql, [], |row| row.get::<_, Vec<u8>>(0)).unwrap())
        };
        let plain = canonical::to_text(&serde_json::to_value(openings(row)).unwrap()).unwrap();
        let bound = aad(&key, ledger, row);
        assert!(canonical::parse_exact(bound.as_bytes(), bound.len()).is_ok());
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/spec/openings.md")).unwrap();
        for sample in [
            format!("key_id      {}\n", blob("key_id")),
            format!("nonce       {}\n", blob("nonce")),
            format!("ciphertext  {}\n", blob("ciphertext")),
            format!("plain text  {plain}\n"),
            format!("bound       {bound}\n"),
        ] {
            assert!(page.contains(&sample), "openings.md does not show:\n{sample}");
        }
    }

    #[test]
    fn every_change_is_refused() {
        let (conn, key, ledger, row) = setup();
        let read = |column: &str| -> Vec<u8> {
            let sql = format!("SELECT CAST({column} AS BLOB) FROM openings");
            conn.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        for column in ["format", "suite", "key_id", "nonce", "ciphertext"] {
            let good = read(column);
            let text = matches!(column, "format" | "suite");
            let set = |bytes: &[u8]| {
                let sql = format!("UPDATE openings SET {column} = ?1");
                if text {
                    conn.execute(&sql, [core::str::from_utf8(bytes).unwrap()]).unwrap();
                } else {
                    conn.execute(&sql, [bytes]).unwrap();
                }
            };
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 1;
                set(&bad);
                assert!(load(&conn, &key, ledger, row).is_err(), "{column} byte {at}");
            }
            set(&good[1..]);
            assert!(load(&conn, &key, ledger, row).is_err(), "{column} cut");
            set(&good);
        }
        let moved = RowId::from_bytes([2; 16]);
        conn.execute("UPDATE openings SET row_id = ?1", [moved.as_bytes()]).unwrap();
        assert_eq!(load(&conn, &key, ledger, moved).unwrap_err().code(), "openings-unauthentic");
    }
}
