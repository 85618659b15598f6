//! The ledger's log as a C2SP tlog-tiles directory, which foreign clients can read.
//!
//! Hash tiles say nothing of the rows but how many there are. Entry bundles hold leaf data, and so the rows as they are
//! stored; they are written only when asked for.

mod error;
mod folder;

use std::path::Path;

use serde::Serialize;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::key::Note;
use vm_core::view::{EvidenceView as _, RowState, StoredEntry, Visit};
use vm_ledger::VaultDir;
use vm_seal::audit::Trust;
use vm_seal::checkpoint::VerifiedCheckpoint;
use vm_seal::keys::verify_by_any;
use vm_seal::merkle::TreeSize;
use vm_seal::merkle::tile::{TILE_WIDTH, Tile, TileAt};
use vm_seal::tlog::{ENTRY_MAX, EntryBundle, Tlog};

use crate::error::VaultError;
use crate::keys::KeyStore;
use crate::read::Reader;
use crate::verify::Outside;
use crate::witness::judge_head;
use folder::Folder;

pub use error::TilesError;

/// What was added to a directory of tiles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TilesWritten {
    /// Name of the log.
    pub origin: String,
    /// Entries in it now.
    pub size: u64,
    /// Entries that the directory's checkpoint covered before; none where it had none.
    pub before: Option<u64>,
    /// Hash tiles added.
    pub tiles: u64,
    /// Entry bundles added.
    pub bundles: u64,
    /// Places of rows that are longer than an entry can be. The bundles they belong to are left out.
    pub too_long: Vec<u64>,
}

/// What a directory of tiles is found to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TilesRead {
    /// Name of the log, by its checkpoint.
    pub origin: String,
    /// Entries in it, by its checkpoint.
    pub size: u64,
    /// Root over them, by its checkpoint.
    pub root: RootHash,
    /// Entries whose data were there and hold; none unless all else holds too.
    pub entries: Option<u64>,
}

/// Writes the log that the latest checkpoint signs to `dir`, or adds to what an earlier call wrote there. Files are
/// never changed, the checkpoint is replaced last: whoever reads finds one whole log or the other, after a crash too.
///
/// # Errors
/// [`VaultError::Tiles`] where `dir` holds something else, another log, or one that this log does not go on from.
pub fn write_tiles(reader: &Reader, dir: &Path, with_entries: bool) -> Result<TilesWritten, VaultError> {
    write_under(reader, dir, with_entries, reader.head()?)
}

/// As [`write_tiles`], the checkpoint with the line of the ledger's ML-DSA key where that is in force and among `keys`.
///
/// # Errors
/// As [`write_tiles`]; as [`Reader::second_signed_head`].
pub fn write_tiles_by(
    reader: &Reader,
    dir: &Path,
    with_entries: bool,
    keys: &KeyStore,
) -> Result<TilesWritten, VaultError> {
    write_under(reader, dir, with_entries, reader.second_signed_head(keys)?.0)
}

fn write_under(reader: &Reader, dir: &Path, with_entries: bool, note: Note) -> Result<TilesWritten, VaultError> {
    let keys = reader.keys()?;
    let (head, _) = verify_by_any(&note, &keys).map_err(TilesError::Head)?;
    check_root(reader, &head, TilesError::LogAltered { size: head.size() })?;
    let mut folder = Folder::open(dir)?;
    let before = folder.checkpoint(&keys)?;
    if let Some(before) = &before {
        if before.size() > head.size() {
            return Err(TilesError::Ahead { held: head.size(), published: before.size() }.into());
        }
        check_root(reader, before, TilesError::Forked { size: before.size() })?;
    }
    let covered = before.as_ref().map_or(TreeSize::ZERO, VerifiedCheckpoint::size);
    let mut writer = Writer { reader, folder: &mut folder, size: head.size(), covered, above: None };
    let tiles = writer.tiles()?;
    let (bundles, too_long) = if with_entries { writer.entries()? } else { (0, Vec::new()) };
    folder.publish(&note)?;
    Ok(TilesWritten {
        origin: head.checkpoint().origin().to_owned(),
        size: head.size().as_u64(),
        before: before.map(|before| before.size().as_u64()),
        tiles,
        bundles,
        too_long,
    })
}

/// Verifies a directory of tiles, ours or a foreign one, with nothing but the directory and what `outside` brings.
///
/// # Errors
/// [`VaultError::Tlog`] where it has no checkpoint that reads. What does not hold is told in the report.
pub fn verify_tiles(dir: &Path, outside: &Outside) -> Result<(TilesRead, vm_core::verdict::Report), VaultError> {
    let files = VaultDir::open(dir).map_err(VaultError::VaultFile)?;
    let (note, claimed, _) = Tlog::open(&files).map_err(VaultError::Tlog)?;
    let mut found = vm_core::verdict::Report::new();
    let pin = outside.pin_for(&note, &format!("checkpoint of {}", claimed.origin()), &mut found);
    let trust = Trust { key: pin.key(), head: outside.head.as_ref() };
    let (mut report, verified) = Tlog::verify(&files, &trust).map_err(VaultError::Tlog)?;
    report.merge(found);
    judge_head(outside, &mut report);
    let read = TilesRead {
        origin: claimed.origin().to_owned(),
        size: claimed.size().as_u64(),
        root: claimed.root(),
        entries: verified.map(|verified| verified.entries()),
    };
    Ok((read, report))
}

