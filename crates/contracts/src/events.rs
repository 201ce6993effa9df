//! Events: past-tense facts. Subject `patrol.evt.<aggregate>.<run_id>.<event>`.
//!
//! A payload never changes its meaning under the same version: a changed payload is a new version with an upcaster in
//! [`crate::upcast`], and the frozen samples under `schemas/samples/` keep every old version readable.

mod archive;
mod command;
mod evaluation;
mod run;
mod training;

pub use archive::{
    BlobRef, FileWritten, MessageDeadLettered, ModelDeleted, ModelRegistered, RecordingChanged, SegmentRange, Split,
    Table,
};
pub use command::CommandRejected;
pub use evaluation::{
    AgentScore, BaselinesCompleted, Bounds, EvaluationCompleted, EvaluationFailed, EvaluationRequested, Interval,
    Protocol,
};
pub use run::{
    CheckpointRef, Outcome, RunCompleted, RunDeleted, RunFailed, RunPauseRequested, RunPaused, RunRequested,
    RunResumed, RunStarted, RunStopRequested,
};
pub use training::{
    CheckpointCreated, ConsumedSegment, Diagnostics, EpisodeCompleted, EpisodeSummary, RolloutStatistics,
    SegmentsConsumed, TrainingProgressed,
};

use crate::ids::RunId;
use crate::{subjects, upcast};
use schemars::{Schema, schema_for};

/// A payload that cannot be understood: the projector stops at it, loudly.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("`{0}` is not an event type this version knows")]
    UnknownType(String),
    #[error("`{kind}` version {version} is newer than {newest}, the newest this version knows")]
    TooNew { kind: String, version: u32, newest: u32 },
    #[error("the payload of `{kind}` does not fit its schema")]
    Payload {
        kind: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the payload of `{kind}` cannot be brought to the current version: {reason}")]
    Upcast { kind: String, reason: String },
}

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $aggregate:literal . $event:literal v $version:literal, $run:expr;)*) => {
        /// Any event.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $variant($payload),)*
        }

        impl Event {
            /// Aggregate, event token and current version of every event.
            pub const ALL: &'static [(&'static str, &'static str, u32)] = &[$(($aggregate, $event, $version)),*];

            /// Aggregate, token and version of this event.
            pub fn name(&self) -> (&'static str, &'static str, u32) {
                match self { $(Self::$variant(_) => ($aggregate, $event, $version),)* }
            }

            /// The run it is about.
            pub fn run_id(&self) -> Option<RunId> {
                match self { $(Self::$variant(payload) => { let run: fn(&$payload) -> Option<RunId> = $run; run(payload) })* }
            }

            /// The JSON payload.
            pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
                match self { $(Self::$variant(payload) => serde_json::to_vec(payload),)* }
            }

            /// The JSON Schema of the current version of an event's payload.
            pub fn schema(aggregate: &str, event: &str) -> Option<Schema> {
                match (aggregate, event) {
                    $(($aggregate, $event) => Some(schema_for!($payload)),)*
                    _ => None,
                }
            }

            fn decode_current(kind: &str, aggregate: &str, event: &str, payload: &[u8]) -> Result<Self, EventError> {
                let unreadable = |source| EventError::Payload { kind: kind.to_owned(), source };
                match (aggregate, event) {
                    $(($aggregate, $event) => serde_json::from_slice(payload).map(Self::$variant).map_err(unreadable),)*
                    _ => Err(EventError::UnknownType(kind.to_owned())),
                }
            }
        }
    };
}

