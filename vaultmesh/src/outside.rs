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
    /// Begins a file: `path` with `.tmp` after it, always a new one. What an earlier try had left there goes; a link in its
    /// place is not followed, since it may lead to a file that is somebody's.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where `path` is there, [`io::ErrorKind::ResourceBusy`] where another process is
    /// writing it, and whatever keeps it from being made: also what no try leaves behind under the temporary name.
    pub(crate) fn create(path: &Path) -> io::Result<(Self, File)> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let make = || OpenOptions::new().read(true).write(true).create_new(true).open(&temporary);
        let file = match make() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Locked until the new one is there, so that of two who find it one goes on.
                let _left = left_behind(&temporary)?;
                fs::remove_file(&temporary)?;
                make()?
            }
            made => made?,
        };
        lock(&file)?;
        // Between making and locking another may have taken it for left behind.
        if !is_at(&file, &temporary)? {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        Ok((Self { path: path.to_owned(), temporary }, file))
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

/// A file that a process left behind which died while it wrote; locked.
fn left_behind(temporary: &Path) -> io::Result<File> {
    if !temporary.symlink_metadata()?.is_file() {
        let what = format!("{} is in the way, and is a link or no file", temporary.display());
        return Err(io::Error::other(what));
    }
    let file = File::open(temporary)?;
    lock(&file)?;
    Ok(file)
}

/// A file system that cannot lock is as good as one on which nobody else writes.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Whether the open file is the one that stands under this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, named) = (file.metadata()?, path.symlink_metadata()?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
const fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
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

/// As [`write_new`], a file that its owner alone may read.
///
/// # Errors
/// As [`write_new`].
pub fn write_new_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (new, mut file) = NewFile::create(path)?;
    // Closed to others while it is still empty.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
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
        // A folder or a link under the temporary name is nobody's half-written file, and what a link leads to stays.
        let (kept, temporary) = (dir.path().join("ledger.db"), dir.path().join("head.txt.tmp"));
        fs::write(&kept, "somebody's").unwrap();
        fs::hard_link(&kept, &temporary).unwrap();
        write_new(&path, b"three").unwrap();
        #[cfg(unix)]
        {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(&kept, &temporary).unwrap();
            assert!(write_new(&path, b"four").unwrap_err().to_string().contains("head.txt.tmp is in the way"));
            fs::remove_file(&temporary).unwrap();
            write_new(&path, b"four").unwrap();
        }
        assert_eq!(fs::read(&kept).unwrap(), b"somebody's");
        fs::remove_file(&kept).unwrap();
        fs::remove_file(&path).unwrap();
        let (new, _file) = NewFile::create(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        assert_eq!(new.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap().as_slice(), names()), (b"another's".as_slice(), 1));
    }
}
