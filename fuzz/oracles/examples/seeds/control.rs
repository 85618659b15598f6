//! Seeds of the control loop: signals, the gate, horizons, forecasts, and tokens that come and go.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use vaultmesh_oracles::anchor::at;
use vaultmesh_oracles::capability::ledger;
use vaultmesh_oracles::horizon::page_ledger;
use vm_core::canonical;
use vm_core::capability::{Action, Chain, Engines, Grant, PermitUse, Revocation, RevocationReason};
use vm_core::digest::{CapabilityHash, LeafHash, Sha256Digest};
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::id::{RowId, SealId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader, StoredRow, SystemKind};
use vm_core::redact::{KnownSecrets, Policy, Redacted};
use vm_core::source::hazmat::CountingEntropy;
use vm_dee::content::{Signable, Signed};
use vm_dee::intent::{Intent, ScrollLine, SealRef, scroll_line};
use vm_dee::proposal::{Direction, Effect, ReplayPlan};
use vm_dee::{Approval, Change, GatePolicy, Identity, Proposal, ProposalRef, Risk, Rule};
use vm_guardian::Signal;
use vm_seal::scroll::line_leaf;
use vm_shadow::{Conclusion, Counterfactual, Decision, Observation, OptionReceipt, Outcome, Power, VerifiedOpening};

use crate::{key, moved, seed};

pub(crate) fn all() {
    guardian();
    gate();
    horizon();
    restraint();
    autogene();
    tokens();
}

/// The sample at `place` of a format page.
fn page(name: &str, place: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec").join(name);
    let text = fs::read_to_string(path).unwrap();
    text.split("```json\n").nth(place + 1).unwrap().split("\n```").next().unwrap().to_owned()
}

fn edited(json: &str, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_str(json).unwrap();
    edit(&mut value);
    canonical::to_bytes(&value).unwrap()
}

fn header(number: u8) -> RowHeader {
    RowHeader {
        id: RowId::from_bytes([number; 16]),
        ts: moved(i64::from(number)),
        trace_id: TraceId::from_bytes([8; 16]),
        corrects: None,
    }
}

/// Leaf data of rows, a line each.
fn lines(rows: &[StoredRow]) -> Vec<u8> {
    rows.iter().flat_map(|row| [row.leaf_data().unwrap(), b"\n".to_vec()].concat()).collect()
}

fn stored(draft: &RowDraft) -> StoredRow {
    draft.complete(Some(CapabilityHash::from_bytes([3; 32]))).unwrap()
}

fn system(kind: SystemKind, subject: Option<RowId>, content: &Value, header: RowHeader) -> RowDraft {
    let meta = Some(Redacted::system(content).unwrap());
    ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject, meta }.into_draft(None).unwrap()
}

fn guardian() {
    for name in ["signal", "report", "incident"] {
        let sample = page(&format!("guardian-{name}.md"), 0);
        seed("guardian_artifact", name, &sample);
        let later = sample.replace("-v0\"", "-v1\"");
        seed("guardian_artifact", &format!("{name}-later"), later);
    }
    let report = page("guardian-report.md", 0);
    let spent = json!({"limit": 10, "resource": "rows"});
    seed("guardian_artifact", "report-spent", edited(&report, |report| report["spent"] = spent));
    let unsaid = |report: &mut Value| _ = report.as_object_mut().unwrap().remove("spent");
    seed("guardian_artifact", "report-unsaid", edited(&report, unsaid));
    let listed = |report: &mut Value| report["notes"] = json!([["code", "subject", null, null]]);
    seed("guardian_artifact", "report-listed", edited(&report, listed));
    let unlabelled = |signal: &mut Value| _ = signal.as_object_mut().unwrap().remove("benign");
    seed("guardian_artifact", "signal-unsaid", edited(&page("guardian-signal.md", 0), unlabelled));
    let trace = TraceId::from_bytes([8; 16]);
    let support = Signal::new("node-1", "support", "policy 7", 0.25, at(), trace).unwrap();
    let label = Signal::label("person", false, at(), trace).unwrap();
    let secret = Signal::new("ghp_0123456789abcdefghijABCDEFGHIJ456789", "x", "y", -1e300, at(), trace).unwrap();
    for (name, signal) in [("support", support), ("label", label), ("secret", secret)] {
        let draft = signal.draft(header(7), &KnownSecrets, &mut CountingEntropy::new(1)).unwrap();
        seed("guardian_artifact", &format!("row-{name}"), stored(&draft).leaf_data().unwrap());
    }
}

/// Seconds that an approval lasts.
const LASTS: u64 = 1_000;

