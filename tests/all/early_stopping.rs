//! A run whose evaluations no longer get better ends by itself.

use crate::harness::{System, small_run};
use anyhow::{Context, Result, ensure};
use contracts::events::Outcome;
use contracts::{Event, subjects};
use serde_json::json;

/// Far more than it will train.
const TIMESTEPS: u64 = 50_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_when_its_evaluations_no_longer_get_better() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let mut payload = small_run(1, TIMESTEPS);
    payload["config"]["recording"] = json!("none");
    payload["config"]["early_stopping_patience"] = json!(2);
    // Mean threat is at most 1: nothing can be so much better than the first evaluation.
    payload["config"]["early_stopping_min_delta"] = json!(1.0);
    let run = system.start_run(&payload).await?;
    let completed = system.wait_for_event(subjects::run_lifecycle(run), |_, event| match event {
        Event::RunCompleted(completed) => Some(completed.clone()),
        _ => None,
    });
    let completed = completed.await?;
    assert_eq!(completed.outcome, Outcome::EarlyStopped);
    ensure!(completed.timestep < TIMESTEPS, "{completed:?}");
    system.evaluated(run).await?;
    let events = system.events(run).await?;
    let evaluations = events.iter().filter(|event| matches!(event, Event::EvaluationCompleted(_)));
    ensure!(evaluations.count() >= 4, "one to improve on, two without an improvement, and the last");

    system.settle().await?;
    system.replay_is_identical().await?;
    let row = system.models.run(run).await?.context("a row")?;
    assert_eq!((row.status.as_str(), row.outcome.as_deref()), ("completed", Some("early_stopped")));
    let evaluated = events.iter().filter_map(|event| match event {
        Event::EvaluationCompleted(evaluation) => Some((evaluation.merit(), evaluation.checkpoint_id.0)),
        _ => None,
    });
    let best = evaluated.min_by(|(one, _), (other, _)| one.total_cmp(other)).context("an evaluation")?;
    let marked = row.best_checkpoint_mean_threat.zip(row.best_checkpoint_id);
    assert_eq!(marked.map(|(threat, _)| threat), Some(best.0));
    Ok(())
}
