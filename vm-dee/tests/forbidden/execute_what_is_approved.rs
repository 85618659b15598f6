//! Nor has one that is approved and has no durable intent.
use vm_dee::{Approved, Prepared};

fn approved(approved: Approved) {
    let _ = approved.run(|_| ());
}

fn prepared(prepared: Prepared) {
    let _ = prepared.run(|_| ());
}

fn main() {}
