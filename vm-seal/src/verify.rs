//! Verification of seals: against the ledger, against exported rows, or of the bundle alone.
//!
//! Every check answers with a [`Report`]; [`verify_seal`] also with a [`VerifiedSeal`] where all of it holds.

use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash, Sha256Digest};
use vm_core::error::RecordError;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::{KeyHistory, NoteKey};
use vm_core::record::{Genesis, LogEntry, SCHEMA, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::{EvidenceView, FileFault, RowState, StoredEntry, VaultFiles, ViewError, Visit};

use crate::bundle::SealBundle;
use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::complete::{Complete, CompletenessProof};
use crate::coverage::Coverage;
use crate::digest::{RowFate, RowSet, SealDigest, walk_selected};
use crate::error::CompletenessError;
use crate::index::Card;
use crate::keys::{check_signer, read_keys};
use crate::merkle::{Frontier, TreeSize};
use crate::rehash::Hashed;
use crate::scroll::{ScrollLines, read_lines};

/// A seal that was recomputed from the rows it covers, signed by a pinned key. Made by [`verify_seal`] and the audit
/// alone, and only where nothing was left open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedSeal {
    bundle: SealBundle,
    file_hash: Sha256Digest,
}

impl VerifiedSeal {
    /// The bundle.
    #[must_use]
    pub const fn bundle(&self) -> &SealBundle {
        &self.bundle
    }

    /// SHA-256 of the bundle file: what an anchor must stamp.
    #[must_use]
    pub const fn file_hash(&self) -> Sha256Digest {
        self.file_hash
    }

    pub(crate) fn of(bundle: &SealBundle, report: &Report) -> Option<Self> {
        (report.verdict() == Verdict::Verified).then(|| Self { bundle: bundle.clone(), file_hash: bundle.file_hash() })
    }
}

/// Verifies a seal against the ledger it is of: the signatures, the rows hashed anew as of the size it was sealed at,
/// the root of the log at that size, and the scrolls, for which `files` is needed. `pinned` is the ledger's key from
/// outside; without it the answer is undecided at best. Cost: one pass over the log up to the sealed size and one over
/// the selected rows.
pub fn verify_seal(
    bundle: &SealBundle,
    view: &dyn EvidenceView,
    files: Option<&dyn VaultFiles>,
    pinned: Option<&NoteKey>,
) -> (Report, Option<VerifiedSeal>) {
    let (subject, mut found) = (subject(bundle), Report::new());
    let keys = match own_keys(view, &mut found) {
        Ok(keys) => keys,
        Err(error) => {
            found.find(Finding::new(Code::EvidenceUnreadable, &subject).found(error));
            None
        }
    };
    let pinned = pinned.map(|pinned| known_signer(bundle, pinned, keys.as_ref()));
    let (mut report, checkpoint) = check_bundle(bundle, pinned);
    report.merge(found);
    let held = Held { keys: keys.as_ref(), place: None, root: None };
    if let Err(error) = check_against_view(bundle, view, checkpoint.as_ref(), &held, &mut report) {
        report.find(Finding::new(Code::EvidenceUnreadable, &subject).found(error));
    }
    check_scrolls(bundle, files, &mut report);
    let verified = VerifiedSeal::of(bundle, &report);
    (report, verified)
}

/// The keys that the ledger of a view had; none where it has no genesis, which is found.
fn own_keys(view: &dyn EvidenceView, report: &mut Report) -> Result<Option<KeyHistory>, ViewError> {
    let ledger = view.ledger()?;
    match read_genesis(view)? {
        Ok(genesis) => read_keys(view, ledger, &genesis, report).map(Some),
        Err(found) => {
            report.find(Finding::new(Code::GenesisInvalid, format!("genesis of {ledger}")).found(found));
            Ok(None)
        }
    }
}

/// The key to check a seal by where `pinned` is pinned: its signer, if both are keys that the ledger had. The ledger's name in the
/// pin is the hash of the genesis, whose root key signed each change; so it does not matter which of its keys was pinned.
pub(crate) fn known_signer<'a>(bundle: &'a SealBundle, pinned: &'a NoteKey, keys: Option<&KeyHistory>) -> &'a NoteKey {
    let is_own = |key: &NoteKey| {
        keys.is_some_and(|keys| key.name() == keys.ledger().origin() && keys.span_of(key.public()).is_some())
    };
    if is_own(pinned) && is_own(bundle.signer()) { bundle.signer() } else { pinned }
}

