//! `runs`: one row per run, folded from its lifecycle, its progress and its checkpoints.

use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, integer, text, token};
use chrono::{DateTime, Utc};
use contracts::events::{
    CheckpointCreated, EvaluationCompleted, RunCompleted, RunFailed, RunRequested, RunStarted, TrainingProgressed,
};
use contracts::{Event, RunConfig, RunId};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

table_row! {
    /// A run as people see it.
    RunRow in "runs", Conflict::Replace("id"), {
        /// Stream sequence of `run.requested`.
        id: i64,
        run_id: Uuid,
        name: String,
        algorithm: String,
        policy_type: String,
        environment_type: String,
        map_type: String,
        /// Cells.
        width: i32,
        /// Cells.
        height: i32,
        num_robots: i32,
        /// Environment steps.
        total_timesteps: i64,
        seed: i64,
        config: Json<RunConfig>,
        parent_run_id: Option<Uuid>,
        init_from: Option<String>,
        /// The command that asked for it.
        command_id: Option<Uuid>,
        /// `queued`, `running`, `paused`, `completed` or `failed`.
        status: String,
        /// `pause` or `stop` while the trainer has not answered yet; the run is still running then.
        pending_action: Option<String>,
        trainer_id: Option<String>,
        binary_sha256: Option<String>,
        /// Separated by spaces.
        cpu_features: Option<String>,
        threads: Option<i32>,
        updates: i64,
        /// Environment steps done.
        timestep: i64,
        robot_steps: i64,
        episodes_completed: i64,
        /// Seconds of computing since the current trainer took the run.
        elapsed_seconds: f64,
        /// Environment steps per second.
        steps_per_second: Option<f64>,
        robot_steps_per_second: Option<f64>,
        mean_return: Option<f64>,
        mean_threat: Option<f64>,
        best_mean_threat: Option<f64>,
        coverage: Option<f64>,
        loss: Option<f64>,
        recording_level: String,
        last_checkpoint_id: Option<Uuid>,
        /// Key of the newest policy below the object store's root.
        model_uri: Option<String>,
        digest: Option<String>,
        outcome: Option<String>,
        failure_code: Option<String>,
        failure_message: Option<String>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        started_at: Option<DateTime<Utc>>,
        completed_at: Option<DateTime<Utc>>,
        deleted_at: Option<DateTime<Utc>>,
        /// Of the checkpoints that were evaluated, the one with the lowest mean threat of sampled actions.
        best_checkpoint_id: Option<Uuid>,
        best_checkpoint_mean_threat: Option<f64>,
    }
}

impl RunRow {
    /// Share of the work done, 0..1.
    pub fn progress(&self) -> f64 {
        (self.timestep as f64 / self.total_timesteps.max(1) as f64).clamp(0.0, 1.0)
    }

    /// Seconds left at the present speed; only while running.
    pub fn eta_seconds(&self) -> Option<f64> {
        let speed = self.steps_per_second.filter(|speed| self.status == "running" && *speed > 0.0)?;
        Some((self.total_timesteps - self.timestep).max(0) as f64 / speed)
    }
}

/// Loads the runs that `facts` concern, folds, writes back.
pub(crate) async fn apply(connection: &mut PgConnection, facts: &[Fact]) -> sqlx::Result<()> {
    let mut concerned: Vec<Uuid> =
        facts.iter().filter(|fact| concerns(&fact.event)).filter_map(|fact| Some(fact.event.run_id()?.0)).collect();
    concerned.sort_unstable();
    concerned.dedup();
    if concerned.is_empty() {
        return Ok(());
    }
    let rows: Vec<RunRow> =
        sqlx::query_as("SELECT * FROM runs WHERE run_id = ANY($1)").bind(concerned).fetch_all(&mut *connection).await?;
    let known = rows.into_iter().map(|row| (RunId(row.run_id), row)).collect();
    let folded: Vec<RunRow> = fold(known, facts).into_values().collect();
    RunRow::insert(connection, &folded).await
}

/// The runs after `facts`. Events of a run that was never requested change nothing.
pub(crate) fn fold(mut runs: BTreeMap<RunId, RunRow>, facts: &[Fact]) -> BTreeMap<RunId, RunRow> {
    for fact in facts.iter().filter(|fact| concerns(&fact.event)) {
        if let Event::RunRequested(event) = &fact.event {
            runs.entry(event.run_id).or_insert_with(|| requested(fact, event));
        } else if let Some(run) = fact.event.run_id().and_then(|id| runs.get_mut(&id)) {
            // An evaluation says something about a run that may have ended long ago.
            if !matches!(fact.event, Event::EvaluationCompleted(_)) {
                run.updated_at = fact.envelope.time;
            }
            evolve(run, fact);
        }
    }
    runs
}

fn concerns(event: &Event) -> bool {
    matches!(event.name(), ("run", ..) | ("training", "progressed" | "checkpoint_created", _))
        || matches!(event, Event::RecordingChanged(_) | Event::EvaluationCompleted(_))
}

