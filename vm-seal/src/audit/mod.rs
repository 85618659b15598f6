//! The audit: rules over a whole ledger, read once from end to end.
//!
//! Each rule answers with findings; what could not be looked at is a finding too. Whether seals exist and are
//! anchored, and which authorities count, is for whoever composes the audit with those checks.

mod artifact;
mod format;
mod index;
mod keys;
mod log;
mod redaction;
mod row;
mod tile;

use std::collections::{BTreeMap, BTreeSet};

use vm_core::digest::RootHash;
use vm_core::id::{EngineName, LedgerId, SealId};
use vm_core::key::{KeyHistory, Note, NoteKey};
use vm_core::record::Genesis;
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::{EvidenceView, StoredEntry, VaultFiles, ViewError, Visit};

use crate::bundle::SealBundle;
use crate::digest::ScrollRoot;
use crate::error::BundleError;
use crate::merkle::TreeSize;
use crate::rehash::{self, Take};
use crate::scroll::{VerifiedScroll, verify_scroll_by};
use crate::verify::{Held, VerifiedSeal, check_against_view, check_bundle, known_signer, read_genesis};

pub use artifact::ArtifactRow;
pub use redaction::{PolicyUse, Redactions};

use artifact::Artifacts;
use format::FormatRules;
use index::IndexRules;
use keys::Head;
use log::LogWalk;
use redaction::RedactionRules;
use row::RowRules;

/// What the verifier brings from outside the vault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// A key of the ledger, be it one that was changed since: the ledger's name in it is what binds the others. Without it
    /// signatures prove only that the ledger agrees with itself.
    pub key: Option<&'a NoteKey>,
    /// A checkpoint that the verifier remembers. Without it an older copy of the whole vault looks the same.
    pub head: Option<&'a Note>,
}

/// A ledger in which every rule held: one log, under signed checkpoints, and every row as it was logged. Made by
/// [`audit`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditedLedger {
    ledger: LedgerId,
    size: TreeSize,
    root: RootHash,
    key: NoteKey,
    pinned: bool,
    headed: bool,
}

impl AuditedLedger {
    /// Name of the ledger.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// Entries in its log.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Root over them.
    #[must_use]
    pub const fn root(&self) -> RootHash {
        self.root
    }

    /// The key its checkpoints are signed with.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }

    /// Whether that key was pinned from outside.
    #[must_use]
    pub const fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Whether a head from outside was compared.
    #[must_use]
    pub const fn is_headed(&self) -> bool {
        self.headed
    }
}

/// A seal that the audit came across.
#[derive(Clone, Debug)]
pub struct AuditedSeal {
    /// The row that recorded it.
    pub row: ArtifactRow,
    /// The bundle, where the file is there and reads.
    pub bundle: Option<SealBundle>,
    /// Whether it holds against the ledger.
    pub verified: Option<VerifiedSeal>,
}

/// Outcome of an audit.
#[derive(Clone, Debug)]
pub struct Audit {
    /// All findings.
    pub report: Report,
    /// The ledger, where no rule was broken and none went unchecked. Neither a pinned key nor a head is needed for it.
    pub ledger: Option<AuditedLedger>,
    /// Seals, in the order they were recorded.
    pub seals: Vec<AuditedSeal>,
    /// Rows of anchors, in the order they were recorded; what they prove is for `vm-anchor`.
    pub anchors: Vec<ArtifactRow>,
    /// Scrolls that hold, by engine.
    pub scrolls: Vec<VerifiedScroll>,
    /// Redaction policies that rows name, and those that rows hold.
    pub redactions: Redactions,
}

/// Audits a whole ledger. `files` are those below its vault; without them artifacts and scrolls go unchecked, which
/// is found. Cost: one pass over log and rows, one over each seal's rows and each scroll; a run of an index
/// is sorted and hashed once. Memory: 90 bytes a row and 40 for each reference, twice that while an index over all of them is
/// rebuilt, and what is open: calls without answer, checkpoints, tokens.
#[must_use]
pub fn audit(view: &dyn EvidenceView, files: Option<&dyn VaultFiles>, trust: &Trust<'_>) -> Audit {
    audited(Auditor { view, files, is_of_log: false, trust, report: Report::new() })
}

/// Audits log and rows as [`audit`] does, and no file: nothing is said of artifacts, seals and scrolls, so that it holds also
/// where those are lost. Cost: one pass over log and rows.
#[must_use]
pub fn audit_log(view: &dyn EvidenceView, trust: &Trust<'_>) -> (Report, Option<AuditedLedger>) {
    let Audit { report, ledger, .. } =
        audited(Auditor { view, files: None, is_of_log: true, trust, report: Report::new() });
    (report, ledger)
}

