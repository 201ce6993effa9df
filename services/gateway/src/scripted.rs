//! Episodes of scripted agents, played on request in the simulator that trains policies.

use crate::frames::rows;
use chrono::{DateTime, TimeDelta, Utc};
use environment::agents::{Agent, ScriptedAgent};
use environment::{Action, EpisodeKey, EpisodeSummary, MapConfig, Purpose, StepRecord, World, WorldConfig, WorldError};
use schemars::JsonSchema;
use serde::Serialize;

/// Cells that are worth a closer look, at most.
const HIGH_THREAT_TILES: usize = 10;
/// Cells of all saved frames together: about 32 MB of JSON.
const MOST_SAVED_CELLS: u64 = 16_000_000;
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

/// Plays every episode; keeps as many frames as [`MOST_SAVED_CELLS`] allows if `save_frames`. Occupies a thread until it is done.
///
/// # Errors
/// If the world cannot be built.
pub fn play(script: ScriptedAgent, contest: &Contest, save_frames: bool) -> Result<Played, WorldError> {
    let mut summaries = Vec::with_capacity(contest.episodes as usize);
    let mut playbacks = Vec::new();
    let mut environment = environment_info(&World::new(&contest.world, contest.key(0))?);
    let mut agent = script.build();
    let saving = contest.saving();
    for index in 0..contest.episodes {
        let mut world = World::new(&contest.world, contest.key(index))?;
        let stamping = (save_frames && index < saving.episodes)
            .then_some(Stamping { started_at: contest.started_at, every: saving.every });
        let frames = play_one(agent.as_mut(), &mut world, stamping.as_ref());
        let summary = world.episode_summary();
        if stamping.is_some() {
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

/// Which frames fit into an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Saving {
    /// Of the first so many episodes.
    episodes: u32,
    /// Every nth frame, and the last.
    every: u32,
}

/// How frames are kept while an episode is played.
struct Stamping {
    started_at: DateTime<Utc>,
    every: u32,
}

impl Contest {
    fn key(&self, index: u32) -> EpisodeKey {
        EpisodeKey { run_seed: self.seed, purpose: Purpose::Playback, env_index: index, episode: 0 }
    }

    fn saving(&self) -> Saving {
        let cells = u64::from(self.world.episode_length()) * (self.world.width * self.world.height) as u64;
        let fitting = MOST_SAVED_CELLS / cells.max(1);
        let episodes = u32::try_from(fitting).unwrap_or(u32::MAX).clamp(1, self.episodes.max(1));
        Saving { episodes, every: u32::try_from(cells.div_ceil(MOST_SAVED_CELLS)).unwrap_or(u32::MAX).max(1) }
    }
}

/// Plays `world` to its end; its frames, if any are wanted.
fn play_one(agent: &mut dyn Agent, world: &mut World, stamping: Option<&Stamping>) -> Vec<PlaybackFrame> {
    let mut frames = Vec::new();
    let mut actions = vec![Action::Patrol; world.num_robots()];
    let mut outcome = StepRecord::new();
    agent.reset(world);
    while !outcome.done() {
        agent.act(world, &mut actions);
        world.step(&actions, &mut outcome);
        let kept = stamping.filter(|it| world.current_step().is_multiple_of(it.every) || outcome.done());
        frames.extend(kept.map(|it| frame(world, actions[0], outcome.reward, it.started_at)));
    }
    frames
}

/// What an agent's episodes came to on average.
#[derive(Serialize, JsonSchema)]
pub struct Averages {
    pub average_reward: f64,
    pub std_reward: f64,
    pub average_coverage: f64,
    pub average_episode_length: f64,
    pub average_patrol_count: f64,
    pub average_min_battery: f64,
    pub total_battery_deaths: u32,
    pub average_mean_threat: f64,
}

impl Averages {
    pub fn of(summaries: &[EpisodeSummary]) -> Self {
        let count = summaries.len().max(1) as f64;
        let mean = |value: fn(&EpisodeSummary) -> f64| summaries.iter().map(value).sum::<f64>() / count;
        let average_reward = mean(|summary| summary.episode_return);
        let squares = summaries.iter().map(|summary| (summary.episode_return - average_reward).powi(2)).sum::<f64>();
        Self {
            average_reward,
            std_reward: (squares / count).sqrt(),
            average_coverage: mean(|summary| summary.coverage),
            average_episode_length: mean(|summary| summary.length.into()),
            average_patrol_count: mean(|summary| summary.patrol_count.into()),
            average_min_battery: mean(|summary| summary.min_battery),
            total_battery_deaths: summaries.iter().map(|summary| summary.battery_deaths).sum(),
            average_mean_threat: mean(|summary| summary.mean_threat),
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
        coverage_map: rows(world.map(), |_, index| u8::from(cleared[index] > 0)),
        timestamp: started_at + TimeDelta::seconds(world.current_step().into()),
    }
}

fn environment_info(world: &World) -> EnvironmentInfo {
    let map = world.map();
    let threat_grid = rows(map, |cell, _| f64::from(world.threat(cell)) / 100.0);
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
        obstacles: rows(map, |_, index| map.obstacles()[index]),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(side: u32, max_steps: Option<u32>, episodes: u32) -> Saving {
        let contest =
            Contest { world: world(side, side, max_steps, 1), seed: 1, episodes, started_at: DateTime::UNIX_EPOCH };
        contest.saving()
    }

    #[test]
    fn saved_frames_stay_within_what_an_answer_can_hold() {
        assert_eq!(saved(10, None, 100), Saving { episodes: 100, every: 1 });
        assert_eq!(saved(30, None, 10), Saving { episodes: 4, every: 1 });
        // 40,000 steps × 10,000 cells: one frame in 25.
        assert_eq!(saved(100, None, 100), Saving { episodes: 1, every: 25 });
        assert_eq!(saved(100, Some(100), 100), Saving { episodes: 16, every: 1 });
    }
}
