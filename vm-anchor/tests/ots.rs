//! Proofs of the OpenTimestamps client's own examples, each with its verdict; and what is made of them by changing them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use vm_anchor::bitcoin::{BitcoinTrust, BlockHash, HeaderArchive, Network};
use vm_anchor::ots::{
    Attestation, DEPTH_MAX, FileHash, MAGIC, MESSAGE_BYTES_MAX, Op, PROOF_BYTES_MAX, Proof, Step, verify_ots,
};
use vm_core::digest::{Sha256Digest, from_hex, to_hex};
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Report, Verdict};

/// Header of Bitcoin's block 358391, whose work and hash the test checks.
const HEADER: &str = "02000000b96394585a281b7e5f438fd1c9ed492645a1fd61cb3802040000000000000000007ee445d23ad061af4a36b809501fab\
                      1ac4f2d7e7a739817dd0cbb7ec661b8a1e376755f58616186272def6";
const HEIGHT: u32 = 358_391;
const HASH: &str = "000000000000000003e892881a8cdcdc117c06d444057c98b6f04a9ee75a2319";
const TABLE: &str = "tests/data/ots_verdicts.tsv";

fn now() -> Instant {
    "2026-06-01T00:00:00.000000Z".parse().unwrap()
}

fn mainnet() -> Vec<BitcoinTrust> {
    let archive = HeaderArchive::parse(Network::Mainnet, HEIGHT, from_hex(HEADER).unwrap()).unwrap();
    vec![BitcoinTrust::new("bitcoin", (HEIGHT, HASH.parse().unwrap()), archive).unwrap()]
}

fn examples() -> Option<PathBuf> {
    let root = std::env::var_os("VAULTMESH_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    let folder = root.join("ots_client_examples");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("conformance: suite ots_client_examples did not run: no vectors at {}", folder.display());
    None
}

/// Every example: its name, its bytes, and the digest of the file beside it where there is one.
fn all(folder: &Path) -> Vec<(String, Vec<u8>, Option<Sha256Digest>)> {
    let mut found = Vec::new();
    for part in ["", "invalid"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "ots") {
                let file = fs::read(path.with_extension("")).ok().map(|bytes| Sha256Digest::of(&bytes));
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read(&path).unwrap(), file));
            }
        }
    }
    found.sort();
    found
}

