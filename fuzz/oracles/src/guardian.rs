//! Alerts and events of foreign sensors, and the signals, reports and incidents that guardians leave.

use std::collections::BTreeSet;

use vm_core::canonical::{self, Value};
use vm_core::digest::CapabilityHash;
use vm_core::id::{RowId, TraceId};
use vm_core::record::{RowHeader, StoredRow};
use vm_core::redact::KnownSecrets;
use vm_core::source::hazmat::CountingEntropy;
use vm_guardian::error::LogError;
use vm_guardian::signal::{FAULTS_MAX, LineFault, SignalLog, falco, tetragon};
use vm_guardian::{Artifact, Signal};

use crate::anchor::at;
use crate::record::logged;
use crate::text::assert_silent;

/// As `signals`, of Falco's alerts.
pub fn falco_alerts(data: &[u8]) {
    signals(data, falco::read);
}

/// As `signals`, of Tetragon's events.
pub fn tetragon_events(data: &[u8]) {
    signals(data, tetragon::read);
}

/// Each line gives a signal, a duplicate, nothing or a fault, the same as by itself; each signal has one form, in a row
/// too; no fault quotes a value.
fn signals(data: &[u8], read: fn(&[u8]) -> Result<SignalLog, LogError>) {
    let log = match read(data) {
        Ok(log) => log,
        Err(error) => return assert_silent(&error, data),
    };
    let mut expected = SignalLog::default();
    let mut keys = BTreeSet::new();
    let mut lines = 0;
    for (number, line) in (1..).zip(data.split(|byte| *byte == b'\n')) {
        let alone = read(line).expect("a line is no longer than the log");
        alone.signals.iter().for_each(|signal| check_line(line, signal));
        lines += u64::from(!line.trim_ascii().is_empty());
        expected.passed_over += alone.passed_over;
        for signal in alone.signals {
            if keys.insert(signal.key()) {
                expected.signals.push(signal);
            } else {
                expected.duplicates += 1;
            }
        }
        for fault in alone.faults {
            assert_silent(&fault.error, data);
            if expected.faults.len() < FAULTS_MAX {
                expected.faults.push(LineFault { line: number, ..fault });
            } else {
                expected.faults_dropped += 1;
            }
        }
    }
    assert_eq!(log, expected, "lines together and each by itself");
    let kept = log.signals.len() + log.faults.len();
    let counted = log.duplicates + log.passed_over + log.faults_dropped;
    assert_eq!(u64::try_from(kept).map(|kept| kept + counted), Ok(lines), "each line counts once");
    log.signals.iter().for_each(check_signal);
}

/// What a signal is read from are objects, and no lists in place of them.
fn check_line(line: &[u8], signal: &Signal) {
    // Texts that are not used may be no UTF-8.
    let Ok(event) = serde_json::from_slice::<Value>(line) else { return };
    let is_object = |value: &Value| assert!(value.is_object(), "read a list as an object: {value}");
    is_object(&event);
    if let Some(name) = signal.kind().strip_prefix("tetragon.") {
        is_object(&event[name]);
        // What was lost has no process.
        if !matches!(name, "rate_limit_info" | "process_throttle") {
            is_object(&event[name]["process"]);
            each(&event[name]["process"]["environment_variables"], is_object);
        }
    } else if !event["output_fields"].is_null() {
        is_object(&event["output_fields"]);
    }
}

/// A signal reads back as it is, from its value and from its row. A text that looks like a secret is committed, and the row
/// is then no signal.
fn check_signal(signal: &Signal) {
    let value = signal.to_value();
    let bytes = canonical::to_bytes(&value).expect("a signal has a canonical form");
    let stored = canonical::parse_exact(&bytes, bytes.len()).expect("as written");
    for value in [&value, &stored] {
        assert_eq!(Signal::from_value(value, signal.trace()).as_ref(), Ok(signal));
    }
    let header = RowHeader { id: RowId::from_bytes([7; 16]), ts: at(), trace_id: signal.trace(), corrects: None };
    let draft = signal.draft(header, &KnownSecrets, &mut CountingEntropy::new(1)).expect("a signal makes a row");
    let row = draft.complete(Some(CapabilityHash::from_bytes([2; 32]))).expect("a draft makes a row");
    let whole = row.text("meta_json").map(str::as_bytes) == Some(&bytes);
    assert_eq!(whole, draft.openings().is_empty(), "stored as it is where nothing was committed");
    assert_eq!(check_row(&row), whole);
}

/// Whether a row holds a signal, which is then the row's content.
fn check_row(row: &StoredRow) -> bool {
    let leaf = row.leaf_data().expect("every row has leaf data");
    let Some((entry, row)) = logged(&leaf, |_| None).pop() else { return false };
    let Some(Ok(signal)) = Signal::of_row(&entry, &row) else { return false };
    let text = canonical::to_text(&signal.to_value()).expect("what was read can be written");
    assert_eq!(row.text("meta_json"), Some(text.as_str()));
    assert_eq!(row.trace_id(), Ok(signal.trace()));
    assert_eq!(signal.source().map(|source| (source.row, source.leaf)), Some((entry.row_id, entry.leaf)));
    true
}

/// A signal that is read, from a value or a row, is in its one form. A report or an incident that is let through has the
/// members of its format and no others, everywhere in it.
pub fn guardian_artifact(data: &[u8]) {
    logged(data, |_| None).iter().for_each(|(_, row)| _ = check_row(row));
    let Ok(value) = canonical::parse(data, canonical::BYTES_MAX) else { return };
    match Signal::from_value(&value, TraceId::from_bytes([9; 16])) {
        Ok(signal) => {
            assert_eq!(canonical::to_bytes(&signal.to_value()), canonical::to_bytes(&value));
            check_signal(&signal);
        }
        Err(error) => assert_silent(&error, data),
    }
    match Artifact::check(&value) {
        Ok(()) => check_artifact(&value),
        Err(error) => assert_silent(&error, data),
    }
}

/// Members of the objects of both formats, as their pages have them.
fn check_artifact(artifact: &Value) {
    let common = ["at", "blocks", "format", "guardian", "notes", "notes_dropped", "size"];
    let own: &[&str] = match artifact["format"].as_str() {
        Some(Artifact::REPORT_FORMAT) => &["checks", "proposals", "spent", "verdict"],
        _ => &["evidence", "mode", "response", "title"],
    };
    members(artifact, &[&common, own].concat());
    each(&artifact["notes"], |note| members(note, &["code", "expected", "found", "subject"]));
    each(&artifact["blocks"], |block| members(block, &["code", "reason", "scope"]));
    let evidence = |list: &Value| each(list, |row| members(row, &["leaf", "row"]));
    if own.contains(&"spent") {
        each(&artifact["proposals"], |proposal| {
            members(proposal, &["change", "effect", "evidence", "title"]);
            evidence(&proposal["evidence"]);
        });
        if !artifact["spent"].is_null() {
            members(&artifact["spent"], &["limit", "resource"]);
        }
    } else {
        evidence(&artifact["evidence"]);
    }
}

/// Looks at the items of a list; where it must be one, whatever let it through saw to that.
fn each(list: &Value, check: impl Fn(&Value)) {
    list.as_array().into_iter().flatten().for_each(check);
}

fn members(object: &Value, names: &[&str]) {
    let found: BTreeSet<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, names.iter().copied().collect());
}
