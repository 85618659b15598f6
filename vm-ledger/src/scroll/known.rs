//! What a writer remembers of a scroll, and how it tells that the scroll is still that one.

use std::os::unix::fs::MetadataExt as _;

use vm_core::path::VaultPath;
use vm_seal::merkle::Frontier;

use crate::error::FileError;
use crate::files::VaultDir;

/// A scroll as a writer last left it or found it whole. Whoever writes to one scroll again and again hands it from writer to writer, and
/// each reads the lines before it no more.
///
/// It is believed as long as the root's note is the one that was written, and the events are the same file, of the same length, neither
/// written to nor changed otherwise since. Else the scroll is read from its beginning. Whatever escapes that, such as a change within one
/// step of the file system's clock, is never signed: the next root is over the lines that were written, which those in the file then
/// are not.
#[derive(Clone, Debug)]
pub struct KnownScroll {
    pub(super) file: Option<FileState>,
    pub(super) note: Option<String>,
    pub(super) frontier: Frontier,
}

/// What a file system says of a file; the time of its last change, which nobody can set, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileState {
    pub(super) length: u64,
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl FileState {
    /// `None` where there is no file.
    pub(super) fn of(dir: &VaultDir, path: &VaultPath) -> Result<Option<Self>, FileError> {
        let file = match dir.open_file(path) {
            Ok(file) => file,
            Err(FileError::Missing { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let stat = file.metadata().map_err(|source| FileError::io(path.as_str(), source))?;
        let changed = (stat.ctime(), stat.ctime_nsec());
        Ok(Some(Self { length: stat.len(), device: stat.dev(), inode: stat.ino(), changed }))
    }
}
