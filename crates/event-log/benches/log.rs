//! Append and replay against a real nats-server, beside what the bare client library reaches in the same run.

use async_nats::jetstream::{self, consumer::pull};
use bytes::Bytes;
use contracts::{Envelope, RunId};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use event_log::{
    Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent, ReadOptions, StreamName, TrajectoryMessage,
};
use futures::StreamExt;
use std::cell::Cell;
use std::time::Duration;
use test_support::TestNats;
use tokio::runtime::Runtime;
use uuid::Uuid;

const REPLAYED: u64 = 200_000;
const SEGMENT: usize = 512 * 1024;

struct Bench {
    runtime: Runtime,
    log: EventLog,
    raw: jetstream::Context,
    next_id: Cell<u128>,
    _nats: TestNats,
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (nats, log, raw) = runtime.block_on(async {
            let nats = TestNats::start().await?;
            let log = EventLog::connect(EventLogConfig::new(nats.url(), "bench")).await?;
            log.ensure(&Definitions::embedded()?.with_max_bytes(StreamName::Trajectories, 8 << 30)).await?;
            let raw = jetstream::new(nats.client().await?);
            anyhow::Ok((nats, log, raw))
        })?;
        Ok(Self { runtime, log, raw, next_id: Cell::new(1), _nats: nats })
    }

    /// About 512 bytes with its headers, as `training.progressed` has.
    fn event(&self) -> NewEvent {
        let id = self.next_id.replace(self.next_id.get() + 1);
        let run = RunId(Uuid::from_u128(1));
        let envelope = Envelope {
            id: Uuid::from_u128(id),
            source: "/patrol/bench".into(),
            kind: "patrol.training.progressed.v1".into(),
            time: chrono::DateTime::UNIX_EPOCH,
            subject: Some(run.to_string()),
            correlation_id: Some(Uuid::from_u128(7)),
            causation_id: Some(Uuid::from_u128(8)),
            traceparent: None,
        };
        let payload = Bytes::from(format!(r#"{{"update":{id},"filler":"{}"}}"#, "x".repeat(100)));
        NewEvent { subject: format!("patrol.evt.training.{run}.progressed"), envelope, payload }
    }

    fn events(&self, count: usize) -> Vec<NewEvent> {
        (0..count).map(|_| self.event()).collect()
    }
}

fn headers(event: &NewEvent) -> async_nats::HeaderMap {
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in event.envelope.to_headers() {
        headers.insert(name, value);
    }
    headers
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    group
}

fn append(criterion: &mut Criterion, bench: &Bench) {
    let mut group = group(criterion, "append one at a time");
    group.throughput(Throughput::Elements(1));
    group.bench_function("event log", |bencher| {
        bencher
            .iter(|| bench.runtime.block_on(bench.log.append(&bench.event(), &ExpectedVersion::Any)).expect("stored"));
    });
    group.bench_function("event log, guarded", |bencher| {
        let guard = ExpectedVersion::exact("patrol.evt.run.none.>", 0);
        bencher.iter(|| bench.runtime.block_on(bench.log.append(&bench.event(), &guard)).expect("stored"));
    });
    group.bench_function("bare client", |bencher| {
        bencher.iter(|| {
            let event = bench.event();
            bench.runtime.block_on(async {
                let headers = headers(&event);
                bench.raw.publish_with_headers(event.subject, headers, event.payload).await.expect("sent").await
            })
        });
    });
    group.finish();
}

fn append_batches(criterion: &mut Criterion, bench: &Bench) {
    let mut group = group(criterion, "append 1000 events");
    group.throughput(Throughput::Elements(1000));
    for size in [100, 1000] {
        group.bench_function(format!("event log, atomic batches of {size}"), |bencher| {
            bencher.iter(|| {
                for batch in bench.events(1000).chunks(size) {
                    bench.runtime.block_on(bench.log.append_batch(batch, &ExpectedVersion::Any)).expect("stored");
                }
            });
        });
    }
    group.bench_function("bare client, pipelined", |bencher| {
        bencher.iter(|| {
            let events = bench.events(1000);
            bench.runtime.block_on(async {
                let mut acknowledgements = Vec::new();
                for event in events {
                    let headers = headers(&event);
                    let sent = bench.raw.publish_with_headers(event.subject, headers, event.payload).await;
                    acknowledgements.push(sent.expect("sent"));
                }
                for acknowledgement in acknowledgements {
                    acknowledgement.await.expect("stored");
                }
            });
        });
    });
    group.finish();
}

fn replay(criterion: &mut Criterion, bench: &Bench) {
    let have = bench.runtime.block_on(bench.log.last_sequence()).expect("a log");
    let missing = bench.events(usize::try_from(REPLAYED.saturating_sub(have)).expect("small"));
    bench.runtime.block_on(bench.log.append_many(&missing)).expect("stored");
    let mut group = group(criterion, "replay 200,000 events");
    group.throughput(Throughput::Elements(REPLAYED));
    group.bench_function("event log, decoded envelopes", |bencher| {
        bencher.iter(|| {
            let events = bench.log.read(ReadOptions::until_now(1)).take(REPLAYED as usize);
            bench.runtime.block_on(events.fold(0, async |sum, event| sum + event.expect("an event").sequence))
        });
    });
    group.bench_function("bare client, ordered consumer", |bencher| {
        bencher.iter(|| {
            bench.runtime.block_on(async {
                let stream = bench.raw.get_stream("PATROL_EVENTS").await.expect("the stream");
                let consumer = stream.create_consumer(pull::OrderedConfig::default()).await.expect("a consumer");
                let messages = consumer.messages().await.expect("messages").take(REPLAYED as usize);
                messages.fold(0, async |sum, message| sum + message.expect("a message").payload.len()).await
            })
        });
    });
    group.finish();
}

fn trajectories(criterion: &mut Criterion, bench: &Bench) {
    let mut group = group(criterion, "publish a trajectory segment");
    group.throughput(Throughput::Bytes(SEGMENT as u64));
    let payload = Bytes::from(vec![7; SEGMENT]);
    group.bench_function("512 KiB", |bencher| {
        bencher.iter(|| {
            let id = bench.next_id.replace(bench.next_id.get() + 1).to_string();
            let subject = format!("patrol.traj.{}.train", Uuid::from_u128(1));
            let message = TrajectoryMessage { subject, id, headers: Vec::new(), payload: payload.clone() };
            bench.runtime.block_on(bench.log.publish_trajectory(&message)).expect("stored")
        });
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    let bench = Bench::start().expect("a nats-server");
    append(criterion, &bench);
    append_batches(criterion, &bench);
    replay(criterion, &bench);
    trajectories(criterion, &bench);
}

criterion_group!(benches, all);
criterion_main!(benches);
