//! Checks that are turned off to see whether the simulator notices.

use vm_crdt::hazmat::Rule;

/// What is broken on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Weakness {
    /// Nothing: what is published.
    #[default]
    None,
    /// Signatures are not checked. Liars sign with the true keys of honest authors, which is the same to whoever does not check.
    Signature,
    /// The rule that each op follows its author's op before (V3 and V4) is off.
    Parent,
    /// The rule that nobody names an author whose fork it had seen (V5) is off.
    Whitewash,
    /// What counts is what came before the proof, not what the proof leaves.
    Arrival,
}

impl Weakness {
    /// All that must be noticed.
    pub const MUST_FAIL: [Self; 4] = [Self::Signature, Self::Parent, Self::Whitewash, Self::Arrival];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signature => "signature",
            Self::Parent => "parent",
            Self::Whitewash => "whitewash",
            Self::Arrival => "arrival",
        }
    }

    /// The weakness of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::MUST_FAIL.into_iter().find(|one| one.name() == name)
    }

    /// The rule of vm-crdt that is skipped.
    pub(crate) const fn rule(self) -> Option<Rule> {
        match self {
            Self::None | Self::Signature => None,
            Self::Parent => Some(Rule::Parent),
            Self::Whitewash => Some(Rule::Whitewash),
            Self::Arrival => Some(Rule::Recount),
        }
    }
}
