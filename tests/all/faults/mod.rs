//! Processes and servers that die in the middle of a run.

mod cluster;
mod kills;
mod pause;
mod servers;
