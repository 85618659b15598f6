//! What a frame says, by JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>).

use vm_core::canonical::{self, BYTES_MAX, Value};
use vm_core::id::TraceId;
use vm_core::record::McpKind;

/// Longest JSON-RPC id or method kept in mind, in bytes: ids in use are UUIDs at most, methods stay below 100, and
/// with [`super::session::OPEN_MAX`] requests open it bounds the memory of a session to 32 MiB.
pub(super) const WORD_MAX: usize = 1024;

/// A frame, read.
#[derive(Debug)]
pub(super) enum Reading {
    /// One message, or a batch of them.
    Message {
        /// The JSON of the frame.
        body: Value,
        /// What it is.
        kind: McpKind,
        /// Its message; of a batch, each in order.
        items: Vec<Item>,
    },
    /// No valid JSON-RPC.
    Opaque {
        /// Stable code of the reason.
        reason: &'static str,
    },
}

/// One message.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Item {
    /// Request, response, error or notification.
    pub(super) kind: McpKind,
    /// Id as canonical JSON; none for a notification, and for an error that names no request.
    pub(super) id: Option<String>,
    /// Method of a request or notification.
    pub(super) method: Option<String>,
    /// Trace of `params._meta.traceparent`.
    pub(super) trace: Option<TraceId>,
}

impl Item {
    /// Whether it answers a request.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(self.kind, McpKind::Response | McpKind::Error)
    }
}

impl Reading {
    /// The messages in it.
    pub(super) fn items(&self) -> &[Item] {
        match self {
            Self::Message { items, .. } => items,
            Self::Opaque { .. } => &[],
        }
    }

    /// What kind of row it makes.
    pub(super) const fn kind(&self) -> McpKind {
        match self {
            Self::Message { kind, .. } => *kind,
            Self::Opaque { .. } => McpKind::Opaque,
        }
    }
}

/// Reads a frame. Whatever the strict reader refuses is opaque, for two readers could take it for two things.
pub(super) fn read(frame: &[u8]) -> Reading {
    let body = match canonical::parse(frame, BYTES_MAX) {
        Ok(body) => body,
        Err(fault) => return Reading::Opaque { reason: fault.code() },
    };
    let parts = match &body {
        // A batch is never empty (section 6).
        Value::Array(items) if !items.is_empty() => {
            let items: Result<Vec<_>, _> = items.iter().map(message).collect();
            items.map(|items| (McpKind::Batch, items))
        }
        single => message(single).map(|item| (item.kind, vec![item])),
    };
    match parts {
        Ok((kind, items)) => Reading::Message { body, kind, items },
        Err(reason) => Reading::Opaque { reason },
    }
}

const NOT_JSON_RPC: &str = "not-json-rpc";
/// Members that JSON-RPC names.
const NAMED: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// Whether a name is not one of JSON-RPC's and would be to a reader that does not tell capitals apart, as that of Go does not.
fn is_ambiguous(name: &str) -> bool {
    // In capitals: so is the long s an s, which such readers take it for.
    let capitals = name.to_uppercase();
    !NAMED.contains(&name) && NAMED.iter().any(|known| known.to_uppercase() == capitals)
}

/// Members that the specification does not name are let through, unless another reader would take them for one that it
/// names. A `params` of null counts as none, since clients send it and servers answer. An error may lack its id (MCP 2025-11-25, `JSONRPCErrorResponse`).
fn message(value: &Value) -> Result<Item, &'static str> {
    let members = value.as_object().ok_or(NOT_JSON_RPC)?;
    if members.keys().any(|name| is_ambiguous(name)) {
        return Err("rpc-member-case");
    }
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(NOT_JSON_RPC);
    }
    let id = members.get("id").map(id).transpose()?;
    let kind = match (members.get("method"), members.get("result"), members.get("error")) {
        (Some(Value::String(_)), None, None) if id.is_some() => McpKind::Request,
        (Some(Value::String(_)), None, None) => McpKind::Notification,
        (None, Some(_), None) if id.is_some() => McpKind::Response,
        (None, None, Some(Value::Object(_))) => McpKind::Error,
        _ => return Err(NOT_JSON_RPC),
    };
    let params = members.get("params");
    if !matches!(params, None | Some(Value::Null | Value::Object(_) | Value::Array(_))) {
        return Err(NOT_JSON_RPC);
    }
    let method = members.get("method").and_then(Value::as_str);
    if method.is_some_and(|method| method.len() > WORD_MAX) {
        return Err("rpc-method-too-long");
    }
    let traceparent = params.and_then(|params| params.get("_meta")?.get("traceparent")?.as_str());
    Ok(Item { kind, id, method: method.map(str::to_owned), trace: traceparent.and_then(TraceId::from_traceparent) })
}

