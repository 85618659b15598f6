//! Statistics that leave a vault: counted as the page says, paid for, refused when the budget is spent, and audited.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

use fixture::{later, meta_artifact, tool};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use vaultmesh::error::VaultError;
use vaultmesh::read::Reader;
use vaultmesh::statistics::{PastRelease, Released, margin};
use vaultmesh::vault::{Common, GrantRequest, Place, RecordInput, ToolInput, Vault};
use vaultmesh::verify::{Outside, verify_vault};
use vm_core::capability::Action;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::statistics::{Count, Epsilon, PrivacyBudget, Question, Release};
use vm_core::verdict::{Code, Verdict};
use vm_ledger::hazmat;

/// So large that noise which is not nought comes once in 10^13 counts of one row a trace.
const LOUD: &str = "30";

struct World {
    _dir: TempDir,
    place: Place,
}

fn epsilon(text: &str) -> Epsilon {
    text.parse().unwrap()
}

fn question(counts: &[&str], per_trace: u32) -> Question {
    let counts: Vec<Count> = counts.iter().map(|count| count.parse().unwrap()).collect();
    Question::new(counts, per_trace, None, None).unwrap()
}

impl World {
    /// A vault whose holder `teller` may disclose and nothing else.
    fn new(seed: u64) -> (Self, Vault) {
        let dir = fixture::folder();
        let place = fixture::place(dir.path());
        let mut vault = Vault::init(&place, fixture::sources(seed)).unwrap().vault;
        let request = GrantRequest::new("teller".parse().unwrap(), [Action::Disclose].into());
        vault.grant(GrantRequest { from_root: true, ..request }).unwrap();
        (Self { _dir: dir, place }, vault)
    }

    fn teller(&self, seed: u64) -> Vault {
        let after = fixture::start().saturating_add_micros(3_600_000_000);
        let name = "teller".parse().unwrap();
        let sources = fixture::sources_at(seed, after);
        Vault::open_as(&self.place, sources, Duration::from_secs(5), Some(&name)).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.place).unwrap()
    }

    fn found(&self, code: Code) -> usize {
        let answer = verify_vault(&self.reader(), &Outside::default(), later()).unwrap();
        answer.report.findings().iter().filter(|finding| finding.code() == code).count()
    }
}

fn call(name: &str, trace: TraceId) -> RecordInput {
    let common = Common { trace_id: Some(trace), ..Common::default() };
    RecordInput::Tool(ToolInput { output: Some(json!({"secret": 1})), common, ..tool(name) })
}

fn values(released: &Released) -> Vec<i64> {
    released.release.values().map(|(_, value)| value).collect()
}

fn release(vault: &mut Vault, question: Question, price: &str) -> Result<Released, VaultError> {
    vault.release(question, epsilon(price), &mut |_| {})
}

#[test]
fn nothing_is_given_away_without_a_budget_a_token_or_what_is_left() {
    let (world, mut vault) = World::new(1);
    let ask = || question(&["tool_invocations"], 1);
    assert_eq!(release(&mut world.teller(2), ask(), "1").unwrap_err().code(), "privacy-budget-missing");
    vault.set_privacy_budget(epsilon("2.5")).unwrap();
    assert!(matches!(release(&mut vault, ask(), "1").unwrap_err(), VaultError::Token(_)), "the operator may not");
    assert!(matches!(world.teller(3).set_privacy_budget(epsilon("9")).unwrap_err(), VaultError::Token(_)));
    drop(vault);
    let mut teller = world.teller(4);
    for (price, left) in [("1", 1_500_000), ("0.5", 1_000_000)] {
        assert_eq!(release(&mut teller, ask(), price).unwrap().left, left);
    }
    let size = world.reader().head().unwrap();
    let refused = release(&mut teller, ask(), "1.000001").unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), ("privacy-budget-spent", 2));
    assert_eq!(world.reader().head().unwrap(), size, "nothing was recorded");
    release(&mut teller, ask(), "1").unwrap();
    assert_eq!(release(&mut teller, ask(), "0.000001").unwrap_err().code(), "privacy-budget-spent");
    let account = world.reader().privacy_account().unwrap();
    assert_eq!((account.spent(), account.left(), account.releases()), (2_500_000, 0, 3));
    assert_eq!((world.found(Code::PrivacyOverspent), world.found(Code::FormatUnannounced)), (0, 0));
    drop(teller);
    // A lower budget does not give back what was spent, a higher one lets more go.
    let mut vault = fixture::reopen(&world.place, 5);
    vault.set_privacy_budget(epsilon("1")).unwrap();
    assert_eq!(world.reader().privacy_account().unwrap().left(), 0);
    vault.set_privacy_budget(epsilon("3")).unwrap();
    assert_eq!(world.reader().privacy_account().unwrap().left(), 500_000);
    assert_eq!(world.found(Code::PrivacyOverspent), 0);
}

