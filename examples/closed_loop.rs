//! Did anything that was learned change something without leave? The whole circle on a recorded MCP session: signals of which
//! some lie, guardians, a proposal that is refused and one that is executed once, a change of epoch, seals and anchors of it all,
//! and a verification that finds nothing wrong.
//!
//! ```text
//! cargo run -p vaultmesh-examples --example closed_loop
//! ```

use std::cell::Cell;
use std::error::Error;
use std::path::Path;

use serde_json::json;
use vaultmesh::error::{GateError, VaultError};
use vaultmesh::guard::{Guarding, guard};
use vaultmesh::keys::KeyStore;
use vaultmesh::read::Reader;
use vaultmesh::system::SystemClock;
use vaultmesh::vault::{
    CaptureOptions, Executed, GrantRequest, LOCK_TIMEOUT, Place, PolicyInput, ProposalInput, Proposed, Sources,
    SuggestedIn, Thresholds, Vault,
};
use vaultmesh::verify::{Outside, Verification, verify_vault};
use vm_core::capability::Profile;
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, SealId};
use vm_core::source::Clock as _;
use vm_dee::Change;
use vm_guardian::detect::BUILT_IN;
use vm_guardian::signal::{SUPPORT, falco};
use vm_guardian::{Enrolments, Observed, Signal};
use vm_seal::selection::Selection;

/// A session between a public MCP client and a public server, as it crossed the pipe.
const CAPTURE: &[u8] = include_bytes!("../vaultmesh/tests/data/mcp/log5.jsonl");
/// An alert as Falco writes it.
const ALERT: &[u8] = br#"{"hostname":"node-1","output":"x","output_fields":{},"priority":"Warning","rule":"Terminal shell in container","source":"syscall","time":"2026-01-02T03:04:05.000000000Z"}"#;
/// Who may approve: ada and bea, one of them a person. A change of epoch needs both, whatever stands here.
const POLICY: &str = r#"
format = "vm-gate-policy-file-v0"
[[identity]]
name = "ada"
holders = ["ada"]
human = true
[[identity]]
name = "bea"
holders = ["bea"]
[[identity]]
name = "watch"
holders = ["watch"]
[[rule]]
epoch = "nigredo"
risk = "medium"
quorum = 1
roles = []
human = true
replay = true
lasts_seconds = 3600
"#;
/// What holds calls back at present: nothing.
const NOW: &[u8] = br#"{"format":"vm-thresholds-v0"}"#;
/// What would hold every call of a tool back, good or bad.
const HARSH: &[u8] = br#"{"block":{"method":["tools/call"]},"format":"vm-thresholds-v0"}"#;
/// What would hold back nothing that the session did.
const MILD: &[u8] = br#"{"block":{"method":["tools/remove"]},"format":"vm-thresholds-v0"}"#;

type Fault = Box<dyn Error>;

/// What each step came to.
#[derive(Debug, Default)]
struct Came {
    frames: u64,
    signals: usize,
    /// Guardians whose answer is no plain pass.
    speak_up: Vec<String>,
    /// What poisoned signals would have promoted, and was held back.
    held_back: usize,
    /// Names of refusals, in the order in which they came.
    refused: Vec<&'static str>,
    /// Table of the receipt of what was withheld.
    receipt: String,
    end: String,
    /// How often the executor ran.
    ran: u32,
    epoch: String,
    expired: usize,
    anchored: usize,
    verdict: String,
    exit_code: u8,
    findings: Vec<String>,
}

fn main() -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let came = run(folder.path(), &mut |line| println!("{line}"))?;
    if came.exit_code == 0 { Ok(()) } else { Err(came.findings.join("; ").into()) }
}

/// The circle, and where it happens.
struct Circle<'a> {
    place: Place,
    outside: Outside,
    came: Came,
    tell: &'a mut dyn FnMut(&str),
}

