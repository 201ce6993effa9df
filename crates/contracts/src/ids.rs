//! Newtype identifiers. All are UUIDs on the wire; none can be mistaken for another in code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The id that `name` always has within this one: lets an event be published again under the same id.
            pub fn derive(&self, name: &str) -> Uuid {
                Uuid::new_v5(&self.0, name.as_bytes())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

uuid_id!(
    /// A training run.
    RunId
);
uuid_id!(
    /// A command; also its `Nats-Msg-Id`, so that a command delivered twice has one effect.
    CommandId
);
uuid_id!(
    /// An event; equals its `ce-id` and `Nats-Msg-Id`.
    EventId
);
uuid_id!(
    /// A checkpoint of a run; derived from the run and the update that it follows, so that a resumed trainer that
    /// reaches the same update creates the same checkpoint.
    CheckpointId
);
uuid_id!(
    /// One evaluation of one checkpoint.
    EvaluationId
);
uuid_id!(
    /// A stored file: an archived Parquet file or an uploaded model.
    FileId
);

impl CheckpointId {
    /// The checkpoint that follows `update` (1-based) of `run`.
    pub fn of(run: RunId, update: u64) -> Self {
        Self(run.derive(&format!("checkpoint/{update}")))
    }
}
