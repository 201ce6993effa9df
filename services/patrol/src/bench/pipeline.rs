//! The whole pipeline: training with and without it, command to visible, start-up, memory.

use super::{Measurements, processor};
use crate::cli::{BenchPipelineArgs, TrainingArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::replay::{project, read_models};
use crate::runs::training_payload;
use crate::services;
use crate::system::{System, data_dir};
use crate::up::PATIENCE;
use anyhow::Context;
use contracts::events::TrainingProgressed;
use contracts::{CommandId, Envelope, Event, RunConfig, commands::StartRun, subjects};
use event_log::ReadOptions;
use learner::Learner;
use serde_json::json;
use service_runtime::{Clock, EnvironmentReader, IdSource, Lifecycle, RandomIds, SystemClock};
use std::path::Path;
use std::time::{Duration, Instant};

/// Trainings with and without a recording, taking turns: a single pair tells nothing on a machine that is shared.
const PAIRS: usize = 12;
/// What recording every training step may cost.
const RECORDING_COST: f64 = 0.05;
/// Resident bytes that all services together may take while a run trains.
const MEMORY: f64 = 400e6;
/// Sizes of the teams that train.
const TEAMS: [u32; 2] = [1, 4];
/// Commands whose way to Postgres is timed.
const COMMANDS: usize = 200;
const VISIBLE_WITHIN: Duration = Duration::from_secs(10);
const ARCHIVED_WITHIN: Duration = Duration::from_secs(60);

/// Measures on a data directory of its own, which is removed again.
pub async fn measure(args: &BenchPipelineArgs) -> Result<Measurements, Failure> {
    let mut variables = EnvironmentReader::from_process();
    let folder = data_dir(&mut variables)?.join(format!("bench-{}", std::process::id()));
    let measured = measure_in(&folder, args).await;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    measured
}

async fn measure_in(folder: &Path, args: &BenchPipelineArgs) -> Result<Measurements, Failure> {
    let mut measurements = Measurements::default();
    let (running, seconds) = Running::start(folder).await?;
    measurements.add("pipeline/start_up/first", seconds, "s");
    running.stop().await?;
    let (running, seconds) = Running::start(folder).await?;
    measurements.add("pipeline/start_up/later", seconds, "s");
    let mut client = Client::with(running.system.variables.clone()).await?;
    // What `patrol up` takes: later this process also trains beside its services.
    for robots in TEAMS {
        through_pipeline(&client, robots, args.steps / u64::from(robots), "full").await?;
    }
    measurements.add_limited("pipeline/memory/peak_resident", peak_resident_bytes()?, "bytes", MEMORY);
    for robots in TEAMS {
        training(&client, args, robots, &mut measurements).await?;
    }
    visibility(&mut client, &mut measurements).await?;
    let report = project(&mut client, true).await?;
    measurements.add("pipeline/replay/check", report.events_per_second, "events/s");
    measurements.add("pipeline/replay/identical", f64::from(u8::from(report.identical == Some(true))), "bool");
    running.stop().await?;
    Ok(measurements)
}

/// The system with all services in this process.
struct Running {
    system: System,
    lifecycle: Lifecycle,
}

impl Running {
    /// Starts everything; seconds until every service was ready.
    async fn start(folder: &Path) -> Result<(Self, f64), Failure> {
        let began = Instant::now();
        let mut variables = EnvironmentReader::from_process();
        variables.set("PATROL_DATA_DIR", folder.display().to_string());
        // Its own servers and store, whatever the environment names.
        for name in ["NATS_URL", "DATABASE_URL", "PATROL_STORE_URL"] {
            variables.set(name, "");
        }
        variables.set("GATEWAY_BIND", "127.0.0.1:0");
        services::check(&variables)?;
        let system = System::start(variables).await?;
        let lifecycle = Lifecycle::new();
        let health = services::start(&system.variables, &lifecycle).await?;
        services::wait_until_ready(&health).await?;
        Ok((Self { system, lifecycle }, began.elapsed().as_secs_f64()))
    }

    async fn stop(self) -> Result<(), Failure> {
        self.lifecycle.finish(PATIENCE).await?;
        self.system.stop().await;
        Ok(())
    }
}

/// The same training with a recording and without, in pairs, and now and then without the pipeline: all in one run, so that
/// ratios hold on a machine that is shared.
async fn training(
    client: &Client,
    args: &BenchPipelineArgs,
    robots: u32,
    measurements: &mut Measurements,
) -> Result<(), Failure> {
    let steps = args.steps / u64::from(robots);
    let (mut alone, mut recorded, mut unrecorded) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Whatever drifts while a pair is measured drifts for the one as often as for the other.
        let levels = if pair % 2 == 0 { ["full", "none"] } else { ["none", "full"] };
        for level in levels {
            let trained = through_pipeline(client, robots, steps, level).await?;
            if level == "full" { recorded.push(trained) } else { unrecorded.push(trained) }
        }
        if pair % 2 == 0 {
            alone.push(learner_alone(&config(robots, steps, "none")?)?);
        }
    }
    let ratios = |above: &[f64], below: &[f64]| above.iter().zip(below).map(|(a, b)| a / b).collect::<Vec<_>>();
    let speeds = |trained: &[Trained]| trained.iter().map(|it| it.speed).collect::<Vec<_>>();
    let nanoseconds = |trained: &[Trained]| trained.iter().map(|it| it.nanoseconds).collect::<Vec<_>>();
    let (everything, without) = (speeds(&recorded), speeds(&unrecorded));
    let name = |what: &str| format!("pipeline/training/{robots}_robots/{what}");
    measurements.add(&name("learner_alone"), median(&alone), "robot-steps/s");
    measurements.add_limited(&name("everything_on"), median(&everything), "robot-steps/s", median(&alone));
    measurements.add_limited(&name("without_recording"), median(&without), "robot-steps/s", median(&alone));
    let kept = ratios(&everything, &without);
    let lost = 1.0 - median(&kept);
    measurements.add_limited(&name("recording_cost/speed"), lost, "share of speed", RECORDING_COST);
    measurements.add(&name("recording_cost/speed/deviation"), deviation(&kept), "share of speed, of single pairs");
    let (on, off) = (median(&nanoseconds(&recorded)), median(&nanoseconds(&unrecorded)));
    measurements.add(&name("processor/everything_on"), on, "ns per robot-step, all processes");
    measurements.add(&name("processor/without_recording"), off, "ns per robot-step, all processes");
    let spared = ratios(&nanoseconds(&unrecorded), &nanoseconds(&recorded));
    measurements.add_limited(&name("recording_cost"), 1.0 - median(&spared), "share of processor time", RECORDING_COST);
    measurements.add(&name("recording_cost/deviation"), deviation(&spared), "share of processor time, of single pairs");
    if let Some(last) = recorded.last() {
        shares(&last.progress, &name, measurements);
    }
    Ok(())
}

