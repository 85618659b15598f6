//! A proposal has no way to be executed.
use vm_dee::{Proposal, Signed};

fn road(proposal: Signed<Proposal>) {
    let _ = proposal.run(|_| ());
}

fn main() {}
