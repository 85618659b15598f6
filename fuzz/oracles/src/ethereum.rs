//! Evidence of anchors on Ethereum, and blocks made of any bytes.

use std::sync::LazyLock;

use alloy_primitives::B256;
use alloy_rlp::Header as Rlp;
use alloy_trie::root::ordered_trie_root_encoded;
use vm_anchor::ethereum::block::Block;
use vm_anchor::ethereum::{
    Carrier, EthereumAttested, EthereumEvidence, EthereumTrust, PinnedBlock, calldata, verify_ethereum, verify_evidence,
};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

use crate::anchor::stamped;

/// Evidence of a chain that lived for this alone, and trust in its last block.
const EVIDENCE: &[u8] = include_bytes!("../../seeds/ethereum_evidence/calldata");
const TRUST: &str = include_str!("../fixtures/ethereum-trust.json");
/// Chain that made-up blocks are of: those that the seeds come from.
const CHAIN: u64 = 31_337;

struct Known {
    trust: EthereumTrust,
    attested: EthereumAttested,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let trust: EthereumTrust = serde_json::from_str(TRUST).expect("the fixture is trust");
    let (_, attested) = verify_ethereum(EVIDENCE, &stamped(), Some(&trust), at());
    Known { attested: attested.expect("the evidence holds"), trust }
});

fn at() -> Instant {
    "2026-12-01T00:00:00.000000Z".parse().expect("an instant")
}

/// Evidence has one form, and is believed only where it says what the true one says: this transaction, in this block.
pub fn ethereum_evidence(data: &[u8]) {
    if let Ok(evidence) = EthereumEvidence::parse(data) {
        assert_eq!(evidence.to_bytes().ok().as_deref(), Some(data));
    }
    let (report, attested) = verify_ethereum(data, &stamped(), Some(&KNOWN.trust), at());
    assert_eq!(attested.is_some(), report.verdict() == Verdict::Verified);
    if let Some(attested) = attested {
        let said =
            |one: &EthereumAttested| (one.identity(), one.block_hash(), one.time(), one.address(), one.confirmations());
        assert_eq!(said(&attested), said(&KNOWN.attested), "believed what no block of the chain says");
        // The contract emits the digest twice.
        assert!(matches!(attested.carrier(), Carrier::Calldata | Carrier::Event { log: 0 | 1 }));
    }
    let (report, attested) = verify_ethereum(data, &Sha256Digest::of(b"other"), Some(&KNOWN.trust), at());
    assert!(attested.is_none() && report.verdict() != Verdict::Verified, "believed for what was never anchored");
    let (report, attested) = verify_ethereum(data, &stamped(), None, at());
    assert!(attested.is_none() && report.verdict() != Verdict::Verified, "believed without a pinned block");
}

/// A block of one transaction and one receipt, both of any bytes: a byte that chooses the carrier, the transaction's
/// length in two bytes, transaction, receipt. What is believed stands in them.
pub fn ethereum_block(data: &[u8]) {
    let Some(([choice, high, low], rest)) = data.split_first_chunk() else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (transaction, receipt) = rest.split_at(length);
    let (transactions, receipts) = (vec![transaction.to_vec()], vec![receipt.to_vec()]);
    let header = header(ordered_trie_root_encoded(&transactions), ordered_trie_root_encoded(&receipts));
    let block = Block::new(header, transactions, receipts).expect("its own parts");
    let carrier = match choice {
        0 => Carrier::Calldata,
        log => Carrier::Event { log: u32::from(log - 1) },
    };
    let Ok(evidence) = block.evidence(CHAIN, 0, carrier, Vec::new()) else { return };
    let bytes = evidence.to_bytes().expect("it was made within the limits");
    assert_eq!(EthereumEvidence::parse(&bytes).ok().as_ref(), Some(&evidence));
    let pinned = vec![PinnedBlock::new(block.number(), block.hash())];
    let trust = EthereumTrust::new("made up", CHAIN).and_then(|trust| trust.pin(pinned)).expect("one block");
    let (report, attested) = verify_evidence(&evidence, &stamped(), Some(&trust), at());
    assert_eq!(attested.is_some(), report.verdict() == Verdict::Verified);
    if attested.is_some() {
        let holds = |whole: &[u8], part: &[u8]| whole.windows(part.len()).any(|window| window == part);
        match carrier {
            Carrier::Calldata => assert!(holds(transaction, &calldata(&stamped()))),
            _ => assert!(holds(receipt, stamped().as_bytes())),
        }
    }
}

/// The fifteen fields of the first headers, those that are not looked at empty.
fn header(transactions_root: B256, receipts_root: B256) -> Vec<u8> {
    let mut payload = Vec::new();
    for place in 0..15 {
        let field: &[u8] = match place {
            0 => B256::ZERO.as_slice(),
            4 => transactions_root.as_slice(),
            5 => receipts_root.as_slice(),
            8 | 11 => &[9],
            _ => &[],
        };
        alloy_rlp::Encodable::encode(field, &mut payload);
    }
    let mut header = Vec::new();
    Rlp { list: true, payload_length: payload.len() }.encode(&mut header);
    [header, payload].concat()
}
