//! What can go wrong, in words for the person who must mend it.

use crate::config::MapType;

/// A configuration that no world can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the world cannot be built: {}", list(.fields))]
pub struct ConfigError {
    /// Every wrong field.
    pub fields: Vec<FieldError>,
}

/// One wrong field of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, for example `map.count`.
    pub field: &'static str,
    /// What is wrong with its value.
    pub message: String,
}

/// A map that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The generator gave up.
    #[error("no {} map of {width}x{height} cells with {num_robots} charging stations in {attempts} attempts", .map_type.name())]
    NotFound {
        /// The generator.
        map_type: MapType,
        /// Cells from west to east.
        width: usize,
        /// Cells from north to south.
        height: usize,
        /// Charging stations asked for.
        num_robots: usize,
        /// Maps tried.
        attempts: u32,
    },
    /// Obstacles or stations given by the caller contradict each other.
    #[error("the map is not valid: {0}")]
    Invalid(&'static str),
}

/// A world that could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The map could not be made.
    #[error(transparent)]
    Map(#[from] MapError),
    /// Saved bytes do not hold a world of this configuration.
    #[error("the saved world cannot be read: {0}")]
    Corrupt(&'static str),
}

fn list(fields: &[FieldError]) -> String {
    fields.iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)).collect::<Vec<_>>().join("; ")
}
