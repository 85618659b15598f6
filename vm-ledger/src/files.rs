//! Files below a vault: read through one handle and never through a link, written so that a crash leaves all or nothing.
//!
//! Reading walks the path component by component from the vault's own handle, so that no component can be swapped for a
//! link between check and use. Writing is: temporary file, fsync, rename, fsync of the folder.

mod handle;
mod hash;

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, accessat, fstat, mkdirat, openat, statat};
use rustix::io::Errno;
use vm_core::digest::{Sha256Digest, StreamHasher};
use vm_core::id::EngineName;
use vm_core::path::VaultPath;
use vm_core::record::ArtifactFile;
use vm_core::view::{FileFault, VaultFiles};

use crate::error::FileError;
use crate::lock::LOCK_FILE;

use handle::{Temporary, check_regular, create_temporary, fault, names, open_folder, open_regular, private, sync};
use hash::{artifact, artifact_of, digests, hash};

pub(crate) use hash::pump;

/// Name of the database below the vault.
pub const DATABASE_FILE: &str = "ledger.db";
/// Name of the file below the vault whose lock a process holds while it executes a proposal.
pub const EXECUTION_FILE: &str = "execution.lock";
/// Largest file that is hashed, in bytes: 64 GiB, which takes about a minute. A sparse file claims a terabyte at no
/// cost and would take twenty.
pub const FILE_MAX: u64 = 64 << 30;
/// Files from this size on, in bytes, get a BLAKE3 digest beside their SHA-256; below it, the second costs more in row
/// length than it saves in checking.
pub const BLAKE3_FROM: u64 = 1 << 20;
/// Takes the next piece of a file's content.
pub(crate) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), FileError>;

/// An open vault folder. All paths are looked up from its handle.
#[derive(Debug)]
pub struct VaultDir {
    handle: OwnedFd,
    path: PathBuf,
    /// Folders below the vault whose names were synced through this handle. Others may have made one and died, or not
    /// have come to sync it yet.
    synced: Mutex<BTreeSet<String>>,
}

