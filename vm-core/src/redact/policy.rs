//! Redaction policies: allow-lists by table, name and JSON pointer.

mod check;

pub use check::{Column, columns};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::canonical;
use crate::digest::{PolicyHash, Sha256Digest};
use crate::error::{CanonicalError, PolicyError};
use crate::record::Table;
use crate::redact::tree::Tree;

/// Longest name of a policy, in bytes: it stands in reports and on command lines.
const POLICY_NAME_MAX: usize = 64;
/// Longest canonical form of a policy, in bytes: the policy that ships takes 2 kB, and a row's texts must hold it.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;

/// What a policy does with the value at a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// Stored as it is, with everything below it.
    Keep,
    /// Its member names or its length are stored; what is below is handled by its own pointer, scalars are committed.
    Shape,
    /// Committed whole.
    Commit,
}

/// A JSON pointer in which `*` stands for any one token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern, for example `/result/content/*/type`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pointer, with `*` for any one token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its tokens, escaped as in a pointer.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    /// How `pointer` lies to this pattern: at it, above it, or elsewhere.
    fn place(&self, pointer: &str) -> Place {
        let mut wanted = self.tokens();
        for token in pointer.split('/').skip(1) {
            match wanted.next() {
                Some(want) if want == "*" || want == token => {}
                _ => return Place::Elsewhere,
            }
        }
        if wanted.next().is_none() { Place::At } else { Place::Above }
    }
}

#[derive(PartialEq, Eq)]
enum Place {
    At,
    Above,
    Elsewhere,
}

/// What is kept of the rows of one table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The table.
    pub table: Table,
    /// Tool, method or kind that the rule is for; any where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Pointers kept whole; all that lies above them keeps its shape.
    pub keep: Vec<Pattern>,
    /// Pointers whose shape is kept.
    pub shape: Vec<Pattern>,
}

/// A redaction policy: the first rule that fits a row decides; where none fits, everything is committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    label: Option<Label>,
    rules: Vec<Rule>,
    /// A tree for each rule.
    trees: Vec<Tree>,
    hash: PolicyHash,
}

/// What a policy is called.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Label {
    name: String,
    version: u32,
}

impl Policy {
    /// Format string of the canonical form of a policy without a name.
    pub const FORMAT: &'static str = "vm-redaction-policy-v0";
    /// Format string of the canonical form of a policy that has a name and a version.
    pub const NAMED_FORMAT: &'static str = "vm-redaction-policy-v1";

    /// A policy of these rules.
    ///
    /// # Errors
    /// [`CanonicalError`] never in practice: rules are strings.
    pub fn new(rules: Vec<Rule>) -> Result<Self, CanonicalError> {
        Self::assemble(None, rules)
    }

