//! Directories of tiles and `.tlog-proof` files: good ones, and every way to spoil one.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod trees;

use proptest::prelude::*;
use vm_core::digest::LeafHash;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_core::path::VaultPath;
use vm_core::verdict::{Code, Report, Verdict};
use vm_seal::audit::Trust;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::memory::MemoryFiles;
use vm_seal::merkle::tile::{Tile, TileAt, TileReader as _};
use vm_seal::merkle::{HashReader as _, InclusionProof, LeafIndex, NodeAt, Tree, prove_inclusion, root_at};
use vm_seal::tlog::{EntryBundle, TLOG_PROOF_FORMAT, TLOG_PROOF_MAX, Tlog, TlogProof, VerifiedTlog};

use trees::{corrupted, index, leaves, size, tree};

const ORIGIN: &str = "example.com/log";

fn signer() -> SigningIdentity {
    SigningIdentity::from_seed(&[9; 32])
}

fn key() -> NoteKey {
    NoteKey::new(ORIGIN, signer().public()).unwrap()
}

fn signed(whole: &Tree, n: usize) -> Note {
    Checkpoint::new(ORIGIN, size(n), whole.root_at(size(n)).unwrap()).unwrap().sign(&signer()).unwrap()
}

fn path(text: &str) -> VaultPath {
    text.parse().unwrap()
}

/// A directory of the first `n` leaves, with or without their data.
fn directory(whole: &Tree, n: usize, entries: bool) -> MemoryFiles {
    let mut files = MemoryFiles::new();
    files.put(path("checkpoint"), signed(whole, n).to_string().into_bytes());
    for at in TileAt::all(size(n)) {
        let first = at.index() * 256;
        let nodes: Vec<NodeAt> = (0..at.width()).map(|i| NodeAt::new(at.level() * 8, first + u64::from(i))).collect();
        let tile = Tile::from_hashes(at, whole.read(&nodes).unwrap()).unwrap();
        files.put(path(&at.path()), tile.to_bytes());
        if entries && at.level() == 0 {
            let mut bundle = EntryBundle::new();
            for place in first..first + u64::from(at.width()) {
                bundle.push(usize::try_from(place).unwrap().to_be_bytes().to_vec()).unwrap();
            }
            files.put(path(&at.entries_path()), bundle.to_bytes());
        }
    }
    files
}

fn verify(files: &MemoryFiles, head: Option<&Note>) -> (Report, Option<VerifiedTlog>) {
    let key = key();
    let (report, verified) = Tlog::verify(files, &Trust { key: Some(&key), head }).unwrap();
    assert_eq!(verified.is_some(), report.verdict() == Verdict::Verified);
    (report, verified)
}

fn only(report: &Report, code: Code) -> bool {
    report.findings().iter().all(|finding| finding.code() == code) && report.has(code)
}

#[test]
fn directories_of_all_shapes_verify_and_prove() {
    let whole = tree(1_100);
    for n in [0, 1, 2, 255, 256, 257, 511, 512, 513, 1_023, 1_024, 1_100] {
        for entries in [false, true] {
            let files = directory(&whole, n, entries);
            let (report, verified) = verify(&files, Some(&signed(&whole, n / 2)));
            assert_eq!(report.verdict(), Verdict::Verified, "{n}: {:?}", report.findings());
            assert!(report.checks().contains(&format!("tiles: {}", TileAt::all(size(n)).count())), "{n}");
            let with_data = if entries { n } else { 0 };
            assert_eq!(verified.unwrap().entries(), u64::try_from(with_data).unwrap(), "{n}");
            let (_, claimed, log) = Tlog::open(&files).unwrap();
            assert_eq!(root_at(&log.hashes(), log.size()).unwrap(), claimed.root());
            if n > 0 {
                let proof = prove_inclusion(&log.hashes(), index(n / 3), log.size()).unwrap();
                proof.verify(leaves(n)[n / 3], index(n / 3), log.size(), claimed.root()).unwrap();
            }
        }
    }
}

#[test]
fn two_levels_of_tiles_hold_together() {
    let whole = tree(65_536 + 300);
    let good = directory(&whole, 65_836, false);
    assert_eq!(verify(&good, Some(&signed(&whole, 65_536))).0.verdict(), Verdict::Verified);
    // A hash spoiled at any level is seen where it stands, from below and from above.
    for at in TileAt::all(size(65_836)) {
        if at.level() == 0 && at.index() % 100 != 7 && at.is_full() {
            continue;
        }
        let mut files = good.clone();
        let mut bytes = files.content(&path(&at.path())).unwrap().to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        files.put(path(&at.path()), bytes);
        let (report, _) = verify(&files, None);
        let codes = [Code::TileAltered, Code::RootMismatch];
        assert!(codes.iter().any(|code| report.has(*code)), "{}", at.path());
        assert_eq!(report.verdict(), Verdict::Contradicted);
    }
}

