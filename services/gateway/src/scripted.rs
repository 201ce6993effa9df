//! Episodes of scripted agents, played on request in the simulator that trains policies.

use crate::frames::grid;
use chrono::{DateTime, TimeDelta, Utc};
use environment::agents::{Agent, ScriptedAgent};
use environment::{Action, EpisodeKey, EpisodeSummary, MapConfig, Purpose, StepRecord, World, WorldConfig, WorldError};
use schemars::JsonSchema;
use serde::Serialize;

/// Cells that are worth a closer look, at most.
const HIGH_THREAT_TILES: usize = 10;
/// Equal parts of the threat's range 0..1.
const HISTOGRAM_BINS: usize = 5;

/// What is to be played: all agents the same episodes.
#[derive(Clone, Debug)]
pub struct Contest {
    pub world: WorldConfig,
    pub seed: u64,
    pub episodes: u32,
    /// When it began; frames are stamped a second apart.
    pub started_at: DateTime<Utc>,
}

/// What came of one agent's episodes.
pub struct Played {
    pub summaries: Vec<EpisodeSummary>,
    /// Of the world at the end of the first episode.
    pub environment: EnvironmentInfo,
    /// Empty unless asked for.
    pub playbacks: Vec<EpisodePlayback>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvironmentInfo {
    width: usize,
    height: usize,
    /// 0..1 by row, then column.
    threat_grid: Vec<Vec<f64>>,
    average_threat_level: f64,
    max_threat_level: f64,
    min_threat_level: f64,
    /// Free cells in each fifth of the range.
    threat_histogram: [u32; HISTOGRAM_BINS],
    /// Where threat is highest, highest first.
    high_threat_tiles: Vec<ThreatTile>,
    obstacles: Vec<Vec<bool>>,
    charging_station: Point,
    suspicious_objects: Vec<ObjectInfo>,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
struct ThreatTile {
    x: usize,
    y: usize,
    threat: f64,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
struct Point {
    x: u8,
    y: u8,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ObjectInfo {
    x: u8,
    y: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    threat_level: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct EpisodePlayback {
    /// From 1.
    episode: u32,
    frames: Vec<PlaybackFrame>,
    total_reward: f64,
    final_coverage: f64,
    episode_length: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PlaybackFrame {
    timestep: u32,
    robot_x: u8,
    robot_y: u8,
    /// 0 north, 1 east, 2 south, 3 west.
    robot_orientation: u8,
    /// 0 forward, 1 turn left, 2 turn right, 3 patrol.
    action: u8,
    reward: f64,
    battery_percentage: f64,
    is_charging: bool,
    /// 1 for a cell that was cleared in this episode.
    coverage_map: Vec<Vec<u8>>,
    timestamp: DateTime<Utc>,
}

/// The world of a request: one robot, and one map for all episodes.
pub fn world(width: u32, height: u32, max_steps: Option<u32>, seed: u64) -> WorldConfig {
    let map = MapConfig { seed: Some(seed), ..MapConfig::default() };
    WorldConfig { width: width as usize, height: height as usize, max_steps, map, ..WorldConfig::default() }
}

/// Plays every episode; keeps frames if `save_frames`. Occupies a thread until it is done.
///
/// # Errors
/// If the world cannot be built.
pub fn play(script: ScriptedAgent, contest: &Contest, save_frames: bool) -> Result<Played, WorldError> {
    let mut summaries = Vec::with_capacity(contest.episodes as usize);
    let mut playbacks = Vec::new();
    let mut environment = environment_info(&World::new(&contest.world, contest.key(0))?);
    let mut agent = script.build();
    for index in 0..contest.episodes {
        let mut world = World::new(&contest.world, contest.key(index))?;
        let frames = play_one(agent.as_mut(), &mut world, save_frames.then_some(contest.started_at));
        let summary = world.episode_summary();
        if save_frames {
            playbacks.push(EpisodePlayback {
                episode: index + 1,
                frames,
                total_reward: summary.episode_return,
                final_coverage: summary.coverage,
                episode_length: summary.length,
            });
        }
        if index == 0 {
            environment = environment_info(&world);
        }
        summaries.push(summary);
    }
    Ok(Played { summaries, environment, playbacks })
}

impl Contest {
    fn key(&self, index: u32) -> EpisodeKey {
        EpisodeKey { run_seed: self.seed, purpose: Purpose::Playback, env_index: index, episode: 0 }
    }
}

/// Plays `world` to its end; its frames, stamped from a time on, if one is given.
fn play_one(agent: &mut dyn Agent, world: &mut World, stamped_from: Option<DateTime<Utc>>) -> Vec<PlaybackFrame> {
    let mut frames = Vec::new();
    let mut actions = vec![Action::Patrol; world.num_robots()];
    let mut outcome = StepRecord::new();
    agent.reset(world);
    while !outcome.done() {
        agent.act(world, &mut actions);
        world.step(&actions, &mut outcome);
        frames.extend(stamped_from.map(|time| frame(world, actions[0], outcome.reward, time)));
    }
    frames
}

/// What an agent's episodes came to on average.
pub struct Averages {
    pub reward: f64,
    pub reward_deviation: f64,
    pub coverage: f64,
    pub length: f64,
    pub patrols: f64,
    pub min_battery: f64,
    pub battery_deaths: u32,
    pub mean_threat: f64,
}

impl Averages {
    pub fn of(summaries: &[EpisodeSummary]) -> Self {
        let count = summaries.len().max(1) as f64;
        let mean = |value: fn(&EpisodeSummary) -> f64| summaries.iter().map(value).sum::<f64>() / count;
        let reward = mean(|summary| summary.episode_return);
        let squares = summaries.iter().map(|summary| (summary.episode_return - reward).powi(2)).sum::<f64>();
        Self {
            reward,
            reward_deviation: (squares / count).sqrt(),
            coverage: mean(|summary| summary.coverage),
            length: mean(|summary| summary.length.into()),
            patrols: mean(|summary| summary.patrol_count.into()),
            min_battery: mean(|summary| summary.min_battery),
            battery_deaths: summaries.iter().map(|summary| summary.battery_deaths).sum(),
            mean_threat: mean(|summary| summary.mean_threat),
        }
    }
}

fn frame(world: &World, action: Action, reward: f64, started_at: DateTime<Utc>) -> PlaybackFrame {
    let robot = world.robots()[0];
    let cleared = world.last_cleared();
    PlaybackFrame {
        timestep: world.current_step(),
        robot_x: robot.cell.x,
        robot_y: robot.cell.y,
        robot_orientation: robot.heading as u8,
        action: action as u8,
        reward,
        battery_percentage: robot.battery,
        is_charging: robot.charging,
        coverage_map: grid(world.map(), |_, index| u8::from(cleared[index] > 0)),
        timestamp: started_at + TimeDelta::seconds(world.current_step().into()),
    }
}

fn environment_info(world: &World) -> EnvironmentInfo {
    let map = world.map();
    let threat_grid = grid(map, |cell, _| f64::from(world.threat(cell)) / 100.0);
    let mut tiles: Vec<ThreatTile> = Vec::new();
    for (y, row) in threat_grid.iter().enumerate() {
        let free = row.iter().enumerate().filter(|(x, _)| !map.obstacles()[y * map.width() + x]);
        tiles.extend(free.map(|(x, threat)| ThreatTile { x, y, threat: *threat }));
    }
    tiles.sort_by(|one, other| other.threat.total_cmp(&one.threat));
    let mut threat_histogram = [0; HISTOGRAM_BINS];
    for tile in &tiles {
        threat_histogram[((tile.threat * HISTOGRAM_BINS as f64) as usize).min(HISTOGRAM_BINS - 1)] += 1;
    }
    let station = map.stations().first();
    EnvironmentInfo {
        width: map.width(),
        height: map.height(),
        threat_grid,
        average_threat_level: world.mean_threat(),
        max_threat_level: tiles.first().map_or(0.0, |tile| tile.threat),
        min_threat_level: tiles.last().map_or(0.0, |tile| tile.threat),
        threat_histogram,
        high_threat_tiles: tiles.into_iter().take(HIGH_THREAT_TILES).collect(),
        obstacles: grid(map, |_, index| map.obstacles()[index]),
        charging_station: station.map_or(Point { x: 0, y: 0 }, |cell| Point { x: cell.x, y: cell.y }),
        suspicious_objects: world
            .objects()
            .iter()
            .map(|object| ObjectInfo {
                x: object.cell.x,
                y: object.cell.y,
                kind: "suspicious_object",
                threat_level: f64::from(world.threat(object.cell)) / 100.0,
            })
            .collect(),
    }
}
