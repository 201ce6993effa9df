//! `baselines`: the scripted agents in each world, by its hash.

use super::{evaluations, last_of_each};
use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, integer, text};
use chrono::{DateTime, Utc};
use contracts::Event;
use contracts::events::{AgentScore, BaselinesCompleted};
use sqlx::types::Json;
use uuid::Uuid;

table_row! {
    /// One scripted agent in one world; the newest result stands.
    BaselineRow in "baselines", Conflict::Replace("world_hash, agent"), {
        world_hash: String,
        agent: String,
        /// Stream sequence.
        id: i64,
        /// The run in whose world it was computed; other runs with the same world share it.
        run_id: Uuid,
        rules_version: i32,
        episodes: i32,
        first_seed: i64,
        mean_threat: f64,
        score: Json<AgentScore>,
        completed_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<BaselineRow> {
    let completed = facts.iter().filter_map(|fact| match &fact.event {
        Event::BaselinesCompleted(event) => Some((fact, event)),
        _ => None,
    });
    let rows = completed.flat_map(|(fact, event)| event.agents.iter().map(|score| row(fact, event, score))).collect();
    last_of_each(rows, |row| (row.world_hash.clone(), row.agent.clone()))
}

fn row(fact: &Fact, event: &BaselinesCompleted, score: &AgentScore) -> BaselineRow {
    BaselineRow {
        world_hash: text(&event.protocol.world_hash),
        agent: text(&score.agent),
        id: bigint(fact.sequence),
        run_id: event.run_id.0,
        rules_version: integer(event.protocol.rules_version),
        episodes: integer(event.protocol.episodes),
        first_seed: bigint(event.protocol.first_seed),
        mean_threat: score.mean_threat.mean,
        score: evaluations::score(score),
        completed_at: fact.envelope.time,
    }
}