/// Goes once round in `folder`, and tells each step in a line.
fn run(folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<Came, Fault> {
    let place = Place { vault: folder.join("vault"), keys: folder.join("keys") };
    let vault = Vault::init(&place, Sources::system()?)?.vault;
    // A verifier keeps this elsewhere.
    let outside = Outside { trust: Some(vault.trust_file()?), ..Outside::default() };
    let mut circle = Circle { place, outside, came: Came::default(), tell };
    circle.record(vault)?;
    let report = circle.guard()?;
    circle.refuse(report)?;
    circle.execute(report)?;
    circle.change_epoch(report)?;
    circle.seal_and_anchor()?;
    circle.verify()?;
    Ok(circle.came)
}

impl Circle<'_> {
    fn tell(&mut self, line: &str) {
        (self.tell)(line);
    }

    /// The vault, opened with the token of one holder: what that one may not do is refused.
    fn open(&self, holder: &str) -> Result<Vault, Fault> {
        Ok(Vault::open_as(&self.place, Sources::system()?, LOCK_TIMEOUT, Some(&holder.parse()?))?)
    }

    /// Traffic, who may do what, and signals of which most lie.
    fn record(&mut self, mut vault: Vault) -> Result<(), Fault> {
        self.came.frames = vault.record_capture(&mut &CAPTURE[..], &CaptureOptions::default())?.frames;
        for (holder, profile) in
            [("ada", "guardian"), ("bea", "guardian"), ("watch", "guardian"), ("chief", "sovereign")]
        {
            vault.grant(token(holder, profile)?)?;
        }
        vault.gate_policy(PolicyInput::parse(POLICY)?)?;
        let mut signals = falco::read(ALERT)?.signals;
        // Five that are enrolled, of which one lies, and loudly; and ten keys of nobody.
        for (name, keys, each, value) in [("agent", 4, 4, 0.1), ("liar", 1, 40, 1.0), ("bot", 10, 4, 1.0)] {
            for key in 0..keys {
                for _ in 0..each {
                    let (actor, trace) = (format!("{name}-{key}"), vault.mint_trace());
                    signals.push(Signal::new(&actor, SUPPORT, "fetch-policy-2", value, SystemClock.now(), trace)?);
                }
            }
        }
        self.came.signals = vault.record_signals(&signals)?.len();
        let (frames, signals) = (self.came.frames, self.came.signals);
        self.tell(&format!(
            "recorded {frames} frames of MCP traffic and {signals} signals of 15 actors, most of them lies"
        ));
        Ok(())
    }

    /// What guardians see, with a head that was kept elsewhere: else a rollback is never excluded, which they tell.
    fn look(&mut self) -> Result<Vec<Observed>, Fault> {
        let reader = Reader::open(&self.place)?;
        self.outside.head = Some(reader.head()?);
        let enrolled = ["agent-0", "agent-1", "agent-2", "agent-3", "liar-0"];
        let mut enrolments =
            enrolled.iter().fold(Enrolments::new(), |all, actor| all.with(*actor, format!("owner-of-{actor}")));
        // The operator recorded what the actors said.
        enrolments.enrol_collector(KeyStore::new(&self.place.keys, reader.ledger()).operator()?.identity().public());
        let guarding = Guarding { enrolments, ..Guarding::default() };
        Ok(guard(&reader, &self.outside, &BUILT_IN, &guarding, &SystemClock)?)
    }

    /// Guardians look, and what they say is recorded. Gives the row of the report about signals.
    fn guard(&mut self) -> Result<RowId, Fault> {
        let all = self.look()?;
        let mut vault = self.open("watch")?;
        let mut report = None;
        for observed in &all {
            let rows = vault.record_observed(observed)?;
            if !observed.observations().report.findings().is_empty() {
                self.came.speak_up.push(observed.engine().to_string());
            }
            if observed.engine().as_str() == "guardian-poisoning" {
                self.came.held_back = observed.observations().withheld.len();
                report = rows.first().map(|row| row.id);
            }
        }
        let (speak_up, held_back) = (self.came.speak_up.join(", "), self.came.held_back);
        self.tell(&format!(
            "guardians that speak up: {speak_up}; {held_back} promotion held back, with a shadow receipt"
        ));
        report.ok_or_else(|| "the signals were not found out".into())
    }

    /// Makes a proposal of the guardian's report, and replays it over what the guardian saw.
    fn propose(&mut self, report: RowId, to: f64, after: &[u8]) -> Result<RowId, Fault> {
        let change = Change::Threshold { name: "signals.each".parse()?, from: 16.0, to };
        let mut vault = self.open("watch")?;
        let from = SuggestedIn { row: report, number: None };
        let Proposed { recorded, hash } = vault.propose_from(from, ProposalInput::of(change))?;
        vault.replay(recorded.id, &Thresholds::parse(NOW)?, &Thresholds::parse(after)?)?;
        self.tell(&format!("proposed and replayed {}, by the one who signs it: {hash}", recorded.id));
        Ok(recorded.id)
    }

    /// Takes a refusal down by its name; an error where there is none.
    fn refused<T>(&mut self, what: &str, result: Result<T, VaultError>) -> Result<(), Fault> {
        let Err(error) = result else { return Err(format!("nothing refused {what}").into()) };
        self.came.refused.push(error.code());
        self.tell(&format!("refused {what}: {}", error.code()));
        Ok(())
    }

    /// A proposal that would block good work: it cannot be approved, and is withheld.
    fn refuse(&mut self, report: RowId) -> Result<(), Fault> {
        let harsh = self.propose(report, 0.0, HARSH)?;
        let mut vault = self.open("watch")?;
        let approval = vault.approve(harsh, &"ada".parse()?, None);
        self.refused("approval of what blocks benign calls", approval)?;
        let withheld = vault.withhold(harsh, "its replay blocks benign calls")?;
        self.came.receipt = withheld.receipt.table.to_string();
        self.tell(&format!("withheld it; what was not done is row {} of {}", withheld.receipt.id, self.came.receipt));
        Ok(())
    }

    /// A milder one: approved by another than its proposer, and executed once by one who may.
    fn execute(&mut self, report: RowId) -> Result<(), Fault> {
        let mild = self.propose(report, 4.0, MILD)?;
        let mut watch = self.open("watch")?;
        let own = watch.approve(mild, &"watch".parse()?, None);
        self.refused("approval by the proposer", own)?;
        watch.approve(mild, &"ada".parse()?, None)?;
        let count = Cell::new(0);
        let (outside, mut chief) = (self.outside.clone(), self.open("chief")?);
        let run = |vault: &mut Vault| {
            vault.execute(mild, &outside, |_, _| {
                count.set(count.get() + 1);
                Ok(Sha256Digest::of(b"signals.each = 4"))
            })
        };
        let without_leave = run(&mut watch);
        self.refused("execution by the proposer", without_leave)?;
        let Executed { end, .. } = run(&mut chief)?;
        let again = run(&mut chief);
        self.refused("a second execution", again)?;
        (self.came.end, self.came.ran) = (end.as_str().to_owned(), count.get());
        self.tell(&format!("executed {mild}: {}, {} time", self.came.end, self.came.ran));
        Ok(())
    }

    /// A change of epoch, by the strictest gate, which voids what was approved in the old one.
    fn change_epoch(&mut self, report: RowId) -> Result<(), Fault> {
        let old = self.propose(report, 8.0, MILD)?;
        let mut watch = self.open("watch")?;
        watch.approve(old, &"ada".parse()?, None)?;
        let change = Change::Epoch { from: Epoch::Nigredo, to: Epoch::Rubedo };
        let epoch = watch.propose(ProposalInput::of(change))?.recorded.id;
        watch.approve(epoch, &"ada".parse()?, None)?;
        let (outside, mut chief) = (self.outside.clone(), self.open("chief")?);
        let by_one = chief.change_epoch(epoch, &outside);
        self.refused("a change of epoch that one approves", by_one)?;
        watch.approve(epoch, &"bea".parse()?, None)?;
        let blocked = chief.change_epoch(epoch, &outside);
        self.refused("a change of epoch that a guardian holds up, since nothing is sealed", blocked)?;
        self.seal_and_anchor()?;
        for observed in self.look()? {
            watch.record_observed(&observed)?;
        }
        self.tell("guardians looked again, and hold up nothing");
        let unanchored = chief.change_epoch(epoch, &outside);
        let seal = needs_anchor(&unanchored)?;
        self.refused("a change of epoch without an anchor", unanchored)?;
        chief.anchor_local(seal)?;
        chief.change_epoch(epoch, &outside)?;
        self.came.epoch = chief.epoch().to_string();
        let late = chief.execute(old, &outside, |_, _| Ok(Sha256Digest::of(b"too late")));
        self.refused("what was approved in the old epoch", late)?;
        self.came.expired = chief.gate_recover()?.ended.len();
        let (epoch, expired) = (self.came.epoch.clone(), self.came.expired);
        self.tell(&format!("epoch {epoch}; {expired} proposal of the old one recorded as expired"));
        Ok(())
    }

    /// Seals everything, and anchors each seal that has no anchor yet.
    fn seal_and_anchor(&mut self) -> Result<(), Fault> {
        let mut vault = Vault::open(&self.place, Sources::system()?, LOCK_TIMEOUT)?;
        let sealed = vault.seal(Selection::everything())?;
        for seal in self.verification()?.seals.iter().filter(|seal| seal.anchors.is_empty()) {
            vault.anchor_local(seal.seal_id.ok_or("a seal does not read")?)?;
            self.came.anchored += 1;
        }
        self.tell(&format!("sealed {} rows, and anchored {} seals", sealed.leaves, self.came.anchored));
        Ok(())
    }

    fn verification(&self) -> Result<Verification, Fault> {
        Ok(verify_vault(&Reader::open(&self.place)?, &self.outside, SystemClock.now())?)
    }

    /// What `vaultmesh verify --trust trust.toml --head head.txt` does.
    fn verify(&mut self) -> Result<(), Fault> {
        self.outside.head = Some(Reader::open(&self.place)?.head()?);
        let Verification { verdict, report, size, .. } = self.verification()?;
        (self.came.verdict, self.came.exit_code) = (verdict.to_string(), verdict.exit_code());
        self.came.findings = report.findings().iter().map(|finding| json!(finding).to_string()).collect();
        self.tell(&format!(
            "{verdict}: {size} rows, {} checks, exit code {}",
            report.checks().len(),
            verdict.exit_code()
        ));
        Ok(())
    }
}

