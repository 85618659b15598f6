//! What would be stored: records drafted as a vault drafts them, with keys that are thrown away, and recorded nowhere.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::LeafHash;
use vm_core::id::{LedgerId, TraceId};
use vm_core::key::{BlindKey, SigningIdentity};
use vm_core::record::{Direction, RowDraft, Table};
use vm_core::redact::{Handling, Policy, SEALED, columns};
use vm_ledger::Patience;

use crate::error::VaultError;
use crate::keys::KeyStore;
use crate::mcp::Session;
use crate::redaction::Detector;
use crate::subjects::Opened;
use crate::vault::drafter::Drafter;
use crate::vault::input::{Common, RecordInput};
use crate::vault::{LOCK_TIMEOUT, Own, Sources};

/// One row as it would be stored.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PreviewedRow {
    /// Its table.
    pub table: Table,
    /// Tool, method or kind, by which the rule was found, where that itself may be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The columns that the policy is for: JSON, or a text.
    pub stored: serde_json::Map<String, Value>,
    /// Places whose values are stored, with all that is below them.
    pub kept: Vec<String>,
    /// Places of which names and number are stored.
    pub shaped: Vec<String>,
    /// Places that a commitment stands for.
    pub committed: Vec<String>,
    /// Places where something looks like a secret; such a place is committed whatever the policy says.
    pub secrets: Vec<String>,
}

/// Shows what a policy makes of records. It opens no vault and leaves nothing behind.
pub struct Preview {
    policy: Policy,
    sources: Own,
    observer: SigningIdentity,
    blind: BlindKey,
    keys: KeyStore,
    session: Session,
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preview").field("policy", &self.policy.hash()).finish_non_exhaustive()
    }
}

/// Nobody's ledger.
const NOWHERE: LedgerId = LedgerId::from_genesis(LeafHash::from_bytes([0; 32]));

/// What a record says of itself, without what only a vault has: rows that stand, and keys of subjects.
fn nowhere(common: Common) -> Common {
    Common { corrects: None, data_subject: None, ..common }
}

impl Preview {
    /// A preview under `policy`. Keys and salts are drawn from `sources` and go with this.
    #[must_use]
    pub fn new(policy: Policy, sources: Sources) -> Self {
        let Sources { clock, mut entropy, command, .. } = sources;
        let observer = SigningIdentity::generate(&mut *entropy);
        let mut blind = [0; 32];
        entropy.fill(&mut blind);
        let session = Session::new(TraceId::mint(&*clock, &mut *entropy), policy.clone(), Box::new(Detector));
        let sources = Own { clock, entropy, patience: Patience { command, timeout: LOCK_TIMEOUT } };
        let keys = KeyStore::new(Path::new(""), NOWHERE);
        Self { policy, sources, observer, blind: BlindKey::from_bytes(blind), keys, session }
    }

    /// A record. Files that it names are neither read nor copied, and rows that it names are not looked up.
    ///
    /// # Errors
    /// As recording it, but for files and rows.
    pub fn record(&mut self, input: RecordInput) -> Result<PreviewedRow, VaultError> {
        let input = match input {
            RecordInput::Tool(mut tool) => {
                tool.common = nowhere(tool.common);
                tool.common.trace_id.get_or_insert_with(|| self.session.connection());
                tool.intent = None;
                RecordInput::Tool(tool)
            }
            RecordInput::Artifact(mut artifact) => {
                artifact.common = nowhere(artifact.common);
                let has_file = artifact.path.take().is_some() | artifact.file.take().is_some();
                if has_file && artifact.meta.is_none() {
                    return Ok(PreviewedRow::empty(Table::ProofArtifacts, artifact.kind));
                }
                RecordInput::Artifact(artifact)
            }
            RecordInput::Shadow(mut shadow) => {
                shadow.common = nowhere(shadow.common);
                RecordInput::Shadow(shadow)
            }
            RecordInput::Deploy(_) => {
                let reason = "a deployment is previewed by its evidence and names alone, which are kept".to_owned();
                return Err(VaultError::Input { reason });
            }
        };
        let name = match &input {
            RecordInput::Tool(tool) => tool.tool.clone(),
            RecordInput::Artifact(artifact) => artifact.kind.clone(),
            _ => String::new(),
        };
        let Self { policy, sources, observer, blind, keys, .. } = self;
        let (vault, ledger, opened) = (Path::new(""), NOWHERE, &mut Opened::default());
        let mut drafter =
            Drafter { vault, ledger, keys, observer, blind, policy, sources, files: None, subject: None, opened };
        let draft = drafter.draft(input)?;
        previewed(draft, policy, &name)
    }

