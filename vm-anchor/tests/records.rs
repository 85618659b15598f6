//! Stored records and trust policies: strict in, one form out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::now;
use serde_json::{Value, json};
use vm_anchor::authority::LocalAuthority;
use vm_anchor::error::Defect;
use vm_anchor::evidence::{AnchorRecord, EMBED_BYTES_MAX, TokenPlace};
use vm_anchor::rfc3161::{Request, Response};
use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority, VerifiedAnchor, verify_token};
use vm_core::digest::Sha256Digest;
use vm_core::id::SealId;
use vm_core::verdict::{Code, Verdict};

const PATH: &str = "anchors/0190-0.tst";

fn anchor(authority: &LocalAuthority, policy: &TrustPolicy) -> (Vec<u8>, VerifiedAnchor) {
    let digest = Sha256Digest::of(b"bundle");
    let request = Request::new(&digest, &[1; 16]).unwrap();
    let response = authority.respond(&request.to_der(), now()).unwrap();
    let token = Response::parse(&response).unwrap().token().unwrap().to_vec();
    let (report, anchor) = verify_token(&token, &digest, None, policy, now());
    assert_eq!(report.verdict(), Verdict::Verified, "{report:?}");
    (token, anchor.unwrap())
}

fn local() -> (LocalAuthority, TrustPolicy) {
    let authority = LocalAuthority::generate("records", now()).unwrap();
    let policy = TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    (authority, policy)
}

fn seal() -> SealId {
    SealId::from_bytes([7; 16])
}

#[test]
fn records_read_back() {
    let (authority, policy) = local();
    let (token, anchor) = anchor(&authority, &policy);
    let in_file = AnchorRecord::in_file(seal(), &anchor, &token, PATH).unwrap();
    let embedded = AnchorRecord::embedded(seal(), &anchor, &token).unwrap();
    assert_eq!(in_file.place(), TokenPlace::File(PATH));
    assert_eq!(in_file.embedded_token(), None);
    assert_eq!(embedded.embedded_token(), Some(token.clone()));
    for record in [in_file, embedded] {
        let read = AnchorRecord::parse(&record.to_bytes().unwrap()).unwrap();
        assert_eq!(read, record);
        assert!(read.agrees_with(&anchor));
        assert!(read.check_token(&token).is_ok());
        assert!(read.check_token(b"other").is_err());
    }
    let (_, other) = self::anchor(&authority, &policy);
    let record = AnchorRecord::in_file(seal(), &anchor, &token, PATH).unwrap();
    assert!(!record.agrees_with(&other), "another token over the same data");
}

#[test]
fn altered_records_are_refused_by_name() {
    let (authority, policy) = local();
    let (token, anchor) = anchor(&authority, &policy);
    let record = AnchorRecord::embedded(seal(), &anchor, &token).unwrap();
    let good = record.to_value().unwrap();
    let code = |value: Value| AnchorRecord::from_value(value).map(|_| ()).map_err(|error| error.code());
    assert_eq!(code(good.clone()), Ok(()));
    let size = token.len() + 1;
    for (pointer, value, expected) in [
        ("/format", json!("vm-anchor-v1"), "anchor-record-format-unknown"),
        ("/format", Value::Null, "anchor-record-format-unknown"),
        ("/rail", json!("ots"), "anchor-record-rail-unknown"),
        ("/imprint/algorithm", json!("sha1"), "anchor-record-field"),
        ("/gen_time", json!("2026-01-02T03:04:05Z"), "anchor-record-field"),
        ("/identity", json!("00"), "anchor-record-field"),
        ("/token/size", json!(size), "anchor-record-token-altered"),
        ("/token/base64", json!("AAAA"), "anchor-record-token-altered"),
        ("/token/base64", Value::Null, "anchor-record-path"),
    ] {
        let mut altered = good.clone();
        *altered.pointer_mut(pointer).unwrap() = value;
        assert_eq!(code(altered), Err(expected), "{pointer}");
    }
    for object in ["", "/token", "/imprint", "/authority"] {
        let mut more = good.clone();
        let place = more.pointer_mut(object).unwrap();
        place.as_object_mut().unwrap().insert("more".into(), json!(1));
        assert_eq!(code(more), Err("anchor-record-field"), "{object}");
    }
    for (pointer, list) in [
        ("/imprint", json!([good["imprint"]["algorithm"], good["imprint"]["hex"]])),
        ("/authority", json!([good["authority"]["name"], good["authority"]["root_sha256"]])),
    ] {
        let mut listed = good.clone();
        *listed.pointer_mut(pointer).unwrap() = list;
        assert_eq!(code(listed), Err("anchor-record-field"), "{pointer}");
    }
    let mut unsaid = good.clone();
    unsaid["token"]["path"] = Value::Null;
    assert_eq!(code(unsaid), Err("anchor-record-field"), "a member that is left out is not null");
    let mut both = good;
    both["token"]["path"] = json!(PATH);
    assert_eq!(code(both), Err("anchor-record-path"));
    let spaced = [&record.to_bytes().unwrap()[..], b" "].concat();
    let error = AnchorRecord::parse(&spaced).unwrap_err();
    assert_eq!(error.code(), "anchor-record-not-canonical");
}

