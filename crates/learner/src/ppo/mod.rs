//! Proximal policy optimisation.
pub mod anchor;
pub mod batch;
pub mod config;
pub mod loss;
pub mod optimise;
pub mod return_normaliser;

pub use config::{Algorithm, PpoConfig};
