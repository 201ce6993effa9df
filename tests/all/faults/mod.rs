//! Processes and servers that die in the middle of a run.

mod kills;
mod pause;
mod servers;
