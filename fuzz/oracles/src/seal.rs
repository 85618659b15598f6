//! Seal bundles and selections.

use serde_json::Value;
use vm_core::canonical;
use vm_core::verdict::Verdict;
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};
use vm_seal::coverage::{COVERAGE_MAX, Claims, Coverage};
use vm_seal::selection::Selection;
use vm_seal::verify::verify_bundle_alone;

/// What was sealed, once.
const SEALED: &[u8] = include_bytes!("../../seeds/seal_bundle/seal");

/// A bundle that is read is in its one form, and only the bundle that was sealed is found good.
pub fn seal_bundle(data: &[u8]) {
    let Ok(bundle) = SealBundle::parse(data) else { return };
    assert_eq!(bundle.as_bytes(), data);
    assert_eq!(SealBundle::parse(bundle.as_bytes()).as_ref(), Ok(&bundle));
    let sealed = SealBundle::parse(SEALED).expect("the sealed bundle reads");
    let report = verify_bundle_alone(&bundle, Some(sealed.signer()));
    let expected = if data == SEALED { Verdict::Undecided } else { Verdict::Contradicted };
    assert_eq!(report.verdict(), expected, "{:?}", report.findings());
}

/// What the sealed bundle covers where no row is at hand, with `claims`.
#[must_use]
pub fn covered(claims: &Claims) -> Vec<u8> {
    let sealed = SealBundle::parse(SEALED).expect("the sealed bundle reads");
    Coverage::of_rows().to_bytes(&sealed, true, claims).expect("a canonical form")
}

/// A statement that is believed says what bundle and rows give, its claims aside. Where no row is at hand, both formats say
/// the same.
pub fn coverage(data: &[u8]) {
    let sealed = SealBundle::parse(SEALED).expect("the sealed bundle reads");
    if Coverage::of_rows().check(data, &sealed, true).is_err() {
        return;
    }
    let without_claims = |bytes: &[u8]| {
        let mut value = canonical::parse_exact(bytes, COVERAGE_MAX).expect("believed, so canonical");
        (value["claims"], value["format"]) = (Value::Null, Value::Null);
        value
    };
    assert_eq!(without_claims(data), without_claims(&covered(&Claims::default())));
}

/// A selection has one form.
pub fn selection(data: &[u8]) {
    let Ok(value) = canonical::parse(data, BUNDLE_MAX) else { return };
    if let Ok(selection) = Selection::from_value(&value) {
        assert_eq!(selection.to_value(), value);
        assert!(!selection.kinds().is_empty());
    }
}
