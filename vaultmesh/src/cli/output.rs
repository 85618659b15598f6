//! Files that commands write outside the vault.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use super::error::CliError;

/// Writes a new file, durably. An existing one is never overwritten: it may be the only memory of something.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => CliError::Exists { path: path.to_owned() },
        _ => CliError::file(path, source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("head.txt");
        write_new(&path, b"one").unwrap();
        assert_eq!(write_new(&path, b"two").unwrap_err().into_failure().code, "file-exists");
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
    }
}
