//! How little threat a lone robot could have left, in hindsight.
//!
//! Simulated annealing changes the itinerary of a whole episode — moves, drops, adds and reorders its stops — knowing
//! every object and when it appears, and starting from what a policy or the tour did. The best itinerary is then played in
//! the world. A policy cannot know what this knows: where annealing finds little, there is little left to learn.
//!
//! ```text
//! cargo run --release -p learner --example train -- --steps 8000000 --save policy.safetensors
//! cargo run --release -p learner --example hindsight -- --policy policy.safetensors
//! ```

mod annealing;
mod episode;
mod roads;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use environment::evaluation::statistics;
use environment::{
    Action, BatchActor, EpisodeSummary, Protocol, ScriptedActor, ScriptedAgent, StepRecord, World, WorldConfig,
};
use episode::{Episode, Itinerary, Stop};
use learner::{Policy, Selection};
use roads::Pose;
use std::path::{Path, PathBuf};

/// Improve a lone robot's itineraries in hindsight.
#[derive(Parser)]
struct Arguments {
    /// Start from what this policy does, with its most probable actions, instead of from the tour.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Changes that are tried per episode; about 50,000 take a second.
    #[arg(long, default_value_t = 3_000_000)]
    proposals: u64,
    /// Held-out episodes, the first ones of the evaluation's.
    #[arg(long, default_value_t = 20)]
    episodes: u32,
    /// Seed of the held-out episodes.
    #[arg(long, default_value_t = 1_000_003)]
    seed: u64,
    /// Width and height of the world, in cells.
    #[arg(long, default_value_t = 20)]
    size: usize,
}

/// One episode: as the tour plays it, as the start of the search does, and as it could have been.
struct Outcome {
    tour: EpisodeSummary,
    start: EpisodeSummary,
    best: EpisodeSummary,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let world = WorldConfig { width: arguments.size, height: arguments.size, ..WorldConfig::default() };
    let protocol = Protocol { world, seed: arguments.seed, episodes: arguments.episodes };
    let policy = arguments.policy.as_deref().map(read_policy).transpose()?;
    println!("mean threat and worst idleness of {}, in hindsight and of the tour", name_of(&arguments));
    println!("episode   start         hindsight     tour");
    let mut outcomes = Vec::new();
    for index in 0..protocol.episodes {
        let outcome = improve(&protocol, index, policy.as_ref(), arguments.proposals)?;
        let show = |summary: &EpisodeSummary| format!("{:.4} {:>6}", summary.mean_threat, summary.worst_idleness);
        println!("{index:>7}   {} {} {}", show(&outcome.start), show(&outcome.best), show(&outcome.tour));
        outcomes.push(outcome);
    }
    let mean = |of: fn(&Outcome) -> &EpisodeSummary| {
        let threats: Vec<f64> = outcomes.iter().map(|outcome| of(outcome).mean_threat).collect();
        statistics::mean(&threats).unwrap_or(f64::NAN)
    };
    let (start, best, tour) = (mean(|one| &one.start), mean(|one| &one.best), mean(|one| &one.tour));
    println!("   mean   {start:.4}        {best:.4}        {tour:.4}");
    Ok(())
}

fn name_of(arguments: &Arguments) -> String {
    arguments.policy.as_ref().map_or_else(|| "the tour".to_owned(), |path| path.display().to_string())
}

fn read_policy(path: &Path) -> Result<Policy> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Policy::from_safetensors(&bytes)?)
}

fn improve(protocol: &Protocol, index: u32, policy: Option<&Policy>, proposals: u64) -> Result<Outcome> {
    let episode = describe(protocol, index)?;
    let (toured, tour) = watch(&mut ScriptedActor::new(ScriptedAgent::Tour), protocol, index)?;
    let (poses, start) = match policy {
        Some(policy) => watch(&mut policy.actor(Selection::ArgMax), protocol, index)?,
        None => (toured, tour.clone()),
    };
    let itinerary = Itinerary::through(&episode, &poses);
    ensure_agreement(&episode, &itinerary, &start)?;
    let best = annealing::improve(&episode, itinerary, protocol.key(index), proposals);
    let summary = play(protocol, index, &episode, &best)?;
    ensure_agreement(&episode, &best, &summary)?;
    Ok(Outcome { tour, start, best: summary })
}

/// An itinerary is worth what the world says.
fn ensure_agreement(episode: &Episode, itinerary: &Itinerary, played: &EpisodeSummary) -> Result<()> {
    let expected = episode.mean_threat(itinerary);
    let agree = (expected - played.mean_threat).abs() < 1e-9;
    ensure!(agree, "expected a mean threat of {expected}, played {}", played.mean_threat);
    Ok(())
}

fn pose(world: &World) -> Pose {
    let robot = world.robots()[0];
    let cell = usize::from(robot.cell.y) * world.config().width + usize::from(robot.cell.x);
    (4 * cell + robot.heading as usize) as Pose
}

fn describe(protocol: &Protocol, index: u32) -> Result<Episode> {
    let world = World::new(&protocol.world, protocol.key(index))?;
    Ok(Episode::new(world.map(), pose(&world), world.max_steps(), protocol.key(index)))
}

/// Plays an episode; every pose the robot takes, with whether it patrols there, and what came of it.
fn watch(actor: &mut dyn BatchActor, protocol: &Protocol, index: u32) -> Result<(Vec<Stop>, EpisodeSummary)> {
    let mut worlds = [World::new(&protocol.world, protocol.key(index))?];
    if let Some(observation) = actor.observation() {
        worlds[0].track_observations(observation);
    }
    let (mut stops, mut actions, mut record) = (Vec::new(), [Action::Patrol], StepRecord::new());
    actor.start(&worlds);
    while !record.done() {
        actor.act(&worlds, &[0], &mut actions);
        worlds[0].step(&actions, &mut record);
        stops.push(Stop { pose: pose(&worlds[0]), patrol: actions[0] == Action::Patrol });
    }
    Ok((stops, worlds[0].episode_summary()))
}

/// Plays the itinerary in the world.
fn play(protocol: &Protocol, index: u32, episode: &Episode, itinerary: &Itinerary) -> Result<EpisodeSummary> {
    let mut world = World::new(&protocol.world, protocol.key(index))?;
    let mut record = StepRecord::new();
    for stop in &itinerary.0 {
        while !record.done() && pose(&world) != stop.pose {
            world.step(&[episode.roads.next(pose(&world), stop.pose).0], &mut record);
        }
        if !record.done() && stop.patrol {
            world.step(&[Action::Patrol], &mut record);
        }
    }
    while !record.done() {
        world.step(&[Action::TurnLeft], &mut record);
    }
    Ok(world.episode_summary())
}
