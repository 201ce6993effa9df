//! Trains one policy for every world, and measures it on a fixed matrix of unseen worlds.
//!
//! ```text
//! cargo run --release -p learner --example universal -- train --steps 100000000 --save policy.safetensors
//! cargo run --release -p learner --example universal -- matrix policy.safetensors --json matrix.json
//! ```
#[path = "common/hyper_parameters.rs"]
mod hyper_parameters;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use environment::evaluation::statistics::optimality_gap;
use environment::evaluation::{self, BatchActor, Evaluation, Protocol, ScriptedActor};
use environment::{MapConfig, MapType, ScriptedAgent, WorldConfig, Worlds};
use hyper_parameters::HyperParameters;
use learner::{Learner, Policy, PpoConfig, Selection};

/// Robot-steps between snapshots.
const SNAPSHOT: u64 = 250_000;

/// Seed of the held-out worlds, as in the evaluator's protocol.
const SEED: u64 = 1_000_003;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train on drawn worlds.
    Train(Training),
    /// Evaluate on the matrix of unseen worlds.
    Matrix(Matrix),
}

#[derive(clap::Args)]
struct Training {
    /// Robot-steps to train for; schedules end here.
    #[arg(long, default_value_t = 100_000_000)]
    steps: u64,
    /// Stop after so many robot-steps, before the schedules end.
    #[arg(long, default_value_t = u64::MAX)]
    until: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Start from this policy.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Write the policy here at the end, and beside it with the number of steps every quarter of a million.
    #[arg(long)]
    save: PathBuf,
    #[command(flatten)]
    hyper: HyperParameters,
}

#[derive(clap::Args)]
struct Matrix {
    policy: PathBuf,
    /// Held-out episodes per world.
    #[arg(long, default_value_t = 20)]
    episodes: u32,
    /// Shorten episodes to so many steps.
    #[arg(long)]
    steps: Option<u32>,
    /// Only worlds whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Write the figures here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Remember what the scripted agents reach here.
    #[arg(long)]
    references: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Train(training) => train(&training),
        Command::Matrix(matrix) => measure(&matrix),
    }
}

fn train(arguments: &Training) -> anyhow::Result<()> {
    let mut config = PpoConfig { total_steps: arguments.steps, ..PpoConfig::universal() };
    arguments.hyper.apply(&mut config);
    let worlds = Worlds::Universal(WorldConfig::default());
    let (seed, threads) = (arguments.seed, arguments.threads);
    let mut learner = match &arguments.from {
        Some(path) => Learner::init_from(worlds, config, seed, threads, &std::fs::read(path)?)?,
        None => Learner::new(worlds, config, seed, threads)?,
    };
    let (started, mut shown, mut saved) = (Instant::now(), Duration::ZERO, 0);
    while !learner.is_complete() && learner.steps_done() < arguments.until {
        let report = learner.update(None)?;
        if started.elapsed() - shown > Duration::from_secs(20) {
            shown = started.elapsed();
            println!(
                "{:7.0} s {:>11} steps {:>7.0}/s  threat {:.3} entropy {:.3} kl {:.4} clip {:.3} ev {:.3} norm {:.2} obs {:.2} env {:.2} fwd {:.2} bwd {:.2} wall {:.2}",
                shown.as_secs_f64(),
                report.steps_done,
                report.steps_done as f64 / shown.as_secs_f64(),
                report.recent_mean_threat.unwrap_or(f64::NAN),
                report.entropy,
                report.approx_kl,
                report.clip_fraction,
                report.explained_variance,
                report.gradient_norm,
                report.timings.observation.as_secs_f64(),
                report.timings.environment.as_secs_f64(),
                report.timings.forward.as_secs_f64(),
                report.timings.backward.as_secs_f64(),
                report.timings.wall.as_secs_f64(),
            );
            std::io::stdout().flush()?;
        }
        if learner.steps_done() - saved >= SNAPSHOT {
            saved = learner.steps_done();
            let path = arguments.save.with_extension(format!("{saved}.safetensors"));
            std::fs::write(path, learner.policy().to_safetensors()?)?;
        }
    }
    std::fs::write(&arguments.save, learner.policy().to_safetensors()?)?;
    println!("{} steps in {:.0} s", learner.steps_done(), started.elapsed().as_secs_f64());
    Ok(())
}

/// One world of the matrix.
struct Cell {
    name: String,
    world: WorldConfig,
}

/// Sizes 8, 20 and 50, teams of 1, 4 and 8 with at least 16 cells for each robot, all map types; batteries at 20×20.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |size: usize, robots: usize, map_type: MapType, drain: f64| {
        let map = MapConfig { map_type, ..MapConfig::default() };
        let world = WorldConfig {
            width: size,
            height: size,
            num_robots: robots,
            map,
            battery_drain_rate: drain,
            ..WorldConfig::default()
        };
        let battery = if drain > 0.01 { format!(" drain {drain}") } else { String::new() };
        cells.push(Cell { name: format!("{} {size}x{size} {robots}{battery}", map_type.name()), world });
    };
    for map_type in MapType::ALL {
        for size in [8, 20, 50] {
            for robots in [1, 4, 8].into_iter().filter(|robots| 16 * robots <= size * size) {
                add(size, robots, map_type, 0.001);
            }
        }
    }
    for drain in [0.1, 0.3, 0.5] {
        for robots in [1, 4] {
            for map_type in [MapType::Random, MapType::Maze] {
                add(20, robots, map_type, drain);
            }
        }
    }
    cells
}

