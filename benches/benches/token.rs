//! Criterion: time-stamp responses.

use criterion::{Criterion, criterion_group, criterion_main};
use vaultmesh_benches::token::Sample;

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("time-stamp response");
    for (name, is_elliptic) in [("RSA-2048", false), ("P-256", true)] {
        let Ok(sample) = Sample::new(is_elliptic) else { continue };
        group.bench_function(format!("{name}, whole"), |bencher| bencher.iter(|| sample.whole()));
        group.bench_function(format!("{name}, path remembered"), |bencher| bencher.iter(|| sample.cached()));
        group.bench_function(format!("{name}, two bare signature checks"), |bencher| bencher.iter(|| sample.bare()));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
