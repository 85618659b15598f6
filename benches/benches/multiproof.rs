//! Criterion: multiproofs.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::merkle::LEAVES;
use vaultmesh_benches::multiproof::Trees;

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("multiproof of 1,000,000 leaves");
    group.sample_size(20);
    for chosen in [10, 1_000] {
        let trees = Trees::over(LEAVES, LEAVES / chosen);
        group.throughput(Throughput::Elements(u64::try_from(chosen).unwrap_or(u64::MAX)));
        group.bench_function(format!("ours, {chosen}"), |bencher| bencher.iter(|| trees.ours()));
        group.bench_function(format!("rs_merkle, {chosen}"), |bencher| bencher.iter(|| trees.theirs()));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
