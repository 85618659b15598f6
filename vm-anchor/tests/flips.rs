//! Every bit of a token flipped: refused, or the flip lies where nobody signs and changes nothing that is reported.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::ops::Range;

use common::{Folder, has_openssl, make_certificate, make_root, now};
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{Request, Response, Token};
use vm_anchor::{TrustPolicy, verify_response, verify_token};
use vm_core::digest::Sha256Digest;

const DATA: &[u8] = b"bundle";

/// Flips each bit of `token`; returns the offsets at which some flip is still accepted.
fn accepted_flips(token: &[u8], policy: &TrustPolicy) -> Vec<usize> {
    let (digest, now) = (Sha256Digest::of(DATA), now());
    let (_, good) = verify_token(token, &digest, None, policy, now);
    let good = good.expect("the token itself holds");
    let mut accepted = Vec::new();
    for offset in 0..token.len() {
        for bit in 0..8 {
            let mut altered = token.to_vec();
            altered[offset] ^= 1 << bit;
            let (_, anchor) = verify_token(&altered, &digest, None, policy, now);
            if let Some(anchor) = anchor {
                assert_eq!(anchor, good, "offset {offset}, bit {bit}");
                accepted.push(offset);
            }
        }
    }
    accepted.dedup();
    accepted
}

/// Where a certificate of the bag lies in the token.
fn place_of(token: &[u8], certificate: &[u8]) -> Range<usize> {
    let start = token.windows(certificate.len()).position(|window| window == certificate).unwrap();
    start..start + certificate.len()
}

#[test]
fn no_bit_of_a_local_token_can_change() {
    let authority = LocalAuthority::generate("flips", now()).unwrap();
    let policy = TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    let request = Request::new(&Sha256Digest::of(DATA), &[1; 16]).unwrap();
    let response = authority.respond(&request.to_der(), now()).unwrap();
    let token = Response::parse(&response).unwrap().token().unwrap().to_vec();
    assert_eq!(accepted_flips(&token, &policy), Vec::<usize>::new());

    // Around the token, only the difference between the two granted statuses can change.
    let digest = Sha256Digest::of(DATA);
    let start = response.len() - token.len();
    for offset in 0..start {
        for bit in 0..8 {
            let mut altered = response.clone();
            altered[offset] ^= 1 << bit;
            let (_, anchor) = verify_response(&altered, &digest, Some(&[1; 16]), &policy, now());
            let is_status = offset == start - 1 && bit == 0;
            assert_eq!(anchor.is_some(), is_status, "offset {offset}, bit {bit}");
        }
    }
}

#[test]
fn only_spare_certificates_of_an_openssl_token_can_change() {
    if !has_openssl("only_spare_certificates_of_an_openssl_token_can_change") {
        return;
    }
    let folder = Folder::new();
    make_root(&folder, "root", "p256");
    make_certificate(&folder, "sub", "p256", "root", "ca", "");
    let both = [folder.read("sub.pem"), folder.read("root.pem")].concat();
    folder.write("chain.pem", &both);
    folder.write("serial", b"01\n");
    let policy = folder.policy("root.pem");
    let request = Request::new(&Sha256Digest::of(DATA), &[1; 16]).unwrap();
    folder.write("request.tsq", &request.to_der());
    for (key, ess) in [("2048", "sha1"), ("p256", "sha256"), ("p384", "sha512")] {
        make_certificate(&folder, "signer", key, "sub", "good", "");
        folder.write(
            "tsa.cnf",
            format!(
                "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ncrypto_device = builtin\nsigner_cert = signer.pem\n\
                 signer_key = signer.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n\
                 tsa_name = yes\ness_cert_id_chain = no\ness_cert_id_alg = {ess}\n"
            )
            .as_bytes(),
        );
        folder.openssl("ts -reply -config tsa.cnf -queryfile request.tsq -chain chain.pem -token_out -out t");
        let token = folder.read("t");
        let parsed = Token::parse(&token).unwrap();
        let root = folder.root("root.pem");
        let spare: Vec<&[u8]> = parsed.certificates().filter(|certificate| *certificate == root.as_der()).collect();
        assert_eq!(spare.len(), 1, "the root in the bag is spare: the pinned one is used");
        let place = place_of(&token, spare[0]);
        let accepted = accepted_flips(&token, &policy);
        let outside: Vec<&usize> = accepted.iter().filter(|offset| !place.contains(offset)).collect();
        assert!(outside.is_empty(), "{key}: {outside:?} of {}", token.len());
        assert!(!accepted.is_empty(), "{key}: the spare root should be free");
        println!("{key}: {} of {} bytes can change, all in the spare root", accepted.len(), token.len());
    }
}
