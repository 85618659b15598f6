//! Blocks made up here: every type of transaction, and what no local node can be made to produce.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy_consensus::{
    Eip658Value, EthereumTxEnvelope, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Signed, TxEip1559, TxEip2930,
    TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address as Account, B256, Bytes, Log, Signature, TxKind, U256};
use vm_anchor::ethereum::block::Block;
use vm_anchor::ethereum::{Carrier, EthereumEvidence, EthereumTrust, PinnedBlock, calldata, verify_evidence};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

const CHAIN: u64 = 1;
const ACCOUNT: Account = Account::repeat_byte(0x42);

type Envelope = EthereumTxEnvelope<TxEip4844>;

fn digest() -> Sha256Digest {
    Sha256Digest::of(b"bundle")
}

fn input() -> Bytes {
    Bytes::copy_from_slice(&calldata(&digest()))
}

fn signed<T>(transaction: T) -> Signed<T> {
    Signed::new_unchecked(transaction, Signature::new(U256::from(7), U256::from(8), true), B256::ZERO)
}

fn legacy(chain_id: Option<u64>, to: TxKind, input: Bytes) -> Envelope {
    Envelope::Legacy(signed(TxLegacy { chain_id, to, input, gas_limit: 50_000, ..TxLegacy::default() }))
}

fn plain(input: Bytes) -> Envelope {
    legacy(Some(CHAIN), TxKind::Call(ACCOUNT), input)
}

fn list() -> AccessList {
    AccessList(vec![AccessListItem {
        address: ACCOUNT,
        storage_keys: vec![B256::repeat_byte(1), B256::repeat_byte(2)],
    }])
}

/// One transaction of each type, with this digest's calldata.
fn envelopes(chain_id: u64) -> Vec<Envelope> {
    let input = input();
    let authorization = Authorization { chain_id: U256::from(chain_id), address: ACCOUNT, nonce: 3 };
    let authorization = authorization.into_signed(Signature::new(U256::from(9), U256::from(10), false));
    vec![
        legacy(Some(chain_id), TxKind::Call(ACCOUNT), input.clone()),
        Envelope::Eip2930(signed(TxEip2930 {
            chain_id,
            to: TxKind::Call(ACCOUNT),
            input: input.clone(),
            access_list: list(),
            ..TxEip2930::default()
        })),
        Envelope::Eip1559(signed(TxEip1559 {
            chain_id,
            to: TxKind::Call(ACCOUNT),
            input: input.clone(),
            access_list: list(),
            ..TxEip1559::default()
        })),
        Envelope::Eip4844(signed(TxEip4844 {
            chain_id,
            to: ACCOUNT,
            input: input.clone(),
            blob_versioned_hashes: vec![B256::repeat_byte(1); 6],
            max_fee_per_blob_gas: 1,
            ..TxEip4844::default()
        })),
        Envelope::Eip7702(signed(TxEip7702 {
            chain_id,
            to: ACCOUNT,
            input,
            authorization_list: vec![authorization],
            ..TxEip7702::default()
        })),
    ]
}

fn receipt(kind: u8, status: Eip658Value, logs: Vec<Log>) -> Vec<u8> {
    let receipt = ReceiptWithBloom::from(Receipt { status, cumulative_gas_used: 21_000, logs });
    let envelope = match kind {
        0 => ReceiptEnvelope::Legacy(receipt),
        1 => ReceiptEnvelope::Eip2930(receipt),
        2 => ReceiptEnvelope::Eip1559(receipt),
        3 => ReceiptEnvelope::Eip4844(receipt),
        _ => ReceiptEnvelope::Eip7702(receipt),
    };
    envelope.encoded_2718()
}

/// Another program's roots, so that the ones made here are compared with something.
fn header(transactions: &[Vec<u8>], receipts: &[Vec<u8>]) -> Header {
    Header {
        number: 1_000,
        timestamp: 1_700_000_000,
        transactions_root: alloy_trie::root::ordered_trie_root_encoded(transactions),
        receipts_root: alloy_trie::root::ordered_trie_root_encoded(receipts),
        ..Header::default()
    }
}

fn block(transactions: Vec<Vec<u8>>, receipts: Vec<Vec<u8>>) -> Block {
    let header = header(&transactions, &receipts);
    Block::new(alloy_rlp::encode(&header), transactions, receipts).unwrap()
}

/// The only transaction of a block, judged by whoever pins the block.
fn judge_one(transaction: Vec<u8>, receipt: Vec<u8>, carrier: Carrier) -> Vec<String> {
    judge(&block(vec![transaction], vec![receipt]).evidence(CHAIN, 0, carrier, vec![]).unwrap())
}

fn judge(evidence: &EthereumEvidence) -> Vec<String> {
    let now: Instant = "2026-01-01T00:00:00.000000Z".parse().unwrap();
    let pinned = PinnedBlock::new(evidence.number(), evidence.block_hash());
    let trust = EthereumTrust::new("chain", CHAIN).unwrap().pin(vec![pinned]).unwrap();
    // What is written and read again is judged, not what was made.
    let evidence = EthereumEvidence::parse(&evidence.to_bytes().unwrap()).unwrap();
    let (report, attested) = verify_evidence(&evidence, &digest(), Some(&trust), now);
    assert_eq!(report.verdict() == Verdict::Verified, attested.is_some());
    report.findings().iter().map(|finding| finding.found_value().unwrap().to_owned()).collect()
}

