//! The projector against a real nats-server and a real Postgres.

mod follow;
mod history;
mod poison;
mod rebuild;
#[path = "../../../../crates/read-models/tests/all/samples.rs"]
#[expect(dead_code, reason = "events of every kind; these tests need some")]
mod samples;
mod world;