/// Verifies what a bundle says by itself: signatures, digest, checkpoint. The rows stay unproven, so the answer is
/// undecided at best.
#[must_use]
pub fn verify_bundle_alone(bundle: &SealBundle, pinned: Option<&NoteKey>) -> Report {
    let (mut report, _) = check_bundle(bundle, pinned);
    let rows = format!("rows of {}", subject(bundle));
    report.find(Finding::new(Code::EvidenceUnreadable, rows).found("none were given"));
    report.find(Finding::new(Code::CompletenessUnproven, subject(bundle)));
    report
}

/// Rows of a seal's export.
#[derive(Debug)]
pub enum Exported<'a, R> {
    /// Leaf data with the places of the rows in the log, in any order, and what proves that no other row belongs to the seal,
    /// or why it cannot be read.
    Rows(R, Option<Result<&'a CompletenessProof, &'a CompletenessError>>),
    /// No rows, but their cards in the proof.
    Blind(Result<&'a CompletenessProof, &'a CompletenessError>),
    /// Neither rows nor cards: nothing shows what was sealed.
    Bare,
}

/// Verifies a bundle against its export. Without a completeness proof nothing shows that no other row was recorded, so the
/// answer is undecided at best. Whether rows stand at their places is for inclusion proofs. Memory: 90 bytes a row, with a proof
/// twice that. Gives what the rows cover, too, where there are rows or cards that hold.
pub fn verify_exported<L: AsRef<[u8]>>(
    bundle: &SealBundle,
    exported: Exported<'_, impl IntoIterator<Item = (u64, L)>>,
    pinned: Option<&NoteKey>,
) -> (Report, Option<Coverage>) {
    let (mut report, _) = check_bundle(bundle, pinned);
    let subject = subject(bundle);
    let mut coverage = None;
    let (cards, proof) = match exported {
        Exported::Rows(rows, proof) => {
            let covered = coverage.insert(Coverage::of_rows());
            let cards = read_exported(bundle, rows, covered, pinned, &mut report);
            let mut set = RowSet::default();
            cards.iter().for_each(|card| set.add(card.leaf, card.ts));
            compare_set(bundle, &set, &mut report);
            report.checked(format!("{subject}: {} exported rows", cards.len()));
            (Some(cards), proof)
        }
        Exported::Blind(proof) => (None, Some(proof)),
        Exported::Bare => {
            report.find(Finding::new(Code::EvidenceUnreadable, format!("rows of {subject}")).found("none were given"));
            (None, None)
        }
    };
    match proof {
        None => report.find(Finding::new(Code::CompletenessUnproven, &subject)),
        Some(Err(unread)) => report.find(unread.finding(&subject)),
        Some(Ok(proof)) => match check_complete(bundle, proof, cards) {
            Ok(complete) => {
                report.checked(format!("{subject}: complete at {}", bundle.as_of()));
                coverage.get_or_insert_with(|| Coverage::of_cards(complete.cards()));
            }
            Err(error) => report.find(error.finding(&subject)),
        },
    }
    check_scrolls(bundle, None, &mut report);
    (report, coverage)
}

/// The bundle against its completeness proof, and the rows where there are some. Under the bundle's own key: whether that is the
/// right one is found with the bundle.
fn check_complete(
    bundle: &SealBundle,
    proof: &CompletenessProof,
    cards: Option<Vec<Card>>,
) -> Result<Complete, CompletenessError> {
    let complete = proof.verify(bundle.signer(), cards.as_deref())?;
    cards.map_or(Ok(()), |cards| complete.check_rows(&cards))?;
    complete.check_seal(bundle)?;
    Ok(complete)
}

