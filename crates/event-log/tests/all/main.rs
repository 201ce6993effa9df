//! The event log against a real nats-server.

mod actors;
mod append;
mod batch;
mod cluster;
mod dead_letters;
mod definitions;
mod history;
mod live;
mod lost_acknowledgement;
mod permissions;
mod proxy;
mod reader;
mod trajectories;
mod work_queue;
mod world;