    /// A policy of these rules that is called `name`, in this version. Both are covered by its hash.
    ///
    /// # Errors
    /// [`PolicyError`]: a name, rule or pointer that is refused.
    pub fn named(name: &str, version: u32, rules: Vec<Rule>) -> Result<Self, PolicyError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > POLICY_NAME_MAX || !name.bytes().all(plain) {
            return Err(PolicyError::Name);
        }
        if version == 0 {
            return Err(PolicyError::Version);
        }
        check::rules(&rules)?;
        let policy = Self::assemble(Some(Label { name: name.to_owned(), version }), rules)?;
        match canonical::to_bytes(&policy.to_value())?.len() {
            found if found > POLICY_BYTES_MAX => Err(PolicyError::TooLong { limit: POLICY_BYTES_MAX, found }),
            _ => Ok(policy),
        }
    }

    /// Reads a policy from its canonical form, as a row keeps it.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            #[serde(rename = "format")]
            _format: String,
            rules: Vec<Rule>,
            name: Option<String>,
            version: Option<u32>,
        }
        let value = canonical::parse_exact(bytes, POLICY_BYTES_MAX)?;
        let format = value.get("format").and_then(canonical::Value::as_str).ok_or(PolicyError::Shape)?.to_owned();
        if format != Self::FORMAT && format != Self::NAMED_FORMAT {
            return Err(PolicyError::UnknownFormat { found: format.chars().take(64).collect() });
        }
        let document = Document::deserialize(value).map_err(|_| PolicyError::Shape)?;
        let policy = match (document.name, document.version) {
            (None, None) if format == Self::FORMAT => {
                check::rules(&document.rules)?;
                Self::new(document.rules)?
            }
            (Some(name), Some(version)) if format == Self::NAMED_FORMAT => Self::named(&name, version, document.rules)?,
            _ => return Err(PolicyError::Shape),
        };
        // A derived reader takes a list for an object, and null for a member that is not there.
        if canonical::to_bytes(&policy.to_value())? == bytes { Ok(policy) } else { Err(PolicyError::Shape) }
    }

    fn assemble(label: Option<Label>, rules: Vec<Rule>) -> Result<Self, CanonicalError> {
        let bytes = canonical::to_bytes(&value_of(label.as_ref(), &rules))?;
        let trees = rules.iter().map(Tree::new).collect();
        Ok(Self { label, rules, trees, hash: PolicyHash::from_bytes(*Sha256Digest::of(&bytes).as_bytes()) })
    }

    /// The policy that ships: names, shapes and error codes are kept, argument values and results are committed.
    #[must_use]
    pub fn builtin() -> Self {
        // Rules made of plain strings always have a canonical form; committing everything is the safe answer if not.
        Self::new(builtin_rules()).unwrap_or(Self {
            label: None,
            rules: Vec::new(),
            trees: Vec::new(),
            hash: PolicyHash::from_bytes([0; 32]),
        })
    }

    /// Its name, where it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.label.as_ref().map(|label| label.name.as_str())
    }

    /// Its version, where it has one.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        self.label.as_ref().map(|label| label.version)
    }

    /// What [`Policy::hash`] is taken over, before it is written canonically.
    #[must_use]
    pub fn to_value(&self) -> canonical::Value {
        value_of(self.label.as_ref(), &self.rules)
    }

    /// SHA-256 of the canonical form; stands in each row that the policy redacted.
    #[must_use]
    pub const fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What happens to the value at `pointer` (column first) of a row of `table` called `name`. Keeping a value keeps
    /// what is below it; that is for the caller, who walks down. Cost: every pattern of the rule is looked at.
    #[must_use]
    pub fn handling(&self, table: Table, name: &str, pointer: &str) -> Handling {
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(table, name)) else {
            return Handling::Commit;
        };
        if rule.keep.iter().any(|pattern| pattern.place(pointer) == Place::At) {
            return Handling::Keep;
        }
        let above = |pattern: &Pattern| pattern.place(pointer) == Place::Above;
        let shaped = |pattern: &Pattern| pattern.place(pointer) != Place::Elsewhere;
        if rule.keep.iter().any(above) || rule.shape.iter().any(shaped) { Handling::Shape } else { Handling::Commit }
    }

    /// The rule for rows of `table` called `name`, as a tree to walk down.
    pub(super) fn tree(&self, table: Table, name: &str) -> Option<&Tree> {
        let mut fitting = self.rules.iter().zip(&self.trees).filter(|(rule, _)| rule.fits(table, name));
        fitting.next().map(|(_, tree)| tree)
    }
}

fn value_of(label: Option<&Label>, rules: &[Rule]) -> canonical::Value {
    match label {
        None => json!({ "format": Policy::FORMAT, "rules": rules }),
        Some(Label { name, version }) => {
            json!({ "format": Policy::NAMED_FORMAT, "name": name, "rules": rules, "version": version })
        }
    }
}

impl Rule {
    fn fits(&self, table: Table, name: &str) -> bool {
        self.table == table && self.name.as_deref().is_none_or(|wanted| wanted == name)
    }

    /// Whether it takes every row that `other` is for.
    #[must_use]
    pub fn takes_all_of(&self, other: &Self) -> bool {
        self.table == other.table && (self.name.is_none() || self.name == other.name)
    }
}

fn rule(table: Table, name: Option<&str>, keep: &[&str], shape: &[&str]) -> Rule {
    let patterns = |list: &[&str]| list.iter().map(|text| Pattern::new(*text)).collect();
    Rule { table, name: name.map(str::to_owned), keep: patterns(keep), shape: patterns(shape) }
}

