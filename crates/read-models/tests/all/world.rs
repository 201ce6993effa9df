//! Migrated read models of the test's own, and batches to apply.

use anyhow::Result;
use contracts::Event;
use read_models::{Applied, Batch, Fact, Position, ReadModels, ReadModelsConfig};
use std::sync::Arc;
use std::time::Duration;
use test_support::TestPostgres;

use crate::samples;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub models: ReadModels,
    _postgres: Arc<TestPostgres>,
}

impl World {
    pub async fn start() -> Result<Self> {
        let postgres = TestPostgres::shared().await?;
        let database = postgres.fresh_database().await?;
        let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?;
        models.migrate().await?;
        Ok(Self { models, _postgres: postgres })
    }

    /// With `events` written in one batch, from sequence 1 on.
    pub async fn with(events: Vec<Event>) -> Result<Self> {
        let world = Self::start().await?;
        world.apply(0, events).await?;
        Ok(world)
    }

    /// Writes `events` behind the sequence `after`.
    pub async fn apply(&self, after: u64, events: Vec<Event>) -> Result<Applied> {
        Ok(self.models.apply(&batch(after, events)).await?)
    }
}

/// `events` as they would stand in the log behind `after`.
pub fn batch(after: u64, events: Vec<Event>) -> Batch {
    let facts: Vec<Fact> = events.into_iter().zip(after + 1..).map(|(event, sequence)| fact(sequence, event)).collect();
    let last = facts.last().map_or(after, |fact| fact.sequence);
    let end = Position {
        stream_identity: "2026-01-01T00:00:00.000000000Z".into(),
        sequence: last,
        event_id: facts.last().map(|fact| fact.envelope.id),
        event_at: facts.last().map(|fact| fact.envelope.time),
    };
    Batch { after, facts, poison: Vec::new(), end }
}

pub fn fact(sequence: u64, event: Event) -> Fact {
    Fact { sequence, envelope: samples::envelope(sequence, &event), event }
}
