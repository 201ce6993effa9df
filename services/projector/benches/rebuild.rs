//! Rebuilding the read models from a log, beside its parts: ordered replay, decoding, and writing rows.
//!
//! Prints the rates and writes them to `target/bench/projector.json`. The rate of bare multi-row inserts is measured by the
//! bench `write` of `read-models`.

#[path = "../../../crates/read-models/tests/all/samples.rs"]
#[expect(dead_code, reason = "events of every kind; the bench needs some")]
mod samples;

use anyhow::{Context, Result};
use contracts::events::Table;
use contracts::{Event, RecordedEvent};
use event_log::{Definitions, EventLog, EventLogConfig, NewEvent, ReadOptions};
use futures::StreamExt;
use projector::{Config, MAX_BATCH, OnPoison, RebuildOptions, Surroundings};
use read_models::{Batch, Fact, Position, ReadModels, ReadModelsConfig};
use service_runtime::{Health, Lifecycle, Metrics};
use std::time::{Duration, Instant};
use test_support::{TestNats, TestPostgres, workspace_root};

const EVENTS: u64 = 200_000;

fn main() -> Result<()> {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(measure())
}

async fn measure() -> Result<()> {
    let (nats, postgres) = (TestNats::start().await?, TestPostgres::start().await?);
    let database = postgres.fresh_database().await?;
    let log = EventLog::connect(EventLogConfig::new(nats.url(), "bench")).await?;
    log.ensure(&Definitions::embedded()?).await?;
    let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "bench")).await?;
    fill(&log).await?;

    let began = Instant::now();
    let recorded = replay(&log).await?;
    let replayed = rate(began);

    let began = Instant::now();
    let batches = decode(recorded, Position::identity_of(log.stream_identity().await?))?;
    let decoded = rate(began);

    let began = Instant::now();
    let scratch = models.scratch().await?;
    for batch in &batches {
        scratch.models.apply(batch).await?;
    }
    let written = rate(began);
    scratch.discard().await?;

    let live = follow(&models, nats.url(), database.url()).await?;
    let options = RebuildOptions { check: true, on_poison: OnPoison::Stop };
    let report = projector::rebuild(&models, &log, options, |_| {}).await?;
    anyhow::ensure!(report.identical == Some(true), "the rebuilt tables differ: {report:?}");

    let limit = serde_json::json!(replayed.min(written));
    let rates = [
        ("projector/replay", replayed, None),
        ("projector/decode", decoded, None),
        ("projector/write", written, None),
        ("projector/live", live, Some(&limit)),
        ("projector/rebuild", report.events_per_second, Some(&limit)),
    ];
    let mut summary = serde_json::Map::new();
    for (name, value, limit) in rates {
        println!("{name:<20} {value:>10.0} events/s");
        let mut entry = serde_json::json!({ "value": value, "unit": "events/s" });
        if let Some(limit) = limit {
            entry["limit"] = limit.clone();
        }
        summary.insert(name.to_owned(), entry);
    }
    let directory = workspace_root().join("target/bench");
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("projector.json"), serde_json::to_vec_pretty(&summary)?)?;
    Ok(())
}

fn rate(began: Instant) -> f64 {
    EVENTS as f64 / began.elapsed().as_secs_f64()
}

/// Sixteen episodes, two progress reports, a checkpoint and a file, again and again.
async fn fill(log: &EventLog) -> Result<()> {
    let run = samples::run(1);
    let event = |sequence: u64| match (sequence, sequence % 20) {
        (1, _) => samples::requested(run, "bench"),
        (2, _) => samples::started(run, None),
        (_, 0 | 10) => samples::progressed(run, sequence),
        (_, 5) => samples::checkpoint(run, sequence, false),
        (_, 15) => samples::file_written(run, u128::from(sequence), Table::Steps, (sequence, sequence + 19)),
        _ => samples::episode(run, sequence),
    };
    let sequences: Vec<u64> = (1..=EVENTS).collect();
    for chunk in sequences.chunks(20_000) {
        let events = chunk.iter().map(|sequence| {
            let event: Event = event(*sequence);
            let mut envelope = samples::envelope(*sequence, &event);
            // Only the first ones were caused by a command.
            envelope.causation_id = if *sequence > 2 { Some(envelope.id) } else { envelope.causation_id };
            NewEvent::new(&event, envelope)
        });
        log.append_many(&events.collect::<Result<Vec<_>, _>>()?).await?;
    }
    Ok(())
}

async fn replay(log: &EventLog) -> Result<Vec<RecordedEvent>> {
    let events: Vec<_> = log.read(ReadOptions::until_now(1)).collect().await;
    let events = events.into_iter().collect::<Result<Vec<_>, _>>()?;
    anyhow::ensure!(events.len() as u64 == EVENTS, "{} events", events.len());
    Ok(events)
}

fn decode(recorded: Vec<RecordedEvent>, stream_identity: String) -> Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for chunk in recorded.chunks(MAX_BATCH) {
        let facts: Result<Vec<Fact>> = chunk
            .iter()
            .map(|recorded| {
                let event = recorded.event()?;
                Ok(Fact { sequence: recorded.sequence, envelope: recorded.envelope.clone(), event })
            })
            .collect();
        let last = chunk.last().context("a chunk has events")?;
        let end = Position {
            stream_identity: stream_identity.clone(),
            sequence: last.sequence,
            event_id: Some(last.envelope.id),
            event_at: Some(last.envelope.time),
        };
        batches.push(Batch { after: chunk[0].sequence - 1, facts: facts?, poison: Vec::new(), end });
    }
    Ok(batches)
}

/// The service itself, catching up from the beginning.
async fn follow(models: &ReadModels, nats_url: String, database_url: &str) -> Result<f64> {
    let config = Config {
        event_log: EventLogConfig::new(nats_url, "projector"),
        read_models: ReadModelsConfig::new(database_url, "projector"),
        on_poison: OnPoison::Stop,
    };
    let lifecycle = Lifecycle::new();
    let surroundings = Surroundings { health: Health::new(), metrics: Metrics::new("projector") };
    let began = Instant::now();
    let service = tokio::spawn(projector::run(config, surroundings, lifecycle.clone()));
    anyhow::ensure!(models.wait_for_position(EVENTS, Duration::from_secs(300)).await, "the projector is too slow");
    let rate = rate(began);
    lifecycle.shut_down();
    service.await??;
    Ok(rate)
}
