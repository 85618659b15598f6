//! Kept evidence of real blocks, and what becomes of it when anything in it is changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;
use vm_anchor::ethereum::{
    Carrier, EVIDENCE_BYTES_MAX, EthereumAttested, EthereumDefect, EthereumEvidence, EthereumTrust, PinnedBlock,
    calldata, verify_ethereum, verify_evidence,
};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Report, Verdict};

const CALLDATA: &[u8] = include_bytes!("data/ethereum/calldata.json");
const EVENT: &[u8] = include_bytes!("data/ethereum/event.json");
const FAILED: &[u8] = include_bytes!("data/ethereum/failed.json");
const FOREIGN: &[u8] = include_bytes!("data/ethereum/foreign.json");
const TRUST: &[u8] = include_bytes!("data/ethereum/trust.json");

static LOCAL: LazyLock<EthereumTrust> = LazyLock::new(|| serde_json::from_slice(TRUST).unwrap());

fn now() -> Instant {
    "2026-12-01T00:00:00.000000Z".parse().unwrap()
}

fn judge(bytes: &[u8], trust: Option<&EthereumTrust>) -> (Report, Option<EthereumAttested>) {
    let (report, attested) = verify_ethereum(bytes, &Sha256Digest::of(b"bundle"), trust, now());
    assert_eq!(report.verdict() == Verdict::Verified, attested.is_some(), "{report:?}");
    (report, attested)
}

fn reasons(bytes: &[u8], trust: Option<&EthereumTrust>) -> Vec<String> {
    let (report, _) = judge(bytes, trust);
    report.findings().iter().map(|finding| finding.found_value().unwrap().to_owned()).collect()
}

/// Trust in the very block of the evidence.
fn pinned(bytes: &[u8]) -> EthereumTrust {
    let evidence = EthereumEvidence::parse(bytes).unwrap();
    let trust = EthereumTrust::new("pinned", evidence.chain_id()).unwrap();
    trust.pin(vec![PinnedBlock::new(evidence.number(), evidence.block_hash())]).unwrap()
}

/// The evidence with something changed in its JSON.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    change(&mut value);
    canonical::to_bytes(&value).unwrap()
}

#[test]
fn kept_evidence_says_what_it_said() {
    for (bytes, carrier) in [(CALLDATA, Carrier::Calldata), (EVENT, Carrier::Event { log: 1 })] {
        let (report, attested) = judge(bytes, Some(&LOCAL));
        let attested = attested.unwrap_or_else(|| panic!("{report:?}"));
        assert_eq!((attested.carrier(), attested.confirmations()), (carrier, 2));
        assert_eq!((attested.chain_id(), attested.trust()), (31_337, "local"));
        let first = judge(CALLDATA, Some(&LOCAL)).1.unwrap();
        assert_eq!(attested.identity(), first.identity(), "one transaction is one anchor, however it is shown");
        assert_eq!(EthereumEvidence::parse(bytes).unwrap().to_bytes().unwrap(), bytes);
    }
    assert_eq!(reasons(FAILED, Some(&pinned(FAILED))), ["transaction-failed"]);
    assert_eq!(reasons(FOREIGN, Some(&LOCAL)), ["chain-foreign", "no-trust-root", "contract-other"]);
    assert!(judge(FOREIGN, Some(&pinned(FOREIGN))).1.is_some(), "it holds on its own chain");
    for bytes in [CALLDATA, EVENT, FOREIGN] {
        assert_eq!(reasons(bytes, None), ["no-trust-root"]);
    }
}

#[test]
fn no_byte_of_it_can_change() {
    for bytes in [CALLDATA, EVENT] {
        let good = judge(bytes, Some(&LOCAL)).1.unwrap();
        let mut accepted = 0;
        for offset in 0..bytes.len() {
            // Each bit in its turn, and in the place of the log the lowest.
            let is_place = bytes[..offset].ends_with(b"\"log\":");
            let mut altered = bytes.to_vec();
            altered[offset] ^= if is_place { 1 } else { 1 << (offset % 8) };
            let (_, attested) = judge(&altered, Some(&LOCAL));
            // The contract's two logs both carry the digest, so its other place is the one thing that can be said.
            assert_eq!(attested.is_some(), is_place, "offset {offset}");
            if let Some(attested) = attested {
                assert_eq!((attested.carrier(), attested.identity()), (Carrier::Event { log: 0 }, good.identity()));
                accepted += 1;
            }
        }
        assert_eq!(accepted, usize::from(bytes == EVENT));
    }
}

