//! Commands against a real nats-server.

mod commands;
mod rejections;
mod trouble;
mod world;
