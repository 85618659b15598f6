//! The folder of a replica: names, limits, lock.
//!
//! ```text
//! mesh/lock                                         held by whoever writes
//! mesh/charter.json                                 charter of the graph
//! mesh/ops/<10 digits>.pack                         packs of ops, in the order in which they were taken
//! mesh/events/<10 digits>.json                      sealed events
//! mesh/event-fork/{first,second}.json               two events of one number
//! mesh/proofs/<author>.json                         proofs of equivocation
//! mesh/state/<10 digits>.bin                        a sealed state, by the number of its compaction
//! mesh/keys/<ledger>/<sha256>.json                  histories of the keys of logs
//! mesh/heads/<ledger>/<20 digits>-<root>.txt        heads of logs, each a request to a witness
//! mesh/rows/<ledger>/<sha256>.jsonl                 rows of logs, each line a row proof
//! mesh/forks/<ledger>.json                          proofs that a log was forked
//! mesh/peers/<ledger>.json                          peers that are pinned; in vaults alone
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant as Tick};

use vm_core::digest::{RootHash, Sha256Digest};
use vm_core::id::LedgerId;
use vm_core::path::VaultPath;
use vm_crdt::Charter;
use vm_crdt::charter::CHARTER_MAX;
use vm_ledger::VaultDir;
use vm_ledger::files::make_private_folders;

use crate::error::MeshError;
use crate::proof::PROOF_FILE_MAX;

/// Name of the charter's file.
pub(super) const CHARTER: &str = "charter.json";
/// Longest file of a mesh, in bytes: the longest row proof, and what a share puts before a new file is begun.
pub const FILE_MAX: usize = PROOF_FILE_MAX + super::share::SHARE_BYTES;
/// Most files of keys, heads, rows and forks that one side names: 10 MB of names.
pub const FILES_MAX: usize = 65_536;
/// Pause between two tries for the lock.
const PAUSE: Duration = Duration::from_millis(5);

/// `mesh/` below a vault or a mailbox, locked.
#[derive(Debug)]
pub(super) struct Folder {
    dir: VaultDir,
    /// Where it is.
    path: PathBuf,
    is_mailbox: bool,
    lock: Lock,
}

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would let go of it as well, but not before other handles on it are closed.
        let _ends_with_the_process = self.0.unlock();
    }
}

/// Whether a vault is at a folder, and no mailbox.
pub(super) fn has_ledger(at: &Path) -> bool {
    at.join(vm_ledger::files::DATABASE_FILE).exists()
}

/// A file that travels between replicas.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Name {
    /// How the keys of a log changed, by the hash of the file. First, since heads are checked by them.
    Keys(LedgerId, Sha256Digest),
    /// A head of a log: its size and its root.
    Head(LedgerId, u64, RootHash),
    /// Rows of a log, by the hash of the file.
    Rows(LedgerId, Sha256Digest),
    /// Proof that a log was forked.
    Fork(LedgerId),
}

impl Name {
    /// The log that it is about.
    pub(super) const fn ledger(&self) -> LedgerId {
        match self {
            Self::Head(ledger, ..) | Self::Rows(ledger, _) | Self::Fork(ledger) | Self::Keys(ledger, _) => *ledger,
        }
    }

    /// Reads the one form of a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        let ledger = |text: &str| LedgerId::parse(text).ok();
        let name = match kind {
            "heads" => {
                let (of, file) = rest.split_once('/')?;
                let (size, root) = file.strip_suffix(".txt")?.split_once('-')?;
                Self::Head(ledger(of)?, size.parse().ok()?, RootHash::parse_hex(root).ok()?)
            }
            "keys" => {
                let (of, file) = rest.split_once('/')?;
                Self::Keys(ledger(of)?, Sha256Digest::parse_hex(file.strip_suffix(".json")?).ok()?)
            }
            "rows" => {
                let (of, file) = rest.split_once('/')?;
                Self::Rows(ledger(of)?, Sha256Digest::parse_hex(file.strip_suffix(".jsonl")?).ok()?)
            }
            "forks" => Self::Fork(ledger(rest.strip_suffix(".json")?)?),
            _ => return None,
        };
        (name.to_string() == text).then_some(name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keys(ledger, hash) => write!(f, "keys/{ledger}/{hash}.json"),
            Self::Head(ledger, size, root) => write!(f, "heads/{ledger}/{size:020}-{root}.txt"),
            Self::Rows(ledger, hash) => write!(f, "rows/{ledger}/{hash}.jsonl"),
            Self::Fork(ledger) => write!(f, "forks/{ledger}.json"),
        }
    }
}

impl Folder {
    /// Opens the folder below `at`, made where it is not there.
    pub(super) fn create(at: &Path, timeout: Duration) -> Result<Self, MeshError> {
        let path = at.join("mesh");
        make_private_folders(&path).map_err(|source| MeshError::Io { path: path.clone(), source })?;
        Self::open(at, timeout)
    }

