//! The projector against a real nats-server and a real Postgres.

mod follow;
mod history;
mod poison;
mod rebuild;
#[path = "../../../../crates/read-models/tests/all/samples.rs"]
mod samples;
mod world;