#[test]
fn a_full_tile_that_is_not_the_one_above_is_found_where_it_lies() {
    let whole = tree(600);
    let good = directory(&whole, 600, false);
    let head = signed(&whole, 600);
    let spoil = |at: &str, place: usize| {
        let mut files = good.clone();
        let mut bytes = files.content(&path(at)).unwrap().to_vec();
        bytes[place] ^= 1;
        files.put(path(at), bytes);
        verify(&files, Some(&head)).0
    };
    // The root comes from the tile above: the spoiled one shows against it alone.
    let report = spoil("tile/0/001", 8_191);
    assert!(only(&report, Code::TileAltered), "{:?}", report.findings());
    assert_eq!(report.findings()[0].subject(), "tile/0/001");
    let report = spoil("tile/1/000.p/2", 32);
    assert!(report.has(Code::TileAltered) && report.has(Code::RootMismatch) && report.has(Code::Forked));
    assert!(report.findings().iter().any(|finding| finding.subject() == "tile/0/001"));
}

#[test]
fn what_is_missing_leaves_the_answer_open_and_what_is_malformed_does_not() {
    let whole = tree(600);
    let good = directory(&whole, 600, true);
    let head = signed(&whole, 300);
    for at in ["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001"] {
        let mut files = good.clone();
        files.remove(&path(at)).unwrap();
        let (report, _) = verify(&files, Some(&head));
        assert!(only(&report, Code::EvidenceUnreadable), "{at}: {:?}", report.findings());
        let mut files = good.clone();
        let mut bytes = files.remove(&path(at)).unwrap();
        bytes.pop();
        files.put(path(at), bytes.clone());
        assert_eq!(verify(&files, Some(&head)).0.verdict(), Verdict::Contradicted, "{at}");
        bytes.resize(20_000_000, 0);
        files.put(path(at), bytes);
        assert_eq!(verify(&files, Some(&head)).0.verdict(), Verdict::Contradicted, "{at}");
    }
    // Without any entries it is a log of hash tiles, which is whole in itself.
    let mut files = good;
    for at in TileAt::all(size(600)).filter(|at| at.level() == 0) {
        files.remove(&path(&at.entries_path())).unwrap();
    }
    assert_eq!(verify(&files, Some(&head)).0.verdict(), Verdict::Verified);
}

#[test]
fn a_partial_tile_that_is_full_by_now_is_read_from_the_full_one() {
    let whole = tree(600);
    let mut files = directory(&whole, 600, true);
    files.put(path("checkpoint"), signed(&whole, 300).to_string().into_bytes());
    // Nothing here is as wide as a tree of 300 has it.
    let (_, _, log) = Tlog::open(&files).unwrap();
    let at = TileAt::new(0, 1, 44).unwrap();
    assert_eq!(log.tiles().tile(at).unwrap().hashes().len(), 44);
    assert_eq!(log.entries(at).unwrap().entries().len(), 44);
    files.put(path("tile/1/000.p/1"), files.content(&path("tile/1/000.p/2")).unwrap()[..32].to_vec());
    let (report, verified) = verify(&files, Some(&signed(&whole, 200)));
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
    assert_eq!(verified.unwrap().entries(), 300);
}

