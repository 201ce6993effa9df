//! One file per resource.

pub mod checkpoints;
pub mod commands;
pub mod docs;
pub mod download;
pub mod environment;
pub mod episodes;
pub mod evaluations;
pub mod events;
pub mod files;
pub mod fork;
pub mod health;
pub mod playback;
pub mod run_events;
pub mod run_metrics;
pub mod session;
mod session_create;
pub mod template_agents;
pub mod training;
pub mod websocket;
