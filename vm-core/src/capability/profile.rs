//! Profiles: named bundles of actions, for those who would rather grant a role than list acts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::capability::{Action, Resource};

/// What a role may do, and on what.
///
/// | name | actions | resource |
/// | --- | --- | --- |
/// | observer | record | `/shadow_receipts`: says what it held back from |
/// | operator | record, seal, anchor | `/` |
/// | guardian | record | `/` |
/// | auditor | disclose | `/` |
/// | sovereign | all | `/` |
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it allows.
    pub actions: BTreeSet<Action>,
    /// What it covers.
    #[serde(default = "Resource::all")]
    pub resource: Resource,
}

impl Profile {
    /// Names of the profiles that need no configuration.
    pub const BUILTIN: [&'static str; 5] = ["observer", "operator", "guardian", "auditor", "sovereign"];

    /// The built-in profile of this name.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        let actions: &[Action] = match name {
            "observer" | "guardian" => &[Action::Record],
            "operator" => &[Action::Record, Action::Seal, Action::Anchor],
            "auditor" => &[Action::Disclose],
            "sovereign" => Action::ALL,
            _ => return None,
        };
        let resource = match name {
            "observer" => "/shadow_receipts".parse().ok()?,
            _ => Resource::all(),
        };
        Some(Self { actions: actions.iter().copied().collect(), resource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_built_in_profile_is_there_and_none_but_the_sovereign_may_do_all() {
        for name in Profile::BUILTIN {
            let profile = Profile::builtin(name).unwrap();
            assert_eq!(profile.actions.len() == Action::ALL.len(), name == "sovereign", "{name}");
            assert!(!profile.actions.is_empty());
        }
        assert_eq!(Profile::builtin("observer").unwrap().resource.to_string(), "/shadow_receipts");
        assert_eq!(Profile::builtin("root"), None);
    }
}
