//! Chains with real work: which headers are believed, and which transactions in them carry a digest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod miner;

use miner::{Chain, EASY, double_sha256, mine, proof, root, transaction};
use vm_anchor::bitcoin::{
    BitcoinAttested, BitcoinEvidence, BitcoinTrust, BlockHash, HEADER_LEN, HeaderArchive, MerkleRoot, Network,
    judge_root, op_return, verify_bitcoin,
};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Report, Verdict};

const TIME: u32 = 1_760_000_000;

fn now() -> Instant {
    "2026-06-01T00:00:00.000000Z".parse().unwrap()
}

fn digest() -> Sha256Digest {
    Sha256Digest::of(b"bundle")
}

fn trust(chain: &Chain, pinned: u32) -> BitcoinTrust {
    let archive = HeaderArchive::parse(Network::Regtest, 0, chain.bytes()).unwrap();
    BitcoinTrust::new("regtest", (pinned, BlockHash::from_bytes(chain.hash(pinned))), archive).unwrap()
}

fn refused(start: u32, network: Network, bytes: Vec<u8>) -> &'static str {
    HeaderArchive::parse(network, start, bytes).unwrap_err().code()
}

#[test]
fn headers_follow_each_other_with_work() {
    let mut chain = Chain::new(TIME);
    chain.push_empty(20);
    let archive = HeaderArchive::parse(Network::Regtest, 5, chain.bytes()).unwrap();
    assert_eq!((archive.start(), archive.end(), archive.unchecked()), (5, 25, None));
    assert_eq!(archive.header(25).unwrap().hash(), BlockHash::from_bytes(chain.tip()));
    assert!(archive.header(4).is_none() && archive.header(26).is_none());
    // Two hashes are expected for each of the ten blocks above.
    assert_eq!(archive.work_above(15).as_u128(), 20);
    let bytes = chain.bytes();
    assert_eq!(refused(0, Network::Regtest, Vec::new()), "headers-length");
    assert_eq!(refused(0, Network::Regtest, bytes[1..].to_vec()), "headers-length");
    assert_eq!(refused(u32::MAX, Network::Regtest, bytes.clone()), "headers-too-many");
    assert_eq!(refused(0, Network::Mainnet, bytes.clone()), "headers-target", "easier than mainnet allows");
    let without = [&bytes[..HEADER_LEN * 3], &bytes[HEADER_LEN * 4..]].concat();
    assert_eq!(refused(0, Network::Regtest, without), "headers-link");
    let swapped = |bits: u32, time: u32, at: usize| {
        let header = mine(chain.hash(u32::try_from(at - 1).unwrap()), [7; 32], time, bits);
        [&bytes[..HEADER_LEN * at], &header].concat()
    };
    assert_eq!(refused(0, Network::Regtest, swapped(0x207f_fffe, TIME + 6_000, 4)), "headers-target");
    assert_eq!(refused(0, Network::Regtest, swapped(0, TIME + 6_000, 4)), "headers-target");
    // The median of the eleven before is that of the sixth last.
    let median = TIME + 600 * 14;
    assert_eq!(refused(0, Network::Regtest, swapped(EASY, median, 20)), "headers-time");
    assert!(HeaderArchive::parse(Network::Regtest, 0, swapped(EASY, median + 1, 20)).is_ok());
}

/// Found by fuzzing: to count past the last header overflowed.
#[test]
fn headers_may_end_at_the_last_height() {
    let mut chain = Chain::new(TIME);
    chain.push_empty(1);
    let archive = HeaderArchive::parse(Network::Regtest, u32::MAX - 2, chain.bytes()).unwrap();
    assert_eq!((archive.end(), archive.unchecked()), (u32::MAX - 1, None));
    assert_eq!(archive.header(u32::MAX - 1).unwrap().hash(), BlockHash::from_bytes(chain.tip()));
    assert!(archive.header(u32::MAX).is_none());
    assert_eq!(refused(u32::MAX - 1, Network::Regtest, chain.bytes()), "headers-too-many");
}

