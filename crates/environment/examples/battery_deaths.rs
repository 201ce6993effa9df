//! Plays held-out episodes in worlds whose batteries run down and counts the robots that run empty.
//!
//! `cargo run --release -p environment --example battery_deaths -- [players] [maps] [sides] [teams] [drains] [episodes]`,
//! each a list with commas or `all`. Players are the scripted agents, `masked` (uniformly among what the mask allows) and
//! `advised` (the same where the tour advises).

use anyhow::{Context, Result};
use environment::evaluation::Protocol;
use environment::rng::below;
use environment::{
    Action, Agent, EpisodeSummary, MapConfig, MapType, ObservationSpec, ScriptedAgent, StepRecord, Stream, World,
    WorldConfig, WorldError, run_episode,
};

/// Seed of the held-out worlds, as in the evaluator's protocol.
const SEED: u64 = 1_000_003;

fn main() -> Result<()> {
    let players: Vec<&str> =
        ScriptedAgent::ALL.iter().map(|script| script.name()).chain(["masked", "advised"]).collect();
    let players = choice(1, &players);
    let maps = choice(2, &MapType::ALL.map(MapType::name));
    let (sides, teams) = (choice(3, &["8", "20", "50"]), choice(4, &["1", "2", "4", "8"]));
    let drains = choice(5, &["0.1", "0.3", "0.5"]);
    let episodes: u32 = std::env::args().nth(6).map_or(Ok(20), |text| text.parse()).context("episodes")?;
    println!("{:<16} {:<28} {:>8} {:>7} {:>8} {:>9}", "player", "world", "episodes", "deaths", "least", "threat");
    for (player, map) in players.iter().flat_map(|player| maps.iter().map(move |map| (player, map))) {
        for (side, team) in sides.iter().flat_map(|side| teams.iter().map(move |team| (side, team))) {
            for drain in &drains {
                let world = world(map, side.parse()?, team.parse()?, drain.parse()?)?;
                let protocol = Protocol { world, seed: SEED, episodes };
                let name = format!("{map} {side}x{side} {team} drain {drain}");
                print_row(player, &name, &play_all(player, &protocol));
            }
        }
    }
    Ok(())
}

fn choice(index: usize, all: &[&str]) -> Vec<String> {
    let wanted = std::env::args().nth(index).filter(|list| list != "all");
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
    wanted.map_or_else(|| owned(all), |list| owned(&list.split(',').collect::<Vec<_>>()))
}

fn world(map: &str, side: usize, robots: usize, drain: f64) -> Result<WorldConfig> {
    let map_type = MapType::ALL.into_iter().find(|known| known.name() == map).context("no such map type")?;
    let map = MapConfig { map_type, ..MapConfig::default() };
    let (width, height) = (side, side);
    Ok(WorldConfig { width, height, num_robots: robots, map, battery_drain_rate: drain, ..WorldConfig::default() })
}

/// All episodes, on two threads; those whose world cannot be built are left out.
fn play_all(player: &str, protocol: &Protocol) -> Vec<EpisodeSummary> {
    let half = |parity: u32| {
        let indices = (0..protocol.episodes).filter(move |index| index % 2 == parity);
        indices.filter_map(|index| play(player, protocol, index).ok()).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let odd = scope.spawn(|| half(1));
        let even = half(0);
        even.into_iter().chain(odd.join().unwrap_or_default()).collect()
    })
}

fn play(player: &str, protocol: &Protocol, index: u32) -> Result<EpisodeSummary, WorldError> {
    if let Ok(script) = player.parse::<ScriptedAgent>() {
        return run_episode(script.build().as_mut(), &protocol.world, protocol.key(index));
    }
    let mut world = World::new(&protocol.world, protocol.key(index))?;
    if player == "advised" {
        world.track_observations(&ObservationSpec::universal());
    }
    let mut walk = Masked(world.key().rng(Stream::Agent));
    let (mut record, mut actions) = (StepRecord::new(), vec![Action::Patrol; protocol.world.num_robots]);
    while !record.done() {
        walk.act(&world, &mut actions);
        world.step(&actions, &mut record);
    }
    Ok(world.episode_summary())
}

/// Any action that the mask allows.
struct Masked(rand_chacha::ChaCha8Rng);

impl Agent for Masked {
    fn name(&self) -> &'static str {
        "masked"
    }

    fn reset(&mut self, _: &World) {}

    fn act(&mut self, world: &World, actions: &mut [Action]) {
        for (robot, action) in actions.iter_mut().enumerate() {
            let mask = world.action_mask(robot);
            let allowed: Vec<Action> = Action::ALL.into_iter().filter(|action| mask.allows(*action)).collect();
            *action = allowed[below(&mut self.0, allowed.len())];
        }
    }
}

fn print_row(player: &str, world: &str, episodes: &[EpisodeSummary]) {
    let count = episodes.len() as f64;
    let deaths: u32 = episodes.iter().map(|episode| episode.battery_deaths).sum();
    let least = episodes.iter().map(|episode| episode.min_battery).fold(f64::INFINITY, f64::min);
    let threat = episodes.iter().map(|episode| episode.mean_threat).sum::<f64>() / count;
    println!("{player:<16} {world:<28} {count:>8} {:>7.3} {least:>8.2} {threat:>9.4}", f64::from(deaths) / count);
}
