//! The zip file itself: written deterministically, read with limits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use vm_core::digest::{Sha256Digest, StreamHasher};
use vm_core::path::VaultPath;
use zip::read::{ZipArchive, ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::error::VaultError;
use crate::export::{SUMS, exact};
use crate::outside::NewFile;
use crate::temporary::TemporaryFolder;

/// Most files in an archive: as many seals, anchors and artifacts as a vault of a million rows may have.
const ENTRIES_MAX: usize = 1_000_000;
/// Most bytes unpacked from an archive: 64 GiB, the most that one artifact may have. Entries are stored, never
/// compressed, so an archive cannot unpack to more than its own size.
const BYTES_MAX: u64 = 64 << 30;

/// What is wrong with an archive, or with the disk that it lies on.
pub(super) fn archive_fault(archive: &Path, error: ZipError) -> VaultError {
    match error {
        ZipError::Io(error) => read_fault(archive, error),
        other => VaultError::Archive { reason: other.to_string() },
    }
}

/// As [`archive_fault`], for what reading an entry fails with.
fn read_fault(archive: &Path, source: io::Error) -> VaultError {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match source.kind() {
        UnexpectedEof | InvalidData | InvalidInput => VaultError::Archive { reason: source.to_string() },
        _ => VaultError::File { path: archive.to_owned(), source },
    }
}

/// Takes the next piece of an entry's content.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), VaultError>;

/// How every entry is packed, so that the same evidence makes the same file.
pub(super) fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .large_file(true)
}

/// An archive being written: a new file, which gets its name when it is whole.
pub(super) struct Packer {
    zip: ZipWriter<Target>,
    sums: BTreeMap<String, Sha256Digest>,
    out: PathBuf,
    new: NewFile,
    fault: Fault,
}

/// Why the file below a zip writer could not be written, shared with whoever can tell it.
type Fault = Rc<RefCell<Option<io::Error>>>;

/// The file below the zip writer. It never fails: a zip writer that is dropped after a failure finishes the archive, prints
/// to stderr that this fails too, and loses its place. What failed first is kept, and what comes after it is dropped.
struct Target {
    file: BufWriter<File>,
    at: u64,
    end: u64,
    fault: Fault,
}

impl Target {
    fn new(file: File) -> Self {
        Self { file: BufWriter::new(file), at: 0, end: 0, fault: Fault::default() }
    }

    /// Does something with the file, unless something failed before.
    fn attempt(&mut self, work: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let mut fault = self.fault.borrow_mut();
        if fault.is_none() {
            *fault = work(&mut self.file).err();
        }
    }

    /// Syncs the file. Gives what failed here or before.
    fn finish(mut self) -> io::Result<()> {
        self.attempt(|file| file.flush().and_then(|()| file.get_ref().sync_all()));
        // Dropped with what it still holds, it would try once more.
        drop(self.file.into_parts());
        self.fault.take().map_or(Ok(()), Err)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|file| file.write_all(bytes));
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.end = self.end.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(BufWriter::flush);
        Ok(())
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
            SeekFrom::End(by) => self.end.saturating_add_signed(by),
        };
        if at != self.at {
            self.attempt(|file| file.seek(SeekFrom::Start(at)).map(drop));
            self.at = at;
        }
        Ok(at)
    }
}

impl Packer {
    pub(super) fn create(out: &Path) -> Result<Self, VaultError> {
        let (new, file) = NewFile::create(out).map_err(|source| VaultError::File { path: out.to_owned(), source })?;
        let target = Target::new(file);
        let fault = target.fault.clone();
        Ok(Self { zip: ZipWriter::new(target), sums: BTreeMap::new(), out: out.to_owned(), new, fault })
    }

    /// Adds an entry whose content `write` hands over piece by piece.
    pub(super) fn add(
        &mut self,
        name: &str,
        write: &mut dyn FnMut(Take<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let fault = |source| VaultError::File { path: self.out.clone(), source };
        let (zip, failed) = (&mut self.zip, &self.fault);
        zip.start_file(name, options()).map_err(|error| fault(error.into()))?;
        let mut hasher = StreamHasher::new();
        write(&mut |piece| {
            hasher.update(piece);
            zip.write_all(piece).map_err(fault)?;
            // The rest would be made for nothing.
            failed.take().map_or(Ok(()), |source| Err(fault(source)))
        })?;
        self.sums.insert(name.to_owned(), hasher.finish().0);
        Ok(())
    }

    pub(super) fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        self.add(name, &mut |write| write(bytes))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.sums.contains_key(name)
    }

    /// Adds the sums, syncs and puts the file in its place. Gives its SHA-256.
    pub(super) fn finish(mut self) -> Result<(Sha256Digest, u64), VaultError> {
        let sums: String = self.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        self.add_bytes(SUMS, sums.as_bytes())?;
        let fault = |source| VaultError::File { path: self.out.clone(), source };
        self.zip.finish().map_err(io::Error::from).and_then(Target::finish).map_err(fault)?;
        let (digest, size) = hash_file(self.new.temporary()).map_err(fault)?;
        self.new.finish().map_err(fault)?;
        Ok((digest, size))
    }
}

