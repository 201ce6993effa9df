//! Files in the object store. Big data never travels in events.

use crate::config::RecordingLevel;
use crate::ids::{FileId, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where bytes live and how to recognise them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    /// Key below the object store's root, e.g. `checkpoints/<run>/<id>.safetensors`; never an absolute path.
    #[schemars(length(min = 1, max = 512))]
    pub uri: String,
    /// Lower-case hexadecimal.
    #[schemars(length(equal = 64))]
    pub sha256: String,
    pub bytes: u64,
    /// Rows of a table; absent for what has none.
    #[serde(default)]
    pub rows: Option<u64>,
}

/// What an episode was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    Train,
    Eval,
    Baseline,
    External,
}

impl Split {
    pub const ALL: [Split; 4] = [Split::Train, Split::Eval, Split::Baseline, Split::External];

    /// As it stands in subjects and paths.
    pub fn token(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Eval => "eval",
            Self::Baseline => "baseline",
            Self::External => "external",
        }
    }

    /// The split with this token.
    pub fn from_token(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.token() == token)
    }
}

/// The archive's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    Episodes,
    Steps,
    Maps,
    WorldEvents,
}

impl Table {
    pub const ALL: [Table; 4] = [Table::Episodes, Table::Steps, Table::Maps, Table::WorldEvents];

    /// As it stands in paths.
    pub fn token(self) -> &'static str {
        match self {
            Self::Episodes => "episodes",
            Self::Steps => "steps",
            Self::Maps => "maps",
            Self::WorldEvents => "world_events",
        }
    }
}

/// A Parquet file became durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileWritten {
    pub run_id: RunId,
    pub file_id: FileId,
    pub split: Split,
    pub table: Table,
    pub blob: BlobRef,
    pub segments: SegmentRange,
    pub first_episode: Option<u64>,
    pub last_episode: Option<u64>,
    pub first_step: Option<u32>,
    pub last_step: Option<u32>,
}

/// Trajectory segments of one producer, both ends inclusive. A segment that stands in a range already is a repetition
/// by a trainer that resumed, bit for bit the same, and is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentRange {
    /// What numbers the segments: `train`, an evaluation id, a world hash or an external producer's name.
    pub producer: String,
    pub first: u64,
    pub last: u64,
}

/// The recording level of a run changed, e.g. because its byte budget is spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordingChanged {
    pub run_id: RunId,
    pub from: RecordingLevel,
    pub to: RecordingLevel,
    pub reason: String,
    /// First segment with the new level.
    pub segment: u64,
}

/// A message that can never be processed was set aside; `patrol.dlq.>` holds the pointer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageDeadLettered {
    pub run_id: Option<RunId>,
    pub stream: String,
    pub sequence: u64,
    pub subject: String,
    pub reason: String,
}

/// A model file was stored and made known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRegistered {
    pub run_id: Option<RunId>,
    pub file_id: FileId,
    pub original_filename: String,
    pub blob: BlobRef,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A model file was hidden; its history remains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelDeleted {
    pub file_id: FileId,
}
