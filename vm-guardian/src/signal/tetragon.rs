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
//! | key | the event, `node_name`, `process.exec_id`, `process.tid`, `time`, `function_name`, `policy_name`, `action`, `args` in canonical order, the trace |
//! | trace | `TRACEPARENT` among `process.environment_variables` (W3C Trace Context), else one derived from `node_name` and `process.exec_id` |
//!
//! Two events tell that Tetragon lost others. Of `rate_limit_info` the value is how many were dropped, of `process_throttle` 1 where
//! it starts and 0 where it stops, and its subject is the control group. Their trace is derived from `node_name`.
//!
//! `test` tells of Tetragon itself and is passed over, counted. Arguments and environment are not kept.

use serde::Deserialize;
use serde_json::Value;
use vm_core::id::TraceId;

use super::falco::member;
use super::lines::{Object, or, read as read_lines, time};
use super::{Signal, SignalKey, SignalLog, derived_trace};
use crate::error::{LineError, LogError};

/// Actions after which the process was not left alone.
const ACTED: [&str; 4] =
    ["KPROBE_ACTION_SIGKILL", "KPROBE_ACTION_SIGNAL", "KPROBE_ACTION_OVERRIDE", "KPROBE_ACTION_NOTIFYENFORCER"];

/// The word by which events of a control group are handed over again.
const THROTTLE_STOP: &str = "THROTTLE_STOP";

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
    rate_limit_info: Option<Object<RateLimit>>,
    process_throttle: Option<Object<Throttle>>,
    test: Option<serde::de::IgnoredAny>,
}

