//! Policy networks as flat parameter vectors.
pub mod codec;
pub mod mlp;

pub use mlp::{Activations, Mlp, MlpShape};

/// Logits per robot: forward, turn left, turn right, patrol.
pub const ACTIONS: usize = 4;

/// Outputs of the last layer: the logits, the value, and three unused ones that fill a vector register.
pub const HEADS: usize = 8;

/// Where the value is among the [`HEADS`].
pub const VALUE: usize = ACTIONS;
