//! Trains a policy and evaluates it on unseen maps, without any of the pipeline.
//!
//! ```text
//! cargo run --release -p learner --example train -- --robots 4 --seconds 60
//! cargo run --release -p learner --example train -- --steps 2000000 --seed 7 --save policy.safetensors
//! ```
#[path = "common/hyper_parameters.rs"]
mod hyper_parameters;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use environment::evaluation::statistics::Estimate;
use environment::evaluation::{self, Evaluation, Protocol, ScriptedActor};
use environment::{MapConfig, MapType, RewardConfig, ScriptedAgent, WorldConfig};
use hyper_parameters::HyperParameters;
use learner::{Algorithm, Backend, Learner, Policy, PpoConfig, Selection, UpdateReport};

/// Train a patrol policy with PPO or A3C and evaluate it on unseen maps.
#[derive(Parser)]
struct Arguments {
    /// Robots in the team.
    #[arg(long, default_value_t = 1)]
    robots: usize,
    /// Width and height of the world, in cells.
    #[arg(long, default_value_t = 20)]
    size: usize,
    /// Map generator: random, maze, room or cave.
    #[arg(long, default_value = "random")]
    map: String,
    /// Single obstacles of a random map, instead of 3 to 8.
    #[arg(long)]
    obstacles: Option<usize>,
    /// Robot-steps to train for; schedules end here.
    #[arg(long, default_value_t = 12_000_000)]
    steps: u64,
    /// Stop after this many seconds even if steps are left.
    #[arg(long)]
    seconds: Option<f64>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; 0 is one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Held-out episodes to evaluate on.
    #[arg(long, default_value_t = 40)]
    episodes: u32,
    /// Evaluate the scripted tour on the same episodes.
    #[arg(long)]
    tour: bool,
    /// Battery points per step away from the station.
    #[arg(long, default_value_t = 0.001)]
    drain: f64,
    /// Times the reward for the removal of an object.
    #[arg(long, default_value_t = 1.0)]
    object_weight: f64,
    /// Train by A3C, the actors this many updates behind (0 or 1), instead of by PPO.
    #[arg(long, value_name = "LAG")]
    a3c: Option<u32>,
    /// Compute gradients with dfdx instead of our kernels.
    #[arg(long)]
    dfdx: bool,
    /// Record every step, as the archive does.
    #[arg(long)]
    record: bool,
    /// Start from this policy.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Write the final policy here.
    #[arg(long)]
    save: Option<PathBuf>,
    #[command(flatten)]
    hyper: HyperParameters,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let world = world(&arguments)?;
    let mut config = PpoConfig { total_steps: arguments.steps, ..PpoConfig::for_world(&world) };
    config.backend = if arguments.dfdx { Backend::Dfdx } else { Backend::Fused };
    config.algorithm = arguments.a3c.map_or(Algorithm::Ppo, |policy_lag| Algorithm::A3c { policy_lag });
    arguments.hyper.apply(&mut config);
    let (seed, threads) = (arguments.seed, arguments.threads);
    let mut learner = match &arguments.from {
        Some(path) => Learner::init_from(world.clone(), config, seed, threads, &std::fs::read(path)?)?,
        None => Learner::new(world.clone(), config, seed, threads)?,
    };
    println!(
        "{} features, {} parameters, {} threads, {}",
        learner.policy().observation().len(),
        learner.policy().network().parameters().len(),
        learner.threads(),
        learner.instruction_set(),
    );
    train(&arguments, &mut learner)?;
    for (name, policy) in [("last", learner.policy()), ("best", learner.best_policy())] {
        evaluate(name, &policy, &world, arguments.episodes)?;
    }
    if arguments.tour {
        let protocol = Protocol { world, seed: 1_000_000, episodes: arguments.episodes };
        let tour = evaluation::evaluate(&mut ScriptedActor::new(ScriptedAgent::Tour), &protocol)?;
        show_evaluation("scripted", &tour);
    }
    if let Some(path) = &arguments.save {
        std::fs::write(path, learner.policy().to_safetensors()?)?;
    }
    Ok(())
}