/// The canonical text tells 1 from "1" and takes 1.0 for 1, as JSON numbers go.
fn id(value: &Value) -> Result<String, &'static str> {
    if !matches!(value, Value::String(_) | Value::Number(_) | Value::Null) {
        return Err(NOT_JSON_RPC);
    }
    let text = canonical::to_text(value).map_err(|fault| fault.code())?;
    if text.len() > WORD_MAX {
        return Err("rpc-id-too-long");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(frame: &str) -> (McpKind, &'static str) {
        match read(frame.as_bytes()) {
            Reading::Message { kind, .. } => (kind, ""),
            Reading::Opaque { reason } => (McpKind::Opaque, reason),
        }
    }

    #[test]
    fn kinds() {
        for (frame, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":null}"#, McpKind::Request),
            (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, McpKind::Request),
            (r#"{"jsonrpc":"2.0","method":"a","params":[1]}"#, McpKind::Notification),
            (r#"{"jsonrpc":"2.0","id":"x","result":null}"#, McpKind::Response),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#, McpKind::Error),
            (r#"{"jsonrpc":"2.0","error":{}}"#, McpKind::Error),
            ("[{\"jsonrpc\":\"2.0\",\"method\":\"a\"}]\r\n", McpKind::Batch),
        ] {
            assert_eq!(kind(frame), (expected, ""), "{frame}");
        }
    }

    #[test]
    fn opaque_frames_say_why() {
        let long = "x".repeat(WORD_MAX);
        let (id, method) = (
            format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"a"}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{long}y"}}"#),
        );
        for (frame, reason) in [
            ("", "json-syntax"),
            ("\n", "json-syntax"),
            ("hello\n", "json-syntax"),
            ("{} {}", "json-trailing-data"),
            (r#"{"jsonrpc":"2.0","method":"a","method":"b"}"#, "json-duplicate-key"),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"n":9007199254740993}}"#, "json-unsafe-integer"),
            (r#"{"jsonrpc":"2.0","method":"\ud800"}"#, "json-lone-surrogate"),
            (r#"{"method":"a"}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"1.0","method":"a"}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","method":1}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","method":"a","params":"b"}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","id":1}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","result":1}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","result":1}"#, NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","id":1,"error":"e"}"#, NOT_JSON_RPC),
            ("[]", NOT_JSON_RPC),
            (r#"[{"jsonrpc":"2.0","method":"a"},1]"#, NOT_JSON_RPC),
            ("null", NOT_JSON_RPC),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call"}"#, "rpc-member-case"),
            (r#"{"jsonrpc":"2.0","method":"notifications/x","METHOD":"tools/call","ID":1}"#, "rpc-member-case"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","param\u017f":{}}"#, "rpc-member-case"),
            (&id, "rpc-id-too-long"),
            (&method, "rpc-method-too-long"),
        ] {
            assert_eq!(kind(frame), (McpKind::Opaque, reason), "{frame}");
        }
        assert!(matches!(read(b"\xff"), Reading::Opaque { reason: "json-not-utf8" }));
    }

    #[test]
    fn ids_and_traces() {
        let frame = br#"{"jsonrpc":"2.0","id":1.0,"method":"a","params":{"_meta":
            {"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#;
        let reading = read(frame);
        let item = &reading.items()[0];
        assert_eq!(item.id.as_deref(), Some("1"));
        assert_eq!(item.trace.unwrap().to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        let reading = read(br#"{"jsonrpc":"2.0","id":"1","result":{}}"#);
        assert_eq!(reading.items()[0].id.as_deref(), Some("\"1\""));
    }
}
