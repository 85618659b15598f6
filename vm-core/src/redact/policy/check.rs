//! What a policy may say: every pointer leads below a column that is redacted, and every rule is reached.

use std::collections::BTreeSet;

use crate::error::PolicyError;
use crate::record::Table;
use crate::redact::{Pattern, Rule};

/// Most rules of a policy: a rule for each tool of some large MCP servers.
const RULES_MAX: usize = 256;
/// Most pointers of one rule, kept and shaped together: the longest rule that ships lists 30.
const POINTERS_MAX: usize = 512;
/// Longest pointer, in bytes; a path through sixteen members of long names.
const POINTER_MAX: usize = 1_024;
/// Longest tool, method or kind of a rule, in bytes.
const RULE_NAME_MAX: usize = 256;

/// A column that is redacted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name, the first token of pointers.
    pub name: &'static str,
    /// Whether it holds JSON, below which pointers lead on; else a text, all of it or a commitment.
    pub is_json: bool,
}

const fn text(name: &'static str) -> Column {
    Column { name, is_json: false }
}

const fn json(name: &'static str) -> Column {
    Column { name, is_json: true }
}

/// What of `table` is redacted. `payload` is that of a rune, `event` that of a line of a scroll.
#[must_use]
pub const fn columns(table: Table) -> &'static [Column] {
    match table {
        Table::ToolInvocations => const { &[text("tool"), json("input_json"), json("output_json"), json("meta_json")] },
        Table::McpCalls => const { &[text("rpc_id"), text("method"), json("body_json"), json("meta_json")] },
        Table::ProofArtifacts => const { &[json("meta_json"), json("payload"), json("event")] },
        Table::ShadowReceipts => const { &[text("horizon_id"), text("reason"), json("meta_json")] },
    }
}

/// Checks the rules of a policy.
pub(super) fn rules(rules: &[Rule]) -> Result<(), PolicyError> {
    if rules.len() > RULES_MAX {
        return Err(PolicyError::TooManyRules { limit: RULES_MAX, found: rules.len() });
    }
    for (place, rule) in rules.iter().enumerate() {
        let number = place + 1;
        check(number, rule)?;
        if let Some(by) = rules.iter().take(place).position(|earlier| earlier.takes_all_of(rule)) {
            return Err(PolicyError::Unreachable { rule: number, table: rule.table, by: by + 1 });
        }
    }
    Ok(())
}

fn check(number: usize, rule: &Rule) -> Result<(), PolicyError> {
    if rule.name.as_ref().is_some_and(|name| name.is_empty() || name.len() > RULE_NAME_MAX) {
        return Err(PolicyError::RuleName { rule: number, limit: RULE_NAME_MAX });
    }
    let found = rule.keep.len().saturating_add(rule.shape.len());
    if found > POINTERS_MAX {
        return Err(PolicyError::TooManyPointers { rule: number, limit: POINTERS_MAX, found });
    }
    let mut seen = BTreeSet::new();
    let kept = rule.keep.iter().map(|pattern| (pattern, false));
    for (pattern, is_shape) in kept.chain(rule.shape.iter().map(|pattern| (pattern, true))) {
        let shown = || pattern.as_str().chars().take(128).collect::<String>();
        if let Err(reason) = pointer(rule.table, pattern, is_shape) {
            return Err(PolicyError::Pointer { rule: number, pointer: shown(), reason });
        }
        if !seen.insert(pattern.as_str()) {
            return Err(PolicyError::DuplicatePointer { rule: number, pointer: shown() });
        }
    }
    Ok(())
}

/// The reason why a pointer is refused.
fn pointer(table: Table, pattern: &Pattern, is_shape: bool) -> Result<(), &'static str> {
    let text = pattern.as_str();
    if text.len() > POINTER_MAX {
        return Err("it is longer than 1024 bytes");
    }
    if !text.starts_with('/') {
        return Err("a JSON pointer begins with /");
    }
    if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
        return Err("~ is written ~0 in a JSON pointer, and / within a name ~1");
    }
    let mut tokens = pattern.tokens();
    let column = tokens.next().and_then(|first| columns(table).iter().find(|column| column.name == first));
    match column {
        None => Err("it begins with no column of the table that is redacted"),
        Some(column) if !column.is_json && tokens.next().is_some() => Err("nothing lies below a column of plain text"),
        Some(column) if !column.is_json && is_shape => {
            Err("a column of plain text is kept or committed, it has no shape")
        }
        Some(_) => Ok(()),
    }
}
