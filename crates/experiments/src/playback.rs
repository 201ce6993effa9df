//! Playing recorded episodes back: an episode is its seed, its map and its actions, so every frame is simulated again.

use contracts::config::RunConfig;
use contracts::events::Split;
use environment::{Action, Cell, EpisodeKey, Map, MapError, Purpose, StepRecord, World, WorldError};
use std::ops::Range;
use std::sync::Arc;
use trajectories::{RecordedEpisode, RecordedMap, RecordedSteps};

/// Why an episode cannot be played back.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    #[error("the configuration of the run describes no world")]
    Config(#[from] environment::ConfigError),
    #[error("the world of the episode cannot be built")]
    World(#[from] WorldError),
    #[error("the recorded map cannot be used")]
    Map(#[from] MapError),
    #[error("the episode does not say which seed it comes from")]
    NoSeed,
    #[error("the recording has no action for step {step}")]
    Gap { step: u32 },
    #[error("after step {step} the world differs from the recorded one: it was played under other rules")]
    Diverged { step: u32 },
}

/// The world of an episode before its first step.
///
/// # Errors
/// `NoSeed` for an episode of which nothing is known yet, unless it is one of training: those are numbered by
/// environment.
pub fn opening(
    config: &RunConfig,
    split: Split,
    episode_index: u64,
    episode: Option<&RecordedEpisode>,
    map: Option<&RecordedMap>,
) -> Result<World, PlaybackError> {
    let key = key(config, split, episode_index, episode).ok_or(PlaybackError::NoSeed)?;
    let settings = match split {
        Split::Train => crate::worlds(config)?.config(key, config.learning.num_envs),
        Split::Eval | Split::Baseline | Split::External => crate::world_config(&config.world)?,
    };
    match map {
        Some(recorded) => {
            let map_seed = settings.map.seed.unwrap_or_else(|| key.map_seed());
            Ok(World::with_map(&settings, Arc::new(self::map(recorded)?), map_seed, key)?)
        }
        None => Ok(World::new(&settings, key)?),
    }
}

/// Steps `world`, which stands at its beginning, through the recorded actions up to the end of `steps`; calls `frame`
/// after each of `steps` with the world and what the step did. Every recorded state hash must be met.
///
/// # Errors
/// `Gap` where actions are missing, `Diverged` at the first step whose hash differs.
pub fn replay(
    world: &mut World,
    recorded: &RecordedSteps,
    steps: Range<u32>,
    mut frame: impl FnMut(&World, &[Action], &StepRecord),
) -> Result<(), PlaybackError> {
    let robots = world.num_robots();
    let mut outcome = StepRecord::new();
    let mut actions = vec![Action::Patrol; robots];
    for step in 0..steps.end {
        let first = step as usize * robots;
        let rows = first..first + robots;
        let complete = rows.end <= recorded.len() && recorded.step[rows.clone()].iter().all(|found| *found == step);
        if !complete {
            return Err(PlaybackError::Gap { step });
        }
        for row in rows {
            let slot = actions.get_mut(usize::from(recorded.robot[row])).ok_or(PlaybackError::Gap { step })?;
            *slot = Action::from_index(recorded.action[row]).ok_or(PlaybackError::Gap { step })?;
        }
        world.step(&actions, &mut outcome);
        if recorded.state_hash.as_ref().is_some_and(|hashes| hashes[first] != outcome.state_hash) {
            return Err(PlaybackError::Diverged { step });
        }
        if steps.contains(&step) {
            frame(world, &actions, &outcome);
        }
    }
    Ok(())
}

/// A recorded map as the simulator's.
///
/// # Errors
/// When its bits or stations do not make a map.
pub fn map(recorded: &RecordedMap) -> Result<Map, MapError> {
    let stations = recorded.stations.iter().map(|&[x, y]| Cell { x, y }).collect();
    Map::from_packed(recorded.width.into(), recorded.height.into(), &recorded.obstacles, stations)
}

fn key(config: &RunConfig, split: Split, episode_index: u64, episode: Option<&RecordedEpisode>) -> Option<EpisodeKey> {
    let purpose = match split {
        Split::Train => Purpose::Training,
        Split::Eval | Split::Baseline => Purpose::Evaluation,
        Split::External => Purpose::Playback,
    };
    let recorded = episode.and_then(|row| {
        Some(EpisodeKey { run_seed: row.seed?, purpose, env_index: row.env_index?, episode: row.env_episode? })
    });
    recorded.or_else(|| (split == Split::Train).then(|| training_key(config, episode_index)))
}

/// Training episode `i` is episode `i / num_envs` of environment `i % num_envs`.
fn training_key(config: &RunConfig, episode_index: u64) -> EpisodeKey {
    let environments = u64::from(config.learning.num_envs.max(1));
    EpisodeKey {
        run_seed: config.seed,
        purpose: Purpose::Training,
        env_index: (episode_index % environments) as u32,
        episode: (episode_index / environments) as u32,
    }
}
