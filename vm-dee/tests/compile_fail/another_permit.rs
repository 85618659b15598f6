//! A permit to record does not execute.
use vm_core::capability::{Permit, act::Record};
use vm_dee::Authorized;

fn road(_: Permit<Record>) -> Option<Authorized<Record>> {
    None
}

fn main() {}