fn gate() {
    for (name, file) in [
        ("policy", "gate-policy"),
        ("proposal", "dee-proposal"),
        ("replay", "dee-replay"),
        ("approval", "dee-approval"),
        ("intent", "dee-intent"),
        ("outcome", "dee-outcome"),
    ] {
        seed("gate_row", name, page(&format!("{file}.md"), 0));
    }
    seed("gate_row", "outcome-withheld", page("dee-outcome.md", 1));
    let unsaid = |proposal: &mut Value| _ = proposal.as_object_mut().unwrap().remove("rollback");
    seed("gate_row", "proposal-unsaid", edited(&page("dee-proposal.md", 0), unsaid));
    let listed = |policy: &mut Value| policy["rules"] = json!([["nigredo", "low", 2, [], false, false, 1000]]);
    seed("gate_row", "policy-listed", edited(&page("gate-policy.md", 0), listed));
    road();
    epoch();
}

fn signed<C: Signable>(content: C, by: u8, number: u8) -> (Signed<C>, StoredRow) {
    let signed = Signed::sign(content, &key(by)).unwrap();
    let row = stored(&signed.draft(header(number)).unwrap());
    (signed, row)
}

/// Two may approve, one of them a person, and both must.
fn policy(replay: bool) -> StoredRow {
    let identity = |name: &str, by: u8, human| Identity {
        name: name.parse().unwrap(),
        keys: vec![key(by).public()],
        roles: BTreeSet::from(["operator".parse().unwrap()]),
        human,
    };
    let rule = Rule {
        epoch: Epoch::Nigredo,
        risk: Risk::Medium,
        quorum: 2,
        roles: BTreeSet::new(),
        human: true,
        replay,
        lasts_seconds: LASTS,
    };
    let identities = vec![identity("ada", 10, true), identity("bob", 11, false)];
    let row = header(11).id;
    signed(GatePolicy { ledger: ledger(), row, number: 1, identities, rules: vec![rule] }, 1, 11).1
}

fn proposal(change: Change) -> (ProposalRef, StoredRow) {
    let content = Proposal {
        ledger: ledger(),
        row: header(12).id,
        epoch: Epoch::Nigredo,
        proposer: key(50).public(),
        risk: change.kind().risk_floor(),
        rollback: None,
        command: None,
        change,
        evidence: Vec::new(),
        expected: vec![Effect { measure: "blocked_benign".parse().unwrap(), direction: Direction::Falls }],
        replay: Some(ReplayPlan { from: 0, to: 1, benign_blocked_max: 0 }),
        expires: moved(9_000),
    };
    let (signed, row) = signed(content, 50, 12);
    (signed.reference().unwrap(), row)
}

fn approval(proposal: ProposalRef, by: u8, number: u8) -> StoredRow {
    let (row, given, expires) = (header(number).id, at(), moved(i64::try_from(LASTS).unwrap()));
    let (epoch, approver) = (Epoch::Nigredo, key(by).public());
    signed(Approval { ledger: ledger(), row, proposal, epoch, approver, given, expires }, by, number).1
}

fn intent(proposal: ProposalRef, approvals: Vec<RowId>, as_of: u64) -> StoredRow {
    let leaf = line_leaf(&scroll_line(ledger(), Epoch::Nigredo, proposal).unwrap());
    let content = Intent {
        ledger: ledger(),
        proposal,
        epoch: Epoch::Nigredo,
        approvals,
        scroll: ScrollLine { engine: "dee".parse().unwrap(), line: 0, leaf },
        seal: SealRef { id: SealId::from_bytes([4; 16]), file: Sha256Digest::of(b"seal"), as_of },
        anchor: Some(Sha256Digest::of(b"anchor")),
    };
    let mut value = serde_json::to_value(&content).unwrap();
    value["format"] = json!("vm-dee-intent-v0");
    stored(&system(SystemKind::Intent, Some(proposal.row), &value, header(16)))
}

fn succeeded(proposal: ProposalRef, intent: RowId) -> StoredRow {
    let content = json!({
        "format": "vm-dee-outcome-v0", "ledger": ledger(), "proposal": proposal, "intent": intent, "end": "succeeded",
        "cause": null, "result": Sha256Digest::of(b"result"), "receipt": null,
    });
    stored(&system(SystemKind::Outcome, Some(intent), &content, header(18)))
}

