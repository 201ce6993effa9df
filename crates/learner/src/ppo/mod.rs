//! Proximal policy optimisation.
pub mod batch;
pub mod config;
pub mod loss;

pub use config::PpoConfig;
