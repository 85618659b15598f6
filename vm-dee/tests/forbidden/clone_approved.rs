//! What is approved cannot be multiplied.
use vm_dee::Approved;

fn road(approved: &Approved) -> Approved {
    approved.clone()
}

fn main() {}
