//! Plays all scripted agents on held-out episodes and prints how they did.
//!
//! `cargo run --release -p environment --example compare_agents -- [side] [robots] [map] [drain] [episodes]`

use anyhow::{Context, Result};
use environment::config::MapType;
use environment::{Evaluation, Protocol, ScriptedActor, ScriptedAgent, WorldConfig, evaluate};
use std::str::FromStr;
use std::time::Instant;

fn main() -> Result<()> {
    let protocol = protocol_from_arguments()?;
    println!(
        "agent            mean threat [95 % interval]  coverage  avg idle  worst idle  blocked  p50 resp  deaths  steps/s"
    );
    for script in ScriptedAgent::ALL {
        let start = Instant::now();
        let evaluation = evaluate(&mut ScriptedActor::new(script), &protocol)?;
        print_row(&evaluation, start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn protocol_from_arguments() -> Result<Protocol> {
    let mut world = WorldConfig::default();
    let side = argument(1, world.width)?;
    (world.width, world.height) = (side, side);
    world.num_robots = argument(2, 1)?;
    let map: String = argument(3, "random".to_owned())?;
    world.map.map_type = MapType::ALL.into_iter().find(|known| known.name() == map).context("no such map type")?;
    world.battery_drain_rate = argument(4, world.battery_drain_rate)?;
    Ok(Protocol { world, seed: 7, episodes: argument(5, 20)? })
}

fn argument<T: FromStr>(index: usize, default: T) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    std::env::args().nth(index).map_or(Ok(default), |text| text.parse()).with_context(|| format!("argument {index}"))
}

fn print_row(evaluation: &Evaluation, seconds: f64) {
    let mean = |estimate: Option<environment::evaluation::statistics::Estimate>| estimate.map_or(f64::NAN, |e| e.mean);
    let interval = evaluation.mean_threat.map_or((f64::NAN, f64::NAN), |e| (e.mean_ci95.low, e.mean_ci95.high));
    let steps: u64 = evaluation.episodes.iter().map(|episode| u64::from(episode.length)).sum();
    println!(
        "{:<16} {:>11.4} [{:.4}, {:.4}] {:>10.3} {:>9.1} {:>11.0} {:>8.4} {:>9.0} {:>7.2} {:>8.0}",
        evaluation.name,
        mean(evaluation.mean_threat),
        interval.0,
        interval.1,
        mean(evaluation.coverage),
        mean(evaluation.average_idleness),
        mean(evaluation.worst_idleness),
        mean(evaluation.interference_rate),
        mean(evaluation.response_p50),
        mean(evaluation.battery_deaths),
        steps as f64 / seconds,
    );
}
