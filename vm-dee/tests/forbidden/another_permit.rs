//! A permit to record does not execute.
use vm_core::capability::act::Record;

fn road(_: vm_dee::Authorized<Record>) {}

fn main() {}
