//! Horizons: their openings and closings, the fold over them, and proofs of restraint.

use std::sync::LazyLock;

use vm_core::canonical;
use vm_core::id::LedgerId;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_core::record::{Cell, StoredRow, SystemKind};
use vm_core::verdict::Verdict;
use vm_shadow::opening::OPTIONS_MAX;
use vm_shadow::restraint::Restraint;
use vm_shadow::{Horizons, Outcome, RestraintProof, VerifiedClosing, VerifiedOpening};

use crate::record::{header_of, logged, system_row};
use crate::text::assert_silent;

/// All that was ever signed: the samples of the format pages, and a decision that was taken.
const SIGNED: [&[u8]; 3] = [
    include_bytes!("../../seeds/horizon_row/opening"),
    include_bytes!("../../seeds/horizon_row/closing"),
    include_bytes!("../../seeds/horizon_row/taken"),
];
/// Columns that no observer signs.
const UNSIGNED: [&str; 2] = ["capability_hash", "policy_hash"];
/// The proof of the format page, and the key it shows there.
const PROOF: &[u8] = include_bytes!("../../seeds/restraint_proof/page");
const KEY: &str = "vaultmesh/397b5ccb695e973ed355101159f239a9bb1c443a1c4093409524b15a826c5f7b+ede7b52f+AYE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";

struct Known {
    rows: Vec<StoredRow>,
    key: NoteKey,
    stranger: NoteKey,
    shown: Restraint,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let key: NoteKey = KEY.parse().expect("a key");
    let stranger = SigningIdentity::from_seed(&[99; 32]).public();
    Known {
        rows: SIGNED.iter().flat_map(|rows| logged(rows, |_| None)).map(|(_, row)| row).collect(),
        stranger: NoteKey::new(key.name(), stranger).expect("the name of a key"),
        shown: RestraintProof::parse(PROOF).expect("the proof reads").verify(&key).expect("the proof holds"),
        key,
    }
});

/// The ledger of the pages.
#[must_use]
pub fn page_ledger() -> LedgerId {
    let id = KEY.get("vaultmesh/".len()..).and_then(|rest| rest.split('+').next());
    LedgerId::parse(id.expect("the key names the ledger")).expect("an id")
}

/// Each line is the leaf data of a row, or the content of an opening or a closing in the row of the page's. None is believed
/// but what its observer signed, in the ledger it was signed for; a row that the fold refuses changes nothing.
pub fn horizon_row(data: &[u8]) {
    let (ours, other) = (page_ledger(), crate::capability::ledger());
    let mut horizons = Horizons::new(ours);
    for (entry, row) in logged(data, bare) {
        match VerifiedOpening::of(&row, ours) {
            Ok(opening) => {
                assert_signed(&row);
                assert_eq!(usize::from(opening.option_count()), opening.options().len());
                assert!((1..=OPTIONS_MAX).contains(&opening.options().len()) && opening.ts() < opening.deadline());
                assert!(VerifiedOpening::of(&row, other).is_err(), "believed in another ledger");
            }
            Err(error) => assert_silent(&error, data),
        }
        match VerifiedClosing::of(&row, ours) {
            Ok(closing) => {
                assert_signed(&row);
                let taken = matches!(closing.outcome(), Outcome::Taken { .. });
                assert_eq!(taken, closing.outcome().as_str() == "taken");
                assert!(closing.receipts().is_sorted_by(|one, next| one.option < next.option));
                assert!(VerifiedClosing::of(&row, other).is_err(), "believed in another ledger");
            }
            Err(error) => assert_silent(&error, data),
        }
        let before = horizons.clone();
        match horizons.apply(&entry, &row) {
            Ok(()) => assert_eq!(horizons.next(), entry.seq + 1),
            Err(violation) => {
                assert!(horizons == before, "a refused row changed the state: {violation:?}");
                assert_silent(&violation, data);
            }
        }
    }
    for (row, open) in horizons.unclosed() {
        assert_eq!(horizons.open_one(open.horizon_id()).map(|(row, _)| row), Some(row));
    }
}

/// Every column that an observer signs is as one signed it.
fn assert_signed(row: &StoredRow) {
    let signed = |row: &StoredRow| -> Vec<(&'static str, Cell)> {
        let cells = row.cells().filter(|(name, _)| !UNSIGNED.contains(name));
        cells.map(|(name, cell)| (name, cell.into())).collect()
    };
    assert!(KNOWN.rows.iter().any(|known| signed(known) == signed(row)), "believed what nobody signed");
}

/// A content alone, in the row that the page shows for its kind.
fn bare(line: &[u8]) -> Option<StoredRow> {
    let value = canonical::parse_exact(line, canonical::BYTES_MAX).ok()?;
    let kind = SystemKind::of_word(value.get("format")?.as_str()?.strip_suffix("-v0")?)?;
    let page = KNOWN.rows.iter().find(|row| SystemKind::of_row(row) == Some(kind))?;
    system_row(kind, page.row_ref("subject_id").ok()?, &value, header_of(page))
}

/// A proof has one form, and none holds but the one that was made, for its key alone.
pub fn restraint_proof(data: &[u8]) {
    let proof = match RestraintProof::parse(data) {
        Ok(proof) => proof,
        Err(error) => return assert_silent(&error, data),
    };
    assert_eq!(proof.to_bytes().ok().as_deref(), Some(data));
    let (report, shown) = proof.check(Some(&KNOWN.key));
    assert_eq!(shown.is_some(), report.verdict() == Verdict::Verified);
    if let Some(shown) = shown {
        assert_eq!(shown, KNOWN.shown, "holds for what was never made");
    }
    assert!(proof.verify(&KNOWN.stranger).is_err(), "holds under another key");
    let (report, shown) = proof.check(None);
    assert!(shown.is_none() && report.verdict() == Verdict::Undecided, "holds without a key");
}
