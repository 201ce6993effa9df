//! A run's learning settings as hyper-parameters of the learner.

use crate::Teams;
use contracts::config::{Actors, Algorithm, Backend, PolicyType, RunConfig, Worlds};
use learner::PpoConfig;

/// The hyper-parameters that `config` describes. The learner counts steps of single robots, a run counts steps of its
/// environments.
///
/// # Errors
/// Names every setting that is out of the learner's range.
pub fn ppo_config(config: &RunConfig) -> Result<PpoConfig, learner::ppo::config::ConfigError> {
    let learning = &config.learning;
    let base = match config.worlds() {
        Worlds::Fixed => PpoConfig::for_team(config.world.num_robots as usize),
        Worlds::Universal => PpoConfig::universal(),
    };
    let ppo = PpoConfig {
        algorithm: algorithm(config),
        total_steps: Teams::of(config).robot_steps(learning.total_timesteps),
        num_envs: learning.num_envs as usize,
        num_steps: learning.rollout_length as usize,
        update_epochs: learning.epochs as usize,
        minibatch_size: learning.batch_size as usize,
        learning_rate: learning.learning_rate as f32,
        gamma: learning.gamma as f32,
        gae_lambda: learning.gae_lambda as f32,
        clip_range: learning.clip_range as f32,
        entropy_coefficient: learning.entropy_coefficient as f32,
        value_coefficient: learning.value_coefficient as f32,
        max_gradient_norm: learning.max_grad_norm as f32,
        target_kl: learning.target_kl.map(|target| target as f32),
        reward_scale: learning.reward_scale as f32,
        mean_threat_coefficient: learning.threat_shaping as f32,
        object_coefficient: learning.object_shaping as f32,
        tour_prior: learning.tour_prior as f32,
        tour_anchor: learning.tour_anchor.map_or(base.tour_anchor, |anchor| anchor as f32),
        calm_coefficient: learning.calm_shaping.unwrap_or(0.0) as f32,
        gradient_shards: learning.gradient_shards as usize,
        final_learning_rate_fraction: learning.final_learning_rate_fraction.unwrap_or(0.02) as f32,
        final_entropy_coefficient: learning.final_entropy_coefficient.unwrap_or(0.0) as f32,
        clip_range_value: learning.clip_range_value.map(|clip| clip as f32),
        normalise_returns: learning.normalize_returns.unwrap_or(false),
        hidden: learning.hidden_size.map_or(base.hidden, |size| size as usize),
        adam_epsilon: learning.adam_epsilon.map_or(base.adam_epsilon, |epsilon| epsilon as f32),
        backend: match learning.backend {
            Backend::Fused => learner::Backend::Fused,
            Backend::Dfdx => learner::Backend::Dfdx,
        },
        architecture: match learning.policy_type {
            PolicyType::MlpPolicy => learner::Architecture::Mlp,
            PolicyType::CnnPolicy => learner::Architecture::Cnn,
        },
    };
    ppo.validate()?;
    Ok(ppo)
}

/// Actors that may come over the network are at least so many when lanes are dealt out.
const REMOTE_ACTORS: u32 = 4;

/// Environments per segment of a run whose actors play while the learner learns.
pub fn segment_envs(config: &RunConfig) -> usize {
    let learning = &config.learning;
    let actors = match learning.actors {
        Actors::InTurns | Actors::Threads => learning.num_workers,
        Actors::Nats => learning.num_workers.max(REMOTE_ACTORS),
    };
    learner::a3c::segment_envs(learning.num_envs as usize, config.world.num_robots as usize, actors as usize)
}

/// Several A3C workers act while the learner optimises, one update behind; a lone one takes turns with it.
fn algorithm(config: &RunConfig) -> learner::Algorithm {
    match config.learning.algorithm {
        Algorithm::Ppo => learner::Algorithm::Ppo,
        Algorithm::A3c => learner::Algorithm::A3c { policy_lag: u32::from(config.learning.num_workers >= 2) },
    }
}
