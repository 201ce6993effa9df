//! One file per resource.

pub mod docs;
pub mod health;
pub mod run_metrics;
pub mod session;
pub mod training;
