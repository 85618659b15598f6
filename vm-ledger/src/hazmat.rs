//! What can void every guarantee: changing a ledger's database past its triggers. For tests, for the demo's copies, and
//! for whoever wants to see that tampering is found. Never for a vault that is to be kept.

use std::path::Path;

use rusqlite::Connection;

use crate::error::LedgerError;
use crate::files::DATABASE_FILE;

/// Runs `sql` on the database of the vault at `path` as an attacker would: every trigger is dropped first and put back
/// as it was afterwards, so that nothing but the evidence itself tells of it. Gives the number of rows that were changed.
///
/// # Errors
/// [`LedgerError::Store`].
pub fn execute(path: &Path, sql: &str) -> Result<u64, LedgerError> {
    let conn = Connection::open(path.join(DATABASE_FILE))?;
    let triggers = {
        let mut statement = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    for (name, _) in &triggers {
        conn.execute_batch(&format!("DROP TRIGGER \"{name}\""))?;
    }
    let before = conn.total_changes();
    conn.execute_batch(sql)?;
    let changed = conn.total_changes() - before;
    for (_, sql) in &triggers {
        conn.execute_batch(sql)?;
    }
    Ok(changed)
}