fn measure(arguments: &Matrix) -> anyhow::Result<()> {
    let policy = Policy::from_safetensors(&std::fs::read(&arguments.policy)?)?;
    let (mut rows, mut gaps) = (Vec::new(), Vec::new());
    println!(
        "{:24} {:>7} {:>7} {:>7} {:>7}  {:>7} {:>7}  deaths  idleness  coverage  p50",
        "world", "walk", "tour", "sampled", "argmax", "gap s", "gap a"
    );
    for cell in cells().into_iter().filter(|cell| cell.name.contains(&arguments.only)) {
        let world = WorldConfig { max_steps: arguments.steps.or(cell.world.max_steps), ..cell.world };
        let protocol = Protocol { world, seed: SEED, episodes: arguments.episodes };
        let walk = reference(ScriptedAgent::RandomWalk, &cell.name, &protocol, arguments.references.as_deref())?;
        let tour = reference(ScriptedAgent::Tour, &cell.name, &protocol, arguments.references.as_deref())?;
        let sampled = figures(&mut policy.actor(Selection::Sampled { seed: 1 }), &protocol)?;
        let argmax = figures(&mut policy.actor(Selection::ArgMax), &protocol)?;
        let gap = |figures: &Figures| optimality_gap(figures[0], tour[0], walk[0]).unwrap_or(f64::NAN);
        let (sampled_gap, argmax_gap) = (gap(&sampled), gap(&argmax));
        gaps.push([sampled_gap, argmax_gap]);
        println!(
            "{:24} {:7.4} {:7.4} {:7.4} {:7.4}  {:+7.3} {:+7.3}  {:.2} {:.2} {:.2}  {:.0} {:.0} {:.0}  {:.3} {:.3} {:.3}  {:.0} {:.0} {:.0}",
            cell.name,
            walk[0],
            tour[0],
            sampled[0],
            argmax[0],
            sampled_gap,
            argmax_gap,
            tour[1],
            sampled[1],
            argmax[1],
            tour[2],
            sampled[2],
            argmax[2],
            tour[3],
            sampled[3],
            argmax[3],
            tour[4],
            sampled[4],
            argmax[4],
        );
        std::io::stdout().flush()?;
        rows.push(serde_json::json!({
            "world": cell.name, "random_walk": walk[0], "tour": named(&tour), "sampled": named(&sampled),
            "argmax": named(&argmax), "gap_sampled": sampled_gap, "gap_argmax": argmax_gap,
        }));
    }
    let mean = |which: usize| gaps.iter().map(|gap| gap[which]).sum::<f64>() / gaps.len().max(1) as f64;
    let worst = |which: usize| gaps.iter().map(|gap| gap[which]).fold(f64::NEG_INFINITY, f64::max);
    println!("mean gap {:+.4} {:+.4}, worst {:+.4} {:+.4}", mean(0), mean(1), worst(0), worst(1));
    if let Some(path) = &arguments.json {
        let all = serde_json::json!({
            "episodes": arguments.episodes, "seed": SEED, "worlds": rows,
            "mean_gap": { "sampled": mean(0), "argmax": mean(1) }, "worst_gap": { "sampled": worst(0), "argmax": worst(1) },
        });
        std::fs::write(path, serde_json::to_string_pretty(&all)? + "\n")?;
    }
    Ok(())
}

/// Mean threat, battery deaths, worst idleness, coverage, response p50.
type Figures = [f64; 5];

fn named(figures: &Figures) -> serde_json::Value {
    let [mean_threat, battery_deaths, worst_idleness, coverage, response_p50] = figures;
    serde_json::json!({
        "mean_threat": mean_threat, "battery_deaths": battery_deaths, "worst_idleness": worst_idleness,
        "coverage": coverage, "response_p50": response_p50,
    })
}

fn figures(actor: &mut dyn BatchActor, protocol: &Protocol) -> anyhow::Result<Figures> {
    let Evaluation { mean_threat, battery_deaths, worst_idleness, coverage, response_p50, .. } =
        evaluation::evaluate(actor, protocol)?;
    Ok([mean_threat, battery_deaths, worst_idleness, coverage, response_p50].map(|e| e.map_or(f64::NAN, |e| e.mean)))
}

/// A scripted agent's figures, from the file where they are remembered if possible.
fn reference(agent: ScriptedAgent, cell: &str, protocol: &Protocol, memory: Option<&Path>) -> anyhow::Result<Figures> {
    let key = format!("{}\t{cell}\t{}\t{:?}", agent.name(), protocol.episodes, protocol.world.max_steps);
    let known = memory.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    if let Some(line) = known.lines().find_map(|line| line.strip_prefix(&key)) {
        let values: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        return <Figures>::try_from(values).map_err(|_| anyhow::anyhow!("a line of references is damaged"));
    }
    let found = figures(&mut ScriptedActor::new(agent), protocol)?;
    if let Some(path) = memory {
        let values: Vec<String> = found.iter().map(f64::to_string).collect();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{key}\t{}", values.join("\t"))?;
    }
    Ok(found)
}
