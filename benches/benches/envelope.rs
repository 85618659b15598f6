//! Criterion: an envelope of 4 KiB sealed to one recipient, and opened.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::error::Fault;
use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::source::hazmat::CountingEntropy;
use vm_envelope::{Context, Envelope, SecretKey, seal};

const CONTENT: [u8; 4096] = [7; 4096];

fn bench(criterion: &mut Criterion) {
    if let Err(fault) = run(criterion) {
        eprintln!("envelope: {fault}");
        std::process::exit(1);
    }
}

fn run(criterion: &mut Criterion) -> Result<(), Fault> {
    let mut entropy = CountingEntropy::new(1);
    let key = SecretKey::generate(&mut entropy);
    let context = Context::new(LedgerId::from_genesis(LeafHash::of(b"genesis")), "disclosure")?;
    let recipients = [key.public().clone()];
    let sealed = seal(&CONTENT, &context, &recipients, &mut entropy)?;
    // A side that fails must not look fast.
    Envelope::parse(&sealed)?.open(&key, &context)?;
    let mut group = criterion.benchmark_group("envelope of 4 KiB");
    group.throughput(Throughput::Bytes(u64::try_from(CONTENT.len())?));
    group.bench_function("seal", |bencher| {
        bencher.iter(|| seal(&CONTENT, &context, &recipients, &mut entropy).is_ok());
    });
    let open = || Envelope::parse(&sealed).is_ok_and(|envelope| envelope.open(&key, &context).is_ok());
    group.bench_function("open", |bencher| bencher.iter(open));
    group.finish();
    Ok(())
}

criterion_group!(benches, bench);
criterion_main!(benches);
