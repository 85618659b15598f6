//! Every kept bundle, good or bad, gets the answer that stands inside it. `tests/python/test_bundles.py` asks the second
//! verifier the same.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::collections::BTreeSet;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use vaultmesh::export::verify_bundle;
use vaultmesh::system::SystemClock;
use vaultmesh::trust::TrustFile;
use vaultmesh::verify::Outside;
use vm_core::source::Clock as _;
use vm_core::verdict::{Severity, Verdict};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/bundles");
/// Fewer would mean that some were lost.
const BAD_LEAST: usize = 60;

#[derive(Deserialize)]
struct Vector {
    bundle: String,
    key: String,
    ca: String,
    verdict: String,
    findings: BTreeSet<String>,
}

/// Verdict and findings; `refused` where it is no export.
fn judge(vector: &Vector, bundle: &[u8], dir: &Path) -> (String, BTreeSet<String>) {
    let file = dir.join("x.vmb");
    std::fs::write(&file, bundle).unwrap();
    let authority =
        format!("[[authority]]\nname = \"known\"\nindependent = true\nroot = \"\"\"\n{}\"\"\"\n", vector.ca);
    let authority = if vector.ca.is_empty() { String::new() } else { authority };
    let trust = format!("format = \"vm-trust-v0\"\nkey = \"{}\"\n{authority}", vector.key);
    let trust = TrustFile::parse(&trust, &file).unwrap();
    let outside = Outside { key: None, head: None, trust: Some(trust), ..Outside::default() };
    match verify_bundle(&file, &outside, SystemClock.now()) {
        Ok(answer) => {
            let counts = |finding: &&vm_core::verdict::Finding| finding.code().severity() != Severity::Remark;
            let findings = answer.report.findings().iter().filter(counts);
            (answer.verdict.to_string(), findings.map(|finding| finding.code().to_string()).collect())
        }
        Err(error) => {
            assert_eq!(error.exit_code(), 2, "{error}");
            ("refused".to_owned(), BTreeSet::new())
        }
    }
}

#[test]
fn every_kept_bundle_gets_its_answer() {
    let dir = fixture::folder();
    let (mut good, mut bad, mut wrong) = (0, 0, Vec::new());
    for file in fixture::files(Path::new(FOLDER)) {
        let vector: Vector = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let (verdict, findings) = judge(&vector, &Base64::decode_vec(&vector.bundle).unwrap(), dir.path());
        if (&verdict, &findings) != (&vector.verdict, &vector.findings) {
            wrong.push(format!("{name}: {verdict} {findings:?}, not {} {:?}", vector.verdict, vector.findings));
        }
        assert_eq!(vector.verdict == Verdict::Verified.to_string(), name.starts_with("good"), "{name}");
        if name.starts_with("good") { good += 1 } else { bad += 1 }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(good >= 1 && bad >= BAD_LEAST, "{good} good, {bad} bad");
    let told = format!("The {} bundles of `vaultmesh/tests/vectors/bundles`", good + bad);
    assert!(include_str!("../../README.md").contains(&told), "README.md does not say: {told}");
}

/// A bit in every seventh byte is flipped and the bundle cut at some places; with `VAULTMESH_EVERY_BIT=1` every bit and every
/// place, which takes minutes.
#[test]
fn no_flipped_bit_and_no_cut_is_believed() {
    let dir = fixture::folder();
    let good = std::fs::read(Path::new(FOLDER).join("good.json")).unwrap();
    let vector: Vector = serde_json::from_slice(&good).unwrap();
    let mut bundle = Base64::decode_vec(&vector.bundle).unwrap();
    let every = std::env::var_os("VAULTMESH_EVERY_BIT").is_some();
    let wrong = |(verdict, findings): (String, BTreeSet<String>)| match verdict.as_str() {
        "refused" => false,
        "contradicted" => findings.is_empty(),
        _ => true,
    };
    for at in (0..bundle.len()).step_by(if every { 1 } else { 7 }) {
        for bit in (0..8).filter(|bit| every || at % 8 == *bit) {
            bundle[at] ^= 1 << bit;
            assert!(!wrong(judge(&vector, &bundle, dir.path())), "bit {bit} of byte {at}");
            bundle[at] ^= 1 << bit;
        }
        if every || at % 4 == 0 {
            assert!(!wrong(judge(&vector, &bundle[..at], dir.path())), "cut at {at}");
        }
    }
    assert_eq!(judge(&vector, &bundle, dir.path()).0, "verified");
}
