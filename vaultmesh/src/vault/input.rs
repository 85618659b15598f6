//! What callers hand in to be recorded. The same shapes are read from JSONL, one object a line.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::redact::{KnownSecrets, SecretDetector as _};

use crate::error::VaultError;
use crate::subjects::SubjectName;

/// What every record may say.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Common {
    /// Chain of work; a new one where there is none.
    pub trace_id: Option<TraceId>,
    /// Time of the event; now where there is none. Any RFC 3339 time.
    #[serde(deserialize_with = "lenient_time")]
    pub ts: Option<Instant>,
    /// The row that this one corrects.
    pub corrects: Option<RowId>,
    /// Key under which a retry makes no second row.
    pub idempotency_key: Option<String>,
    /// Whose openings these are: they are kept under a key of that subject, which can be erased.
    pub data_subject: Option<SubjectName>,
}

/// As a derived one was before there were subjects: fingerprints of input are made of it, and a retry of what an earlier release
/// recorded must have the same. Whoever makes a fingerprint adds the subject.
impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common")
            .field("trace_id", &self.trace_id)
            .field("ts", &self.ts)
            .field("corrects", &self.corrects)
            .field("idempotency_key", &self.idempotency_key)
            .finish()
    }
}

/// What a tool did, or is about to do.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolInput {
    /// Name of the tool.
    pub tool: String,
    /// `intent`, `outcome` or `complete` (the default).
    #[serde(default)]
    pub phase: Option<String>,
    /// `ok`, `error`, `blocked` or `unknown`.
    #[serde(default)]
    pub status: Option<String>,
    /// Arguments.
    #[serde(default)]
    pub input: Option<Value>,
    /// Results.
    #[serde(default)]
    pub output: Option<Value>,
    /// The intent that an outcome completes.
    #[serde(default)]
    pub intent: Option<RowId>,
    /// Duration in microseconds.
    #[serde(default)]
    pub duration_us: Option<u64>,
    /// Anything else.
    #[serde(default)]
    pub meta: Option<Value>,
    /// Trace, time, correction, idempotency.
    #[serde(skip)]
    pub common: Common,
}

impl ToolInput {
    /// A whole act of the tool called `tool`, of which nothing else is said.
    pub fn named(tool: impl Into<String>) -> Self {
        Self {
            tool: tool.into(),
            phase: None,
            status: None,
            input: None,
            output: None,
            intent: None,
            duration_us: None,
            meta: None,
            common: Common::default(),
        }
    }
}

/// A proof artifact.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactInput {
    /// What it is: `[a-z0-9_.-]{1,64}`, not reserved.
    pub kind: String,
    /// Path below the vault of a file that is already there.
    #[serde(default)]
    pub path: Option<String>,
    /// A file anywhere, to be copied into the vault.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Small JSON; the artifact itself where there is no file.
    #[serde(default)]
    pub meta: Option<Value>,
    /// The row it is about.
    #[serde(default)]
    pub subject: Option<RowId>,
    /// Trace, time, correction, idempotency.
    #[serde(skip)]
    pub common: Common,
}

/// A deployment with its evidence.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployInput {
    /// What was deployed.
    pub component: String,
    /// In which version.
    pub version: String,
    /// File that is the evidence; copied into the vault and hashed there.
    pub evidence: PathBuf,
    /// Hash that the evidence is said to have; another one is refused.
    #[serde(default)]
    pub sha256: Option<Sha256Digest>,
    /// Reference to a chain outside.
    #[serde(default)]
    pub chain_ref: Option<String>,
    /// Trace, time, correction, idempotency.
    #[serde(skip)]
    pub common: Common,
}

/// A path that was considered and not taken.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowInput {
    /// The decision it belongs to.
    pub horizon: String,
    /// Description of the path; only a commitment to it is stored.
    pub counterfactual: Value,
    /// Drift or uncertainty signal.
    #[serde(default)]
    pub entropy_delta: f64,
    /// Why the path was not taken.
    pub reason: String,
    /// Anything else.
    #[serde(default)]
    pub meta: Option<Value>,
    /// Trace, time, correction, idempotency.
    #[serde(skip)]
    pub common: Common,
}

/// One record to be made.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum RecordInput {
    /// Into `tool_invocations`.
    Tool(ToolInput),
    /// Into `proof_artifacts`.
    Artifact(ArtifactInput),
    /// Into `proof_artifacts`, kind `deploy`.
    Deploy(DeployInput),
    /// Into `shadow_receipts`.
    Shadow(ShadowInput),
}

