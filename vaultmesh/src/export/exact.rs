//! Whether an archive is, byte for byte, what packing its entries makes: nothing hides between, before or after them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use zip::write::ZipWriter;

use crate::error::VaultError;
use crate::export::archive::{Unpacked, archive_fault, options};
use crate::export::{CHECKPOINTS, COVERAGE, MANIFEST, PROOFS, ROWS, SCRIPT, SUMS, TRUST, VERIFY};

/// Most bytes that may differ at once before the comparison is given up as lost: the sizes and the sum of one entry,
/// which are written over once the entry is whole, take 20.
const DIFFERING_MAX: usize = 1_024;

/// Refuses an archive that is not what packing `unpacked` makes. Cost: one pass over both.
pub(super) fn check(archive: &Path, unpacked: &Unpacked) -> Result<(), VaultError> {
    let fault = |source| VaultError::File { path: archive.to_owned(), source };
    let file = File::open(archive).map_err(fault)?;
    let len = file.metadata().map_err(fault)?.len();
    let mut zip = ZipWriter::new(Comparison { file, at: 0, end: 0, differing: BTreeSet::new(), fault: None });
    for name in in_order(unpacked) {
        zip.start_file(name, options()).map_err(|error| archive_fault(archive, error))?;
        let mut entry = BufReader::new(File::open(unpacked.path(name)).map_err(fault)?);
        io::copy(&mut entry, &mut zip).map_err(fault)?;
    }
    let compared = zip.finish().map_err(|error| archive_fault(archive, error))?;
    if let Some(source) = compared.fault {
        return Err(fault(source));
    }
    if compared.differing.is_empty() && compared.end == len {
        return Ok(());
    }
    Err(VaultError::Archive { reason: "it is not, byte for byte, what its entries make".to_owned() })
}

/// Names of the entries in the one order in which they are packed.
fn in_order(unpacked: &Unpacked) -> impl Iterator<Item = &str> {
    const OF_SEAL: &[&str] = &[MANIFEST, VERIFY, SCRIPT, TRUST, ROWS, PROOFS, COVERAGE];
    const OF_VAULT: &[&str] = &[MANIFEST, VERIFY, ROWS, CHECKPOINTS];
    let has = |wanted: &&str| unpacked.names().any(|name| name == *wanted);
    // A row of a vault may name a file as an entry of a seal's export is named.
    let first = if has(&CHECKPOINTS) { OF_VAULT } else { OF_SEAL };
    let between = unpacked.names().filter(|name| !first.contains(name) && *name != SUMS);
    first.iter().copied().filter(has).chain(between).chain([SUMS])
}

/// A sink that keeps nothing and compares what is written with a file. The zip writer goes back to headers that it wrote
/// before it knew what goes into them, so what differs is remembered until it is written over.
struct Comparison {
    file: File,
    at: u64,
    end: u64,
    differing: BTreeSet<u64>,
    /// Why the file could not be read. It is told at the end: the zip writer finishes the archive when it is dropped after a
    /// failure, and panics where that fails too.
    fault: Option<io::Error>,
}

impl Comparison {
    fn read(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut there = Vec::new();
        self.file.seek(SeekFrom::Start(self.at))?;
        (&self.file).take(length).read_to_end(&mut there)?;
        Ok(there)
    }
}

impl Write for Comparison {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.differing.len() > DIFFERING_MAX || self.fault.is_some() {
            self.at = self.at.saturating_add(limit);
            return Ok(bytes.len());
        }
        let there = self.read(limit).unwrap_or_else(|error| {
            self.fault = Some(error);
            Vec::new()
        });
        for (place, (at, byte)) in (self.at..).zip(bytes.iter().enumerate()) {
            if there.get(at) == Some(byte) {
                self.differing.remove(&place);
            } else {
                self.differing.insert(place);
            }
        }
        self.at = self.at.saturating_add(limit);
        self.end = self.end.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Comparison {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_told_at_the_end_and_panics_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        for entries in 0..3 {
            // Open for writing alone, so that every read fails.
            let file = File::create(dir.path().join("x")).unwrap();
            let mut zip = ZipWriter::new(Comparison { file, at: 0, end: 0, differing: BTreeSet::new(), fault: None });
            for name in 0..entries {
                zip.start_file(name.to_string(), options()).unwrap();
                zip.write_all(&[7; 3_000]).unwrap();
            }
            assert!(zip.finish().unwrap().fault.is_some());
        }
    }
}
