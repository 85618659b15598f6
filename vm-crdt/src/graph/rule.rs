//! Rules that the feature `hazmat` can have a graph skip.

use super::Graph;

/// A rule whose absence must be noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// An op has the number after its parent's, and no op of its author in its past but its chain of parents (V3, V4).
    Parent,
    /// Nobody names an author whose fork it had seen (V5).
    Whitewash,
    /// What counts is worked out anew once an author is proven, whatever counted before.
    Recount,
}

impl Graph {
    #[cfg(feature = "hazmat")]
    pub(crate) const fn skip(&mut self, rule: Rule) {
        self.skipped = Some(rule);
    }

    /// Whether a rule is skipped. Without the feature `hazmat` none ever is.
    #[cfg(feature = "hazmat")]
    pub(super) fn skips(&self, rule: Rule) -> bool {
        self.skipped == Some(rule)
    }

    /// Whether a rule is skipped. Without the feature `hazmat` none ever is.
    #[cfg(not(feature = "hazmat"))]
    #[expect(clippy::unused_self, reason = "with the feature `hazmat` the graph knows what it skips")]
    pub(super) const fn skips(&self, _: Rule) -> bool {
        false
    }
}
