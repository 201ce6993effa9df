//! Nanoseconds per row on the way of a training rollout into a Parquet file: `cargo bench -p trajectories`.

#[path = "../tests/all/sample.rs"]
#[expect(dead_code, reason = "the benches need only the steps")]
mod sample;

use contracts::events::Table;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sample::{Columns, WORLD};
use std::hint::black_box;
use trajectories::{RecordBatch, Recording, Segment, SegmentHeader, segment, write};

/// Updates of 64 environments × 128 steps.
const SEGMENTS: u64 = 16;

fn segments(robots: u8) -> Vec<Columns> {
    (0..SEGMENTS).map(|n| Columns::segment(1, n, 64 / u64::from(robots), 128, robots)).collect()
}

fn batches(robots: u8) -> Vec<RecordBatch> {
    segments(robots).iter().map(|columns| columns.batch().expect("columns of one length")).collect()
}

fn wire(c: &mut Criterion) {
    let mut group = c.benchmark_group("segment");
    for robots in [1, 4] {
        let columns = &segments(robots)[0];
        let encode = || segment::encode_steps(&black_box(columns).borrow(), &[]);
        let messages = encode().expect("a message");
        group.throughput(Throughput::Elements(columns.step.len() as u64));
        group.bench_function(format!("encode/{robots}_robots"), |b| b.iter(encode));
        group.bench_function(format!("decode_and_validate/{robots}_robots"), |b| {
            let header = SegmentHeader::new("train", 0, Recording::Full);
            b.iter_batched(
                || header.clone(),
                |header| Segment::decode(header, black_box(&messages[0]), &WORLD),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn files(c: &mut Criterion) {
    let mut group = c.benchmark_group("parquet");
    group.sample_size(10);
    for (name, robots, recording) in
        [("full", 1, Recording::Full), ("full_4_robots", 4, Recording::Full), ("actions", 1, Recording::Actions)]
    {
        let kept = batches(robots).into_iter().map(|batch| recording.apply(Table::Steps, batch));
        let kept = kept.collect::<Result<Vec<_>, _>>().expect("batches");
        let batches: Vec<&RecordBatch> = kept.iter().collect();
        group.throughput(Throughput::Elements(kept.iter().map(|batch| batch.num_rows() as u64).sum()));
        group.bench_function(name, |b| b.iter(|| write::steps(black_box(&batches))));
    }
    group.finish();
}

criterion_group!(benches, wire, files);
criterion_main!(benches);
