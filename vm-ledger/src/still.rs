//! Files of a vault as they stood at one moment, however much is written meanwhile.
//!
//! Files that rows name never change. Scrolls grow: a writer adds lines, then puts a new root beside them. Whoever reads
//! between the two would see lines that nobody signed, and call it a finding. So the length of each scroll and its root
//! are noted together, at a moment when no writer is at work.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use vm_core::id::EngineName;
use vm_core::key::NOTE_MAX;
use vm_core::path::VaultPath;
use vm_core::view::{FileFault, VaultFiles};
use vm_seal::scroll::{events_path, root_path};

use crate::error::FileError;
use crate::files::{self, VaultDir};
use crate::lock::Lock;

/// How long a reader waits for the writer at work: longer than any commit. A writer that takes more has stopped in the
/// middle, and what it left is read as it lies.
const SETTLE: Duration = Duration::from_secs(1);

/// Files of a vault, read-only. Scrolls stand still from the first look at any of them on.
#[derive(Debug)]
pub struct StillFiles {
    dir: VaultDir,
    noted: OnceLock<Noted>,
}

/// What was noted of the scrolls.
#[derive(Debug, Default)]
struct Noted {
    engines: Vec<EngineName>,
    /// By path: the length of a scroll's lines.
    lengths: BTreeMap<VaultPath, u64>,
    /// By path: a root, or none where there was none.
    roots: BTreeMap<VaultPath, Option<Vec<u8>>>,
}

impl StillFiles {
    /// Opens the vault at `path`.
    ///
    /// # Errors
    /// As [`VaultDir::open`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self::new(VaultDir::open(path)?))
    }

    pub(crate) const fn new(dir: VaultDir) -> Self {
        Self { dir, noted: OnceLock::new() }
    }

    /// Where the vault is, links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) const fn dir(&self) -> &VaultDir {
        &self.dir
    }

    /// Whether this process may record here, as far as can be told without doing it: folder and database can be written.
    ///
    /// # Errors
    /// [`FileError::Io`] with what stands in the way, for example that the file system is read-only.
    pub fn check_writable(&self) -> Result<(), FileError> {
        self.dir.check_writable()
    }

    fn noted(&self) -> Result<&Noted, FileFault> {
        if let Some(noted) = self.noted.get() {
            return Ok(noted);
        }
        let noted = note(&self.dir)?;
        Ok(self.noted.get_or_init(|| noted))
    }
}

/// Notes all scrolls. One that cannot be read is left out: its faults are told by whoever reads it.
fn note(dir: &VaultDir) -> Result<Noted, FileFault> {
    let _settled = Lock::settled(dir, SETTLE);
    let mut noted = Noted { engines: dir.engines()?, ..Noted::default() };
    for engine in &noted.engines {
        let (Ok(events), Ok(root)) = (events_path(engine), root_path(engine)) else { continue };
        let limit = u64::try_from(NOTE_MAX).unwrap_or(u64::MAX);
        let bytes = match dir.read_whole(&root, limit) {
            Ok(bytes) => Some(bytes),
            Err(FileError::Missing { .. }) => None,
            Err(_) => continue,
        };
        let Some(length) = dir.open_file(&events).ok().and_then(|file| file.metadata().ok()) else { continue };
        noted.lengths.insert(events, length.len());
        noted.roots.insert(root, bytes);
    }
    Ok(noted)
}

impl VaultFiles for StillFiles {
    fn read(&self, path: &VaultPath, visit: &mut dyn FnMut(&[u8])) -> Result<(), FileFault> {
        if path.components().next() != Some("receipts") {
            return self.dir.read(path, visit);
        }
        let noted = self.noted()?;
        if let Some(root) = noted.roots.get(path) {
            let Some(bytes) = root else { return Err(FileFault::Missing { path: path.to_string() }) };
            visit(bytes);
            return Ok(());
        }
        match noted.lengths.get(path) {
            None => self.dir.read(path, visit),
            Some(length) => {
                let mut lines = self.dir.open_file(path)?.take(*length);
                files::pump(&mut lines, path.as_str(), |piece| {
                    visit(piece);
                    Ok(())
                })?;
                Ok(())
            }
        }
    }

    fn engines(&self) -> Result<Vec<EngineName>, FileFault> {
        Ok(self.noted()?.engines.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &impl VaultFiles, path: &str) -> Result<String, FileFault> {
        let mut text = String::new();
        files.read(&path.parse().unwrap(), &mut |piece| text.push_str(core::str::from_utf8(piece).unwrap()))?;
        Ok(text)
    }

    #[test]
    fn scrolls_stand_still_and_other_files_are_read_as_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let (events, root) = ("receipts/a/ENGINE_EVENTS.jsonl", "receipts/a/ROOT.a.txt");
        write(events, "1\n");
        write("receipts/b/ENGINE_EVENTS.jsonl", "1\n");
        let still = StillFiles::new(VaultDir::open(dir.path()).unwrap());
        write(root, "root 1");
        assert_eq!(read(&still, events).unwrap(), "1\n");
        for (name, text) in
            [(events, "1\n2\n"), (root, "root 2"), ("receipts/b/ROOT.b.txt", "x"), ("receipts/c/x", "x")]
        {
            write(name, text);
        }
        assert_eq!(
            (read(&still, events).unwrap(), read(&still, root).unwrap()),
            ("1\n".to_owned(), "root 1".to_owned())
        );
        assert!(matches!(read(&still, "receipts/b/ROOT.b.txt"), Err(FileFault::Missing { .. })));
        assert_eq!(still.engines().unwrap().len(), 2);
        assert_eq!(read(&still, "receipts/c/x").unwrap(), "x");
        // What is gone is gone.
        write(events, "");
        assert_eq!(read(&still, events).unwrap(), "");
    }

    #[test]
    fn a_writer_at_work_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultDir::open(dir.path()).unwrap();
        let now = vm_core::instant::Instant::from_micros(0).unwrap();
        let lock = Lock::acquire(&vault, &crate::lock::Patience::default(), now).unwrap();
        let writer = std::thread::spawn({
            let events = dir.path().join("receipts/a");
            move || {
                std::fs::create_dir_all(&events).unwrap();
                std::fs::write(events.join("ENGINE_EVENTS.jsonl"), "1\n").unwrap();
                std::thread::sleep(Duration::from_millis(60));
                std::fs::write(events.join("ROOT.a.txt"), "root").unwrap();
                drop(lock);
            }
        });
        let still = StillFiles::new(vault);
        assert_eq!(read(&still, "receipts/a/ROOT.a.txt").unwrap(), "root");
        writer.join().unwrap();
    }
}