fn builtin_rules() -> Vec<Rule> {
    // The named rules of a table stand before the one for the rest of it: the first that fits decides.
    vec![tool_rule(), mcp_rule(), deploy_rule(), rune_rule(), artifact_rule(), shadow_rule()]
}

fn tool_rule() -> Rule {
    let keep =
        ["/tool", "/output_json/error/code", "/output_json/exit_code", "/meta_json/client", "/meta_json/exit_code"];
    rule(Table::ToolInvocations, None, &keep, &["/input_json", "/output_json", "/meta_json"])
}

fn mcp_rule() -> Rule {
    let keep = [
        "/rpc_id",
        "/method",
        "/meta_json/reason",
        "/body_json/jsonrpc",
        "/body_json/id",
        "/body_json/method",
        "/body_json/params/name",
        "/body_json/params/protocolVersion",
        "/body_json/params/requestId",
        "/body_json/params/clientInfo/name",
        "/body_json/params/clientInfo/version",
        "/body_json/params/level",
        "/body_json/result/protocolVersion",
        "/body_json/result/supportedVersions",
        "/body_json/result/resultType",
        "/body_json/result/isError",
        "/body_json/result/serverInfo/name",
        "/body_json/result/serverInfo/version",
        "/body_json/result/tools/*/name",
        "/body_json/result/prompts/*/name",
        "/body_json/result/content/*/type",
        "/body_json/error/code",
    ];
    let shape = [
        "/body_json",
        "/body_json/params/arguments",
        "/body_json/params/_meta",
        "/body_json/params/capabilities",
        "/body_json/result/capabilities",
        "/body_json/result/_meta",
        "/body_json/*/method",
        "/meta_json",
    ];
    rule(Table::McpCalls, None, &keep, &shape)
}

fn deploy_rule() -> Rule {
    let keep = [
        "/meta_json/format",
        "/meta_json/component",
        "/meta_json/version",
        "/meta_json/chain_ref",
        "/meta_json/evidence",
    ];
    rule(Table::ProofArtifacts, Some("deploy"), &keep, &["/meta_json"])
}

fn rune_rule() -> Rule {
    let keep = [
        "/meta_json/format",
        "/meta_json/capability_hash",
        "/meta_json/merkle_root",
        "/meta_json/epoch",
        "/meta_json/ts",
        "/payload/format",
    ];
    rule(Table::ProofArtifacts, Some("proof-rune"), &keep, &["/meta_json", "/payload"])
}

/// Artifacts of any other kind, and the events of scrolls, whose content stands below `/event`.
fn artifact_rule() -> Rule {
    let keep = ["/meta_json/format", "/meta_json/name", "/event/format", "/event/kind", "/event/name"];
    rule(Table::ProofArtifacts, None, &keep, &["/meta_json", "/event"])
}

fn shadow_rule() -> Rule {
    rule(Table::ShadowReceipts, None, &["/horizon_id", "/reason"], &["/meta_json"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handling_by_pointer() {
        let policy = Policy::builtin();
        let of = |pointer| policy.handling(Table::McpCalls, "tools/call", pointer);
        assert_eq!(of("/body_json/params/name"), Handling::Keep);
        assert_eq!(of("/body_json/params"), Handling::Shape);
        assert_eq!(of("/body_json/params/arguments"), Handling::Shape);
        assert_eq!(of("/body_json/params/arguments/x"), Handling::Commit);
        assert_eq!(of("/body_json/result/content/3"), Handling::Shape);
        assert_eq!(of("/body_json/result/content/3/type"), Handling::Keep);
        assert_eq!(of("/body_json/result/content/3/text"), Handling::Commit);
        assert_eq!(of("/unheard"), Handling::Commit);
    }

    #[test]
    fn no_rule_means_commit() {
        let policy = Policy::new(Vec::new()).unwrap();
        assert_eq!(policy.handling(Table::McpCalls, "x", "/method"), Handling::Commit);
    }

    #[test]
    fn the_hash_covers_every_rule() {
        let mut rules = builtin_rules();
        let whole = Policy::new(rules.clone()).unwrap().hash();
        rules[0].keep.pop();
        assert_ne!(Policy::new(rules).unwrap().hash(), whole);
        assert_ne!(whole, PolicyHash::from_bytes([0; 32]));
    }
}
