//! A context gives no permit, and a permit cannot be made up.

use vm_core::capability::{Permit, act};
use vm_guardian::Context;

fn permit(context: &Context<'_>) -> Permit<act::Record> {
    let _ = context.permit();
    Permit::<act::Record> {}
}

fn main() {}
