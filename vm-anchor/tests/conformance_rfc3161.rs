//! Real tokens of public projects, read whole by another reader, and the traps that other verifiers fell into.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use common::reasons;
use common::table::vectors;
use der::{Decode, Encode};
use vm_anchor::rfc3161::{Check, Response, Stamped, Token};
use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

/// How many of them the cms crate decodes whole. Measured.
const DECODED_WHOLE: usize = 496;

fn now() -> Instant {
    "2026-06-01T00:00:00.000000Z".parse().unwrap()
}

/// The certificates of a PEM file: signer, intermediates, root, as chains are written.
fn certificates(pem: &Path) -> Vec<RootCertificate> {
    let text = fs::read_to_string(pem).unwrap();
    text.split("-----BEGIN")
        .skip(1)
        .map(|rest| RootCertificate::from_pem(&format!("-----BEGIN{rest}")).unwrap())
        .collect()
}

fn policy_of(root: &RootCertificate) -> TrustPolicy {
    let authority = TrustedAuthority::independent("fixture", root.clone()).unwrap();
    TrustPolicy::new(vec![authority]).unwrap()
}

/// The digest that a token over SHA-256 claims to stamp.
fn claimed(response: &[u8]) -> Sha256Digest {
    let token = Response::parse(response).unwrap().token().unwrap().to_vec();
    Sha256Digest::from_slice(Token::parse(&token).unwrap().claims().imprint_bytes()).unwrap()
}

/// The cms crate's own `SignedData`, decoded whole, is another reading of the same bytes. Where it reads a token, it finds
/// the same content and the same certificates; and what it encodes anew shows which of them had to be kept as they stood.
#[test]
fn a_whole_decode_finds_the_same_parts() {
    let Some(folder) = vectors("rfc3161") else {
        return;
    };
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let (mut read, mut changed, mut turned) = (0, 0, 0);
    for name in index.lines().skip(1).map(|line| line.split('\t').next().unwrap()) {
        let bytes = fs::read(folder.join(name)).unwrap();
        let Ok(token) = Token::parse(&bytes) else {
            continue;
        };
        let whole = ContentInfo::from_der(&bytes).and_then(|info| info.content.decode_as::<SignedData>());
        let Ok(whole) = whole else {
            println!("{name}: not decoded whole: {}", whole.unwrap_err());
            continue;
        };
        read += 1;
        let content = whole.encap_content_info.econtent.unwrap();
        assert_eq!(Sha256Digest::of(content.value()), token.claims().identity(), "{name}");
        let theirs: Vec<Vec<u8>> = whole.certificates.iter().flat_map(|set| set.0.iter()).map(encoded).collect();
        let mut ours: Vec<Vec<u8>> = token.certificates().map(<[u8]>::to_vec).collect();
        turned += usize::from(!ours.is_sorted_by_key(|der| (der.len(), der.clone())));
        ours.sort_by_key(|der| (der.len(), der.clone()));
        assert_eq!(theirs.len(), ours.len(), "{name}");
        changed += usize::from(theirs != ours);
    }
    println!(
        "{read} tokens decoded whole; {changed} with a certificate encoded otherwise, {turned} with an unsorted bag"
    );
    assert!(read >= DECODED_WHOLE, "{read}");
}

fn encoded(certificate: &CertificateChoices) -> Vec<u8> {
    certificate.to_der().unwrap()
}

#[test]
fn another_hash_needs_the_data() {
    let Some(folder) = vectors("rfc3161_client_fixtures") else {
        return;
    };
    let chain = certificates(&folder.join("test_tsa/ts_chain.pem"));
    // The token holds its signer alone, so the intermediate is pinned.
    let policy = policy_of(&chain[1]);
    let response = fs::read(folder.join("test_tsa/response.tsr")).unwrap();
    let (report, anchor) = Check::new(&policy, now()).stamped(Stamped::Data(b"hello")).response(&response);
    let anchor = anchor.unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!(anchor.gen_time().to_string(), "2024-10-08T15:40:32.000000Z");
    assert_eq!(anchor.imprint().unwrap().algorithm().name(), "sha512");
    assert_eq!(anchor.stamped(), Sha256Digest::of(b"hello"));
    let (report, anchor) =
        Check::new(&policy, now()).stamped(Stamped::Digest(Sha256Digest::of(b"hello"))).response(&response);
    assert_eq!(reasons(&report), ["imprint-needs-data"]);
    assert_eq!((report.verdict(), anchor), (Verdict::Undecided, None));
}

