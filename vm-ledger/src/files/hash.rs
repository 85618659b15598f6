//! Hashing what a handle holds.

use std::fs::File;
use std::io::Read;

use rustix::fs::fstat;
use vm_core::digest::{Blake3Digest, Sha256Digest, StreamHasher};
use vm_core::path::VaultPath;
use vm_core::record::ArtifactFile;

use super::handle::fault;
use super::{BLAKE3_FROM, FILE_MAX};
use crate::error::FileError;

/// Bytes read at once.
const PIECE: usize = 128 * 1024;

/// SHA-256, BLAKE3 and length in bytes.
pub(super) type Digests = (Sha256Digest, Blake3Digest, u64);

/// Hashes what `file` holds, handing each piece on, and refuses a file that changes meanwhile.
pub(super) fn hash(
    mut file: File,
    path: &str,
    mut each: impl FnMut(&[u8]) -> Result<(), FileError>,
) -> Result<Digests, FileError> {
    let before = fstat(&file).map_err(|errno| fault(path, errno))?;
    let claimed = u64::try_from(before.st_size).unwrap_or(u64::MAX);
    if claimed > FILE_MAX {
        let path = path.to_owned();
        return Err(FileError::TooLarge { path, limit: FILE_MAX, found: claimed });
    }
    let mut hasher = StreamHasher::new();
    let size = pump(&mut file, path, |piece| {
        hasher.update(piece);
        each(piece)
    })?;
    let after = fstat(&file).map_err(|errno| fault(path, errno))?;
    let same =
        (before.st_size, before.st_mtime, before.st_mtime_nsec) == (after.st_size, after.st_mtime, after.st_mtime_nsec);
    if !same || size != claimed {
        return Err(FileError::Changing { path: path.to_owned() });
    }
    let (sha256, blake3, _) = hasher.finish();
    Ok((sha256, blake3, size))
}

/// Reads to the end, at most [`FILE_MAX`] bytes, and hands each piece on.
pub(crate) fn pump(
    source: &mut dyn Read,
    path: &str,
    mut each: impl FnMut(&[u8]) -> Result<(), FileError>,
) -> Result<u64, FileError> {
    let mut piece = vec![0; PIECE];
    let mut size: u64 = 0;
    loop {
        let count = match source.read(&mut piece) {
            Ok(0) => return Ok(size),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FileError::io(path, error)),
        };
        size = size.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if size > FILE_MAX {
            let path = path.to_owned();
            return Err(FileError::TooLarge { path, limit: FILE_MAX, found: size });
        }
        each(piece.get(..count).unwrap_or_default())?;
    }
}

pub(super) fn digests(bytes: &[u8]) -> Digests {
    let mut hasher = StreamHasher::new();
    hasher.update(bytes);
    hasher.finish()
}

pub(super) fn artifact(path: VaultPath, sha256: Sha256Digest, blake3: Blake3Digest, size: u64) -> ArtifactFile {
    ArtifactFile { path, size, sha256, blake3: (size >= BLAKE3_FROM).then_some(blake3) }
}

pub(super) fn artifact_of(sha256: Sha256Digest, blake3: Blake3Digest, size: u64) -> Result<ArtifactFile, FileError> {
    let hex = sha256.to_hex();
    let path = format!("artifacts/{}/{hex}", hex.get(..2).unwrap_or_default());
    let path = path.parse().map_err(FileError::Path)?;
    Ok(artifact(path, sha256, blake3, size))
}
