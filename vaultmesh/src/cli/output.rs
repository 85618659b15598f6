//! Files that commands write outside the vault.

use std::io;
use std::path::Path;

use super::error::CliError;

/// Writes a new file, durably and whole: temporary file, sync, name, sync of the folder. An existing one is never
/// overwritten: it may be the only memory of something.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    vaultmesh::outside::write_new(path, bytes).map_err(|source| refused(path, source))
}

/// What kept a new file from being written.
pub(super) fn refused(path: &Path, source: io::Error) -> CliError {
    match source.kind() {
        io::ErrorKind::AlreadyExists => CliError::Exists { path: path.to_owned() },
        _ => CliError::file(path, source),
    }
}

/// A path as results show it. One that is no Unicode must not keep a machine from reading the rest.
pub(super) fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
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