/// A genuine token into whose bag two certificates of an attacker were slipped, before the signer's own. They must
/// change nothing: it is judged as the token without them, and no policy that trusts the attacker's accepts it.
#[test]
fn injected_certificates_change_nothing() {
    let Some(folder) = vectors("rfc3161_client_fixtures") else {
        return;
    };
    let chain = certificates(&folder.join("test_tsa/ts_chain.pem"));
    let genuine = fs::read(folder.join("test_tsa/response.tsr")).unwrap();
    let injected = fs::read(folder.join("test_tsa/response-injected-certs.tsr")).unwrap();
    let judge = |root: &RootCertificate, response: &[u8]| {
        let policy = policy_of(root);
        let check = Check::new(&policy, now()).stamped(Stamped::Data(b"hello"));
        let (report, anchor) = check.response(response);
        (reasons(&report), anchor)
    };
    let own = token_certificates(&genuine);
    let bag = token_certificates(&injected);
    assert!(!own.contains(&bag[0]), "the first certificate is injected");
    for foreign in bag.iter().filter(|certificate| !own.contains(certificate)) {
        let root = RootCertificate::from_der(foreign).unwrap();
        let (reasons, anchor) = judge(&root, &injected);
        assert_eq!((reasons, anchor), (vec!["no-trust-root".into()], None));
    }
    for root in &chain {
        assert_eq!(judge(root, &injected), judge(root, &genuine));
    }
    assert_eq!(judge(&chain[2], &injected).0, ["no-trust-root"]);
    assert!(judge(&chain[1], &injected).1.is_some());
}

fn token_certificates(response: &[u8]) -> Vec<Vec<u8>> {
    let token = Response::parse(response).unwrap().token().unwrap().to_vec();
    let token = Token::parse(&token).unwrap();
    token.certificates().map(<[u8]>::to_vec).collect()
}

#[test]
fn bad_signatures_and_bare_tokens_are_refused() {
    let Some(folder) = vectors("rfc3161_client_fixtures") else {
        return;
    };
    let chain = certificates(&folder.join("sigstage/ts_chain.pem"));
    let policy = policy_of(&chain[1]);
    for (name, expected) in [
        ("response-sha256.tsr", &[][..]),
        ("response-invalid-signature.tsr", &["signature-invalid"]),
        ("response-no-embedded-cert.tsr", &["signer-certificate-missing"]),
    ] {
        let response = fs::read(folder.join("sigstage").join(name)).unwrap();
        let digest = claimed(&response);
        let (report, anchor) = vm_anchor::verify_response(&response, &digest, None, &policy, now());
        assert_eq!(reasons(&report), expected, "{name}");
        assert_eq!(anchor.is_some(), expected.is_empty(), "{name}");
    }
}

#[test]
fn a_public_authority_holds_under_its_root() {
    let Some(folder) = vectors("openssl_tsa_data") else {
        return;
    };
    let response = fs::read(folder.join("sectigo-all-zero.tsr")).unwrap();
    let zero = Sha256Digest::from_bytes([0; 32]);
    for root in ["user-trust-ca.pem", "user-trust-ca-aaa.pem"] {
        let policy = policy_of(&certificates(&folder.join(root))[0]);
        let (report, anchor) = vm_anchor::verify_response(&response, &zero, None, &policy, now());
        assert!(anchor.is_some(), "{root}: {report:?}");
    }
}
