//! Running consumes what was authorised.
use vm_core::capability::act::Execute;
use vm_core::digest::Sha256Digest;
use vm_dee::Authorized;

fn road(authorized: Authorized<Execute>) {
    let _ = authorized.run(|_| Ok(Sha256Digest::of(b"once")));
    let _ = authorized.run(|_| Ok(Sha256Digest::of(b"twice")));
}

fn main() {}
