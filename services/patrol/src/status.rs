//! `patrol status`: what is healthy, how much there is, how far everything lags.

use crate::cli::StatusArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::replay::read_models;
use crate::terminal::{bytes, count, table};
use event_log::{Queue, StreamName};
use read_models::{Paging, RunFilter, RunRow};
use serde::Serialize;
use serde_json::json;
use service_runtime::EnvironmentReader;
use std::process::ExitCode;

/// Runs and failed evaluations that are shown.
const LISTED: u32 = 20;
/// Runs that are read at a time.
const PAGE: usize = 1000;

/// A run for people.
#[derive(Debug, Serialize)]
pub struct RunSummary {
    pub id: i64,
    pub run_id: String,
    pub name: String,
    pub status: String,
    pub timestep: u64,
    pub total_timesteps: u64,
    /// The lowest mean threat in the evaluation of a checkpoint, sampled actions.
    pub best_checkpoint_mean_threat: Option<f64>,
    /// The lowest mean threat of recent training episodes.
    pub best_mean_threat: Option<f64>,
}

/// The newest runs, and how many older ones there are.
pub struct Runs {
    pub newest: Vec<RunSummary>,
    pub more: u64,
}

#[derive(Debug, Serialize)]
struct Stream {
    stream: String,
    messages: u64,
    bytes: u64,
    max_bytes: Option<u64>,
    last_sequence: u64,
}

#[derive(Debug, Serialize)]
struct Consumer {
    consumer: String,
    pending: u64,
    in_progress: u64,
    redelivered: u64,
}

/// An evaluation that was given up.
#[derive(Debug, Serialize)]
struct FailedEvaluation {
    run_id: String,
    checkpoint_id: Option<String>,
    code: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct Status {
    nats: String,
    streams: Vec<Stream>,
    consumers: Vec<Consumer>,
    /// Events that the read models do not show yet.
    projection_lag: u64,
    /// The newest ones.
    runs: Vec<RunSummary>,
    /// Runs besides those.
    more_runs: u64,
    /// The newest ones.
    failed_evaluations: Vec<FailedEvaluation>,
}

pub async fn run(args: StatusArgs) -> Result<ExitCode, Failure> {
    let mut client = Client::connect().await?;
    let Runs { newest, more } = runs(&mut client.variables, LISTED as usize).await?;
    let status = Status {
        nats: client.log.server_version(),
        streams: streams(&client).await?,
        consumers: consumers(&client).await?,
        projection_lag: projection_lag(&mut client).await?,
        runs: newest,
        more_runs: more,
        failed_evaluations: failed_evaluations(&mut client.variables).await?,
    };
    if args.json {
        output::line(json!(status))?;
    } else {
        print(&status)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// At most `most` of the newest runs.
pub async fn runs(variables: &mut EnvironmentReader, most: usize) -> Result<Runs, Failure> {
    let (models, _) = read_models(variables).await?;
    let (mut newest, mut after) = (Vec::new(), None);
    loop {
        let page_size = PAGE.min(most - newest.len()) as u32;
        let page = models.runs(&RunFilter::default(), Paging::new(1, page_size).after(after)).await?;
        newest.extend(page.items.into_iter().map(summary));
        after = page.next;
        if after.is_none() || newest.len() >= most {
            let more = page.total.saturating_sub(newest.len() as u64);
            return Ok(Runs { newest, more });
        }
    }
}

fn summary(run: RunRow) -> RunSummary {
    RunSummary {
        id: run.id,
        run_id: run.run_id.to_string(),
        name: run.name,
        status: run.status,
        timestep: run.timestep as u64,
        total_timesteps: run.total_timesteps as u64,
        best_checkpoint_mean_threat: run.best_checkpoint_mean_threat,
        best_mean_threat: run.best_mean_threat,
    }
}

async fn failed_evaluations(variables: &mut EnvironmentReader) -> Result<Vec<FailedEvaluation>, Failure> {
    let (models, _) = read_models(variables).await?;
    let failed = models.failed_evaluations(LISTED).await?.into_iter().map(|evaluation| FailedEvaluation {
        run_id: evaluation.run_id.to_string(),
        checkpoint_id: evaluation.checkpoint_id.map(|id| id.to_string()),
        code: evaluation.failure_code.unwrap_or_default(),
        message: evaluation.failure_message.unwrap_or_default(),
    });
    Ok(failed.collect())
}

async fn streams(client: &Client) -> Result<Vec<Stream>, Failure> {
    let mut streams = Vec::new();
    for name in StreamName::ALL {
        let status = client.log.stream_status(name).await?;
        streams.push(Stream {
            stream: name.to_string(),
            messages: status.messages,
            bytes: status.bytes,
            max_bytes: status.max_bytes,
            last_sequence: status.last_sequence,
        });
    }
    Ok(streams)
}

async fn consumers(client: &Client) -> Result<Vec<Consumer>, Failure> {
    let mut consumers = Vec::new();
    for queue in Queue::ALL {
        let status = client.log.consumer_status(queue).await?;
        consumers.push(Consumer {
            consumer: queue.to_string(),
            pending: status.pending,
            in_progress: status.in_progress,
            redelivered: status.redelivered,
        });
    }
    Ok(consumers)
}

async fn projection_lag(client: &mut Client) -> Result<u64, Failure> {
    let (models, _) = read_models(&mut client.variables).await?;
    let last = client.log.last_sequence().await?;
    let position = models.position().await?.map_or(0, |position| position.sequence);
    Ok(last.saturating_sub(position))
}

fn print(status: &Status) -> Result<(), Failure> {
    output::line(format_args!(
        "nats-server {} and Postgres answer; the read models lag by {} events\n",
        status.nats, status.projection_lag
    ))?;
    let heading = ["stream", "messages", "size", "limit", "last sequence"].map(str::to_owned).to_vec();
    let rows = status.streams.iter().map(|stream| {
        let limit = stream.max_bytes.map_or_else(|| "–".to_owned(), bytes);
        let numbers = [count(stream.messages), bytes(stream.bytes), limit, count(stream.last_sequence)];
        std::iter::once(stream.stream.clone()).chain(numbers).collect()
    });
    output::line(table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))?;
    let heading = ["consumer", "waiting", "in progress", "redelivered"].map(str::to_owned).to_vec();
    let rows = status.consumers.iter().map(|consumer| {
        let numbers = [count(consumer.pending), count(consumer.in_progress), count(consumer.redelivered)];
        std::iter::once(consumer.consumer.clone()).chain(numbers).collect()
    });
    output::line(table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))?;
    let heading = ["run", "status", "steps", "of", "name"].map(str::to_owned).to_vec();
    let rows = status.runs.iter().map(|run| {
        let numbers = [count(run.timestep), count(run.total_timesteps), run.name.clone()];
        [run.id.to_string(), run.status.clone()].into_iter().chain(numbers).collect()
    });
    output::print(table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))?;
    if status.more_runs > 0 {
        output::line(format_args!("… and {} more: `patrol run list --all`", count(status.more_runs)))?;
    }
    status.failed_evaluations.iter().try_for_each(|failed| {
        let FailedEvaluation { run_id, code, message, .. } = failed;
        output::line(format_args!("\nrun {run_id}: an evaluation failed ({code}): {message}"))
    })
}
