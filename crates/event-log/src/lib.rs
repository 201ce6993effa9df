//! The event log on NATS JetStream: append, atomic batch, work queues, replay and drift check.
//!
//! One [`EventLog`] per service. It holds two connections, so that bulk traffic (trajectories, replays) never delays
//! control traffic (appends, acknowledgements, heartbeats), and both reconnect for ever.
//!
//! * [`EventLog::append`] and [`EventLog::append_batch`] add facts, optionally guarded by an [`ExpectedVersion`].
//! * [`EventLog::read`] replays the log in order and follows its tail; [`EventLog::load`] is one aggregate's history.
//! * [`EventLog::work_queue`] hands messages to competing workers until one acknowledges.
//! * [`EventLog::ensure`] creates the streams and consumers of [`Definitions`], and refuses those that drifted.
//! * [`EventLog::serve_actors`] and [`EventLog::ask_learner`] connect a run's learner with actors elsewhere.
//!
//! Every failure has an [`ErrorClass`] that says what a caller can do about it.

mod actors;
mod append;
mod backoff;
mod batch;
mod connection;
mod dead_letters;
mod definitions;
mod drift;
mod error;
mod history;
mod live;
mod lookup;
mod publish;
mod reader;
mod record;
mod references;
mod status;
mod subject_filter;
mod trajectories;
mod work_queue;

pub use actors::{ActorAnswer, ActorRequest, ActorRequests, ReplyTo};
pub use append::{Appended, ExpectedVersion, NewEvent};
pub use batch::MAX_BATCH;
pub use connection::{EventLog, EventLogConfig};
pub use dead_letters::{DeadLetter, ExhaustedDelivery};
pub use definitions::{Definitions, Queue, StreamName};
pub use drift::FieldDrift;
pub use error::{Error, ErrorClass, Result};
pub use live::LiveFrames;
pub use reader::{EventReader, ReadEnd, ReadOptions};
pub use status::{ConsumerStatus, StreamStatus};
pub use subject_filter::subject_matches;
pub use trajectories::{TrajectoryMessage, TrajectoryPublisher};
pub use work_queue::{Delivery, Heartbeat, Receipt, WorkQueue};
