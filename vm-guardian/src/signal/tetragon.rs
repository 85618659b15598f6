//! Tetragon events: the JSON that Tetragon exports, one object a line (`export-filename`, `tetra getevents -o json`).
//!
//! Format: the message `GetEventsResponse` of `tetragon/api/v1/tetragon` as proto-JSON with the names of its fields
//! (<https://tetragon.io/docs/reference/grpc-api/>). Members that are not used may be anything; those that are must be
//! there, once, and of their type.
//!
//! | signal | from |
//! | --- | --- |
//! | kind | `tetragon.` and the event: `process_exec`, `process_exit`, `process_kprobe`, `process_tracepoint`, `process_uprobe`, `process_usdt`, `process_lsm`, `process_loader` |
//! | actor | `node_name`, else `tetragon` |
//! | subject | `policy_name`, else `process.binary`, else the event |
//! | value | 1 where `action` of the event acted (signal, kill, override), else 0 |
//! | key | the event, `node_name`, `process.exec_id`, `time`, `function_name`, `policy_name` |
//! | trace | `TRACEPARENT` among `process.environment_variables` (W3C Trace Context), else one derived from `node_name` and `process.exec_id` |
//!
//! `rate_limit_info`, `process_throttle` and `test` tell of Tetragon itself and are passed over, counted. Arguments and
//! environment are not kept.

use serde::Deserialize;
use vm_core::id::TraceId;

use super::falco::member;
use super::lines::{Object, or, read as read_lines, time};
use super::{Signal, SignalKey, SignalLog, derived_trace};
use crate::error::{LineError, LogError};

/// Actions after which the process was not left alone.
const ACTED: [&str; 4] =
    ["KPROBE_ACTION_SIGKILL", "KPROBE_ACTION_SIGNAL", "KPROBE_ACTION_OVERRIDE", "KPROBE_ACTION_NOTIFYENFORCER"];

