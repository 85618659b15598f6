//! Criterion: recorded frames from text to row drafts.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::error::Fault;
use vaultmesh_benches::{draft, redact};

fn bench(criterion: &mut Criterion) {
    if let Err(fault) = run(criterion) {
        eprintln!("redact: {fault}");
        std::process::exit(1);
    }
}

fn run(criterion: &mut Criterion) -> Result<(), Fault> {
    let (traffic, mut maker) = (draft::traffic()?, redact::maker()?);
    // A side that fails must not look fast.
    redact::ours(&mut maker, &traffic)?;
    redact::theirs(&traffic)?;
    let mut group = criterion.benchmark_group("redact recorded frames");
    group.throughput(Throughput::Elements(u64::try_from(traffic.len())?));
    group.bench_function("ours", |bencher| bencher.iter(|| redact::ours(&mut maker, &traffic).is_ok()));
    let mut closely = redact::maker()?.looking_closely();
    redact::ours(&mut closely, &traffic)?;
    group.bench_function("ours, with the rule set", |bencher| {
        bencher.iter(|| redact::ours(&mut closely, &traffic).is_ok())
    });
    group.bench_function("serde_json::Value alone", |bencher| bencher.iter(|| redact::theirs(&traffic).is_ok()));
    group.finish();
    Ok(())
}

criterion_group!(benches, bench);
criterion_main!(benches);