#[test]
fn paths_stay_below_the_vault() {
    let (authority, policy) = local();
    let (token, anchor) = anchor(&authority, &policy);
    let long = "a".repeat(256);
    for path in ["", "/etc/x", "../x", "a/../x", "a//b", "a/", "./a", "a\\b", "C:/x", "a\0", "é", &long] {
        let error = AnchorRecord::in_file(seal(), &anchor, &token, path).unwrap_err();
        assert_eq!(error.code(), "anchor-record-path", "{path}");
    }
    let long = vec![0; EMBED_BYTES_MAX + 1];
    let error = AnchorRecord::embedded(seal(), &anchor, &long).unwrap_err();
    assert_eq!(error.code(), "anchor-record-too-long");
}

#[test]
fn policies_read_back_and_refuse_what_they_do_not_know() {
    let (authority, policy) = local();
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<TrustPolicy>(&text).unwrap(), policy);
    let root = authority.root().to_pem();
    let entry = json!({"name": "a", "root": root, "independent": true});
    let read = |value: Value| serde_json::from_value::<TrustPolicy>(value);
    let short = read(json!({"authorities": [entry]})).unwrap();
    assert!(short.authorities()[0].is_accepted() && short.authorities()[0].is_independent());
    for bad in [
        json!({}),
        json!({"authorities": [], "quorum": 1}),
        json!({"authorities": [{"name": "a", "root": root}]}),
        json!({"authorities": [{"name": "", "root": root, "independent": true}]}),
        json!({"authorities": [{"name": "a", "root": "", "independent": true}]}),
        json!({"authorities": [{"name": "a", "root": root, "independent": true, "x": 1}]}),
        json!({"authorities": [{"name": "a", "root": format!("{root}{root}"), "independent": true}]}),
        json!({"authorities": [entry, entry]}),
    ] {
        assert!(read(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn one_authority_cannot_be_two_things() {
    let roots: Vec<RootCertificate> =
        (0..2).map(|_| LocalAuthority::generate("x", now()).unwrap().root().clone()).collect();
    let one = TrustedAuthority::independent("one", roots[0].clone()).unwrap();
    let same = TrustedAuthority::independent("one", roots[1].clone()).unwrap();
    let local = TrustedAuthority::local("one", roots[1].clone()).unwrap();
    let renamed = TrustedAuthority::independent("two", roots[0].clone()).unwrap();
    let code = |list: Vec<TrustedAuthority>| {
        TrustPolicy::new(list).map(|policy| policy.authorities().len()).map_err(|error| error.code())
    };
    assert_eq!(code(vec![one.clone(), same]), Ok(2));
    assert_eq!(code(vec![one.clone(), local]), Err("policy-contradiction"));
    assert_eq!(code(vec![one, renamed]), Err("policy-root-repeated"));
}

#[test]
fn the_policy_decides_what_counts() {
    let (authority, policy) = local();
    let (token, anchor) = anchor(&authority, &policy);
    let digest = Sha256Digest::of(b"bundle");
    assert!(policy.accepts(&anchor));
    assert!(!TrustPolicy::default().accepts(&anchor));
    let (report, _) = verify_token(&token, &digest, None, &policy, now());
    assert!(report.has(Code::AnchorNotIndependent));

    let refused = authority.trusted().unwrap().accept(false);
    let refusing = TrustPolicy::new(vec![refused]).unwrap();
    let (report, known) = verify_token(&token, &digest, None, &refusing, now());
    assert_eq!(report.verdict(), Verdict::Verified);
    assert!(!refusing.accepts(&known.unwrap()));

    let renamed = TrustedAuthority::independent("other", authority.root().clone()).unwrap();
    let renaming = TrustPolicy::new(vec![renamed]).unwrap();
    assert!(!renaming.accepts(&anchor), "verified under another name");
}

const PAGE: &str = include_str!("../../docs/spec/anchor-rfc3161.md");

/// The first fenced block of the page after a heading.
fn sample(heading: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(heading).unwrap();
    let (_, block) = rest.split_once("```").unwrap();
    let (_, block) = block.split_once('\n').unwrap();
    block.split_once("\n```").unwrap().0
}

#[test]
fn the_page_shows_what_is_read_and_written() {
    let record = AnchorRecord::parse(sample("## The record").as_bytes()).unwrap();
    assert_eq!(record.place(), TokenPlace::File("anchors/0190a1b2-0.tst"));
    let policy: TrustPolicy = serde_json::from_str(sample("## The trust policy")).unwrap();
    assert_eq!(policy.authorities()[0].name(), "local");
    let request = Request::new(&Sha256Digest::of(b"bundle"), &[0x5a; 16]).unwrap();
    let hex = vm_core::digest::to_hex(&request.to_der());
    assert_eq!(sample("## The request").replace(['\n', ' '], ""), hex);
}

#[test]
fn the_page_lists_every_reason() {
    for defect in Defect::ALL {
        let line = format!("| `{defect}` | {} | {} |", defect.finding(), defect.rule());
        assert!(PAGE.contains(&line), "missing line:\n{line}");
    }
    let remarks = 7;
    let reasons_of_reading = 8;
    assert_eq!(PAGE.matches("\n| `").count(), Defect::ALL.len() + reasons_of_reading + remarks);
}
