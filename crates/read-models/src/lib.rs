//! Read models in Postgres: migrations, projections and queries. The only user of sqlx.
//!
//! The tables hold nothing that the event log cannot reproduce. [`ReadModels::apply`] folds a batch of events into rows
//! and commits them together with the [`Position`] up to which they follow the log, so that redelivery, a crash between
//! batches and a second projector change nothing. [`ReadModels::scratch`] is the same code on an empty schema: a rebuild
//! is compared with the live tables by [`TableFingerprint`], or takes their place.
//!
//! Queries are methods of [`ReadModels`] and return the rows themselves, one file per resource under `queries/`.

mod batch;
mod connection;
mod error;
mod fingerprint;
mod insert;
mod position;
mod postgres_text;
mod projections;
mod queries;
mod scratch;

pub use batch::{Applied, Batch, Fact, Poison};
pub use connection::{ReadModels, ReadModelsConfig};
pub use error::{Error, Result};
pub use fingerprint::{Snapshot, TABLES, TableFingerprint};
pub use position::Position;
pub use projections::baselines::BaselineRow;
pub use projections::checkpoints::CheckpointRow;
pub use projections::command_outcomes::CommandOutcomeRow;
pub use projections::dead_letters::DeadLetterRow;
pub use projections::episodes::EpisodeRow;
pub use projections::evaluations::EvaluationRow;
pub use projections::models::ModelRow;
pub use projections::rejected_commands::RejectedCommandRow;
pub use projections::run_metrics::RunMetricRow;
pub use projections::runs::RunRow;
pub use projections::trajectory_files::TrajectoryFileRow;
pub use queries::files::{File, FileKind};
pub use queries::page::{Order, Page, Paging};
pub use queries::playback::{ArchiveTotals, PlaybackSession};
pub use queries::runs::RunFilter;
pub use scratch::Scratch;
