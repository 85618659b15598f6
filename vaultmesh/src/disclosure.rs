//! Disclosures: some openings of one row with its proof, sealed to auditors, who need nothing else to check them.
//!
//! ```text
//! {"format":"vm-disclosure-v0","openings":[{"pointer":"/body_json/params/token","salt":"<64 hex>","value":"..."}],
//!  "proof":{"format":"vm-row-proof-v0",...}}
//! ```
//!
//! That is the content of an envelope whose purpose is `disclosure`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::{Commitment, LeafHash, Sha256Digest};
use vm_core::id::{LedgerId, RowId, SealId};
use vm_core::key::Note;
use vm_core::record::{CellRef, Disclosed, DisclosureRecord, LEAF_MAX, StoredRow, SystemKind, Table};
use vm_core::redact::{Opening, commit, commitments};
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_core::view::{EvidenceView as _, LoggedRow};
use vm_envelope::{Context, Envelope, SecretKey};
use vm_ledger::{OpeningsError, OpeningsKeys};
use vm_seal::bundle::SealBundle;
use vm_seal::checkpoint::Checkpoint;

use crate::error::{PrivacyFault, VaultError};
use crate::mcp::session::FRAME_POINTER;
use crate::proof::{PROOF_FILE_MAX, ProofFile, verify_proof};
use crate::read::{Reader, RowProof};
use crate::verify::Outside;

/// Format of a disclosure's content.
pub const DISCLOSURE_FORMAT: &str = "vm-disclosure-v0";
/// What the envelope around a disclosure is for.
pub const DISCLOSURE_PURPOSE: &str = "disclosure";
/// Longest content of a disclosure in bytes: a proof, and all openings of the longest row.
pub const DISCLOSURE_MAX: usize = PROOF_FILE_MAX + LEAF_MAX;
/// Column that a rune's row holds it in; its commitments are named from the rune on.
const RUNE_COLUMN: &str = "/meta_json/payload";

/// What is to be disclosed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The row.
    pub row: RowId,
    /// Places of the values: from the column on, or shorter where that is clear.
    pub pointers: Vec<String>,
    /// The seal whose checkpoint the row is proven against; without one, that of the last seal that covers it, else the head.
    pub seal: Option<SealId>,
}

/// What is in a disclosure, before it is sealed. It holds values and salts.
pub(crate) struct Content {
    pub(crate) bytes: zeroize::Zeroizing<Vec<u8>>,
    pub(crate) opened: Vec<Disclosed>,
    pub(crate) seal: Option<SealId>,
}

/// A value that was shown.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownValue {
    /// Its place in the row.
    pub pointer: String,
    /// The value.
    pub value: Value,
}

/// What a disclosure shows.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DisclosureAnswer {
    /// The ledger.
    pub ledger: LedgerId,
    /// Table of the row.
    pub table: Option<Table>,
    /// The row.
    pub row: Option<RowId>,
    /// Its leaf hash.
    pub leaf: Option<LeafHash>,
    /// Entries in the log that it is proven in.
    pub size: u64,
    /// The seal that it was held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealId>,
    /// The values; none where anything is contradicted.
    pub values: Vec<ShownValue>,
}

/// Members of a disclosure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    format: String,
    openings: Vec<Opening>,
    proof: Value,
}

/// Commitments that stand in a row, each with the place that it binds.
fn committed(row: &StoredRow) -> Vec<(String, Commitment)> {
    let is_rune = row.table() == Table::ProofArtifacts && row.text("kind") == Some("proof-rune");
    let mut found = Vec::new();
    for (column, cell) in row.cells() {
        match (column, cell) {
            (_, CellRef::Text(text)) => {
                let value = canonical::parse(text.as_bytes(), canonical::BYTES_MAX).unwrap_or_default();
                found.extend(commitments(column, &value).unwrap_or_default());
            }
            ("frame_commitment", CellRef::Blob(bytes)) => {
                found.extend(Commitment::from_slice(bytes).map(|commitment| (FRAME_POINTER.to_owned(), commitment)));
            }
            ("counterfactual_hash", CellRef::Blob(bytes)) => {
                let pointer = vm_shadow::counterfactual::COUNTERFACTUAL_POINTER.to_owned();
                found.extend(Commitment::from_slice(bytes).map(|commitment| (pointer, commitment)));
            }
            _ => {}
        }
    }
    for (pointer, _) in &mut found {
        if let Some(rest) = pointer.strip_prefix(RUNE_COLUMN).filter(|_| is_rune) {
            *pointer = format!("/payload{rest}");
        }
    }
    found
}

