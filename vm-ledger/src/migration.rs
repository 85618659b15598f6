//! Migrations: numbered SQL files, applied once each and written down with their SHA-256.

use rusqlite::{Connection, params};
use vm_core::digest::Sha256Digest;
use vm_core::record::SchemaVersion;

/// Marks the database file as ours (`PRAGMA application_id`): "VMLD" in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x564d_4c44;

/// One migration.
pub(crate) struct Migration {
    /// Schema that it brings.
    pub(crate) version: u32,
    /// Its file name, which seals name.
    pub(crate) file: &'static str,
    /// Its text.
    pub(crate) sql: &'static str,
}

impl Migration {
    pub(crate) fn sha256(&self) -> Sha256Digest {
        Sha256Digest::of(self.sql.as_bytes())
    }
}

/// All migrations in order. A released file is never edited: its SHA-256 stands in every ledger it made.
pub(crate) const MIGRATIONS: [Migration; 3] = [
    Migration { version: 1, file: "0001_evidence.sql", sql: include_str!("../migrations/0001_evidence.sql") },
    Migration { version: 2, file: "0002_log.sql", sql: include_str!("../migrations/0002_log.sql") },
    Migration {
        version: 3,
        file: "0003_shadow_receipts.sql",
        sql: include_str!("../migrations/0003_shadow_receipts.sql"),
    },
];

/// The migration that brought `schema`.
pub(crate) fn of_schema(schema: SchemaVersion) -> Option<&'static Migration> {
    MIGRATIONS.iter().find(|migration| migration.version == schema.number())
}

/// Schema that the file says it has.
pub(crate) fn user_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Applies the migrations after `from` up to `to`. The caller holds the transaction.
pub(crate) fn apply(conn: &Connection, from: u32, to: u32) -> rusqlite::Result<()> {
    for migration in &MIGRATIONS {
        if migration.version <= from || migration.version > to {
            continue;
        }
        conn.execute_batch(migration.sql)?;
        conn.execute(
            "INSERT INTO schema_migrations (version, file, sha256) VALUES (?1, ?2, ?3)",
            params![migration.version, migration.file, migration.sha256().as_bytes()],
        )?;
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_contiguous_and_match_the_file_names() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version).unwrap(), at + 1);
            assert!(migration.file.starts_with(&format!("{:04}_", migration.version)));
        }
        assert_eq!(MIGRATIONS.last().unwrap().version, vm_core::record::SCHEMA.number());
        assert_eq!(MIGRATIONS[2].file, "0003_shadow_receipts.sql");
    }
}
