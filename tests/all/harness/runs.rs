//! Runs small enough for a test, and what became of them.

use super::System;
use anyhow::{Context, Result, ensure};
use contracts::events::{CheckpointCreated, Outcome, RunCompleted};
use contracts::{Event, RunId, subjects};
use serde_json::{Value, json};
use uuid::Uuid;

/// Payload of `patrol.cmd.run.start`: 8×8 cells, updates of 128 steps, a checkpoint every other update.
pub fn small_run(number: u128, timesteps: u64) -> Value {
    json!({
        "run_id": run_id(number),
        "name": format!("system test {number}"),
        "total_timesteps": timesteps,
        "env_width": 8,
        "env_height": 8,
        "num_envs": 4,
        "batch_size": 64,
        "config": {
            "seed": 7,
            "rollout_length": 32,
            "epochs": 2,
            "max_steps": 50,
            "checkpoint_every_updates": 2,
            "evaluation_episodes": 2,
        },
    })
}

/// `payload` with one more field.
pub fn with(mut payload: Value, field: &str, value: impl Into<Value>) -> Value {
    payload[field] = value.into();
    payload
}

pub fn run_id(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

impl<N> System<N> {
    /// Publishes a start command and returns the id that it chose.
    pub async fn start_run(&self, payload: &Value) -> Result<RunId> {
        self.publish("patrol.cmd.run.start", payload).await?;
        payload["run_id"].as_str().and_then(|id| id.parse().ok()).context("the payload has a run id")
    }

    /// Waits until all timesteps are trained.
    pub async fn completed(&self, run: RunId) -> Result<RunCompleted> {
        let completed = self.wait_for_event(subjects::run_lifecycle(run), |_, event| match event {
            Event::RunCompleted(completed) => Some(completed.clone()),
            _ => None,
        });
        let completed = completed.await?;
        ensure!(completed.outcome == Outcome::Finished, "{completed:?}");
        Ok(completed)
    }

    /// Trains a run to its end; the SHA-256 of its last checkpoint.
    pub async fn digest_of(&self, payload: &Value) -> Result<String> {
        let run = self.start_run(payload).await?;
        self.completed(run).await?.digest.context("a digest")
    }

    /// Waits for the checkpoint that follows at least `timestep` steps.
    pub async fn checkpoint_after(&self, run: RunId, timestep: u64) -> Result<CheckpointCreated> {
        let filter = subjects::event("training", Some(run), "checkpoint_created");
        self.wait_for_event(filter, |_, event| match event {
            Event::CheckpointCreated(created) if created.timestep >= timestep => Some((**created).clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the last checkpoint is evaluated.
    pub async fn evaluated(&self, run: RunId) -> Result<()> {
        self.wait_for_event(subjects::event("evaluation", Some(run), "completed"), |_, event| match event {
            Event::EvaluationCompleted(evaluation) if evaluation.is_last => Some(()),
            _ => None,
        })
        .await
    }
}
