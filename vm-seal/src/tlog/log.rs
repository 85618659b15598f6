//! A tlog-tiles directory, read from its files.

use vm_core::digest::DIGEST_LEN;
use vm_core::key::{NOTE_MAX, Note};
use vm_core::path::VaultPath;
use vm_core::view::{FileFault, VaultFiles};

use super::EntryBundle;
use super::entries::BUNDLE_MAX;
use crate::checkpoint::Checkpoint;
use crate::error::TlogError;
use crate::merkle::TreeSize;
use crate::merkle::tile::{TILE_WIDTH, Tile, TileAt, TileHashes, TileReader};

/// Path of the checkpoint.
pub const CHECKPOINT_PATH: &str = "checkpoint";
/// Longest tile, in bytes.
#[expect(clippy::as_conversions, reason = "a u16 fits in a usize, and From is not const")]
const TILE_MAX: usize = TILE_WIDTH as usize * DIGEST_LEN;

/// A log as a directory of tiles holds it, at the size of its checkpoint. Nothing is believed yet.
#[derive(Clone, Copy)]
pub struct Tlog<'a> {
    files: &'a dyn VaultFiles,
    size: TreeSize,
}

/// Tiles of a [`Tlog`]. One that was partial and is full by now is read from the full one.
#[derive(Clone, Copy)]
pub struct TlogTiles<'a>(&'a dyn VaultFiles);

impl<'a> Tlog<'a> {
    /// Opens the log whose files are `files`: the signed note of its checkpoint, what that note claims, and the log.
    /// No signature is checked.
    ///
    /// # Errors
    /// [`TlogError`]: there is no checkpoint, or it is malformed.
    pub fn open(files: &'a dyn VaultFiles) -> Result<(Note, Checkpoint, Self), TlogError> {
        let note = Note::parse(&read(files, CHECKPOINT_PATH, NOTE_MAX)?).map_err(TlogError::Note)?;
        let claimed = Checkpoint::parse_text(note.unverified_text()).map_err(TlogError::Checkpoint)?;
        let size = claimed.size();
        Ok((note, claimed, Self { files, size }))
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Its tiles.
    #[must_use]
    pub const fn tiles(&self) -> TlogTiles<'a> {
        TlogTiles(self.files)
    }

    /// Subtree hashes out of the tiles, for proofs and roots. They are believed: compare with a signed root.
    #[must_use]
    pub const fn hashes(&self) -> TileHashes<TlogTiles<'a>> {
        TileHashes::new(self.tiles(), self.size)
    }

    /// Leaf data of the leaves of `tile`, of level 0. They are not compared with it.
    ///
    /// # Errors
    /// [`TlogError`]: not there, which a log may choose, or malformed.
    pub fn entries(&self, tile: TileAt) -> Result<EntryBundle, TlogError> {
        let parse = |bytes: &[u8], width: u16| EntryBundle::parse(bytes, width).map_err(TlogError::Entries);
        let (bytes, width) = or_full(self.files, tile, TileAt::entries_path, BUNDLE_MAX)?;
        let mut bundle = parse(&bytes, width)?;
        bundle.truncate(tile.width());
        Ok(bundle)
    }
}

impl TileReader for TlogTiles<'_> {
    type Error = TlogError;

    fn tile(&self, at: TileAt) -> Result<Tile, TlogError> {
        let (bytes, width) = or_full(self.0, at, TileAt::path, TILE_MAX)?;
        let stored = Tile::parse(at.with_width(width)?, &bytes)?;
        let hashes = stored.hashes().iter().take(at.width().into()).copied().collect();
        Ok(Tile::from_hashes(at, hashes)?)
    }
}

/// Bytes of a tile or bundle and its width: those asked for, or where a log has deleted a partial one, the full one
/// (C2SP tlog-tiles, "Partial Tiles").
fn or_full(
    files: &dyn VaultFiles,
    at: TileAt,
    path: fn(TileAt) -> String,
    limit: usize,
) -> Result<(Vec<u8>, u16), TlogError> {
    match read(files, &path(at), limit) {
        Err(TlogError::File(FileFault::Missing { path: missing })) => {
            match read(files, &path(at.with_width(TILE_WIDTH)?), limit) {
                Err(TlogError::File(FileFault::Missing { .. })) => Err(FileFault::Missing { path: missing }.into()),
                found => Ok((found?, TILE_WIDTH)),
            }
        }
        found => Ok((found?, at.width())),
    }
}

/// A file of at most `limit` bytes.
fn read(files: &dyn VaultFiles, path: &str, limit: usize) -> Result<Vec<u8>, TlogError> {
    let at: VaultPath = path.parse().map_err(TlogError::Path)?;
    let (mut bytes, mut long) = (Vec::new(), false);
    files.read(&at, &mut |piece| {
        long |= bytes.len() + piece.len() > limit;
        if !long {
            bytes.extend_from_slice(piece);
        }
    })?;
    if long { Err(TlogError::TooLong { path: path.to_owned(), limit }) } else { Ok(bytes) }
}