/// The commitment in the row that an opening opens, if it does.
fn opened_by(row: RowId, opening: &Opening, value: &Value, committed: &[(String, Commitment)]) -> Option<Commitment> {
    let commitment = commit(row, opening.pointer(), &opening.salt(), value).ok()?;
    committed.iter().any(|(at, found)| at == opening.pointer() && *found == commitment).then_some(commitment)
}

impl Reader {
    /// Openings kept for a row. Those that were erased are told by their receipt.
    ///
    /// # Errors
    /// [`VaultError::Openings`], among them [`OpeningsError::Erased`].
    pub fn openings(&self, keys: &dyn OpeningsKeys, row: RowId) -> Result<Vec<Opening>, VaultError> {
        let kept = self.view().openings(keys, row).map_err(VaultError::Openings)?;
        if kept.is_empty()
            && let Some(receipt) = self.view().erased_under(row)?
        {
            return Err(VaultError::Openings(OpeningsError::Erased { receipt }));
        }
        Ok(kept)
    }

    /// What a disclosure of `wanted` holds.
    pub(crate) fn disclose(&self, wanted: &Wanted, keys: &dyn OpeningsKeys) -> Result<Content, VaultError> {
        let absent = || VaultError::NotFound { what: "row", name: wanted.row.to_string() };
        let logged = self.view().row(wanted.row).map_err(VaultError::View)?.ok_or_else(absent)?;
        let kept = self.openings(keys, wanted.row)?;
        let committed = committed(&logged.row);
        let (mut openings, mut opened): (Vec<&Opening>, Vec<Disclosed>) = (Vec::new(), Vec::new());
        for pointer in &wanted.pointers {
            let opening = find(wanted.row, &kept, pointer)?;
            let (row, pointer) = (wanted.row, opening.pointer().to_owned());
            let value = opening.value().ok_or(PrivacyFault::ValueAbsent { row, pointer: pointer.clone() })?;
            let commitment = opened_by(row, opening, value, &committed);
            let commitment = commitment.ok_or(PrivacyFault::NotCommitted { row, pointer: pointer.clone() })?;
            if !opened.iter().any(|other| other.pointer == pointer) {
                openings.push(opening);
                opened.push(Disclosed { commitment, pointer });
            }
        }
        let (note, seal) = self.proven_by(&logged, wanted.seal)?;
        let proof = self.prove_at(&logged, &note)?;
        let content = json!({ "format": DISCLOSURE_FORMAT, "openings": openings, "proof": proof });
        let bytes = zeroize::Zeroizing::new(canonical::to_bytes(&content).map_err(VaultError::Canonical)?);
        let key = Outside { key: Some(self.claimed_key()?), ..Outside::default() };
        // What is handed out was checked as whoever gets it will check it.
        let (_, report) = check(&bytes, self.ledger(), None, &key)?;
        if report.verdict() != Verdict::Verified {
            return Err(PrivacyFault::Unproven { row: wanted.row }.into());
        }
        Ok(Content { bytes, opened, seal })
    }

