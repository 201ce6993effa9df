//! Real processes end to end: the executable, a nats-server, a Postgres and files, nothing else.
//!
//! `harness` starts processes and asks the log, the read models and the archive what came of them; `faults` kills and
//! restarts them meanwhile. `make test` builds the executable first; another one is taken from `PATROL_BIN`.

mod analyses;
mod browser;
mod command_line;
mod commands;
mod demo;
mod drawn_worlds;
mod early_stopping;
mod failed_evaluations;
mod faults;
mod forks;
mod happy_path;
mod harness;
mod local;
mod sweeps;
mod trajectories;
mod verification;
