//! What a run is made of, derived from its worlds and settings.

use environment::{BatchConfig, Environment, ObservationSpec, Purpose, WorldError, Worlds};

use crate::error::LearnerError;
use crate::ppo::config::{ConfigError, Fault};
use crate::ppo::{Algorithm, PpoConfig};
use crate::rollout::buffer::RolloutShape;

/// All of them at the start of their first episodes.
///
/// # Errors
/// If a map cannot be made.
pub(crate) fn environments(batch: &BatchConfig) -> Result<Vec<Environment>, WorldError> {
    (0..batch.num_envs).map(|index| Environment::new(batch, index)).collect()
}

/// The environments of a training run, seen through `observation`.
pub(crate) fn batch_config(
    worlds: &Worlds,
    config: &PpoConfig,
    seed: u64,
    observation: &ObservationSpec,
) -> BatchConfig {
    BatchConfig {
        worlds: worlds.clone(),
        run_seed: seed,
        purpose: Purpose::Training,
        num_envs: config.num_envs as u32,
        stagger: true,
        observe: Some(observation.clone()),
    }
}

/// What a new policy for these worlds sees.
pub(crate) fn observation(worlds: &Worlds, config: &PpoConfig) -> ObservationSpec {
    let tour = config.tour_prior > 0.0;
    match worlds {
        Worlds::Fixed(world) if tour => ObservationSpec::from_tour(world),
        Worlds::Fixed(world) => ObservationSpec { tour, slack: false, ..ObservationSpec::for_world(world) },
        Worlds::Universal(_) => ObservationSpec { tour, ..ObservationSpec::universal() },
    }
}

/// # Errors
/// If a setting is out of range or does not go with these worlds.
pub(crate) fn check(worlds: &Worlds, config: &PpoConfig) -> Result<(), LearnerError> {
    config.validate()?;
    if matches!(worlds, Worlds::Universal(_)) && config.algorithm != Algorithm::Ppo {
        let fault = Fault { field: "algorithm", expected: "PPO where worlds are drawn" };
        return Err(ConfigError { faults: vec![fault] }.into());
    }
    Ok(())
}

/// The environments by team size, which never falls from one to the next. Steps and observations are filled in per rollout.
pub(crate) fn groups(worlds: &Worlds, config: &PpoConfig) -> Vec<RolloutShape> {
    let mut groups: Vec<RolloutShape> = Vec::new();
    for environment in 0..config.num_envs as u32 {
        let robots = worlds.team_size(environment, config.num_envs as u32);
        match groups.last_mut() {
            Some(group) if group.robots == robots => group.num_envs += 1,
            _ => groups.push(RolloutShape { num_envs: 1, steps: 1, robots, observation_len: 0 }),
        }
    }
    groups
}
