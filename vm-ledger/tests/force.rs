//! What is in force: tokens that are revoked, uses that are spent, the epoch, and decisions taken under the writers' lock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::{Fixture, Limits, access, chain, genesis, now, operator, permit, permit_with, root_key};
use serde_json::json;
use vm_core::capability::{Act, Authority, Grant, Holder, InForce, Permit, Revocation, RevocationReason, act};
use vm_core::digest::Sha256Digest;
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::error::CapabilityError;
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{ArtifactKind, FormatChange, ProofArtifact, RowDraft, RowHeader, SystemKind};
use vm_core::redact::Redacted;
use vm_core::view::{EvidenceView as _, RowState, Visit};
use vm_ledger::{Decided, Ledger, LedgerError, Snapshot, restore};
use vm_seal::audit::{Trust, audit};

/// A refusal of whoever decides.
#[derive(Debug, thiserror::Error)]
#[error("no")]
struct No;

fn later(seconds: i64) -> Instant {
    now().saturating_add_micros(seconds * 1_000_000)
}

fn system(fixture: &mut Fixture, kind: SystemKind, content: &serde_json::Value) -> RowDraft {
    let (header, meta) = (fixture.maker.header(), Some(Redacted::system(content).unwrap()));
    let row = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject: None, meta };
    row.into_draft(None).unwrap()
}

fn revocation(fixture: &Fixture, limits: Limits, by: &SigningIdentity) -> Revocation {
    let token = chain(fixture.id(), limits).last().unwrap().hash().unwrap();
    Revocation::sign(by, fixture.id(), token, RevocationReason::KeyCompromise).unwrap()
}

fn revoke(fixture: &mut Fixture, revocation: &Revocation) -> Result<(), LedgerError> {
    let (permit, headers) = (permit::<act::Record>(fixture.id()), fixture.maker.headers());
    fixture.ledger.record_revocation(&permit, headers, revocation, now()).map(drop)
}

/// Kinds of the artifacts in the log, and that an audit finds no fault with what they are recorded under.
fn kinds(ledger: &Ledger) -> Vec<String> {
    let snapshot = ledger.snapshot().unwrap();
    let audited = audit(&snapshot, Some(ledger.files()), &Trust::default());
    // Some tests here let the clock jump.
    let codes = audited.report.findings().iter().map(|finding| finding.code().as_str());
    let codes: Vec<_> = codes.filter(|code| *code != "time-not-monotonic").collect();
    assert_eq!(codes, ["no-trust-key", "rollback-not-excluded"], "{:?}", audited.report.findings());
    kinds_of(&snapshot)
}

