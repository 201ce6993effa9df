//! Runs with asynchronous actors, near and far, and in drawn worlds, against a real nats-server.

mod asynchronous;
mod drawn_worlds;
mod endings;
mod network_size;
mod remote;
mod world;
