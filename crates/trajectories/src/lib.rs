//! Trajectories as Arrow segments on their way, and as Parquet files once they have arrived.
//!
//! * [`schema`] says what the four tables hold, with units; [`columns`] fills them from slices and rows.
//! * [`segment`] is the wire format: one message holds one or more Arrow IPC streams, and [`segment::decode`] trusts
//!   none of its bytes. [`validation`] checks what the columns say.
//! * [`choices`] is what a remote actor sends to its learner.
//! * [`recorded`] gives rows of the archive as plain columns.
//! * [`recording`] applies a run's recording level.
//! * [`write`] sorts segments into Parquet files, [`read`] plays single episodes back and scans whole tables, and
//!   [`layout`] names the files.
//! * [`store`] is where bytes live: files by default, or an object store that speaks S3.

pub mod choices;
pub mod columns;
mod error;
pub mod layout;
pub mod read;
pub mod recorded;
pub mod recording;
pub mod rows;
pub mod schema;
pub mod segment;
pub mod store;
pub mod validation;
pub mod write;

pub use arrow::record_batch::RecordBatch;
pub use choices::ActorChoices;
pub use columns::StepColumns;
pub use error::{Error, Result};
pub use recorded::{Detail, RecordedEpisode, RecordedMap, RecordedSteps};
pub use recording::Recording;
pub use rows::{EpisodeRow, MapRow, WorldEventRow};
pub use segment::{Segment, SegmentHeader};
pub use store::{ObjectStore, Stored};
pub use validation::World;
