//! The log itself: its sequence, and its roots against what was signed.

use std::collections::BTreeMap;

use vm_core::digest::{LeafHash, RootHash};
use vm_core::record::{LogEntry, StoredRow};
use vm_core::verdict::{Code, FINDINGS_MAX, Finding, Report};
use vm_core::view::{RowState, StoredEntry};

use super::keys::Head;
use crate::digest::RowFate;
use crate::merkle::tile::TILE_HEIGHT;
use crate::merkle::{Frontier, NodeAt, TreeSize};
use crate::rehash::Hashed;
use crate::verify::{find_fate, row_subject};

/// A pass over the log that keeps two trees where it must: one over the leaves the log holds, one over the leaves the
/// rows hash to. A signed root then tells whether the row or the log was altered.
pub(super) struct LogWalk {
    marks: BTreeMap<TreeSize, RootHash>,
    head: Option<(TreeSize, RootHash)>,
    /// What it means that the log has another root than the head.
    otherwise: Code,
    logged: Frontier,
    /// Present while some row since the last signed root hashes to another leaf than the log holds.
    rehashed: Option<Frontier>,
    pending: Vec<(LogEntry, LeafHash)>,
    /// Set once neither tree gives a signed root, or the log has a hole: later roots then say nothing more.
    broken: bool,
    next_seq: u64,
    roots: BTreeMap<TreeSize, RootHash>,
    /// Roots of full tiles, from either tree.
    tiles: BTreeMap<NodeAt, Vec<RootHash>>,
}

impl LogWalk {
    pub(super) fn new(marks: BTreeMap<TreeSize, RootHash>, head: Option<&Head>) -> Self {
        Self {
            marks,
            head: head.map(|head| (head.checkpoint.size(), head.checkpoint.root())),
            otherwise: head.map_or(Code::Forked, |head| head.otherwise),
            logged: Frontier::new(),
            rehashed: None,
            pending: Vec::new(),
            broken: false,
            next_seq: 0,
            roots: BTreeMap::new(),
            tiles: BTreeMap::new(),
        }
    }

    /// Takes the next entry and what its table holds; gives both back where they are a row that can be looked into.
    pub(super) fn step(
        &mut self,
        stored: &StoredEntry,
        hashed: Hashed,
        report: &mut Report,
    ) -> Option<(LogEntry, StoredRow)> {
        let (seq, entry) = match stored {
            StoredEntry::Entry(entry) => (entry.seq, Some(entry)),
            StoredEntry::Malformed { seq } => (*seq, None),
        };
        self.check_seq(seq, report);
        let Some(entry) = entry else {
            report.find(Finding::new(Code::LogAltered, format!("log entry {seq}")).found("malformed"));
            self.broken = true;
            return None;
        };
        let leaf = match RowFate::of(entry, &hashed) {
            RowFate::Intact => entry.leaf,
            RowFate::Altered { found } if found != entry.leaf => found,
            other => {
                find_fate(entry, other, report);
                entry.leaf
            }
        };
        self.append(entry, leaf);
        self.compare(report);
        match hashed.state {
            RowState::Present(row) => Some((*entry, row)),
            _ => None,
        }
    }

    fn check_seq(&mut self, seq: u64, report: &mut Report) {
        if seq != self.next_seq {
            let finding = Finding::new(Code::LogAltered, format!("log entry {}", self.next_seq));
            report.find(finding.expected_found(self.next_seq, seq));
            self.broken = true;
        }
        self.next_seq = seq.saturating_add(1);
    }

    fn append(&mut self, entry: &LogEntry, leaf: LeafHash) {
        if leaf != entry.leaf {
            self.rehashed.get_or_insert_with(|| self.logged.clone());
            // More cannot be reported one by one.
            if self.pending.len() < FINDINGS_MAX {
                self.pending.push((*entry, leaf));
            }
        }
        let tiles = &mut self.tiles;
        let mut keep = |node: NodeAt, hash: RootHash| {
            if node.level() > 0 && node.level().is_multiple_of(TILE_HEIGHT) {
                tiles.entry(node).or_default().push(hash);
            }
        };
        self.logged.append_each(entry.leaf, &mut keep);
        if let Some(rehashed) = &mut self.rehashed {
            rehashed.append_each(leaf, &mut keep);
        }
    }

    /// Compares with the roots signed at this size.
    fn compare(&mut self, report: &mut Report) {
        let size = self.logged.size();
        let marked = self.marks.get(&size).copied();
        let headed = self.head.filter(|(head, _)| *head == size).map(|(_, root)| root);
        if marked.is_none() && headed.is_none() {
            return;
        }
        if let Some(signed) = marked {
            self.settle(size, signed, report);
        }
        let found = self.logged.root();
        self.roots.insert(size, found);
        if let Some(signed) = headed.filter(|signed| *signed != found) {
            report.find(Finding::new(self.otherwise, "head from outside").expected_found(signed, found));
        }
    }

    /// Decides, by a signed root, whether rows or log were altered since the last one.
    fn settle(&mut self, size: TreeSize, signed: RootHash, report: &mut Report) {
        if self.broken {
            return;
        }
        let logged = self.logged.root();
        let rehashed = self.rehashed.as_ref().map_or(logged, Frontier::root);
        if logged == signed {
            self.flush(Code::RowAltered, report);
        } else if rehashed == signed {
            self.flush(Code::LogAltered, report);
            if let Some(rehashed) = self.rehashed.take() {
                self.logged = rehashed;
            }
        } else {
            self.flush(Code::RowAltered, report);
            let finding = Finding::new(Code::LogAltered, format!("log root at {size}"));
            report.find(finding.expected_found(signed, logged));
            self.broken = true;
        }
        self.rehashed = None;
    }

    fn flush(&mut self, code: Code, report: &mut Report) {
        for (entry, leaf) in self.pending.drain(..) {
            let finding = match code {
                Code::LogAltered => {
                    Finding::new(code, format!("log entry {}", entry.seq)).expected_found(leaf, entry.leaf)
                }
                _ => Finding::new(code, row_subject(entry.table, entry.row_id)).expected_found(entry.leaf, leaf),
            };
            report.find(finding);
        }
    }

    /// Ends the pass over a log that claims `size` entries.
    pub(super) fn finish(&mut self, size: TreeSize, report: &mut Report) {
        self.flush(Code::RowAltered, report);
        if TreeSize::new(self.next_seq) != size {
            report.find(Finding::new(Code::LogAltered, "log").expected_found(size, self.next_seq));
        }
        let last = self.marks.last_key_value().map(|(last, _)| *last);
        match last {
            Some(last) if last > size => {
                report.find(Finding::new(Code::TailCut, format!("checkpoint {last}")).expected_found(last, size));
            }
            // The ledger signs what it appends, so entries that nothing covers were put there by another hand.
            Some(last) if last < size => {
                let subject = format!("log entries from {last}");
                report.find(Finding::new(Code::RowInserted, subject).expected_found(last, size));
            }
            _ => {}
        }
        if let Some((head, _)) = self.head.filter(|(head, _)| *head > size) {
            report.find(Finding::new(Code::Rollback, "head from outside").expected_found(head, size));
        }
    }

    /// Root over the whole log.
    pub(super) fn root(&self) -> RootHash {
        self.logged.root()
    }

    /// Roots at each signed size.
    pub(super) fn into_roots(self) -> BTreeMap<TreeSize, RootHash> {
        self.roots
    }

    /// Roots of full tiles: of the log's leaves first.
    pub(super) const fn tiles(&self) -> &BTreeMap<NodeAt, Vec<RootHash>> {
        &self.tiles
    }
}