#[test]
fn every_digit_of_every_field_counts() {
    let evidence: Value = serde_json::from_slice(CALLDATA).unwrap();
    let mut fields = vec!["/block/header".to_owned(), "/block/hash".to_owned()];
    for list in ["/descendants", "/transaction/proof", "/transaction/receipt_proof"] {
        let length = evidence.pointer(list).unwrap().as_array().unwrap().len();
        assert!(length > 1, "{list} shows too little");
        fields.extend((0..length).map(|place| format!("{list}/{place}")));
    }
    let mut tried = 0;
    for field in fields {
        let text = evidence.pointer(&field).unwrap().as_str().unwrap();
        for place in 2..text.len() {
            let digit = u32::from_str_radix(&text[place..=place], 16).unwrap();
            // Two of a digit's four bits, the others in the next digit.
            for bit in [place % 2, 2 + place % 2] {
                let other = char::from_digit(digit ^ (1 << bit), 16).unwrap();
                let altered = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                let bytes = changed(CALLDATA, |value| *value.pointer_mut(&field).unwrap() = altered.into());
                let (report, attested) = judge(&bytes, Some(&LOCAL));
                assert!(attested.is_none(), "{field}, digit {place}, bit {bit}");
                assert_ne!(report.verdict(), Verdict::Verified);
                tried += 1;
            }
        }
    }
    assert!(tried > 10_000, "{tried}");
}

#[test]
fn parts_that_are_moved_dropped_or_doubled_are_refused() {
    let at =
        |pointer: &'static str, new: Value| changed(CALLDATA, move |value| *value.pointer_mut(pointer).unwrap() = new);
    let parts = |pointer: &str| {
        serde_json::from_slice::<Value>(CALLDATA).unwrap().pointer(pointer).unwrap().as_array().unwrap().clone()
    };
    for list in ["/descendants", "/transaction/proof", "/transaction/receipt_proof"] {
        let parts = parts(list);
        for place in 0..parts.len() {
            let (mut dropped, mut doubled, mut moved) = (parts.clone(), parts.clone(), parts.clone());
            dropped.remove(place);
            doubled.insert(place, parts[place].clone());
            moved.swap(place, (place + 1) % parts.len());
            for list_of in [dropped, doubled, moved] {
                assert!(judge(&at(list, list_of.into()), Some(&LOCAL)).1.is_none(), "{list}, {place}");
            }
        }
        assert!(judge(&at(list, Value::Array(vec![])), Some(&LOCAL)).1.is_none());
    }
    let listed = at("/block", {
        let evidence: Value = serde_json::from_slice(CALLDATA).unwrap();
        ["number", "hash", "header"].map(|member| evidence["block"][member].clone()).to_vec().into()
    });
    assert!(EthereumEvidence::parse(&listed).is_err(), "a list is no object");
    let swapped = changed(CALLDATA, |value| {
        let one = value["transaction"]["proof"].take();
        value["transaction"]["proof"] = value["transaction"]["receipt_proof"].take();
        value["transaction"]["receipt_proof"] = one;
    });
    assert!(reasons(&swapped, Some(&LOCAL)).contains(&"transaction-proof".to_owned()));
    // Each of the neighbours' indices, and each other number.
    for index in (0..300).chain([1 << 24, u64::from(u32::MAX), 1 << 40]) {
        let holds = judge(&at("/transaction/index", index.into()), Some(&LOCAL)).1.is_some();
        let own = serde_json::from_slice::<Value>(CALLDATA).unwrap()["transaction"]["index"].as_u64();
        assert_eq!(holds, Some(index) == own, "{index}");
    }
}

#[test]
fn each_part_that_is_wrong_has_its_reason() {
    let with = |pointer: &'static str, new: Value| {
        reasons(&changed(CALLDATA, move |value| *value.pointer_mut(pointer).unwrap() = new), Some(&LOCAL))
    };
    let zeros = format!("0x{}", "00".repeat(32));
    assert_eq!(with("/block/hash", zeros.into()), ["block-hash"]);
    assert_eq!(with("/block/number", 1.into()), ["block-number"]);
    assert_eq!(with("/block/header", "0xc0".into()), ["header-malformed"]);
    assert_eq!(with("/descendants/1", "0xc0".into()), ["header-malformed"]);
    assert_eq!(with("/chain_id", 1.into()), ["chain-foreign", "transaction-foreign"]);
    assert_eq!(with("/transaction/proof/0", "0x80".into()), ["transaction-proof"]);
    assert_eq!(with("/transaction/receipt_proof/0", "0x80".into()), ["receipt-proof"]);
    assert_eq!(with("/carrier", serde_json::json!({"kind":"event","log":2})), ["event-missing"]);
    for (pointer, new) in [
        ("/carrier", serde_json::json!({"kind":"blob"})),
        ("/carrier", serde_json::json!({"kind":"event"})),
        ("/carrier", serde_json::json!({"kind":"event","log":null})),
        ("/carrier", serde_json::json!({"kind":"calldata","log":null})),
        ("/carrier", serde_json::json!({"kind":"calldata","log":0})),
        ("/carrier", serde_json::json!({"kind":"calldata","more":1})),
        ("/block/hash", "0x00".into()),
        ("/block/header", "00".into()),
        ("/block/header", "0xAA".into()),
        ("/block/header", "0x0".into()),
        ("/transaction/index", (-1).into()),
        ("/transaction", serde_json::json!({})),
    ] {
        assert_eq!(with(pointer, new), ["evidence-field"], "{pointer}");
    }
    let more = changed(CALLDATA, |value| value["more"] = 1.into());
    assert_eq!(reasons(&more, Some(&LOCAL)), ["evidence-field"]);
    let later = changed(CALLDATA, |value| value["format"] = "vm-anchor-ethereum-v1".into());
    assert_eq!(reasons(&later, Some(&LOCAL)), ["evidence-format-unknown"]);
    assert_eq!(judge(&later, Some(&LOCAL)).0.verdict(), Verdict::Undecided);
    assert_eq!(reasons(&[CALLDATA, b"\n"].concat(), Some(&LOCAL)), ["evidence-not-canonical"]);

    let digest = Sha256Digest::of(b"bundle");
    let early: Instant = "2020-01-01T00:00:00.000000Z".parse().unwrap();
    let (report, attested) = verify_ethereum(CALLDATA, &digest, Some(&LOCAL), early);
    assert_eq!(report.findings()[0].found_value(), Some("time-in-future"));
    assert!(attested.is_none());
}

