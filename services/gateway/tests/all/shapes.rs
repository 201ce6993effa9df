//! The fields that an existing front end reads, with their types: neither may change.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Field and type; a question mark allows null, a slash goes down, and `*` means every item of a list.
pub type Shape = &'static [(&'static str, &'static str)];

pub const SESSION: Shape = &[
    ("id", "integer"),
    ("run_id", "string"),
    ("name", "string"),
    ("algorithm", "string"),
    ("environment_type", "string"),
    ("total_timesteps", "integer"),
    ("env_width", "integer"),
    ("env_height", "integer"),
    ("num_robots", "integer"),
    ("coverage_weight", "number"),
    ("exploration_weight", "number"),
    ("diversity_weight", "number"),
    ("learning_rate", "number"),
    ("batch_size", "integer"),
    ("num_workers", "integer"),
    ("num_envs", "integer"),
    ("policy_type", "string"),
    ("status", "string"),
    ("current_timestep", "integer"),
    ("episodes_completed", "integer"),
    ("model_path", "string?"),
    ("log_path", "string?"),
    ("config", "object?"),
    ("config/map_config/map_type", "string"),
    ("created_at", "time"),
    ("updated_at", "time"),
    ("started_at", "time?"),
    ("completed_at", "time?"),
    ("progress", "number"),
    ("steps_per_second", "number?"),
    ("eta_seconds", "number?"),
    ("best_mean_threat", "number?"),
];

pub const ACTION: Shape = &[("session_id", "integer"), ("status", "string"), ("message", "string")];

pub const METRIC: Shape = &[
    ("id", "integer"),
    ("job_id", "integer"),
    ("timestep", "integer"),
    ("episode", "integer?"),
    ("reward", "number"),
    ("loss", "number?"),
    ("coverage_ratio", "share?"),
    ("exploration_score", "share?"),
    ("threat_level_avg", "share?"),
    ("additional_metrics", "object?"),
    ("additional_metrics/policy_loss", "number"),
    ("additional_metrics/value_loss", "number"),
    ("additional_metrics/entropy", "number"),
    ("additional_metrics/approx_kl", "number"),
    ("additional_metrics/old_approx_kl", "number?"),
    ("additional_metrics/clip_fraction", "number"),
    ("additional_metrics/explained_variance", "number"),
    ("additional_metrics/learning_rate", "number"),
    ("additional_metrics/steps_per_second", "number"),
    ("timestamp", "time"),
    ("created_at", "time"),
    ("updated_at", "time"),
];

pub const PLAYBACK_SESSION: Shape = &[
    ("session_id", "integer"),
    ("name", "string"),
    ("algorithm", "string"),
    ("environment_type", "string"),
    ("status", "string"),
    ("num_robots", "integer?"),
    ("total_timesteps", "integer"),
    ("current_timestep", "integer"),
    ("episodes_completed", "integer"),
    ("frame_count", "integer"),
    ("first_episode", "integer?"),
    ("last_episode", "integer?"),
    ("first_recorded_at", "time?"),
    ("last_recorded_at", "time?"),
    ("last_step", "integer?"),
    ("created_at", "time?"),
    ("started_at", "time?"),
    ("completed_at", "time?"),
];

pub const FRAME: Shape = &[
    ("id", "integer"),
    ("session_id", "integer"),
    ("episode", "integer"),
    ("step", "integer"),
    ("robot_x", "integer"),
    ("robot_y", "integer"),
    ("robot_orientation", "integer"),
    ("robots/*/id", "integer"),
    ("robots/*/x", "integer"),
    ("robots/*/y", "integer"),
    ("robots/*/orientation", "integer"),
    ("robots/*/battery_percentage", "number"),
    ("robots/*/is_charging", "boolean"),
    ("robots/*/action_taken", "integer?"),
    ("charging_stations/*/x", "integer"),
    ("charging_stations/*/y", "integer"),
    ("threat_grid/levels/*/*", "share"),
    ("coverage_map/levels/*/*", "integer"),
    ("coverage_map/counts/*/*", "integer"),
    ("obstacles/levels/*/*", "boolean"),
    ("suspicious_objects/*/x", "integer"),
    ("suspicious_objects/*/y", "integer"),
    ("suspicious_objects/*/spawn_time", "integer"),
    ("suspicious_objects/*/type", "string"),
    ("suspicious_objects/*/threat_level", "share"),
    ("action_taken", "integer?"),
    ("reward_received", "number?"),
    ("coverage_ratio", "share"),
    ("exploration_score", "share"),
    ("battery_percentage", "number"),
    ("is_charging", "boolean"),
    ("distance_to_charging_station", "integer"),
    ("charging_station_position_x", "integer"),
    ("charging_station_position_y", "integer"),
    ("created_at", "time"),
    ("updated_at", "time"),
];

