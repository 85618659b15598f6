//! `redact use|show|list|test`: what of payloads is stored, and what would be.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::{RedactionFault, VaultError};
use vaultmesh::redaction::{
    BUILTIN, PolicyFile, REDACTION_FILE, REDACTION_MAX, in_force, load, put_in_force, shipped, shipped_names,
    shipped_text,
};
use vm_core::digest::PolicyHash;
use vm_core::id::RowId;
use vm_core::record::SystemKind;
use vm_core::redact::Policy;

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::output::shown;
use super::redact_test::Test;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh redact list
  vaultmesh redact show shell
  vaultmesh redact test records.jsonl --policy policy.toml
  vaultmesh redact use policy.toml

What a policy does not keep is stored as a salted commitment, which the owner's key opens and nobody can guess.";

/// Choose what of payloads is stored, and see what would be
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Redact {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Use(Use),
    Show(Show),
    List(List),
    Test(Test),
}

const USE_EXAMPLES: &str = "\
Examples:
  vaultmesh redact use shell
  vaultmesh redact use policy.toml
  vaultmesh redact use builtin

From then on commands record under it, and before their first row the policy itself is recorded, so that whoever verifies sees
what it kept. What runs already goes on under the old one.";

/// Put a policy in force in this vault
#[derive(Args)]
#[command(after_help = USE_EXAMPLES)]
struct Use {
    /// Name of a policy that ships, or a policy file
    #[arg(value_name = "NAME|FILE")]
    policy: String,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh redact show
  vaultmesh redact show mcp > policy.toml
  vaultmesh redact show 95a11191d7c43b166b5eba79729a54acfeaccafbdc604d9cdc6169f9f16983cf";

/// Print a policy: the one in force, one that ships, or one that the vault recorded
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// Name of a policy that ships, a policy file, or the hash of a recorded one [default: the one in force]
    #[arg(value_name = "NAME|FILE|HASH")]
    policy: Option<String>,
}

const LIST_EXAMPLES: &str = "\
Examples:
  vaultmesh redact list
  vaultmesh redact list --format json";

/// List the policies that ship, and those that this vault recorded
#[derive(Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {}

/// What a policy is called.
#[derive(Clone, PartialEq, Eq, Serialize)]
struct Named {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    hash: PolicyHash,
}

#[derive(Serialize)]
struct InForce {
    #[serde(flatten)]
    policy: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Row that holds it; none for the policy that ships.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<RowId>,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    policy: Named,
    text: String,
}

#[derive(Serialize)]
struct Listed {
    ships: Vec<Named>,
    /// None where there is no vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<Named>,
    recorded: Vec<Recorded>,
}

#[derive(Serialize)]
struct Recorded {
    #[serde(flatten)]
    policy: Named,
    seq: u64,
    row: RowId,
}

impl Redact {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Use(command) => command.run(context),
            What::Show(command) => command.run(context),
            What::List(command) => command.run(context),
            What::Test(command) => command.run(context),
        }
    }
}

/// A policy by name or file, and the text it is written as; none for the one that is no file.
pub(super) fn named(name: &str) -> Result<(Policy, Option<String>), CliError> {
    if let Some(policy) = shipped(name) {
        return Ok((policy, shipped_text(name).map(str::to_owned)));
    }
    let path = Path::new(name);
    // A bare word that is no file was meant as a name.
    if !name.contains(['/', '.']) && name != "-" && !path.exists() {
        let name = name.chars().take(64).collect();
        return Err(VaultError::from(RedactionFault::Unknown { name }).into());
    }
    let limit = usize::try_from(REDACTION_MAX).unwrap_or(usize::MAX);
    let bytes = read_limited(path, limit)?;
    if bytes.len() > limit {
        let fault = RedactionFault::TooLong { path: path.to_owned(), limit: REDACTION_MAX };
        return Err(VaultError::from(fault).into());
    }
    let text =
        String::from_utf8(bytes).map_err(|_| CliError::Usage { what: format!("{} is not UTF-8 text", shown(path)) })?;
    let policy = PolicyFile::parse(&text).map_err(VaultError::from)?.into_policy();
    Ok((policy, Some(text)))
}

/// The policy in force in the vault of this context, whether or not there is a vault.
pub(super) fn present(context: &Context) -> Result<Policy, CliError> {
    Ok(in_force(&context.vault()?.value).map_err(VaultError::from)?)
}