fn words(report: &Report) -> String {
    let word = |finding: &vm_core::verdict::Finding| {
        let reason = match finding.code() {
            Code::AnchorInvalid | Code::NoTrustRoot | Code::FormatUnknown => finding.found_value().unwrap_or_default(),
            code => code.as_str(),
        };
        reason.to_owned()
    };
    let mut words: Vec<String> = report.findings().iter().map(word).collect();
    words.dedup();
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

#[test]
fn every_example_has_its_written_verdict() {
    let Some(folder) = examples() else { return };
    let chains = mainnet();
    let mut table = "file\tof a file\tverdict\tfindings\tattestations\n".to_owned();
    for (name, bytes, file) in all(&folder) {
        // Where no file lies beside a proof, the digest that it names stands for one.
        let read = Proof::parse(&bytes);
        let named = read.as_ref().ok().and_then(|proof| Sha256Digest::from_slice(proof.digest()).ok());
        let digest = file.or(named).unwrap_or_else(|| Sha256Digest::of(b""));
        let (report, attested) = verify_ots(&bytes, &digest, &chains, now());
        assert_eq!(attested.is_some(), report.verdict() == Verdict::Verified, "{name}: {report:?}");
        let kinds = match &read {
            Ok(proof) => {
                proof.attested().unwrap().iter().map(|one| kind(one.attestation)).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.code().to_owned(),
        };
        let (has_file, verdict) = (if file.is_some() { "yes" } else { "no" }, report.verdict());
        writeln!(table, "{name}\t{has_file}\t{verdict}\t{}\t{kinds}", words(&report)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("VAULTMESH_WRITE_DOCS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), table, "{TABLE} is stale; VAULTMESH_WRITE_DOCS=1 writes it anew");
}

fn kind(attestation: &Attestation) -> String {
    match attestation {
        Attestation::Pending(_) => "pending".to_owned(),
        Attestation::Bitcoin(height) => format!("bitcoin:{height}"),
        Attestation::Litecoin(height) => format!("litecoin:{height}"),
        Attestation::Unknown { tag, .. } => to_hex(tag),
        other => panic!("{other:?}"),
    }
}

/// Two examples claim one block with different roots: the real header believes one of them.
#[test]
fn one_block_has_one_root() {
    let Some(folder) = examples() else { return };
    let examples: BTreeMap<_, _> = all(&folder).into_iter().map(|(name, bytes, file)| (name, (bytes, file))).collect();
    let judge = |name: &str| {
        let (bytes, file) = &examples[name];
        verify_ots(bytes, &file.unwrap(), &mainnet(), now())
    };
    let (report, good) = judge("hello-world.txt.ots");
    let good = good.unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!((good.height(), good.block_hash().to_string().as_str()), (HEIGHT, HASH));
    assert_eq!(good.time().to_string(), "2015-05-28T15:41:18.000000Z");
    let (report, bad) = judge("bad-stamp.txt.ots");
    assert_eq!((bad, report.verdict()), (None, Verdict::Contradicted));
    // Whose headers do not reach the block decides neither.
    for name in ["hello-world.txt.ots", "bad-stamp.txt.ots"] {
        let (bytes, file) = &examples[name];
        let (report, attested) = verify_ots(bytes, &file.unwrap(), &[], now());
        let found = (attested, report.verdict(), report.has(Code::NoTrustRoot));
        assert_ne!(found.1, Verdict::Verified, "{name}");
        assert!(found.0.is_none() && found.2, "{name}: {report:?}");
    }
}

#[test]
fn what_is_read_is_written_again_byte_for_byte() {
    let Some(folder) = examples() else { return };
    for (name, bytes, _) in all(&folder) {
        if let Ok(proof) = Proof::parse(&bytes) {
            assert_eq!(proof.to_bytes(), bytes, "{name}");
        }
    }
}

/// No changed proof proves the same block, unless it still commits to its root.
#[test]
fn no_changed_byte_keeps_a_proof_of_another_file() {
    let Some(folder) = examples() else { return };
    let chains = mainnet();
    for (name, bytes, file) in all(&folder) {
        let Some(digest) = file else { continue };
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let (report, attested) = verify_ots(&flipped, &digest, &chains, now());
                // The last of an odd number of nodes stands beside itself: there it is one which of the two comes first.
                let is_turned = (bytes[at], flipped[at]) == (0xf0, 0xf1) && is_doubled(&bytes, at);
                assert_eq!(attested.is_some(), is_turned, "{name}, bit {bit} of byte {at}: {report:?}");
            }
            let (report, attested) = verify_ots(&bytes[..at], &digest, &chains, now());
            assert!(attested.is_none() && report.verdict() == Verdict::Contradicted, "{name} cut at {at}");
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert_eq!(verify_ots(&longer, &digest, &chains, now()).0.verdict(), Verdict::Contradicted, "{name}");
    }
}

/// Whether the operation at this byte puts a message beside itself.
fn is_doubled(bytes: &[u8], at: usize) -> bool {
    let operand = bytes.get(at + 2..at + 34).unwrap_or_default();
    let proof = Proof::parse(bytes).unwrap();
    let mut message = proof.digest().to_vec();
    proof.timestamp().steps().iter().any(|step| {
        let Step::Op(op) = step else { return false };
        let is_it = matches!(op, Op::Append(found) if found == operand) && message == operand;
        message = op.apply(&message).unwrap();
        is_it
    })
}

/// A proof about a digest, of these bytes of a timestamp.
fn proof_of(digest: &Sha256Digest, timestamp: &[u8]) -> Vec<u8> {
    [MAGIC, &[1, 8], digest.as_bytes(), timestamp].concat()
}

fn pending() -> Vec<u8> {
    let mut out = vec![0, 0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e, 10, 9];
    out.extend_from_slice(b"http://a/");
    out
}

#[test]
fn depth_length_and_kind_are_bounded() {
    let digest = Sha256Digest::of(b"data");
    let deep = |count: usize| proof_of(&digest, &[vec![8; count], pending()].concat());
    assert!(Proof::parse(&deep(DEPTH_MAX)).is_ok());
    assert_eq!(Proof::parse(&deep(DEPTH_MAX + 1)).unwrap_err().code(), "ots-too-deep");
    assert_eq!(Proof::parse(&deep(10_000)).unwrap_err().code(), "ots-too-deep");
    let appended = |length: usize| {
        let number = [u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()];
        proof_of(&digest, &[&[0xf0], &number[..], &vec![7; length], &pending()].concat())
    };
    assert!(Proof::parse(&appended(MESSAGE_BYTES_MAX - 32)).is_ok());
    for length in [MESSAGE_BYTES_MAX - 31, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1] {
        assert_eq!(Proof::parse(&appended(length)).unwrap_err().code(), "ots-length", "{length}");
    }
    assert_eq!(Proof::parse(&vec![0; PROOF_BYTES_MAX + 1]).unwrap_err().code(), "ots-too-long");
    for (timestamp, code) in [
        (vec![0xff, 0xff], "ots-op"),
        (vec![0x99], "ots-op"),
        (vec![0xf0, 0], "ots-length"),
        (vec![0xff], "ots-truncated"),
        (vec![], "ots-truncated"),
        ([vec![0xff], pending()].concat(), "ots-truncated"),
        ([pending(), pending()].concat(), "ots-trailing-bytes"),
        (pending().into_iter().map(|byte| if byte == b'h' { b' ' } else { byte }).collect(), "ots-attestation"),
    ] {
        assert_eq!(Proof::parse(&proof_of(&digest, &timestamp)).unwrap_err().code(), code, "{timestamp:?}");
    }
    let other =
        |version: u8, hash: u8| Proof::parse(&[MAGIC, &[version, hash], digest.as_bytes(), &pending()].concat());
    assert_eq!(other(2, 8).unwrap_err().code(), "ots-version");
    assert_eq!(other(1, 9).unwrap_err().code(), "ots-file-hash");
    assert_eq!(other(1, 8).unwrap().file_hash(), FileHash::Sha256);
    let many = proof_of(&digest, &[[vec![0xff], pending()].concat().repeat(5_000), pending()].concat());
    assert_eq!(Proof::parse(&many).unwrap().attested().unwrap().len(), 5_001);
    // The longest messages, turned round as often as a proof is long.
    let branch = [vec![0xff], vec![0xf2; DEPTH_MAX - 1], vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 0]].concat();
    let number = [0xe0, 0x1f];
    let wide = [&[0xf0], &number[..], &vec![7; MESSAGE_BYTES_MAX - 32], &branch.repeat(900), &pending()].concat();
    assert_eq!(Proof::parse(&proof_of(&digest, &wide)).unwrap_err().code(), "ots-too-many");
    let few = [&[0xf0], &number[..], &vec![7; MESSAGE_BYTES_MAX - 32], &branch.repeat(60), &pending()].concat();
    assert_eq!(Proof::parse(&proof_of(&digest, &few)).unwrap().attested().unwrap().len(), 61);
}

#[test]
fn a_file_named_by_another_hash_is_not_proven() {
    let chains = mainnet();
    let digest = Sha256Digest::of(b"data");
    for (tag, length, verdict, word) in [
        (2, 20, Verdict::Contradicted, "file-hash-weak"),
        (3, 20, Verdict::Undecided, "file-hash-unsupported"),
        (0x67, 32, Verdict::Undecided, "file-hash-unsupported"),
        (8, 32, Verdict::Contradicted, "digest-mismatch"),
    ] {
        let bytes = [MAGIC, &[1, tag], &vec![7; length], &pending()].concat();
        let (report, _) = verify_ots(&bytes, &digest, &chains, now());
        assert_eq!((report.verdict(), words(&report).as_str()), (verdict, word));
    }
}

proptest! {
    /// What a calendar answers becomes a proof, and what it answers later completes it.
    #[test]
    fn proofs_are_made_and_completed(data: [u8; 32], nonce in proptest::collection::vec(any::<u8>(), 1..40), height in 0..9_000_000_u64) {
        let digest = Sha256Digest::from_bytes(data);
        let sent = Proof::sent(&digest, &nonce).unwrap();
        let proof = Proof::answered(&digest, &nonce, &[[8].as_slice(), &pending()].concat()).unwrap();
        let promises = proof.pending().unwrap();
        let message = Op::Sha256.apply(&sent).unwrap();
        prop_assert_eq!(&promises, &[("http://a/".to_owned(), message.clone())]);
        let (report, _) = verify_ots(&proof.to_bytes(), &digest, &[], now());
        prop_assert!(report.has(Code::AnchorPending) && report.verdict() == Verdict::Undecided);
        let mut payload = Vec::new();
        let mut rest = height;
        while rest >= 0x80 {
            payload.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        payload.push(u8::try_from(rest).unwrap());
        let length = u8::try_from(payload.len()).unwrap();
        let answer = [&[0xf1, 1, 9, 8, 0, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, length][..], &payload].concat();
        let completed = proof.completed("http://a/", &message, &answer).unwrap();
        prop_assert!(completed.pending().unwrap().is_empty());
        prop_assert!(proof.is_completed_by(&completed) && !proof.is_completed_by(&proof) && !completed.is_completed_by(&proof));
        let attested = completed.attested().unwrap();
        prop_assert_eq!(attested.len(), 1);
        prop_assert_eq!(attested[0].attestation, &Attestation::Bitcoin(height));
        prop_assert_eq!(Proof::parse(&completed.to_bytes()).unwrap(), completed);
        prop_assert_eq!(proof.completed("http://b/", &message, &answer).unwrap_err().code(), "ots-not-pending");
        prop_assert_eq!(proof.completed("http://a/", &sent, &answer).unwrap_err().code(), "ots-not-pending");
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let digest = Sha256Digest::of(b"data");
        let timestamp = proof_of(&digest, &bytes);
        if let Ok(proof) = Proof::parse(&timestamp) {
            prop_assert_eq!(proof.to_bytes(), timestamp);
        }
    }
}

#[test]
fn a_block_hash_reads_as_it_is_written() {
    let hash: BlockHash = HASH.parse().unwrap();
    assert_eq!(hash.to_string(), HASH);
    for text in ["", "00", &HASH[1..], &format!("{HASH}00"), &HASH.replace('0', "g")] {
        assert!(text.parse::<BlockHash>().is_err(), "{text}");
    }
}

#[test]
fn the_page_lists_every_reason() {
    let page = include_str!("../../docs/spec/anchor-opentimestamps.md");
    for defect in vm_anchor::ots::OtsDefect::ALL {
        let line = format!("| `{defect}` | {} | {} |", defect.finding(), defect.rule());
        assert!(page.contains(&line), "missing line:\n{line}");
    }
    assert_eq!(page.matches("\n| `").count(), vm_anchor::ots::OtsDefect::ALL.len());
}
