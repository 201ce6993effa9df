//! How good a policy becomes in a given time, over several training seeds and unseen worlds.

use super::Measurements;
use crate::cli::BenchLearningArgs;
use crate::failure::Failure;
use crate::runs::training_payload;
use contracts::{CommandId, RunConfig, commands::StartRun};
use environment::agents::ScriptedAgent;
use environment::evaluation::{BatchActor, Evaluation, Protocol, ScriptedActor, evaluate};
use experiments::EVALUATION_SEED;
use learner::{Learner, Selection};
use serde_json::json;
use service_runtime::{IdSource, RandomIds};
use std::time::Instant;

/// Held-out episodes per evaluation.
const EPISODES: u32 = 40;
/// Seconds of training that tell how many steps fit into the time: schedules count steps, never seconds.
const CALIBRATION_SECONDS: f64 = 3.0;

pub fn measure(args: &BenchLearningArgs) -> Result<Measurements, Failure> {
    let mut measurements = Measurements::default();
    let mut config = config(args, 1_000_000_000, 1)?;
    if args.training.steps.is_none() {
        config.learning.total_timesteps = (timesteps_per_second(&config)? * args.seconds) as u64;
    }
    let contest =
        Protocol { world: experiments::world_config(&config.world)?, seed: EVALUATION_SEED, episodes: EPISODES };
    let tour = evaluate(&mut ScriptedActor::new(ScriptedAgent::Tour), &contest)?;
    report("tour", &tour, &mut measurements);
    let first_seed = args.training.seed.unwrap_or(1);
    let (mut sampled, mut argmax, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
    for seed in first_seed..first_seed + u64::from(args.seeds.max(1)) {
        config.seed = seed;
        let (learner, speed) = train(&config)?;
        let policy = learner.policy();
        let played = [Selection::Sampled { seed: EVALUATION_SEED }, Selection::ArgMax].map(|selection| {
            let mut actor = policy.actor(selection);
            evaluate(&mut actor as &mut dyn BatchActor, &contest)
        });
        let [drawn, most_probable] = played;
        let (drawn, most_probable) = (drawn?, most_probable?);
        report(&format!("seed_{seed}/sampled"), &drawn, &mut measurements);
        report(&format!("seed_{seed}/argmax"), &most_probable, &mut measurements);
        sampled.extend(drawn.mean_threat.map(|it| it.mean));
        argmax.extend(most_probable.mean_threat.map(|it| it.mean));
        speeds.push(speed);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    measurements.add("learning/mean_threat/sampled", mean(&sampled), "mean threat");
    measurements.add("learning/mean_threat/argmax", mean(&argmax), "mean threat");
    measurements.add("learning/speed", mean(&speeds), "robot-steps/s");
    measurements.add("learning/timesteps", config.learning.total_timesteps as f64, "environment steps");
    Ok(measurements)
}

fn config(args: &BenchLearningArgs, steps: u64, seed: u64) -> Result<RunConfig, Failure> {
    let mut payload = training_payload(&args.training);
    payload.entry("total_timesteps").or_insert(json!(steps));
    let start: StartRun = serde_json::from_value(serde_json::Value::Object(payload))?;
    let config = domain::run_config::complete(&start, CommandId(RandomIds.next_id()))?;
    Ok(RunConfig { seed, ..config })
}

fn timesteps_per_second(config: &RunConfig) -> Result<f64, Failure> {
    let mut learner = learner(config)?;
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < CALIBRATION_SECONDS {
        learner.update(None)?;
    }
    let robot_steps = learner.steps_done() as f64;
    Ok(robot_steps / experiments::Teams::of(config).mean_size() / began.elapsed().as_secs_f64())
}

/// Trains to the end; robot steps per second.
fn train(config: &RunConfig) -> Result<(Learner, f64), Failure> {
    let mut learner = learner(config)?;
    let began = Instant::now();
    while !learner.is_complete() {
        learner.update(None)?;
    }
    let speed = learner.steps_done() as f64 / began.elapsed().as_secs_f64();
    Ok((learner, speed))
}

fn learner(config: &RunConfig) -> Result<Learner, Failure> {
    let worlds = experiments::worlds(config)?;
    Ok(Learner::new(worlds, experiments::ppo_config(config)?, config.seed, 0)?)
}

fn report(name: &str, evaluation: &Evaluation, measurements: &mut Measurements) {
    let mut add = |what: &str, value: Option<f64>, unit: &str| {
        if let Some(value) = value {
            measurements.add(&format!("learning/{name}/{what}"), value, unit);
        }
    };
    add("coverage", evaluation.coverage.map(|it| it.mean), "share of cells");
    add("worst_idleness", evaluation.worst_idleness.map(|it| it.mean), "steps");
    add("ci95_low", evaluation.mean_threat.map(|it| it.mean_ci95.low), "mean threat");
    add("ci95_high", evaluation.mean_threat.map(|it| it.mean_ci95.high), "mean threat");
    add("mean_threat", evaluation.mean_threat.map(|it| it.mean), "mean threat");
}
