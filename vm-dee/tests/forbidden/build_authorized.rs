//! Only a durable intent makes `Authorized`.
fn main() {
    let _ = vm_dee::Authorized::<vm_core::capability::act::Execute> {};
}