    /// The checkpoint that a row is to be proven against.
    fn proven_by(&self, logged: &LoggedRow, seal: Option<SealId>) -> Result<(Note, Option<SealId>), VaultError> {
        let mut rows = Vec::new();
        self.visit_kind(SystemKind::Seal.as_str(), &mut |row| rows.push(row))?;
        for row in rows.iter().rev() {
            let Some(path) = row.row.text("path").and_then(|path| path.parse().ok()) else { continue };
            let bundle = match self.read_small(&path) {
                Ok(bytes) => SealBundle::parse(&bytes),
                // A seal whose file is gone covers nothing that anybody could show; the next may.
                Err(VaultError::Files(_)) => continue,
                Err(error) => return Err(error),
            };
            let Ok(bundle) = bundle else { continue };
            let covers = covers(&bundle, logged.entry.seq, &logged.row);
            match seal {
                Some(named) if named != bundle.seal_id() => {}
                Some(seal) if !covers => return Err(PrivacyFault::NotSealed { seal, row: logged.entry.row_id }.into()),
                None if !covers => {}
                _ => return Ok((bundle.checkpoint().clone(), Some(bundle.seal_id()))),
            }
        }
        match seal {
            Some(seal) => Err(VaultError::NotFound { what: "seal", name: seal.to_string() }),
            None => Ok((self.head()?, None)),
        }
    }

    fn prove_at(&self, logged: &LoggedRow, note: &Note) -> Result<RowProof, VaultError> {
        let claimed = Checkpoint::parse_text(note.unverified_text());
        let unproven = |_| PrivacyFault::Unproven { row: logged.entry.row_id };
        let size = claimed.map_err(unproven)?.size().as_u64();
        self.prove_under(logged, size, note)
    }
}

/// Whether a seal was made behind a row, and selects it.
fn covers(bundle: &SealBundle, seq: u64, row: &StoredRow) -> bool {
    seq < bundle.as_of().as_u64() && bundle.digest().selection().selects(row) == Ok(true)
}

/// The one opening that a pointer means: from the column on, or else what one column has there.
fn find<'a>(row: RowId, kept: &'a [Opening], pointer: &str) -> Result<&'a Opening, PrivacyFault> {
    if let Some(exact) = kept.iter().find(|opening| opening.pointer() == pointer) {
        return Ok(exact);
    }
    let below = |opening: &&Opening| {
        let column = opening.pointer().get(1..).and_then(|rest| rest.find('/')).map(|at| at + 1);
        !pointer.is_empty() && column.and_then(|at| opening.pointer().get(at..)) == Some(pointer)
    };
    let mut short = kept.iter().filter(below);
    match (short.next(), short.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(PrivacyFault::Ambiguous { row, pointer: pointer.to_owned() }),
        (None, _) => Err(PrivacyFault::NoOpening { row, pointer: pointer.to_owned() }),
    }
}

/// The record of a disclosure with these bytes.
pub(crate) fn record(row: RowId, opened: Vec<Disclosed>, file: &[u8]) -> Result<DisclosureRecord, VaultError> {
    let envelope = Envelope::parse(file).map_err(PrivacyFault::Envelope)?;
    let recipients = envelope.recipients().map(|id| Sha256Digest::from_bytes(*id.as_bytes())).collect();
    Ok(DisclosureRecord::new(row, opened, recipients, Sha256Digest::of(file)))
}

/// Opens a disclosure with an auditor's key, and checks it with nothing else at hand: that each value opens the commitment in the
/// row, the row the leaf, the leaf the root of a checkpoint that the pinned key signed, and where a seal's `bundle` is given, that
/// this is its checkpoint and that it covers the row. Without a pinned key the answer is undecided.
///
/// # Errors
/// [`VaultError::Privacy`]: not for this key, altered, of another purpose or ledger, or malformed.
pub fn verify_disclosure(
    file: &[u8],
    key: &SecretKey,
    bundle: Option<&SealBundle>,
    outside: &Outside,
) -> Result<(DisclosureAnswer, Report), VaultError> {
    let envelope = Envelope::parse(file).map_err(PrivacyFault::Envelope)?;
    let pinned = outside.pinned().and_then(|key| key.name().strip_prefix("vaultmesh/"));
    let pinned = pinned.and_then(|name| LedgerId::parse(name).ok());
    let sealed = bundle.map(SealBundle::ledger);
    if let (Some(pinned), Some(sealed)) = (pinned, sealed)
        && pinned != sealed
    {
        return Err(PrivacyFault::Outside.into());
    }
    let ledger = pinned.or(sealed).unwrap_or_else(|| envelope.context().ledger());
    let context = Context::new(ledger, DISCLOSURE_PURPOSE).map_err(PrivacyFault::Context)?;
    let content = envelope.open(key, &context).map_err(PrivacyFault::Open)?;
    check(&content, ledger, bundle, outside)
}

