//! Only the gate makes `Approved`.
fn main() {
    let _ = vm_dee::Approved {};
}
