//! A proposal leads to no journal.
use vm_core::view::Journal;
use vm_dee::{Proposal, Signed};

fn road(proposal: &mut Signed<Proposal>) -> &mut dyn Journal {
    proposal
}

fn main() {}