pub const FILE: Shape = &[
    ("id", "integer"),
    ("filename", "string"),
    ("original_filename", "string"),
    ("file_path", "string"),
    ("file_size", "integer"),
    ("file_type", "string"),
    ("content_type", "string"),
    ("training_job_id", "integer?"),
    ("description", "string?"),
    ("metadata", "object?"),
    ("created_at", "time"),
    ("updated_at", "time"),
];

pub const PROGRESS_MESSAGE: Shape = &[
    ("session_id", "integer"),
    ("timestep", "integer"),
    ("reward", "number"),
    ("episode", "integer?"),
    ("loss", "number?"),
    ("coverage_ratio", "share?"),
    ("exploration_score", "share?"),
    ("threat_level_avg", "share?"),
    ("additional_metrics", "object?"),
];

pub const STATUS_MESSAGE: Shape = &[("session_id", "integer"), ("status", "string"), ("message", "string?")];

pub const ACK_MESSAGE: Shape =
    &[("client_id", "string"), ("message", "string"), ("timestamp", "time"), ("session_id", "integer")];

pub const ENVIRONMENT_MESSAGE: Shape = &[
    ("session_id", "integer"),
    ("episode", "integer"),
    ("step", "integer"),
    ("robot_position/x", "integer"),
    ("robot_position/y", "integer"),
    ("robot_position/orientation", "integer"),
    ("robot_orientation", "integer"),
    ("robots/*/id", "integer"),
    ("robots/*/x", "integer"),
    ("robots/*/y", "integer"),
    ("robots/*/orientation", "integer"),
    ("robots/*/battery_percentage", "number"),
    ("robots/*/is_charging", "boolean"),
    ("robots/*/action_taken", "integer?"),
    ("grid_width", "integer"),
    ("grid_height", "integer"),
    ("threat_grid/*/*", "share"),
    ("coverage_map/*/*", "integer"),
    ("obstacles/*/*", "boolean"),
    ("suspicious_objects", "list"),
    ("suspicious_objects/*/type", "string"),
    ("charging_stations/*/x", "integer"),
    ("charging_stations/*/y", "integer"),
    ("action_taken", "integer?"),
    ("battery_percentage", "number"),
    ("is_charging", "boolean"),
    ("distance_to_charging_station", "integer"),
    ("charging_station_position_x", "integer"),
    ("charging_station_position_y", "integer"),
];

