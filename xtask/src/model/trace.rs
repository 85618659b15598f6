//! Logs of the real code as a module of TLA+, and the same logs doctored so that they must be refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::error::Failure;

/// Ways in which logs are doctored; each must have been tried.
pub(super) const HOWS: usize = 12;

/// The events of one log.
pub(super) type Trace = Vec<Value>;

/// A log that was tampered with.
pub(super) struct Doctored {
    /// What was done to it.
    pub(super) how: &'static str,
    pub(super) events: Trace,
}

/// Reads what `vm-dee/tests/walk.rs` wrote: an object a line.
pub(super) fn parse(text: &str) -> Result<Vec<Trace>, Failure> {
    let bad = || Failure::Found("a log that vm-dee/tests/walk.rs told is not what it should be".to_owned());
    let one = |line: &str| {
        let value: Value = serde_json::from_str(line).map_err(|_| bad())?;
        value.get("events").and_then(Value::as_array).cloned().ok_or_else(bad)
    };
    text.lines().map(one).collect()
}

/// The module `Traces`: the logs, and all that is proposed in any.
pub(super) fn module<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> String {
    let mut text = String::from("---- MODULE Traces ----\nTraces == <<\n");
    let mut proposed = BTreeSet::new();
    for (number, trace) in traces.into_iter().enumerate() {
        let events: Vec<String> = trace.iter().map(term).collect();
        let comma = if number == 0 { "" } else { "," };
        let _ = writeln!(text, "{comma}<<\n  {}>>", events.join(",\n  "));
        let proposals = trace.iter().filter(|event| is(event, "proposal"));
        proposed.extend(proposals.filter_map(|event| event.get("p")).map(Value::to_string));
    }
    // Written out, since TLC would evaluate all logs again for each event in a definition over them.
    let _ = writeln!(text, ">>\nProposed == {{{}}}\n====", proposed.into_iter().collect::<Vec<_>>().join(", "));
    text
}

/// An event or a member of one: objects are records, lists are sets. Lists hold no lists.
fn term(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let fields: Vec<String> =
                members.iter().map(|(name, value)| format!("{name} |-> {}", atom(value))).collect();
            format!("[{}]", fields.join(", "))
        }
        other => atom(other),
    }
}

fn atom(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("{{{}}}", items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
        Value::Bool(truth) => truth.to_string().to_uppercase(),
        other => other.to_string(),
    }
}

fn has(event: &Value, name: &str, value: &Value) -> bool {
    event.get(name) == Some(value)
}

fn is(event: &Value, kind: &str) -> bool {
    event.get("kind").and_then(Value::as_str) == Some(kind)
}

/// Everything that is done to one log. Only what leaves a log that no gate could have written: an event that nothing rests
/// on may be missing.
pub(super) fn doctor(trace: &Trace) -> Vec<Doctored> {
    let mut all = Vec::new();
    for (at, event) in trace.iter().enumerate() {
        if is(event, "intent") {
            doctor_intent(trace, at, event, &mut all);
        }
        if is(event, "execute") {
            all.push(Doctored { how: "a second execution", events: copied(trace, at, at + 1) });
        }
        if is(event, "change") {
            all.push(Doctored { how: "a second change of epoch", events: copied(trace, at, at + 1) });
            let is_own = |other: &Value| is(other, "outcome") && other.get("p") == event.get("p");
            if let Some(ended) = trace.iter().position(is_own) {
                all.push(Doctored {
                    how: "a change of epoch said to have failed",
                    events: with(trace, ended, "end", "failed".into()),
                });
            }
        }
    }
    all
}

fn doctor_intent(trace: &Trace, at: usize, intent: &Value, all: &mut Vec<Doctored>) {
    let mut push = |how, events| all.push(Doctored { how, events });
    push("a second intent", copied(trace, at, at + 1));
    let proposal = intent.get("p").cloned().unwrap_or_default();
    let is_own = |event: &Value, kind| is(event, kind) && has(event, "p", &proposal);
    if let Some(proposed) = trace.iter().position(|event| is_own(event, "proposal")) {
        push("the proposal removed", removed(trace, proposed));
        let changes_epoch = trace.get(proposed).is_some_and(|event| !has(event, "to", &Value::from("none")));
        if changes_epoch {
            push("an intent that names no anchor", with(trace, at, "anchored", false.into()));
        }
        let anchor = at.checked_sub(1).filter(|before| trace.get(*before).is_some_and(|event| is(event, "anchor")));
        let named = intent.get("by").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_named = |event: &Value| is(event, "approval") && event.get("n").is_some_and(|n| named.contains(n));
        let last = trace.iter().rposition(is_named);
        if let Some(last) = last {
            push("an approval removed", removed(trace, last));
            push("an approval and its intent swapped", swapped(trace, last, at));
        }
        if let (true, Some(anchor), Some(last)) = (changes_epoch, anchor, last) {
            let others = trace.iter().take(anchor).skip(last);
            if !others.into_iter().any(|event| is(event, "anchor")) {
                push("the anchor removed", removed(trace, anchor));
            }
        }
    }
    if let Some(ended) = trace.iter().position(|event| is_own(event, "outcome")) {
        push("an intent removed", removed(trace, at));
        push("an intent and its outcome swapped", swapped(trace, at, ended));
        push("a second intent after the outcome", copied(trace, at, ended + 1));
    }
}

fn removed(trace: &Trace, at: usize) -> Trace {
    let mut events = trace.clone();
    events.remove(at);
    events
}

fn with(trace: &Trace, at: usize, name: &str, value: Value) -> Trace {
    let mut events = trace.clone();
    if let Some(member) = events.get_mut(at).and_then(|event| event.get_mut(name)) {
        *member = value;
    }
    events
}

fn swapped(trace: &Trace, one: usize, other: usize) -> Trace {
    let mut events = trace.clone();
    events.swap(one, other);
    events
}

fn copied(trace: &Trace, from: usize, to: usize) -> Trace {
    let mut events = trace.clone();
    events.extend(trace.get(from).cloned());
    if let Some(turned) = events.get_mut(to..) {
        turned.rotate_right(1);
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_written_as_tla_and_doctored() {
        let line = r#"{"seed":1,"events":[{"kind":"policy","who":["ada","bob"]},
            {"kind":"proposal","p":2,"to":"albedo"},{"kind":"approval","p":2,"n":3},{"kind":"seal"},{"kind":"anchor"},
            {"kind":"intent","p":2,"by":[3],"anchored":true},{"kind":"change","p":2},{"kind":"outcome","p":2,"end":"succeeded"}]}"#;
        let traces = parse(&line.replace('\n', "")).unwrap();
        let text = module(&traces);
        assert!(text.contains(r#"[kind |-> "policy", who |-> {"ada", "bob"}]"#), "{text}");
        assert!(
            text.contains("by |-> {3}") && text.contains("anchored |-> TRUE") && text.contains("Proposed == {2}\n"),
            "{text}"
        );
        let doctored = doctor(&traces[0]);
        assert_eq!(doctored.len(), 11);
        for one in &doctored {
            assert_ne!(one.events, traces[0], "{}", one.how);
        }
        let kinds = |how| {
            let one = doctored.iter().find(|one| one.how == how).unwrap();
            one.events.iter().map(|event| event["kind"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kinds("a second intent"), "policy proposal approval seal anchor intent intent change outcome");
        assert_eq!(kinds("the anchor removed"), "policy proposal approval seal intent change outcome");
        assert_eq!(
            kinds("an intent and its outcome swapped"),
            "policy proposal approval seal anchor outcome change intent"
        );
        assert!(parse("{}").is_err());
    }
}