#[test]
fn two_who_spend_at_once_do_not_spend_the_same() {
    let (world, mut vault) = World::new(11);
    vault.set_privacy_budget(epsilon("3")).unwrap();
    drop(vault);
    let barrier = Barrier::new(6);
    let spent = std::thread::scope(|scope| {
        let spend = |seed: u64| {
            let (world, barrier) = (&world, &barrier);
            scope.spawn(move || {
                let mut teller = world.teller(20 + seed);
                barrier.wait();
                release(&mut teller, question(&["mcp_calls"], 1), "1").map(drop)
            })
        };
        let threads: Vec<_> = (0..6).map(spend).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(spent.iter().filter(|spent| spent.is_ok()).count(), 3, "{spent:?}");
    for refused in spent.iter().filter_map(|spent| spent.as_ref().err()) {
        assert_eq!(refused.code(), "privacy-budget-spent");
    }
    assert_eq!(world.reader().privacy_account().unwrap().spent(), 3_000_000);
    assert_eq!(world.found(Code::PrivacyOverspent), 0);
}

#[test]
fn a_release_reads_back_and_what_was_changed_gives_nothing_away() {
    let (world, mut vault) = World::new(31);
    vault.set_privacy_budget(epsilon("100")).unwrap();
    let trace = vault.mint_trace();
    vault.record(vec![call("grep", trace), call("bash", trace), call("grep", trace)]).unwrap();
    vault.record(vec![RecordInput::Artifact(meta_artifact("note", json!({"x": 1})))]).unwrap();
    drop(vault);
    let ask = || question(&["tool_invocations/grep", "tool_invocations/bash", "proof_artifacts", "mcp_calls"], 1);
    let released = release(&mut world.teller(32), ask(), LOUD).unwrap();
    assert_eq!(values(&released), [1, 0, 1, 0], "one row a trace, and none of the ledger's own");
    let past = PastRelease { row: released.row, release: released.release };
    assert_eq!(world.reader().releases().unwrap(), [past]);
    let sql = "UPDATE tool_invocations SET status = 'blocked' WHERE tool = 'bash'";
    assert_eq!(hazmat::execute(&world.place.vault, sql).unwrap(), 1);
    assert_eq!(release(&mut world.teller(33), ask(), "1").unwrap_err().code(), "row-altered");
    let sql = "UPDATE proof_artifacts SET meta_json = replace(meta_json, '30000000', '30000') WHERE kind = 'vm-statistics-release'";
    assert_eq!(hazmat::execute(&world.place.vault, sql).unwrap(), 1);
    let refused = release(&mut world.teller(34), question(&["mcp_calls"], 1), "1").unwrap_err();
    assert_eq!(refused.code(), "ledger-log-altered", "who hides what was spent spends no more");
}

#[test]
fn a_release_beyond_its_budget_is_contradicted() {
    let (world, mut vault) = World::new(41);
    vault.set_privacy_budget(epsilon("1")).unwrap();
    drop(vault);
    release(&mut world.teller(42), question(&["mcp_calls"], 1), "0.75").unwrap();
    assert_eq!(world.found(Code::PrivacyOverspent), 0);
    // The budget that let it is made smaller behind the ledger's back: the release now stands where no writer puts one.
    let sql = "UPDATE proof_artifacts SET meta_json = replace(meta_json, '1000000', '500000') WHERE kind = 'vm-privacy-budget'";
    assert_eq!(hazmat::execute(&world.place.vault, sql).unwrap(), 1);
    let answer = verify_vault(&world.reader(), &Outside::default(), later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Contradicted);
    assert!(answer.report.has(Code::PrivacyOverspent) && answer.report.has(Code::RowAltered));
}

#[test]
fn the_margin_holds_what_it_says() {
    let at = |per_trace: u32, price: &str| {
        margin(&Release::new(question(&["mcp_calls"], per_trace), epsilon(price), vec![0]).unwrap())
    };
    // The chance of more than m is 2 q^(m+1) / (1 + q), with q = exp(-epsilon / rows).
    for (per_trace, price) in [(1, "1"), (1, "30"), (10, "0.5"), (3, "0.01"), (1_000_000, "0.000001")] {
        let rate = price.parse::<f64>().unwrap() / f64::from(per_trace);
        let beyond = |m: f64| 2.0 * (-rate * (m + 1.0)).exp() / (1.0 + (-rate).exp());
        let m = at(per_trace, price);
        assert!(beyond(m) <= 0.05 + 1e-9, "{per_trace} {price}: {m}");
        assert!(m == 0.0 || beyond(m - 1.0) > 0.05 - 1e-9, "{per_trace} {price}: {m} is not the least");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A trace more or less moves the counts by no more than its rows that count, whatever it holds; that is what the noise is
    /// made for. Counts are compared with a plain twin.
    #[test]
    fn one_trace_moves_the_counts_no_further_than_the_noise_covers(
        traces in prop::collection::vec(prop::collection::vec(0..3_usize, 0..9), 1..5),
        per_trace in 1..5_u32,
    ) {
        const TOOLS: [&str; 3] = ["a", "b", "c"];
        let ask = || question(&["tool_invocations/a", "tool_invocations/b"], per_trace);
        let counted = |traces: &[Vec<usize>], seed: u64| {
            let (world, mut vault) = World::new(seed);
            vault.set_privacy_budget(epsilon("1000")).unwrap();
            for calls in traces {
                let trace = vault.mint_trace();
                vault.record(calls.iter().map(|tool| call(TOOLS[*tool], trace)).collect()).unwrap();
            }
            drop(vault);
            values(&release(&mut world.teller(seed), ask(), "1000").unwrap())
        };
        let twin = |traces: &[Vec<usize>]| {
            let mut counts = BTreeMap::from([(0, 0_i64), (1, 0)]);
            for calls in traces {
                for tool in calls.iter().filter(|tool| **tool < 2).take(usize::try_from(per_trace).unwrap()) {
                    *counts.get_mut(tool).unwrap() += 1;
                }
            }
            counts.into_values().collect::<Vec<_>>()
        };
        let all = counted(&traces, 51);
        prop_assert_eq!(&all, &twin(&traces));
        let without = counted(&traces[1..], 52);
        let moved: u64 = all.iter().zip(&without).map(|(one, other)| one.abs_diff(*other)).sum();
        prop_assert!(moved <= u64::from(per_trace));
    }
}

#[test]
fn the_page_shows_a_budget_and_a_release() {
    let page = include_str!("../../docs/spec/statistics.md");
    let window = |text: &str| Some(text.parse::<Instant>().unwrap());
    let counts = ["tool_invocations/grep", "mcp_calls"].map(|count| count.parse().unwrap()).to_vec();
    let since = window("2026-01-01T00:00:00.000000Z");
    let asked = Question::new(counts, 10, since, None).unwrap();
    let release = Release::new(asked, epsilon("0.5"), vec![117, -3]).unwrap();
    for value in [PrivacyBudget(epsilon("10")).to_value(), release.to_value().unwrap()] {
        let text = vm_core::canonical::to_text(&value).unwrap();
        assert!(page.contains(&text), "{text}");
    }
}
