//! Rules that are skipped on purpose, so that whoever checks replicas sees that the check notices. Only with the feature `hazmat`, which nothing
//! that is published turns on; and with it, nothing is skipped until [`skip`] is called.

use crate::replica::Replica;

pub use crate::graph::Rule;

/// From here on this replica skips a rule. It then disagrees with all others, and must never be used but to show that.
pub const fn skip(replica: &mut Replica, rule: Rule) {
    replica.graph_mut().skip(rule);
}
