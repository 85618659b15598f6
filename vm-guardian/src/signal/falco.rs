//! Falco alerts: the JSON that Falco writes, one object a line, with `json_output: true`.
//!
//! Format: <https://falco.org/docs/concepts/outputs/formatting/>. Members that are not used may be anything; those that are
//! must be there, once, and of their type.
//!
//! | signal | from |
//! | --- | --- |
//! | kind | `falco.alert` |
//! | actor | `hostname`, else `falco` |
//! | subject | `rule` |
//! | value | `priority`: 0 for debug to 7 for emergency |
//! | key | `hostname`, `source`, `rule`, `time`, `output`, the value, the trace |
//! | trace | `output_fields.traceparent` or `output_fields["proc.env[TRACEPARENT]"]` (W3C Trace Context), else one derived from `hostname` and `container.id`, else from `hostname` |
//!
//! The alert's text is not kept: it holds command lines, and those hold secrets.

use serde::Deserialize;
use vm_core::id::TraceId;

use super::lines::{Object, or, read as read_lines, time};
use super::{Signal, SignalKey, SignalLog, derived_trace};
use crate::error::{LineError, LogError};

/// Kind of signals made of alerts.
pub const KIND: &str = "falco.alert";

#[derive(Deserialize)]
struct Alert {
    time: String,
    rule: String,
    priority: Priority,
    #[serde(default)]
    output: String,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    output_fields: Option<Object<Fields>>,
}

/// Priorities of rules, by syslog's severities. Falco prints them with a capital; `Informational` was `Info` before.
#[derive(Clone, Copy, Deserialize)]
enum Priority {
    #[serde(alias = "DEBUG", alias = "debug")]
    Debug,
    #[serde(alias = "INFO", alias = "info", alias = "Info", alias = "INFORMATIONAL", alias = "informational")]
    Informational,
    #[serde(alias = "NOTICE", alias = "notice")]
    Notice,
    #[serde(alias = "WARNING", alias = "warning")]
    Warning,
    #[serde(alias = "ERROR", alias = "error")]
    Error,
    #[serde(alias = "CRITICAL", alias = "critical")]
    Critical,
    #[serde(alias = "ALERT", alias = "alert")]
    Alert,
    #[serde(alias = "EMERGENCY", alias = "emergency")]
    Emergency,
}

#[derive(Deserialize, Default)]
struct Fields {
    traceparent: Option<String>,
    #[serde(rename = "proc.env[TRACEPARENT]")]
    environment: Option<String>,
    #[serde(rename = "container.id")]
    container: Option<String>,
}

/// Reads alerts, one a line.
///
/// # Errors
/// [`LogError`] where the log is too long to be read at once. Lines that give no signal are listed, not refused.
pub fn read(bytes: &[u8]) -> Result<SignalLog, LogError> {
    read_lines(bytes, signal)
}

fn signal(alert: Alert) -> Result<Option<Signal>, LineError> {
    let at = time(&alert.time)?;
    let value: u8 = match alert.priority {
        Priority::Debug => 0,
        Priority::Informational => 1,
        Priority::Notice => 2,
        Priority::Warning => 3,
        Priority::Error => 4,
        Priority::Critical => 5,
        Priority::Alert => 6,
        Priority::Emergency => 7,
    };
    let none = Fields::default();
    let fields = alert.output_fields.as_ref().map_or(&none, |Object(fields)| fields);
    let carried = [&fields.traceparent, &fields.environment].into_iter().flatten();
    let carried = carried.filter_map(|header| TraceId::from_traceparent(header)).next();
    let container = fields.container.as_deref().unwrap_or_default();
    let trace = carried.unwrap_or_else(|| derived_trace(&["falco", &alert.hostname, container]));
    let Alert { time, rule, output, hostname, source, .. } = &alert;
    // With all that is kept: else a copy that says less, handed in first, would keep out the alert itself.
    let key = SignalKey::of(&["falco", hostname, source, rule, time, output, &value.to_string(), &trace.to_string()]);
    let signal = Signal::new(or(hostname, "falco"), KIND, rule, f64::from(value), at, trace);
    Ok(Some(signal.map_err(super::falco::member)?.keyed(key)))
}