#[derive(Deserialize)]
struct Line {
    time: Option<String>,
    #[serde(default)]
    node_name: String,
    process_exec: Option<Object<Event>>,
    process_exit: Option<Object<Event>>,
    process_kprobe: Option<Object<Event>>,
    process_tracepoint: Option<Object<Event>>,
    process_uprobe: Option<Object<Event>>,
    process_usdt: Option<Object<Event>>,
    process_lsm: Option<Object<Event>>,
    process_loader: Option<Object<Event>>,
    rate_limit_info: Option<serde::de::IgnoredAny>,
    process_throttle: Option<serde::de::IgnoredAny>,
    test: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Event {
    process: Object<Process>,
    #[serde(default)]
    function_name: String,
    #[serde(default)]
    policy_name: String,
    #[serde(default)]
    action: String,
}

#[derive(Deserialize)]
struct Process {
    exec_id: String,
    #[serde(default)]
    binary: String,
    #[serde(default)]
    environment_variables: Vec<Object<Variable>>,
}

#[derive(Deserialize)]
struct Variable {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
}

/// Reads events, one a line.
///
/// # Errors
/// [`LogError`] where the log is too long to be read at once. Lines that give no signal are listed, not refused.
pub fn read(bytes: &[u8]) -> Result<SignalLog, LogError> {
    read_lines(bytes, signal)
}

fn signal(line: Line) -> Result<Option<Signal>, LineError> {
    let about_itself = line.rate_limit_info.is_some() || line.process_throttle.is_some() || line.test.is_some();
    let events = [
        ("process_exec", line.process_exec),
        ("process_exit", line.process_exit),
        ("process_kprobe", line.process_kprobe),
        ("process_tracepoint", line.process_tracepoint),
        ("process_uprobe", line.process_uprobe),
        ("process_usdt", line.process_usdt),
        ("process_lsm", line.process_lsm),
        ("process_loader", line.process_loader),
    ];
    let mut events = events.into_iter().filter_map(|(name, event)| Some((name, event?)));
    let (name, Object(event)) = match (events.next(), about_itself) {
        (Some(event), false) => event,
        (Some(_), true) => return Err(LineError::Ambiguous),
        (None, true) => return Ok(None),
        (None, false) => return Err(LineError::UnknownEvent),
    };
    if events.next().is_some() {
        return Err(LineError::Ambiguous);
    }
    let stamp = line.time.ok_or(LineError::Time)?;
    let at = time(&stamp)?;
    let Object(process) = &event.process;
    let parts = ["tetragon", name, &line.node_name, &process.exec_id, &stamp, &event.function_name, &event.policy_name];
    let variables = process.environment_variables.iter().map(|Object(variable)| variable);
    let variables = variables.filter(|variable| variable.key == "TRACEPARENT");
    let carried = variables.filter_map(|variable| TraceId::from_traceparent(&variable.value)).next();
    let trace = carried.unwrap_or_else(|| derived_trace(&["tetragon", &line.node_name, &process.exec_id]));
    let value = if ACTED.contains(&event.action.as_str()) { 1.0 } else { 0.0 };
    let subject = or(&event.policy_name, or(&process.binary, name));
    let kind = format!("tetragon.{name}");
    let signal = Signal::new(or(&line.node_name, "tetragon"), &kind, subject, value, at, trace);
    Ok(Some(signal.map_err(member)?.keyed(SignalKey::of(&parts))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXEC: &str = r#"{"process_exec":{"process":{"exec_id":"bm9kZS1hOjE6MQ==","pid":4711,"uid":0,"cwd":"/","binary":"/usr/bin/id","arguments":"-u","flags":"execve rootcwd clone","start_time":"2026-09-21T14:13:20.000000001Z","auid":4294967295,"parent_exec_id":"bm9kZS1hOjA6MA==","refcnt":1,"tid":4711},"parent":{"exec_id":"bm9kZS1hOjA6MA==","pid":1,"binary":"/bin/sh"}},"node_name":"node-a","time":"2026-09-21T14:13:20.000000001Z"}"#;
    const KPROBE: &str = r#"{"process_kprobe":{"process":{"exec_id":"bm9kZS1hOjE6MQ==","pid":4711,"binary":"/usr/bin/cat"},"parent":{},"function_name":"security_file_permission","args":[{"file_arg":{"path":"/etc/app.key"}},{"int_arg":4}],"return":{"int_arg":0},"action":"KPROBE_ACTION_SIGKILL","policy_name":"guarded-files","return_action":"KPROBE_ACTION_POST"},"node_name":"node-a","time":"2026-09-21T14:13:21.5Z"}"#;
    const LIMIT: &str = r#"{"rate_limit_info":{"number_of_dropped_process_events":"3"},"node_name":"node-a","time":"2026-09-21T14:13:22Z"}"#;

    #[test]
    fn events_become_signals() {
        let log = read(format!("{EXEC}\n{KPROBE}\n{LIMIT}\n").as_bytes()).unwrap();
        let [exec, kprobe] = log.signals.as_slice() else { panic!("{log:?}") };
        assert_eq!((exec.kind(), exec.subject(), exec.actor()), ("tetragon.process_exec", "/usr/bin/id", "node-a"));
        assert_eq!((kprobe.kind(), kprobe.subject()), ("tetragon.process_kprobe", "guarded-files"));
        assert!(exec.value() < 0.5 && kprobe.value() > 0.5);
        assert_eq!(exec.trace(), kprobe.trace(), "one process, one trace");
        assert_eq!((log.passed_over, log.faults.len()), (1, 0));
        assert!(!kprobe.to_value().to_string().contains("/etc/app.key"), "arguments are not kept");
    }

    #[test]
    fn a_trace_is_taken_from_the_environment() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let variables =
            format!(r#""environment_variables":[{{"key":"A"}},{{"key":"TRACEPARENT","value":"{header}"}}],"pid""#);
        let log = read(EXEC.replacen("\"pid\"", &variables, 1).as_bytes()).unwrap();
        assert_eq!(log.signals[0].trace().to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
    }

    #[test]
    fn duplicates_and_faults_are_named() {
        let log = read(format!("{EXEC}\n{EXEC}\n").as_bytes()).unwrap();
        assert_eq!((log.signals.len(), log.duplicates), (1, 1));
        let both =
            EXEC.replace("{\"process_exec\"", "{\"process_exit\":{\"process\":{\"exec_id\":\"x\"}},\"process_exec\"");
        let mixed = EXEC.replace("{\"process_exec\"", "{\"test\":{},\"process_exec\"");
        for (line, code) in [
            (both, "line-ambiguous"),
            (mixed, "line-ambiguous"),
            (EXEC.replace("process_exec\"", "process_dance\""), "line-event-unknown"),
            ("{\"time\":\"2026-09-21T14:13:22Z\"}".to_owned(), "line-event-unknown"),
            (EXEC.replace(",\"time\":\"2026", ",\"clock\":\"2026"), "line-time"),
            (EXEC.replace("\"exec_id\":\"bm9kZS1hOjE6MQ==\",", ""), "line-malformed"),
            (EXEC.replace("\"binary\":\"/usr/bin/id\"", "\"binary\":[]"), "line-malformed"),
            (
                r#"{"process_exec":{"process":["x","/bin/id",[]]},"time":"2026-09-21T14:13:22Z"}"#.to_owned(),
                "line-malformed",
            ),
            (
                r#"{"process_exec":[{"exec_id":"x"},"","",""],"time":"2026-09-21T14:13:22Z"}"#.to_owned(),
                "line-malformed",
            ),
            (EXEC.replace("/usr/bin/id", &"x".repeat(600)), "line-member"),
        ] {
            let log = read(line.as_bytes()).unwrap();
            assert_eq!(log.faults.iter().map(|fault| fault.error.code()).collect::<Vec<_>>(), [code], "{line}");
            assert!(log.signals.is_empty());
        }
    }
}