/// A policy, a proposal, its replay, two approvals, its intent and its outcome.
fn road() {
    let change = Change::Threshold { name: "risk.max".parse().unwrap(), from: 0.5, to: 0.75 };
    let (reference, proposed) = proposal(change);
    let replay = json!({
        "format": "vm-dee-replay-v0", "ledger": ledger(), "proposal": reference,
        "plan": ReplayPlan { from: 0, to: 1, benign_blocked_max: 0 }, "before": Sha256Digest::of(b"before"),
        "after": Sha256Digest::of(b"after"), "inputs": LeafHash::of(b"call").to_root(), "considered": 1, "benign": 0,
        "newly_blocked": 1, "newly_allowed": 0, "benign_blocked": 0, "examples": [],
    });
    let replayed = stored(&system(SystemKind::Replay, Some(reference.row), &replay, header(13)));
    let approvals = [approval(reference, 10, 14), approval(reference, 11, 15)];
    let named = approvals.iter().map(|row| row.id().unwrap()).collect();
    let intended = intent(reference, named, 6);
    let ended = succeeded(reference, intended.id().unwrap());
    let [ada, bob] = approvals;
    let rows = [policy(true), proposed, replayed, ada, bob, intended, ended];
    seed("gate_row", "road", lines(&rows));
    seed("gate_row", "road-backward", lines(&rows.into_iter().rev().collect::<Vec<_>>()));
}

/// A policy, and a change of epoch from proposal to outcome.
fn epoch() {
    let (from, to) = (Epoch::Nigredo, Epoch::Albedo);
    let (reference, proposed) = proposal(Change::Epoch { from, to });
    let approvals = [approval(reference, 10, 14), approval(reference, 11, 15)];
    let named = approvals.iter().map(|row| row.id().unwrap()).collect();
    let intended = intent(reference, named, 5);
    let id = intended.id().unwrap();
    let change = system(SystemKind::EpochChange, Some(id), &EpochChange { from, to }.to_value(), header(17));
    let ended = succeeded(reference, id);
    let [ada, bob] = approvals;
    seed("gate_row", "epoch", lines(&[policy(false), proposed, ada, bob, intended, stored(&change), ended]));
}

fn horizon() {
    let pages = [page("horizon-opened.md", 0), page("horizon-closed.md", 0)];
    for (name, row) in ["opening", "closing"].iter().zip(&pages) {
        seed("horizon_row", name, row);
        let row: Value = serde_json::from_str(row).unwrap();
        seed("horizon_row", &format!("{name}-alone"), row["row"]["meta_json"].as_str().unwrap());
    }
    seed("horizon_row", "unreceived", pages.join("\n"));
    let rows = decision(Outcome::Taken { option: 1 });
    seed("horizon_row", "taken", lines(&rows));
    seed("horizon_row", "twice", lines(&[rows.clone(), rows].concat()));
}

/// An opening, a receipt for the first of two options, and a closing.
fn decision(outcome: Outcome) -> Vec<StoredRow> {
    let (policy, mut entropy, observer) = (Policy::builtin(), CountingEntropy::new(5), key(5));
    let options = [json!({"would": "deploy"}), json!("roll back")].map(|value| Counterfactual::new(value).unwrap());
    let horizon_id = "deploy/api".parse().unwrap();
    let power = Power {
        capability: CapabilityHash::from_bytes([3; 32]),
        action: Action::Record,
        resource: "/tool_invocations".parse().unwrap(),
        epoch: Epoch::Nigredo,
    };
    let decision = Decision {
        header: header(21),
        ledger: page_ledger(),
        horizon_id: &horizon_id,
        options: &options,
        power: &power,
        proposal: Some(header(12).id),
        deadline: moved(100),
    };
    let opened = stored(&vm_shadow::open(&decision, &observer, &policy, &KnownSecrets, &mut entropy).unwrap());
    let opening = VerifiedOpening::of(&opened, page_ledger()).unwrap();
    let observation = Observation {
        header: header(22),
        ledger: page_ledger(),
        horizon_id: &horizon_id,
        counterfactual: &options[0],
        entropy_delta: 0.0,
        reason: "error budget spent",
        meta: None,
    };
    let receipt = vm_shadow::observe(&observation, &observer, &policy, &KnownSecrets, &mut entropy).unwrap();
    let receipts = [OptionReceipt { option: 0, row: header(22).id }];
    let conclusion = Conclusion { header: header(23), opening: &opening, outcome, receipts: &receipts };
    vec![opened, stored(&receipt), stored(&vm_shadow::close(&conclusion, &observer).unwrap())]
}

fn restraint() {
    let proof = page("restraint-proof.md", 0);
    seed("restraint_proof", "page", &proof);
    seed("restraint_proof", "later", proof.replace("vm-restraint-proof-v0", "vm-restraint-proof-v1"));
    seed("restraint_proof", "unopened", edited(&proof, |proof| proof["opened"] = json!([])));
    seed("restraint_proof", "rowless", edited(&proof, |proof| proof["rows"] = json!([])));
    let unsaid = |proof: &mut Value| _ = proof["complete"].as_object_mut().unwrap().remove("proposal");
    seed("restraint_proof", "unsaid", edited(&proof, unsaid));
}

