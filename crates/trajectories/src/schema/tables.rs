//! The columns themselves; the order is the order in the files.

use super::Column;
use arrow::datatypes::DataType::{self, Binary, Boolean, Float32, Float64, UInt8, UInt16, UInt32, UInt64, Utf8};
use contracts::events::Table;

pub(super) fn columns(table: Table) -> Vec<Column> {
    match table {
        Table::Episodes => episodes(),
        Table::Steps => steps(),
        Table::Maps => maps(),
        Table::WorldEvents => world_events(),
    }
}

pub(super) fn sort_order(table: Table) -> &'static [&'static str] {
    match table {
        Table::Episodes => &["episode_index"],
        Table::Steps => &["episode_index", "step", "robot"],
        Table::Maps => &["map_hash"],
        Table::WorldEvents => &["episode_index", "step"],
    }
}

fn steps() -> Vec<Column> {
    vec![
        required("episode_index", UInt64, "", "Episode within run and split."),
        required("step", UInt32, "steps", "Step of the episode, from 0."),
        required("robot", UInt8, "", "Robot, from 0."),
        optional("x", UInt8, "cells", "Column before the action; x grows to the right."),
        optional("y", UInt8, "cells", "Row before the action; y grows downwards."),
        optional("heading", UInt8, "", "Before the action: 0 north, 1 east, 2 south, 3 west."),
        required("action", UInt8, "", "0 forward, 1 turn left, 2 turn right, 3 patrol."),
        optional("action_mask", UInt8, "", "Legal actions: bit a stands for action a."),
        optional("log_prob", Float32, "nats", "ln π(action | observation)."),
        optional("value", Float32, "scaled reward", "V(observation)."),
        optional("reward", Float32, "reward", "Of the environment, unscaled, after the step."),
        optional("battery", Float32, "%", "Before the action."),
        optional("charging", Boolean, "", "On a station and not full, before the action."),
        optional("blocked", Boolean, "", "The move was stopped."),
        optional("cells_cleared", UInt16, "cells", "By this step's patrol."),
        optional("threat_removed", Float32, "cells", "Threat taken away by this step's patrol."),
        optional("team_mean_threat", Float32, "1", "Mean threat of the free cells after the step, 0 to 1."),
        optional("is_first", Boolean, "", "First step of the episode."),
        optional("is_last", Boolean, "", "Last step of the episode."),
        optional("is_terminal", Boolean, "", "Ended in a terminal state, not at the time limit."),
        optional(
            "policy_version",
            UInt32,
            "updates",
            "In training: the update, from 1, that learned from the step; in evaluations: updates behind the policy that acted.",
        ),
        optional("state_hash", UInt64, "", "Of the world after the step: what a re-simulation must equal."),
    ]
}

fn episodes() -> Vec<Column> {
    vec![
        required("episode_index", UInt64, "", "Episode within run and split."),
        required(
            "agent",
            Utf8,
            "",
            "`policy` in training, `policy-sampled` and `policy-argmax` in evaluations, a scripted agent's name, or an external robot's.",
        ),
        optional("checkpoint_id", Utf8, "", "Checkpoint whose policy acted."),
        optional("seed", UInt64, "", "With env_index and env_episode: the source of the episode's randomness."),
        optional("env_index", UInt32, "", "Environment of the batch."),
        optional("env_episode", UInt32, "", "Episode of that environment."),
        optional("map_type", Utf8, "", "random, maze, room or cave."),
        optional("map_seed", UInt64, "", "Reproduces the map, with the run's configuration."),
        optional("map_hash", UInt64, "", "Row of `maps`."),
        required("width", UInt8, "cells", "In x."),
        required("height", UInt8, "cells", "In y."),
        required("num_robots", UInt8, "robots", "Size of the team."),
        optional("max_steps", UInt32, "steps", "Length at which the episode is truncated."),
        required("length", UInt32, "steps", "Steps played."),
        required("terminated", Boolean, "", "Ended by battery death."),
        required("truncated", Boolean, "", "Ended by its length."),
        optional("return", Float64, "reward", "Sum of the team's rewards divided by its size."),
        optional("mean_threat", Float64, "1", "Time average of the mean threat, 0 to 1: the figure of merit."),
        optional("final_threat", Float64, "1", "Mean threat after the last step, 0 to 1."),
        optional("average_idleness", Float64, "steps", "Mean over time and free cells."),
        optional("worst_idleness", Float64, "steps", "Highest of any free cell at any time."),
        optional("coverage", Float64, "1", "Share of the free cells that were cleared, 0 to 1."),
        optional("steps_to_full_coverage", UInt32, "steps", "Until every free cell was cleared; null if never."),
        optional("interferences", UInt32, "moves", "Moves stopped by another robot."),
        optional("objects_spawned", UInt32, "objects", "Suspicious objects that appeared."),
        optional("objects_removed", UInt32, "objects", "Suspicious objects that robots removed."),
        optional(
            "response_p50",
            Float64,
            "steps",
            "Median over all objects of their age when they were removed, or at the end if they still lay there.",
        ),
        optional("response_p95", Float64, "steps", "95th percentile of the same."),
        optional("first_state_hash", UInt64, "", "Of the world after the reset."),
        optional("last_state_hash", UInt64, "", "Of the world after the last step."),
        optional("rules_version", UInt16, "", "Version of the rules of the world."),
        optional("battery_drain_rate", Float64, "battery points", "Per step away from a station."),
        optional(
            "world",
            Utf8,
            "",
            "The other settings of the world that its reward depends on, as a JSON object with the names of a run's configuration; a weight of 0: no such term. Null: see the run's configuration.",
        ),
        optional("starts", Binary, "", "Where the robots started, heading north: x and y of each, one byte each."),
    ]
}

fn maps() -> Vec<Column> {
    vec![
        required("map_hash", UInt64, "", "Names the map."),
        required("width", UInt8, "cells", "In x."),
        required("height", UInt8, "cells", "In y."),
        required("obstacles", Binary, "", "Bit y·width+x, least significant first, is set for an obstacle."),
        required("stations", Binary, "", "Charging stations: x and y of each, one byte each."),
    ]
}

fn world_events() -> Vec<Column> {
    vec![
        required("episode_index", UInt64, "", "Episode within run and split."),
        required("step", UInt32, "steps", "Step of the episode, from 0."),
        required(
            "kind",
            Utf8,
            "",
            "object_spawned, object_removed, blocked_by_robot, charging_started, charging_ended or battery_empty.",
        ),
        optional("robot", UInt8, "", "The robot concerned, if any."),
        required("x", UInt8, "cells", "Column."),
        required("y", UInt8, "cells", "Row."),
        optional(
            "value",
            Float32,
            "",
            "Age of a removed object in steps; battery in hundredths of a per cent for charging, 0 to 10000; else 0.",
        ),
    ]
}

fn required(name: &'static str, data_type: DataType, unit: &'static str, description: &'static str) -> Column {
    Column { name, data_type, required: true, unit, description }
}

fn optional(name: &'static str, data_type: DataType, unit: &'static str, description: &'static str) -> Column {
    Column { required: false, ..required(name, data_type, unit, description) }
}
