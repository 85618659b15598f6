//! Backups: a copy of a vault that verifies, made while others write.
//!
//! The database is copied as one snapshot sees it. The files that its rows name stand before their rows do, and scrolls
//! only grow, so files are copied after the snapshot was taken, each scroll up to its signed root. The copy grows under a
//! name of its own; its database comes last, so that half a backup holds no ledger at all; the whole is renamed when all
//! of it is on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use vm_core::digest::Sha256Digest;
use vm_core::path::VaultPath;
use vm_core::record::Table;
use vm_core::view::{EvidenceView as _, FileFault, RowFilter, RowScope, RowState, VaultFiles as _, Visit};
use vm_seal::scroll::{events_path, root_path};

use crate::error::{BackupError, FileError};
use crate::files::{DATABASE_FILE, VaultDir, make_private_folders};
use crate::snapshot::Snapshot;

/// Pages copied between two reports of progress: a mebibyte of the usual page size.
const PAGES: i32 = 256;

/// What a backup takes along, beside what rows name.
#[derive(Default)]
pub struct Plan<'a> {
    /// Further files below the vault, copied where they are there.
    pub extra: Vec<VaultPath>,
    /// Files to be left behind although rows name them.
    pub withhold: Option<&'a dyn Fn(&VaultPath) -> bool>,
}

impl core::fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Plan").field("extra", &self.extra).finish_non_exhaustive()
    }
}

/// A backup that was made.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BackedUp {
    /// Entries in its log.
    pub size: u64,
    /// Files in it, the database not counted.
    pub files: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// Files that rows name and that are not there: verification misses them in the original too.
    pub missing: Vec<VaultPath>,
    /// Files that differ from what their rows say, copied as they are.
    pub altered: Vec<VaultPath>,
    /// Files that were left behind because the plan says so.
    pub withheld: Vec<VaultPath>,
}