    /// Opens the folder below `at` and waits for its lock.
    pub(super) fn open(at: &Path, timeout: Duration) -> Result<Self, MeshError> {
        let path = at.join("mesh");
        if !path.is_dir() {
            return Err(MeshError::Missing { path });
        }
        let lock = path.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let file = opened.map_err(|source| MeshError::Io { path: lock.clone(), source })?;
        let begun = Tick::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < timeout => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(MeshError::Busy { path }),
                Err(TryLockError::Error(source)) => return Err(MeshError::Io { path: lock, source }),
            }
        }
        Ok(Self { dir: VaultDir::open(&path)?, is_mailbox: !has_ledger(at), path, lock: Lock(file) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn is_mailbox(&self) -> bool {
        self.is_mailbox
    }

    /// The charter; nothing where none is there yet. One that is gone from beside its ops is damage: another would not fit them.
    pub(super) fn charter(&self) -> Result<Option<Charter>, MeshError> {
        let Some(bytes) = self.read(CHARTER, CHARTER_MAX)? else {
            let is_new = self.list("ops", ".pack")?.is_empty();
            return if is_new { Ok(None) } else { Err(self.damaged(CHARTER, "missing")) };
        };
        Charter::parse(&bytes).map(Some).map_err(|error| self.damaged(CHARTER, error.code()))
    }

    /// Writes a new file, durable when this returns. One with the same content is as good.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), MeshError> {
        let _ = self.dir.write_new(&vault_path(name)?, bytes)?;
        Ok(())
    }

    /// Writes a file in place of the one that has its name, durable when this returns.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), MeshError> {
        Ok(self.dir.place(&vault_path(name)?, &mut &*bytes)?)
    }

    /// Removes a file that another has taken the place of. One that is gone is as good; one that stays is read again and says nothing new.
    pub(super) fn remove(&self, name: &str) {
        let _stays = std::fs::remove_file(self.path.join(name));
    }

    /// Content of a file; nothing where it is not there.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, MeshError> {
        let path = self.path.join(name);
        let fault = |source| MeshError::Io { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() > limit { Err(self.damaged(name, "too-long")) } else { Ok(Some(bytes)) }
    }

    /// Names below a folder that end in `ending`, ascending.
    pub(super) fn list(&self, folder: &str, ending: &str) -> Result<Vec<String>, MeshError> {
        let path = self.path.join(folder);
        let fault = |source| MeshError::Io { path: path.clone(), source };
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(fault)?.file_name();
            names.extend(name.to_str().filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// All files that travel, ascending. What has no such name is nobody's.
    pub(super) fn names(&self) -> Result<Vec<Name>, MeshError> {
        let mut found = self.list("forks", ".json")?;
        for folder in self.list("heads", "")? {
            found.extend(self.list(&folder, ".txt")?);
        }
        for folder in self.list("keys", "")? {
            found.extend(self.list(&folder, ".json")?);
        }
        for folder in self.list("rows", "")? {
            found.extend(self.list(&folder, ".jsonl")?);
        }
        let mut names: Vec<Name> = found.iter().filter_map(|name| Name::parse(name)).collect();
        names.sort_unstable();
        if names.len() > FILES_MAX {
            return Err(MeshError::TooMany { what: "files", limit: FILES_MAX, found: names.len() });
        }
        Ok(names)
    }

    /// Paths of all files below the vault, but for the lock.
    pub(super) fn all(&self) -> Result<Vec<VaultPath>, MeshError> {
        let (mut folders, mut paths) = (vec![PathBuf::from("mesh")], Vec::new());
        let root = self.path.parent().unwrap_or(&self.path);
        while let Some(folder) = folders.pop() {
            let path = root.join(&folder);
            let fault = |source| MeshError::Io { path: path.clone(), source };
            for entry in std::fs::read_dir(&path).map_err(fault)? {
                let entry = entry.map_err(fault)?;
                let (kind, name) = (entry.file_type().map_err(fault)?, folder.join(entry.file_name()));
                match name.to_str() {
                    Some(text) if kind.is_file() && text != "mesh/lock" => paths.push(vault_path(text)?),
                    _ if kind.is_dir() => folders.push(name),
                    _ => {}
                }
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    /// The lock alone.
    pub(super) fn into_lock(self) -> Lock {
        self.lock
    }

    /// That a file of this folder is not what was written.
    pub(super) fn damaged(&self, name: &str, found: &'static str) -> MeshError {
        MeshError::Damaged { path: self.path.join(name), found }
    }
}

fn vault_path(name: &str) -> Result<VaultPath, MeshError> {
    name.parse().map_err(MeshError::Path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_form() {
        let (ledger, hash) = ("01".repeat(32), "ab".repeat(32));
        for good in [
            format!("heads/{ledger}/00000000000000000042-{hash}.txt"),
            format!("rows/{ledger}/{hash}.jsonl"),
            format!("keys/{ledger}/{hash}.json"),
            format!("forks/{ledger}.json"),
        ] {
            assert_eq!(Name::parse(&good).map(|name| name.to_string()).as_deref(), Some(good.as_str()));
        }
        for bad in [
            format!("heads/{ledger}/42-{hash}.txt"),
            format!("heads/{ledger}/+0000000000000000042-{hash}.txt"),
            format!("heads/../../{ledger}/00000000000000000042-{hash}.txt"),
            format!("rows/{ledger}/../{hash}.jsonl"),
            format!("rows/{}/{hash}.jsonl", ledger.to_uppercase().replace('0', "A")),
            format!("peers/{ledger}.json"),
            "charter.json".to_owned(),
            String::new(),
        ] {
            assert_eq!(Name::parse(&bad), None, "{bad}");
        }
    }
}
