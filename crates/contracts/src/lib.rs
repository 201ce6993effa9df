//! What every service agrees on: commands, events, their envelope, ids, subjects, schemas and upcasters.
//!
//! Commands are imperatives and are read strictly: an unknown field is an error. Events are past-tense facts and are
//! read for ever: a field this version does not know is ignored by the typed view and kept in the log and in
//! [`RecordedEvent::payload`]. The JSON Schemas under `schemas/` are generated from these types.

pub mod commands;
pub mod config;
pub mod envelope;
pub mod events;
pub mod ids;
pub mod live;
pub mod schemas;
pub mod subjects;
pub mod upcast;
pub mod validation;

mod restate;

pub use commands::Command;
pub use config::RunConfig;
pub use envelope::{Envelope, EnvelopeError, RecordedEvent};
pub use events::{Event, EventError};
pub use ids::{CheckpointId, CommandId, EvaluationId, EventId, FileId, RunId};
pub use restate::ForkFrom;
pub use validation::{Reason, Rejection};