impl VaultDir {
    /// Opens the vault at `path`. Links on the way to the vault itself are followed.
    ///
    /// # Errors
    /// [`FileError::Missing`], [`FileError::NotRegular`] where it is no folder, [`FileError::Io`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let name = path.to_string_lossy();
        let real = path.canonicalize().map_err(|source| FileError::io(&name, source))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(CWD, &real, flags, Mode::empty()).map_err(|errno| fault(&name, errno))?;
        Ok(Self { handle, path: real, synced: Mutex::default() })
    }

    /// Where the vault is, links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hashes a file that is already below the vault, and makes it durable where it lies: whoever put it there may not
    /// have waited for the disk. Cost: one pass, and a sync of the file and of each folder above.
    ///
    /// # Errors
    /// [`FileError`]: missing, no regular file or behind a link, larger than [`FILE_MAX`], one that the ledger itself
    /// goes on writing, changed while it was read, or unreadable.
    pub fn adopt(&self, path: &VaultPath) -> Result<ArtifactFile, FileError> {
        if is_reserved(path) {
            return Err(FileError::Reserved { path: path.to_string() });
        }
        let file = self.open_file(path)?;
        file.sync_all().map_err(|source| FileError::io(path.as_str(), source))?;
        self.sync_folders(path)?;
        let (sha256, blake3, size) = hash(file, path.as_str(), |_| Ok(()))?;
        Ok(artifact(path.clone(), sha256, blake3, size))
    }

    /// Copies the file at `source`, anywhere outside, to `artifacts/<2 hex>/<sha256>`, hashed through the handle it is
    /// read from. Durable when this returns.
    ///
    /// # Errors
    /// As [`VaultDir::adopt`], and whatever keeps the copy from being written.
    pub fn import(&self, source: &Path) -> Result<ArtifactFile, FileError> {
        let name = source.to_string_lossy();
        let file = open_regular(CWD, source, &name)?;
        self.store(file, &name)
    }

    /// Copies bytes from `source` to `artifacts/<2 hex>/<sha256>`; `name` stands for them in errors. Durable when this
    /// returns.
    ///
    /// # Errors
    /// As [`VaultDir::import`].
    pub fn import_reader(&self, source: &mut dyn Read, name: &str) -> Result<ArtifactFile, FileError> {
        let (artifacts, temporary, mut copy) = self.begin_artifact()?;
        let guard = Temporary::new(&artifacts, &temporary);
        let mut hasher = StreamHasher::new();
        let size = pump(source, name, |piece| {
            hasher.update(piece);
            copy.write_all(piece).map_err(|source| FileError::io(name, source))
        })?;
        let (sha256, blake3, _) = hasher.finish();
        self.finish_artifact(guard, &copy, artifact_of(sha256, blake3, size)?)
    }

    fn store(&self, file: File, name: &str) -> Result<ArtifactFile, FileError> {
        let (artifacts, temporary, mut copy) = self.begin_artifact()?;
        let guard = Temporary::new(&artifacts, &temporary);
        let (sha256, blake3, size) =
            hash(file, name, |piece| copy.write_all(piece).map_err(|source| FileError::io(name, source)))?;
        self.finish_artifact(guard, &copy, artifact_of(sha256, blake3, size)?)
    }

    fn begin_artifact(&self) -> Result<(OwnedFd, String, File), FileError> {
        let artifacts = self.make_folders(["artifacts"].into_iter(), "artifacts")?;
        let (temporary, copy) = create_temporary(&artifacts, "artifacts")?;
        Ok((artifacts, temporary, copy))
    }

    fn finish_artifact(
        &self,
        guard: Temporary<'_>,
        copy: &File,
        artifact: ArtifactFile,
    ) -> Result<ArtifactFile, FileError> {
        let path = &artifact.path;
        copy.sync_all().map_err(|source| FileError::io(path.as_str(), source))?;
        let (folder, name) = self.folder_of(path)?;
        // The name is the hash, so whatever stands there already is the same or damaged.
        guard.rename_to(&folder, name, path.as_str())?;
        Ok(artifact)
    }

    /// Copies bytes from `source` to a path of the caller's choice, in place of whatever regular file has it. Durable when
    /// this returns.
    ///
    /// # Errors
    /// As [`VaultDir::import`].
    pub fn place(&self, path: &VaultPath, source: &mut dyn Read) -> Result<(), FileError> {
        let (folder, name) = self.folder_of(path)?;
        let (temporary, mut file) = create_temporary(&folder, path.as_str())?;
        let guard = Temporary::new(&folder, &temporary);
        let fault = |source| FileError::io(path.as_str(), source);
        pump(source, path.as_str(), |piece| file.write_all(piece).map_err(fault))?;
        file.sync_all().map_err(fault)?;
        guard.rename_to(&folder, name, path.as_str())
    }

    /// Writes a new file. Where one with the same content is there already, as after a crash between file and row,
    /// that is as good. Durable when this returns.
    ///
    /// # Errors
    /// [`FileError::Exists`] where a file with other content is there; [`FileError::Full`], [`FileError::Io`].
    pub fn write_new(&self, path: &VaultPath, bytes: &[u8]) -> Result<ArtifactFile, FileError> {
        let (sha256, blake3, size) = digests(bytes);
        let written = artifact(path.clone(), sha256, blake3, size);
        match self.open_file(path) {
            Ok(file) => {
                let (found, _, _) = hash(file, path.as_str(), |_| Ok(()))?;
                if found != sha256 {
                    return Err(FileError::Exists { path: path.to_string() });
                }
                // Written by a process that may have died before this.
                let (folder, _) = self.folder_of(path)?;
                sync(&folder, path.as_str())?;
                return Ok(written);
            }
            Err(FileError::Missing { .. }) => {}
            Err(other) => return Err(other),
        }
        self.replace(path, bytes)?;
        Ok(written)
    }

    /// Writes a new file of what `pour` hands over, which is none where it fails. Durable when this returns. Gives
    /// SHA-256 and length.
    pub(crate) fn write_streamed(
        &self,
        path: &VaultPath,
        pour: &mut dyn FnMut(Take<'_>) -> Result<(), FileError>,
    ) -> Result<(Sha256Digest, u64), FileError> {
        let (folder, name) = self.folder_of(path)?;
        let (temporary, mut file) = create_temporary(&folder, path.as_str())?;
        let guard = Temporary::new(&folder, &temporary);
        let fault = |source| FileError::io(path.as_str(), source);
        let mut hasher = StreamHasher::new();
        pour(&mut |piece| {
            hasher.update(piece);
            file.write_all(piece).map_err(fault)
        })?;
        file.sync_all().map_err(fault)?;
        guard.rename_to(&folder, name, path.as_str())?;
        let (sha256, _, size) = hasher.finish();
        Ok((sha256, size))
    }

    /// Writes a file in place of whatever regular file has its name. Durable when this returns; until then the old
    /// one stands.
    pub(crate) fn replace(&self, path: &VaultPath, bytes: &[u8]) -> Result<(), FileError> {
        self.place(path, &mut &*bytes)
    }

    /// Whole content of a small file.
    pub(crate) fn read_whole(&self, path: &VaultPath, limit: u64) -> Result<Vec<u8>, FileError> {
        let file = self.open_file(path)?;
        let mut bytes = Vec::new();
        let read = file.take(limit + 1).read_to_end(&mut bytes);
        let found = u64::try_from(read.map_err(|source| FileError::io(path.as_str(), source))?).unwrap_or(u64::MAX);
        if found > limit {
            let path = path.to_string();
            return Err(FileError::TooLarge { path, limit, found });
        }
        Ok(bytes)
    }

    /// SHA-256 and size of a file below the vault.
    pub(crate) fn hash_file(&self, path: &VaultPath) -> Result<(Sha256Digest, u64), FileError> {
        let (sha256, _, size) = hash(self.open_file(path)?, path.as_str(), |_| Ok(()))?;
        Ok((sha256, size))
    }

    /// Opens a regular file for reading, component by component.
    pub(crate) fn open_file(&self, path: &VaultPath) -> Result<File, FileError> {
        let (folders, name) = split(path);
        let folder = self.walk(folders.into_iter(), path.as_str())?;
        open_regular(&folder, Path::new(name), path.as_str())
    }

    /// Opens a file for appending, making it and its folders where they are missing. Tells whether it was made.
    pub(crate) fn open_append(&self, path: &VaultPath) -> Result<(File, bool), FileError> {
        let (folder, name) = self.folder_of(path)?;
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => check_regular(FileType::from_raw_mode(stat.st_mode), path.as_str())?,
            Err(Errno::NOENT) => {
                let made = openat(&folder, name, flags | OFlags::CREATE | OFlags::EXCL, private())
                    .map_err(|errno| fault(path.as_str(), errno))?;
                sync(&folder, path.as_str())?;
                return Ok((File::from(made), true));
            }
            Err(errno) => return Err(fault(path.as_str(), errno)),
        }
        let opened = openat(&folder, name, flags, Mode::empty()).map_err(|errno| fault(path.as_str(), errno))?;
        let stat = fstat(&opened).map_err(|errno| fault(path.as_str(), errno))?;
        check_regular(FileType::from_raw_mode(stat.st_mode), path.as_str())?;
        Ok((File::from(opened), false))
    }

    /// Opens the lock file, making it where it is missing.
    pub(crate) fn open_lock(&self) -> Result<File, FileError> {
        self.open_lock_named(LOCK_FILE)
    }

    fn open_lock_named(&self, name: &'static str) -> Result<File, FileError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.handle, name, flags, private()).map_err(|errno| fault(name, errno))?;
        let stat = fstat(&opened).map_err(|errno| fault(name, errno))?;
        check_regular(FileType::from_raw_mode(stat.st_mode), name)?;
        Ok(File::from(opened))
    }

    /// Takes the exclusive lock on [`EXECUTION_FILE`], which is held until what it gives is dropped or the process ends; none
    /// where another holds it. It is apart from the writers' lock, so that whoever executes can record meanwhile.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn try_execution_lock(&self) -> Result<Option<File>, FileError> {
        let file = self.open_lock_named(EXECUTION_FILE)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(FileError::io(EXECUTION_FILE, source)),
        }
    }

    /// The vault's folder itself, opened anew, so that a lock on it is the caller's own.
    pub(crate) fn line(&self) -> Result<File, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(&self.handle, ".", flags, Mode::empty()).map_err(|errno| fault(".", errno))?;
        Ok(File::from(opened))
    }

    /// Whether the folder and the database in it can be written.
    pub(crate) fn check_writable(&self) -> Result<(), FileError> {
        for name in [".", DATABASE_FILE] {
            let asked = accessat(&self.handle, name, Access::WRITE_OK, AtFlags::EACCESS);
            asked.map_err(|errno| fault(name, errno))?;
        }
        Ok(())
    }

    /// Names in the vault folder itself.
    pub(crate) fn names(&self) -> Result<Vec<String>, FileError> {
        names(&self.handle, ".")
    }

    /// Makes the vault's own entries durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        sync(&self.handle, ".")
    }

    /// The folder that a path lies in, made where it is missing, and the file's name.
    fn folder_of<'a>(&self, path: &'a VaultPath) -> Result<(OwnedFd, &'a str), FileError> {
        let (folders, name) = split(path);
        Ok((self.make_folders(folders.into_iter(), path.as_str())?, name))
    }

    fn walk<'a>(&self, folders: impl Iterator<Item = &'a str>, path: &str) -> Result<OwnedFd, FileError> {
        let mut at = self.root(path)?;
        for folder in folders {
            at = open_folder(&at, folder, path)?;
        }
        Ok(at)
    }

    fn make_folders<'a>(&self, folders: impl Iterator<Item = &'a str>, path: &str) -> Result<OwnedFd, FileError> {
        let mut at = self.root(path)?;
        let mut below = String::new();
        for folder in folders {
            below.push_str(folder);
            match mkdirat(&at, folder, Mode::RWXU) {
                Ok(()) => sync(&at, path)?,
                Err(Errno::EXIST) if self.is_synced(&below) => {}
                Err(Errno::EXIST) => sync(&at, path)?,
                Err(errno) => return Err(fault(path, errno)),
            }
            at = open_folder(&at, folder, path)?;
            self.synced.lock().unwrap_or_else(PoisonError::into_inner).insert(below.clone());
            below.push('/');
        }
        Ok(at)
    }

    fn is_synced(&self, folder: &str) -> bool {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    /// Syncs the folder of a file and each above it.
    fn sync_folders(&self, path: &VaultPath) -> Result<(), FileError> {
        let mut at = self.root(path.as_str())?;
        let (folders, _) = split(path);
        for folder in folders {
            sync(&at, path.as_str())?;
            at = open_folder(&at, folder, path.as_str())?;
        }
        sync(&at, path.as_str())
    }

    fn root(&self, path: &str) -> Result<OwnedFd, FileError> {
        self.handle.try_clone().map_err(|source| FileError::io(path, source))
    }
}

