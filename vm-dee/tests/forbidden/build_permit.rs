//! Only checking a token makes a `Permit`.
fn main() {
    let _ = vm_core::capability::Permit::<vm_core::capability::act::Execute> {};
}