/// Whether the stored log has the root that was signed at that size.
fn check_root(reader: &Reader, signed: &VerifiedCheckpoint, fault: TilesError) -> Result<(), VaultError> {
    let found = reader.view().root_at(signed.size().as_u64()).map_err(VaultError::Proof)?;
    if found == signed.root() { Ok(()) } else { Err(fault.into()) }
}

/// One pass over what is to stand in the directory.
struct Writer<'a> {
    reader: &'a Reader,
    folder: &'a mut Folder,
    size: TreeSize,
    /// Size that the directory's checkpoint covers: files within it were read by others and are left alone.
    covered: TreeSize,
    /// The tile above the last one looked at.
    above: Option<Tile>,
}

impl Writer<'_> {
    /// Adds the hash tiles that are not there, and says how many.
    fn tiles(&mut self) -> Result<u64, VaultError> {
        let mut added = 0;
        for at in TileAt::all(self.size) {
            let length = u64::from(at.width()) * 32;
            if self.is_covered(at) && self.folder.has(&at.path(), Some(length))? {
                continue;
            }
            let tile = self.reader.view().tile(at).map_err(VaultError::Proof)?;
            self.check_parent(&tile)?;
            added += u64::from(self.folder.add(&at.path(), &tile.to_bytes())?);
        }
        Ok(added)
    }

    /// A full tile must hash to what the tile above says, so that what leads to the signed root is all that leaves.
    fn check_parent(&mut self, tile: &Tile) -> Result<(), VaultError> {
        let (Some(found), Some(parent)) = (tile.root(), tile.at().parent(self.size)) else { return Ok(()) };
        if self.above.as_ref().is_none_or(|above| above.at() != parent) {
            self.above = Some(self.reader.view().tile(parent).map_err(VaultError::Proof)?);
        }
        let place = usize::try_from(tile.at().index() % u64::from(TILE_WIDTH)).unwrap_or(usize::MAX);
        let expected = self.above.as_ref().and_then(|above| above.hashes().get(place));
        if expected == Some(&found) { Ok(()) } else { Err(TilesError::LogAltered { size: self.size }.into()) }
    }

    /// Adds the entry bundles that are not there: how many, and which rows no bundle can hold.
    fn entries(&mut self) -> Result<(u64, Vec<u64>), VaultError> {
        let (mut added, mut too_long) = (0, Vec::new());
        for at in TileAt::all(self.size).take_while(|at| at.level() == 0) {
            let path = at.entries_path();
            if self.is_covered(at) && self.folder.has(&path, None)? {
                continue;
            }
            let long = too_long.len();
            let bundle = self.bundle(at, &mut too_long)?;
            if too_long.len() == long {
                added += u64::from(self.folder.add(&path, &bundle.to_bytes())?);
            }
        }
        Ok((added, too_long))
    }

    /// Leaf data of the rows of one tile, each hashed to what the log holds for it.
    fn bundle(&self, at: TileAt, too_long: &mut Vec<u64>) -> Result<EntryBundle, VaultError> {
        let first = at.index() * u64::from(TILE_WIDTH);
        let mut bundle = EntryBundle::new();
        let mut fault = None;
        let visit = &mut |entry: StoredEntry, state: RowState| {
            let taken = leaf_data(&entry, &state).and_then(|(seq, data)| {
                if data.len() > ENTRY_MAX {
                    too_long.push(seq);
                    return Ok(());
                }
                bundle.push(data).map_err(|source| TilesError::Entries(source).into())
            });
            match taken {
                Ok(()) => Ok(Visit::Continue),
                Err(error) => {
                    fault = Some(error);
                    Ok(Visit::Stop)
                }
            }
        };
        let end = first + u64::from(at.width());
        self.reader.view().visit_log(first, end, visit).map_err(VaultError::View)?;
        fault.map_or(Ok(bundle), Err)
    }

    /// Whether everything in a tile stood in the tree that the directory's checkpoint signs.
    fn is_covered(&self, at: TileAt) -> bool {
        let hashes = at.index() * u64::from(TILE_WIDTH) + u64::from(at.width());
        let shift = u32::from(at.level()) * 8;
        hashes.checked_mul(1_u64.checked_shl(shift).unwrap_or(u64::MAX)).is_some_and(|end| end <= self.covered.as_u64())
    }
}

/// Place and leaf data of a row that is as it was logged.
fn leaf_data(entry: &StoredEntry, state: &RowState) -> Result<(u64, Vec<u8>), VaultError> {
    match (entry, state) {
        (StoredEntry::Entry(entry), RowState::Present(row)) => {
            let data = row.leaf_data().map_err(VaultError::Record)?;
            if LeafHash::of(&data) != entry.leaf {
                return Err(TilesError::RowAltered { seq: entry.seq }.into());
            }
            Ok((entry.seq, data))
        }
        (StoredEntry::Entry(entry), _) => Err(TilesError::RowAltered { seq: entry.seq }.into()),
        (StoredEntry::Malformed { seq }, _) => Err(TilesError::RowAltered { seq: *seq }.into()),
    }
}
