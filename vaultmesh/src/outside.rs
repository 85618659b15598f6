//! New files outside the vault: whole or not there, and never in place of another.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A new file being written under a temporary name beside its own. It goes when this does, unless it was finished.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
}

impl NewFile {
    /// Begins a file: `path` with `.tmp` after it. What an earlier try had left there is written over.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where `path` is there, [`io::ErrorKind::ResourceBusy`] where another process is
    /// writing it, and whatever keeps it from being made.
    pub(crate) fn create(path: &Path) -> io::Result<(Self, File)> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&temporary)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
            // A file system that cannot lock is as good as one on which nobody else writes.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let new = Self { path: path.to_owned(), temporary };
        file.set_len(0)?;
        Ok((new, file))
    }

    /// Where it is until it is finished.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the file, whose content is synced, its own name. Durable when this returns.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where the name was taken meanwhile; nothing of ours is left then.
    pub(crate) fn finish(self) -> io::Result<()> {
        match fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => {}
            // File systems without links: the name was free when this began.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && self.path.symlink_metadata().is_err() => {
                fs::rename(&self.temporary, &self.path)?;
            }
            Err(error) => return Err(error),
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.inspect_err(|_| drop(fs::remove_file(&self.path)))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes a new file, durably.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where one is there, and whatever keeps it from being written; nothing is left then.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (new, mut file) = NewFile::create(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    new.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there_and_never_in_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("head.txt");
        let names = || fs::read_dir(dir.path()).unwrap().count();
        let (new, mut file) = NewFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        assert_eq!(NewFile::create(&path).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        drop((new, file));
        assert_eq!(names(), 0);
        fs::write(dir.path().join("head.txt.tmp"), "left by a process that died, longer than what comes").unwrap();
        write_new(&path, b"one").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), names()), (b"one".as_slice(), 1));
        assert_eq!(write_new(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_file(&path).unwrap();
        let (new, _file) = NewFile::create(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        assert_eq!(new.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap().as_slice(), names()), (b"another's".as_slice(), 1));
    }
}
