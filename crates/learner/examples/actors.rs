//! Compares PPO, A3C in turns and A3C with actors on threads: speed in one run, mean threat on unseen maps.
//!
//! ```text
//! cargo run --release -p learner --example actors -- --steps 1000000 --seeds 1,2
//! ```
use std::time::{Duration, Instant};

use clap::Parser;
use environment::WorldConfig;
use environment::evaluation::{self, Protocol};
use learner::a3c::{AsyncLearner, AsyncRun, segment_envs};
use learner::{Algorithm, Learner, Policy, PpoConfig, Selection};

/// Compare actors on threads with learning in turns.
#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 1)]
    robots: usize,
    /// Width and height of the world, in cells.
    #[arg(long, default_value_t = 8)]
    size: usize,
    /// Robot-steps to train for.
    #[arg(long, default_value_t = 1_000_000)]
    steps: u64,
    #[arg(long, default_value = "1", value_delimiter = ',')]
    seeds: Vec<u64>,
    #[arg(long, default_value = "1,2,4", value_delimiter = ',')]
    actors: Vec<usize>,
    /// Threads of the learner beside the actors, and of all in turns.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, default_value_t = 32)]
    rollout: usize,
    #[arg(long, default_value_t = 40)]
    episodes: u32,
    /// Only the speed.
    #[arg(long)]
    no_evaluation: bool,
}

/// What one run took.
struct Run {
    name: String,
    policy: Policy,
    steps: u64,
    elapsed: Duration,
    processor: Duration,
    mean_lag: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (width, height) = (arguments.size, arguments.size);
    let world = WorldConfig { width, height, num_robots: arguments.robots, ..WorldConfig::default() };
    println!("load at the start: {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    for &seed in &arguments.seeds {
        let mut first = None;
        let ppo = PpoConfig { total_steps: arguments.steps, ..PpoConfig::for_team(arguments.robots) };
        let mut runs = vec![in_turns("ppo", &world, ppo.clone(), seed, arguments.threads)?];
        let a3c = PpoConfig {
            algorithm: Algorithm::A3c { policy_lag: 1 },
            num_steps: arguments.rollout,
            minibatch_size: 256,
            update_epochs: 1,
            reward_scale: 0.004,
            object_coefficient: 0.004 / ppo.reward_scale * ppo.object_coefficient,
            ..ppo
        };
        runs.push(in_turns("a3c in turns", &world, a3c.clone(), seed, arguments.threads)?);
        for &actors in &arguments.actors {
            runs.push(overlapped(&world, a3c.clone(), seed, &arguments, actors)?);
        }
        for run in &runs {
            let speed = run.steps as f64 / run.elapsed.as_secs_f64();
            let reference = *first.get_or_insert(speed);
            let lag = run.mean_lag.map_or("–".to_owned(), |lag| format!("{lag:.1} segments"));
            let processor = run.processor.as_secs_f64() * 1e6 / run.steps as f64;
            println!(
                "seed {seed} {:<14} {speed:>8.0} steps/s ({:.2}), {processor:.2} µs of processor per step, lag {lag}",
                run.name,
                speed / reference,
            );
        }
        if !arguments.no_evaluation {
            for run in &runs {
                let threat = |selection| mean_threat(&run.policy, selection, &world, arguments.episodes);
                let (sampled, arg_max) = (threat(Selection::Sampled { seed: 1 })?, threat(Selection::ArgMax)?);
                println!("seed {seed} {:<14} mean threat {sampled:.3} sampled, {arg_max:.3} arg-max", run.name);
            }
        }
    }
    println!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    Ok(())
}

fn in_turns(name: &str, world: &WorldConfig, config: PpoConfig, seed: u64, threads: usize) -> anyhow::Result<Run> {
    let mut learner = Learner::new(world.clone(), config, seed, threads)?;
    let (began, processor) = (Instant::now(), processor_time()?);
    while !learner.is_complete() {
        learner.update(None)?;
    }
    let (elapsed, processor) = (began.elapsed(), processor_time()? - processor);
    let (policy, steps) = (learner.policy(), learner.steps_done());
    Ok(Run { name: name.to_owned(), policy, steps, elapsed, processor, mean_lag: None })
}

fn overlapped(
    world: &WorldConfig,
    config: PpoConfig,
    seed: u64,
    arguments: &Arguments,
    actors: usize,
) -> anyhow::Result<Run> {
    let envs = segment_envs(config.num_envs, world.num_robots, actors);
    let learner = AsyncLearner::new(world.clone(), config, seed, arguments.threads, envs, false)?;
    let mut run = AsyncRun::start(learner, Vec::new(), actors)?;
    let (began, processor) = (Instant::now(), processor_time()?);
    let (mut lag, mut version) = (0, 0_u64);
    while !run.learner().run().is_complete() {
        for consumed in run.update(false)?.order {
            lag += version - consumed.policy_version;
            version += 1;
        }
    }
    let (elapsed, processor) = (began.elapsed(), processor_time()? - processor);
    let (policy, steps) = (run.learner().run().policy(), run.learner().run().steps_done());
    let mean_lag = Some(lag as f64 / version as f64);
    Ok(Run {
        name: format!("a3c, {actors} actor{}", if actors == 1 { "" } else { "s" }),
        policy,
        steps,
        elapsed,
        processor,
        mean_lag,
    })
}

fn mean_threat(policy: &Policy, selection: Selection, world: &WorldConfig, episodes: u32) -> anyhow::Result<f64> {
    let protocol = Protocol { world: world.clone(), seed: 1_000_000, episodes };
    let evaluation = evaluation::evaluate(&mut policy.actor(selection), &protocol)?;
    Ok(evaluation.mean_threat.map_or(f64::NAN, |estimate| estimate.mean))
}

/// Of all threads of this process; the kernel counts it in hundredths of a second.
fn processor_time() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