fn kinds_of(snapshot: &Snapshot) -> Vec<String> {
    let mut kinds = Vec::new();
    let visit = &mut |_, state| {
        if let RowState::Present(row) = state {
            kinds.push(row.text("kind").unwrap_or(row.table().as_str()).to_owned());
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_log(0, u64::MAX, visit).unwrap();
    kinds
}

#[test]
fn a_revoked_token_and_its_children_record_nothing_more() {
    let mut fixture = Fixture::new();
    let parent = || Limits { resource: "/tool_invocations", ..Limits::default() };
    fixture.issue(parent());
    // A child of that token, for somebody else.
    let holder = SigningIdentity::from_seed(&[44; 32]);
    let of = chain(fixture.id(), parent());
    let grant =
        Grant { holder: holder.public(), nonce: Sha256Digest::of(b"child"), ..of.last().unwrap().grant().clone() };
    let child = of.narrow(&operator(), grant).unwrap();
    let headers = fixture.maker.headers();
    fixture.ledger.record_capability(&permit(fixture.id()), headers, &child, now()).unwrap();
    let holder = Holder::new(child, holder).unwrap();
    let childs = |fixture: &Fixture| -> Permit<act::Record> {
        let invocation = holder.invoke::<act::Record>(Epoch::Nigredo, now(), None).unwrap();
        let (ledger, root) = (fixture.id(), root_key().public());
        let authority = Authority { ledger, root, epoch: Epoch::Nigredo, now: now(), revoked: &|_| false };
        authority.permit(holder.chain(), &invocation).unwrap()
    };
    let parents = |fixture: &Fixture| permit_with::<act::Record>(fixture.id(), parent(), None);
    // Both permits are given before: what counts is what stands when the row is written, here through a second writer.
    let (of_parent, of_child) = (parents(&fixture), childs(&fixture));
    let mut other = Ledger::open(&fixture.path(), access(8)).unwrap();
    other.append(&of_child, vec![fixture.maker.tool("before")], now()).unwrap();

    let strangers = [operator(), SigningIdentity::from_seed(&[77; 32])];
    for stranger in &strangers {
        let by_a_stranger = revocation(&fixture, parent(), stranger);
        let error = revoke(&mut fixture, &by_a_stranger).unwrap_err();
        assert_eq!(error.code(), "capability-not-issuer");
    }
    let unknown = Limits { uses: Some(5), ..Limits::default() };
    let of_nothing = revocation(&fixture, unknown, &root_key());
    let error = revoke(&mut fixture, &of_nothing).unwrap_err();
    assert_eq!(error.code(), "capability-unissued");
    let good = revocation(&fixture, parent(), &root_key());
    revoke(&mut fixture, &good).unwrap();
    assert_eq!(revoke(&mut fixture, &good).unwrap_err().code(), "capability-revoked");

    for ledger in [&mut fixture.ledger, &mut other] {
        for permit in [&of_parent, &of_child] {
            let draft = fixture.maker.tool("after");
            assert_eq!(ledger.append(permit, vec![draft], now()).unwrap_err().code(), "capability-revoked");
        }
    }
    // The operator's own token is another.
    let tool = fixture.maker.tool("goes on");
    fixture.append(vec![tool]);
    assert!(kinds(&fixture.ledger).contains(&"vm-revocation".to_owned()));
}

#[test]
fn what_a_writer_refuses_an_audit_contradicts() {
    let mut fixture = Fixture::new();
    let narrow = || Limits { resource: "/tool_invocations", ..Limits::default() };
    fixture.issue(narrow());
    let good = revocation(&fixture, narrow(), &root_key());
    revoke(&mut fixture, &good).unwrap();
    let capability = chain(fixture.id(), narrow()).last().unwrap().hash().unwrap();
    let row = fixture.maker.tool("after").into_row(Some(capability)).unwrap();
    let snapshot = fixture.ledger.snapshot().unwrap();
    let mut in_force = InForce::new(fixture.id(), genesis().root_key());
    let visit = &mut |stored, state| {
        if let (vm_core::view::StoredEntry::Entry(entry), RowState::Present(row)) = (stored, state)
            && entry.seq > 0
        {
            in_force.step(&row).unwrap();
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_log(0, u64::MAX, visit).unwrap();
    assert_eq!(in_force.step(&row), Err(CapabilityError::Revoked { capability }));
}

#[test]
fn a_use_is_a_row_and_outlives_a_restore() {
    let mut fixture = Fixture::new();
    let limits = || Limits { uses: Some(2), ..Limits::default() };
    fixture.issue(limits());
    let first = permit_with::<act::Record>(fixture.id(), limits(), Some(1));
    let drafts = vec![fixture.maker.tool("one"), fixture.maker.shadow()];
    fixture.ledger.append(&first, drafts, now()).unwrap();
    let found = kinds(&fixture.ledger);
    let end = ["tool_invocations", "shadow_receipts", "vm-format-change", "vm-permit-use"];
    assert_eq!(found[found.len() - 4..], end);
    let token = chain(fixture.id(), limits()).last().unwrap().hash().unwrap();
    let in_force = fixture.ledger.refresh().unwrap();
    assert_eq!((in_force.spent(&token), in_force.next_use(&token)), (1, Some(2)));

    let snapshot = fixture.ledger.snapshot().unwrap();
    let mut leaves: Vec<Result<Vec<u8>, std::io::Error>> = Vec::new();
    let visit = &mut |_, state| {
        if let RowState::Present(row) = state {
            leaves.push(Ok(row.leaf_data().unwrap()));
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_log(0, u64::MAX, visit).unwrap();
    let copy = fixture.dir.path().join("copy");
    let notes = snapshot.checkpoint().unwrap();
    restore(&copy, leaves, notes, |_, _| Ok(()), &access(9).patience, now()).unwrap();
    let mut copy = Ledger::open(&copy, access(9)).unwrap();
    let draft = fixture.maker.tool("again");
    assert_eq!(copy.append(&first, vec![draft.clone()], now()).unwrap_err().code(), "capability-spent");
    let second = permit_with::<act::Record>(copy.id(), limits(), Some(2));
    copy.append(&second, vec![draft], now()).unwrap();
}

#[test]
fn a_token_may_limit_the_rate_of_its_uses() {
    let mut fixture = Fixture::new();
    let paced = || Limits { uses: Some(9), interval: Some(60), ..Limits::default() };
    fixture.issue(paced());
    let spend = |fixture: &mut Fixture, number, at| {
        let permit = permit_with::<act::Record>(fixture.id(), paced(), Some(number));
        let draft = fixture.maker.tool("paced");
        fixture.ledger.append(&permit, vec![draft], at).map(drop).map_err(|error| error.code())
    };
    assert_eq!(spend(&mut fixture, 1, now()), Ok(()));
    assert_eq!(spend(&mut fixture, 2, later(59)), Err("capability-too-soon"));
    // What was refused left nothing behind, also not in what the writer remembers.
    assert_eq!(spend(&mut fixture, 2, later(60)), Ok(()));
    assert_eq!(spend(&mut fixture, 3, later(60)), Err("capability-too-soon"));
    assert_eq!(spend(&mut fixture, 3, later(120)), Ok(()));
    assert_eq!(spend(&mut fixture, 3, later(600)), Err("capability-spent"));
    let announced = |format: &str| {
        let mut found = false;
        let visit = &mut |_, state| {
            if let RowState::Present(row) = state {
                found |= FormatChange::of_row(&row).unwrap().is_some_and(|change| change.announces(format));
            }
            Ok(Visit::Continue)
        };
        fixture.ledger.snapshot().unwrap().visit_kind("vm-format-change", visit).unwrap();
        found
    };
    assert!(announced("vm-capability-v1") && announced("vm-permit-use-v0") && !announced("vm-revocation-v0"));
    kinds(&fixture.ledger);
}

#[test]
fn seals_and_anchors_spend_a_use_of_their_token_too() {
    let mut fixture = Fixture::new();
    let limits = || Limits { uses: Some(1), ..Limits::default() };
    fixture.issue(limits());
    let permit = permit_with::<act::Seal>(fixture.id(), limits(), Some(1));
    let [announcement, header] = fixture.maker.headers();
    // An index is announced by a row of its own, which is an append of its own.
    let error = fixture.ledger.record_index(&permit, announcement, header, now()).unwrap_err();
    assert_eq!(error.code(), "capability-spent");
    let headers = fixture.maker.headers();
    let attempts = permit_with::<act::Record>(fixture.id(), Limits::default(), None);
    fixture.ledger.record_policy(&attempts, headers, b"format = \"x\"", now()).unwrap();
    kinds(&fixture.ledger);
}

fn decide<A: Act>(
    fixture: &mut Fixture,
    permit: &Permit<A>,
    rows: Vec<RowDraft>,
) -> Result<usize, Option<&'static str>> {
    let announcement = fixture.maker.header();
    let decided = fixture.ledger.decide(permit, announcement, now(), |_| Ok::<_, No>(rows));
    decided.map(|rows| rows.len()).map_err(|error| error.code())
}

#[test]
fn rows_of_the_gate_need_the_permit_of_their_act() {
    let mut fixture = Fixture::new();
    let change = EpochChange { from: Epoch::Nigredo, to: Epoch::Albedo }.to_value();
    let change = system(&mut fixture, SystemKind::EpochChange, &change);
    let proposal = system(&mut fixture, SystemKind::Proposal, &json!({ "format": "vm-dee-proposal-v0" }));
    let (record, execute) = (permit::<act::Record>(fixture.id()), permit::<act::Execute>(fixture.id()));
    let epochs = permit::<act::ChangeEpoch>(fixture.id());
    assert_eq!(decide(&mut fixture, &record, vec![change.clone()]), Err(Some("row-reserved-kind")));
    assert_eq!(decide(&mut fixture, &execute, vec![proposal.clone()]), Err(Some("row-reserved-kind")));
    let tool = fixture.maker.tool("t");
    assert_eq!(decide(&mut fixture, &execute, vec![tool.clone()]), Err(Some("row-reserved-kind")));
    // Kinds of other operations stay theirs.
    let use_row = json!({ "capability": Sha256Digest::of(b"x"), "format": "vm-permit-use-v0", "rows": 1, "use": 1 });
    let use_row = system(&mut fixture, SystemKind::PermitUse, &use_row);
    assert_eq!(decide(&mut fixture, &record, vec![use_row]), Err(Some("row-reserved-kind")));
    assert_eq!(decide(&mut fixture, &record, vec![proposal, tool]), Ok(2));
    let elsewhere = Limits { resource: "/seals", ..Limits::default() };
    let elsewhere = permit_with::<act::ChangeEpoch>(fixture.id(), elsewhere, None);
    assert_eq!(decide(&mut fixture, &elsewhere, vec![change.clone()]), Err(Some("capability-resource-not-granted")));
    let before = permit::<act::Record>(fixture.id());
    assert_eq!(decide(&mut fixture, &epochs, vec![change.clone()]), Ok(1));
    assert_eq!(fixture.ledger.epoch(), Epoch::Albedo);
    // The same change again changes from an epoch that is over, and permits of the epoch before are for nothing now.
    let again = EpochChange { from: Epoch::Nigredo, to: Epoch::Rubedo }.to_value();
    let again = system(&mut fixture, SystemKind::EpochChange, &again);
    assert_eq!(decide(&mut fixture, &epochs, vec![again]), Err(Some("capability-epoch")));
    let tool = fixture.maker.tool("late");
    assert_eq!(fixture.ledger.append(&before, vec![tool], now()).unwrap_err().code(), "capability-epoch");
}

#[test]
fn a_decision_sees_the_present_and_a_refusal_leaves_nothing() {
    let mut fixture = Fixture::new();
    let permit = permit::<act::Record>(fixture.id());
    let size = fixture.ledger.snapshot().unwrap().size().unwrap();
    let announcement = fixture.maker.header();
    let mut other = Ledger::open(&fixture.path(), access(8)).unwrap();
    other.append(&permit, vec![fixture.maker.tool("meanwhile")], now()).unwrap();
    let refused = fixture.ledger.decide(&permit, announcement, now(), |snapshot| {
        assert_eq!(snapshot.size().unwrap(), size + 1);
        Err::<Vec<RowDraft>, _>(No)
    });
    assert!(matches!(refused, Err(Decided::Refused(No))));
    assert_eq!(fixture.ledger.snapshot().unwrap().size().unwrap(), size + 1);
}

/// A token for so many acts gives its holder no more of them by way of others.
#[test]
fn uses_of_what_descends_from_a_token_are_uses_of_it() {
    let mut fixture = Fixture::new();
    let twice = || Limits { uses: Some(2), ..Limits::default() };
    fixture.issue(twice());
    let parent = chain(fixture.id(), twice());
    let mut children = Vec::new();
    for seed in 50..53 {
        let holder = SigningIdentity::from_seed(&[seed; 32]);
        let grant = Grant { holder: holder.public(), ..parent.last().unwrap().grant().clone() };
        let child = parent.narrow(&operator(), grant).unwrap();
        let headers = fixture.maker.headers();
        fixture.ledger.record_capability(&permit(fixture.id()), headers, &child, now()).unwrap();
        children.push(Holder::new(child, holder).unwrap());
    }
    let mut spend = |holder: &Holder, number| {
        let invocation = holder.invoke::<act::Record>(Epoch::Nigredo, now(), Some(number)).unwrap();
        let (ledger, root) = (fixture.id(), root_key().public());
        let authority = Authority { ledger, root, epoch: Epoch::Nigredo, now: now(), revoked: &|_| false };
        let permit = authority.permit::<act::Record>(holder.chain(), &invocation).unwrap();
        let draft = fixture.maker.tool("by a child");
        fixture.ledger.append(&permit, vec![draft], now()).map(drop).map_err(|error| error.code())
    };
    assert_eq!(spend(&children[0], 1), Ok(()));
    assert_eq!(spend(&children[1], 1), Ok(()));
    assert_eq!(spend(&children[2], 1), Err("capability-used-up"));
    assert_eq!(spend(&children[0], 2), Err("capability-used-up"));
    let own = permit_with::<act::Record>(fixture.id(), twice(), Some(1));
    let draft = fixture.maker.tool("by itself");
    assert_eq!(fixture.ledger.append(&own, vec![draft], now()).unwrap_err().code(), "capability-used-up");
    kinds(&fixture.ledger);
}

#[test]
fn no_row_claims_a_time_that_its_token_does_not_reach() {
    let mut fixture = Fixture::new();
    let permit = permit::<act::Record>(fixture.id());
    let grant = chain(fixture.id(), Limits::default()).last().unwrap().grant().clone();
    let mut at = |ts| {
        let header = RowHeader { ts, ..fixture.maker.header() };
        let draft = fixture.maker.tool_at(header, "imported", &json!({}));
        fixture.ledger.append(&permit, vec![draft], now()).map(drop).map_err(|error| error.code())
    };
    let skew = vm_core::capability::INVOCATION_SKEW_MICROS;
    assert_eq!(at(grant.not_before.saturating_add_micros(-skew - 1)), Err("capability-not-yet"));
    assert_eq!(at(grant.not_before.saturating_add_micros(-skew)), Ok(()));
    assert_eq!(at(grant.expires), Err("capability-expired"));
    // What the writer let in, an audit lets stand.
    assert_eq!(kinds(&fixture.ledger).last().unwrap(), "tool_invocations");
}

#[test]
fn a_row_that_is_not_as_it_was_logged_is_not_heeded() {
    let mut fixture = Fixture::new();
    let draft = fixture.maker.artifact("report", None);
    fixture.append(vec![draft]);
    let trigger: String = {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = 'proof_artifacts_no_update'";
        fixture.raw().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let sql = "DROP TRIGGER proof_artifacts_no_update; \
               UPDATE proof_artifacts SET kind = 'vm-revocation' WHERE kind = 'report'";
    fixture.raw().execute_batch(&format!("{sql}; {trigger}")).unwrap();
    // The one that was open had looked before; whoever opens it now looks.
    let opened = Ledger::open(&fixture.path(), access(7)).map(drop);
    assert!(matches!(opened, Err(LedgerError::LogAltered { .. })), "{opened:?}");
}
