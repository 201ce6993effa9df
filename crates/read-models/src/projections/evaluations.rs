//! `evaluations`: one row per evaluation of a policy, from its request (if a client asked) to its result.

use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, integer, text};
use chrono::{DateTime, Utc};
use contracts::events::{AgentScore, EvaluationCompleted};
use contracts::{EvaluationId, Event, RunId};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

table_row! {
    /// An evaluation on held-out seeds.
    EvaluationRow in "evaluations", Conflict::Replace("evaluation_id"), {
        evaluation_id: Uuid,
        /// Stream sequence of the first event about it.
        id: i64,
        run_id: Uuid,
        checkpoint_id: Option<Uuid>,
        /// `requested`, `completed` or `failed`.
        status: String,
        timestep: Option<i64>,
        episodes: Option<i32>,
        world_hash: Option<String>,
        rules_version: Option<i32>,
        first_seed: Option<i64>,
        sampled_mean_threat: Option<f64>,
        argmax_mean_threat: Option<f64>,
        sampled: Option<Json<AgentScore>>,
        argmax: Option<Json<AgentScore>>,
        is_last: bool,
        duration_seconds: Option<f64>,
        failure_code: Option<String>,
        failure_message: Option<String>,
        requested_at: Option<DateTime<Utc>>,
        completed_at: Option<DateTime<Utc>>,
    }
}

type Evaluations = BTreeMap<EvaluationId, EvaluationRow>;

/// Loads the evaluations that `facts` concern, folds, writes back.
pub(crate) async fn apply(connection: &mut PgConnection, facts: &[Fact]) -> sqlx::Result<()> {
    let concerned: Vec<Uuid> = facts.iter().filter_map(|fact| Some(subject(&fact.event)?.1.0)).collect();
    if concerned.is_empty() {
        return Ok(());
    }
    let rows: Vec<EvaluationRow> = sqlx::query_as("SELECT * FROM evaluations WHERE evaluation_id = ANY($1)")
        .bind(concerned)
        .fetch_all(&mut *connection)
        .await?;
    let known = rows.into_iter().map(|row| (EvaluationId(row.evaluation_id), row)).collect();
    let folded: Vec<EvaluationRow> = fold(known, facts).into_values().collect();
    EvaluationRow::insert(connection, &folded).await
}

/// The evaluations after `facts`.
pub(crate) fn fold(mut evaluations: Evaluations, facts: &[Fact]) -> Evaluations {
    for fact in facts {
        let Some((run, id)) = subject(&fact.event) else { continue };
        evolve(evaluations.entry(id).or_insert_with(|| empty(fact, run, id)), fact);
    }
    evaluations
}

fn subject(event: &Event) -> Option<(RunId, EvaluationId)> {
    match event {
        Event::EvaluationRequested(event) => Some((event.run_id, event.evaluation_id)),
        Event::EvaluationCompleted(event) => Some((event.run_id, event.evaluation_id)),
        Event::EvaluationFailed(event) => Some((event.run_id, event.evaluation_id)),
        _ => None,
    }
}

fn evolve(row: &mut EvaluationRow, fact: &Fact) {
    let time = fact.envelope.time;
    match &fact.event {
        Event::EvaluationRequested(event) => {
            row.checkpoint_id = row.checkpoint_id.or(event.checkpoint_id.map(|id| id.0));
            row.episodes = row.episodes.or(Some(integer(event.episodes)));
            row.requested_at = Some(time);
        }
        Event::EvaluationCompleted(event) => completed(row, event, time),
        Event::EvaluationFailed(event) => {
            row.status = "failed".into();
            row.checkpoint_id = event.checkpoint_id.map(|id| id.0).or(row.checkpoint_id);
            row.failure_code = Some(text(&event.code));
            row.failure_message = Some(text(&event.message));
            row.completed_at = Some(time);
        }
        _ => {}
    }
}

fn completed(row: &mut EvaluationRow, event: &EvaluationCompleted, time: DateTime<Utc>) {
    row.status = "completed".into();
    row.failure_code = None;
    row.failure_message = None;
    row.checkpoint_id = Some(event.checkpoint_id.0);
    row.timestep = Some(bigint(event.timestep));
    row.episodes = Some(integer(event.protocol.episodes));
    row.world_hash = Some(text(&event.protocol.world_hash));
    row.rules_version = Some(integer(event.protocol.rules_version));
    row.first_seed = Some(bigint(event.protocol.first_seed));
    row.sampled_mean_threat = Some(event.sampled.mean_threat.mean);
    row.argmax_mean_threat = Some(event.argmax.mean_threat.mean);
    row.sampled = Some(score(&event.sampled));
    row.argmax = Some(score(&event.argmax));
    row.is_last = event.is_last;
    row.duration_seconds = Some(event.duration_seconds);
    row.completed_at = Some(time);
}

/// A score whose only free text Postgres can hold.
pub(super) fn score(score: &AgentScore) -> Json<AgentScore> {
    Json(AgentScore { agent: text(&score.agent), ..score.clone() })
}

fn empty(fact: &Fact, run: RunId, id: EvaluationId) -> EvaluationRow {
    EvaluationRow {
        evaluation_id: id.0,
        id: bigint(fact.sequence),
        run_id: run.0,
        checkpoint_id: None,
        status: "requested".into(),
        timestep: None,
        episodes: None,
        world_hash: None,
        rules_version: None,
        first_seed: None,
        sampled_mean_threat: None,
        argmax_mean_threat: None,
        sampled: None,
        argmax: None,
        is_last: false,
        duration_seconds: None,
        failure_code: None,
        failure_message: None,
        requested_at: None,
        completed_at: None,
    }
}
