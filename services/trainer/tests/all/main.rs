//! Runs with asynchronous actors, near and far, against a real nats-server.

mod asynchronous;
mod remote;
mod world;