fn audited(mut auditor: Auditor<'_>) -> Audit {
    let outcome = auditor.run();
    let mut report = auditor.report;
    let empty = Audit {
        report: Report::new(),
        ledger: None,
        seals: Vec::new(),
        anchors: Vec::new(),
        scrolls: Vec::new(),
        redactions: Redactions::default(),
    };
    match outcome {
        Ok(audit) => Audit { report, ..audit },
        Err(ViewError::Empty) => {
            report.find(Finding::new(Code::GenesisInvalid, "ledger").expected_found("a genesis row", "an empty log"));
            Audit { report, ..empty }
        }
        Err(error) => {
            report.find(Finding::new(Code::EvidenceUnreadable, "ledger").found(error));
            Audit { report, ..empty }
        }
    }
}

struct Auditor<'a> {
    view: &'a dyn EvidenceView,
    files: Option<&'a dyn VaultFiles>,
    /// Whether files are left out, and not missed.
    is_of_log: bool,
    trust: &'a Trust<'a>,
    report: Report,
}

/// What the pass over the log leaves for the rules after it.
struct Walked {
    roots: BTreeMap<TreeSize, RootHash>,
    root: RootHash,
    artifacts: Artifacts,
    redactions: Redactions,
}

impl Auditor<'_> {
    fn run(&mut self) -> Result<Audit, ViewError> {
        let ledger = self.view.ledger()?;
        let size = TreeSize::new(self.view.size()?);
        let genesis = self.read_genesis(ledger)?;
        let own = self.own_keys(ledger, genesis.as_ref());
        let keys = self.keys(ledger, own.as_ref());
        let marks = self.marks(keys.as_ref());
        let head = self.head(keys.as_ref());
        let walked = self.walk(ledger, size, genesis, marks, head.as_ref())?;
        self.unlogged();
        let seals = if self.is_of_log { Vec::new() } else { self.seals(&walked, own.as_ref()) };
        let scrolls =
            keys.as_ref().filter(|_| !self.is_of_log).map_or_else(Vec::new, |keys| self.scrolls(keys, &seals));
        let whole = is_whole(&self.report);
        let key = keys.filter(|_| whole).and_then(|keys| keys.note_key(keys.current()).ok());
        let audited = key.map(|key| AuditedLedger {
            ledger,
            size,
            root: walked.root,
            key,
            pinned: self.trust.key.is_some(),
            headed: head.is_some(),
        });
        let anchors = walked.artifacts.anchors;
        let redactions = walked.redactions;
        Ok(Audit { report: Report::new(), ledger: audited, seals, anchors, scrolls, redactions })
    }

    /// Content of the first row, which names the keys.
    fn read_genesis(&mut self, ledger: LedgerId) -> Result<Option<Genesis>, ViewError> {
        match read_genesis(self.view)? {
            Ok(genesis) => Ok(Some(genesis)),
            Err(found) => {
                let subject = format!("genesis of {ledger}");
                self.report.find(Finding::new(Code::GenesisInvalid, subject).found(found));
                Ok(None)
            }
        }
    }

    fn walk(
        &mut self,
        ledger: LedgerId,
        size: TreeSize,
        genesis: Option<Genesis>,
        marks: BTreeMap<TreeSize, RootHash>,
        head: Option<&Head>,
    ) -> Result<Walked, ViewError> {
        let mut log = LogWalk::new(marks, head);
        let mut rules = RowRules::new(self.view, ledger, genesis);
        let (mut artifacts, mut indexes) = (Artifacts::default(), IndexRules::new());
        let (mut formats, mut redactions) = (FormatRules::default(), RedactionRules::default());
        let (files, is_of_log, report) = (self.files, self.is_of_log, &mut self.report);
        let view = self.view;
        let read = |take: &mut Take<'_, StoredEntry>| view.visit_log(0, size.as_u64(), take);
        rehash::pass(read, |stored, hashed| {
            match log.step(&stored, hashed, report) {
                Some((entry, row)) => {
                    rules.check(&entry, &row, report)?;
                    if !is_of_log {
                        artifacts.check(&entry, &row, files, report);
                    }
                    formats.check(&entry, &row, report);
                    redactions.check(&entry, &row, report);
                    indexes.check(&entry, &row, report);
                }
                None => indexes.lose(),
            }
            Ok(Visit::Continue)
        })?;
        log.finish(size, report);
        indexes.finish(report);
        if let Err(error) = rules.finish(report) {
            unreadable("log", error, report);
        }
        if let Err(error) = tile::check(self.view, &log, report) {
            unreadable("tiles", error, report);
        }
        report.checked(format!("log: {size} entries, and the rows they name, hashed anew"));
        Ok(Walked { root: log.root(), roots: log.into_roots(), artifacts, redactions: redactions.finish() })
    }

    fn unlogged(&mut self) {
        let report = &mut self.report;
        let visited = self.view.visit_unlogged(&mut |table, id| {
            let id = vm_core::digest::to_hex(id.get(..id.len().min(16)).unwrap_or_default());
            report.find(Finding::new(Code::RowInserted, format!("row {table}/{id}")).found("the log does not name it"));
            Ok(Visit::Continue)
        });
        match visited {
            Ok(()) => report.checked("tables: rows that the log does not name"),
            Err(error) => unreadable("tables", error, report),
        }
    }

    fn seals(&mut self, walked: &Walked, keys: Option<&KeyHistory>) -> Vec<AuditedSeal> {
        let mut seals = Vec::new();
        let mut seen: BTreeSet<SealId> = BTreeSet::new();
        for row in &walked.artifacts.seals {
            let bundle = self.read_bundle(row);
            let mut verified = None;
            if let Some(bundle) = &bundle {
                let pinned = self.trust.key.map(|pinned| known_signer(bundle, pinned, keys));
                let (mut report, checkpoint) = check_bundle(bundle, pinned);
                if !seen.insert(bundle.seal_id()) {
                    let subject = format!("seal {}", bundle.seal_id());
                    report.find(Finding::new(Code::SealAltered, subject).found("another seal has the same id"));
                }
                let root = walked.roots.get(&bundle.as_of()).copied();
                let held = Held { keys, place: Some(row.entry.seq), root };
                if let Err(error) = check_against_view(bundle, self.view, checkpoint.as_ref(), &held, &mut report) {
                    unreadable(&format!("rows of seal {}", bundle.seal_id()), error, &mut report);
                }
                verified = VerifiedSeal::of(bundle, &report);
                self.report.merge(report);
            }
            seals.push(AuditedSeal { row: row.clone(), bundle, verified });
        }
        seals
    }

    /// The bundle of a seal's row. That its file is the recorded one was checked with the other artifacts.
    fn read_bundle(&mut self, row: &ArtifactRow) -> Option<SealBundle> {
        let bytes = artifact::read_bundle(self.files?, row.path.as_ref()?)?;
        match SealBundle::parse(&bytes) {
            Ok(bundle) => Some(bundle),
            Err(error) => {
                let code = match error {
                    BundleError::FormatUnknown { .. } => Code::FormatUnknown,
                    _ => Code::SealAltered,
                };
                self.report.find(Finding::new(code, row.subject()).found(error.code()));
                None
            }
        }
    }

    fn scrolls(&mut self, keys: &KeyHistory, seals: &[AuditedSeal]) -> Vec<VerifiedScroll> {
        let bundles = seals.iter().filter_map(|seal| seal.bundle.as_ref());
        let recorded: Vec<ScrollRoot> = bundles.flat_map(|bundle| bundle.digest().scrolls().iter().cloned()).collect();
        let mut engines: BTreeSet<EngineName> = recorded.iter().map(|root| root.engine.clone()).collect();
        match self.files.map(VaultFiles::engines) {
            Some(Ok(found)) => engines.extend(found),
            Some(Err(fault)) => self.report.find(Finding::new(Code::EvidenceUnreadable, "scrolls").found(fault)),
            None => {}
        }
        let mut verified = Vec::new();
        for engine in engines {
            let Some(files) = self.files else {
                self.report.find(Finding::new(Code::EvidenceUnreadable, format!("scroll {engine}")));
                continue;
            };
            let (report, scroll) = verify_scroll_by(files, keys, &engine, &recorded);
            self.report.merge(report);
            verified.extend(scroll);
        }
        verified
    }
}

/// Whether nothing was contradicted and everything could be looked at, also among the findings that were not kept.
fn is_whole(report: &Report) -> bool {
    match report.verdict() {
        Verdict::Verified => true,
        Verdict::Contradicted => false,
        Verdict::Undecided => !report.has(Code::EvidenceUnreadable) && report.findings_dropped() == 0,
    }
}

/// Finds that a part of the evidence could not be looked at; the rest of the audit goes on.
fn unreadable(subject: &str, error: ViewError, report: &mut Report) {
    report.find(Finding::new(Code::EvidenceUnreadable, subject).found(error));
}