/// Events that were dropped. Proto-JSON writes counts of 64 bits as texts.
#[derive(Deserialize)]
struct RateLimit {
    #[serde(default)]
    number_of_dropped_process_events: Count,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Text(String),
    Number(u64),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// A control group whose events are dropped from here on, or no more.
#[derive(Deserialize)]
struct Throttle {
    #[serde(default, rename = "type")]
    change: String,
    #[serde(default)]
    cgroup: String,
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
    #[serde(default)]
    args: Value,
}

#[derive(Deserialize)]
struct Process {
    exec_id: String,
    tid: Option<u64>,
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
    let Line { time: stamp, node_name: node, rate_limit_info, process_throttle, test, .. } = line;
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
    let seen = events.into_iter().filter_map(|(name, event)| Some(Told::Seen(name, event?.0)));
    let lost = rate_limit_info.map(|Object(limit)| Told::Dropped(limit));
    let lost = lost.into_iter().chain(process_throttle.map(|Object(throttle)| Told::Throttled(throttle)));
    let mut told = seen.chain(lost).chain(test.map(|_| Told::Nothing));
    let one = told.next().ok_or(LineError::UnknownEvent)?;
    if told.next().is_some() {
        return Err(LineError::Ambiguous);
    }
    let made = |stamp: &Option<String>| stamp.clone().ok_or(LineError::Time);
    match one {
        Told::Nothing => Ok(None),
        Told::Seen(name, event) => of_event(name, &event, &node, &made(&stamp)?).map(Some),
        Told::Dropped(limit) => {
            let count = match limit.number_of_dropped_process_events {
                Count::Number(count) => count,
                Count::Text(text) => text.parse().map_err(|_| LineError::Member { member: "value" })?,
            };
            let loss = Loss { name: "rate_limit_info", subject: "rate_limit_info", value: count, said: "" };
            of_loss(&loss, &node, &made(&stamp)?).map(Some)
        }
        Told::Throttled(Throttle { change, cgroup }) => {
            let subject = or(&cgroup, "process_throttle");
            let value = u64::from(change != THROTTLE_STOP);
            let loss = Loss { name: "process_throttle", subject, value, said: &change };
            of_loss(&loss, &node, &made(&stamp)?).map(Some)
        }
    }
}

/// What a line tells.
enum Told {
    Seen(&'static str, Event),
    Dropped(RateLimit),
    Throttled(Throttle),
    Nothing,
}

/// Events that Tetragon did not hand over.
struct Loss<'a> {
    name: &'a str,
    subject: &'a str,
    value: u64,
    said: &'a str,
}

fn of_event(name: &str, event: &Event, node: &str, stamp: &str) -> Result<Signal, LineError> {
    let at = time(stamp)?;
    let Object(process) = &event.process;
    let variables = process.environment_variables.iter().map(|Object(variable)| variable);
    let variables = variables.filter(|variable| variable.key == "TRACEPARENT");
    let carried = variables.filter_map(|variable| TraceId::from_traceparent(&variable.value)).next();
    let trace = carried.unwrap_or_else(|| derived_trace(&["tetragon", node, &process.exec_id]));
    let thread = process.tid.map_or_else(String::new, |tid| tid.to_string());
    let (args, traced) = (event.args.to_string(), trace.to_string());
    let Event { function_name, policy_name, action, .. } = event;
    // With thread and arguments: two threads of one process may be seen within a nanosecond.
    let who = [node, &process.exec_id, &thread];
    let what = [function_name, policy_name, action, &args, &traced].map(String::as_str);
    let key = SignalKey::of(&[&["tetragon", name][..], &who, &[stamp], &what].concat());
    let value = if ACTED.contains(&action.as_str()) { 1.0 } else { 0.0 };
    let subject = or(policy_name, or(&process.binary, name));
    let signal = Signal::new(or(node, "tetragon"), &format!("tetragon.{name}"), subject, value, at, trace);
    Ok(signal.map_err(member)?.keyed(key))
}

fn of_loss(loss: &Loss<'_>, node: &str, stamp: &str) -> Result<Signal, LineError> {
    let Loss { name, subject, value, said } = *loss;
    let (at, trace) = (time(stamp)?, derived_trace(&["tetragon", node, ""]));
    let key = SignalKey::of(&["tetragon", name, node, stamp, subject, said, &value.to_string()]);
    // Beyond 2^32 it makes no difference how many more were lost.
    let value = f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    let signal = Signal::new(or(node, "tetragon"), &format!("tetragon.{name}"), subject, value, at, trace);
    Ok(signal.map_err(member)?.keyed(key))
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
        let [exec, kprobe, lost] = log.signals.as_slice() else { panic!("{log:?}") };
        assert_eq!((exec.kind(), exec.subject(), exec.actor()), ("tetragon.process_exec", "/usr/bin/id", "node-a"));
        assert_eq!((kprobe.kind(), kprobe.subject()), ("tetragon.process_kprobe", "guarded-files"));
        assert!(exec.value() < 0.5 && kprobe.value() > 0.5);
        assert_eq!(exec.trace(), kprobe.trace(), "one process, one trace");
        assert_eq!(
            (lost.kind(), lost.subject(), lost.actor()),
            ("tetragon.rate_limit_info", "rate_limit_info", "node-a")
        );
        assert!((lost.value() - 3.0).abs() < f64::EPSILON);
        assert_eq!((log.passed_over, log.faults.len()), (0, 0));
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
    fn threads_actions_and_arguments_are_told_apart() {
        let threads = [4711, 4712].map(|tid| KPROBE.replace("\"pid\":4711", &format!("\"pid\":4711,\"tid\":{tid}")));
        let let_be = KPROBE.replace("SIGKILL", "POST");
        let other = KPROBE.replace("/etc/app.key", "/etc/app.conf");
        let spaced = KPROBE.replace("{\"int_arg\":4}", "{ \"int_arg\" : 4 }");
        let [one, two] = &threads;
        let log = read(format!("{let_be}\n{KPROBE}\n{one}\n{two}\n{other}\n{spaced}\n").as_bytes()).unwrap();
        assert_eq!((log.signals.len(), log.duplicates), (5, 1), "{log:?}");
        let acted: Vec<bool> = log.signals.iter().map(|signal| signal.value() > 0.5).collect();
        assert_eq!(acted, [false, true, true, true, true]);
    }

    #[test]
    fn losses_are_signals() {
        let throttled = |change: &str| {
            format!(
                r#"{{"process_throttle":{{"type":"{change}","cgroup":"session-429.scope"}},"node_name":"node-a","time":"2026-09-21T14:13:22Z"}}"#
            )
        };
        let (start, stop) = (throttled("THROTTLE_START"), throttled("THROTTLE_STOP"));
        let more = LIMIT.replace("\"3\"", "4");
        let log = read(format!("{LIMIT}\n{LIMIT}\n{more}\n{start}\n{stop}\n").as_bytes()).unwrap();
        let told: Vec<_> = log.signals.iter().map(|signal| (signal.subject(), signal.value())).collect();
        let group = "session-429.scope";
        assert_eq!(told, [("rate_limit_info", 3.0), ("rate_limit_info", 4.0), (group, 1.0), (group, 0.0)]);
        assert_eq!((log.duplicates, log.passed_over, log.faults.len()), (1, 0, 0));
        let test = LIMIT.replace("rate_limit_info", "test");
        assert_eq!(read(test.as_bytes()).unwrap().passed_over, 1);
        let unread = LIMIT.replace("\"3\"", "\"many\"");
        assert_eq!(read(unread.as_bytes()).unwrap().faults[0].error, LineError::Member { member: "value" });
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
