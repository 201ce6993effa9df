//! Commands and trajectories against a real nats-server.

mod archive;
mod commands;
mod rejections;
mod trouble;
mod world;
