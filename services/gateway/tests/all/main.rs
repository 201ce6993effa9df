//! The gateway with ingest and projector against a real nats-server and a real Postgres.

mod browser;
mod commands;
mod connections;
mod dashboard;
mod environment;
mod external;
mod files;
mod health;
mod hostile;
mod onnx;
mod openapi;
mod playback;
mod readme;
#[path = "../../../../crates/read-models/tests/all/samples.rs"]
#[expect(dead_code, reason = "events of every kind; these tests need some")]
mod samples;
mod security;
mod shapes;
mod template_agents;
mod training;
mod watcher;
mod websocket;
mod websocket_frames;
mod world;
