//! The zip file itself: written deterministically, read with limits.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use vm_core::digest::{Sha256Digest, StreamHasher};
use vm_core::path::VaultPath;
use vm_core::source::Entropy;
use zip::read::{ZipArchive, ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::error::VaultError;
use crate::export::{SUMS, exact};
use crate::outside::NewFile;
use crate::system::SystemEntropy;

/// Most files in an archive: as many seals, anchors and artifacts as a vault of a million rows may have.
const ENTRIES_MAX: usize = 1_000_000;
/// Most bytes unpacked from an archive: 64 GiB, the most that one artifact may have. Entries are stored, never
/// compressed, so an archive cannot unpack to more than its own size.
const BYTES_MAX: u64 = 64 << 30;

pub(super) fn archive_fault(error: &ZipError) -> VaultError {
    VaultError::Archive { reason: error.to_string() }
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
}

/// The file below the zip writer. Once a write failed it takes the rest and drops it: the zip writer finishes the archive
/// when it is dropped itself, and would print to stderr that this fails too.
struct Target {
    file: BufWriter<File>,
    at: u64,
    fault: Option<io::ErrorKind>,
}

impl Target {
    fn keep<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| self.fault = Some(error.kind()))
    }

    /// The file, with all that was written on disk.
    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self.fault {
            None => self.file.get_ref().sync_all(),
            Some(kind) => Err(kind.into()),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = if self.fault.is_some() {
            bytes.len()
        } else {
            let written = self.file.write(bytes);
            self.keep(written)?
        };
        self.at = self.at.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.fault.is_some() { Ok(()) } else { self.file.flush() };
        self.keep(flushed)
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match (self.fault, to) {
            (None, to) => {
                let at = self.file.seek(to);
                self.keep(at)?
            }
            (Some(_), SeekFrom::Start(at)) => at,
            (Some(_), SeekFrom::Current(by) | SeekFrom::End(by)) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

impl Packer {
    pub(super) fn create(out: &Path) -> Result<Self, VaultError> {
        let (new, file) = NewFile::create(out).map_err(|source| VaultError::File { path: out.to_owned(), source })?;
        let target = Target { file: BufWriter::new(file), at: 0, fault: None };
        Ok(Self { zip: ZipWriter::new(target), sums: BTreeMap::new(), out: out.to_owned(), new })
    }

    /// Adds an entry whose content `write` hands over piece by piece.
    pub(super) fn add(
        &mut self,
        name: &str,
        write: &mut dyn FnMut(Take<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let fault = |source| VaultError::File { path: self.out.clone(), source };
        let zip = &mut self.zip;
        zip.start_file(name, options()).map_err(|error| fault(error.into()))?;
        let mut hasher = StreamHasher::new();
        write(&mut |piece| {
            hasher.update(piece);
            zip.write_all(piece).map_err(fault)
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
    dir: PathBuf,
    names: BTreeMap<String, Sha256Digest>,
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder does no harm.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Unpacked {
    /// Unpacks `archive`. Refused by name: links, compressed entries, names that leave the folder, names that stand
    /// twice, more than the limits, headers that disagree, sums that do not hold or do not name every entry, and any
    /// byte that packing the entries would not make.
    pub(super) fn open(archive: &Path) -> Result<Self, VaultError> {
        let fault = |source| VaultError::File { path: archive.to_owned(), source };
        let mut file = BufReader::new(File::open(archive).map_err(fault)?);
        let mut random = [0; 16];
        SystemEntropy::open()?.fill(&mut random);
        let dir = std::env::temp_dir().join(format!("vaultmesh-{}", vm_core::digest::to_hex(&random)));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).map_err(|source| VaultError::File { path: dir.clone(), source })?;
        let mut unpacked = Self { dir, names: BTreeMap::new() };
        let mut total = 0;
        while let Some(mut entry) = read_zipfile_from_stream(&mut file).map_err(|error| archive_fault(&error))? {
            unpacked.take(&mut entry, &mut total)?;
        }
        unpacked.check_directory(archive)?;
        unpacked.check_sums()?;
        exact::check(archive, &unpacked)?;
        Ok(unpacked)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, VaultError> {
        if !self.names.contains_key(name) {
            return Err(VaultError::Archive { reason: format!("it lacks {name}") });
        }
        let path = self.path(name);
        fs::read(&path).map_err(|source| VaultError::File { path, source })
    }

    fn take<R: Read>(&mut self, entry: &mut ZipFile<'_, R>, total: &mut u64) -> Result<(), VaultError> {
        let refuse = |reason: &str| VaultError::Archive { reason: reason.to_owned() };
        let name = entry.name().map_err(|error| archive_fault(&error))?;
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
        let target = self.dir.join(path.as_str());
        let fault = |source| VaultError::File { path: target.clone(), source };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(fault)?;
        }
        let mut file = File::create_new(&target).map_err(fault)?;
        let (mut hasher, mut piece) = (StreamHasher::new(), vec![0; 1 << 16]);
        loop {
            let read = entry.read(&mut piece).map_err(|error| VaultError::Archive { reason: error.to_string() })?;
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
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| archive_fault(&error))?;
        let mut listed = Vec::new();
        for at in 0..zip.len() {
            let entry = zip.by_index_raw(at).map_err(|error| archive_fault(&error))?;
            if entry.is_symlink() {
                return Err(VaultError::Archive { reason: "an entry is a link".to_owned() });
            }
            listed.push(entry.name().map_err(|error| archive_fault(&error))?.into_owned());
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
            pack.zip = ZipWriter::new(Target { file: BufWriter::new(file), at: 0, fault: None });
            let done = pack.add_bytes("rows.jsonl", &vec![b'x'; size]).and_then(|()| pack.finish());
            let Err(VaultError::File { source, .. }) = done else { panic!("{size} bytes were taken: {done:?}") };
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