#[test]
fn every_flipped_bit_of_a_header_breaks_the_chain() {
    let mut chain = Chain::new(TIME);
    chain.push_empty(3);
    let bytes = chain.bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let read = HeaderArchive::parse(Network::Regtest, 0, flipped);
            // The first block's parent is nobody's concern, and the last block is nobody's parent: the pin settles both.
            let pinned =
                read.map(|archive| BitcoinTrust::new("regtest", (3, BlockHash::from_bytes(chain.tip())), archive));
            assert!(!matches!(pinned, Ok(Ok(_))), "bit {bit} of byte {at}");
        }
    }
}

/// A header that states a root, and is otherwise as the chain goes on.
#[test]
fn a_block_is_believed_by_a_pinned_one() {
    let mut chain = Chain::new(TIME);
    chain.push_empty(4);
    let committed = [9; 32];
    let height = chain.push(committed);
    chain.push_empty(10);
    let judge = |trust: BitcoinTrust, height: u32, root: [u8; 32]| {
        judge_root(&[trust], height, MerkleRoot::from_bytes(root), now()).map_err(|defect| defect.code())
    };
    let attested = judge(trust(&chain, 15), height, committed).unwrap();
    assert_eq!((attested.chain(), attested.height(), attested.confirmations()), ("regtest", height, 10));
    assert_eq!(attested.time().as_seconds(), i64::from(TIME + 600 * 5));
    assert_eq!(judge(trust(&chain, 15), height, [8; 32]), Err("merkle-root-mismatch"));
    assert_eq!(judge(trust(&chain, 15), 16, committed), Err("block-not-reached"));
    // After the pinned block it takes blocks above.
    for (asked, outcome) in [(10, Ok(())), (11, Err("block-shallow"))] {
        let trust = trust(&chain, 2).confirmations(asked);
        assert_eq!(judge(trust, height, committed).map(drop), outcome, "{asked}");
    }
    // Up to the pinned block hashes alone prove it.
    assert!(judge(trust(&chain, height).confirmations(1_000), height, committed).is_ok());
    assert_eq!(judge_root(&[], height, MerkleRoot::from_bytes(committed), now()).unwrap_err().code(), "no-chain");
    let early = Instant::from_micros(i64::from(TIME) * 1_000_000).unwrap();
    let ahead = judge_root(&[trust(&chain, 15)], 15, MerkleRoot::from_bytes([7; 32]), early);
    assert_eq!(ahead.unwrap_err().code(), "block-in-future");
    let archive = HeaderArchive::parse(Network::Regtest, 0, chain.bytes()).unwrap();
    let pin = |height: u32, hash: [u8; 32], name: &str| {
        BitcoinTrust::new(name, (height, BlockHash::from_bytes(hash)), archive.clone()).map_err(|error| error.code())
    };
    assert_eq!(pin(3, chain.hash(4), "a"), Err("bitcoin-trust-pinned"));
    assert_eq!(pin(16, chain.hash(4), "a"), Err("bitcoin-trust-not-reached"));
    assert_eq!(pin(4, chain.hash(4), ""), Err("bitcoin-trust-name"));
}

struct Block {
    chain: Chain,
    height: u32,
    leaves: Vec<[u8; 32]>,
    transaction: Vec<u8>,
    at: usize,
}

impl Block {
    /// A block of so many transactions, of which the one at `at` is given.
    fn with(transaction: Vec<u8>, id: [u8; 32], count: usize, at: usize) -> Self {
        let mut leaves: Vec<[u8; 32]> =
            (0..count).map(|n| double_sha256(&u64::try_from(n).unwrap().to_le_bytes())).collect();
        leaves[at] = id;
        let mut chain = Chain::new(TIME);
        chain.push_empty(2);
        let height = chain.push(root(&leaves));
        chain.push_empty(7);
        Self { chain, height, leaves, transaction, at }
    }

    fn header(&self) -> &[u8] {
        &self.chain.headers[usize::try_from(self.height).unwrap()]
    }

    fn evidence(&self) -> Vec<u8> {
        self.evidence_of(proof(self.header(), &self.leaves, &[self.at]))
    }

    fn evidence_of(&self, proof: Vec<u8>) -> Vec<u8> {
        BitcoinEvidence::new(self.height, proof, self.transaction.clone()).unwrap().to_bytes().unwrap()
    }

    fn judge(&self, evidence: &[u8]) -> (Report, Option<BitcoinAttested>) {
        verify_bitcoin(evidence, &digest(), &[trust(&self.chain, 10)], now())
    }

