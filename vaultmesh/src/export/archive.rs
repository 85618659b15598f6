//! The zip file itself: written deterministically, read with limits.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
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

/// An archive being written: a temporary file beside its place, renamed when it is whole.
pub(super) struct Packer {
    zip: ZipWriter<BufWriter<File>>,
    sums: BTreeMap<String, Sha256Digest>,
    out: PathBuf,
    temporary: PathBuf,
}

impl Packer {
    pub(super) fn create(out: &Path) -> Result<Self, VaultError> {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = out.with_file_name(name);
        let file = File::create(&temporary).map_err(|source| VaultError::File { path: temporary.clone(), source })?;
        Ok(Self { zip: ZipWriter::new(BufWriter::new(file)), sums: BTreeMap::new(), out: out.to_owned(), temporary })
    }

    /// Adds an entry whose content `write` hands over piece by piece.
    pub(super) fn add(
        &mut self,
        name: &str,
        write: &mut dyn FnMut(Take<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        self.zip.start_file(name, options()).map_err(|error| archive_fault(&error))?;
        let mut hasher = StreamHasher::new();
        let (zip, path) = (&mut self.zip, &self.temporary);
        write(&mut |piece| {
            hasher.update(piece);
            zip.write_all(piece).map_err(|source| VaultError::File { path: path.clone(), source })
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
        let buffered = self.zip.finish().map_err(|error| archive_fault(&error))?;
        let file = buffered.into_inner().map_err(|error| fault(error.into_error()))?;
        file.sync_all().map_err(fault)?;
        drop(file);
        let (digest, size) = hash_file(&self.temporary).map_err(fault)?;
        fs::rename(&self.temporary, &self.out).map_err(fault)?;
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