/// Which shape the lines of a JSONL file have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputKind {
    /// [`ToolInput`].
    Tool,
    /// [`ArtifactInput`].
    Artifact,
    /// [`DeployInput`].
    Deploy,
    /// [`ShadowInput`].
    Shadow,
}

impl RecordInput {
    /// Reads one JSON object: the members of the shape `kind`, and `trace_id`, `ts`, `corrects`, `idempotency_key`.
    ///
    /// # Errors
    /// [`VaultError::Canonical`] where it is no strict I-JSON, [`VaultError::Input`] where a member is foreign, missing
    /// or of the wrong type.
    pub fn parse(kind: InputKind, json: &[u8]) -> Result<Self, VaultError> {
        let Value::Object(mut members) = canonical::parse(json, canonical::BYTES_MAX).map_err(VaultError::Canonical)?
        else {
            return Err(VaultError::Input { reason: "not a JSON object".to_owned() });
        };
        let common = take_common(&mut members)?;
        Ok(match kind {
            InputKind::Tool => {
                let [input, output, meta] = ["input", "output", "meta"].map(|name| lift(&mut members, name));
                Self::Tool(ToolInput { common, input, output, meta, ..read(members)? })
            }
            InputKind::Artifact => {
                let meta = lift(&mut members, "meta");
                Self::Artifact(ArtifactInput { common, meta, ..read(members)? })
            }
            InputKind::Deploy => Self::Deploy(DeployInput { common, ..read(members)? }),
            InputKind::Shadow => {
                let [counterfactual, meta] = ["counterfactual", "meta"].map(|name| lift(&mut members, name));
                let counterfactual = counterfactual.unwrap_or_default();
                Self::Shadow(ShadowInput { common, counterfactual, meta, ..read(members)? })
            }
        })
    }
}

/// Takes the value out of a member that may be any JSON and leaves null in its place, so that the deserialiser sees the
/// member and does not build its value anew.
fn lift(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    members.get_mut(name).map(Value::take).filter(|value| !value.is_null())
}

fn take_common(members: &mut Map<String, Value>) -> Result<Common, VaultError> {
    let mut common = Map::new();
    for name in ["trace_id", "ts", "corrects", "idempotency_key", "data_subject"] {
        if let Some(value) = members.remove(name) {
            common.insert(name.to_owned(), value);
        }
    }
    read(common)
}

fn read<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, VaultError> {
    serde_json::from_value(Value::Object(members)).map_err(|error| VaultError::Input { reason: public_words(&error) })
}

/// What the deserialiser says, without the values it would quote: those may be secret.
fn public_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let quoted = |marker| text.strip_prefix(marker).and_then(|rest| rest.split('`').next());
    match (quoted("unknown field `"), quoted("missing field `")) {
        (Some(name), _) if name.len() <= 64 && !KnownSecrets.is_secret(None, name) => {
            format!("unknown member {name:?}")
        }
        (Some(_), _) => "an unknown member".to_owned(),
        (_, Some(name)) => format!("missing member {name:?}"),
        _ => "a member is of the wrong type".to_owned(),
    }
}

fn lenient_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Instant::parse_lenient(&text)).transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_checked_and_values_are_not_repeated() {
        let good = br#"{"tool":"grep","status":"ok","trace_id":"01900000-0000-7000-8000-0000000000ff"}"#;
        let RecordInput::Tool(tool) = RecordInput::parse(InputKind::Tool, good).unwrap() else { panic!("not a tool") };
        assert_eq!(tool.tool, "grep");
        assert!(tool.common.trace_id.is_some());
        for (bad, words) in [
            (r#"{"tool":"x","tol":1}"#, "unknown member \"tol\""),
            (r#"{"status":"ok"}"#, "missing member \"tool\""),
            (r#"{"tool":"x","duration_us":"hunter2"}"#, "a member is of the wrong type"),
            (r#"{"tool":"x","ts":"yesterday hunter2"}"#, "a member is of the wrong type"),
            (r#"["hunter2"]"#, "not a JSON object"),
            (r#"{"tool":"x","input":{"a":1},"meta":[],"outputs":1}"#, "unknown member \"outputs\""),
        ] {
            let Err(VaultError::Input { reason }) = RecordInput::parse(InputKind::Tool, bad.as_bytes()) else {
                panic!("{bad} was accepted");
            };
            assert_eq!(reason, words, "{bad}");
        }
    }
}