pub const EXECUTED: Shape = &[
    ("agent_type", "string"),
    ("agent_name", "string"),
    ("execution_id", "string"),
    ("environment/width", "integer"),
    ("environment/height", "integer"),
    ("episodes", "integer"),
    ("average_reward", "number"),
    ("std_reward", "number"),
    ("average_coverage", "number"),
    ("average_episode_length", "number"),
    ("average_patrol_count", "number"),
    ("average_min_battery", "number"),
    ("total_battery_deaths", "integer"),
    ("average_mean_threat", "share"),
    ("episode_metrics/*/episode", "integer"),
    ("episode_metrics/*/total_reward", "number"),
    ("episode_metrics/*/episode_length", "integer"),
    ("episode_metrics/*/coverage_ratio", "share"),
    ("episode_metrics/*/mean_threat", "share"),
    ("episode_metrics/*/patrol_count", "integer"),
    ("episode_metrics/*/move_count", "integer"),
    ("episode_metrics/*/turn_count", "integer"),
    ("episode_metrics/*/min_battery", "number"),
    ("episode_metrics/*/battery_deaths", "integer"),
    ("episode_metrics/*/charging_events", "integer"),
    ("environment_info/width", "integer"),
    ("environment_info/height", "integer"),
    ("environment_info/threat_grid/*/*", "share"),
    ("environment_info/average_threat_level", "share"),
    ("environment_info/max_threat_level", "share"),
    ("environment_info/min_threat_level", "share"),
    ("environment_info/threat_histogram/*", "integer"),
    ("environment_info/high_threat_tiles/*/x", "integer"),
    ("environment_info/high_threat_tiles/*/y", "integer"),
    ("environment_info/high_threat_tiles/*/threat", "share"),
    ("environment_info/obstacles/*/*", "boolean"),
    ("environment_info/charging_station/x", "integer"),
    ("environment_info/charging_station/y", "integer"),
    ("environment_info/suspicious_objects/*/x", "integer"),
    ("environment_info/suspicious_objects/*/y", "integer"),
    ("environment_info/suspicious_objects/*/type", "string"),
    ("environment_info/suspicious_objects/*/threat_level", "share"),
    ("episode_playbacks/*/episode", "integer"),
    ("episode_playbacks/*/frames/*/timestep", "integer"),
    ("episode_playbacks/*/frames/*/robot_x", "integer"),
    ("episode_playbacks/*/frames/*/robot_y", "integer"),
    ("episode_playbacks/*/frames/*/robot_orientation", "integer"),
    ("episode_playbacks/*/frames/*/action", "integer"),
    ("episode_playbacks/*/frames/*/reward", "number"),
    ("episode_playbacks/*/frames/*/battery_percentage", "number"),
    ("episode_playbacks/*/frames/*/is_charging", "boolean"),
    ("episode_playbacks/*/frames/*/coverage_map/*/*", "integer"),
    ("episode_playbacks/*/frames/*/timestamp", "time"),
    ("episode_playbacks/*/total_reward", "number"),
    ("episode_playbacks/*/final_coverage", "share"),
    ("episode_playbacks/*/episode_length", "integer"),
];

pub const COMPARED: Shape = &[
    ("environment/width", "integer"),
    ("environment/height", "integer"),
    ("episodes", "integer"),
    ("max_steps", "integer"),
    ("results/*/agent_type", "string"),
    ("results/*/agent_name", "string"),
    ("results/*/rank", "integer"),
    ("results/*/average_reward", "number"),
    ("results/*/std_reward", "number"),
    ("results/*/average_coverage", "number"),
    ("results/*/average_episode_length", "number"),
    ("results/*/average_patrol_count", "number"),
    ("results/*/average_min_battery", "number"),
    ("results/*/total_battery_deaths", "integer"),
    ("results/*/average_mean_threat", "share"),
    ("best_agent", "string"),
    ("worst_agent", "string"),
    ("performance_gap", "number"),
];

/// Fails at the first field that is absent or of another type.
pub fn conforms(value: &Value, shape: Shape) -> Result<()> {
    for (path, kind) in shape {
        let steps: Vec<&str> = path.split('/').collect();
        check(value, &steps, kind).with_context(|| format!("`{path}` of {value:#}"))?;
    }
    Ok(())
}

fn check(value: &Value, path: &[&str], kind: &str) -> Result<()> {
    match path {
        [] => ensure!(is(value, kind), "{value} is no {kind}"),
        ["*", rest @ ..] => {
            for item in value.as_array().context("is no list")? {
                check(item, rest, kind)?;
            }
        }
        [name, rest @ ..] => check(value.get(name).context("is missing")?, rest, kind)?,
    }
    Ok(())
}

fn is(value: &Value, kind: &str) -> bool {
    if let Some(kind) = kind.strip_suffix('?') {
        return value.is_null() || is(value, kind);
    }
    match kind {
        // Front ends know doubles only.
        "integer" => value.as_i64().is_some_and(|number| number.unsigned_abs() < 1 << 53),
        "number" => value.is_number(),
        "share" => value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "list" => value.is_array(),
        // RFC 3339 with a zone.
        "time" => value.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
        _ => false,
    }
}
