//! Scrolls: an engine's own append-only file of events, with a signed root beside it. They verify with no database.
//!
//! ```text
//! receipts/console/ENGINE_EVENTS.jsonl     one canonical JSON object a line
//! receipts/console/ROOT.console.txt        signed checkpoint over the lines, origin vaultmesh/<ledger>/console
//! ```
//!
//! Leaf data is a line without its newline.

use std::collections::BTreeMap;

use vm_core::canonical::{self, Canonicalizer};
use vm_core::digest::{LeafHash, RootHash};
use vm_core::error::PathError;
use vm_core::id::{EngineName, LedgerId};
use vm_core::key::{KeyHistory, NOTE_MAX, Note, NoteKey, PublicKey};
use vm_core::path::VaultPath;
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{FileFault, VaultFiles};

use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::digest::ScrollRoot;
use crate::merkle::{Frontier, TreeSize};

/// Longest line of a scroll, in bytes: the longest JSON text read anywhere.
pub const LINE_MAX: usize = canonical::BYTES_MAX;

/// Leaf hash of one line, given without its newline.
#[must_use]
pub fn line_leaf(line: &[u8]) -> LeafHash {
    LeafHash::of(line)
}

/// Path of an engine's events below the vault.
///
/// # Errors
/// [`PathError`] never in practice: an engine's name is a path component.
pub fn events_path(engine: &EngineName) -> Result<VaultPath, PathError> {
    format!("receipts/{engine}/ENGINE_EVENTS.jsonl").parse()
}

/// Path of an engine's signed root below the vault.
///
/// # Errors
/// As [`events_path`].
pub fn root_path(engine: &EngineName) -> Result<VaultPath, PathError> {
    format!("receipts/{engine}/ROOT.{engine}.txt").parse()
}

/// The lines of a scroll as they come in, piece by piece. Memory: one line; for one that is not canonical, what a
/// [`Canonicalizer`] takes.
#[derive(Debug, Default)]
pub struct ScrollLines {
    frontier: Frontier,
    partial: Vec<u8>,
    canonicalizer: Canonicalizer,
    overlong: bool,
    first_fault: Option<u64>,
    wanted: BTreeMap<TreeSize, Option<RootHash>>,
}

impl ScrollLines {
    /// Remembers the root at each of these sizes on the way.
    pub fn new(sizes: impl IntoIterator<Item = TreeSize>) -> Self {
        let mut wanted: BTreeMap<_, _> = sizes.into_iter().map(|size| (size, None)).collect();
        if let Some(root) = wanted.get_mut(&TreeSize::ZERO) {
            *root = Some(RootHash::empty());
        }
        Self { wanted, ..Self::default() }
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.take_partial(line);
            self.end_line();
        }
        self.take_partial(bytes);
    }

    fn take_partial(&mut self, bytes: &[u8]) {
        if self.partial.len() + bytes.len() > LINE_MAX {
            self.overlong = true;
            self.partial.clear();
        }
        if !self.overlong {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        // Canonical text that begins with a brace is an object. Of a line that was too long nothing is left, which is none.
        let sound = self.partial.starts_with(b"{") && self.canonicalizer.check_exact(&self.partial, LINE_MAX).is_ok();
        if !sound {
            self.first_fault.get_or_insert(self.frontier.size().as_u64());
        }
        self.frontier.append(line_leaf(&self.partial));
        self.partial.clear();
        self.overlong = false;
        let size = self.frontier.size();
        if let Some(root) = self.wanted.get_mut(&size) {
            *root = Some(self.frontier.root());
        }
    }

    /// Number of whole lines.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Root over the whole lines.
    #[must_use]
    pub fn root(&self) -> RootHash {
        self.frontier.root()
    }

    /// Frontier over the whole lines, from which a writer goes on.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Root at one of the sizes asked for; none where there are fewer lines.
    #[must_use]
    pub fn root_at(&self, size: TreeSize) -> Option<RootHash> {
        self.wanted.get(&size).copied().flatten()
    }

    /// Whether bytes follow the last newline.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.overlong || !self.partial.is_empty()
    }

    /// Number of the first line, from 0, that is not one canonical JSON object.
    #[must_use]
    pub const fn first_fault(&self) -> Option<u64> {
        self.first_fault
    }
}

/// Reads the scroll of `engine`, remembering the root at each of `sizes`.
///
/// # Errors
/// [`FileFault`].
pub fn read_lines(
    files: &dyn VaultFiles,
    engine: &EngineName,
    sizes: impl IntoIterator<Item = TreeSize>,
) -> Result<ScrollLines, FileFault> {
    let path = events_path(engine).map_err(|_| missing(engine))?;
    let mut lines = ScrollLines::new(sizes);
    files.read(&path, &mut |bytes| lines.update(bytes))?;
    Ok(lines)
}

fn missing(engine: &EngineName) -> FileFault {
    FileFault::Missing { path: format!("receipts/{engine}") }
}

/// A scroll found sound: its root is signed and its lines hash to it. Made by [`verify_scroll`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedScroll {
    root: ScrollRoot,
    key: NoteKey,
}

impl VerifiedScroll {
    /// Engine, size and root.
    #[must_use]
    pub const fn root(&self) -> &ScrollRoot {
        &self.root
    }

    /// The key that signed the root. Whether it is to be trusted is for whoever handed it in.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }
}

