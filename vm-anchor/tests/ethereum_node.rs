//! Anchors made on a real node, and judged without it. With `VAULTMESH_RECORD_ETHEREUM` set, what the node said is kept in
//! `tests/data/ethereum`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod evm;

use std::fs;
use std::path::Path;
use std::time::Duration;

use evm::{Chain, DATA, EMITTER, PATIENCE, REVERTER, has_node, soon};
use serde_json::json;
use vm_anchor::ethereum::client::{At, Node};
use vm_anchor::ethereum::{
    Address, Carrier, EthereumAttested, EthereumEvidence, EthereumTrust, PinnedBlock, TransactionHash, calldata,
    verify_evidence,
};
use vm_core::digest::{Sha256Digest, to_hex};
use vm_core::verdict::{Report, Verdict};

const LOCAL: u64 = 31_337;
const TARGET: Address = Address::from_bytes([0x42; 20]);

fn digest() -> Sha256Digest {
    Sha256Digest::of(DATA)
}

fn data() -> String {
    format!("0x{}", to_hex(&calldata(&digest())))
}

fn trust(blocks: Vec<PinnedBlock>) -> EthereumTrust {
    EthereumTrust::new("local", LOCAL).unwrap().pin(blocks).unwrap()
}

fn pin_of(evidence: &EthereumEvidence) -> PinnedBlock {
    PinnedBlock::new(evidence.number(), evidence.block_hash())
}

/// The reasons found, and what was attested.
fn judge(evidence: &EthereumEvidence, trust: Option<&EthereumTrust>) -> (Vec<String>, Option<EthereumAttested>) {
    let (report, attested) = verify_evidence(evidence, &digest(), trust, soon());
    assert_eq!(report.verdict() == Verdict::Verified, attested.is_some(), "{report:?}");
    (reasons(&report), attested)
}

fn reasons(report: &Report) -> Vec<String> {
    report.findings().iter().map(|finding| finding.found_value().unwrap().to_owned()).collect()
}

