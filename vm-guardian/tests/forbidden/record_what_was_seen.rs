//! Observations are data: they do not record or execute themselves.

use vm_guardian::{Observations, Proposal};

fn act(seen: Observations, proposal: Proposal) {
    seen.record();
    proposal.execute();
}

fn main() {}
