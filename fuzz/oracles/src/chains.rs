//! OpenTimestamps proofs, headers of Bitcoin, and evidence that a block holds a transaction.

use std::sync::LazyLock;

use vm_anchor::bitcoin::{
    BitcoinAttested, BitcoinEvidence, BitcoinTrust, BlockHash, HEADER_LEN, HeaderArchive, MerkleRoot, Network,
    judge_root, op_return, verify_bitcoin,
};
use vm_anchor::ots::{Attestation, MESSAGE_BYTES_MAX, Proof, verify_ots};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

use crate::anchor::{at, stamped};

/// A chain that lived for this alone: its block 3 commits to a proof, its block 5 to a transaction.
const HEADERS: &[u8] = include_bytes!("../fixtures/bitcoin-headers");
const PROMISED: u32 = 3;
const CARRIED: u32 = 5;
/// The last block, which is pinned.
const PINNED: u32 = 12;
/// The median of so many blocks must be exceeded.
const MEDIAN_SPAN: usize = 11;
/// What a calendar answers to any promise: a hash, and a block that holds nothing.
const ANSWER: &[u8] = b"\x08\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x01\x01";

static CHAIN: LazyLock<BitcoinTrust> = LazyLock::new(|| {
    let archive = HeaderArchive::parse(Network::Regtest, 0, HEADERS.to_vec()).expect("the fixture is a chain");
    let hash = archive.header(PINNED).expect("its last block").hash();
    BitcoinTrust::new("regtest", (PINNED, hash), archive).expect("the chain holds it")
});

fn chains() -> &'static [BitcoinTrust] {
    std::slice::from_ref(&CHAIN)
}

/// A proof has one form, and is believed only where it comes to the root of a block that committed to it.
pub fn ots_proof(data: &[u8]) {
    if let Ok(proof) = Proof::parse(data) {
        assert_eq!(proof.to_bytes(), data);
        let attested = proof.attested().expect("it was computed when it was read");
        assert!(!attested.is_empty() && attested.iter().all(|one| one.message.len() <= MESSAGE_BYTES_MAX));
        complete(&proof);
    }
    let (report, attested) = verify_ots(data, &stamped(), chains(), at());
    assert_eq!(attested.is_some(), report.verdict() == Verdict::Verified);
    if let Some(attested) = attested {
        let root = CHAIN.archive().header(attested.height()).expect("a block of the chain").merkle_root();
        assert_eq!(attested.commitment(), root.as_bytes(), "believed what no block says");
        // All other blocks have roots that nothing is known to hash to.
        assert!([PROMISED, CARRIED].contains(&attested.height()), "believed by a block that commits to nothing");
    }
    believed_by_nobody_else(|digest, chains| {
        let (report, attested) = verify_ots(data, digest, chains, at());
        (report.verdict(), attested)
    });
}

/// One promise less, and the rest as it was; or too deep or long.
fn complete(proof: &Proof) {
    let promises = proof.pending().expect("it was computed when it was read");
    let Some((uri, message)) = promises.first() else { return };
    let Ok(completed) = proof.completed(uri, message, ANSWER) else { return };
    assert_eq!(Proof::parse(&completed.to_bytes()).as_ref(), Ok(&completed));
    assert_eq!(completed.pending().map(|left| left.len()), Ok(promises.len() - 1));
    assert_eq!(completed.digest(), proof.digest());
    let blocks = |proof: &Proof| {
        let attested = proof.attested().expect("as above");
        attested.iter().filter(|one| *one.attestation == Attestation::Bitcoin(1)).count()
    };
    assert_eq!(blocks(&completed), blocks(proof) + 1);
    assert_eq!(proof.is_completed_by(&completed), promises.len() == 1);
}