/// Cards of exported rows, ordered by table and id, and what those that are sealed cover.
fn read_exported<L: AsRef<[u8]>>(
    bundle: &SealBundle,
    rows: impl IntoIterator<Item = (u64, L)>,
    coverage: &mut Coverage,
    pinned: Option<&NoteKey>,
    report: &mut Report,
) -> Vec<Card> {
    let mut cards: Vec<Card> = Vec::new();
    for (at, (place, data)) in rows.into_iter().enumerate() {
        match exported_card(bundle, place, data.as_ref()) {
            Ok((card, row)) => {
                if place == 0 {
                    check_exported_genesis(bundle, card.leaf, &row, pinned, report);
                }
                coverage.add(&row);
                cards.push(card);
            }
            Err((code, found)) => report.find(Finding::new(code, format!("exported row {at}")).found(found)),
        }
    }
    cards.sort_unstable_by_key(|card| (card.table, card.id));
    let twice = cards.array_windows().find(|[one, next]| (one.table, one.id) == (next.table, next.id));
    if let Some([_, card]) = twice {
        report.find(Finding::new(Code::RowInserted, row_subject(card.table, card.id)).found("exported twice"));
    }
    cards
}

/// The row at place 0 must be the genesis that gives the ledger its name and names its first key. That another one signed must
/// have been shown to whoever pins that one.
fn check_exported_genesis(
    bundle: &SealBundle,
    leaf: LeafHash,
    row: &StoredRow,
    pinned: Option<&NoteKey>,
    report: &mut Report,
) {
    let subject = subject(bundle);
    let found = LedgerId::from_genesis(leaf);
    match genesis(row) {
        Ok(_) if found != bundle.ledger() => {
            let finding = Finding::new(Code::GenesisInvalid, format!("genesis of {subject}"));
            report.find(finding.expected_found(bundle.ledger(), found));
        }
        Ok(genesis) if genesis.log_key() != bundle.signer().public() && pinned != Some(bundle.signer()) => {
            let finding = Finding::new(Code::KeyChangeUnproven, format!("{subject} signer"));
            report.find(finding.expected_found(genesis.log_key(), bundle.signer().public()));
        }
        Ok(_) => {}
        Err(found) => report.find(Finding::new(Code::GenesisInvalid, format!("genesis of {subject}")).found(found)),
    }
}

fn exported_card(bundle: &SealBundle, seq: u64, data: &[u8]) -> Result<(Card, StoredRow), (Code, &'static str)> {
    let malformed = |code| (Code::RowAltered, code);
    let row = StoredRow::parse_leaf_data(data).map_err(|error| (code_of(&error), error.code()))?;
    if !bundle.digest().selection().selects(&row).map_err(|error| malformed(error.code()))? {
        return Err(malformed("outside the selection"));
    }
    let row_id = row.id().map_err(|error| malformed(error.code()))?;
    let entry = LogEntry { seq, table: row.table(), row_id, schema: row.schema(), leaf: LeafHash::of(data) };
    let card = Card::of(&entry, &row).map_err(|error| malformed(error.code()))?;
    Ok((card, row))
}

/// What leaf data means that does not read: a format that this build does not know is told apart from a row that no format has.
fn code_of(error: &RecordError) -> Code {
    match error {
        RecordError::UnknownFormat { .. } => Code::FormatUnknown,
        RecordError::UnknownSchema { found, .. } if !(1..=SCHEMA.number()).contains(found) => Code::FormatUnknown,
        _ => Code::RowAltered,
    }
}

pub(crate) fn subject(bundle: &SealBundle) -> String {
    format!("seal {}", bundle.seal_id())
}

pub(crate) fn row_subject(table: Table, id: RowId) -> String {
    format!("row {table}/{id}")
}

/// Checks all that needs nothing but the bundle.
pub(crate) fn check_bundle(bundle: &SealBundle, pinned: Option<&NoteKey>) -> (Report, Option<VerifiedCheckpoint>) {
    let mut report = Report::new();
    let subject = subject(bundle);
    let altered = |part: &str| Finding::new(Code::SealAltered, format!("{subject} {part}"));
    if !(1..=SCHEMA.number()).contains(&bundle.schema_version().number()) {
        report.find(
            Finding::new(Code::FormatUnknown, format!("{subject} schema"))
                .expected_found(SCHEMA, bundle.schema_version()),
        );
    }
    match pinned {
        None => report.find(Finding::new(Code::NoTrustKey, &subject)),
        // The key may have been changed since; what would prove that is not here.
        Some(key) if key.name() == bundle.signer().name() && key != bundle.signer() => {
            let finding = Finding::new(Code::KeyChangeUnproven, format!("{subject} signer"));
            report.find(finding.expected_found(key, bundle.signer()));
        }
        Some(key) if key != bundle.signer() => {
            report.find(altered("signer").expected_found(key, bundle.signer()));
        }
        Some(_) => {}
    }
    if bundle.claimed_digest() != bundle.digest().hash() {
        report.find(altered("digest").expected_found(bundle.claimed_digest(), bundle.digest().hash()));
    }
    if let Err(error) = bundle.check_statement() {
        report.find(altered("statement").found(error.code()));
    }
    let checkpoint = match Checkpoint::verify(bundle.checkpoint(), bundle.signer()) {
        Ok(checkpoint) if checkpoint.size() == bundle.as_of() => Some(checkpoint),
        Ok(checkpoint) => {
            report.find(altered("checkpoint").expected_found(bundle.as_of(), checkpoint.size()));
            None
        }
        Err(error) => {
            report.find(Finding::new(Code::CheckpointInvalid, format!("{subject} checkpoint")).found(error.code()));
            None
        }
    };
    report.checked(format!("{subject}: digest, checkpoint and statement"));
    (report, checkpoint)
}