fn fine(kind: u8) -> Vec<u8> {
    receipt(kind, Eip658Value::success(), vec![])
}

const HOLDS: Vec<String> = Vec::new();

/// Keeps a block as a seed of the fuzz target `ethereum_block`, where `VAULTMESH_RECORD_ETHEREUM` is set.
fn keep(name: &str, choice: u8, transaction: &[u8], receipt: &[u8]) {
    if std::env::var_os("VAULTMESH_RECORD_ETHEREUM").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/ethereum_block").join(name);
        let length = u16::try_from(transaction.len()).unwrap().to_be_bytes();
        std::fs::write(path, [&[choice], length.as_slice(), transaction, receipt].concat()).unwrap();
    }
}

#[test]
fn every_type_of_transaction_is_read() {
    for (kind, envelope) in (0..).zip(envelopes(CHAIN)) {
        let bytes = envelope.encoded_2718();
        assert_eq!(judge_one(bytes.clone(), fine(kind), Carrier::Calldata), HOLDS, "{kind}");
        for other in (0..5).filter(|other| *other != kind) {
            assert_eq!(judge_one(bytes.clone(), fine(other), Carrier::Calldata), ["receipt-malformed"]);
        }
        let failed = receipt(kind, Eip658Value::Eip658(false), vec![]);
        assert_eq!(judge_one(bytes, failed, Carrier::Calldata), ["transaction-failed"]);
    }
    // The chain that the fuzz target pins.
    for (kind, envelope) in (0..).zip(envelopes(31_337)) {
        let bytes = envelope.encoded_2718();
        assert_eq!(judge_one(bytes.clone(), fine(kind), Carrier::Calldata), ["transaction-foreign"]);
        let log = Log::new(ACCOUNT, vec![B256::from(*digest().as_bytes())], vec![].into()).unwrap();
        keep(&format!("type-{kind}"), 0, &bytes, &fine(kind));
        keep(&format!("type-{kind}-event"), 2, &bytes, &receipt(kind, Eip658Value::success(), vec![Log::empty(), log]));
        keep("failed", 0, &bytes, &receipt(kind, Eip658Value::Eip658(false), vec![]));
    }
}

#[test]
fn transactions_of_all_types_stand_in_one_block() {
    let transactions: Vec<Vec<u8>> = envelopes(CHAIN).iter().map(|envelope| envelope.encoded_2718()).collect();
    let receipts: Vec<Vec<u8>> = (0..5).map(fine).collect();
    let block = block(transactions, receipts);
    assert_eq!((block.transactions(), block.number()), (5, 1_000));
    for index in 0..5 {
        assert_eq!(judge(&block.evidence(CHAIN, index, Carrier::Calldata, vec![]).unwrap()), HOLDS);
    }
    assert_eq!(block.evidence(CHAIN, 5, Carrier::Calldata, vec![]).unwrap_err().code(), "ethereum-block-index");
    let deep = block.evidence(CHAIN, 0, Carrier::Calldata, vec![vec![0xc0]; 257]).unwrap_err();
    assert_eq!(deep.code(), "ethereum-block-evidence");
}

#[test]
fn transactions_that_bind_no_chain_or_call_nobody_are_refused() {
    let unbound = legacy(None, TxKind::Call(ACCOUNT), input()).encoded_2718();
    assert_eq!(judge_one(unbound, fine(0), Carrier::Calldata), ["transaction-without-chain-id"]);
    let creates = legacy(Some(CHAIN), TxKind::Create, input()).encoded_2718();
    assert_eq!(judge_one(creates, fine(0), Carrier::Calldata), ["transaction-creates"]);
}

#[test]
fn receipts_from_before_there_was_a_status_are_undecided() {
    let old = receipt(0, Eip658Value::PostState(B256::repeat_byte(9)), vec![]);
    assert_eq!(judge_one(plain(input()).encoded_2718(), old, Carrier::Calldata), ["receipt-without-status"]);
}

#[test]
fn calldata_is_the_tag_and_the_digest_and_nothing_else() {
    let whole = input().to_vec();
    let other = calldata(&Sha256Digest::of(b"other")).to_vec();
    for (input, reason) in [
        (vec![], "calldata-form"),
        (whole[4..].to_vec(), "calldata-form"),
        (whole[..35].to_vec(), "calldata-form"),
        ([&whole[..], &[0]].concat(), "calldata-form"),
        ([&[0], &whole[..]].concat(), "calldata-form"),
        ([b"VMA1", &whole[4..]].concat(), "calldata-form"),
        (other, "digest-mismatch"),
    ] {
        let transaction = plain(input.clone().into()).encoded_2718();
        assert_eq!(judge_one(transaction, fine(0), Carrier::Calldata), [reason], "{input:?}");
    }
}

