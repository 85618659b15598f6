//! The pages about OpenTimestamps and Bitcoin: their samples are what is written, and hold; reasons of reading stand there.

#![allow(clippy::unwrap_used, clippy::panic)]

use vm_anchor::bitcoin::{BitcoinEvidence, BitcoinTrust, HEADER_LEN, HeaderArchive, Network, verify_bitcoin};
use vm_anchor::ots::{Attestation, Proof, verify_ots};
use vm_core::digest::{Sha256Digest, from_hex, to_hex};
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Verdict};

const OTS: &str = include_str!("../../docs/spec/anchor-opentimestamps.md");
const BITCOIN: &str = include_str!("../../docs/spec/anchor-bitcoin.md");
/// What the calendar of the page promises, and what it answers later.
const PROMISE: &[u8] = b"\x00\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e\x12\x11https://a.example";
const ANSWER: &[u8] = b"\xf1\x04\x01\x02\x03\x04\x08\x08\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x01\x03";

fn now() -> Instant {
    "2026-06-01T00:00:00.000000Z".parse().unwrap()
}

fn digest() -> Sha256Digest {
    Sha256Digest::of(b"bundle")
}

/// The fenced block of this number, counted from 0.
fn sample(page: &'static str, number: usize) -> &'static str {
    let block = page.split("\n```").nth(2 * number + 1).unwrap();
    block.split_once('\n').unwrap().1
}

fn bytes(text: &str) -> Vec<u8> {
    from_hex(&text.replace(['\n', ' '], "")).unwrap()
}

#[test]
fn the_page_shows_a_promise_and_what_came_of_it() {
    let proof = Proof::answered(&digest(), &[0x5a; 16], PROMISE).unwrap();
    assert_eq!(to_hex(&proof.to_bytes()), to_hex(&bytes(sample(OTS, 1))));
    let (report, attested) = verify_ots(&proof.to_bytes(), &digest(), &[], now());
    assert!(attested.is_none() && report.verdict() == Verdict::Undecided && report.has(Code::AnchorPending));
    let [(uri, message)] = &proof.pending().unwrap()[..] else { panic!("one promise") };
    let whole = proof.completed(uri, message, ANSWER).unwrap();
    assert_eq!(to_hex(&whole.to_bytes()), to_hex(&bytes(sample(OTS, 2))));
    assert_eq!(whole.attested().unwrap()[0].attestation, &Attestation::Bitcoin(3));
}

#[test]
fn the_page_shows_evidence_that_holds() {
    let text = sample(BITCOIN, 1);
    let evidence = BitcoinEvidence::parse(text.as_bytes()).unwrap();
    assert_eq!(evidence.to_bytes().unwrap(), text.as_bytes());
    // The chain is one block long here, and that block is pinned.
    let (_, proof) = text.split_once("\"proof\":\"").unwrap();
    let header = from_hex(&proof[..2 * HEADER_LEN]).unwrap();
    let archive = HeaderArchive::parse(Network::Regtest, evidence.height(), header).unwrap();
    let hash = archive.header(5).unwrap().hash();
    let chains = [BitcoinTrust::new("regtest", (5, hash), archive).unwrap()];
    let (report, attested) = verify_bitcoin(text.as_bytes(), &digest(), &chains, now());
    assert_eq!(report.verdict(), Verdict::Verified, "{report:?}");
    assert_eq!(attested.unwrap().block_hash(), hash);
    let (report, _) = verify_bitcoin(text.as_bytes(), &Sha256Digest::of(b"other"), &chains, now());
    assert_eq!(report.verdict(), Verdict::Contradicted);
}

#[test]
fn the_page_shows_the_first_headers_of_bitcoin() {
    let archive = HeaderArchive::parse(Network::Mainnet, 0, bytes(sample(BITCOIN, 2))).unwrap();
    assert_eq!((archive.start(), archive.end(), archive.unchecked()), (0, 1, None));
    for (height, hash) in [
        (0, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
        (1, "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048"),
    ] {
        assert_eq!(archive.header(height).unwrap().hash().to_string(), hash);
    }
}

#[test]
fn the_pages_name_every_reason_of_reading() {
    for (page, source) in
        [(OTS, include_str!("../src/ots/error.rs")), (BITCOIN, include_str!("../src/bitcoin/error.rs"))]
    {
        let codes: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \"")?.1.split_once('"'))
            .map(|(code, _)| code)
            .filter(|code| !["bitcoin-trust-name", "bitcoin-trust-network"].contains(code))
            .collect();
        assert!(codes.len() > 8);
        for code in codes {
            assert!(page.contains(&format!("`{code}`")), "{code}");
        }
    }
}
