//! Verification of a tlog-tiles directory: every tile against the one above, all of them against the signed root.

use vm_core::key::Note;
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::FileFault;

use super::Tlog;
use crate::audit::Trust;
use crate::checkpoint::Checkpoint;
use crate::error::{ProveError, TlogError};
use crate::merkle::root_at;
use crate::merkle::tile::{TILE_WIDTH, Tile, TileAt, TileReader as _};

/// Files that may be missing before a walk ends: a directory that lacks so many is no copy of the log, and the size that
/// a checkpoint claims must not decide how long a walk takes.
const MISSING_MAX: u64 = 100;

/// A directory whose tiles, and entries where it has them, are those of the checkpoint. Made by [`Tlog::verify`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedTlog {
    checkpoint: Checkpoint,
    entries: u64,
}

impl VerifiedTlog {
    /// What was signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Number of entries whose data were there and hash to their leaves: all, or none where the directory has hash
    /// tiles alone.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }
}

impl Tlog<'_> {
    /// Verifies the whole directory against its checkpoint, and against a key and a head that `trust` brings. Cost: one
    /// pass, about one hash a leaf; memory: a few tiles and one entry bundle.
    ///
    /// # Errors
    /// [`TlogError`] where there is no checkpoint, or none that reads. All else is found and told in the report.
    pub fn verify(
        files: &dyn vm_core::view::VaultFiles,
        trust: &Trust<'_>,
    ) -> Result<(Report, Option<VerifiedTlog>), TlogError> {
        let (note, claimed, log) = Tlog::open(files)?;
        let mut walk = Walk { log, report: Report::new(), missing: 0, bundles: 0, entries: 0, without: Vec::new() };
        check_signature("checkpoint", &note, trust, &mut walk.report);
        walk.tiles();
        walk.root(&claimed);
        walk.told(&claimed);
        walk.head(&claimed, trust);
        let Walk { report, entries, .. } = walk;
        let sound = report.verdict() == Verdict::Verified;
        Ok((report, sound.then_some(VerifiedTlog { checkpoint: claimed, entries })))
    }
}

/// Whether `note` is signed by the pinned key for the log that the key is named after.
fn check_signature(subject: &str, note: &Note, trust: &Trust<'_>, report: &mut Report) {
    match trust.key.map(|key| Checkpoint::verify(note, key)) {
        None => report.find(Finding::new(Code::NoTrustKey, subject)),
        Some(Ok(_)) => report.checked(format!("signature of the {subject}")),
        Some(Err(error)) => report.find(Finding::new(Code::CheckpointInvalid, subject).found(error.code())),
    }
}

/// One pass over a directory.
struct Walk<'a> {
    log: Tlog<'a>,
    report: Report,
    missing: u64,
    /// Entry bundles that were there.
    bundles: u64,
    /// Entries that were there and hash to their leaves.
    entries: u64,
    /// First bundles that were not there.
    without: Vec<TileAt>,
}

