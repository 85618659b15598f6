//! Decisions in a vault: opened, closed once, found open, and shown to have been held back.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use fixture::{later, sources};
use serde_json::json;
use vaultmesh::error::{HorizonFault, VaultError};
use vaultmesh::keys::KeyStore;
use vaultmesh::read::Reader;
use vaultmesh::restraint::verify_restraint;
use vaultmesh::vault::{Common, HorizonInput, OutcomeInput, Place, RecordInput, SealOptions, ToolInput, Vault};
use vaultmesh::verify::{Outside, verify_one_seal, verify_vault};
use vm_core::capability::Action;
use vm_core::verdict::{Code, Verdict};
use vm_seal::selection::Selection;
use vm_shadow::error::Violation;
use vm_shadow::{Outcome, RestraintProof};

fn decision(name: &str) -> HorizonInput {
    HorizonInput {
        name: name.to_owned(),
        options: vec![json!("deploy 4.2.0"), json!({"roll": "back"})],
        capability: None,
        action: Action::Record,
        resource: "/tool_invocations".parse().unwrap(),
        proposal: None,
        deadline: later(),
        common: Common::default(),
    }
}

fn outcome(name: &str, outcome: Outcome) -> OutcomeInput {
    OutcomeInput { name: name.to_owned(), outcome, reason: Some("error budget spent".to_owned()) }
}

fn prove(place: &Place, name: &str) -> RestraintProof {
    let reader = Reader::open(place).unwrap();
    let key = KeyStore::new(&place.keys, reader.ledger()).openings().unwrap();
    reader.prove_restraint(&reader.horizon(name).unwrap(), &[], &key).unwrap()
}

#[test]
fn what_was_withheld_is_proven_and_what_was_done_is_not() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(61)).unwrap().vault;
    let outside = Outside { key: Some(vault.note_key().clone()), ..Outside::default() };
    let opened = vault.open_horizon(&decision("deploy/api")).unwrap();
    assert_eq!((opened.horizon.outcome, opened.horizon.options, opened.recorded.len()), (None, 2, 1));
    let found = verify_vault(&Reader::open(&place).unwrap(), &outside, later()).unwrap();
    assert!(found.report.has(Code::HorizonUnclosed));

    let closed = vault.close_horizon(&outcome("deploy/api", Outcome::Withheld)).unwrap();
    assert_eq!(closed.horizon.outcome.as_deref(), Some("withheld"));
    assert_eq!((closed.horizon.receipts.len(), closed.recorded.len()), (2, 3));
    vault.seal_with(Selection::everything(), SealOptions::default()).unwrap();
    let found = verify_vault(&Reader::open(&place).unwrap(), &outside, later()).unwrap();
    assert!(!found.report.has(Code::HorizonUnclosed));
    assert_ne!(found.verdict, Verdict::Contradicted, "{:?}", found.report.findings());

    let bytes = prove(&place, "deploy/api").to_bytes().unwrap();
    let (answer, report) = verify_restraint(&RestraintProof::parse(&bytes).unwrap(), &outside);
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
    let shown = answer.restraint.unwrap();
    assert_eq!(shown.opened_options[0].value, "deploy 4.2.0");
    assert!(answer.not_shown.iter().any(|words| words.starts_with("acts outside the gate")));

    // The same decision, and a tool that ran in its trace all the same.
    let opened = vault.open_horizon(&decision("deploy/api")).unwrap().horizon;
    let common = Common { trace_id: Some(opened.trace_id), ..Common::default() };
    vault.record(vec![RecordInput::Tool(ToolInput { common, ..ToolInput::named("deploy") })]).unwrap();
    vault.close_horizon(&outcome("deploy/api", Outcome::Withheld)).unwrap();
    let (answer, report) = verify_restraint(&prove(&place, "deploy/api"), &outside);
    assert!(report.has(Code::RestraintBroken) && answer.restraint.is_none(), "{:?}", report.findings());
    // The first is still what it was, by the row that opened it.
    let (_, report) = verify_restraint(&prove(&place, &shown.horizon.opening.to_string()), &outside);
    assert_eq!(report.verdict(), Verdict::Verified);
}