/// Checks the content of a disclosure.
fn check(
    content: &[u8],
    ledger: LedgerId,
    bundle: Option<&SealBundle>,
    outside: &Outside,
) -> Result<(DisclosureAnswer, Report), VaultError> {
    let Members { openings, proof, .. } = members(content)?;
    let proof = canonical::to_bytes(&proof).map_err(PrivacyFault::Json)?;
    let proof = ProofFile::parse(&proof).map_err(PrivacyFault::Proof)?;
    let (proven, mut report) = verify_proof(&proof, None, outside);
    if proven.origin != ledger.origin() {
        let found = proven.origin.strip_prefix("vaultmesh/").and_then(|name| LedgerId::parse(name).ok());
        let found = found.ok_or(PrivacyFault::Shape)?;
        return Err(PrivacyFault::OtherLedger { expected: ledger, found }.into());
    }
    let row = proof.data().and_then(|data| StoredRow::parse_leaf_data(data).ok());
    let mut values = Vec::new();
    if row.is_none() || proven.id.is_none() {
        // No commitment can be looked up in what is no row.
        report.find(Finding::new(Code::EvidenceUnreadable, "values").found("the entry is no row with an id"));
    }
    if let (Some(row), Some(id)) = (&row, proven.id) {
        let committed = committed(row);
        let mut seen = Vec::new();
        for opening in &openings {
            let commitment = opening.value().and_then(|value| opened_by(id, opening, value, &committed));
            let subject = format!("value at {}", opening.pointer());
            let (Some(commitment), Some(value)) = (commitment, opening.value()) else {
                report.find(
                    Finding::new(Code::DisclosureInvalid, subject).found("it opens no commitment of the row there"),
                );
                continue;
            };
            if seen.contains(&commitment) {
                return Err(PrivacyFault::Twice { commitment }.into());
            }
            seen.push(commitment);
            report.checked(format!("{subject} against commitment {commitment}"));
            values.push(ShownValue { pointer: opening.pointer().to_owned(), value: value.clone() });
        }
    }
    if let Some(bundle) = bundle {
        check_seal(bundle, &proof, row.as_ref(), outside, &mut report);
    }
    if report.verdict() == Verdict::Contradicted {
        // What is wrong in any part is shown in none.
        values.clear();
    }
    let seal = bundle.map(SealBundle::seal_id);
    let (table, row, leaf, size) = (proven.table, proven.id, proven.leaf, proven.size);
    Ok((DisclosureAnswer { ledger, table, row, leaf, size, seal, values }, report))
}

fn members(content: &[u8]) -> Result<Members, PrivacyFault> {
    let value = canonical::parse_exact(content, DISCLOSURE_MAX).map_err(PrivacyFault::Json)?;
    if let Some(found) = value.get("format").and_then(Value::as_str)
        && found != DISCLOSURE_FORMAT
    {
        return Err(PrivacyFault::FormatUnknown { found: found.chars().take(64).collect() });
    }
    let members = Members::deserialize(value).map_err(|_| PrivacyFault::Shape)?;
    let sound = members.format == DISCLOSURE_FORMAT && !members.openings.is_empty();
    if sound { Ok(members) } else { Err(PrivacyFault::Shape) }
}

