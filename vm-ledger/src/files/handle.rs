//! Handles of folders and files: opened without following links, made so that a crash leaves all or nothing.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, fsync, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use crate::error::FileError;

/// Numbers the temporary files of this process.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A temporary file that is removed unless it was renamed.
pub(super) struct Temporary<'a> {
    folder: &'a OwnedFd,
    name: Option<&'a str>,
}

impl<'a> Temporary<'a> {
    pub(super) const fn new(folder: &'a OwnedFd, name: &'a str) -> Self {
        Self { folder, name: Some(name) }
    }

    pub(super) fn rename_to(mut self, folder: &OwnedFd, name: &str, path: &str) -> Result<(), FileError> {
        if let Some(temporary) = self.name {
            renameat(self.folder, temporary, folder, name).map_err(|errno| fault(path, errno))?;
            self.name = None;
        }
        sync(folder, path)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            // Left behind, it is a stray file that nothing names.
            let _stray = unlinkat(self.folder, name, AtFlags::empty());
        }
    }
}

pub(super) const fn private() -> Mode {
    Mode::RUSR.union(Mode::WUSR)
}

pub(super) fn open_folder(at: &OwnedFd, name: &str, path: &str) -> Result<OwnedFd, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => {
            let link = statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
            let found = if link { "behind a symbolic link" } else { "behind something that is no folder" };
            FileError::NotRegular { path: path.to_owned(), found }
        }
        other => fault(path, other),
    })
}

/// Opens a regular file. What it is, is asked before it is opened, because opening a device can have effects, and again
/// through the handle, because it may have been swapped between.
pub(super) fn open_regular(at: impl AsFd, name: &Path, path: &str) -> Result<File, FileError> {
    let at = at.as_fd();
    let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| fault(path, errno))?;
    check_regular(FileType::from_raw_mode(stat.st_mode), path)?;
    // Without waiting, so that a FIFO swapped in cannot hold us up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = openat(at, name, flags, Mode::empty()).map_err(|errno| fault(path, errno))?;
    let stat = fstat(&opened).map_err(|errno| fault(path, errno))?;
    check_regular(FileType::from_raw_mode(stat.st_mode), path)?;
    Ok(File::from(opened))
}

pub(super) fn check_regular(found: FileType, path: &str) -> Result<(), FileError> {
    let found = match found {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "of an unknown kind",
    };
    Err(FileError::NotRegular { path: path.to_owned(), found })
}

pub(super) fn create_temporary(folder: &OwnedFd, path: &str) -> Result<(String, File), FileError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let name = format!(".tmp-{}-{number}", std::process::id());
        match openat(folder, name.as_str(), flags, private()) {
            Ok(made) => return Ok((name, File::from(made))),
            // Left by a dead process that had our number.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(fault(path, errno)),
        }
    }
}

pub(super) fn names(folder: &OwnedFd, path: &str) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).map_err(|errno| fault(path, errno))? {
        let entry = entry.map_err(|errno| fault(path, errno))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

pub(super) fn sync(folder: &OwnedFd, path: &str) -> Result<(), FileError> {
    fsync(folder).map_err(|errno| fault(path, errno))
}

pub(super) fn fault(path: &str, errno: Errno) -> FileError {
    match errno {
        Errno::LOOP => FileError::NotRegular { path: path.to_owned(), found: "a symbolic link" },
        other => FileError::io(path, other),
    }
}