events! {
    RunRequested(Box<RunRequested>) = "run"."requested" v 1, |e| Some(e.run_id);
    RunStarted(RunStarted) = "run"."started" v 1, |e| Some(e.run_id);
    RunPauseRequested(RunPauseRequested) = "run"."pause_requested" v 1, |e| Some(e.run_id);
    RunPaused(RunPaused) = "run"."paused" v 1, |e| Some(e.run_id);
    RunResumed(RunResumed) = "run"."resumed" v 1, |e| Some(e.run_id);
    RunStopRequested(RunStopRequested) = "run"."stop_requested" v 1, |e| Some(e.run_id);
    RunCompleted(RunCompleted) = "run"."completed" v 1, |e| Some(e.run_id);
    RunFailed(RunFailed) = "run"."failed" v 1, |e| Some(e.run_id);
    RunDeleted(RunDeleted) = "run"."deleted" v 1, |e| Some(e.run_id);
    TrainingProgressed(Box<TrainingProgressed>) = "training"."progressed" v 1, |e| Some(e.run_id);
    EpisodeCompleted(Box<EpisodeCompleted>) = "training"."episode_completed" v 1, |e| Some(e.run_id);
    CheckpointCreated(Box<CheckpointCreated>) = "training"."checkpoint_created" v 1, |e| Some(e.run_id);
    SegmentsConsumed(SegmentsConsumed) = "training"."segments_consumed" v 1, |e| Some(e.run_id);
    EvaluationRequested(EvaluationRequested) = "evaluation"."requested" v 1, |e| Some(e.run_id);
    EvaluationCompleted(Box<EvaluationCompleted>) = "evaluation"."completed" v 1, |e| Some(e.run_id);
    EvaluationFailed(EvaluationFailed) = "evaluation"."failed" v 1, |e| Some(e.run_id);
    BaselinesCompleted(Box<BaselinesCompleted>) = "evaluation"."baselines_completed" v 1, |e| Some(e.run_id);
    FileWritten(Box<FileWritten>) = "archive"."file_written" v 1, |e| Some(e.run_id);
    RecordingChanged(RecordingChanged) = "archive"."recording_changed" v 1, |e| Some(e.run_id);
    MessageDeadLettered(MessageDeadLettered) = "archive"."message_dead_lettered" v 1, |e| e.run_id;
    ModelRegistered(Box<ModelRegistered>) = "archive"."model_registered" v 1, |e| e.run_id;
    ModelDeleted(ModelDeleted) = "archive"."model_deleted" v 1, |_| None;
    CommandRejected(CommandRejected) = "command"."rejected" v 1, |e| e.run_id;
}

impl Event {
    /// `ce-type`: `patrol.<aggregate>.<event>.v<version>`.
    pub fn kind(&self) -> String {
        let (aggregate, event, version) = self.name();
        format!("patrol.{aggregate}.{event}.v{version}")
    }

    /// The subject that it is appended to.
    pub fn subject(&self) -> String {
        let (aggregate, event, _) = self.name();
        subjects::event(aggregate, self.run_id(), event)
    }

    /// Reads a payload of any version that was ever written.
    pub fn decode(kind: &str, payload: &[u8]) -> Result<Self, EventError> {
        let unknown = || EventError::UnknownType(kind.chars().take(120).collect());
        let (aggregate, event, version) = parse_kind(kind).ok_or_else(unknown)?;
        let newest = Self::newest_version(aggregate, event).ok_or_else(unknown)?;
        if version > newest || version == 0 {
            return Err(EventError::TooNew { kind: kind.to_owned(), version, newest });
        }
        if version == newest {
            return Self::decode_current(kind, aggregate, event, payload);
        }
        let current = upcast::CHAIN.bring_to(newest, (aggregate, event, version), payload)?;
        Self::decode_current(kind, aggregate, event, &current)
    }

    fn newest_version(aggregate: &str, event: &str) -> Option<u32> {
        Self::ALL.iter().find(|(a, e, _)| *a == aggregate && *e == event).map(|(_, _, version)| *version)
    }
}

/// Splits `patrol.<aggregate>.<event>.v<version>`.
fn parse_kind(kind: &str) -> Option<(&str, &str, u32)> {
    let mut tokens = kind.strip_prefix("patrol.")?.split('.');
    let (aggregate, event, version) = (tokens.next()?, tokens.next()?, tokens.next()?);
    let version = version.strip_prefix('v')?.parse().ok()?;
    tokens.next().is_none().then_some((aggregate, event, version))
}
