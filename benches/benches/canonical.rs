//! Criterion: parse, check, canonicalise and hash one event.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::canonical;

fn bench(criterion: &mut Criterion) {
    let events = canonical::events();
    let bytes: usize = events.iter().map(Vec::len).sum();
    let mut group = criterion.benchmark_group("canonicalise and hash");
    group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX)));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| events.iter().filter_map(|event| canonical::ours(event).ok()).fold(0, fold));
    });
    group.bench_function("serde_json + serde_jcs + sha2", |bencher| {
        bencher.iter(|| events.iter().filter_map(|event| canonical::theirs(event).ok()).fold(0, fold));
    });
    group.finish();
}

fn fold(sum: u8, digest: [u8; 32]) -> u8 {
    sum ^ digest[0]
}

criterion_group!(benches, bench);
criterion_main!(benches);