fn autogene() {
    for name in ["forecast", "recommendation", "score", "calibration"] {
        let sample = page(&format!("autogene-{name}.md"), 0);
        seed("autogene_artifact", name, &sample);
        seed("autogene_artifact", &format!("{name}-later"), sample.replace("-v0\"", "-v1\""));
    }
    let time = at().to_string();
    let advice = json!([
        {"look_at": "drift", "at": time, "before": -1.5, "after": 1e300},
        {"look_at": "outlier", "at": time, "value": 0},
    ]);
    let recommendation = page("autogene-recommendation.md", 0);
    seed("autogene_artifact", "recommendation-all", edited(&recommendation, |all| all["advice"] = advice));
    let forecast = page("autogene-forecast.md", 0);
    let seen = edited(&forecast, |forecast| {
        forecast["drift"] = json!([{"at": forecast["since"], "before": 1, "after": 2}]);
        forecast["outliers"]["found"] = json!([{"at": "2026-09-22T00:00:00.000000Z", "value": 6}]);
    });
    seed("autogene_artifact", "forecast-seen", seen);
    let level = edited(&forecast, |forecast| forecast["limit"]["intervals"][1]["level"] = json!(7));
    seed("autogene_artifact", "forecast-other-level", level);
    let wide = edited(&forecast, |forecast| {
        for interval in forecast["intervals"].as_array_mut().unwrap() {
            interval["lower"] = json!([-1.7e308, -1.7e308, -1.7e308]);
            interval["upper"] = json!([1.7e308, 1.7e308, 1.7e308]);
        }
    });
    seed("autogene_artifact", "forecast-wide", wide);
    let large = edited(&page("autogene-score.md", 0), |score| score["mae"] = json!(1.7e308));
    seed("autogene_artifact", "score-large", large);
}

fn grant(holder: u8, uses: Option<u64>) -> Grant {
    Grant {
        ledger: ledger(),
        holder: key(holder).public(),
        actions: Action::ALL.iter().copied().collect(),
        engines: Engines::All,
        epochs: BTreeSet::from(Epoch::ALL),
        resource: "/".parse().unwrap(),
        not_before: at(),
        expires: Instant::MAX,
        uses,
        min_interval_seconds: uses.map(|_| 2),
        nonce: Sha256Digest::of(&[holder]),
    }
}

/// Two tokens issued, two uses of the second, a change of epoch, and the second revoked.
fn tokens() {
    let one = Chain::root(&key(1), grant(2, None)).unwrap();
    let two = one.narrow(&key(2), grant(3, Some(3))).unwrap();
    let [operator, narrow] = [&one, &two].map(|chain| chain.last().unwrap().hash().unwrap());
    let revocation = Revocation::sign(&key(2), ledger(), narrow, RevocationReason::Superseded).unwrap().to_value();
    let change = EpochChange { from: Epoch::Nigredo, to: Epoch::Albedo }.to_value();
    let spent = |number| PermitUse { capability: narrow, number, rows: 1 }.to_value();
    let chain = |chain: &Chain| serde_json::from_slice::<Value>(&chain.to_bytes().unwrap()).unwrap();
    let row = |number: u8, kind, under, content: &Value| {
        system(kind, None, content, header(number)).complete(Some(under)).unwrap()
    };
    let report = |number: u8| {
        let (kind, meta) = ("report".parse().unwrap(), Some(Redacted::system(&json!({})).unwrap()));
        let report = ProofArtifact { header: header(number), kind, file: None, subject: None, meta };
        report.into_draft(None).unwrap().complete(Some(narrow)).unwrap()
    };
    let life = vec![
        row(31, SystemKind::Capability, operator, &chain(&one)),
        row(32, SystemKind::Capability, operator, &chain(&two)),
        report(33),
        row(34, SystemKind::PermitUse, narrow, &spent(1)),
        report(36),
        row(37, SystemKind::PermitUse, narrow, &spent(3)),
        row(38, SystemKind::EpochChange, operator, &change),
        row(39, SystemKind::Revocation, operator, &revocation),
    ];
    seed("token_rows", "life", lines(&life));
    let late = [life[0].clone(), life[1].clone(), life[7].clone(), life[2].clone(), life[3].clone()];
    seed("token_rows", "revoked", lines(&late));
    let twice = [&life[..4], &[report(40), row(41, SystemKind::PermitUse, narrow, &spent(1))]].concat();
    seed("token_rows", "spent-twice", lines(&twice));
    seed("token_rows", "uncovered", lines(&life[..3]));
    let alone = [&revocation, &spent(2), &change].map(|content| canonical::to_text(content).unwrap());
    seed("token_rows", "alone", alone.join("\n"));
    let large = json!({"capability": narrow, "format": PermitUse::FORMAT, "rows": 1e300, "use": 1});
    let still = EpochChange { from: Epoch::Albedo, to: Epoch::Albedo }.to_value();
    let bad = [large, still].map(|content| canonical::to_text(&content).unwrap());
    seed("token_rows", "malformed", bad.join("\n"));
}
