//! The policies that ship.

use vm_core::redact::Policy;

use super::PolicyFile;

/// Name of the policy that is in force where a vault has none of its own.
pub const BUILTIN: &str = "builtin";

/// The others, as files.
const FILES: [(&str, &str); 4] = [
    ("mcp", include_str!("policies/mcp.toml")),
    ("shell", include_str!("policies/shell.toml")),
    ("http", include_str!("policies/http.toml")),
    ("strict", include_str!("policies/strict.toml")),
];

/// Names of the policies that ship, the one first that is in force by itself.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    std::iter::once(BUILTIN).chain(FILES.iter().map(|(name, _)| *name))
}

/// The text of a policy that ships; none for [`BUILTIN`], which is no file, and for unknown names.
#[must_use]
pub fn shipped_text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The policy that ships under this name.
#[must_use]
pub fn shipped(name: &str) -> Option<Policy> {
    if name == BUILTIN {
        return Some(Policy::builtin());
    }
    PolicyFile::parse(shipped_text(name)?).ok().map(PolicyFile::into_policy)
}

#[cfg(test)]
mod tests {
    use vm_core::record::Table;

    use super::*;

    #[test]
    fn every_policy_that_ships_reads_and_is_called_what_it_is() {
        for name in shipped_names() {
            let policy = shipped(name).unwrap();
            assert_eq!(policy.name().unwrap_or(BUILTIN), name);
        }
        assert!(shipped("nobody").is_none());
    }

    #[test]
    fn the_policy_for_mcp_is_that_part_of_the_one_in_force() {
        let of = |policy: &Policy| policy.rules().iter().find(|rule| rule.table == Table::McpCalls).cloned();
        assert_eq!(of(&shipped("mcp").unwrap()), of(&Policy::builtin()));
        assert!(shipped("strict").unwrap().rules().is_empty());
    }
}