fn keep(name: &str, bytes: &[u8]) {
    if std::env::var_os("VAULTMESH_RECORD_ETHEREUM").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ethereum");
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn calldata_and_events_are_anchored_and_judged() {
    if !has_node("calldata_and_events_are_anchored_and_judged") {
        return;
    }
    let chain = Chain::start(&[]);
    assert_eq!(chain.node.chain_id().unwrap(), LOCAL);
    let emitter = chain.deploy(EMITTER);
    // A block with neighbours, so that the proofs have branches.
    chain.mine_alone(false);
    chain.send(json!({ "to": TARGET, "data": "0x01" }));
    let hash = chain.node.send(&digest(), emitter, None).unwrap();
    chain.send(json!({ "to": TARGET, "value": "0x1" }));
    assert_eq!(chain.node.wait(hash, Duration::from_millis(300)).unwrap_err().code(), "node-pending");
    chain.mine(1);
    chain.mine_alone(true);
    chain.node.wait(hash, PATIENCE).unwrap();
    chain.mine(2);
    let end = chain.node.block(At::Latest).unwrap();
    let by_descent = trust(vec![end]).contract(emitter);

    for carrier in [Carrier::Calldata, Carrier::Event { log: 0 }, Carrier::Event { log: 1 }] {
        let evidence = chain.node.evidence(hash, carrier, Some(&by_descent)).unwrap();
        let (found, attested) = judge(&evidence, Some(&by_descent));
        assert_eq!(found, Vec::<String>::new(), "{carrier:?}");
        let attested = attested.unwrap();
        assert_eq!((attested.confirmations(), attested.number()), (2, end.number() - 2));
        assert_eq!((attested.address(), attested.carrier()), (emitter, carrier));
        assert_eq!((attested.transaction(), attested.stamped()), (hash, digest()));
        let pinned = trust(vec![pin_of(&evidence)]).confirmations(200).unwrap();
        assert_eq!(judge(&evidence, Some(&pinned)).1.unwrap().confirmations(), 0, "a pinned block is final");

        assert_eq!(judge(&evidence, None).0, ["no-trust-root"]);
        assert_eq!(judge(&evidence, Some(&trust(vec![]))).0, ["no-trust-root"]);
        let few = by_descent.clone().confirmations(3).unwrap();
        assert_eq!(judge(&evidence, Some(&few)).0, ["confirmations-few"]);
        assert_eq!(judge(&evidence, Some(&by_descent.clone().contract(TARGET))).0, ["contract-other"]);
        let other = Sha256Digest::of(b"other");
        let (report, attested) = verify_evidence(&evidence, &other, Some(&by_descent), soon());
        let reason = if carrier == Carrier::Calldata { "digest-mismatch" } else { "event-form" };
        assert_eq!((reasons(&report), attested), (vec![reason.to_owned()], None));
        match carrier {
            Carrier::Calldata => keep("calldata.json", &evidence.to_bytes().unwrap()),
            Carrier::Event { log: 1 } => keep("event.json", &evidence.to_bytes().unwrap()),
            _ => {}
        }
    }
    let evidence = chain.node.evidence(hash, Carrier::Event { log: 2 }, Some(&by_descent)).unwrap();
    assert_eq!(judge(&evidence, Some(&by_descent)).0, ["event-missing"]);
    keep("trust.json", &serde_json::to_vec(&by_descent).unwrap());
}

#[test]
fn a_failed_transaction_is_refused() {
    if !has_node("a_failed_transaction_is_refused") {
        return;
    }
    let chain = Chain::start(&[]);
    let reverter = chain.deploy(REVERTER);
    let hash = chain.node.send(&digest(), reverter, None).unwrap();
    chain.node.wait(hash, PATIENCE).unwrap();
    let evidence = chain.node.evidence(hash, Carrier::Calldata, None).unwrap();
    assert_eq!(judge(&evidence, Some(&trust(vec![pin_of(&evidence)]))).0, ["transaction-failed"]);
    keep("failed.json", &evidence.to_bytes().unwrap());
}

#[test]
fn a_foreign_chain_is_refused() {
    if !has_node("a_foreign_chain_is_refused") {
        return;
    }
    let chain = Chain::start(&["--chain-id", "5"]);
    let hash = chain.node.send(&digest(), TARGET, Some(chain.account)).unwrap();
    chain.node.wait(hash, PATIENCE).unwrap();
    let evidence = chain.node.evidence(hash, Carrier::Calldata, None).unwrap();
    let pinned = trust(vec![pin_of(&evidence)]);
    assert_eq!(judge(&evidence, Some(&pinned)).0, ["chain-foreign"]);
    let own = EthereumTrust::new("five", 5).unwrap().pin(vec![pin_of(&evidence)]).unwrap();
    assert!(judge(&evidence, Some(&own)).1.is_some());
    // The chain renamed in the evidence is not that of the signature.
    let bytes = evidence.to_bytes().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap().replace("\"chain_id\":5,", "\"chain_id\":31337,");
    let renamed = EthereumEvidence::parse(text.as_bytes()).unwrap();
    assert_eq!(judge(&renamed, Some(&pinned)).0, ["transaction-foreign"]);
    keep("foreign.json", &bytes);
}

#[test]
fn a_transaction_that_was_reorganised_away_is_refused() {
    if !has_node("a_transaction_that_was_reorganised_away_is_refused") {
        return;
    }
    let chain = Chain::start(&[]);
    chain.mine(3);
    let snapshot = chain.ask("evm_snapshot", json!([]));
    let hash = chain.node.send(&digest(), TARGET, None).unwrap();
    chain.node.wait(hash, PATIENCE).unwrap();
    chain.mine(2);
    let before = trust(vec![chain.node.block(At::Latest).unwrap()]);
    let evidence = chain.node.evidence(hash, Carrier::Calldata, Some(&before)).unwrap();
    assert!(judge(&evidence, Some(&before)).1.is_some(), "while its block is of the chain");

    assert_eq!(chain.ask("evm_revert", json!([snapshot])), json!(true));
    chain.send(json!({ "to": TARGET, "value": "0x7" }));
    chain.mine(4);
    // At its own number stands another block; so does at that of a descendant; elsewhere nothing can be told.
    for (offset, expected) in [(0, "block-reorged"), (1, "block-reorged"), (2, "block-reorged"), (3, "no-trust-root")] {
        let pinned = chain.node.block(At::Number(evidence.number() + offset)).unwrap();
        assert_eq!(judge(&evidence, Some(&trust(vec![pinned]))).0, [expected], "{offset}");
    }
    // Not even where someone pinned the old block too, at another number of its line.
    let both = vec![pin_of(&evidence), chain.node.block(At::Number(evidence.number() + 1)).unwrap()];
    assert_eq!(judge(&evidence, Some(&trust(both))).0, ["block-reorged"]);
    let error = chain.node.evidence(hash, Carrier::Calldata, None).unwrap_err();
    assert_eq!(error.code(), "node-pending", "the node knows it no more");
}

#[test]
fn every_place_of_a_full_block_is_proven() {
    if !has_node("every_place_of_a_full_block_is_proven") {
        return;
    }
    let chain = Chain::start(&[]);
    chain.mine_alone(false);
    let hashes: Vec<TransactionHash> = (0..270)
        .map(|number: u32| {
            let data = if number.is_multiple_of(9) {
                data()
            } else {
                format!("0x{}", "ab".repeat(usize::try_from(number).unwrap()))
            };
            chain.send(json!({ "to": TARGET, "data": data, "gas": "0xea60" }))
        })
        .collect();
    chain.mine(1);
    let block = chain.node.wait(hashes[0], PATIENCE).unwrap();
    assert_eq!(chain.node.wait(hashes[269], PATIENCE).unwrap(), block, "all of them in one block");
    for hash in hashes.iter().step_by(9) {
        let evidence = chain.node.evidence(*hash, Carrier::Calldata, None).unwrap();
        assert!(judge(&evidence, Some(&trust(vec![pin_of(&evidence)]))).1.is_some(), "{hash}");
    }
}

#[test]
fn headers_and_transactions_of_every_fork_are_read() {
    if !has_node("headers_and_transactions_of_every_fork_are_read") {
        return;
    }
    // What the fork knows: access lists since Berlin, fees that burn since London.
    for (fork, kinds) in [
        ("istanbul", 1),
        ("berlin", 2),
        ("london", 3),
        ("paris", 3),
        ("shanghai", 3),
        ("cancun", 3),
        ("prague", 3),
        ("osaka", 3),
    ] {
        let chain = Chain::start(&["--hardfork", fork]);
        let price = json!({ "to": TARGET, "data": data(), "gasPrice": "0x77359400" });
        let mut listed = price.clone();
        listed["accessList"] = json!([{ "address": TARGET, "storageKeys": [format!("0x{}", "11".repeat(32))] }]);
        let burnt =
            json!({ "to": TARGET, "data": data(), "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1" });
        for (kind, fields) in [price, listed, burnt].into_iter().take(kinds).enumerate() {
            let hash = chain.send(fields);
            chain.node.wait(hash, PATIENCE).unwrap();
            let told = chain.ask("eth_getTransactionByHash", json!([hash]));
            assert_eq!(told["type"], json!(format!("0x{kind}")), "{fork}");
            let evidence = chain.node.evidence(hash, Carrier::Calldata, None).unwrap();
            let (found, attested) = judge(&evidence, Some(&trust(vec![pin_of(&evidence)])));
            assert!(attested.is_some(), "{fork}, type {kind}: {found:?}");
        }
    }
}

#[test]
fn what_a_node_does_not_have_has_a_name() {
    if !has_node("what_a_node_does_not_have_has_a_name") {
        return;
    }
    let chain = Chain::start(&[]);
    let unknown = TransactionHash::from_bytes([9; 32]);
    assert_eq!(chain.node.evidence(unknown, Carrier::Calldata, None).unwrap_err().code(), "node-pending");
    assert_eq!(chain.node.block(At::Number(1_000)).unwrap_err().code(), "node-absent");
    let stranger = chain.node.send(&digest(), TARGET, Some(TARGET)).unwrap_err();
    assert_eq!(stranger.code(), "node-fault", "{stranger}");
    assert!(chain.node.block(At::Finalized).is_ok());
    let gone = Node::new(&chain.url, PATIENCE).unwrap();
    drop(chain);
    assert_eq!(gone.chain_id().unwrap_err().code(), "node-unreachable");
}