impl Named {
    fn of(policy: &Policy) -> Self {
        let name = policy.name().unwrap_or(BUILTIN).to_owned();
        Self { name, version: policy.version(), hash: policy.hash() }
    }
}

impl Use {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let (policy, text) = named(&self.policy)?;
        // Nothing is written into a folder that is no vault.
        drop(context.reader()?);
        let vault = context.vault()?.value;
        put_in_force(&vault, text.as_deref()).map_err(VaultError::from)?;
        let opened = context.open()?;
        let row = opened.ledger().redaction_row(policy.hash()).map_err(VaultError::from)?;
        let file = text.is_some().then(|| shown(vault.join(REDACTION_FILE)));
        Ok(Output::done(InForce { policy: Named::of(&policy), file, row }))
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let (policy, text) = match &self.policy {
            None => {
                let path: PathBuf = context.vault()?.value.join(REDACTION_FILE);
                if path.exists() {
                    let file = load(&path).map_err(VaultError::from)?;
                    let text = file.to_text().map_err(VaultError::from)?;
                    (file.into_policy(), Some(text))
                } else {
                    (Policy::builtin(), None)
                }
            }
            Some(hash) if hash.len() == 64 => match PolicyHash::parse_hex(hash) {
                Ok(hash) => (recorded(context, hash)?, None),
                Err(_) => named(hash)?,
            },
            Some(name) => named(name)?,
        };
        let name = policy.name().unwrap_or(BUILTIN).to_owned();
        let text = text.map_or_else(|| PolicyFile::text_of(&policy, &name), Ok).map_err(VaultError::from)?;
        Ok(Output::done(Shown { policy: Named::of(&policy), text }))
    }
}

/// The policy of this hash: one that ships, or one that the vault recorded.
fn recorded(context: &Context, hash: PolicyHash) -> Result<Policy, CliError> {
    if let Some(policy) = shipped_names().filter_map(shipped).find(|policy| policy.hash() == hash) {
        return Ok(policy);
    }
    let mut found = None;
    visit(context, &mut |_, _, policy| {
        if policy.hash() == hash {
            found = Some(policy);
        }
    })?;
    found.ok_or_else(|| VaultError::from(RedactionFault::Unknown { name: hash.to_hex() }).into())
}

/// The policies that the vault recorded, in order.
fn visit(context: &Context, take: &mut dyn FnMut(u64, RowId, Policy)) -> Result<(), CliError> {
    let reader = context.reader()?;
    reader.visit_kind(SystemKind::RedactionPolicy.as_str(), &mut |logged| {
        // One that does not read is for `verify`.
        if let Ok(policy) = Policy::parse(logged.row.text("meta_json").unwrap_or_default().as_bytes()) {
            take(logged.entry.seq, logged.entry.row_id, policy);
        }
    })?;
    Ok(())
}

impl List {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let Self {} = self;
        let ships = shipped_names().filter_map(shipped).map(|policy| Named::of(&policy)).collect();
        let mut recorded = Vec::new();
        let is_vault = context.vault()?.value.join(vm_ledger::files::DATABASE_FILE).exists();
        if is_vault {
            visit(context, &mut |seq, row, policy| recorded.push(Recorded { policy: Named::of(&policy), seq, row }))?;
        }
        let in_force = if is_vault { Some(Named::of(&present(context)?)) } else { None };
        Ok(Output::done(Listed { ships, in_force, recorded }).listing("ships"))
    }
}

impl Named {
    fn write(&self, page: &mut Page) {
        page.write(Style::Strong, &self.name);
        let version = self.version.map_or_else(String::new, |version| format!(" {version}"));
        page.line(&format!("{version}  {}", self.hash));
    }
}

impl Human for InForce {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "in force");
        page.write(Style::Plain, " ");
        self.policy.write(page);
        if let Some(file) = &self.file {
            page.field("kept as", file);
        }
        if let Some(row) = self.row {
            page.field("row", row);
        }
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        // As a file, so that it can be changed and used.
        page.line(&format!("# {}: {}", self.policy.name, self.policy.hash));
        for line in self.text.lines() {
            page.line(line);
        }
    }
}

impl Human for Listed {
    fn human(&self, page: &mut Page) {
        for policy in &self.ships {
            policy.write(page);
        }
        if let Some(policy) = &self.in_force {
            page.write(Style::Good, "in force ");
            policy.write(page);
        }
        for recorded in &self.recorded {
            page.write(Style::Faint, &format!("row {} ", recorded.seq));
            recorded.policy.write(page);
        }
    }
}
