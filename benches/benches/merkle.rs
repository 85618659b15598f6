//! Criterion: Merkle roots, trees and inclusion proofs, and the hashing below them.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::event::Draw;
use vaultmesh_benches::merkle;
use vm_core::digest::LeafHash;
use vm_seal::merkle::{LeafIndex, Tree};

fn roots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merkle root");
    group.sample_size(10);
    for count in [1_000, 100_000, merkle::LEAVES] {
        let (plain, typed) = (merkle::leaves(count), merkle::leaf_hashes(count));
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap_or(u64::MAX)));
        group.bench_function(BenchmarkId::new("ours", count), |bencher| bencher.iter(|| merkle::ours(&typed)));
        group.bench_function(BenchmarkId::new("bare", count), |bencher| bencher.iter(|| merkle::bare(&plain)));
        group.bench_function(BenchmarkId::new("rs_merkle", count), |bencher| bencher.iter(|| merkle::theirs(&plain)));
        if count < merkle::LEAVES {
            let push = || merkle::grown_by_ct_merkle(&plain);
            group.bench_function(BenchmarkId::new("ct-merkle", count), |bencher| bencher.iter(push));
        }
        let tree = |leaves: Vec<LeafHash>| Tree::from_leaves(leaves);
        group.bench_function(BenchmarkId::new("ours, all nodes kept", count), |bencher| {
            bencher.iter_batched(|| typed.clone(), tree, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn proofs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inclusion proof of 1,000,000");
    let tree = Tree::from_leaves(merkle::leaf_hashes(merkle::LEAVES));
    let theirs = merkle::grown_by_ct_merkle(&merkle::leaves(merkle::LEAVES));
    let mut draw = Draw(7);
    let mut place = move || draw.bits() % tree_size();
    group.bench_function("ours, made", |bencher| {
        bencher.iter(|| tree.prove_inclusion(LeafIndex::new(place()), tree.size()));
    });
    let mut draw = Draw(7);
    let mut place = move || usize::try_from(draw.bits() % tree_size()).unwrap_or_default();
    group.bench_function("ct-merkle, made", |bencher| bencher.iter(|| theirs.prove_inclusion(place())));
    group.finish();
}

fn tree_size() -> u64 {
    u64::try_from(merkle::LEAVES).unwrap_or(u64::MAX)
}

/// Single hashes and many, by each backend that this processor has.
fn hashes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hashing");
    let leaves = merkle::leaves(2_048);
    let pairs = leaves.as_chunks().0;
    let mut out = vec![[0; 32]; leaves.len()];
    group.throughput(Throughput::Elements(1_024));
    let rows: Vec<Vec<u8>> = (0..1_024).map(|n| vec![7; 1_024 + n]).collect();
    for side in vm_hash::Backend::each() {
        let id = |what| BenchmarkId::new(what, side.name());
        group.bench_function(id("1,024 nodes"), |bencher| bencher.iter(|| side.nodes(pairs, &mut out)));
        let leaves = &leaves[..1_024];
        group.bench_function(id("1,024 leaves of 32"), |bencher| bencher.iter(|| side.leaves_of_32(leaves, &mut out)));
        group.bench_function(id("1,024 rows of 1 to 2 KiB"), |bencher| bencher.iter(|| side.leaves(&rows, &mut out)));
    }
    group.bench_function("1,024 nodes, one by one", |bencher| {
        bencher.iter(|| pairs.iter().zip(&mut out).for_each(|([left, right], out)| *out = vm_hash::node(left, right)));
    });
    group.finish();
}

criterion_group!(benches, roots, proofs, hashes);
criterion_main!(benches);