#[test]
fn events_carry_the_digest_in_a_topic_or_as_their_data() {
    let hash = B256::from(*digest().as_bytes());
    let log = |topics: Vec<B256>, data: Vec<u8>| Log::new(ACCOUNT, topics, data.into()).unwrap();
    let whole = hash.to_vec();
    let zero = B256::ZERO;
    for (log, holds) in [
        (log(vec![hash], vec![]), true),
        (log(vec![zero, zero, zero, hash], vec![1]), true),
        (log(vec![], whole.clone()), true),
        (log(vec![zero], whole.clone()), true),
        (log(vec![], [whole.clone(), vec![0]].concat()), false),
        (log(vec![], whole[1..].to_vec()), false),
        (log(vec![zero], vec![]), false),
        (log(vec![], vec![]), false),
    ] {
        let shown = format!("{log:?}");
        let receipt = receipt(0, Eip658Value::success(), vec![Log::empty(), log]);
        let judged = judge_one(plain(vec![].into()).encoded_2718(), receipt, Carrier::Event { log: 1 });
        assert_eq!(judged, if holds { vec![] } else { vec!["event-form".to_owned()] }, "{shown}");
    }
    // A log of a contract that a transaction created is one, too.
    let created = legacy(Some(CHAIN), TxKind::Create, vec![1].into()).encoded_2718();
    let one = receipt(0, Eip658Value::success(), vec![log(vec![hash], vec![])]);
    assert_eq!(judge_one(created, one, Carrier::Event { log: 0 }), HOLDS);
    let none = judge_one(plain(input()).encoded_2718(), fine(0), Carrier::Event { log: u32::MAX });
    assert_eq!(none, ["event-missing"]);
}

#[test]
fn what_is_no_known_transaction_is_named() {
    let good = plain(input()).encoded_2718();
    let typed = envelopes(CHAIN)[2].encoded_2718();
    let rest = &typed[1..];
    for (transaction, reason) in [
        ([&[5], rest].concat(), "transaction-type-unknown"),
        ([&[0x7f], rest].concat(), "transaction-type-unknown"),
        ([&[0], rest].concat(), "transaction-malformed"),
        ([&[0x80], rest].concat(), "transaction-malformed"),
        ([&[1], rest].concat(), "transaction-malformed"),
        (rest.to_vec(), "transaction-malformed"),
        ([&good[..], &[0]].concat(), "transaction-malformed"),
        (good[..good.len() - 1].to_vec(), "transaction-malformed"),
    ] {
        assert_eq!(judge_one(transaction, fine(2), Carrier::Calldata), [reason]);
    }
    for receipt in [vec![], fine(0)[..200].to_vec(), [&fine(0)[..], &[0]].concat(), vec![5; 300]] {
        let judged = judge_one(good.clone(), receipt, Carrier::Calldata);
        assert_eq!(judged, ["receipt-malformed"]);
    }
}

#[test]
fn a_block_is_refused_where_its_parts_are_not_its_own() {
    let transactions: Vec<Vec<u8>> = envelopes(CHAIN).iter().map(|envelope| envelope.encoded_2718()).collect();
    let receipts: Vec<Vec<u8>> = (0..5).map(fine).collect();
    let header = alloy_rlp::encode(header(&transactions, &receipts));
    let code = |header: &[u8], transactions: &[Vec<u8>], receipts: &[Vec<u8>]| {
        Block::new(header.to_vec(), transactions.to_vec(), receipts.to_vec()).map_err(|error| error.code()).err()
    };
    assert_eq!(code(&header, &transactions, &receipts), None);
    assert_eq!(code(&header[..40], &transactions, &receipts), Some("ethereum-block-header"));
    assert_eq!(code(&header, &transactions[1..], &receipts), Some("ethereum-block-transactions"));
    assert_eq!(code(&header, &transactions, &receipts[..4]), Some("ethereum-block-receipts"));
    assert_eq!(code(&header, &transactions, &[]), Some("ethereum-block-receipts"));
    let mut swapped = transactions.clone();
    swapped.swap(0, 4);
    assert_eq!(code(&header, &swapped, &receipts), Some("ethereum-block-transactions"));
    let empty = alloy_rlp::encode(Header::default());
    assert_eq!(Block::new(empty, vec![], vec![]).unwrap().transactions(), 0);
}

#[test]
fn times_that_no_clock_shows_are_refused() {
    for (timestamp, reasons) in [(0, vec![]), (253_402_207_199, vec!["time-in-future"]), (u64::MAX, vec!["time-range"])]
    {
        let (transactions, receipts) = (vec![plain(input()).encoded_2718()], vec![fine(0)]);
        let header = Header { timestamp, ..header(&transactions, &receipts) };
        let block = Block::new(alloy_rlp::encode(&header), transactions, receipts).unwrap();
        assert_eq!(judge(&block.evidence(CHAIN, 0, Carrier::Calldata, vec![]).unwrap()), reasons);
    }
}
