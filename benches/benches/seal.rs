//! Criterion: sealing everything in a ledger.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::error::Fault;
use vaultmesh_benches::seal::{ours, theirs};
use vaultmesh_benches::store::Store;

fn bench(criterion: &mut Criterion) {
    if let Err(fault) = run(criterion) {
        eprintln!("seal: {fault}");
        std::process::exit(1);
    }
}

fn run(criterion: &mut Criterion) -> Result<(), Fault> {
    let mut group = criterion.benchmark_group("seal");
    group.sample_size(10);
    for count in [1_000, 10_000, 100_000] {
        let store = Store::filled(count)?;
        // A side that fails must not look fast.
        ours(&store)?;
        theirs(&store)?;
        group.throughput(Throughput::Elements(u64::try_from(count)?));
        group.bench_function(BenchmarkId::new("ours", count), |bencher| bencher.iter(|| ours(&store)));
        group.bench_function(BenchmarkId::new("scan + bare node hashing", count), |bencher| {
            bencher.iter(|| theirs(&store))
        });
    }
    group.finish();
    Ok(())
}

criterion_group!(benches, bench);
criterion_main!(benches);
