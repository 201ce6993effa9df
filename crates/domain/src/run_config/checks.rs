//! What the schema cannot say: fields that are each fine and cannot work together.

use super::MAX_ROLLOUT_SAMPLES;
use super::measured::Teams;
use crate::refusal::invalid;
use contracts::Reason;
use contracts::commands::{RunOptions, StartRun};
use contracts::config::{Actors, Algorithm, MapType, RecordingLevel, RunConfig, WorldSettings, Worlds};

/// Obstacles for which the smallest drawn world, of 8×8 cells, has room.
const MOST_OBSTACLES_IN_DRAWN_WORLDS: u32 = 32;

/// Every reason against `config`, which was completed from `start` and its `options`.
pub fn check(start: &StartRun, options: &RunOptions, config: &RunConfig) -> Vec<Reason> {
    let mut reasons = Vec::new();
    check_name(start, &mut reasons);
    check_actors(config, &mut reasons);
    check_map(&config.world, &mut reasons);
    check_worlds(config, &mut reasons);
    check_batch(start, options, config, &mut reasons);
    if options.recording_sample_every.is_some() && config.recording.level != RecordingLevel::Sampled {
        let message = "recording_sample_every needs `recording` to be `sampled`";
        reasons.push(invalid("/config/recording_sample_every", message));
    }
    if config.learning.algorithm == Algorithm::A3c && options.clip_range_value.is_some() {
        reasons.push(invalid("/config/clip_range_value", "only `ppo` clips its value loss"));
    }
    if config.learning.actors != Actors::InTurns && options.normalize_returns == Some(true) {
        let message = "only where actors take turns with the learner are returns normalised";
        reasons.push(invalid("/config/normalize_returns", message));
    }
    if options.early_stopping_min_delta.is_some() && config.evaluation.early_stopping.is_none() {
        let message = "early_stopping_min_delta needs `early_stopping_patience`";
        reasons.push(invalid("/config/early_stopping_min_delta", message));
    }
    reasons
}

fn check_name(start: &StartRun, reasons: &mut Vec<Reason>) {
    let Some(name) = &start.name else { return };
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        reasons.push(invalid("/name", "a name needs visible characters and no control characters"));
    }
}

fn check_actors(config: &RunConfig, reasons: &mut Vec<Reason>) {
    if config.learning.actors != Actors::InTurns && config.learning.algorithm != Algorithm::A3c {
        reasons.push(invalid("/config/actors", "only `a3c` has actors that play while the learner learns"));
    }
}

fn check_map(world: &WorldSettings, reasons: &mut Vec<Reason>) {
    let WorldSettings { width, height, num_robots, map, .. } = world;
    if map.map_type == MapType::Maze && *width.min(height) < 5 {
        let message = format!("a maze needs at least 5×5 cells, not {width}×{height}");
        reasons.push(invalid("/config/map_config/map_type", message));
    }
    let half = width * height / 2;
    if let Some(count) = map.count.filter(|count| *count > half) {
        let message = format!("{count} obstacles are more than half of the {width}×{height} cells");
        reasons.push(invalid("/config/map_config/count", message));
    }
    let interior = width.saturating_sub(2) * height.saturating_sub(2);
    let room = most_stations_of_a_maze(world).unwrap_or(u32::MAX);
    if *num_robots > interior {
        let message = format!("{num_robots} charging stations do not fit on the {interior} interior cells");
        reasons.push(invalid("/num_robots", message));
    } else if *num_robots > room {
        let message = format!("a maze of {width}×{height} cells has room for at most {room} charging stations");
        reasons.push(invalid("/num_robots", message));
    }
}

/// A station needs a free cell to its north, so that each opening between two rows of a maze has room for two: in it and below
/// it. If all the openings of one row's columns were there, the maze would still be one.
fn most_stations_of_a_maze(world: &WorldSettings) -> Option<u32> {
    let is_maze = world.map.map_type == MapType::Maze && world.width.min(world.height) >= 5;
    let (columns, rows) = (world.width.saturating_sub(1) / 2, world.height.saturating_sub(1) / 2);
    is_maze.then(|| 2 * columns * rows.saturating_sub(1))
}

fn check_worlds(config: &RunConfig, reasons: &mut Vec<Reason>) {
    if config.worlds() == Worlds::Fixed {
        return;
    }
    if config.learning.algorithm != Algorithm::Ppo {
        reasons.push(invalid("/config/worlds", "only `ppo` trains in worlds of all kinds"));
    }
    if let Some(count) = config.world.map.count.filter(|count| *count > MOST_OBSTACLES_IN_DRAWN_WORLDS) {
        let message = format!("{count} obstacles do not fit into drawn worlds, which may be of 8×8 cells");
        reasons.push(invalid("/config/map_config/count", message));
    }
}

fn check_batch(start: &StartRun, options: &RunOptions, config: &RunConfig, reasons: &mut Vec<Reason>) {
    let learning = &config.learning;
    let (envs, steps) = (learning.num_envs, learning.rollout_length);
    let teams = Teams::of(config.worlds(), &config.world);
    let samples = teams.samples(envs, steps);
    let product = match teams {
        Teams::Of(robots) => format!("{envs} environments × {steps} steps × {robots} robots"),
        Teams::Drawn => format!("{envs} environments × {steps} steps × about 3.4 robots"),
    };
    if samples > MAX_ROLLOUT_SAMPLES {
        let message = format!("{product} = {samples} samples per update; at most {MAX_ROLLOUT_SAMPLES} fit in memory");
        let fields =
            [("/num_envs", start.num_envs.is_some()), ("/config/rollout_length", options.rollout_length.is_some())];
        reasons.extend(fields.iter().filter(|(_, given)| *given).map(|(field, _)| invalid(field, message.clone())));
    }
    let batch = learning.batch_size;
    if u64::from(batch) > samples {
        let message = format!("a minibatch of {batch} is larger than the rollout of {product} = {samples} samples");
        reasons.push(invalid("/batch_size", message));
    }
    if learning.gradient_shards > batch {
        let message = format!("{} shards of a minibatch of {batch} samples", learning.gradient_shards);
        reasons.push(invalid("/config/gradient_shards", message));
    }
}