#[test]
fn what_the_rules_do_not_allow_is_not_recorded() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(62)).unwrap().vault;
    let size = || vm_core::view::EvidenceView::size(Reader::open(&place).unwrap().view()).unwrap();
    assert!(matches!(vault.close_horizon(&outcome("a", Outcome::Withheld)), Err(VaultError::NotFound { .. })));
    vault.open_horizon(&decision("a")).unwrap();
    let before = size();
    let refused = vault.open_horizon(&decision("a"));
    assert!(matches!(refused, Err(VaultError::Horizon(HorizonFault::Rule(Violation::OpenAlready)))), "{refused:?}");
    assert_eq!(vault.close_horizon(&outcome("a", Outcome::Expired)).unwrap_err().code(), "horizon-early");
    let wrong = Outcome::Taken { option: 2 };
    assert_eq!(vault.close_horizon(&outcome("a", wrong)).unwrap_err().code(), "horizon-no-such-option");
    let unsaid = OutcomeInput { reason: None, ..outcome("a", Outcome::Withheld) };
    assert_eq!(vault.close_horizon(&unsaid).unwrap_err().code(), "input");
    assert_eq!(size(), before);
    let closed = vault.close_horizon(&outcome("a", Outcome::Taken { option: 1 })).unwrap();
    assert_eq!(closed.horizon.receipts.len(), 1);
    assert!(matches!(vault.close_horizon(&outcome("a", wrong)), Err(VaultError::NotFound { .. })));
    let past = HorizonInput { deadline: fixture::start(), ..decision("b") };
    assert_eq!(vault.open_horizon(&past).unwrap_err().code(), "horizon-deadline-past");
    let reader = Reader::open(&place).unwrap();
    let outcomes: Vec<_> = reader.horizons().unwrap().into_iter().map(|state| (state.horizon, state.outcome)).collect();
    assert_eq!(outcomes, [("a".to_owned(), Some("taken".to_owned()))]);
}

#[test]
fn a_seal_names_the_decisions_it_covers_that_are_open() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(63)).unwrap().vault;
    vault.open_horizon(&decision("a")).unwrap();
    let sealed = vault.seal_with(Selection::everything(), SealOptions::default()).unwrap();
    let verify = || {
        let reader = Reader::open(&place).unwrap();
        verify_one_seal(&reader, sealed.seal_id, &Outside::default(), later()).unwrap().report
    };
    assert!(verify().has(Code::HorizonUnclosed));
    vault.close_horizon(&outcome("a", Outcome::Withheld)).unwrap();
    assert!(!verify().has(Code::HorizonUnclosed));
}

#[test]
fn of_a_decision_whose_acts_nobody_looks_for_no_proof_is_made() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(64)).unwrap().vault;
    let made_up = vm_core::id::RowId::from_bytes([7; 16]);
    for (name, action, resource, proposal) in [
        ("deploys", Action::Record, "/proof_artifacts", None),
        ("scrolls", Action::Record, "/receipts/x", None),
        ("all", Action::Record, "/", None),
        ("nothing", Action::Execute, "/gate", None),
        ("invented", Action::Execute, "/gate", Some(made_up)),
    ] {
        let input = HorizonInput { action, resource: resource.parse().unwrap(), proposal, ..decision(name) };
        vault.open_horizon(&input).unwrap();
        vault.close_horizon(&outcome(name, Outcome::Withheld)).unwrap();
        vault.seal_with(Selection::everything(), SealOptions::default()).unwrap();
        let reader = Reader::open(&place).unwrap();
        let key = KeyStore::new(&place.keys, reader.ledger()).openings().unwrap();
        let refused = reader.prove_restraint(&reader.horizon(name).unwrap(), &[], &key).unwrap_err();
        assert_eq!((refused.code(), refused.exit_code()), ("restraint-unwatched", 2), "{name}");
    }
}
