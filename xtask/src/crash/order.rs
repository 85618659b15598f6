//! The order of syncs: whatever a row names is on disk before the row is.

use std::path::Path;

use crate::crash::disk::Disk;
use crate::crash::trace::Op;
use crate::error::Failure;

/// Name of the file whose sync makes rows durable.
const WAL: &str = "ledger.db-wal";
/// Files that carry their own proof of being whole, or that nobody believes after a crash: the database, the lock.
const OWN: [&str; 2] = ["ledger.db", "ledger.lock"];

/// Goes through what was done. At each sync of the WAL and before each answer, every file but the database's own and
/// temporary ones must be on disk: content, name, and the folders above. No file may get its name before its content is
/// on disk. Gives the first complaint.
pub(super) fn check(before: &Disk, ops: &[Op]) -> Result<Option<String>, Failure> {
    let mut disk = before.clone();
    for (place, op) in ops.iter().enumerate() {
        if let Some(complaint) = disk.apply(op)? {
            return Ok(Some(complaint));
        }
        let (is_commit, what) = match op {
            Op::Sync { path } => (name(path) == WAL, "a commit"),
            Op::Told { .. } => (true, "an answer"),
            _ => (false, ""),
        };
        // A file that is only now being made has its row, if any, in a later commit.
        if let Some(loose) = disk.loose().into_iter().find(|path| is_commit && counts(path)) {
            return Ok(Some(format!("{what}, at {place}, comes before {} is on disk", loose.display())));
        }
    }
    Ok(None)
}

/// Shows that the check can fail: with the syncs of files left out, and with those of folders.
pub(super) fn check_itself(before: &Disk, ops: &[Op]) -> Result<(), Failure> {
    for folders in [false, true] {
        let mut disk = before.clone();
        let mut left = Vec::new();
        for op in ops {
            disk.apply(op)?;
            let out = matches!(op, Op::Sync { path } if disk.is_folder(path) == folders && name(path) != WAL);
            if !out {
                left.push(op.clone());
            }
        }
        if check(before, &left)?.is_none() {
            let of = if folders { "folders" } else { "files" };
            return Err(Failure::Crash(format!("the check of the order does not see that syncs of {of} are left out")));
        }
    }
    Ok(())
}

fn counts(path: &Path) -> bool {
    let name = name(path);
    !OWN.iter().any(|own| name.starts_with(own)) && !name.starts_with(".tmp-") && !name.ends_with(".tmp")
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_that_is_left_out_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let before = Disk::read(dir.path()).unwrap();
        let (file, path) = (|path: &str| Op::Create { path: path.into(), folder: false }, |path: &str| path.into());
        let sync = |path: &str| Op::Sync { path: path.into() };
        let sound = vec![
            file(WAL),
            sync(WAL),
            sync(""),
            file(".tmp-1"),
            Op::Write { path: path(".tmp-1"), at: Some(0), data: vec![1] },
            sync(".tmp-1"),
            Op::Rename { from: path(".tmp-1"), to: path("a") },
            sync(""),
            Op::Write { path: path(WAL), at: Some(0), data: vec![2] },
            sync(WAL),
            Op::Told { text: String::new() },
        ];
        assert_eq!(check(&before, &sound).unwrap(), None);
        check_itself(&before, &sound).unwrap();
        for step in [5, 7] {
            let mut broken = sound.clone();
            broken.remove(step);
            assert!(check(&before, &broken).unwrap().is_some(), "without step {step}");
        }
    }
}
