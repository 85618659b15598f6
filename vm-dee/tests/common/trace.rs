//! The rows of a log as events of `spec/GateTrace.tla`, read from the rows alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::epoch::EpochChange;
use vm_core::id::RowId;
use vm_core::key::PublicKey;
use vm_core::record::{LogEntry, StoredRow, SystemKind};
use vm_dee::content::Signed;
use vm_dee::{Approval, Change, End, GatePolicy, Intent, Outcome, Proposal};

use super::at;

/// Longest text of an epoch change.
const CHANGE_MAX: usize = 1_024;

/// Rows are named by their places. Times are seconds since the beginning of [`at`], which are small enough for TLC.
/// Seals and anchors are no rows of the gate: those that intents rest on are told at the place that they were made at.
/// An execution that succeeded is told before its outcome.
pub(crate) fn events(rows: &[(LogEntry, StoredRow)]) -> Vec<Value> {
    let mut teller = Teller { seals: seals(rows), ..Teller::default() };
    for (entry, row) in rows {
        teller.tell(entry, row);
    }
    teller.events
}

/// Size of the log that each seal was made at, and whether it was anchored.
fn seals(rows: &[(LogEntry, StoredRow)]) -> BTreeMap<u64, bool> {
    let mut seals = BTreeMap::new();
    for (_, row) in rows.iter().filter(|(_, row)| is(row, SystemKind::Intent)) {
        let intent = Intent::of_row(row).unwrap();
        *seals.entry(intent.seal.as_of).or_default() |= intent.anchor.is_some();
    }
    seals
}

fn is(row: &StoredRow, kind: SystemKind) -> bool {
    row.text("kind") == Some(kind.as_str())
}

#[derive(Default)]
struct Teller {
    seals: BTreeMap<u64, bool>,
    places: BTreeMap<RowId, u64>,
    /// The proposal of each intent.
    intents: BTreeMap<RowId, u64>,
    changes: BTreeMap<u64, bool>,
    owners: BTreeMap<PublicKey, String>,
    now: i64,
    events: Vec<Value>,
}

fn seconds(instant: vm_core::instant::Instant) -> i64 {
    (instant.as_micros() - at(0).as_micros()) / 1_000_000
}

impl Teller {
    fn tell(&mut self, entry: &LogEntry, row: &StoredRow) {
        self.tell_time(seconds(row.ts().unwrap()));
        self.tell_seals(entry.seq);
        self.places.insert(entry.row_id, entry.seq);
        let kind = row.text("kind").unwrap();
        match kind {
            _ if is(row, SystemKind::GatePolicy) => self.tell_policy(row),
            _ if is(row, SystemKind::Proposal) => self.tell_proposal(entry.seq, row),
            _ if is(row, SystemKind::Approval) => self.tell_approval(entry.seq, row),
            _ if is(row, SystemKind::Intent) => self.tell_intent(entry.row_id, row),
            _ if is(row, SystemKind::Outcome) => self.tell_outcome(row),
            _ if is(row, SystemKind::EpochChange) => self.tell_change(row),
            other => panic!("the specification knows no {other}"),
        }
    }

    fn tell_time(&mut self, now: i64) {
        if now != self.now {
            self.now = now;
            self.events.push(json!({ "kind": "tick", "at": now }));
        }
    }

    fn tell_seals(&mut self, seq: u64) {
        let later = self.seals.split_off(&(seq + 1));
        for has_anchor in std::mem::replace(&mut self.seals, later).into_values() {
            self.events.push(json!({ "kind": "seal" }));
            if has_anchor {
                self.events.push(json!({ "kind": "anchor" }));
            }
        }
    }

    fn tell_policy(&mut self, row: &StoredRow) {
        let policy = Signed::<GatePolicy>::of_row(row).unwrap();
        let identities = &policy.content().identities;
        for identity in identities {
            self.owners.extend(identity.keys.iter().map(|key| (*key, identity.name.to_string())));
        }
        let who: Vec<String> = identities.iter().map(|identity| identity.name.to_string()).collect();
        self.events.push(json!({ "kind": "policy", "who": who }));
    }

    fn tell_proposal(&mut self, seq: u64, row: &StoredRow) {
        let signed = Signed::<Proposal>::of_row(row).unwrap();
        let content = signed.content();
        let to = match content.change {
            Change::Epoch { to, .. } => to.as_str(),
            _ => "none",
        };
        self.changes.insert(seq, to != "none");
        let (epoch, until) = (content.epoch.as_str(), seconds(content.expires));
        self.events.push(json!({ "kind": "proposal", "p": seq, "to": to, "epoch": epoch, "until": until }));
    }

    fn tell_approval(&mut self, seq: u64, row: &StoredRow) {
        let signed = Signed::<Approval>::of_row(row).unwrap();
        let content = signed.content();
        let (p, who) = (self.places[&content.proposal.row], &self.owners[&content.approver]);
        let (epoch, until) = (content.epoch.as_str(), seconds(content.expires));
        let event = json!({ "kind": "approval", "p": p, "who": who, "epoch": epoch, "until": until, "n": seq });
        self.events.push(event);
    }

    fn tell_intent(&mut self, id: RowId, row: &StoredRow) {
        let content = Intent::of_row(row).unwrap();
        let p = self.places[&content.proposal.row];
        let by: Vec<u64> = content.approvals.iter().map(|approval| self.places[approval]).collect();
        self.intents.insert(id, p);
        let anchored = content.anchor.is_some();
        let epoch = content.epoch.as_str();
        self.events.push(json!({ "kind": "intent", "p": p, "epoch": epoch, "by": by, "anchored": anchored }));
    }

    fn tell_outcome(&mut self, row: &StoredRow) {
        let content = Outcome::of_row(row).unwrap();
        let p = self.places[&content.proposal().row];
        if content.end() == End::Succeeded && !self.changes[&p] {
            self.events.push(json!({ "kind": "execute", "p": p }));
        }
        self.events.push(json!({ "kind": "outcome", "p": p, "end": content.end().as_str() }));
    }

    fn tell_change(&mut self, row: &StoredRow) {
        let value = canonical::parse_exact(row.text("meta_json").unwrap().as_bytes(), CHANGE_MAX).unwrap();
        let change = EpochChange::from_value(&value).unwrap();
        let p = self.intents[&row.row_ref("subject_id").unwrap().unwrap()];
        self.events.push(json!({ "kind": "change", "p": p, "to": change.to.as_str() }));
    }
}