impl VaultFiles for VaultDir {
    fn read(&self, path: &VaultPath, visit: &mut dyn FnMut(&[u8])) -> Result<(), FileFault> {
        let mut file = self.open_file(path)?;
        pump(&mut file, path.as_str(), |piece| {
            visit(piece);
            Ok(())
        })?;
        Ok(())
    }

    fn engines(&self) -> Result<Vec<EngineName>, FileFault> {
        let receipts = match open_folder(&self.handle, "receipts", "receipts") {
            Ok(receipts) => receipts,
            Err(FileError::Missing { .. }) => return Ok(Vec::new()),
            Err(other) => return Err(other.into()),
        };
        let mut engines: Vec<EngineName> =
            names(&receipts, "receipts")?.into_iter().filter_map(|name| name.parse().ok()).collect();
        engines.sort();
        Ok(engines)
    }
}

/// Makes a folder that its owner alone may enter, and those above it that are missing, durably: the name of each is
/// synced, also of one that another process is only now making. Cost: one sync a level that was missing, and one more.
///
/// # Errors
/// Whatever making or syncing a folder fails with.
pub fn make_private_folders(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    // A name without a folder before it lies in the working folder.
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let make = || std::fs::DirBuilder::new().mode(0o700).create(path);
    let made = make().or_else(|error| match error.kind() {
        // Only a name within a folder can lack the folder.
        io::ErrorKind::NotFound if above != Path::new(".") => make_private_folders(above).and_then(|()| make()),
        _ => Err(error),
    });
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !std::fs::metadata(path)?.is_dir() => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}

