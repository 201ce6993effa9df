//! A run's world settings as worlds of the simulator.

use contracts::RunConfig;
use contracts::config::{self as settings, EnvironmentType, WorldSettings};
use environment::{
    EnhancedReward, MapConfig, MapType, PatrolMode, PatrolRadius, PatrolReward, RewardConfig, WorldConfig, Worlds,
};

/// The worlds that a run trains in.
///
/// # Errors
/// Names every field that is out of the simulator's range.
pub fn worlds(config: &RunConfig) -> Result<Worlds, environment::ConfigError> {
    let world = world_config(&config.world)?;
    Ok(match config.worlds() {
        settings::Worlds::Fixed => Worlds::Fixed(world),
        settings::Worlds::Universal => Worlds::Universal(world),
    })
}

/// The world that `settings` describe.
///
/// # Errors
/// Names every field that is out of the simulator's range.
pub fn world_config(settings: &WorldSettings) -> Result<WorldConfig, environment::ConfigError> {
    let config = WorldConfig {
        width: settings.width as usize,
        height: settings.height as usize,
        num_robots: settings.num_robots as usize,
        map: map_config(&settings.map),
        max_steps: settings.max_steps,
        patrol_reward: match settings.patrol_reward {
            settings::PatrolReward::Growth => PatrolReward::Growth,
            settings::PatrolReward::Threat => PatrolReward::Threat,
        },
        patrol_mode: match settings.patrol_mode {
            settings::PatrolMode::OnAction => PatrolMode::OnAction,
            settings::PatrolMode::EveryStep => PatrolMode::EveryStep,
        },
        patrol_radius: match settings.patrol_radius {
            settings::PatrolRadius::Fixed => PatrolRadius::Fixed,
            settings::PatrolRadius::Dynamic => PatrolRadius::Dynamic,
        },
        battery_drain_rate: settings.battery_drain_rate,
        strategic_init: settings.strategic_init,
        reward: reward_config(settings),
    };
    config.validate()?;
    Ok(config)
}

/// The settings of `world` that the archive has no other column for, as JSON with the names of a run's configuration.
pub(crate) fn archived_settings(world: &WorldConfig) -> String {
    let reward = &world.reward;
    let none = EnhancedReward { coverage_weight: 0.0, exploration_weight: 0.0, diversity_weight: 0.0 };
    let enhanced = reward.enhanced.as_ref().unwrap_or(&none);
    // In alphabetical order: the bytes are the same whether or not maps keep the order in which they were made.
    let settings = serde_json::json!({
        "coverage_weight": enhanced.coverage_weight,
        "diversity_weight": enhanced.diversity_weight,
        "exploration_weight": enhanced.exploration_weight,
        "object_weight": reward.object_weight,
        "patrol_mode": match world.patrol_mode {
            PatrolMode::OnAction => "on_action",
            PatrolMode::EveryStep => "every_step",
        },
        "patrol_radius": match world.patrol_radius {
            PatrolRadius::Fixed => "fixed",
            PatrolRadius::Dynamic => "dynamic",
        },
        "patrol_reward": match world.patrol_reward {
            PatrolReward::Growth => "growth",
            PatrolReward::Threat => "threat",
        },
        "strategic_init": world.strategic_init,
        "threat_penalty_weight": reward.threat_penalty_weight,
    });
    settings.to_string()
}

fn map_config(map: &settings::MapSettings) -> MapConfig {
    let default = MapConfig::default();
    MapConfig {
        map_type: match map.map_type {
            settings::MapType::Random => MapType::Random,
            settings::MapType::Maze => MapType::Maze,
            settings::MapType::Room => MapType::Room,
            settings::MapType::Cave => MapType::Cave,
        },
        seed: map.seed,
        count: map.count.map(|count| count as usize),
        initial_wall_probability: map
            .initial_wall_probability
            .map_or(default.initial_wall_probability, |probability| probability as f32),
    }
}

/// The weights belong to the enhanced environment, except that of objects; the standard one has none of its terms.
fn reward_config(settings: &WorldSettings) -> RewardConfig {
    let object_weight = settings.object_weight;
    match settings.environment_type {
        EnvironmentType::Standard => RewardConfig { object_weight, ..RewardConfig::default() },
        EnvironmentType::Enhanced => RewardConfig {
            enhanced: Some(EnhancedReward {
                coverage_weight: settings.coverage_weight,
                exploration_weight: settings.exploration_weight,
                diversity_weight: settings.diversity_weight,
            }),
            threat_penalty_weight: settings.threat_penalty_weight,
            object_weight,
        },
    }
}