fn hash_file(path: &Path) -> io::Result<(Sha256Digest, u64)> {
    let (mut file, mut hasher) = (BufReader::new(File::open(path)?), StreamHasher::new());
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            let (sha256, _, size) = hasher.finish();
            return Ok((sha256, size));
        }
        hasher.update(&piece[..read]);
    }
}

/// An archive unpacked into a folder of its own, which goes when this does. Each name and sum was checked.
pub(super) struct Unpacked {
    dir: TemporaryFolder,
    names: BTreeMap<String, Sha256Digest>,
}

impl Unpacked {
    /// Unpacks `archive`. Refused by name: links, compressed entries, names that leave the folder, names that stand
    /// twice, more than the limits, headers that disagree, sums that do not hold or do not name every entry, and any
    /// byte that packing the entries would not make.
    pub(super) fn open(archive: &Path) -> Result<Self, VaultError> {
        let fault = |source| VaultError::File { path: archive.to_owned(), source };
        let mut file = BufReader::new(File::open(archive).map_err(fault)?);
        let dir = TemporaryFolder::create()?;
        let mut unpacked = Self { dir, names: BTreeMap::new() };
        let mut total = 0;
        while let Some(mut entry) =
            read_zipfile_from_stream(&mut file).map_err(|error| archive_fault(archive, error))?
        {
            unpacked.take(archive, &mut entry, &mut total)?;
        }
        unpacked.check_directory(archive)?;
        unpacked.check_sums()?;
        exact::check(archive, &unpacked)?;
        Ok(unpacked)
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, VaultError> {
        if !self.names.contains_key(name) {
            return Err(VaultError::Archive { reason: format!("it lacks {name}") });
        }
        let path = self.path(name);
        fs::read(&path).map_err(|source| VaultError::File { path, source })
    }

    fn take<R: Read>(&mut self, archive: &Path, entry: &mut ZipFile<'_, R>, total: &mut u64) -> Result<(), VaultError> {
        let refuse = |reason: &str| VaultError::Archive { reason: reason.to_owned() };
        let name = entry.name().map_err(|error| archive_fault(archive, error))?;
        let path: VaultPath = name.parse().map_err(|_| refuse("a name is not a path below the archive"))?;
        if entry.compression() != CompressionMethod::Stored || !entry.is_file() {
            return Err(refuse("an entry is compressed, or no regular file"));
        }
        if self.names.len() == ENTRIES_MAX {
            return Err(refuse("it has too many entries"));
        }
        if self.names.contains_key(path.as_str()) {
            return Err(refuse("a name stands twice"));
        }
        let target = self.dir.path().join(path.as_str());
        let fault = |source| VaultError::File { path: target.clone(), source };
        if let Some(parent) = target.parent() {
            // The folder is ours: whatever is wrong with it is the machine's.
            fs::create_dir_all(parent).map_err(|source| fault(io::Error::other(source)))?;
        }
        let mut file = File::create_new(&target).map_err(fault)?;
        let (mut hasher, mut piece) = (StreamHasher::new(), vec![0; 1 << 16]);
        loop {
            let read = entry.read(&mut piece).map_err(|error| read_fault(archive, error))?;
            if read == 0 {
                break;
            }
            *total += u64::try_from(read).unwrap_or(u64::MAX);
            if *total > BYTES_MAX {
                return Err(refuse("it unpacks to too much"));
            }
            hasher.update(&piece[..read]);
            file.write_all(&piece[..read]).map_err(fault)?;
        }
        self.names.insert(path.to_string(), hasher.finish().0);
        Ok(())
    }

    /// The directory at the end must name what was unpacked and nothing else: other tools read that.
    fn check_directory(&self, archive: &Path) -> Result<(), VaultError> {
        let file = File::open(archive).map_err(|source| VaultError::File { path: archive.to_owned(), source })?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| archive_fault(archive, error))?;
        let mut listed = Vec::new();
        for at in 0..zip.len() {
            let entry = zip.by_index_raw(at).map_err(|error| archive_fault(archive, error))?;
            if entry.is_symlink() {
                return Err(VaultError::Archive { reason: "an entry is a link".to_owned() });
            }
            listed.push(entry.name().map_err(|error| archive_fault(archive, error))?.into_owned());
        }
        listed.sort_unstable();
        if self.names().eq(listed.iter().map(String::as_str)) {
            return Ok(());
        }
        Err(VaultError::Archive { reason: "its directory does not name what it holds".to_owned() })
    }

    fn check_sums(&self) -> Result<(), VaultError> {
        let sums = String::from_utf8(self.read(SUMS)?)
            .map_err(|_| VaultError::Archive { reason: format!("{SUMS} is not UTF-8") })?;
        let expected: String =
            self.names.iter().filter(|(name, _)| *name != SUMS).map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        if sums == expected { Ok(()) } else { Err(VaultError::ArchiveAltered) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("vault.vmb");
        for size in [10, 100_000] {
            let mut pack = Packer::create(&out).unwrap();
            let file = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let target = Target::new(file);
            pack.fault = target.fault.clone();
            pack.zip = ZipWriter::new(target);
            let done = pack.add_bytes("rows.jsonl", &vec![b'x'; size]).and_then(|()| pack.finish());
            let Err(VaultError::File { source, .. }) = done else { panic!("{size} bytes were taken: {done:?}") };
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