fn requested(fact: &Fact, event: &RunRequested) -> RunRow {
    let RunConfig { seed, world, learning, recording, .. } = &event.config;
    let time = fact.envelope.time;
    RunRow {
        id: bigint(fact.sequence),
        run_id: event.run_id.0,
        name: text(&event.name),
        algorithm: token(&learning.algorithm),
        policy_type: token(&learning.policy_type),
        environment_type: token(&world.environment_type),
        map_type: token(&world.map.map_type),
        width: integer(world.width),
        height: integer(world.height),
        num_robots: integer(world.num_robots),
        total_timesteps: bigint(learning.total_timesteps),
        seed: bigint(*seed),
        config: Json(event.config.clone()),
        parent_run_id: event.parent_run_id.map(|id| id.0),
        init_from: event.init_from.as_deref().map(text),
        command_id: fact.envelope.causation_id,
        status: "queued".into(),
        pending_action: None,
        trainer_id: None,
        binary_sha256: None,
        cpu_features: None,
        threads: None,
        updates: 0,
        timestep: 0,
        robot_steps: 0,
        episodes_completed: 0,
        elapsed_seconds: 0.0,
        steps_per_second: None,
        robot_steps_per_second: None,
        mean_return: None,
        mean_threat: None,
        best_mean_threat: None,
        coverage: None,
        loss: None,
        recording_level: token(&recording.level),
        last_checkpoint_id: None,
        model_uri: None,
        digest: None,
        best_checkpoint_id: None,
        best_checkpoint_mean_threat: None,
        outcome: None,
        failure_code: None,
        failure_message: None,
        created_at: time,
        updated_at: time,
        started_at: None,
        completed_at: None,
        deleted_at: None,
    }
}

fn evolve(run: &mut RunRow, fact: &Fact) {
    match &fact.event {
        Event::RunStarted(event) => started(run, event, fact.envelope.time),
        Event::RunPauseRequested(_) => run.pending_action = Some("pause".into()),
        Event::RunStopRequested(_) => run.pending_action = Some("stop".into()),
        Event::RunPaused(event) => {
            settle(run, "paused");
            run.timestep = bigint(event.timestep);
        }
        Event::RunResumed(_) => settle(run, "queued"),
        Event::RunCompleted(event) => completed(run, event, fact.envelope.time),
        Event::RunFailed(event) => failed(run, event, fact.envelope.time),
        Event::RunDeleted(_) => run.deleted_at = Some(fact.envelope.time),
        Event::TrainingProgressed(event) => progressed(run, event),
        Event::CheckpointCreated(event) => checkpointed(run, event),
        Event::RecordingChanged(event) => run.recording_level = token(&event.to),
        Event::EvaluationCompleted(event) => evaluated(run, event),
        _ => {}
    }
}

fn settle(run: &mut RunRow, status: &str) {
    run.status = status.into();
    run.pending_action = None;
}

fn started(run: &mut RunRow, event: &RunStarted, time: DateTime<Utc>) {
    // A client's request outlives the trainer that did not answer it.
    run.status = "running".into();
    run.trainer_id = Some(text(&event.trainer_id));
    run.binary_sha256 = Some(text(&event.binary_sha256));
    run.cpu_features = Some(text(&event.cpu_features.join(" ")));
    run.threads = Some(integer(event.threads));
    run.elapsed_seconds = 0.0;
    run.started_at.get_or_insert(time);
    let resumed = event.resumed_from.as_ref();
    run.timestep = resumed.map_or(0, |checkpoint| bigint(checkpoint.timestep));
    run.updates = resumed.map_or(0, |checkpoint| bigint(checkpoint.update));
}

fn completed(run: &mut RunRow, event: &RunCompleted, time: DateTime<Utc>) {
    settle(run, "completed");
    run.outcome = Some(token(&event.outcome));
    run.timestep = bigint(event.timestep);
    run.episodes_completed = bigint(event.episodes_completed);
    run.completed_at = Some(time);
    if let Some(checkpoint) = &event.checkpoint {
        run.last_checkpoint_id = Some(checkpoint.checkpoint_id.0);
    }
    if let Some(digest) = &event.digest {
        run.digest = Some(text(digest));
    }
}

fn failed(run: &mut RunRow, event: &RunFailed, time: DateTime<Utc>) {
    settle(run, "failed");
    run.timestep = bigint(event.timestep);
    run.failure_code = Some(text(&event.code));
    run.failure_message = Some(text(&event.message));
    run.completed_at = Some(time);
}

fn progressed(run: &mut RunRow, event: &TrainingProgressed) {
    run.updates = bigint(event.update);
    run.timestep = bigint(event.timestep);
    run.robot_steps = bigint(event.robot_steps);
    run.episodes_completed = bigint(event.episodes_completed);
    run.elapsed_seconds = event.elapsed_seconds;
    run.steps_per_second = Some(event.steps_per_second);
    run.robot_steps_per_second = Some(event.robot_steps_per_second);
    run.mean_return = event.mean_return.or(run.mean_return);
    run.mean_threat = Some(event.mean_threat);
    run.best_mean_threat = event.best_mean_threat.or(run.best_mean_threat);
    run.coverage = Some(event.coverage);
    run.loss = Some(event.diagnostics.loss);
}

fn checkpointed(run: &mut RunRow, event: &CheckpointCreated) {
    run.last_checkpoint_id = Some(event.checkpoint_id.0);
    run.model_uri = Some(text(&event.policy.uri));
    run.digest = Some(text(&event.digest));
}

/// Uploaded models, which stand after no step, are none of the run's checkpoints. Of equal ones the first.
fn evaluated(run: &mut RunRow, event: &EvaluationCompleted) {
    let better = run.best_checkpoint_mean_threat.is_none_or(|best| event.merit() < best);
    if event.timestep > 0 && better {
        run.best_checkpoint_id = Some(event.checkpoint_id.0);
        run.best_checkpoint_mean_threat = Some(event.merit());
    }
}
