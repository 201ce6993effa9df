//! Writing batches of 5,000 events, beside the bare multi-row insert of the same rows into a table without keys.

#[path = "../tests/all/samples.rs"]
#[expect(dead_code, reason = "events of every kind; the bench needs some")]
mod samples;

use contracts::Event;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use read_models::{Batch, Fact, Position, ReadModels, ReadModelsConfig};
use sqlx::{Connection, PgConnection};
use std::cell::Cell;
use std::time::Duration;
use test_support::TestPostgres;
use tokio::runtime::Runtime;

const BATCH: u64 = 5_000;

struct Bench {
    runtime: Runtime,
    models: ReadModels,
    url: String,
    next: Cell<u64>,
    _postgres: TestPostgres,
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (postgres, models, url) = runtime.block_on(async {
            let postgres = TestPostgres::start().await?;
            let url = postgres.fresh_database().await?.url().to_owned();
            let models = ReadModels::connect(&ReadModelsConfig::new(url.clone(), "bench")).await?;
            anyhow::Ok((postgres, models, url))
        })?;
        Ok(Self { runtime, models, url, next: Cell::new(0), _postgres: postgres })
    }

    /// The next batch of events, which nobody has written yet.
    fn batch(&self, event: fn(u64) -> Event) -> Batch {
        let after = self.next.replace(self.next.get() + BATCH);
        let facts: Vec<Fact> = (after + 1..=after + BATCH)
            .map(|sequence| {
                let event = event(sequence);
                let mut envelope = samples::envelope(sequence, &event);
                envelope.causation_id = Some(envelope.id);
                Fact { sequence, envelope, event }
            })
            .collect();
        let end = Position { stream_identity: "bench".into(), sequence: after + BATCH, event_id: None, event_at: None };
        Batch { after, facts, poison: Vec::new(), end }
    }

    fn apply(&self, criterion: &mut Criterion, name: &str, event: fn(u64) -> Event) {
        let mut group = criterion.benchmark_group("read-models write");
        group.throughput(Throughput::Elements(BATCH)).sample_size(10).measurement_time(Duration::from_secs(4));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || self.batch(event),
                |batch| self.runtime.block_on(self.models.apply(&batch)).expect("written"),
                criterion::BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

/// `unnest` of as many columns as an episode has, without keys, projection or position.
fn bare_insert(criterion: &mut Criterion, bench: &Bench) {
    let mut connection = bench.runtime.block_on(async {
        let mut connection = PgConnection::connect(&bench.url).await.expect("a connection");
        sqlx::query("CREATE TABLE bare (LIKE episodes)").execute(&mut connection).await.expect("a table");
        sqlx::query("SET synchronous_commit = off").execute(&mut connection).await.expect("a setting");
        connection
    });
    let whole: Vec<i64> = (0..BATCH as i64).collect();
    let small: Vec<i32> = (0..BATCH as i32).collect();
    let real: Vec<f64> = whole.iter().map(|number| *number as f64 / 3.0).collect();
    let flag = vec![true; BATCH as usize];
    let id = vec![samples::run(1).0; BATCH as usize];
    let time = vec![samples::envelope(1, &samples::episode(samples::run(1), 1)).time; BATCH as usize];
    let statement = "INSERT INTO bare SELECT * FROM \
        unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";
    let mut group = criterion.benchmark_group("read-models write");
    group.throughput(Throughput::Elements(BATCH)).sample_size(10).measurement_time(Duration::from_secs(4));
    group.bench_function("bare unnest", |bencher| {
        bencher.iter(|| {
            let mut query = sqlx::query(statement).bind(&id).bind(&whole).bind(&whole).bind(&small).bind(&whole);
            query = query.bind(&small).bind(&flag).bind(&flag);
            for _ in 0..6 {
                query = query.bind(&real);
            }
            for _ in 0..4 {
                query = query.bind(&small);
            }
            query = query.bind(&real).bind(&real).bind(&time);
            bench.runtime.block_on(query.execute(&mut connection)).expect("inserted");
        });
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    let bench = Bench::start().expect("a Postgres");
    bare_insert(criterion, &bench);
    bench.apply(criterion, "episodes", |sequence| samples::episode(samples::run(1), sequence));
    bench.apply(criterion, "progress reports", |sequence| samples::progressed(samples::run(1), sequence));
}

criterion_group!(benches, all);
criterion_main!(benches);