impl Walk<'_> {
    /// Each full tile against its hash in the tile above, each entry against its hash in the tile of level 0.
    fn tiles(&mut self) {
        let mut above: Option<Tile> = None;
        let mut tiles = 0_u64;
        for at in TileAt::all(self.log.size()) {
            if self.missing >= MISSING_MAX {
                return;
            }
            let Some(tile) = self.read(at) else { continue };
            tiles += 1;
            if let Some(found) = tile.root() {
                above = self.parent(at, above);
                let place = usize::try_from(at.index() % u64::from(TILE_WIDTH)).unwrap_or(usize::MAX);
                let expected = above.as_ref().and_then(|above| above.hashes().get(place));
                if let Some(expected) = expected.filter(|expected| **expected != found) {
                    self.report.find(Finding::new(Code::TileAltered, at.path()).expected_found(expected, found));
                }
            }
            if at.level() == 0 {
                self.bundle(&tile);
            }
        }
        self.report.checked(format!("tiles: {tiles}"));
    }

    /// The tile that holds the root of `at`: the last one read, or another.
    fn parent(&mut self, at: TileAt, last: Option<Tile>) -> Option<Tile> {
        let parent = at.parent(self.log.size())?;
        match last.filter(|last| last.at() == parent) {
            Some(last) => Some(last),
            None => self.read(parent),
        }
    }

    fn read(&mut self, at: TileAt) -> Option<Tile> {
        match self.log.tiles().tile(at) {
            Ok(tile) => Some(tile),
            Err(error) => {
                self.fault(at.path(), &error);
                None
            }
        }
    }

    /// A file that cannot be read leaves the answer open; one that is there and malformed was altered.
    fn fault(&mut self, path: String, error: &TlogError) {
        let code = match error {
            TlogError::Tile(_) | TlogError::TooLong { .. } => Code::TileAltered,
            TlogError::Entries(_) => Code::LogAltered,
            _ => Code::EvidenceUnreadable,
        };
        self.missing += u64::from(code == Code::EvidenceUnreadable);
        self.report.find(Finding::new(code, path).found(error.code()));
    }

    /// Leaf data of one tile, where the directory has it.
    fn bundle(&mut self, tile: &Tile) {
        let at = tile.at();
        let found = self.log.entries(at);
        self.bundles += u64::from(!matches!(found, Err(TlogError::File(FileFault::Missing { .. }))));
        match found {
            Ok(bundle) => {
                let first = at.index() * u64::from(TILE_WIDTH);
                for ((place, leaf), expected) in (first..).zip(bundle.leaves()).zip(tile.hashes()) {
                    if leaf.to_root() == *expected {
                        self.entries += 1;
                    } else {
                        let subject = format!("log entry {place}");
                        self.report.find(Finding::new(Code::LogAltered, subject).expected_found(expected, leaf));
                    }
                }
            }
            Err(TlogError::File(FileFault::Missing { .. })) => {
                if self.without.len() < usize::from(TILE_WIDTH) {
                    self.without.push(at);
                }
            }
            Err(TlogError::TooLong { limit, .. }) => {
                let found = Finding::new(Code::LogAltered, at.entries_path());
                self.report.find(found.found(format!("longer than {limit} bytes")));
            }
            Err(error) => self.fault(at.entries_path(), &error),
        }
    }

    /// The root that the tiles give against the one that is signed.
    fn root(&mut self, claimed: &Checkpoint) {
        match root_at(&self.log.hashes(), self.log.size()) {
            Ok(found) if found == claimed.root() => self.report.checked(format!("root at {}", claimed.size())),
            Ok(found) => {
                let finding = Finding::new(Code::RootMismatch, format!("root at {}", claimed.size()));
                self.report.find(finding.expected_found(claimed.root(), found));
            }
            Err(error) => self.unread("root", &error),
        }
    }

    /// Entries: all, or none by choice. Some without the others are not a copy of the log.
    fn told(&mut self, claimed: &Checkpoint) {
        if self.bundles == 0 {
            self.report.checked("entries: none are here, hash tiles alone");
            return;
        }
        for at in &self.without {
            let found = Finding::new(Code::EvidenceUnreadable, at.entries_path());
            self.report.find(found.found("tlog-file-missing"));
        }
        self.report.checked(format!("entries: {} of {}", self.entries, claimed.size()));
    }

    /// The head from outside: not beyond this log, and the root that the tiles give at its size.
    fn head(&mut self, claimed: &Checkpoint, trust: &Trust<'_>) {
        const SUBJECT: &str = "head from outside";
        let Some(note) = trust.head else {
            self.report.find(Finding::new(Code::RollbackNotExcluded, "log"));
            return;
        };
        check_signature(SUBJECT, note, trust, &mut self.report);
        let head = match Checkpoint::parse_text(note.unverified_text()) {
            Ok(head) => head,
            Err(error) => {
                self.report.find(Finding::new(Code::CheckpointInvalid, SUBJECT).found(error.code()));
                return;
            }
        };
        if head.origin() != claimed.origin() {
            let finding = Finding::new(Code::CheckpointInvalid, SUBJECT);
            self.report.find(finding.expected_found(claimed.origin(), head.origin()));
        } else if head.size() > claimed.size() {
            let finding = Finding::new(Code::Rollback, SUBJECT);
            self.report.find(finding.expected_found(head.size(), claimed.size()));
        } else {
            match root_at(&self.log.hashes(), head.size()) {
                Ok(found) if found == head.root() => self.report.checked(format!("{SUBJECT} at {}", head.size())),
                Ok(found) => {
                    let finding = Finding::new(Code::Forked, SUBJECT).expected_found(head.root(), found);
                    self.report.find(finding);
                }
                Err(error) => self.unread(SUBJECT, &error),
            }
        }
    }

    fn unread(&mut self, subject: &str, error: &ProveError<TlogError>) {
        let cause = match error {
            ProveError::Read(cause) => cause.code(),
            other => other.code(),
        };
        self.report.find(Finding::new(Code::EvidenceUnreadable, subject).found(cause));
    }
}
