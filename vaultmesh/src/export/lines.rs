//! Lines of an unpacked export, one by one: it may hold more of them than the memory would.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use crate::error::VaultError;
use crate::export::archive::Unpacked;

/// Longest line read from an export, in bytes: the longest leaf data, and its newline.
pub(super) const LINE_MAX: usize = vm_core::record::LEAF_MAX + 1;
/// Longest proof line, in bytes: 64 hashes of 66 characters, and the index.
pub(super) const PROOF_LINE_MAX: usize = 8 * 1024;

/// Lines of an unpacked file without their newlines, each within a limit; a last line without newline is refused.
pub(super) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    name: String,
    limit: usize,
    is_done: bool,
}

pub(super) fn lines(unpacked: &Unpacked, name: &str, limit: usize) -> Result<Lines, VaultError> {
    let (path, name) = (unpacked.path(name), name.to_owned());
    match File::open(&path) {
        Ok(file) => Ok(Lines { reader: BufReader::new(file), path, name, limit, is_done: false }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(VaultError::Archive { reason: format!("it lacks {name}") })
        }
        Err(source) => Err(VaultError::File { path, source }),
    }
}

impl Iterator for Lines {
    type Item = Result<Vec<u8>, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let mut line = Vec::new();
        let take = u64::try_from(self.limit).unwrap_or(u64::MAX);
        let read = std::io::Read::take(&mut self.reader, take).read_until(b'\n', &mut line);
        match read {
            Err(source) => {
                self.is_done = true;
                Some(Err(VaultError::File { path: self.path.clone(), source }))
            }
            Ok(0) => None,
            Ok(_) if line.pop() == Some(b'\n') => Some(Ok(line)),
            Ok(_) => {
                self.is_done = true;
                Some(Err(VaultError::Archive { reason: format!("a line of {} is too long or cut", self.name) }))
            }
        }
    }
}
