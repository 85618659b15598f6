//! A permit that was consumed cannot be consumed again.
use vm_core::capability::{Permit, act::Execute};
use vm_core::digest::CapabilityHash;
use vm_core::instant::Instant;
use vm_dee::{Gate, Prepared};
use vm_seal::tlog::VerifiedTlogProof;

fn road(
    one: Prepared,
    two: Prepared,
    permit: Permit<Execute>,
    under: CapabilityHash,
    proof: &VerifiedTlogProof,
    gate: &Gate,
) {
    let _ = one.authorize(permit, under, proof, gate, Instant::MAX);
    let _ = two.authorize(permit, under, proof, gate, Instant::MAX);
}

fn main() {}
