//! `mesh put`, `remove`, `increment`, `add`, `discard`, `get`: the twin state, which all members edit.

use clap::Args;
use serde::Serialize;
use serde_json::{Value as Json, json};
use vaultmesh::error::{MeshError, VaultError};
use vm_core::canonical;
use vm_crdt::document::{Finite, LeafState};
use vm_crdt::{Path, Transaction, Value};

use super::super::context::Context;
use super::super::error::CliError;
use super::{behind, open};
use crate::render::{Human, Output, Page, Style};

const PUT_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh put /fleet/server/mode observe
  vaultmesh mesh put /fleet/server/limit 250
  vaultmesh mesh put /fleet/server/serial '\"0042\"'

A path is a JSON pointer (RFC 6901). A value is read as JSON where it is a word, a number or a quoted text, and as text where it
is not. What two members write at the same time stays until somebody writes after both; `get` shows all of it.";

/// Write a value of the twin state
#[derive(Args)]
#[command(after_help = PUT_EXAMPLES)]
pub(super) struct Put {
    /// Where, as a JSON pointer
    path: String,
    /// What: a word, a number or text
    #[arg(allow_hyphen_values = true)]
    value: String,
}

const REMOVE_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh remove /fleet/server/mode
  vaultmesh mesh remove /fleet/server

What somebody else writes at the same time stays.";

/// Take away what is at a path of the twin state, and below it
#[derive(Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(super) struct Remove {
    /// Where, as a JSON pointer
    path: String,
}

const INCREMENT_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh increment /jobs/done
  vaultmesh mesh increment /jobs/open -3

Whatever members add at the same time adds up.";

/// Add to a counter of the twin state
#[derive(Args)]
#[command(after_help = INCREMENT_EXAMPLES)]
pub(super) struct Increment {
    /// Where, as a JSON pointer
    path: String,
    /// How much
    #[arg(default_value_t = 1, allow_hyphen_values = true)]
    amount: i64,
}

const ADD_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh add /fleet/tags production

An element that one member adds while another discards it stays.";

/// Put an element into a set of the twin state
#[derive(Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(super) struct Add {
    /// Where, as a JSON pointer
    path: String,
    /// What: a word, a number or text
    #[arg(allow_hyphen_values = true)]
    element: String,
}

const DISCARD_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh discard /fleet/tags production

An element that one member adds while another discards it stays.";

/// Take an element out of a set of the twin state
#[derive(Args)]
#[command(after_help = DISCARD_EXAMPLES)]
pub(super) struct Discard {
    /// Where, as a JSON pointer
    path: String,
    /// What: a word, a number or text
    #[arg(allow_hyphen_values = true)]
    element: String,
}

const GET_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh get
  vaultmesh mesh get /fleet/server
  vaultmesh --format jsonl mesh get | jq 'select(.others | length > 0)'

Where two members wrote at the same time, the value whose op has the greatest name is shown first, everywhere the same one, and
the others beside it.";

/// Print the twin state
#[derive(Args)]
#[command(after_help = GET_EXAMPLES)]
pub(super) struct Get {
    /// Only what is at this path and below, as a JSON pointer
    #[arg(default_value = "")]
    path: String,
}

fn path(pointer: &str) -> Result<Path, CliError> {
    let fault = |reason: String| CliError::argument("PATH", VaultError::Input { reason });
    if pointer.is_empty() {
        return Ok(Path::root());
    }
    let rest = pointer.strip_prefix('/').ok_or_else(|| fault("a JSON pointer begins with /".to_owned()))?;
    let components = rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
    Path::new(components).map_err(|error| fault(error.to_string()))
}

/// A value of the command line, which outlives what is made of it.
enum Typed {
    Json(Json),
    Integer(i64),
    Text(String),
}

impl Typed {
    fn parse(text: &str) -> Result<Self, CliError> {
        let fault = |reason: &str| CliError::argument("VALUE", VaultError::Input { reason: reason.to_owned() });
        if let Ok(integer) = text.parse::<i64>()
            && integer.to_string() == text
        {
            return Ok(Self::Integer(integer));
        }
        match canonical::parse(text.as_bytes(), canonical::BYTES_MAX) {
            Ok(Json::Array(_) | Json::Object(_)) => {
                Err(fault("a list or an object is no value; put each member at a path of its own"))
            }
            Ok(value) => Ok(Self::Json(value)),
            // A number that is none of ours is most likely not meant as text.
            Err(_) if serde_json::from_str::<serde_json::Number>(text).is_ok() => {
                Err(fault("a whole number has at most 64 bits, and any other is a double"))
            }
            Err(_) => Ok(Self::Text(text.to_owned())),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) | Self::Json(Json::String(text)) => Value::Text(text),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Json(Json::Bool(value)) => Value::Bool(*value),
            Self::Json(Json::Number(number)) => number.as_f64().and_then(Finite::new).map_or(Value::Null, Value::Float),
            Self::Json(_) => Value::Null,
        }
    }
}