/// What is known of the ledger that a seal is held against.
pub(crate) struct Held<'a> {
    /// Its keys; none where they could not be read, or there is no genesis.
    pub(crate) keys: Option<&'a KeyHistory>,
    /// Place of the seal's row, where the caller has it.
    pub(crate) place: Option<u64>,
    /// The log's root at the sealed size, where the caller has already computed it.
    pub(crate) root: Option<RootHash>,
}

/// Checks ledger, size, log root and rows.
pub(crate) fn check_against_view(
    bundle: &SealBundle,
    view: &dyn EvidenceView,
    checkpoint: Option<&VerifiedCheckpoint>,
    held_by: &Held<'_>,
    report: &mut Report,
) -> Result<(), ViewError> {
    let subject = subject(bundle);
    let ledger = view.ledger()?;
    if ledger != bundle.ledger() {
        let finding = Finding::new(Code::SealAltered, format!("{subject} ledger"));
        report.find(finding.expected_found(ledger, bundle.ledger()));
        return Ok(());
    }
    match held_by.keys {
        Some(keys) => check_signer(bundle, view, keys, held_by.place, report)?,
        None => report.find(Finding::new(Code::EvidenceUnreadable, format!("keys of {ledger}"))),
    }
    let held = TreeSize::new(view.size()?);
    if bundle.as_of() > held {
        report.find(Finding::new(Code::TailCut, &subject).expected_found(bundle.as_of(), held));
        return Ok(());
    }
    if let Some(checkpoint) = checkpoint {
        let found = match held_by.root {
            Some(root) => root,
            None => log_root(view, bundle.as_of())?,
        };
        if found != checkpoint.root() {
            let finding = Finding::new(Code::RootMismatch, format!("{subject} checkpoint"));
            report.find(finding.expected_found(checkpoint.root(), found));
        }
        report.checked(format!("{subject}: root of the log at {}", bundle.as_of()));
    }
    check_rows(bundle, view, report)
}

/// Content of the first row, which names the keys, or what is wrong with it.
pub(crate) fn read_genesis(view: &dyn EvidenceView) -> Result<Result<Genesis, &'static str>, ViewError> {
    let mut read = Err("nothing at place 0");
    view.visit_log(0, 1, &mut |entry, state| {
        read = match (entry, state) {
            (StoredEntry::Entry(LogEntry { seq: 0, .. }), RowState::Present(row)) => genesis(&row),
            _ => Err("not a row"),
        };
        Ok(Visit::Stop)
    })?;
    Ok(read)
}

pub(crate) fn genesis(row: &StoredRow) -> Result<Genesis, &'static str> {
    if row.table() != Table::ProofArtifacts || row.text("kind") != Some(SystemKind::Genesis.as_str()) {
        return Err("a row of another kind");
    }
    let json = row.text("meta_json").ok_or("no content")?;
    let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(|error| error.code())?;
    Genesis::from_value(&value).map_err(|error| error.code())
}

/// Root over the leaves that the log holds below `size`. Fewer leaves give another root, as they should.
fn log_root(view: &dyn EvidenceView, size: TreeSize) -> Result<RootHash, ViewError> {
    let mut frontier = Frontier::new();
    view.visit_log(0, size.as_u64(), &mut |entry, _| {
        if let StoredEntry::Entry(entry) = entry {
            frontier.append(entry.leaf);
        }
        Ok(Visit::Continue)
    })?;
    Ok(frontier.root())
}

