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

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use vm_core::canonical;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::OpeningsKeyId;
use vm_core::record::LEAF_MAX;
use vm_core::redact::Opening;
use vm_core::source::Entropy;
use zeroize::Zeroizing;

pub use vm_core::key::OpeningsKey;

use crate::error::{LedgerError, OpeningsError};

/// Format string of stored openings.
pub const OPENINGS_FORMAT: &str = "vm-openings-v0";
/// The one cipher suite of the format: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), whose nonces can be random.
pub const OPENINGS_SUITE: &str = "xchacha20poly1305";
/// Length of a nonce in bytes.
const NONCE_LEN: usize = 24;
/// Longest openings read, in bytes: those of the longest row.
const OPENINGS_MAX: usize = LEAF_MAX;

/// Where the keys come from that open what is stored: one key, or many by their names.
pub trait OpeningsKeys {
    /// The key of this name.
    ///
    /// # Errors
    /// [`OpeningsError::OtherKey`] where it is not here, [`OpeningsError::Erased`] where it was erased on record, and whatever
    /// keeps it from being read.
    fn key(&self, id: OpeningsKeyId) -> Result<OpeningsKey, OpeningsError>;
}

impl OpeningsKeys for OpeningsKey {
    fn key(&self, id: OpeningsKeyId) -> Result<OpeningsKey, OpeningsError> {
        match self.id() == id {
            true => Ok(self.clone()),
            false => Err(OpeningsError::OtherKey { expected: id.to_string(), found: self.id().to_string() }),
        }
    }
}

fn cipher(key: &OpeningsKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
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
    key_id: OpeningsKeyId,
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

impl<'a> Encryptor<'a> {
    pub(crate) fn new(key: &'a OpeningsKey, entropy: &'a mut (dyn Entropy + Send), ledger: LedgerId) -> Self {
        Self { key, cipher: cipher(key), entropy, ledger }
    }

    /// Encrypts the openings of `row`, `plain` in canonical form, under the key of their `subject` where they have one.
    pub(crate) fn encrypt(
        &mut self,
        row: RowId,
        subject: Option<&OpeningsKey>,
        plain: &[u8],
    ) -> Result<Encrypted, LedgerError> {
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce);
        let of_subject = subject.map(cipher);
        let (key, cipher) = (subject.unwrap_or(self.key), of_subject.as_ref().unwrap_or(&self.cipher));
        let aad = aad(key.id(), self.ledger, row);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let ciphertext = cipher.encrypt(&XNonce::from(nonce), payload);
        let ciphertext = ciphertext.map_err(|_| LedgerError::Openings { row })?;
        Ok(Encrypted { key_id: key.id(), nonce, ciphertext })
    }
}

impl Encrypted {
    pub(crate) const fn key_id(&self) -> OpeningsKeyId {
        self.key_id
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
    statement
        .execute(params![row.as_bytes(), OPENINGS_FORMAT, OPENINGS_SUITE, key_id.as_bytes(), nonce, ciphertext])
        .map(drop)
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
    let encrypted = encryptor.encrypt(row, None, &plain)?;
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
    keys: &dyn OpeningsKeys,
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
        Some(stored) => decrypt(&stored, keys, ledger, row),
        None => Ok(Vec::new()),
    }
}

fn decrypt(
    stored: &Stored,
    keys: &dyn OpeningsKeys,
    ledger: LedgerId,
    row: RowId,
) -> Result<Vec<Opening>, OpeningsError> {
    for (found, known) in [(&stored.format, OPENINGS_FORMAT), (&stored.suite, OPENINGS_SUITE)] {
        if found != known {
            let found = found.chars().take(64).collect();
            return Err(OpeningsError::FormatUnknown { found });
        }
    }
    let key_id = stored.key_id.as_slice().try_into().map_err(|_| OpeningsError::Malformed)?;
    let key = keys.key(OpeningsKeyId::from_bytes(key_id))?;
    let nonce: [u8; NONCE_LEN] = stored.nonce.as_slice().try_into().map_err(|_| OpeningsError::Malformed)?;
    let aad = aad(key.id(), ledger, row);
    let payload = Payload { msg: &stored.ciphertext, aad: aad.as_bytes() };
    let plain = cipher(&key).decrypt(&XNonce::from(nonce), payload).map_err(|_| OpeningsError::Unauthentic)?;
    let plain = Zeroizing::new(plain);
    let value = canonical::parse_exact(&plain, OPENINGS_MAX).map_err(|_| OpeningsError::Malformed)?;
    serde_json::from_value(value).map_err(|_| OpeningsError::Malformed)
}

/// What the tag binds beside the openings: canonical JSON whose members hold nothing that needs an escape.
fn aad(key: OpeningsKeyId, ledger: LedgerId, row: RowId) -> String {
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
    use vm_core::digest::to_hex;
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
        let bound = aad(key.id(), ledger, row);
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