#[test]
fn limits_are_kept() {
    let filled = |pointer: &'static str, count: usize, length: usize| {
        changed(CALLDATA, move |value| {
            let part = Value::from(format!("0x{}", "00".repeat(length)));
            *value.pointer_mut(pointer).unwrap() = if count == 0 { part } else { vec![part; count].into() };
        })
    };
    for (bytes, over) in [
        (filled("/descendants", 256, 1), false),
        (filled("/descendants", 257, 1), true),
        (filled("/block/header", 0, 2_048), false),
        (filled("/block/header", 0, 2_049), true),
        (filled("/descendants", 1, 2_049), true),
        (filled("/transaction/proof", 9, 1), false),
        (filled("/transaction/proof", 10, 1), true),
        (filled("/transaction/receipt_proof", 10, 1), true),
        (filled("/transaction/proof", 1, 262_144), false),
        (filled("/transaction/receipt_proof", 1, 262_145), true),
    ] {
        let found = reasons(&bytes, Some(&LOCAL));
        assert_eq!(found == ["ethereum-evidence-too-much"], over, "{found:?}");
        assert!(judge(&bytes, Some(&LOCAL)).1.is_none());
    }
    let long = vec![b' '; EVIDENCE_BYTES_MAX + 1];
    assert_eq!(reasons(&long, Some(&LOCAL)), ["evidence-not-canonical"]);
    for deep in [b"[".repeat(100_000), b"{\"a\":".repeat(100_000)] {
        assert_eq!(reasons(&deep, Some(&LOCAL)), ["evidence-not-canonical"]);
    }
}

#[test]
fn a_proof_of_another_file_is_none() {
    // Header of one, transaction of another: every pair of the kept files.
    let all = [CALLDATA, EVENT, FAILED, FOREIGN];
    for (i, one) in all.iter().enumerate() {
        for (j, two) in all.iter().enumerate() {
            let other: Value = serde_json::from_slice(two).unwrap();
            let mixed = changed(one, |value| value["transaction"] = other["transaction"].clone());
            let same = mixed == *one;
            let held = judge(&mixed, Some(&LOCAL)).1.is_some();
            assert_eq!(held, same && i < 2, "{i}, {j}");
        }
    }
}

#[test]
fn the_page_shows_every_reason_and_the_calldata() {
    const PAGE: &str = include_str!("../../docs/spec/anchor-ethereum.md");
    for defect in EthereumDefect::ALL {
        let row = format!("| `{}` | {} | {} |", defect.code(), defect.finding(), defect.rule());
        assert!(PAGE.contains(&row), "{row}");
    }
    let calldata = vm_core::digest::to_hex(&calldata(&Sha256Digest::of(b"bundle")));
    assert!(PAGE.contains(&calldata), "{calldata}");
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(judge(&bytes, Some(&LOCAL)).1.is_none());
    }

    #[test]
    fn splices_are_refused_or_change_nothing(
        at in any::<proptest::sample::Index>(),
        removed in 0usize..40,
        added in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let at = at.index(CALLDATA.len());
        let end = (at + removed).min(CALLDATA.len());
        let spliced = [&CALLDATA[..at], &added, &CALLDATA[end..]].concat();
        prop_assert!(spliced == CALLDATA || judge(&spliced, Some(&LOCAL)).1.is_none());
    }

    /// Headers, nodes and their order made up whole: nothing of it panics, nothing is believed.
    #[test]
    fn made_up_parts_are_refused(
        header in proptest::collection::vec(any::<u8>(), 0..700),
        node in proptest::collection::vec(any::<u8>(), 0..120),
        index in 0u32..400,
    ) {
        let hex = |bytes: &[u8]| Value::from(format!("0x{}", vm_core::digest::to_hex(bytes)));
        let bytes = changed(CALLDATA, |value| {
            value["block"]["header"] = hex(&header);
            value["transaction"]["proof"] = vec![hex(&node)].into();
            value["transaction"]["index"] = index.into();
        });
        let evidence = EthereumEvidence::parse(&bytes).unwrap();
        prop_assert_eq!(evidence.to_bytes().unwrap(), bytes);
        prop_assert!(verify_evidence(&evidence, &Sha256Digest::of(b"bundle"), Some(&LOCAL), now()).1.is_none());
    }
}