/// Verifies one engine's scroll: the root's signature by `log_key`, the lines against it, and against the sizes and
/// roots that seals `recorded` of it. Cost: one pass over the file.
pub fn verify_scroll(
    files: &dyn VaultFiles,
    ledger: &LedgerId,
    log_key: PublicKey,
    engine: &EngineName,
    recorded: &[ScrollRoot],
) -> (Report, Option<VerifiedScroll>) {
    verify_scroll_by(files, &KeyHistory::of_key(*ledger, log_key), engine, recorded)
}

/// As [`verify_scroll`], by the keys that a ledger had. The root is signed by any of them: a scroll does not say where the log
/// stood when it was written. One by a key that was declared stolen is `key-stolen` until it is signed anew.
pub fn verify_scroll_by(
    files: &dyn VaultFiles,
    keys: &KeyHistory,
    engine: &EngineName,
    recorded: &[ScrollRoot],
) -> (Report, Option<VerifiedScroll>) {
    let mut report = Report::new();
    let subject = format!("scroll {engine}");
    let named = keys.spans().rev().map(|span| NoteKey::new(keys.ledger().scroll_origin(engine), span.key));
    let named = match named.collect::<Result<Vec<NoteKey>, _>>() {
        Ok(named) => named,
        Err(error) => {
            report.find(Finding::new(Code::EvidenceUnreadable, &subject).found(error));
            return (report, None);
        }
    };
    let signed = read_root(files, engine, &named, &subject, &mut report);
    let stolen = |key: &NoteKey| keys.span_of(key.public()).is_some_and(|span| span.trusted.is_some());
    if signed.as_ref().is_some_and(|signed| stolen(signed.key())) {
        report.find(Finding::new(Code::KeyStolen, format!("{subject} root")));
    }
    let recorded = recorded.iter().filter(|root| root.engine == *engine);
    let sizes = recorded.clone().map(|root| root.size).chain(signed.as_ref().map(VerifiedCheckpoint::size));
    let lines = match read_lines(files, engine, sizes) {
        Ok(lines) => lines,
        Err(FileFault::Unreadable { .. }) => {
            report.find(Finding::new(Code::EvidenceUnreadable, &subject));
            return (report, None);
        }
        // No file is a scroll without lines: whatever was signed or sealed says how many there were.
        Err(_) => ScrollLines::new([TreeSize::ZERO]),
    };
    for root in recorded {
        compare(&lines, root.size, root.root, &subject, &mut report);
    }
    let signed_size = signed.as_ref().map_or(TreeSize::ZERO, VerifiedCheckpoint::size);
    // Beyond the root a crash leaves anything; that nobody signed it is said below.
    if let Some(line) = lines.first_fault().filter(|line| *line < signed_size.as_u64()) {
        report.find(
            Finding::new(Code::ScrollAltered, &subject).found(format!("line {line} is no canonical JSON object")),
        );
    }
    if let Some(signed) = &signed {
        compare(&lines, signed.size(), signed.root(), &subject, &mut report);
        report.checked(format!("{subject}: {} lines against the signed root", signed.size()));
    }
    if lines.size() > signed_size || lines.is_torn() {
        let torn = if lines.is_torn() { ", and bytes after the last newline" } else { "" };
        let found = format!("{} lines{torn}", lines.size());
        report.find(Finding::new(Code::ScrollUnsignedTail, &subject).expected_found(signed_size, found));
    }
    let sound = report.findings().is_empty();
    let verified = signed.filter(|_| sound).map(|signed| VerifiedScroll {
        root: ScrollRoot { engine: engine.clone(), size: signed.size(), root: signed.root() },
        key: signed.key().clone(),
    });
    (report, verified)
}

fn compare(lines: &ScrollLines, size: TreeSize, root: RootHash, subject: &str, report: &mut Report) {
    match lines.root_at(size) {
        None => {
            report.find(Finding::new(Code::TailCut, subject).expected_found(size, lines.size()));
        }
        Some(found) if found != root => {
            report.find(Finding::new(Code::ScrollAltered, subject).expected_found(root, found));
        }
        Some(_) => {}
    }
}

/// The signed root beside a scroll; none where it is missing or not signed by one of `keys`, the one in force first.
fn read_root(
    files: &dyn VaultFiles,
    engine: &EngineName,
    keys: &[NoteKey],
    subject: &str,
    report: &mut Report,
) -> Option<VerifiedCheckpoint> {
    let path = root_path(engine).ok()?;
    let mut bytes = Vec::new();
    let read = files.read(&path, &mut |piece| {
        let room = (NOTE_MAX + 1).saturating_sub(bytes.len());
        bytes.extend(piece.iter().take(room));
    });
    match read {
        Ok(()) => {}
        // Without a root no line is signed, which the caller says.
        Err(FileFault::Missing { .. }) => return None,
        Err(FileFault::Unreadable { .. }) => {
            report.find(Finding::new(Code::EvidenceUnreadable, format!("{subject} root")));
            return None;
        }
        Err(fault) => {
            report.find(Finding::new(Code::CheckpointInvalid, format!("{subject} root")).found(fault));
            return None;
        }
    }
    let note = Note::parse(&bytes).map_err(crate::error::CheckpointError::Note);
    let by_any = |note: Note| {
        let mut tried = keys.iter().map(|key| Checkpoint::verify(&note, key));
        let first = tried.next().ok_or(crate::error::CheckpointError::Origin)?;
        first.or_else(|fault| tried.find_map(Result::ok).ok_or(fault))
    };
    match note.and_then(by_any) {
        Ok(verified) => Some(verified),
        Err(error) => {
            report.find(Finding::new(Code::CheckpointInvalid, format!("{subject} root")).found(error.code()));
            None
        }
    }
}