fn token(holder: &str, profile: &str) -> Result<GrantRequest, Fault> {
    let actions = Profile::builtin(profile).ok_or("no such profile")?.actions;
    Ok(GrantRequest { from_root: profile == "sovereign", ..GrantRequest::new(holder.parse()?, actions) })
}

/// The seal that an execution asks to have anchored first.
fn needs_anchor<T>(result: &Result<T, VaultError>) -> Result<SealId, Fault> {
    match result {
        Err(VaultError::Gate(GateError::AnchorNeeded { seal })) => Ok(*seal),
        Err(error) => Err(format!("no anchor was asked for, but {error}").into()),
        Ok(_) => Err("no anchor was asked for".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_circle_closes_and_every_forbidden_road_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = Vec::new();
        let came = run(folder.path(), &mut |line| lines.push(line.to_owned())).unwrap();
        assert_eq!((came.frames, came.signals), (92, 1 + 4 * 4 + 40 + 10 * 4));
        assert!(came.speak_up.iter().any(|engine| engine == "guardian-poisoning"), "{:?}", came.speak_up);
        assert_eq!((came.held_back, came.receipt.as_str()), (1, "shadow_receipts"));
        let names = [
            "gate-regressed",
            "gate-by-proposer",
            "capability-action",
            "gate-proposal-unknown",
            "gate-quorum",
            "gate-blocked",
            "gate-unanchored",
            "gate-voided",
        ];
        assert_eq!(came.refused, names);
        assert_eq!((came.end.as_str(), came.ran), ("succeeded", 1));
        assert_eq!((came.epoch.as_str(), came.expired), ("rubedo", 1));
        assert!(came.anchored >= 3, "{}", came.anchored);
        assert_eq!((came.verdict.as_str(), came.exit_code), ("verified", 0), "{:#?}", came.findings);
        assert!(lines.iter().all(|line| !line.contains('\n')));
    }
}
