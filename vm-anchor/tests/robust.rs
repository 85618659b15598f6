//! No input panics or is believed: cut, spliced, random, deeply nested.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::LazyLock;

use common::{extent, now, tlv};
use proptest::prelude::*;
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{Request, Response, TOKEN_BYTES_MAX, Token};
use vm_anchor::{TrustPolicy, verify_response, verify_token};
use vm_core::digest::Sha256Digest;
use vm_core::verdict::Verdict;

struct Sample {
    policy: TrustPolicy,
    response: Vec<u8>,
    token: Vec<u8>,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let authority = LocalAuthority::generate("robust", now()).unwrap();
    let request = Request::new(&Sha256Digest::of(b"bundle"), &[1; 16]).unwrap();
    let response = authority.respond(&request.to_der(), now()).unwrap();
    let parsed = Response::parse(&response).unwrap();
    Sample {
        policy: TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap(),
        token: parsed.token().unwrap().to_vec(),
        response,
    }
});

fn is_refused(token: &[u8]) -> bool {
    let digest = Sha256Digest::of(b"bundle");
    let policy = &SAMPLE.policy;
    let (report, anchor) = verify_token(token, &digest, None, policy, now());
    let (_, answered) = verify_response(token, &digest, None, policy, now());
    anchor.is_none() && answered.is_none() && report.verdict() != Verdict::Verified
}

#[test]
fn every_cut_is_refused() {
    for length in 0..SAMPLE.token.len() {
        assert!(is_refused(&SAMPLE.token[..length]), "{length}");
    }
    for length in 0..SAMPLE.response.len() {
        let bytes = &SAMPLE.response[..length];
        assert!(Response::parse(bytes).is_err(), "{length}");
    }
}

#[test]
fn nesting_is_not_followed() {
    let mut nested = Vec::new();
    for _ in 0..TOKEN_BYTES_MAX / 8 {
        nested.extend([0x30, 0x83, 0x03, 0x00, 0x00]);
    }
    assert!(is_refused(&nested));
    // Well-formed nesting inside the one place that is passed over whole.
    let mut deep = vec![0x30, 0x00];
    while deep.len() < 30_000 {
        deep = tlv(0x30, &[&deep]);
    }
    let set = tlv(0xa1, &[&deep]);
    assert!(is_refused(&set));
}

/// A token whose bag holds `count` copies of its certificate.
fn with_certificates(count: usize) -> Vec<u8> {
    let token = &SAMPLE.token;
    let parsed = Token::parse(token).unwrap();
    let certificate = parsed.certificates().next().unwrap().to_vec();
    let at = token.windows(certificate.len()).position(|window| window == certificate).unwrap();
    // The bag's header is a0 82 and two octets of length, as a certificate is longer than 255 bytes.
    let (before, after) = (&token[..at - 4], &token[at + certificate.len()..]);
    let (outer, _) = extent(before);
    let oid = extent(&before[outer..]).1;
    let explicit = extent(&before[outer + oid..]).0;
    let inner = extent(&before[outer + oid + explicit..]).0;
    let bag = tlv(0xa0, &[&certificate.repeat(count)]);
    let body = [&before[outer + oid + explicit + inner..], &bag, after].concat();
    let signed_data = tlv(0xa0, &[&tlv(0x30, &[&body])]);
    tlv(0x30, &[&before[outer..outer + oid], &signed_data])
}

#[test]
fn bags_have_a_limit() {
    let code = |count| Token::parse(&with_certificates(count)).map_err(|error| error.code());
    assert_eq!(with_certificates(1), SAMPLE.token);
    assert!(code(32).is_ok());
    assert_eq!(code(33).map(|_| ()), Err("token-too-many-parts"));
    assert!(!is_refused(&with_certificates(32)), "repeats are spare");
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(is_refused(&bytes));
    }

    #[test]
    fn splices_are_refused_or_change_nothing(
        at in any::<proptest::sample::Index>(),
        removed in 0usize..40,
        added in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let token = &SAMPLE.token;
        let at = at.index(token.len());
        let end = (at + removed).min(token.len());
        let spliced = [&token[..at], &added, &token[end..]].concat();
        prop_assert!(spliced == *token || is_refused(&spliced));
    }
}

/// The worst that the limits let through is answered, and believed by nobody. How long it takes and how much memory is
/// measured by the fuzz targets; here it must only end.
#[test]
fn nested_and_long_inputs_are_answered() {
    let room = TOKEN_BYTES_MAX;
    let nested = [[0x30, 0x80].repeat(room / 4), vec![0; room / 2]].concat();
    assert!(is_refused(&nested));
    let strings = [vec![0x24, 0x80], [4, 1, 7].repeat((room - 4) / 3), vec![0, 0]].concat();
    assert!(is_refused(&strings));
    let siblings = [vec![0x30, 0x80], [5, 0].repeat((room - 4) / 2), vec![0, 0]].concat();
    assert!(is_refused(&siblings));
    // The genuine token in indefinite lengths, its certificate as often as the limit allows.
    let loose = loosened(&with_certificates(32));
    assert_ne!(loose, with_certificates(32));
    assert!(!is_refused(&loose), "BER of a genuine token");
    assert!(is_refused(&loosened(&with_certificates(33))));
}

/// The outer four elements of a token with indefinite lengths: content info, its content, signed data, the bag.
fn loosened(token: &[u8]) -> Vec<u8> {
    let (outer, _) = extent(token);
    let oid = extent(&token[outer..]).1;
    let explicit = outer + oid + extent(&token[outer + oid..]).0;
    let body = &token[explicit + extent(&token[explicit..]).0..];
    let mut at = 0;
    for _ in 0..3 {
        at += extent(&body[at..]).1;
    }
    let (header, whole) = extent(&body[at..]);
    let bag = [&[0xa0, 0x80], &body[at + header..at + whole], &[0, 0]].concat();
    let body = [&body[..at], &bag, &body[at + whole..]].concat();
    [&[0x30, 0x80], &token[outer..outer + oid], &[0xa0, 0x80, 0x30, 0x80], &body, &[0; 6]].concat()
}

/// A bag full of certificates that all name each other, none of which leads anywhere.
#[test]
fn a_maze_of_certificates_has_a_budget() {
    if !common::has_openssl("a_maze_of_certificates_has_a_budget") {
        return;
    }
    let forge = common::forge::Forge::new();
    // One name, many keys: every certificate of the maze could be the issuer of every other.
    let mut bag = String::new();
    for index in 0..28 {
        let name = format!("maze{index}");
        forge.folder.openssl(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"));
        forge.folder.openssl(&format!(
            "req -x509 -new -key {name}.key -sha256 -subj /CN=maze -days 9 -config ext.cnf -extensions ca -out {name}.pem"
        ));
        bag.push_str(&String::from_utf8(forge.folder.read(&format!("{name}.pem"))).unwrap());
    }
    forge.folder.write("bag.pem", bag.as_bytes());
    common::make_certificate(&forge.folder, "lost", "p256", "maze0", "good", "");
    let token = forge.sign(&common::forge::good(), "lost", "-certfile bag.pem");
    assert_eq!(Token::parse(&token).unwrap().certificates().count(), 29);
    assert_eq!(forge.judge(&token, "root.pem"), (vec!["no-trust-root".to_owned()], Verdict::Undecided));
}
