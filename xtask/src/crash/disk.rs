//! A disk that may lose power: what was synced stands, each later change is kept, dropped or torn.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::crash::random::Random;
use crate::crash::trace::Op;
use crate::error::Failure;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What becomes of changes that were not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Each is lost.
    Drop,
    /// Each is kept, as when the process alone dies.
    Keep,
    /// Each is kept, lost, or torn by sectors.
    Any,
}

/// The model: nodes by number, the root being 0.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    /// Content as synced, and the changes since.
    File { synced: Vec<u8>, since: Vec<Change> },
    /// By name: what it has stood for since the folder was synced, the first as synced.
    Folder { names: BTreeMap<OsString, Vec<Option<usize>>> },
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Len(usize),
}

impl Disk {
    /// What lies in a folder, all of it synced.
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        let mut disk = Self { nodes: vec![Node::Folder { names: BTreeMap::new() }] };
        disk.read_folder(dir, Path::new(""))?;
        Ok(disk)
    }

    fn read_folder(&mut self, dir: &Path, below: &Path) -> Result<(), Failure> {
        let here = dir.join(below);
        for entry in fs::read_dir(&here).map_err(Failure::io(&here))? {
            let path = below.join(entry.map_err(Failure::io(&here))?.file_name());
            let folder = dir.join(&path).is_dir();
            self.create(&path, folder)?;
            if folder {
                self.read_folder(dir, &path)?;
            } else {
                let data = fs::read(dir.join(&path)).map_err(Failure::io(&path))?;
                self.change(&path, Change::Write { at: 0, data })?;
            }
            self.sync(&path)?;
        }
        self.sync(below)
    }

    /// Does what a process did. Gives a complaint where a file got its name before its content was synced.
    pub(super) fn apply(&mut self, op: &Op) -> Result<Option<String>, Failure> {
        match op {
            Op::Create { path, .. } if self.find(path).is_some() => {}
            Op::Create { path, folder } => self.create(path, *folder)?,
            Op::Write { path, at, data } => {
                let at = match at {
                    Some(at) => usize::try_from(*at).unwrap_or(usize::MAX),
                    None => self.len(path)?,
                };
                self.change(path, Change::Write { at, data: data.clone() })?;
            }
            Op::Truncate { path, len } => {
                self.change(path, Change::Len(usize::try_from(*len).unwrap_or(usize::MAX)))?
            }
            Op::Sync { path } => self.sync(path)?,
            Op::Link { from, to } => {
                let node = self.find(from).ok_or_else(|| unknown(from))?;
                self.name(to, Some(node))?;
                return Ok(self.named_early(node, to));
            }
            Op::Rename { from, to } => {
                let node = self.find(from).ok_or_else(|| unknown(from))?;
                self.name(to, Some(node))?;
                self.name(from, None)?;
                return Ok(self.named_early(node, to));
            }
            Op::Unlink { path } => self.name(path, None)?,
            Op::Told { .. } => {}
        }
        Ok(None)
    }

    fn named_early(&self, node: usize, to: &Path) -> Option<String> {
        let early = matches!(self.nodes.get(node), Some(Node::File { since, .. }) if !since.is_empty());
        early.then(|| format!("{} got its name before its content was synced", to.display()))
    }

    pub(super) fn is_folder(&self, path: &Path) -> bool {
        self.find(path).is_some_and(|at| matches!(self.nodes.get(at), Some(Node::Folder { .. })))
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.iter().try_fold(0, |at, name| match self.nodes.get(at)? {
            Node::Folder { names } => names.get(name)?.last().copied().flatten(),
            Node::File { .. } => None,
        })
    }

    fn create(&mut self, path: &Path, folder: bool) -> Result<(), Failure> {
        self.nodes.push(match folder {
            true => Node::Folder { names: BTreeMap::new() },
            false => Node::File { synced: Vec::new(), since: Vec::new() },
        });
        self.name(path, Some(self.nodes.len() - 1))
    }

    fn name(&mut self, path: &Path, node: Option<usize>) -> Result<(), Failure> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(unknown(path)) };
        let at = self.find(folder).ok_or_else(|| unknown(folder))?;
        match self.nodes.get_mut(at) {
            Some(Node::Folder { names }) => {
                names.entry(name.to_owned()).or_insert_with(|| vec![None]).push(node);
                Ok(())
            }
            _ => Err(unknown(folder)),
        }
    }

    fn change(&mut self, path: &Path, change: Change) -> Result<(), Failure> {
        let at = self.find(path).ok_or_else(|| unknown(path))?;
        match self.nodes.get_mut(at) {
            Some(Node::File { since, .. }) => {
                since.push(change);
                Ok(())
            }
            _ => Err(unknown(path)),
        }
    }

    fn len(&self, path: &Path) -> Result<usize, Failure> {
        match self.find(path).and_then(|at| self.nodes.get(at)) {
            Some(Node::File { synced, since }) => Ok(since.iter().fold(synced.len(), |len, change| match change {
                Change::Write { at, data } => len.max(at + data.len()),
                Change::Len(len) => *len,
            })),
            _ => Err(unknown(path)),
        }
    }

    fn sync(&mut self, path: &Path) -> Result<(), Failure> {
        let at = self.find(path).ok_or_else(|| unknown(path))?;
        match self.nodes.get_mut(at) {
            Some(Node::File { synced, since }) => {
                for change in since.drain(..) {
                    change.apply(synced);
                }
            }
            Some(Node::Folder { names }) => {
                names.values_mut().for_each(|stood| drop(stood.drain(..stood.len().saturating_sub(1))));
                names.retain(|_, stood| stood.last().is_some_and(Option::is_some));
            }
            None => return Err(unknown(path)),
        }
        Ok(())
    }

    /// Files that a power loss now could take or change: their content, their name or a folder above was not synced.
    pub(super) fn loose(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        self.loose_below(0, Path::new(""), false, &mut found);
        found
    }

    fn loose_below(&self, at: usize, path: &Path, loose: bool, found: &mut Vec<PathBuf>) {
        match self.nodes.get(at) {
            Some(Node::File { since, .. }) if loose || !since.is_empty() => found.push(path.to_owned()),
            Some(Node::Folder { names }) => {
                for (name, stood) in names {
                    if let Some(Some(node)) = stood.last() {
                        self.loose_below(*node, &path.join(name), loose || stood.len() > 1, found);
                    }
                }
            }
            _ => {}
        }
    }

    /// Writes out what a disk may hold after a power loss now.
    pub(super) fn write_out(&self, dir: &Path, fate: Fate, random: &mut Random) -> Result<(), Failure> {
        let mut contents = BTreeMap::new();
        self.write_folder(0, dir, fate, random, &mut contents)
    }

    fn write_folder(
        &self,
        at: usize,
        dir: &Path,
        fate: Fate,
        random: &mut Random,
        contents: &mut BTreeMap<usize, Vec<u8>>,
    ) -> Result<(), Failure> {
        // Modes are not modelled; keys must be closed to others.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Failure::io(dir))?;
        let Some(Node::Folder { names }) = self.nodes.get(at) else { return Ok(()) };
        for (name, stood) in names {
            let chosen = match fate {
                Fate::Drop => stood.first(),
                Fate::Keep => stood.last(),
                Fate::Any => stood.get(random.place(stood.len())),
            };
            let Some(node) = chosen.copied().flatten() else { continue };
            let path = dir.join(name);
            match self.nodes.get(node) {
                Some(Node::File { synced, since }) => {
                    // A file with two names has one content.
                    let data = contents.entry(node).or_insert_with(|| survive(synced, since, fate, random));
                    let mut options = fs::OpenOptions::new();
                    let file = options.write(true).create_new(true).mode(0o600).open(&path);
                    file.and_then(|mut file| file.write_all(data)).map_err(Failure::io(&path))?;
                }
                _ => self.write_folder(node, &path, fate, random, contents)?,
            }
        }
        Ok(())
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, data } => put(content, *at, data),
            Self::Len(len) => content.resize(*len, 0),
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(at..end) {
        place.copy_from_slice(data);
    }
}