#[test]
fn keys_and_heads_decide_by_name() {
    let whole = tree(20);
    let other = {
        let mut other = tree(9);
        other.extend([LeafHash::of(b"fork")]);
        other
    };
    let files = directory(&whole, 15, true);
    let (report, verified) = Tlog::verify(&files, &Trust { key: None, head: None }).unwrap();
    assert!(verified.is_none() && report.has(Code::NoTrustKey) && report.has(Code::RollbackNotExcluded));
    assert_eq!(report.verdict(), Verdict::Undecided);
    let head = |head: &Note| verify(&files, Some(head)).0;
    assert_eq!(head(&signed(&whole, 15)).verdict(), Verdict::Verified);
    assert_eq!(head(&signed(&whole, 0)).verdict(), Verdict::Verified);
    assert!(only(&head(&signed(&whole, 16)), Code::Rollback));
    assert!(only(&head(&signed(&other, 10)), Code::Forked));
    assert_eq!(head(&signed(&other, 9)).verdict(), Verdict::Verified);
    assert!(only(&verify(&files, None).0, Code::RollbackNotExcluded));

    let stranger = SigningIdentity::from_seed(&[8; 32]);
    let text = signed(&whole, 15).unverified_text().to_owned();
    let forged = Note::sign(&text, ORIGIN, &stranger).unwrap();
    assert!(only(&head(&forged), Code::CheckpointInvalid));
    let elsewhere = Checkpoint::new("example.com/other", size(3), whole.root_at(size(3)).unwrap()).unwrap();
    assert!(only(&head(&elsewhere.sign(&signer()).unwrap()), Code::CheckpointInvalid));
    let mut files = files;
    files.put(path("checkpoint"), forged.to_string().into_bytes());
    assert!(only(&verify(&files, Some(&signed(&whole, 2))).0, Code::CheckpointInvalid));
    files.remove(&path("checkpoint"));
    assert_eq!(Tlog::open(&files).map(drop).unwrap_err().code(), "tlog-file-missing");
    files.put(path("checkpoint"), b"nothing".to_vec());
    assert_eq!(Tlog::open(&files).map(drop).unwrap_err().code(), "tlog-note");
    files.put(path("checkpoint"), Note::sign("no\n", ORIGIN, &signer()).unwrap().to_string().into_bytes());
    assert_eq!(Tlog::open(&files).map(drop).unwrap_err().code(), "tlog-checkpoint");
    files.put(path("checkpoint"), vec![b'a'; 70_000]);
    assert_eq!(Tlog::open(&files).map(drop).unwrap_err().code(), "tlog-too-long");
}

#[test]
fn a_boundless_claim_ends_soon() {
    let mut files = MemoryFiles::new();
    let claim = Checkpoint::new(ORIGIN, vm_seal::merkle::TreeSize::new(u64::MAX), LeafHash::of(b"x").to_root());
    files.put(path("checkpoint"), claim.unwrap().sign(&signer()).unwrap().to_string().into_bytes());
    assert!(only(&verify(&files, Some(&signed(&tree(1), 1))).0, Code::EvidenceUnreadable));
}

fn proof(whole: &Tree, at: usize, n: usize, extra: Option<&[u8]>) -> TlogProof {
    let path = prove_inclusion(whole, index(at), size(n)).unwrap();
    TlogProof::new(index(at), path, signed(whole, n), extra.map(<[u8]>::to_vec)).unwrap()
}

#[test]
fn proofs_read_back_and_hold() {
    let whole = tree(70);
    for n in [1, 2, 3, 64, 70] {
        for at in 0..n {
            for extra in [None, Some(b"some data".as_slice())] {
                let made = proof(&whole, at, n, extra);
                let text = made.to_string();
                let read = TlogProof::parse(text.as_bytes()).unwrap();
                assert_eq!((&read, read.extra(), read.index()), (&made, extra, index(at)));
                assert_eq!(read.to_string(), text);
                let verified = read.verify(leaves(n)[at], &key()).unwrap();
                assert_eq!(verified.inclusion().index(), index(at));
                assert_eq!(verified.checkpoint().size(), size(n));
            }
        }
    }
}

#[test]
fn proofs_of_something_else_are_refused_by_name() {
    let whole = tree(11);
    let all = leaves(11);
    let good = proof(&whole, 4, 11, None);
    let code = |proof: &TlogProof, leaf: LeafHash, key: &NoteKey| match proof.verify(leaf, key).unwrap_err() {
        vm_seal::error::TlogProofError::Proof(cause) => cause.code(),
        other => other.code(),
    };
    assert_eq!(code(&good, all[5], &key()), "proof-root");
    let stranger = NoteKey::new(ORIGIN, SigningIdentity::from_seed(&[8; 32]).public()).unwrap();
    assert_eq!(code(&good, all[4], &stranger), "tlog-proof-checkpoint");
    let renamed = NoteKey::new("example.com/other", signer().public()).unwrap();
    assert_eq!(code(&good, all[4], &renamed), "tlog-proof-checkpoint");
    let with = |at: usize, n: usize, hashes: Vec<_>| {
        TlogProof::new(index(at), InclusionProof::from_hashes(hashes).unwrap(), signed(&whole, n), None).unwrap()
    };
    let hashes = good.path().hashes().to_vec();
    for at in 0..hashes.len() {
        let mut bad = hashes.clone();
        bad[at] = corrupted(bad[at]);
        assert_eq!(code(&with(4, 11, bad.clone()), all[4], &key()), "proof-root");
        bad.remove(at);
        assert_eq!(code(&with(4, 11, bad), all[4], &key()), "proof-length");
    }
    assert_eq!(code(&with(11, 11, hashes.clone()), all[4], &key()), "proof-index-outside");
    for other in (0..11).filter(|other| *other != 4) {
        assert!(with(other, 11, hashes.clone()).verify(all[4], &key()).is_err(), "{other}");
    }
    for other in (1..11).filter(|other| *other > 4) {
        assert!(with(4, other, hashes.clone()).verify(all[4], &key()).is_err(), "{other}");
    }
}