/// Where the time of training goes.
fn shares(progress: &TrainingProgressed, name: &impl Fn(&str) -> String, measurements: &mut Measurements) {
    let diagnostics = &progress.diagnostics;
    let parts = [
        ("environment", diagnostics.environment_seconds),
        ("observation", diagnostics.observation_seconds),
        ("forward", diagnostics.forward_seconds),
        ("backward", diagnostics.backward_seconds),
        ("optimizer", diagnostics.optimizer_seconds),
    ];
    let total: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
    for (part, seconds) in parts {
        measurements.add(&name(&format!("share/{part}")), seconds / total.max(1e-9), "share of time");
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    (middle(values.len().saturating_sub(1) / 2) + middle(values.len() / 2)) / 2.0
}

/// The sample's standard deviation: divided by the root of the number of values, how far their mean may be off.
fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

fn payload(robots: u32, steps: u64, recording: &str) -> serde_json::Value {
    let training = TrainingArgs { robots, steps: Some(steps), seed: Some(1), ..TrainingArgs::default() };
    let mut payload = serde_json::Value::Object(training_payload(&training));
    payload["config"]["recording"] = json!(recording);
    payload
}

fn config(robots: u32, steps: u64, recording: &str) -> Result<RunConfig, Failure> {
    let start: StartRun = serde_json::from_value(payload(robots, steps, recording))?;
    Ok(domain::run_config::complete(&start, CommandId(RandomIds.next_id()))?)
}

fn learner_alone(config: &RunConfig) -> Result<f64, Failure> {
    let world = experiments::world_config(&config.world)?;
    let mut learner = Learner::new(world, experiments::ppo_config(config)?, config.seed, 0)?;
    let began = Instant::now();
    while !learner.is_complete() {
        learner.update(None)?;
    }
    Ok(learner.steps_done() as f64 / began.elapsed().as_secs_f64())
}

/// A run that was trained to its end, evaluated and archived.
struct Trained {
    /// Robot-steps per second.
    speed: f64,
    /// Processor time per robot-step of this process and the servers that it started.
    nanoseconds: f64,
    /// Its last report.
    progress: TrainingProgressed,
}

/// Trains through commands and events.
async fn through_pipeline(client: &Client, robots: u32, steps: u64, recording: &str) -> Result<Trained, Failure> {
    let payload = serde_json::to_vec(&payload(robots, steps, recording))?;
    let began = processor::spent()?;
    let requested = client.command("run", "start", payload).await?;
    let Some(run) = requested.event()?.run_id() else {
        return Err(anyhow::anyhow!("unexpected outcome {}", requested.envelope.kind).into());
    };
    let mut events = client.log.read(ReadOptions::follow(requested.sequence).filtered([subjects::all_of_run(run)]));
    let mut last = None;
    let mut evaluated = false;
    while let Some(recorded) = events.next_event().await? {
        match recorded.event()? {
            Event::TrainingProgressed(progress) => last = Some(*progress),
            Event::EvaluationCompleted(evaluation) => evaluated = evaluation.is_last,
            Event::RunFailed(failed) => return Err(Failure::Failed(format!("run {run} failed"), failed.message)),
            _ => {}
        }
        // The next measurement begins when the evaluator is idle again.
        if let (Some(progress), true) = (&last, evaluated) {
            let archived = tokio::time::timeout(ARCHIVED_WITHIN, client.archived()).await;
            archived.context("the archive did not take every segment")??;
            let robot_steps = progress.robot_steps as f64;
            let speed = robot_steps / progress.elapsed_seconds.max(1e-9);
            let nanoseconds = processor::spent()?.saturating_sub(began).as_nanos() as f64 / robot_steps;
            return Ok(Trained { speed, nanoseconds, progress: progress.clone() });
        }
    }
    Err(anyhow::anyhow!("the event log ended").into())
}

/// Command published until its outcome can be read from Postgres.
async fn visibility(client: &mut Client, measurements: &mut Measurements) -> Result<(), Failure> {
    let (models, _) = read_models(&mut client.variables).await?;
    let mut milliseconds = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        let id = CommandId(RandomIds.next_id());
        let envelope = Envelope::for_command("patrol.run.pause.v1".to_owned(), id, "bench", SystemClock.now(), None);
        let payload = json!({ "run_id": RandomIds.next_id() }).to_string();
        let began = Instant::now();
        let mut outcome = client.log.read(ReadOptions::follow(client.log.last_sequence().await? + 1));
        client.log.send_command("patrol.cmd.run.pause", &envelope, payload.into()).await?;
        while let Some(recorded) = outcome.next_event().await? {
            if recorded.envelope.causation_id == Some(id.0) {
                models.wait_for_position(recorded.sequence, VISIBLE_WITHIN).await;
                break;
            }
        }
        models.rejection(id).await?.context("a rejected command is not visible")?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds.sort_by(f64::total_cmp);
    let percentile = |share: f64| milliseconds[((milliseconds.len() - 1) as f64 * share) as usize];
    measurements.add("pipeline/command_to_visible/p50", percentile(0.5), "ms");
    measurements.add("pipeline/command_to_visible/p99", percentile(0.99), "ms");
    Ok(())
}

/// `VmHWM` of this process; nats-server and Postgres are not in it.
fn peak_resident_bytes() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is not a number")?;
    Ok(kilobytes * 1024.0)
}
