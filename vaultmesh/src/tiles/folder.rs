//! The directory: what stands in it, and how something is added.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use vm_core::key::{KeyHistory, NOTE_MAX, Note};
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::error::CheckpointError;
use vm_seal::keys::verify_by_any;
use vm_seal::tlog::CHECKPOINT_PATH;

use super::TilesError;

/// Held by the one process that writes. It stays: taking it away would let two writers hold two files of one name.
const LOCK: &str = ".tlog.lock";
/// The file being written. There is one at a time, so a crash leaves one at most, and the next call overwrites it.
const TEMPORARY: &str = ".tlog.tmp";
/// Folder of everything but the checkpoint.
const TILES: &str = "tile";

/// A directory of tiles that this process alone writes to.
pub(super) struct Folder {
    path: PathBuf,
    /// Locked for as long as this lives.
    _lock: File,
    /// Folders in which something was named and which are not synced yet.
    unsynced: BTreeSet<PathBuf>,
}

impl Folder {
    /// Opens a directory, made where it is absent. One that holds neither a checkpoint nor tiles alone is refused.
    pub(super) fn open(path: &Path) -> Result<Self, TilesError> {
        fs::create_dir_all(path).map_err(|source| fault(path, source))?;
        let strange = strange(path).map_err(|source| fault(path, source))?;
        if let Some(found) = strange {
            return Err(TilesError::NotTiles { path: path.to_owned(), found });
        }
        let lock = path.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(|source| fault(&lock, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TilesError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(fault(&lock, source)),
        }
        let unsynced = path.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned);
        Ok(Self { path: path.to_owned(), _lock: file, unsynced: unsynced.into_iter().collect() })
    }

    /// The checkpoint that stands there, which one of the ledger's keys must have signed.
    pub(super) fn checkpoint(&self, keys: &KeyHistory) -> Result<Option<VerifiedCheckpoint>, TilesError> {
        let Some(bytes) = self.read(CHECKPOINT_PATH, NOTE_MAX)? else { return Ok(None) };
        let wrong = |source| TilesError::Checkpoint { path: self.path.clone(), source };
        let note = Note::parse(&bytes).map_err(|error| wrong(CheckpointError::Note(error)))?;
        let claimed = Checkpoint::parse_text(note.unverified_text()).map_err(wrong)?;
        if claimed.origin() != keys.ledger().origin() {
            let (expected, found) = (keys.ledger().origin(), claimed.origin().to_owned());
            return Err(TilesError::OtherLog { expected, found });
        }
        verify_by_any(&note, keys).map_err(wrong).map(|(checkpoint, _)| Some(checkpoint))
    }

    /// Whether a file is there; of another length than `length` it is refused.
    pub(super) fn has(&self, path: &str, length: Option<u64>) -> Result<bool, TilesError> {
        let at = self.path.join(path);
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_file() && length.is_none_or(|length| length == found.len()) => Ok(true),
            Ok(_) => Err(TilesError::Altered { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(fault(&at, source)),
        }
    }

    /// Adds a file, synced, and says whether it was not there yet. Its name is durable after [`Folder::publish`].
    pub(super) fn add(&mut self, path: &str, bytes: &[u8]) -> Result<bool, TilesError> {
        match self.read(path, bytes.len())? {
            Some(found) if found == bytes => return Ok(false),
            Some(_) => return Err(TilesError::Altered { path: path.to_owned() }),
            None => {}
        }
        self.put(path, bytes)?;
        Ok(true)
    }

    /// Makes all that was added durable, then puts `note` in the place of the checkpoint.
    pub(super) fn publish(&mut self, note: &Note) -> Result<(), TilesError> {
        self.sync()?;
        let text = note.to_string();
        if self.read(CHECKPOINT_PATH, NOTE_MAX)?.is_none_or(|found| found != text.as_bytes()) {
            self.put(CHECKPOINT_PATH, text.as_bytes())?;
        }
        self.sync()
    }

    /// Writes a file under another name, syncs it and gives it its own.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), TilesError> {
        let (temporary, at) = (self.path.join(TEMPORARY), self.path.join(path));
        let folders = at.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.path));
        self.unsynced.extend(folders.map(Path::to_owned));
        let write = || -> io::Result<()> {
            if let Some(folder) = at.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &at)
        };
        write().map_err(|source| fault(&at, source))
    }

    fn sync(&mut self) -> Result<(), TilesError> {
        for folder in core::mem::take(&mut self.unsynced) {
            File::open(&folder).and_then(|open| open.sync_all()).map_err(|source| fault(&folder, source))?;
        }
        Ok(())
    }

    /// A file's bytes, at most one more than `limit`; none where nothing is there.
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, TilesError> {
        let at = self.path.join(path);
        let mut bytes = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        match File::open(&at).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(fault(&at, source)),
        }
    }
}

/// Something in a directory without a checkpoint that no call of ours leaves there.
fn strange(path: &Path) -> io::Result<Option<String>> {
    if path.join(CHECKPOINT_PATH).try_exists()? {
        return Ok(None);
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if ![TILES, LOCK, TEMPORARY].iter().any(|own| name == *own) {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

fn fault(path: &Path, source: io::Error) -> TilesError {
    TilesError::Io { path: path.to_owned(), source }
}