/// Headers are believed only where a second look, by other code, finds links, work and times in order: a byte for the
/// network, the height of the first in four bytes, headers.
pub fn bitcoin_headers(data: &[u8]) {
    let Some((head, headers)) = data.split_first_chunk::<5>() else { return };
    let [choice, start @ ..] = *head;
    let (network, start) = (if choice == 0 { Network::Mainnet } else { Network::Regtest }, u32::from_be_bytes(start));
    let Ok(archive) = HeaderArchive::parse(network, start, headers.to_vec()) else { return };
    let (pieces, rest) = headers.as_chunks::<HEADER_LEN>();
    assert!(rest.is_empty() && !pieces.is_empty());
    assert_eq!(u64::from(archive.end() - start) + 1, u64::try_from(pieces.len()).expect("a length"));
    let mut before: Option<[u8; 32]> = None;
    let mut times: Vec<u32> = Vec::new();
    for (piece, height) in pieces.iter().zip(start..) {
        let hash = *Sha256Digest::of(Sha256Digest::of(piece).as_bytes()).as_bytes();
        assert_eq!(archive.header(height).map(|header| header.hash()), Some(BlockHash::from_bytes(hash)));
        assert!(before.is_none_or(|before| piece[4..36] == before), "a header without its parent");
        // The easiest target of mainnet has 32 bits of zeros in front, that of the other network one.
        let zeros = hash.iter().rev().take_while(|byte| **byte == 0).count();
        assert!(if choice == 0 { zeros >= 4 } else { hash[31] <= 0x7f }, "a header without work");
        let time = u32::from_le_bytes(piece[68..72].try_into().expect("four bytes"));
        if let Some(from) = times.len().checked_sub(MEDIAN_SPAN) {
            let mut last = times[from..].to_vec();
            last.sort_unstable();
            assert!(time > last[MEDIAN_SPAN / 2], "a header before its time");
        }
        times.push(time);
        before = Some(hash);
    }
    assert!(archive.header(archive.end() + 1).is_none());
    assert_eq!(archive.work_above(archive.end()).as_u128(), 0);
    assert!(archive.end() == start || archive.work_above(start).as_u128() > 0);
    pin(&archive, before.expect("a last one"));
}

/// The last block can be pinned by its own hash alone, and then it has its own root alone.
fn pin(archive: &HeaderArchive, hash: [u8; 32]) {
    let end = archive.end();
    let root = archive.header(end).expect("the last one").merkle_root();
    let pinned = |hash| BitcoinTrust::new("a", (end, BlockHash::from_bytes(hash)), archive.clone());
    assert!(pinned(hash.map(|byte| !byte)).is_err());
    let trust = pinned(hash).expect("it holds the block");
    let late = Instant::from_micros(i64::from(u32::MAX) * 1_000_000).expect("an instant");
    let judged = |root| judge_root(std::slice::from_ref(&trust), end, root, late);
    assert!(judged(root).is_ok());
    assert!(judged(MerkleRoot::from_bytes(root.as_bytes().map(|byte| !byte))).is_err());
}

/// Evidence has one form, and is believed only where it says what the true one says. What begins with a byte of 0 is read
/// as the parts of it: the length of the transaction in two bytes, transaction, proof.
pub fn bitcoin_evidence(data: &[u8]) {
    let made = parts(data);
    let data = made.as_deref().unwrap_or(data);
    let read = BitcoinEvidence::parse(data);
    if let Ok(evidence) = &read {
        assert_eq!(evidence.to_bytes().ok().as_deref(), Some(data));
    }
    assert!(made.is_none() || read.is_ok(), "what was made is not read");
    let (report, attested) = verify_bitcoin(data, &stamped(), chains(), at());
    assert_eq!(attested.is_some(), report.verdict() == Verdict::Verified);
    if let Some(attested) = attested {
        let block = CHAIN.archive().header(CARRIED).expect("a block of the chain").hash();
        assert_eq!((attested.height(), attested.block_hash()), (CARRIED, block), "believed what no block says");
        assert_eq!(attested.identity(), KNOWN.identity(), "believed another transaction");
    }
    believed_by_nobody_else(|digest, chains| {
        let (report, attested) = verify_bitcoin(data, digest, chains, at());
        (report.verdict(), attested)
    });
}

fn parts(data: &[u8]) -> Option<Vec<u8>> {
    let ([0, high, low], rest) = data.split_first_chunk()? else { return None };
    let (transaction, proof) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
    let evidence = BitcoinEvidence::new(CARRIED, proof.to_vec(), transaction.to_vec()).ok()?;
    Some(evidence.to_bytes().expect("it was made within the limits"))
}

/// What the true evidence says.
static KNOWN: LazyLock<BitcoinAttested> = LazyLock::new(|| {
    let evidence = include_bytes!("../../seeds/bitcoin_evidence/transaction");
    verify_bitcoin(evidence, &stamped(), chains(), at()).1.expect("the evidence holds")
});

/// Not for another digest, and not without a chain.
fn believed_by_nobody_else(judge: impl Fn(&Sha256Digest, &[BitcoinTrust]) -> (Verdict, Option<BitcoinAttested>)) {
    let other = Sha256Digest::of(b"other");
    assert_ne!(op_return(&other), op_return(&stamped()));
    let (verdict, attested) = judge(&other, chains());
    assert!(attested.is_none() && verdict != Verdict::Verified, "believed for what was never anchored");
    let (verdict, attested) = judge(&stamped(), &[]);
    assert!(attested.is_none() && verdict != Verdict::Verified, "believed without a chain");
}
