//! Policy files:
//!
//! ```toml
//! format = "vm-redaction-v0"
//! name = "deploys"
//! version = 1
//! extends = "builtin"
//!
//! [[rule]]
//! table = "tool_invocations"
//! name = ["grep", "ls"]
//! keep = ["/tool", "/output_json/error/code"]
//! shape = ["/input_json"]
//! ```
//!
//! `docs/spec/redaction-policy.md` says what each key means.

use serde::{Deserialize, Serialize};
use vm_core::error::PolicyError;
use vm_core::record::Table;
use vm_core::redact::{Pattern, Policy, Rule};

use super::shipped;
use crate::error::{RedactionFault, TomlFault};

/// Most characters of a name that an error repeats.
const SHOWN_MAX: usize = 64;

/// A policy as a file says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyFile {
    written: Written,
    policy: Policy,
}

/// What stands in the file, in the order in which it is written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Written {
    format: String,
    name: String,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<String>,
    #[serde(rename = "rule", skip_serializing_if = "Vec::is_empty")]
    rules: Vec<WrittenRule>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct WrittenRule {
    table: Table,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Names>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keep: Vec<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shape: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    format: String,
    name: String,
    version: u32,
    #[serde(default)]
    extends: Option<String>,
    #[serde(default, rename = "rule")]
    rules: Vec<ReadRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadRule {
    table: toml::Spanned<Table>,
    #[serde(default)]
    name: Option<Names>,
    #[serde(default)]
    keep: Vec<Pattern>,
    #[serde(default)]
    shape: Vec<Pattern>,
}

/// For which tools, methods or kinds a rule is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a name or a list of names")]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl PolicyFile {
    /// Format string of a policy file.
    pub const FORMAT: &'static str = "vm-redaction-v0";

    /// Reads the text of a policy file. What is unknown, cannot be reached or leads nowhere is refused, with its line.
    ///
    /// # Errors
    /// [`RedactionFault`].
    pub fn parse(text: &str) -> Result<Self, RedactionFault> {
        let read: Read =
            toml::from_str(text).map_err(|error| RedactionFault::Malformed(TomlFault::new(&error, text)))?;
        if read.format != Self::FORMAT {
            return Err(RedactionFault::FormatUnknown { found: shortened(&read.format) });
        }
        let lines: Vec<usize> = read.rules.iter().map(|rule| line_of(text, rule.table.span().start)).collect();
        let rules = read.rules.into_iter().map(ReadRule::written).collect();
        let Read { format, name, version, extends, .. } = Read { rules: Vec::new(), ..read };
        let written = Written { format, name, version, extends, rules };
        let policy = written.policy(&|rule| lines.get(rule.wrapping_sub(1)).copied().unwrap_or(1))?;
        Ok(Self { written, policy })
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy alone.
    #[must_use]
    pub fn into_policy(self) -> Policy {
        self.policy
    }

    /// A file that says the same: comments aside, the one it was read from.
    ///
    /// # Errors
    /// [`RedactionFault::Write`] never in practice: all of it is strings and a number.
    pub fn to_text(&self) -> Result<String, RedactionFault> {
        toml::to_string(&self.written).map_err(|error| RedactionFault::Write(Box::new(error)))
    }

    /// The rules of a policy, written as a file called `name`.
    ///
    /// # Errors
    /// As [`PolicyFile::to_text`].
    pub fn text_of(policy: &Policy, name: &str) -> Result<String, RedactionFault> {
        let rule = |rule: &Rule| WrittenRule {
            table: rule.table,
            name: rule.name.clone().map(Names::One),
            keep: rule.keep.clone(),
            shape: rule.shape.clone(),
        };
        let (format, version) = (Self::FORMAT.to_owned(), policy.version().unwrap_or(1));
        let rules = policy.rules().iter().map(rule).collect();
        let written = Written { format, name: name.to_owned(), version, extends: None, rules };
        toml::to_string(&written).map_err(|error| RedactionFault::Write(Box::new(error)))
    }
}

impl ReadRule {
    fn written(self) -> WrittenRule {
        let Self { table, name, keep, shape } = self;
        WrittenRule { table: table.into_inner(), name, keep, shape }
    }
}

impl Written {
    /// The policy; `line` is where the rule of a number stands.
    fn policy(&self, line: &dyn Fn(usize) -> usize) -> Result<Policy, RedactionFault> {
        let mut rules = Vec::new();
        // For each rule of the policy, the one of the file that it comes from.
        let mut numbers = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let names: Vec<Option<String>> = match &rule.name {
                None => vec![None],
                Some(Names::One(name)) => vec![Some(name.clone())],
                // A rule for no name at all is as wrong as one for an empty name.
                Some(Names::Several(names)) if names.is_empty() => vec![Some(String::new())],
                Some(Names::Several(names)) => names.iter().cloned().map(Some).collect(),
            };
            for name in names {
                let (keep, shape) = (rule.keep.clone(), rule.shape.clone());
                rules.push(Rule { table: rule.table, name, keep, shape });
                numbers.push(place + 1);
            }
        }
        if let Some(name) = &self.extends {
            let base = shipped(name).ok_or_else(|| RedactionFault::Unknown { name: shortened(name) })?;
            for rule in base.rules() {
                // What the file has a rule of its own for is not taken over.
                if !rules.iter().any(|own| own.takes_all_of(rule)) {
                    rules.push(rule.clone());
                }
            }
        }
        let refused = |error: PolicyError| {
            let error = error.renumbered(|rule| numbers.get(rule.wrapping_sub(1)).copied().unwrap_or(rule));
            RedactionFault::Refused { line: error.rule().map_or(1, line), source: error }
        };
        Policy::named(&self.name, self.version, rules).map_err(refused)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

/// Lines are counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    const GOOD: &str = "# A comment.\nformat = \"vm-redaction-v0\"\nname = \"deploys\"\nversion = 3\nextends = \"builtin\"\n\n\
        [[rule]]\ntable = \"tool_invocations\"\nname = [\"grep\", \"ls\"]\nkeep = [\"/tool\"]\nshape = [\"/input_json\"]\n\n\
        [[rule]]\ntable = \"mcp_calls\"\nkeep = [\"/body_json/params/*/name\"]\n";

    #[test]
    fn a_policy_is_read_and_written_back() {
        let file = PolicyFile::parse(GOOD).unwrap();
        let policy = file.policy();
        assert_eq!((policy.name(), policy.version()), (Some("deploys"), Some(3)));
        // Both names, its own rule for MCP, and what it does not say itself.
        let rules: Vec<_> = policy.rules().iter().map(|rule| (rule.table, rule.name.as_deref())).collect();
        assert_eq!(
            rules[..3],
            [(Table::ToolInvocations, Some("grep")), (Table::ToolInvocations, Some("ls")), (Table::McpCalls, None)]
        );
        assert_eq!(rules.len(), 3 + Policy::builtin().rules().len() - 1);
        let again = PolicyFile::parse(&file.to_text().unwrap()).unwrap();
        assert_eq!(again, file);
        let plain = PolicyFile::parse(&PolicyFile::text_of(policy, "deploys").unwrap()).unwrap();
        assert_eq!(plain.policy(), policy);
    }

    #[test]
    fn the_page_shows_a_policy_its_canonical_form_and_its_hash() {
        let page = include_str!("../../../docs/spec/redaction-policy.md");
        let block = |kind: &str| page.split(&format!("```{kind}\n")).nth(1).unwrap().split("\n```").next().unwrap();
        let file = PolicyFile::parse(block("toml")).unwrap();
        assert_eq!(file.to_text().unwrap().trim_end(), block("toml"));
        let bytes = vm_core::canonical::to_bytes(&file.policy().to_value()).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), block("json"));
        assert_eq!(file.policy().hash().to_hex(), block("text"));
    }

    #[test]
    fn each_fault_is_named_with_its_line() {
        let change = |from: &str, to: &str| GOOD.replacen(from, to, 1);
        for (text, code, line) in [
            (change("version", "versoin"), "redaction-malformed", 4),
            (change("keep =", "kep ="), "redaction-malformed", 10),
            (change("mcp_calls", "mcp"), "redaction-malformed", 14),
            (change("[\"grep\", \"ls\"]", "7"), "redaction-malformed", 9),
            (change("deploys", "De ploys"), "policy-name", 1),
            (change("= 3", "= 0"), "policy-version", 1),
            (change("\"/tool\"", "\"tool\""), "policy-pointer", 8),
            (change("\"/tool\"", "\"/tool/x\""), "policy-pointer", 8),
            (change("\"/tool\"", "\"/input_json/~\""), "policy-pointer", 8),
            (change("/body_json", "/input_json"), "policy-pointer", 14),
            (change("\"/tool\"", "\"/input_json\""), "policy-duplicate-pointer", 8),
            (change("\"/input_json\"", "\"/tool\""), "policy-pointer", 8),
            (
                change("[\"/input_json\"]", "[\"/tool\", \"/meta_json\"]").replacen("[\"/tool\"]", "[]", 1),
                "policy-pointer",
                8,
            ),
            (change("[\"grep\", \"ls\"]", "[]"), "policy-rule-name", 8),
            (change("\"ls\"", "\"grep\""), "policy-unreachable", 8),
            (
                change("\"mcp_calls\"\nkeep = [\"/body_json/params/*/name\"]", "\"tool_invocations\"\nname = \"ls\""),
                "policy-unreachable",
                14,
            ),
        ] {
            let fault = PolicyFile::parse(&text).unwrap_err();
            assert_eq!(fault.code(), code, "{text}");
            let told = format!("{fault}: {}", fault.source().unwrap());
            assert!(told.contains(&format!("line {line}")), "{told}\n{text}");
        }
        let unknown = change("\"builtin\"", "\"nobody\"");
        assert_eq!(PolicyFile::parse(&unknown).unwrap_err().code(), "redaction-unknown");
        assert_eq!(PolicyFile::parse(&change("vm-redaction-v0", "x")).unwrap_err().code(), "format-unknown");
        let twice =
            change("\"mcp_calls\"\nkeep = [\"/body_json/params/*/name\"]", "\"tool_invocations\"\nname = \"ls\"");
        let told = PolicyFile::parse(&twice).unwrap_err().source().unwrap().to_string();
        assert_eq!(told, "rule 2 for tool_invocations is never reached: rule 1 takes its rows");
    }
}
