//! From the optional fields of a start command to the complete configuration of a run.
//!
//! Defaults are those that were measured to work best for the size of the team; see `docs/learning.md`. They are filled
//! in once, when the run is accepted: later versions may choose better ones without changing any recorded run.

mod checks;
mod measured;

use contracts::commands::{RunOptions, StartRun};
use contracts::config::{
    Actors, Algorithm, Backend, EarlyStopping, EnvironmentType, EvaluationSettings, LearningSettings, MAX_SEED,
    MapSettings, MapType, PatrolMode, PatrolRadius, PatrolReward, PolicyType, RecordingLevel, RecordingSettings,
    RunConfig, WorldSettings, Worlds,
};
use contracts::{CommandId, Rejection};
use measured::{Measured, Teams};

/// Samples (steps of single robots) of one update that a trainer keeps in memory; about 500 MB of observations.
pub const MAX_ROLLOUT_SAMPLES: u64 = 1 << 18;

/// The largest `object_shaping` that a command may ask for.
const MOST_SHAPING: f64 = 100.0;

/// Units of a hidden layer.
const HIDDEN_SIZE: u32 = 64;

/// Robot-steps between checkpoints: about ten seconds of training.
const CHECKPOINT_ROBOT_STEPS: u64 = 10 * 60_000;
const RECORDING_BUDGET_BYTES: u64 = 2 << 30;
const RECORDING_SAMPLE_EVERY: u32 = 10;
const EVALUATION_EPISODES: u32 = 20;

/// The complete configuration that `start` asks for.
///
/// # Errors
/// Every field that cannot work together with the others, by its JSON Pointer; the schema checked each on its own.
pub fn complete(start: &StartRun, command_id: CommandId) -> Result<RunConfig, Rejection> {
    let options = start.config.clone().unwrap_or_default();
    let world = world(start, &options);
    let worlds = options.worlds.unwrap_or_default();
    let learning = learning(start, &options, Teams::of(worlds, &world), &world);
    let config = RunConfig {
        seed: options.seed.unwrap_or_else(|| seed_from(command_id)),
        recording: recording(&options),
        evaluation: evaluation(&options),
        world,
        worlds: Some(worlds),
        learning,
    };
    let reasons = checks::check(start, &options, &config);
    if reasons.is_empty() { Ok(config) } else { Err(Rejection(reasons)) }
}

/// What a run is called when its client does not care, e.g. `ppo 20×20 random, 4 robots`.
pub fn default_name(config: &RunConfig) -> String {
    let algorithm = config.learning.algorithm.name();
    if config.worlds() == Worlds::Universal {
        return format!("{algorithm} in worlds of all kinds");
    }
    let map = config.world.map.map_type.name();
    let WorldSettings { width, height, num_robots: robots, .. } = config.world;
    let plural = if robots == 1 { "" } else { "s" };
    format!("{algorithm} {width}×{height} {map}, {robots} robot{plural}")
}

fn world(start: &StartRun, options: &RunOptions) -> WorldSettings {
    let random = MapSettings { map_type: MapType::Random, seed: None, count: None, initial_wall_probability: None };
    WorldSettings {
        environment_type: start.environment_type.unwrap_or(EnvironmentType::Standard),
        width: start.env_width.unwrap_or(20),
        height: start.env_height.unwrap_or(20),
        num_robots: start.num_robots.unwrap_or(1),
        map: options.map_config.clone().unwrap_or(random),
        max_steps: options.max_steps,
        patrol_reward: options.patrol_reward.unwrap_or(PatrolReward::Growth),
        patrol_mode: options.patrol_mode.unwrap_or(PatrolMode::OnAction),
        patrol_radius: options.patrol_radius.unwrap_or(PatrolRadius::Fixed),
        strategic_init: options.strategic_init_mode.unwrap_or(false),
        battery_drain_rate: options.battery_drain_rate.unwrap_or(0.001),
        coverage_weight: start.coverage_weight.unwrap_or(1.5),
        exploration_weight: start.exploration_weight.unwrap_or(3.0),
        diversity_weight: start.diversity_weight.unwrap_or(2.0),
        threat_penalty_weight: options.threat_penalty_weight.unwrap_or(0.0),
        object_weight: options.object_weight.unwrap_or(1.0),
    }
}

