//! Rows per second from NATS to durable Parquet, all on this machine: `cargo bench -p ingest`.

#[path = "../../../crates/trajectories/tests/all/sample.rs"]
#[expect(dead_code, reason = "the bench needs only the steps")]
mod sample;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use contracts::commands::StartRun;
use contracts::events::{RunRequested, Split};
use contracts::{CommandId, Envelope, Event, EventId, RunId, subjects};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event_log::{Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent, StreamName, TrajectoryMessage};
use ingest::archive::{self, Limits};
use service_runtime::{Lifecycle, Metrics, SystemClock};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use test_support::{TestNats, wait_for};
use tokio::runtime::Runtime;
use trajectories::{ObjectStore, Recording, SegmentHeader, segment};
use uuid::Uuid;

/// Updates of 64 environments × 128 steps.
const SEGMENTS: u64 = 64;
const ROWS: u64 = SEGMENTS * 64 * 128;

struct Bench {
    runtime: Runtime,
    log: EventLog,
    messages: Vec<Bytes>,
    next_run: Cell<u128>,
    _nats: TestNats,
}

impl Bench {
    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (nats, log) = runtime.block_on(async {
            let nats = TestNats::start().await?;
            let log = EventLog::connect(EventLogConfig::new(nats.url(), "bench")).await?;
            log.ensure(&Definitions::embedded()?).await?;
            let store = ObjectStore::local(&nats.directory().path().join("store"))?;
            let clock = Arc::new(SystemClock);
            let metrics = Metrics::new("bench");
            let context = archive::Context::new(log.clone(), store, clock, Limits::default(), &metrics);
            tokio::spawn(archive::run(context, Lifecycle::new()));
            anyhow::Ok((nats, log))
        })?;
        let message = |number| -> Result<Bytes> {
            let steps = sample::Columns::segment(1, number, 64, 128, 1);
            segment::encode_steps(&steps.borrow(), &[])?.pop().context("one message")
        };
        let messages = (0..SEGMENTS).map(message).collect::<Result<_>>()?;
        Ok(Self { runtime, log, messages, next_run: Cell::new(1), _nats: nats })
    }

    /// One run's segments from the first publish to the acknowledgement of the last.
    fn archive_one_run(&self) -> Result<()> {
        let run = RunId(Uuid::from_u128(self.next_run.replace(self.next_run.get() + 1)));
        self.runtime.block_on(async {
            self.request(run).await?;
            for (number, payload) in (0..).zip(&self.messages) {
                let end = number + 1 == SEGMENTS;
                let header = SegmentHeader { end, ..SegmentHeader::new("train", number, Recording::Full) };
                let headers = header.to_headers(run, Split::Train).into_iter();
                let message = TrajectoryMessage {
                    subject: subjects::trajectory(run, Split::Train),
                    id: format!("{run}/{number}"),
                    headers: headers.skip(1).map(|(name, value)| (name.to_owned(), value)).collect(),
                    payload: payload.clone(),
                };
                self.log.publish_trajectory(&message).await?;
            }
            wait_for("an empty queue", Duration::from_secs(60), async || {
                match self.log.stream_status(StreamName::Trajectories).await {
                    Ok(status) if status.messages == 0 => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            })
            .await
        })
    }

    async fn request(&self, run_id: RunId) -> Result<()> {
        let start = StartRun { run_id: Some(run_id), total_timesteps: ROWS, ..StartRun::default() };
        let config =
            domain::run_config::complete(&start, CommandId(run_id.0)).map_err(|reason| anyhow!("{reason:?}"))?;
        let requested = RunRequested {
            run_id,
            name: "bench".to_owned(),
            config,
            parent_run_id: None,
            init_from: None,
            resume_from: None,
        };
        let event = Event::RunRequested(Box::new(requested));
        let envelope = Envelope::for_event(&event, EventId(run_id.0), "ingest", chrono::DateTime::UNIX_EPOCH);
        self.log.append(&NewEvent::new(&event, envelope)?, &ExpectedVersion::Any).await?;
        Ok(())
    }
}

fn archive(c: &mut Criterion) {
    let bench = Bench::start().expect("a nats-server");
    let mut group = c.benchmark_group("ingest");
    group.sample_size(10).throughput(Throughput::Elements(ROWS));
    group.bench_function("archived_rows", |b| b.iter(|| bench.archive_one_run().expect("an archived run")));
    group.finish();
}

criterion_group!(benches, archive);
criterion_main!(benches);
