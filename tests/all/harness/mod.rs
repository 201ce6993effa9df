//! Processes, and what the log, the read models and the archive say about their work.

mod archive;
mod executable;
mod process;
mod runs;
mod system;

pub use executable::{Executable, Finished, free_address};
pub use process::Process;
pub use runs::{run_id, small_run, with};
pub use system::System;

use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// How long anything may take on a loaded machine; a takeover from a dead trainer alone takes half of it.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Options of the command line that make a run small.
pub const SMALL: [&str; 11] = [
    "--json",
    "--size",
    "8",
    "--seed",
    "7",
    "--set",
    "num_envs=4",
    "--set",
    "batch_size=64",
    "--set",
    "config.rollout_length=32",
];

/// Changes one bit in the middle of a file.
pub fn flip(path: &Path) -> Result<()> {
    let mut bytes = std::fs::read(path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    Ok(std::fs::write(path, bytes)?)
}
