//! `patrol run fork`: a new run from a checkpoint of another one.

use crate::cli::ForkArgs;
use crate::client::Client;
use crate::runs::set_all;
use anyhow::{Context, Result};
use contracts::commands::StartRun;
use contracts::events::RunRequested;
use contracts::{CheckpointId, Event, ForkFrom, RunId, subjects};
use serde_json::Value;

/// The start command that `args` mean.
pub async fn payload(client: &Client, args: &ForkArgs) -> Result<Value> {
    let run = client.run(&args.run.run).await?;
    let parent = requested(client, run).await?;
    let events = events(client, run).await?;
    let checkpoint = match (args.checkpoint, args.best) {
        (Some(named), _) => named,
        (None, true) => best(&events).with_context(|| format!("no checkpoint of run {run} was evaluated yet"))?,
        (None, false) => last(&events).with_context(|| format!("run {run} has no checkpoint yet"))?,
    };
    let mut payload = serde_json::to_value(child(&parent, checkpoint, args))?;
    set_all(&mut payload, &args.set)?;
    Ok(payload)
}

/// How a run was asked for.
///
/// # Errors
/// When the log holds no such run.
pub async fn requested(client: &Client, run: RunId) -> Result<RunRequested> {
    let found = client.log.run_request(run).await?;
    found.with_context(|| format!("there is no run {run}; see `patrol run list`"))
}

fn child(parent: &RunRequested, checkpoint: CheckpointId, args: &ForkArgs) -> StartRun {
    let from = if args.resume { ForkFrom::CompleteState(checkpoint) } else { ForkFrom::Weights(checkpoint) };
    let mut start = StartRun::fork(parent.run_id, &parent.name, &parent.config, from);
    start.name = args.name.clone().or(start.name);
    start.total_timesteps = args.steps.unwrap_or(start.total_timesteps);
    let options = start.config.get_or_insert_default();
    options.seed = args.seed.or(options.seed);
    start
}

/// The run's checkpoints and their evaluations, oldest first.
async fn events(client: &Client, run: RunId) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for (aggregate, event) in [("training", "checkpoint_created"), ("evaluation", "completed")] {
        for recorded in client.log.load(&subjects::event(aggregate, Some(run), event)).await? {
            events.push(recorded.event()?);
        }
    }
    Ok(events)
}

fn last(events: &[Event]) -> Option<CheckpointId> {
    checkpoints(events).max_by_key(|(_, update)| *update).map(|(checkpoint, _)| checkpoint)
}

/// Of equal ones the oldest. Models that were uploaded and evaluated in the run's world are not its checkpoints.
fn best(events: &[Event]) -> Option<CheckpointId> {
    let evaluated = events.iter().filter_map(|event| match event {
        Event::EvaluationCompleted(evaluation) => Some((evaluation.checkpoint_id, evaluation.merit())),
        _ => None,
    });
    let own = evaluated.filter(|(evaluated, _)| checkpoints(events).any(|(checkpoint, _)| checkpoint == *evaluated));
    own.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(checkpoint, _)| checkpoint)
}

fn checkpoints(events: &[Event]) -> impl Iterator<Item = (CheckpointId, u64)> {
    events.iter().filter_map(|event| match event {
        Event::CheckpointCreated(created) => Some((created.checkpoint_id, created.update)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::events::{CheckpointCreated, EvaluationCompleted};

    fn of(update: u64) -> CheckpointId {
        let run: RunId = "0192f0c4-7b1e-7c3a-9d52-4f8e6a1b2c3d".parse().expect("a UUID");
        CheckpointId::of(run, update)
    }

    fn sample(kind: &str, json: &str) -> Event {
        Event::decode(kind, json.as_bytes()).expect("a frozen sample")
    }

    fn checkpoint(update: u64) -> Event {
        let json = include_str!("../../../schemas/samples/patrol.training.checkpoint_created.v1.json");
        let Event::CheckpointCreated(created) = sample("patrol.training.checkpoint_created.v1", json) else {
            panic!("not a checkpoint")
        };
        let checkpoint_id = of(update);
        Event::CheckpointCreated(Box::new(CheckpointCreated { checkpoint_id, update, ..*created }))
    }

    fn evaluation(checkpoint_id: CheckpointId, mean_threat: f64) -> Event {
        let json = include_str!("../../../schemas/samples/patrol.evaluation.completed.v1.json");
        let Event::EvaluationCompleted(mut completed) = sample("patrol.evaluation.completed.v1", json) else {
            panic!("not an evaluation")
        };
        completed.sampled.mean_threat.mean = mean_threat;
        Event::EvaluationCompleted(Box::new(EvaluationCompleted { checkpoint_id, ..*completed }))
    }

    #[test]
    fn the_newest_and_the_best_checkpoint_are_found_in_the_log() {
        let uploaded = "5b0e7f1a-3c4d-5e6f-8a9b-0c1d2e3f4a5b".parse().expect("a UUID");
        let events = [
            checkpoint(6),
            checkpoint(3),
            checkpoint(9),
            evaluation(of(6), 0.4),
            evaluation(of(3), 0.4),
            evaluation(of(9), 0.5),
            evaluation(uploaded, 0.1),
        ];
        assert_eq!((last(&events), best(&events)), (Some(of(9)), Some(of(6))));
        assert_eq!((last(&events[3..]), best(&events[..3])), (None, None));
    }
}
