//! How good a policy becomes in a given time, over several training seeds and unseen worlds.

use super::Measurements;
use crate::cli::BenchLearningArgs;
use crate::failure::Failure;
use crate::runs::{set_all, training_payload, training_seeds};
use anyhow::anyhow;
use contracts::config::Actors;
use contracts::{CommandId, Rejection, RunConfig, commands::StartRun, validation};
use domain::run_config::{begins_anew, complete};
use environment::agents::ScriptedAgent;
use environment::evaluation::{BatchActor, Evaluation, Protocol, ScriptedActor, evaluate};
use experiments::EVALUATION_SEED;
use learner::{Learner, Selection};
use serde_json::{Value, json};
use service_runtime::{IdSource, RandomIds};
use std::time::Instant;

/// Held-out episodes per evaluation.
const EPISODES: u32 = 40;
/// Seconds of training that tell how many steps fit into the time: schedules count steps, never seconds.
const CALIBRATION_SECONDS: f64 = 3.0;
/// More steps than the calibration can do.
const ENDLESS: u64 = 1_000_000_000;

pub fn measure(args: &BenchLearningArgs) -> Result<Measurements, Failure> {
    let mut measurements = Measurements::default();
    let Plan { mut config, first_seed, calibrates } = plan(args)?;
    if calibrates {
        config.learning.total_timesteps = (timesteps_per_second(&config)? * args.seconds) as u64;
    }
    let contest =
        Protocol { world: experiments::world_config(&config.world)?, seed: EVALUATION_SEED, episodes: EPISODES };
    let tour = evaluate(&mut ScriptedActor::new(ScriptedAgent::Tour), &contest)?;
    report("tour", &tour, &mut measurements);
    let (mut threats, mut speeds): ([Vec<f64>; 4], _) = (Default::default(), Vec::new());
    for seed in training_seeds(first_seed, args.seeds)? {
        config.seed = seed;
        let (learner, speed) = train(&config)?;
        speeds.push(speed);
        let (last, best) = (learner.policy(), learner.best_policy());
        for ((name, is_best, selection), threats) in PLAYERS.into_iter().zip(&mut threats) {
            let mut actor = if is_best { &best } else { &last }.actor(selection);
            let played = evaluate(&mut actor as &mut dyn BatchActor, &contest)?;
            report(&format!("seed_{seed}/{name}"), &played, &mut measurements);
            threats.extend(played.mean_threat.map(|it| it.mean));
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    for ((name, ..), threats) in PLAYERS.iter().zip(&threats) {
        measurements.add(&format!("learning/mean_threat/{name}"), mean(threats), "mean threat");
    }
    measurements.add("learning/speed", mean(&speeds), "robot-steps/s");
    measurements.add("learning/timesteps", config.learning.total_timesteps as f64, "environment steps");
    Ok(measurements)
}

/// What is measured of a training: its last policy, and the one whose recent training episodes had the lowest mean threat.
const PLAYERS: [(&str, bool, Selection); 4] = [
    ("sampled", false, Selection::Sampled { seed: EVALUATION_SEED }),
    ("argmax", false, Selection::ArgMax),
    ("best_sampled", true, Selection::Sampled { seed: EVALUATION_SEED }),
    ("best_argmax", true, Selection::ArgMax),
];

struct Plan {
    config: RunConfig,
    first_seed: u64,
    /// Whether the steps are still to be found out.
    calibrates: bool,
}

/// What the command line means, read as strictly as a command.
fn plan(args: &BenchLearningArgs) -> Result<Plan, Failure> {
    let mut payload = Value::Object(training_payload(&args.training));
    set_all(&mut payload, &args.set)?;
    let calibrates = payload["total_timesteps"].is_null();
    if calibrates {
        payload["total_timesteps"] = json!(ENDLESS);
    }
    let first_seed = payload["config"]["seed"].as_u64().unwrap_or(1);
    let start: StartRun = validation::decode("run", "start", &serde_json::to_vec(&payload)?).map_err(Rejection)?;
    let config = complete(&start, CommandId(RandomIds.next_id()))?;
    if !(begins_anew(&start) && config.learning.actors == Actors::InTurns) {
        return Err(anyhow!(
            "the benchmark trains in turns and from the beginning: no `init_from`, `resume_from` or `actors`"
        )
        .into());
    }
    Ok(Plan { config, first_seed, calibrates })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::TrainingArgs;

    fn args(steps: Option<u64>, set: &[&str]) -> BenchLearningArgs {
        let size = "8".parse().expect("a size");
        let training = TrainingArgs { steps, size, ..TrainingArgs::default() };
        let set = set.iter().map(|&setting| setting.to_owned()).collect();
        BenchLearningArgs { training, set, seconds: 1.0, seeds: 1, json: true }
    }

    #[test]
    fn settings_are_those_of_a_start_command() -> Result<(), Failure> {
        let plan = |steps, set: &[&str]| super::plan(&args(steps, set));
        let learning = plan(None, &["config.hidden_size=32", "learning_rate=0.002", "config.seed=5"])?;
        assert_eq!((learning.first_seed, learning.calibrates), (5, true));
        let learning = learning.config.learning;
        assert_eq!((learning.hidden_size, learning.learning_rate), (Some(32), 0.002));
        assert!(!plan(Some(512), &[])?.calibrates && !plan(None, &["total_timesteps=512"])?.calibrates);
        for refused in ["config.hidden_size=12", "speed=2", "init_from=universal", "gamma", "env_width.x=1"] {
            assert!(plan(None, &[refused]).is_err(), "{refused}");
        }
        Ok(())
    }

    #[test]
    fn the_last_and_the_best_policy_are_measured() -> Result<(), Failure> {
        let small = ["num_envs=4", "config.rollout_length=64", "config.max_steps=50", "batch_size=64"];
        let measured = measure(&args(Some(2048), &small))?.0;
        for name in ["sampled", "argmax", "best_sampled", "best_argmax"] {
            let value = |key: String| measured.get(&key).and_then(|it| it["value"].as_f64());
            let threat = value(format!("learning/mean_threat/{name}"));
            assert!(threat.is_some_and(|threat| (0.0..=1.0).contains(&threat)), "{name}: {threat:?}");
            assert_eq!(value(format!("learning/seed_1/{name}/mean_threat")), threat, "the mean of one seed");
        }
        assert_eq!(measured["learning/timesteps"]["value"], 2048.0);
        Ok(())
    }
}