fn world(arguments: &Arguments) -> anyhow::Result<WorldConfig> {
    let map_type = MapType::ALL.into_iter().find(|map| map.name() == arguments.map);
    let Some(map_type) = map_type else {
        anyhow::bail!("--map must be random, maze, room or cave, not `{}`", arguments.map);
    };
    Ok(WorldConfig {
        width: arguments.size,
        height: arguments.size,
        num_robots: arguments.robots,
        map: MapConfig { map_type, count: arguments.obstacles, ..MapConfig::default() },
        battery_drain_rate: arguments.drain,
        reward: RewardConfig { object_weight: arguments.object_weight, ..RewardConfig::default() },
        ..WorldConfig::default()
    })
}

fn train(arguments: &Arguments, learner: &mut Learner) -> anyhow::Result<()> {
    let limit = arguments.seconds.map_or(Duration::MAX, Duration::from_secs_f64);
    let (started, mut shown) = (Instant::now(), Duration::ZERO);
    let mut record = arguments.record.then(learner::RolloutRecord::default);
    let mut total = learner::report::Timings::default();
    let mut last = UpdateReport::default();
    while !learner.is_complete() && started.elapsed() < limit {
        last = learner.update(record.as_mut())?;
        add(&mut total, &last.timings);
        if started.elapsed() - shown > Duration::from_secs(5) {
            shown = started.elapsed();
            show(&last, started.elapsed());
        }
    }
    show(&last, started.elapsed());
    let share = |part: Duration| 100.0 * part.as_secs_f64() / (total.wall.as_secs_f64() * learner.threads() as f64);
    println!(
        "of {} threads' time: environment {:.1} %, observation {:.1} %, forward {:.1} %, backward {:.1} %; \
         of elapsed time: rollout {:.1} %, optimiser {:.1} %",
        learner.threads(),
        share(total.environment),
        share(total.observation),
        share(total.forward),
        share(total.backward),
        share(total.rollout) * learner.threads() as f64,
        share(total.optimiser) * learner.threads() as f64,
    );
    Ok(())
}

fn add(total: &mut learner::report::Timings, one: &learner::report::Timings) {
    total.wall += one.wall;
    total.rollout += one.rollout;
    total.environment += one.environment;
    total.observation += one.observation;
    total.forward += one.forward;
    total.backward += one.backward;
    total.optimiser += one.optimiser;
}

fn show(report: &UpdateReport, elapsed: Duration) {
    let threat = |threat: Option<f64>| threat.map_or("   –".to_owned(), |t| format!("{t:.3}"));
    println!(
        "{:6.1} s {:>11} steps {:>8.0}/s  threat {} best {}  entropy {:.3} kl {:.4} clip {:.3} ev {:.3} norm {:.2} v {:.4}",
        elapsed.as_secs_f64(),
        report.steps_done,
        report.steps_done as f64 / elapsed.as_secs_f64(),
        threat(report.recent_mean_threat),
        threat(report.best_mean_threat),
        report.entropy,
        report.approx_kl,
        report.clip_fraction,
        report.explained_variance,
        report.gradient_norm,
        report.value_loss,
    );
    let _ = std::io::stdout().flush();
}

fn evaluate(name: &str, policy: &Policy, world: &WorldConfig, episodes: u32) -> anyhow::Result<()> {
    let protocol = Protocol { world: world.clone(), seed: 1_000_000, episodes };
    for selection in [Selection::Sampled { seed: 1 }, Selection::ArgMax] {
        let mut actor = policy.actor(selection);
        show_evaluation(name, &evaluation::evaluate(&mut actor, &protocol)?);
    }
    Ok(())
}

fn show_evaluation(name: &str, evaluation: &Evaluation) {
    let mean = |estimate: Option<Estimate>| estimate.map_or(f64::NAN, |estimate| estimate.mean);
    println!(
        "{name} {}: mean threat {:.4}, coverage {:.3}, worst idleness {:.1}, response {:.0}, return {:.0}",
        evaluation.name,
        mean(evaluation.mean_threat),
        mean(evaluation.coverage),
        mean(evaluation.worst_idleness),
        mean(evaluation.response_p50),
        mean(evaluation.episode_return),
    );
}
