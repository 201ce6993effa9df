//! `patrol demo`: a policy trained through the whole pipeline, as any client would ask for it.

mod progress;
mod summary;

use crate::cli::{DemoArgs, WorldsName};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::replay::{project, read_models};
use crate::runs::training_payload;
use crate::services::{self, ALL};
use crate::system::{System, data_dir, make_data_dir};
use crate::terminal::Style;
use crate::up::PATIENCE;
use contracts::events::{BaselinesCompleted, EvaluationCompleted, RunCompleted, TrainingProgressed};
use contracts::{Event, RunId, subjects};
use event_log::ReadOptions;
use progress::Display;
use serde_json::{Value, json};
use service_runtime::{EnvironmentReader, Lifecycle, telemetry};
use std::process::ExitCode;
use summary::{Archive, Checkpoint, Replay, Summary, Training, scores};
use tracing_subscriber::filter::LevelFilter;

/// Steps of single robots in about a minute of training on two cores.
const DEFAULT_ROBOT_STEPS: u64 = 9_000_000;
/// Robots that drawn teams have on average, as a whole number.
const DRAWN_TEAM: u64 = 3;

const GATEWAY_PORT: u16 = 8000;
/// As shells have it for SIGINT.
const INTERRUPTED: u8 = 130;

pub async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    let mut variables = EnvironmentReader::from_process();
    let logs = data_dir(&mut variables)?.join("log");
    variables.set_default("LOG_DIR", logs.display().to_string());
    // The demo needs no fixed address, so a port that is in use elsewhere does not stop it.
    variables.set_default("GATEWAY_BIND", format!("127.0.0.1:{}", local_servers::free_port_or(GATEWAY_PORT)?));
    let mut options = telemetry::Options::read(&mut variables, &ALL);
    // The progress display has the terminal; everything is in the log files.
    options.console = LevelFilter::OFF;
    services::check(&variables)?;
    make_data_dir(&mut variables)?;
    let _telemetry = telemetry::init(options)?;
    eprintln!("{}", Style::of(&std::io::stderr()).bold("Starting nats-server, Postgres and the services …"));
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals();
    let draining = lifecycle.draining();
    let system = tokio::select! {
        system = System::start(variables) => system?,
        () = draining.cancelled() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let demonstrated = async {
        let health = services::start(&system.variables, &lifecycle).await?;
        services::wait_until_ready(&health).await?;
        demonstrate(&args, &system).await
    };
    // The lifecycle watches for signals and for services that die while the demo goes on.
    let watching = lifecycle.clone();
    let watched = tokio::spawn(async move { watching.run(PATIENCE).await });
    let outcome = tokio::select! {
        summary = demonstrated => summary.map(Some),
        () = draining.cancelled() => Ok(None),
    };
    lifecycle.shut_down();
    let stopped = watched.await?;
    system.stop().await;
    match outcome? {
        Some(summary) => {
            stopped?;
            print(&summary, &args)?;
            Ok(if summary.replay.identical { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        None => {
            stopped?;
            eprintln!("Interrupted; everything was saved. Run it again to go on with the same data.");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn print(summary: &Summary, args: &DemoArgs) -> Result<(), Failure> {
    if args.json {
        output::line(serde_json::to_string(summary)?)
    } else {
        output::print(summary.to_text(Style::of(&std::io::stdout())))
    }
}

async fn demonstrate(args: &DemoArgs, system: &System) -> Result<Summary, Failure> {
    let mut client = Client::with(system.variables.clone()).await?;
    let requested = client.command("run", "start", serde_json::to_vec(&payload(args))?).await?;
    let Event::RunRequested(run) = requested.event()? else {
        return Err(anyhow::anyhow!("unexpected outcome {}", requested.envelope.kind).into());
    };
    let display = Display::new(&run.config, requested.sequence);
    let observed = observe(&client, run.run_id, requested.sequence, &display).await;
    display.finish();
    summarise(&mut client, run.run_id, observed?).await
}

fn payload(args: &DemoArgs) -> Value {
    let mut payload = training_payload(&args.training);
    let robots = match args.training.worlds {
        WorldsName::Fixed => u64::from(args.training.robots.max(1)),
        WorldsName::Universal => DRAWN_TEAM,
    };
    payload.entry("total_timesteps").or_insert(json!(DEFAULT_ROBOT_STEPS / robots));
    payload.insert("name".into(), json!("demo"));
    Value::Object(payload)
}

/// What the log told about the run.
struct Observed {
    completed: RunCompleted,
    progress: TrainingProgressed,
    evaluation: EvaluationCompleted,
    baselines: BaselinesCompleted,
    checkpoints: Vec<Checkpoint>,
}

/// Follows the run until it has ended and its last checkpoint is evaluated.
async fn observe(client: &Client, run: RunId, from: u64, display: &Display) -> Result<Observed, Failure> {
    let mut events = client.log.read(ReadOptions::follow(from).filtered([subjects::all_of_run(run)]));
    let (mut completed, mut progress, mut evaluation, mut baselines) = (None::<RunCompleted>, None, None, None);
    let (mut checkpoints, mut unevaluated) = (Vec::new(), Vec::new());
    while let Some(recorded) = events.next_event().await? {
        let event = recorded.event()?;
        display.show(&event);
        match event {
            Event::TrainingProgressed(progressed) => progress = Some(*progressed),
            Event::RunCompleted(event) => completed = Some(event),
            Event::RunFailed(failed) => return Err(Failure::Failed(format!("run {run} failed"), failed.message)),
            Event::BaselinesCompleted(event) => baselines = Some(*event),
            Event::EvaluationCompleted(event) if event.is_last => evaluation = Some(*event),
            Event::EvaluationFailed(failed) => unevaluated.push(failed),
            Event::CheckpointCreated(created) => checkpoints.push(Checkpoint {
                checkpoint_id: created.checkpoint_id.to_string(),
                timestep: created.timestep,
                digest: created.digest.clone(),
                bytes: created.policy.bytes + created.resume.bytes,
            }),
            _ => {}
        }
        let last = completed.as_ref().and_then(|completed| Some(completed.checkpoint.as_ref()?.checkpoint_id));
        if let Some(failed) = unevaluated.iter().find(|failed| last.is_some() && failed.checkpoint_id == last) {
            let what = format!("the last checkpoint of run {run} could not be evaluated");
            return Err(Failure::Failed(what, failed.message.clone()));
        }
        match (completed.take(), progress.take(), evaluation.take(), baselines.take()) {
            (Some(completed), Some(progress), Some(evaluation), Some(baselines)) => {
                return Ok(Observed { completed, progress, evaluation, baselines, checkpoints });
            }
            rest => (completed, progress, evaluation, baselines) = rest,
        }
    }
    Err(anyhow::anyhow!("the event log ended").into())
}

async fn summarise(client: &mut Client, run: RunId, observed: Observed) -> Result<Summary, Failure> {
    let Observed { completed, progress, evaluation, baselines, checkpoints } = observed;
    let (models, _) = read_models(&mut client.variables).await?;
    client.archived().await?;
    let report = project(client, true).await?;
    let totals = models.archive_totals(Some(run)).await?;
    let (policy, agents) = scores(&evaluation, &baselines);
    let seconds = progress.elapsed_seconds.max(1e-9);
    Ok(Summary {
        run_id: run.to_string(),
        training: Training {
            steps: completed.timestep,
            seconds,
            steps_per_second: completed.timestep as f64 / seconds,
            robot_steps_per_second: progress.robot_steps as f64 / seconds,
        },
        policy,
        agents,
        archive: Archive { files: totals.files as u64, rows: totals.rows as u64, bytes: totals.bytes as u64 },
        events: client.log.last_sequence().await?,
        checkpoints,
        rows: models.row_counts().await?.into_iter().map(|(table, rows)| (table.to_owned(), rows)).collect(),
        replay: Replay { identical: report.identical == Some(true), events: report.events, seconds: report.seconds },
    })
}