#[derive(Serialize)]
struct Written {
    op: String,
}

impl Human for Written {
    fn human(&self, page: &mut Page) {
        page.field("op", &self.op);
    }
}

/// Writes one op with what `edit` puts into it.
fn write(
    context: &Context,
    edit: impl FnOnce(&mut Transaction, &vm_crdt::Document) -> Result<(), CliError>,
) -> Result<Output, CliError> {
    let mut vault = context.open()?;
    let mut mesh = vault.mesh()?;
    let mut transaction = Transaction::new();
    edit(&mut transaction, mesh.replica().document())?;
    let payload = transaction.to_payload().map_err(edit_fault)?;
    Ok(Output::done(Written { op: vault.mesh_write(&mut mesh, payload)? }))
}

fn edit_fault(error: vm_crdt::error::TransactionError) -> CliError {
    VaultError::Mesh(MeshError::Edit(error)).into()
}

impl Put {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (path, typed) = (path(&self.path)?, Typed::parse(&self.value)?);
        let value = typed.value();
        write(context, |edit, _| edit.put(&path, value).map(drop).map_err(edit_fault))
    }
}

impl Remove {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let path = path(&self.path)?;
        write(context, |edit, document| {
            if document.leaves(&path).next().is_none() {
                return Err(VaultError::NotFound { what: "value at", name: self.path }.into());
            }
            edit.remove_tree(document, &path).map(drop).map_err(edit_fault)
        })
    }
}

impl Increment {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let path = path(&self.path)?;
        write(context, |edit, _| edit.increment(&path, self.amount).map(drop).map_err(edit_fault))
    }
}

impl Add {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (path, typed) = (path(&self.path)?, Typed::parse(&self.element)?);
        let value = typed.value();
        write(context, |edit, _| edit.add(&path, value).map(drop).map_err(edit_fault))
    }
}

impl Discard {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (path, typed) = (path(&self.path)?, Typed::parse(&self.element)?);
        let value = typed.value();
        write(context, |edit, _| edit.discard(&path, value).map(drop).map_err(edit_fault))
    }
}

#[derive(Serialize)]
struct Found {
    leaves: Vec<FoundLeaf>,
}

#[derive(Serialize)]
struct FoundLeaf {
    path: String,
    kind: &'static str,
    value: Json,
    /// What others wrote at the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<Json>,
}

fn to_json(value: Value<'_>) -> Json {
    match value {
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value.get()),
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json!({ "hex": vm_core::digest::to_hex(bytes) }),
        _ => Json::Null,
    }
}

/// A path as a JSON pointer.
fn pointer(path: &Path) -> String {
    path.components().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

impl Get {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let at = path(&self.path)?;
        let mesh = open(context)?;
        let leaves = mesh.replica().document().leaves(&at).map(|leaf| {
            let path = pointer(&leaf.path);
            match leaf.state {
                LeafState::Register(writes) => {
                    let mut values = writes.iter().map(|write| to_json(write.value));
                    let value = values.next().unwrap_or(Json::Null);
                    FoundLeaf { path, kind: "register", value, others: values.collect() }
                }
                // Beyond 64 bits JSON has no form that all read alike.
                LeafState::Counter(sum) => {
                    let value = i64::try_from(sum).map_or_else(|_| json!(sum.to_string()), |sum| json!(sum));
                    FoundLeaf { path, kind: "counter", value, others: Vec::new() }
                }
                LeafState::Element(value) => {
                    FoundLeaf { path, kind: "element", value: to_json(value), others: Vec::new() }
                }
            }
        });
        let leaves = leaves.collect();
        Ok(Output::done(Found { leaves }).listing("leaves").noticing(behind(context, &mesh)?, 0))
    }
}

impl Human for Found {
    fn human(&self, page: &mut Page) {
        for leaf in &self.leaves {
            page.write(Style::Strong, &leaf.path);
            page.line(&format!(" {}", leaf.value));
            for other in &leaf.others {
                page.field("at the same time", other);
            }
        }
        if self.leaves.is_empty() {
            page.line("nothing is there");
        }
    }
}