/// Files that the ledger itself goes on writing: no artifact can be one of them.
fn is_reserved(path: &VaultPath) -> bool {
    let first = path.components().next().unwrap_or_default();
    first == LOCK_FILE || first == EXECUTION_FILE || first.starts_with(DATABASE_FILE) || first == "receipts"
}

fn split(path: &VaultPath) -> (Vec<&str>, &str) {
    let mut folders: Vec<&str> = path.components().collect();
    let name = folders.pop().unwrap_or_default();
    (folders, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn vault() -> (tempfile::TempDir, VaultDir) {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultDir::open(dir.path()).unwrap();
        (dir, vault)
    }

    fn code(vault: &VaultDir, path: &str) -> &'static str {
        vault.adopt(&path.parse().unwrap()).unwrap_err().code()
    }

    #[test]
    fn a_file_is_hashed_where_it_lies_or_copied_in() {
        let (dir, vault) = vault();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a"), b"abc").unwrap();
        let adopted = vault.adopt(&"sub/a".parse().unwrap()).unwrap();
        assert_eq!((adopted.sha256, adopted.size, adopted.blake3), (Sha256Digest::of(b"abc"), 3, None));
        let outside = tempfile::tempdir().unwrap();
        let big = vec![7; usize::try_from(BLAKE3_FROM).unwrap()];
        fs::write(outside.path().join("big"), &big).unwrap();
        for _ in 0..2 {
            let copied = vault.import(&outside.path().join("big")).unwrap();
            let hex = Sha256Digest::of(&big).to_hex();
            assert_eq!(copied.path.as_str(), format!("artifacts/{}/{hex}", &hex[..2]));
            assert_eq!(copied.blake3, Some(vm_core::digest::Blake3Digest::of(&big)));
            assert_eq!(vault.adopt(&copied.path).unwrap(), copied);
        }
        assert_eq!(
            vault.import_reader(&mut big.as_slice(), "memory").unwrap(),
            vault.import(&outside.path().join("big")).unwrap()
        );
        let left: Vec<_> = fs::read_dir(dir.path().join("artifacts")).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
    }

    #[test]
    fn everything_but_a_regular_file_is_refused_by_name_and_at_once() {
        let (dir, vault) = vault();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("real"), b"x").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("real", at("link")).unwrap();
        symlink("folder", at("linked")).unwrap();
        fs::write(at("folder/file"), b"x").unwrap();
        rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, private(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let sparse = File::create(at("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        for (path, code_, found) in [
            ("none", "file-missing", ""),
            ("folder", "file-not-regular", "a folder"),
            ("link", "file-not-regular", "a symbolic link"),
            ("linked/file", "file-not-regular", "behind a symbolic link"),
            ("real/file", "file-not-regular", "behind something that is no folder"),
            ("fifo", "file-not-regular", "a FIFO"),
            ("socket", "file-not-regular", "a socket"),
            ("sparse", "file-too-large", "more than"),
            ("ledger.db", "file-reserved", ""),
            ("ledger.db-wal", "file-reserved", ""),
            ("ledger.lock", "file-reserved", ""),
            ("receipts/a/ROOT.a.txt", "file-reserved", ""),
        ] {
            assert_eq!(code(&vault, path), code_, "{path}");
            let text = vault.adopt(&path.parse().unwrap()).unwrap_err().to_string();
            assert!(text.contains(found), "{text}");
            if code_ == "file-not-regular" && !path.contains('/') {
                assert_eq!(vault.import(&at(path)).unwrap_err().code(), code_, "{path}");
            }
        }
        assert_eq!(vault.import(Path::new("/dev/zero")).unwrap_err().code(), "file-not-regular");
        assert_eq!(vault.import(Path::new("/dev/null\0")).unwrap_err().code(), "file-io");
    }

    #[test]
    fn names_that_leave_the_vault_are_no_paths() {
        let far = "a/".repeat(600);
        for bad in [
            "",
            ".",
            "..",
            "/",
            "//",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/..",
            "a/.",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "..\\x",
            "C:",
            "C:\\x",
            "c:/x",
            "\\\\host\\x",
            "file:x",
            "a\0",
            "a\n",
            "a\r",
            "a\u{7f}",
            "a.",
            "a ",
            "...",
            "a/...",
            "a/.. ",
            "nul:",
            "a/ ",
            "\u{85}",
            "\u{80}",
            "x/./y",
            "/..",
            "\t",
            "a/\u{1}b",
            far.as_str(),
            &"a".repeat(256),
        ] {
            assert!(bad.parse::<VaultPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_new_file_never_replaces_another() {
        let (dir, vault) = vault();
        let path: VaultPath = "seals/x.json".parse().unwrap();
        let written = vault.write_new(&path, b"one").unwrap();
        assert_eq!(vault.write_new(&path, b"one").unwrap(), written);
        assert_eq!(vault.write_new(&path, b"two").unwrap_err().code(), "file-exists");
        assert_eq!(fs::read(dir.path().join("seals/x.json")).unwrap(), b"one");
        symlink("x.json", dir.path().join("seals/y.json")).unwrap();
        let link: VaultPath = "seals/y.json".parse().unwrap();
        assert_eq!(vault.write_new(&link, b"one").unwrap_err().code(), "file-not-regular");
    }

    #[test]
    fn engines_are_listed_and_nothing_else() {
        let (dir, vault) = vault();
        assert!(vault.engines().unwrap().is_empty());
        for name in ["console", "a-1", "Not an engine", ".hidden"] {
            fs::create_dir_all(dir.path().join("receipts").join(name)).unwrap();
        }
        let found: Vec<String> = vault.engines().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["a-1", "console"]);
    }
}
