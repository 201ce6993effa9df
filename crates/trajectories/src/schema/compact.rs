//! The compact form of `steps` on the wire: three tables, from which every column follows.
//!
//! A segment says once per stretch of an episode what is the same there, once per step what the team shares, and per
//! robot only the rest: 32 bytes per row with one robot, 20 with four, where the table itself has 57. It is for producers
//! in lock-step, as learners are; everybody else sends the table.

use super::{Column, field};
use arrow::datatypes::DataType::{Boolean, Float32, UInt8, UInt16, UInt32, UInt64};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Metadata key of a stream's schema that names its part of the compact form.
pub const PART_KEY: &str = "patrol.part";

/// A table of the compact form, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Consecutive steps of one episode.
    Stretches,
    /// Steps.
    Teams,
    /// Robots of each step, in order.
    Robots,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Stretches, Self::Teams, Self::Robots];

    /// As it stands in a schema's metadata.
    pub fn token(self) -> &'static str {
        match self {
            Self::Stretches => "stretches",
            Self::Teams => "teams",
            Self::Robots => "robots",
        }
    }

    /// Its columns, in order.
    pub fn columns(self) -> &'static [Column] {
        &ALL[self as usize].0
    }

    pub fn schema(self) -> SchemaRef {
        ALL[self as usize].1.clone()
    }
}

static ALL: LazyLock<[(Vec<Column>, SchemaRef); 3]> = LazyLock::new(|| {
    Part::ALL.map(|part| {
        let columns = columns(part);
        let metadata = [(super::TABLE_KEY, "steps"), (super::VERSION_KEY, super::VERSION), (PART_KEY, part.token())];
        let metadata: HashMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let fields = columns.iter().map(field).collect::<Vec<_>>();
        (columns, Arc::new(Schema::new_with_metadata(fields, metadata)))
    })
});

fn columns(part: Part) -> Vec<Column> {
    match part {
        Part::Stretches => vec![
            column("episode_index", UInt64, true, "", "Episode within run and split."),
            column("first_step", UInt32, true, "steps", "Step of the episode at which the stretch begins."),
            column("steps", UInt32, true, "steps", "Its length."),
            column("robots", UInt8, true, "robots", "Size of the team: as many rows of `robots` per step."),
            column("end", UInt8, true, "", "The last step ends: 0 nothing, 1 the episode, 3 it in a terminal state."),
            column("battery", Float32, false, "%", "Of every robot, where it never changes."),
            column("policy_version", UInt32, false, "updates", "As in `steps`."),
        ],
        Part::Teams => vec![
            column("reward", Float32, true, "reward", "Of the environment, unscaled, after the step."),
            column("team_mean_threat", Float32, true, "1", "Mean threat of the free cells after the step, 0 to 1."),
            column("state_hash", UInt64, true, "", "Of the world after the step."),
        ],
        Part::Robots => vec![
            column("x", UInt8, true, "cells", "Column before the action."),
            column("y", UInt8, true, "cells", "Row before the action."),
            column("decision", UInt8, true, "", "heading + 4 · action + 16 · action_mask."),
            column("log_prob", Float32, true, "nats", "ln π(action | observation)."),
            column("value", Float32, true, "scaled reward", "V(observation)."),
            column("battery", Float32, false, "%", "Before the action; absent where the stretches have it."),
            column("charging", Boolean, true, "", "On a station and not full, before the action."),
            column("blocked", Boolean, true, "", "The move was stopped."),
            column("cells_cleared", UInt8, true, "cells", "By this step's patrol."),
            column("threat_removed", UInt16, true, "cells/100", "Threat taken away by this step's patrol."),
        ],
    }
}

fn column(
    name: &'static str,
    data_type: DataType,
    required: bool,
    unit: &'static str,
    description: &'static str,
) -> Column {
    Column { name, data_type, required, unit, description }
}
