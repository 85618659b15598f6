//! What proofs come to, and proofs that were tampered with.

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::verdict::{Code, Verdict};
use vm_seal::merkle::{LeafIndex, prove_multi};
use vm_shadow::RestraintProof;

use super::World;

/// What a proof comes to: the code of the finding, and what was found.
pub(crate) fn judged(world: &World, proof: &RestraintProof) -> (Option<Code>, String) {
    let (report, shown) = proof.check(Some(&world.key()));
    let finding = report.findings().first();
    assert_eq!(shown.is_some(), report.verdict() == Verdict::Verified);
    assert_eq!(finding.is_none(), shown.is_some());
    let found = finding.and_then(|finding| finding.found_value()).unwrap_or_default().to_owned();
    (finding.map(|finding| finding.code()), found)
}

#[track_caller]
pub(crate) fn assert_broken(world: &World, proof: &RestraintProof, code: &str) {
    let (found, why) = judged(world, proof);
    assert_eq!(found, Some(Code::RestraintBroken), "{why}");
    assert!(why.starts_with(code), "{why}");
}

#[track_caller]
pub(crate) fn assert_unproven(world: &World, proof: &RestraintProof, what: &str) {
    let (found, why) = judged(world, proof);
    assert_eq!((found, why), (Some(Code::RestraintUnproven), what.to_owned()));
}

#[track_caller]
pub(crate) fn assert_holds(world: &World, proof: &RestraintProof) {
    assert_eq!(judged(world, proof), (None, String::new()));
}

/// A proof with its JSON changed.
pub(crate) fn edited(proof: &RestraintProof, edit: impl FnOnce(&mut Value)) -> RestraintProof {
    let mut value: Value = serde_json::from_slice(&proof.to_bytes().unwrap()).unwrap();
    edit(&mut value);
    RestraintProof::parse(&canonical::to_bytes(&value).unwrap()).unwrap()
}

/// A proof with other rows, which are shown to stand in the log as well as before.
pub(crate) fn with_rows(world: &World, proof: &RestraintProof, edit: impl FnOnce(&mut Vec<Value>)) -> RestraintProof {
    edited(proof, |value| {
        let rows = value["rows"].as_array_mut().unwrap();
        edit(rows);
        let places: Vec<LeafIndex> = rows.iter().map(|row| LeafIndex::new(row["seq"].as_u64().unwrap())).collect();
        let hashes = prove_multi(world.ledger.tree(), &places, world.ledger.tree_size()).unwrap();
        value["hashes"] = json!(hashes.hashes());
    })
}

pub(crate) fn is_row(row: &Value, what: &str) -> bool {
    row["data"].as_str().unwrap().contains(what)
}