/// Copies the vault of `snapshot` to the new folder `to`. `progress` hears of each number of bytes that were copied.
/// Durable when this returns; until then nothing has that name. Cost: reads all of it once, and holds up only the
/// cutting of the write-ahead log.
///
/// # Errors
/// [`BackupError`].
pub fn backup(
    snapshot: &Snapshot,
    to: &Path,
    plan: &Plan<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<BackedUp, BackupError> {
    let growing = Growing::begin(to)?;
    let size = snapshot.size().map_err(BackupError::View)?;
    let done = BackedUp { size, ..BackedUp::default() };
    let mut copy = Copy { from: snapshot, to: &growing.dir, plan, progress, done };
    for (path, sha256) in named_files(snapshot)? {
        copy.file(&path, sha256)?;
    }
    copy.scrolls()?;
    for path in &plan.extra {
        copy.extra(path)?;
    }
    copy.database()?;
    let done = copy.done;
    growing.finish(to)?;
    Ok(done)
}

/// Files that rows name, each once, with the digest that the first such row holds.
fn named_files(snapshot: &Snapshot) -> Result<BTreeMap<VaultPath, Option<String>>, BackupError> {
    let as_of = snapshot.size().map_err(BackupError::View)?;
    let scope = RowScope::Window { since: None, until: None };
    let filter = RowFilter { tables: vec![Table::ProofArtifacts], scope, as_of };
    let mut named = BTreeMap::new();
    let visit = &mut |_, state| {
        if let RowState::Present(row) = state
            // A name that is no path names nothing that could be copied; verification says so.
            && let Some(path) = row.text("path").and_then(|path| path.parse::<VaultPath>().ok())
        {
            named.entry(path).or_insert_with(|| row.text("sha256_hex").map(str::to_owned));
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_matching(&filter, visit).map_err(BackupError::View)?;
    Ok(named)
}

/// A backup on its way.
struct Copy<'a> {
    from: &'a Snapshot,
    to: &'a VaultDir,
    plan: &'a Plan<'a>,
    progress: &'a mut dyn FnMut(u64),
    done: BackedUp,
}

impl Copy<'_> {
    /// Copies a file that rows name.
    fn file(&mut self, path: &VaultPath, sha256: Option<String>) -> Result<(), BackupError> {
        if self.plan.withhold.is_some_and(|withhold| withhold(path)) {
            self.done.withheld.push(path.clone());
            return Ok(());
        }
        match self.stream(path)? {
            None => self.done.missing.push(path.clone()),
            Some(found) if sha256.is_some_and(|sha256| sha256 != found.to_hex()) => {
                self.done.altered.push(path.clone());
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Copies a file that may be absent.
    fn extra(&mut self, path: &VaultPath) -> Result<(), BackupError> {
        self.stream(path).map(drop)
    }

    /// Copies scrolls and their roots, as they were noted together.
    fn scrolls(&mut self) -> Result<(), BackupError> {
        for engine in self.from.files().engines().map_err(unreadable)? {
            for path in [events_path(&engine), root_path(&engine)] {
                self.stream(&path.map_err(FileError::Path)?)?;
            }
        }
        Ok(())
    }

    /// Copies one file; gives its digest, or none where it is no regular file below the vault.
    fn stream(&mut self, path: &VaultPath) -> Result<Option<Sha256Digest>, BackupError> {
        let (from, progress) = (self.from.files(), &mut *self.progress);
        let mut fault = None;
        let copied = self.to.write_streamed(path, &mut |take| {
            let mut taken = Ok(());
            let read = from.read(path, &mut |piece| {
                if taken.is_ok() {
                    taken = take(piece);
                    progress(length(piece));
                }
            });
            taken?;
            read.map_err(|error| {
                let told = FileError::Missing { path: path.to_string() };
                fault = Some(error);
                told
            })
        });
        match (copied, fault) {
            (Ok((sha256, bytes)), _) => {
                self.done.files += 1;
                self.done.bytes += bytes;
                Ok(Some(sha256))
            }
            (Err(_), Some(FileFault::Missing { .. } | FileFault::NotRegular { .. })) => Ok(None),
            (Err(_), Some(fault)) => Err(unreadable(fault)),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Copies the database page by page, within the snapshot's own transaction, then reads the copy.
    fn database(&mut self) -> Result<(), BackupError> {
        let temporary = self.to.path().join(TEMPORARY_DATABASE);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(&temporary, flags)?;
        // Nothing of a half copy is wanted, and it is synced below.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        let page: i64 = self.from.conn().pragma_query_value(None, "page_size", |row| row.get(0))?;
        let page = u64::try_from(page).unwrap_or(0);
        let backup = Backup::new(self.from.conn(), &mut copy)?;
        let mut before = 0;
        loop {
            let step = backup.step(PAGES)?;
            let state = backup.progress();
            let done = u64::try_from(state.pagecount - state.remaining).unwrap_or(0) * page;
            (self.progress)(done.saturating_sub(before));
            before = done;
            if step == StepResult::Done {
                break;
            }
        }
        drop(backup);
        copy.close().map_err(|(_, error)| error)?;
        self.done.bytes += before;
        let fault = |source| FileError::io(DATABASE_FILE, source);
        File::open(&temporary).and_then(|file| file.sync_all()).map_err(fault)?;
        fs::rename(&temporary, self.to.path().join(DATABASE_FILE)).map_err(fault)?;
        self.read_back()
    }

    fn read_back(&self) -> Result<(), BackupError> {
        let copy = Snapshot::open(self.to.path())?;
        let (expected, found) = (self.done.size, copy.size().map_err(BackupError::View)?);
        if expected != found || copy.checkpoint()? != self.from.checkpoint()? {
            return Err(BackupError::Differs { expected, found });
        }
        Ok(())
    }
}

/// Name of the database while it is copied: no vault is one without `ledger.db`.
const TEMPORARY_DATABASE: &str = ".tmp-ledger.db";

fn length(piece: &[u8]) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

fn unreadable(fault: FileFault) -> BackupError {
    BackupError::View(vm_core::view::ViewError::store(fault))
}

/// The folder that a name lies in.
fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The folder that a backup grows in, beside its place. It goes with this, unless it was finished.
struct Growing {
    dir: VaultDir,
    path: Option<PathBuf>,
}

impl Growing {
    fn begin(to: &Path) -> Result<Self, BackupError> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path: to.to_owned() });
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(to.file_name().unwrap_or_default());
        name.push(format!(".partial-{}", std::process::id()));
        let path = to.with_file_name(name);
        // The folder above must be there: where a medium was not mounted, the backup would end up below its place.
        VaultDir::open(above(to))?;
        make_private_folders(&path).map_err(|source| FileError::io(&path.to_string_lossy(), source))?;
        // From here on it is removed, whatever fails.
        let mut growing = Self { dir: VaultDir::open(&path)?, path: Some(path) };
        growing.path = Some(growing.dir.path().to_owned());
        Ok(growing)
    }

    /// Syncs the folder and gives it its name. An empty folder that came to have that name meanwhile is replaced; that
    /// loses nothing.
    fn finish(mut self, to: &Path) -> Result<(), BackupError> {
        let Some(path) = self.path.take() else { return Ok(()) };
        let fault = |source| FileError::io(&to.to_string_lossy(), source);
        for stray in ["ledger.db-wal", "ledger.db-shm"] {
            // Reading the copy back may have made them, and they hold nothing.
            let _absent = fs::remove_file(path.join(stray));
        }
        let renamed = self.dir.sync().and_then(|()| fs::rename(&path, to).map_err(fault));
        if let Err(error) = renamed {
            self.path = Some(path);
            return Err(error.into());
        }
        Ok(VaultDir::open(above(to))?.sync()?)
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What stays is named as partial, and is no vault.
            let _stays = fs::remove_dir_all(path);
        }
    }
}
