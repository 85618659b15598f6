//! Seal bundles: no input panics, a bundle that is read is in its one form, and only the bundle that was sealed is found
//! good.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vm_core::canonical;
use vm_core::verdict::Verdict;
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};
use vm_seal::selection::Selection;
use vm_seal::verify::verify_bundle_alone;

/// What was sealed, once.
const SEALED: &[u8] = include_bytes!("../corpus/seal_bundle/seal");

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = canonical::parse(data, BUNDLE_MAX)
        && let Ok(selection) = Selection::from_value(&value)
    {
        assert_eq!(selection.to_value(), value, "a selection has one form");
    }
    let Ok(bundle) = SealBundle::parse(data) else {
        return;
    };
    assert_eq!(bundle.as_bytes(), data);
    assert_eq!(SealBundle::parse(bundle.as_bytes()).as_ref(), Ok(&bundle));
    let sealed = SealBundle::parse(SEALED).expect("the sealed bundle reads");
    let report = verify_bundle_alone(&bundle, Some(sealed.signer()));
    let expected = if data == SEALED { Verdict::Undecided } else { Verdict::Contradicted };
    assert_eq!(report.verdict(), expected, "{:?}", report.findings());
});
