//! Criterion: parse, check, canonicalise and hash one event or recorded frame; write a value.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::canonical;
use vm_core::canonical::{BYTES_MAX, Canonicalizer, parse, parse_exact, twin};

fn bench(criterion: &mut Criterion) {
    texts(criterion, "canonicalise and hash events", &canonical::events());
    texts(criterion, "canonicalise and hash recorded frames", &canonical::frames().unwrap_or_default());
    values(criterion);
}

fn texts(criterion: &mut Criterion, name: &str, texts: &[Vec<u8>]) {
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX)));
    let mut canonicalizer = Canonicalizer::new();
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            texts.iter().filter_map(|text| canonical::ours(&mut canonicalizer, text).ok()).fold(0, first_byte)
        });
    });
    group.bench_function("ours, not hashed", |bencher| {
        bencher.iter(|| {
            texts.iter().filter_map(|text| Some(canonicalizer.canonicalize(text, BYTES_MAX).ok()?.len())).sum::<usize>()
        });
    });
    let exact: Vec<Vec<u8>> = texts.iter().filter_map(|text| twin::canonicalize(text, BYTES_MAX).ok()).collect();
    group.bench_function("ours, checking that a text is canonical", |bencher| {
        bencher.iter(|| exact.iter().filter(|text| canonicalizer.check_exact(text, BYTES_MAX).is_ok()).count());
    });
    group.bench_function("the readable twin", |bencher| {
        bencher.iter(|| {
            texts.iter().filter_map(|text| Some(twin::canonicalize(text, BYTES_MAX).ok()?.len())).sum::<usize>()
        });
    });
    group.bench_function("our parser of values", |bencher| {
        bencher.iter(|| texts.iter().filter(|text| parse(text, BYTES_MAX).is_ok()).count());
    });
    group.bench_function("our parser of canonical values", |bencher| {
        bencher.iter(|| exact.iter().filter(|text| parse_exact(text, BYTES_MAX).is_ok()).count());
    });
    group.bench_function("serde_json + serde_jcs + sha2", |bencher| {
        bencher.iter(|| texts.iter().filter_map(|text| canonical::theirs(text).ok()).fold(0, first_byte));
    });
    group.finish();
}

fn values(criterion: &mut Criterion) {
    let values = canonical::values().unwrap_or_default();
    let mut out = Vec::new();
    let mut group = criterion.benchmark_group("write values of events");
    group.bench_function("ours", |bencher| {
        bencher
            .iter(|| values.iter().filter_map(|value| canonical::ours_of_value(&mut out, value).ok()).sum::<usize>());
    });
    group.bench_function("serde_jcs", |bencher| {
        bencher.iter(|| values.iter().filter_map(|value| canonical::theirs_of_value(value).ok()).sum::<usize>());
    });
    group.finish();
}

fn first_byte(sum: u8, digest: [u8; 32]) -> u8 {
    sum ^ digest[0]
}

criterion_group!(benches, bench);
criterion_main!(benches);