fn survive(synced: &[u8], since: &[Change], fate: Fate, random: &mut Random) -> Vec<u8> {
    let mut content = synced.to_vec();
    for change in since {
        match (fate, change) {
            (Fate::Drop, _) => {}
            (Fate::Keep, change) => change.apply(&mut content),
            (Fate::Any, Change::Len(_)) => {
                if random.one_in(2) {
                    change.apply(&mut content);
                }
            }
            (Fate::Any, Change::Write { at, data }) => match random.below(3) {
                0 => {}
                1 => change.apply(&mut content),
                _ => tear(&mut content, *at, data, random),
            },
        }
    }
    content
}

/// Writes some of the sectors that a write touches, and leaves the others.
fn tear(content: &mut Vec<u8>, at: usize, data: &[u8], random: &mut Random) {
    let mut done = 0;
    while done < data.len() {
        let length = (SECTOR - (at + done) % SECTOR).min(data.len() - done);
        if random.one_in(2) {
            put(content, at + done, data.get(done..done + length).unwrap_or_default());
        }
        done += length;
    }
}

fn unknown(path: &Path) -> Failure {
    Failure::Crash(format!("the trace names {}, which the model does not have", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(path: &str, folder: bool) -> Op {
        Op::Create { path: path.into(), folder }
    }

    fn write(path: &str, at: u64, data: &[u8]) -> Op {
        Op::Write { path: path.into(), at: Some(at), data: data.to_vec() }
    }

    fn sync(path: &str) -> Op {
        Op::Sync { path: path.into() }
    }

    fn rename(from: &str, to: &str) -> Op {
        Op::Rename { from: from.into(), to: to.into() }
    }

    fn disk(ops: &[Op]) -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::read(dir.path()).unwrap();
        for op in ops {
            disk.apply(op).unwrap();
        }
        disk
    }

    fn after(ops: &[Op], fate: Fate, seed: u64, name: &str) -> Option<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        disk(ops).write_out(dir.path(), fate, &mut Random::new(seed)).unwrap();
        fs::read(dir.path().join(name)).ok()
    }

    #[test]
    fn only_what_was_synced_is_sure() {
        let mut ops = vec![create("d", true), create("d/a", false), write("d/a", 0, b"one")];
        assert_eq!(after(&ops, Fate::Keep, 0, "d/a").unwrap(), b"one");
        assert_eq!(after(&ops, Fate::Drop, 0, "d/a"), None);
        for (done, step) in [sync("d/a"), sync("d"), sync("")].into_iter().enumerate() {
            assert_eq!(disk(&ops).loose(), [PathBuf::from("d/a")], "{done} of 3");
            ops.push(step);
        }
        assert!(disk(&ops).loose().is_empty());
        assert_eq!(after(&ops, Fate::Drop, 0, "d/a").unwrap(), b"one");
        ops.push(write("d/a", 0, b"two"));
        assert_eq!(after(&ops, Fate::Drop, 0, "d/a").unwrap(), b"one");
        assert_eq!(disk(&ops).loose().len(), 1);
        ops.push(Op::Unlink { path: "d/a".into() });
        assert_eq!(after(&ops, Fate::Drop, 0, "d/a").unwrap(), b"one", "a name taken away may come back");
    }

    #[test]
    fn writes_are_kept_dropped_or_torn_at_sectors() {
        let ops = [create("a", false), sync("a"), sync(""), write("a", 100, &[7; 1000])];
        let found: std::collections::BTreeSet<_> = (0..64).map(|seed| after(&ops, Fate::Any, seed, "a")).collect();
        assert!(found.len() >= 5, "{}", found.len());
        for content in found.into_iter().flatten().filter(|content| !content.is_empty()) {
            let at = |place: usize| content.get(place).copied().unwrap_or(0);
            assert_eq!(at(100), at(511));
            assert_eq!(at(512), at(1023));
            assert_eq!(at(1024), at(1099));
        }
    }

    #[test]
    fn a_name_before_its_content_is_told() {
        let mut disk = disk(&[create("t", false), write("t", 0, b"x")]);
        assert!(disk.apply(&rename("t", "a")).unwrap().unwrap().contains("before its content"));
        disk.apply(&sync("a")).unwrap();
        assert_eq!(disk.apply(&rename("a", "b")).unwrap(), None);
        assert!(disk.apply(&write("nowhere", 0, b"x")).is_err());
    }
}