fn check_rows(bundle: &SealBundle, view: &dyn EvidenceView, report: &mut Report) -> Result<(), ViewError> {
    let subject = subject(bundle);
    let mut faults = false;
    let set = walk_selected(view, bundle.digest().selection(), bundle.as_of(), |entry, fate| {
        faults |= find_fate(&entry, fate, report);
        Visit::Continue
    })?;
    report.checked(format!("{subject}: {} selected rows, hashed anew", set.frontier.size()));
    let same = compare_set(bundle, &set, report);
    // Which rows are wrong only the log can say: one that is gone, or was moved out of the selection, matches nothing.
    if !same && !faults {
        find_in_log(bundle.as_of(), view, report)?;
    }
    Ok(())
}

/// Reports a row that is not as it was logged; answers whether it did.
pub(crate) fn find_fate(entry: &LogEntry, fate: RowFate, report: &mut Report) -> bool {
    let row = row_subject(entry.table, entry.row_id);
    let finding = match fate {
        RowFate::Intact => return false,
        RowFate::Altered { found } => Finding::new(Code::RowAltered, row).expected_found(entry.leaf, found),
        RowFate::Missing => Finding::new(Code::RowMissing, row).expected_found(entry.leaf, "no row"),
        RowFate::Malformed { column } => {
            let found = format!("malformed column {column}");
            Finding::new(Code::RowAltered, row).expected_found(entry.leaf, found)
        }
        RowFate::OutOfPlace => {
            Finding::new(Code::EvidenceUnreadable, row).found("out of order, or outside the selection")
        }
    };
    report.find(finding);
    true
}

fn find_in_log(size: TreeSize, view: &dyn EvidenceView, report: &mut Report) -> Result<(), ViewError> {
    view.visit_log(0, size.as_u64(), &mut |entry, state| {
        if let StoredEntry::Entry(entry) = entry {
            find_fate(&entry, RowFate::of(&entry, &Hashed::of(state)), report);
        }
        Ok(Visit::Continue)
    })
}

/// Compares recomputed rows with what the bundle claims of them; answers whether they agree.
fn compare_set(bundle: &SealBundle, set: &RowSet, report: &mut Report) -> bool {
    let subject = subject(bundle);
    let claimed = bundle.digest();
    let found = SealDigest::of(claimed.selection().clone(), set, claimed.scrolls().to_vec());
    let Ok(found) = found else {
        report.find(Finding::new(Code::EvidenceUnreadable, &subject).found("no canonical form"));
        return false;
    };
    let mut same = true;
    let mut differs = |part: &str, expected: String, found: String| {
        if expected != found {
            same = false;
            let finding = Finding::new(Code::SealAltered, format!("{subject} {part}"));
            report.find(finding.expected_found(expected, found));
        }
    };
    differs("leaves", claimed.leaves().to_string(), found.leaves().to_string());
    differs("set_root", claimed.set_root().to_string(), found.set_root().to_string());
    differs("bounds", claimed.bounds().to_value().to_string(), found.bounds().to_value().to_string());
    differs("digest", bundle.claimed_digest().to_string(), found.hash().to_string());
    same
}

/// Checks the sealed sizes and roots of scrolls against their lines, whatever was signed over them since.
fn check_scrolls(bundle: &SealBundle, files: Option<&dyn VaultFiles>, report: &mut Report) {
    for sealed in bundle.digest().scrolls() {
        let scroll = format!("scroll {} of {}", sealed.engine, subject(bundle));
        let lines = match files.map(|files| read_lines(files, &sealed.engine, [sealed.size])) {
            Some(Ok(lines)) => lines,
            None | Some(Err(FileFault::Unreadable { .. })) => {
                report.find(Finding::new(Code::EvidenceUnreadable, scroll));
                continue;
            }
            // No file is a scroll without lines.
            Some(Err(_)) => ScrollLines::new([sealed.size]),
        };
        match lines.root_at(sealed.size) {
            Some(root) if root == sealed.root => report.checked(scroll),
            Some(root) => report.find(Finding::new(Code::ScrollAltered, scroll).expected_found(sealed.root, root)),
            None => report.find(Finding::new(Code::TailCut, scroll).expected_found(sealed.size, lines.size())),
        }
    }
}
