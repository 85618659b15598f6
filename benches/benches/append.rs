//! Criterion: durable appends.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vaultmesh_benches::append::Ours;
use vaultmesh_benches::error::Fault;
use vaultmesh_benches::harness::timed;
use vaultmesh_benches::raw::{RawFile, RawTable};
use vaultmesh_benches::store::BATCH;
use vm_core::record::Table;

fn bench(criterion: &mut Criterion) {
    if let Err(fault) = run(criterion) {
        eprintln!("append: {fault}");
        std::process::exit(1);
    }
}

fn run(criterion: &mut Criterion) -> Result<(), Fault> {
    let mut group = criterion.benchmark_group("durable append");
    group.sample_size(20);
    for count in [1, 10, 100, BATCH] {
        group.throughput(Throughput::Elements(u64::try_from(count)?));
        let (mut dropped, mut kept) = (Ours::new(false)?, Ours::new(true)?);
        let (mut raw, rows) = (RawTable::new(Table::ToolInvocations)?, dropped.rows(Table::ToolInvocations, count)?);
        group.bench_function(BenchmarkId::new("tool rows", count), |bencher| {
            bencher.iter_custom(|calls| sum(calls, || dropped.tools(count)));
        });
        group.bench_function(BenchmarkId::new("tool rows with openings", count), |bencher| {
            bencher.iter_custom(|calls| sum(calls, || kept.tools(count)));
        });
        group.bench_function(BenchmarkId::new("recorded frames, from text", count), |bencher| {
            bencher.iter_custom(|calls| sum(calls, || kept.frames(count)));
        });
        group.bench_function(BenchmarkId::new("raw rusqlite", count), |bencher| {
            bencher.iter_custom(|calls| sum(calls, || timed(|| raw.insert(&rows))));
        });
    }
    let (mut file, rows) = (RawFile::new()?, Ours::new(false)?.rows(Table::ToolInvocations, 1)?);
    let bytes = rows.first().ok_or("no row")?.leaf_data()?;
    group.throughput(Throughput::Elements(1));
    group.bench_function("write and fdatasync", |bencher| {
        bencher.iter_custom(|calls| sum(calls, || timed(|| file.append(&bytes))));
    });
    group.finish();
    Ok(())
}

/// Time of `calls` calls; a side that fails must not look fast.
fn sum(calls: u64, mut side: impl FnMut() -> Result<Duration, Fault>) -> Duration {
    let times: Result<Duration, Fault> = (0..calls).map(|_| side()).sum();
    times.unwrap_or_else(|fault| {
        eprintln!("append: {fault}");
        std::process::exit(1)
    })
}

criterion_group!(benches, bench);
criterion_main!(benches);