/// The fault of a line whose members do not fit a signal.
pub(super) fn member(error: crate::error::FormatError) -> LineError {
    match error {
        crate::error::FormatError::Member { member } => LineError::Member { member },
        _ => LineError::Member { member: "event" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALERT: &str = r#"{"hostname":"node-a","output":"12:00:00.1: Warning A file below /etc was opened | user=app file=/etc/app.conf","output_fields":{"container.id":"c0ffee000001","evt.time.iso8601":1790000000180672852,"k8s.pod.name":null,"proc.name":"app","user.uid":0},"priority":"Warning","rule":"Read of a guarded file","source":"syscall","tags":["filesystem"],"time":"2026-09-21T14:13:20.180672852Z"}"#;

    #[test]
    fn an_alert_becomes_a_signal() {
        let log = read(ALERT.as_bytes()).unwrap();
        let [signal] = log.signals.as_slice() else { panic!("{log:?}") };
        assert_eq!((signal.actor(), signal.kind(), signal.subject()), ("node-a", KIND, "Read of a guarded file"));
        assert!((signal.value() - 3.0).abs() < f64::EPSILON && signal.benign().is_none());
        assert_eq!(signal.at().to_string(), "2026-09-21T14:13:20.180672Z");
        assert_eq!(signal.trace(), derived_trace(&["falco", "node-a", "c0ffee000001"]));
        assert!(!signal.to_value().to_string().contains("/etc/app.conf"), "the text is not kept");
    }

    #[test]
    fn a_trace_is_taken_where_the_alert_carries_one() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for name in ["traceparent", "proc.env[TRACEPARENT]"] {
            let line = ALERT.replace("\"user.uid\":0", &format!("\"{name}\":\"{header}\""));
            let log = read(line.as_bytes()).unwrap();
            assert_eq!(log.signals[0].trace().to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "{name}");
        }
        let forged = ALERT.replace("\"user.uid\":0", "\"traceparent\":\"00-zz\"");
        let log = read(forged.as_bytes()).unwrap();
        assert_eq!(log.signals[0].trace(), derived_trace(&["falco", "node-a", "c0ffee000001"]));
    }

    #[test]
    fn what_is_seen_twice_counts_once() {
        let spaced = ALERT.replace("\",\"", "\", \"");
        let other = ALERT.replace("180672852Z", "180672853Z");
        let log = read(format!("{ALERT}\n{spaced}\n\n{other}\n").as_bytes()).unwrap();
        assert_eq!((log.signals.len(), log.duplicates), (2, 1), "a nanosecond is another event");
    }

    #[test]
    fn a_copy_that_says_less_keeps_no_alert_out() {
        let grave = ALERT.replace("\"Warning\"", "\"Emergency\"");
        let elsewhere = ALERT.replace("c0ffee000001", "c0ffee000002");
        let log = read(format!("{ALERT}\n{grave}\n{elsewhere}\n").as_bytes()).unwrap();
        assert_eq!((log.signals.len(), log.duplicates), (3, 0));
        let values: Vec<f64> = log.signals.iter().map(Signal::value).collect();
        assert_eq!(values, [3.0, 7.0, 3.0]);
    }

    #[test]
    fn members_that_are_used_are_strict_and_others_free() {
        let more = ALERT.replace("\"tags\"", "\"uuid\":[1,{\"x\":null}],\"tags\"");
        assert_eq!(read(more.as_bytes()).unwrap().signals.len(), 1);
        for (from, to) in [
            ("\"rule\":\"Read of a guarded file\",", ""),
            ("\"rule\":\"Read of a guarded file\"", "\"rule\":7"),
            ("\"rule\":", "\"rule\":\"twice\",\"rule\":"),
            ("\"Warning\"", "\"Worrying\""),
            ("\"Warning\"", "3"),
            ("\"c0ffee000001\"", "12"),
            ("\"output_fields\":{", "\"output_fields\":[null,null,null],\"x\":{"),
            (ALERT, r#"["2026-09-21T14:13:20Z","Read of a guarded file","Warning","","","",null]"#),
            ("}", ""),
        ] {
            let log = read(ALERT.replace(from, to).as_bytes()).unwrap();
            assert!(log.signals.is_empty(), "{from} {to}");
            assert!(matches!(log.faults[0].error, LineError::Malformed { .. }), "{from} {to}");
        }
        for (from, to, error) in [
            ("2026-09-21T14:13:20.180672852Z", "just now", LineError::Time),
            ("Read of a guarded file", " ", LineError::Member { member: "subject" }),
        ] {
            let log = read(ALERT.replace(from, to).as_bytes()).unwrap();
            assert_eq!(log.faults, [super::super::LineFault { line: 1, error }]);
        }
    }

    #[test]
    fn limits_hold() {
        let long = format!("{{\"rule\":\"{}\"}}", "x".repeat(super::super::LINE_MAX));
        assert!(matches!(read(long.as_bytes()).unwrap().faults[0].error, LineError::TooLong { .. }));
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(matches!(read(deep.as_bytes()).unwrap().faults[0].error, LineError::Malformed { .. }));
        let lines = "\n".repeat(super::super::LINES_MAX + 1);
        assert!(matches!(read(lines.as_bytes()), Err(LogError::TooManyLines { .. })));
        assert!(read("\n".repeat(super::super::LINES_MAX).as_bytes()).is_ok());
        let bytes = vec![b' '; super::super::BYTES_MAX + 1];
        assert!(matches!(read(&bytes), Err(LogError::TooLong { .. })));
        let faults = read("x\n".repeat(super::super::FAULTS_MAX + 5).as_bytes()).unwrap();
        assert_eq!((faults.faults.len(), faults.faults_dropped), (super::super::FAULTS_MAX, 5));
    }
}