#[test]
fn malformed_proofs_are_refused_by_name() {
    let whole = tree(5);
    let good = proof(&whole, 2, 5, Some(b"extra")).to_string();
    TlogProof::parse(good.as_bytes()).unwrap();
    let first = good.lines().nth(3).unwrap();
    for (from, to, code) in [
        (TLOG_PROOF_FORMAT, "c2sp.org/tlog-proof@v2", "format-unknown"),
        ("extra ZXh0cmE=", "extra ", "tlog-proof-extra"),
        ("extra ZXh0cmE=", "extra ZXh0cmE", "tlog-proof-extra"),
        ("extra ZXh0cmE=", "extra ZXh0cmF=", "tlog-proof-extra"),
        ("extra ZXh0cmE=", "extra  ZXh0cmE=", "tlog-proof-extra"),
        ("extra ZXh0cmE=\n", "extra ZXh0cmE=\nextra ZXh0cmE=\n", "tlog-proof-index"),
        ("extra ZXh0cmE=\nindex 2", "index 2\nextra ZXh0cmE=", "tlog-proof-hash"),
        ("extra", "Extra", "tlog-proof-index"),
        ("index 2", "index 02", "tlog-proof-index"),
        ("index 2", "index +2", "tlog-proof-index"),
        ("index 2", "index -2", "tlog-proof-index"),
        ("index 2", "index  2", "tlog-proof-index"),
        ("index 2", "index 2 ", "tlog-proof-index"),
        ("index 2", "index 18446744073709551616", "tlog-proof-index"),
        ("index 2\n", "", "tlog-proof-index"),
        (first, "AAAA", "tlog-proof-hash"),
        (first, " ", "tlog-proof-hash"),
        ("\n\n", "\n", "tlog-proof-hash"),
        (ORIGIN, "", "tlog-proof-checkpoint"),
        ("\n5\n", "\n05\n", "tlog-proof-checkpoint"),
        ("\u{2014} ", "- ", "tlog-proof-note"),
        ("\n", "\r\n", "format-unknown"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from:?}");
        assert_eq!(TlogProof::parse(bad.as_bytes()).unwrap_err().code(), code, "{bad}");
    }
    let unsigned = good.split_once("\n\n").unwrap().0;
    assert_eq!(TlogProof::parse(unsigned.as_bytes()).unwrap_err().code(), "tlog-proof-no-checkpoint");
    let long = good.replacen(first, &format!("{first}\n").repeat(65), 1);
    assert_eq!(TlogProof::parse(long.as_bytes()).unwrap_err().code(), "tlog-proof-inclusion");
    assert_eq!(TlogProof::parse(b"\xff").unwrap_err().code(), "tlog-proof-not-text");
    assert_eq!(TlogProof::parse(b"").unwrap_err().code(), "format-unknown");
    let bloated = vec![b'a'; TLOG_PROOF_MAX + 1];
    assert_eq!(TlogProof::parse(&bloated).unwrap_err().code(), "tlog-proof-too-long");
    let (path, note) = (InclusionProof::from_hashes(Vec::new()).unwrap(), signed(&whole, 1));
    for extra in [Vec::new(), vec![0; 40_000_000]] {
        let refused = TlogProof::new(LeafIndex::new(0), path.clone(), note.clone(), Some(extra));
        assert_eq!(refused.unwrap_err().code(), "tlog-proof-extra");
    }
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    let good = proof(&tree(5), 2, 5, None).to_string().into_bytes();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let verdict = TlogProof::parse(&bad).ok().and_then(|proof| proof.verify(leaves(5)[2], &key()).ok());
        assert_eq!(verdict, None, "bit {bit}");
    }
    for cut in 0..good.len() {
        assert!(TlogProof::parse(&good[..cut]).is_err(), "{cut}");
    }
}

proptest! {
    #[test]
    fn whatever_reads_writes_back(text in "(c2sp.org/tlog-proof@v1\n)?(extra [a-zA-Z=]{0,8}\n)?index [0-9]{1,3}\n([A-Z=]{44}\n)?\n.{0,30}") {
        if let Ok(proof) = TlogProof::parse(text.as_bytes()) {
            prop_assert_eq!(proof.to_string(), text);
        }
    }
}