fn learning(start: &StartRun, options: &RunOptions, teams: Teams, world: &WorldSettings) -> LearningSettings {
    let algorithm = start.algorithm.unwrap_or(Algorithm::Ppo);
    let measured = Measured::of(algorithm, teams, world);
    let num_envs = start.num_envs.unwrap_or(measured.num_envs);
    let rollout_length = options.rollout_length.unwrap_or_else(|| measured.rollout_length(num_envs));
    let samples = teams.samples(num_envs, rollout_length);
    let batch_size = start.batch_size.unwrap_or_else(|| at_most(measured.batch_size, samples));
    LearningSettings {
        algorithm,
        policy_type: start.policy_type.unwrap_or(PolicyType::MlpPolicy),
        backend: options.backend.unwrap_or(Backend::Fused),
        total_timesteps: start.total_timesteps,
        num_envs,
        num_workers: start.num_workers.unwrap_or(1),
        actors: options.actors.unwrap_or(Actors::InTurns),
        rollout_length,
        batch_size,
        epochs: options.epochs.unwrap_or(measured.epochs),
        learning_rate: start.learning_rate.unwrap_or(measured.learning_rate),
        gamma: options.gamma.unwrap_or(measured.gamma),
        gae_lambda: options.gae_lambda.unwrap_or(0.95),
        clip_range: options.clip_range.unwrap_or(0.2),
        entropy_coefficient: options.entropy_coefficient.unwrap_or(measured.entropy_coefficient),
        value_coefficient: options.value_coefficient.unwrap_or(0.5),
        max_grad_norm: options.max_grad_norm.unwrap_or(0.5),
        target_kl: options.target_kl,
        reward_scale: options.reward_scale.unwrap_or(measured.reward_scale),
        threat_shaping: options.threat_shaping.unwrap_or(measured.threat_shaping),
        object_shaping: options
            .object_shaping
            .unwrap_or((measured.object_shaping * world.object_weight).min(MOST_SHAPING)),
        tour_prior: options.tour_prior.unwrap_or(measured.tour_prior),
        tour_anchor: Some(options.tour_anchor.unwrap_or(measured.tour_anchor)),
        calm_shaping: Some(options.calm_shaping.unwrap_or(measured.calm_shaping)),
        gradient_shards: options.gradient_shards.unwrap_or_else(|| at_most(4, u64::from(batch_size))),
        checkpoint_every_updates: options.checkpoint_every_updates.unwrap_or_else(|| checkpoint_interval(samples)),
        final_learning_rate_fraction: Some(options.final_learning_rate_fraction.unwrap_or(0.02)),
        final_entropy_coefficient: Some(options.final_entropy_coefficient.unwrap_or(0.0)),
        clip_range_value: options.clip_range_value,
        normalize_returns: options.normalize_returns,
        hidden_size: options.hidden_size.or_else(|| begins_anew(start).then_some(HIDDEN_SIZE)),
        adam_epsilon: Some(options.adam_epsilon.unwrap_or(1e-5)),
    }
}

/// Whether its network is not another run's.
pub fn begins_anew(start: &StartRun) -> bool {
    start.init_from.is_none() && start.resume_from.is_none()
}

fn checkpoint_interval(samples: u64) -> u32 {
    let updates = (CHECKPOINT_ROBOT_STEPS + samples / 2) / samples.max(1);
    u32::try_from(updates).unwrap_or(u32::MAX).clamp(1, 1_000_000)
}

fn recording(options: &RunOptions) -> RecordingSettings {
    let level = options.recording.unwrap_or(RecordingLevel::Full);
    let sampled = level == RecordingLevel::Sampled;
    RecordingSettings {
        level,
        sample_every: sampled.then(|| options.recording_sample_every.unwrap_or(RECORDING_SAMPLE_EVERY)),
        budget_bytes: options.recording_budget_bytes.unwrap_or(RECORDING_BUDGET_BYTES),
    }
}

fn evaluation(options: &RunOptions) -> EvaluationSettings {
    let early_stopping = options
        .early_stopping_patience
        .map(|patience| EarlyStopping { patience, min_delta: options.early_stopping_min_delta.unwrap_or(0.0) });
    EvaluationSettings { episodes: options.evaluation_episodes.unwrap_or(EVALUATION_EPISODES), early_stopping }
}

/// Every command has another id, and the same command the same seed however often it is delivered.
fn seed_from(command_id: CommandId) -> u64 {
    let (high, low) = command_id.0.as_u64_pair();
    (high.rotate_left(32) ^ low) & MAX_SEED
}

fn at_most(wanted: u32, limit: u64) -> u32 {
    u32::try_from(limit).map_or(wanted, |limit| wanted.min(limit))
}
