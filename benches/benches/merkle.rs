//! Criterion: Merkle roots.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::merkle;

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merkle root");
    group.sample_size(10);
    for count in [1_000, 100_000, merkle::LEAVES] {
        let leaves = merkle::leaves(count);
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap_or(u64::MAX)));
        group.bench_with_input(BenchmarkId::new("ours", count), &leaves, |bencher, leaves| {
            bencher.iter(|| merkle::ours(leaves));
        });
        group.bench_with_input(BenchmarkId::new("rs_merkle", count), &leaves, |bencher, leaves| {
            bencher.iter(|| merkle::theirs(leaves));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
