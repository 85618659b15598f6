//! One exchange of JSON-RPC 2.0 over HTTP.

use core::fmt;
use core::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Agent;

use super::error::NodeError;
use crate::client::agent;

/// Most bytes of an answer that holds a block or its receipts: the largest blocks of today's main chain come to a few
/// MiB of JSON, the bound of EIP-7934 to 20 MiB.
const BLOCK_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most bytes of any other answer: a receipt of a transaction that uses all gas it may (EIP-7825).
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most characters of a node's words in an error.
const MESSAGE_SHOWN_MAX: usize = 120;
/// Shortest part of a URL that counts as a key: names of hosts and networks are shorter or no secret.
const KEY_LEAST: usize = 8;
/// Code of a method that the node does not have (JSON-RPC 2.0, section 5.1).
pub(super) const METHOD_UNKNOWN: i64 = -32_601;

/// A node, by its URL.
pub(super) struct Rpc {
    agent: Agent,
    url: String,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    #[serde(default = "none")]
    result: Option<T>,
    #[serde(default)]
    error: Option<Fault>,
}

const fn none<T>() -> Option<T> {
    None
}

#[derive(Deserialize)]
struct Fault {
    code: i64,
    #[serde(default)]
    message: String,
}

impl Rpc {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, NodeError> {
        check_url(url)?;
        Ok(Self { agent: agent(timeout), url: url.to_owned() })
    }

    /// Calls a method whose answer is a block or its receipts.
    pub(super) fn call_large<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, NodeError> {
        self.exchange(method, &params, BLOCK_ANSWER_BYTES_MAX)
    }

    /// Calls a method; `None` where the answer is `null`.
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, NodeError> {
        self.exchange(method, &params, ANSWER_BYTES_MAX)
    }

    fn exchange<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
        limit: usize,
    ) -> Result<Option<T>, NodeError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let request = self.agent.post(&self.url).content_type("application/json").header("accept", "application/json");
        let mut answer = request.send(&body).map_err(unreachable)?;
        if answer.status().as_u16() != 200 {
            let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let retry_after = retry_after.and_then(|value| value.trim().parse().ok());
            return Err(NodeError::Refused { status: answer.status().as_u16(), retry_after });
        }
        // The reader stops with an error at its limit, so one byte more lets the longest answer through.
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let bytes = match answer.body_mut().with_config().limit(most).read_to_vec() {
            Ok(bytes) if bytes.len() <= limit => bytes,
            Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => return Err(NodeError::TooLong { method, limit }),
            Err(error) => return Err(unreachable(error)),
        };
        let answer: Answer<T> =
            serde_json::from_slice(&bytes).map_err(|source| NodeError::Malformed { method, source })?;
        match answer.error {
            Some(Fault { code, message }) => {
                Err(NodeError::Fault { method, code, message: shown(&self.url, &message) })
            }
            None => Ok(answer.result),
        }
    }
}

/// A node's words without control characters, cut short, or withheld where they repeat a part of the URL.
fn shown(url: &str, message: &str) -> String {
    let parts = url.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
    if parts.filter(|part| part.len() >= KEY_LEAST).any(|part| message.contains(part)) {
        return "(it repeats a part of the URL)".to_owned();
    }
    message.chars().filter(|letter| !letter.is_control()).take(MESSAGE_SHOWN_MAX).collect()
}

fn check_url(url: &str) -> Result<(), NodeError> {
    let schemes: &[&str] = if cfg!(feature = "client-tls") { &["http://", "https://"] } else { &["http://"] };
    if schemes.iter().any(|scheme| url.starts_with(scheme)) { Ok(()) } else { Err(NodeError::Url) }
}

fn unreachable(error: ureq::Error) -> NodeError {
    match error {
        // Its text repeats the URL, which may hold a key.
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => NodeError::Url,
        error => NodeError::Unreachable { source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_cut_and_repeats_no_key() {
        let url = "http://rpc.example/v3/0123456789abcdef?token=s3cr3t-t0k3n";
        assert_eq!(shown(url, "execution\n reverted"), "execution reverted");
        assert_eq!(shown(url, &"x".repeat(500)).len(), MESSAGE_SHOWN_MAX);
        for leak in ["bad key 0123456789abcdef", "no s3cr3t-t0k3n here"] {
            assert_eq!(shown(url, leak), "(it repeats a part of the URL)");
        }
        let rpc = Rpc::new(url, Duration::from_secs(1)).unwrap();
        assert!(!format!("{rpc:?}").contains("0123456789abcdef"));
    }
}