    /// A frame of MCP, as it crossed; answers find their rule by the request before them.
    ///
    /// # Errors
    /// [`VaultError::Session`].
    pub fn frame(&mut self, direction: Direction, frame: &[u8]) -> Result<PreviewedRow, VaultError> {
        let Own { clock, entropy, .. } = &mut self.sources;
        let draft = self.session.frame(direction, frame, &**clock, &mut **entropy).map_err(VaultError::Session)?;
        let row = draft.complete(None).map_err(VaultError::Record)?;
        // An answer has its request's method; what has none is known by its kind.
        let name = row.text("method").or_else(|| row.text("kind")).unwrap_or_default().to_owned();
        previewed(draft, &self.policy, &name)
    }
}

impl PreviewedRow {
    fn empty(table: Table, name: String) -> Self {
        let none = Vec::new;
        let (stored, name) = (serde_json::Map::new(), Some(name));
        Self { table, name, stored, kept: none(), shaped: none(), committed: none(), secrets: none() }
    }
}

fn previewed(draft: RowDraft, policy: &Policy, name: &str) -> Result<PreviewedRow, VaultError> {
    let secrets = draft.secrets().to_vec();
    let row = draft.into_row(None).map_err(VaultError::Record)?;
    let mut shown = PreviewedRow::empty(row.table(), String::new());
    shown.secrets = secrets;
    let stands = |column: &str| row.text(column) == Some(name);
    // A name that is committed is not told either.
    shown.name = ["tool", "method", "kind"].iter().any(|column| stands(column)).then(|| name.to_owned());
    for column in columns(row.table()) {
        let Some(text) = row.text(column.name) else { continue };
        let value = if column.is_json || text.contains(SEALED) {
            canonical::parse(text.as_bytes(), canonical::BYTES_MAX).map_err(VaultError::Canonical)?
        } else {
            Value::from(text)
        };
        shown.walk(policy, name, format!("/{}", column.name), &value);
        shown.stored.insert(column.name.to_owned(), value);
    }
    Ok(shown)
}

impl PreviewedRow {
    /// Tells of the value at `pointer`, whose column comes first. Depth is bounded: what is stored was parsed.
    fn walk(&mut self, policy: &Policy, name: &str, pointer: String, value: &Value) {
        let is_commitment = value.as_object().is_some_and(|members| members.contains_key(SEALED));
        let handling = policy.handling(self.table, name, &pointer);
        match value {
            _ if is_commitment => self.committed.push(pointer),
            _ if handling == Handling::Keep => {
                // Within what is kept, only what looks like a secret is committed.
                self.committed_below(&pointer, value);
                self.kept.push(pointer);
            }
            Value::Object(members) => {
                for (member, value) in members {
                    self.walk(policy, name, canonical::pointer_child(&pointer, member), value);
                }
                self.shaped.push(pointer);
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    self.walk(policy, name, format!("{pointer}/{at}"), value);
                }
                self.shaped.push(pointer);
            }
            // What the system says itself, such as why a frame is no JSON-RPC.
            _ => self.kept.push(pointer),
        }
    }

    fn committed_below(&mut self, pointer: &str, value: &Value) {
        match value {
            Value::Object(members) if members.contains_key(SEALED) => self.committed.push(pointer.to_owned()),
            Value::Object(members) => {
                for (member, value) in members {
                    self.committed_below(&canonical::pointer_child(pointer, member), value);
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    self.committed_below(&format!("{pointer}/{at}"), value);
                }
            }
            _ => {}
        }
    }
}
