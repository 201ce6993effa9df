//! Policy networks as flat parameter vectors.
//!
//! Shared by all robots: observations → hidden → hidden → (4 logits, 1 value), rectified; for [`Architecture::Cnn`] the maps
//! among the observations go through convolutions first.
pub mod codec;
mod layers;
pub mod maps;
mod shape;

pub use layers::{Activations, CHUNK, Network};
pub use maps::Maps;
pub use shape::{Architecture, NetworkShape};

/// Logits per robot: forward, turn left, turn right, patrol.
pub const ACTIONS: usize = 4;

/// Outputs of the last layer: the logits, the value, and three unused ones that fill a vector register.
pub const HEADS: usize = 8;

/// Where the value is among the [`HEADS`].
pub const VALUE: usize = ACTIONS;