/// Holds a proof against a seal's bundle.
fn check_seal(bundle: &SealBundle, proof: &ProofFile, row: Option<&StoredRow>, outside: &Outside, report: &mut Report) {
    let subject = format!("seal {}", bundle.seal_id());
    let known = outside.for_bundle(bundle, report);
    match (bundle.check_statement(), known.pinned()) {
        (Err(error), _) => report.find(Finding::new(Code::SealAltered, subject.clone()).found(error.code())),
        // The key may have been changed since; what would prove that is not here. One of another ledger was refused before.
        (Ok(()), Some(key)) if key != bundle.signer() => {
            let finding = Finding::new(Code::KeyChangeUnproven, format!("{subject} signer"));
            report.find(finding.expected_found(key, bundle.signer()));
        }
        // Without a pinned key that is said already.
        (Ok(()), _) => report.checked(format!("statement of {subject}")),
    }
    let (sealed, claimed) = (Checkpoint::parse_text(bundle.checkpoint().unverified_text()), proof.proof().claimed());
    let is_same = sealed.is_ok_and(|sealed| sealed.size() == claimed.size() && sealed.root() == claimed.root());
    if !is_same {
        let finding = Finding::new(Code::DisclosureUnsealed, subject).found("it is proven against another checkpoint");
        return report.find(finding);
    }
    if row.is_some_and(|row| covers(bundle, proof.proof().index().as_u64(), row)) {
        report.checked(format!("the row lies in the selection of {subject}"));
    } else {
        report.find(Finding::new(Code::DisclosureUnsealed, subject).found("it does not cover the row"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vm_core::digest::RootHash;
    use vm_core::instant::Instant;
    use vm_core::source::hazmat::{CountingEntropy, SteppingClock};

    use vm_seal::merkle::TreeSize;

    use super::*;
    use crate::vault::{Common, Place, RecordInput, Sources, ToolInput, Vault};

    #[test]
    fn the_page_shows_what_a_disclosure_holds() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { vault: dir.path().join("vault"), keys: dir.path().join("keys") };
        let sources = Sources {
            clock: Box::new(SteppingClock::new(Instant::from_micros(1_735_689_600_000_000).unwrap())),
            entropy: Box::new(CountingEntropy::new(1)),
            nonces: Box::new(CountingEntropy::new(2)),
            command: "test".to_owned(),
        };
        let mut vault = Vault::init(&place, sources).unwrap().vault;
        let common = Common { data_subject: Some("alice".parse().unwrap()), ..Common::default() };
        let input = Some(json!({"token": "hunter2", "user": "alice"}));
        let tool = ToolInput { input, common, ..ToolInput::named("login") };
        let row = vault.record(vec![RecordInput::Tool(tool)]).unwrap()[0].id;
        let reader = Reader::open(&place).unwrap();
        let ring = crate::subjects::Ring::open(vault.keys(), reader.ledger()).unwrap();
        let wanted = Wanted { row, pointers: vec!["/token".to_owned()], seal: None };
        let content = reader.disclose(&wanted, &ring).unwrap();
        let text = String::from_utf8(content.bytes.to_vec()).unwrap();
        let page = include_str!("../../docs/spec/disclosure.md");
        assert!(page.contains(&format!("{text}\n")), "disclosure.md does not show:\n{text}");
        let outside = Outside { key: Some(reader.claimed_key().unwrap()), ..Outside::default() };
        let (answer, report) = check(&content.bytes, reader.ledger(), None, &outside).unwrap();
        assert_eq!((answer.values.len(), report.verdict()), (1, Verdict::Verified));

        // A log whose one entry is that row without an id, truly signed: no commitment can be looked up in it.
        let mut content = canonical::parse(&content.bytes, DISCLOSURE_MAX).unwrap();
        let data = content["proof"]["leaf_data"].as_str().unwrap();
        let data = data.replace(&row.to_string().replace('-', ""), "00").replace(&row.to_string(), "00");
        let (signer, size) = (vault.keys().identity(crate::keys::Role::Log).unwrap(), TreeSize::new(1));
        let root = RootHash::from_bytes(*LeafHash::of(data.as_bytes()).as_bytes());
        let note = Checkpoint::of_ledger(&reader.ledger(), size, root).unwrap().sign(&signer).unwrap();
        let (format, leaf_data, checkpoint) = (crate::proof::ROW_PROOF_FORMAT, data, note.to_string());
        content["proof"] = json!({
            "format": format, "leaf_data": leaf_data, "index": 0, "size": 1, "path": [], "checkpoint": checkpoint,
        });
        let content = canonical::to_bytes(&content).unwrap();
        let (answer, report) = check(&content, reader.ledger(), None, &outside).unwrap();
        assert_eq!((answer.values.len(), report.verdict()), (0, Verdict::Undecided), "{:?}", report.findings());
        assert!(report.has(Code::EvidenceUnreadable));
    }
}
