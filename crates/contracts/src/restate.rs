//! A complete configuration as the command that asks for it again: what forks and sweeps change settings of.

use crate::commands::{RunOptions, StartRun};
use crate::config::RunConfig;
use crate::ids::{CheckpointId, RunId};

/// Characters that a name may have.
const LONGEST_NAME: usize = 255;

/// What of a checkpoint a fork starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkFrom {
    /// The weights alone; everything else begins anew, with a seed of its own.
    Weights(CheckpointId),
    /// Optimiser, worlds and counters, too.
    CompleteState(CheckpointId),
}

impl StartRun {
    /// A run from a checkpoint of `parent`, called `name` and configured as `config`: the same settings, to be changed.
    pub fn fork(parent: RunId, name: &str, config: &RunConfig, from: ForkFrom) -> Self {
        let name = format!("fork of {name}").chars().take(LONGEST_NAME).collect();
        let mut start = Self { name: Some(name), parent_run_id: Some(parent), ..Self::from(config) };
        match from {
            ForkFrom::CompleteState(checkpoint) => start.resume_from = Some(checkpoint),
            ForkFrom::Weights(checkpoint) => {
                start.init_from = Some(checkpoint.to_string());
                // The parent's would let the child play the same episodes again.
                start.config.get_or_insert_default().seed = None;
            }
        }
        start
    }
}

impl From<&RunConfig> for StartRun {
    /// Every setting, spelled out; name, ids and origin are left to the client.
    fn from(config: &RunConfig) -> Self {
        let (world, learning) = (&config.world, &config.learning);
        Self {
            algorithm: Some(learning.algorithm),
            environment_type: Some(world.environment_type),
            total_timesteps: learning.total_timesteps,
            env_width: Some(world.width),
            env_height: Some(world.height),
            num_robots: Some(world.num_robots),
            coverage_weight: Some(world.coverage_weight),
            exploration_weight: Some(world.exploration_weight),
            diversity_weight: Some(world.diversity_weight),
            learning_rate: Some(learning.learning_rate),
            batch_size: Some(learning.batch_size),
            num_workers: Some(learning.num_workers),
            num_envs: Some(learning.num_envs),
            policy_type: Some(learning.policy_type),
            config: Some(RunOptions::from(config)),
            ..Self::default()
        }
    }
}

impl From<&RunConfig> for RunOptions {
    /// The settings that a client gives in `config`, as they stand.
    fn from(config: &RunConfig) -> Self {
        let RunConfig { seed, world, worlds, learning, recording, evaluation } = config.clone();
        RunOptions {
            seed: Some(seed),
            worlds,
            map_config: Some(world.map),
            max_steps: world.max_steps,
            strategic_init_mode: Some(world.strategic_init),
            battery_drain_rate: Some(world.battery_drain_rate),
            threat_penalty_weight: Some(world.threat_penalty_weight),
            object_weight: Some(world.object_weight),
            patrol_reward: Some(world.patrol_reward),
            patrol_mode: Some(world.patrol_mode),
            patrol_radius: Some(world.patrol_radius),
            backend: Some(learning.backend),
            actors: Some(learning.actors),
            rollout_length: Some(learning.rollout_length),
            epochs: Some(learning.epochs),
            gamma: Some(learning.gamma),
            gae_lambda: Some(learning.gae_lambda),
            clip_range: Some(learning.clip_range),
            entropy_coefficient: Some(learning.entropy_coefficient),
            value_coefficient: Some(learning.value_coefficient),
            max_grad_norm: Some(learning.max_grad_norm),
            target_kl: learning.target_kl,
            reward_scale: Some(learning.reward_scale),
            threat_shaping: Some(learning.threat_shaping),
            object_shaping: Some(learning.object_shaping),
            tour_prior: Some(learning.tour_prior),
            tour_anchor: learning.tour_anchor,
            calm_shaping: learning.calm_shaping,
            gradient_shards: Some(learning.gradient_shards),
            checkpoint_every_updates: Some(learning.checkpoint_every_updates),
            final_learning_rate_fraction: learning.final_learning_rate_fraction,
            final_entropy_coefficient: learning.final_entropy_coefficient,
            clip_range_value: learning.clip_range_value,
            normalize_returns: learning.normalize_returns,
            hidden_size: learning.hidden_size,
            adam_epsilon: learning.adam_epsilon,
            recording: Some(recording.level),
            recording_sample_every: recording.sample_every,
            recording_budget_bytes: Some(recording.budget_bytes),
            evaluation_episodes: Some(evaluation.episodes),
            early_stopping_patience: evaluation.early_stopping.map(|early_stopping| early_stopping.patience),
            early_stopping_min_delta: evaluation.early_stopping.map(|early_stopping| early_stopping.min_delta),
        }
    }
}