    #[track_caller]
    fn refuses(&self, evidence: &[u8], word: &str) {
        let (report, attested) = self.judge(evidence);
        let words: Vec<_> = report.findings().iter().filter_map(|finding| finding.found_value()).collect();
        assert_eq!((words, attested.is_none(), report.verdict()), (vec![word], true, Verdict::Contradicted));
    }
}

fn carrying(script: &[u8], count: usize, at: usize) -> Block {
    let transaction = transaction(&[&[0x51], script], false);
    let id = double_sha256(&transaction);
    Block::with(transaction, id, count, at)
}

#[test]
fn a_transaction_that_carries_the_digest_anchors_it_at_every_place() {
    for count in 1..=9 {
        for at in 0..count {
            let block = carrying(&op_return(&digest()), count, at);
            let (report, attested) = block.judge(&block.evidence());
            let attested = attested.unwrap_or_else(|| panic!("{at} of {count}: {report:?}"));
            assert_eq!((attested.height(), report.verdict()), (block.height, Verdict::Verified));
        }
    }
}

#[test]
fn witnesses_are_no_part_of_a_transactions_id() {
    let script = op_return(&digest());
    let (bare, witnessed) = (transaction(&[&script], false), transaction(&[&script], true));
    let block = Block::with(witnessed, double_sha256(&bare), 3, 1);
    let (report, attested) = block.judge(&block.evidence());
    assert!(attested.is_some(), "{report:?}");
}

#[test]
fn each_defect_has_its_word() {
    let script = op_return(&digest());
    let good = carrying(&script, 5, 2);
    let of = |proof: Vec<u8>| good.evidence_of(proof);
    let header = good.header();
    good.refuses(&of(proof(header, &good.leaves, &[1])), "proof-mismatch");
    good.refuses(&of(proof(header, &good.leaves, &[])), "proof-malformed");
    good.refuses(&of(proof(header, &good.leaves, &[1, 2])), "proof-malformed");
    good.refuses(&of([proof(header, &good.leaves, &[2]), vec![0]].concat()), "proof-malformed");
    let other = mine([1; 32], root(&good.leaves), TIME, EASY);
    good.refuses(&of(proof(&other, &good.leaves, &[2])), "header-mismatch");
    let (mut leaves, another) = (good.leaves.clone(), carrying(&script, 5, 3));
    leaves[0] = [3; 32];
    good.refuses(&of(proof(header, &leaves, &[2])), "proof-mismatch");
    good.refuses(&another.evidence(), "header-mismatch");
    // CVE-2012-2459: a block of three transactions, shown as one of four whose last stands twice.
    let three = carrying(&script, 3, 2);
    let doubled = [three.leaves.clone(), vec![three.leaves[2]]].concat();
    assert_eq!(root(&doubled), root(&three.leaves));
    three.refuses(&three.evidence_of(proof(three.header(), &doubled, &[2])), "proof-malformed");
    for script in [
        &script[..script.len() - 1],
        &[&script[..], &[0]].concat(),
        &op_return(&Sha256Digest::of(b"other")),
        &[&[0x6a, 0x4c, 0x24], &script[2..]].concat(),
        &[&script[..2], b"VMA1", &script[6..]].concat(),
    ] {
        let block = carrying(script, 2, 1);
        block.refuses(&block.evidence(), "digest-not-carried");
    }
    let mut cut = carrying(&script, 2, 1);
    cut.transaction.pop();
    cut.refuses(&cut.evidence(), "transaction-malformed");
    cut.transaction.extend([0, 0]);
    cut.refuses(&cut.evidence(), "transaction-malformed");
    // Two outputs and no input.
    let whole = transaction(&[&[0x51], &script], false);
    let orphan = [&whole[..4], &[0], &whole[4 + 1 + 36 + 1 + 4..]].concat();
    let id = double_sha256(&orphan);
    let orphan = Block::with(orphan, id, 2, 1);
    orphan.refuses(&orphan.evidence(), "transaction-malformed");
    let text = String::from_utf8(good.evidence()).unwrap();
    let judged = |text: String| {
        let (report, attested) = good.judge(text.as_bytes());
        assert!(attested.is_none());
        (report.findings()[0].found_value().unwrap().to_owned(), report.verdict())
    };
    for (text, word, verdict) in [
        (text.replace("-v0", "-v9"), "evidence-format-unknown", Verdict::Undecided),
        (text.replace("\"height\"", "\"heights\""), "evidence-field", Verdict::Contradicted),
        (text.replace("\"height\":3", "\"height\":\"3\""), "evidence-field", Verdict::Contradicted),
        (text.replace("6a24", "6A24"), "bitcoin-evidence-hex", Verdict::Contradicted),
        (format!(" {text}"), "evidence-not-canonical", Verdict::Contradicted),
    ] {
        assert_eq!(judged(text), (word.to_owned(), verdict));
    }
}

