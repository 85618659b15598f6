//! How many authorities vouch, and what time that proves.
//!
//! Authorities are counted, never tokens. Where k of them are asked for, the time proven is the k-th earliest: up to k - 1
//! that lie, in whichever direction, move it no further than an honest one says.

use std::collections::BTreeMap;

use vm_core::instant::Instant;

use crate::policy::TrustPolicy;
use crate::verify::VerifiedAnchor;

/// What the anchors of one seal come to under a policy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    latest: BTreeMap<String, Instant>,
    own: Option<Instant>,
}

impl Tally {
    /// Nobody vouches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in an anchor that counts. Of several by one authority, the earliest is kept.
    pub fn count(&mut self, anchor: &VerifiedAnchor) {
        let time = anchor.not_after();
        let earlier = |known: Instant| known.min(time);
        if anchor.is_independent() {
            let known = self.latest.entry(anchor.authority().to_owned()).or_insert(time);
            *known = earlier(*known);
        } else {
            self.own = Some(self.own.map_or(time, earlier));
        }
    }

    /// Names of the independent authorities that vouch, sorted.
    pub fn authorities(&self) -> impl Iterator<Item = &str> {
        self.latest.keys().map(String::as_str)
    }

    /// What was stamped existed at this time at the latest, by as many authorities as the policy asks for; none where fewer
    /// vouch.
    #[must_use]
    pub fn not_after(&self, policy: &TrustPolicy) -> Option<Instant> {
        let mut times: Vec<Instant> = self.latest.values().copied().collect();
        times.sort_unstable();
        match policy.quorum() {
            Some(asked) => times.get(usize::try_from(asked).ok()?.checked_sub(1)?).copied(),
            None => times.first().copied().or(self.own),
        }
    }
}
