//! One file per resource; each query is a method of [`crate::ReadModels`].

pub(crate) mod page;

pub(crate) mod checkpoints;
pub(crate) mod commands;
pub(crate) mod episodes;
pub(crate) mod evaluations;
pub(crate) mod files;
#[cfg(test)]
mod plans;
pub(crate) mod playback;
pub(crate) mod run_metrics;
pub(crate) mod runs;
