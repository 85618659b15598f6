//! One token under the clocks of several years gives one proof, and a remark where its certificate has expired since; and
//! a path that is remembered is the path that would be found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;

use common::reasons;
use common::table::vectors;
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{ChainCache, Check, Request, Response, Stamped};
use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority, verify_response};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

fn year(year: u16) -> Instant {
    format!("{year}-07-01T00:00:00.000000Z").parse().unwrap()
}

/// A token of the authority's first day.
fn stamped(name: &str, at: Instant) -> (TrustPolicy, Vec<u8>) {
    let authority = LocalAuthority::generate(name, at).unwrap();
    let request = Request::new(&Sha256Digest::of(b"data"), &[1; 16]).unwrap();
    let response = authority.respond(&request.to_der(), at).unwrap();
    let policy = TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    (policy, Response::parse(&response).unwrap().token().unwrap().to_vec())
}

#[test]
fn the_verifiers_clock_changes_remarks_only() {
    let (policy, token) = stamped("local", year(2025));
    let judge = |now| {
        let (report, anchor) = Check::new(&policy, now).stamped(Stamped::Data(b"data")).token(&token);
        // The authority is the ledger owner's own, and is always reported as such.
        let words: Vec<String> = reasons(&report).into_iter().filter(|word| word != "local").collect();
        (words, report.verdict(), anchor)
    };
    let (words, _, then) = judge(year(2025));
    assert_eq!((words, then.is_some()), (Vec::new(), true));
    for (now, expected) in [(2026, &[][..]), (2036, &[]), (2060, &["anchor-expired-now"])] {
        let (words, verdict, anchor) = judge(year(now));
        assert_eq!(words, expected, "{now}");
        assert_eq!((verdict, &anchor), (Verdict::Verified, &then), "{now}");
    }
    let (words, verdict, anchor) = judge(year(2024));
    assert_eq!((words, verdict, anchor), (vec!["gen-time-in-future".into()], Verdict::Contradicted, None));
}

/// A public authority's token of 2025, whose certificate expires before 2046.
#[test]
fn a_public_token_outlives_its_certificate() {
    let Some(folder) = vectors("openssl_tsa_data") else { return };
    let response = fs::read(folder.join("sectigo-all-zero.tsr")).unwrap();
    let root = RootCertificate::from_pem(&fs::read_to_string(folder.join("user-trust-ca.pem")).unwrap()).unwrap();
    let policy = TrustPolicy::new(vec![TrustedAuthority::independent("sectigo", root).unwrap()]).unwrap();
    let zero = Sha256Digest::from_bytes([0; 32]);
    let judge = |now| verify_response(&response, &zero, None, &policy, year(now));
    let (_, then) = judge(2026);
    assert!(then.is_some());
    for (now, has_expired) in [(2026, false), (2036, true), (2046, true)] {
        let (report, anchor) = judge(now);
        assert_eq!(anchor, then, "{now}");
        assert_eq!(reasons(&report).contains(&"anchor-expired-now".to_owned()), has_expired, "{now}");
    }
}

/// With a memory and without it, the same reports and proofs; a memory never answers for another policy.
#[test]
fn a_remembered_path_is_the_one_that_would_be_found() {
    let (policy, token) = stamped("cache", year(2025));
    let (stranger, _) = stamped("stranger", year(2025));
    let cache = ChainCache::new();
    for _ in 0..3 {
        for policy in [&policy, &stranger, &TrustPolicy::default()] {
            for now in [2024, 2025, 2060].map(year) {
                let check = Check::new(policy, now).stamped(Stamped::Data(b"data"));
                let (report, anchor) = check.token(&token);
                let (cached_report, cached) = check.clone().cache(&cache).token(&token);
                assert_eq!(format!("{cached_report:?} {cached:?}"), format!("{report:?} {anchor:?}"));
            }
        }
    }
    assert_eq!(cache.len(), 1, "one signer in one bag; what failed is not remembered");
    // A token whose signature is broken earns nothing by a path that is known.
    let mut broken = token.clone();
    *broken.last_mut().unwrap() ^= 1;
    let check = Check::new(&policy, year(2025)).stamped(Stamped::Data(b"data")).cache(&cache);
    assert!(check.token(&broken).1.is_none());
    assert!(check.require_revocation(true).token(&token).1.is_none(), "no memory of what was not looked at");
}
