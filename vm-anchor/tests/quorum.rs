//! Authorities are counted, never tokens; and as many that lie as the quorum allows for change nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{Request, Response};
use vm_anchor::{Tally, TrustPolicy, TrustedAuthority, VerifiedAnchor, Weight, verify_token};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

const SECOND: i64 = 1_000_000;
/// The accuracy that a local authority claims, in seconds.
const ACCURACY: i64 = 1;

fn now() -> Instant {
    "2026-06-01T00:00:00.000000Z".parse().unwrap()
}

/// Authorities of these names, each with a key of its own.
struct Authorities(Vec<(String, LocalAuthority)>);

impl Authorities {
    fn new(names: &[&str]) -> Self {
        let founded = now().saturating_add_micros(-1_000 * SECOND);
        let made = |name: &&str| ((*name).to_owned(), LocalAuthority::generate(name, founded).unwrap());
        Self(names.iter().map(made).collect())
    }

    fn trusted(&self, at: usize) -> TrustedAuthority {
        let (name, authority) = &self.0[at];
        match name.as_str() {
            "own" => TrustedAuthority::local("own", authority.root().clone()).unwrap(),
            name => TrustedAuthority::independent(name, authority.root().clone()).unwrap(),
        }
    }

    fn policy(&self) -> TrustPolicy {
        TrustPolicy::new((0..self.0.len()).map(|at| self.trusted(at)).collect()).unwrap()
    }

    /// An anchor of the authority at `at`, which says a time so many seconds after now.
    fn anchor(&self, at: usize, seconds: i64) -> VerifiedAnchor {
        let (digest, time) = (Sha256Digest::of(b"bundle"), now().saturating_add_micros(seconds * SECOND));
        let request = Request::new(&digest, &[1; 16]).unwrap();
        let response = self.0[at].1.respond(&request.to_der(), time).unwrap();
        let token = Response::parse(&response).unwrap().token().unwrap().to_vec();
        let (report, anchor) = verify_token(&token, &digest, None, &self.policy(), time);
        assert_eq!(report.verdict(), Verdict::Verified, "{report:?}");
        anchor.unwrap()
    }
}

fn seconds(time: Option<Instant>) -> Option<i64> {
    time.map(|time| (time.as_micros() - now().as_micros()) / SECOND - ACCURACY)
}

#[test]
fn tokens_of_one_authority_count_once() {
    let authorities = Authorities::new(&["a", "b"]);
    let policy = authorities.policy().with_quorum(2).unwrap();
    let mut tally = Tally::new();
    for at in [30, 10, 20] {
        tally.count(&authorities.anchor(0, at));
    }
    assert_eq!((tally.authorities().collect::<Vec<_>>(), tally.not_after(&policy)), (vec!["a"], None));
    tally.count(&authorities.anchor(1, 40));
    assert_eq!(seconds(tally.not_after(&policy)), Some(40));
    let any = authorities.policy();
    assert_eq!(seconds(tally.not_after(&any)), Some(10), "the earliest of all, where one will do");
}

#[test]
fn own_authorities_do_for_a_policy_without_a_quorum_alone() {
    let authorities = Authorities::new(&["own", "a"]);
    let mut tally = Tally::new();
    tally.count(&authorities.anchor(0, 5));
    assert_eq!(seconds(tally.not_after(&authorities.policy())), Some(5));
    let one = authorities.policy().with_quorum(1).unwrap();
    assert_eq!(tally.not_after(&one), None);
    assert_eq!(one.weigh(&authorities.anchor(0, 5)), Weight::NotIndependent);
    assert_eq!(authorities.policy().weigh(&authorities.anchor(0, 5)), Weight::Counts);
    tally.count(&authorities.anchor(1, 50));
    assert_eq!(seconds(tally.not_after(&one)), Some(50));
    assert_eq!(seconds(tally.not_after(&authorities.policy())), Some(50), "who is independent goes first");
}

#[test]
fn a_quorum_that_cannot_be_met_is_refused() {
    let authorities = Authorities::new(&["own", "a", "b"]);
    for (asked, code) in [(0, Some("policy-quorum")), (1, None), (2, None), (3, Some("policy-quorum"))] {
        let found = authorities.policy().with_quorum(asked);
        assert_eq!(found.err().map(|error| error.code()), code, "{asked}");
    }
    let refused = authorities.trusted(1).accept(false);
    let policy = TrustPolicy::new(vec![refused, authorities.trusted(2)]).unwrap();
    assert_eq!(policy.with_quorum(2).unwrap_err().code(), "policy-quorum", "who does not count cannot be counted");
}

#[test]
fn an_authority_is_believed_within_its_window_alone() {
    let authorities = Authorities::new(&["a"]);
    let anchor = authorities.anchor(0, 100);
    let at = |micros: i64| Some(anchor.gen_time().saturating_add_micros(micros));
    for (first, last, weight) in [
        (None, None, Weight::Counts),
        (at(0), at(0), Weight::Counts),
        (at(1), None, Weight::OutOfWindow),
        (None, at(-1), Weight::OutOfWindow),
    ] {
        let policy = TrustPolicy::new(vec![authorities.trusted(0).believed(first, last)]).unwrap();
        assert_eq!(policy.weigh(&anchor), weight);
        assert_eq!(policy.accepts(&anchor), weight == Weight::Counts);
    }
    let refused = TrustPolicy::new(vec![authorities.trusted(0).accept(false)]).unwrap();
    assert_eq!(refused.weigh(&anchor), Weight::NotAccepted);
    assert_eq!(TrustPolicy::default().weigh(&anchor), Weight::Unknown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Up to k - 1 liars of n authorities cannot move the time that k of them prove outside what the honest ones say.
    #[test]
    fn liars_below_the_quorum_move_nothing(
        honest in proptest::collection::vec(0..100_i64, 2..4),
        lies in proptest::collection::vec(-500..500_i64, 0..2),
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let authorities = Authorities::new(&names[..honest.len() + lies.len()]);
        let quorum = u32::try_from(lies.len() + 1).unwrap();
        let policy = authorities.policy().with_quorum(quorum).unwrap();
        let mut tally = Tally::new();
        for (at, time) in honest.iter().chain(&lies).enumerate() {
            tally.count(&authorities.anchor(at, *time));
        }
        let proven = seconds(tally.not_after(&policy)).unwrap();
        let (first, last) = (honest.iter().min().unwrap(), honest.iter().max().unwrap());
        prop_assert!(first <= &proven && &proven <= last, "{proven} of {honest:?} and {lies:?}");
    }
}