#[test]
fn what_is_as_long_as_an_inner_node_is_no_transaction() {
    // CVE-2017-12842: 64 bytes that read as a transaction could be two hashes of the tree.
    let script = [&[0x6a, 0x02][..], b"ab"].concat();
    let short = transaction(&[&script], false);
    assert_eq!(short.len(), 64, "the case itself");
    let id = double_sha256(&short);
    let block = Block::with(short, id, 2, 0);
    let (report, attested) = block.judge(&block.evidence());
    let words: Vec<_> = report.findings().iter().filter_map(|finding| finding.found_value()).collect();
    assert_eq!((words, attested), (vec!["transaction-length"], None));
}

/// CVE-2017-12842, the other way round: a block holds one transaction of 64 bytes. It is shown as an inner node, whose second
/// half is the id of a transaction that is in no block.
#[test]
fn a_transaction_shown_as_an_inner_node_proves_nothing_below_it() {
    // Found by trying: with these bytes in its first output, the forged id has lengths and counts where the second half of a
    // transaction of 64 bytes must have them.
    let searched = [&[0x51][..], &2_260_530_u32.to_le_bytes()].concat();
    let forged = transaction(&[&searched, &op_return(&digest())], false);
    let id = double_sha256(&forged);
    assert_eq!((id[9], id[15], id[24]), (1, 1, 3), "a script of one byte, one output, a script of three bytes");
    // The first half is free: version 2, one input.
    let mut first = [0; 32];
    (first[0], first[4]) = (2, 1);
    let mined = [first, id].concat();
    let mut chain = Chain::new(TIME);
    let height = chain.push(root(&[double_sha256(&mined)]));
    chain.push_empty(10);
    let block = Block { chain, height, leaves: vec![first, id], transaction: forged, at: 1 };
    assert_eq!(root(&block.leaves), root(&[double_sha256(&mined)]), "the header cannot tell the two");
    block.refuses(&block.evidence(), "proof-malformed");
}

#[test]
fn no_changed_byte_keeps_evidence_of_another_digest() {
    let block = carrying(&op_return(&digest()), 5, 4);
    let evidence = block.evidence();
    let (_, good) = block.judge(&evidence);
    for at in 0..evidence.len() {
        for bit in 0..7 {
            let mut flipped = evidence.clone();
            flipped[at] ^= 1 << bit;
            let (report, attested) = block.judge(&flipped);
            assert!(attested.is_none(), "bit {bit} of byte {at}: {report:?}");
            assert_ne!(report.verdict(), Verdict::Verified);
        }
        assert!(block.judge(&evidence[..at]).1.is_none(), "cut at {at}");
    }
    let (report, attested) = verify_bitcoin(&evidence, &digest(), &[], now());
    assert!(attested.is_none() && report.verdict() == Verdict::Undecided && report.has(Code::NoTrustRoot));
    let (report, _) = verify_bitcoin(&evidence, &Sha256Digest::of(b"other"), &[trust(&block.chain, 10)], now());
    assert_eq!(report.verdict(), Verdict::Contradicted);
    assert_eq!(good.unwrap().identity(), block.judge(&evidence).1.unwrap().identity());
}

#[test]
fn the_page_lists_every_reason() {
    let page = include_str!("../../docs/spec/anchor-bitcoin.md");
    for defect in vm_anchor::bitcoin::BitcoinDefect::ALL {
        let line = format!("| `{defect}` | {} | {} |", defect.finding(), defect.rule());
        assert!(page.contains(&line), "missing line:\n{line}");
    }
    assert_eq!(page.matches("\n| `").count(), vm_anchor::bitcoin::BitcoinDefect::ALL.len());
}
